# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a server's reply says, streamed or whole: pure functions of its bytes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from nemo_reasoning.engines.price import Usage, read_usage
from nemo_reasoning.engines.retry import Failure, said

REASONING = ("reasoning_content", "reasoning")
"""Where servers put the thinking: DeepSeek, SGLang and older vLLM; newer vLLM, and some of NVIDIA's."""
OVERLOADED = "insufficient_system_resource"
"""DeepSeek's finish reason of a completion that its server broke off."""


@dataclass(slots=True)
class Answer:
    """A reply as far as it has been read.

    Attributes:
        text: Pieces of the content.
        reasoning: Pieces of the thinking that was given apart.
        finish_reason: "" where there was none.
        usage: None where there were no counts.
        choices: There was a completion, be it an empty one.
    """

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    finish_reason: str = ""
    usage: Usage | None = None
    choices: bool = False

    def take(self, message: Any) -> None:
        """Add a message, or a piece of one.

        Raises:
            TypeError: Its content is no text.
        """
        thinking = next((message[name] for name in REASONING if message.get(name)), None)
        for pieces, piece in ((self.text, message.get("content")), (self.reasoning, thinking)):
            if piece is not None and not isinstance(piece, str):
                raise TypeError("the content is no text")
            if piece:
                pieces.append(piece)

    def check(self, key: str | None) -> None:
        """See that it is a completion; `key` is cut out of what the server said."""
        if not self.choices:
            raise Failure("bad_reply", "there was no completion in it", retry=True, paid=True)
        if self.finish_reason == OVERLOADED:
            raise Failure(OVERLOADED, retry=True, paid=True)


def read_whole(body: bytes, answer: Answer, key: str | None) -> None:
    """Read a reply that came in one piece into `answer`; of several completions, the first.

    Raises:
        Failure: It is broken or holds none.
    """
    try:
        _read(orjson.loads(body), "message", answer, key)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise Failure("bad_reply", "it is no completion in OpenAI's form", retry=True, paid=True) from None
    answer.check(key)


async def read_stream(lines: AsyncIterator[str], answer: Answer, key: str | None) -> None:
    """Read server-sent events into `answer`, piece by piece; errors as in `read_whole`."""
    async for line in lines:
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            continue  # empty lines and comments keep the connection alive
        try:
            _read(orjson.loads(data), "delta", answer, key)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise Failure("bad_reply", "it is no completion in OpenAI's form", retry=True, paid=True) from None
    if answer.choices and not answer.finish_reason:
        raise Failure("bad_reply", "the stream ended before the completion did", retry=True, paid=True)
    answer.check(key)


def _read(reply: dict[str, Any], part: str, answer: Answer, key: str | None) -> None:
    """Read a reply whose completion is under `part`."""
    if reply.get("error"):
        raise Failure("server_error", said(orjson.dumps(reply), key), retry=True, paid=True)
    answer.usage = read_usage(reply.get("usage")) or answer.usage
    for choice in reply.get("choices") or ():
        if choice.get("index", 0) == 0:  # nobody asked for more than one
            answer.choices = True
            answer.take(choice.get(part) or {})
            answer.finish_reason = choice.get("finish_reason") or answer.finish_reason
