# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Outside commands and imports, which may fail, hang or kill their process: none of it reaches the caller."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

MARK = "nemo-reasoning-doctor:"
"""Before the one line of a Python program's output that is its answer."""
KEPT = 65536
"""Bytes of a command's output that are kept, the last ones."""


@dataclass(frozen=True)
class Ran:
    """How a command ended.

    Attributes:
        end: `missing`: there is no such command; `late`: it was killed at its time limit.
        output: What it wrote to standard output and error.
        answer: Of a Python program, what it answered.
    """

    end: Literal["ok", "failed", "late", "missing"]
    output: str = ""
    answer: Any = None

    @property
    def reason(self) -> str:
        """The line that says why it failed: the last one."""
        if self.end == "late":
            return "it did not end in time"
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1][:300].rstrip(".") if lines else "it said nothing"


def run(command: Sequence[str], seconds: float, environment: dict[str, str] | None = None) -> Ran:
    """Run a command in a session of its own, which is killed as a whole after `seconds`."""
    with tempfile.TemporaryFile() as output:  # not a pipe, which an escaped grandchild would keep open
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        except OSError as error:
            return Ran("missing", str(error))
        end = _wait(child, seconds)
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - KEPT))
        return Ran(end, output.read().decode(errors="replace"))


def _wait(child: subprocess.Popen, seconds: float) -> Literal["ok", "failed", "late"]:
    try:
        return "failed" if child.wait(seconds) else "ok"
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return "late"


def python(program: str, seconds: float, interpreter: str = sys.executable, **environment: str) -> Ran:
    """Run a Python program; what it gives to `answer` comes back as `Ran.answer`."""
    prelude = f"import json\ndef answer(value): print({MARK!r} + json.dumps(value), flush=True)\n"
    ran = run([interpreter, "-c", prelude + program], seconds, {"OMP_NUM_THREADS": "1", **environment})
    marked = [line for line in ran.output.splitlines() if line.startswith(MARK)]
    return Ran(ran.end, ran.output, json.loads(marked[-1].removeprefix(MARK))) if marked else ran
