# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The parallel layout is checked before anything heavy is imported."""

import importlib.util
import json
import subprocess
import sys

import pytest

from nemo_reasoning import distill
from nemo_reasoning.config import Config, Distill, Model, ScratchModel
from nemo_reasoning.errors import InputError

STUDENT = {
    "model_type": "qwen2",
    "hidden_size": 48,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 384,
    "num_hidden_layers": 3,
    "max_position_embeddings": 512,
}
SMALL = {"seq_length": 64, "global_batch_size": 8, "packing": False}


def config(path: str = "somewhere/else", **settings) -> Config:
    return Config(model=Model(path=path), distill=Distill(**(SMALL | settings)))


@pytest.fixture
def student(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(STUDENT))
    return str(tmp_path)


def test_a_student_of_another_architecture_is_refused_but_a_teacher_is_not(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(STUDENT | {"model_type": "qwen2_moe"}))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="has model_type=qwen2_moe; choose a model of type qwen2, qwen3, llama"):
        distill.check(config(str(tmp_path)))
    distill.check(config(teacher=str(tmp_path)))


def test_a_layout_that_fits_is_accepted(student):
    distill.check(config(student, tensor_model_parallel_size=2, num_processes=4, micro_batch_size=4))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"tensor_model_parallel_size": 4, "num_processes": 4}, "=4 does not divide the 6 attention heads of"),
        ({"tensor_model_parallel_size": 3, "num_processes": 3}, "=3 does not divide the 2 key/value heads of"),
        ({"pipeline_model_parallel_size": 2, "num_processes": 2}, "=2 does not divide the 3 layers of"),
        ({"seq_length": 1024}, "seq_length=1024 is longer than the 512 positions of"),
    ],
)
def test_what_the_student_does_not_allow_is_one_sentence(student, settings, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        distill.check(config(student, **settings))
    assert str(caught.value).count(". ") == 0 and student in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"tensor_model_parallel_size": 2, "num_processes": 3}, "num_processes=3 is not a multiple"),
        ({"micro_batch_size": 3}, "global_batch_size=8 is not a multiple"),
        ({"num_processes": 16}, "global_batch_size=8 is not a multiple"),
        ({"sequence_parallel": True}, "sequence_parallel needs"),
        ({"context_parallel_size": 3, "num_processes": 3}, "seq_length=64 is not a multiple"),
    ],
)
def test_what_does_not_divide_is_one_sentence(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        distill.check(config(**settings))


def test_a_student_that_is_still_to_be_made_is_checked_by_its_shape():
    shaped = Config(
        model=Model(path="to/be/made", scratch=ScratchModel()),
        distill=Distill(**SMALL, tensor_model_parallel_size=4, num_processes=4),
    )
    with pytest.raises(InputError, match=r"2 key/value heads of model\.scratch"):
        distill.check(shaped)


def test_checking_imports_nothing_heavy():
    code = "import sys, nemo_reasoning.distill; print({'torch', 'megatron', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_teacher_that_cannot_be_used_is_one_sentence(student, tmp_path, monkeypatch):
    small, wide = tmp_path / "small", tmp_path / "wide"
    for directory, heads in ((small, 6), (wide, 7)):
        directory.mkdir()
        settings = {**STUDENT, "num_attention_heads": heads, "num_key_value_heads": heads}
        (directory / "config.json").write_text(json.dumps(settings))
        (directory / "tokenizer.json").write_text("{}")
    parallel = {"tensor_model_parallel_size": 2, "num_processes": 2}
    distill.check(config(student, teacher=str(small), **parallel))
    distill.check(config(student, teacher="Qwen/Qwen2.5-0.5B", **parallel))
    for teacher, sentence in ((wide, "=2 does not divide the 7 attention heads of"), (tmp_path / "no", "not exist")):
        with pytest.raises(InputError, match=sentence):
            distill.check(config(student, teacher=str(teacher), **parallel))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "modelopt" else object())
    with pytest.raises(InputError, match=r"distill\.teacher needs the package nvidia-modelopt; install it, or clear"):
        distill.check(config(student, teacher=str(small), **parallel))
