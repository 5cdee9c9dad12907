# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Accuracy of real, labelled model outputs: every row that differs from its label is known and explained."""

import pytest
from evaluation_agreement import DATA, TOLERANCE, UNTAGGED, agreement, given_rows

from nemo_reasoning.config import Verify
from nemo_reasoning.measure import judge
from nemo_reasoning.traces import write_jsonl
from nemo_reasoning.verify import Verifier

FILES = sorted((DATA / "skythought_answers").glob("*.jsonl"))
LIMITS = {"aime24": 0.5, "amc23": 0.5, "math500": 0.5, "minerva": 2.0}
"""Points of accuracy that rows without an explanation may make up."""


def judged(path, timeout_s):
    with Verifier(Verify(workers=2, timeout_s=timeout_s, relative_tolerance=TOLERANCE)) as verifier:
        return judge(given_rows(path, extracted=False), UNTAGGED, verifier)


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="the labelled outputs are not there")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_accuracy_is_that_of_the_labels_but_for_explained_rows(path):
    found = agreement(path, judged(path, 10.0))
    limit = next(points for name, points in LIMITS.items() if path.stem.startswith(name))
    assert abs(found.left) <= limit
    decided = [row for row in found.differing if row["status"] not in ("timeout", "error")]
    assert [row for row in decided if row["class"] == "unclassified"] == []


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="the labelled outputs are not there")
def test_the_same_run_gives_the_same_bytes(tmp_path):
    path = next(path for path in FILES if path.stem.startswith("math500"))
    for name in ("one", "two"):
        write_jsonl(tmp_path / name, judged(path, 60.0))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
