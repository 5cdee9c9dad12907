# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""`cluster=local`: the jobs really run, through NeMo-Run's LocalExecutor."""

import json
import os
import subprocess
import sys

import pytest
from pipeline_runs import SMALL

pytest.importorskip("nemo_run")
pytestmark = pytest.mark.slow

CANARY = "canary-81c2"


def submit(directory, *overrides):
    command = [sys.executable, "-m", "nemo_reasoning.cli", *SMALL, "cluster=local", "launch.code=ship", *overrides]
    environment = {**os.environ, "NEMORUN_HOME": str(directory / "home"), "HF_TOKEN": CANARY, "WANDB_API_KEY": CANARY}
    return subprocess.run(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
    )


def manifest(directory, stage):
    return json.loads((directory / "runs" / "smoke" / stage / "manifest.json").read_text())


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    directory = tmp_path_factory.mktemp("launch")
    return directory, submit(directory)


def test_all_stages_run_one_after_the_other(ran):
    directory, done = ran
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        *("prepare", "curate", "distill", "grpo", "evaluate", "report")
    ]
    ends = [manifest(directory, stage)["finished"] for stage in ("prepare", "curate", "distill", "grpo", "evaluate")]
    assert ends == sorted(ends)
    assert (directory / "runs" / "smoke" / "report" / "index.html").exists()


def test_no_secret_is_in_any_file(ran):
    directory, done = ran
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert CANARY not in done.stdout + done.stderr
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []


def test_the_same_command_does_nothing_again_but_the_report(ran):
    directory, _ = ran
    before = manifest(directory, "evaluate")
    again = submit(directory)
    assert again.returncode == 0, again.stderr
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["report"]
    assert manifest(directory, "evaluate") == before


def test_a_stage_that_fails_is_named_and_nothing_follows(tmp_path):
    done = submit(tmp_path, "stages=[prepare,evaluate,report]")
    assert done.returncode == 2
    assert done.stdout.splitlines()[0].startswith("prepare done")
    assert "evaluate" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("nemo-reasoning: ")
