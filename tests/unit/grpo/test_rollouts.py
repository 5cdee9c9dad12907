# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a reward sees of a rollout, and what a step's metrics say about rewards that are missing."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from nemo_reasoning.config import GRPO, Layout, Reward, Source, Verify
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.grpo.algorithm import gdpo
from nemo_reasoning.grpo.rollouts import RolloutMaker, metrics, rows
from nemo_reasoning.rewards import REWARDS, NoReward
from nemo_reasoning.sampling import Sampler
from nemo_reasoning.traces import read_problems, write_jsonl
from nemo_reasoning.verify import Verifier

FMT = ReasoningFormat(chat_template="chatml")


@pytest.fixture(scope="module")
def sampler(byte_tokenizer):
    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = AutoConfig.for_model("qwen2", vocab_size=264, num_key_value_heads=1, **sizes)
    return Sampler(AutoModelForCausalLM.from_config(config), FMT.stop_id(tokenizer)), tokenizer


@pytest.fixture
def problems(tmp_path):
    data = [
        {"problem": "double it", "answer": "4", "tests": ["assert f(1) == 2"], "solution": "long"},
        {"problem": "halve it", "answer": "1", "tests": None, "solution": "long"},
    ]
    write_jsonl(tmp_path / "rl.jsonl", data)
    source = Source(path=str(tmp_path / "rl.jsonl"), layout=Layout(extra=["tests"]))
    return list(read_problems(source, pytest.fail))


def make(sampler, problems, rewards, **more):
    settings = GRPO(num_generations_per_prompt=3, max_new_tokens=6, rewards=rewards, **more)
    with Verifier(Verify()) as verifier:
        maker = RolloutMaker(*sampler, FMT, verifier, settings)
        return maker.make([(problems, torch.Generator().manual_seed(0))])


def test_rewards_see_the_problem_and_its_extra_columns(sampler, problems, monkeypatch):
    seen = []
    monkeypatch.setitem(REWARDS, "accuracy", lambda rollouts, fmt: seen.extend(rollouts) or [0.0] * len(rollouts))
    batch = make(sampler, problems, {"accuracy": Reward()})
    assert [r.problem for r in seen] == ["double it"] * 3 + ["halve it"] * 3
    assert [r.row for r in seen] == [{"tests": ["assert f(1) == 2"]}] * 3 + [{"tests": None}] * 3
    assert [r.completion for r in seen] == [row["completion"] for row in rows(batch, 1, str)]


def test_missing_rewards_are_counted_by_reason(sampler, problems, monkeypatch):
    values = [1.0, 0.0, NoReward("late"), NoReward("late"), NoReward("lost"), 1.0]
    monkeypatch.setitem(REWARDS, "accuracy", lambda rollouts, fmt: values)
    batch = make(sampler, problems, {"accuracy": Reward(), "format": Reward()})
    row = metrics(batch)
    assert row["unrewarded"] == 3
    assert {key: value for key, value in row.items() if key.startswith("unrewarded/")} == {
        "unrewarded/accuracy/late": 2,
        "unrewarded/accuracy/lost": 1,
    }
    assert row["reward/accuracy"] == pytest.approx(2 / 3)
    assert batch.advantages[~batch.valid].tolist() == [0.0] * 3


def test_gdpo_takes_the_rewards_apart_and_weighs_them(sampler, problems, monkeypatch):
    monkeypatch.setitem(REWARDS, "accuracy", lambda rollouts, fmt: [1.0, 0.0, 0.0, None, 1.0, 0.0])
    monkeypatch.setitem(REWARDS, "format", lambda rollouts, fmt: [0.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    rewards = {"accuracy": Reward(), "format": Reward(weight=-2.0), "tag_count": Reward(weight=0.0), "length": None}
    batch = make(sampler, problems, rewards, adv_estimator="gdpo")
    components = torch.tensor([[[1.0, 0, 0], [0, 1, 0]], [[0.0, 0, 1], [1, 0, 1]]])
    valid = torch.tensor([[True] * 3, [False, True, True]])
    torch.testing.assert_close(batch.advantages, gdpo(components, torch.tensor([1.0, -2.0]), valid))


def test_groups_that_are_dropped_do_not_count_in_the_statistics_of_the_batch(sampler, problems, monkeypatch):
    monkeypatch.setitem(REWARDS, "accuracy", lambda rollouts, fmt: [1.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    rewards = {"accuracy": Reward()}
    batch = make(sampler, problems, rewards, adv_estimator="reinforce_plus_plus", minus_baseline=False)
    assert batch.useful_groups().tolist() == [0]
    assert batch.advantages[1].tolist() == [0.0] * 3
    tokens = torch.tensor([float(len(c.token_ids)) for c in batch.completions[:3]])
    assert (batch.advantages[0] * tokens).sum().abs() < 1e-5


def test_code_rewards_get_their_tests(sampler, problems):
    params = {"column": "tests", "isolation": "preferred"}
    batch = make(sampler, problems, {"code": Reward(params=params), "format": Reward()})
    assert batch.scores.components["code"] == [0.0] * 3 + [None] * 3
    assert metrics(batch)["unrewarded/code/no_tests"] == 3


def refilled(sampler, problems, monkeypatch, values, **settings):
    """Rollouts of up to four batches of two problems, whose rewards are `values`, and how often it was sampled."""
    drawn, rewards = [], iter(values)
    monkeypatch.setitem(REWARDS, "accuracy", lambda rollouts, fmt: [next(rewards) for _ in rollouts])

    def batches():
        for number in range(4):
            drawn.append(number)
            yield problems, torch.Generator().manual_seed(number)

    settings = GRPO(
        num_prompts_per_step=2,
        num_generations_per_prompt=2,
        max_new_tokens=6,
        rewards={"accuracy": Reward()},
        **{"dynamic_sampling_max_gen_batches": 4} | settings,
    )
    with Verifier(Verify()) as verifier:
        return RolloutMaker(*sampler, FMT, verifier, settings).make(batches()), drawn


def test_batches_are_drawn_until_enough_groups_teach(sampler, problems, monkeypatch):
    values = [1, 1, 0, 1, *[NoReward("late")] * 2, 0, 0, 1, 0, 0, 1]
    batch, drawn = refilled(sampler, problems, monkeypatch, values)
    assert drawn == [0, 1, 2] and batch.batches == 3
    assert batch.useful_groups().tolist() == [1, 4]  # the sixth group would teach too, but is not wanted
    assert batch.advantages[~batch.learned].tolist() == [0.0] * 8
    one = pytest.approx(0.5**0.5, abs=1e-5)
    assert (batch.advantages[[1, 4]] * torch.tensor([[-1, 1], [1, -1]])).flatten().tolist() == [one] * 4
    row = metrics(batch)
    assert row["gen_batches"] == 3 and row["rollouts"] == 12
    assert row["reward"] == pytest.approx(0.5)  # of all that were sampled, so that it does not flatter
    assert row["unrewarded/accuracy/late"] == 2
    logged = list(rows(batch, 7, "<{}>".format))
    assert {line["prompt"] for line in logged} == {f"<{problem.problem}>" for problem in batch.problems}
    assert [line["group"] for line in logged] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [line["masked"] for line in logged] == [True] * 2 + [False] * 2 + [True] * 4 + [False] * 2 + [True] * 2
    assert [line["reward"] for line in logged] == [None if isinstance(v, NoReward) else v for v in values]


def test_advantages_over_the_batch_see_only_what_is_learned_from(sampler, problems, monkeypatch):
    values = [1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 9]
    batch, _ = refilled(sampler, problems, monkeypatch, values, adv_estimator="gdpo")
    learned = batch.advantages[batch.learned]
    assert batch.useful_groups().tolist() == [1, 4]
    assert learned.mean().item() == pytest.approx(0, abs=1e-6) and learned.std().item() == pytest.approx(1, abs=1e-5)


def test_refilling_ends_when_no_batch_is_left(sampler, problems, monkeypatch):
    batch, drawn = refilled(sampler, problems, monkeypatch, [0, 0, 1, 0] + [1] * 12)
    assert drawn == [0, 1, 2, 3] and batch.useful_groups().tolist() == [1]


def test_without_dynamic_sampling_one_batch_is_drawn(sampler, problems, monkeypatch):
    settings = {"use_dynamic_sampling": False, "dynamic_sampling_max_gen_batches": None}
    batch, drawn = refilled(sampler, problems, monkeypatch, [0, 0, 1, 1], **settings)
    assert drawn == [0] and batch.useful_groups().tolist() == [0, 1]
