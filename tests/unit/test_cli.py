# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys

import pytest

from nemo_reasoning import cli

HEAVY = ("torch", "ray", "megatron", "nemo_curator", "transformers", "sympy", "pandas")


def run(*arguments, cwd):
    command = [sys.executable, "-m", "nemo_reasoning.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name has no value; choose an experiment (experiment=demo) or set name=..."),
        (("experiment=dmo",), "experiment=dmo is not one of the choices; did you mean 'demo'?"),
        (("experiment=demo", "distill.lrr=1"), "distill.lrr is not a setting; did you mean 'lr'?"),
        (("experiment=demo", "distill.lr=abc"), "distill.lr cannot be used: it should be a valid number, not 'abc'."),
        (
            ("experiment=demo", "distill.lr=["),
            "distill.lr=[ cannot be read; write KEY=VALUE, or with special characters \"KEY='VALUE'\", in both",
        ),
        (("report", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments, sentence, tmp_path):
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert result.stderr.startswith("nemo-reasoning: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--experiment=demo"], "--experiment=demo is not an option; settings have no dashes, as in experiment=demo."),
        (["experiment=demo", "--dry-run"], "--dry-run is not an option"),
        (["reprot", "runs/demo"], "reprot is neither a command nor KEY=VALUE; did you mean 'report'?"),
        (["demo"], "demo is an experiment; write experiment=demo."),
        (["data=[openr1_math,lim]"], "data=lim is not one of the choices; did you mean 'limo'?"),
        (["curate@experiment.curate=s1k"], "its first line must be `# @package _global_`."),
        (["experiment=demo", "curate@elsewhere=s1k"], "Could not override 'curate@elsewhere'."),
        (["distil.lr=1"], "distil is not a setting; did you mean 'distill'?"),
        (["--config-dir", "own", "experiment=mien"], "experiment=mien is not one of the choices; did you mean 'mine'?"),
        (
            ["--config-dir", "own", "experiment=tab"],
            "own/experiment/tab.yaml is not valid YAML (line 2: found character",
        ),
        (["--config-dir", "own", "experiment=bare"], "its first line must be `# @package _global_`."),
        (["plan", "--config-dir", "own", "experiment=mien"], "did you mean 'mine'?"),
        (["plan", "experiment=demo", "distill.lr=-1"], "distill.lr cannot be used: it should be greater than 0"),
    ],
)
def test_what_hydra_would_misread_is_one_sentence(arguments, sentence, own, capsys):
    assert cli._main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("nemo-reasoning: ")
    assert said.count("\n") == 1


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A working directory with a directory of the user's own experiments in it."""
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "own" / "experiment"
    directory.mkdir(parents=True)
    (directory / "mine.yaml").write_text("# @package _global_\ndefaults: [demo, _self_]\nname: mine\n")
    (directory / "bare.yaml").write_text("name: bare\n")
    (directory / "tab.yaml").write_text("# @package _global_\n\tname: tab\n")


def test_choices_are_options_and_nothing_else(own, capsys):
    assert cli._main(["data=zzz"]) == 2
    said = capsys.readouterr().err
    assert "the choices are am_deepseek_r1, arithmetic, chat_reasoning," in said
    assert "_defaults" not in said


def test_plan_and_doctor_see_the_users_own_experiment(own, capsys):
    assert cli._main(["plan", "experiment=mine", "--config-dir", "own", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "runs/mine/prepare/student"
    machine = ["doctor", "--quick", "--area", "machine", "--stage", "report"]
    assert cli._main([*machine, "--config-dir=own", "experiment=mine", "paths.min_free_gb=0"]) == 0


@pytest.mark.parametrize("word", ["plan", "report", "doctor", "score"])
def test_every_command_has_help(word, capsys):
    with pytest.raises(SystemExit) as ended:
        cli._main([word, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: nemo-reasoning {word} ")
    assert "%%" not in said


def test_the_whole_configuration_is_shown(tmp_path):
    result = run("--cfg", "job", "--resolve", "experiment=demo", cwd=tmp_path)
    assert result.returncode == 0
    assert "init: runs/demo/distill/hf" in result.stdout
    assert "ratio_clip_max: 0.28" in result.stdout


def test_help_lists_groups_and_loads_nothing_heavy(tmp_path):
    code = f"""
import sys
from nemo_reasoning import cli
try:
    cli._main(["--help"])
finally:
    heavy = [name for name in {HEAVY!r} if name in sys.modules]
    sys.exit(f"loaded: {{heavy}}" if heavy else 0)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert "experiment: " in result.stdout
    assert "nemo-reasoning experiment=demo" in result.stdout


def test_every_job_of_a_sweep_is_tried(tmp_path):
    result = run("-m", "experiment=demo", "distill.lr=-1,-2", cwd=tmp_path)
    assert result.returncode == 2
    assert "not -1." in result.stderr
    assert "not -2." in result.stderr
