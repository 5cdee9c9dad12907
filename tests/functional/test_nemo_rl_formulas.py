# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Our advantages and losses and NeMo-RL's own: run where `nemo_rl` can be imported (docs/nemo_rl.md says how)."""

import pytest
import torch
from nemo_rl_jobs import BY_NAME, make_job, master_config, nemo_grpo

from nemo_reasoning.config import Reward
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo import algorithm
from nemo_reasoning.grpo.nemo_rl import hooks, run
from nemo_reasoning.grpo.nemo_rl.records import Recorder
from nemo_reasoning.manifest import StageRun


def test_equal_rewards_have_no_deviation():
    theirs = nemo_grpo.calculate_baseline_and_std_per_prompt
    prompts, rewards = torch.arange(50).repeat_interleave(16)[:, None], torch.rand(50).repeat_interleave(16)
    assert (theirs(prompts, rewards, torch.ones(800), False)[1] > 0).any()  # rounding: these groups would be kept
    rewards[:8] += 0.25
    _, std = hooks._exact_zero(theirs)(prompts, rewards, torch.ones(800), False)
    assert (std[:16] > 0.1).all() and not std[16:].any()


@pytest.mark.parametrize("rewards", [[1.0, 0.0, 0.0, 0.0], [1.0, 0.0]])
def test_leave_one_out_does_not_tear_groups_apart(rewards):
    """Its deviation is 0 for the only right sample, which dynamic sampling would then drop alone."""
    n, theirs = len(rewards), nemo_grpo.calculate_baseline_and_std_per_prompt
    prompts, given = torch.arange(2).repeat_interleave(n)[:, None], torch.tensor(rewards + [1.0] * n)
    assert not theirs(prompts, given, torch.ones(2 * n), True)[1][0] > 0
    _, std = hooks._exact_zero(theirs)(prompts, given, torch.ones(2 * n), True)
    assert (std[:n] > 0).all() and not std[n:].any()


@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_our_advantages_are_nemo_rls(leave_one_out, normalize):
    theirs = nemo_grpo.calculate_baseline_and_std_per_prompt
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        rewards = torch.randint(0, 4, (5, 8), generator=generator) / 2 + torch.rand(5, 8, generator=generator) * (
            seed % 2
        )
        prompts = torch.arange(5).repeat_interleave(8)[:, None]
        baseline, std = theirs(prompts, rewards.flatten(), torch.ones(40), leave_one_out)
        wanted = rewards.flatten() - baseline
        wanted = torch.where(std > 0, wanted / (std + 1e-6), wanted) if normalize else wanted
        valid = torch.ones(5, 8, dtype=torch.bool)
        found = algorithm.advantages(rewards, valid, leave_one_out=leave_one_out, normalize=normalize)
        assert torch.allclose(found.flatten(), wanted, atol=1e-4)


ESTIMATORS = {
    "grpo": {"use_leave_one_out_baseline": True},
    "rloo": {"adv_estimator": "rloo"},
    "gdpo": {"adv_estimator": "gdpo"},
    "reinforce++": {"adv_estimator": "reinforce_plus_plus"},
    "reinforce++, kl": {
        "adv_estimator": "reinforce_plus_plus",
        "use_kl_in_reward": True,
        "reference_policy_kl_penalty": 0.2,
    },
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_estimator_that_stands_in_for_nemo_rls_gives_its_numbers(tmp_path, name):
    compare_estimators(make_job(tmp_path, rewards={"accuracy": Reward(), "format": Reward()}, **ESTIMATORS[name]))


def test_gdpos_weights_are_nemo_rls_where_it_has_them(tmp_path):
    rewards = {"format": Reward(weight=0.3), "accuracy": Reward(weight=2.0)}
    job = make_job(tmp_path, rewards=rewards, adv_estimator="gdpo")
    if BY_NAME:
        run.values_for(job)
        compare_estimators(job)
    else:
        with pytest.raises(InputError, match="this NeMo-RL's GDPO cannot weigh rewards"):
            run.values_for(job)


def compare_estimators(job):
    """NeMo-RL's own estimator, made from our configuration, and ours in its place, on the same batch."""
    rewards = job.config.grpo.rewards
    weights = torch.tensor([reward.weight for reward in rewards.values()])
    theirs = nemo_grpo._create_advantage_estimator(master_config(job)[1])
    ours = hooks._Advantages(Recorder(StageRun("grpo", job.directory), job.config.grpo, 1))
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 12, generator=generator)
    mask = (torch.arange(9) >= 2)[None] & (torch.arange(9)[None] < torch.randint(4, 9, (12, 1), generator=generator))
    keys = [f"reward/{name}" for name in rewards] if BY_NAME else ["reward1", "reward2"]
    components = dict(zip(rewards, values.tolist(), strict=True))
    batch = {
        **dict(zip(keys, values, strict=True)),
        "rewarded": torch.ones(12, dtype=torch.bool),
        "judged": [
            {"number": row, "components": {name: each[row] for name, each in components.items()}} for row in range(12)
        ],
    }
    call = {
        "prompt_ids": torch.arange(3).repeat_interleave(4)[:, None],
        "rewards": weights @ values,
        "mask": mask.float(),
        "repeated_batch": batch,
        "logprobs_policy": torch.randn(12, 9, generator=generator),
        "logprobs_reference": torch.randn(12, 9, generator=generator),
    }
    wanted, found = (estimator.compute_advantage(**call) for estimator in (theirs, ours))
    assert torch.allclose(found[mask], wanted[mask], atol=1e-4)
    assert ours.recorder.learned[0]["advantage"] == pytest.approx(wanted[0, 2].item(), abs=1e-4)


CORRECTED = {"use_importance_sampling_correction": True}
BOUNDS = {"truncated_importance_sampling_ratio": 1.2, "truncated_importance_sampling_ratio_min": 0.8}
VARIANTS = {
    "defaults": {},
    "clip higher": {"ratio_clip_min": 0.1, "ratio_clip_max": 0.4},
    "dual clip": {"ratio_clip_c": 1.3},
    "per sequence": {"token_level_loss": False},
    "gspo": {"sequence_level_importance_ratios": True, "token_level_loss": False},
    "cispo": {"use_cispo": True},
    "reinforce": {"disable_ppo_ratio": True},
    "on policy": {"force_on_policy_ratio": True},
    "tis": {**CORRECTED, "truncated_importance_sampling_type": "tis", "truncated_importance_sampling_ratio": 1.3},
    "icepop": {**CORRECTED, **BOUNDS, "truncated_importance_sampling_type": "icepop"},
    "seq-mask-tis": {**CORRECTED, **BOUNDS, "truncated_importance_sampling_type": "seq-mask-tis"},
    "kl on policy": {"reference_policy_kl_penalty": 0.1, "use_on_policy_kl_approximation": True},
    "k1": {"reference_policy_kl_penalty": 0.1, "reference_policy_kl_type": "k1"},
    "k2": {"reference_policy_kl_penalty": 0.1, "reference_policy_kl_type": "k2"},
    "k3": {"reference_policy_kl_penalty": 0.1, "reference_policy_kl_type": "k3"},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_our_loss_is_nemo_rls(tmp_path, name):
    from nemo_rl.algorithms.loss import ClippedPGLossFn
    from nemo_rl.distributed.batched_data_dict import BatchedDataDict

    job = make_job(tmp_path, **VARIANTS[name])
    theirs = ClippedPGLossFn(master_config(job)[1].loss_fn)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        old, reference, current, sampled = (torch.randn(6, 9, generator=generator) * 0.4 - 2 for _ in range(4))
        mask = torch.rand(6, 9, generator=generator) < 0.8
        mask[:, 0] = True
        samples = torch.tensor([1.0, 1, 0, 1, 1, 1])
        advantage = torch.randn(6, generator=generator)
        valid = mask & samples.bool()[:, None]
        tokens, sequences = int(valid.sum()), int(samples.sum())
        pad = torch.nn.functional.pad
        batch = BatchedDataDict(
            input_ids=torch.zeros(6, 10, dtype=torch.long),
            advantages=advantage[:, None].expand(6, 10),
            prev_logprobs=pad(old, (1, 0)),
            generation_logprobs=pad(sampled, (1, 0)),
            reference_policy_logprobs=pad(reference, (1, 0)),
            token_mask=pad(mask.float(), (1, 0)),
            sample_mask=samples,
        )
        one, two = (current.clone().requires_grad_() for _ in range(2))
        wanted, _ = theirs(
            next_token_logprobs=one,
            data=batch,
            global_valid_seqs=torch.tensor(float(sequences)),
            global_valid_toks=torch.tensor(float(tokens)),
        )
        found = algorithm.policy_loss(
            two,
            old,
            advantage,
            valid,
            job.config.grpo,
            total_tokens=tokens,
            total_sequences=sequences,
            reference=reference,
            sampled=sampled,
        ).total
        wanted.backward()
        found.backward()
        assert found.item() == pytest.approx(wanted.item(), abs=1e-5)
        assert torch.allclose(two.grad, one.grad, atol=1e-5)
