# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""How the divergence from a teacher joins the loss of the traces."""

from functools import partial
from typing import Any

import torch
from modelopt.torch.distill import DistillationLossBalancer
from modelopt.torch.distill.loss_balancers import STUDENT_LOSS_KEY


class WeightedSum(DistillationLossBalancer):
    """The traces' loss plus the divergence times a fixed factor.

    ModelOpt's own balancer scales the divergence to the size of the traces' loss in each micro
    batch anew, so that its gradient depends on micro batch size and parallel layout. Here every
    supervised token weighs the same.
    """

    def __init__(self, factor: float) -> None:
        """Set the factor of the divergence."""
        super().__init__()
        self._factor = factor

    def forward(self, losses: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Join the sums over a micro batch's supervised tokens; names are those that Bridge reports."""
        traces = losses.pop(STUDENT_LOSS_KEY)
        (divergence,) = losses.values()
        total = traces + self._factor * divergence
        return {"kd_loss": total, "logits_loss": divergence, "intermediate_loss": torch.zeros_like(divergence)}


def keep_logits(chunks: list[Any]) -> list[Any]:
    """Have a model's cross entropy work on a copy; Bridge calls it before wrapping a model.

    Megatron's overwrites fp32 logits, which the divergence still needs; of bf16 ones it makes a copy itself.
    """
    for chunk in chunks:
        chunk.compute_language_model_loss = partial(_on_a_copy, chunk.compute_language_model_loss)
    return chunks


def _on_a_copy(loss: Any, labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return loss(labels, logits.clone())
