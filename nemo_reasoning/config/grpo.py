# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Stage three, and its rewards."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nemo_reasoning.config.base import NonNegative, NonNegativeFloat, Positive, PositiveFloat, Section, Share
from nemo_reasoning.config.nemo_rl import NemoRL

Engine = Literal["embedded", "nemo_rl"]


class Reward(Section):
    """One reward function of the sum."""

    weight: float = 1.0
    params: dict[str, float | int | str | bool | None] = {}
    """Arguments of the function, by its own names."""
    clip: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """Lowest and highest value of the reward before it is weighed; None does not clip."""

    @model_validator(mode="after")
    def _clip_in_order(self) -> "Reward":
        if self.clip and self.clip[0] > self.clip[1]:
            raise ValueError(f"clip is [lowest, highest], not {self.clip}")
        return self


class GRPO(Section):
    """Stage three: GRPO with verifiable rewards (defaults: NeMo-RL's, with DAPO's upper clip)."""

    engine: Engine = "embedded"
    """`embedded` runs in process, on a CPU or one GPU; `nemo_rl` on a cluster, inside NeMo-RL's container."""
    nemo_rl: NemoRL = NemoRL()
    init: str = "${paths.run}/distill/hf"
    """Model to start from."""
    max_num_steps: Positive = 1000
    num_prompts_per_step: Positive = 32
    num_generations_per_prompt: Annotated[int, Field(ge=2)] = 16
    num_minibatches: Positive = 1
    """Optimizer steps per rollout batch."""
    max_new_tokens: Positive = 8192
    temperature: PositiveFloat = 1.0
    lr: PositiveFloat = 1e-6
    min_lr_ratio: Share = 1.0
    """The learning rate falls linearly to this share of `lr`."""
    warmup_steps: NonNegative = 0
    weight_decay: NonNegativeFloat = 0.01
    adam_beta1: Share = 0.9
    adam_beta2: Share = 0.999
    clip_grad: PositiveFloat = 1.0
    adv_estimator: Literal["grpo", "dr_grpo", "rloo", "reinforce_plus_plus", "gdpo"] = "grpo"
    """From rewards to advantages. `grpo`: rewards less the group's mean, over its deviation; `rloo`: less
    the mean of the others; `dr_grpo`: less the mean, and every completion's loss over `max_new_tokens`;
    `reinforce_plus_plus`: normalised over all tokens of the batch; `gdpo`: each reward on its own, then over the
    batch."""
    normalize_rewards: bool = True
    """Divide by the group's standard deviation (grpo, gdpo)."""
    use_leave_one_out_baseline: bool = False
    """A completion is compared with the others of its group alone (grpo, gdpo)."""
    minus_baseline: bool = True
    """Subtract the group's mean before the batch is normalised (reinforce_plus_plus)."""
    use_dynamic_sampling: bool = True
    """Drop groups whose rewards are all equal."""
    dynamic_sampling_max_gen_batches: Positive | None = None
    """Batches that a step samples at most until `num_prompts_per_step` groups are left. When they are used up,
    the embedded engine learns from what there is, and NeMo-RL ends the run. None is 1 for the former, where more cost
    more than all the rest, and 10 for the latter."""
    overlong_filtering: bool = False
    """Learn nothing from completions that were cut off; their rewards still count in the baseline."""
    ratio_clip_min: Share = 0.2
    ratio_clip_max: PositiveFloat = 0.28
    ratio_clip_c: Annotated[float, Field(gt=1)] | None = None
    """Dual clip; None is off."""
    sequence_level_importance_ratios: bool = False
    """One ratio per completion, the geometric mean of its tokens' (GSPO)."""
    use_cispo: bool = False
    """The clipped ratio is a weight of the log-probability, so that no token loses its gradient (CISPO)."""
    disable_ppo_ratio: bool = False
    """No ratio and no clipping: plain REINFORCE."""
    force_on_policy_ratio: bool = False
    """Take the ratio for 1, which it is with one minibatch and a sampler without error."""
    token_level_loss: bool = True
    """Every token counts alike; else every completion does, by the mean of its tokens."""
    use_importance_sampling_correction: bool = False
    """Weigh the loss by what the trainer's probabilities are to the sampler's. Costs a forward pass, or with
    `force_on_policy_ratio` nothing."""
    truncated_importance_sampling_type: Literal["tis", "icepop", "seq-mask-tis"] | None = None
    """What becomes of weights out of bounds: clamped, 0, or 0 for completions whose mean weight is."""
    truncated_importance_sampling_ratio: PositiveFloat | None = None
    """Upper bound (published: tis 2, icepop 5, seq-mask-tis 1.002)."""
    truncated_importance_sampling_ratio_min: NonNegativeFloat | None = None
    """Lower bound (published: icepop 0.5, seq-mask-tis 0.999); None is 0."""
    reference_policy_kl_penalty: NonNegativeFloat = 0.0
    """Weight of the KL divergence from the initial model; 0 saves that model's forward pass."""
    reference_policy_kl_type: Literal["k1", "k2", "k3"] = "k3"
    kl_input_clamp_value: PositiveFloat | None = 20.0
    """Greatest difference of log-probabilities in it; None does not clamp."""
    kl_output_clamp_value: PositiveFloat | None = 10.0
    """Greatest size of its estimate for a token; None does not clamp."""
    use_kl_in_reward: bool = False
    """Take it off the tokens' rewards instead of adding it to the loss (reinforce_plus_plus)."""
    use_on_policy_kl_approximation: bool = False
    """Weigh it by the ratio to the sampler."""
    precision: Literal["bf16", "fp32"] = "bf16"
    max_tokens_per_microbatch: Positive = 16384
    stop_accuracy: Share | None = None
    """Stop when the mean training accuracy over the last ten steps reaches this; None never does (embedded engine)."""
    max_logprob_mismatch: PositiveFloat | None = 0.05
    """Greatest mean difference of the trainer's log-probabilities from the sampler's (embedded engine; nats a token);
    None allows any. NeMo-RL takes a factor of 1.05 between the probabilities for too much; 0.05 is its logarithm."""
    stop_on_collapse: bool = False
    """End with an error on a sign of collapse instead of only saying so (embedded engine)."""
    val_period: NonNegative = 0
    """Accuracy is measured every so many steps, and after the last, on problems that are held out of training for it;
    0 never does, and holds none out."""
    val_max_problems: Positive = 256
    """So many problems are held out, but no more than a tenth; by their ids alone. They are none of those of the
    evaluation."""
    val_samples_per_problem: Positive = 1
    """Completions of each that are sampled to measure it, at `temperature`."""
    stop_val_accuracy: Share | None = None
    """Stop when that accuracy reaches this; None never does (embedded engine)."""
    val_patience: Positive | None = None
    """Stop after so many measurements in a row without a new best; None never does (embedded engine)."""
    keep_best: bool = False
    """Write out the model with the best accuracy on them, not the last (embedded engine)."""
    checkpoint_interval: Positive = 50
    """Steps from one checkpoint to the next; the latest is kept."""
    exit_duration_in_mins: PositiveFloat | None = None
    """Save and leave when a step ends so long after the stage's start (minutes); the same command then continues.
    None never does, but NeMo-RL in a Slurm job 15 minutes before the job's end."""
    log_rollouts_interval: Positive = 10
    """Rollouts of every so many steps are written out."""
    rewards: dict[str, Reward | None] = {"accuracy": Reward(), "format": Reward(weight=0.1)}
    """Summed with their weights; a reward set to null is off."""

    def max_gen_batches(self, engine: Engine) -> int:
        """`dynamic_sampling_max_gen_batches`, or what None means to an engine."""
        return self.dynamic_sampling_max_gen_batches or {"embedded": 1, "nemo_rl": 10}[engine]

    @model_validator(mode="after")
    def _settings_agree(self) -> "GRPO":
        conflicts = (
            *self._estimator_conflicts(),
            *self._loss_conflicts(),
            *self._correction_conflicts(),
            *self._step_conflicts(),
        )
        for wrong, sentence in conflicts:
            if wrong:
                raise ValueError(sentence)
        return self

    def _estimator_conflicts(self) -> list[tuple[bool, str]]:
        name = self.adv_estimator
        return [
            (
                self.use_leave_one_out_baseline and name in ("dr_grpo", "reinforce_plus_plus"),
                f"use_leave_one_out_baseline does nothing with adv_estimator={name}; take rloo or grpo",
            ),
            (
                not self.normalize_rewards and name == "reinforce_plus_plus",
                "reinforce_plus_plus always normalises over the batch; leave normalize_rewards true",
            ),
            (
                not self.minus_baseline and name != "reinforce_plus_plus",
                "minus_baseline=false is for adv_estimator=reinforce_plus_plus",
            ),
            (
                not self.token_level_loss and name == "dr_grpo",
                "dr_grpo has a reduction of its own, in which tokens count alike; leave token_level_loss true",
            ),
            (
                self.use_kl_in_reward and (name != "reinforce_plus_plus" or not self.reference_policy_kl_penalty),
                "use_kl_in_reward needs adv_estimator=reinforce_plus_plus and a reference_policy_kl_penalty",
            ),
        ]

    def _loss_conflicts(self) -> list[tuple[bool, str]]:
        own_ratio = self.sequence_level_importance_ratios or self.disable_ppo_ratio or self.force_on_policy_ratio
        return [
            (
                self.sequence_level_importance_ratios and self.token_level_loss,
                "sequence_level_importance_ratios (GSPO) needs token_level_loss=false",
            ),
            (
                self.use_cispo and (own_ratio or self.ratio_clip_c is not None or not self.token_level_loss),
                "use_cispo goes with token-level loss and ratios alone: without sequence_level_importance_ratios, "
                "disable_ppo_ratio, force_on_policy_ratio and ratio_clip_c",
            ),
            (
                self.disable_ppo_ratio and self.force_on_policy_ratio,
                "disable_ppo_ratio and force_on_policy_ratio both take the ratio away; set one",
            ),
            (
                self.force_on_policy_ratio and self.num_minibatches > 1,
                f"force_on_policy_ratio needs num_minibatches=1: after the first of {self.num_minibatches} steps "
                "the ratio is no longer 1",
            ),
        ]

    def _correction_conflicts(self) -> list[tuple[bool, str]]:
        kind = self.truncated_importance_sampling_type
        low, high = self.truncated_importance_sampling_ratio_min, self.truncated_importance_sampling_ratio
        return [
            (
                kind is None and (low is not None or high is not None),
                "truncated_importance_sampling_ratio needs truncated_importance_sampling_type (tis, icepop, "
                "seq-mask-tis)",
            ),
            (
                kind is not None and not self.use_importance_sampling_correction,
                "truncated_importance_sampling_type needs use_importance_sampling_correction=true",
            ),
            (
                kind is not None and high is None,
                f"{kind} needs its upper bound, truncated_importance_sampling_ratio",
            ),
            (
                kind in ("icepop", "seq-mask-tis") and low is None,
                f"{kind} needs its lower bound, truncated_importance_sampling_ratio_min",
            ),
            (
                low is not None and high is not None and low > high,
                "truncated_importance_sampling_ratio_min is above truncated_importance_sampling_ratio",
            ),
            (
                kind == "seq-mask-tis" and self.sequence_level_importance_ratios,
                "seq-mask-tis weighs tokens, sequence_level_importance_ratios sequences; take tis or icepop",
            ),
        ]

    def _step_conflicts(self) -> list[tuple[bool, str]]:
        validated = self.keep_best or self.stop_val_accuracy is not None or self.val_patience is not None
        return [
            (
                validated and not self.val_period,
                "keep_best, stop_val_accuracy and val_patience need a val_period",
            ),
            (
                self.dynamic_sampling_max_gen_batches is not None and not self.use_dynamic_sampling,
                "dynamic_sampling_max_gen_batches needs use_dynamic_sampling=true",
            ),
        ]
