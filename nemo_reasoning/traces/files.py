# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Data files: which there are, and JSONL that this package writes."""

from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import orjson

from nemo_reasoning.errors import InputError
from nemo_reasoning.files import is_local, whole

SUFFIXES = (".jsonl", ".json", ".parquet")
PACKED = (".gz", ".zst", ".bz2")
ALL_SUFFIXES = (*SUFFIXES, *(text + packed for text in (".jsonl", ".json") for packed in PACKED))


def local_files(path: str) -> list[Path]:
    """Data files that a path, glob or directory names, sorted; empty for a hub name.

    Raises:
        InputError: It looks like a local path but there is nothing, or there is no data file in it.
    """
    place = Path(path).expanduser()
    if place.is_file():
        return [place]
    if place.is_dir():
        found = place.rglob("*")
    elif any(map(_is_pattern, place.parts)):
        found = Path(place.anchor).glob(str(place.relative_to(place.anchor)))
    elif place.name.endswith(ALL_SUFFIXES) or is_local(path):
        raise InputError(f"the data file {path} does not exist.")
    else:
        return []
    files = sorted(p for p in found if _is_data(p.name) and p.is_file())
    if not files:
        raise InputError(f"there is no {', '.join(SUFFIXES)} file at {path}.")
    return files


def root(path: str) -> Path:
    """The directory from which the files of a path, glob or directory are named."""
    place = Path(path).expanduser()
    if place.is_file():
        return place.parent
    return place if place.is_dir() else Path(*takewhile(lambda part: not _is_pattern(part), place.parts))


def _is_pattern(part: str) -> bool:
    return any(c in part for c in "*?[")


def _is_data(name: str) -> bool:
    return name.endswith(ALL_SUFFIXES) and not name.startswith(".")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows as JSONL, whole or not at all; gives the number of rows."""
    count = 0
    with whole(path) as temporary, temporary.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row) + b"\n")
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL file that this package wrote; errors as in `numbered_rows`."""
    return (row for _, row in numbered_rows(path))


def numbered_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Rows of a JSONL file, each with the number of its line; blank lines are left out.

    Raises:
        InputError: The file is missing, cannot be read or is compressed, or a line is not JSON.
    """
    if path.suffix in PACKED:
        raise InputError(f"{path} is compressed; unpack it first.")
    for number, line in enumerate(_lines(path), 1):
        if not line.isspace():
            try:
                yield number, orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise InputError(f"line {number} of {path} is not valid JSON ({error}).") from None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as lines:
            yield from lines
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
