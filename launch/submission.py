# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What was submitted for a run: `launch/submission.json` in its directory."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nemo_reasoning.config import Config
from nemo_reasoning.files import read_json, write_json
from nemo_reasoning.launch.experiment import Submitted
from nemo_reasoning.manifest import read_manifest
from nemo_reasoning.stages import Stage, selected

SUBMISSION = "submission.json"


def write(submitted: Sequence[Submitted], config: Config, directory: Path) -> None:
    """Record the jobs in `directory`."""
    record = {"kind": config.cluster.kind, "jobs": [asdict(each) for each in submitted]}
    write_json(directory / SUBMISSION, record)


def remaining(config: Config) -> list[Stage]:
    """The selected stages from the first that is not done on; what is derived is always made again."""
    stages = selected(config)
    for index, stage in enumerate(stages):
        manifest = read_manifest(stage.directory(config))
        if manifest is None or not manifest.done or stage.derived:
            return stages[index:]
    return []


def read(config: Config) -> list[dict[str, Any]] | None:
    """The jobs of the last submission, as recorded; None where there was none."""
    path = Path(config.launch.output) / SUBMISSION
    return read_json(path)["jobs"] if path.exists() else None
