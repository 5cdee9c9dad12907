# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A run's state, seen from any directory and after a move."""

import shutil

import pytest

from nemo_reasoning import compose
from nemo_reasoning.config import Config, Launch, Paths
from nemo_reasoning.files import write_json
from nemo_reasoning.launch import status, submission
from nemo_reasoning.manifest import Manifest


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The directory of a run that was made with a relative `paths.run`, and in which one stage is done."""
    monkeypatch.chdir(tmp_path)
    paths, launch = Paths(run="runs/x"), Launch(output="runs/x/launch")
    config = Config(name="x", paths=paths, launch=launch, stages=["prepare", "report"])
    made = tmp_path / "runs" / "x"
    compose.write_resolved(config, made / "resolved.yaml")
    Manifest("prepare", "done", {}, {}, "code", 0.0, 1.0, {"summary": "300 problems"}).write(made / "prepare")
    write_json(made / "launch" / submission.SUBMISSION, {"kind": "here", "jobs": []})
    (made / "prepare" / "log.txt").write_text("what it said")
    return made


@pytest.mark.parametrize("moved", [False, True])
def test_a_run_is_where_it_is_given(run, moved, tmp_path, monkeypatch, capsys):
    if moved:
        run = shutil.move(run, tmp_path / "moved")
    monkeypatch.chdir("/")
    assert status.status([str(run)]) == 0
    assert "300 problems" in capsys.readouterr().out
    assert status.logs([str(run)]) == 0
    assert "what it said" in capsys.readouterr().out
    config = status._config(run)
    assert submission.read(config) == []


def test_a_place_outside_the_run_stays(run, tmp_path):
    config = compose.read_resolved(run / "resolved.yaml")
    elsewhere = config.model_copy(update={"launch": Launch(output=str(tmp_path / "scripts"))})
    compose.write_resolved(elsewhere, run / "resolved.yaml")
    assert status._config(run).launch.output == str(tmp_path / "scripts")
