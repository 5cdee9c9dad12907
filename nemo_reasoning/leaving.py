# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""When a training stage wants to leave before it is done: on SIGTERM, or at the time limit."""

import signal
import threading
import time
from types import FrameType
from typing import Self

import psutil


class Leaving:
    """Watches for SIGTERM and the time limit; used as a context."""

    def __init__(self, minutes: float | None) -> None:
        """Set the limit, which counts from the start of this process; None is none."""
        self._deadline = None if minutes is None else psutil.Process().create_time() + 60 * minutes
        self._terminated = False

    def __enter__(self) -> Self:
        self._before = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._before)

    @property
    def wanted(self) -> bool:
        """Whether this process wants to leave."""
        return self._terminated or (self._deadline is not None and time.time() > self._deadline)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._terminated = True
