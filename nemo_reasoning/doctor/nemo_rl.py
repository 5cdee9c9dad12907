# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""NeMo-RL: its repository, the interpreter of its driver, and those of its workers."""

import os
from collections.abc import Sequence
from pathlib import Path

from nemo_reasoning.doctor.finding import Finding
from nemo_reasoning.doctor.probe import Ran

DRIVER_S = 300.0
WORKER_S = 60.0
IMAGE = "run this stage in the image made from nvcr.io/nvidia/nemo-rl:v0.7.0"
DRIVER = """
import nemo_reasoning.grpo.nemo_rl.run  # this package, with what it requires
import nemo_rl
from nemo_rl.algorithms.grpo import MasterConfig
answer({"version": nemo_rl.__version__, "typed": hasattr(MasterConfig, "model_fields")})
"""
WORKER = """
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in ("torch", "vllm", "ray", "megatron-core", "megatron-bridge", "transformer-engine", "nemo-automodel"):
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        found[name] = None
answer(found)
"""
VLLM = "nemo_rl.models.generation.vllm.vllm_worker.VllmGenerationWorker"
POLICIES = {
    "dtensor": "nemo_rl.models.policy.workers.dtensor_policy_worker_v2.DTensorPolicyWorkerV2",
    "megatron": "nemo_rl.models.policy.workers.megatron_policy_worker.MegatronPolicyWorker",
}
"""Actors that NeMo-RL v0.7 gives an environment of their own, in $NEMO_RL_VENV_DIR/<actor>."""


def driver(interpreter: str, base: Path, ran: Ran) -> Finding:
    """NeMo-RL in the interpreter of its driver.

    Args:
        interpreter: `grpo.nemo_rl.python`.
        base: The configuration in its repository that ours is checked against.
        ran: How `DRIVER` ended.
    """
    if ran.end == "missing":
        fix = f"{IMAGE}, or set grpo.nemo_rl.python"
        return Finding("nemo-rl", "nemo_rl", "absent", f"there is no {interpreter}", fix)
    if not base.exists():
        fix = f"{IMAGE}, or set grpo.nemo_rl.repo"
        return Finding("nemo-rl", "nemo_rl", "absent", f"there is no {base}", fix)
    if ran.answer is None:
        what = f"it cannot be imported by {interpreter}: {ran.reason}"
        return Finding("nemo-rl", "nemo_rl", "error", what, f"{IMAGE}, built with Dockerfile.nemo")
    if not ran.answer["typed"]:
        what = f"{ran.answer['version']} is older than v0.7 and has another configuration"
        return Finding("nemo-rl", "nemo_rl", "error", what, IMAGE)
    return Finding("nemo-rl", "nemo_rl", "ok", f"{ran.answer['version']}, {interpreter}")


def worker_directory() -> Path:
    """Where NeMo-RL's container has the environments of its workers."""
    return Path(os.environ.get("NEMO_RL_VENV_DIR", "/opt/ray_venvs"))


def worker_python(actor: str) -> Path:
    """Interpreter of one of them."""
    return worker_directory() / actor / "bin" / "python"


def workers(directory: Path, ran: Sequence[tuple[str, Ran]], can_make: bool) -> Finding:
    """The environments of NeMo-RL's workers.

    Args:
        directory: Where they are.
        ran: For each actor, how `WORKER` ended in its interpreter.
        can_make: `uv` is here, with which NeMo-RL makes what is missing.
    """
    absent = [actor.rpartition(".")[2] for actor, each in ran if each.end == "missing"]
    broken = [f"{actor.rpartition('.')[2]} ({each.reason})" for actor, each in ran if each.end in ("failed", "late")]
    if broken:
        fix = "set NRL_FORCE_REBUILD_VENVS=true once, or use the image again"
        return Finding("nemo-rl-workers", "nemo_rl", "error", f"broken in {directory}: {', '.join(broken)}", fix)
    if absent:
        level, more = ("warning", "; NeMo-RL makes them with uv at the first start") if can_make else ("absent", "")
        what = f"not in {directory}: {', '.join(absent)}{more}"
        return Finding("nemo-rl-workers", "nemo_rl", level, what, f"{IMAGE}, or set NEMO_RL_VENV_DIR")
    versions = {name: version for _, each in ran for name, version in (each.answer or {}).items() if version}
    what = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return Finding("nemo-rl-workers", "nemo_rl", "ok", f"{what}, in {directory}")
