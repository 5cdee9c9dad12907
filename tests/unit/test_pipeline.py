# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Which directories a stage takes for its own when it starts."""

from pathlib import Path

import pytest

from nemo_reasoning import pipeline
from nemo_reasoning.config import Config, Model, Paths
from nemo_reasoning.errors import InputError
from nemo_reasoning.files import whole
from nemo_reasoning.manifest import MANIFEST, read_manifest
from nemo_reasoning.stages import STAGES


@pytest.fixture
def config(tmp_path):
    student = tmp_path / "student"
    student.mkdir()
    (tmp_path / "run").mkdir()
    return Config(name="t", paths=Paths(run=str(tmp_path / "run")), model=Model(path=str(student)))


def mine(stage, config, name="thesis.tex"):
    """A user's file where the stage would write."""
    file = STAGES[stage].directory(config) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    return file


def begin(stage, config):
    return pipeline.begin_stage(STAGES[stage], config)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("start", [lambda config: pipeline.claim(config), lambda config: begin("prepare", config)])
def test_a_directory_that_is_not_the_stages_is_refused_and_kept(config, start, overwrite):
    file = mine("prepare", config)
    with pytest.raises(InputError, match=r"/prepare was not made by this stage; move it away, or choose another"):
        start(config.model_copy(update={"overwrite": overwrite}))
    assert file.read_text() == "x"
    assert not (Path(config.paths.run) / "resolved.yaml").exists()


@pytest.mark.parametrize("stage", ["prepare", "report"])
def test_a_file_in_the_place_of_a_stages_directory_is_refused_and_kept(config, stage):
    place = STAGES[stage].directory(config)
    place.write_text("x")
    with pytest.raises(InputError, match="move it away"):
        pipeline.claim(config)
    assert place.read_text() == "x"


def test_a_stage_that_only_shows_keeps_what_lies_beside_its_page(config):
    """Such as the page of `compare`, which may be there before the stage has run."""
    files = [mine("report", config, name) for name in ("comparison.html", "index.html")]
    pipeline.claim(config)
    begin("report", config)
    assert all(file.exists() for file in files)


def test_what_a_kill_before_the_first_record_leaves_is_no_hindrance(config):
    directory = STAGES["prepare"].directory(config)
    directory.mkdir()
    with whole(directory / MANIFEST) as unfinished:
        unfinished.write_text("{")
    (directory / MANIFEST).rename(unfinished)
    pipeline.claim(config)
    assert begin("prepare", config) is None
    assert read_manifest(directory) is not None


def test_a_stage_of_the_run_starts_goes_on_and_is_redone(config):
    assert begin("prepare", config) is None
    file = mine("prepare", config, "output")
    pipeline.claim(config)
    assert begin("prepare", config).status == "running"
    assert file.exists()
    other = config.model_copy(update={"seed": 1})
    pipeline.claim(other)
    assert not file.exists()
    assert begin("prepare", other) is None
