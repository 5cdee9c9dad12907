# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import pytest

from nemo_reasoning import stages
from nemo_reasoning.config import Config, Model, Paths, Source
from nemo_reasoning.errors import InputError
from nemo_reasoning.stages import STAGES


@pytest.fixture
def config(tmp_path):
    student = tmp_path / "run" / "student"
    (tmp_path / "run" / "curate").mkdir(parents=True)
    for name in ("sft.jsonl", "sft_validation.jsonl"):
        (tmp_path / "run" / "curate" / name).write_text("{}\n")
    student.mkdir()
    (student / "config.json").write_text("{}")
    return Config(name="t", paths=Paths(run=str(tmp_path / "run")), model=Model(path=str(student)))


def changed(config, section, **values):
    return config.model_copy(update={section: getattr(config, section).model_copy(update=values)})


def test_stages_run_in_order_from_where_it_is_said(config):
    def names(**values):
        return [stage.name for stage in stages.selected(config.model_copy(update=values))]

    assert names() == ["prepare", "curate", "distill", "grpo", "evaluate", "report"]
    assert names(stages=["report", "curate"]) == ["curate", "report"]
    assert names(from_stage="grpo") == ["grpo", "evaluate", "report"]
    assert names(from_stage="grpo", stages=["curate"]) == []


def test_a_stage_is_current_until_something_it_depends_on_changes(config):
    stage = STAGES["distill"]
    manifest = stages.begin(stage, config, started=0.0)
    stage.check_current(manifest, config)
    stage.check_inputs(manifest, config)
    stage.check_current(manifest, changed(config, "grpo", lr=1.0))

    with pytest.raises(InputError, match=r"was made with distill\.lr=4e-05, not 0\.1; choose another paths\.run, or"):
        stage.check_current(manifest, changed(config, "distill", lr=0.1))
    with pytest.raises(InputError, match="another version of the code"):
        stage.check_current(replace(manifest, code="other"), config)

    (Path(config.paths.run) / "curate" / "sft.jsonl").write_text("{}\n{}\n")
    with pytest.raises(InputError, match=r"was made from another <run>/curate/sft\.jsonl"):
        stage.check_inputs(manifest, config)


def test_a_moved_run_is_still_current(config, tmp_path):
    stage = STAGES["distill"]
    manifest = stages.begin(stage, config, started=0.0)
    moved = Path(config.paths.run).rename(tmp_path / "moved")
    there = Config(name="t", paths=Paths(run=str(moved)), model=Model(path=str(moved / "student")))
    stage.check_current(manifest, there)
    stage.check_inputs(manifest, there)


def test_a_student_in_the_home_directory_that_changes_is_noticed(config, monkeypatch):
    student = Path(config.model.path)
    monkeypatch.setenv("HOME", str(student.parent))
    config = Config.model_validate(config.model_dump(by_alias=True) | {"model": {"path": "~/student"}})
    before = STAGES["distill"].input_digests(config)
    (student / "config.json").write_text("{ }")
    assert STAGES["distill"].input_digests(config) != before


def test_what_another_stage_has_not_made_names_the_stage_and_the_setting(config):
    run = config.paths.run
    missing = changed(config, "grpo", init=f"{run}/distill/hf")
    sentence = "rl.jsonl does not exist; run the stage curate first."
    with pytest.raises(InputError, match=sentence):
        STAGES["grpo"].check_made(missing)
    (Path(run) / "curate" / "rl.jsonl").write_text("{}\n")
    sentence = f"{run}/distill/hf does not exist; run the stage distill first, or change grpo.init."
    with pytest.raises(InputError, match=sentence):
        STAGES["grpo"].check_made(missing)

    path = f"{run}/generate/traces.jsonl"
    generated = changed(config, "data", traces={"generated": Source(path=path)})
    with pytest.raises(InputError, match=f"{path} does not exist; run the stage generate first, or change data.traces"):
        STAGES["curate"].check_made(generated)


def test_what_a_stage_can_do_without_is_an_input_once_it_is_there(config):
    stage, validation = STAGES["distill"], Path(config.paths.run) / "curate" / "sft_validation.jsonl"
    validation.unlink()
    manifest = stages.begin(stage, config, started=0.0)
    stage.check_inputs(manifest, config)
    stage.check_inputs(replace(manifest, inputs={**manifest.inputs, "<run>/gone": "absent"}), config)
    validation.write_text("{}\n")
    with pytest.raises(InputError, match=r"was made from another <run>/curate/sft_validation\.jsonl"):
        stage.check_inputs(manifest, config)


def test_the_code_of_a_stage_is_its_own_rooms(config):
    digests = {name: stage.code() for name, stage in STAGES.items()}
    assert len(set(digests.values())) == len(STAGES)


def test_every_stage_has_an_entry_point():
    for stage in STAGES.values():
        assert callable(stage.entry_point())
