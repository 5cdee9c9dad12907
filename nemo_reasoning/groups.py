# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The groups of settings under conf/, and the options of each."""

import importlib.resources
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path


def groups() -> list[str]:
    """Names of the groups."""
    return sorted(entry.name for entry in _conf().iterdir() if entry.is_dir() and not entry.name.startswith("_"))


def options(group: str, directories: Iterable[Path] = ()) -> list[str]:
    """Names of a group's options: the package's, and those in directories of the user's own."""
    places = [place / group for place in (_conf(), *directories)]
    files = [file.name for place in places if place.is_dir() for file in place.iterdir()]
    return sorted({Path(name).stem for name in files if name.endswith(".yaml")})


def misplaced(group: str) -> str:
    """The sentence for settings that became a section with the name of their group."""
    first = (_conf() / group / f"{options(group)[0]}.yaml").read_text(encoding="utf-8").splitlines()[0]
    return f"a YAML file of the group {group} does not say where its settings belong; its first line must be `{first}`."


def _conf() -> Traversable:
    return importlib.resources.files("nemo_reasoning.conf")
