# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Where completions come from: a server that speaks OpenAI's chat protocol."""

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from nemo_reasoning.config.base import NonNegative, NonNegativeFloat, Positive, PositiveFloat, Section

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Price(Section):
    """Price of a million tokens, in any currency: that of `max_cost`."""

    prompt: NonNegativeFloat = 0.0
    completion: NonNegativeFloat = 0.0
    """Thinking included."""
    cached_prompt: NonNegativeFloat | None = None
    """Of prompt tokens that the server says it had in its cache; None is the price of the others."""


class Server(Section):
    """A server that speaks OpenAI's chat protocol, and how it is to be used."""

    base_url: str | None = None
    """Such as `https://api.deepseek.com` or `http://localhost:8000/v1`; never with a key in it."""
    model: str | None = None
    """The model's name at the server."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; None sends none. The key itself is written nowhere."""
    concurrency: Positive = 64
    """Requests under way at a time."""
    stream: bool = True
    """Have the completion sent as it is written, so that a stalled one is noticed early."""
    connect_timeout_s: PositiveFloat = 10.0
    stall_timeout_s: PositiveFloat = 300.0
    """Give an attempt up when nothing at all has come for so long; a server that does not stream says nothing
    before it has finished, so there this is not looked at."""
    request_timeout_s: PositiveFloat = 3600.0
    """Give an attempt up after so long, whatever comes."""
    wait_s: NonNegativeFloat = 0.0
    """Wait at the start for a server that does not answer yet, such as one that is loading its model."""
    max_retries: NonNegative = 8
    """Further attempts after HTTP 408, 409, 425, 429 and 5xx, a broken connection, a broken reply and a timeout."""
    first_delay_s: PositiveFloat = 1.0
    """Upper end of the random wait before the first further attempt; it doubles with each."""
    max_delay_s: PositiveFloat = 60.0
    """Upper end of the longest random wait; a server that asks for longer is given it, up to ten minutes."""
    requests_per_minute: Positive | None = None
    """Start no more requests than this in any minute; None is no limit."""
    tokens_per_minute: Positive | None = None
    """Start no more than this many tokens of prompts and completions in any minute; what a request will use is
    estimated from those before it. None is no limit."""
    price: Price = Price()
    max_cost: NonNegativeFloat | None = None
    """Send no request that could bring the cost above this, those under way counted at their most; None is no
    limit."""
    send_seed: bool = True
    """Send each request's own seed; for servers that refuse it, false."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the length limit."""
    extra_body: dict[str, Any] = {}
    """Further fields of every request, such as `{top_k: 20}` or `{chat_template_kwargs: {thinking: true}}`."""

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not is_address(value):
            raise ValueError("it should be like http://localhost:8000/v1, without a key in it")
        return value

    @field_validator("api_key_env")
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        if value is not None and not is_environment_name(value):
            raise ValueError("it should be the name of an environment variable, not the key itself")
        return value

    @model_validator(mode="after")
    def _priced(self) -> "Server":
        if self.max_cost is not None and not (self.price.prompt or self.price.completion):
            raise ValueError("max_cost needs a price; set price.prompt and price.completion")
        return self


def is_address(text: str) -> bool:
    """Whether this is the address of a server, without user, password or query, where a key might be."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or "@" in parts.netloc)
    except ValueError:
        return False


def is_environment_name(text: str) -> bool:
    """Whether an environment variable may be called this."""
    return bool(_ENVIRONMENT_NAME.fullmatch(text))
