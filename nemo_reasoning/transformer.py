# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The blocks of Hugging Face Qwen2, Qwen3 and Llama models in few operations, for sampling and for training.

Projections that read the same input are fused, the weight of a norm and the scale of attention
are folded into the projection that follows, and tokens stand one after another, `[tokens, ...]`,
whatever sequences they belong to. The weights are the model's own: gradients reach them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nemo_reasoning.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ARCHITECTURES = ("qwen2", "qwen3", "llama")
ROPE_TYPES = ("default", "linear", "llama3", "yarn")
"""Those whose angles depend on the position alone, not on the length of the sequence."""
Rope = tuple[Tensor, Tensor]
"""Cosines, and sines whose first half is negated, `[tokens, 1, head_dim]`."""


@dataclass(frozen=True)
class Layer:
    """Weights of one transformer block, fused where they share an input."""

    qkv: Tensor
    qkv_bias: Tensor | None
    qk_norm: Tensor | None
    """`[heads + kv_heads, head_dim]`, Qwen3 only."""
    out: Tensor
    out_bias: Tensor | None
    gate_up: Tensor
    gate_up_bias: Tensor | None
    down: Tensor
    down_bias: Tensor | None


class Transformer:
    """A causal language model's weights and what it computes of tokens.

    Args:
        model: A Hugging Face Qwen2, Qwen3 or Llama causal language model; its weights are read
            at `refresh`.
        dtype: Of the weights; None keeps the model's.

    Raises:
        InputError: The architecture, its rotary embedding or its attention is not supported.
    """

    def __init__(self, model: "PreTrainedModel", dtype: torch.dtype | None = None) -> None:
        check_supported(model)
        self.model = model
        self.dtype = dtype or model.dtype
        config = model.config
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = model.model.layers[0].self_attn.head_dim
        self.eps = config.rms_norm_eps
        self.refresh()

    def refresh(self) -> None:
        """Read the model's weights again; gradients flow through those that are read with gradients on."""
        base = self.model.model
        self.embedding = self._weight(base.embed_tokens.weight)
        self.final_norm = self._weight(self._norm(base.norm))
        self.head = self._weight(self.model.lm_head.weight)
        self.layers = [self._layer(block) for block in base.layers]

    def _weight(self, *parameters: Tensor | None, scale: Tensor | None = None) -> Tensor | None:
        if parameters[0] is None:
            return None
        tensor = torch.cat(parameters) if len(parameters) > 1 else parameters[0]
        return (tensor if scale is None else tensor * scale).to(self.dtype)

    def _norm(self, norm: torch.nn.Module) -> Tensor:
        return norm.weight * self.model.config.hidden_size**0.5

    def _layer(self, block: torch.nn.Module) -> Layer:
        attention, mlp = block.self_attn, block.mlp
        q, k, v = attention.q_proj, attention.k_proj, attention.v_proj
        norm, second_norm = self._norm(block.input_layernorm), self._norm(block.post_attention_layernorm)
        scale = torch.ones(self.heads + 2 * self.kv_heads, device=norm.device)
        scale[: self.heads] = self.head_dim**-0.5
        qk_norm, rows = None, scale.repeat_interleave(self.head_dim)
        if self.model.config.model_type == "qwen3":
            norms = (attention.q_norm.weight.expand(self.heads, -1), attention.k_norm.weight.expand(self.kv_heads, -1))
            qk_norm = self._weight(*norms, scale=self.head_dim**0.5 * scale[: self.heads + self.kv_heads, None])
            rows = torch.ones_like(rows)
        return Layer(
            qkv=self._weight(q.weight, k.weight, v.weight, scale=rows[:, None] * norm),
            qkv_bias=self._weight(q.bias, k.bias, v.bias, scale=rows),
            qk_norm=qk_norm,
            out=self._weight(attention.o_proj.weight),
            out_bias=self._weight(attention.o_proj.bias),
            gate_up=self._weight(mlp.gate_proj.weight, mlp.up_proj.weight, scale=second_norm),
            gate_up_bias=self._weight(mlp.gate_proj.bias, mlp.up_proj.bias),
            down=self._weight(mlp.down_proj.weight),
            down_bias=self._weight(mlp.down_proj.bias),
        )

    @torch.no_grad()
    def rope_table(self, length: int) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines `[length, head_dim]` of positions 0, 1, ..., by the model's own module."""
        positions = torch.arange(length, device=self.embedding.device)[None]
        cos, sin = self.model.model.rotary_emb(self.embedding[:1], positions)
        left, right = sin[0].chunk(2, dim=-1)
        return cos[0], torch.cat([-left, right], dim=-1)

    def qkv(self, layer: Layer, x: Tensor, rope: Rope) -> tuple[Tensor, Tensor]:
        """Rotated queries (scaled) and keys `[tokens, heads + kv_heads, head_dim]`, and values."""
        h = F.linear(self.normed(x), layer.qkv, layer.qkv_bias).unflatten(-1, (-1, self.head_dim))
        qk, v = h.split([self.heads + self.kv_heads, self.kv_heads], dim=-2)
        if layer.qk_norm is not None:
            qk = self.normed(qk) * layer.qk_norm
        left, right = qk.chunk(2, dim=-1)
        return torch.addcmul(qk * rope[0], torch.cat([right, left], dim=-1), rope[1]), v

    def finish(self, layer: Layer, x: Tensor, attended: Tensor) -> Tensor:
        """The block after its attention: output projection, residuals, gated MLP."""
        x = x + F.linear(attended, layer.out, layer.out_bias)
        gate, up = F.linear(self.normed(x), layer.gate_up, layer.gate_up_bias).chunk(2, dim=-1)
        return x + F.linear(F.silu(gate) * up, layer.down, layer.down_bias)

    def normed(self, x: Tensor) -> Tensor:
        """`x` over its root *sum* of squares; the root of its size and the norm's weight are in what follows."""
        least = (x.shape[-1] * self.eps) ** 0.5
        return _Normed.apply(x, least) if torch.is_grad_enabled() else _normed(x, least)[0]

    def logits(self, x: Tensor) -> Tensor:
        """Of the next token, fp32."""
        return F.linear(self.normed(x) * self.final_norm, self.head).float()


class _Normed(torch.autograd.Function):
    """`_normed` with a gradient in half as many passes as autograd would find."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, least: float) -> Tensor:
        normed, size = _normed(x, least)
        ctx.save_for_backward(normed, size)
        return normed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        normed, size = ctx.saved_tensors
        along = (gradient * normed).sum(-1, keepdim=True)
        return torch.addcmul(gradient, normed, along, value=-1).div_(size), None


def _normed(x: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """`x` over the root of its sum of squares and the square of `least`, and that root."""
    size = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
    size = torch.hypot(size, size.new_tensor(least))
    return (x / size).to(x.dtype), size


def check_supported(model: "PreTrainedModel") -> None:
    """Refuse a model whose forward pass this decoder does not reproduce.

    Raises:
        InputError: With the reason.
    """
    config = model.config
    if config.model_type not in ARCHITECTURES:
        raise InputError(
            f"the in-process sampler supports the architectures {', '.join(ARCHITECTURES)}, not '{config.model_type}'."
        )
    if "sliding_attention" in (getattr(config, "layer_types", None) or ()):
        raise InputError(
            "the in-process sampler does not support sliding-window attention, which "
            f"{config.name_or_path or 'this model'} uses; set use_sliding_window=false in its config.json."
        )
    rope_type = model.model.rotary_emb.rope_type
    if rope_type not in ROPE_TYPES:
        raise InputError(
            f"the in-process sampler supports the rotary embeddings {', '.join(ROPE_TYPES)}, not '{rope_type}'."
        )
    if config.hidden_act != "silu":
        raise InputError(f"the in-process sampler supports the activation silu, not '{config.hidden_act}'.")
