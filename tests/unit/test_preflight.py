# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_module

from nemo_reasoning import compose
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


@pytest.mark.parametrize(
    ("stages", "first", "sentence"),
    [
        ([], None, r"no stage is left to run: stages=\[\]; name one"),
        (["prepare", "curate"], "grpo", r"stages=\[prepare, curate\], and from=grpo is after them; name one"),
    ],
)
def test_no_stage(tmp_path, stages, first, sentence):
    chosen = config(tmp_path, stages, QWEN).model_copy(update={"from_stage": first})
    with pytest.raises(InputError, match=sentence):
        check_run(chosen)


def test_a_student(tmp_path):
    check_run(config(tmp_path, ["prepare", "curate"], QWEN))


@pytest.mark.parametrize("stages", [["curate"], ["distill"]])
def test_a_student_that_was_not_made(tmp_path, stages):
    with pytest.raises(InputError, match=r"the student .*/student does not exist; run the stage prepare first"):
        check_run(config(tmp_path, stages, scratch=ScratchModel()))


def test_a_student_that_will_be_made(tmp_path):
    check_run(config(tmp_path, ["prepare", "curate"], scratch=ScratchModel()))


@pytest.mark.parametrize("num_samples", [0, 4])
def test_figures_that_need_more_samples_are_left_out_and_not_refused(num_samples, tmp_path):
    overrides = ["experiment=demo", f"paths.root={tmp_path}", "paths.min_free_gb=0", "stages=[evaluate]"]
    compose.register_defaults()
    with initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        composed = hydra_compose("config", overrides=[*overrides, f"evaluate.num_samples={num_samples}"])
    check_run(compose.load(composed))
