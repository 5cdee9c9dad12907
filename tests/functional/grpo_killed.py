# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The GRPO stage in a process that is killed at a named place; imported by the process."""

import io
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import torch

from nemo_reasoning.config import Config
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.grpo import stage as grpo
from nemo_reasoning.grpo.checkpoints import Checkpoints
from nemo_reasoning.grpo.rollouts import RolloutMaker
from nemo_reasoning.manifest import METRICS, ROLLOUTS, StageRun


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_a_file(state: Any, path: Path) -> None:
    buffer = io.BytesIO()
    save(state, buffer)
    path.write_bytes(buffer.getvalue()[: buffer.tell() // 2])
    die()


def half_a_row(stage: StageRun, row: dict[str, Any]) -> None:
    line = orjson.dumps(row)
    with (stage.directory / METRICS).open("ab") as log:
        log.write(line[: len(line) // 2])
    die()


def half_the_rollouts(stage: StageRun, *_: Any) -> None:
    with (stage.directory / ROLLOUTS).open("ab") as log:
        log.write(b'{"step": 2, "gro')
    die()


save = torch.save
PLACES: dict[str, tuple[Any, str, int, Callable[..., None]]] = {
    "rollouts": (RolloutMaker, "_judged", 2, die),
    "update": (torch.nn.utils, "clip_grad_norm_", 4, die),
    "validation": (RolloutMaker, "accuracy", 1, die),
    "best weights": (torch, "save", 1, half_a_file),
    "checkpoint": (torch, "save", 2, half_a_file),
    "rollout log": (grpo, "log_rollouts", 2, half_the_rollouts),
    "metrics": (StageRun, "log", 2, half_a_row),
    "old checkpoint": (Path, "unlink", 1, die),
    "next checkpoint": (torch, "save", 1, half_a_file),
    "before the checkpoint": (Checkpoints, "save", 1, die),
    "export": (ReasoningFormat, "save", 1, die),
}
"""Whose function, its name, at which call, and what happens then."""


def run_until(place: str, config: Config, stage: StageRun) -> None:
    """Run the stage up to the place, and be killed there."""
    owner, name, count, end = PLACES[place]
    original, calls = getattr(owner, name), itertools.count(1)

    def counted(*given: Any, **named: Any) -> Any:
        if name == "unlink" and given[0].parent != stage.directory / "checkpoints":
            return original(*given, **named)
        return (end if next(calls) == count else original)(*given, **named)

    setattr(owner, name, counted)
    grpo.run(config, stage)
