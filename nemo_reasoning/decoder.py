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

SMALLEST_BLOCK = 32
"""Tokens of a block of the cache on a CPU, at least."""
MOST_BLOCKS = 16
"""Of a completion on a CPU. Small filled blocks are read faster than part of a large one; a GPU takes one large."""


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
        keys: Per layer the blocks of its cache, `[groups, kv_heads, width, block, head_dim]` each.
        values: Likewise.
        limit: Tokens that a completion may have.
        block: Tokens of a block; all but the last are filled.
        used: Completion tokens in the cache.
    """

    def __init__(self, prompts: Prompts, width: int, limit: int) -> None:
        kv_heads, longest = prompts.keys[0].shape[1:3]
        self.prompts = prompts
        self.width, self.limit = width, limit
        self.block = limit if prompts.lengths.is_cuda else max(SMALLEST_BLOCK, -(-limit // MOST_BLOCKS))
        self.used = 0
        self.keys: list[list[Tensor]] = [[] for _ in prompts.keys]
        self.values: list[list[Tensor]] = [[] for _ in prompts.keys]
        self.bias = _padding_bias(prompts.lengths, longest, prompts.keys[0].dtype).repeat_interleave(kv_heads, 0)

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Add one token `[groups, kv_heads, width, head_dim]`; gives the filled parts of the blocks."""
        return self._appended(self.keys[layer], key), self._appended(self.values[layer], value)

    def _appended(self, blocks: list[Tensor], token: Tensor) -> list[Tensor]:
        place = self.used % self.block
        if not place:
            blocks.append(token.new_empty(*token.shape[:3], self.block, token.shape[3]))
        blocks[-1][:, :, :, place] = token
        return [*blocks[:-1], blocks[-1][:, :, :, : place + 1]]

    def select(self, slots: Tensor) -> "Rows":
        """The rows `slots` (`[groups, width]` of old `group * width + column`), regrouped.

        All rows of a new group must come from one prompt. The old caches are given up block
        by block, so that there is never a second copy of them all.
        """
        old_groups, columns = slots // self.width, slots % self.width
        rows = Rows(self.prompts.take(old_groups[:, 0]), slots.shape[1], self.limit)
        rows.used = self.used
        for old, new in ((self.keys, rows.keys), (self.values, rows.values)):
            for layer, blocks in enumerate(old):
                while blocks:
                    taken = blocks.pop(0).transpose(1, 2)[old_groups, columns]
                    new[layer].append(taken.transpose(1, 2).contiguous())
        return rows


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
        own_k, own_v = ([block.flatten(0, 2) for block in blocks] for blocks in rows.append(index, k, v))
        # [groups, kv_heads, width, queries per key, head_dim], of which the first two or three make a batch
        q = q.unflatten(0, (-1, width)).unflatten(2, (self.kv_heads, shared)).transpose(1, 2).contiguous()
        own_q, shared_q = q.flatten(0, 2), q.flatten(2, 3).flatten(0, 1)
        of_prompt = torch.baddbmm(rows.bias, shared_q, prompt_k.mT).view(len(own_q), shared, -1)
        weights = torch.cat([of_prompt, *(torch.bmm(own_q, block.mT) for block in own_k)], dim=-1)
        weights = weights.softmax(-1, dtype=torch.float32).to(q.dtype)
        to_prompt, *to_own = weights.split([prompt_k.shape[1], *(block.shape[1] for block in own_k)], dim=-1)
        out = torch.bmm(to_prompt.reshape(*shared_q.shape[:2], -1), prompt_v).view(own_q.shape)
        for to_block, block in zip(to_own, own_v, strict=True):
            out.baddbmm_(to_block, block)
        out = out.view(q.shape)
        return out.transpose(1, 2).reshape(-1, self.heads * self.head_dim)


def _padding_bias(lengths: Tensor, longest: int, dtype: torch.dtype) -> Tensor:
    """`[prompts, 1, longest]`: 0 at the tokens of a prompt, minus infinity at its padding."""
    padding = torch.arange(longest, device=lengths.device) >= lengths[:, None]
    return torch.zeros(padding.shape, dtype=dtype, device=lengths.device).masked_fill_(padding, -torch.inf)[:, None]
