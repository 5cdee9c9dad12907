# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_module

from nemo_reasoning import compose
from nemo_reasoning.config import GRPO, Config, Model
from nemo_reasoning.config.nemo_rl import NemoRL
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.engine import learning_rate
from nemo_reasoning.grpo.nemo_rl import translate
from nemo_reasoning.grpo.nemo_rl.job import Job

CONF = Path(__file__).parents[4] / "conf"
RECIPES = sorted(path.stem for path in CONF.glob("experiment/*.yaml") if "engine: nemo_rl" in path.read_text())


def make_job(directory=Path("/nowhere"), index=0, **settings):
    config = Config(name="test", grpo=GRPO(**settings))
    return Job(config, translate.stages(config)[index], "model", directory, 7)


def test_algorithm_settings_are_carried_over():
    job = make_job(
        num_prompts_per_step=8,
        num_generations_per_prompt=4,
        num_minibatches=2,
        ratio_clip_min=0.1,
        ratio_clip_max=0.3,
        ratio_clip_c=3.0,
        sequence_level_importance_ratios=True,
        token_level_loss=False,
        reference_policy_kl_penalty=0.01,
        reference_policy_kl_type="k2",
        use_leave_one_out_baseline=True,
        normalize_rewards=False,
        temperature=0.7,
        max_new_tokens=100,
        nemo_rl=NemoRL(max_prompt_tokens=28),
    )
    values = translate.translate(job, "00:01:00:00")
    assert {name: getattr(job.config.grpo, name) for name in values["loss_fn"]} == values["loss_fn"]
    assert values["loss_fn"]["ratio_clip_c"] == 3.0 and values["loss_fn"]["reference_policy_kl_type"] == "k2"
    assert values["grpo"]["use_leave_one_out_baseline"] and not values["grpo"]["normalize_rewards"]
    policy = values["policy"]
    assert policy["train_global_batch_size"] == 16
    assert policy["max_total_sequence_length"] == 128 and policy["generation"]["max_new_tokens"] == 100
    assert policy["generation"]["temperature"] == 0.7 and policy["generation"]["stop_token_ids"] == [7]
    assert values["checkpointing"]["checkpoint_must_save_by"] == "00:01:00:00"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"stop_accuracy": 0.9}, "grpo.stop_accuracy is for the embedded engine only"),
        ({"val_period": 5, "keep_best": True}, "grpo.keep_best is for the embedded engine only"),
        ({"adv_estimator": "dr_grpo"}, "dr_grpo has no equivalent in NeMo-RL"),
        ({"max_logprob_mismatch": None}, "grpo.max_logprob_mismatch is for the embedded engine only"),
        (
            {
                "adv_estimator": "reinforce_plus_plus",
                "use_kl_in_reward": True,
                "reference_policy_kl_penalty": 0.1,
                "force_on_policy_ratio": True,
            },
            "no log-probabilities for grpo.use_kl_in_reward with grpo.force_on_policy_ratio",
        ),
        ({"num_minibatches": 7}, "grpo.num_minibatches=7 does not divide the 512 rollouts"),
        ({"nemo_rl": NemoRL(pipeline_model_parallel_size=2)}, "needs grpo.nemo_rl.backend=megatron"),
    ],
)
def test_what_nemo_rl_cannot_do_is_one_sentence(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        translate.translate(make_job(**settings))


@pytest.mark.parametrize(
    ("ours", "theirs"), [("grpo", "grpo"), ("rloo", "grpo"), ("gdpo", "gdpo"), ("reinforce_plus_plus",) * 2]
)
def test_estimators_have_nemo_rls_names(ours, theirs):
    values = translate.translate(make_job(adv_estimator=ours))["grpo"]
    assert values["adv_estimator"]["name"] == theirs
    assert values["use_leave_one_out_baseline"] == (ours == "rloo") != values["normalize_rewards"]


def test_gdpo_gets_rewards_as_they_are_and_their_weights_by_name():
    rewards = {"format": {"weight": 0.1}, "accuracy": {"weight": 2.0}, "length": {"weight": 0.0}, "random": None}
    values = translate.translate(make_job(adv_estimator="gdpo", rewards=rewards))
    assert values["grpo"]["adv_estimator"]["reward_weights"] == [2.0, 0.1]  # accuracy, format
    assert not values["env"]["nemo_reasoning"]["weighted"]
    for settings in ({"rewards": rewards}, {"adv_estimator": "gdpo", "rewards": {"accuracy": {}, "format": {}}}):
        assert "reward_weights" not in translate.translate(make_job(**settings))["grpo"]["adv_estimator"]
    assert translate.translate(make_job(rewards=rewards))["env"]["nemo_reasoning"]["weighted"]


def test_settings_of_both_engines_mean_the_same():
    shared = {"val_period": 5, "val_max_problems": 30, "val_samples_per_problem": 16}
    job = make_job(**shared, dynamic_sampling_max_gen_batches=4)
    values = translate.translate(job)
    assert values["grpo"]["val_period"] == 5 and values["grpo"]["val_at_end"]
    assert values["grpo"]["max_val_samples"] == 480 == values["grpo"]["val_batch_size"]
    assert values["data"]["validation"]["data_path"] == str(job.validation)
    assert values["grpo"]["dynamic_sampling_max_gen_batches"] == 4
    values = translate.translate(make_job())
    assert values["grpo"]["val_period"] == 0 and not values["grpo"]["val_at_start"]
    assert values["data"]["validation"] is None
    assert values["grpo"]["dynamic_sampling_max_gen_batches"] == 10
    assert GRPO().max_gen_batches("embedded") == 1


@pytest.mark.parametrize("trusted", [False, True])
def test_a_hub_revision_is_refused_where_it_would_be_lost(trusted):
    model = Model(path="a/b", revision="main", trust_remote_code=trusted)
    with pytest.raises(InputError, match="no hub revision"):
        translate.check(Config(name="test", model=model, grpo=GRPO(init="a/b")))
    translate.check(Config(name="test", model=model, grpo=GRPO(init="runs/test/distill/hf")))


@pytest.mark.parametrize(
    ("settings", "packs"),
    [
        ({}, True),
        ({"precision": "fp32"}, False),
        ({"nemo_rl": NemoRL(context_parallel_size=2)}, False),
        ({"nemo_rl": NemoRL(context_parallel_size=2, backend="megatron"), "precision": "fp32"}, True),
    ],
)
def test_sequences_are_packed_where_the_backend_can(settings, packs):
    assert translate.translate(make_job(**settings))["policy"]["sequence_packing"]["enabled"] == packs


def test_rewards_that_are_off_are_left_out():
    values = translate.translate(make_job(rewards={"accuracy": {"weight": 2.0}, "format": None}))
    assert list(values["env"]["nemo_reasoning"]["rewards"]) == ["accuracy"]
    assert values["env"]["nemo_reasoning"]["rewards"]["accuracy"]["weight"] == 2.0
    assert values["env"]["nemo_reasoning_validation"]["rewards"] == {"accuracy": {}}


@pytest.mark.parametrize(("warmup", "ratio"), [(0, 1.0), (0, 0.1), (5, 1.0), (1, 1.0), (40, 1.0)])
def test_the_learning_rate_is_the_embedded_engines(warmup, ratio):
    settings = {"lr": 1e-3, "warmup_steps": warmup, "min_lr_ratio": ratio, "max_num_steps": 20}
    job = make_job(**settings)
    assert scheduled(translate.translate(job)["policy"], 20) == pytest.approx(
        [learning_rate(step, job.config.grpo) for step in range(1, 21)]
    )


def test_warm_up_then_decay_reaches_both_ends():
    settings = {"lr": 1e-3, "warmup_steps": 5, "min_lr_ratio": 0.1, "max_num_steps": 20}
    rates = scheduled(translate.translate(make_job(**settings))["policy"], 20)
    assert rates[0] == pytest.approx(2e-4) and max(rates) == pytest.approx(1e-3) and rates[-1] == pytest.approx(1e-4)


def scheduled(policy, steps):
    """What PyTorch makes of the translated schedule."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], **policy["optimizer"]["kwargs"])
    *parts, last = policy["scheduler"]
    made = [torch.optim.lr_scheduler.LinearLR(optimizer, **part["kwargs"]) for part in parts]
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, made, last["milestones"])
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def test_recipes_are_there():
    assert {"deepscaler_1_5b", "grpo_qwen2_5_7b", "grpo_llama3_1_8b", "grpo_qwen2_5_32b"} <= set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_can_be_handed_over(recipe, tmp_path):
    compose.register_defaults()
    with initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        config = compose.load(hydra_compose("config", overrides=[f"experiment={recipe}"]))
    for stage in translate.stages(config):
        values = translate.translate(Job(config, stage, config.grpo.init, tmp_path, 0))
        policy, gpus = values["policy"], values["cluster"]["num_nodes"] * values["cluster"]["gpus_per_node"]
        shape = config.grpo.nemo_rl
        model_parallel = (
            shape.tensor_model_parallel_size * shape.pipeline_model_parallel_size * shape.context_parallel_size
        )
        assert policy["train_global_batch_size"] % (gpus // model_parallel) == 0
        assert policy["sequence_packing"]["train_mb_tokens"] >= policy["max_total_sequence_length"]


def test_deepscaler_grows_its_context():
    compose.register_defaults()
    with initialize_config_module("nemo_reasoning.conf", version_base="1.3"):
        config = compose.load(hydra_compose("config", overrides=["experiment=deepscaler_1_5b"]))
    lengths = [stage.max_total_sequence_length for stage in translate.stages(config)]
    assert lengths == [8192, 16384, 24576]
