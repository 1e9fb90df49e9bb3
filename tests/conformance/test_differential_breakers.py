"""Random schedules through the installed pybreaker and hyx, on virtual time, against the rows of the same name."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from typing import Any

import hyx.circuitbreaker.states as hyx_states
import pybreaker
from hypothesis import given, settings
from hypothesis import strategies as st
from hyx.circuitbreaker.exceptions import BreakerFailing
from hyx.circuitbreaker.managers import ConsecutiveCircuitBreaker

from resilience_sim.kernel.events import CLOSED, HALF_OPEN, OPEN
from resilience_sim.policies.rules.breaker import BAD, GOOD, IGNORED, REJECTED_CALL, RuleBreaker
from resilience_sim.settings.breaker_libraries import emulate_breaker

S = 1_000_000_000
EPOCH = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


class Clock:
    """Virtual seconds; whole ones, so that sums are exact."""

    now = 0.0


def fake_datetime(clock: Clock, aware: bool) -> Any:
    """A class with the two ways of asking for the time."""

    class Fake(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> dt.datetime:
            return EPOCH + dt.timedelta(seconds=clock.now)

        @classmethod
        def utcnow(cls) -> dt.datetime:
            return (EPOCH + dt.timedelta(seconds=clock.now)).replace(tzinfo=None)

    return Fake


class Business(Exception):
    """What the breaker is told to ignore."""


# (seconds passing, what happens, how it ends): call at once; start; finish the oldest call in flight; by hand
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 3, 7, 10]),
        st.sampled_from(["call", "call", "start", "finish", "open", "close", "half_open"]),
        st.sampled_from(["good", "bad", "bad", "ignored"]),
    ),
    max_size=40,
)
KINDS = {"good": GOOD, "bad": BAD, "ignored": IGNORED}
ERRORS = {"good": None, "bad": ValueError("bad"), "ignored": Business("no system error")}
NAMES = {CLOSED: "closed", OPEN: "open", HALF_OPEN: "half-open"}


@settings(max_examples=150)
@given(STEPS, st.integers(1, 4), st.integers(1, 10), st.integers(1, 3))
def test_pybreaker(steps: Any, fail_max: int, timeout: int, successes: int) -> None:
    """Decision, state and both counters after every step, overlapping calls included."""
    clock = Clock()
    original = pybreaker.datetime
    pybreaker.datetime = fake_datetime(clock, True)
    try:
        theirs = pybreaker.CircuitBreaker(fail_max, timeout, successes, exclude=[Business])
        given_ = {"fail_max": fail_max, "reset_timeout": timeout * S, "success_threshold": successes}
        ours = RuleBreaker(emulate_breaker("pybreaker", given_), 0)
        in_flight: list[tuple[Any, int, int]] = []
        for seconds, act, how in steps:
            clock.now += seconds
            now = int(clock.now) * S
            if act in {"open", "close", "half_open"}:
                getattr(theirs, act)()
                ours.force(now, {"open": OPEN, "close": CLOSED, "half_open": HALF_OPEN}[act], -1)
            elif act == "finish":
                if in_flight:
                    context, token, since = in_flight.pop(0)
                    leave(context, ERRORS[how])
                    ours.result(now, token, since, KINDS[how], 0, 0.5)
            else:
                context = theirs.calling()
                token = ours.admit(now)
                assert admitted(context) == (token != REJECTED_CALL)
                if token != REJECTED_CALL and act == "start":
                    in_flight.append((context, token, now))
                elif token != REJECTED_CALL:
                    leave(context, ERRORS[how])
                    ours.result(now, token, now, KINDS[how], 0, 0.5)
            assert theirs.current_state == NAMES[ours.state]
            assert (theirs.fail_counter, theirs.success_counter) == (ours.tally.run_bad, ours.successes)
        for context, _, _ in in_flight:
            leave(context, None)
    finally:
        pybreaker.datetime = original


def admitted(context: Any) -> bool:
    """Enter, if it may."""
    try:
        context.__enter__()
    except pybreaker.CircuitBreakerError:
        return False
    return True


def leave(context: Any, error: Exception | None) -> None:
    """End a call; what it raises does not matter here."""
    with contextlib.suppress(pybreaker.CircuitBreakerError, ValueError, Business):
        context.__exit__(type(error) if error else None, error, None)


HYX_STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 3, 7, 10]), st.sampled_from(["start", "finish"]), st.sampled_from(["good", "bad"])
    ),
    max_size=50,
)
HYX_NAMES = {CLOSED: "working", OPEN: "failing", HALF_OPEN: "recovering"}


@settings(max_examples=150)
@given(HYX_STEPS, st.integers(1, 4), st.integers(1, 10), st.integers(1, 3))
def test_hyx(steps: Any, threshold: int, recovery: int, successes: int) -> None:
    """Decision and state after every step, overlapping calls included."""
    asyncio.run(hyx_story(steps, threshold, recovery, successes))


async def hyx_story(steps: Any, threshold: int, recovery: int, successes: int) -> None:
    clock = Clock()
    original = hyx_states.datetime
    hyx_states.datetime = fake_datetime(clock, False)
    try:
        theirs = ConsecutiveCircuitBreaker((ValueError,), threshold, recovery, successes)
        given_ = {"failure_threshold": threshold, "recovery_time_secs": recovery * S, "recovery_threshold": successes}
        ours = RuleBreaker(emulate_breaker("hyx", given_), 0)
        in_flight: list[tuple[int, int]] = []
        for seconds, act, how in steps:
            clock.now += seconds
            now = int(clock.now) * S
            if act == "finish":
                if in_flight:
                    token, since = in_flight.pop(0)
                    with contextlib.suppress(ValueError):
                        await theirs.release(ERRORS[how])
                    ours.result(now, token, since, KINDS[how], 0, 0.5)
            else:
                try:
                    await theirs.acquire()
                    let_in = True
                except BreakerFailing:
                    let_in = False
                token = ours.admit(now)
                assert let_in == (token != REJECTED_CALL)
                if let_in:
                    in_flight.append((token, now))
            assert theirs.state.name == HYX_NAMES[ours.state]
    finally:
        hyx_states.datetime = original
