"""Service A: instances, threads, backlog, exhaustion and crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab import a, b, bench, breaker, bulkhead, every, lab, limiter, outage, retry, timeout, users

from resilience_sim.kernel.frames import NULL_REQUEST, Request
from resilience_sim.kernel.rng import SPREAD, KeyedRng
from resilience_sim.world.client import Unanswered


def test_threads_are_unlimited_by_default():
    """A thousand at once."""
    story = lab(b("1s"), ["0s"] * 1000)
    assert story.outcomes == ["success"] * 1000
    assert story.document["client"]["threads_peak"] == 1000


def test_without_a_thread_and_a_place_a_request_is_exhausted():
    """threads: 2, backlog: 0: the third hears so at once."""
    story = lab(b("1s"), ["0s", "0s", "0.5s", "1s"], client=a(threads=2))
    assert story.outcomes == ["success", "success", "exhausted", "success"]
    assert story.latencies[2] == 0


def test_the_backlog_holds_who_finds_no_thread():
    """threads: 1, backlog: 2: first come first served, latency from arrival."""
    story = lab(b("1s"), ["0s", "0.1s", "0.2s", "0.3s"], client=a(threads=1, backlog=2))
    assert story.outcomes == ["success"] * 3 + ["exhausted"]
    assert story.latencies[:3] == [1000, 1900, 2800]
    assert [(e[0] // 10**6, e[5] // 10**6) for e in story.of("start")] == [(1000, 900), (2000, 1800)]


def test_a_thread_is_held_through_waits_of_the_stack():
    """A retry's wait keeps the thread: 0.1 + 1 + 0.1 s."""
    story = bench([retry(2, "1s")], [("error", "100ms"), ("success", "100ms")], ["0s", "1.1s", "1.25s"], a(threads=1))
    assert story.outcomes == ["success", "exhausted", "success"]


def test_an_unanswered_request_holds_its_thread_to_the_end():
    """No timeout, no answer: everybody else is exhausted."""
    story = bench([], ["hang"], every("1s", 4), a(threads=1))
    assert story.outcomes == ["unanswered"] + ["exhausted"] * 3


def test_a_backlog_of_thousands_empties_at_once_when_the_stack_rejects():
    """The breaker opens: everybody who waits is told, without exhausting the call stack (a named bug)."""
    story = lab(b("1s", failure_rate=1.0), ["0s"] * 3000, [breaker(1)], a(threads=1, backlog=3000))
    assert story.outcomes == ["error"] + ["breaker_open"] * 2999
    assert set(story.latencies) == {1000}


# --- instances ---


def test_arrivals_are_dealt_to_the_instances_in_turn():
    """round_robin over three."""
    assert [e[2] for e in lab(calls=every("1s", 7), client=a(instances=3)).of("arrive")] == [0, 1, 2, 0, 1, 2, 0]


def test_arrivals_may_be_spread_by_luck():
    """random: the request's own luck picks the instance."""
    rng = KeyedRng(1)
    story = lab(calls=every("1s", 40), client=a(instances=3, spread="random"))
    assert [e[2] for e in story.of("arrive")] == [int(rng.uniform(SPREAD, rid, 0) * 3) for rid in range(40)]


def test_threads_belong_to_an_instance():
    """One thread each: two of three arrivals at once find one."""
    story = lab(b("1s"), ["0s"] * 3, client=a(instances=2, threads=1))
    assert story.outcomes == ["success", "success", "exhausted"]
    assert story.document["client"]["threads_peak"] == 1


# --- crash ---

CRASHING = a(threads=2, on_exhaustion="crash", restart_after="5s")


def test_a_crash_takes_everything_in_flight_and_the_one_that_caused_it():
    """Third request: no thread left, all three are crashed at that instant."""
    story = lab(b("10s"), ["0s", "1s", "2s"], client=CRASHING)
    assert story.outcomes == ["crashed"] * 3
    assert story.latencies == [2000, 1000, 0]
    assert [(e[0] // 10**9, e[4], e[5] // 10**9) for e in story.of("crash")] == [(2, 3, 7)]
    assert story.document["client"]["crashes"] == 1


def test_a_crash_takes_the_backlog_too():
    """threads: 1, backlog: 1."""
    story = lab(b("10s"), ["0s", "1s", "2s"], client=a(threads=1, backlog=1, on_exhaustion="crash"))
    assert story.outcomes == ["crashed"] * 3


def test_while_down_requests_are_refused():
    """Down from 2 s to 7 s; at 7 s it is back."""
    story = lab(b("10s"), ["0s", "1s", "2s", "3s", "6.999s", "7s"], client=CRASHING)
    assert story.outcomes == ["crashed"] * 3 + ["refused", "refused", "success"]
    assert story.latencies[3:] == [0, 0, 10_000]
    assert story.times("restart") == [7000]


def test_b_goes_on_with_the_work_of_a_crashed_instance():
    """Its attempts are crashed for the caller, abandoned at B, and their effects happen."""
    story = lab(b("10s"), ["0s", "1s", "2s"], client=CRASHING)
    assert story.results() == [(2000, "crashed"), (2000, "crashed")]
    assert story.ends() == [(10_000, "success"), (11_000, "success")]
    assert story.document["service"]["wasted_seconds"] == 20


def test_another_instance_is_not_touched():
    """Requests of instance 2 live on."""
    story = lab(b("10s"), ["0s", "0s", "1s", "1s"], client=a(instances=2, threads=1, on_exhaustion="crash"))
    assert story.outcomes == ["crashed"] * 4
    story = lab(b("10s"), ["0s", "0s", "1s"], client=a(instances=2, threads=1, on_exhaustion="crash"))
    assert story.outcomes == ["crashed", "success", "crashed"]


def test_an_instance_returns_with_fresh_policy_state():
    """A limiter's bucket is full again; without the crash it would be empty."""
    stack = [limiter(0.001, burst=2)]
    story = lab(b("10s"), ["0s", "1s", "2s", "7.5s", "7.6s", "20s"], stack, CRASHING)
    assert story.outcomes == ["crashed"] * 3 + ["success", "success", "rate_limited"]


def test_nothing_is_sent_by_an_instance_that_is_down():
    """Calls that wait in a bulkhead, for a permit or for a retry go down with it (a named bug)."""
    story = lab(b("10s"), ["0s", "0.1s", "0.2s"], [bulkhead(1, 5)], CRASHING)
    assert (story.sent(), story.outcomes) == ([0], ["crashed"] * 3)
    story = lab(b("10s"), ["0s", "0.1s", "0.2s"], [limiter(1.0, max_wait="1h")], CRASHING)
    assert story.sent() == [0]
    story = lab(b("10ms", failure_rate=1.0), ["0s", "0.1s", "0.2s"], [retry(2, "1s")], CRASHING)
    assert story.sent() == [0, 100]


def test_a_crash_while_b_refuses_is_only_a_crash():
    """A waiting call that would be refused at once is crashed like the rest (a named bug)."""
    story = lab(b("10s"), ["0s", "0.1s", "0.2s"], [bulkhead(1, 5)], CRASHING, [outage("refuse", "0.05s", "1s")])
    assert story.outcomes == ["crashed"] * 3


def test_an_instance_may_crash_again():
    """Twice, five seconds apart and more."""
    story = lab(b("100s"), ["0s", "1s", "2s", "8s", "9s", "10s", "15.1s"], client=CRASHING)
    assert story.outcomes == ["crashed"] * 6 + ["success"]
    assert story.times("crash") == [2000, 10_000]


def test_users_of_a_crashed_instance_think_and_come_back():
    """They hear of the crash at once, think a second, and are refused until it is back."""
    story = lab(b("10s"), users(3, "1s", requests=9), client=a(threads=2, on_exhaustion="crash", restart_after="2.5s"))
    assert story.outcomes[:6] == ["crashed"] * 3 + ["refused"] * 3
    assert story.arrivals[:6] == [1000] * 3 + [2000] * 3


def test_the_default_is_thirty_seconds_of_absence():
    """restart_after: 30s."""
    story = lab(b("100s"), ["0s", "1s", "30.9s", "31s"], client=a(threads=1, on_exhaustion="crash"))
    assert story.outcomes == ["crashed", "crashed", "refused", "success"]


def test_the_deadline_makes_a_success_late():
    """A success after the deadline is late, not available."""
    story = lab(b("1s"), every("10s", 2, deadline="0.9s"))
    assert (story.outcomes, story.document["requests"]["late"]) == (["success"] * 2, 2)
    assert story.document["availability"] == 0


@pytest.mark.parametrize("stack", [[], [timeout("5s")], [retry(3), breaker(5)]])
def test_a_request_passes_any_stack_once(stack):
    """One outcome, one attempt, when nothing fails."""
    story = lab(b("10ms"), every("1s", 3), stack)
    assert (story.outcomes, story.sent()) == (["success"] * 3, [0, 1000, 2000])


def test_an_arrival_at_the_instant_of_return_finds_the_instance_up():
    """Also one that was timed before the crash: the return comes before anything else that is due at its instant."""
    story = lab(b("10s"), users(4, "0s", requests=6), client=CRASHING)
    assert story.times("crash") == [0]
    assert story.times("restart") == [5000]
    late = lab(b("10s"), every("1s", requests=8), client=CRASHING)
    assert late.times("crash") == [2000]
    assert late.outcomes[3:] == ["refused"] * 4 + ["success"]


@given(st.lists(st.integers(-1, 30), max_size=80))
def test_only_those_without_an_outcome_are_kept(steps):
    """One more (-1), or one of them is answered; the others are let go of at the end of the run."""
    kept, under_way = Unanswered(), []
    for rid, step in enumerate(steps):
        if step < 0 or not under_way:
            under_way.append(Request(NULL_REQUEST.layer, rid, 0, 0, 0))
            kept.add(under_way[-1])
        else:
            kept.remove(under_way.pop(step % len(under_way)))
        held = [each for each in kept._requests if each is not NULL_REQUEST]
        assert sorted(each.rid for each in held) == sorted(each.rid for each in under_way)
        assert all(held[each.x] is each for each in under_way)
    kept.release()
    assert all(each.req is NULL_REQUEST for each in under_way)
