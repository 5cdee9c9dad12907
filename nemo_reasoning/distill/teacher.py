# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Logit distillation: the student also learns a teacher's distribution of the next token, through ModelOpt."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from nemo_reasoning.config import Distill
from nemo_reasoning.distill.checks import check_sizes
from nemo_reasoning.errors import InputError
from nemo_reasoning.models import check_model_directory, load_tokenizer, local_directory, read_settings

if TYPE_CHECKING:
    from megatron.bridge.models.gpt_provider import GPTModelProvider


def attach(distill: Distill, model: "GPTModelProvider") -> "GPTModelProvider":
    """Turn a student's provider into one of student and teacher; `check` has passed.

    The divergence is multiplied by the square of the temperature, by which dividing the logits
    shrinks its gradient (Hinton et al. 2015, arXiv 1503.02531, section 2).

    Args:
        distill: The stage's settings.
        model: Provider of the student.
    """
    from megatron.bridge.models.distillation_provider import convert_to_distillation_provider
    from megatron.bridge.training.post_training.distillation import ModelOptDistillConfig

    from nemo_reasoning.distill import recipe
    from nemo_reasoning.distill.divergence import WeightedSum, keep_logits

    temperature = distill.teacher_temperature
    settings = ModelOptDistillConfig(
        skip_lm_loss=False,
        logit_kl_temperature=temperature,
        loss_balancer=WeightedSum(distill.teacher_weight * temperature**2),
    )
    teacher = recipe.provider(distill, local_directory(distill.teacher), load_weights=True)
    both = convert_to_distillation_provider(model, teacher, settings)
    if distill.precision == "fp32":
        both.register_pre_wrap_hook(keep_logits)
    return both


def check(distill: Distill, student: str) -> None:
    """Check that a teacher can teach a student: tokens, logits, and the parallel layout.

    Args:
        distill: The stage's settings.
        student: The student's Hugging Face directory.

    Raises:
        InputError: The teacher cannot be found, has another tokenizer or another number of logits,
            or its sizes are not divided by the layout.
    """
    teacher = local_directory(distill.teacher)
    check_model_directory(teacher)
    _check_vocabularies(student, teacher)
    check_sizes(distill, read_settings(teacher), teacher)


def _check_vocabularies(student: str, teacher: str) -> None:
    if load_tokenizer(student).get_vocab() != load_tokenizer(teacher).get_vocab():
        raise InputError(f"the teacher {teacher} has another tokenizer than {student}; choose one of its family.")
    sizes = [read_settings(path)["vocab_size"] for path in (student, teacher)]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"the teacher {teacher} has {sizes[1]} logits, the student {sizes[0]}; choose another teacher."
        )


@contextmanager
def hidden(model: list[Any]) -> Iterator[None]:
    """Hide the teacher, where there is one, from what reads a model's weights.

    Args:
        model: Megatron's model chunks on this rank, unwrapped.
    """
    with ExitStack() as stack:
        for chunk in model:
            if hasattr(chunk, "hide_teacher_model"):
                stack.enter_context(chunk.hide_teacher_model())
                stack.enter_context(_detached(chunk.config))
        yield


@contextmanager
def _detached(config: Any) -> Iterator[None]:
    """Part a student's configuration from the teacher's, to which it passes on whatever is set, and from the
    divergence: the export clears functions in copies of it, and sends them to other ranks."""
    parted = {name: getattr(config, name) for name in ("teacher", "kd_config")}
    for name in parted:
        object.__setattr__(config, name, None)
    try:
        yield
    finally:
        for name, value in parted.items():
            object.__setattr__(config, name, value)
