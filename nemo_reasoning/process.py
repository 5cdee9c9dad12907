# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Starting a stage's process and watching it: progress, CPU time, peak memory."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import orjson
import psutil

from nemo_reasoning.errors import InputError
from nemo_reasoning.files import remove
from nemo_reasoning.manifest import PROGRESS
from nemo_reasoning.stage import ERROR, no_space

LOG = "log.txt"
POLL_S = 0.25
FULL_BYTES = 1 << 16
"""A file system with less free space is full."""


@dataclass(frozen=True)
class Usage:
    """What a process and its children used.

    Attributes:
        seconds: Wall-clock time.
        cpu_seconds: CPU time, user and system.
        peak_memory_mb: Largest resident memory of all its processes together, as polled.
    """

    seconds: float
    cpu_seconds: float
    peak_memory_mb: float


def run_stage_process(name: str, run: Path, processes: int, lock: int, show: Callable[[dict[str, Any]], None]) -> Usage:
    """Run a stage in a process of its own until it ends.

    Args:
        name: Name of the stage.
        run: Directory of the run.
        processes: How many processes share the stage.
        lock: File descriptor that holds the run's lock; the process keeps it.
        show: Called with each progress row that the stage writes.

    Raises:
        InputError: The stage refused its input, with its own sentence, or it failed.
        StageInterrupted: SIGTERM came, was passed on to the stage, and ended it.
    """
    directory = run / name
    directory.mkdir(parents=True, exist_ok=True)
    for leftover in (ERROR, PROGRESS):
        remove(directory / leftover)
    before, started = _children_cpu(), time.monotonic()
    command = [sys.executable, "-m", "nemo_reasoning.stage", name, str(run), "--processes", str(processes)]
    with (directory / LOG).open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(lock,),
            env=_environment(),
        )
    with _passing_on_sigterm(child) as terminated:
        try:
            peak = _watch(child, directory, show)
        except BaseException:
            child.kill()
            child.wait()
            raise
    if terminated and child.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM):
        raise StageInterrupted(name, "ended by SIGTERM before it could save more")
    if child.returncode:
        raise StageFailed(directory, child.returncode)
    return Usage(time.monotonic() - started, _children_cpu() - before, peak)


class StageInterrupted(InputError):
    """A stage saved what it had and ended, or was ended by SIGTERM.

    Its status is that of a temporary failure (EX_TEMPFAIL of sysexits.h): run the same command again.
    """

    status = 75

    def __init__(self, stage: str, how: str) -> None:
        super().__init__(f"the stage {stage} was {how}; the same command continues it.")


class StageFailed(InputError):
    """A stage's process ended without finishing its work.

    Its status is 2 where it refused its input, and 1 for a failure of the machine or the code.
    """

    def __init__(self, directory: Path, status: int) -> None:
        sentence = directory / ERROR
        if sentence.exists():
            super().__init__(sentence.read_text())
        elif shutil.disk_usage(directory.parent).free < FULL_BYTES:  # then the sentence too could not be written
            super().__init__(no_space(directory))
        else:
            self.status = 1
            cause = f"was killed by signal {-status}" if status < 0 else f"failed with status {status}"
            super().__init__(
                f"the stage {directory.name} {cause}; {directory / LOG} says more, "
                "and the same command continues the run."
            )


@contextmanager
def _passing_on_sigterm(child: subprocess.Popen) -> Iterator[list[int]]:
    """Let the child save what it has instead of dying with it unsaved; gives the signals that came."""
    came: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        child.terminate()

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, before)


def _environment() -> dict[str, str]:
    """The environment of a stage: one thread a process unless the user decided otherwise.

    Two OpenMP threads that busy-wait collapse on a machine with two busy cores.
    """
    return {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false", **os.environ}


def _watch(child: subprocess.Popen, directory: Path, show: Callable[[dict[str, Any]], None]) -> float:
    peak, last = 0.0, b""
    while child.poll() is None:
        peak = max(peak, _memory_mb(child.pid))
        content = _read(directory / PROGRESS)
        if content != last:
            last = content
            show(orjson.loads(content))
        time.sleep(POLL_S)
    return peak


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _memory_mb(pid: int) -> float:
    """Resident memory of a process and its descendants."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    total = 0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
