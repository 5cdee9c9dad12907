# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Estimates against brute force, and their intervals against simulated truth."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.measure.metrics import (
    majority,
    mean,
    paired_difference,
    pass_at_k,
    proportion,
    quantile,
    sign_flip_p_value,
    t_quantile,
    wilson,
)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_one(correct, data):
    k = data.draw(st.integers(1, len(correct)))
    subsets = list(itertools.combinations(correct, k))
    assert pass_at_k(len(correct), sum(correct), k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


@pytest.mark.parametrize(("n", "c", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 5), (4, 2, 0)])
def test_pass_at_k_refuses_what_is_not_defined(n, c, k):
    with pytest.raises(ValueError, match="not defined"):
        pass_at_k(n, c, k)


@given(
    st.lists(st.sampled_from(["7", "8", "9", None]), min_size=1, max_size=8),
    st.sampled_from(["7", "8", "none of them"]),
)
def test_majority_is_the_mean_over_tie_breaks(answers, gold):
    votes = [answer for answer in answers if answer is not None]
    most = max((votes.count(answer) for answer in votes), default=0)
    winners = [answer for answer in set(votes) if votes.count(answer) == most]
    expected = sum(answer == gold for answer in winners) / len(winners) if winners else 0.0
    assert majority(answers, [answer == gold for answer in answers]) == pytest.approx(expected)


def test_majority_counts_the_share_where_equal_answers_were_judged_differently():
    assert majority(["7", "7", "8"], [True, False, False]) == 0.5


def test_t_quantile_is_that_of_scipy():
    for degrees in (3, 5, 10, 29, 299):
        assert t_quantile(degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=2e-3)


@pytest.mark.parametrize(("correct", "n"), [(0, 20), (1, 20), (10, 20), (20, 20), (123, 300)])
def test_greedy_interval_is_wilson_of_scipy(correct, n):
    expected = scipy.stats.binomtest(correct, n).proportion_ci(method="wilson")
    found = proportion([1.0] * correct + [0.0] * (n - correct))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_mean_interval_is_students():
    x = np.random.default_rng(0).gamma(4, 10, 40)
    expected = scipy.stats.t.interval(0.95, 39, x.mean(), scipy.stats.sem(x))
    found = mean(x)
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_proportion_lies_in_its_interval_and_never_collapses(values):
    found = proportion(values)
    assert 0 <= found.low <= found.value + 1e-12 and found.value - 1e-12 <= found.high <= 1
    if max(values) - min(values) in (0.0, 1.0):
        assert found.high > found.low


def test_one_problem_says_nothing_about_a_mean():
    assert math.isnan(mean([12.0]).low) and wilson(1.0, 1)[0] < 0.3


@pytest.mark.parametrize("values", [[], [math.nan], [[1.0]]])
def test_no_estimate_without_values(values):
    with pytest.raises(ValueError, match="finite value"):
        proportion(values)


def coverage(estimate, truth, repetitions=2000):
    hits = 0
    for _ in range(repetitions):
        found = estimate()
        hits += found.low <= truth <= found.high
    return hits / repetitions


@pytest.mark.parametrize("n", [30, 300])
@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (1, 3), (5, 5)])
def test_intervals_of_averages_cover_the_truth(n, a, b):
    rng = np.random.default_rng(1)
    assert 0.93 <= coverage(lambda: proportion(rng.binomial(8, rng.beta(a, b, n)) / 8), a / (a + b)) <= 0.97


@pytest.mark.parametrize(("n", "p"), [(30, 0.5), (300, 0.1), (300, 0.583), (300, 0.9)])
def test_intervals_of_greedy_accuracy_cover_the_truth(n, p):
    rng = np.random.default_rng(2)
    assert 0.93 <= coverage(lambda: proportion(rng.random(n) < p), p) <= 0.97


def test_intervals_of_lengths_cover_the_truth():
    rng = np.random.default_rng(3)
    assert 0.93 <= coverage(lambda: mean(rng.gamma(4, 10, 100)), 40) <= 0.97


@pytest.mark.parametrize("samples", [1, 8])
def test_paired_difference_covers_the_truth(samples):
    """Two models of known mean gain, whose problems differ in difficulty."""
    rng = np.random.default_rng(4)

    def difference():
        ability = rng.uniform(0.1, 0.7, 200)
        first, second = rng.binomial(samples, ability) / samples, rng.binomial(samples, ability + 0.15) / samples
        return paired_difference(first, second)

    assert 0.93 <= coverage(difference, 0.15, 500) <= 0.975


@pytest.mark.parametrize(("samples", "low"), [(1, 0.015), (8, 0.03)])
def test_paired_test_has_its_false_positive_rate(samples, low):
    """At most 5 % where the models are equal (a test on 0/1 values is discrete, so it stays below)."""
    rng = np.random.default_rng(5)
    p_values = []
    for _ in range(500):
        ability = rng.beta(0.7, 0.7, 100)
        first, second = rng.binomial(samples, ability) / samples, rng.binomial(samples, ability) / samples
        p_values.append(sign_flip_p_value(second - first, draws=1000))
    assert low <= np.mean(np.array(p_values) < 0.05) <= 0.07


@pytest.mark.parametrize(("gained", "lost"), [(9, 1), (12, 7), (5, 5), (0, 3)])
def test_paired_test_of_greedy_answers_is_mcnemars(gained, lost):
    first = [0.0] * gained + [1.0] * lost + [1.0] * 20
    second = [1.0] * gained + [0.0] * lost + [1.0] * 20
    exact = scipy.stats.binomtest(gained, gained + lost).pvalue
    assert paired_difference(first, second).p_value == pytest.approx(exact, abs=0.015)


def test_equal_models_do_not_differ():
    found = paired_difference([0.0, 1.0, 1.0], [0.0, 1.0, 1.0])
    assert found.value == 0 and found.p_value == 1 and found.low < 0 < found.high


def test_only_the_same_problems_are_paired():
    with pytest.raises(ValueError, match="paired"):
        paired_difference([0.0], [0.0, 1.0])


@pytest.mark.parametrize(("k", "n"), [(1, 8), (4, 8), (8, 16)])
@pytest.mark.parametrize("num_problems", [30, 200])
def test_intervals_of_pass_at_k_cover_the_truth(k, n, num_problems):
    """The truth is the chance that one of k samples is right, over the problems that might have been asked."""
    rng = np.random.default_rng(6)
    truth = 1 - np.mean((1 - rng.beta(0.7, 1.5, 400_000)) ** k)

    def estimate():
        correct = rng.binomial(n, rng.beta(0.7, 1.5, num_problems))
        return proportion([pass_at_k(n, c, k) for c in correct])

    assert 0.93 <= coverage(estimate, truth, 1500) <= 0.97


@pytest.mark.parametrize("num_problems", [30, 200])
def test_intervals_of_majority_votes_cover_the_truth(num_problems):
    """Each problem has a right answer and two wrong ones, with chances of its own; ties are averaged."""
    rng = np.random.default_rng(7)

    def votes(count):
        chances = rng.dirichlet([1.0, 0.7, 0.7], count)
        drawn = rng.multinomial(8, chances)
        most = drawn.max(axis=1)
        return (drawn[:, 0] == most) / (drawn == most[:, None]).sum(axis=1)

    truth = votes(400_000).mean()
    assert 0.93 <= coverage(lambda: proportion(votes(num_problems)), truth, 1500) <= 0.97


@pytest.mark.parametrize(("share", "num_problems"), [(0.95, 100), (0.95, 300), (0.5, 60)])
def test_intervals_of_quantiles_cover_the_truth(share, num_problems):
    """Lengths of the samples of a problem are alike, as they are in fact."""
    rng = np.random.default_rng(8)

    def lengths(count):
        return np.round(rng.lognormal(6, 0.5, (count, 1)) * rng.lognormal(0, 0.3, (count, 8)))

    truth = np.quantile(lengths(400_000), share)
    assert 0.93 <= coverage(lambda: quantile(lengths(num_problems).tolist(), share), truth, 500) <= 0.97


@given(st.lists(st.lists(st.integers(1, 50), min_size=3, max_size=3), min_size=1, max_size=12))
def test_a_quantile_is_that_of_all_values_and_lies_in_its_interval(values):
    found = quantile(values, 0.95)
    assert found.value == np.quantile(np.ravel(values), 0.95, method="inverted_cdf")
    assert min(map(min, values)) <= found.low <= found.value <= found.high <= max(map(max, values))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=6),
)
def test_majority_is_brute_force_over_all_orders_of_the_tie_break(drawn):
    """Equal answers are judged alike here, as the verifier does."""
    answers = [answer for answer, _ in drawn]
    gold = answers[0] if drawn[0][1] else "z"
    orders = list(itertools.permutations("abcz"))
    picked = [max(order, key=lambda one: (answers.count(one), -order.index(one))) for order in orders]
    expected = sum(one == gold for one in picked) / len(orders)
    assert majority(answers, [answer == gold for answer in answers]) == pytest.approx(expected)
