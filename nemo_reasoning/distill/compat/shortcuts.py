# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The same numbers in less time, where Megatron's plain torch layers train on the CPU.

Transformer Engine has fused kernels for all of this; the plain layers are made to be read.
"""

import functools
from typing import TYPE_CHECKING, Any

from nemo_reasoning.distill.compat.replacing import replace

if TYPE_CHECKING:
    import torch


def install() -> None:
    """Apply all of them; only where there is neither Transformer Engine nor CUDA."""
    for shortcut in SHORTCUTS:
        shortcut()


def _swiglu() -> None:
    """The gated MLP of Qwen and Llama as one operator."""
    from megatron.core.transformer.mlp import MLP
    from torch.nn.functional import silu

    from nemo_reasoning.distill.compat.operators import swiglu

    original = MLP.forward

    def forward(self: MLP, hidden_states: "torch.Tensor", per_token_scale: Any = None, **kwargs: Any) -> Any:
        config = self.config
        plain = config.activation_func == silu and config.gated_linear_unit and per_token_scale is None
        if not plain or config.activation_func_clamp_value is not None or config.glu_linear_offset:
            return original(self, hidden_states, per_token_scale, **kwargs)
        hidden, bias = self.linear_fc1(hidden_states)
        return self.linear_fc2(swiglu(hidden if bias is None else hidden + bias))

    replace(MLP, "forward", forward)


def _norm() -> None:
    """Torch has a fused RMSNorm on CUDA only."""
    import torch

    from nemo_reasoning.distill.compat.operators import rms_norm

    original = torch.nn.RMSNorm.forward

    def forward(self: torch.nn.RMSNorm, hidden: torch.Tensor) -> torch.Tensor:
        plain = len(self.normalized_shape) == 1 and self.eps is not None and self.weight is not None
        if not plain or hidden.dtype != torch.float32:
            return original(self, hidden)
        return rms_norm(hidden, self.weight, self.eps)

    replace(torch.nn.RMSNorm, "forward", forward)


def _rotary() -> None:
    """Core takes the sines of all angles anew in each layer, and rotates packed documents one by one."""
    from megatron.core.models.common.embeddings import rope_utils

    from nemo_reasoning.distill.compat.operators import rotate

    rows, documents = rope_utils._apply_rotary_pos_emb_bshd, rope_utils._apply_rotary_pos_emb_thd

    def plain(heads: "torch.Tensor", angles: "torch.Tensor", options: dict[str, Any]) -> bool:
        usual = not options.get("rotary_interleaved") and not options.get("mla_rotary_interleaved")
        return usual and options.get("mscale", 1.0) == 1.0 and angles.shape[-1] == heads.shape[-1]

    def rotate_rows(heads: "torch.Tensor", angles: "torch.Tensor", **options: Any) -> "torch.Tensor":
        if not plain(heads, angles, options):
            return rows(heads, angles, **options)
        return rotate(heads, *_cos_sin(angles, heads.dtype))

    def rotate_documents(
        heads: "torch.Tensor", boundaries: "torch.Tensor", angles: "torch.Tensor", **options: Any
    ) -> "torch.Tensor":
        if not plain(heads, angles, options) or options["cp_group"].size() > 1:
            return documents(heads, boundaries, angles, **options)
        return rotate(heads, *_cos_sin(_of_documents(boundaries, angles), heads.dtype))

    replace(rope_utils, "_apply_rotary_pos_emb_bshd", rotate_rows)
    replace(rope_utils, "_apply_rotary_pos_emb_thd", rotate_documents)


def _once(make: Any) -> Any:
    """Keep with a tensor what `make` last gave for it; neither it nor a tensor among the arguments may change."""
    name = make.__name__

    @functools.wraps(make)
    def made(tensor: "torch.Tensor", *arguments: Any) -> Any:
        kept, value = getattr(tensor, name, ((), None))
        if len(kept) != len(arguments) or any(old is not new for old, new in zip(kept, arguments, strict=True)):
            value = make(tensor, *arguments)
            setattr(tensor, name, (arguments, value))
        return value

    return made


@_once
def _cos_sin(angles: "torch.Tensor", dtype: "torch.dtype") -> "tuple[torch.Tensor, torch.Tensor]":
    return angles.cos().to(dtype), angles.sin().to(dtype)


@_once
def _of_documents(boundaries: "torch.Tensor", angles: "torch.Tensor") -> "torch.Tensor":
    """The angles of packed documents, each of which begins anew; [tokens, 1, head_dim]."""
    import torch

    lengths = boundaries.diff()
    begins = torch.repeat_interleave(boundaries[:-1], lengths)
    return angles[torch.arange(len(begins)) - begins].squeeze(1)


def _nothing_to_gather() -> None:
    """A single data-parallel replica has nothing to add up or to collect, but gloo copies its buffers all the same."""
    from megatron.core.distributed import param_and_grad_buffer

    for name in ("dist_reduce_scatter_func", "dist_all_gather_func"):
        replace(param_and_grad_buffer, name, _unless_alone(getattr(param_and_grad_buffer, name)))


def _unless_alone(collective: Any) -> Any:
    def together(output: "torch.Tensor", given: "torch.Tensor", *args: Any, group: Any, **kwargs: Any) -> Any:
        if group.size() == 1 and output.data_ptr() == given.data_ptr():
            return None
        return collective(output, given, *args, group=group, **kwargs)

    return together


def _fused_adam() -> None:
    """Torch has AdamW as one kernel, for the CPU too."""
    from megatron.core.optimizer.distrib_optimizer import DistributedOptimizer

    original = DistributedOptimizer.__init__

    def init(self: DistributedOptimizer, optimizer: Any, *args: Any, **kwargs: Any) -> None:
        original(self, optimizer, *args, **kwargs)
        for group in self.optimizer.param_groups if self.optimizer else ():
            group["fused"] = True

    replace(DistributedOptimizer, "__init__", init)


SHORTCUTS = (_swiglu, _norm, _rotary, _nothing_to_gather, _fused_adam)
