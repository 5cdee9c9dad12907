# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A function over many items in several processes, with its results in order."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import batched
from typing import Any

BATCH = 32
"""Items that a process is given at once."""
MOST_PROCESSES = 16
"""More would wait for the one that takes their results."""


def processes() -> int:
    """Processes worth starting on this machine."""
    return min(len(os.sched_getaffinity(0)), MOST_PROCESSES)


def in_order[Item, Result](function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Apply `function` to each item, some batches ahead of what is taken; one worker is this process.

    Args:
        function: Pickled once for each process.
        items: Read as the work proceeds.
        workers: Number of processes; they are spawned, since this one may hold a CUDA context or threads.
    """
    if workers == 1:
        yield from map(function, items)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_remember, initargs=(function,)) as pool:
        ahead: deque = deque()
        for batch in batched(items, BATCH):
            ahead.append(pool.submit(_apply, batch))
            if len(ahead) > 2 * workers:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


_remembered: list[Callable[[Any], Any]] = []


def _remember(function: Callable[[Any], Any]) -> None:
    _remembered[:] = [function]


def _apply(batch: tuple) -> list[Any]:
    return [_remembered[0](item) for item in batch]
