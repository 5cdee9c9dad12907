# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Processes that take turns, so that what else the machine does meets all of them alike.

One process at a time works, the others wait at their standard input. A worker measures
its own turn, by the clock and by the CPU time (user and system) of itself and its children.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Worker:
    """A benchmark started again as one side of a comparison.

    Attributes:
        name: For the table.
        task: What it is to do; the worker reads it with `task()`.
        python: Interpreter.
        turns: What its turns reported: `amount`, `clock` and `cpu` (s), and what else it measured.
    """

    name: str
    task: dict[str, Any]
    python: str = sys.executable
    threads: int = 1
    turns: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        root = str(Path(__file__).resolve().parents[1])
        quiet = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads), "PYTHONPATH": root, **quiet}
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - until the process ends
        self._process = subprocess.Popen(
            [self.python, sys.argv[0], "--worker", json.dumps(self.task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            text=True,
        )

    def turn(self, steps: int) -> dict[str, Any]:
        """Let it do steps and report."""
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            sys.exit(f"{self.name} ended:\n{self._log.read()[-3000:]}")
        return json.loads(answer)

    def measure(self, steps: int) -> None:
        """A turn that counts."""
        self.turns.append(self.turn(steps))

    def rate(self, seconds: str) -> float:
        """Median over the turns of amount per second, of the `clock` or of the `cpu`."""
        return statistics.median(turn["amount"] / turn[seconds] for turn in self.turns)

    def median(self, name: str) -> float:
        """Median over the turns of something else that it reported."""
        return statistics.median(turn[name] for turn in self.turns)

    def end(self) -> None:
        """Stop it."""
        self._process.stdin.close()
        self._process.wait()


class Turns:
    """A worker's side: wait for the turn before a step, report after the last step of a turn."""

    def __init__(self) -> None:
        self._reports = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what libraries print is not a report
        self._left = 0

    def before_step(self) -> None:
        """Wait for the turn; the process ends here when it is told to."""
        if self._left == 0:
            line = sys.stdin.readline()
            if not line:
                os._exit(0)
            self._left, self._amount, self._more = int(line), 0, {}
            self._clock, self._cpu = time.perf_counter(), cpu_seconds()

    def after_step(self, amount: int, **more: float) -> None:
        """Count a step; `more` is summed up over the turn."""
        self._left -= 1
        self._amount += amount
        self._more = {name: self._more.get(name, 0) + value for name, value in more.items()}
        if self._left == 0:
            spent = {"clock": time.perf_counter() - self._clock, "cpu": cpu_seconds() - self._cpu}
            self._reports.write(json.dumps({"amount": self._amount, **spent, **self._more}) + "\n")
            self._reports.flush()


def task() -> dict[str, Any] | None:
    """What this process is to do as a worker; None where it is not one."""
    return json.loads(sys.argv[2]) if sys.argv[1:2] == ["--worker"] else None


def cpu_seconds() -> float:
    """User and system time of this process and its living children."""
    import psutil

    children = psutil.Process().children(recursive=True)
    return time.process_time() + sum(sum(child.cpu_times()[:2]) for child in children)


def has_module(python: str, module: str) -> bool:
    """Whether an interpreter can import a module."""
    try:
        return subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0
    except OSError:
        return False
