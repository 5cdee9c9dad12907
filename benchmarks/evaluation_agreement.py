# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Accuracy of stored model outputs by this package's evaluation, against the accuracy by the labels in the files.

    python benchmarks/evaluation_agreement.py [--data DIR] [--out DIR] [--extracted]

The outputs are those of two models on AIME 2024, AMC 2023, MATH-500 and Minerva, labelled by another
grader (SkyThought), which allows a relative error of 1e-4; so do we here. Our answer is the last box of
a completion, the gold answer the published one where the file has it; `--extracted` takes the answer that
the grader extracted, and its gold answer, from which it had stripped white space and words.
Each row that differs is listed with its class and why (see verify_agreement.py); `extraction` are those
without a box, where the grader took the last number of the text. The last column is the difference in
points that is left when the rows that are explained are taken out of it.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify_agreement import classify
from verify_speed import DATA, rows

from nemo_reasoning.config import Verify
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.measure import estimates, judge, score
from nemo_reasoning.stored import LAYOUTS, read_stored
from nemo_reasoning.traces import write_jsonl
from nemo_reasoning.verify import Verdict, Verifier
from nemo_reasoning.verify.fast_path import decide

TOLERANCE = 1e-4
PATIENCE_S = 60.0
"""Limit of one check: with the usual one, what a busy machine can decide is another matter in each run."""
UNTAGGED = ReasoningFormat(answer_in_thinking=True)
"""These models do not think in tags: a box anywhere is the answer."""
SENT = Verdict("correct", "math_verify", None, None)
Row = dict[str, Any]


@dataclass(frozen=True)
class Agreement:
    """One file.

    Attributes:
        name: Of the file.
        labelled: Accuracy by its labels, in points.
        ours: The figure of this package and its interval, in [0, 1].
        differing: {index, class, why, label, status, extracted, gold} of each row that differs.
        left: Difference without the explained rows, in points.
    """

    name: str
    labelled: float
    ours: dict[str, float]
    differing: list[Row]
    left: float


def main() -> int:
    """Print a line for each file and each row that differs; with `--out`, write the judged rows."""
    parser = argparse.ArgumentParser(description="Accuracy of labelled model outputs.")
    parser.add_argument("--data", type=Path, default=DATA, help="directory with skythought_answers/")
    parser.add_argument("--extracted", action="store_true", help="the answers that the grader extracted")
    parser.add_argument("--out", type=Path, help="directory for the judged rows")
    given = parser.parse_args()
    files = sorted((given.data / "skythought_answers").glob("*.jsonl"))
    if not files:
        print(f"there are no outputs at {given.data}; give their directory with --data.", file=sys.stderr)
        return 2
    print(f"{'file':<38}{'labels':>8}{'ours':>8}{'95 %':>16}{'differ':>9}  classes, difference left")
    with Verifier(Verify(workers=2, timeout_s=PATIENCE_S, relative_tolerance=TOLERANCE)) as verifier:
        for path in files:
            judged = judge(given_rows(path, given.extracted), UNTAGGED, verifier)
            if given.out:
                write_jsonl(given.out / path.name, judged)
            show(agreement(path, judged))
    return 0


def given_rows(path: Path, extracted: bool) -> list[Row]:
    """The stored completions, or boxes with what the grader extracted."""
    if not extracted:
        stored = read_stored([path], LAYOUTS["skythought"])
        golds = [str(row.get("answer", row["gt"])) for row in rows(path)]
        return [{**row, "answer": gold} for row, gold in zip(stored, golds, strict=True)]
    return [
        {"id": str(row["idx"]), "answer": row["gt"], "greedy": None, "samples": [_boxed(row["pred"][0])]}
        for row in rows(path)
    ]


def _boxed(answer: str) -> Row:
    """A completion with this answer; braces that do not match would hide it, so such an answer is none."""
    return {"text": f"\\boxed{{{answer}}}" if answer else "", "truncated": False, "num_tokens": None}


def agreement(path: Path, judged: list[Row]) -> Agreement:
    """Compare judged rows with the labels of the file, row by row."""
    labels = [(row["idx"], row["score"][0]) for row in rows(path)]
    differing = list(_differing(path.stem, judged, labels))
    figure = next(iter(estimates(score(judged, [])).values()))
    labelled = sum(label for _, label in labels) / len(labels)
    unexplained = sum(1 - 2 * row["label"] for row in differing if row["class"] == "unclassified")
    return Agreement(path.stem, 100 * labelled, figure, differing, 100 * unexplained / len(labels))


def _differing(name: str, judged: list[Row], labels: list[tuple[int, bool]]) -> Iterator[Row]:
    for row, (index, label) in zip(judged, labels, strict=True):
        one = row["samples"][0]
        if (one["verdict"] == "correct") == label:
            continue
        kind, why = "extraction", "there is no box; the grader took the last number"
        if one["verdict"] != "no_answer":
            method = (decide(one["extracted"], row["answer"], TOLERANCE) or SENT).method
            kind, why = classify(name, index, Verdict(one["verdict"], method, one["extracted"], row["answer"]), label)
        found = {"status": one["verdict"], "extracted": one["extracted"], "gold": row["answer"]}
        yield {"index": index, "class": kind, "why": why, "label": label, **found}


def show(found: Agreement) -> None:
    """Print a file's accuracy and its differing rows."""
    classes = Counter(row["class"] for row in found.differing)
    shown = ", ".join(f"{count} {kind}" for kind, count in sorted(classes.items())) or "none"
    value, low, high = (100 * found.ours[key] for key in ("value", "low", "high"))
    between = f"[{low:.1f}, {high:.1f}]"
    print(f"{found.name:<38}{found.labelled:>8.2f}{value:>8.2f}{between:>16}{value - found.labelled:>+9.2f}"
          f"  {shown}; {found.left:+.2f}")  # fmt: skip
    for row in found.differing:
        what = f"{row['extracted']!r} against {row['gold']!r}"
        print(
            f"    {row['index']:>4} {row['class']:<12} label {row['label']!s:<5} {row['status']}: {what}  {row['why']}"
        )


if __name__ == "__main__":
    sys.exit(main())
