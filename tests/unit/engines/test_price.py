# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What requests cost, and the limit."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.config import Price
from nemo_reasoning.engines.price import Budget, OverBudget, Usage, cost, most_prompt_tokens, read_usage


def test_the_price_of_a_request():
    assert cost(Price(prompt=2, completion=8), Usage(1_000_000, 500_000)) == 6.0
    assert cost(Price(prompt=2, completion=8, cached_prompt=0.5), Usage(1_000_000, 0, cached=400_000)) == 1.4
    assert cost(Price(prompt=2, completion=8), Usage(1_000_000, 0, cached=400_000)) == 2.0


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 7}, Usage(5, 7)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 3}}, Usage(5, 7, 3)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "prompt_cache_hit_tokens": 3}, Usage(5, 7, 3)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "prompt_cache_hit_tokens": 9}, Usage(5, 7, 5)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": None}, Usage(5, 7)),
        ({"prompt_tokens": 5}, None),
        ({"prompt_tokens": 5, "completion_tokens": -1}, None),
        ({"prompt_tokens": 5, "completion_tokens": "7"}, None),
        ({"prompt_tokens": True, "completion_tokens": 7}, None),
        (None, None),
        ([], None),
    ],
)
def test_what_a_server_says_that_it_used(value, usage):
    assert read_usage(value) == usage


@given(st.text())
def test_no_tokenizer_gives_more_tokens_than_there_are_bytes(text):
    assert most_prompt_tokens([{"role": "user", "content": text}]) >= len(text.encode("utf-8", "replace"))


@given(st.integers(0, 2**32), st.floats(1, 50))
def test_the_limit_is_kept_however_the_attempts_turn_out(seed, limit):
    """Attempts of all sizes at once, each costing anything up to its most: the sum never passes the limit."""
    generator = random.Random(seed)

    async def attempt(budget, counts):
        most = generator.uniform(0.1, 5)
        try:
            await budget.reserve(most)
        except OverBudget:
            counts["refused"] += 1
            return
        await asyncio.sleep(0)
        counts["paid"] += (paid := generator.uniform(0, most))
        await budget.settle(most, paid)

    async def all_of_them():
        counts = {"refused": 0, "paid": 0.0}
        budget = Budget(limit)
        await asyncio.gather(*(attempt(budget, counts) for _ in range(60)))
        return budget, counts

    budget, counts = asyncio.run(all_of_them())
    assert counts["paid"] == pytest.approx(budget.spent)
    assert budget.spent <= limit + 1e-9
    assert not counts["refused"] or budget.spent > limit - 5


def test_what_was_spent_before_counts():
    async def one():
        await Budget(10.0, spent=9.5).reserve(1.0)

    with pytest.raises(OverBudget):
        asyncio.run(one())
