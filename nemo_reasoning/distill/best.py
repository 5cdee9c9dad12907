# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The exported students that were the best when they were measured, by their steps.

A better one from after the last complete checkpoint is dropped when a run resumes, because those
steps are done again; so the one before it is kept until the next checkpoint.
"""

import shutil
from pathlib import Path

from nemo_reasoning.files import remove, whole

DIRECTORY = "best"


def path(stage: Path, step: int) -> Path:
    """Where the student after `step` is kept, in the stage's directory."""
    return stage / DIRECTORY / f"{step:07d}"


def drop_after(stage: Path, step: int) -> None:
    """Drop what came after `step`, and what a killed process has left in part."""
    for found in (stage / DIRECTORY).glob("*"):
        if not found.name.isdigit() or int(found.name) > step:
            remove(found)


def drop_older(stage: Path) -> None:
    """Keep the best one alone."""
    for older in sorted((stage / DIRECTORY).glob("[0-9]*"))[:-1]:
        remove(older)


def place(stage: Path, target: Path) -> None:
    """Copy the best one to `target`, whole."""
    *_, best = sorted((stage / DIRECTORY).glob("[0-9]*"))
    with whole(target) as temporary:
        shutil.copytree(best, temporary)
