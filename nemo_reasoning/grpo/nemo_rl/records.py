# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Metrics and rollouts in the stage's own logs, under the embedded engine's names: the report reads both alike."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from nemo_reasoning.config import GRPO
from nemo_reasoning.grpo.collapse import new_sign
from nemo_reasoning.grpo.nemo_rl.judge import Judged
from nemo_reasoning.grpo.rollout_log import log_rollouts
from nemo_reasoning.manifest import StageRun, read_metrics
from nemo_reasoning.verify import STATUSES

FROM_NEMO_RL = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "lr": "lr",
    "approx_entropy": "entropy",
    "gen_kl_error": "generation_kl",
    "token_mult_prob_error": "token_mult_prob_error",
    "kl_penalty": "kl_penalty",
}
"""NeMo-RL's metrics of a training step that are kept, and our name for each."""
DROPPED = {"advantage": 0.0, "masked": True}
"""Of a rollout that NeMo-RL's dynamic sampling has dropped."""


@dataclass
class Recorder:
    """Carries what was judged from the rollouts of a step to its row in the logs.

    Attributes:
        stage: Whose logs are written.
        settings: Of the stage.
        steps: Of the whole stage, for the progress.
        before: Steps that earlier runs in a row have made.
        judged: What was sampled for the step.
        learned: By the number of a judged row, its advantage and whether it is out of the loss; NeMo-RL has
            dropped the others.
    """

    stage: StageRun
    settings: GRPO
    steps: int
    before: int = 0
    judged: Judged = field(default_factory=Judged)
    learned: dict[int, dict[str, Any]] = field(default_factory=dict)

    def saw_metrics(self, logged: dict[str, Any], step: int, prefix: str) -> None:
        """Called with everything that NeMo-RL logs; a step ends with the metrics that have a loss."""
        step += self.before
        if prefix == "validation" and "accuracy" in logged and not self._validated(step):
            self.stage.log({"step": step, "validation_accuracy": float(logged["accuracy"])})
        if prefix != "train" or "loss" not in logged or not self.judged.rows:
            return
        row = {"step": step, **metrics(self.judged), **self._batches(), **_of_nemo_rl(logged)}
        steps = [each for each in read_metrics(self.stage.directory) if "rollouts" in each]
        if sign := new_sign([*steps, row]):
            row["warning"] = sign
        self.stage.log(row)
        if step == 1 or step % self.settings.log_rollouts_interval == 0:
            log_rollouts(self.stage, ({"step": step, **line} for line in self._lines()))
        self.stage.progress(step, self.steps, f"accuracy {row['accuracy']:.1%}")
        self.judged, self.learned = Judged(), {}

    def _validated(self, step: int) -> bool:
        """NeMo-RL validates again where a run is continued, and where one follows another."""
        rows = read_metrics(self.stage.directory)
        return any(row["step"] == step and "validation_accuracy" in row for row in rows)

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Rows of the rollout log."""
        for row in self.judged.rows:
            kept = {name: value for name, value in row.items() if name not in ("place", "number")}
            yield {**kept, **self.learned.get(row["number"], DROPPED)}

    def _batches(self) -> dict[str, int]:
        """Batches of problems that were sampled, and groups that something is learned from."""
        size = self.settings.num_prompts_per_step * self.settings.num_generations_per_prompt
        used = {row["group"] for row in self.judged.rows if not self.learned.get(row["number"], DROPPED)["masked"]}
        return {"gen_batches": len(self.judged.rows) // size, "groups_used": len(used)}


def metrics(judged: Judged) -> dict[str, Any]:
    """Means over all rollouts, those included that nothing is learned from; a mean of nothing is None."""
    rows = judged.rows
    count = len(rows)
    if not count:
        return {}
    verdicts = Counter(row["verdict"] for row in rows)
    tokens = sum(row["num_tokens"] for row in rows)
    return {
        "reward": _mean([row["reward"] for row in rows]),
        "accuracy": verdicts["correct"] / count,
        **{f"reward/{name}": _mean([row["components"][name] for row in rows]) for name in rows[0]["components"]},
        **{f"verdict/{status}": verdicts[status] / count for status in STATUSES},
        "unrewarded": sum(row["reward"] is None for row in rows),
        **{f"unrewarded/{name}": number for name, number in judged.missing.items()},
        "mean_tokens": tokens / count,
        "truncated_share": sum(row["truncated"] for row in rows) / count,
        "rollouts": count,
        "tokens": tokens,
    }


def _of_nemo_rl(logged: dict[str, Any]) -> dict[str, float]:
    """What is kept of NeMo-RL's own metrics of a step."""
    return {ours: float(logged[theirs]) for theirs, ours in FROM_NEMO_RL.items() if theirs in logged}


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return fmean(present) if present else None
