# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""One segment of a stage, inside a job: `python -m nemo_reasoning.launch.job STAGE RUN --segment 1/4 --chdir DIR`.

Reads the run's `resolved.yaml` and runs the stage as the pipeline would: skipped where it is done, resumed where
it was interrupted. The DONE record decides, not what the stage's process returned: a segment that was interrupted
ends with 0, so that the next one goes on, except the last one, which fails where the stage is not done.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from nemo_reasoning import pipeline, stage
from nemo_reasoning.compose import read_resolved
from nemo_reasoning.config import Config
from nemo_reasoning.console import Console
from nemo_reasoning.errors import InputError
from nemo_reasoning.launch.teacher import serving
from nemo_reasoning.manifest import Manifest, read_manifest
from nemo_reasoning.stages import STAGES, Stage


def main() -> int:
    """Run the segment named on the command line; gives the exit status."""
    parser = argparse.ArgumentParser(prog="nemo_reasoning.launch.job")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("run_directory", type=Path)
    parser.add_argument("--segment", default="1/1")
    parser.add_argument("--chdir", type=Path)
    arguments = parser.parse_args()
    if arguments.chdir:
        os.chdir(arguments.chdir)
    segment, segments = map(int, arguments.segment.split("/"))
    try:
        config = read_resolved(arguments.run_directory / "resolved.yaml")
        run = _run_rank if "TORCHELASTIC_RUN_ID" in os.environ else _run
        status = run(STAGES[arguments.stage], config)
    except InputError as error:
        print(f"nemo-reasoning: {error}", file=sys.stderr)
        status = error.status
    if "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["RANK"]):
        return status  # the first rank judges, which may still be writing the record
    return verdict(read_manifest(arguments.run_directory / arguments.stage), status, segment == segments)


def verdict(manifest: Manifest | None, status: int, last: bool) -> int:
    """The exit status of a segment, from what the stage left and how its process ended."""
    if manifest is not None and manifest.done:
        return 0
    if manifest is not None and manifest.status == "interrupted" and not last:
        return 0
    return status or 1


def _run(what: Stage, config: Config) -> int:
    """Run the stage in a process of its own."""
    with (
        pipeline.locked(Path(config.paths.run)) as lock,
        serving(config, what.name),
        Console(config) as console,
    ):
        pipeline.run_stage(what, config, lock, console)
    return 0


def _run_rank(what: Stage, config: Config) -> int:
    """Be one of the ranks that torchrun has started; the first one does what the pipeline does around a stage."""
    store = _store()
    if int(os.environ["RANK"]):
        return stage.run_rank(what.name, Path(config.paths.run)) if store.get("verdict") == b"go" else 0
    with pipeline.locked(Path(config.paths.run)):
        started, go = time.monotonic(), False
        try:
            manifest = pipeline.begin_stage(what, config)
            go = manifest is None or not manifest.done
        finally:
            store.set("verdict", "go" if go else "skip")
        if not go:
            return 0
        status = stage.run_rank(what.name, Path(config.paths.run))
        pipeline.end_stage(what, config, {"seconds": time.monotonic() - started})
        return status


def _store():  # noqa: ANN202 - a class of torch, which loads where it is needed
    from torch.distributed import PrefixStore, rendezvous

    store, _, _ = next(rendezvous("env://"))
    return PrefixStore("nemo_reasoning", store)


if __name__ == "__main__":
    sys.exit(main())
