# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The pipeline: the selected stages in order; what is done is skipped, what is not is resumed."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from nemo_reasoning import compose
from nemo_reasoning.config import Config
from nemo_reasoning.console import Console
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import contents, discard, remove
from nemo_reasoning.manifest import MANIFEST, Manifest, read_manifest
from nemo_reasoning.preflight import check_run
from nemo_reasoning.process import StageInterrupted, run_stage_process
from nemo_reasoning.stages import Stage, begin, selected

LOCK_PATIENCE_S = 10


def run(config: Config) -> None:
    """Run the selected stages of `config` and say what each did.

    Raises:
        InputError: Something given cannot be used, the run's directory belongs to another
            run, or a stage failed.
    """
    check_run(config)
    with locked(Path(config.paths.run)) as lock, Console(config) as console:
        claim(config)
        for stage in selected(config):
            run_stage(stage, config, lock, console)


def claim(config: Config) -> None:
    """Make the run's directory that of `config`; call it with the run's lock.

    Raises:
        InputError: A stage was made with other settings, and `overwrite` is off; or its directory is not its own.
    """
    for stage in selected(config):
        _forget_if_overwritten(stage, config)
    compose.write_resolved(config, Path(config.paths.run) / "resolved.yaml")


def _forget_if_overwritten(stage: Stage, config: Config) -> None:
    """Refuse a stage that was made with other settings, or remove it where that is wanted."""
    manifest = _record(stage, config)
    if manifest is None:
        return
    try:
        stage.check_current(manifest, config)
    except InputError:
        if not (config.overwrite or stage.is_cheap(manifest, config)):
            raise
        _clear(stage, config)


def _clear(stage: Stage, config: Config) -> None:
    """Remove what a stage has left, or only its record where it can tell what is still right."""
    directory = stage.directory(config)
    if stage.reuses:
        remove(directory / MANIFEST)
    else:
        discard(directory)


def _record(stage: Stage, config: Config) -> Manifest | None:
    """The record of a stage, None where it was not begun.

    Raises:
        InputError: It was not, but something is there that starting it would remove.
    """
    directory = stage.directory(config)
    manifest = read_manifest(directory)
    if manifest is None and _is_foreign(stage, directory):
        raise InputError(f"{directory} was not made by this stage; move it away, or choose another paths.run.")
    return manifest


def _is_foreign(stage: Stage, directory: Path) -> bool:
    """Whether there is what a stage that was not begun cannot have left: a file, or a directory with files."""
    if not directory.is_dir():
        return directory.exists()
    return not stage.reuses and any(contents(directory))


def run_stage(stage: Stage, config: Config, lock: int, console: Console) -> None:
    """Run one stage in a process of its own, unless it is done; errors as in `run`."""
    manifest = begin_stage(stage, config)
    if manifest and manifest.done:
        console.skipped(stage.name, manifest)
        return
    console.started(stage.name, resumed=manifest is not None)
    usage = run_stage_process(
        stage.name, Path(config.paths.run), stage.processes(config), lock, lambda row: console.progress(stage.name, row)
    )
    console.finished(stage.name, end_stage(stage, config, asdict(usage)))


def begin_stage(stage: Stage, config: Config) -> Manifest | None:
    """Prepare the directory of a stage that is to run; gives the record that it continues, None where it starts anew.

    Raises:
        InputError: What it has was made from other inputs, and `overwrite` is off; or its directory is not its own.
    """
    manifest = _resumable(stage, config)
    if manifest is None:
        _clear(stage, config)
        begin(stage, config, time.time()).write(stage.directory(config))
    return manifest


def end_stage(stage: Stage, config: Config, usage: dict[str, float]) -> Manifest:
    """Add what a stage used to its record; gives the record.

    Raises:
        StageInterrupted: It saved what it had and ended.
        InputError: It has no DONE record.
    """
    done = read_manifest(stage.directory(config))
    if done is not None and done.status == "interrupted":
        raise StageInterrupted(stage.name, done.metrics["summary"])
    if done is None or not done.done:
        raise InputError(f"the stage {stage.name} ended without finishing; the same command continues it.")
    done = replace(done, metrics={**done.metrics, **usage})
    done.write(stage.directory(config))
    return done


def _resumable(stage: Stage, config: Config) -> Manifest | None:
    """The stage's record where its inputs are still the same; None where it must start anew."""
    manifest = _record(stage, config)
    if manifest is None:
        return None
    try:
        stage.check_inputs(manifest, config)
    except InputError:
        if not (config.overwrite or stage.is_cheap(manifest, config)):
            raise
        return None
    return manifest


@contextmanager
def locked(directory: Path) -> Iterator[int]:
    """Hold the run's lock; processes of a killed run get a moment to end.

    Raises:
        InputError: Another run works in the directory, or it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / ".lock", os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise InputError(f"the run's directory {directory} cannot be written ({error.strerror}).") from None
    try:
        for attempt in range(LOCK_PATIENCE_S * 10):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == LOCK_PATIENCE_S * 10 - 1:
                    raise InputError(f"another process is running in {directory}; wait for it or stop it.") from None
                time.sleep(0.1)
        yield descriptor
    finally:
        os.close(descriptor)
