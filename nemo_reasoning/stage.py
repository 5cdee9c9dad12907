# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""One stage as a process: `python -m nemo_reasoning.stage NAME RUN_DIRECTORY`.

The process reads the run's `resolved.yaml`, runs the stage and writes its DONE manifest. Exit
status 0 alone does not mean that: a stage that saved what it had and left, at a time limit or
on SIGTERM, ends with 0 and a manifest that says `interrupted`.
With `--processes N` it starts N ranks of itself. It ends when its parent does,
so a killed run leaves nothing behind that still writes.
"""

import argparse
import errno
import functools
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from nemo_reasoning import ranks
from nemo_reasoning.compose import read_resolved
from nemo_reasoning.errors import InputError, Interrupted
from nemo_reasoning.files import write_bytes
from nemo_reasoning.lifetime import die_with_parent
from nemo_reasoning.manifest import StageRun, read_manifest
from nemo_reasoning.stages import STAGES, begin

ERROR = "error.txt"
"""The sentence of an `InputError`, for the process that started the stage."""


def main() -> int:
    """Run the stage named on the command line; gives the exit status."""
    parser = argparse.ArgumentParser(prog="nemo_reasoning.stage")
    parser.add_argument("name", choices=STAGES)
    parser.add_argument("run_directory", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    die_with_parent()
    if arguments.processes == 1:
        return run_rank(arguments.name, arguments.run_directory)
    main_of_rank = functools.partial(run_rank, arguments.name, arguments.run_directory)
    return ranks.run(main_of_rank, arguments.processes, STAGES[arguments.name].preload)


def run_rank(name: str, run_directory: Path) -> int:
    """Run the stage in this process, as the only one or as the rank that the environment says."""
    directory = run_directory / name
    try:
        _run(name, run_directory)
    except InputError as error:
        return _fail(directory, str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _fail(directory, no_space(directory))
    return 0


def no_space(directory: Path) -> str:
    """The sentence for a full disk."""
    return f"no space is left for {directory}; free some and run the same command again."


def _run(name: str, run_directory: Path) -> None:
    config = read_resolved(run_directory / "resolved.yaml")
    stage, first = STAGES[name], int(os.environ.get("RANK", "0")) == 0
    directory = run_directory / name
    manifest = read_manifest(directory) or begin(stage, config, time.time())
    manifest = replace(manifest, status="running", metrics={})
    if first:
        manifest.write(directory)
    stage.check_made(config)
    try:
        metrics = stage.entry_point()(config, StageRun(name, directory))
        ended = replace(manifest, status="done", finished=time.time(), metrics=metrics)
    except Interrupted as reason:
        ended = replace(manifest, status="interrupted", metrics={"summary": f"interrupted {reason}"})
    if first:
        ended.write(directory)


def _fail(directory: Path, sentence: str) -> int:
    print(sentence, file=sys.stderr)
    try:
        write_bytes(directory / ERROR, sentence.encode())
    except OSError as error:
        print(f"{directory / ERROR} cannot be written ({error}).", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
