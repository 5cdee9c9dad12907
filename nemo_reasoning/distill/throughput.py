# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""How fast training goes: tokens a second, model FLOP/s, their share of what the device can, memory."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import torch

from nemo_reasoning.plan.hardware import peak_tflops

if TYPE_CHECKING:
    from megatron.bridge.training.config import ConfigContainer

MEASURED = ("seconds", "tokens_per_second", "supervised_tokens_per_second", "tflops_per_gpu", "mfu", "memory_gb")
"""Columns of the metrics log that differ from one run to the next."""


@dataclass
class Throughput:
    """Sums over the steps since the last logged one.

    Attributes:
        seconds: Time in training steps, without validation and checkpoints.
        supervised: Tokens in the loss.
        tokens: All tokens but padding.
        squares: Sum of the squared document lengths, on which the attention's work depends.
    """

    seconds: float = 0.0
    supervised: int = 0
    tokens: int = 0
    squares: int = 0

    def add(self, seconds: float, supervised: int, tokens: int, squares: int) -> None:
        """Count a step."""
        self.seconds += seconds
        self.supervised += supervised
        self.tokens += tokens
        self.squares += squares

    def row(self, bridge: "ConfigContainer", steps: int) -> dict[str, float]:
        """The columns named in `MEASURED`, of which `mfu` only where the device's peak is known.

        Model FLOPs are Bridge's count for forward and backward without recompute; padding
        does no useful work and is left out.

        Args:
            bridge: Bridge's configuration, for the model's shape.
            steps: Steps that were counted.
        """
        tflops = self._flops(bridge) / self.seconds / 1e12 / torch.distributed.get_world_size()
        row = {
            "seconds": self.seconds / steps,
            "tokens_per_second": self.tokens / self.seconds,
            "supervised_tokens_per_second": self.supervised / self.seconds,
            "tflops_per_gpu": tflops,
            "memory_gb": memory_gb(),
        }
        peak = device_peak() if bridge.model.bf16 else None
        return {**row, "mfu": tflops / peak} if peak else row

    def _flops(self, bridge: "ConfigContainer") -> float:
        from megatron.bridge.training.utils.flop_utils import num_floating_point_operations

        if not self.tokens:
            return 0.0
        return float(num_floating_point_operations(bridge, seqlen_sum=self.tokens, seqlen_squared_sum=self.squares))


def device_peak() -> float | None:
    """Dense bf16 peak of this rank's CUDA device (TFLOP/s); None for the CPU and for unknown devices."""
    return peak_tflops(torch.cuda.get_device_name()) if torch.cuda.is_available() else None


def memory_gb() -> float:
    """Largest memory that tensors took on this rank's CUDA device; without CUDA, resident memory now (GiB)."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return psutil.Process().memory_info().rss / 2**30
