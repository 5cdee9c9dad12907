# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""The journal: whatever a kill leaves of it, nothing that was written is lost and nothing counts twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.generate.journal import CORRECT, NOTHING, REFUSED, UNVERIFIED, Journal

PROBLEMS, SAMPLES = 3, 2


def reply(text="4", error=None, cost=1.0, possible=0.0):
    return {
        "text": text,
        "reasoning": None,
        "num_tokens": 7,
        "prompt_tokens": 5,
        "finish_reason": "length",
        "cost": cost,
        "possible_cost": possible,
        "error": error,
        "error_text": "",
        "lasting": error is not None,
    }


def opened(path):
    return Journal(path, {"model": "m"}, {"format": "f"}, PROBLEMS, SAMPLES)


def summary(journal):
    states = [journal.states(problem) for problem in range(PROBLEMS)]
    texts = [journal.row(*divmod(slot, SAMPLES))["text"] for slot, s in enumerate(b"".join(states)) if s]
    counts = (journal.spent, journal.possible, journal.lost, journal.prompt_tokens, journal.completion_tokens)
    return states, texts, counts, journal.failures


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "deep" / "journal.jsonl"
    with opened(path) as journal:
        for slot in range(5):
            journal.asked(*divmod(slot, SAMPLES), most=3.0)
        journal.reply(0, 0, reply("one"))
        journal.verdict(0, 0, "correct")
        journal.reply(1, 1, reply("two", possible=0.5))
        journal.failed(0, 1, reply(error="timeout", cost=0.0, possible=2.0))
        journal.reply(1, 0, reply("", error="prompt_too_long", cost=0.0))
        journal.sync()
        before = summary(journal)
    with opened(path) as journal:
        states, texts, counts, failures = summary(journal)
        assert states == [bytes([CORRECT, NOTHING]), bytes([REFUSED, UNVERIFIED]), bytes([NOTHING, NOTHING])]
        assert (states, texts, failures) == (before[0], before[1], before[3])
        assert texts == ["one", "", "two"]
        assert counts == (2.0, 2.5 + 3.0, 1, 15, 21)  # sample (2, 0) was under way
        assert failures == {"timeout": 1, "prompt_too_long": 1}
        assert list(journal.unverified()) == [(1, 1)]
        assert (journal.recorded, journal.refused, journal.verdicts("correct"), journal.truncated) == (3, 1, 1, 3)


def test_a_sample_that_failed_and_then_came_is_no_failure(tmp_path):
    with opened(tmp_path / "journal.jsonl") as journal:
        journal.failed(0, 0, reply(error="timeout"))
        journal.reply(0, 0, reply())
        assert journal.failures == {}


def test_a_request_that_was_under_way_twice_is_lost_once_for_each_kill(tmp_path):
    path = tmp_path / "journal.jsonl"
    for kill in range(3):
        with opened(path) as journal:
            assert (journal.lost, journal.possible) == (kill, 4.0 * kill)
            journal.asked(0, 0, most=4.0)
    with opened(path) as journal:
        journal.asked(0, 0, most=4.0)
        journal.reply(0, 0, reply())
    with opened(path) as journal:
        assert (journal.lost, journal.possible, journal.spent) == (3, 12.0, 1.0)


def test_no_sample_is_recorded_twice(tmp_path):
    with opened(tmp_path / "journal.jsonl") as journal:
        journal.reply(0, 0, reply())
        with pytest.raises(AssertionError):
            journal.reply(0, 0, reply())


def write_all(path):
    """A whole journal; gives its bytes and how many replies each length in lines holds."""
    with opened(path) as journal:
        for slot in range(PROBLEMS * SAMPLES):
            journal.asked(*divmod(slot, SAMPLES), most=1.0)
            journal.reply(*divmod(slot, SAMPLES), reply(f"text {slot}"))
            journal.verdict(*divmod(slot, SAMPLES), "correct")
    return path.read_bytes()


def test_cut_anywhere_it_goes_on_from_there(tmp_path):
    data = write_all(tmp_path / "whole.jsonl")
    path = tmp_path / "journal.jsonl"
    for cut in range(0, len(data) + 1, 7):
        path.write_bytes(data[:cut])
        lines = data[:cut].count(b"\n")
        with opened(path) as journal:
            assert journal.recorded == max(0, lines - 1) // 3
            missing = [slot for slot in range(6) if not journal.states(slot // SAMPLES)[slot % SAMPLES]]
            for slot in missing:
                journal.reply(*divmod(slot, SAMPLES), reply(f"text {slot}"))
        with opened(path) as journal:
            assert summary(journal)[1] == [f"text {slot}" for slot in range(6)]
            assert journal.spent == 6.0


@given(st.lists(st.tuples(st.integers(0, 1500), st.binary(min_size=1, max_size=30)), max_size=3))
def test_blocks_that_were_never_written_cost_only_what_was_in_them(tmp_path_factory, holes):
    directory = tmp_path_factory.mktemp("journal")
    data = bytearray(write_all(directory / "whole.jsonl"))
    for place, hole in holes:
        start = place % len(data)
        data[start : start + len(hole)] = bytes(len(data[start : start + len(hole)]))
    (directory / "journal.jsonl").write_bytes(data)
    with opened(directory / "journal.jsonl") as journal:
        assert 0 <= journal.recorded <= 6
        for slot in range(6):
            if journal.states(slot // SAMPLES)[slot % SAMPLES] >= UNVERIFIED:
                assert journal.row(*divmod(slot, SAMPLES))["text"] == f"text {slot}"


def test_a_journal_of_something_else_is_set_aside_and_kept(tmp_path):
    path = tmp_path / "journal.jsonl"
    before = write_all(path)
    for number in (1, 2):
        with Journal(path, {"model": f"other {number}"}, {"format": "f"}, PROBLEMS, SAMPLES) as journal:
            assert (journal.recorded, journal.spent) == (0, 0.0)
    assert (tmp_path / "journal-1.jsonl").read_bytes() == before
    assert (tmp_path / "journal-2.jsonl").exists()


def test_verdicts_that_would_be_made_in_another_way_are_void(tmp_path):
    path = tmp_path / "journal.jsonl"
    write_all(path)
    for _ in range(2):
        with Journal(path, {"model": "m"}, {"format": "other"}, PROBLEMS, SAMPLES) as journal:
            assert len(list(journal.unverified())) == journal.recorded == 6
    with Journal(path, {"model": "m"}, {"format": "other"}, PROBLEMS, SAMPLES) as journal:
        journal.verdict(0, 0, "incorrect")
    with Journal(path, {"model": "m"}, {"format": "other"}, PROBLEMS, SAMPLES) as journal:
        assert journal.verdicts("incorrect") == 1
    with opened(path) as journal:
        assert len(list(journal.unverified())) == 6


@pytest.mark.parametrize(("problems", "samples", "recorded"), [(3, 5, 6), (5, 2, 6), (2, 2, 4), (3, 1, 3)])
def test_more_or_fewer_samples_of_the_same_kind_go_on(tmp_path, problems, samples, recorded):
    path = tmp_path / "journal.jsonl"
    write_all(path)
    with Journal(path, {"model": "m"}, {"format": "f"}, problems, samples) as journal:
        assert (journal.recorded, journal.verdicts("correct"), journal.spent) == (recorded, recorded, 6.0)
        assert journal.row(1, 0)["text"] == "text 2"
