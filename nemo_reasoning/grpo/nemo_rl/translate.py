# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Our configuration in NeMo-RL's terms: every key that is handed over is written here and in `policy`.

The result is a child of NeMo-RL's own `examples/configs/grpo_math_1B.yaml`, and is the same for
v0.7 and main. NeMo-RL keeps unknown keys in silence, so `schema.check` compares them first.
"""

from pathlib import Path
from typing import Any

from nemo_reasoning.config import GRPO, Config
from nemo_reasoning.config.nemo_rl import NemoRLStage
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.nemo_rl.job import Job
from nemo_reasoning.grpo.nemo_rl.policy import policy

BASE = "examples/configs/grpo_math_1B.yaml"
ENVIRONMENT = "nemo_reasoning"
VALIDATION = "nemo_reasoning_validation"
PROCESSOR = "nemo_reasoning"
LOSS = (
    "ratio_clip_min",
    "ratio_clip_max",
    "ratio_clip_c",
    "token_level_loss",
    "sequence_level_importance_ratios",
    "use_cispo",
    "disable_ppo_ratio",
    "force_on_policy_ratio",
    "use_importance_sampling_correction",
    "truncated_importance_sampling_type",
    "truncated_importance_sampling_ratio",
    "truncated_importance_sampling_ratio_min",
    "reference_policy_kl_penalty",
    "reference_policy_kl_type",
    "kl_input_clamp_value",
    "kl_output_clamp_value",
    "use_kl_in_reward",
    "use_on_policy_kl_approximation",
)
"""Settings of ours that are NeMo-RL's `loss_fn` by the same name."""


def translate(job: Job, must_save_by: str | None = None) -> dict[str, Any]:
    """The configuration to hand over, without the user's overrides.

    Args:
        job: The run of NeMo-RL.
        must_save_by: When to save and end, counted from its start, as NeMo-RL writes times.

    Raises:
        InputError: A setting has no equivalent in NeMo-RL, or two do not fit together.
    """
    check(job.config)
    nemo_rl = job.config.grpo.nemo_rl
    return {
        "defaults": str(Path(nemo_rl.repo) / BASE),
        "grpo": _grpo(job),
        "loss_fn": _loss(job.config),
        "policy": policy(job),
        "data": _data(job),
        "env": _environments(job),
        "checkpointing": {
            "enabled": True,
            "checkpoint_dir": str(job.checkpoints),
            "metric_name": None,  # keep the latest: it is what a stopped run resumes from
            "keep_top_k": 1,
            "save_period": job.config.grpo.checkpoint_interval,
            "checkpoint_must_save_by": must_save_by,
            # The format that the converter to Hugging Face reads.
            "model_save_format": "torch_save",
        },
        "logger": {"log_dir": str(job.directory / "logs"), "tensorboard_enabled": True},
        "cluster": {"num_nodes": nemo_rl.num_nodes, "gpus_per_node": nemo_rl.gpus_per_node},
    }


EMBEDDED_ONLY = (
    "keep_best",
    "max_logprob_mismatch",
    "stop_accuracy",
    "stop_on_collapse",
    "stop_val_accuracy",
    "val_patience",
)
"""Settings that NeMo-RL has not."""


def check(config: Config) -> None:
    """Refuse what NeMo-RL cannot do.

    Raises:
        InputError: The first such setting.
    """
    settings = config.grpo
    rollouts = settings.num_prompts_per_step * settings.num_generations_per_prompt
    for name in EMBEDDED_ONLY:
        if getattr(settings, name) != GRPO.model_fields[name].default:
            raise InputError(f"grpo.{name} is for the embedded engine only; leave it out.")
    if settings.adv_estimator == "dr_grpo":
        raise InputError(
            "grpo.adv_estimator=dr_grpo has no equivalent in NeMo-RL, whose loss knows no constant length; "
            "take rloo, or grpo with normalize_rewards=false."
        )
    if rollouts % settings.num_minibatches:
        raise InputError(
            f"NeMo-RL needs minibatches of one size: grpo.num_minibatches={settings.num_minibatches} "
            f"does not divide the {rollouts} rollouts of a step."
        )
    if settings.nemo_rl.backend == "dtensor" and settings.nemo_rl.pipeline_model_parallel_size > 1:
        raise InputError("grpo.nemo_rl.pipeline_model_parallel_size needs grpo.nemo_rl.backend=megatron.")
    if settings.use_kl_in_reward and settings.force_on_policy_ratio:
        raise InputError(
            "NeMo-RL has no log-probabilities for grpo.use_kl_in_reward with grpo.force_on_policy_ratio; "
            "switch one of them off."
        )
    if settings.init == config.model.path and config.model.revision is not None:
        raise InputError("NeMo-RL takes no hub revision; download the model and give its directory as model.path.")


def stages(config: Config) -> list[NemoRLStage]:
    """The runs in a row that `grpo.nemo_rl.stages` asks for, else the one that `grpo` describes."""
    settings = config.grpo
    length = settings.nemo_rl.max_prompt_tokens + settings.max_new_tokens
    return settings.nemo_rl.stages or [
        NemoRLStage(max_num_steps=settings.max_num_steps, max_total_sequence_length=length)
    ]


def _grpo(job: Job) -> dict[str, Any]:
    settings = job.config.grpo
    rloo = settings.adv_estimator == "rloo"
    validates, val_samples = settings.val_period > 0, settings.val_max_problems * settings.val_samples_per_problem
    return {
        "num_prompts_per_step": settings.num_prompts_per_step,
        "num_generations_per_prompt": settings.num_generations_per_prompt,
        "max_rollout_turns": 1,
        "max_num_steps": job.stage.max_num_steps,
        # An epoch has at least one step (`data.check_enough`), so the steps decide.
        "max_num_epochs": job.stage.max_num_steps,
        "normalize_rewards": settings.normalize_rewards and not rloo,
        "use_leave_one_out_baseline": settings.use_leave_one_out_baseline or rloo,
        "adv_estimator": {
            "name": "grpo" if rloo else settings.adv_estimator,
            "minus_baseline": settings.minus_baseline,
            **_reward_weights(settings),
        },
        "overlong_filtering": settings.overlong_filtering,
        "use_dynamic_sampling": settings.use_dynamic_sampling,
        "dynamic_sampling_max_gen_batches": settings.max_gen_batches("nemo_rl"),
        "val_period": settings.val_period,
        "val_at_start": validates,
        "val_at_end": validates,
        "max_val_samples": val_samples,
        "val_batch_size": val_samples,
        "seed": job.config.seed,
        "async_grpo": {"enabled": False},
    }


def _reward_weights(settings: GRPO) -> dict[str, list[float]]:
    """GDPO's weights, in the order of the rewards' names; left out where all are 1, as v0.7 knows none."""
    weights = [reward.weight for _, reward in sorted(settings.rewards.items()) if reward and reward.weight]
    weighted = settings.adv_estimator == "gdpo" and any(weight != 1 for weight in weights)
    return {"reward_weights": weights} if weighted else {}


def _loss(config: Config) -> dict[str, Any]:
    """Names and meanings are the same on both sides."""
    return {name: getattr(config.grpo, name) for name in LOSS}


def _data(job: Job) -> dict[str, Any]:
    """All of `data`: `_override_` acts at the top level only, and a merged train would be split for validation."""
    source = {"dataset_name": "ResponseDataset", "processor": PROCESSOR}
    validation = {**source, "data_path": str(job.validation), "env_name": VALIDATION}
    return {
        "_override_": True,
        "max_input_seq_length": job.stage.max_total_sequence_length,
        "shuffle": True,
        "num_workers": 1,
        "use_multiple_dataloader": False,
        "train": {**source, "data_path": str(job.problems), "env_name": ENVIRONMENT},
        "validation": validation if job.config.grpo.val_period else None,
        "default": None,
    }


def _environments(job: Job) -> dict[str, Any]:
    """The same environment twice: with the configured rewards, and for validation with accuracy alone."""
    config = job.config
    common = {
        "tokenizer": job.model,
        "trust_remote_code": config.model.trust_remote_code,
        "format": config.format.model_dump(mode="json"),
        "verify": config.verify.model_dump(mode="json"),
    }
    rewards = {name: reward.model_dump(mode="json") for name, reward in config.grpo.rewards.items() if reward}
    return {
        "_override_": True,
        # GDPO normalises each reward before it weighs it, so it must see them as they are.
        ENVIRONMENT: {
            **common,
            "rewards": rewards,
            "weighted": config.grpo.adv_estimator != "gdpo",
            "held_out": False,
        },
        VALIDATION: {**common, "rewards": {"accuracy": {}}, "weighted": True, "held_out": True},
    }
