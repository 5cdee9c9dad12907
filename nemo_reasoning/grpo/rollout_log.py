# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The log of rollouts, of either engine."""

from collections.abc import Iterable
from typing import Any

import orjson

from nemo_reasoning.files import write_bytes
from nemo_reasoning.manifest import ROLLOUTS, StageRun


def log_rollouts(stage: StageRun, rows: Iterable[dict[str, Any]]) -> None:
    """Append the rollouts of a step."""
    with (stage.directory / ROLLOUTS).open("ab") as file:
        file.write(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def rewind(stage: StageRun, step: int) -> None:
    """Drop metrics and rollouts logged after `step`: they are made again."""
    stage.rewind(step)
    path = stage.directory / ROLLOUTS
    if path.exists():
        with path.open("rb") as lines:
            whole_lines = [line for line in lines if line.endswith(b"\n")]
        write_bytes(path, b"".join(line for line in whole_lines if orjson.loads(line)["step"] <= step))
