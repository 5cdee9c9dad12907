# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Limits of what the page shows."""

from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.report.gather import MAX_GROUPS, MAX_STEPS, MAX_TEXT, gather, shorten, spread
from nemo_reasoning.traces import write_jsonl


@given(st.lists(st.integers(), unique=True, max_size=200), st.integers(2, 30))
def test_spread_keeps_both_ends_and_the_order(items, limit):
    found = spread(items, limit)
    assert len(found) == min(limit, len(items))
    assert [item for item in items if item in set(found)] == found
    if items:
        assert found[0] == items[0] and found[-1] == items[-1]


def test_long_text_keeps_its_beginning_and_its_end():
    text = "a" * MAX_TEXT + "b" * MAX_TEXT
    short = shorten(text)
    assert short.startswith("aaa") and short.endswith("bbb") and "4,000 characters left out" in short
    assert shorten("as it is") == "as it is"


def test_rollouts_are_limited_by_step_and_group(tmp_path):
    (tmp_path / "resolved.yaml").write_text("name: x\n")
    rows = [
        {
            "step": step,
            "group": group,
            "problem": "p",
            "prompt": "<p>",
            "answer": "1",
            "completion": "c" * 9000,
            "num_tokens": 3,
            "truncated": False,
            "reward": 1.0,
            "components": {},
            "advantage": 0.0,
            "verdict": "correct",
        }
        for step in range(1, 41)
        for group in range(12)
        for _ in range(2)
    ]
    write_jsonl(tmp_path / "grpo" / "rollouts.jsonl", rows)
    found = gather(tmp_path).rollouts
    assert len(found) == MAX_STEPS and found[0]["step"] == 1 and found[-1]["step"] == 40
    assert all(len(step["groups"]) == MAX_GROUPS for step in found)
    assert all(len(group["rollouts"]) == 2 for step in found for group in step["groups"])
    assert len(found[0]["groups"][0]["rollouts"][0]["text"]) < 5000
