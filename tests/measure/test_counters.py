"""One bit per request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.measure.counters import Marks


@given(st.lists(st.booleans(), max_size=300))
def test_marks_are_a_byte_per_request_in_their_order(marked):
    marks = Marks()
    for rid, each in enumerate(marked):
        marks.add()
        if each:
            marks.mark(rid)
    assert marks.as_bytes() == bytes(marked)


@given(st.sets(st.integers(0, 5000)))
def test_marks_beyond_the_last_request(rids):
    marks = Marks()
    for rid in sorted(rids):
        marks.mark_beyond(rid)
    assert marks.as_bytes() == bytes(rid in rids for rid in range(max(rids, default=-1) + 1))
