# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The teacher's server beside the stage that samples it, in one job: it ends with the stage, whatever happens."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError

LOG = "teacher.txt"
GRACE_S = 30
"""The server gets so long to end before it is killed."""


@contextmanager
def serving(config: Config, stage: str) -> Iterator[None]:
    """Run `cluster.teacher` while `stage` is `generate`, which itself waits for the server's health.

    Raises:
        InputError: The server cannot be started, or ended before the stage did.
    """
    command = config.cluster.teacher
    if stage != "generate" or not command:
        yield
        return
    log = Path(config.launch.output) / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        server = _start(command, output)
        leaving = threading.Event()
        threading.Thread(target=_watch, args=(server, leaving), daemon=True).start()
        try:
            yield
        except InputError:
            if server.poll() is None:
                raise
            raise InputError(f"the teacher's server ended with status {server.returncode}; {log} says more.") from None
        finally:
            leaving.set()
            _stop(server)


def _start(command: list[str], output: object) -> subprocess.Popen:
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        raise InputError(
            f"the teacher's server {command[0]} cannot be started ({error.strerror}); set cluster.teacher, or the "
            "stage's image."
        ) from None


def _watch(server: subprocess.Popen, leaving: threading.Event) -> None:
    """Interrupt the stage when its server has gone: it would only ask on."""
    server.wait()
    if not leaving.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


def _stop(server: subprocess.Popen) -> None:
    """End the server and its workers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(GRACE_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
