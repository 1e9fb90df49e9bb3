"""What a policy keeps when its settings change while it runs. Each is a named bug."""

from __future__ import annotations

from collections import Counter

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.result import RunResult
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text

HEAD = "resim: 1\n"


def outcomes(text: str, seed: int = 1) -> dict[str, int]:
    found: dict[str, int] = ran(text, seed).document["requests"]["by_outcome"]
    return {name: count for name, count in found.items() if count}


def ran(text: str, seed: int = 1) -> RunResult:
    return simulate(load_text(HEAD + text, "changed.yaml").plan, seed)


def test_a_larger_bulkhead_lets_those_in_who_wait() -> None:
    """The call inside hangs. From 250 ms there are 99 more places: the calls of .1 and .2 s go in then."""
    text = """\
service: {latency: 30.7ms}
traffic: {rate: 10/s, arrivals: even, requests: 10}
faults: [outage: {at: 0s, for: 50ms, how: hang}]
stack: [bulkhead: {max_concurrent: 1, queue: 100}]
changes: [{at: 250ms, set: {bulkhead.max_concurrent: 100}}]
"""
    assert outcomes(text) == {"success": 9, "unanswered": 1}


def test_who_is_let_in_by_a_change_meets_the_new_stack() -> None:
    """The change takes away the timeout inside the bulkhead at the same instant: B's 300 ms are waited for."""
    text = """\
service: {latency: 300ms}
traffic: {rate: 10/s, arrivals: even, requests: 3}
stack: [bulkhead: {max_concurrent: 1, queue: 100}, timeout: {after: 290ms}]
changes: [{at: 250ms, remove: timeout}, {at: 250ms, set: {bulkhead.max_concurrent: 3}}]
"""
    assert outcomes(text) == {"timeout": 1, "success": 2}


@pytest.mark.parametrize(
    ("limiter", "change", "admitted"),
    [
        ("limit: 1/h, burst: 2", "max_wait: 1ms", 2),
        ("limit: 2/h, kind: fixed_window", "max_wait: 1ms", 2),
        ("limit: 1/h, burst: 2", "limit: 1/2h", 2),
        ("limit: 1/h, burst: 4", "burst: 2", 3),  # one of four is left: half of one of two
        ("limit: 2/h, kind: fixed_window", "limit: 3/h", 3),
        ("like: resilience4j, limitForPeriod: 2, limitRefreshPeriod: 1h", "timeoutDuration: 1ms", 2),
        ("like: hyx, max_executions: 2, per_time_secs: 1h", "per_time_secs: 2h", 2),
    ],
)  # fmt: skip
def test_a_changed_limiter_is_not_full_again(limiter: str, change: str, admitted: int) -> None:
    """Three of the ten calls came before the change."""
    text = f"""\
service: {{latency: 1ms}}
traffic: {{rate: 10/s, arrivals: even, requests: 10}}
stack: [rate_limiter: {{{limiter}}}]
changes: [{{at: 250ms, set: {{rate_limiter.{change}}}}}]
"""
    assert outcomes(text)["success"] == admitted


def test_a_changed_retry_of_a_library_keeps_its_quota() -> None:
    """AWS: 500 tokens, 5 a retry: 100 retries for 200 calls that fail, whatever else is changed in between."""
    text = """\
service: {latency: 1ms, failure_rate: 100%}
traffic: {rate: 10/s, arrivals: even, requests: 200}
stack: [retry: {like: aws, max_attempts: 2}]
changes: [{at: 15s, set: {retry: {like: aws, max_attempts: 3}}}]
"""
    assert ran(text).document["attempts"]["total"] == 300


def test_a_budget_forgets_only_calls_of_its_own() -> None:
    """Envoy counts what is under way. Calls that began under no budget are none of its: the count stays at 0 or more.

    Ten calls are under way when the budget comes (0 % of those, or 1); one retry at a time is left to them.
    """
    text = """\
service: {latency: 1s, failure_rate: 100%}
traffic: {rate: 100/s, arrivals: even, requests: 10}
stack: [retry: {attempts: 2}]
changes:
  - {at: 500ms, set: {retry.budget: {kind: envoy, budget_percent: 0, min_retry_concurrency: 1}}}
"""
    assert ran(text).document["attempts"]["total"] == 11


def test_a_breaker_of_a_library_stays_open_when_it_is_changed() -> None:
    """Open for 60 s after five failures; a larger threshold does not close it."""
    text = """\
service: {latency: 1ms, failure_rate: 100%}
traffic: {rate: 10/s, arrivals: even, requests: 20}
stack: [circuit_breaker: {like: pybreaker, fail_max: 5, reset_timeout: 60}]
changes: [{at: 1s, set: {circuit_breaker: {like: pybreaker, fail_max: 50, reset_timeout: 60}}}]
"""
    assert ran(text).document["attempts"]["total"] == 5


def test_the_next_try_of_a_call_under_way_meets_what_is_inside_now() -> None:
    """The retry becomes another library's, and inside it the timeout a shorter one: its old calls meet that, too."""
    text = """\
service: {latency: 100ms}
traffic: {rate: 1/s, arrivals: even, requests: 1}
faults: [outage: {at: 0s, for: 10ms, how: refuse}]
stack:
  - retry: {like: stamina, attempts: 2, wait_initial: 1, wait_jitter: 0}
  - timeout: {after: 1s}
changes:
  - {at: 500ms, set: {retry: {like: polly, MaxRetryAttempts: 1}}}
  - {at: 500ms, set: {timeout.after: 50ms}}
"""
    assert outcomes(text) == {"timeout": 1}


def test_a_throttle_draws_anew_for_each_try() -> None:
    """Tries that were turned away were all turned away by one number for ever: in half of the seeds, not in 1/101."""
    text = """\
service: {latency: 1ms}
traffic: {rate: 1/s, arrivals: even, requests: 2}
faults: [outage: {at: 0s, for: 100s, how: refuse}]
stack: [retry: {attempts: 100, on: [throttled]}, throttle: {k: 2}]
"""
    ends = Counter("throttled" in outcomes(text, seed) for seed in range(1, 201))
    assert ends[True] <= 8  # 2 expected, of a binomial


WAITS = """\
service: {latency: 50ms}
traffic: {rate: 100/s, requests: 2000}
stack:
%s
  - circuit_breaker: {failure_threshold: 1, recovery_time: 1h}
changes: [{at: 0s, trip: circuit_breaker}]
"""


@pytest.mark.parametrize(
    "inner",
    [
        "retry: {id: inner, attempts: 2, delay: 1s, jitter: full, on: [breaker_open]}",
        "retry: {id: inner, like: stamina, attempts: 2, wait_initial: 0, wait_jitter: 1, on: [breaker_open]}",
    ],
)
def test_nested_retries_draw_each_wait_anew(inner: str) -> None:
    """The sum of three waits U(0, 1 s): p90 2.157 s (Irwin-Hall); with one number for two of them it was 2.37 s."""
    stack = f"  - retry: {{attempts: 2, delay: 1s, jitter: full, on: [breaker_open]}}\n  - {inner}"
    latency = ran(WAITS % stack).document["latency"]
    assert latency["p90"] == pytest.approx(2.157, abs=0.06)


class Waits(Fold):
    """The waits of each request."""

    def __init__(self) -> None:
        self.of: dict[int, list[int]] = {}

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if kind == ev.RETRY_WAIT:
            self.of.setdefault(rid, []).append(b)


def test_legs_of_a_hedge_wait_different_times() -> None:
    """Two legs, a retry in each, both turned away before any attempt."""
    stack = "  - hedge: {delay: 0ms}\n  - retry: {attempts: 2, delay: 1s, jitter: full, on: [breaker_open]}"
    waits = Waits()
    simulate(load_text(HEAD + WAITS % stack, "legs.yaml").plan, 1, [waits])
    assert all(len(each) == len(set(each)) == 2 for each in waits.of.values())


@pytest.mark.parametrize(
    ("hedge", "changes"),
    [
        ("delay: 100ms, cancels_loser: false", "[]"),
        ("like: resilience4j, hedgeDuration: 100ms", "[]"),
        ("delay: 100ms", "[{at: 0s, set: {hedge.cancels_loser: false}}]"),
    ],
)
def test_work_for_losers_that_are_left_running_is_abandoned(hedge: str, changes: str) -> None:
    """One call, two legs of 300 ms: nobody waits for the second one when it ends."""
    text = f"""\
service: {{latency: 300ms}}
traffic: {{rate: 1/s, arrivals: even, requests: 1}}
stack: [hedge: {{{hedge}}}]
changes: {changes}
"""
    assert ran(text).document["service"]["wasted_seconds"] == pytest.approx(0.3)
