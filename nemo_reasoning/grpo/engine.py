# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The embedded engine's optimizer steps on one batch of rollouts.

The policy is an in-process transformers model. Old log-probabilities are the sampler's, or,
where importance is corrected for, the trainer's own; only completion tokens go through the
vocabulary projection; gradients are accumulated over micro-batches whose losses are normalised
by the whole minibatch.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nemo_reasoning.config import GRPO
from nemo_reasoning.errors import InputError
from nemo_reasoning.grpo.algorithm import kl_in_reward, policy_loss, whiten
from nemo_reasoning.grpo.forward import logprobs
from nemo_reasoning.grpo.packing import Packed, Sample, micro_batches
from nemo_reasoning.grpo.rollouts import Rollouts
from nemo_reasoning.transformer import Transformer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CPU_MICROBATCH = 4096
"""Tokens of a micro-batch on a CPU at most: activations that stay in its caches (as measured)."""


@dataclass(frozen=True)
class Minibatch:
    """What one optimizer step learns from: B samples of at most T completion tokens.

    Attributes:
        samples: `[B]`.
        sampled: `[B, T]` log-probabilities from the sampler.
        old: `[B, T]` log-probabilities before the first step.
        advantage: `[B]`, or `[B, T]` where tokens have their own.
        mask: `[B, T]`.
    """

    samples: list[Sample]
    sampled: Tensor
    old: Tensor
    advantage: Tensor
    mask: Tensor

    @property
    def tokens(self) -> int:
        """Completion tokens in it."""
        return int(self.mask.sum())


class Policy:
    """The model that is trained, its optimizer and, for a KL penalty, the reference.

    Args:
        model: Trained in place; its weights must be fp32.
        settings: Of the stage.
        reference: Frozen copy of the initial model; needed for a KL penalty.
    """

    def __init__(self, model: "PreTrainedModel", settings: GRPO, reference: "PreTrainedModel | None" = None) -> None:
        self.model = model
        with torch.no_grad():  # what is trained is read again for each micro-batch
            self.network = Transformer(model)
            self.reference = Transformer(reference) if reference is not None else None
        self.settings = settings
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=settings.lr,
            betas=(settings.adam_beta1, settings.adam_beta2),
            weight_decay=settings.weight_decay,
            fused=True,
        )

    @property
    def _max_tokens(self) -> int:
        limit = self.settings.max_tokens_per_microbatch
        return limit if self.model.device.type == "cuda" else min(limit, CPU_MICROBATCH)

    def update(self, batch: Rollouts, lr: float, generator: torch.Generator) -> dict[str, float | int | None]:
        """Take `num_minibatches` optimizer steps; none where no group teaches anything.

        Args:
            batch: The rollouts.
            lr: Learning rate of these steps.
            generator: Orders the groups.

        Returns:
            Metrics; means over the steps, `logprob_mismatch` from the first, whose weights
            are still those that sampled.

        Raises:
            InputError: A gradient is not finite, or the log-probabilities are not the sampler's.
        """
        groups = batch.useful_groups()
        order = groups[torch.randperm(len(groups), generator=generator)]
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = lr
        parts = order.tensor_split(min(self.settings.num_minibatches, max(len(order), 1)))
        device = self.model.device
        minibatches = [minibatch(batch, part.tolist(), device) for part in parts if len(part)]
        steps = [self._step(part) for part in self._prepared(minibatches)]
        if steps and not self.settings.use_importance_sampling_correction:
            check_mismatch(steps[0]["logprob_mismatch"], self.settings.max_logprob_mismatch)
        names = ("loss", "grad_norm", "clip_share", "approx_kl", "is_oob_share")
        means = {name: sum(step[name] for step in steps) / len(steps) if steps else None for name in names}
        return {
            "groups_used": len(groups),
            **means,
            "logprob_mismatch": steps[0]["logprob_mismatch"] if steps else None,
            "lr": lr,
        }

    def _prepared(self, parts: list[Minibatch]) -> list[Minibatch]:
        """What has to be computed with the weights from before the first step."""
        settings = self.settings
        if settings.use_importance_sampling_correction and not settings.force_on_policy_ratio:
            parts = [replace(part, old=self._completion_logprobs(self.network, part)) for part in parts]
        if settings.use_kl_in_reward and parts:
            parts = self._with_kl_in_reward(parts)
        return parts

    def _with_kl_in_reward(self, parts: list[Minibatch]) -> list[Minibatch]:
        """Advantages of each token, whitened over all that is learned from (REINFORCE++)."""
        penalized = [
            part.advantage[:, None]
            - kl_in_reward(part.old, self._completion_logprobs(self.reference, part), self.settings)
            for part in parts
        ]
        flat = torch.cat([values[part.mask] for values, part in zip(penalized, parts, strict=True)])
        white = whiten(flat, torch.ones_like(flat)).split([part.tokens for part in parts])
        return [
            replace(part, advantage=torch.zeros_like(part.old).masked_scatter(part.mask, values))
            for part, values in zip(parts, white, strict=True)
        ]

    def _completion_logprobs(self, network: Transformer, batch: Minibatch) -> Tensor:
        """Log-probabilities of a whole minibatch, `[B, T]`, without gradient."""
        result = torch.zeros_like(batch.sampled)
        with torch.no_grad():
            for packed in micro_batches(batch.samples, self._max_tokens):
                shape = torch.Size((len(packed.members), result.shape[1]))
                result[packed.members] = self._logprobs(network, packed.to(self.model.device), shape)
        return result

    def _step(self, batch: Minibatch) -> dict[str, float]:
        sums = {"loss": 0.0, "clip_share": 0.0, "approx_kl": 0.0, "is_oob_share": 0.0, "logprob_mismatch": 0.0}
        for packed in micro_batches(batch.samples, self._max_tokens):
            for name, value in self._accumulate(batch, packed.to(self.model.device)).items():
                sums[name] += value
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_grad).item()
        if not math.isfinite(norm):
            raise InputError(f"the gradient of GRPO is {norm}; lower grpo.lr or set grpo.precision=fp32.")
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return sums | {"grad_norm": norm}

    def _accumulate(self, batch: Minibatch, packed: Packed) -> dict[str, float]:
        """Add a micro-batch's gradient; gives its share of the minibatch's means."""
        members = packed.members
        old, sampled, mask = batch.old[members], batch.sampled[members], batch.mask[members]
        current = self._logprobs(self.network, packed, old.shape)
        reference = None
        if self.reference is not None and not self.settings.use_kl_in_reward:
            with torch.no_grad():
                reference = self._logprobs(self.reference, packed, old.shape)
        loss = policy_loss(
            current,
            old,
            batch.advantage[members],
            mask,
            self.settings,
            total_tokens=batch.tokens,
            total_sequences=len(batch.samples),
            reference=reference,
            sampled=sampled,
        )
        loss.total.backward()
        mismatch = (current.detach() - sampled).abs()[mask].sum() / batch.tokens
        return {
            "loss": loss.total.item(),
            "clip_share": loss.clip_share.item(),
            "approx_kl": loss.approx_kl.item(),
            "is_oob_share": loss.is_oob_share.item(),
            "logprob_mismatch": mismatch.item(),
        }

    def _logprobs(self, network: Transformer, packed: Packed, shape: torch.Size) -> Tensor:
        """Log-probabilities of the micro-batch's completions, `[M, T]`; 0 beyond their ends."""
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
            if network is self.network:
                network.refresh()
            values = logprobs(network, packed, self.settings.temperature)
        return values.new_zeros(shape).index_put((packed.samples, packed.places), values)


def minibatch(batch: Rollouts, groups: list[int], device: torch.device) -> Minibatch:
    """The rollouts of `groups` that are in the loss."""
    n = batch.learned.shape[1]
    learned = batch.learned.flatten().tolist()
    chosen = [group * n + i for group in groups for i in range(n) if learned[group * n + i]]
    completions = [batch.completions[index] for index in chosen]
    lengths = torch.tensor([len(completion.token_ids) for completion in completions])
    longest = int(lengths.max())
    sampled = torch.tensor([c.logprobs + [0.0] * (longest - len(c.logprobs)) for c in completions]).to(device)
    samples = [Sample(i // n, batch.prompts[i // n], batch.completions[i].token_ids) for i in chosen]
    mask = torch.arange(longest) < lengths[:, None]
    return Minibatch(samples, sampled, sampled, batch.advantages.flatten()[chosen].to(device), mask.to(device))


def check_mismatch(mismatch: float, limit: float | None) -> None:
    """Refuse to learn from log-probabilities that are not those that the completions were sampled with.

    Raises:
        InputError: The mean difference is greater than the limit.
    """
    if limit is not None and mismatch > limit:
        raise InputError(
            f"the trainer's log-probabilities differ from the sampler's by {mismatch:.3f} a token in the mean, "
            f"more than grpo.max_logprob_mismatch={limit}, so that gradients would be wrong; "
            "set grpo.precision=fp32, or raise the limit."
        )


def learning_rate(step: int, settings: GRPO) -> float:
    """Linear warm-up, then linear decay to `min_lr_ratio` at the last step; `step` counts from 1."""
    warmup = min(1.0, step / settings.warmup_steps) if settings.warmup_steps else 1.0
    progress = (step - 1) / max(1, settings.max_num_steps - 1)
    return settings.lr * warmup * (1 - (1 - settings.min_lr_ratio) * progress)
