# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""Reading what servers send."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.engines.price import Usage
from nemo_reasoning.engines.retry import Failure
from nemo_reasoning.engines.wire import Answer, read_stream, read_whole

USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


def whole(reply):
    answer = Answer()
    read_whole(reply if isinstance(reply, bytes) else json.dumps(reply).encode(), answer, None)
    return answer


def streamed(lines):
    async def events():
        for line in lines:
            yield line

    answer = Answer()
    asyncio.run(read_stream(events(), answer, None))
    return answer


def chunk(delta=None, finish=None, **more):
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


def said(answer):
    return "".join(answer.text), "".join(answer.reasoning), answer.finish_reason


def test_a_whole_reply():
    message = {"role": "assistant", "content": "4", "reasoning_content": "2 + 2"}
    answer = whole({"choices": [{"message": message, "finish_reason": "length"}], "usage": USAGE})
    assert said(answer) == ("4", "2 + 2", "length")
    assert answer.usage == Usage(3, 4)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thinking_that_comes_apart_in_either_field(field):
    assert said(whole({"choices": [{"message": {"content": "4", field: "hm"}}]})) == ("4", "hm", "")
    lines = [chunk({field: "h"}), "", chunk({field: "m"}), chunk({"content": "4"}, "stop"), "data: [DONE]"]
    assert said(streamed(lines)) == ("4", "hm", "stop")


def test_both_fields_are_one_thinking():
    message = {"content": "4", "reasoning": "hm", "reasoning_content": "hm"}
    assert said(whole({"choices": [{"message": message}]})) == ("4", "hm", "")


def test_a_stream_with_comments_and_usage_at_its_end():
    lines = [
        ": keep-alive",
        "",
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "a"}),
        chunk({"content": "b"}),
    ]
    lines += [chunk({}, "stop"), f'data: {{"choices": [], "usage": {json.dumps(USAGE)}}}', "data: [DONE]"]
    answer = streamed(lines)
    assert said(answer) == ("ab", "", "stop")
    assert answer.usage == Usage(3, 4)


def test_of_several_completions_the_first_is_read():
    choices = [{"index": 0, "message": {"content": "a"}}, {"index": 1, "message": {"content": "b"}}]
    assert said(whole({"choices": choices})) == ("a", "", "")
    second = "data: " + json.dumps({"choices": [{"index": 1, "delta": {"content": "b"}}]})
    assert said(streamed([chunk({"content": "a"}), second, chunk({}, "stop")])) == ("a", "", "stop")


@pytest.mark.parametrize(
    "reply",
    [
        b'{"choices": [{"mess',
        b"",
        [1],
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [1]},
        {"choices": [{"message": {"content": ["a"]}}]},
        {"choices": [{"message": "a"}]},
        {"error": {"message": "overloaded"}},
    ],
)
def test_a_broken_reply_may_be_asked_for_again_and_may_have_been_paid(reply):
    with pytest.raises(Failure) as caught:
        whole(reply)
    assert caught.value.retry and caught.value.paid


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [chunk({"content": "a"})],
        [chunk({"content": "a"}), "data: [DONE]"],
        [chunk({"content": "a"}), 'data: {"choices": [{"del'],
        [chunk({"content": "a"}), 'data: {"error": {"message": "gone", "code": 500}}'],
        ["data: [DONE]"],
        [chunk({"content": ["a"]}, "stop")],
    ],
)
def test_a_stream_that_ends_early_is_no_completion(lines):
    with pytest.raises(Failure) as caught:
        streamed(lines)
    assert caught.value.retry and caught.value.paid


def test_a_completion_that_deepseek_broke_off_is_asked_for_again_and_its_tokens_are_counted():
    answer = Answer()
    reply = {
        "choices": [{"message": {"content": "a"}, "finish_reason": "insufficient_system_resource"}],
        "usage": USAGE,
    }
    with pytest.raises(Failure) as caught:
        read_whole(json.dumps(reply).encode(), answer, None)
    assert caught.value.retry
    assert answer.usage == Usage(3, 4)


def test_an_empty_completion_is_one():
    assert said(whole({"choices": [{"message": {"content": None}, "finish_reason": "stop"}]})) == ("", "", "stop")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "delta", "usage", "content", "index"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON | st.binary(max_size=40))
def test_whatever_is_sent_is_a_completion_or_a_failure(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    for read in (lambda: whole(data), lambda: streamed(["data: " + data.decode("utf-8", "replace")])):
        try:
            assert read().choices
        except Failure as failure:
            assert failure.retry
