# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The GRPO stage on a tiny student: it runs, it improves a reward, and a kill changes nothing."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import addition_student
import orjson
import pytest
from grpo_killed import PLACES, run_until
from safetensors.torch import load_file

from nemo_reasoning import compose
from nemo_reasoning.config import GRPO, Config, Paths, Reward, ScratchModel
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.errors import InputError, Interrupted
from nemo_reasoning.grpo.rollouts import RolloutMaker
from nemo_reasoning.grpo.stage import run
from nemo_reasoning.manifest import METRICS, StageRun, read_manifest, read_metrics
from nemo_reasoning.traces import read_jsonl, write_jsonl

BREVITY = {"soft_overlong_punishment": Reward(params={"max_completion_len": 24, "soft_punish_cache": 24})}
"""Minus the completion's share of 24 tokens: a random model can learn to be brief."""
RARE = {"soft_overlong_punishment": Reward(params={"max_completion_len": 24, "soft_punish_cache": 1})}
"""Minus one for 24 tokens, which nearly all completions of a random model have: most groups are without spread."""
TIMES = ("seconds", "cpu_seconds", "rollouts_per_cpu_second")


def make_config(directory, student, **settings):
    rows = [{"id": f"p{a}", "problem": f"What is {a} plus 3?", "answer": str(a + 3)} for a in range(20)]
    write_jsonl(directory / "curate" / "rl.jsonl", rows)
    (directory / "grpo").mkdir()
    settings = {
        "init": str(student),
        "max_num_steps": 12,
        "num_prompts_per_step": 8,
        "num_generations_per_prompt": 8,
        "num_minibatches": 2,
        "max_new_tokens": 24,
        "lr": 3e-3,
        "weight_decay": 0.0,
        "checkpoint_interval": 3,
        "log_rollouts_interval": 2,
        "rewards": BREVITY,
    } | settings
    config = Config(name="test", paths=Paths(run=str(directory)), format=ReasoningFormat(), grpo=GRPO(**settings))
    return config, StageRun("grpo", directory / "grpo")


def without_times(row):
    return {name: value for name, value in row.items() if name not in TIMES}


def test_a_reward_is_improved_and_the_outputs_are_whole(tmp_path, student):
    config, stage = make_config(tmp_path, student, max_num_steps=30)
    summary = run(config, stage)
    rows = list(read_metrics(stage.directory))
    assert [row["step"] for row in rows] == list(range(1, 31))
    assert rows[0]["mean_tokens"] > 20
    assert summary["reward"] > rows[0]["reward"] + 0.5
    assert all(row["logprob_mismatch"] < 0.02 for row in rows if row["groups_used"])
    assert summary["verdicts"]["no_answer"] == summary["rollouts"] == 30 * 64
    logged = list(read_jsonl(stage.directory / "rollouts.jsonl"))
    assert [row["step"] for row in logged[::64]] == [1, *range(2, 31, 2)]
    assert logged[0]["components"]["soft_overlong_punishment"] == logged[0]["reward"]
    assert {file.name for file in (stage.directory / "checkpoints").iterdir()} == {"step_000030.pt"}
    assert {"config.json", "model.safetensors", "tokenizer.json", "generation_config.json"} <= {
        file.name for file in (stage.directory / "hf").iterdir()
    }
    assert run(config, stage) | dict.fromkeys(TIMES) == summary | dict.fromkeys(TIMES)  # started again: nothing to do
    assert len(list(read_metrics(stage.directory))) == 30


def test_the_written_model_continues_to_learn_from(tmp_path, student):
    config, stage = make_config(tmp_path / "one", student, max_num_steps=2)
    run(config, stage)
    after, stage_after = make_config(tmp_path / "two", stage.directory / "hf", max_num_steps=1)
    summary = run(after, stage_after)
    assert summary["steps"] == 1
    # The same kind of completions: the tokenizer, the format and the weights came through.
    assert abs(summary["reward"] - list(read_metrics(stage.directory))[-1]["reward"]) < 0.2


def test_missing_golds_are_masked_and_counted(tmp_path, student):
    config, stage = make_config(tmp_path, student, max_num_steps=1, rewards={"accuracy": Reward(), **BREVITY})
    write_jsonl(tmp_path / "curate" / "rl.jsonl", [{"id": "p", "problem": "What?", "answer": None}])
    summary = run(config, stage)
    (row,) = read_metrics(stage.directory)
    assert row["groups_used"] == 0 and row["reward"] is None
    assert summary["unrewarded"] == 64 == summary["verdicts"]["unparsable_gold"]


def test_early_stop(tmp_path, student):
    validated = {"val_period": 30, "keep_best": True}  # before the stop there is nothing to choose from
    config, stage = make_config(tmp_path, student, max_num_steps=40, stop_accuracy=0.0, **validated)
    summary = run(config, stage)
    assert summary["steps"] == summary["best_step"] == 10


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rewards": {"accurracy": Reward()}}, "no reward 'accurracy'; did you mean 'accuracy'"),
        ({"max_new_tokens": 96}, "no problem leaves room for grpo.max_new_tokens=96"),
        ({"init": "/nowhere/model"}, "/nowhere/model does not exist"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, student, settings, sentence):
    config, stage = make_config(tmp_path, student, **settings)
    with pytest.raises(InputError, match=sentence):
        run(config, stage)


def test_groups_without_spread_are_replaced(tmp_path, student):
    sizes = {"num_prompts_per_step": 4, "num_generations_per_prompt": 2, "max_num_steps": 4, "lr": 1e-6}
    config, stage = make_config(tmp_path / "one", student, rewards=RARE, **sizes)
    run(config, stage)
    config, filled = make_config(
        tmp_path / "more", student, rewards=RARE, log_rollouts_interval=1, dynamic_sampling_max_gen_batches=3, **sizes
    )
    run(config, filled)
    once, rows = list(read_metrics(stage.directory)), list(read_metrics(filled.directory))
    assert all(row["gen_batches"] == 1 for row in once)
    assert any(row["gen_batches"] > 1 for row in rows)
    assert all(row["rollouts"] == 8 * row["gen_batches"] for row in rows)
    assert sum(row["groups_used"] for row in rows) > sum(row["groups_used"] for row in once)
    assert all(row["groups_used"] == 4 or row["gen_batches"] == 3 for row in rows)
    logged = list(read_jsonl(filled.directory / "rollouts.jsonl"))
    assert len(logged) == sum(row["rollouts"] for row in rows)
    for row in rows:
        learned = {line["group"] for line in logged if line["step"] == row["step"] and not line["masked"]}
        assert len(learned) == row["groups_used"]
    # Each batch takes the problems that follow, so that none is taken twice in an epoch (20 problems).
    first_epoch = [line["id"] for line in logged[: 2 * 20 : 2]]
    assert len(set(first_epoch)) == 20


def test_accuracy_is_measured_on_problems_that_are_not_learned_from(tmp_path, student, monkeypatch):
    settings = {"val_period": 2, "val_patience": 2, "val_samples_per_problem": 3, "log_rollouts_interval": 1}
    config, stage = make_config(tmp_path, student, max_num_steps=5, **settings)
    measured, accuracy = [], RolloutMaker.accuracy

    def watched(maker, problems, generator):
        measured.append((sorted(problem.id for problem in problems), generator.initial_seed()))
        return accuracy(maker, problems, generator)

    monkeypatch.setattr(RolloutMaker, "accuracy", watched)
    summary = run(config, stage)
    rows = list(read_metrics(stage.directory))
    # A random model solves nothing: the second and third measurement are no better than the first.
    assert [row.get("validation_accuracy") for row in rows] == [None, 0.0, None, 0.0, 0.0]
    assert summary["best_validation_accuracy"] == 0.0 and summary["best_step"] == 2
    assert len(measured) == 3 and all(each == measured[0] for each in measured)
    held_out, learned = set(measured[0][0]), {row["id"] for row in read_jsonl(stage.directory / "rollouts.jsonl")}
    assert len(held_out) == 2 and len(learned) == 18 and not held_out & learned


def test_the_best_model_is_kept(tmp_path, student, monkeypatch):
    """Accuracies are given here, because a random student has none; weights and files are real."""
    settings = {"val_period": 1, "keep_best": True, "checkpoint_interval": 2}
    config, stage = make_config(tmp_path, student, max_num_steps=5, **settings)
    seen, accuracies = [], iter([0.1, 0.4, 0.2, 0.5, 0.3])

    def accuracy(maker, problems, generator):
        seen.append({name: tensor.clone() for name, tensor in maker.sampler.decoder.model.state_dict().items()})
        return next(accuracies)

    monkeypatch.setattr(RolloutMaker, "accuracy", accuracy)
    summary = run(config, stage)
    assert summary["best_step"] == 4 and summary["steps"] == 5
    kept = load_file(stage.directory / "hf" / "model.safetensors")
    assert all(kept[name].equal(seen[3][name]) for name in kept)
    assert not all(kept[name].equal(seen[4][name]) for name in kept)
    before = (stage.directory / "hf" / "model.safetensors").read_bytes()
    run(config, stage)  # started again: the same one
    assert (stage.directory / "hf" / "model.safetensors").read_bytes() == before


def test_a_time_limit_changes_nothing_but_the_number_of_starts(tmp_path, student):
    settings = {"max_num_steps": 3, "val_period": 2, "keep_best": True, "log_rollouts_interval": 1}
    config, straight = make_config(tmp_path / "straight", student, **settings)
    run(config, straight)
    # The limit counts from the start of this process, so that it has passed: each start takes one step.
    config, limited = make_config(tmp_path / "limited", student, exit_duration_in_mins=1e-6, **settings)
    for step in (1, 2):
        with pytest.raises(Interrupted, match=f"at step {step} of 3, whose checkpoint is saved"):
            run(config, limited)
        assert not (limited.directory / "hf").exists()
    run(config, limited)
    assert written(limited.directory) == written(straight.directory)


@pytest.mark.slow
def test_sigterm_saves_and_the_same_command_continues(tmp_path, student):
    config, straight = make_config(tmp_path / "straight", student, max_num_steps=12, checkpoint_interval=100)
    run(config, straight)
    config, stage = make_config(tmp_path / "ended", student, max_num_steps=12, checkpoint_interval=100)
    compose.write_resolved(config, tmp_path / "ended" / "resolved.yaml")
    command = [sys.executable, "-m", "nemo_reasoning.stage", "grpo", str(tmp_path / "ended")]
    with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        while process.poll() is None and not list(read_metrics(stage.directory)):
            time.sleep(0.005)
        process.terminate()
        assert process.wait(timeout=300) == 0
    manifest, steps = read_manifest(stage.directory), len(list(read_metrics(stage.directory)))
    assert manifest.status == "interrupted" and 1 <= steps < 12
    assert manifest.metrics["summary"] == f"interrupted at step {steps} of 12, whose checkpoint is saved"
    run(config, stage)
    assert written(stage.directory) == written(straight.directory)


def start(target: Callable[..., Any], *given: Any) -> multiprocessing.Process:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nemo_reasoning.grpo.stage"])
    process = context.Process(target=target, args=given)
    process.start()
    return process


def kill_during(config: Config, stage: StageRun, rows: int, delay: float) -> bool:
    """Start the stage and kill it `delay` seconds after it has logged `rows` rows; false if it ended before."""
    process = start(run, config, stage)
    log = stage.directory / METRICS
    while process.is_alive() and (not log.exists() or len(log.read_bytes().splitlines()) < rows):
        time.sleep(0.005)
    time.sleep(delay)
    process.kill()
    process.join()
    return process.exitcode != 0


def written(directory: Path) -> dict:
    weights = load_file(directory / "hf" / "model.safetensors")
    return {
        "metrics": [without_times(row) for row in read_metrics(directory)],
        "rollouts": (directory / "rollouts.jsonl").read_bytes(),
        "weights": {name: tensor.numpy().tobytes() for name, tensor in weights.items()},
    }


@pytest.mark.slow
def test_kill_at_any_moment_changes_nothing(tmp_path, student, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config, stage = make_config(tmp_path / "whole", student, max_num_steps=40)
    process = start(run, config, stage)
    process.join()
    assert process.exitcode == 0
    killed_config, killed = make_config(tmp_path / "killed", student, max_num_steps=40)
    draw = random.Random(0)
    kills = [kill_during(killed_config, killed, rows, draw.uniform(0, 0.05)) for rows in (0, 1, 5, 14, 27, 38)]
    assert sum(kills) >= 4
    process = start(run, killed_config, killed)
    process.join()
    assert process.exitcode == 0
    expected, found = written(stage.directory), written(killed.directory)
    assert len(expected["metrics"]) == 40
    assert orjson.dumps(found["metrics"]) == orjson.dumps(expected["metrics"])
    assert found["rollouts"] == expected["rollouts"]
    assert found["weights"] == expected["weights"]


@pytest.mark.slow
def test_kills_at_the_worst_places_change_nothing(tmp_path, student, monkeypatch):
    """One run, killed in turn while it samples, learns, validates and writes each of its files."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = {"max_num_steps": 6, "checkpoint_interval": 2, "val_period": 2, "keep_best": True}
    config, whole = make_config(tmp_path / "whole", student, **settings)
    run(config, whole)
    config, killed = make_config(tmp_path / "killed", student, **settings)
    for place in PLACES:
        process = start(run_until, place, config, killed)
        process.join()
        assert process.exitcode == -signal.SIGKILL, place
    assert not (killed.directory / "hf").exists()
    run(config, killed)
    assert written(killed.directory) == written(whole.directory)
    assert len(written(whole.directory)["metrics"]) == 6


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "qwen3"])
def test_other_architectures_learn_and_resume(tmp_path, architecture, monkeypatch):
    """The demo's size; killed after the first step's checkpoint, with refills and validation on."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    addition_student.make(tmp_path / "student", ScratchModel(architecture=architecture))
    settings = {"max_num_steps": 2, "checkpoint_interval": 1, "precision": "fp32", "val_period": 1, "keep_best": True}
    settings |= {"num_prompts_per_step": 4, "rewards": RARE, "dynamic_sampling_max_gen_batches": 3}
    directories = {}
    for name in ("whole", "killed"):
        config, stage = make_config(tmp_path / name, tmp_path / "student", **settings)
        directories[name] = stage.directory
        if name == "killed":
            assert kill_during(config, stage, 1, 0.0)
        process = start(run, config, stage)
        process.join()
        assert process.exitcode == 0
    expected, found = written(directories["whole"]), written(directories["killed"])
    assert found == expected
    assert len(expected["metrics"]) == 2
    assert any(row["gen_batches"] > 1 for row in expected["metrics"])
    assert all(row["groups_used"] and row["logprob_mismatch"] < 1e-5 for row in expected["metrics"])
