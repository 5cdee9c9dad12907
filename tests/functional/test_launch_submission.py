# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A submission to a real Slurm: how its jobs wait, that it is not made twice, and that no secret is written."""

import os
import subprocess
import sys
import time

import pytest

pytest.importorskip("nemo_run")
pytestmark = pytest.mark.slow

CANARY = "canary-40bd"
SETTINGS = (
    "experiment=smoke",
    "cluster=slurm_lab",
    "launch.code=ship",
    "stages=[prepare,curate,report]",
    "data.generator.num_traces=300",
    "cluster.stages.curate.segments=2",
)


@pytest.fixture(scope="module")
def lab(slurm):
    return {**slurm, "HF_TOKEN": CANARY, "WANDB_API_KEY": CANARY}


def submit(lab, directory):
    command = [sys.executable, "-m", "nemo_reasoning.cli", *SETTINGS]
    environment = {**lab, "NEMORUN_HOME": str(directory / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


def asked(lab, *command):
    return subprocess.run(command, env=lab, capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_jobs_wait_for_one_another_and_no_secret_is_written(lab, tmp_path):
    asked(lab, "scontrol", "update", "PartitionName=lab", "State=DOWN")  # nothing starts before we have looked
    first = submit(lab, tmp_path)
    assert first.returncode == 0, first.stderr
    numbers = {line.split()[1]: line.split()[0] for line in first.stdout.splitlines()[:-1]}
    assert list(numbers) == ["prepare-1", "curate-1", "curate-2", "report-1"]
    waits = asked(lab, "squeue", "-h", "-j", numbers["curate-2"], "-o", "%E")
    assert f"afterany:{numbers['curate-1']}" in waits
    assert f"afterok:{numbers['prepare-1']}" in waits

    again = submit(lab, tmp_path)
    assert again.returncode == 2
    assert "runs/smoke is submitted already (job " in again.stderr

    asked(lab, "scontrol", "update", "PartitionName=lab", "State=UP")
    while asked(lab, "squeue", "-h"):
        time.sleep(0.5)
    states = asked(lab, "squeue", "-h", "-t", "all", "-o", "%j %T").split()
    assert states[1::2] == ["COMPLETED"] * 4, states
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert CANARY not in first.stdout + first.stderr + again.stdout + again.stderr
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
