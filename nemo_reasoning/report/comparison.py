# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The page of a comparison: figures, paired differences, and the completions side by side."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from markupsafe import Markup

from nemo_reasoning.report.candidates import Candidate, Comparison
from nemo_reasoning.report.gather import MAX_TEXT, shorten
from nemo_reasoning.report.page import asset, embedded_json, policy, template

Row = dict[str, Any]

MAX_PROBLEMS = 200
"""Problems of a benchmark in the browser; those that were gained or lost come first."""
MAX_SAMPLES = 3
"""Samples of a problem in the browser, besides the greedy completion."""


def render(compared: Sequence[Comparison], candidates: Sequence[Candidate]) -> str:
    """The page as HTML: one file that needs nothing else and asks the network for nothing."""
    script = asset("comparison.js")
    browsers = [browser(one, candidates) for one in compared]
    data = {"labels": compared[0].labels, "exams": browsers}
    return template("comparison.html").render(
        compared=compared,
        browsers=browsers,
        limits={"problems": MAX_PROBLEMS, "samples": MAX_SAMPLES, "text": MAX_TEXT},
        style=Markup(asset("style.css")),
        script=Markup(script),
        policy=policy([script]),
        data=embedded_json(data),
    )


def browser(compared: Comparison, candidates: Sequence[Candidate]) -> Row:
    """Problems with their completions, as the page's script shows them.

    The change of a problem is `gained`, `lost` or `same` for each candidate after the first,
    by its first accuracy (greedy where there is one).
    """
    values = [next(iter(one.accuracy.values())) for one in compared.scores]
    changes = [[_change(values[0][place], other[place]) for other in values[1:]] for place in range(len(values[0]))]
    order = sorted(range(len(changes)), key=lambda place: set(changes[place]) == {"same"})[:MAX_PROBLEMS]
    wanted = [compared.problems[place] for place in order]
    columns = [candidate.answers(compared.exam).rows(wanted) for candidate in candidates]
    problems = [
        {
            "id": rows[0]["id"],
            "problem": shorten(rows[0]["problem"]),
            "answer": rows[0]["answer"],
            "changes": changes[place],
            "outputs": [_output(row) for row in rows],
        }
        for place, rows in zip(order, zip(*columns, strict=True), strict=True)
    ]
    return {"name": compared.exam, "total": len(compared.problems), "problems": problems}


def _change(before: float, after: float) -> str:
    return "same" if before == after else "gained" if after > before else "lost"


def _output(row: Row) -> Row:
    """A model's completions of a problem, and how many of its samples are right."""
    shown = {"greedy": row["greedy"]} if row["greedy"] else {}
    shown |= {f"sample {place}": sample for place, sample in enumerate(islice(row["samples"], MAX_SAMPLES), 1)}
    right = sum(sample["verdict"] == "correct" for sample in row["samples"])
    return {
        "right": f"{right} of {len(row['samples'])} samples correct" if row["samples"] else "",
        "completions": {
            name: {
                "text": shorten(one["text"]),
                "verdict": one["verdict"],
                "extracted": None if one["extracted"] is None else shorten(one["extracted"], 200),
                "num_tokens": one["num_tokens"],
                "truncated": one["truncated"],
            }
            for name, one in shown.items()
        },
    }
