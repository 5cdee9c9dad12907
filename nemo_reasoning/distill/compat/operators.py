# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Operators of Megatron's plain torch layers that write each result once.

The layers' own compositions of torch operators build every part of a sum or of a gradient and
then copy the parts together, which on a CPU takes as long as the arithmetic. Same numbers, up
to the rounding of a fused multiply-add.
"""

from typing import Any

import torch
from torch.nn.functional import silu


def swiglu(gate_and_up: torch.Tensor) -> torch.Tensor:
    """SiLU of the first half of the last dimension, times the second half (arXiv 2002.05202).

    Args:
        gate_and_up: Shape: (..., 2 * size).

    Returns:
        Shape: (..., size).
    """
    return _SwiGLU.apply(gate_and_up)


def rotate(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding with the two halves of a head as the pairs' parts (arXiv 2104.09864).

    Args:
        heads: Shape: (..., head_dim).
        cos: Of each angle, broadcast to `heads`. Shape: (..., head_dim), both halves alike.
        sin: Likewise.
    """
    return _Rotation.apply(heads, cos, sin)


def rms_norm(hidden: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Root mean square normalization of the last dimension (arXiv 1910.07467).

    Args:
        hidden: Shape: (..., size).
        weight: Shape: (size,).
        eps: Added to the mean square.
    """
    return _RMSNorm.apply(hidden, weight, eps)


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_and_up: torch.Tensor) -> torch.Tensor:
        gate, up = gate_and_up.chunk(2, dim=-1)
        opened = silu(gate)
        ctx.save_for_backward(gate_and_up, opened)
        return opened * up

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        gate_and_up, opened = ctx.saved_tensors
        gate, up = gate_and_up.chunk(2, dim=-1)
        both = torch.empty_like(gate_and_up)
        to_gate, to_up = both.chunk(2, dim=-1)
        torch.mul(grad, opened, out=to_up)
        torch.mul(grad, up, out=to_gate)
        torch.ops.aten.silu_backward.grad_input(to_gate, gate, grad_input=to_gate)
        return both


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        squares = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True).square_()
        scale = squares.div_(hidden.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(hidden, weight, scale)
        return (hidden * scale).mul_(weight)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        hidden, weight, scale = ctx.saved_tensors
        normed = hidden * scale
        along = (grad * normed).flatten(0, -2)
        share = (along @ weight).view(scale.shape) / hidden.shape[-1]
        to_hidden = (grad * weight).addcmul_(normed, share, value=-1).mul_(scale)
        return to_hidden, along.sum(0), None


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotated(heads, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return _rotated(grad, *ctx.saved_tensors, -1), None, None


def _rotated(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, direction: int) -> torch.Tensor:
    first, second = heads.chunk(2, dim=-1)
    rotated = heads * cos
    to_first, to_second = rotated.chunk(2, dim=-1)
    half_sin = sin.chunk(2, dim=-1)[0]
    to_first.addcmul_(second, half_sin, value=-direction)
    to_second.addcmul_(first, half_sin, value=direction)
    return rotated
