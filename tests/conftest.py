# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the tests share: tiny tokenizers that are built in memory."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

# The same examples every time, and no limits in seconds: a busy machine must not fail a test.
settings.register_profile("project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


@pytest.fixture(scope="session")
def byte_tokenizer() -> Callable:
    """Builds a byte-level tokenizer (one token a byte, and special tokens), which loses no text.

    Arguments: `special` (tokens besides `eos` and `bos`), `eos`, `bos`, `adds_bos` (it begins
    every text with `bos`), `chat_template`, `normalizer` (of the tokenizers library).
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    def build(
        *, special=("<|im_start|>",), eos="<|im_end|>", bos=None, adds_bos=False, chat_template=None, normalizer=None
    ):
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([token for token in (*special, eos, bos) if token])
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        if adds_bos:
            tokenizer.post_processor = processors.TemplateProcessing(
                single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
            )
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, eos_token=eos, bos_token=bos, chat_template=chat_template
        )

    return build
