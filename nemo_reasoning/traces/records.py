# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What is read: problems, traces, and rows that could not be used."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nemo_reasoning.errors import InputError


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem and its gold answer.

    Attributes:
        id: Unique in the run, unless the data's own ids repeat.
        problem: The text that is put to the model.
        answer: The gold answer; None where the data has none.
        file: Where the row came from.
        line: Its line or row number there, from 1.
        row: The columns that `layout.extra` names.
    """

    id: str
    problem: str
    answer: str | None
    file: str = ""
    line: int = 0
    row: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Trace(Problem):
    """One generation of a teacher for a problem.

    Attributes:
        completion: All that the teacher wrote, with the tags `<think>` and `</think>`.
        finish_reason: `length` when the teacher was cut off, `stop` or "" otherwise.
        source: Name of the source in `data.traces`.
        domain: Domain of the problem, such as `math`; None where the data has none.
        difficulty: On the scale of the data; None where it has none.
        pass_rate: Share of some model's attempts that were right; None where the data has none.
    """

    completion: str = ""
    finish_reason: str = ""
    source: str = ""
    domain: str | None = None
    difficulty: float | None = None
    pass_rate: float | None = None


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that could not be used, and why."""

    file: str
    line: int
    reason: str


Quarantine = Callable[[BrokenRow], None]
"""Takes each row that cannot be used."""


def check_broken_share(broken: int, total: int, limit: float, name: str, listed: Path | None = None) -> None:
    """Refuse data of which too large a share cannot be used.

    Args:
        broken: Number of rows that cannot be used.
        total: Number of all rows.
        limit: The largest share of broken ones.
        name: What the data is called.
        listed: File that names the broken rows, where there is one.

    Raises:
        InputError: There is no usable row, or the share of broken rows is above `limit`.
    """
    see = f"; {listed} lists them" if listed else ""
    if total - broken <= 0:
        raise InputError(f"{name} has no usable row{see if broken else ''}; check the path and data layout.")
    if broken > limit * total:
        raise InputError(
            f"{broken} of {total} rows of {name} are broken ({broken / total:.0%}), more than data.max_broken_share="
            f"{limit:g}{see}; repair the data or raise the limit."
        )
