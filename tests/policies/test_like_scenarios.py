"""``like:`` from a scenario file to a run: every library, its own names, its defaults, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from resilience_sim.kernel.sim import SimulationError
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import ScenarioError, load_text
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.rate_limiter import RateLimiterConfig
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.views.why import reasons
from resilience_sim.views.why_case import Case

HEAD = """resim: 1
name: t
service: {latency: 50ms, network: 5ms, replicas: 2}
traffic: {rate: 20/s, duration: 20s}
faults: [{outage: {at: 3s, for: 6s, how: error}}, {rate_limit: {at: 11s, for: 3s, limit: 5/s, retry_after: 200ms}}]
stack:
"""
DUE = {
    "timeout": {
        "failsafe-go": "Timeout: 1s",
        "hyx": "timeout_secs: 1",
        "grpc": "timeout: 1s",
        "dapr": "timeout: 1s",
        "cockatiel": "duration: 1s",
    },
    "bulkhead": {
        "opossum": "capacity: 5",
        "cockatiel": "limit: 5",
        "semian": "tickets: 5",
        "failsafe-go": "MaxConcurrency: 5",
        "hyx": "max_concurrency: 5, max_capacity: 8",
    },
    "rate_limiter": {
        "failsafe-go": "Bursty: {executions: 10, period: 1s}",
        "hyx": "max_executions: 10",
        "envoy": "max_tokens: 9, fill_interval: 1s",
    },
    "hedge": {"resilience4j": "hedgeDuration: 40ms", "failsafe-go": "Delay: 40ms", "envoy": "per_try_timeout: 40ms"},
}
EVERY = [(kind, library) for kind, known in POLICIES.items() for library in known.libraries]


def plan(*policies: str) -> Any:
    """A plan with these policies, outermost first."""
    return load_text(HEAD + "".join(f"  - {policy}\n" for policy in policies), "t.yaml").plan


def policy(text: str) -> Any:
    """The settings of one policy."""
    return plan(text).stack[0]


def mistakes(text: str) -> list[tuple[str, str, str]]:
    """Code, path and remedy of what is wrong with one policy."""
    with pytest.raises(ScenarioError) as caught:
        plan(text)
    return [(each.code, each.path, each.help) for each in caught.value.diagnostics]


@pytest.mark.parametrize(("kind", "library"), EVERY)
def test_every_library_runs_with_its_defaults(kind: str, library: str) -> None:
    """From the text to the figures, and the views have words for it; that it is the same twice says tests/compiled."""
    due = DUE.get(kind, {}).get(library, "")
    made = plan(f"{kind}: {{like: {library}{', ' + due if due else ''}}}", "timeout: {after: 2s}")
    document = simulate(made, 1).document
    assert document["requests"]["total"] > 300
    assert reasons(Case(made, document))


def test_names_of_the_library_stand_beside_ours() -> None:
    """``waitDurationInOpenState`` and ``recovery_time`` are one setting."""
    theirs = policy("circuit_breaker: {like: resilience4j, slidingWindowSize: 20, waitDurationInOpenState: 5s}")
    ours = policy("circuit_breaker: {like: resilience4j, window: 20, recovery_time: 5s}")
    assert theirs == ours
    assert (theirs.window, theirs.window_calls, theirs.min_calls, theirs.open_for) == ("ring", 20, 20, 5 * 10**9)


def test_percentages_and_plain_seconds_as_the_library_writes_them() -> None:
    """50 or 50%; 30 or 30s for a pybreaker."""
    plain = policy("circuit_breaker: {like: resilience4j, failureRateThreshold: 40}")
    assert plain == policy("circuit_breaker: {like: resilience4j, failureRateThreshold: 40%}")
    assert policy("circuit_breaker: {like: polly, FailureRatio: 0.4}").failure_share == 0.4
    assert policy("circuit_breaker: {like: pybreaker, reset_timeout: 30}").open_for == 30 * 10**9
    assert policy("circuit_breaker: {like: pybreaker, reset_timeout: 30s}").open_for == 30 * 10**9


def test_failures_in_a_row_where_only_shares_are_known() -> None:
    """Five in a row are five of the last five."""
    made = policy("circuit_breaker: {like: resilience4j, failure_threshold: 5}")
    assert (made.window_calls, made.min_calls, made.failure_share) == (5, 5, 1.0)
    assert policy("circuit_breaker: {like: gobreaker, failure_threshold: 5}").trip == "ConsecutiveFailures >= 5"


def test_what_three_means() -> None:
    """Attempts count the first call here; a library's own number means what it means there."""
    assert policy("retry: {like: polly, attempts: 3}").attempts == 3
    assert policy("retry: {like: polly, MaxRetryAttempts: 3}").attempts == 4
    assert policy("retry: {like: resilience4j, maxAttempts: 3}").attempts == 3
    assert policy("retry: {like: hyx, attempts: 3}").attempts == 4
    assert policy("retry: {like: grpc, maxAttempts: 9}").attempts == 5


def test_a_retry_without_end_and_without_wait_is_told_so() -> None:
    """tenacity's defaults against a service that refuses at once: time would stand still."""
    with pytest.raises(SimulationError, match="tenacity tries again without end"):
        simulate(load_text(HEAD.replace("network: 5ms, ", "") + "  - retry: {like: tenacity}\n", "t.yaml").plan, 1)


def test_tenacity_takes_its_own_nested_words() -> None:
    """stop and wait as in the library."""
    made = policy("retry: {like: tenacity, stop: {kind: any, of: [{kind: after_attempt, value: 7}, "
                  "{kind: after_delay, value: 3}]}, wait: {kind: exponential, max: 2}}")  # fmt: skip
    assert made.attempts == 7
    assert made.wait.growth == "exponential"


def test_guards_become_what_they_are() -> None:
    """Defaults and names only, where the rules are the same."""
    assert policy("timeout: {like: polly}") == TimeoutConfig("timeout", after=30 * 10**9)
    assert policy("bulkhead: {like: envoy}") == BulkheadConfig("bulkhead", max_concurrent=1024, queue=1024)
    assert policy("bulkhead: {like: hyx, max_concurrency: 4, max_capacity: 6}").queue == 2
    smooth = policy("rate_limiter: {like: failsafe-go, limit: 10/s}")
    assert smooth == RateLimiterConfig("rate_limiter", count=10.0, per=10**9, burst=1, scheme="smooth")


@pytest.mark.parametrize(
    ("text", "path", "remedy"),
    [
        ("circuit_breaker: {slidingWindowSize: 20}", "slidingWindowSize", "`window`"),
        ("circuit_breaker: {like: polly, fail_max: 3}", "fail_max", "FailureRatio"),
        ("circuit_breaker: {like: polly, slow_call: 1s}", "slow_call", "FailureRatio"),
        ("circuit_breaker: {like: pybreaker, failure_threshold: 50%}", "failure_threshold", "like `5`"),
        ("circuit_breaker: {like: gobreaker, window: 10}", "window", "`10s`"),
        ("circuit_breaker: {like: gobreaker, ReadyToTrip: Failures >}", "ReadyToTrip", "ConsecutiveFailures"),
        ("circuit_breaker: {like: resilience4j, recovery_time: 1s, waitDurationInOpenState: 2s}",
         "waitDurationInOpenState", "keep one"),
        ("circuit_breaker: {like: tenacity}", "like", "resilience4j"),
        ("circuit_breaker: {like: resilience4j, failureRateThreshold: 101}", "failureRateThreshold", "100"),
        ("retry: {like: hystrix}", "like", "tenacity"),
        ("retry: {like: envoy, max_elapsed: 3s}", "max_elapsed", "num_retries"),
        ("timeout: {like: dapr}", "like", "timeout"),
        ("bulkhead: {like: polly, max_wait: 1s}", "max_wait", "PermitLimit"),
        ("hedge: {max_extra: 2}", "delay", "delay"),
    ],
)  # fmt: skip
def test_what_a_library_does_not_have_is_refused(text: str, path: str, remedy: str) -> None:
    """One finding, at the key, with what there is instead."""
    found = mistakes(text)
    assert len(found) == 1
    assert found[0][1].endswith(path)
    assert remedy in found[0][2]
