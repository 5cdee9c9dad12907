# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the matrix products with a model's weights alone would take of a GRPO step, at this machine's own speed.

The speed is measured where it is used, by CPU time: at the very shapes of the step, and of one
large square product, which is about the most that the machine does. Products within attention
are not counted.
"""

import time
from dataclasses import dataclass
from pathlib import Path

TRAINED_TOGETHER = 2048
"""Tokens of a product in training: about what a micro-batch has."""
SQUARE = 1536
MEASURED_S = 0.1


@dataclass(frozen=True)
class Product:
    """`times` products of `[rows, inner]` with `[inner, columns]`."""

    rows: int
    inner: int
    columns: int
    times: float = 1

    @property
    def flops(self) -> float:
        """Multiplications and additions of all of them."""
        return 2 * self.times * self.rows * self.inner * self.columns

    def rate(self) -> float:
        """Operations a second, by CPU time."""
        import torch

        left, right = torch.randn(self.rows, self.inner), torch.randn(self.inner, self.columns)
        torch.mm(left, right)
        count, start = 0, time.process_time()
        while (spent := time.process_time() - start) < MEASURED_S or count < 3:
            torch.mm(left, right)
            count += 1
        return count * self.flops / self.times / spent


def of_step(
    student: Path, length: int, prompt_tokens: int, prompts: int, generations: int, threads: int
) -> dict[str, tuple[float, float]]:
    """Seconds that the products of `sampling` and `training` need: at their shapes' and at the square's speed."""
    import torch
    from transformers import AutoConfig

    torch.set_num_threads(threads)
    rows = prompts * generations
    weights = shapes(AutoConfig.from_pretrained(student))
    read = prompt_tokens + rows * (length - 1)
    parts = {
        "sampling": [Product(rows, *shape, times=times * length) for shape, times in weights]
        + [Product(prompt_tokens, *shape, times=times) for shape, times in weights[:-1]],
        "training": [p for shape, times in weights[:-1] for p in trained(*shape, times, read)]
        + trained(*weights[-1][0], 1, rows * length),
    }
    square = Product(SQUARE, SQUARE, SQUARE).rate()
    return {
        name: (sum(p.flops / p.rate() for p in products), sum(p.flops for p in products) / square)
        for name, products in parts.items()
    }


def trained(inner: int, columns: int, times: int, tokens: int) -> list[Product]:
    """Forward pass, and gradients of what is read and of the weights."""
    each, times = TRAINED_TOGETHER, times * tokens / TRAINED_TOGETHER
    return [
        Product(each, inner, columns, times),
        Product(each, columns, inner, times),
        Product(columns, each, inner, times),
    ]


def shapes(config: object) -> list[tuple[tuple[int, int], int]]:
    """(inner, columns) of the fused weights and how many there are, the vocabulary projection last."""
    layers, size, mlp = config.num_hidden_layers, config.hidden_size, config.intermediate_size
    head = getattr(config, "head_dim", None) or size // config.num_attention_heads
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    blocks = [(size, (heads + 2 * kv_heads) * head), (heads * head, size), (size, 2 * mlp), (mlp, size)]
    return [(shape, layers) for shape in blocks] + [((size, config.vocab_size), 1)]
