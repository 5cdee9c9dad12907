# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The code that the jobs run: a copy of this package, so that what is edited later changes nothing in the queue."""

import importlib
import shutil
import subprocess
from pathlib import Path

from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import whole

PARTS = ("conf", "curation", "launch")
"""Subpackages whose source may be elsewhere than in the package's own directory."""
SHOWN = 3


def check(config: Config) -> str | None:
    """Check that the code is what `launch.code` promises; gives a sentence where the user should know more.

    Raises:
        InputError: It differs from the last commit, and `launch.code` is `git`.
    """
    changed = uncommitted()
    if not changed:
        return None
    shown = ", ".join(changed[:SHOWN]) + (f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else "")
    match config.launch.code:
        case "git":
            raise InputError(
                f"{shown} differ from the last commit; commit them, or send them as they are with launch.code=ship."
            )
        case "ship":
            return f"the jobs run uncommitted code ({shown}), as it is now."
        case "installed":
            return f"what is uncommitted here ({shown}) is not sent: the jobs run what is installed (launch.code)."


def uncommitted() -> list[str]:
    """This package's files that differ from the last commit; empty outside of a checkout."""
    found: list[str] = []
    if shutil.which("git") is None:
        return found
    for directory in {source(""), *map(source, PARTS)}:
        listed = subprocess.run(
            ["git", "-C", str(directory), "status", "--porcelain", "--untracked-files=all", "--", "."],
            capture_output=True,
            text=True,
            check=False,
        )
        if listed.returncode == 0:
            found += [line[3:] for line in listed.stdout.splitlines() if "__pycache__" not in line]
    return sorted(set(found))


def ship(target: Path) -> None:
    """Copy this package to `target`, a directory for PYTHONPATH."""
    ignored = shutil.ignore_patterns("__pycache__")
    with whole(target) as temporary:
        package = temporary / "nemo_reasoning"
        shutil.copytree(source(""), package, ignore=ignored)
        for part in PARTS:
            shutil.copytree(source(part), package / part, ignore=ignored, dirs_exist_ok=True)


def source(part: str) -> Path:
    """Directory of the package's source, or of a subpackage's."""
    module = importlib.import_module(f"nemo_reasoning.{part}".rstrip("."))
    return Path(str(module.__file__)).parent
