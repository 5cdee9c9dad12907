# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The plan of a distillation: memory, time, and whether it fits."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from nemo_reasoning.config import Config, Distill
from nemo_reasoning.distill import check
from nemo_reasoning.distill.recipe import train_iters
from nemo_reasoning.plan import memory, speed
from nemo_reasoning.plan.amount import Amount, amount
from nemo_reasoning.plan.hardware import GPUS
from nemo_reasoning.plan.job import Job, Layout, job, layout
from nemo_reasoning.plan.memory import USABLE, Memory
from nemo_reasoning.plan.search import best_layout

MOST_GPUS = 512
"""How far a suggestion goes."""


@dataclass(frozen=True)
class Plan:
    """What a distillation takes on given GPUs; memory in bytes.

    Attributes:
        model: The student.
        parameters: Its parameters.
        gpu: Kind of GPU.
        gpus: Number of them.
        layout: How the model is divided among them.
        memory: On the GPU that needs most.
        usable: Memory of a GPU that can be planned.
        tokens_per_step: Padding included.
        flops_per_token: Forward and backward, without recomputation.
        mfu: Share of the peak that is expected.
        step_seconds: Time of a step.
        steps: Optimizer steps; None where the amount of data is not known.
        hours: Time in all, likewise.
        suggestion: A layout that fits, where this one does not.
        notes: What the estimates assume.
    """

    model: str
    parameters: int
    gpu: str
    gpus: int
    layout: Layout
    memory: Memory
    usable: float
    tokens_per_step: int
    flops_per_token: float
    mfu: float
    step_seconds: float
    steps: int | None
    hours: float | None
    suggestion: Layout | None
    notes: list[str]

    @property
    def fits(self) -> bool:
        """Whether the memory suffices."""
        return self.memory.total <= self.usable

    @property
    def tokens_per_second(self) -> float:
        """Of all GPUs."""
        return self.tokens_per_step / self.step_seconds

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        derived = {"fits": self.fits, "tokens_per_second": self.tokens_per_second}
        return {**asdict(self), "memory": {**asdict(self.memory), "total": self.memory.total}, **derived}


def plan(config: Config) -> Plan:
    """Plan a distillation; an automatic layout is chosen, and kept even if it does not fit.

    Raises:
        InputError: The model's shape is not known, or the sizes do not divide the GPUs.
    """
    work, gpu = job(config), GPUS[config.plan.gpu]
    gpus = config.plan.gpus or config.distill.num_processes
    chosen = best_layout(config, gpus) if config.distill.layout == "auto" else None
    used = chosen or layout(config.distill, gpus)
    check(_laid_out(config, used))
    needed = memory.estimate(work, used)
    data = amount(config)
    length = data.tokens or config.distill.seq_length
    mfu = config.plan.mfu or speed.default_mfu(config.distill, gpu)
    seconds = speed.step_seconds(work, used, gpu, length, mfu)
    steps = _steps(config.distill, data)
    return Plan(
        model=config.model.path,
        parameters=work.shape.parameters,
        gpu=config.plan.gpu,
        gpus=gpus,
        layout=used,
        memory=needed,
        usable=USABLE * gpu.memory,
        tokens_per_step=config.distill.global_batch_size * config.distill.seq_length,
        flops_per_token=speed.model_flops(work.shape, length),
        mfu=mfu,
        step_seconds=seconds,
        steps=steps,
        hours=None if steps is None else steps * seconds / 3600,
        suggestion=None if needed.fits(gpu) else _suggest(config, gpus),
        notes=_notes(work, steps, data),
    )


def _suggest(config: Config, gpus: int) -> Layout | None:
    """A fitting layout on as many GPUs, or on the next power-of-two multiple on which there is one."""
    free = _laid_out(config, Layout())
    while gpus <= MOST_GPUS:
        found = best_layout(free, gpus)
        if found:
            return found
        gpus *= 2
    return None


def _laid_out(config: Config, chosen: Layout) -> Config:
    settings = {**chosen.settings(), "num_processes": chosen.gpus}
    return config.model_copy(update={"distill": config.distill.model_copy(update=settings)})


def _steps(distill: Distill, data: Amount) -> int | None:
    if distill.train_iters is not None:
        return distill.train_iters
    if not (data.traces and data.tokens):
        return None
    rows = math.ceil(data.traces * data.tokens / distill.seq_length) if distill.packing else data.traces
    return train_iters(distill, rows)


def _notes(work: Job, steps: int | None, data: Amount) -> list[str]:
    notes = [
        "Estimates by formula (docs/recipes.md): flash attention, distributed optimizer, "
        f"{1 - USABLE:.0%} of the GPU left to CUDA, NCCL and fragments."
    ]
    if data.traces and data.tokens:
        notes.append(f"{data.traces:,} traces of {data.tokens:,.0f} tokens on average, {data.source}.")
    if steps is None:
        notes.append("Set plan.traces and plan.trace_tokens (their average length) for steps and hours.")
    if data.tokens is None and work.distill.packing:
        notes.append("The attention's work is counted as if each sequence held one trace: an upper bound.")
    return notes
