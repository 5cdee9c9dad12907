# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Redirects for a machine without CUDA: `torch.cuda`, and the Megatron internals behind it, on the CPU."""

import contextlib
import functools
import os
import queue
from collections.abc import Callable
from typing import Any

from nemo_reasoning.distill.compat.replacing import replace


def install() -> None:
    """Apply all redirects; only where there is no CUDA device."""
    for redirect in (*TORCH_REDIRECTS, *MEGATRON_REDIRECTS):
        redirect()


def _no_dynamo() -> None:
    """Megatron's jit_fuser is torch.compile; compiling costs more than a small run gains."""
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")


def _current_device() -> None:
    """Megatron creates its buffers on torch.cuda.current_device()."""
    import torch

    replace(torch.cuda, "current_device", lambda: "cpu")


def _factories() -> None:
    """Megatron and Bridge create tensors with device="cuda" and pinned memory."""
    import torch
    from torch.utils._device import _device_constructors

    # `with torch.device(...)` knows the factories it redirects by a list that it makes at first use:
    # it must hold the original ones, or transformers loads models with uninitialised buffers.
    _device_constructors()
    names = "zeros ones empty full tensor arange rand randn zeros_like ones_like empty_like full_like"
    for name in names.split():
        replace(torch, name, _on_cpu(getattr(torch, name)))


def _on_cpu(factory: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(factory)
    def create(*args: Any, **kwargs: Any) -> Any:
        if str(kwargs.get("device")).startswith("cuda"):
            kwargs["device"] = "cpu"
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        return factory(*args, **kwargs)

    return create


def _dot_cuda() -> None:
    """Batches, losses and models are moved by .cuda()."""
    import torch

    for owner in (torch.Tensor, torch.nn.Module):
        replace(owner, "cuda", lambda self, *args, **kwargs: self)


def _random_state() -> None:
    """Checkpoints hold the CUDA random state; on a CPU there is one generator."""
    import torch

    replace(torch.cuda, "get_rng_state", lambda device="cuda": torch.get_rng_state())
    replace(torch.cuda, "set_rng_state", lambda state, device="cuda": torch.set_rng_state(state))
    replace(torch.cuda, "manual_seed", torch.manual_seed)


class _Stream:
    """A stream or event on a device that has none: everything is already in order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None


def _streams() -> None:
    """DDP and checkpointing order their work by streams and events."""
    import torch

    for name in ("Stream", "Event"):
        replace(torch.cuda, name, _Stream)
    for name in ("current_stream", "default_stream"):
        replace(torch.cuda, name, lambda *args: _Stream())
    replace(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    replace(torch.cuda, "synchronize", lambda *args: None)


def _tensor_type() -> None:
    """Megatron sorts gradients by Tensor.type() and knows the names of CUDA types only."""
    import torch

    original = torch.Tensor.type

    def tensor_type(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        return result.replace("torch.", "torch.cuda.") if isinstance(result, str) else result

    replace(torch.Tensor, "type", tensor_type)


TORCH_REDIRECTS = (_no_dynamo, _current_device, _factories, _dot_cuda, _random_state, _streams, _tensor_type)


def _megatron_random_state() -> None:
    """Core keeps a random state for each parallel dimension through private CUDA calls."""
    import torch
    from megatron.core.tensor_parallel import random

    replace(random, "_get_cuda_rng_state", lambda device="cuda", clone=False, graph_safe=False: torch.get_rng_state())
    replace(random, "_set_cuda_rng_state", lambda state, device=-1, graph_safe=False: torch.set_rng_state(state))


def _allow_no_cuda() -> None:
    """Bridge has the switch but does not offer it in the configuration."""
    from megatron.bridge.training import setup

    replace(setup, "initialize_megatron", functools.partial(setup.initialize_megatron, allow_no_cuda=True))


def _seeding() -> None:
    """Bridge seeds the model-parallel generators only where it counts a CUDA device."""
    from megatron.bridge.training import initialize
    from megatron.core.tensor_parallel import random

    original = initialize._set_random_seed

    def set_random_seed(seed: int, *args: Any, pg_collection: Any, **kwargs: Any) -> None:
        original(seed, *args, pg_collection=pg_collection, **kwargs)
        pipeline_seed = seed + 100 * pg_collection.pp.rank()
        random.model_parallel_cuda_manual_seed(pipeline_seed, tp_rank=pg_collection.tp.rank(), ep_rank=0, etp_rank=0)

    replace(initialize, "_set_random_seed", set_random_seed)


def _no_manager_process() -> None:
    """A checkpoint that is written in this process needs no manager process for its results."""
    from megatron.core.dist_checkpointing.strategies import filesystem_async

    results = queue.Queue()
    replace(filesystem_async, "get_write_results_queue", lambda mp_mode="spawn": results)


MEGATRON_REDIRECTS = (_megatron_random_state, _allow_no_cuda, _seeding, _no_manager_process)
