# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The client of servers against one that misbehaves, in a process of its own."""

import json
import logging
import secrets
import time
from contextlib import closing

import pytest
from fault_server import FAULTS, Running

from nemo_reasoning.config import Price, Server
from nemo_reasoning.contract.format import BOXED_TRACE
from nemo_reasoning.engines.base import Params, Request
from nemo_reasoning.engines.limits import Pace
from nemo_reasoning.engines.openai_server import OpenAIServer
from nemo_reasoning.errors import InputError, Interrupted

pytest.importorskip("openai")
PARAMS = Params(max_new_tokens=100, temperature=0.6, top_p=0.95)
PRICE = Price(prompt=1e6, completion=2e6)
"""One prompt token costs 1, one that is written 2."""


@pytest.fixture(scope="module")
def running():
    with Running(stall=3) as server:
        yield server


@pytest.fixture
def server(running):
    running.reset()
    return running


def request(number=0):
    return Request(str(number), [{"role": "user", "content": f"What is {number} + 5?"}], seed=number)


def ask(server, count=1, check=False, params=PARAMS, **settings):
    """The replies by id."""
    settings = {"model": "teacher", "first_delay_s": 0.01, "max_delay_s": 0.05, "stall_timeout_s": 60.0, **settings}
    with closing(OpenAIServer(Server(base_url=server.url, **settings), "generate.server")) as engine:
        if check:
            engine.check()
        replies = list(engine.complete(map(request, range(count)), params))
    assert len(replies) == len({reply.id for reply in replies})
    return {int(reply.id): reply for reply in replies}


@pytest.mark.parametrize("stream", [True, False])
def test_what_is_sent_and_what_comes_back(server, stream):
    server.script({"text": "It is \\boxed{5}.", "reasoning": "0 + 5", "usage": {"completion_tokens": 9}})
    reply = ask(server, stream=stream, price=PRICE, extra_body={"top_k": 20})[0]
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("It is \\boxed{5}.", "0 + 5", "stop")
    assert (reply.prompt_tokens, reply.num_tokens, reply.cost, reply.possible_cost) == (5, 9, 23.0, 0.0)
    assert reply.completion(BOXED_TRACE) == "<think>\n0 + 5\n</think>\n\nIt is \\boxed{5}."
    assert not reply.truncated
    sent = server.log()["requests"][0]["body"]
    assert sent.pop("stream", False) == stream
    assert sent.pop("stream_options", None) == ({"include_usage": True} if stream else None)
    assert sent == {
        "model": "teacher",
        "messages": [{"role": "user", "content": "What is 0 + 5?"}],
        "temperature": 0.6,
        "top_p": 0.95,
        "max_tokens": 100,
        "seed": 0,
        "top_k": 20,
    }


def test_what_a_server_does_not_know_is_not_sent(server):
    settings = {"send_seed": False, "limit_field": "max_completion_tokens"}
    ask(server, params=Params(100, 0.0), stream=False, **settings)
    sent = server.log()["requests"][0]["body"]
    assert sorted(sent) == ["max_completion_tokens", "messages", "model", "temperature"]


@pytest.mark.parametrize("stream", [True, False])
def test_thinking_in_the_other_field_in_the_text_or_cut_off(server, stream):
    script = (
        {"field": "reasoning", "reasoning": "hm", "text": "4"},
        {"reasoning": "", "text": "<think>\nhm\n</think>\n\n4"},
        {"reasoning": "hm", "text": "", "finish": "length"},
        {"reasoning": "", "text": "<think>\nhm", "finish": "length"},
    )
    server.script(*script, {})
    replies = ask(server, 4, concurrency=1, stream=stream)
    traces = [replies[number].completion(BOXED_TRACE) for number in range(4)]
    assert traces == ["<think>\nhm\n</think>\n\n4"] * 2 + ["<think>\nhm"] * 2
    assert [replies[number].truncated for number in range(4)] == [False, False, True, True]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_overcome_and_paid_right(server, fault, stream):
    """One attempt fails, the next does not; what the server did not count may have been paid, at most."""
    server.script(fault, {})
    limits = {"stall_timeout_s": 1.0, "request_timeout_s": 60.0 if stream else 1.0} if fault == "stall" else {}
    reply = ask(server, stream=stream, price=PRICE, concurrency=1, **limits)[0]
    assert reply.error is None
    log = server.log()
    attempts = 1 if fault == "three" else 2
    assert log["attempts"] == {'["What is 0 + 5?", 0]': attempts}
    counted = log["billed"]["prompt_tokens"] + 2 * log["billed"]["completion_tokens"]
    assert reply.cost == counted
    uncounted = fault in ("reset", "reset late", "half", "stall")
    most = len("What is 0 + 5?") + 64 + 2 * PARAMS.max_new_tokens
    # half of a stream may have its count of tokens in it, or not; the two halves of a JSON never both
    assert reply.possible_cost == (most if uncounted else 0)


def test_a_stream_that_goes_on_is_no_stall(server):
    server.script({"pause": 0.1})
    assert ask(server, stall_timeout_s=2.0)[0].error is None


def test_a_request_that_takes_too_long_is_given_up(server):
    server.script({"pause": 0.3})
    reply = ask(server, request_timeout_s=1.0, max_retries=0)[0]
    assert (reply.error, reply.lasting) == ("timeout", False)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("500", "http_500"), ("429 later", "http_429"), ("half", "bad_reply"), ("reset", "connection")],
)
def test_in_the_end_a_request_fails(server, fault, reason):
    server.script(fault)
    reply = ask(server, max_retries=2)[0]
    assert (reply.error, reply.lasting) == (reason, False)
    assert sum(server.log()["attempts"].values()) == 3


def test_the_server_is_left_alone_for_as_long_as_it_asks(server):
    server.script({"status": 429, "headers": {"retry-after": "1"}}, {})
    ask(server, 1)
    first, second = (entry["time"] for entry in server.log()["requests"])
    assert second - first >= 0.99


def test_a_refusal_of_one_request_is_that_request_s(server):
    too_long = {"status": 400, "body": {"error": {"message": "maximum context length is 10 tokens"}}}
    server.script(too_long, {"status": 400, "body": {"detail": "bad"}}, {})
    replies = ask(server, 3, concurrency=1)
    found = [(replies[number].error, replies[number].lasting) for number in range(3)]
    assert found == [("prompt_too_long", True), ("http_400", True), (None, False)]
    assert replies[1].error_text == "bad"


@pytest.mark.parametrize(
    ("status", "message", "sentence"),
    [
        (401, "bad key", "refuses a request without a key (HTTP 401: bad key); set generate.server.api_key_env."),
        (404, "no such model", "has no model 'teachr' (HTTP 404: no such model); set generate.server.model"),
        (400, "Model Not Exist", "did you mean 'teacher'?"),
    ],
)
def test_what_no_request_can_overcome_is_a_sentence(server, status, message, sentence):
    server.script({"status": status, "body": {"error": {"message": message}}})
    with pytest.raises(InputError) as caught:
        ask(server, 200, check=True, model="teachr", concurrency=4)
    assert sentence in str(caught.value)
    assert sum(server.log()["attempts"].values()) <= 8


def test_an_empty_account_interrupts(server):
    server.script({"status": 402, "body": {"error": {"message": "Insufficient Balance"}}})
    with pytest.raises(Interrupted, match="no money left"):
        ask(server)


def test_no_more_requests_are_under_way_than_may_be(server):
    server.script({"pause": 0.02})
    ask(server, 30, concurrency=7)
    assert 1 < server.log()["peak"] <= 7


def test_every_attempt_waits_for_its_turn(server):
    server.script("500", "500", "500", {})
    limits = {"requests_per_minute": 600, "tokens_per_minute": 10_000, "first_delay_s": 0.001}
    settings = Server(base_url=server.url, model="teacher", **limits)
    with closing(OpenAIServer(settings, "generate.server")) as engine:
        list(engine.complete([request(0)], PARAMS))
        assert (engine._pace._requests.limit, engine._pace._tokens.limit) == (600, 10_000)
        engine._pace = Pace(2, None, 100, period_s=0.4)
        server.reset()
        server.script("500", "500", "500", {})
        begun = time.monotonic()
        list(engine.complete(map(request, range(3)), PARAMS))
    assert time.monotonic() - begun >= 0.8  # six attempts, two in any 0.4 s


def test_the_cost_limit_is_kept_by_what_could_be(server):
    """A reply costs 5 + 2 * 20; the most that a request can cost is above 270."""
    server.script({"usage": {"prompt_tokens": 5, "completion_tokens": 20}})
    replies = ask(server, 60, price=PRICE, max_cost=1000.0, concurrency=16)
    paid = [reply for reply in replies.values() if reply.error is None]
    assert sum(reply.cost for reply in paid) == 45 * len(paid) <= 1000
    assert {reply.error for reply in replies.values()} == {None, "cost_limit"}
    assert len(paid) == 17  # as many as keep the most of one more below the limit


def test_the_cost_limit_is_kept_when_requests_are_as_dear_as_can_be(server):
    server.script({"usage": {"prompt_tokens": 78, "completion_tokens": 100}})
    replies = ask(server, 20, price=PRICE, max_cost=1000.0, concurrency=16)
    assert sum(reply.cost for reply in replies.values()) == 278 * 3


def test_a_server_that_is_not_there():
    with Running() as gone:
        pass
    with pytest.raises(InputError, match="does not answer"):
        ask(gone, check=True)
    assert ask(gone, max_retries=1, price=PRICE)[0].possible_cost == 0


def test_a_server_that_starts_late_is_waited_for():
    with Running() as server:
        port = server.port
    settings = Server(base_url=server.url, model="teacher", wait_s=60.0)
    with closing(OpenAIServer(settings, "generate.server")) as engine:
        checking = engine._run(engine._list_models())
        with pytest.raises(TimeoutError):
            checking.result(1.5)
        with Running(port=port):
            assert checking.result(60) == ["teacher", "other"]


def test_a_key_that_is_refused_at_the_start(monkeypatch):
    monkeypatch.setenv("TEACHER_KEY", "sk-canary")
    with Running(locked=1) as server, pytest.raises(InputError) as caught:
        ask(server, check=True, api_key_env="TEACHER_KEY")
    assert "refuses the key in TEACHER_KEY" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_the_key_goes_into_the_header_and_nowhere_else(server, monkeypatch, caplog, capfd):
    key = f"sk-{secrets.token_hex()}"
    monkeypatch.setenv("TEACHER_KEY", key)
    caplog.set_level(logging.DEBUG)
    echo = {"error": {"message": "Incorrect API key provided: $KEY"}}
    server.script({"status": 500, "body": echo}, {"status": 400, "body": echo}, "reset", "half", {})
    settings = {"api_key_env": "TEACHER_KEY", "max_retries": 0, "concurrency": 1}
    shown = [repr(ask(server, 5, **settings))]
    assert {entry["authorization"] for entry in server.log()["requests"]} == {f"Bearer {key}"}
    assert "<key>" in shown[0]
    for stream in (True, False):
        server.script({"status": 401, "body": echo})
        with pytest.raises(InputError) as caught:
            ask(server, stream=stream, **settings)
        shown += [str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__)]
    server.script({"text": f"Is {key} yours?"}, {})
    shown.append(repr(ask(server, **settings)))
    assert caplog.records
    assert key not in json.dumps(shown) + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("key", ["", "  ", "sk-one\nsk-two", "sk-ключ"])
def test_an_unusable_key_is_refused_without_repeating_it(server, monkeypatch, key):
    monkeypatch.setenv("TEACHER_KEY", key)
    with pytest.raises(InputError) as caught:
        ask(server, api_key_env="TEACHER_KEY")
    assert "TEACHER_KEY" in str(caught.value)
    assert "sk-" not in str(caught.value)


def test_a_caller_that_leaves_leaves_nothing_behind(server):
    server.script({"pause": 0.5})
    settings = Server(base_url=server.url, model="teacher", concurrency=4)
    with closing(OpenAIServer(settings, "generate.server")) as engine:
        replies = engine.complete(map(request, range(100)), PARAMS)
        next(replies)
        replies.close()
        assert len(server.log()["requests"]) <= 8
    assert not engine._thread.is_alive()


def test_requests_may_depend_on_replies(server):
    """The iterable is drawn in the caller's thread, as there is room."""
    seen = []

    def requests():
        for number in range(20):
            assert number < 3 or len(seen) >= number - 2
            yield request(number)

    settings = Server(base_url=server.url, model="teacher", concurrency=3)
    with closing(OpenAIServer(settings, "generate.server")) as engine:
        for reply in engine.complete(requests(), PARAMS):
            seen.append(reply.id)
    assert len(seen) == 20
