# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a segment's exit status says."""

import sys

import pytest

from nemo_reasoning.launch import job
from nemo_reasoning.manifest import Manifest


def record(status):
    return Manifest(stage="distill", status=status, config={}, inputs={}, code="", started=0.0)


@pytest.mark.parametrize(
    ("manifest", "status", "last", "expected"),
    [
        (record("done"), 1, False, 0),
        (record("interrupted"), 75, False, 0),
        (record("interrupted"), 75, True, 75),
        (record("running"), 0, True, 1),
        (record("running"), 0, False, 1),
        (None, 2, False, 2),
    ],
)
def test_the_record_decides(manifest, status, last, expected):
    assert job.verdict(manifest, status, last) == expected


@pytest.mark.parametrize(("rank", "expected"), [("0", 1), ("1", 0)])
def test_only_the_first_rank_judges(rank, expected, tmp_path, monkeypatch):
    """The others end before it has written that the stage is done."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(job, "read_resolved", lambda path: None)
    monkeypatch.setattr(job, "_run_rank", lambda stage, config: 0)
    monkeypatch.setattr(sys, "argv", ["job", "distill", str(tmp_path)])
    assert job.main() == expected
