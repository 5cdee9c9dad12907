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
from nemo_reasoning.files import remove
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
    directory = Path(config.paths.run)
    check_run(config)
    with _locked(directory) as lock, Console(config) as console:
        for stage in selected(config):
            _forget_if_overwritten(stage, config)
        compose.write_resolved(config, directory / "resolved.yaml")
        for stage in selected(config):
            _run_stage(stage, config, lock, console)


def _forget_if_overwritten(stage: Stage, config: Config) -> None:
    """Refuse a stage that was made with other settings, or remove it where that is wanted."""
    manifest = read_manifest(stage.directory(config))
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
    remove(directory / MANIFEST if stage.reuses else directory)


def _run_stage(stage: Stage, config: Config, lock: int, console: Console) -> None:
    directory = stage.directory(config)
    manifest = _resumable(stage, config)
    if manifest and manifest.done:
        console.skipped(stage.name, manifest)
        return
    if manifest is None:
        _clear(stage, config)
        begin(stage, config, time.time()).write(directory)
    console.started(stage.name, resumed=manifest is not None)
    usage = run_stage_process(
        stage.name, Path(config.paths.run), stage.processes(config), lock, lambda row: console.progress(stage.name, row)
    )
    done = read_manifest(directory)
    if done is not None and done.status == "interrupted":
        raise StageInterrupted(stage.name, done.metrics["summary"])
    if done is None or not done.done:
        raise InputError(f"the stage {stage.name} ended without finishing; the same command continues it.")
    done = replace(done, metrics={**done.metrics, **asdict(usage)})
    done.write(directory)
    console.finished(stage.name, done)


def _resumable(stage: Stage, config: Config) -> Manifest | None:
    """The stage's record where its inputs are still the same; None where it must start anew."""
    manifest = read_manifest(stage.directory(config))
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
def _locked(directory: Path) -> Iterator[int]:
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
