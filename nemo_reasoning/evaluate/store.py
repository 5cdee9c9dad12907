# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Completions on disk: as they come, and once they are judged, with what made them.

`completions/<model>.jsonl` has one row per problem; `<model>.settings.json` beside it is written
last and says what the completions were sampled from and what they were judged by. While a model
is sampled, `<model>.replies.jsonl` holds what has come so far.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import orjson

from nemo_reasoning.files import read_json, sha256, write_bytes, write_json
from nemo_reasoning.traces import write_jsonl

Row = dict[str, Any]


class Replies:
    """Completions as they come, one line each, found again by their request's id.

    Nothing that was added is lost by a kill, but perhaps a line that was being written. What
    other settings have left is dropped.

    Args:
        path: The log.
        sampled_by: All that the completions depend on; its first line.
    """

    def __init__(self, path: Path, sampled_by: Row) -> None:
        head = orjson.dumps({"sampled_by": sampled_by}, option=orjson.OPT_SORT_KEYS) + b"\n"
        if not _begins_with(path, head):
            write_bytes(path, head)
        self.path = path
        self._file = path.open("r+b", buffering=0)
        self._places = dict(self._lines(len(head)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, request: str) -> bool:
        return request in self._places

    def __getitem__(self, request: str) -> Row:
        place, length = self._places[request]
        self._file.seek(place)
        return orjson.loads(self._file.read(length))["completion"]

    def add(self, request: str, completion: Row) -> None:
        """Append a completion; one that was there for the request is replaced."""
        line = orjson.dumps({"id": request, "completion": completion}) + b"\n"
        place = self._file.seek(0, 2)
        self._file.write(line)
        self._places[request] = (place, len(line))

    def _lines(self, start: int) -> Iterator[tuple[str, tuple[int, int]]]:
        """Request, place and length of each whole line; what follows the last one is cut off."""
        place = start
        with self.path.open("rb") as lines:
            lines.seek(start)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                yield orjson.loads(line)["id"], (place, len(line))
                place += len(line)
        self._file.truncate(place)


def replies_path(path: Path) -> Path:
    """The log that belongs to a file of judged rows."""
    return path.with_name(f"{path.stem}.replies.jsonl")


def spent(path: Path) -> float:
    """What the completions in a log have cost; 0 where there is none."""
    if not path.exists():
        return 0.0
    with path.open("rb") as lines:
        whole = (orjson.loads(line) for line in lines if line.endswith(b"\n"))
        return sum(row["completion"].get("cost", 0.0) for row in whole if "completion" in row)


def write_rows(path: Path, rows: Iterator[Row], sampled_by: Row, judged_by: Row) -> None:
    """Write the judged rows whole, then what made them; the log is no longer needed."""
    write_jsonl(path, rows)
    write_json(_sidecar(path), {"sampled_by": sampled_by, "judged_by": judged_by, "completions": sha256(path)})
    replies_path(path).unlink(missing_ok=True)


def made_by(path: Path) -> Row | None:
    """What the rows of `path` were sampled and judged by; None where there are none, or others than were written."""
    if not path.exists() or not _sidecar(path).exists():
        return None
    found = read_json(_sidecar(path))
    return found if found.get("completions") == sha256(path) else None


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.stem}.settings.json")


def _begins_with(path: Path, head: bytes) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(len(head)) == head
