# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Signs that a run has gone wrong, read off the metrics of its steps and said in a sentence.

Each sign compares means over the last `WINDOW` steps with those over the first, so that one
bad step is not taken for a collapse.

The limits lie between what runs of the demo showed (tests/golden/grpo_runs.json): two healthy ones,
two with random rewards, one paid for brevity, one with a tenfold learning rate, one from random
weights. Where no run went wrong in a way, the limit only keeps clear of the healthy ones.
"""

from collections.abc import Callable, Sequence
from math import nan, sqrt
from statistics import fmean, variance
from typing import Any

Row = dict[str, Any]

WINDOW = 10
"""Steps over which a step's metrics are averaged."""
IDLE_STEPS = 8
"""In so many steps of a window no group taught anything (healthy and random rewards: 0 of 10; paid for brevity: 1;
tenfold learning rate: 8 from step 15 on, 9 and more later; random weights: 10)."""
ENTROPY_SHARE = 0.1
"""Less than this share of the first steps' entropy is left: there is next to nothing to choose from (healthy: down to
0.24 as accuracy rose to 94 %; no run fell lower)."""
SOLVED = 0.9
"""A policy that is right this often may well be certain of it, and have nothing left to learn."""
TRUNCATED_SHARE = 0.5
"""So many completions end at the length limit, where no answer stands."""
LENGTH_GROWTH = 1.5
"""Completions longer than this many times the first steps' have exploded, if most are cut off (healthy: 1.01 and none;
the longest, random rewards: 1.15 and 30 %; no run exploded)."""
LENGTH_SHARE = 0.5
"""Completions shorter than this share of the first steps' have collapsed, if accuracy did not rise with it (healthy:
0.99; tenfold learning rate: 0.75; paid for brevity: 0.15)."""
ACCURACY_SHARE = 0.5
"""Less than this share of the first steps' accuracy is left (healthy: never below 1; random rewards: 0.13 and 0.06;
paid for brevity: 0)."""
STANDARD_ERRORS = 5.0
"""By so many standard errors, as the steps scatter, a fall of accuracy is more than chance (random rewards: up to 13
and 8, first above 5 at step 27 and 21)."""


def collapse(history: Sequence[Row]) -> tuple[str, str] | None:
    """The first sign of collapse in the last `WINDOW` steps.

    Args:
        history: Metrics of the steps so far, in order.

    Returns:
        Its name (of `SIGNS`) and a sentence on what happened and what to do; None where there is
        none, or fewer than `WINDOW` steps.
    """
    if len(history) < WINDOW:
        return None
    first, last = history[:WINDOW], history[-WINDOW:]
    return next(((name, said) for name, sign in SIGNS.items() if (said := sign(first, last))), None)


def new_sign(history: Sequence[Row]) -> str | None:
    """The sentence for a sign of collapse that was not there before the last step."""
    found, before = collapse(history), collapse(history[:-1])
    return found[1] if found and (before is None or before[0] != found[0]) else None


def _no_rewards(first: Sequence[Row], last: Sequence[Row]) -> str | None:
    if any(row["reward"] is not None for row in last):
        return None
    return f"no completion of the last {WINDOW} steps got a reward; check the gold answers and grpo.rewards"


def _no_spread(first: Sequence[Row], last: Sequence[Row]) -> str | None:
    idle = sum(not row["groups_used"] for row in last)
    if idle < IDLE_STEPS or _mean(last, "accuracy") >= SOLVED:
        return None
    return (
        f"nothing was learned in {idle} of the last {WINDOW} steps, because all completions of a problem got the same "
        f"reward (accuracy {_mean(last, 'accuracy'):.0%}); take other problems, another model or other rewards"
    )


def _length_explosion(first: Sequence[Row], last: Sequence[Row]) -> str | None:
    before, after = _mean(first, "mean_tokens"), _mean(last, "mean_tokens")
    cut = _mean(last, "truncated_share")
    if cut < TRUNCATED_SHARE or after < LENGTH_GROWTH * before:
        return None
    return (
        f"completions grew from {before:.0f} to {after:.0f} tokens and {cut:.0%} are cut off; raise "
        "grpo.max_new_tokens, add the reward soft_overlong_punishment or lower grpo.lr"
    )


def _length_collapse(first: Sequence[Row], last: Sequence[Row]) -> str | None:
    before, after = _mean(first, "mean_tokens"), _mean(last, "mean_tokens")
    if after >= LENGTH_SHARE * before or _mean(last, "accuracy") > _mean(first, "accuracy"):
        return None
    return (
        f"completions shrank from {before:.0f} to {after:.0f} tokens without being right more often; "
        "check what grpo.rewards pay for, or lower grpo.lr"
    )


def _entropy(first: Sequence[Row], last: Sequence[Row]) -> str | None:
    before, after = _mean(first, "entropy"), _mean(last, "entropy")
    if not after < ENTROPY_SHARE * before or _mean(last, "accuracy") >= SOLVED:
        return None
    return (
        f"entropy fell from {before:.3f} to {after:.3f} nats a token at accuracy {_mean(last, 'accuracy'):.0%}, so "
        "that the completions of a problem are nearly all the same; raise grpo.ratio_clip_max, lower grpo.lr, or "
        "start from an earlier model"
    )


def _accuracy(first: Sequence[Row], last: Sequence[Row]) -> str | None:
    before, after = _mean(first, "accuracy"), _mean(last, "accuracy")
    error = sqrt(sum(variance(row["accuracy"] for row in rows) / len(rows) for rows in (first, last)))
    if after >= ACCURACY_SHARE * before or before - after < STANDARD_ERRORS * error:
        return None
    rewards = " to ".join(f"{_mean(rows, 'reward'):.2f}" for rows in (first, last))
    return (
        f"accuracy fell from {before:.0%} to {after:.0%} while the reward went from {rewards}; "
        "check what grpo.rewards pay for, or lower grpo.lr"
    )


SIGNS: dict[str, Callable[[Sequence[Row], Sequence[Row]], str | None]] = {
    "no_rewards": _no_rewards,
    "no_spread": _no_spread,
    "length_explosion": _length_explosion,
    "length_collapse": _length_collapse,
    "entropy": _entropy,
    "accuracy": _accuracy,
}
"""In the order in which they are looked for: what explains most comes first."""


def _mean(rows: Sequence[Row], name: str) -> float:
    """The mean of what is there; NaN of nothing."""
    return fmean([row[name] for row in rows if row.get(name) is not None] or [nan])
