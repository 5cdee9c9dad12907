# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Optimizer steps of the engine on hand-made rollouts."""

import math
from dataclasses import replace

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from nemo_reasoning.config import GRPO
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo import algorithm
from nemo_reasoning.grpo.engine import Policy, learning_rate, minibatch
from nemo_reasoning.grpo.rollouts import Rollouts
from nemo_reasoning.rewards import Scores
from nemo_reasoning.sampling import Sampler, SamplingParams
from nemo_reasoning.transformer import Transformer

STOP = 1
PROMPTS = [[5, 6, 7], [8, 9], [5, 9, 8, 7]]


def make_policy(**settings):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "qwen2",
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.2,
        tie_word_embeddings=True,
    )
    model = AutoModelForCausalLM.from_config(config)
    settings = {"precision": "fp32", "weight_decay": 0.0, "clip_grad": 1e9, "max_logprob_mismatch": None} | settings
    return Policy(model, GRPO(**settings))


def make_rollouts(policy, rewards):
    """Sampled completions with given rewards `[G, n]`, None for a missing one."""
    n = len(rewards[0])
    params = SamplingParams(8, policy.settings.temperature, n=n)
    groups = Sampler(policy.model, STOP).sample(PROMPTS, params, torch.Generator().manual_seed(0))
    totals = torch.tensor([[math.nan if r is None else r for r in group] for group in rewards])
    valid = ~totals.isnan()
    scores = Scores([r for group in rewards for r in group], {})
    completions = [c for group in groups for c in group]
    truncated = torch.tensor([c.truncated for c in completions]).view_as(valid)
    _, learned = algorithm.select(totals, valid, truncated, policy.settings)
    return Rollouts([], PROMPTS, completions, [], scores, totals, valid, learned, algorithm.advantages(totals, valid))


REWARDS = [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, None, 0.0], [1.0, 1.0, 1.0, None]]


def weights(policy):
    return torch.cat([p.detach().flatten().clone() for p in policy.model.parameters()])


def gradient(policy, batch, monkeypatch):
    """The gradient of the one step that `update` takes."""
    seen = []
    monkeypatch.setattr(
        policy.optimizer, "step", lambda: seen.append(torch.cat([p.grad.flatten() for p in policy.model.parameters()]))
    )
    row = policy.update(batch, 1e-3, torch.Generator().manual_seed(0))
    (found,) = seen
    return found, row


@pytest.mark.parametrize("token_level", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_gradient_equals_that_of_whole_sequences(token_level, temperature, monkeypatch):
    policy = make_policy(token_level_loss=token_level, temperature=temperature)
    batch = make_rollouts(policy, REWARDS)
    found, row = gradient(policy, batch, monkeypatch)
    policy.model.zero_grad()
    used = [i for i in range(8) if i != 6]
    tokens = sum(len(batch.completions[i].token_ids) for i in used)
    for i in used:
        completion, prompt = batch.completions[i].token_ids, PROMPTS[i // 4]
        logits = policy.model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1] / temperature
        logprobs = logits.log_softmax(-1).gather(1, torch.tensor(completion)[:, None])[:, 0]
        scale = 1 / tokens if token_level else 1 / (len(used) * len(completion))
        (-batch.advantages.flatten()[i] * logprobs.sum() * scale).backward()  # at ratio 1
    expected = torch.cat([p.grad.flatten() for p in policy.model.parameters()])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert row["groups_used"] == 2
    assert row["logprob_mismatch"] < 1e-5


def test_micro_batches_do_not_change_the_gradient(monkeypatch):
    found = [
        gradient(policy, make_rollouts(policy, REWARDS), monkeypatch)[0]
        for policy in (make_policy(), make_policy(max_tokens_per_microbatch=12))
    ]
    torch.testing.assert_close(*found, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_accumulating_micro_batches_takes_the_same_step(precision):
    """A step is what its minibatch says, however many tokens fit at once."""
    found = []
    for tokens in (10**6, 24, 1):  # all at once, some, each completion alone
        policy = make_policy(max_tokens_per_microbatch=tokens, precision=precision, num_minibatches=2)
        row = policy.update(make_rollouts(policy, REWARDS), 1e-3, torch.Generator().manual_seed(0))
        found.append((weights(policy), torch.tensor([row["loss"], row["grad_norm"], row["logprob_mismatch"]])))
    tolerance = {"fp32": 1e-5, "bf16": 2e-2}[precision]
    for changed, row in found[1:]:
        torch.testing.assert_close(row, found[0][1], atol=tolerance, rtol=tolerance)
        if precision == "fp32":
            torch.testing.assert_close(changed, found[0][0], atol=1e-4, rtol=1e-4)


def test_completions_of_another_policy_are_refused():
    policy = make_policy(max_logprob_mismatch=GRPO().max_logprob_mismatch)
    batch = make_rollouts(policy, REWARDS)
    with torch.no_grad():
        policy.model.lm_head.weight.mul_(1.5)
    before = weights(policy)
    with pytest.raises(InputError, match=r"more than grpo.max_logprob_mismatch=0.05.*raise the limit"):
        policy.update(batch, 0.0, torch.Generator().manual_seed(0))
    assert torch.equal(weights(policy), before)
    policy.settings = GRPO(max_logprob_mismatch=None, precision="fp32")
    assert policy.update(batch, 0.0, torch.Generator().manual_seed(0))["logprob_mismatch"] > 0.05


def test_bf16_computes_nearly_the_same_gradient(monkeypatch):
    found = [
        gradient(policy, make_rollouts(policy, REWARDS), monkeypatch)[0]
        for policy in (make_policy(), make_policy(precision="bf16"))
    ]
    assert torch.cosine_similarity(*found, dim=0) > 0.99


def test_nothing_is_learned_from_equal_rewards():
    policy = make_policy()
    before = weights(policy)
    row = policy.update(make_rollouts(policy, [[0.3] * 4, [1.0] * 4, [None] * 4]), 1e-2, torch.Generator())
    assert row["groups_used"] == 0
    assert row["loss"] is None and row["grad_norm"] is None
    assert torch.equal(weights(policy), before)


def test_without_dynamic_sampling_equal_rewards_count_in_the_normaliser(monkeypatch):
    found = []
    for dynamic in (True, False):
        policy = make_policy(use_dynamic_sampling=dynamic)
        batch = make_rollouts(policy, REWARDS)
        kept = [c for c, valid in zip(batch.completions, batch.valid.flatten(), strict=True) if valid]
        found.append((gradient(policy, batch, monkeypatch)[0], kept))
    (dropped, completions), (counted, _) = found
    all_tokens = sum(len(c.token_ids) for c in completions)
    useful_tokens = sum(len(c.token_ids) for c in completions[:7])
    torch.testing.assert_close(counted, dropped * useful_tokens / all_tokens, atol=1e-6, rtol=1e-4)


def test_minibatches_are_optimizer_steps_over_distinct_groups(monkeypatch):
    policy = make_policy(num_minibatches=2)
    batch = make_rollouts(policy, [[1.0, 0.0]] * 3)
    seen = []
    step = policy._step
    monkeypatch.setattr(policy, "_step", lambda part: seen.append({s.group for s in part.samples}) or step(part))
    policy.update(batch, 1e-3, torch.Generator().manual_seed(0))
    assert len(seen) == 2
    assert seen[0] | seen[1] == {0, 1, 2} and not seen[0] & seen[1]


def test_kl_to_a_frozen_reference_pulls_back():
    policy = make_policy(reference_policy_kl_penalty=0.5)
    torch.manual_seed(1)
    policy.reference = Transformer(AutoModelForCausalLM.from_config(policy.model.config).eval())
    frozen = [p.clone() for p in policy.reference.model.parameters()]
    # Without a difference in rewards only the KL penalty is left.
    policy.settings = policy.settings.model_copy(update={"use_dynamic_sampling": False})
    batch = make_rollouts(policy, [[1.0] * 16] * 3)
    rows = [policy.update(batch, 3e-3, torch.Generator().manual_seed(0)) for _ in range(10)]
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert all(map(torch.equal, frozen, policy.reference.model.parameters()))


def mistaken(batch, by):
    """The same rollouts from a sampler whose log-probabilities are off by `by`."""
    completions = [replace(c, logprobs=[value + by for value in c.logprobs]) for c in batch.completions]
    return replace(batch, completions=completions)


@pytest.mark.parametrize("extra", [{}, {"force_on_policy_ratio": True}])
def test_importance_correction_compares_the_trainer_with_the_sampler(extra, monkeypatch):
    exact = make_policy()
    wanted, _ = gradient(exact, make_rollouts(exact, REWARDS), monkeypatch)
    policy = make_policy(
        use_importance_sampling_correction=True,
        truncated_importance_sampling_type="tis",
        truncated_importance_sampling_ratio=1.5,
        max_logprob_mismatch=None,
        **extra,
    )
    # Half the probability the trainer finds: each weight is 2, and is clamped.
    found, row = gradient(policy, mistaken(make_rollouts(policy, REWARDS), -math.log(2)), monkeypatch)
    torch.testing.assert_close(found, 1.5 * wanted, atol=1e-5, rtol=1e-3)
    assert row["is_oob_share"] == pytest.approx(1)
    assert row["logprob_mismatch"] == pytest.approx(math.log(2), abs=1e-4)
    assert row["clip_share"] == 0


def test_kl_in_the_reward_makes_advantages_of_tokens():
    settings = {"adv_estimator": "reinforce_plus_plus", "use_kl_in_reward": True, "reference_policy_kl_penalty": 0.5}
    policy = make_policy(num_minibatches=2, **settings)
    torch.manual_seed(1)
    policy.reference = Transformer(AutoModelForCausalLM.from_config(policy.model.config).eval())
    batch = make_rollouts(policy, REWARDS)
    parts = [minibatch(batch, [group], torch.device("cpu")) for group in (0, 1)]
    prepared = policy._prepared(parts)
    tokens = torch.cat([part.advantage[part.mask] for part in prepared])
    assert tokens.mean().abs() < 1e-5
    assert tokens.square().mean().item() == pytest.approx(1, abs=1e-4)
    for before, part in zip(parts, prepared, strict=True):
        reference = policy._completion_logprobs(policy.reference, part)
        penalty = 0.5 * algorithm.kl_penalty(part.old, reference, input_clamp=20.0, output_clamp=10.0)
        raw = (before.advantage[:, None] - penalty)[part.mask]
        assert raw.argsort().equal(part.advantage[part.mask].argsort())
    row = policy.update(batch, 1e-3, torch.Generator().manual_seed(0))
    assert math.isfinite(row["loss"]) and row["groups_used"] == 2


def test_truncated_completions_are_not_learned_from_when_filtered(monkeypatch):
    filtered, plain = make_policy(overlong_filtering=True), make_policy()
    batch = make_rollouts(filtered, REWARDS)
    cut = torch.tensor([c.truncated for c in batch.completions]).view_as(batch.valid)
    assert cut[:2].any() and not cut[:2].all()
    (part,) = [minibatch(batch, batch.useful_groups().tolist(), torch.device("cpu"))]
    assert len(part.samples) == int((batch.valid & ~cut)[:2].sum())
    # Whoever is left keeps the advantage that it has in the whole group.
    assert part.advantage.tolist() == batch.advantages[:2][(batch.valid & ~cut)[:2]].tolist()
    everything = make_rollouts(plain, REWARDS)
    assert torch.equal(everything.advantages, batch.advantages)
    assert not torch.equal(gradient(filtered, batch, monkeypatch)[0], gradient(plain, everything, monkeypatch)[0])


def test_a_gradient_that_is_not_finite_is_said():
    policy = make_policy()
    batch = make_rollouts(policy, REWARDS)
    with torch.no_grad():
        policy.model.model.norm.weight.fill_(math.nan)
    with pytest.raises(InputError, match=r"grpo\.lr"):
        policy.update(batch, 1e-3, torch.Generator())


def test_minibatch_leaves_out_what_has_no_reward():
    policy = make_policy()
    batch = make_rollouts(policy, REWARDS)
    assert batch.useful_groups().tolist() == [0, 1]
    part = minibatch(batch, [1, 0], torch.device("cpu"))
    assert [sample.group for sample in part.samples] == [1, 1, 1, 0, 0, 0, 0]
    assert part.advantage.tolist() == batch.advantages.flatten()[[4, 5, 7, 0, 1, 2, 3]].tolist()
    assert part.tokens == sum(len(sample.completion) for sample in part.samples)


def test_learning_rate_warms_up_and_falls():
    settings = GRPO(lr=1.0, min_lr_ratio=0.1, warmup_steps=2, max_num_steps=10)
    rates = [learning_rate(step, settings) for step in range(1, 11)]
    assert rates[0] == 0.5
    assert rates[-1] == pytest.approx(0.1)
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert learning_rate(7, GRPO(lr=1.0)) == 1.0
