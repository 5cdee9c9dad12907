# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Figures are checked by Plotly's own schema, and their numbers by hand."""

import json
import re
from collections import Counter

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.report import charts

GRPO = [{"step": s, "reward": s / 10, "accuracy": s / 20, "verdict/correct": s / 20} for s in range(1, 11)]
FUNNEL = {
    "read": 96,
    "broken": 4,
    "kept": 80,
    "steps": [
        {"name": "<b>first</b>", "apply_to": "both", "out": 90, "dropped": 6},
        {"name": "second", "apply_to": "rl", "out": 50, "dropped": 40},
        {"name": "third", "apply_to": "both", "out": 80, "dropped": 10},
    ],
}
MODELS = {
    "<i>base</i>": {"metrics": {"greedy": {"value": 0.1, "low": 0.05, "high": 0.2}, "mean_tokens": {"value": 9}}},
    "grpo": {"metrics": {"greedy": {"value": 0.8, "low": 0.7, "high": 0.9}, "mean_tokens": {"value": 9}}},
}
FIGURES = {
    "funnel": charts.funnel(FUNNEL),
    "loss": charts.loss([{"step": 1, "loss": 2.0}, {"step": 1, "validation_loss": 2.1}]),
    "solved": charts.held_out([{"step": 4, "validation_accuracy": 0.25}, {"step": 8, "validation_accuracy": 0.5}]),
    "curve": charts.curve(GRPO, "reward", "mean reward"),
    "held_out": charts.with_held_out(
        charts.curve(GRPO, "accuracy", "correct (%)", scale=100.0), [*GRPO, {"step": 10, "validation_accuracy": 0.4}]
    ),
    "verdicts": charts.verdicts(GRPO),
    "accuracy": charts.accuracy_bars(MODELS),
    "lengths": charts.lengths({"base": Counter({40: 10}), "grpo": Counter({20: 3, 25: 1})}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_valid_plotly_with_titled_axes(name):
    text = re.sub(r'"--[a-z]+"', '"#123456"', json.dumps(FIGURES[name]))
    figure = go.Figure(json.loads(text))
    titles = (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text)
    assert any(titles) and len(figure.data) > 0


@pytest.mark.parametrize("name", FIGURES)
def test_no_markup_of_names_reaches_plotly(name):
    texts = json.dumps(FIGURES[name])
    assert "<b>" not in texts and "<i>" not in texts


def test_held_out_accuracy_stands_beside_that_of_training():
    *_, line = FIGURES["held_out"]["data"]
    assert (line["name"], line["x"], line["y"]) == ("held-out problems", [10], [40.0])
    assert FIGURES["held_out"]["layout"]["showlegend"]


def test_funnel_shows_what_only_grpo_loses_apart():
    both, grpo, dropped = FIGURES["funnel"]["data"]
    assert both["x"] == [96, 90, None, 80] and grpo["x"] == [None, None, 50, None]
    assert dropped["x"] == [4, 6, 40, 10]
    assert both["marker"]["color"] != grpo["marker"]["color"]


def test_bars_show_percent_and_their_intervals():
    base = FIGURES["accuracy"]["data"][0]
    assert base["x"] == ["greedy"] and base["y"] == [10]
    assert base["error_y"]["array"] == pytest.approx([10]) and base["error_y"]["arrayminus"] == pytest.approx([5])


def test_lengths_are_shares_of_each_model():
    for line in FIGURES["lengths"]["data"]:
        assert sum(line["y"]) == pytest.approx(100)


def test_verdicts_that_never_occur_are_left_out():
    assert [line["name"] for line in FIGURES["verdicts"]["data"]] == ["correct"]


def test_rows_without_the_metric_leave_no_point():
    line = charts.curve([{"step": 1, "reward": None}, {"step": 2, "reward": 0.5}], "reward", "y")["data"][0]
    assert line["x"] == [2]


@given(st.lists(st.one_of(st.none(), st.floats(-10, 10)), max_size=60))
def test_moving_average_keeps_length_and_range(values):
    smooth = charts.moving_average(values)
    known = [value for value in values if value is not None]
    assert len(smooth) == len(values)
    assert all(min(known) - 1e-9 <= value <= max(known) + 1e-9 for value in smooth if value is not None)
