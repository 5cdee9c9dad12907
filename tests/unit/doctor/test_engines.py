# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import pytest

from nemo_reasoning.compose import validate
from nemo_reasoning.doctor import engines
from nemo_reasoning.doctor.finding import Finding


def finding(name, level="ok"):
    return Finding(name, "libraries", level, "")


EVERY = sorted({need for engine in engines.engines(None) for need in engine.needs} | {"rensa"})


def judged(*broken, level="error", **asked):
    found = [finding(name, level if name in broken else "ok") for name in EVERY]
    return engines.judge(found, asked.pop("config", None), **asked)


def config(**changed):
    return validate({"name": "x", "model": {"path": "x/y"}, **changed})


def test_everything_runs_where_nothing_is_broken():
    assert all(verdict.runs for verdict in judged())
    assert engines.stopped(judged()) == []


@pytest.mark.parametrize("level", ["error", "absent"])
@pytest.mark.parametrize("name", EVERY)
def test_each_need_blocks_those_that_need_it_and_no_others(name, level):
    for verdict in judged(name, level=level):
        assert verdict.blocked_by == ((name,) if name in verdict.engine.needs else ())


def test_a_warning_blocks_nothing():
    assert all(verdict.runs for verdict in judged(*EVERY, level="warning"))


def test_what_was_not_looked_at_blocks_nothing_and_is_not_said_to_run():
    verdicts = engines.judge([], None)
    assert engines.stopped(verdicts) == []
    assert {verdict.runs for verdict in verdicts} == {None}
    some = engines.judge([finding("python", "error")], None)
    assert {verdict.runs for verdict in some} == {False}


def test_a_stage_with_one_engine_that_runs_is_not_stopped():
    assert engines.stopped(judged("transformer-engine")) == []
    assert engines.stopped(judged("transformer-engine", "cpu-training")) == ["distill"]


def test_a_stage_that_is_not_asked_for_stops_nothing():
    assert engines.stopped(judged("megatron-bridge", stages=["curate", "report"])) == []
    assert engines.stopped(judged("megatron-bridge", stages=["distill"])) == ["distill"]


def test_an_engine_that_is_asked_for_must_run():
    assert engines.stopped(judged("transformer-engine", place="cluster")) == ["distill"]
    assert engines.stopped(judged("cpu-training", place="cluster")) == []


def test_the_configuration_decides_the_engine():
    on_nemo_rl = config(grpo={"engine": "nemo_rl"})
    on_ray = config(curate={"executor": "ray_data"})
    assert engines.stopped(judged("nemo-rl", "ray", config=on_nemo_rl)) == ["grpo"]
    assert engines.stopped(judged("nemo-rl", "ray", config=on_ray)) == ["curate"]
    assert engines.stopped(judged("nemo-rl", "ray", config=config())) == []


def test_the_configuration_decides_the_stages():
    assert engines.stopped(judged("torch", config=config(stages=["report"]))) == []


def test_a_step_that_needs_a_library_of_its_own():
    fuzzy = config(curate={"steps": {"near": {"filter": "fuzzy_dedup"}}})
    assert engines.stopped(judged("rensa", config=fuzzy)) == ["curate"]
    assert engines.stopped(judged("rensa", config=config())) == []


def test_a_run_that_is_submitted_needs_only_what_submits_it():
    submitted = config(cluster={"kind": "slurm", "account": "a"})
    assert engines.stopped(judged("nemo-curator", config=submitted)) == []
    assert engines.stopped(judged("sacct", config=submitted)) == ["launch"]
    assert engines.stopped(judged("sacct", config=config())) == []


def test_the_exit_status():
    fine, warned = [finding("torch")], [finding("torch", "warning")]
    assert engines.status(fine, judged(), strict=True) == 0
    assert engines.status(warned, judged(), strict=False) == 0
    assert engines.status(warned, judged(), strict=True) == 1
    assert engines.status(warned, judged("disk"), strict=False) == 2


def test_every_need_is_the_name_of_a_check(monkeypatch):
    """What stages need is what the checks are called; otherwise it would block nothing."""
    from nemo_reasoning.doctor import examine, nemo_rl, probe
    from nemo_reasoning.doctor.probe import Ran

    facts = {"version": "1", "cuda": "13.0", "error": None, "nccl": "2", "devices": []}
    driver = {"version": "0.7.0", "typed": True}
    monkeypatch.setattr(probe, "run", lambda *_, **__: Ran("ok"))
    answers = {nemo_rl.DRIVER: driver}
    monkeypatch.setattr(probe, "python", lambda program, *_, **__: Ran("ok", answer=answers.get(program, facts)))
    monkeypatch.setattr(nemo_rl, "driver", lambda *_: finding("nemo-rl"))
    names = {f.name for f in examine.examine(None)}
    assert set(EVERY) <= names
