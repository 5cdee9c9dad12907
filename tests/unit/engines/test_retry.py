# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What a failed attempt means."""

import json
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.engines.retry import MAX_TEXT, delay_s, refusal, retry_after_s, said

KEY = "sk-0123456789abcdef"


def failure(status, message="no", headers=None):
    return refusal(status, headers or {}, json.dumps({"error": {"message": message}}).encode(), KEY)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
def test_what_may_pass_is_tried_again(status):
    found = failure(status)
    assert (found.reason, found.retry, found.hopeless, found.paid) == (f"http_{status}", True, "", False)


@pytest.mark.parametrize(
    ("status", "message", "hopeless"),
    [
        (401, "", "key"),
        (403, "", "key"),
        (402, "Insufficient Balance", "money"),
        (404, "The model `x` does not exist.", "model"),
        (400, "Model Not Exist", "model"),
        (422, "model x not found", "model"),
        (400, "invalid temperature", ""),
    ],
)
def test_what_no_request_can_overcome(status, message, hopeless):
    found = failure(status, message)
    assert (found.retry, found.hopeless) == (False, hopeless)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."),
        (400, "Input is too long: prompt (5000) exceeds"),
        (400, "The prompt contains 4000 tokens which is longer than max_model_len 2048"),
        (413, "payload"),
        (422, "the input of 9000 tokens is too long for the context window"),
    ],
)
def test_a_prompt_that_is_too_long_is_one_sample_s_failure(status, message):
    found = failure(status, message)
    assert (found.reason, found.retry, found.hopeless) == ("prompt_too_long", False, "")


def test_the_wait_that_a_server_asks_for():
    assert failure(429, headers={"retry-after": "7"}).delay_s == 7
    assert failure(429).delay_s is None


def test_retry_after_in_all_its_forms():
    assert retry_after_s({}) is None
    assert retry_after_s({"retry-after": "7"}) == 7
    assert retry_after_s({"retry-after": "-7"}) == 0
    assert retry_after_s({"retry-after": "99999"}) == 600
    assert retry_after_s({"retry-after": "soon"}) is None
    assert retry_after_s({"retry-after": "inf"}) is None
    assert 0 < retry_after_s({"retry-after": formatdate(time.time() + 300, usegmt=True)}) <= 300


@given(st.text())
def test_any_retry_after_gives_a_wait_or_none(text):
    wait = retry_after_s({"retry-after": text})
    assert wait is None or 0 <= wait <= 600


@given(st.integers(0, 2000), st.floats(0.01, 10), st.floats(10, 100))
def test_the_wait_has_a_bound_that_doubles(attempt, first_s, longest_s):
    wait = delay_s(attempt, first_s, longest_s)
    assert 0 <= wait <= min(longest_s, first_s * 2.0 ** min(attempt, 60))


def test_waits_are_spread():
    assert len({delay_s(3, 1, 60) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error": {"message": "a  b"}}', "a b"),
        (b'{"error": "plain"}', "plain"),
        (b'{"detail": "FastAPI"}', "FastAPI"),
        (b'{"object": "error", "message": "vLLM"}', "vLLM"),
        (b"<html>page</html>", "<html>page</html>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_what_the_server_said(body, text):
    assert said(body, KEY) == text


@given(st.text(max_size=MAX_TEXT), st.text(max_size=50))
def test_a_server_that_echoes_the_key_does_not_betray_it(before, after):
    for body in (f"{before}{KEY}{after}", json.dumps({"error": {"message": f"{before}{KEY}{after}"}})):
        assert KEY not in said(body.encode("utf-8", "replace"), KEY)
