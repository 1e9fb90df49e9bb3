"""The classic breaker against the installed pybreaker, on a patched clock, over generated outcomes.

Where their rules are the same: consecutive failures, a success zeroes the count, one probe after the recovery time,
``success_threshold`` successes close, a failed probe re-opens, closing clears. What differs is kept out of the way:

* pybreaker leaves OPEN at >= the reset timeout, classic strictly later: the timeout here is never a whole number
  of milliseconds and everything else is, so there are no ties.
* calls are serial: pybreaker admits any number of probes at a time, and lets late results act.
* its tripping call raises CircuitBreakerError unless ``throw_new_error_on_trip`` is off; it is off, but for the test of
  `like: pybreaker`.
* excluded exceptions count as success there and not at all here; none are excluded.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lab import bench, breaker

from resilience_sim.kernel import events as ev
from resilience_sim.scenario.read.pieces import policy_from

pybreaker = pytest.importorskip("pybreaker")

MS = 1_000_000
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
STATES = {"closed": ev.CLOSED, "open": ev.OPEN, "half-open": ev.HALF_OPEN}


class Clock:
    """Stands in for ``datetime`` inside pybreaker."""

    def __init__(self) -> None:
        self.ms = 0

    def now(self, tz=None) -> datetime:
        """The fake instant."""
        return EPOCH + timedelta(milliseconds=self.ms)


def theirs(calls, fail_max, reset_ms, success_threshold, throws=False):
    """(outcome of each call, state after each call) by pybreaker."""
    clock = Clock()
    with patch.object(pybreaker, "datetime", clock):
        circuit = pybreaker.CircuitBreaker(
            fail_max=fail_max, reset_timeout=reset_ms / 1000, success_threshold=success_threshold,
            throw_new_error_on_trip=throws,
        )  # fmt: skip
        outcomes, states = [], []
        for at, took, fails in calls:
            clock.ms = at

            def work(took=took, fails=fails) -> None:
                clock.ms += took
                if fails:
                    raise OSError

            try:
                circuit.call(work)
                outcomes.append("success")
            except OSError:
                outcomes.append("error")
            except pybreaker.CircuitBreakerError:
                outcomes.append("breaker_open")
            states.append(STATES[circuit.current_state])
    return outcomes, states


def ours(calls, fail_max, reset_ms, success_threshold, policy=None):
    """The same by resim; the state after each call is read from the events up to the next one."""
    taken = {at: (took, fails) for at, took, fails in calls}
    policy = policy or breaker(fail_max, round(reset_ms * MS), success_threshold=success_threshold)
    # The script is asked per attempt, not per call: replay until the rejected calls are known.
    script: list = []
    while True:
        run = bench([policy], script, [at * MS for at, _, _ in calls])
        sent = [e[0] // MS for e in run.of("sent")]
        wanted = [("error" if taken[at][1] else "success", taken[at][0] * MS) for at in sent]
        if wanted == script:
            break
        script = wanted
    states = []
    starts = [at * MS for at, _, _ in calls[1:]] + [1 << 62]
    for until in starts:
        changes = [e[4] >> 8 & 0xFF for e in run.of("breaker") if e[0] < until]
        states.append(changes[-1] if changes else ev.CLOSED)
    return run.outcomes, states


CALLS = st.lists(
    st.tuples(st.integers(1, 1500), st.integers(0, 1500), st.sampled_from([True, True, False])), min_size=1, max_size=25
)


def in_a_row(gaps):
    calls, now = [], 0
    for gap, took, fails in gaps:
        now += gap
        calls.append((now, took, fails))
        now += took
    return calls


@given(CALLS, st.integers(1, 4), st.integers(1, 5000), st.integers(1, 3), st.booleans())
@settings(max_examples=60)
def test_under_its_own_rules_the_call_that_trips_it_ends_as_it_does_there(gaps, fail_max, reset, successes, throws):
    """By default with pybreaker's error, as those that are rejected; otherwise with its own."""
    calls, reset_ms = in_a_row(gaps), reset + 0.5
    written = {"fail_max": str(fail_max), "reset_timeout": f"{reset}.5ms", "success_threshold": str(successes)}
    told = {} if throws else {"throw_new_error_on_trip": "false"}
    policy = policy_from("circuit_breaker", {"like": "pybreaker", **written, **told}, "it")
    seen = theirs(calls, fail_max, reset_ms, successes, throws)
    assert ours(calls, fail_max, reset_ms, successes, policy) == seen


@given(CALLS, st.integers(1, 4), st.integers(1, 5000), st.integers(1, 3))
@settings(max_examples=200)
@example([(1, 0, True)] * 3 + [(1500, 1000, True)] * 3 + [(1500, 0, False)] * 4, 2, 2000, 2)
def test_outcomes_and_states_are_pybreaker_s(gaps, fail_max, reset, success_threshold):
    """Call by call: admitted or rejected, and the state after it."""
    calls, reset_ms = in_a_row(gaps), reset + 0.5
    assert ours(calls, fail_max, reset_ms, success_threshold) == theirs(calls, fail_max, reset_ms, success_threshold)


def test_the_tie_is_the_known_difference():
    """At exactly the recovery time pybreaker probes, classic rejects."""
    calls = [(0, 0, True), (1000, 0, False)]
    assert theirs(calls, 1, 1000, 1)[0] == ["error", "success"]
    assert ours(calls, 1, 1000, 1)[0] == ["error", "breaker_open"]
