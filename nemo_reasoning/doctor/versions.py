# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The versions that go together: those of pyproject.toml, which is the only place where they are written."""

import functools
import importlib.metadata
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

PACKAGE = "nemo-reasoning"
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
"""Beside the package in a checkout; an installed package has the same in its metadata."""


def required_python() -> str:
    """Versions of Python that this package supports."""
    if PYPROJECT.is_file():
        return _project()["requires-python"]
    return importlib.metadata.metadata(PACKAGE)["Requires-Python"]


def pins(*extras: str) -> dict[str, Requirement]:
    """What these extras require on this Python, by name; without extras, what every stage requires."""
    if PYPROJECT.is_file():
        optional = _project()["optional-dependencies"]
        lines = [line for extra in extras for line in optional[extra]] if extras else _project()["dependencies"]
        return _applying(lines, [""])
    lines = importlib.metadata.requires(PACKAGE) or []
    always = _applying(lines, [""])
    return {name: pin for name, pin in _applying(lines, extras or [""]).items() if not extras or name not in always}


def every_pin() -> dict[str, Requirement]:
    """The requirements of all extras and of every stage."""
    if PYPROJECT.is_file():
        extras = list(_project()["optional-dependencies"])
    else:
        extras = importlib.metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    return {**pins(*extras), **pins()}


def installed(name: str) -> str | None:
    """Version of an installed distribution; None where it is not."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def fits(requirement: Requirement | None, version: str | None) -> bool:
    """Whether a version is the one that is tested; any is, where none is written."""
    if requirement is None or not requirement.specifier:
        return True
    try:
        return version is not None and requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def _applying(lines: Iterable[str], extras: Iterable[str]) -> dict[str, Requirement]:
    found = [Requirement(line) for line in lines]
    environments = [{"extra": extra} for extra in extras]
    return {r.name: r for r in found if r.marker is None or any(r.marker.evaluate(e) for e in environments)}


@functools.cache
def _project() -> dict:
    return tomllib.loads(PYPROJECT.read_text())["project"]
