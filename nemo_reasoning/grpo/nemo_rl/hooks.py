# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Where NeMo-RL's training loop has no opening for us, in one place.

- The environment gets token ids: the text that NeMo-RL decodes lacks tags that are special tokens.
- A sample whose reward is NaN has none: it is out of the baseline and the loss, and counted.
- Advantages are those of the embedded engine; a group of equal rewards has a deviation of exactly 0.
- Metrics and rollouts of each step go to the stage's own logs, which the report reads.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.nemo_rl.judge import Judged
from nemo_reasoning.grpo.nemo_rl.records import Recorder, metrics


def install(recorder: Recorder, start: float) -> None:
    """Put the hooks into NeMo-RL; once per process, before its training starts.

    Args:
        recorder: Writes the stage's logs.
        start: When the process began, in seconds since the epoch: what its time limit counts from.

    Raises:
        InputError: This version of NeMo-RL has not what they hook into.
    """
    from nemo_rl.algorithms import grpo
    from nemo_rl.experience import rollouts
    from nemo_rl.utils.logger import Logger

    def replace(place: Any, name: str, make: Callable[[Any], Any]) -> None:
        if not hasattr(place, name):
            raise InputError(f"this NeMo-RL has no {name} in {place.__name__}; use its container v0.7.")
        setattr(place, name, make(getattr(place, name)))

    replace(rollouts, "get_keys_from_message_log", _with_token_ids)
    replace(grpo, "run_multi_turn_rollout", lambda original: _settled(original, recorder))
    replace(grpo, "run_async_multi_turn_rollout", lambda original: _settled(original, recorder))
    replace(grpo, "calculate_baseline_and_std_per_prompt", _exact_zero)
    replace(grpo, "_create_advantage_estimator", lambda original: _ours(original, recorder))
    replace(grpo, "TimeoutChecker", lambda original: _counting_from(original, start))
    replace(Logger, "log_metrics", lambda original: _recorded(original, recorder))


def _with_token_ids(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda log, keys: original(log, [*keys, "token_ids"])


def _counting_from(original: Callable[..., Any], start: float) -> Callable[..., Any]:
    """NeMo-RL's clock, which would start when Ray, the model and vLLM are already there."""

    def checker(*given: Any, **named: Any) -> Any:
        made = original(*given, **named)
        made.start_time = start
        return made

    return checker


def _recorded(original: Callable[..., None], recorder: Recorder) -> Callable[..., None]:
    def log_metrics(self: Any, metrics: dict[str, Any], step: int, prefix: str = "", *more: Any, **named: Any) -> None:
        original(self, metrics, step, prefix, *more, **named)
        recorder.saw_metrics(metrics, step, prefix)

    return log_metrics


def _settled(original: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    """A rollout function after which missing rewards are masked and the judged rows are part of the batch."""
    signature = inspect.signature(original)

    def rollout(*given: Any, **named: Any) -> tuple[Any, dict[str, Any]]:
        call = signature.bind(*given, **named).arguments
        batch = call["input_batch"]
        batch["extra_env_info"] = [{**info, "place": place} for place, info in enumerate(batch["extra_env_info"])]
        result, measured = original(*given, **named)
        judged = _take(set(call["task_to_env"].values()))
        result["judged"] = sorted(judged.rows, key=lambda row: row["place"])
        for number, row in enumerate(result["judged"], len(recorder.judged.rows)):
            row["number"] = number
        result["total_reward"] = _totals(result["judged"]).to(result["total_reward"].dtype)
        mask_missing(result)
        if not judged.held_out:
            recorder.judged.rows += result["judged"]
            recorder.judged.missing += judged.missing
        return result, {**measured, **{k: v for k, v in metrics(judged).items() if v is not None}}

    return rollout


def _totals(rows: Sequence[dict[str, Any]]) -> Any:
    """The weighted sums, NaN where there is none, to the last digit those of the embedded engine.

    NeMo-RL's own are summed in fp32, or under GDPO without weights; a group's spread hangs on them.
    """
    import torch

    return torch.tensor([math.nan if row["reward"] is None else row["reward"] for row in rows])


def _take(environments: set[Any]) -> Judged:
    import ray

    judged = Judged()
    for taken in ray.get([environment.take.remote() for environment in environments]):
        judged.rows += taken.rows
        judged.missing += taken.missing
        judged.held_out = taken.held_out
    return judged


def mask_missing(batch: Any) -> None:
    """Take samples without a reward (NaN) out of the loss.

    In their place stands the mean of their group, which is no advantage either way to whatever
    in NeMo-RL reads rewards without the mask; 0 where the group has no reward at all.
    """
    import torch

    groups = torch.tensor([info["group"] for info in batch["extra_env_info"]])
    rewarded = ~batch["total_reward"].isnan()
    for key in [key for key in batch if key.startswith(("total_reward", "reward"))]:
        batch[key] = _filled(batch[key], groups)
    batch["rewarded"] = rewarded
    batch["loss_multiplier"] = torch.where(rewarded, batch["loss_multiplier"], 0.0)


def _filled(values: Any, groups: Any) -> Any:
    import torch

    filled = values.clone()
    for group in groups[values.isnan()].unique():
        inside = groups == group
        present = values[inside & ~values.isnan()].double()
        filled[inside & values.isnan()] = (present.mean() if len(present) else torch.zeros(())).to(values.dtype)
    return filled


def _exact_zero(original: Callable[..., Any]) -> Callable[..., Any]:
    """Standard deviations that are 0 in groups whose rewards are all equal, and nowhere else.

    Dynamic sampling drops samples by it. Left to itself, rounding keeps groups without spread, and with a
    leave-one-out baseline it is 0 for a sample whose others are equal, so that groups would be torn apart.
    """

    import torch

    def statistics(prompts: Any, rewards: Any, *given: Any, std_rewards: Any = None, **named: Any) -> tuple[Any, Any]:
        baseline, std = original(prompts, rewards, *given, std_rewards=std_rewards, **named)
        compared = rewards if std_rewards is None else std_rewards
        _, groups = prompts.unique(dim=0, return_inverse=True)
        for group in groups.unique():
            inside = groups == group
            spread = (compared[inside] != compared[inside][0]).any()
            std[inside] = torch.where(std[inside] > 0, std[inside], 1.0) if spread else 0.0
        return baseline, std

    return statistics


def _ours(_: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    return lambda config: _Advantages(recorder)


class _Advantages:
    """Stands where NeMo-RL's advantage estimator is asked."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.settings = recorder, recorder.settings

    def compute_advantage(self, *, rewards: Any, mask: Any, repeated_batch: Any, **named: Any) -> Any:
        """Advantages `[B, S]` of all tokens; 0 where there is no reward."""
        from nemo_reasoning.grpo import algorithm

        rows = repeated_batch["judged"]
        result = self._estimate(rewards, repeated_batch["rewarded"], mask, rows)[:, None].expand(mask.shape)
        if self.settings.use_kl_in_reward:
            kl = algorithm.kl_in_reward(named["logprobs_policy"], named["logprobs_reference"], self.settings)
            result = algorithm.whiten(result - kl, mask)
        advantages, masked = result[range(len(rows)), mask.argmax(1)].tolist(), (mask.sum(1) == 0).tolist()
        self.recorder.learned = {
            row["number"]: {"advantage": advantage, "masked": out}
            for row, advantage, out in zip(rows, advantages, masked, strict=True)
        }
        return result

    def _estimate(self, rewards: Any, rewarded: Any, mask: Any, rows: Sequence[dict[str, Any]]) -> Any:
        import torch

        from nemo_reasoning.grpo import algorithm

        settings = self.settings
        shape = (-1, settings.num_generations_per_prompt)
        weights = {name: reward.weight for name, reward in settings.rewards.items() if reward and reward.weight}
        values = [[row["components"][name] for row in rows] for name in weights]
        components = torch.tensor([[math.nan if v is None else v for v in each] for each in values])
        tokens = mask.sum(1) * rewarded
        return algorithm.estimate(
            settings,
            rewards.view(shape),
            components.view(len(weights), *rewards.view(shape).shape),
            torch.tensor(list(weights.values())),
            rewarded.view(shape),
            tokens.view(shape),
        ).flatten()
