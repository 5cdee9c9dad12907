# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest

from nemo_reasoning.config.nemo_rl import NemoRL
from nemo_reasoning.doctor import nemo_rl, probe
from nemo_reasoning.doctor.probe import Ran
from nemo_reasoning.grpo.nemo_rl import convert

OK = Ran("ok", answer={"version": "0.7.0", "typed": True})


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base.yaml"
    path.touch()
    return path


def test_nemo_rl(base):
    assert nemo_rl.driver("python", base, OK).level == "ok"


@pytest.mark.parametrize(
    ("ran", "level"),
    [
        (Ran("missing"), "absent"),
        (Ran("failed", "ModuleNotFoundError: No module named 'orjson'"), "error"),
        (Ran("late"), "error"),
        (Ran("ok", answer={"version": "0.5.0", "typed": False}), "error"),
    ],
)
def test_nemo_rl_that_is_absent_broken_or_old(base, ran, level):
    assert nemo_rl.driver("python", base, ran).level == level


def test_nemo_rl_without_its_repository(tmp_path):
    assert nemo_rl.driver("python", tmp_path / "none.yaml", OK).level == "absent"


def test_an_interpreter_without_nemo_rl_is_found_by_importing_it(base, tmp_path):
    (tmp_path / "nemo_rl.py").write_text("raise ImportError('no ray here')")
    ran = probe.python(nemo_rl.DRIVER, 120, PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[3]}")
    assert nemo_rl.driver(sys.executable, base, ran).level == "error"


def workers(*ends, can_make=False):
    ran = [
        (actor, Ran(end, answer={"vllm": "0.20.0"})) for actor, end in zip(("a.Vllm", "b.Policy"), ends, strict=True)
    ]
    return nemo_rl.workers(Path("/opt/ray_venvs"), ran, can_make)


def test_workers():
    finding = workers("ok", "ok")
    assert finding.level == "ok"
    assert "vllm 0.20.0" in finding.what


@pytest.mark.parametrize(
    ("end", "can_make", "level"),
    [("missing", False, "absent"), ("missing", True, "warning"), ("failed", True, "error"), ("late", True, "error")],
)
def test_workers_that_are_absent_or_broken(end, can_make, level):
    finding = workers("ok", end, can_make=can_make)
    assert finding.level == level
    assert "Policy" in finding.what


def test_a_workers_interpreter_is_really_run():
    ran = probe.python(nemo_rl.WORKER, 60)
    assert ran.end == "ok"
    assert "vllm" in ran.answer


def test_the_megatron_worker_is_the_one_that_converts():
    assert nemo_rl.POLICIES["megatron"] == convert.MEGATRON_WORKER
    assert set(nemo_rl.POLICIES) == set(NemoRL.model_fields["backend"].annotation.__args__)
