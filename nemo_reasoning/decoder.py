# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Incremental decoding with a static KV cache.

What differs from the textbook: the rows that continue one prompt form a group and attend
to one copy of its keys and values, and completions of all rows grow in step, so that a new
token is one slice of the cache.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nemo_reasoning.transformer import Transformer


@dataclass(frozen=True)
class Prompts:
    """Prompts that have been read.

    Attributes:
        keys: Per layer `[prompts, kv_heads, longest, head_dim]`, padded on the right.
        values: Likewise.
        lengths: `[prompts]`.
        logits: `[prompts, vocabulary]` of the first completion token, fp32.
    """

    keys: list[Tensor]
    values: list[Tensor]
    lengths: Tensor
    logits: Tensor

    def take(self, index: Tensor) -> "Prompts":
        """The prompts `index`, a copy unless these are all of them in order."""
        if torch.equal(index, torch.arange(len(self.lengths), device=index.device)):
            return self
        keys, values = [key[index] for key in self.keys], [value[index] for value in self.values]
        return Prompts(keys, values, self.lengths[index], self.logits[index])


class Rows:
    """Caches of `groups * width` completions that grow in step; a group shares its prompt.

    Attributes:
        prompts: What each group continues.
        keys: Per layer `[groups, kv_heads, width, capacity, head_dim]`.
        values: Likewise.
        limit: Tokens that a completion may have.
        used: Completion tokens in the cache.
    """

    def __init__(self, prompts: Prompts, width: int, limit: int) -> None:
        groups, kv_heads, longest, head_dim = prompts.keys[0].shape
        self.prompts = prompts
        self.width, self.limit = width, limit
        self.used = 0
        self.keys = [key.new_empty(groups, kv_heads, width, 0, head_dim) for key in prompts.keys]
        self.values = [key.new_empty(groups, kv_heads, width, 0, head_dim) for key in prompts.keys]
        self.bias = _padding_bias(prompts.lengths, longest, prompts.keys[0].dtype).repeat_interleave(kv_heads, 0)

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add one token `[groups, kv_heads, width, head_dim]`; gives the filled parts of the cache."""
        end = self.used + 1
        if end > self.keys[layer].shape[3]:
            self.keys[layer] = _grown(self.keys[layer], self.used, self.limit)
            self.values[layer] = _grown(self.values[layer], self.used, self.limit)
        self.keys[layer][:, :, :, self.used] = key
        self.values[layer][:, :, :, self.used] = value
        return self.keys[layer][:, :, :, :end], self.values[layer][:, :, :, :end]

    def select(self, slots: Tensor) -> "Rows":
        """The rows `slots` (`[groups, width]` of old `group * width + column`), regrouped.

        All rows of a new group must come from one prompt. The old caches are given up layer
        by layer, so that there is never a second copy of them all.
        """
        old_groups = slots // self.width
        rows = Rows(self.prompts.take(old_groups[:, 0]), slots.shape[1], self.limit)
        rows.used = self.used
        for layer in range(len(self.keys)):
            rows.keys[layer] = self._taken(self.keys.pop(0), old_groups, slots)
            rows.values[layer] = self._taken(self.values.pop(0), old_groups, slots)
        return rows

    def _taken(self, cache: Tensor, groups: Tensor, slots: Tensor) -> Tensor:
        taken = cache.transpose(1, 2)[groups, slots % self.width, :, : self.used]
        groups, width, kv_heads, used, head_dim = taken.shape
        capacity = cache.shape[3]
        new = cache.new_empty(groups, kv_heads, width, capacity, head_dim)
        new[:, :, :, :used] = taken.transpose(1, 2)
        return new


class Decoder(Transformer):
    """Reads prompts and extends completions of a causal language model, without gradients."""

    @property
    def bytes_per_token(self) -> int:
        """Size of one token's keys and values."""
        return 2 * len(self.layers) * self.kv_heads * self.head_dim * self.dtype.itemsize

    @torch.no_grad()
    def refresh(self) -> None:
        """Read the model's weights again; call it after they have changed."""
        super().refresh()

    @torch.no_grad()
    def prefill(self, prompts: list[list[int]], rope: tuple[Tensor, Tensor], pad_id: int = 0) -> Prompts:
        """Read prompts.

        Args:
            prompts: Token ids, none empty.
            rope: `rope_table` for at least the longest prompt.
            pad_id: Fills the shorter prompts.
        """
        device = self.embedding.device
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
        count, longest = len(prompts), int(lengths.max())
        # Padded on the right: causal attention alone then keeps the padding out of every real token.
        ids = torch.tensor([prompt + [pad_id] * (longest - len(prompt)) for prompt in prompts], device=device)
        cos, sin = (table[:longest].repeat(count, 1)[:, None] for table in rope)
        x, keys, values = self.embedding[ids.flatten()], [], []
        for layer in self.layers:
            qk, v = (t.unflatten(0, (count, longest)).transpose(1, 2) for t in self.qkv(layer, x, (cos, sin)))
            q, k = qk.split([self.heads, self.kv_heads], dim=1)
            keys.append(k.contiguous())
            values.append(v.contiguous())
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0, enable_gqa=True)
            x = self.finish(layer, x, attended.transpose(1, 2).reshape(count * longest, -1))
        last = x[torch.arange(count, device=device) * longest + lengths - 1]
        return Prompts(keys, values, lengths, self.logits(last))

    @torch.no_grad()
    def step(self, tokens: Tensor, rows: Rows, rope: tuple[Tensor, Tensor]) -> Tensor:
        """Extend every row by a token.

        Args:
            tokens: `[groups * width]`, group by group.
            rows: Their caches, which grow by one token.
            rope: `rope_table` that covers the new positions.

        Returns:
            Logits `[groups * width, vocabulary]` of the next token, fp32.
        """
        positions = (rows.prompts.lengths + rows.used).repeat_interleave(rows.width)
        cos, sin = (table[positions, None] for table in rope)
        x = self.embedding[tokens]
        for index, layer in enumerate(self.layers):
            qk, v = self.qkv(layer, x, (cos, sin))
            x = self.finish(layer, x, self._attend(index, qk, v, rows))
        rows.used += 1
        return self.logits(x)

    def _attend(self, index: int, qk: Tensor, v: Tensor, rows: Rows) -> Tensor:
        """Attention of one new token per row to its prompt and its completion, `[rows, heads * head_dim]`."""
        width, shared = rows.width, self.heads // self.kv_heads
        prompt_k, prompt_v = (cache[index].flatten(0, 1) for cache in (rows.prompts.keys, rows.prompts.values))
        q, k = qk.split([self.heads, self.kv_heads], dim=1)
        k, v = (t.unflatten(0, (-1, width)).transpose(1, 2) for t in (k, v))
        own_k, own_v = (cache.flatten(0, 2) for cache in rows.append(index, k, v))
        # [groups, kv_heads, width, queries per key, head_dim], of which the first two or three make a batch
        q = q.unflatten(0, (-1, width)).unflatten(2, (self.kv_heads, shared)).transpose(1, 2).contiguous()
        own_q, shared_q = q.flatten(0, 2), q.flatten(2, 3).flatten(0, 1)
        of_prompt = torch.baddbmm(rows.bias, shared_q, prompt_k.mT).view(len(own_q), shared, -1)
        weights = torch.cat([of_prompt, torch.bmm(own_q, own_k.mT)], dim=-1)
        weights = weights.softmax(-1, dtype=torch.float32).to(q.dtype)
        to_prompt, to_own = weights.split([prompt_k.shape[1], own_k.shape[1]], dim=-1)
        of_prompt = torch.bmm(to_prompt.reshape(*shared_q.shape[:2], -1), prompt_v)
        out = torch.baddbmm(of_prompt.view(own_q.shape), to_own, own_v).view(q.shape)
        return out.transpose(1, 2).reshape(-1, self.heads * self.head_dim)


def _padding_bias(lengths: Tensor, longest: int, dtype: torch.dtype) -> Tensor:
    """`[prompts, 1, longest]`: 0 at the tokens of a prompt, minus infinity at its padding."""
    padding = torch.arange(longest, device=lengths.device) >= lengths[:, None]
    return torch.zeros(padding.shape, dtype=dtype, device=lengths.device).masked_fill_(padding, -torch.inf)[:, None]


def _grown(cache: Tensor, used: int, limit: int) -> Tensor:
    """A copy with room for twice the tokens, 32 at least, `limit` at most."""
    groups, kv_heads, width, _, head_dim = cache.shape
    new = cache.new_empty(groups, kv_heads, width, min(limit, max(32, 2 * used)), head_dim)
    new[:, :, :, :used] = cache[:, :, :, :used]
    return new
