# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What requests cost, and a limit that is kept however they turn out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nemo_reasoning.config import Price
from nemo_reasoning.engines.base import Message

MESSAGE_TOKENS = 64
"""More than any chat template adds to a few messages."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server says that it used; `cached` of the prompt's tokens came from its cache."""

    prompt: int
    completion: int
    cached: int = 0


def read_usage(value: Any) -> Usage | None:
    """The counts of a reply's `usage`, in OpenAI's or DeepSeek's keys; None where they are not counts."""
    if not isinstance(value, dict):
        return None
    counts = [value.get(name) for name in ("prompt_tokens", "completion_tokens")]
    if not all(_is_count(count) for count in counts):
        return None
    details = value.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else value.get("prompt_cache_hit_tokens")
    return Usage(*counts, cached=min(cached, counts[0]) if _is_count(cached) else 0)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def cost(price: Price, usage: Usage) -> float:
    """Price of a request."""
    of_cached = price.prompt if price.cached_prompt is None else price.cached_prompt
    prompt = (usage.prompt - usage.cached) * price.prompt + usage.cached * of_cached
    return (prompt + usage.completion * price.completion) / 1e6


def most_prompt_tokens(messages: Sequence[Message]) -> int:
    """No tokenizer gives the messages more: a token is at least a byte."""
    return sum(len(message["content"].encode("utf-8", "replace")) for message in messages) + MESSAGE_TOKENS


class OverBudget(Exception):
    """A request could bring the cost above the limit."""


class Budget:
    """Money that may be spent. For one event loop.

    Args:
        limit: None is no limit.
        spent: By earlier requests, uncertain costs included.
    """

    def __init__(self, limit: float | None, spent: float = 0.0) -> None:
        self.limit = limit
        self.spent = spent
        self._reserved = 0.0
        self._settled = asyncio.Condition()

    async def reserve(self, most: float) -> None:
        """Set aside the most that an attempt can cost; waits while those under way may leave room for it.

        Raises:
            OverBudget: There is no room, and none can come free.
        """
        async with self._settled:
            while self.limit is not None and self.spent + self._reserved + most > self.limit:
                if self.spent + most > self.limit or not self._reserved:
                    raise OverBudget
                await self._settled.wait()
            self._reserved += most

    async def settle(self, most: float, cost: float) -> None:
        """Replace what was set aside by what the attempt cost."""
        async with self._settled:
            self._reserved = max(0.0, self._reserved - most)
            self.spent += cost
            self._settled.notify_all()
