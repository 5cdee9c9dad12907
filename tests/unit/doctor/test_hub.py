# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from nemo_reasoning.config import Model
from nemo_reasoning.doctor import hub, probe
from nemo_reasoning.doctor.probe import Ran

ANSWER = {"offline": False, "answers": True, "endpoint": "https://hub", "token": True, "cache": "/c", "writable": True}


def ran(**changed):
    return Ran("ok", answer=ANSWER | changed)


def test_the_hub_answers():
    assert [check(ran()).level for check in (hub.hub, hub.token, hub.cache)] == ["ok", "ok", "ok"]


def test_the_hub_does_not_answer():
    assert hub.hub(ran(answers=False)).level == "warning"


def test_offline_by_choice_is_right():
    assert hub.hub(ran(offline=True, answers=False)).level == "ok"


def test_the_hubs_client_is_broken():
    broken = Ran("failed", "ImportError: no requests")
    assert [check(broken).level for check in (hub.hub, hub.token, hub.cache)] == ["error", "absent", "absent"]


def test_no_token_is_absent():
    assert hub.token(ran(token=False)).level == "absent"


def test_a_cache_that_cannot_be_written():
    assert hub.cache(ran(writable=False)).level == "warning"


def test_offline_is_seen_by_a_real_look():
    found = probe.python(hub.HUB, 120, HF_HUB_OFFLINE="1", HF_TOKEN="hf_secret", HF_HOME="/dev/null/none")
    assert hub.hub(found).level == "ok"
    assert hub.token(found).level == "ok"
    assert hub.cache(found).level == "warning"
    assert "hf_secret" not in found.output


@pytest.fixture
def student(tmp_path, byte_tokenizer):
    byte_tokenizer().save_pretrained(tmp_path)
    shape = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
    (tmp_path / "config.json").write_text(json.dumps(shape))
    (tmp_path / "model.safetensors").touch()
    return tmp_path


def look(path):
    return hub.model(str(path), Ran("ok", answer=hub.open_model(Model(path=str(path)))))


def test_a_model(student):
    finding = look(student)
    assert finding.level == "ok"
    assert "Qwen2ForCausalLM" in finding.what


def test_a_model_that_is_not_there(tmp_path):
    finding = look(tmp_path / "none")
    assert finding.level == "error"
    assert "does not exist" in finding.what


def test_a_model_without_weights(student):
    (student / "model.safetensors").unlink()
    assert look(student).level == "error"


def test_a_model_that_lacks_a_shard(student):
    index = {"weight_map": {"a": "model-00001.safetensors", "b": "model-00002.safetensors"}}
    (student / "model.safetensors.index.json").write_text(json.dumps(index))
    (student / "model-00001.safetensors").touch()
    finding = look(student)
    assert finding.level == "error"
    assert "model-00002.safetensors" in finding.what


def test_a_model_whose_description_is_broken(student):
    (student / "config.json").write_text("{")
    assert look(student).level == "error"


def test_a_model_whose_tokenizer_is_broken(student):
    (student / "tokenizer.json").write_text("{}")
    assert look(student).level == "error"


def test_a_look_that_died_is_an_error():
    assert hub.model("x", Ran("late")).level == "error"
    assert "did not end in time" in hub.model("x", Ran("late")).what


def test_a_model_that_prepare_makes_is_not_looked_for():
    assert hub.made_model("from random weights").level == "ok"
    assert hub.no_model().level == "ok"
