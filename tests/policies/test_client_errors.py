"""client_error (4xx): an answer. Not tried again and no failure to any policy, unless listed; not available."""

from __future__ import annotations

from typing import Any

import pytest
from lab import bench, breaker, budget, codes, every, fallback, hedge, retry, throttle

from resilience_sim.scenario.read.pieces import policy_from
from resilience_sim.settings.policy import PolicyConfig

BAD = ["client_error"] * 40
MIXED = ["error", "client_error", "error"]


def like(kind: str, library: str, **settings: Any) -> PolicyConfig:
    return policy_from(kind, {"like": library, **{name: str(value) for name, value in settings.items()}}, "it")


# --- retry ---


def test_it_is_not_tried_again_unless_listed():
    assert len(bench([retry(3)], BAD).sent()) == 1
    assert len(bench([retry(3, on=["client_error"])], BAD).sent()) == 3


@pytest.mark.parametrize("library", ["polly", "failsafe-go", "tenacity", "stamina", "envoy", "grpc",
                                     "aws", "finagle", "hyx"])  # fmt: skip
def test_to_most_libraries_it_is_a_value_that_was_returned(library):
    assert len(bench([like("retry", library)], BAD).sent()) == 1


@pytest.mark.parametrize("library", ["resilience4j", "smallrye"])
def test_to_libraries_of_java_it_is_an_exception_like_any_other(library):
    """Its HTTP clients throw one for 4xx; ``on`` is for those that return the answer."""
    assert len(bench([like("retry", library)], BAD).sent()) == {"resilience4j": 3, "smallrye": 4}[library]
    assert len(bench([like("retry", library, on="[error]")], BAD).sent()) == 1
    tripped = bench([like("circuit_breaker", library, window=4, failure_threshold="50%")], BAD, every("1s", 6))
    assert tripped.outcomes == ["client_error"] * 4 + ["breaker_open"] * 2


def test_dapr_tries_every_status_but_2xx_again():
    """Said by its maintainers (dapr/dapr #4568), and why its breaker trips on it."""
    assert len(bench([like("retry", "dapr", maxRetries=3, duration="1s")], BAD).sent()) == 4
    tripped = bench([like("circuit_breaker", "dapr", trip="consecutiveFailures > 2")], BAD, every("1s", 5))
    assert tripped.outcomes == ["client_error"] * 3 + ["breaker_open"] * 2


# --- breakers ---


def test_a_breaker_does_not_count_it():
    """Neither a failure nor a success: the failures around it are in a row."""
    assert bench([breaker(1)], BAD, every("1s", 9)).breaker == []
    assert bench([breaker(2)], MIXED, every("1s", 3)).breaker == [(2000, "OPEN")]


def test_a_breaker_counts_what_is_listed_and_nothing_else():
    listing = breaker(2, on=codes(["client_error"]))
    assert bench([listing], BAD, every("1s", 2)).breaker == [(1000, "OPEN")]
    assert bench([listing], ["error"] * 9, every("1s", 9)).breaker == []
    both = breaker(2, on=codes(["client_error", "error"]), ignore=["error"])
    assert bench([both], ["client_error", "error", "client_error"], every("1s", 3)).breaker == [(2000, "OPEN")]


@pytest.mark.parametrize("library", ["polly", "gobreaker", "failsafe-go", "pybreaker", "hyx", "finagle"])
def test_to_most_libraries_breakers_it_is_a_success(library):
    """In a row they never open; and a breaker that counts failures in a row begins anew."""
    assert bench([like("circuit_breaker", library, failure_threshold=2)], BAD, every("1s", 30)).breaker == []
    if library in ("pybreaker", "hyx", "gobreaker"):
        limit = {"ReadyToTrip": "ConsecutiveFailures >= 2"} if library == "gobreaker" else {"failure_threshold": 2}
        assert bench([like("circuit_breaker", library, **limit)], MIXED, every("1s", 3)).breaker == []


def test_a_library_s_breaker_counts_what_is_listed():
    """recordExceptions: the rest is a success; hyx leaves exceptions that it is not told of alone."""
    told = like("circuit_breaker", "pybreaker", fail_max=2, on="[client_error]")
    assert bench([told], BAD, every("1s", 2)).breaker == [(1000, "OPEN")]
    script = ["client_error", "error", "client_error"]
    assert bench([told], script, every("1s", 3)).breaker == []
    alone = like("circuit_breaker", "hyx", failure_threshold=2, on="[client_error]")
    assert bench([alone], script, every("1s", 3)).breaker == [(2000, "OPEN")]


def test_half_open_a_client_error_proves_nothing():
    """Classic: it gives its place back. Polly, to whom it is a success, closes."""
    script = ["error", "client_error", "success"]
    run = bench([breaker(1, "1s")], script, every("1.5s", 3))
    assert run.breaker == [(0, "OPEN"), (1500, "HALF_OPEN"), (3000, "CLOSED")]


# --- the others ---


def test_a_fallback_passes_it_on_unless_listed():
    assert bench([fallback()], BAD).outcomes == ["client_error"]
    listing = policy_from("fallback", {"on": "[client_error]"}, "it")
    assert bench([listing], ["client_error", "error"], every("1s", 2)).outcomes == ["fallback", "error"]


def test_it_ends_a_race():
    """Every copy would be answered so."""
    run = bench([hedge("10ms")], [("success", "1s"), ("client_error", "5ms")])
    assert (run.outcomes, run.done_at(0)) == (["client_error"], 15)
    assert [event[4] for event in run.of("hedge_won")] == [2]
    polly = like("hedge", "polly", Delay="10ms")
    assert bench([polly], [("error", "20ms"), ("client_error", "5ms")]).outcomes == ["client_error"]


def test_a_throttle_takes_it_for_accepted():
    assert "throttled" not in bench([throttle(1.1)], BAD, every("10ms", 40)).outcomes
    assert "throttled" in bench([throttle(1.1)], ["unavailable"] * 40, every("10ms", 40)).outcomes


def test_a_budget_of_failures_does_not_count_it_unless_it_is_tried_again():
    """Half of the first tries fail, or none."""
    script = ["client_error"] * 5 + ["error", "success"]
    limited = budget("failure_rate", ratio=0.3, window_calls=10, counts="first_tries")
    assert bench([retry(2, budget=limited)], script, every("1s", 6)).outcomes[-1] == "success"
    listed = bench([retry(2, on=["client_error", "error"], budget=limited)], BAD, every("1s", 6))
    assert len(listed.of("retry_denied")) == 6
