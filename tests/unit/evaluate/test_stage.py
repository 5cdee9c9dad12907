# Copyright (c) 2026, the nemo_reasoning authors.
# SPDX-License-Identifier: Apache-2.0
"""What is still to be asked, given what is there."""

from hypothesis import given
from hypothesis import strategies as st

from nemo_reasoning.engines.base import Request
from nemo_reasoning.evaluate.stage import _missing


@given(st.integers(0, 20), st.integers(1, 7), st.sets(st.integers(0, 19)))
def test_batches_are_asked_whole_and_single_requests_once(count, together, there):
    wanted = [Request(str(i), []) for i in range(count)]
    have = {str(i) for i in there}
    alone = [request.id for batch in _missing(wanted, have, None) for request in batch]
    assert alone == [request.id for request in wanted if request.id not in have]
    batches = list(_missing(wanted, have, together))
    whole = [wanted[start : start + together] for start in range(0, count, together)]
    assert batches == [batch for batch in whole if any(request.id not in have for request in batch)]


def test_nothing_is_asked_when_all_is_there():
    wanted = [Request("a", []), Request("b", [])]
    assert list(_missing(wanted, {"a", "b"}, None)) == list(_missing(wanted, {"a", "b"}, 1)) == []
