# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Signs of collapse in hand-made metrics, and in those of real runs."""

import json
from pathlib import Path

import pytest

from nemo_reasoning.grpo.collapse import WINDOW, collapse

HEALTHY = {
    "reward": 0.5,
    "accuracy": 0.5,
    "groups_used": 4,
    "mean_tokens": 100.0,
    "truncated_share": 0.1,
    "entropy": 0.5,
}


def history(**last):
    """Healthy steps, then a window of steps with the values `last`."""
    return [HEALTHY] * 2 * WINDOW + [HEALTHY | last] * WINDOW


@pytest.mark.parametrize(
    ("last", "name", "words"),
    [
        ({"reward": None, "groups_used": 0}, "no_rewards", "check the gold answers"),
        ({"groups_used": 0}, "no_spread", "the same reward (accuracy 50%)"),
        ({"mean_tokens": 160.0, "truncated_share": 0.6}, "length_explosion", "from 100 to 160 tokens and 60% are cut"),
        ({"mean_tokens": 20.0, "accuracy": 0.4}, "length_collapse", "from 100 to 20 tokens"),
        ({"entropy": 0.01}, "entropy", "from 0.500 to 0.010 nats a token at accuracy 50%"),
        ({"accuracy": 0.2}, "accuracy", "accuracy fell from 50% to 20% while the reward went from 0.50 to 0.50"),
        ({"accuracy": 0.0, "reward": -1.0}, "accuracy", "accuracy fell from 50% to 0%"),
    ],
)
def test_each_sign_is_recognised_and_said(last, name, words):
    found, said = collapse(history(**last))
    assert found == name
    assert words in said


@pytest.mark.parametrize(
    "last",
    [
        {},
        {"accuracy": 0.95, "entropy": 0.001, "groups_used": 0},  # solved: it may be certain
        {"mean_tokens": 400.0, "truncated_share": 0.2},  # longer thoughts that come to an end
        {"truncated_share": 0.9},  # cut off as ever: the limit is short
        {"mean_tokens": 20.0, "accuracy": 0.8},  # brief and better
        {"entropy": 0.06},
        {"accuracy": 0.26, "reward": 0.26},
    ],
)
def test_what_is_no_collapse(last):
    assert collapse(history(**last)) is None


def test_nothing_is_said_before_a_window_is_full():
    dead = HEALTHY | {"reward": None, "groups_used": 0}
    assert collapse([dead] * (WINDOW - 1)) is None
    assert collapse([dead] * WINDOW)[0] == "no_rewards"
    assert collapse([]) is None


def test_three_steps_among_ten_are_enough_to_go_on():
    rows = history(groups_used=0)
    rows[-3] = rows[-5] = HEALTHY
    assert "in 8 of the last 10 steps" in collapse(rows)[1]
    rows[-9] = HEALTHY
    assert collapse(rows) is None


def test_accuracy_that_scatters_has_not_fallen():
    """Few rollouts a step: the mean fell to less than half, and it means nothing."""
    accuracies = [0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.25, 0.0, 0.25, 0.0]
    first, last = ([HEALTHY | {"accuracy": value} for value in values] for values in (accuracies, [0.5] + [0.0] * 9))
    assert collapse(first + last) is None
    steady = [HEALTHY | {"accuracy": 0.15}] * WINDOW
    assert collapse(steady + [HEALTHY | {"accuracy": 0.05}] * WINDOW)[0] == "accuracy"


def test_rewards_that_came_later_do_not_break_the_sentence():
    rows = [HEALTHY | {"reward": None}] * WINDOW + [HEALTHY | {"accuracy": 0.1}] * WINDOW
    assert "the reward went from nan to 0.50" in collapse(rows)[1]


RUNS = json.loads((Path(__file__).parents[2] / "golden" / "grpo_runs.json").read_text())["runs"]


@pytest.mark.parametrize(
    ("name", "signs"),
    [
        ("demo", []),
        ("demo_seed_1", []),
        ("random_reward", [(27, "accuracy")]),
        ("random_reward_seed_1", [(21, "accuracy")]),
        ("paid_for_brevity", [(26, "accuracy"), (33, "length_collapse")]),
        ("paid_for_length", []),  # it learned to be right instead
        ("high_learning_rate", [(15, "no_spread")]),
        ("untrained", [(10, "no_spread")]),
    ],
)
def test_real_runs(name, signs):
    """Where each sign appeared, and that it stayed to the end."""
    columns = {key: values for key, values in RUNS[name].items() if key != "run"}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    found, last = [], None
    for step in range(1, len(rows) + 1):
        sign = collapse(rows[:step])
        if sign and sign[0] != last:
            found.append((step, sign[0]))
        last = sign[0] if sign else None
    assert found == signs
    assert last == (signs[-1][1] if signs else None)
