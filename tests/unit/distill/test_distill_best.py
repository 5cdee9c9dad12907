# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Which of the best students so far outlive a kill, a resume and a checkpoint."""

from pathlib import Path

import pytest

from nemo_reasoning.distill import best


@pytest.fixture
def stage(tmp_path) -> Path:
    """The best ones of steps 2, 4 and 10, and what a kill left of one of step 12."""
    for step in (2, 4, 10):
        best.path(tmp_path, step).mkdir(parents=True)
        (best.path(tmp_path, step) / "weights").write_text(str(step))
    (tmp_path / "best" / ".0000012.host-1-1-0.part").mkdir()
    return tmp_path


def kept(stage: Path) -> list[str]:
    return sorted(path.name for path in (stage / "best").iterdir())


@pytest.mark.parametrize(("step", "left"), [(-1, []), (4, ["0000002", "0000004"]), (9, ["0000002", "0000004"])])
def test_what_came_after_the_checkpoint_is_dropped(stage, step, left):
    best.drop_after(stage, step)
    assert kept(stage) == left


def test_at_a_checkpoint_the_last_one_is_kept(stage):
    best.drop_after(stage, 10)
    best.drop_older(stage)
    assert kept(stage) == ["0000010"]


def test_the_last_one_is_placed(stage):
    (stage / "hf").mkdir()
    best.place(stage, stage / "hf")
    assert (stage / "hf" / "weights").read_text() == "10" and best.path(stage, 10).exists()


def test_a_stage_that_measures_nothing_has_none(tmp_path):
    best.drop_after(tmp_path, 3)
    best.drop_older(tmp_path)
    assert not list(tmp_path.iterdir())
