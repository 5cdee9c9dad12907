# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What this machine's GPU and Transformer Engine can do of what is configured."""

import importlib.util

from nemo_reasoning.config import Distill
from nemo_reasoning.distill.checks import FP8_ALIGNMENT
from nemo_reasoning.errors import InputError

FP8_CAPABILITY = {"fp8": (8, 9), "fp8_blockwise": (9, 0), "mxfp8": (10, 0)}
"""Lowest compute capability, as Transformer Engine has it (`transformer_engine/pytorch/quantization.py`)."""


def check(distill: Distill) -> None:
    """Check that what is configured can run here, and say what plain torch layers cost.

    Raises:
        InputError: It needs Transformer Engine, or another GPU.
    """
    import torch

    has_engine, has_cuda = importlib.util.find_spec("transformer_engine") is not None, torch.cuda.is_available()
    if distill.precision in FP8_ALIGNMENT:
        _check_fp8(distill.precision, has_engine, torch.cuda.get_device_capability() if has_cuda else None)
    if has_engine:
        return
    if distill.context_parallel_size > 1:
        raise InputError("distill.context_parallel_size above 1 needs Transformer Engine; set 1, or install it.")
    if has_cuda:
        print(
            "Transformer Engine is not installed: Megatron's plain torch layers with torch's flash attention are used, "
            "without FP8, context parallelism and fused norms, rotary embeddings and Adam, so steps take longer.",
            flush=True,
        )


def _check_fp8(precision: str, has_engine: bool, capability: tuple[int, int] | None) -> None:
    needed = FP8_CAPABILITY[precision]
    if capability is None:
        raise InputError(f"distill.precision={precision} needs a CUDA device; set bf16 or fp32.")
    if not has_engine:
        raise InputError(f"distill.precision={precision} needs Transformer Engine; install it, or set bf16.")
    if capability < needed:
        found, wanted = (f"{major}.{minor}" for major, minor in (capability, needed))
        raise InputError(
            f"distill.precision={precision} needs a GPU of compute capability {wanted}, not {found}; set bf16."
        )
