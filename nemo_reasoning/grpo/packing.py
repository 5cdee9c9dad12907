# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Rollouts laid out for the training pass, without padding and with nothing computed twice.

The tokens of a micro-batch stand one after another, a prompt once for all its completions; so
go they through all that concerns a token alone. For attention they are gathered into rows, one
for each completion and its prompt, and what comes out is gathered back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sample:
    """A completion to learn from.

    Attributes:
        group: Samples of one group have the same prompt and stand side by side.
        prompt: Its token ids.
        completion: Its token ids, the stop token included.
    """

    group: int
    prompt: list[int]
    completion: list[int]

    @property
    def length(self) -> int:
        """Tokens that are read; a completion's last one predicts nothing and is left out."""
        return len(self.prompt) + len(self.completion) - 1


@dataclass(frozen=True, slots=True)
class Packed:
    """A micro-batch: M completions, of which N tokens are predicted, by T tokens in all.

    Attributes:
        members: `[M]` the samples in it, as indices into the minibatch.
        input_ids: `[T]`.
        position_ids: `[T]`.
        rows: `[M, L]` the tokens of a prompt and its completion, as indices into the T; then any.
        places_in_rows: `[T]` where in the flattened rows a token stands (a prompt's first row).
        predictors: `[N]` the token whose hidden state predicts.
        targets: `[N]` the predicted token's id.
        samples: `[N]` its sample, as an index into `members`.
        places: `[N]` its place in its completion.
    """

    members: Tensor
    input_ids: Tensor
    position_ids: Tensor
    rows: Tensor
    places_in_rows: Tensor
    predictors: Tensor
    targets: Tensor
    samples: Tensor
    places: Tensor

    def to(self, device: torch.device) -> "Packed":
        """The same on a device."""
        return Packed(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def micro_batches(samples: Sequence[Sample], max_tokens: int) -> Iterator[Packed]:
    """Lay out a minibatch in micro-batches whose rows have at most `max_tokens`, padding included.

    Groups stay together as far as they fit. A single row that is longer makes a micro-batch of its own.
    """
    longest: dict[int, int] = {}
    for sample in samples:
        longest[sample.group] = max(longest.get(sample.group, 0), sample.length)
    order = sorted(
        range(len(samples)), key=lambda i: (-longest[samples[i].group], samples[i].group, -samples[i].length)
    )
    part: list[int] = []
    widest = 0
    for index in order:
        widest = max(widest, samples[index].length)
        if part and (len(part) + 1) * widest > max_tokens:
            yield pack(samples, part)
            part, widest = [], samples[index].length
        part.append(index)
    if part:
        yield pack(samples, part)


def pack(samples: Sequence[Sample], members: list[int]) -> Packed:
    """Lay out the samples `members`, those of a group side by side."""
    ids: list[int] = []
    positions: list[int] = []
    rows: list[list[int]] = []
    group, start = None, 0
    for index in members:
        sample = samples[index]
        prompt, read = len(sample.prompt), sample.completion[:-1]
        if sample.group != group:
            group, start = sample.group, len(ids)
            ids += sample.prompt
            positions += range(prompt)
        rows.append([*range(start, start + prompt), *range(len(ids), len(ids) + len(read))])
        ids += read
        positions += range(prompt, prompt + len(read))
    length = max(map(len, rows))
    found: dict[int, int] = {}
    for number, row in enumerate(rows):
        for place, token in enumerate(row, number * length):
            found.setdefault(token, place)
    lengths = torch.tensor([len(samples[index].completion) for index in members])
    return Packed(
        members=torch.tensor(members),
        input_ids=torch.tensor(ids),
        position_ids=torch.tensor(positions),
        rows=torch.tensor([row + [0] * (length - len(row)) for row in rows]),
        places_in_rows=torch.tensor([found[token] for token in range(len(ids))]),
        predictors=torch.tensor([t for row, count in zip(rows, lengths.tolist(), strict=True) for t in row[-count:]]),
        targets=torch.tensor([token for index in members for token in samples[index].completion]),
        samples=torch.arange(len(members)).repeat_interleave(lengths),
        places=torch.cat([torch.arange(count) for count in lengths]),
    )
