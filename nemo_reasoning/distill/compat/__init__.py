# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What Megatron-Bridge needs to run where its GPU stack is not.

Layers, kept apart, each applied only where something is missing. `absent`: stand-ins let the
imports of absent packages pass. `local_layers`: without Transformer Engine, Megatron's plain
torch layers learn what only its own layers know. `cpu`: without CUDA, `torch.cuda` calls and
the few Megatron internals behind them go to the CPU. `shortcuts`: where both are missing, the
same numbers in less time. Bridge's own training loop then runs unchanged. All but the first
touch private names, so they are tied to exact versions; where Transformer Engine and CUDA
are both there, as in the NeMo containers, none of these is applied.
"""

import functools
import importlib.metadata

from nemo_reasoning.distill.compat import absent, cpu, local_layers, shortcuts
from nemo_reasoning.distill.compat.replacing import replace
from nemo_reasoning.errors import InputError

VERSIONS = {"megatron-bridge": "0.6.2", "megatron-core": "0.19.2"}
"""What the private names were read in."""


@functools.cache
def install() -> None:
    """Make Megatron-Bridge importable and able to train on this machine; call before importing it.

    Raises:
        InputError: Bridge or Core is missing, or a layer is needed and they have other versions
            than it was written for.
    """
    import torch

    has_cuda, has_engine = torch.cuda.is_available(), absent.is_installed("transformer_engine")
    check_versions(exact=not (has_cuda and has_engine))
    absent.install()
    if not has_cuda:
        cpu.install()
    if not has_engine:
        local_layers.install()
    if not (has_cuda or has_engine):
        shortcuts.install()
    _no_helper_build()


def check_versions(exact: bool) -> None:
    """Check what is installed; see `install`."""
    for package, wanted in VERSIONS.items():
        try:
            found = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise InputError(f"distillation needs {package} {wanted}; install nemo-reasoning[distill].") from None
        if exact and found != wanted:
            raise InputError(
                f"distillation without a GPU or without Transformer Engine needs {package} {wanted}, not {found}; "
                "install that version."
            )


def _no_helper_build() -> None:
    """Bridge runs make for Core's dataset helpers: we use none, and the wheel has no Makefile."""
    from megatron.bridge.training import initialize

    replace(initialize, "compile_helpers", lambda: None)
