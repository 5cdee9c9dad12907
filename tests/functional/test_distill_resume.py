# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Interrupted distillation ends as if it had not been.

With the distributed optimizer over two replicas, packed sequences, and several epochs.
"""

import random
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from distill_runs import make_run, rows, start_and_kill, train, weights

from nemo_reasoning.distill import checkpoints
from nemo_reasoning.files import read_json

pytestmark = pytest.mark.slow
RANKS = 2
SETTINGS = {
    "ranks": RANKS,
    "tensor_model_parallel_size": 1,
    "examples": 40,
    "packing": True,
    "seq_length": 304,
    "global_batch_size": 4,
    "micro_batch_size": 1,
    "train_iters": 24,
    "save_interval": 3,
    "eval_interval": 6,
    "lr": 3e-3,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """An uninterrupted run, one that was killed twice and continued, and one that stops early."""
    root = tmp_path_factory.mktemp("resume")
    made = {name: make_run(root / name, **SETTINGS) for name in ("straight", "killed")}
    made["early"] = make_run(root / "early", **SETTINGS, stop_loss=4.0)
    start_and_kill(made["killed"], RANKS, _has_a_checkpoint, random.uniform(0.0, 0.5))
    left = set((made["killed"] / "distill" / "checkpoints").glob("iter_*"))
    start_and_kill(made["killed"], RANKS, partial(_writes_a_checkpoint, left))
    _cut_the_tracker_files(made["killed"])
    train(list(made.values()), RANKS)
    return made


@pytest.fixture(scope="module")
def exported_again(runs, tmp_path_factory) -> dict[str, Path]:
    """The finished runs as a kill between the last checkpoint and the export leaves them, continued."""
    root = tmp_path_factory.mktemp("again")
    copies = {name: Path(shutil.copytree(runs[name], root / name)) for name in ("straight", "early")}
    for run in copies.values():
        shutil.rmtree(run / "distill" / "hf")
        (run / "distill" / ".hf.part").mkdir()
    train(list(copies.values()), RANKS)
    return copies


def test_a_killed_run_continues_bit_for_bit(runs):
    straight, killed = runs["straight"], runs["killed"]
    assert rows(killed) == rows(straight)
    assert _metrics(killed) == _metrics(straight)
    _assert_same_weights(killed, straight)


def test_the_runs_go_over_the_data_more_than_once(runs):
    metrics = _metrics(runs["straight"])
    epochs = metrics["steps"] * SETTINGS["global_batch_size"] / metrics["bins"]
    assert epochs > 2 and metrics["bins"] < metrics["examples"] == SETTINGS["examples"]


def test_only_the_last_checkpoint_is_kept(runs):
    for run in runs.values():
        directory = run / "distill" / "checkpoints"
        complete = checkpoints.latest(directory)
        assert complete.final
        assert list(directory.glob("iter_*")) == [complete.path(directory)]


def test_training_stops_at_the_wanted_loss(runs):
    validation = {row["step"]: row["validation_loss"] for row in rows(runs["early"]) if "validation_loss" in row}
    metrics = _metrics(runs["early"])
    assert metrics["stopped_early"] and metrics["steps"] < SETTINGS["train_iters"]
    assert [step for step, loss in validation.items() if loss < 4.0] == [metrics["steps"]]
    # Until then it is the same training.
    straight = [row for row in rows(runs["straight"]) if row["step"] <= metrics["steps"]]
    assert rows(runs["early"]) == straight


@pytest.mark.parametrize("name", ["straight", "early"])
def test_an_export_that_was_lost_is_made_again(runs, exported_again, name):
    assert rows(exported_again[name]) == rows(runs[name])
    assert _metrics(exported_again[name]) == _metrics(runs[name])
    _assert_same_weights(exported_again[name], runs[name])


def _assert_same_weights(one: Path, other: Path) -> None:
    ours, theirs = weights(one / "distill" / "hf"), weights(other / "distill" / "hf")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def _metrics(run: Path) -> dict:
    """What the stage gives; the worker leaves out its speed."""
    return read_json(run / "metrics.json")


def _has_a_checkpoint(directory: Path) -> bool:
    return checkpoints.latest(directory) is not None


def _writes_a_checkpoint(left: set[Path], directory: Path) -> bool:
    """One that was not left by the last kill is there and does not count yet."""
    complete = checkpoints.latest(directory).path(directory)
    return any(path > complete for path in set(directory.glob("iter_*")) - left)


def _cut_the_tracker_files(run: Path) -> None:
    """Bridge writes these in place, so that a kill may leave any part of them."""
    directory = run / "distill" / "checkpoints"
    (directory / "latest_train_state.pt").write_bytes(b"")
    (directory / "latest_checkpointed_iteration.txt").write_text("")
