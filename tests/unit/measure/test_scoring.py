# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""From judged rows to figures, on rows that can be counted by hand."""

import pytest

from nemo_reasoning.measure.scoring import compare, estimates, score


def completion(answer: str | None, gold: str = "4", tokens: int = 10, truncated: bool = False) -> dict:
    verdict = "no_answer" if answer is None else "correct" if answer.strip("$ ") == gold else "incorrect"
    return {
        "text": f"said {answer}",
        "verdict": verdict,
        "extracted": answer,
        "num_tokens": tokens,
        "truncated": truncated,
        "well_formed": answer is not None and not truncated,
    }


def row(name: str, greedy: str | None, samples: list[str | None], **kwargs) -> dict:
    return {
        "id": name,
        "problem": "2+2?",
        "answer": "4",
        "greedy": completion(greedy),
        "samples": [completion(answer, **kwargs) for answer in samples],
    }


ROWS = [
    row("a", "4", ["4", "$4$", "5", "6"], tokens=12),
    row("b", None, [None, None, "5", "4"], tokens=20),
    row("c", "5", ["5", "5", "5", None], tokens=40, truncated=True),
]


def test_scores_by_hand():
    scores = score(ROWS, [1, 2])
    assert scores.ids == ["a", "b", "c"]
    assert scores.accuracy["greedy"] == [1.0, 0.0, 0.0]
    assert scores.accuracy["avg@4"] == scores.accuracy["pass@1"] == [0.5, 0.25, 0.0]
    assert scores.accuracy["pass@2"] == pytest.approx([1 - 1 / 6, 0.5, 0.0])
    assert scores.accuracy["maj@4"] == [1.0, 0.5, 0.0], "4 and $4$ are one answer; 5 and 4 tie; none does not vote"
    assert scores.rates["no_answer_rate"] == [0.0, 0.5, 0.25]
    assert scores.rates["truncated_rate"] == [0.0, 0.0, 1.0]
    assert scores.rates["format_rate"] == [1.0, 0.5, 0.0]
    assert scores.num_tokens == [[12] * 4, [20] * 4, [40] * 4]
    assert scores.verdicts == {
        "correct": 4,
        "incorrect": 7,
        "no_answer": 4,
        "unparsable_gold": 0,
        "timeout": 0,
        "error": 0,
    }


def test_estimates_hold_every_metric_with_its_interval():
    found = estimates(score(ROWS, [1, 2]))
    accuracy = ["greedy", "avg@4", "pass@1", "pass@2", "maj@4"]
    rates = ["format_rate", "no_answer_rate", "truncated_rate"]
    assert list(found) == [*accuracy, *rates, "mean_tokens", "p95_tokens"]
    assert all(value["low"] <= value["value"] <= value["high"] for value in found.values())
    assert found["mean_tokens"]["value"] == 24 and found["p95_tokens"]["value"] == 40


def test_comparison_counts_gained_and_lost():
    better = [row("a", "5", ["5"] * 4), row("b", "4", ["4"] * 4), row("c", "4", ["4"] * 4)]
    found = compare(score(ROWS, [1]), score(better, [1]))
    assert (found["gained"], found["lost"]) == (2, 1)
    assert found["metrics"]["greedy"]["value"] == pytest.approx(1 / 3)
    assert found["metrics"]["avg@4"]["value"] == pytest.approx((-0.5 + 0.75 + 1) / 3)


def test_other_problems_are_not_compared():
    with pytest.raises(ValueError, match="same problems"):
        compare(score(ROWS, [1]), score(ROWS[:2], [1]))
