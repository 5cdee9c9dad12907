# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Where Curator's stages run: in this process, in several, on Ray Data, or on Xenna.

Each task is a part of the input and ends as a shard, so the rows do not depend on the choice.
"""

import logging
import multiprocessing
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import batched

from nemo_curator.backends.base import BaseExecutor, BaseStageAdapter, NodeInfo, WorkerMetadata
from nemo_curator.stages.base import ProcessingStage
from nemo_curator.stages.resources import Resources
from nemo_curator.tasks import EmptyTask, Task

from nemo_reasoning.config import Curate
from nemo_reasoning.errors import InputError
from nemo_reasoning.lifetime import die_with_parent, no_orphans

KNOCK_S = 2.0
"""A Ray cluster on this machine answers in less."""


class InProcessExecutor(BaseExecutor):
    """Calls the stages one after the other in this process, without Ray.

    Each task goes through to the end before the next is begun, so only one batch is on its
    way. A stage's `batch_size` groups the tasks that one call of the stage before gave.
    """

    def execute(self, stages: list[ProcessingStage], initial_tasks: list[Task] | None = None) -> list[Task]:
        """Run the stages; gives the tasks that leave the last one, in order."""
        adapters = _set_up(stages)
        try:
            return list(_flow(adapters, [EmptyTask()] if initial_tasks is None else initial_tasks))
        finally:
            for adapter in adapters:
                adapter.teardown()


def _set_up(stages: Sequence[ProcessingStage]) -> list[BaseStageAdapter]:
    adapters = [BaseStageAdapter(stage) for stage in stages]
    for adapter in adapters:
        adapter.setup_on_node(NodeInfo(), WorkerMetadata())
        adapter.setup(WorkerMetadata())
    return adapters


def _flow(adapters: Sequence[BaseStageAdapter], tasks: Iterable[Task]) -> Iterator[Task]:
    if not adapters:
        yield from tasks
        return
    head, *rest = adapters
    for group in batched(tasks, head.stage.batch_size or 1):
        yield from _flow(rest, head.process_batch(list(group)))


class ProcessesExecutor(BaseExecutor):
    """Runs each task through all stages in one of several processes of this machine, without Ray."""

    def __init__(self, workers: int) -> None:
        super().__init__()
        self.workers = workers

    def execute(self, stages: list[ProcessingStage], initial_tasks: list[Task] | None = None) -> list[Task]:
        """Run the stages; gives the tasks that leave the last one, in order."""
        tasks = [EmptyTask()] if initial_tasks is None else initial_tasks
        context = multiprocessing.get_context("spawn")  # Arrow's threads do not survive a fork
        with ProcessPoolExecutor(self.workers, context, initializer=_begin, initargs=(stages,)) as pool:
            try:
                return [task for found in pool.map(_work, tasks) for task in found]
            except BrokenProcessPool:
                raise InputError(
                    "a worker process of curation was killed, perhaps for its memory; run the same command again to "
                    "go on, with fewer curate.workers or curate.rows_per_batch."
                ) from None
            finally:
                pool.shutdown(cancel_futures=True)


_adapters: list[BaseStageAdapter] = []


def _begin(stages: list[ProcessingStage]) -> None:
    """Prepare a worker process."""
    die_with_parent()
    _adapters[:] = _set_up(stages)


def _work(task: Task) -> list[Task]:
    return list(_flow(_adapters, [task]))


class FusedXennaExecutor(BaseExecutor):
    """Xenna, which gives every stage worker processes of its own: all stages as one, so that each imports once."""

    def execute(self, stages: list[ProcessingStage], initial_tasks: list[Task] | None = None) -> list[Task]:
        """Run the stages; gives the tasks that leave the last one."""
        from nemo_curator.backends.xenna import XennaExecutor

        with no_orphans():  # its resource monitor outlives it
            return XennaExecutor().execute([Fused(stages)], initial_tasks)


class Fused(ProcessingStage[Task, Task]):
    """Several stages as one."""

    def __init__(self, stages: list[ProcessingStage]) -> None:
        self.stages = stages
        self.name = "_".join(stage.name for stage in stages)
        self.resources = Resources(cpus=1.0)

    def process(self, task: Task) -> list[Task]:
        """Run a task through all stages."""
        return list(_flow([BaseStageAdapter(stage) for stage in self.stages], [task]))


def make_executor(settings: Curate) -> BaseExecutor:
    """The executor of a run."""
    match settings.executor:
        case "in_process":
            return InProcessExecutor()
        case "processes":
            return ProcessesExecutor(settings.workers or os.cpu_count() or 1)
        case "ray_data":
            from nemo_curator.backends.ray_data import RayDataExecutor

            logging.getLogger("ray.data").setLevel(logging.WARNING)  # it logs its progress every few seconds
            _forget_dead_cluster()
            return RayDataExecutor()
        case "xenna":
            _forget_dead_cluster()
            return FusedXennaExecutor()


def _forget_dead_cluster() -> None:
    """Let Ray start anew where the cluster that was last started on this machine has gone.

    Without an address Ray connects to that one, which a killed job leaves noted, and waits for it for minutes.
    """
    from ray._private.utils import read_ray_address

    address = read_ray_address()
    if address is None or "RAY_ADDRESS" in os.environ:
        return
    host, _, port = address.rpartition(":")
    with socket.socket() as knock:
        knock.settimeout(KNOCK_S)
        if knock.connect_ex((host, int(port))):
            os.environ["RAY_ADDRESS"] = "local"
