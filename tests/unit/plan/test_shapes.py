# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Known shapes, their parameters, and where a shape comes from."""

import json

import pytest

from nemo_reasoning.config import Model, ScratchModel
from nemo_reasoning.errors import InputError
from nemo_reasoning.plan.architectures import ARCHITECTURES
from nemo_reasoning.plan.job import shape
from nemo_reasoning.plan.shapes import from_settings

# In billions, as the model cards and reports give them; of DeepSeek's models and Qwen2.5-32B (whose card says
# 32.5), as the hub counts their weights.
PUBLISHED = {
    "Qwen/Qwen2.5-0.5B": 0.49,
    "Qwen/Qwen2.5-1.5B": 1.54,
    "Qwen/Qwen2.5-7B": 7.61,
    "Qwen/Qwen2.5-14B": 14.7,
    "Qwen/Qwen2.5-32B": 32.8,
    "Qwen/Qwen2.5-Math-1.5B": 1.54,
    "Qwen/Qwen2.5-Math-7B": 7.61,
    "Qwen/Qwen3-0.6B-Base": 0.6,
    "Qwen/Qwen3-1.7B-Base": 1.7,
    "Qwen/Qwen3-4B-Base": 4.0,
    "Qwen/Qwen3-8B-Base": 8.2,
    "Qwen/Qwen3-14B-Base": 14.8,
    "Qwen/Qwen3-32B": 32.8,
    "meta-llama/Llama-3.1-8B": 8.03,
    "meta-llama/Llama-3.1-70B": 70.6,
    "meta-llama/Llama-3.2-1B": 1.24,
    "meta-llama/Llama-3.2-3B": 3.21,
    "meta-llama/Llama-3.3-70B-Instruct": 70.6,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": 1.78,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": 7.62,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": 14.8,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": 32.8,
    "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": 8.03,
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": 70.6,
}


@pytest.mark.parametrize("path", ARCHITECTURES)
def test_parameters_are_the_published_ones(path):
    digits = len(str(PUBLISHED[path]).partition(".")[2])
    # Half a unit of the last digit, and as much again for reports that cut instead of rounding.
    assert ARCHITECTURES[path].parameters / 1e9 == pytest.approx(PUBLISHED[path], abs=10**-digits)


@pytest.mark.parametrize("path", ["Qwen/Qwen2.5-1.5B", "Qwen/Qwen3-8B-Base", "meta-llama/Llama-3.2-3B"])
def test_parameters_are_those_of_the_model_class(path):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = ARCHITECTURES[path].settings()
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**settings))
    assert sum(parameter.numel() for parameter in model.parameters()) == ARCHITECTURES[path].parameters


@pytest.mark.parametrize("path", ARCHITECTURES)
def test_settings_describe_the_shape(path):
    assert from_settings(ARCHITECTURES[path].settings()) == ARCHITECTURES[path]


def test_a_local_directory_is_read_and_not_looked_up(tmp_path):
    settings = ARCHITECTURES["Qwen/Qwen2.5-0.5B"].settings() | {"num_hidden_layers": 3}
    # Where transformers 5 writes the base.
    settings["rope_parameters"] = {"rope_type": "default", "rope_theta": settings.pop("rope_theta")}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    found = shape(Model(path=str(tmp_path)))
    assert (found.layers, found.rope_theta) == (3, 1e6)


def test_the_settings_extend_the_model():
    extended = shape(Model(path="Qwen/Qwen2.5-Math-7B", rope_theta=3e5, max_position_embeddings=32768))
    assert (extended.rope_theta, extended.positions) == (3e5, 32768)
    assert shape(Model(path="Qwen/Qwen2.5-Math-7B")).positions == 4096


def test_a_model_to_be_made_has_its_shape():
    made = ScratchModel(architecture="qwen3", hidden_size=64, num_attention_heads=4)
    assert shape(Model(path="to/be/made", scratch=made)).head_dim == 16


def test_a_model_that_is_no_student_is_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "mamba", "hidden_size": 64}')
    with pytest.raises(InputError, match=r"config\.json has model_type=mamba; choose a model of type"):
        shape(Model(path=str(tmp_path)))


def test_an_unknown_model_is_one_sentence():
    with pytest.raises(InputError, match=r"the shape of model\.path=some/model is not known here"):
        shape(Model(path="some/model"))
