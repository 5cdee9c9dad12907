# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Which samples are asked for."""

import random

from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.generate.journal import CORRECT, NOTHING, VERIFIED
from nemo_reasoning.generate.schedule import Schedule, seed_of


class Known:
    """A journal that knows these states."""

    def __init__(self, states, samples):
        self.samples, self._states = samples, states

    def states(self, problem):
        return bytes(self._states[problem])


def play(states, samples, stop, share, concurrency, seed):
    """Ask for all that is due, so many at a time, with answers that are right by chance; gives what was asked."""
    generator = random.Random(seed)
    schedule = Schedule(({"id": f"p{n}"} for n in range(len(states))), Known(states, samples), stop)
    asked, under_way = [], []
    while True:
        while len(under_way) < concurrency and (due := schedule.next()):
            number, sample, row = due
            assert row["id"] == f"p{number}"
            asked.append((number, sample))
            under_way.append((number, sample))
        if not under_way:
            return asked, schedule
        number, sample = under_way.pop(generator.randrange(len(under_way)))
        correct = generator.random() < share
        states[number][sample] = CORRECT if correct else VERIFIED + 1
        schedule.settled(number, sample, correct=correct)


@given(
    st.lists(st.lists(st.sampled_from([NOTHING, CORRECT, VERIFIED + 1]), min_size=5, max_size=5), max_size=8),
    st.none() | st.integers(1, 5),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(1, 9),
    st.integers(0, 1000),
)
def test_each_sample_at_most_once_and_no_more_than_needed(states, stop, share, concurrency, seed):
    before = [list(row) for row in states]
    asked, schedule = play(states, 5, stop, share, concurrency, seed)
    assert len(set(asked)) == len(asked)
    for number, row in enumerate(states):
        of_problem = [sample for problem, sample in asked if problem == number]
        assert all(before[number][sample] == NOTHING for sample in of_problem)
        if stop is None:
            assert NOTHING not in row
        elif before[number].count(CORRECT) >= stop:
            assert not of_problem
        else:
            assert row.count(CORRECT) == stop or NOTHING not in row
    assert schedule.saved == sum(row.count(NOTHING) for row in states)


def test_samples_of_a_problem_are_asked_for_together():
    asked, _ = play([[NOTHING] * 4 for _ in range(3)], 4, None, 0.5, 100, 0)
    assert asked == [(problem, sample) for problem in range(3) for sample in range(4)]


def test_only_open_problems_are_held():
    """A million problems may wait; those under way are few."""
    drawn = []

    def problems():
        for number in range(1000):
            drawn.append(number)
            yield {"id": str(number)}

    schedule = Schedule(problems(), Known([[NOTHING] * 4] * 1000, 4), None)
    for _ in range(200):
        number, sample, _ = schedule.next()
        schedule.settled(number, sample, correct=True)
    assert len(drawn) == 50
    assert len(schedule._open) <= 1


def test_seeds_are_the_samples_own():
    seeds = {seed_of(seed, problem, sample) for seed in range(3) for problem in "abc" for sample in range(100)}
    assert len(seeds) == 900
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of(0, "a", 1) == seed_of(0, "a", 1)
