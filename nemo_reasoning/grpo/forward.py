# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The training pass: log-probabilities of packed completions, with gradients."""

import torch.nn.functional as F
from torch import Tensor

from nemo_reasoning.grpo.packing import Packed
from nemo_reasoning.transformer import Transformer


def logprobs(network: Transformer, packed: Packed, temperature: float) -> Tensor:
    """Log-probability of each predicted token, `[N]`, fp32.

    Args:
        network: Its weights, as read with gradients on where they are to be had.
        packed: A micro-batch.
        temperature: That of sampling.
    """
    rope = tuple(table[packed.position_ids, None] for table in network.rope_table(int(packed.position_ids.max()) + 1))
    x = F.embedding(packed.input_ids, network.embedding)
    for layer in network.layers:
        qk, v = network.qkv(layer, x, rope)
        x = network.finish(layer, x, _attend(network, qk, v, packed))
    logits = network.logits(_taken(x, packed.predictors))
    if temperature != 1:
        logits = logits / temperature
    return -F.cross_entropy(logits, packed.targets, reduction="none")


def _attend(network: Transformer, qk: Tensor, v: Tensor, packed: Packed) -> Tensor:
    """Causal attention within the rows, `[T, heads * head_dim]`; padding stands behind all that is read."""
    qk, v = (_taken(t, packed.rows).unflatten(-1, (-1, network.head_dim)).transpose(1, 2) for t in (qk, v))
    q, k = qk.split([network.heads, network.kv_heads], dim=1)
    rows = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0, enable_gqa=True)
    return _taken(rows.transpose(1, 2).flatten(0, 1), packed.places_in_rows)


def _taken(tokens: Tensor, index: Tensor) -> Tensor:
    """Rows of `[T, ...]`, flattened; as an embedding, whose gradient is much faster than that of indexing."""
    return F.embedding(index, tokens.flatten(1))
