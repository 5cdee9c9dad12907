# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a stage leaves beside its output: manifest, metrics and progress.

`manifest.json` says what a stage read, with which configuration and code, and, once it is
DONE, what it wrote and measured. `metrics.jsonl` grows while the stage runs;
`progress.json` is what the pipeline shows meanwhile.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from nemo_reasoning.errors import InputError
from nemo_reasoning.files import read_json, write_bytes, write_json

MANIFEST = "manifest.json"
METRICS = "metrics.jsonl"
PROGRESS = "progress.json"
CHECKPOINTS = "checkpoints"
"""Where a training stage keeps what it resumes from, in its directory."""
ROLLOUTS = "rollouts.jsonl"
"""Where GRPO writes the rollouts of chosen steps, in its directory."""


@dataclass(frozen=True)
class Manifest:
    """The record of one stage of a run.

    Attributes:
        stage: Name of the stage.
        status: `running` until the stage has written all its output, then `done`; `interrupted` where
            it saved what it had and left, at a time limit or on SIGTERM.
        config: The part of the configuration that the stage depends on.
        inputs: Digest of each input file or directory, by path relative to the run.
        code: Digest of the package's source that the stage runs.
        started: Seconds since the epoch, at the first start.
        finished: Seconds since the epoch; None while running.
        metrics: What the stage measured, for the summary and the report; of an interrupted one, why.
    """

    stage: str
    status: Literal["running", "interrupted", "done"]
    config: dict[str, Any]
    inputs: dict[str, str]
    code: str
    started: float
    finished: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """The stage has finished and all its output is there."""
        return self.status == "done"

    def write(self, directory: Path) -> None:
        """Write the record into the stage's directory."""
        write_json(directory / MANIFEST, asdict(self))


def read_manifest(directory: Path) -> Manifest | None:
    """The record of the stage in `directory`; None where none was begun.

    Raises:
        InputError: It is not a record of this version of the package.
    """
    path = directory / MANIFEST
    if not path.exists():
        return None
    try:
        return Manifest(**read_json(path))
    except TypeError:
        raise InputError(f"{path} was not written by this version; remove {directory} to redo the stage.") from None


def read_metrics(directory: Path) -> Iterator[dict[str, Any]]:
    """Rows of the metrics log; a line that was cut by a kill is left out."""
    path = directory / METRICS
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue  # `log` ended a cut line and went on after it


@dataclass(frozen=True)
class StageRun:
    """What a running stage is given: its directory, and where to say how it goes."""

    name: str
    directory: Path

    def log(self, row: dict[str, Any]) -> None:
        """Append a row to the metrics log; give `step` in rows of a training stage."""
        line = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
        with (self.directory / METRICS).open("ab") as log:
            log.write(line if self._ends_a_line() else b"\n" + line)

    def _ends_a_line(self) -> bool:
        """Whether the log is empty or its last line was written to its end."""
        with (self.directory / METRICS).open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - 1))
            return log.read(1) in (b"", b"\n")

    def rewind(self, step: int) -> None:
        """Drop the logged rows after `step`: a resumed stage does those steps again."""
        kept = [row for row in read_metrics(self.directory) if row.get("step", 0) <= step]
        write_bytes(self.directory / METRICS, b"".join(orjson.dumps(row) + b"\n" for row in kept))

    def progress(self, done: int, total: int | None, note: str = "", **more: Any) -> None:
        """Say how far the stage is; shown live by the pipeline, with whatever else it knows to show."""
        row = {"done": done, "total": total, "note": note, "time": time.time(), "pid": os.getpid(), **more}
        write_bytes(self.directory / PROGRESS, orjson.dumps(row), durable=False)
