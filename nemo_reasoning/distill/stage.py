# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What every rank of the distillation runs: Bridge's own finetune(), resumable, then the export."""

import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from nemo_reasoning.config import Config
from nemo_reasoning.config.model import STUDENTS
from nemo_reasoning.contract import preflight
from nemo_reasoning.distill import checkpoints, engine, health, held_out, recipe, start, student, teacher
from nemo_reasoning.distill.checks import check_student
from nemo_reasoning.distill.data import measured
from nemo_reasoning.distill.data import prepare as prepare_data
from nemo_reasoning.distill.data import rows as count_rows
from nemo_reasoning.errors import InputError
from nemo_reasoning.manifest import CHECKPOINTS, StageRun, read_metrics
from nemo_reasoning.models import load_tokenizer, local_directory, read_settings

DATA_TIMEOUT = timedelta(hours=6)
"""The other ranks wait so long while rank 0 encodes the data."""


def run(config: Config, stage: StageRun) -> dict[str, Any]:
    """Train the student on the curated traces and export it; called on every rank.

    Returns:
        On rank 0 what was measured; on the others nothing.

    Raises:
        InputError: The data, the student or the number of processes does not fit, or training went wrong.
        Interrupted: The time limit was reached or SIGTERM came; the same command continues the run.
    """
    from nemo_reasoning.distill import compat

    compat.install()
    import torch

    from nemo_reasoning.distill.train import train

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    with _process_group(config):
        if torch.distributed.get_rank() == 0:
            _prepare(config, stage)
        torch.distributed.barrier()
        config = recipe.with_train_iters(config, count_rows(config.distill, stage.directory / "data" / "train"))
        model = str(student.place(config.model, local_directory(config.model.path, config.model), stage.directory))
        train(config, stage, model, start.directory(config.distill, stage, model))
        return _metrics(config, stage) if torch.distributed.get_rank() == 0 else {}


@contextmanager
def _process_group(config: Config) -> Iterator[None]:
    """Join the ranks that torchrun started; without torchrun, be the only one."""
    import torch

    joined_before = torch.distributed.is_initialized()
    if not joined_before:
        _join(torch.cuda.is_available())
    try:
        ranks = torch.distributed.get_world_size()
        if ranks != config.distill.num_processes:
            raise InputError(f"distill.num_processes={config.distill.num_processes}, but {ranks} were started.")
        yield
    finally:
        if not joined_before:
            torch.distributed.destroy_process_group()


def _join(cuda: bool) -> None:
    import torch

    backend = "nccl" if cuda else "gloo"
    if "RANK" not in os.environ:
        torch.distributed.init_process_group(backend, store=torch.distributed.HashStore(), rank=0, world_size=1)
        return
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group(backend, timeout=DATA_TIMEOUT)


def _prepare(config: Config, stage: StageRun) -> None:
    """What is done once, before the ranks train: checks, encoded data, weights to start from."""
    engine.check(config.distill)
    model = str(student.make(config.model, local_directory(config.model.path, config.model), stage.directory))
    check_student(config.distill, read_settings(model, STUDENTS), config.model.path)
    tokenizer = load_tokenizer(model, config.model)
    preflight(config.format, tokenizer)
    if config.distill.teacher is not None:
        teacher.check(config.distill, model)
    prepare_data(config, tokenizer, stage)
    if config.distill.val_period:
        held_out.check(config, tokenizer, model, stage.directory.parent)
    rows = count_rows(config.distill, stage.directory / "data" / "train")
    if rows < config.distill.global_batch_size:
        raise InputError(
            f"{rows} training {'sequences' if config.distill.packing else 'examples'} are fewer than "
            f"distill.global_batch_size={config.distill.global_batch_size}; lower it or curate more traces."
        )
    start.prepare(config.distill, stage, model)


def _metrics(config: Config, stage: StageRun) -> dict[str, Any]:
    rows = list(read_metrics(stage.directory))
    training = [row for row in rows if "loss" in row]
    validation = [row for row in rows if "validation_loss" in row]
    complete = checkpoints.latest(stage.directory / CHECKPOINTS)
    found = held_out.summary(config.distill, rows, complete.step)
    return {
        "summary": _summary(training, validation, complete.stopped_early) + held_out.sentence(found),
        "steps": complete.step,
        "stopped_early": complete.stopped_early,
        "loss": training[-1]["loss"],
        "validation_loss": validation[-1]["validation_loss"] if validation else None,
        **found,
        "recoveries": len(health.recoveries(stage.directory)),
        "speed": _speed(training),
        **measured(config.distill, stage.directory / "data" / "train"),
    }


def _speed(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Medians over the logged steps; the first ones warm up."""
    from nemo_reasoning.distill.throughput import MEASURED

    names = [name for name in MEASURED if name in rows[-1]]
    return {name: round(statistics.median(row[name] for row in rows), 4) for name in names if name != "seconds"}


def _summary(training: list[dict[str, Any]], validation: list[dict[str, Any]], stopped_early: bool) -> str:
    parts = [f"{training[-1]['step']:,} steps{' (stopped early)' if stopped_early else ''}"]
    parts.append(f"loss {training[0]['loss']:.3f} -> {training[-1]['loss']:.3f}")
    if validation:
        parts.append(f"validation {validation[-1]['validation_loss']:.3f}")
    return ", ".join(parts)
