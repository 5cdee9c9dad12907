# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The Ray actor that NeMo-RL asks for rewards: `ReasoningEnvironment`.

Its class is made on first use, from NeMo-RL's interface; the module itself needs neither NeMo-RL nor Ray.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from nemo_reasoning.grpo.nemo_rl.judge import Judge, Judged
from nemo_reasoning.grpo.nemo_rl.records import metrics

ACTOR = "ReasoningEnvironment"


def __getattr__(name: str) -> Any:
    if name != ACTOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _actor()


@cache
def _actor() -> Any:
    import ray
    from nemo_rl.algorithms.utils import get_gdpo_reward_component_keys
    from nemo_rl.environments.interfaces import EnvironmentInterface, EnvironmentReturn

    # NeMo-RL after v0.7 takes rewards by name; v0.7 takes a column for each.
    by_name = bool(get_gdpo_reward_component_keys({"reward/any": None}))

    class ReasoningEnvironment(EnvironmentInterface):
        """One turn: the completion is verified and rewarded, and the episode ends.

        A reward is NaN where there is none; `hooks` masks such samples out.
        """

        def __init__(self, settings: dict[str, Any]) -> None:
            self.judge = Judge(settings)

        def step(self, message_log_batch: Sequence[Any], metadata: list[Any]) -> EnvironmentReturn:
            import torch

            count = len(message_log_batch)
            scores = self.judge.judge(message_log_batch, metadata)
            columns = {f"reward/{name}": torch.tensor(v) for name, v in self.judge.columns(scores).items()}
            return EnvironmentReturn(
                observations=[{"role": "environment", "content": ""}] * count,
                metadata=metadata,
                next_stop_strings=[None] * count,
                rewards=columns if by_name and columns else stacked(list(columns.values()), count),
                terminateds=torch.ones(count),
                answers=None,
            )

        def take(self) -> Judged:
            """What was judged since the last call; `hooks` asks for it after each batch."""
            return self.judge.take()

        def global_post_process_and_metrics(self, batch: Any) -> tuple[Any, dict[str, Any]]:
            """Metrics of what was judged since the last call."""
            return batch, metrics(self.judge.take())

        def shutdown(self) -> None:
            """End the verifier's processes."""
            self.judge.close()

    return ray.remote(ReasoningEnvironment)


def stacked(columns: Sequence[Any], count: int) -> Any:
    """Rewards as v0.7 takes them: `[B]`, or `[B, K]` of several rewards."""
    import torch

    if not columns:
        return torch.zeros(count)
    return columns[0] if len(columns) == 1 else torch.stack(list(columns), dim=1)
