# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a failed attempt means: try again, and after how long, give the request up, or stop altogether."""

import email.utils
import math
import random
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

RETRIED = frozenset((408, 409, 425, 429))
"""And all from 500 on."""
LONGEST_RETRY_AFTER_S = 600.0
MAX_TEXT = 300
"""Characters of what a server said that are kept."""

_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|maximum.{0,20}(length|context)|max_model_len"
    r"|(prompt|input).{0,40}too (long|large)",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(r"model.{0,80}(not (exist|found)|doesn.t exist|unknown|not available)", re.IGNORECASE)


class Failure(Exception):
    """An attempt that gave no completion.

    Args:
        reason: Word for the count.
        text: What the server said.
        retry: Another attempt may succeed.
        paid: It may have cost something all the same.
        hopeless: Why no other request can succeed either: `key`, `money` or `model`; "" if one may.
        delay_s: How long the server wants to be left alone.
    """

    def __init__(
        self,
        reason: str,
        text: str = "",
        *,
        retry: bool = False,
        paid: bool = False,
        hopeless: str = "",
        delay_s: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.text = reason, text
        self.retry, self.paid, self.hopeless, self.delay_s = retry, paid, hopeless, delay_s


def refusal(status: int, headers: Mapping[str, str], body: bytes, key: str | None) -> Failure:
    """What an HTTP status other than success means.

    Args:
        status: HTTP status.
        headers: Of the reply.
        body: Of the reply.
        key: Is cut out of what the server said; None if none was sent.
    """
    text = said(body, key)
    if status in RETRIED or status >= 500:
        return Failure(f"http_{status}", text, retry=True, delay_s=retry_after_s(headers))
    if status in (401, 403):
        return Failure(f"http_{status}", text, hopeless="key")
    if status == 402:
        return Failure("http_402", text, hopeless="money")
    if status == 413 or (status != 404 and _TOO_LONG.search(text)):
        return Failure("prompt_too_long", text)
    if status == 404 or _NO_MODEL.search(text):
        return Failure(f"http_{status}", text, hopeless="model")
    return Failure(f"http_{status}", text)


def said(body: bytes, key: str | None) -> str:
    """The message in a server's reply, in one line and without the key, cut to a sentence or two."""
    text = body.decode("utf-8", "replace")
    with suppress(orjson.JSONDecodeError):  # some servers answer with plain text or a page
        text = _message(orjson.loads(body)) or text
    return " ".join((text.replace(key, "<key>") if key else text).split())[:MAX_TEXT]


def _message(value: Any) -> str | None:
    """The text under OpenAI's or FastAPI's names."""
    while isinstance(value, dict):
        value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), None)
    return value if isinstance(value, str) else None


def retry_after_s(headers: Mapping[str, Any]) -> float | None:
    """How long the server wants to be left alone, in seconds or as a date (RFC 9110); at most ten minutes."""
    text = headers.get("retry-after")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        date = email.utils.parsedate_tz(text)
        seconds = math.nan if date is None else email.utils.mktime_tz(date) - time.time()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S) if math.isfinite(seconds) else None


def delay_s(attempt: int, first_s: float, longest_s: float) -> float:
    """Exponential backoff with full jitter: anything up to a bound that doubles with each attempt.

    Source: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.

    Args:
        attempt: How many there have been before the first wait, from 0.
        first_s: Bound of the first wait.
        longest_s: Bound of every wait.
    """
    return random.uniform(0.0, min(first_s * 2.0 ** min(attempt, 60), longest_s))
