"""Layers under a library's rules, event by event: what the machines alone cannot show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lab import a, b, bench, fault, lab, ns, outage, retry, timeout

from resilience_sim.kernel import events as ev
from resilience_sim.settings.breaker_libraries import emulate_breaker
from resilience_sim.settings.budget import LikeBudgetConfig
from resilience_sim.settings.hedge import emulate_hedge
from resilience_sim.settings.outliers import emulate_outliers
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.rate_limiter import emulate_limiter
from resilience_sim.settings.retry_libraries import emulate_retry
from resilience_sim.settings.table import LibraryError
from resilience_sim.settings.throttle import emulate_throttle

S = 10**9


def at_seconds(*seconds: float) -> list[str]:
    return [f"{s}s" for s in seconds]


def like(library: str, **given: Any) -> PolicyConfig:
    return emulate_breaker(library, given)


# --- breakers ---


def test_resilience4j_probes_ten_times_before_it_judges():
    """Half-open for five results: no early exit at the first failure; the sixth call is turned away."""
    stack = [like("resilience4j", slidingWindowSize=2, waitDurationInOpenState=10 * S,
                  permittedNumberOfCallsInHalfOpenState=2)]  # fmt: skip
    run = bench(stack, ["error", "error", ("error", "3s"), ("success", "1s")], at_seconds(0, 1, 12, 12, 12, 20))
    assert run.outcomes == ["error", "error", "error", "success", "breaker_open", "breaker_open"]
    assert run.breaker == [(1000, "OPEN"), (12000, "HALF_OPEN"), (15000, "OPEN")]
    assert run.why(2) == ev.WHY_PROBES_BAD
    assert [(e[4], e[5]) for e in run.of("probe")] == [(1, 0), (2, 0)]


def test_a_timer_of_resilience4j_opens_without_traffic_and_keeps_no_run_going():
    """automaticTransition: HALF_OPEN at exactly the wait, if the run is still on by then."""
    stack = [like("resilience4j", slidingWindowSize=1, waitDurationInOpenState=2 * S,
                  automaticTransitionFromOpenToHalfOpenEnabled=True)]  # fmt: skip
    run = bench(stack, ["error", ("success", "1s")], at_seconds(0, 5))
    assert run.breaker[:2] == [(0, "OPEN"), (2000, "HALF_OPEN")]
    assert bench(stack, ["error"], at_seconds(0)).breaker == [(0, "OPEN")]


def test_polly_takes_a_cancelled_probe_for_a_success():
    """The caller's own timeout outside the breaker closes it: cancellation is not handled."""
    stack = [timeout("2s"), like("polly", MinimumThroughput=2, FailureRatio=0.5, BreakDuration=5 * S)]
    run = bench(stack, ["error", "error", "hang"], at_seconds(0, 1, 7))
    assert run.breaker == [(1000, "OPEN"), (7000, "HALF_OPEN"), (9000, "CLOSED")]


def test_polly_is_open_for_no_time_where_the_generator_has_no_number_for_it():
    """0 / 0 at the first opening, which was an internal error; 1 / 0, without end, at the second."""
    stack = [like("polly", MinimumThroughput=2, FailureRatio=0.5, BreakDurationGenerator="n / 0")]
    run = bench(stack, ["error", "error", "error", "success"], at_seconds(0, 1, 2, 3))
    assert run.breaker == [(1000, "OPEN"), (2000, "HALF_OPEN"), (2000, "OPEN")]
    assert run.outcomes == ["error", "error", "error", "breaker_open"]


def test_gobreaker_takes_a_cancelled_probe_for_a_failure():
    """A context that was cancelled is an error like any other."""
    stack = [timeout("2s"), like("gobreaker", ReadyToTrip="ConsecutiveFailures >= 2", Timeout=5 * S)]
    run = bench(stack, ["error", "error", "hang"], at_seconds(0, 1, 7))
    assert run.breaker == [(1000, "OPEN"), (7000, "HALF_OPEN"), (9000, "OPEN")]


def test_pybreaker_a_late_failure_opens_it_again_and_the_time_begins_anew():
    """Opened at 1 s, a late failure at 4 s: rejects until 14 s; the log shows one opening."""
    stack = [like("pybreaker", fail_max=1, reset_timeout=10 * S)]
    run = bench(stack, [("error", "4s"), "error"], at_seconds(0, 1, 12, 13.9, 14))
    assert run.outcomes == ["breaker_open"] * 4 + ["success"]  # both calls that open it end with its own error
    assert [state for _, state in run.breaker] == ["OPEN", "HALF_OPEN", "CLOSED"]
    assert run.of("late_result")[0][0] == 4 * S


def test_pybreaker_admits_everybody_half_open_and_a_stale_probe_opens_it_once_more():
    """One probe closes it, the other then fails."""
    stack = [like("pybreaker", fail_max=1, reset_timeout=10 * S)]
    run = bench(stack, ["error", ("success", "1s"), ("error", "3s")], at_seconds(0, 10, 10, 14))
    assert run.breaker == [(0, "OPEN"), (10000, "HALF_OPEN"), (11000, "CLOSED"), (13000, "OPEN")]
    assert run.outcomes[3] == "breaker_open"


def test_hystrix_looks_twice_a_second():
    """Twenty failures in 0.2 s trip at the next tick, not at the twentieth."""
    run = bench([like("hystrix")], ["error"] * 100, [f"{10 * n}ms" for n in range(60)])
    assert run.breaker == [(500, "OPEN")]
    assert run.outcomes[-1] == "breaker_open"


def test_finagle_comes_back_by_a_timer_and_stays_away_longer_each_time():
    """5 s, then between 10 s and 20 s."""
    run = bench([like("finagle")], ["error"] * 100, [f"{250 * n}ms" for n in range(120)])
    kinds = [state for _, state in run.breaker]
    assert kinds[:4] == ["OPEN", "HALF_OPEN", "OPEN", "HALF_OPEN"]
    times = [t for t, _ in run.breaker]
    assert times[1] - times[0] == 5000
    assert 10000 <= times[3] - times[2] <= 20000


def test_a_crash_closes_it():
    """The instance comes back with a fresh breaker, as with ours."""
    client = a(threads=2, on_exhaustion="crash", restart_after="5s")
    stack = [
        retry(2, "30s", on=["error"]),
        like("pybreaker", fail_max=1, reset_timeout=100 * S, throw_new_error_on_trip=False),
    ]
    run = bench(stack, ["hang", "error", "success"], ["0s", "1s", "2s", "8s"], client)
    assert run.outcomes == ["crashed", "crashed", "crashed", "success"]
    assert run.breaker == [(1000, "OPEN"), (7000, "CLOSED")]


# --- retries and budgets ---


def test_tenacity_may_sleep_past_its_limit_and_failsafe_go_does_not():
    """stop_after_delay is asked after a failure only; MaxDuration trims the wait."""
    wait = {"kind": "fixed", "seconds": 2}
    loose = emulate_retry("tenacity", {"stop": {"kind": "after_delay", "value": 3}, "wait": wait})
    tight = emulate_retry("failsafe-go", {"MaxRetries": 9, "Delay": 2 * S, "MaxDuration": 3 * S})
    assert bench([loose], ["error"] * 9, ["0s"]).sent() == [0, 2000, 4000]
    assert bench([tight], ["error"] * 3, ["0s"]).sent()[:3] == [0, 2000, 3000]


def test_a_hint_replaces_the_backoff_of_polly_only():
    """Retry-After, verbatim."""
    for library, second in (("polly", 1000), ("resilience4j", 500)):
        run = lab(b(), ["0s", "0s"], [emulate_retry(library, {})],
                  faults=[fault("rate_limit", "0s", "10s", limit=1.0, retry_after="1s")])  # fmt: skip
        assert run.sent()[2] == second, library


def budgeted(scheme: str, calls: int, **settings: Any) -> Any:
    """So many calls at once that all fail, with one retry each."""
    config = retry(2, "1s")
    stack = [replace(config, budget=LikeBudgetConfig(scheme, **settings))]
    return bench(stack, ["error"] * 10_000, ["0s"] * calls)


def test_finagle_lets_a_hundred_retries_through_at_once():
    """The reserve of ten seconds, and a fifth of the calls."""
    assert len(budgeted("finagle", 300, ratio=0.2).of("retry_wait")) == 100 + 300 // 5


def test_envoy_lets_three_retries_be_under_way():
    """Waiting counts: a retry is under way from its scheduling on."""
    assert len(budgeted("envoy", 10, ratio=0.2).of("retry_wait")) == 3


def test_grpc_stops_at_half_of_its_tokens():
    """Ten tokens, failures cost one each: retries while more than five are left."""
    assert len(budgeted("grpc", 20, capacity=10.0, deposit=0.1).of("retry_wait")) == 4


def test_the_quota_of_aws_is_spent():
    """500 tokens at 5 a retry."""
    assert len(budgeted("aws", 150, capacity=500.0).of("retry_wait")) == 100


def test_adaptive_mode_delays_first_tries_after_a_throttle():
    """Nothing waits before the first 429; afterwards calls are sent at a rate."""
    stack = [replace(retry(1), budget=LikeBudgetConfig("aws", capacity=500.0, mode="adaptive"))]
    calm = bench(stack, [], [f"{100 * n}ms" for n in range(20)])
    assert calm.sent() == [100 * n for n in range(20)]
    cut = bench(stack, ["success"] * 9 + ["rate_limited"], [f"{100 * n}ms" for n in range(20)])
    assert cut.sent()[:10] == [100 * n for n in range(10)]
    assert cut.sent()[11] > 1100
    assert len(cut.of("queued")) == len(cut.of("admitted_late")) > 0


# --- guards ---


def test_a_doomed_caller_of_resilience4j_waits_for_nothing():
    """Two a second, patience 500 ms: the fifth is refused after half a second."""
    stack = [emulate_limiter("resilience4j", {"limitForPeriod": 1, "limitRefreshPeriod": S, "timeoutDuration": S // 2})]
    run = bench(stack, [], ["0s", "100ms", "600ms", "700ms"])
    assert run.outcomes == ["success", "rate_limited", "success", "rate_limited"]
    assert [e[0] // 10**6 for e in run.of("rejected")] == [600, 1200]
    assert run.sent() == [0, 1000]


def test_cycles_begin_with_the_limiter_and_burst_at_their_edge():
    """Two at the end of one cycle, two at the beginning of the next."""
    stack = [emulate_limiter("failsafe-go", {"Bursty": {"executions": 2, "period": S}})]
    run = bench(stack, [], ["990ms", "991ms", "992ms", "1s", "1001ms", "1002ms"])
    assert [outcome == "success" for outcome in run.outcomes] == [True, True, False, True, True, False]


def test_a_failure_launches_the_next_leg_of_polly_at_once():
    """No wait for the delay; the first leg's failure is the answer when all fail."""
    stack = [emulate_hedge("polly", {"Delay": 2 * S})]
    run = bench(stack, [("error", "100ms"), ("timeout", "100ms")], ["0s"])
    assert run.sent() == [0, 100]
    assert run.outcomes == ["error"]


def test_a_failure_wins_the_race_of_resilience4j():
    """The first completion, good or bad; the other leg's work goes on."""
    stack = [emulate_hedge("resilience4j", {"hedgeDuration": S // 10})]
    run = bench(stack, [("success", "2s"), ("error", "100ms")], ["0s"])
    assert run.outcomes == ["error"]
    assert run.sent() == [0, 100]


def test_no_delay_is_all_legs_at_once():
    """gRPC hedging with its default delay."""
    run = bench([emulate_hedge("grpc", {"maxAttempts": 3})], [("success", "1s")] * 3, ["0s"])
    assert run.sent() == [0, 0, 0]


def test_failsafe_go_throttles_by_what_failed():
    """All failing: nine in ten are turned away, never all."""
    run = bench([emulate_throttle("failsafe-go", {})], ["error"] * 10_000, [f"{10 * n}ms" for n in range(2000)])
    share = run.outcomes[1000:].count("throttled") / 1000
    assert 0.85 < share < 0.95


# --- replicas ---


def test_envoy_leaves_a_bad_replica_out_until_the_sweep_after_its_time():
    """Five errors in a row at once; 10 s become 20 s because returns happen on sweeps."""
    stack = [emulate_outliers({"base_ejection_time": 15 * S, "max_ejection_percent": 50.0})]
    run = lab(b("10ms", replicas=2), [f"{100 * n}ms" for n in range(400)], stack,
              faults=[outage("error", "1s", "10s", replica=2)])  # fmt: skip
    assert run.breaker[0][1] == "OPEN"
    assert 1800 < run.breaker[0][0] < 2100
    assert run.breaker[1] == (20000, "CLOSED")
    assert run.outcomes.count("error") == 5


def test_envoy_ejects_nobody_of_two_at_ten_percent():
    """The trap of its default: the candidate counts, and one of two is half."""
    run = lab(b("10ms", replicas=2), [f"{100 * n}ms" for n in range(100)], [emulate_outliers({})],
              faults=[outage("error", "1s", "10s", replica=2)])  # fmt: skip
    assert run.breaker == []
    assert run.outcomes.count("error") > 30


def test_each_instance_keeps_its_own_account():
    """The errors that one client meets do not eject for the other."""
    stack = [emulate_outliers({"max_ejection_percent": 50.0, "consecutive_5xx": 100})]
    run = lab(b("10ms", replicas=2), [f"{100 * n}ms" for n in range(100)], stack, a(instances=2),
              faults=[outage("error", "1s", "10s", replica=2)])  # fmt: skip
    assert run.breaker == []


@pytest.mark.parametrize(
    "library", ["resilience4j", "polly", "gobreaker", "failsafe-go", "pybreaker", "hyx", "hystrix"]
)
def test_a_rejection_tells_how_long_it_will_stay_open(library: str):
    """The event says what is left of the open time."""
    given = {"resilience4j": {"slidingWindowSize": 1}, "polly": {"MinimumThroughput": 2, "FailureRatio": 0.1},
             "gobreaker": {"ReadyToTrip": "ConsecutiveFailures >= 1"}, "pybreaker": {"fail_max": 1},
             "hyx": {"failure_threshold": 1}, "hystrix": {"requestVolumeThreshold": 1}}.get(library, {})  # fmt: skip
    run = bench([like(library, **given)], ["error", "error"], ["0s", "0s", "2s"])
    left = run.of("rejected")[-1][5]
    assert 0 < left <= 60 * S - ns("1s")


# --- SmallRye, for MicroProfile Fault Tolerance ---


def test_smallrye_decides_when_its_window_is_full_and_on_a_success_too():
    """Two of four must fail: after three failures it is still closed, the success that fills the window opens it."""
    stack = [like("smallrye", requestVolumeThreshold=4, failureRatio=0.5, delay=5 * S)]
    run = bench(stack, ["error", "error", "error", "success"], at_seconds(0, 1, 2, 3, 7.9))
    assert run.breaker[0] == (3000, "OPEN")
    assert run.outcomes[-1] == "breaker_open"


def test_smallrye_lets_as_many_probes_in_as_close_it_and_leaves_open_at_its_time():
    """A timer makes it half open after exactly the delay; a third call is turned away until both probes are back."""
    stack = [like("smallrye", requestVolumeThreshold=1, failureRatio=1.0, delay=5 * S, successThreshold=2)]
    run = bench(stack, ["error", ("success", "1s"), ("success", "2s")], at_seconds(0, 5, 5, 5.5, 8))
    assert run.outcomes == ["error", "success", "success", "breaker_open", "success"]
    assert run.breaker == [(0, "OPEN"), (5000, "HALF_OPEN"), (7000, "CLOSED")]


def test_smallrye_drops_a_result_of_an_earlier_state():
    """A failure that was let in before it opened changes nothing half open."""
    stack = [like("smallrye", requestVolumeThreshold=1, failureRatio=1.0, delay=2 * S)]
    run = bench(stack, [("error", "4s"), "error", ("success", "2s")], at_seconds(0, 1, 3.5))
    assert [state for _, state in run.breaker] == ["OPEN", "HALF_OPEN", "CLOSED"]
    assert len(run.of("late_result")) == 1


def test_smallrye_looks_at_the_clock_again_when_the_wait_is_over():
    """3 s are less than 4, so it waits for 2 s more, and then makes no try: the failure comes at 5 s."""
    stack = [emulate_retry("smallrye", {"maxRetries": -1, "delay": 2 * S, "jitterDelay": 0, "maxDuration": 4 * S})]
    run = bench(stack, [("error", "500ms")] * 4, at_seconds(0))
    assert [e[5] / S for e in run.of("retry_wait")] == [2.0, 2.0]
    assert run.outcomes == ["error"]
    assert run.of("done")[0][0] == 5 * S


def test_smallrye_waits_are_whole_milliseconds_around_the_delay():
    """Jitter of 200 ms around 100 ms: from 0, where it would be negative, to 300 ms."""
    stack = [emulate_retry("smallrye", {"maxRetries": 400, "delay": S // 10, "maxDuration": 0})]
    run = bench(stack, ["error"] * 401, at_seconds(0))
    waits = [e[5] for e in run.of("retry_wait")]
    assert all(wait % 1_000_000 == 0 for wait in waits)
    assert (min(waits), max(waits)) == (0, 300_000_000)
    assert 90 <= sum(wait == 0 for wait in waits) <= 145  # a quarter of -100 … 300


@pytest.mark.parametrize(
    ("backoff", "wanted"),
    [
        ({"ExponentialBackoff": {"factor": 3, "maxDelay": 10 * S}}, [1, 3, 9, 10]),
        ({"FibonacciBackoff": {"maxDelay": 0}}, [1, 2, 3, 5]),
    ],
)
def test_smallrye_backoffs(backoff: dict[str, Any], wanted: list[int]):
    run = bench([emulate_retry("smallrye", {"maxRetries": 4, "delay": S, "jitterDelay": 0, **backoff})],
                ["error"] * 5, at_seconds(0))  # fmt: skip
    assert [e[5] // S for e in run.of("retry_wait")] == wanted


# --- Envoy's local rate limit ---


def bucket(timer: bool) -> PolicyConfig:
    """Three at once, then two every second."""
    given = {"max_tokens": 3, "tokens_per_fill": 2, "fill_interval": S, "timer_based": timer}
    return emulate_limiter("envoy", given)


def test_envoys_tokens_flow_in_evenly_since_1_31():
    """Half a second a token; a bucket that was full at 0 has one at 0.5, and no more than three at 10."""
    run = bench([bucket(False)], [], at_seconds(0, 0, 0, 0, 0.4, 0.5, 0.6, 10, 10, 10, 10))
    ok, no = "success", "rate_limited"
    assert run.outcomes == [ok, ok, ok, no, no, ok, no, ok, ok, ok, no]


def test_envoys_timer_brought_them_at_once_until_1_30():
    """Nothing before 1.0, two at 1.0, what goes beyond three is lost."""
    run = bench([bucket(True)], [], at_seconds(0, 0, 0, 0, 0.5, 0.999, 1, 1.2, 1.3, 10, 10, 10, 10))
    ok, no = "success", "rate_limited"
    assert run.outcomes == [ok, ok, ok, no, no, no, ok, ok, no, ok, ok, ok, no]


def test_envoy_refuses_a_fill_interval_below_50_ms():
    with pytest.raises(LibraryError, match="50 ms"):
        emulate_limiter("envoy", {"max_tokens": 3, "fill_interval": S // 25})
