# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The whole stage through NeMo-RL's `run_grpo.main`, on a CPU: stopped, continued, chained, converted."""

import os
import sys
from pathlib import Path

import addition_student
import pytest
import torch

from nemo_reasoning import compose
from nemo_reasoning.config import GRPO, Config, Paths, Reward
from nemo_reasoning.config.nemo_rl import NemoRL, NemoRLStage
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.errors import InputError, Interrupted
from nemo_reasoning.grpo import stage as grpo_stage
from nemo_reasoning.grpo.nemo_rl import run
from nemo_reasoning.grpo.nemo_rl import stage as nemo_rl_stage
from nemo_reasoning.manifest import StageRun, read_metrics
from nemo_reasoning.models import load_model, load_tokenizer
from nemo_reasoning.traces import read_jsonl, write_jsonl

WHY = "NeMo-RL is not importable here; docs/nemo_rl.md says how to run these tests against its source"
nemo_rl = pytest.importorskip("nemo_rl.algorithms.grpo", reason=WHY, exc_type=ImportError)

REPO = str(Path(nemo_rl.__file__).parents[2])
HERE = Path(__file__).parent
BREVITY = Reward(params={"max_completion_len": 24, "soft_punish_cache": 24})


@pytest.fixture
def config(tmp_path):
    student = addition_student.make(tmp_path / "student")
    problems = [{"id": f"p{a}", "problem": f"What is {a} plus 3?", "answer": str(a + 3)} for a in range(30)]
    write_jsonl(tmp_path / "run" / "curate" / "rl.jsonl", problems)
    stages = [NemoRLStage(max_num_steps=6, max_total_sequence_length=n) for n in (64, 72)]
    grpo = GRPO(
        engine="nemo_rl",
        init=str(student),
        num_prompts_per_step=4,
        num_generations_per_prompt=4,
        max_new_tokens=24,
        lr=3e-3,
        use_dynamic_sampling=False,
        checkpoint_interval=3,
        log_rollouts_interval=4,
        val_period=6,
        val_samples_per_problem=2,
        precision="fp32",
        rewards={"soft_overlong_punishment": BREVITY},
        nemo_rl=NemoRL(
            repo=REPO,
            python=sys.executable,
            max_prompt_tokens=40,
            stages=stages,
            overrides={"logger": {"monitor_gpus": False}, "policy": {"generation": {"max_new_tokens": 24}}},
        ),
    )
    config = Config(name="test", paths=Paths(run=str(tmp_path / "run")), format=ReasoningFormat(), grpo=grpo)
    compose.write_resolved(config, tmp_path / "run" / "resolved.yaml")
    (tmp_path / "run" / "grpo").mkdir()
    return config


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_stopped_stage_is_not_finished_and_continues_to_the_end(config, monkeypatch):
    monkeypatch.setenv("NEMO_RL_PY_EXECUTABLES_SYSTEM", "1")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
    stage = StageRun("grpo", Path(config.paths.run) / "grpo")
    stop: list[str] = ["4"]

    def command(config, run_directory):
        return [sys.executable, str(HERE / "nemo_rl_cpu_run.py"), str(run_directory), *stop]

    monkeypatch.setattr(nemo_rl_stage, "command", command)
    with pytest.raises(Interrupted, match="at step 4 of 6 of run 1 of 2, whose checkpoint is saved"):
        grpo_stage.run(config, stage)
    assert not (stage.directory / "hf").exists()
    stop.clear()
    summary = grpo_stage.run(config, stage)
    assert summary["steps"] == 12 and summary["rollouts"] == 12 * 16
    rows = list(read_metrics(stage.directory))
    assert [row["step"] for row in rows if "rollouts" in row] == list(range(1, 13))
    assert {row["step"] for row in rows if "validation_accuracy" in row} >= {6, 12}
    first_run = run.directory(stage, 0)
    assert len(list(read_jsonl(first_run / "validation.jsonl"))) == 6  # three problems, twice each
    assert len(list(read_jsonl(first_run / "problems.jsonl"))) == 27
    assert {row["step"] for row in read_jsonl(stage.directory / "rollouts.jsonl")} == {1, 4, 8, 12}
    first, last = first_run / "hf", stage.directory / "hf"
    for directory in (first, last):
        tokenizer = load_tokenizer(str(directory))
        assert config.format.fingerprint(tokenizer) == config.format.fingerprint(load_tokenizer(config.grpo.init))
        assert (directory / "reasoning_format.json").exists() and (directory / "generation_config.json").exists()
    before, between, after = (
        load_model(str(path), torch.float32).state_dict() for path in (config.grpo.init, first, last)
    )
    assert all((between[name] != weight).any() for name, weight in before.items())
    assert all((after[name] != weight).any() for name, weight in between.items())
    assert grpo_stage.run(config, stage) == summary  # started again: nothing to do


@pytest.mark.slow
def test_what_the_launcher_refuses_is_the_stages_sentence(config):
    nemo_rl = config.grpo.nemo_rl.model_copy(update={"overrides": {"policy": {"max_grad_nrm": 1.0}}})
    config = config.model_copy(update={"grpo": config.grpo.model_copy(update={"nemo_rl": nemo_rl})})
    compose.write_resolved(config, Path(config.paths.run) / "resolved.yaml")
    with pytest.raises(InputError, match=r"no setting policy\.max_grad_nrm; did you mean 'max_grad_norm'"):
        grpo_stage.run(config, StageRun("grpo", Path(config.paths.run) / "grpo"))
