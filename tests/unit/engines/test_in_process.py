# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The engine over the sampler: prompts as in training, replies in order, the same batch the same way."""

import importlib.util

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.engines.base import Params, Request
from nemo_reasoning.engines.in_process import InProcess, encode_chat
from nemo_reasoning.errors import InputError
from nemo_reasoning.sampling import Sampler, SamplingParams

FORMAT = ReasoningFormat(chat_template="chatml", stop_token="<|im_end|>")


@pytest.fixture(scope="module")
def engine(byte_tokenizer) -> InProcess:
    tokenizer = byte_tokenizer()
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "qwen2",
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    return InProcess(Sampler(model, FORMAT.stop_id(tokenizer)), tokenizer, FORMAT, batch_size=4)


def asked(count, seed=0, problem="2 + {}?"):
    return [Request(f"r{i}", FORMAT.messages(problem.format(i // 2)), seed + i) for i in range(count)]


@pytest.mark.parametrize("system", [None, "Think."])
def test_a_chat_is_encoded_as_in_training(engine, system):
    fmt = FORMAT.model_copy(update={"system_prompt": system})
    assert encode_chat(FORMAT, engine.tokenizer, fmt.messages("2?")) == fmt.encode_prompt(engine.tokenizer, "2?")


@pytest.mark.parametrize("roles", [["user", "assistant"], ["system"], ["user", "user"], ["system", "system", "user"]])
def test_another_chat_is_refused(engine, roles):
    with pytest.raises(InputError, match="one user's message"):
        encode_chat(FORMAT, engine.tokenizer, [{"role": role, "content": "x"} for role in roles])


def test_replies_come_in_order_with_all_that_is_known(engine):
    replies = list(engine.complete(asked(6), Params(8, 1.0)))
    assert [reply.id for reply in replies] == [f"r{i}" for i in range(6)]
    for reply in replies:
        assert 0 < reply.num_tokens <= 8 and reply.error is None and reply.reasoning is None
        assert reply.truncated == (reply.num_tokens == 8)
        assert reply.prompt_tokens == len(FORMAT.encode_prompt(engine.tokenizer, "2 + 0?"))


def test_greedy_is_the_samplers_greedy(engine):
    prompt = FORMAT.encode_prompt(engine.tokenizer, "2 + 0?")
    ((expected,),) = engine.sampler.sample([prompt], SamplingParams(8, 0.0))
    reply = next(engine.complete(asked(1), Params(8, 0.0)))
    assert reply.text == FORMAT.decode(engine.tokenizer, expected.token_ids)


def test_a_batch_depends_on_the_seeds_of_its_requests_alone(engine):
    first = [reply.text for reply in engine.complete(asked(8), Params(8, 1.0))]
    torch.rand(7)
    again = [reply.text for reply in engine.complete(asked(8)[4:], Params(8, 1.0))]
    assert again == first[4:], "whatever was sampled before"
    assert [reply.text for reply in engine.complete(asked(8, seed=1), Params(8, 1.0))] != first
    assert len(set(first)) > 4, "samples of one problem differ"


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_there_is_one_sentence(engine):
    from nemo_reasoning.engines.vllm import VLLM

    with pytest.raises(InputError, match="vLLM is not installed; install it"):
        VLLM("nowhere", engine.tokenizer, FORMAT)
