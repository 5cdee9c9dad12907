# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The problems of GRPO, of either engine: where they come from, and which are held out to validate on."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from nemo_reasoning import traces
from nemo_reasoning.config import GRPO, Config, Layout, Source
from nemo_reasoning.errors import InputError
from nemo_reasoning.traces import BrokenRow, Problem

VALIDATION_SHARE = 10
"""No more than one in so many problems is held out."""


def read_problems(config: Config) -> list[Problem]:
    """The problems that `data.rl` names, or those that curation wrote.

    Raises:
        InputError: They cannot be read, too many are broken, or none is left.
    """
    source = config.data.rl
    if source is None:
        layout = Layout(id="id", extra=config.data.extra_columns)
        source = Source(path=str(Path(config.paths.run) / "curate" / "rl.jsonl"), layout=layout)
    broken: list[BrokenRow] = []
    problems = list(traces.read_problems(source, broken.append))
    traces.check_broken_share(len(broken), len(broken) + len(problems), config.data.max_broken_share, source.path)
    return problems


def split(problems: Sequence[Problem], settings: GRPO) -> tuple[list[Problem], list[Problem]]:
    """Problems to learn from, and problems that are held out to validate on, in the order given.

    A problem's id alone decides (by its SHA-256), not its place in the file and not the seed, so that
    runs that are compared hold out the same. Without a `val_period` none is held out.

    Raises:
        InputError: There are too few to hold one out.
    """
    if not settings.val_period:
        return list(problems), []
    ids = sorted({problem.id for problem in problems}, key=lambda name: hashlib.sha256(name.encode()).digest())
    held_out = set(ids[: min(settings.val_max_problems, len(ids) // VALIDATION_SHARE)])
    if not held_out:
        raise InputError(
            f"{len(ids)} problems are too few to hold one in {VALIDATION_SHARE} out for grpo.val_period; "
            "give more, or set val_period=0."
        )
    learned = [problem for problem in problems if problem.id not in held_out]
    return learned, [problem for problem in problems if problem.id in held_out]
