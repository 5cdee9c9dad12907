# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A run on a real Slurm: the chain, a time limit, a failure, a cancellation."""

import json
import subprocess
import sys
import time

import pytest
from pipeline_runs import STAGES, measured, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ON_SLURM = ("cluster=slurm_lab", "launch.code=ship")
PATIENCE_S = 900
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"}


def say(slurm, *command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=slurm, check=True)
    return done.stdout.strip()


def jobs(root) -> dict[str, str]:
    """Names and numbers of the submitted jobs."""
    rows = json.loads((root / "smoke/launch/submission.json").read_text())["jobs"]
    return {row["job"]["name"]: row["id"] for row in rows}


def state(slurm, number):
    return say(slurm, "squeue", "-h", "-t", "all", "-j", number, "-o", "%T")


def wait_until(holds):
    for _ in range(PATIENCE_S * 2):
        if holds():
            return
        time.sleep(0.5)
    raise TimeoutError


def wait_for(slurm, root):
    wait_until(lambda: all(state(slurm, number) in ENDED for number in jobs(root).values()))


def word(slurm, *arguments):
    command = [sys.executable, "-m", "nemo_reasoning.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=slurm)


def stop_at_time_limit(slurm, root):
    """Hang the first segment of the distillation once it has saved a checkpoint, and let its time run out."""
    number = jobs(root)["distill-1"]
    wait_until(lambda: (root / "smoke/distill/checkpoints/latest_checkpointed_iteration.txt").exists())
    say(slurm, "scontrol", "update", f"JobId={number}", "EndTime=now+1")
    say(slurm, "scancel", "--signal=STOP", number)
    wait_until(lambda: state(slurm, number) in ENDED)
    assert state(slurm, number) == "TIMEOUT"


def test_a_chain_that_met_its_time_limit_ends_like_the_local_run(slurm, finished, tmp_path):
    submitted = run(tmp_path, *ON_SLURM, env=slurm)
    assert submitted.returncode == 0, submitted.stderr
    assert list(dict.fromkeys(name.rpartition("-")[0] for name in jobs(tmp_path))) == list(STAGES)
    stop_at_time_limit(slurm, tmp_path)
    wait_for(slurm, tmp_path)
    shown = word(slurm, "status", str(tmp_path / "smoke"))
    assert shown.returncode == 0, shown.stdout
    assert [line.split()[0] for line in shown.stdout.splitlines()[1:] if " done " in line] == list(STAGES)
    assert measured(tmp_path / "smoke") == measured(finished / "smoke")
    again = run(tmp_path, *ON_SLURM, env=slurm)
    assert list(jobs(tmp_path)) == ["report-1"], again.stderr  # only what is derived is made again


def test_a_stage_that_fails_stops_the_chain_and_status_says_why(slurm, tmp_path):
    (tmp_path / "traces.jsonl").write_text("this is no JSON\n" * 20)
    broken = (
        f"data.traces.teacher.path={tmp_path}/traces.jsonl",
        "stages=[prepare,curate,distill,report]",
    )
    submitted = run(tmp_path, *ON_SLURM, *broken, env=slurm)
    assert submitted.returncode == 0, submitted.stderr
    wait_for(slurm, tmp_path)
    ended = {name: state(slurm, number) for name, number in jobs(tmp_path).items()}
    assert ended["prepare-1"] == "COMPLETED"
    assert ended["curate-1"] == "FAILED"
    assert {ended["distill-1"], ended["distill-2"], ended["report-1"]} == {"CANCELLED"}
    shown = word(slurm, "status", str(tmp_path / "smoke"))
    assert shown.returncode == 1
    assert "traces.jsonl" in shown.stdout


def test_a_cancelled_run_is_continued_by_the_same_command(slurm, tmp_path):
    few = ("stages=[prepare,report]",)
    assert run(tmp_path, *ON_SLURM, *few, env=slurm).returncode == 0
    cancelled = word(slurm, "cancel", str(tmp_path / "smoke"))
    assert cancelled.returncode == 0, cancelled.stderr
    wait_for(slurm, tmp_path)
    assert "CANCELLED" in {state(slurm, number) for number in jobs(tmp_path).values()}
    assert run(tmp_path, *ON_SLURM, *few, env=slurm).returncode == 0
    wait_for(slurm, tmp_path)
    assert (tmp_path / "smoke/report/index.html").exists()
    shown = word(slurm, "logs", str(tmp_path / "smoke"), "prepare")
    assert str(tmp_path / "smoke/prepare/log.txt") in shown.stdout
    assert (tmp_path / "smoke/launch/code/nemo_reasoning").is_dir()
