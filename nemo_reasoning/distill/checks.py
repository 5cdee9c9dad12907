# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What can be known to be wrong with a distillation before anything heavy is imported."""

import importlib.util
from collections.abc import Collection
from pathlib import Path
from typing import Any

from nemo_reasoning.config import Config, Distill
from nemo_reasoning.config.model import STUDENTS
from nemo_reasoning.config.weights import layer_numbers
from nemo_reasoning.distill import start, tracking
from nemo_reasoning.distill.student import described
from nemo_reasoning.errors import InputError
from nemo_reasoning.models import check_model_directory, read_settings
from nemo_reasoning.plan.architectures import ARCHITECTURES

FP8_ALIGNMENT = {"fp8": 16, "fp8_blockwise": 128, "mxfp8": 32}
"""What each rank's number of tokens must be a multiple of, as its FP8 products run over them in the backward pass.

Transformer Engine's `get_align_size_for_quantization` and Megatron-Core's `get_fp8_align_size` say 32 for MXFP8
and 16 else; but the former gathers tensors in blocks of 128 in FP8 only where these are whole.
"""


def check(config: Config) -> None:
    """Check the parallel layout, whether it divides the student where its shape is known, and what else is needed.

    Raises:
        InputError: The sizes do not divide one another, or a package, key or checkpoint is missing.
    """
    distill = config.distill
    tracking.check(distill)
    if distill.init is not None:
        start.kind(Path(distill.init))
    tensor, pipeline = distill.tensor_model_parallel_size, distill.pipeline_model_parallel_size
    ranks_per_replica = tensor * pipeline * distill.context_parallel_size
    _divides("distill.num_processes", distill.num_processes, "the model-parallel ranks", ranks_per_replica)
    replicas = distill.num_processes // ranks_per_replica
    samples = distill.micro_batch_size * replicas
    batch = distill.global_batch_size
    _divides("distill.global_batch_size", batch, "micro_batch_size times the data-parallel ranks", samples)
    if distill.sequence_parallel and tensor == 1:
        raise InputError("distill.sequence_parallel needs distill.tensor_model_parallel_size above 1; switch it off.")
    _divides("distill.seq_length", distill.seq_length, "what the parallel layout splits it into", length_unit(distill))
    _check_groups(distill)
    if distill.teacher is not None:
        _check_teacher(distill)
    if config.model.scratch:
        check_student(distill, config.model.scratch.model_dump(), "model.scratch")
    elif known := _known_settings(config.model.path, STUDENTS):
        check_student(distill, described(config.model, known), config.model.path)


def check_student(distill: Distill, student: dict[str, Any], name: str) -> None:
    """Check the student's sizes as `check_sizes` does, and that it has the named layers.

    Args:
        distill: The stage's settings.
        student: The content of its Hugging Face `config.json`.
        name: Its path, for the message.

    Raises:
        InputError: They do not fit.
    """
    check_sizes(distill, student, name)
    for group in (*distill.freeze, *distill.lr_multipliers):
        if layer_numbers(group).stop > student["num_hidden_layers"]:
            raise InputError(f"{group} is beyond the {student['num_hidden_layers']} layers of {name}; correct it.")
        if group == "output_layer" and student.get("tie_word_embeddings"):
            raise InputError(f"the output layer of {name} is its embedding; name the embedding instead.")


def check_sizes(distill: Distill, model: dict[str, Any], name: str) -> None:
    """Check that the tensor- and pipeline-parallel sizes divide a model's, and that it has enough positions.

    Args:
        distill: The stage's settings.
        model: The content of its Hugging Face `config.json`.
        name: Its path, for the message.

    Raises:
        InputError: They do not, or it has not.
    """
    heads = model["num_attention_heads"]
    sizes = {
        "attention heads": heads,
        "key/value heads": model.get("num_key_value_heads") or heads,
        "intermediate size": model["intermediate_size"],
        "vocabulary size": model["vocab_size"],
    }
    for what, size in sizes.items():
        _divides_model(distill, "tensor_model_parallel_size", name, what, size)
    _divides_model(distill, "pipeline_model_parallel_size", name, "layers", model["num_hidden_layers"])
    longest = model["max_position_embeddings"]
    if distill.seq_length > longest:
        raise InputError(
            f"distill.seq_length={distill.seq_length} is longer than the {longest} positions of {name}; "
            "lower it, or extend the model by model.rope_theta and model.max_position_embeddings."
        )


def _known_settings(path: str, types: Collection[str] = ()) -> dict[str, Any] | None:
    """The content of a model's `config.json`, where it is at hand or published; errors as in `read_settings`."""
    if Path(path).is_dir():
        return read_settings(path, types)
    return ARCHITECTURES[path].settings() if path in ARCHITECTURES else None


def _check_teacher(distill: Distill) -> None:
    """What is known of the teacher before its tokenizer is compared with the student's."""
    if importlib.util.find_spec("modelopt") is None:
        raise InputError("distill.teacher needs the package nvidia-modelopt; install it, or clear distill.teacher.")
    check_model_directory(distill.teacher)
    known = _known_settings(distill.teacher)
    if known:
        check_sizes(distill, known, distill.teacher)


def _check_groups(distill: Distill) -> None:
    """No weight may be named twice: what should hold for it?"""
    named = [part for group in (*distill.freeze, *distill.lr_multipliers) for part in layer_numbers(group) or [group]]
    twice = sorted({str(part) for part in named if named.count(part) > 1})
    if twice:
        what = f"layer {twice[0]}" if twice[0].isdigit() else f"the {twice[0]}"
        raise InputError(f"distill.freeze and distill.lr_multipliers name {what} twice; name it once.")


def data_parallel_size(distill: Distill) -> int:
    """Number of model replicas that share the global batch."""
    return distill.num_processes // (
        distill.tensor_model_parallel_size * distill.pipeline_model_parallel_size * distill.context_parallel_size
    )


def length_unit(distill: Distill) -> int:
    """What every batch length must be a multiple of: all ranks have equal shares, and FP8 ones their alignment."""
    context = 2 * distill.context_parallel_size if distill.context_parallel_size > 1 else 1
    shares = context * (distill.tensor_model_parallel_size if distill.sequence_parallel else 1)
    return shares * FP8_ALIGNMENT.get(distill.precision, 1)


def _divides(name: str, value: int, what: str, unit: int) -> None:
    if value % unit:
        raise InputError(f"{name}={value} is not a multiple of {what} ({unit}); change one of them.")


def _divides_model(distill: Distill, setting: str, name: str, what: str, size: int) -> None:
    parts = getattr(distill, setting)
    if size % parts:
        raise InputError(f"distill.{setting}={parts} does not divide the {size} {what} of {name}; lower it.")
