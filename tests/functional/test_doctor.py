# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of this machine is true, found out in other ways."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import packaging
import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("torch", "nemo-curator", "megatron-core", "megatron-bridge", "transformer-engine", "vllm", "nemo-run")


def doctor(*arguments, environment=None):
    command = [sys.executable, "-m", "nemo_reasoning.doctor", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=540, check=False)
    return done.returncode, json.loads(done.stdout)


def installed(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@pytest.mark.slow
def test_all_of_it_is_true_here():
    status, said = doctor()
    found = {row["name"]: row for row in said["findings"]}
    for name in NAMES:
        version = installed(name)
        assert (found[name]["level"] == "absent") == (version is None)
        assert version is None or version in found[name]["what"]
    import torch

    assert (found["gpus"]["level"] == "absent") == (not torch.cuda.is_available())
    assert (found["driver"]["level"] == "absent") == (shutil.which("nvidia-smi") is None)
    assert (found["sbatch"]["level"] == "absent") == (shutil.which("sbatch") is None)
    assert (found["nemo-rl"]["level"] == "absent") == (not Path("/opt/nemo_rl_venv/bin/python").exists())
    assert [row for row in found.values() if row["level"] not in ("ok", "absent") and not row["fix"]] == []
    stages = {(row["stage"], row["engine"]): row for row in said["stages"]}
    for row in stages.values():
        assert row["runs"] is (not row["blocked_by"])
    names = {stage for stage, _ in stages} - {"launch"}
    able = {stage for (stage, _), row in stages.items() if row["runs"]}
    assert status == (0 if names <= able else 2)


def test_a_stage_that_cannot_run_here_ends_with_2():
    given = ("--quick", "--area", "libraries", "nemo_rl", "--stage", "grpo")
    status, said = doctor(*given, "grpo.nemo_rl.python=/nowhere/python", "grpo.engine=nemo_rl", "experiment=smoke")
    blocked = {row["engine"]: row["blocked_by"] for row in said["stages"] if row["stage"] == "grpo"}
    assert (status, said["status"]) == (2, 2)
    assert blocked["cluster"] == ["nemo-rl"]


def test_where_a_package_is_missing_it_is_named(tmp_path):
    """With --no-deps, as in NVIDIA's images, no command starts; this one still says why."""
    (tmp_path / "packaging").symlink_to(Path(packaging.__file__).parent)
    path = f"{ROOT}{os.pathsep}{tmp_path}"  # and nothing else: -S leaves out the installed packages
    command = [sys.executable, "-S", "-m", "nemo_reasoning.doctor"]
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("nemo-reasoning: not installed: hydra-core<1.4,>=1.3.4, ")
    assert "'orjson>=3.10'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
