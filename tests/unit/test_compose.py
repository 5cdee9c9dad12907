# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_module

from nemo_reasoning import compose
from nemo_reasoning.config import Config
from nemo_reasoning.errors import InputError

CONF = Path(__file__).parents[2] / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


def composed(*overrides):
    compose.register_defaults()
    with initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        return hydra_compose("config", overrides=list(overrides))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_is_valid(experiment):
    config = compose.load(composed(f"experiment={experiment}"))
    assert config.name == experiment
    assert config.paths.run == f"runs/{experiment}"


def test_stages_are_wired_by_default():
    config = compose.load(composed("experiment=demo", "paths.root=/elsewhere"))
    assert config.grpo.init == "/elsewhere/demo/distill/hf"
    assert config.evaluate.models["grpo"] == "/elsewhere/demo/grpo/hf"
    assert config.distill.num_processes == config.distill.tensor_model_parallel_size == 2


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["+distill.lrr=1"], "distill.lrr is not a setting; did you mean 'lr'?"),
        (["+modle.path=x"], "modle is not a setting; did you mean 'model'?"),
        (["distill.lr=abc"], "distill.lr cannot be used: it should be a valid number, not 'abc'."),
        (["distill.lr='1e-3'"], "distill.lr cannot be used: it should be a valid number, not '1e-3'."),
        (["distill.lr=-1"], "distill.lr cannot be used: it should be greater than 0, not -1."),
        (["distill.lr=inf"], "distill.lr cannot be used: it should be a finite number, not inf."),
        (["grpo.num_generations_per_prompt=1"], "it should be greater than or equal to 2, not 1."),
        (["distill.train_iters=true"], "distill.train_iters cannot be used: it should be a valid integer, not True."),
        (["+curate.steps.repetition.ngrm=3"], "curate.steps.repetition.ngrm is not a setting; did you mean 'ngram'?"),
        (["curate.steps.repetition.ngram=x"], "curate.steps.repetition.ngram cannot be used: it should be a valid"),
        (
            ["+curate.steps.again={filter: repetitoin}"],
            "curate.steps.again.filter=repetitoin is not a filter; did you mean 'repetition'?",
        ),
        (
            ["+curate.steps.draw.n=5"],
            "curate.steps.draw names no filter; set it to null, or add +curate.steps.draw.filter=",
        ),
        (["curate=s1k", "experiment=smollm2"], "add +curate.steps.correctness.filter=...; did you mean 'correctness'?"),
        (
            ["+curate.steps.token_length.max=5"],
            "curate.steps.token_length.max is not a setting; did you mean 'max_total'?",
        ),
        (
            ["+experiment.seed=1"],
            "a YAML file of the group experiment does not say where its settings belong; its first line must be "
            "`# @package _global_`.",
        ),
        (["+data.traces.teacher.layuot=x"], "data.traces.teacher.layuot is not a setting; did you mean 'layout'?"),
        (["model.scratch.architecture=gpt"], "it should be 'qwen2', 'qwen3' or 'llama', not 'gpt'."),
        (["model.gguf=x.gguf"], "model cannot be used: model.scratch and model.gguf exclude each other"),
        (["launch.output=${nowhere}"], "launch.output: Interpolation key 'nowhere' not found."),
        (["name=a/b"], "name cannot be used: it should name one directory, with no '/', not 'a/b'."),
        (["name=.."], "name cannot be used: it should name one directory, with no '/', not '..'."),
        (["name="], "name cannot be used: it should name one directory, with no '/', not ''."),
        (["name=???"], "name has no value; choose an experiment (experiment=demo) or set name=..."),
    ],
)
def test_what_is_wrong_is_one_sentence(overrides, sentence):
    with pytest.raises(InputError) as error:
        compose.load(composed("experiment=demo", *overrides))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_the_resolved_file_gives_the_same_configuration(tmp_path):
    config = compose.load(composed("experiment=demo", "seed=3", "grpo.rewards.accuracy.weight=0.5"))
    compose.write_resolved(config, tmp_path / "resolved.yaml")
    assert compose.read_resolved(tmp_path / "resolved.yaml") == config


def test_reading_a_directory_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match="is not the directory of a run"):
        compose.read_resolved(tmp_path / "resolved.yaml")


def test_reading_settings_that_are_no_yaml(tmp_path):
    (tmp_path / "resolved.yaml").write_text("name: [")
    with pytest.raises(
        InputError, match=r"resolved\.yaml is not valid YAML .*; the command that made the run writes it"
    ):
        compose.read_resolved(tmp_path / "resolved.yaml")


@pytest.mark.parametrize(
    "override",
    ["cluster.images.nemo='nvcr.io#nvidia/nemo:26.08'", "+distill.lr_multipliers={layers.0-3:0.1}", "+data.rl.path=x"],
)
def test_settings_are_written_as_the_documents_show_them(override):
    page = {"cluster": "launch", "distill": "recipes", "data": "grpo"}[override.lstrip("+").partition(".")[0]]
    shown = override.replace("=x", "=problems.jsonl")
    assert shown in (CONF.parent / "docs" / f"{page}.md").read_text()
    compose.load(composed("experiment=demo", override))


def test_defaults_are_written_in_one_place_only():
    """No experiment repeats a value that is the schema's default."""
    defaults = Config().model_dump(by_alias=True)

    def repeated(values, known, key=""):
        for name, value in values.items():
            if isinstance(value, dict) and isinstance(known.get(name), dict):
                yield from repeated(value, known[name], f"{key}{name}.")
            elif name in known and known[name] == value and value is not None:
                yield f"{key}{name}"

    for path in sorted((CONF / "experiment").glob("*.yaml")):
        values = yaml.safe_load(path.read_text())
        inherited = [entry for entry in values.pop("defaults") if isinstance(entry, str) and entry != "_self_"]
        if not inherited:
            assert list(repeated(values, defaults)) == [], path.name


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("generate.server.api_key_env=sk-123", "should be the name of an environment variable"),
        ("generate.server.base_url=https://user:sk-123@host/v1", "without a key in it"),
        ("generate.server.base_url='https://host/v1?key=sk-123'", "without a key in it"),
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(setting, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        compose.load(composed("experiment=demo", setting))
    assert "sk-123" not in str(caught.value)


@pytest.mark.parametrize("teacher", ["deepseek", "nvidia", "local"])
def test_each_teacher_is_a_server(teacher):
    config = compose.load(composed("experiment=demo", f"teacher={teacher}", "generate.server.model=m"))
    assert config.generate.server.base_url.startswith("http")
    assert config.generate.server.model == "m"
