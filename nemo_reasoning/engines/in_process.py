# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Completions from a model in this process, by the sampler of this package."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import TYPE_CHECKING

import torch

from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.engines.base import Message, Params, Reply, Request
from nemo_reasoning.errors import InputError
from nemo_reasoning.sampling import Completion, Sampler, SamplingParams

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class InProcess:
    """An engine over a sampler; replies come in the order of the requests.

    A batch comes out the same whatever was sampled before it: its random numbers depend on the
    seeds of its requests alone. The same request in another batch may come out differently.

    Args:
        sampler: Of the model.
        tokenizer: Of the model.
        fmt: Writes the prompts and reads the token ids back.
        batch_size: Requests sampled together; those of one chat should stand side by side.
    """

    def __init__(
        self, sampler: Sampler, tokenizer: "PreTrainedTokenizerBase", fmt: ReasoningFormat, batch_size: int = 2048
    ) -> None:
        self.sampler = sampler
        self.tokenizer = tokenizer
        self.fmt = fmt
        self.batch_size = batch_size

    def complete(self, requests: Iterable[Request], params: Params) -> Iterator[Reply]:
        """See `base.Engine`.

        Raises:
            InputError: A chat is not an optional system message and one user's, or is too long.
        """
        sampling = SamplingParams(params.max_new_tokens, params.temperature, params.top_p)
        for batch in batched(requests, self.batch_size):
            prompts = [encode_chat(self.fmt, self.tokenizer, request.messages) for request in batch]
            made = self.sampler.sample(prompts, sampling, _generator(batch))
            for request, prompt, (completion,) in zip(batch, prompts, made, strict=True):
                yield self._reply(request, prompt, completion)

    def _reply(self, request: Request, prompt: list[int], completion: Completion) -> Reply:
        return Reply(
            id=request.id,
            text=self.fmt.decode(self.tokenizer, completion.token_ids),
            num_tokens=len(completion.token_ids),
            prompt_tokens=len(prompt),
            finish_reason="length" if completion.truncated else "stop",
        )

    def close(self) -> None:
        """Nothing: the model belongs to the caller."""


def encode_chat(fmt: ReasoningFormat, tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message]) -> list[int]:
    """Token ids of the prompt for a chat, as training feeds them.

    Raises:
        InputError: The chat is not an optional system message and one user's.
    """
    *before, last = messages
    if last["role"] != "user" or [message["role"] for message in before] not in ([], ["system"]):
        raise InputError("a model in this process answers one user's message, with at most a system message before it.")
    system = before[0]["content"] if before else None
    return fmt.model_copy(update={"system_prompt": system}).encode_prompt(tokenizer, last["content"])


def _generator(batch: Sequence[Request]) -> torch.Generator | None:
    """Random numbers of a batch; torch's global ones where a request has no seed."""
    seeds = [request.seed for request in batch]
    if None in seeds:
        return None
    digest = hashlib.sha256(repr(seeds).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
