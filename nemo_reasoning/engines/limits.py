# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""How fast requests may be sent: so many, and so many tokens, in any minute; and pauses that a server asks for."""

import asyncio
from collections import deque
from dataclasses import dataclass
from time import monotonic

MINUTE_S = 60.0
LEARN_FROM = 0.1
"""Weight of a new completion's length in the running mean."""


@dataclass(eq=False, slots=True)
class Entry:
    """What one request takes of a window, from when on; corrected when it is known."""

    time: float
    amount: float
    gone: bool = False


class Window:
    """At most `limit` in any `period_s` seconds, wherever they begin.

    An amount above the limit passes when the window is empty: otherwise it never could.
    """

    def __init__(self, limit: float, period_s: float = MINUTE_S) -> None:
        self.limit, self.period_s = limit, period_s
        self._entries: deque[Entry] = deque()
        self._used = 0.0

    def wait_s(self, amount: float, now: float) -> float:
        """0 if the amount may pass now, else how long until the oldest entry leaves."""
        while self._entries and self._entries[0].time + self.period_s <= now:
            oldest = self._entries.popleft()
            oldest.gone = True
            self._used -= oldest.amount
        if not self._entries or self._used + amount <= self.limit:
            return 0.0
        return self._entries[0].time + self.period_s - now

    def add(self, amount: float, now: float) -> Entry:
        """Let an amount pass."""
        entry = Entry(now, amount)
        self._entries.append(entry)
        self._used += amount
        return entry

    def correct(self, entry: Entry, amount: float) -> None:
        """Say what an entry has really taken."""
        if not entry.gone:
            self._used += amount - entry.amount
            entry.amount = amount


class Pace:
    """When the next attempt may start. For one event loop.

    Args:
        requests_per_minute: None is no limit.
        tokens_per_minute: Of prompts and completions; None is no limit.
        completion_tokens: Expected of a completion until some have come.
        period_s: Length of the minute, for tests.
    """

    def __init__(
        self,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        completion_tokens: int,
        period_s: float = MINUTE_S,
    ) -> None:
        self._requests = Window(requests_per_minute, period_s) if requests_per_minute else None
        self._tokens = Window(tokens_per_minute, period_s) if tokens_per_minute else None
        self._expected = float(completion_tokens)
        self._closed_until = 0.0
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def start(self, prompt_tokens: float) -> Entry | None:
        """Wait for this attempt's turn; gives its entry among the tokens, for `finish`."""
        async with self._turn:  # attempts start in the order in which they came here
            while (wait := self._wait_s(prompt_tokens + self._expected)) > 0:
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), wait)
                except TimeoutError:
                    continue
            now = monotonic()
            if self._requests:
                self._requests.add(1, now)
            return self._tokens.add(prompt_tokens + self._expected, now) if self._tokens else None

    def _wait_s(self, tokens: float) -> float:
        now = monotonic()
        waits = [self._closed_until - now]
        waits += [self._requests.wait_s(1, now)] if self._requests else []
        waits += [self._tokens.wait_s(tokens, now)] if self._tokens else []
        return max(waits)

    def finish(self, entry: Entry | None, prompt_tokens: int, completion_tokens: int) -> None:
        """Correct what an attempt was expected to use; later ones are expected to write about as much."""
        self._expected += LEARN_FROM * (completion_tokens - self._expected)
        if entry and self._tokens:
            self._tokens.correct(entry, prompt_tokens + completion_tokens)
            self._changed.set()

    def hold(self, seconds: float) -> None:
        """Start nothing for so long: the server wants to be left alone."""
        self._closed_until = max(self._closed_until, monotonic() + seconds)
