# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What this machine cannot do is one sentence, and FP8 batches have whole tiles."""

import importlib.util

import pytest
import torch

from nemo_reasoning.config import Distill
from nemo_reasoning.distill import checks, comparison, engine
from nemo_reasoning.errors import InputError

HAS_ENGINE = importlib.util.find_spec("transformer_engine") is not None


@pytest.mark.skipif(HAS_ENGINE, reason="Transformer Engine is installed")
def test_context_parallelism_needs_transformer_engine():
    with pytest.raises(InputError, match=r"distill\.context_parallel_size above 1 needs Transformer Engine; set 1, or"):
        engine.check(Distill(context_parallel_size=2, num_processes=2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("precision", checks.FP8_ALIGNMENT)
def test_fp8_needs_a_gpu(precision):
    with pytest.raises(InputError, match=rf"distill\.precision={precision} needs a CUDA device; set bf16"):
        engine.check(Distill(precision=precision))


@pytest.mark.parametrize(
    ("precision", "capability", "sentence"),
    [
        ("fp8", (8, 0), "of compute capability 8.9, not 8.0; set bf16"),
        ("fp8", (9, 0), None),
        ("fp8_blockwise", (8, 9), "of compute capability 9.0, not 8.9; set bf16"),
        ("mxfp8", (9, 0), "of compute capability 10.0, not 9.0; set bf16"),
        ("mxfp8", (10, 0), None),
    ],
)
def test_fp8_needs_a_gpu_that_has_it(monkeypatch, precision, capability, sentence):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    if sentence is None:
        engine.check(Distill(precision=precision))
        return
    with pytest.raises(InputError, match=sentence):
        engine.check(Distill(precision=precision))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="needs Transformer Engine; install it, or set bf16"):
        engine.check(Distill(precision=precision))


@pytest.mark.parametrize(("precision", "unit"), [("bf16", 4), ("fp8", 64), ("mxfp8", 128), ("fp8_blockwise", 512)])
def test_each_rank_has_what_fp8_needs(precision, unit):
    parallel = {"tensor_model_parallel_size": 4, "sequence_parallel": True, "num_processes": 4}
    distill = Distill(precision=precision, **parallel)
    assert checks.length_unit(distill) == unit
    assert comparison.length(distill) == max(unit, comparison.LENGTH)
