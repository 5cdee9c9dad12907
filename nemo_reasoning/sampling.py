# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Completions from a model, in process: the sampler of GRPO and of evaluation.

Each distinct prompt is read once, all its samples continue from one copy of its cache, and
rows that are finished are compacted away. Every row has its own random numbers, one per
token, so that its completion does not depend on the rows that it happens to share a batch with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nemo_reasoning.decoder import Decoder, Prompts, Rows
from nemo_reasoning.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

COMPACT_BELOW = 0.8
"""Rows are compacted when this share or less of them is unfinished."""
MAX_PADDING = 1.2
"""Groups are kept while padding them to equal width costs at most this factor; else each row stands alone."""
CPU_CACHE = 2 << 30
"""Bytes for the cache of completions on a CPU."""
NUCLEUS = 64
"""Tokens that are ranked first for top_p; the whole vocabulary only where these do not suffice."""


@dataclass(frozen=True)
class SamplingParams:
    """How to sample.

    Attributes:
        max_new_tokens: Length limit of a completion; the model's context is another.
        temperature: 0 is greedy.
        top_p: Sample from the smallest set of tokens with at least this probability.
        n: Completions of each prompt.
    """

    max_new_tokens: int
    temperature: float
    top_p: float = 1.0
    n: int = 1


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote.

    Attributes:
        token_ids: The stop token is included when it was produced.
        logprobs: Log-probability of each token under the temperature-scaled, untruncated
            distribution (temperature 1 when greedy).
        truncated: It ended by a length limit.
    """

    token_ids: list[int]
    logprobs: list[float]
    truncated: bool


class Sampler:
    """Samples from a Qwen2, Qwen3 or Llama model of transformers.

    Args:
        model: The model; call `refresh` after its weights have changed.
        stop_id: Token that ends a completion.
        pad_id: Fills the shorter prompts of a batch; no result depends on it.
        dtype: Of the sampler's weights and cache; None keeps the model's.
        cache_bytes: Memory for the cache; more prompts are sampled in turns. None is half of what is free on
            the model's GPU, or `CPU_CACHE`.

    Raises:
        InputError: The architecture is not supported.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        stop_id: int,
        pad_id: int | None = None,
        dtype: torch.dtype | None = None,
        cache_bytes: int | None = None,
    ) -> None:
        self.decoder = Decoder(model, dtype)
        self.stop_id = stop_id
        self.pad_id = pad_id or 0
        self.context = model.config.max_position_embeddings
        self.cache_bytes = cache_bytes or _room(model.device)

    def refresh(self) -> None:
        """Take over the model's present weights."""
        self.decoder.refresh()

    @torch.no_grad()
    def sample(
        self, prompts: Sequence[list[int]], params: SamplingParams, generator: torch.Generator | None = None
    ) -> list[list[Completion]]:
        """Complete each prompt `params.n` times.

        Args:
            prompts: Token ids of each prompt; equal ones share their work.
            params: How to sample.
            generator: Source of randomness; None takes torch's global one.

        Returns:
            `[prompt][sample]`.

        Raises:
            InputError: A prompt is empty or leaves no room in the model's context.
        """
        self._check(prompts)
        places: dict[tuple[int, ...], list[int]] = {}
        for index, prompt in enumerate(prompts):
            places.setdefault(tuple(prompt), []).extend([index] * params.n)
        completions: list[list[Completion]] = [[] for _ in prompts]
        for chunk in self._chunks(places, params.max_new_tokens):
            made = self._complete([list(prompt) for prompt, _ in chunk], params, generator)
            for (_, index), completion in zip(chunk, made, strict=True):
                completions[index].append(completion)
        return completions

    def _check(self, prompts: Sequence[list[int]]) -> None:
        longest = max(map(len, prompts), default=1)
        if longest >= self.context:
            raise InputError(
                f"a prompt of {longest} tokens leaves no room in the model's context of {self.context}; "
                "drop long problems or take a model with a longer context."
            )
        if not all(prompts):
            raise InputError("a prompt is empty; check the chat template.")

    def _chunks(
        self, places: dict[tuple[int, ...], list[int]], max_new_tokens: int
    ) -> Iterator[list[tuple[tuple[int, ...], int]]]:
        """(prompt, its index) of each row, in runs whose caches fit the memory."""
        logits_bytes = 24 * self.decoder.head.shape[0]
        chunk: list[tuple[tuple[int, ...], int]] = []
        longest = 0
        for prompt, indices in places.items():
            for index in indices:
                longest = max(longest, len(prompt))
                row_bytes = (longest + max_new_tokens) * self.decoder.bytes_per_token + logits_bytes
                if chunk and (len(chunk) + 1) * row_bytes > self.cache_bytes:
                    yield chunk
                    chunk, longest = [], len(prompt)
                chunk.append((prompt, index))
        if chunk:
            yield chunk

    def _complete(
        self, prompts: list[list[int]], params: SamplingParams, generator: torch.Generator | None
    ) -> list[Completion]:
        """Complete each of `prompts` once; equal prompts stand side by side."""
        device = self.decoder.embedding.device
        rooms = torch.tensor([min(params.max_new_tokens, self.context - len(prompt)) for prompt in prompts])
        record = _Record(len(prompts))
        noise = _noise(len(prompts), int(rooms.max()), params, generator, device)
        rope = self.decoder.rope_table(max(map(len, prompts)) + int(rooms.max()))
        distinct = list(dict.fromkeys(map(tuple, prompts)))
        group_of = {prompt: index for index, prompt in enumerate(distinct)}
        read = self.decoder.prefill([list(prompt) for prompt in distinct], rope, self.pad_id)
        prompt_of = torch.tensor([group_of[tuple(prompt)] for prompt in prompts], device=device)
        batch, rooms = _Batch.start(read, prompt_of, noise.shape[1]), rooms.to(device)
        shortest = int(rooms.min())
        logits = read.logits[batch.prompt_of]
        for step in range(noise.shape[1]):
            tokens, logprobs = choose_tokens(logits, params, noise[batch.row_of, step])
            record.add(batch, tokens, logprobs)
            batch.live = batch.live & (tokens != self.stop_id)
            if step + 1 >= shortest:
                batch.live &= rooms[batch.row_of] > step + 1
            live = int(batch.live.sum())
            if not live:
                break
            if live <= COMPACT_BELOW * len(batch.live):
                batch, kept = batch.compacted()
                tokens = tokens[kept]
            logits = self.decoder.step(tokens, batch.rows, rope)
        return record.completions(self.stop_id)


class _Batch:
    """Rows in flight; a slot holds one, or repeats another to fill its group (then it is not live).

    Attributes:
        rows: Their caches.
        row_of: `[slots]` which row of the chunk a slot holds.
        prompt_of: `[slots]` which prompt it continues.
        live: `[slots]` it is to be continued.
    """

    def __init__(self, rows: Rows, row_of: Tensor, prompt_of: Tensor, live: Tensor) -> None:
        self.rows, self.row_of, self.prompt_of, self.live = rows, row_of, prompt_of, live

    @classmethod
    def start(cls, prompts: Prompts, prompt_of: Tensor, limit: int) -> "_Batch":
        """Slots for rows that continue `prompts[prompt_of]` (sorted) by at most `limit` tokens."""
        slots, live = arrange(prompt_of)
        groups = prompt_of[slots[:, 0]]
        rows = Rows(prompts.take(groups), slots.shape[1], limit)
        return cls(rows, slots.flatten(), prompt_of[slots.flatten()], live.flatten())

    def compacted(self) -> tuple["_Batch", Tensor]:
        """The live rows only, and the slot that each came from."""
        alive = self.live.nonzero()[:, 0]
        picked, live = arrange(self.prompt_of[alive])
        slots = alive[picked]
        kept = slots.flatten()
        return _Batch(self.rows.select(slots), self.row_of[kept], self.prompt_of[kept], live.flatten()), kept


class _Record:
    """Tokens and log-probabilities of the rows of a chunk, as they come."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.steps: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def add(self, batch: _Batch, tokens: Tensor, logprobs: Tensor) -> None:
        """Note the next step of each slot; those that are not live are left out in the end."""
        self.steps.append((batch.row_of, batch.live, tokens, logprobs))

    def completions(self, stop_id: int) -> list[Completion]:
        """All rows. They are live from the first step to their last."""
        row_of, live, tokens, logprobs = (torch.cat(parts) for parts in zip(*self.steps, strict=True))
        rows, order = row_of[live].sort(stable=True)
        lengths = rows.bincount(minlength=self.count).tolist()
        ends = list(accumulate(lengths))
        tokens, logprobs = tokens[live][order].tolist(), logprobs[live][order].tolist()
        return [
            Completion(tokens[end - length : end], logprobs[end - length : end], tokens[end - 1] != stop_id)
            for end, length in zip(ends, lengths, strict=True)
        ]


def arrange(prompt_of: Tensor) -> tuple[Tensor, Tensor]:
    """Lay rows out in groups of equal width, the rows of a group continuing one prompt.

    Args:
        prompt_of: `[rows]`, sorted.

    Returns:
        The row in each slot, and whether the slot is the row's own and not filling, both
        `[groups, width]`.
    """
    counts = prompt_of.unique_consecutive(return_counts=True)[1]
    width = int(counts.max())
    if len(counts) * width > MAX_PADDING * len(prompt_of):
        counts, width = torch.ones_like(prompt_of), 1
    column = torch.arange(width, device=prompt_of.device)
    live = column < counts[:, None]
    first = counts.cumsum(0) - counts
    return first[:, None] + torch.minimum(column, counts[:, None] - 1), live


def choose_tokens(logits: Tensor, params: SamplingParams, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Choose each row's next token by inverting the cumulative distribution.

    Args:
        logits: `[rows, vocabulary]`, fp32.
        params: Temperature and top_p.
        noise: `[rows]` uniform in [0, 1), fp64; not used when greedy.

    Returns:
        Tokens and their log-probabilities under the untruncated distribution, both `[rows]`.
    """
    scaled = logits if params.temperature in (0, 1) else logits / params.temperature
    shifted = scaled - scaled.amax(-1, keepdim=True)
    masses = shifted.exp()
    if params.temperature == 0 or params.top_p < 1:
        total = masses.sum(-1, keepdim=True, dtype=torch.float64)
        greedy = params.temperature == 0
        tokens = shifted.argmax(-1) if greedy else _choose_from_nucleus((masses / total).float(), params.top_p, noise)
    else:
        cumulative = masses.cumsum(-1, dtype=torch.float64)
        tokens, total = _invert(cumulative, noise), cumulative[:, -1:]
    return tokens, (shifted.gather(1, tokens[:, None]) - total.log()).float()[:, 0]


def _choose_from_nucleus(probabilities: Tensor, top_p: float, noise: Tensor) -> Tensor:
    vocabulary = probabilities.shape[-1]
    ranked, order = probabilities.topk(min(NUCLEUS, vocabulary), dim=-1)
    cumulative = ranked.cumsum(-1, dtype=torch.float64)
    if (cumulative[:, -1] < top_p).any():
        ranked, order = probabilities.sort(dim=-1, descending=True)
        cumulative = ranked.cumsum(-1, dtype=torch.float64)
    last = (cumulative < top_p).sum(-1, keepdim=True).clamp(max=cumulative.shape[-1] - 1)
    inside = torch.arange(cumulative.shape[-1], device=noise.device) <= last
    kept = torch.where(inside, cumulative, cumulative.gather(1, last))
    return order.gather(1, _invert(kept, noise)[:, None])[:, 0]


def _invert(cumulative: Tensor, noise: Tensor) -> Tensor:
    """First index whose cumulative mass exceeds the noise's share of the total; it has mass of its own."""
    return torch.searchsorted(cumulative, noise[:, None] * cumulative[:, -1:], right=True)[:, 0]


def _room(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else CPU_CACHE


def _noise(
    rows: int, steps: int, params: SamplingParams, generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """`[rows, steps]` uniform numbers, row by row, so that chunking does not change a row's."""
    if params.temperature == 0:
        return torch.zeros(1, 1, dtype=torch.float64, device=device).expand(rows, steps)
    source = generator.device if generator else torch.device("cpu")
    return torch.rand(rows, steps, dtype=torch.float64, generator=generator, device=source).to(device)
