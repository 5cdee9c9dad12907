# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The exported model beside the trained one: the same losses on the same tokens."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from nemo_reasoning.config import Distill
from nemo_reasoning.distill.checks import length_unit

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LENGTH = 64
"""Tokens that are compared, rounded up to what the layout and the precision divide."""
TOLERANCE = {"fp32": 1e-3, "bf16": 0.1}
FP8_TOLERANCE = 0.5
"""Mean absolute difference of the token losses that rounding may cause. A wrong conversion costs nats."""


def length(distill: Distill) -> int:
    """Number of tokens that are compared."""
    unit = length_unit(distill)
    return -(-LENGTH // unit) * unit


def trained_losses(model: list[Any], ids: torch.Tensor) -> torch.Tensor | None:
    """Losses of the model in memory; every rank calls this.

    Args:
        model: Megatron's model chunks on this rank.
        ids: Tokens, int64 [length + 1].

    Returns:
        Loss of each token but the first, float32 [length], on all ranks. None under context or
        virtual pipeline parallelism, where a rank holds only a part of the sequence or model.
    """
    from megatron.core import parallel_state
    from megatron.core.pipeline_parallel import get_forward_backward_func
    from modelopt.torch.distill.plugins.megatron import get_tensor_shapes_adjust_fn_for_distillation

    if parallel_state.get_context_parallel_world_size() > 1 or len(model) > 1:
        return None
    for chunk in model:
        chunk.eval()
    shape = {"seq_length": len(ids) - 1, "micro_batch_size": 1}
    with torch.no_grad():
        outputs = get_forward_backward_func()(
            forward_step_func=_forward,
            data_iterator=iter([ids.cuda()]),
            model=model,
            num_microbatches=1,
            forward_only=True,
            collect_non_loss_data=True,
            adjust_tensor_shapes_fn=get_tensor_shapes_adjust_fn_for_distillation(
                model, **shape, decoder_seq_length=len(ids) - 1
            ),
            **shape,
        )
    losses = torch.empty(len(ids) - 1, dtype=torch.float32, device="cuda")
    if parallel_state.is_pipeline_last_stage():
        losses.copy_(outputs[0].flatten())
    torch.distributed.broadcast(losses, src=torch.distributed.get_world_size() - 1)
    return losses.cpu()


def check(distill: Distill, model: "PreTrainedModel", ids: torch.Tensor, trained: torch.Tensor) -> None:
    """Compare the exported model, as transformers loads it, with the trained one.

    Args:
        distill: The stage's settings.
        model: The exported model.
        ids: As in `trained_losses`.
        trained: Its result.

    Raises:
        RuntimeError: The losses are others.
    """
    with torch.no_grad():
        logits = model(ids[None, :-1]).logits[0].float()
    exported = F.cross_entropy(logits, ids[1:], reduction="none")
    difference = (exported - trained).abs().mean().item()
    if not difference <= TOLERANCE.get(distill.precision, FP8_TOLERANCE):
        raise RuntimeError(f"the exported model's losses differ from the trained one's by {difference:.3g} on average")


def _forward(iterator: Iterator[torch.Tensor], model: Any) -> tuple[torch.Tensor, Any]:
    ids = next(iterator)
    positions = torch.arange(len(ids) - 1, device=ids.device)[None]
    losses = model(input_ids=ids[None, :-1], position_ids=positions, attention_mask=None, labels=ids[None, 1:])
    return losses, lambda output, non_loss_data: output
