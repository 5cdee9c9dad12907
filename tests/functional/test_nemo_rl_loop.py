# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Our environment in NeMo-RL's own rollouts and training loop, with a policy in process.

Run where `nemo_rl` can be imported (docs/nemo_rl.md says how).
"""

import math
import os
import time

import pytest
import torch
from nemo_rl_jobs import BY_NAME, make_job, master_config, nemo_grpo
from nemo_rl_policy import InProcessPolicy, Scripted

from nemo_reasoning.config import Config, Reward
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.grpo import algorithm
from nemo_reasoning.grpo.nemo_rl import data, hooks, run
from nemo_reasoning.grpo.nemo_rl.records import Recorder
from nemo_reasoning.manifest import StageRun, read_metrics
from nemo_reasoning.models import load_model, load_tokenizer
from nemo_reasoning.rewards import Rollout, score
from nemo_reasoning.sampling import Completion
from nemo_reasoning.traces import Problem, read_jsonl
from nemo_reasoning.verify import Verifier

BREVITY = Reward(params={"max_completion_len": 24, "soft_punish_cache": 24})
"""Minus the completion's share of 24 tokens: a random model can learn to be brief."""


@pytest.fixture(scope="module")
def cluster():
    import ray

    os.environ["NEMO_RL_PY_EXECUTABLES_SYSTEM"] = "1"
    ray.init(
        "local", num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": dict(os.environ)}
    )
    os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address  # NeMo-RL's memory tracker reads it
    yield
    os.environ.pop("RAY_ADDRESS")
    ray.shutdown()


@pytest.fixture(scope="module")
def registered(cluster):
    run.register(Config(name="test", format=ReasoningFormat()))


@pytest.fixture
def hooked(registered, monkeypatch):
    """Installs the hooks, and takes them out again."""
    from nemo_rl.experience import rollouts
    from nemo_rl.utils.logger import Logger

    for place, names in (
        (rollouts, ["get_keys_from_message_log"]),
        (Logger, ["log_metrics"]),
        (
            nemo_grpo,
            [
                "run_multi_turn_rollout",
                "run_async_multi_turn_rollout",
                "calculate_baseline_and_std_per_prompt",
                "TimeoutChecker",
                "_create_advantage_estimator",
            ],
        ),
    ):
        for name in names:
            monkeypatch.setattr(place, name, getattr(place, name))
    return hooks.install


PROBLEMS = [Problem(f"p{a}", f"What is {a} plus 3?", None if a == 2 else str(a + 3)) for a in range(12)]


def loaded(job, problems=PROBLEMS):
    """NeMo-RL's datasets, environments and configuration for our job."""
    from nemo_rl.data.utils import setup_response_data

    tokenizer = load_tokenizer(job.model)
    data.write_problems(job.problems, problems, job.config.format, tokenizer, 40)
    merged, master = master_config(job)
    return tokenizer, merged, master, setup_response_data(tokenizer, master.data, master.env)


def batch_of(dataset, indices, repeats):
    from nemo_rl.data.collate_fn import rl_collate_fn

    return rl_collate_fn([dataset[index] for index in indices]).repeat_interleave(repeats)


@pytest.mark.slow
def test_prompts_are_ours_token_for_token(tmp_path, student, registered):
    job = make_job(tmp_path, student)
    tokenizer, _, _, (dataset, *_) = loaded(job)
    assert len(dataset) == len(PROBLEMS)
    for index, problem in enumerate(PROBLEMS):
        (message,) = dataset[index]["message_log"]
        assert message["token_ids"].tolist() == job.config.format.encode_prompt(tokenizer, problem.problem)
        assert dataset[index]["extra_env_info"]["answer"] == problem.answer


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["grpo", "gdpo"])
def test_the_same_completions_get_the_same_rewards_in_both_engines(tmp_path, student, hooked, estimator):
    rewards = {"accuracy": Reward(), "format": Reward(weight=0.3), "soft_overlong_punishment": BREVITY}
    job = make_job(tmp_path, student, rewards=rewards, adv_estimator=estimator)
    tokenizer, _, _, (dataset, _, environments, _) = loaded(job)
    indices, repeats, fmt = [0, 2, 5], 4, job.config.format
    texts = [
        text.format(a + 3)
        for a in indices
        for text in (
            "<think>\nadd\n</think>\n\n\\boxed{{{}}}",
            "<think>\nadd\n</think>\n\n\\boxed{{99}}",
            "\\boxed{{{}}}",
            "<think>\nlong",
        )
    ]
    completions = []
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        truncated = text.endswith("long")
        ids = ids if truncated else [*ids, job.stop_id]
        completions.append(Completion(ids, [-1.0] * len(ids), truncated))
    with Verifier(job.config.verify) as verifier:
        parsed = [fmt.parse(text, truncated=c.truncated) for text, c in zip(texts, completions, strict=True)]
        golds = [PROBLEMS[a].answer for a in indices for _ in range(repeats)]
        verdicts = verifier.check_batch(list(zip([p.answer for p in parsed], golds, strict=True)))
    expected = score(
        [
            Rollout(t, p, v, len(c.token_ids), i // repeats)
            for i, (t, p, v, c) in enumerate(zip(texts, parsed, verdicts, completions, strict=True))
        ],
        rewards,
        fmt,
    )
    assert expected.total[4:8] == [None] * 4 and expected.total[0] > expected.total[1]
    hooked(Recorder(StageRun("grpo", tmp_path), job.config.grpo, 1), time.time())
    generation = Scripted(completions, tokenizer.pad_token_id or 0)
    batch, measured = nemo_grpo.run_multi_turn_rollout(
        policy_generation=generation,
        input_batch=batch_of(dataset, indices, repeats),
        tokenizer=tokenizer,
        task_to_env=environments,
        max_seq_len=job.stage.max_total_sequence_length,
        max_rollout_turns=1,
    )
    assert batch["rewarded"].tolist() == [total is not None for total in expected.total]
    assert batch["loss_multiplier"].tolist() == [0.0 if total is None else 1.0 for total in expected.total]
    found = [t for t, there in zip(batch["total_reward"].tolist(), batch["rewarded"].tolist(), strict=True) if there]
    assert found == torch.tensor([total for total in expected.total if total is not None]).tolist()  # to the last digit
    key = "reward/format" if BY_NAME else "reward2"
    weight = 1.0 if estimator == "gdpo" else 0.3
    assert batch[key].tolist() == pytest.approx([weight * value for value in expected.components["format"]])
    assert [row["reward"] for row in batch["judged"]] == expected.total
    assert [row["completion"] for row in batch["judged"]] == texts
    assert measured["unrewarded"] == 4 and measured["unrewarded/accuracy/unparsable_gold"] == 4
    assert measured["verdict/correct"] == pytest.approx(2 / 12)
    assert measured["truncated_share"] == pytest.approx(3 / 12)
    for environment in set(environments.values()):
        import ray

        ray.get(environment.shutdown.remote())


@pytest.mark.slow
@pytest.mark.parametrize(("dynamic", "estimator"), [(False, "grpo"), (True, "grpo"), (True, "rloo")])
def test_nemo_rls_training_loop_learns_from_our_environment(tmp_path, student, hooked, monkeypatch, dynamic, estimator):
    from nemo_rl.algorithms.loss import ClippedPGLossFn
    from nemo_rl.data.collate_fn import rl_collate_fn
    from nemo_rl.utils.checkpoint import CheckpointManager
    from nemo_rl.utils.logger import Logger
    from torchdata.stateful_dataloader import StatefulDataLoader

    job = make_job(
        tmp_path,
        student,
        rewards={"soft_overlong_punishment": BREVITY, "accuracy": Reward(weight=0.5)},
        use_dynamic_sampling=dynamic,
        adv_estimator=estimator,
        num_minibatches=2,
    )
    tokenizer, merged, master, (dataset, _, environments, _) = loaded(job)
    merged["logger"]["monitor_gpus"] = False
    master = nemo_grpo.MasterConfig(**merged)
    stage = StageRun("grpo", tmp_path)
    hooked(Recorder(stage, job.config.grpo, 20), time.time())
    monkeypatch.setattr(nemo_grpo, "refit_policy_generation", lambda *_, **__: {})  # one model: nothing to move
    policy = InProcessPolicy(load_model(str(student), torch.float32), tokenizer, job.stop_id, merged["policy"], lr=3e-3)
    checkpointer = CheckpointManager(master.checkpointing)
    loader = StatefulDataLoader(dataset, batch_size=4, shuffle=True, collate_fn=rl_collate_fn, drop_last=True)
    arguments = (policy, policy, loader, None, tokenizer, ClippedPGLossFn(master.loss_fn), environments, None)
    nemo_grpo.grpo_train(*arguments, Logger(master.logger), checkpointer, _save_state(), master)
    rows = [row for row in read_metrics(tmp_path) if "rollouts" in row]
    assert [row["step"] for row in rows] == list(range(1, 21))
    assert sum(row["reward"] for row in rows[-3:]) / 3 > rows[0]["reward"] + 0.2
    assert all(math.isfinite(row["loss"]) for row in rows)
    # One problem of twelve has no gold answer: its four completions have no reward, in every epoch.
    unrewarded = sum(row["unrewarded"] for row in rows)
    assert unrewarded == sum(row.get("unrewarded/accuracy/unparsable_gold", 0) for row in rows) > 0
    assert dynamic or unrewarded in (24, 28)
    assert run.latest_step(job) == 20
    logged = list(read_jsonl(tmp_path / "rollouts.jsonl"))
    assert {row["step"] for row in logged} == {1, 10, 20}
    step = [row for row in logged if row["step"] == 20]
    assert len(step) == rows[-1]["rollouts"]
    groups = [step[start : start + 4] for start in range(0, len(step), 4)]
    assert all(len({row["group"] for row in group}) == 1 for group in groups)
    learned = [group for group in groups if not all(row["masked"] for row in group)]
    assert len(learned) == rows[-1]["groups_used"] <= 4 and (dynamic or len(groups) == 4)
    rloo = {"leave_one_out": True, "normalize": False} if estimator == "rloo" else {}
    for group in learned:
        assert [row["masked"] for row in group] == [row["reward"] is None for row in group]
        totals = torch.tensor([[math.nan if row["reward"] is None else row["reward"] for row in group]])
        wanted = algorithm.advantages(totals, ~totals.isnan(), **rloo)
        assert torch.allclose(torch.tensor([[row["advantage"] for row in group]]), wanted, atol=1e-4)


def _save_state():
    make = getattr(nemo_grpo, "_initial_grpo_save_state", None) or nemo_grpo._default_grpo_save_state
    return make()
