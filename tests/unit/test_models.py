# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""A model directory that cannot be used is one sentence."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from nemo_reasoning.config import Model
from nemo_reasoning.config.model import STUDENTS
from nemo_reasoning.contract import CHATML
from nemo_reasoning.errors import InputError
from nemo_reasoning.models import check_model_directory, load_model, load_tokenizer, local_directory, read_settings


@pytest.fixture(scope="module")
def original(tmp_path_factory, byte_tokenizer):
    directory = tmp_path_factory.mktemp("model")
    config = AutoConfig.for_model(
        "llama",
        vocab_size=320,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    byte_tokenizer(chat_template=CHATML).save_pretrained(directory)
    return directory


@pytest.fixture
def directory(original, tmp_path):
    return shutil.copytree(original, tmp_path / "model")


def edit_config(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def refuses(match, load, *arguments):
    with pytest.raises(InputError, match=match) as caught:
        load(*arguments)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_loads(directory, monkeypatch):
    check_model_directory(str(directory))
    model = load_model(str(directory), torch.bfloat16, Model(path=str(directory), revision="ignored"))
    assert model.dtype == torch.bfloat16
    assert load_tokenizer(str(directory)).eos_token == "<|im_end|>"
    monkeypatch.setenv("HOME", str(directory.parent))
    assert load_tokenizer("~/model").eos_token == "<|im_end|>"


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda d: (d / "config.json").unlink(), r"holds no model \(none of config.json\)"),
        (lambda d: (d / "config.json").write_text("{"), "cannot be loaded .*not a valid JSON"),
        (lambda d: (d / "config.json").write_text("{}"), "cannot be loaded .*Unrecognized model"),
        (lambda d: (d / "model.safetensors").unlink(), "cannot be loaded .*no file named model.safetensors"),
        (lambda d: (d / "model.safetensors").write_bytes(b"x"), "cannot be loaded"),
        (
            lambda d: (d / "model.safetensors").write_bytes((d / "model.safetensors").read_bytes()[:-9]),
            "cannot be loaded",
        ),
        (lambda d: edit_config(d, model_type="zork"), "cannot be loaded .*`zork`"),
        (lambda d: edit_config(d, vocab_size=64), "cannot be loaded"),
        (lambda d: edit_config(d, num_hidden_layers=2), r"lacks 9 of its weights, model\.layers\.1\."),
    ],
)
def test_damaged_model(directory, damage, match):
    damage(directory)
    refuses(match, load_model, str(directory), torch.float32)


def test_weights_that_are_missing_are_not_started_from_random_values(directory):
    weights = load_file(directory / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    refuses(r"lacks 1 of its weights, model\.norm\.weight first", load_model, str(directory), torch.float32)


@pytest.mark.parametrize("text", ["{", "{}", ""])
def test_damaged_tokenizer(directory, text):
    (directory / "tokenizer.json").write_text(text)
    refuses("the tokenizer of .* cannot be loaded", load_tokenizer, str(directory))


def test_no_tokenizer(directory):
    (directory / "tokenizer.json").unlink()
    refuses("holds no tokenizer", load_tokenizer, str(directory))
    refuses("holds no tokenizer", check_model_directory, str(directory))


def test_a_file(directory):
    refuses("is a file; give the directory of a model", check_model_directory, str(directory / "config.json"))


@pytest.mark.parametrize("path", ["/none/at/all", "./none", "~/none", "runs/demo/none"])
def test_no_directory(path):
    refuses("does not exist", load_tokenizer, path)
    refuses("does not exist", load_model, path, torch.float32)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "config.json is not valid JSON"),
        ("[]", "config.json does not describe a model; copy"),
        ('{"model_type": "mamba"}', "config.json has model_type=mamba; choose a model of type qwen2, qwen3, llama"),
        ('{"hidden_size": 64}', "config.json has model_type=None; choose a model of type"),
        ('{"model_type": "qwen2", "hidden_size": 64}', "config.json has intermediate_size=None, not a size; copy"),
        ('{"model_type": "qwen2", "hidden_size": "64"}', "config.json has hidden_size=64, not a size; copy"),
    ],
)
def test_settings_that_no_student_has(directory, text, match):
    (directory / "config.json").write_text(text)
    refuses(match, read_settings, str(directory), STUDENTS)


@pytest.mark.parametrize("kind", STUDENTS)
def test_settings_that_transformers_writes_are_read(tmp_path, kind):
    AutoConfig.for_model(kind, num_hidden_layers=3).save_pretrained(tmp_path)
    assert read_settings(str(tmp_path), STUDENTS)["num_hidden_layers"] == 3


def test_another_architecture_is_read_where_all_will_do(directory):
    edit_config(directory, model_type="mistral")
    assert read_settings(str(directory))["model_type"] == "mistral"


def test_the_directory_of_a_model(directory, monkeypatch):
    assert local_directory(str(directory)) == str(directory)
    refuses("the model directory runs/demo/none does not exist", local_directory, "runs/demo/none")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refuses("the model nobody/nothing cannot be downloaded", local_directory, "nobody/nothing")


def test_code_that_comes_with_a_model_is_not_run(directory):
    proof = directory / "ran"
    (directory / "evil.py").write_text(f"open({str(proof)!r}, 'w')")
    edit_config(directory, model_type="zork", auto_map={"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"})
    refuses("cannot be loaded", load_model, str(directory), torch.float32)
    assert not proof.exists()
