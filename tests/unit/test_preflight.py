# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A student that cannot be trained is refused before anything runs."""

import json

import pytest

from nemo_reasoning.config import Arithmetic, Config, Data, Model, Paths, ScratchModel, Source
from nemo_reasoning.errors import InputError
from nemo_reasoning.plan.architectures import ARCHITECTURES
from nemo_reasoning.preflight import check_run

QWEN = ARCHITECTURES["Qwen/Qwen2.5-0.5B"].settings()


def config(tmp_path, stages, settings=None, **model) -> Config:
    student = tmp_path / "student"
    if settings is not None:
        student.mkdir()
        (student / "config.json").write_text(json.dumps(settings))
        (student / "tokenizer.json").write_text("{}")
    data = Data(generator=Arithmetic(), traces={"made": Source(path=str(tmp_path / "prepare" / "traces.jsonl"))})
    return Config(
        name="t",
        stages=stages,
        data=data,
        model=Model(path=str(student), **model),
        paths=Paths(run=str(tmp_path), min_free_gb=0.0),
    )


@pytest.mark.parametrize("stages", [["prepare"], ["curate"], ["distill"], ["prepare", "curate", "distill"]])
@pytest.mark.parametrize("kind", ["mamba", "foo"])
def test_another_architecture(tmp_path, stages, kind):
    with pytest.raises(InputError, match=f"config.json has model_type={kind}; choose a model of type qwen2, qwen3"):
        check_run(config(tmp_path, stages, {**QWEN, "model_type": kind}))


def test_what_is_only_measured_may_be_any_model(tmp_path):
    check_run(config(tmp_path, ["evaluate", "report"], {"model_type": "mamba"}))


def test_a_student(tmp_path):
    check_run(config(tmp_path, ["prepare", "curate"], QWEN))


@pytest.mark.parametrize("stages", [["curate"], ["distill"]])
def test_a_student_that_was_not_made(tmp_path, stages):
    with pytest.raises(InputError, match=r"the student .*/student does not exist; run the stage prepare first"):
        check_run(config(tmp_path, stages, scratch=ScratchModel()))


def test_a_student_that_will_be_made(tmp_path):
    check_run(config(tmp_path, ["prepare", "curate"], scratch=ScratchModel()))
