# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from nemo_reasoning import cli
from nemo_reasoning.doctor import command, examine
from nemo_reasoning.doctor.engines import judge
from nemo_reasoning.doctor.finding import Finding
from nemo_reasoning.errors import InputError


def test_the_json_of_a_real_look(capsys):
    status = cli._main(["doctor", "--quick", "--json", "--area", "machine", "python", "--stage", "report"])
    found = json.loads(capsys.readouterr().out)
    assert sorted(found) == ["findings", "package", "schema", "stages", "status"]
    assert found["schema"] == 1
    assert found["status"] == status == 0
    assert {tuple(sorted(row)) for row in found["findings"]} == {("area", "fix", "level", "name", "what")}
    keys = ("blocked_by", "engine", "program", "runs", "selected", "stage")
    assert {tuple(sorted(row)) for row in found["stages"]} == {keys}
    assert {row["area"] for row in found["findings"]} == {"machine", "python"}
    assert [row["stage"] for row in found["stages"] if row["selected"]] == ["report"]


def test_the_settings_are_those_of_a_run(capsys, tmp_path):
    settings = ["experiment=smoke", f"paths.root={tmp_path}", "paths.min_free_gb=1e9"]
    assert cli._main(["doctor", "--area", "machine", *settings]) == 2
    shown = capsys.readouterr().out
    assert "paths.min_free_gb=1e+09" in shown
    assert "Cannot run here: prepare, curate, distill, grpo, evaluate, report." in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--stage", "destill"], "destill is not a stage; did you mean 'distill'?"),
        (["--area", "gpus"], "gpus is not an area of the doctor; did you mean 'gpu'?"),
        (["--jsn"], "unrecognized arguments: --jsn; see nemo-reasoning doctor --help."),
        (["distill.lrr=1", "experiment=smoke"], "distill.lrr is not a setting"),
    ],
)
def test_wrong_arguments_are_one_sentence(capsys, arguments, sentence):
    assert cli._main(["doctor", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_settings_may_stand_between_the_options():
    given, settings = command._parse(["--stage", "distill", "a=b", "--area", "gpu", "hub", "c=d"])
    assert (given.stage, given.area, settings) == (["distill"], ["gpu", "hub"], ["a=b", "c=d"])


def test_a_check_that_fails_itself_is_a_finding(monkeypatch):
    def broken(*_):
        raise RuntimeError("no such thing")

    monkeypatch.setattr(examine.machine, "look", broken)
    (finding,) = examine.examine(None, ["machine"])
    assert finding.level == "error"
    assert "RuntimeError: no such thing" in finding.what


def test_what_is_worth_fixing():
    found = [
        Finding("plotly", "libraries", "absent", "", "install it"),
        Finding("vllm", "libraries", "absent", "", "install it"),
        Finding("hub", "hub", "warning", "", "set a proxy"),
        Finding("sacct", "cluster", "error", "", "ask"),
    ]
    assert [f.name for f in command.worth_fixing(found, judge(found, None))] == ["plotly", "hub"]


def test_the_doctor_imports_nothing_heavy():
    from nemo_reasoning.doctor import probe

    program = "import sys, nemo_reasoning.cli, nemo_reasoning.doctor.command; answer(sorted(sys.modules))"
    loaded = {name.partition(".")[0] for name in probe.python(program, 120).answer}
    assert not loaded & {"torch", "transformers", "ray", "megatron", "nemo_curator", "nemo_run", "vllm", "datasets"}


def test_a_stage_without_a_name_is_refused():
    with pytest.raises(InputError, match="expected at least one argument"):
        command._parse(["--stage"])
