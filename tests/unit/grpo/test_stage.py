# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the stage's loop is made of: the order of problems, resuming, words about progress."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.config import GRPO, Config, Paths
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.stage import (
    finished,
    generator,
    note,
    problem_batches,
    reached,
    step_indices,
    tell,
)
from nemo_reasoning.manifest import StageRun


@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 5))
def test_each_problem_is_taken_once_per_epoch(per_step, count, seed):
    taken = [index for step in range(1, 2 * count + 1) for index in step_indices(step, per_step, count, seed)]
    for epoch in range(len(taken) // count):
        assert sorted(taken[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_the_order_depends_on_seed_and_epoch_alone():
    first = [step_indices(step, 3, 12, seed=0) for step in range(1, 9)]
    assert first == [step_indices(step, 3, 12, seed=0) for step in range(1, 9)]
    assert first[:4] != first[4:]
    assert first != [step_indices(step, 3, 12, seed=1) for step in range(1, 9)]


def test_generators_are_independent():
    draws = {
        torch.rand(1, generator=generator(*key)).item()
        for key in [(0, "sample", 1), (0, "sample", 2), (0, "order", 1), (1, "sample", 1)]
    }
    assert len(draws) == 4


def history(*rows):
    steady = {"mean_tokens": 9.0, "truncated_share": 0.0, "entropy": 1.0}
    return [{"accuracy": accuracy, "reward": accuracy, "groups_used": used, **steady} for accuracy, used in rows]


def test_early_stop_waits_for_ten_steps_at_the_accuracy():
    assert not reached(history(*[(1.0, 1)] * 9), 0.9)
    assert not reached(history(*[(1.0, 1)] * 5, *[(0.8, 1)] * 6), 0.9)
    assert reached(history(*[(0.1, 1)] * 30, *[(0.9, 1)] * 10), 0.9)
    assert not reached(history(*[(1.0, 1)] * 10), None)


def test_ten_steps_without_a_lesson_are_said_in_a_sentence():
    assert "nothing was learned in 10 of the last 10 steps" in note(history((0.5, 4), *[(0.0, 0)] * 10))
    assert note(history(*[(0.0, 0)] * 7, *[(0.5, 3)] * 3)) == "reward 0.150, accuracy 15.0%"
    assert note([]) == ""


def test_note_survives_steps_without_any_reward():
    rows = [{**row, "reward": None} for row in history((0.0, 0))]
    assert note(rows).startswith("reward 0.000")
    assert note(rows * 10).startswith("no completion of the last 10 steps got a reward")


@pytest.mark.parametrize("step", [1, 5])
def test_step_indices_stay_below_the_count(step):
    assert set(step_indices(step, 7, 3, 0)) <= {0, 1, 2}


def test_collapse_is_said_once_and_may_end_the_run(tmp_path, caplog):
    stage = StageRun("grpo", tmp_path)
    rows = history(*[(0.1, 4)] * 5, *[(0.1, 0)] * 10)
    for count in range(len(rows) + 1):
        tell(stage, rows[:count], GRPO())
    assert [record.message.split(":")[0] for record in caplog.records] == ["GRPO, step 13"]
    with pytest.raises(InputError, match="collapsed at step 13: nothing was learned in 8 of the last 10 steps"):
        tell(stage, rows[:13], GRPO(stop_on_collapse=True))
    tell(stage, rows[:12], GRPO(stop_on_collapse=True))


def test_early_stop_by_accuracy_on_held_out_problems():
    rows = [{"validation_accuracy": value} for value in (0.2, 0.5, 0.4)] + [{}]
    assert not finished(rows, GRPO(val_period=1))
    assert not finished(rows, GRPO(val_period=1, stop_val_accuracy=0.5))  # the last one decides
    assert finished(rows[:2], GRPO(val_period=1, stop_val_accuracy=0.5))
    assert not finished(rows, GRPO(val_period=1, val_patience=2))
    assert finished([*rows, {"validation_accuracy": 0.5}], GRPO(val_period=1, val_patience=2))


def test_a_resumed_run_goes_on_after_the_batches_that_were_sampled():
    settings = GRPO(num_prompts_per_step=2, dynamic_sampling_max_gen_batches=3)
    config = Config(name="x", paths=Paths(run="x"), grpo=settings)
    problems = list(range(100))  # they are only passed on
    taken = [indices for indices, _ in problem_batches(config, problems, [])]
    more = [indices for indices, _ in problem_batches(config, problems, [{"gen_batches": 1}, {"gen_batches": 1}])]
    assert taken == [step_indices(number, 2, 100, 0) for number in (1, 2, 3)]
    assert more == [step_indices(number, 2, 100, 0) for number in (3, 4, 5)]


@pytest.mark.parametrize(
    "settings",
    [{"keep_best": True}, {"stop_val_accuracy": 0.5}, {"val_patience": 1}],
)
def test_what_needs_validation_says_so(settings):
    with pytest.raises(ValueError, match="need a val_period"):
        GRPO(**settings)
