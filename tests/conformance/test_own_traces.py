"""What the shared traces leave out, told step by step from the libraries' sources (docs/reference/library-rules.md)."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.breakers import Drive

R4J = {"slidingWindowSize": 2, "minimumNumberOfCalls": 2, "failureRateThreshold": 50, "waitDurationInOpenState_s": 10.0,
       "permittedNumberOfCallsInHalfOpenState": 2}  # fmt: skip
POLLY = {"FailureRatio": 0.5, "MinimumThroughput": 2, "SamplingDuration_s": 30, "BreakDuration_s": 5}


def told(library: str, config: dict[str, Any], *lines: str) -> None:
    """Lines are ``t op detail -> state [decision] [name=value]``."""
    drive = Drive({"library": library, "config": config})
    for line in lines:
        left, _, right = line.partition("->")
        t, op, *rest = left.split()
        step: dict[str, Any] = {"t": float(t), "op": op}
        if op in {"call", "record"}:
            step["outcome"] = rest[0]
        elif op in {"start", "finish"}:
            step["id"] = rest[0]
            step.update({"outcome": rest[1]} if op == "finish" else {})
        elif op == "force":
            step["to"] = rest[0]
            step.update({"for": float(rest[1])} if len(rest) > 1 else {})
        elif op == "set":
            step.update(param=rest[0], value=float(rest[1]) if "." in rest[1] else int(rest[1]))
        drive.step(step)
        state, *more = right.split()
        assert drive.seen["state"] == state, line
        for each in more:
            name, _, value = each.partition("=")
            if not value:
                assert drive.seen["decision"] == name, line
            else:
                found = {**drive.seen, **drive.seen.get("metrics", {}), **drive.seen.get("counts", {})}
                assert found[name] == pytest.approx(float(value)) if value.lstrip("-").replace(".", "").isdigit() else (
                    found[name] == value), (line, found)  # fmt: skip


def test_resilience4j_manual_states() -> None:
    """FORCED_OPEN rejects for ever, METRICS_ONLY counts and never trips, some ways are illegal."""
    told(
        "resilience4j", R4J,
        "0 force half_open -> CLOSED illegal_transition",
        "0 force forced_open -> FORCED_OPEN",
        "1000 call success -> FORCED_OPEN reject not_permitted=1",
        "1000 force metrics_only -> METRICS_ONLY",
        "1000 call failure -> METRICS_ONLY allow buffered=1",
        "1000 call failure -> METRICS_ONLY allow failure_rate=100",
        "1000 force open -> METRICS_ONLY illegal_transition",
        "1000 force half_open -> METRICS_ONLY illegal_transition",
        "1000 force disabled -> DISABLED buffered=0",
        "1000 force half_open -> HALF_OPEN",
        "1000 force closed -> CLOSED",
    )  # fmt: skip


def test_resilience4j_opening_an_open_breaker_begins_its_time_anew() -> None:
    """OPEN to OPEN is a transition, and the next attempt of the interval function."""
    told(
        "resilience4j", {**R4J, "waitIntervalFunction.initial_s": 1.0, "waitIntervalFunction.multiplier": 2.0},
        "0 force open -> OPEN", "0.5 force open -> OPEN", "2.5 call success -> OPEN reject",
        "2.501 start a -> HALF_OPEN allow",
    )  # fmt: skip


def test_resilience4j_half_open_falls_to_closed_if_it_is_told_to() -> None:
    """transitionToStateAfterWaitDuration: CLOSED."""
    told(
        "resilience4j",
        {**R4J, "maxWaitDurationInHalfOpenState_s": 1.0, "transitionToStateAfterWaitDuration": "CLOSED"},
        "0 force open -> OPEN", "11 start a -> HALF_OPEN allow", "11.999 peek -> HALF_OPEN", "12 peek -> CLOSED",
    )  # fmt: skip


def test_resilience4j_a_reset_leaves_the_timer_running() -> None:
    """reset() has no preTransitionHook: the half-open timer it leaves behind opens the closed breaker."""
    told(
        "resilience4j", {**R4J, "maxWaitDurationInHalfOpenState_s": 1.0},
        "0 force open -> OPEN", "0 force half_open -> HALF_OPEN", "0.5 reset -> CLOSED", "0.999 peek -> CLOSED",
        "1 peek -> OPEN",
    )  # fmt: skip


def test_resilience4j_a_half_open_verdict_looks_at_slow_calls_too() -> None:
    """One of two slow is 50 %."""
    told(
        "resilience4j", {**R4J, "slowCallDurationThreshold_s": 1.0, "slowCallRateThreshold": 50},
        "0 force open -> OPEN", "11 start a -> HALF_OPEN", "11 start b -> HALF_OPEN",
        "11 call success -> HALF_OPEN reject", "11.5 finish a success -> HALF_OPEN",
        "12.1 finish b success -> OPEN slow_call_rate=50",
    )  # fmt: skip


def test_resilience4j_the_minimum_decides_a_large_half_open_early() -> None:
    """minimumNumberOfCalls 2 of 5 permitted: two results are enough."""
    told(
        "resilience4j", {**R4J, "permittedNumberOfCallsInHalfOpenState": 5},
        "0 force open -> OPEN", "11 call success -> HALF_OPEN", "11 call success -> CLOSED",
    )  # fmt: skip


def test_polly_isolates_by_hand_and_asks_its_generator_even_then() -> None:
    """Only a manual close ends it."""
    told(
        "Polly", {**POLLY, "BreakDurationGenerator": "3"},
        "0 call handled -> Closed", "0 call handled -> Open", "1 force isolated -> Isolated",
        "100 call success -> Isolated reject error=isolated", "100 force closed -> Closed",
        "100 call handled -> Closed allow",
    )  # fmt: skip


def test_polly_an_unhandled_probe_closes() -> None:
    """Cancellation and what ShouldHandle refuses are successes."""
    told("Polly", POLLY, "0 call handled -> Closed", "0 call handled -> Open", "5 call ignored -> Closed allow")


def test_gobreaker_half_open_of_a_rolling_breaker_counts_late_calls() -> None:
    """Slices do not grow while half open."""
    told(
        "gobreaker", {"Interval_s": 30.0, "BucketPeriod_s": 3.0, "Timeout_s": 10.0, "MaxRequests": 2,
                      "ReadyToTrip": "ConsecutiveFailures >= 1"},
        "0 call failure -> open", "10 call success -> open reject error=open",
        "10.001 call success -> half-open requests=1", "20 call success -> closed",
    )  # fmt: skip


def test_gobreaker_results_from_before_the_interval_are_void() -> None:
    """A new interval is a new generation."""
    told(
        "gobreaker", {"Interval_s": 10.0, "ReadyToTrip": "TotalFailures >= 1"},
        "0 start a -> closed requests=1", "10.001 finish a failure -> closed requests=0", "10.002 call failure -> open",
    )  # fmt: skip


def test_gobreaker_a_zero_of_zero_is_no_ratio() -> None:
    """NaN compares false, as in Go."""
    told(
        "gobreaker", {"ReadyToTrip": "TotalSuccesses/TotalSuccesses < 2 or Requests > 1"},
        "0 call failure -> closed", "0 call failure -> open",
    )  # fmt: skip


def test_failsafe_go_half_open_recycles_its_places() -> None:
    """At most so many at a time, any number in all."""
    told(
        "failsafe-go",
        {"FailureThreshold": 1, "SuccessThresholdRatio": {"threshold": 2, "capacity": 3}, "Delay_s": 1.0},
        "0 call failure -> open", "1 start a -> half-open allow", "1 start b -> half-open allow",
        "1 start c -> half-open allow", "1 call success -> half-open reject", "1 finish a failure -> half-open",
        "1 start d -> half-open allow", "1 call success -> half-open reject", "2 finish b success -> half-open",
        "2 finish c success -> closed",
    )  # fmt: skip


def test_failsafe_go_rounds_the_rate_before_it_compares() -> None:
    """0.4975 is 0.5; and reading does not age the window."""
    told(
        "failsafe-go", {"FailureRateThreshold": {"rate": 0.5, "executions": 201, "period_s": 10.0}},
        *["0 record failure -> closed"] * 100, *["0 record success -> closed"] * 100, "0 record success -> open",
    )  # fmt: skip
    told(
        "failsafe-go", {"FailureThresholdPeriod": {"threshold": 3, "period_s": 10.0}},
        "0 call failure -> closed", "100 peek -> closed executions=1", "100 call failure -> closed executions=1",
    )  # fmt: skip


def test_failsafe_go_closes_with_one_success_after_threshold_three() -> None:
    """Successes > capacity - threshold: one is enough."""
    told("failsafe-go", {"FailureThreshold": 3}, "0 force half_open -> half-open", "0 record success -> closed")


def test_failsafe_go_opening_what_is_open_does_nothing() -> None:
    """The delay goes on."""
    lines = ("0 force open -> open", "5 force open -> open", "10 call success -> closed allow")
    told("failsafe-go", {"Delay_s": 10.0}, *lines)


def test_pybreaker_parameters_are_read_at_each_use() -> None:
    """fail_max and success_threshold by set."""
    told(
        "pybreaker", {"fail_max": 5, "reset_timeout": 10},
        "0 call failure -> closed raised=original", "0 set fail_max 2 -> closed",
        "0 call failure -> open raised=breaker_tripped", "0 set success_threshold 2 -> open",
        "10 call success -> half-open success_counter=1", "10 call success -> closed",
    )  # fmt: skip
    told("pybreaker", {"fail_max": 1, "throw_new_error_on_trip": False}, "0 call failure -> open raised=original")
