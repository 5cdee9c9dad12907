# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Rollouts: sample completions, verify them, reward them, and say what came out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nemo_reasoning.config import GRPO
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.grpo import algorithm
from nemo_reasoning.rewards import Rollout, Scores, score
from nemo_reasoning.sampling import Completion, Sampler, SamplingParams
from nemo_reasoning.traces import Problem
from nemo_reasoning.verify import STATUSES, Verifier

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Rollouts:
    """The completions of one step: G problems, n completions of each, `B = G * n` in this order.

    With dynamic sampling there may be several batches of problems in it; all count in the
    metrics, and the first groups that teach something are learned from.

    Attributes:
        problems: `[G]`.
        prompts: `[G]` token ids.
        completions: `[B]`.
        rollouts: `[B]` the same, parsed and verified.
        scores: Total and components, `[B]` each.
        rewards: `[G, n]`; NaN where there is none.
        valid: `[G, n]` there is a reward.
        learned: `[G, n]` it is in the loss.
        advantages: `[G, n]`; 0 where there is no reward, and in groups that dynamic sampling drops.
        batches: Batches of problems that were sampled.
    """

    problems: Sequence[Problem]
    prompts: list[list[int]]
    completions: list[Completion]
    rollouts: list[Rollout]
    scores: Scores
    rewards: Tensor
    valid: Tensor
    learned: Tensor
    advantages: Tensor
    batches: int = 1

    def useful_groups(self) -> Tensor:
        """Indices of the groups to learn from."""
        return self.learned.any(-1).nonzero()[:, 0]


@dataclass(frozen=True)
class RolloutMaker:
    """All that turns problems into rewarded rollouts."""

    sampler: Sampler
    tokenizer: "PreTrainedTokenizerBase"
    fmt: ReasoningFormat
    verifier: Verifier
    settings: GRPO

    def make(self, batches: Iterable[tuple[Sequence[Problem], torch.Generator]]) -> Rollouts:
        """Sample, verify and reward `num_generations_per_prompt` completions of each problem.

        Args:
            batches: Problems, and the randomness to sample them with. With dynamic sampling they
                are drawn until `num_prompts_per_step` groups teach something, or none is left
                (DAPO, arXiv:2503.14476); else there is one.
        """
        drawn: list[_Drawn] = []
        for problems, generator in batches:
            drawn.append(self._draw(problems, generator))
            rewards = torch.cat([batch.rewards for batch in drawn])
            useful = int(algorithm.has_spread(rewards, ~rewards.isnan()).sum())
            if not self.settings.use_dynamic_sampling or useful >= self.settings.num_prompts_per_step:
                break
        return replace(self._estimated(_joined(drawn)), batches=len(drawn))

    def accuracy(self, problems: Sequence[Problem], generator: torch.Generator) -> float:
        """Share of right ones among `val_samples_per_problem` completions of each problem."""
        completions = self._sampled(self._prompts(problems), self.settings.val_samples_per_problem, generator)
        judged = self._judged(problems, completions)
        return fmean(rollout.verdict.status == "correct" for rollout in judged)

    def prompt(self, problem: str) -> str:
        """What is put to the model, as text."""
        return self.fmt.prompt(self.tokenizer, problem)

    def _prompts(self, problems: Sequence[Problem]) -> list[list[int]]:
        return [self.fmt.encode_prompt(self.tokenizer, problem.problem) for problem in problems]

    def _sampled(self, prompts: list[list[int]], n: int, generator: torch.Generator) -> list[Completion]:
        """`n` completions of each prompt, side by side."""
        params = SamplingParams(self.settings.max_new_tokens, self.settings.temperature, n=n)
        return [c for group in self.sampler.sample(prompts, params, generator) for c in group]

    def _draw(self, problems: Sequence[Problem], generator: torch.Generator) -> "_Drawn":
        """A batch with its rewards."""
        settings, prompts = self.settings, self._prompts(problems)
        n = settings.num_generations_per_prompt
        completions = self._sampled(prompts, n, generator)
        rollouts = self._judged(problems, completions)
        scores = score(rollouts, settings.rewards, self.fmt)
        return _Drawn(problems, prompts, completions, rollouts, scores, _tensor(scores.total).view(-1, n))

    def _estimated(self, drawn: "_Drawn") -> Rollouts:
        """What is learned from, and how much better each completion was than expected."""
        settings, totals = self.settings, drawn.rewards
        valid = ~totals.isnan()
        truncated = torch.tensor([c.truncated for c in drawn.completions]).view(totals.shape)
        counted, learned = algorithm.select(totals, valid, truncated, settings)
        if settings.use_dynamic_sampling:
            wanted = (counted.any(-1).cumsum(0) <= settings.num_prompts_per_step)[:, None]
            counted, learned = counted & wanted, learned & wanted
        tokens = torch.tensor([len(c.token_ids) for c in drawn.completions]).view(totals.shape) * learned
        weights = {name: reward.weight for name, reward in settings.rewards.items() if reward and reward.weight}
        components = _tensor([drawn.scores.components[name] for name in weights]).view(-1, *totals.shape)
        advantages = algorithm.estimate(
            settings, totals, components, torch.tensor(list(weights.values())), counted, tokens
        )
        return Rollouts(
            drawn.problems,
            drawn.prompts,
            drawn.completions,
            drawn.rollouts,
            drawn.scores,
            totals,
            valid,
            learned,
            advantages,
        )

    def _judged(self, problems: Sequence[Problem], completions: list[Completion]) -> list[Rollout]:
        n = len(completions) // len(problems)
        texts = [self.fmt.decode(self.tokenizer, completion.token_ids) for completion in completions]
        parsed = [self.fmt.parse(text, truncated=c.truncated) for text, c in zip(texts, completions, strict=True)]
        owners = [problems[index // n] for index in range(len(completions))]
        pairs = [(parts.answer, owner.answer) for parts, owner in zip(parsed, owners, strict=True)]
        verdicts = self.verifier.check_batch(pairs)
        return [
            Rollout(text, parts, verdict, len(c.token_ids), index // n, owner.problem, owner.row)
            for index, (text, parts, verdict, c, owner) in enumerate(
                zip(texts, parsed, verdicts, completions, owners, strict=True)
            )
        ]


@dataclass(frozen=True)
class _Drawn:
    """Rewarded completions before it is known what is learned from them; fields as in `Rollouts`."""

    problems: Sequence[Problem]
    prompts: list[list[int]]
    completions: list[Completion]
    rollouts: list[Rollout]
    scores: Scores
    rewards: Tensor


def _joined(batches: Sequence[_Drawn]) -> _Drawn:
    """Several batches as one; groups are numbered on."""
    if len(batches) == 1:
        return batches[0]
    first = batches[0].scores
    missing = {name: sum((Counter(b.scores.missing[name]) for b in batches), Counter()) for name in first.missing}
    scores = Scores(
        [total for b in batches for total in b.scores.total],
        {name: [value for b in batches for value in b.scores.components[name]] for name in first.components},
        {name: dict(counts) for name, counts in missing.items()},
    )
    rollouts, groups = [], 0
    for batch in batches:
        rollouts += [replace(rollout, group=groups + rollout.group) for rollout in batch.rollouts]
        groups += len(batch.problems)
    return _Drawn(
        [problem for b in batches for problem in b.problems],
        [prompt for b in batches for prompt in b.prompts],
        [completion for b in batches for completion in b.completions],
        rollouts,
        scores,
        torch.cat([b.rewards for b in batches]),
    )


def metrics(batch: Rollouts) -> dict[str, Any]:
    """Means over all rollouts of a step, those included that nothing is learned from.

    `entropy` is the mean negative log-probability of the sampled tokens, an unbiased estimate
    at the sampling temperature. `verdict/<status>` is a share. `unrewarded/<name>/<reason>` counts
    the rollouts to which a reward gave no value. A mean of nothing is None.
    """
    count = len(batch.completions)
    verdicts = Counter(rollout.verdict.status for rollout in batch.rollouts)
    tokens = sum(len(completion.token_ids) for completion in batch.completions)
    surprise = -sum(sum(completion.logprobs) for completion in batch.completions)
    return {
        "reward": _mean(batch.scores.total),
        "accuracy": verdicts["correct"] / count,
        **{f"reward/{name}": _mean(values) for name, values in batch.scores.components.items()},
        **{f"verdict/{status}": verdicts[status] / count for status in STATUSES},
        "unrewarded": int((~batch.valid).sum()),
        **{
            f"unrewarded/{name}/{reason}": number
            for name, reasons in batch.scores.missing.items()
            for reason, number in reasons.items()
        },
        "mean_tokens": tokens / count,
        "truncated_share": sum(completion.truncated for completion in batch.completions) / count,
        "entropy": surprise / tokens,
        "gen_batches": batch.batches,
        "rollouts": count,
        "tokens": tokens,
    }


def rows(batch: Rollouts, step: int, prompt: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    """The rollouts of a step, for the log; `masked` ones are not in the loss, `prompt` renders a problem."""
    n = batch.valid.shape[1]
    advantages, learned = batch.advantages.flatten().tolist(), batch.learned.flatten().tolist()
    prompts = [prompt(problem.problem) for problem in batch.problems]
    for index, (rollout, completion) in enumerate(zip(batch.rollouts, batch.completions, strict=True)):
        problem = batch.problems[index // n]
        yield {
            "step": step,
            "group": rollout.group,
            "id": problem.id,
            "problem": problem.problem,
            "prompt": prompts[index // n],
            "answer": problem.answer,
            "completion": rollout.completion,
            "num_tokens": rollout.num_tokens,
            "truncated": completion.truncated,
            "reward": batch.scores.total[index],
            "components": {name: values[index] for name, values in batch.scores.components.items()},
            "advantage": advantages[index],
            "masked": not learned[index],
            "verdict": rollout.verdict.status,
        }


def _tensor(values: Sequence[Any]) -> Tensor:
    """Numbers, nested or not; NaN where there is None."""
    return torch.tensor(np.array(values, dtype=float), dtype=torch.float32)


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return fmean(present) if present else None
