# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Estimates over problems, each with a 95 % interval, and paired differences of two models.

The problems are the sample: completions of one problem are not independent of each other,
so every interval is made from one number per problem.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z = 1.959963984540054
"""97.5 % point of the normal distribution."""
SIGN_FLIPS = 10_000
"""Draws of the paired test; the smallest p-value that it can give is 1 / (draws + 1)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value and its 95 % interval; the bounds are NaN where one problem tells nothing."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Second model minus first, on the same problems.

    Attributes:
        value: Mean difference.
        low: Lower bound of its 95 % interval.
        high: Upper bound.
        p_value: Two-sided, of no difference.
    """

    value: float
    low: float
    high: float
    p_value: float


def pass_at_k(num_samples: int, num_correct: int, k: int) -> float:
    """Unbiased probability that one of `k` completions is correct: 1 - C(n-c, k) / C(n, k).

    Source: Chen et al. 2021, Evaluating Large Language Models Trained on Code, eq. 1.

    Args:
        num_samples: Completions of the problem, n.
        num_correct: Those that are correct, c.
        k: At most n.
    """
    if not 0 <= num_correct <= num_samples or not 1 <= k <= num_samples:
        raise ValueError(f"pass@{k} of {num_correct} correct among {num_samples} is not defined")
    return 1.0 - math.comb(num_samples - num_correct, k) / math.comb(num_samples, k)


def majority(answers: Sequence[Hashable | None], correct: Sequence[bool]) -> float:
    """Expected correctness of a majority vote, ties broken by lot.

    Args:
        answers: One per completion, equal for equivalent answers; None does not vote.
        correct: Whether each is correct.

    Returns:
        In [0, 1]; 0 without a vote. Where equal answers were judged differently, their share counts.
    """
    votes = Counter(answer for answer in answers if answer is not None)
    if not votes:
        return 0.0
    most = max(votes.values())
    right = Counter(answer for answer, is_correct in zip(answers, correct, strict=True) if is_correct)
    winners = [answer for answer, count in votes.items() if count == most]
    return sum(right[answer] for answer in winners) / (most * len(winners))


def proportion(values: ArrayLike) -> Estimate:
    """Mean of per-problem values in [0, 1], with Wilson's score interval.

    For 0/1 values this is Wilson (1927). Other values enter with their effective number of
    observations, n m(1-m) / s^2, as survey estimates do (Franco, Little, Louis and Slud
    2019, Comparative Study of Confidence Intervals for Proportions in Complex Sample
    Surveys), widened by the t quantile because s^2 is estimated too. Unlike a t interval
    it stays in [0, 1] and does not collapse when every problem fails.

    Args:
        values: `[problems]`.
    """
    x = _finite(values)
    n, mean = len(x), float(x.mean())
    spread, binomial = float(x.var(ddof=1)) if n > 1 else 0.0, mean * (1.0 - mean)
    is_binary = bool(np.isin(x, (0.0, 1.0)).all())
    effective = n if is_binary or spread <= 0.0 else n * binomial / spread * (Z / t_quantile(n - 1)) ** 2
    low, high = wilson(mean, effective)
    return Estimate(mean, low, high)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion among `n` observations (Wilson 1927)."""
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))


def mean(values: ArrayLike) -> Estimate:
    """Mean of per-problem values of any range, with Student's t interval (Student 1908).

    Args:
        values: `[problems]`.
    """
    x = _finite(values)
    centre, half = float(x.mean()), _t_half_width(x)
    return Estimate(centre, centre - half, centre + half)


def quantile(values: Sequence[Sequence[float]], share: float) -> Estimate:
    """Quantile of all values of all problems, each problem weighing the same, with a 95 % interval.

    A value lies in the interval where the share of values at or below it, a mean over problems,
    is not shown to differ from `share` (the test of Francisco and Fuller 1991, Quantile
    Estimation with a Complex Survey Design, with the interval of `proportion`). No bound is
    beyond the values that were seen.

    Args:
        values: `[problems][any number]`.
        share: In (0, 1).
    """
    problem = np.repeat(np.arange(len(values)), [len(own) for own in values])
    flat = _finite(np.concatenate([np.asarray(own, dtype=np.float64) for own in values]))
    sizes = np.bincount(problem)
    seen = np.unique(flat)

    def below(value: float) -> NDArray[np.float64]:
        return np.bincount(problem[flat <= value], minlength=len(values)) / sizes

    def first(reached: Callable[[float], bool]) -> float:
        place = bisect_left(seen, True, key=reached)
        return float(seen[min(place, len(seen) - 1)])

    value = first(lambda one: bool(below(one).mean() >= share - 1e-12))
    low = first(lambda one: proportion(below(one)).high >= share)
    high = first(lambda one: proportion(below(one)).low > share)
    return Estimate(value, min(low, value), max(high, value))


def paired_difference(first: ArrayLike, second: ArrayLike) -> Difference:
    """Compare two models on the same problems.

    The interval is Student's t over the differences; for 0/1 values it is that of Agresti
    and Min (2005, Simple improved confidence intervals for comparing matched proportions),
    which adds half a problem to each cell of the 2 x 2 table and so does not collapse when
    no problem differs. The p-value is that of the sign-flip permutation test (Fisher 1935),
    which for 0/1 values is McNemar's exact test, from `SIGN_FLIPS` draws with a fixed seed.

    Args:
        first: `[problems]`, in [0, 1].
        second: Likewise, in the same order.
    """
    a, b = _finite(first), _finite(second)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} problems cannot be paired")
    difference = b - a
    value = float(difference.mean())
    if bool(np.isin(np.concatenate([a, b]), (0.0, 1.0)).all()):
        low, high = _agresti_min(difference)
    else:
        half = _t_half_width(difference)
        low, high = value - half, value + half
    return Difference(value, max(low, -1.0), min(high, 1.0), sign_flip_p_value(difference))


def _agresti_min(difference: NDArray[np.float64]) -> tuple[float, float]:
    """Interval of the mean of differences in {-1, 0, 1}."""
    n = len(difference) + 2
    gained, lost = (difference > 0).sum() + 0.5, (difference < 0).sum() + 0.5
    centre = (gained - lost) / n
    half = Z * math.sqrt(gained + lost - (gained - lost) ** 2 / n) / n
    return float(centre - half), float(centre + half)


def sign_flip_p_value(difference: NDArray[np.float64], draws: int = SIGN_FLIPS, seed: int = 0) -> float:
    """Two-sided p-value of a mean difference of zero, by flipping the signs of the differences.

    Args:
        difference: `[problems]`.
        draws: Random flips of all signs.
        seed: Of the draws, so that the same data give the same p-value.
    """
    size = np.abs(difference[difference != 0])
    if not len(size):
        return 1.0
    observed = abs(float(difference.sum())) - 1e-9 * float(size.sum())
    generator = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, draws, 1000):
        signs = generator.integers(0, 2, (min(1000, draws - start), len(size)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ size) >= observed).sum())
    return (extreme + 1) / (draws + 1)


def t_quantile(degrees: int) -> float:
    """97.5 % point of Student's t, to 1 % from three degrees of freedom on (Abramowitz and Stegun 26.7.5)."""
    terms = (
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
        (79 * Z**9 + 776 * Z**7 + 1482 * Z**5 - 1920 * Z**3 - 945 * Z) / 92160,
    )
    return Z + sum(term / degrees**power for power, term in enumerate(terms, 1))


def _t_half_width(x: NDArray[np.float64]) -> float:
    if len(x) < 2:
        return math.nan
    return t_quantile(len(x) - 1) * float(x.std(ddof=1)) / math.sqrt(len(x))


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError("an estimate needs a finite value for each of at least one problem")
    return x
