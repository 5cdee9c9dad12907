# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The last check before an export counts."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import Qwen2Config, Qwen2ForCausalLM

from nemo_reasoning.config import Distill
from nemo_reasoning.distill import comparison
from nemo_reasoning.distill.export import verify_weights

FP32 = Distill(precision="fp32")
IDS = torch.arange(comparison.LENGTH + 1) * 7 % 50


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = Qwen2Config(vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=2)
    config.num_attention_heads, config.num_key_value_heads = 4, 2
    return Qwen2ForCausalLM(config).eval()


def losses(model):
    with torch.no_grad():
        return F.cross_entropy(model(IDS[None, :-1]).logits[0], IDS[1:], reduction="none")


def test_the_same_model_passes(model):
    comparison.check(FP32, model, IDS, losses(model) + 1e-4)


def test_another_model_does_not(model):
    trained = losses(model)
    with torch.no_grad():
        model.model.layers[1].self_attn.o_proj.weight.mul_(1.5)
    with pytest.raises(RuntimeError, match="the exported model's losses differ"):
        comparison.check(FP32, model, IDS, trained)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_losses_that_are_no_numbers_do_not(model, bad):
    with pytest.raises(RuntimeError, match="differ"):
        comparison.check(FP32, model, IDS, losses(model) + bad)


def test_weights_are_compared_bit_for_bit(model, tmp_path):
    model.save_pretrained(tmp_path)
    verify_weights(model, tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    name = "model.layers.0.mlp.up_proj.weight"
    save_file({**tensors, name: tensors[name].nextafter(torch.tensor(9.0))}, file)
    with pytest.raises(RuntimeError, match=f"does not load the weight {name} as it was exported"):
        verify_weights(model, tmp_path)
    save_file({key: tensor for key, tensor in tensors.items() if key != name}, file)
    with pytest.raises(RuntimeError, match=f"the export lacks {name}"):
        verify_weights(model, tmp_path)
