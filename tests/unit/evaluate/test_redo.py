# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What is kept of a stage that is to be redone with other settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from nemo_reasoning import pipeline
from nemo_reasoning.config import Config, Paths
from nemo_reasoning.errors import InputError
from nemo_reasoning.manifest import MANIFEST, Manifest
from nemo_reasoning.stages import STAGES, begin


@pytest.fixture
def left(tmp_path):
    """Leaves a finished stage that was made with another seed, and an output file; gives the run's settings."""

    def leave(name: str, **values) -> tuple[Config, Path]:
        (tmp_path / "student").mkdir(exist_ok=True)
        run = Paths(run=str(tmp_path / "run"))
        config = Config(name="t", paths=run, evaluate={"models": {"base": str(tmp_path / "student")}}, **values)
        directory = Path(config.paths.run) / name
        directory.mkdir(parents=True)
        (directory / "output").write_text("x")
        settings = STAGES[name].settings(config)
        Manifest(name, "done", {**settings, "seed": 7}, {}, STAGES[name].code(), 0.0, 1.0).write(directory)
        return config, directory

    return leave


def test_other_settings_are_refused_without_overwrite(left):
    config, directory = left("evaluate")
    with pytest.raises(InputError, match="was made with seed=7, not 0"):
        pipeline._forget_if_overwritten(STAGES["evaluate"], config)
    assert (directory / MANIFEST).exists()


@pytest.mark.parametrize(("name", "kept"), [("evaluate", True), ("distill", False)])
def test_overwriting_keeps_what_a_stage_can_check_itself(left, name, kept):
    config, directory = left(name, overwrite=True)
    pipeline._forget_if_overwritten(STAGES[name], config)
    assert not (directory / MANIFEST).exists()
    assert (directory / "output").exists() == kept


def test_how_a_server_is_asked_is_no_setting_of_the_result(tmp_path):
    (tmp_path / "student").mkdir()
    evaluate = {"models": {"base": str(tmp_path / "student")}, "engine": "openai_server"}
    config = Config(name="t", paths=Paths(run=str(tmp_path / "run")), evaluate=evaluate)
    stage = STAGES["evaluate"]
    manifest = replace(begin(stage, config, 0.0), inputs={})
    server = config.evaluate.server

    def with_server(**values):
        changed = config.evaluate.model_copy(update={"server": server.model_copy(update=values)})
        return config.model_copy(update={"evaluate": changed})

    stage.check_current(manifest, with_server(concurrency=3, max_retries=1, wait_s=9.0))
    with pytest.raises(InputError, match="extra_body"):
        stage.check_current(manifest, with_server(extra_body={"top_k": 20}))
