# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The log of completions: whatever a kill leaves of it, what was whole is found again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.evaluate import store
from nemo_reasoning.evaluate.store import Replies

BY = {"model": "m", "settings": {"seed": 0}}


def fill(path, count):
    with Replies(path, BY) as replies:
        for index in range(count):
            replies.add(f"{index}/greedy", {"text": f"line\n{index} é", "cost": 0.5})
    return path.read_bytes()


def test_what_was_added_is_found_and_replaced(tmp_path):
    fill(tmp_path / "a.jsonl", 3)
    with Replies(tmp_path / "a.jsonl", BY) as replies:
        assert len(replies) == 3 and "1/greedy" in replies and "9/greedy" not in replies
        replies.add("1/greedy", {"text": "new"})
        assert replies["1/greedy"] == {"text": "new"} and replies["2/greedy"]["text"] == "line\n2 é"
    with Replies(tmp_path / "a.jsonl", BY) as replies:
        assert len(replies) == 3 and replies["1/greedy"] == {"text": "new"}


@given(st.data())
def test_a_cut_log_keeps_every_whole_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("log") / "a.jsonl"
    whole = fill(path, 4)
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    head = whole.index(b"\n") + 1
    expected = whole[:cut].count(b"\n") - 1 if cut >= head else 0
    with Replies(path, BY) as replies:
        assert len(replies) == expected
        replies.add("x", {"text": "after"})
        assert replies["x"] == {"text": "after"}
    with Replies(path, BY) as replies:
        assert len(replies) == expected + 1
        assert [replies[f"{index}/greedy"]["text"] for index in range(expected)] == [
            f"line\n{index} é" for index in range(expected)
        ]


@pytest.mark.parametrize("other", [{"model": "m", "settings": {"seed": 1}}, {"model": "m"}])
def test_other_settings_drop_the_log(tmp_path, other):
    fill(tmp_path / "a.jsonl", 3)
    with Replies(tmp_path / "a.jsonl", other) as replies:
        assert len(replies) == 0


def test_what_was_spent_is_counted_also_of_a_cut_log(tmp_path):
    assert store.spent(tmp_path / "none.jsonl") == 0
    whole = fill(tmp_path / "a.jsonl", 3)
    assert store.spent(tmp_path / "a.jsonl") == 1.5
    (tmp_path / "a.jsonl").write_bytes(whole[:-3])
    assert store.spent(tmp_path / "a.jsonl") == 1.0


def test_rows_are_known_by_what_made_them_until_they_change(tmp_path):
    path = tmp_path / "base.jsonl"
    fill(store.replies_path(path), 2)
    assert store.made_by(path) is None
    store.write_rows(path, iter([{"id": "a"}]), BY, {"verify": 1})
    found = store.made_by(path)
    assert (found["sampled_by"], found["judged_by"]) == (BY, {"verify": 1})
    assert not store.replies_path(path).exists()
    path.write_bytes(b"{}\n")
    assert store.made_by(path) is None
