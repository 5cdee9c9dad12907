# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What the environment does, without Ray: NeMo-RL's message logs in, our rewards out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nemo_reasoning import rewards
from nemo_reasoning.config import Model, Reward, Verify
from nemo_reasoning.contract import ReasoningFormat
from nemo_reasoning.errors import InputError
from nemo_reasoning.models import load_tokenizer
from nemo_reasoning.rewards import Rollout, Scores
from nemo_reasoning.verify import Verifier

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass
class Judged:
    """What was judged since it was last taken.

    Attributes:
        rows: One dictionary per rollout: `place` in NeMo-RL's batch, in the end `number` among those of the
            step, and what the rollout log holds.
        missing: Rollouts to which a reward gave no value, by `<reward>/<reason>`.
        held_out: They measure and are not learned from.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    held_out: bool = False


class Judge:
    """Rewards completions by the contract, the verifier and the rewards of a run.

    Args:
        settings: What `translate` wrote under `env`: `tokenizer`, `trust_remote_code`, `format`, `verify`,
            `rewards`, `weighted`, `held_out`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.fmt = ReasoningFormat.model_validate(settings["format"])
        self.rewards = {name: Reward.model_validate(reward) for name, reward in settings["rewards"].items()}
        self.weighted = settings["weighted"]
        rewards.check(self.rewards)
        rewards.ready(self.rewards)
        name = settings["tokenizer"]
        model = Model(path=name, trust_remote_code=settings["trust_remote_code"])
        self.tokenizer: PreTrainedTokenizerBase = load_tokenizer(name, model)
        self.stop_id = self.fmt.stop_id(self.tokenizer)
        self.verifier = Verifier(Verify.model_validate(settings["verify"]))
        self._judged = Judged(held_out=settings["held_out"])

    def judge(self, logs: Sequence[Sequence[Mapping[str, Any]]], metadata: Sequence[Mapping[str, Any]]) -> Scores:
        """Reward the last message of each log, an assistant's.

        Args:
            logs: Messages with `role`, `content` and `token_ids`.
            metadata: Of each log, what `data.processor` wrote as `extra_env_info`.

        Returns:
            Our scores, in the same order.
        """
        token_ids = [_completion(log) for log in logs]
        rollouts = self._verified(token_ids, metadata)
        scores = rewards.score(rollouts, self.rewards, self.fmt)
        self._remember(rollouts, token_ids, metadata, scores)
        return scores

    def columns(self, scores: Scores) -> dict[str, list[float]]:
        """What NeMo-RL is given for each reward, NaN where there is none.

        The rewards times their weights, or under GDPO as they are; those of weight 0 are left out.
        """
        factors = {name: reward.weight if self.weighted else 1.0 for name, reward in self.rewards.items()}
        return {
            name: [float("nan") if value is None else factors[name] * value for value in scores.components[name]]
            for name, reward in self.rewards.items()
            if reward.weight != 0
        }

    def take(self) -> Judged:
        """What was judged since the last call."""
        taken, self._judged = self._judged, Judged(held_out=self._judged.held_out)
        return taken

    def close(self) -> None:
        """End the verifier's processes."""
        self.verifier.close()

    def _verified(self, token_ids: list[list[int]], metadata: Sequence[Mapping[str, Any]]) -> list[Rollout]:
        texts = [self.fmt.decode(self.tokenizer, ids) for ids in token_ids]
        parsed = [
            self.fmt.parse(text, truncated=self.stop_id not in ids) for text, ids in zip(texts, token_ids, strict=True)
        ]
        pairs = [(parts.answer, info["answer"]) for parts, info in zip(parsed, metadata, strict=True)]
        return [
            Rollout(text, parts, verdict, len(ids), info["group"], info["problem"], info["row"])
            for text, parts, verdict, ids, info in zip(
                texts, parsed, self.verifier.check_batch(pairs), token_ids, metadata, strict=True
            )
        ]

    def _remember(
        self,
        rollouts: Sequence[Rollout],
        token_ids: Sequence[list[int]],
        metadata: Sequence[Mapping[str, Any]],
        scores: Scores,
    ) -> None:
        prompts = {text: self.fmt.prompt(self.tokenizer, text) for text in {rollout.problem for rollout in rollouts}}
        for index, (rollout, info) in enumerate(zip(rollouts, metadata, strict=True)):
            self._judged.rows.append(
                {
                    "place": info["place"],
                    "group": rollout.group,
                    "id": info["id"],
                    "problem": rollout.problem,
                    "prompt": prompts[rollout.problem],
                    "answer": info["answer"],
                    "completion": rollout.completion,
                    "num_tokens": rollout.num_tokens,
                    "truncated": self.stop_id not in token_ids[index],
                    "reward": scores.total[index],
                    "components": {name: values[index] for name, values in scores.components.items()},
                    "verdict": rollout.verdict.status,
                }
            )
        for name, reasons in scores.missing.items():
            self._judged.missing.update({f"{name}/{reason}": count for reason, count in reasons.items()})


def _completion(log: Sequence[Mapping[str, Any]]) -> list[int]:
    """Token ids of the last message.

    The text that NeMo-RL passes lacks tags that are special tokens, so it is not read.
    """
    if "token_ids" not in log[-1]:
        raise InputError(
            "NeMo-RL passes no token ids to the environment; start it by python -m nemo_reasoning.grpo.nemo_rl.run."
        )
    return [int(token) for token in log[-1]["token_ids"]]
