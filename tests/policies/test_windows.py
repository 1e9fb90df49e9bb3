"""Windows of results, edge by edge."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from resilience_sim.policies.windows import Window


def test_a_window_of_calls_keeps_the_last_ones():
    """The fourth result pushes the first out of a window of three."""
    window = Window(3, 0)
    for bad in (1, 0, 0, 0):
        window.add(0, bad, bad)
    assert (window.total, window.bad, window.slow) == (3, 0, 0)


def test_a_window_of_time_forgets_exactly_after_its_span():
    """A result counts while it is younger than the span: at 9.999999999 s still, at 10 s no more."""
    window = Window(0, 10)
    window.add(0, 1, 0)
    window.expire(9)
    assert (window.total, window.bad) == (1, 1)
    window.expire(10)
    assert (window.total, window.bad) == (0, 0)


def test_without_limits_nothing_is_forgotten():
    """0 and 0: all results for ever."""
    window = Window(0, 0)
    for t in range(100):
        window.add(t * 10**12, 1, 1)
    assert (window.total, window.bad, window.slow) == (100, 100, 100)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1), st.integers(0, 1)), max_size=60),
    st.sampled_from([(1, 0), (5, 0), (0, 1), (0, 30), (0, 0)]),
)
@settings(max_examples=150)
def test_counts_are_those_of_a_list(steps, limits):
    """Against the obvious list comprehension."""
    calls, span = limits
    window, everything, now = Window(calls, span), [], 0
    for gap, bad, slow in steps:
        now += gap
        window.add(now, bad, slow)
        everything.append((now, bad, slow))
        inside = [e for e in everything if not span or e[0] > now - span]
        inside = inside[-calls:] if calls else inside
        assert (window.total, window.bad, window.slow) == (
            len(inside), sum(e[1] for e in inside), sum(e[2] for e in inside),
        )  # fmt: skip
    window.clear()
    assert (window.total, window.bad, window.slow) == (0, 0, 0)
