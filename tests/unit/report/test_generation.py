# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the page says of a generation."""

import pytest

from nemo_reasoning.manifest import Manifest
from nemo_reasoning.report.gather import gather
from nemo_reasoning.report.page import render

pytest.importorskip("plotly")
METRICS = {
    "problems": 3,
    "traces": 8,
    "verdicts": {"correct": 6, "incorrect": 2, "no_answer": 0},
    "truncated": 1,
    "not_needed": 4,
    "errors": {"prompt_too_long<b>": 1},
    "prompt_tokens": 1234,
    "completion_tokens": 56_789,
    "tokens_per_s": 321.5,
    "cost": 12.345,
    "possible_cost": 0.5,
    "lost_requests": 2,
    "mean_pass_rate": 0.75,
    "pass_rates": [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2],
    "summary": "8 traces",
}


def page(run, metrics=METRICS, status="done"):
    (run / "resolved.yaml").write_text("name: x\n")
    Manifest("generate", status, {}, {}, "", 0.0, 9.0, metrics).write(run / "generate")
    return render(gather(run))


def test_cost_rate_and_pass_rates(tmp_path):
    html = page(tmp_path)
    for text in ("8 traces for 3 problems", "75.0 %", "12.35", "1.5 a trace</span>", "0.50", "321 a second", "56.8 k"):
        assert text in html
    assert "2 that were under way when the stage was killed" in html
    assert '"pass_rates":{"data":[{"type":"bar"' in html
    assert "prompt too long&lt;b&gt;" in html


def test_one_that_cost_nothing(tmp_path):
    html = page(tmp_path, METRICS | {"cost": 0.0, "possible_cost": 0.0, "lost_requests": 0, "mean_pass_rate": None})
    assert "possible further cost" not in html
    assert "a trace</span>" not in html


def test_one_that_is_not_finished(tmp_path):
    assert "The stage generate has not finished" in page(tmp_path, {"summary": "interrupted"}, "interrupted")


def test_a_run_without_one_says_nothing_of_it(tmp_path):
    (tmp_path / "resolved.yaml").write_text("name: x\n")
    assert "generat" not in render(gather(tmp_path)).partition("<main>")[2].partition("</main>")[0]
