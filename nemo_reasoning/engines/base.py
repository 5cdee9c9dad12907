# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What every engine offers: completions as text for chat messages, wherever the model runs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from nemo_reasoning.contract import ReasoningFormat

Message = dict[str, str]
"""A turn of a chat in OpenAI's layout: `role` and `content`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One completion that is wanted.

    Attributes:
        id: Chosen by the caller, who finds the reply by it; unique among the requests under way.
        messages: The chat, without the turn that is wanted.
        seed: Of this completion; None leaves it to the engine.
    """

    id: str
    messages: list[Message]
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Params:
    """How to sample.

    Attributes:
        max_new_tokens: Length limit of a completion, its thinking included (tokens).
        temperature: 0 is greedy.
        top_p: Sample from the smallest set of tokens with at least this probability.
    """

    max_new_tokens: int
    temperature: float
    top_p: float = 1.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request.

    Attributes:
        id: Of the request.
        text: What the model wrote after the prompt, without the stop token; think tags stay in it.
        reasoning: Its thinking, where a server gives it apart; None where it is in the text.
        num_tokens: Tokens written, thinking included; None where the engine does not say.
        prompt_tokens: Tokens of the prompt; None where the engine does not say.
        finish_reason: `stop`, `length` for a completion that was cut off, or the server's own word.
        cost: Price of the tokens that the server says it used, all attempts together.
        possible_cost: The most that attempts without a count of tokens can have cost besides.
        error: Why there is no completion, as a word for counting (`timeout`, `http_500`, `prompt_too_long`,
            `cost_limit`, ...); None where there is one.
        error_text: What the server said about it, where it said something; never holds the key.
        lasting: Asking again would end in the same error.
    """

    id: str
    text: str = ""
    reasoning: str | None = None
    num_tokens: int | None = None
    prompt_tokens: int | None = None
    finish_reason: Literal["stop", "length"] | str = ""
    cost: float = 0.0
    possible_cost: float = 0.0
    error: str | None = None
    error_text: str = ""
    lasting: bool = False

    @property
    def truncated(self) -> bool:
        """The completion ended by its length limit."""
        return self.finish_reason == "length"

    def completion(self, fmt: ReasoningFormat) -> str:
        """All that was written, as `fmt.parse` takes it: thinking that was given apart is put in front.

        Thinking without any text after it was not finished, so it stays open.
        """
        if self.reasoning is None:
            return self.text
        thinking = f"{fmt.think_open}\n{self.reasoning.strip()}"
        closed = f"{thinking}\n{fmt.think_close}\n\n{self.text.strip()}"
        return fmt.continuation(closed if self.text.strip() else thinking)


class Engine(Protocol):
    """Writes completions. Not for several threads at a time."""

    def complete(self, requests: Iterable[Request], params: Params) -> Iterator[Reply]:
        """One reply for each request, as they finish, in any order.

        Requests are drawn in the caller's thread, only as there is room for more, so the iterable
        may be endless and may depend on the replies that have come so far. A request that fails
        for good gives a reply with `error`; closing the iterator gives up what is under way.

        Raises:
            InputError: No request can succeed (the key is refused, the model is unknown, ...); raised
                after the replies to those under way.
        """
        ...

    def close(self) -> None:
        """Let go of the model or the connections."""
        ...
