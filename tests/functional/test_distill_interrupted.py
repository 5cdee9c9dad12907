# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A stage that must leave saves and says so; the same command continues it as if nothing had been."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from distill_runs import environment, make_run, rows, student_of, train, weights

from nemo_reasoning.distill import checkpoints
from nemo_reasoning.files import read_json
from nemo_reasoning.manifest import read_manifest, read_metrics

pytestmark = pytest.mark.slow
SETTINGS = {"examples": 40, "train_iters": 400, "save_interval": 100, "eval_interval": 100}


@pytest.fixture(scope="module")
def terminated(tmp_path_factory) -> tuple[Path, int]:
    """A run on two ranks whose stage process got SIGTERM after some steps, and its exit status."""
    run = make_run(tmp_path_factory.mktemp("interrupted") / "terminated", ranks=2, **SETTINGS)
    (run / "distill").mkdir()
    command = [sys.executable, "-m", "nemo_reasoning.stage", "distill", str(run), "--processes", "2"]
    with (run / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=environment(), stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 300
            while not any(read_metrics(run / "distill")):
                assert process.poll() is None and time.monotonic() < deadline, (run / "log.txt").read_text()[-5000:]
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            return run, process.wait(timeout=200)
        finally:
            process.kill()
            process.wait()


def test_sigterm_saves_and_exits(terminated):
    run, status = terminated
    manifest, complete = read_manifest(run / "distill"), checkpoints.latest(run / "distill" / "checkpoints")
    log = (run / "log.txt").read_text()
    assert status == 0 and "Pretrain failed" not in log and "Failed to abort" not in log, log[-9000:]
    assert manifest.status == "interrupted" and not manifest.done
    assert 0 < complete.step < 400 and complete.step % 100 and not complete.final
    assert manifest.metrics["summary"] == f"interrupted at step {complete.step} of 400, whose checkpoint is saved"
    assert not (run / "distill" / "hf").exists()


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """A run with a time limit that has passed, thus of several goes; one without; and two that start from its end."""
    root = tmp_path_factory.mktemp("limited")
    straight = root / "straight"
    short = {**SETTINGS, "train_iters": 3}
    still = {**SETTINGS, "train_iters": 1, "lr": 1e-60, "weight_decay": 0.0}
    made = {
        "limited": make_run(root / "limited", exit_duration_in_mins=1e-3, **short),
        "straight": make_run(straight, **short),
        "megatron": make_run(root / "megatron", init=str(straight / "distill" / "checkpoints"), **still),
        "hugging_face": make_run(root / "hugging_face", init=str(straight / "distill" / "hf"), **still),
    }
    train([made["limited"], made["limited"], *made.values()], ranks=1)
    return made


def test_a_time_limit_changes_nothing_but_the_number_of_processes(runs):
    limited, straight = runs["limited"], runs["straight"]
    assert (limited / "interrupted.txt").read_text().splitlines() == [
        "at step 1 of 3, whose checkpoint is saved",
        "at step 2 of 3, whose checkpoint is saved",
    ]
    assert rows(limited) == rows(straight)
    assert read_json(limited / "metrics.json") == read_json(straight / "metrics.json")


@pytest.mark.parametrize("kind", ["megatron", "hugging_face"])
def test_training_starts_from_another_checkpoint(runs, kind):
    found, wanted = weights(runs[kind] / "distill" / "hf"), weights(runs["straight"] / "distill" / "hf")
    assert found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in found)
    untrained = weights(student_of(runs["straight"]))
    assert any(not torch.equal(found[name], untrained[name]) for name in found)
