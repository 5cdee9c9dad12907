# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The whole pipeline as a user runs it: real stages, real libraries, real processes."""

import json
import os
import random
import signal
import subprocess
import time

import pytest
from pipeline_runs import STAGES, command, measured, run

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "8"))
LONGEST_LIFE_S = 25


def test_one_command_ends_with_every_stage_done_and_a_report(finished):
    for stage in STAGES:
        manifest = json.loads((finished / "smoke" / stage / "manifest.json").read_text())
        assert manifest["status"] == "done"
        assert manifest["metrics"]["cpu_seconds"] > 0
        assert manifest["metrics"]["summary"]
    page = (finished / "smoke" / "report" / "index.html").read_text()
    assert "<html" in page
    assert list((finished / "smoke").rglob("*.part")) == []


def test_the_same_command_again_runs_nothing(finished):
    before = measured(finished / "smoke")
    started = time.monotonic()
    result = run(finished)
    assert result.returncode == 0
    assert result.stdout.count("was done before") == len(STAGES)
    assert time.monotonic() - started < 60
    assert measured(finished / "smoke") == before


def test_another_configuration_in_the_same_directory_is_refused(finished):
    result = run(finished, "distill.lr=1e-5")
    assert result.returncode == 2
    assert "was made with distill.lr=0.003, not 1e-05; choose another paths.run" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_stage_whose_input_is_missing_says_so(tmp_path):
    result = run(tmp_path, "stages=[grpo]")
    assert result.returncode == 2
    assert "smoke/curate/rl.jsonl does not exist; run the stage curate first." in result.stderr
    assert result.stderr.count("\n") == 1


def test_killed_at_random_moments_the_run_ends_the_same(finished, tmp_path):
    rng = random.Random(0)
    for _ in range(KILLS):
        process = subprocess.Popen(command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            _, errors = process.communicate(timeout=rng.uniform(1, LONGEST_LIFE_S))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        else:
            assert process.returncode == 0, errors
    result = run(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert measured(tmp_path / "smoke") == measured(finished / "smoke")


def test_every_job_of_a_sweep_has_its_own_directory(tmp_path):
    program, arguments = command(tmp_path)[:3], command(tmp_path, "stages=[report]", "seed=0,1")[3:]
    result = subprocess.run([*program, "-m", *arguments], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "smoke").glob("*seed=[01]*/report/index.html"))) == 2
