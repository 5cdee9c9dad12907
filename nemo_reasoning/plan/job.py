# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the estimates depend on: the model, the settings of the training, and how it is laid out."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from nemo_reasoning.config import Config, Distill, Model
from nemo_reasoning.config.model import STUDENTS
from nemo_reasoning.errors import InputError
from nemo_reasoning.models import read_settings
from nemo_reasoning.plan.architectures import ARCHITECTURES
from nemo_reasoning.plan.shapes import Shape, from_settings

Recompute = Literal["none", "selective", "full"]


@dataclass(frozen=True)
class Layout:
    """How a model is divided among GPUs.

    Attributes:
        tensor: Tensor-parallel ranks.
        pipeline: Pipeline stages.
        context: Context-parallel ranks.
        data: Replicas.
        sequence_parallel: What tensor parallelism replicates is divided along the sequence.
        recompute: Activations that are computed again in the backward pass.
    """

    tensor: int = 1
    pipeline: int = 1
    context: int = 1
    data: int = 1
    sequence_parallel: bool = False
    recompute: Recompute = "none"

    @property
    def gpus(self) -> int:
        """All ranks."""
        return self.tensor * self.pipeline * self.context * self.data

    def settings(self) -> dict[str, int | bool | str]:
        """As settings of the section `distill`."""
        return {
            "tensor_model_parallel_size": self.tensor,
            "pipeline_model_parallel_size": self.pipeline,
            "context_parallel_size": self.context,
            "sequence_parallel": self.sequence_parallel,
            "recompute": self.recompute,
        }


@dataclass(frozen=True)
class Job:
    """A training, without its layout."""

    shape: Shape
    distill: Distill
    teacher: Shape | None = None

    def micro_batches(self, layout: Layout) -> int:
        """Micro batches of a step on each rank."""
        return self.distill.global_batch_size // (self.distill.micro_batch_size * layout.data)

    def tokens(self, layout: Layout) -> int:
        """Tokens of a micro batch on each rank, before tensor parallelism."""
        return self.distill.micro_batch_size * self.distill.seq_length // layout.context


def job(config: Config) -> Job:
    """The training that a configuration describes.

    Raises:
        InputError: The model is neither a local directory nor a known one.
    """
    teacher = config.distill.teacher
    return Job(shape(config.model), config.distill, shape(Model(path=teacher), types=()) if teacher else None)


def shape(model: Model, types: Collection[str] = STUDENTS) -> Shape:
    """The model's shape: of the model to be made, of a local config.json, or of the table.

    Raises:
        InputError: It is none of these, or as in `read_settings`.
    """
    if model.scratch:
        made = model.scratch.model_dump()
        found = from_settings({**made, "model_type": made["architecture"]})
    elif Path(model.path).is_dir():
        found = from_settings(read_settings(model.path, types))
    elif model.path in ARCHITECTURES:
        found = ARCHITECTURES[model.path]
    else:
        raise InputError(
            f"the shape of model.path={model.path} is not known here; give a local directory with its config.json."
        )
    changed = {"rope_theta": model.rope_theta, "positions": model.max_position_embeddings}
    return replace(found, **{name: value for name, value in changed.items() if value})


def layout(distill: Distill, gpus: int) -> Layout:
    """The layout that the settings give on `gpus` GPUs.

    Raises:
        InputError: The model-parallel sizes do not divide the number of GPUs.
    """
    sizes = Layout(
        distill.tensor_model_parallel_size,
        distill.pipeline_model_parallel_size,
        distill.context_parallel_size,
        1,
        distill.sequence_parallel,
        distill.recompute,
    )
    if gpus % sizes.gpus:
        raise InputError(
            f"{gpus} GPUs are not a multiple of the {sizes.gpus} model-parallel ranks; change one of them."
        )
    return replace(sizes, data=gpus // sizes.gpus)
