# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Packed completions have the log-probabilities and gradients that transformers gives whole sequences."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

from nemo_reasoning.grpo.forward import logprobs
from nemo_reasoning.grpo.packing import Sample, micro_batches, pack
from nemo_reasoning.transformer import Transformer


def make_samples(counts, seed=0):
    draw = torch.Generator().manual_seed(seed)

    def tokens(low, high):
        count = torch.randint(low, high, (1,), generator=draw).item()
        return torch.randint(50, (count,), generator=draw).tolist()

    prompts = [tokens(2, 9) for _ in counts]
    return [Sample(g, prompts[g], tokens(1, 7)) for g, count in enumerate(counts) for _ in range(count)]


@pytest.fixture(scope="module", params=["qwen2", "qwen3", "llama"])
def model(request):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        request.param,
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        initializer_range=0.2,
    )
    return AutoModelForCausalLM.from_config(config).eval()


def gradient(model, found):
    """Each token's log-probability by sample and place, and the gradient of a weighted sum of them."""
    model.zero_grad()
    sum((1.0 + i) * (1 + t) * value for (i, t), value in found.items()).backward()
    return {key: value.item() for key, value in found.items()}, torch.cat(
        [p.grad.flatten() for p in model.parameters()]
    )


def packed_logprobs(model, samples, parts, temperature):
    found = {}
    for part in parts:
        packed = pack(samples, part)
        values = logprobs(Transformer(model), packed, temperature)
        members = packed.members[packed.samples].tolist()
        found |= dict(zip(zip(members, packed.places.tolist(), strict=True), values, strict=True))
    return found


def whole_logprobs(model, samples, temperature):
    found = {}
    for i, sample in enumerate(samples):
        logits = model(torch.tensor([sample.prompt + sample.completion])).logits[0, len(sample.prompt) - 1 : -1]
        logits = (logits / temperature).log_softmax(-1)
        found |= {(i, t): logits[t, token] for t, token in enumerate(sample.completion)}
    return found


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("parts", [[[0, 1, 2, 3, 4, 5, 6, 7]], [[2, 1], [0, 3], [7, 6, 5, 4]]])
def test_packed_completions_equal_whole_sequences(model, temperature, parts):
    samples = make_samples([3, 1, 4])
    expected, expected_gradient = gradient(model, whole_logprobs(model, samples, temperature))
    found, found_gradient = gradient(model, packed_logprobs(model, samples, parts, temperature))
    assert found == pytest.approx(expected, abs=1e-5)
    scale = expected_gradient.abs().max().item()
    torch.testing.assert_close(found_gradient, expected_gradient, atol=1e-5 * scale, rtol=0)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(8, 60), st.integers(0, 99))
def test_every_sample_is_laid_out_once_within_the_limit(counts, max_tokens, seed):
    samples = make_samples(counts, seed)
    members = []
    for packed in micro_batches(samples, max_tokens):
        assert packed.rows.numel() <= max_tokens or len(packed.rows) == 1
        expected = [token for index in packed.members for token in samples[index].completion]
        assert packed.targets.tolist() == expected
        members += packed.members.tolist()
    assert sorted(members) == list(range(len(samples)))


def test_a_prompt_is_read_once_and_nothing_is_padded():
    samples = make_samples([3, 2])
    (packed,) = micro_batches(samples, 1000)
    prompts = len(samples[0].prompt) + len(samples[3].prompt)
    assert len(packed.input_ids) == prompts + sum(len(sample.completion) - 1 for sample in samples)
