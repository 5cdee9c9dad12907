# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Completions from any server that speaks OpenAI's chat protocol: NIM, vLLM, SGLang, the APIs of DeepSeek and NVIDIA.

Requests run in an event loop in a thread of its own, so that it works where a loop runs already
(notebooks, Ray actors) and goes on while the caller looks at a reply.
"""

import asyncio
import itertools
import os
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from nemo_reasoning.config import Server
from nemo_reasoning.engines.base import Params, Reply, Request
from nemo_reasoning.engines.limits import Pace
from nemo_reasoning.engines.price import Budget, OverBudget, Usage, cost, most_prompt_tokens
from nemo_reasoning.engines.retry import Failure, delay_s, refusal
from nemo_reasoning.engines.wire import Answer, read_stream, read_whole
from nemo_reasoning.errors import InputError, Interrupted, nearest

if TYPE_CHECKING:
    from openai import AsyncOpenAI

BYTES_PER_TOKEN = 4
"""Of a prompt, roughly, for the token limit; what it really was is put right afterwards."""
LOADING = (408, 429, 502, 503, 504)
"""What a server that will answer soon may say at first, or the gateway before it."""
LIST_TIMEOUT_S = 30.0
"""For the list of its models; no completion is so quick."""
POLL_S = 1.0
"""How often a server that is being waited for is asked."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A reply, and the failure behind it if there was one."""

    reply: Reply
    failure: Failure | None = None


class OpenAIServer:
    """A server.

    Args:
        settings: Where it is and how it is to be used.
        where: Name of these settings, for sentences.
        spent: What earlier requests may have cost, which counts for `max_cost`.

    Raises:
        InputError: The client's package, the address, the model's name or the key is missing.
    """

    def __init__(self, settings: Server, where: str, spent: float = 0.0) -> None:
        self.settings, self.where = settings, where
        self._key = read_key(settings.api_key_env, where)
        self._client = _client(settings, self._key, where)
        self._budget = Budget(settings.max_cost, spent)
        self._pace: Pace | None = None
        self._models: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="requests", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """See whether the server answers and takes the key; one that does not answer yet is given `wait_s`.

        Raises:
            InputError: It does not.
        """
        self._models = self._run(self._list_models()).result()

    def complete(self, requests: Iterable[Request], params: Params) -> Iterator[Reply]:
        """As in `Engine`; `Interrupted` where the account has no money left."""
        hopeless: list[Failure] = []
        waiting = iter(requests)

        def until_hopeless() -> Iterator[Request]:
            while not hopeless and (request := next(waiting, None)) is not None:
                yield request

        for outcome in self._outcomes(until_hopeless(), params):
            if outcome.failure and outcome.failure.hopeless:
                hopeless.append(outcome.failure)
            yield outcome.reply  # those under way too: they may have been paid for
        if hopeless:
            raise self._hopeless(hopeless[0])

    def replies(self, requests: Iterable[Request], params: Params) -> Iterator[Reply]:
        """As `complete`, but a refusal that would meet every request is a reply with `error` too."""
        return (outcome.reply for outcome in self._outcomes(requests, params))

    def close(self) -> None:
        """Give up what is under way and close the connections."""
        if self._loop.is_running():
            self._run(self._shut()).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _shut(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Future:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _outcomes(self, requests: Iterable[Request], params: Params) -> Iterator[_Outcome]:
        """What became of each request; as many are under way as may be."""
        if self._pace is None:
            limits = (self.settings.requests_per_minute, self.settings.tokens_per_minute)
            self._pace = Pace(*limits, completion_tokens=params.max_new_tokens)
        waiting = iter(requests)
        ended: SimpleQueue[Future] = SimpleQueue()
        under_way: set[Future] = set()
        try:
            while True:
                for request in itertools.islice(waiting, self.settings.concurrency - len(under_way)):
                    task = self._run(self._answer(request, params))
                    under_way.add(task)
                    task.add_done_callback(ended.put)
                if not under_way:
                    return
                task = ended.get()
                under_way.remove(task)
                yield task.result()
        finally:
            for task in under_way:
                task.cancel()

    async def _answer(self, request: Request, params: Params) -> _Outcome:
        """All attempts of one request."""
        tally = Reply(request.id)
        for attempt in itertools.count():
            try:
                return _Outcome(await self._attempt(request, params, tally))
            except OverBudget:
                return _Outcome(replace(tally, error="cost_limit"))
            except _Failed as failed:
                tally, failure = failed.tally, failed.failure
            if not failure.retry or attempt == self.settings.max_retries:
                lasting = not (failure.retry or failure.hopeless)
                ended = replace(tally, error=failure.reason, error_text=failure.text, lasting=lasting)
                return _Outcome(ended, failure)
            if failure.delay_s is not None:
                self._pace.hold(failure.delay_s)
            await asyncio.sleep(delay_s(attempt, self.settings.first_delay_s, self.settings.max_delay_s))
        raise AssertionError("the last attempt returns")

    async def _attempt(self, request: Request, params: Params, tally: Reply) -> Reply:
        """One attempt, paid for; gives the reply with the costs of all so far.

        Raises:
            OverBudget: There is no money for it.
            _Failed: It gave no completion.
        """
        price, prompt = self.settings.price, most_prompt_tokens(request.messages)
        most = cost(price, Usage(prompt, params.max_new_tokens))
        await self._budget.reserve(most)
        answer, failure, spent, possible = Answer(), None, 0.0, most
        try:
            entry = await self._pace.start(prompt / BYTES_PER_TOKEN)
            try:
                await self._ask(request, params, answer)
            except Failure as error:
                failure = error
            if answer.usage:
                self._pace.finish(entry, answer.usage.prompt, answer.usage.completion)
                spent = cost(price, answer.usage)
            possible = 0.0 if answer.usage or (failure and not failure.paid) else most
        finally:
            await self._budget.settle(most, spent + possible)
        tally = replace(tally, cost=tally.cost + spent, possible_cost=tally.possible_cost + possible)
        if failure:
            raise _Failed(tally, failure)
        return _with_answer(tally, answer, self._key)

    async def _ask(self, request: Request, params: Params, answer: Answer) -> None:
        """Send the request and read what comes into `answer`.

        What the client raises is not passed on: it may hold the key.
        """
        import httpx
        import openai

        create = self._client.chat.completions.with_streaming_response.create
        try:
            async with (
                asyncio.timeout(self.settings.request_timeout_s),
                create(**self._fields(request, params)) as response,
            ):
                if "text/event-stream" in response.headers.get("content-type", ""):
                    return await read_stream(response.iter_lines(), answer, self._key)
                return read_whole(await response.read(), answer, self._key)
        except openai.APIStatusError as error:
            failure = refusal(error.status_code, error.response.headers, error.response.content, self._key)
        except (openai.APIConnectionError, httpx.HTTPError, TimeoutError) as error:
            failure = _broken(error)
        raise failure

    def _fields(self, request: Request, params: Params) -> dict[str, Any]:
        """The body of a request."""
        settings = self.settings
        seed = {"seed": request.seed} if settings.send_seed and request.seed is not None else {}
        streamed = {"stream": True, "stream_options": {"include_usage": True}} if settings.stream else {}
        return {
            "model": settings.model,
            "messages": [{**m, "content": m["content"].encode("utf-8", "replace").decode()} for m in request.messages],
            "temperature": params.temperature,
            **({"top_p": params.top_p} if params.top_p < 1 else {}),
            settings.limit_field: params.max_new_tokens,
            **seed,
            **streamed,
            "extra_body": settings.extra_body,
        }

    async def _list_models(self) -> list[str]:
        """Names of the server's models; empty where it does not list them. Errors as in `check`."""
        import openai

        give_up = monotonic() + self.settings.wait_s
        while True:
            try:
                models = await self._client.models.list(timeout=LIST_TIMEOUT_S)
                return [model.id for model in models.data if isinstance(model.id, str)]
            except openai.APIStatusError as error:
                failure = refusal(error.status_code, {}, error.response.content, self._key)
                if error.status_code not in LOADING and failure.hopeless != "key":
                    return []
            except openai.APIConnectionError as error:
                failure = _broken(error)
            except (openai.OpenAIError, AttributeError, TypeError, ValueError):
                return []  # it answers, if not in OpenAI's form
            if failure.hopeless:
                raise self._hopeless(failure)
            if monotonic() >= give_up:
                raise self._absent(failure)
            await asyncio.sleep(POLL_S)

    def _absent(self, failure: Failure) -> InputError:
        settings = self.settings
        waited = f" for {settings.wait_s:g} s" if settings.wait_s else ""
        return InputError(
            f"the server {settings.base_url} does not answer{waited} ({failure.text or failure.reason}); start it, "
            f"set {self.where}.base_url to its address, or let the run wait for it with {self.where}.wait_s."
        )

    def _hopeless(self, failure: Failure) -> Exception:
        """The sentence for what no request can overcome."""
        settings = self.settings
        said = f"{failure.reason.replace('_', ' ').upper()}{f': {failure.text}' if failure.text else ''}"
        if failure.hopeless == "money":
            return Interrupted(f"because the account at {settings.base_url} has no money left ({said}): top it up")
        if failure.hopeless == "model":
            known = nearest(settings.model, self._models) if self._models else "."
            return InputError(
                f"the server {settings.base_url} has no model '{settings.model}' ({said}); set {self.where}.model, "
                f"or {self.where}.base_url if that is not its address (mind the /v1){known}"
            )
        key = f"the key in {settings.api_key_env}" if settings.api_key_env else "a request without a key"
        advice = "set that variable to a valid one" if settings.api_key_env else f"set {self.where}.api_key_env"
        return InputError(f"the server {settings.base_url} refuses {key} ({said}); {advice}.")


class _Failed(Exception):
    """An attempt failed; with what has been spent so far."""

    def __init__(self, tally: Reply, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.tally, self.failure = tally, failure


def read_key(api_key_env: str | None, what: str) -> str | None:
    """The key in an environment variable; None where none is named.

    Args:
        api_key_env: Name of the variable.
        what: What needs the key, for the sentence.

    Raises:
        InputError: The variable holds no key. What it holds is not repeated.
    """
    if api_key_env is None:
        return None
    key = os.environ.get(api_key_env, "").strip()
    if not (key and key.isascii() and key.isprintable()):
        raise InputError(f"the environment variable {api_key_env} holds no key for {what}; set it.")
    return key


def _client(settings: Server, key: str | None, where: str) -> "AsyncOpenAI":
    """The client; it makes one attempt only, since the attempts are counted, paced and paid for here."""
    if settings.base_url is None or settings.model is None:
        missing = "base_url" if settings.base_url is None else "model"
        raise InputError(f"{where}.{missing} has no value; set it.")
    try:
        import httpx
        import openai
    except ImportError:
        raise InputError(f"asking the server {settings.base_url} needs the openai package; install it.") from None
    stall_s = settings.stall_timeout_s if settings.stream else None
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=settings.concurrency)
    timeout = httpx.Timeout(None, connect=settings.connect_timeout_s, read=stall_s)
    http_client = openai.DefaultAsyncHttpxClient(limits=limits, timeout=timeout)
    return openai.AsyncOpenAI(
        base_url=settings.base_url, api_key=key or "none", max_retries=0, timeout=timeout, http_client=http_client
    )


def _broken(error: Exception) -> Failure:
    """What a failed connection or a timeout means; what could not be connected was not paid for."""
    import httpx

    cause = error.__cause__ if isinstance(error.__cause__, httpx.HTTPError) else error
    if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout):
        return Failure("connection", "it cannot be connected", retry=True)
    if isinstance(cause, httpx.TimeoutException | TimeoutError):
        return Failure("timeout", "it took too long", retry=True, paid=True)
    return Failure("connection", "the connection broke", retry=True, paid=True)


def _with_answer(tally: Reply, answer: Answer, key: str | None) -> Reply:
    """The finished reply; the key is cut out even of what the model says."""
    usage = answer.usage
    texts = ("".join(pieces) for pieces in (answer.text, answer.reasoning))
    text, reasoning = (text.replace(key, "<key>") if key else text for text in texts)
    return replace(
        tally,
        text=text,
        reasoning=reasoning or None,
        num_tokens=usage.completion if usage else None,
        prompt_tokens=usage.prompt if usage else None,
        finish_reason=answer.finish_reason,
    )
