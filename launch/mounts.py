# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Which directories the containers see: under their own names, so that the configuration holds inside, too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nemo_reasoning.config import Config

IN_THE_IMAGE = {"cluster": True, "launch": True, "grpo": {"nemo_rl": True}}
"""Settings whose paths are those of the image, or are not read by the stages."""


def of(config: Config, more: list[Path]) -> list[str]:
    """`FROM:TO` for the run, what the settings name, `more`, and `cluster.mounts`."""
    written = [Path(path).absolute() for path in (config.paths.run, config.launch.output)]
    named = [found for text in _texts(config.model_dump(exclude=IN_THE_IMAGE)) if (found := _directory(text))]
    wanted = outermost([*written, *named, *more])
    return [f"{path}:{path}" for path in wanted] + [_full(mount) for mount in config.cluster.mounts]


def outermost(paths: list[Path]) -> list[Path]:
    """The paths without those that are inside of others, sorted."""
    return sorted({path for path in paths if not any(other in path.parents for other in paths)})


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _directory(text: str) -> Path | None:
    """The directory of a local file, directory or glob; None for any other text."""
    if "/" not in text or "\n" in text:
        return None
    path = Path(text).expanduser().absolute()
    while "*" in str(path):
        path = path.parent
    try:
        found = path if path.is_dir() else path.parent if path.exists() else None
    except OSError:  # too long for a path
        return None
    return None if found in (None, *_TOO_MUCH) else found


_TOO_MUCH = (Path("/"), Path.home())


def _full(mount: str) -> str:
    return mount if ":" in mount else f"{mount}:{mount}"
