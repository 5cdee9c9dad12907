# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Which samples to ask for, in which order."""

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nemo_reasoning.generate.journal import CORRECT, NOTHING, Journal

Row = dict[str, Any]


@dataclass(slots=True)
class Open:
    """A problem that is being sampled.

    Attributes:
        number: Its place among the problems.
        row: The problem.
        left: Samples that were not asked for yet.
        missing: Correct completions that are still wanted.
        under_way: Samples that were asked for and have no verdict yet.
    """

    number: int
    row: Row
    left: deque[int]
    missing: int
    under_way: set[int] = field(default_factory=set)

    def due(self) -> Iterator[int]:
        """Samples to ask for now: no more than could all be needed."""
        while self.left and len(self.under_way) < self.missing:
            sample = self.left.popleft()
            self.under_way.add(sample)
            yield sample


class Schedule:
    """Samples that are due: problem by problem, those of a problem together as far as they are sure to be needed.

    Args:
        problems: Rows, in the journal's order; drawn as they are needed.
        journal: What there is already.
        stop_after_correct: Correct completions wanted of a problem; None wants all samples.

    Attributes:
        saved: Samples that were not needed.
    """

    def __init__(self, problems: Iterator[Row], journal: Journal, stop_after_correct: int | None) -> None:
        self._problems = enumerate(problems)
        self._journal = journal
        self._wanted = stop_after_correct or journal.samples
        self._stops = stop_after_correct is not None
        self._open: dict[int, Open] = {}
        self._again: deque[tuple[Open, int]] = deque()
        self.saved = 0

    def next(self) -> tuple[int, int, Row] | None:
        """Problem, sample and the problem's row of a sample that is due; None while nothing is."""
        while not self._again:
            entry = next(self._problems, None)
            if entry is None:
                return None
            problem = self._opened(*entry)
            self._again.extend((problem, sample) for sample in problem.due())
            self._close_if_ended(problem)
        problem, sample = self._again.popleft()
        return problem.number, sample, problem.row

    @property
    def waiting(self) -> bool:
        """A sample of a problem that was begun is due."""
        return bool(self._again)

    def problem(self, number: int) -> Row:
        """The row of a problem with samples under way."""
        return self._open[number].row

    def settled(self, number: int, sample: int, *, correct: bool) -> None:
        """A sample that was asked for has its verdict, or has failed."""
        problem = self._open[number]
        problem.under_way.remove(sample)
        problem.missing -= correct and self._stops
        if self._stops:
            self._again.extend((problem, sample) for sample in problem.due())
        self._close_if_ended(problem)

    def _opened(self, number: int, row: Row) -> Open:
        states = self._journal.states(number)
        left = deque(sample for sample, state in enumerate(states) if state == NOTHING)
        missing = self._wanted - states.count(CORRECT) * self._stops
        problem = self._open[number] = Open(number, row, left, missing)
        return problem

    def _close_if_ended(self, problem: Open) -> None:
        if not problem.under_way:
            self.saved += len(problem.left)
            del self._open[problem.number]


def seed_of(seed: int, problem: str, sample: int) -> int:
    """A sample's own seed, below 2^31: the same in every run with this seed, wherever the problem stands."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{problem}/{sample}".encode()).digest()[:4]) >> 1
