# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""So many requests and tokens in any minute."""

import asyncio
import time

from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.engines.limits import Pace, Window


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 12)), max_size=60), st.integers(5, 20))
def test_no_stretch_of_the_period_holds_more_than_the_limit(arrivals, limit):
    """Amounts that wait as they are told: in every stretch at most the limit, or one amount that is larger."""
    window, now, passed = Window(limit, period_s=10), 0.0, []
    for gap, amount in arrivals:
        now += gap
        while (wait := window.wait_s(amount, now)) > 0:
            now += wait
        window.add(amount, now)
        passed.append((now, amount))
    for start, _ in passed:
        inside = [amount for time, amount in passed if start <= time < start + 10 - 1e-6]
        assert sum(inside) <= limit or len(inside) == 1


@given(st.integers(1, 10), st.integers(0, 10))
def test_a_corrected_entry_gives_room_back(expected, used):
    window = Window(10, period_s=10)
    entry = window.add(expected, 0.0)
    window.correct(entry, used)
    assert ((window.wait_s(10 - used, 1.0) == 0) and window.wait_s(11 - used, 1.0) > 0) or used == 0
    assert window.wait_s(10, 10.0) == 0
    window.correct(entry, 10)
    assert window.wait_s(10, 10.0) == 0


def starts(pace, count, tokens=1):
    async def all_of_them():
        begun = time.monotonic()
        await asyncio.gather(*(pace.start(tokens) for _ in range(count)))
        return time.monotonic() - begun

    return asyncio.run(all_of_them())


def test_requests_wait_for_their_turn():
    assert starts(Pace(5, None, 100, period_s=0.2), 18) >= 0.6


def test_tokens_wait_for_their_turn():
    assert starts(Pace(None, 100, 19, period_s=0.2), 18) >= 0.6


def test_without_limits_nothing_waits():
    pace = Pace(None, None, 100)
    starts(pace, 1000)
    assert pace._wait_s(1e9) <= 0


def test_a_server_that_wants_to_be_left_alone_is():
    pace = Pace(None, None, 100)
    pace.hold(0.3)
    pace.hold(0.1)
    assert starts(pace, 3) >= 0.29


def test_later_requests_are_expected_to_write_about_as_much():
    pace = Pace(None, 1000, 32768)
    for _ in range(100):
        pace.finish(None, 10, 50)
    assert pace._wait_s(10) <= 0


def test_room_that_comes_free_is_used_at_once():
    """Two requests that were expected to fill the minute used little: a third need not wait for its end."""

    async def third():
        pace = Pace(None, 110, 40, period_s=3600)
        first, _ = await pace.start(10), await pace.start(10)
        waiting = asyncio.create_task(pace.start(10))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        pace.finish(first, 5, 5)
        await asyncio.wait_for(waiting, 60)

    asyncio.run(third())
