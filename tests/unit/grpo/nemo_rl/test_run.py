# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
import importlib.util
from pathlib import Path

import psutil
import pytest
import torch

from nemo_reasoning.config import GRPO, Config, Paths
from nemo_reasoning.config.nemo_rl import NemoRL, NemoRLStage
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.nemo_rl import convert, data, hooks, run, schema, stage, translate
from nemo_reasoning.grpo.nemo_rl.job import Job
from nemo_reasoning.manifest import StageRun
from nemo_reasoning.traces import Problem, read_jsonl


def make_config(directory, **nemo_rl):
    return Config(name="test", paths=Paths(run=str(directory)), grpo=GRPO(nemo_rl=NemoRL(**nemo_rl)))


def make_job(directory, **nemo_rl):
    config = make_config(directory, **nemo_rl)
    return Job(config, translate.stages(config)[0], "model", directory, 7)


@pytest.mark.parametrize(("seconds", "written"), [(0, "00:00:00:00"), (13500, "00:03:45:00"), (90061.9, "01:01:01:01")])
def test_durations_are_nemo_rls(seconds, written):
    assert run.duration(seconds) == written


SLURM = {"SLURM_JOB_END_TIME": "14400"}


@pytest.mark.parametrize(
    ("minutes", "exit_by", "environment", "limit"),
    [
        (None, None, {}, None),
        (None, None, SLURM, "00:03:45:00"),
        (None, None, {"SLURM_JOB_END_TIME": "10"}, "00:00:01:00"),
        (90.0, None, SLURM, "00:01:30:00"),
        (90.0, 3600.0, SLURM, "00:01:00:00"),  # the stage has run for half an hour before
    ],
)
def test_when_to_save(minutes, exit_by, environment, limit):
    assert run.must_save_by(minutes, exit_by, environment, 0.0) == limit


def test_the_limit_counts_from_the_start_of_the_stage(tmp_path):
    grpo = GRPO(exit_duration_in_mins=30.0)
    *_, option, exit_by = stage.command(Config(name="test", grpo=grpo), tmp_path)
    assert option == "--exit-by"
    assert float(exit_by) == pytest.approx(psutil.Process().create_time() + 1800)
    assert "--exit-by" not in stage.command(Config(name="test"), tmp_path)


def test_a_run_that_does_not_advance_is_an_error(tmp_path):
    job, where = make_job(tmp_path), StageRun("grpo", tmp_path)
    (job.checkpoints / "step_3").mkdir(parents=True)
    assert stage.advanced(where, job, 2) == 3
    with pytest.raises(InputError, match="ended after step 3 and saved none"):
        stage.advanced(where, job, 3)


def test_the_latest_step_is_the_highest_number(tmp_path):
    job = make_job(tmp_path)
    assert run.latest_step(job) == 0
    for name in ("step_9", "step_10", "tmp_step_11", "step_x"):
        (job.checkpoints / name).mkdir(parents=True)
    assert run.latest_step(job) == 10


def test_the_next_run_is_the_first_unfinished(tmp_path):
    rows = [NemoRLStage(max_num_steps=n, max_total_sequence_length=64) for n in (2, 3)]
    config, where = make_config(tmp_path, stages=rows), StageRun("grpo", tmp_path / "grpo")
    assert run.next_index(config, where) == 0
    for index, step in ((0, 2), (1, 3)):
        (run.directory(where, index) / "checkpoints" / f"step_{step}").mkdir(parents=True)
        assert run.next_index(config, where) == (1 if index == 0 else None)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"grpo": {"num_generations_per_prompt": 4}}, "set grpo.num_generations_per_prompt instead"),
        ({"grpo": {"adv_estimator": {"name": "gdpo"}}}, r"cannot set grpo\.adv_estimator; set grpo\.adv_estimator"),
        ({"loss_fn": {"use_kl_in_reward": True}}, "set grpo.use_kl_in_reward instead"),
        ({"grpo": {"async_grpo": {"enabled": True}}}, "set async_grpo.enabled to false"),
        ({"data_plane": {"enabled": True}}, "set data_plane.enabled to false"),
        ({"policy": {"generation": {"vllm_cfg": {"async_engine": True}}}}, "the reward 'length' compares"),
    ],
)
def test_overrides_that_pass_our_environment_over_are_refused(tmp_path, overrides, sentence):
    grpo = GRPO(rewards={"length": {}})
    config = Config(name="test", grpo=grpo)
    job = Job(config, translate.stages(config)[0], "model", tmp_path, 7)
    ours = translate.translate(job)
    run.check_overrides(schema.merged(ours, {"loss_fn": {"reference_policy_kl_penalty": 0.1}}), ours, config)
    with pytest.raises(InputError, match=sentence):
        run.check_overrides(schema.merged(ours, overrides), ours, config)


def test_with_kl_in_the_reward_its_weight_is_ours(tmp_path):
    kl = {"adv_estimator": "reinforce_plus_plus", "use_kl_in_reward": True, "reference_policy_kl_penalty": 0.1}
    config = Config(name="test", grpo=GRPO(**kl))
    ours = translate.translate(Job(config, translate.stages(config)[0], "model", tmp_path, 7))
    overrides = {"loss_fn": {"reference_policy_kl_penalty": 0.2}}
    with pytest.raises(InputError, match=r"set grpo\.reference_policy_kl_penalty instead"):
        run.check_overrides(schema.merged(ours, overrides), ours, config)


def test_gdpos_weights_need_a_nemo_rl_that_knows_them(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "_master", lambda: None)
    base = tmp_path / "base.yaml"
    base.write_text("grpo: {adv_estimator: {name: grpo}}\n")
    with pytest.raises(InputError, match="this NeMo-RL's GDPO cannot weigh rewards; set the weights"):
        schema.check({"grpo": {"adv_estimator": {"name": "gdpo", "reward_weights": [2.0, 0.1]}}}, base)


def test_merging_leaves_the_rest():
    values = {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}
    assert schema.merged(values, {"a": {"c": {"d": 3}}, "e": [2], "f": 4}) == {
        "a": {"b": 1, "c": {"d": 3}},
        "e": [2],
        "f": 4,
    }
    assert values == {"a": {"b": 1, "c": {"d": 2}}, "e": [1]}


def test_an_unknown_key_is_named_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "_master", lambda: None)
    base = tmp_path / "base.yaml"
    base.write_text("policy:\n  max_grad_norm: 1.0\n  optimizer: {name: x, kwargs: {lr: 1}}\nenv: {math: {}}\n")
    schema.check({"policy": {"optimizer": {"kwargs": {"fused": True}}}, "env": {"ours": {"a": 1}}}, base)
    with pytest.raises(InputError, match=r"no setting policy\.max_grad_nrm; did you mean 'max_grad_norm'"):
        schema.check({"policy": {"max_grad_nrm": 1}}, base)
    with pytest.raises(InputError, match="run this stage inside nvcr"):
        schema.check({}, tmp_path / "absent.yaml")


def test_outside_of_the_container_there_is_one_sentence(tmp_path):
    config = make_config(tmp_path, python="/nowhere/bin/python")
    with pytest.raises(InputError, match="/nowhere/bin/python does not exist; run this stage inside"):
        stage.check_container(config)


@pytest.mark.skipif(importlib.util.find_spec("nemo_rl") is not None, reason="NeMo-RL is installed here")
def test_without_nemo_rl_the_launcher_says_so(tmp_path):
    with pytest.raises(InputError, match=r"NeMo-RL cannot be imported here .*; run this stage inside nvcr"):
        run.register(make_config(tmp_path))


def test_problems_with_a_long_prompt_are_left_out(tmp_path, byte_tokenizer):
    fmt = Config(name="test").format.model_copy(update={"chat_template": "chatml"})
    problems = [Problem("a", "2?", "4", row={"tests": [1]}), Problem("b", "x" * 99, None), Problem("c", "3?", None)]
    path = tmp_path / "problems.jsonl"
    assert data.write_problems(path, problems, fmt, byte_tokenizer(), 64) == 1
    first, second = read_jsonl(path)
    assert (first["id"], first["has_answer"], first["row"]) == ("a", True, '{"tests":[1]}')
    assert (second["id"], second["has_answer"], second["messages"][1]["content"]) == ("c", False, "")
    data.check_enough(path, GRPO(num_prompts_per_step=2, use_dynamic_sampling=False))
    data.check_enough(path, GRPO(num_prompts_per_step=1, dynamic_sampling_max_gen_batches=2))
    with pytest.raises(InputError, match=r"there are 2 problems .* a step needs 3"):
        data.check_enough(path, GRPO(num_prompts_per_step=3))
    with pytest.raises(InputError, match="with dynamic sampling may take 10 batches of 2"):
        data.check_enough(path, GRPO(num_prompts_per_step=2))


def test_missing_rewards_are_masked_and_their_place_is_neutral():
    nan = float("nan")
    batch = {
        "total_reward": torch.tensor([1.0, 0.0, nan, 1.0, nan, nan]),
        "reward/accuracy": torch.tensor([1.0, 0.0, nan, 1.0, nan, nan]),
        "loss_multiplier": torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
        "extra_env_info": [{"group": index // 4} for index in range(6)],
    }
    hooks.mask_missing(batch)
    assert batch["rewarded"].tolist() == [True, True, False, True, False, False]
    assert batch["loss_multiplier"].tolist() == [1, 0, 0, 1, 0, 0]
    assert batch["total_reward"].tolist() == pytest.approx([1, 0, 2 / 3, 1, 0, 0])
    assert batch["reward/accuracy"].tolist() == batch["total_reward"].tolist()


def test_converters_are_nemo_rls_own(tmp_path, monkeypatch):
    checkpoint = tmp_path / "step_3"
    command = convert.converter(make_job(tmp_path, repo="/repo", python="/py"), checkpoint, tmp_path / "hf")
    assert command[:2] == ["/py", "/repo/examples/converters/convert_dcp_to_hf.py"]
    assert command[command.index("--dcp-ckpt-path") + 1] == str(checkpoint / "policy" / "weights")
    for iteration in ("iter_0000000", "iter_0000003"):
        (checkpoint / "policy" / "weights" / iteration).mkdir(parents=True)
    python = tmp_path / "venvs" / convert.MEGATRON_WORKER / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    monkeypatch.setenv("NEMO_RL_VENV_DIR", str(tmp_path / "venvs"))
    command = convert.converter(make_job(tmp_path, backend="megatron"), checkpoint, tmp_path / "hf")
    assert command[0] == str(python) and Path(command[-1]).name == "iter_0000003"


def test_without_megatron_nothing_is_converted(tmp_path, monkeypatch):
    monkeypatch.setenv("NEMO_RL_VENV_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"neither .* nor uv is there to convert Megatron's checkpoint"):
        convert.converter(make_job(tmp_path, backend="megatron"), tmp_path / "step_1", tmp_path / "hf")
