# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Python, what this package requires, and the libraries of the NeMo stack."""

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from nemo_reasoning.doctor import versions
from nemo_reasoning.doctor.finding import Finding
from nemo_reasoning.doctor.probe import Ran
from nemo_reasoning.doctor.versions import fits

NO_DRIVER = ("libcuda.so", "no NVIDIA driver", "No CUDA GPUs", "CUDA driver version is insufficient")
"""In the message of a library that can only be imported where there is a GPU."""
BRIDGE = """
import torch
from nemo_reasoning.distill import compat
from nemo_reasoning.distill.compat.absent import is_installed
if torch.cuda.is_available() or not is_installed("transformer_engine"):
    compat.install()  # as the stage does; in a container that is being built there is no GPU yet
import megatron.bridge.training.finetune
"""


@dataclass(frozen=True)
class Library:
    """A library that some stage needs.

    Attributes:
        name: Of its distribution.
        program: Imports what is used of it.
        purpose: What it is for.
        fix: How it is had.
        seconds: Its import may take so long, from a cold shared disk.
    """

    name: str
    program: str
    purpose: str
    fix: str
    seconds: float = 300.0


LIBRARIES = {
    library.name: library
    for library in (
        Library("torch", "import torch", "models", "install nemo-reasoning[grpo]"),
        Library("nemo-curator", "import nemo_curator.pipeline", "curation", "install nemo-reasoning[curate]"),
        Library("rensa", "import rensa", "fuzzy deduplication", "install nemo-reasoning[curate]"),
        Library("ray", "import ray", "curation on a cluster", "use the image made from nvcr.io/nvidia/nemo-curator"),
        Library("megatron-core", "import megatron.core", "distillation", "install nemo-reasoning[distill]"),
        Library("megatron-bridge", BRIDGE, "distillation", "install nemo-reasoning[distill] on Python 3.12"),
        Library(
            "transformer-engine",
            "import transformer_engine.pytorch",
            "distillation on GPUs",
            "use the image made from nvcr.io/nvidia/nemo",
        ),
        Library("apex", "import apex", "an alternative to Transformer Engine", "nothing: Transformer Engine has it"),
        Library("vllm", "import vllm", "NeMo-RL's generation", "use the image made from nvcr.io/nvidia/nemo-rl"),
        Library("openai", "import openai", "a teacher's or judge's server", "install nemo-reasoning[generate]"),
        Library("plotly", "import plotly.offline", "the report's charts", "install nemo-reasoning[report]"),
        Library("nemo-run", "import nemo_run", "submission to a cluster", "install nemo-reasoning[launch]"),
    )
}


def python(version: str, required: str, executable: str) -> Finding:
    """The interpreter itself."""
    what = f"Python {version}, {executable}"
    if version in SpecifierSet(required):
        return Finding("python", "python", "ok", what)
    return Finding("python", "python", "error", what, f"use a Python {required}")


def running() -> Finding:
    """The interpreter that runs this."""
    return python(platform.python_version(), versions.required_python(), sys.executable)


def requirements(wanted: Sequence[Requirement], found: Mapping[str, str | None]) -> Finding:
    """What every stage needs; another version than the tested one is only said, since an image has its own."""
    absent = [str(r).partition(";")[0] for r in wanted if found[r.name] is None]
    if absent:
        fix = f"install nemo-reasoning again, or: pip install {' '.join(repr(name) for name in absent)}"
        return Finding("requirements", "python", "error", f"not installed: {', '.join(absent)}", fix)
    other = [f"{r.name} {found[r.name]} (tested {r.specifier})" for r in wanted if not fits(r, found[r.name])]
    if other:
        return Finding(
            "requirements",
            "python",
            "warning",
            ", ".join(other),
            "in a container leave it as it is; elsewhere install nemo-reasoning again",
        )
    return Finding("requirements", "python", "ok", f"all {len(wanted)} that every stage needs")


def image(changes: Sequence[str] | None) -> Finding:
    """Whether an image of Dockerfile.nemo is as it was built; None elsewhere."""
    if changes is None:
        return Finding("image", "python", "ok", "not an image of Dockerfile.nemo")
    if changes:
        what = f"the image's own packages were changed: {', '.join(changes)}"
        return Finding("image", "python", "warning", what, "use the image as it was built, and install elsewhere")
    return Finding("image", "python", "ok", "the image's own packages are as they came")


def library(wanted: Library, version: str | None, pin: Requirement | None, imported: Ran | None) -> Finding:
    """One library: there or not, importable or not, of the tested version or not.

    Args:
        wanted: What is looked for.
        version: Of its distribution; None where there is none.
        pin: Its version in pyproject.toml, if any.
        imported: How its import ended; None where it was not tried.
    """
    if version is None:
        return Finding(wanted.name, "libraries", "absent", f"not installed (for {wanted.purpose})", wanted.fix)
    if imported is not None and imported.end != "ok":
        return _not_importable(wanted, version, imported)
    if not fits(pin, version):
        what = f"{version}; tested is {pin.specifier if pin else ''}"
        return Finding(wanted.name, "libraries", "warning", what, "outside of a container, install the tested one")
    return Finding(wanted.name, "libraries", "ok", version if imported else f"{version}, not imported")


def _not_importable(wanted: Library, version: str, imported: Ran) -> Finding:
    what = f"{version} is installed but cannot be imported: {imported.reason}"
    if any(sign in imported.output for sign in NO_DRIVER):
        return Finding(wanted.name, "libraries", "warning", what, "look again where there is a GPU")
    if imported.end == "late":
        what = f"{version} is installed but its import did not end in {wanted.seconds:.0f} s"
        return Finding(wanted.name, "libraries", "error", what, "look at the disk that it is on, and at its log")
    return Finding(wanted.name, "libraries", "error", what, f"install it again: {wanted.fix}")


def cpu_training(wanted: Mapping[str, Requirement], found: Mapping[str, str | None]) -> Finding:
    """Training without a GPU reaches into private names of exactly these versions of Bridge and Core."""
    name = "cpu-training"
    other = [f"{key} {found[key] or 'missing'}" for key, pin in wanted.items() if not fits(pin, found[key])]
    if not wanted:
        fix = "use Python 3.12"
        return Finding(name, "libraries", "absent", "there is no Megatron-Bridge for this Python", fix)
    exact = ", ".join(f"{key}{pin.specifier}" for key, pin in wanted.items())
    if other:
        return Finding(name, "libraries", "absent", f"needs {exact}; here: {', '.join(other)}", f"install {exact}")
    return Finding(name, "libraries", "ok", f"{exact}, as it needs")
