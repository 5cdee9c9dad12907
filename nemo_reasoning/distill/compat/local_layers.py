# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What Megatron's plain torch layers lack beside Transformer Engine's, with and without CUDA."""

from typing import TYPE_CHECKING, Any

from nemo_reasoning.distill.compat.replacing import replace

if TYPE_CHECKING:
    import torch
    from megatron.core.packed_seq_params import PackedSeqParams
    from megatron.core.transformer.dot_product_attention import DotProductAttention


def install() -> None:
    """Apply all of them; only where there is no Transformer Engine."""
    for addition in ADDITIONS:
        addition()


def _sequence_parallel_norm() -> None:
    """Core refuses torch's norms under sequence parallelism; all they need is a mark on their weights.

    The mark has Core sum their gradients, of which each rank has seen a part of the sequence.
    """
    import torch
    from megatron.core.transformer.torch_norm import WrappedTorchNorm

    original = WrappedTorchNorm.__new__
    norms = {"LayerNorm": torch.nn.LayerNorm, "RMSNorm": torch.nn.RMSNorm}

    def new(cls: type, config: Any, hidden_size: int, eps: float = 1e-5, **kwargs: Any) -> torch.nn.Module:
        if not config.sequence_parallel:
            return original(cls, config, hidden_size, eps, **kwargs)
        norm = norms[config.normalization](hidden_size, eps=eps)
        for parameter in norm.parameters():
            parameter.sequence_parallel = True
        return norm

    replace(WrappedTorchNorm, "__new__", new)


def _attention() -> None:
    """Core's plain attention builds all scores and refuses packed sequences; torch's own does neither.

    Packed documents are attended to one by one, so that nothing crosses and no mask of
    quadratic size is made.
    """
    from megatron.core.transformer.dot_product_attention import DotProductAttention

    original = DotProductAttention.forward

    def forward(
        self: DotProductAttention,
        query: "torch.Tensor",
        key: "torch.Tensor",
        value: "torch.Tensor",
        attention_mask: "torch.Tensor | None",
        attn_mask_type: Any = None,
        attention_bias: "torch.Tensor | None" = None,
        packed_seq_params: "PackedSeqParams | None" = None,
    ) -> "torch.Tensor":
        if attention_mask is not None or attention_bias is not None or not _is_plainly_causal(self):
            return original(self, query, key, value, attention_mask, attn_mask_type, attention_bias, packed_seq_params)
        if packed_seq_params is None:
            heads_first = [part.permute(1, 2, 0, 3) for part in (query, key, value)]
            return _causal(*heads_first, self.softmax_scale).permute(2, 0, 1, 3).flatten(2)
        return _causal_documents(query, key, value, packed_seq_params, self.softmax_scale)

    replace(DotProductAttention, "forward", forward)


def _is_plainly_causal(layer: "DotProductAttention") -> bool:
    """No window, no sink and no dropout."""
    from megatron.core.transformer.enums import AttnMaskType

    window = layer.scale_mask_softmax.window_size
    plain = window is None and layer.softmax_offset is None and not layer.attention_dropout.p
    return plain and layer.attn_mask_type == AttnMaskType.causal


def _causal(query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", scale: float) -> "torch.Tensor":
    """Causal attention with grouped key/value heads; each [batch, heads, length, head_dim]."""
    from torch.nn.functional import scaled_dot_product_attention

    grouped = query.shape[1] != key.shape[1]
    return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale, enable_gqa=grouped)


def _causal_documents(
    query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", packed: "PackedSeqParams", scale: float
) -> "torch.Tensor":
    """Causal attention within each document; each [tokens, heads, head_dim], gives [tokens, heads * head_dim]."""
    import torch

    lengths = packed.cu_seqlens_q.diff().tolist()
    documents = zip(*(part.transpose(0, 1).split(lengths, dim=1) for part in (query, key, value)), strict=True)
    attended = [_causal(*(part[None] for part in document), scale)[0] for document in documents if document[0].shape[1]]
    return torch.cat(attended, dim=1).transpose(0, 1).flatten(1)


def _distributed_adam_step() -> None:
    """Core's distributed optimizer loses the step of torch's Adam on a resume.

    It reads the step from a state that does not exist yet, gives all parameters one tensor to
    count with, and then copies the fresh zero over it. Here each parameter gets its own,
    with the saved step, once all is loaded.
    """
    import torch
    from megatron.core.optimizer import distrib_optimizer

    if distrib_optimizer.HAVE_APEX_OR_TE:  # another Adam, which keeps its step elsewhere
        return
    optimizer = distrib_optimizer.DistributedOptimizer
    original_state, original_load = optimizer.state_dict, optimizer.load_state_dict

    def state_dict(self: Any) -> dict[str, Any]:
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        for parameter in parameters:
            state = self.optimizer.state[parameter]
            state.setdefault("step", torch.tensor(0.0))
            for key in self.optimizer_state_keys:
                state.setdefault(key, torch.zeros_like(parameter))
        if not parameters:  # all of this rank's are frozen, and there must be a step nevertheless
            self.optimizer.state["nothing"] = {"step": torch.tensor(0.0)}
        saved = original_state(self)
        self.optimizer.state.pop("nothing", None)
        return saved

    def load_state_dict(self: Any, saved: dict[str, Any]) -> None:
        original_load(self, saved)
        step = float(saved["optimizer"]["param_groups"][0]["step"])
        for state in self.optimizer.state.values():
            state["step"] = torch.tensor(step)

    replace(optimizer, "state_dict", state_dict)
    replace(optimizer, "load_state_dict", load_state_dict)


def _adapters_of_plain_layers() -> None:
    """Bridge's adapters take Core's placeholders for Transformer Engine's layers and look for their attributes."""
    from megatron.bridge.peft import utils

    replace(utils, "HAVE_TE", False)


ADDITIONS = (_sequence_parallel_norm, _attention, _distributed_adam_step, _adapters_of_plain_layers)
