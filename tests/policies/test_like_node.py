"""opossum, cockatiel and semian as layers: timers, calls that wait for a verdict, probes with their own timeout."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lab import a, bench, ns, timeout

from resilience_sim.kernel import events as ev
from resilience_sim.policies.rules.breaker import BAD, RuleBreaker
from resilience_sim.scenario.load import ScenarioError, load_text
from resilience_sim.settings.breaker_libraries import emulate_breaker
from resilience_sim.settings.retry_libraries import emulate_retry
from resilience_sim.settings.table import Settings

S = 10**9


def like(library: str, **given: Any) -> Any:
    """A breaker's settings."""
    return emulate_breaker(library, given)


def at_seconds(*seconds: float) -> list[str]:
    return [f"{s}s" for s in seconds]


# --- opossum ---


def test_opossum_is_half_open_by_a_timer_and_takes_one_call() -> None:
    """At exactly resetTimeout, without a call; the second call is rejected until the probe has ended."""
    stack = [like("opossum", resetTimeout=2 * S)]
    run = bench(stack, ["error", ("success", "1s")], at_seconds(0, 2.5, 3, 5))
    assert run.breaker == [(0, "OPEN"), (2000, "HALF_OPEN"), (3500, "CLOSED")]
    assert run.outcomes == ["error", "success", "breaker_open", "success"]


def test_opossum_keeps_no_run_going() -> None:
    """The timer alone does not."""
    assert bench([like("opossum", resetTimeout=2 * S)], ["error"], at_seconds(0)).breaker == [(0, "OPEN")]


def test_opossum_counts_a_timeout_inside_as_a_failure() -> None:
    """As its own option `timeout` does."""
    run = bench([like("opossum"), timeout("1s")], ["hang"], at_seconds(0))
    assert run.breaker == [(1000, "OPEN")]


# --- cockatiel ---


def test_cockatiel_makes_others_wait_for_the_probe() -> None:
    """They go in the moment it succeeds, in the order they came."""
    run = bench([like("cockatiel", ConsecutiveBreaker=1, halfOpenAfter=S)],
                ["error", ("success", "2s")], at_seconds(0, 1, 1.5, 2))  # fmt: skip
    assert run.outcomes == ["error"] + ["success"] * 3
    assert run.sent() == [0, 1000, 3000, 3000]
    assert [e[0] // 10**6 for e in run.of("queued")] == [1500, 2000]
    assert [(e[0] // 10**6, e[5] // 10**6) for e in run.of("admitted_late")] == [(3000, 1500), (3000, 1000)]


def test_cockatiel_rejects_those_that_waited_when_the_probe_fails() -> None:
    """They have waited for nothing, and are told how long it will stay open."""
    run = bench([like("cockatiel", ConsecutiveBreaker=1, halfOpenAfter=S)],
                ["error", ("error", "2s")], at_seconds(0, 1, 1.5))  # fmt: skip
    assert run.outcomes == ["error", "error", "breaker_open"]
    assert [(e[0] // 10**6, e[5] // 10**6) for e in run.of("rejected")] == [(3000, 1000)]


def test_cockatiel_a_caller_that_gives_up_no_longer_waits() -> None:
    """Its timeout is outside the breaker: it leaves, and nothing is sent for it."""
    stack = [timeout("1s"), like("cockatiel", ConsecutiveBreaker=1, halfOpenAfter=S)]
    run = bench(stack, ["error", "hang"], at_seconds(0, 1, 1.5))
    assert run.outcomes == ["error", "timeout", "breaker_open"]
    late = bench(stack, ["error", "hang"], at_seconds(0, 1.9, 1.95))
    assert (late.outcomes, late.sent()) == (["error", "timeout", "breaker_open"], [0, 1900])


def test_cockatiel_stays_open_longer_each_time() -> None:
    """1 s, 2 s, 4 s: noJitterGenerator."""
    grows = {"initialDelay": S, "maxDelay": 30 * S, "exponent": 2.0, "generator": "noJitterGenerator"}
    run = bench([like("cockatiel", ConsecutiveBreaker=1, ExponentialBackoff=grows)], ["error"] * 99,
                [f"{250 * n}ms" for n in range(40)])  # fmt: skip
    assert run.breaker == [(0, "OPEN"), (1000, "HALF_OPEN"), (1000, "OPEN"), (3000, "HALF_OPEN"), (3000, "OPEN"),
                           (7000, "HALF_OPEN"), (7000, "OPEN")]  # fmt: skip


def test_the_jittered_open_time_of_cockatiel_differs_between_seeds() -> None:
    """The default generator draws; the same seed draws the same."""
    text = """
resim: 1
name: t
traffic: {rate: 10/s, duration: 60s}
service: {latency: 10ms, failure_rate: 100%}
stack: [{circuit_breaker: {like: cockatiel, ExponentialBackoff: {}}}]
"""
    from lab import run

    plan = load_text(text, "t.yaml").plan
    assert run(plan, 1).breaker == run(plan, 1).breaker != run(plan, 2).breaker


def test_cockatiel_waits_at_least_a_millisecond() -> None:
    """Node's timers: no backoff, two retries."""
    assert bench([emulate_retry("cockatiel", {"maxAttempts": 2})], ["error"] * 5, ["0s"]).sent() == [0, 1, 2]


# --- semian ---


def test_semian_opens_by_errors_among_successes() -> None:
    """Three within 10 s, whatever lies between them; the event says so."""
    ends = ["error", "success", "error", "success", "error"]
    run = bench([like("semian")], ends, at_seconds(0, 1, 2, 3, 4, 5))
    assert run.breaker == [(4000, "OPEN")]
    assert (run.why(0), ev.first_of(run.of("breaker")[0][5]), ev.second_of(run.of("breaker")[0][5])) == (
        ev.WHY_ERRORS, 3, 4000)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "opens_at"),
    [
        ({"error_threshold": 3}, {"error_threshold": 5}, 5),
        ({"error_threshold": 5}, {"error_threshold": 3}, 3),
        ({}, {"lumping_interval": S // 2}, 3),
        ({"lumping_interval": 2 * S}, {"lumping_interval": 0}, 4),
    ],
)
def test_errors_stay_counted_when_semian_is_changed(before: Settings, after: Settings, opens_at: int) -> None:
    """An error a second, changed after the second one: the threshold and the interval are those of now."""
    machine = RuleBreaker(like("semian", **before), 0)
    for n in range(1, 9):
        now = n * S
        machine.result(now, machine.admit(now), now, BAD, 0, 0.0)
        if machine.state == ev.OPEN:
            break
        if n == 2:
            machine.reconfigure(like("semian", **after), now)
    assert n == opens_at


def test_semian_gives_up_a_probe_earlier() -> None:
    """half_open_resource_timeout; while closed the same call may take as long as it likes."""
    stack = [like("semian", error_threshold=1, error_timeout=S, half_open_resource_timeout=S // 2)]
    run = bench(stack, [("error", "2s"), ("success", "2s"), ("success", "400ms"), ("success", "400ms")],
                at_seconds(0, 3.5, 6, 7, 8))  # fmt: skip
    assert run.outcomes == ["error", "timeout", "success", "success", "success"]
    assert run.breaker == [(2000, "OPEN"), (3500, "HALF_OPEN"), (4000, "OPEN"), (6000, "HALF_OPEN"), (7400, "CLOSED")]


def test_a_bulkhead_of_semian_counts_for_its_breaker() -> None:
    """The bulkhead is inside: no ticket is an error."""
    text = """
resim: 1
name: t
traffic: {rate: 100/s, duration: 1s}
service: {latency: 900ms}
stack: [{circuit_breaker: {like: semian}}, {bulkhead: {like: semian, tickets: 1}}]
"""
    from lab import run

    assert run(load_text(text, "t.yaml").plan).breaker[0][1] == "OPEN"


# --- all three ---


@pytest.mark.parametrize(("library", "given"), [("opossum", {}), ("semian", {"error_threshold": 1}),
                                                ("cockatiel", {"ConsecutiveBreaker": 1})])  # fmt: skip
def test_a_rejection_tells_how_long_it_will_stay_open(library: str, given: dict[str, Any]) -> None:
    """The event says what is left of the open time."""
    run = bench([like(library, **given)], ["error"], at_seconds(0, 2))
    assert 0 < run.of("rejected")[-1][5] <= 30 * S - ns("1s")


@pytest.mark.parametrize(
    ("text", "path", "remedy"),
    [
        ("circuit_breaker: {like: opossum, failure_threshold: 5}", "failure_threshold", "`50%`"),
        ("circuit_breaker: {like: opossum, window: 10}", "window", "`10s`"),
        ("circuit_breaker: {like: opossum, rollingCountBuckets: 20000}", "rollingCountBuckets", "fewer"),
        ("circuit_breaker: {like: cockatiel, CountBreaker: {threshold: 1, size: 5}}", "CountBreaker", "`50%`"),
        ("circuit_breaker: {like: cockatiel, window: 10s}", "window", "`50%`"),
        ("circuit_breaker: {like: cockatiel, probes: 2}", "probes", "halfOpenAfter"),
        ("circuit_breaker: {like: semian, failure_threshold: 50%}", "failure_threshold", "`5`"),
        ("circuit_breaker: {like: semian, error_timeout: 1, lumping_interval: 1}", "lumping_interval", "at most"),
        ("circuit_breaker: {like: semian, error_timeout: 0}", "error_timeout", ""),
        ("retry: {like: cockatiel, jitter: 25%, delay: 1s}", "jitter", "maxAttempts"),
        ("retry: {like: cockatiel, backoff: exponential, jitter: 25%, delay: 1s}", "jitter", "full or equal"),
    ],
)  # fmt: skip
def test_what_they_do_not_have_is_refused(text: str, path: str, remedy: str) -> None:
    """One finding, at the key, with what there is instead."""
    head = "resim: 1\nname: t\ntraffic: {rate: 1/s, requests: 1}\nstack:\n"
    with pytest.raises(ScenarioError) as caught:
        load_text(f"{head}  - {text}\n", "t.yaml")
    found = caught.value.diagnostics
    assert len(found) == 1
    assert found[0].path.endswith(path)
    assert remedy in found[0].help


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("like: opossum, failure_threshold: 40%, window: 20s, min_calls: 7, recovery_time: 3s",
         "like: opossum, errorThresholdPercentage: 40, rollingCountTimeout: 20s, volumeThreshold: 7, resetTimeout: 3s"),
        ("like: cockatiel, failure_threshold: 4, recovery_time: 3s",
         "like: cockatiel, ConsecutiveBreaker: 4, halfOpenAfter: 3000"),
        ("like: cockatiel, failure_threshold: 40%, window: 20",
         "like: cockatiel, CountBreaker: {threshold: 0.4, size: 20}"),
        ("like: cockatiel, failure_threshold: 40%, window: 20s, min_calls: 40",
         "like: cockatiel, SamplingBreaker: {threshold: 0.4, duration: 20s, minimumRps: 2}"),
        ("like: cockatiel, failure_threshold: 4, recovery_time: 1s, backoff: {factor: 2x, max: 8s}",
         "like: cockatiel, ConsecutiveBreaker: 4, halfOpenAfter: 1s, ExponentialBackoff: {initialDelay: 1s, "
         "maxDelay: 8s, generator: noJitterGenerator}"),
        ("like: semian, failure_threshold: 4, window: 30s, recovery_time: 3s, success_threshold: 3",
         "like: semian, error_threshold: 4, error_threshold_timeout: 30, error_timeout: 3, success_threshold: 3"),
        ("like: semian, recovery_time: 1s, backoff: {factor: 3x, max: 8s}",
         "like: semian, error_timeout: 8, exponential_backoff_error_timeout: true, "
         "exponential_backoff_initial_timeout: 1, exponential_backoff_multiplier: 3"),
    ],
)  # fmt: skip
def test_our_words_and_theirs_are_one_setting(ours: str, theirs: str) -> None:
    """The same config."""
    head = "resim: 1\nname: t\ntraffic: {rate: 1/s, requests: 1}\nstack:\n"
    made = [load_text(f"{head}  - circuit_breaker: {{{text}}}\n", "t.yaml").plan.stack[0] for text in (ours, theirs)]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("retry: {like: failsafe-go, Backoff: {delay: 1s, maxDelay: 1s, factor: null}}", "Backoff"),
        ("circuit_breaker: {like: cockatiel, CountBreaker: {threshold: null, size: 5}}", "CountBreaker"),
        ("circuit_breaker: {like: cockatiel, IterableBackoff: []}", "IterableBackoff"),
        ("circuit_breaker: {like: cockatiel, IterableBackoff: [1s, null]}", "IterableBackoff"),
    ],
)
def test_what_must_be_there_is_not_empty(text: str, path: str) -> None:
    """A key of a mapping that has no default, written without a value."""
    head = "resim: 1\nname: t\ntraffic: {rate: 1/s, requests: 1}\nstack:\n"
    with pytest.raises(ScenarioError) as caught:
        load_text(f"{head}  - {text}\n", "t.yaml")
    assert [each.path.rpartition(".")[2] for each in caught.value.diagnostics] == [path]


def test_an_empty_key_of_a_mapping_is_its_default() -> None:
    """As an empty parameter is."""
    head = "resim: 1\nname: t\ntraffic: {rate: 1/s, requests: 1}\nstack:\n  - circuit_breaker: {like: cockatiel, "
    made = [load_text(f"{head}ExponentialBackoff: {inner}}}\n", "t.yaml").plan.stack[0]
            for inner in ("{initialDelay: null, generator: null}", "{}")]  # fmt: skip
    assert made[0] == made[1]


def test_cockatiel_shared_by_instances_makes_all_of_them_wait() -> None:
    """One probe for all. A crash of the instance that made it is a failure; who waited elsewhere learns of it."""
    shared = replace(like("cockatiel", ConsecutiveBreaker=1, halfOpenAfter=S), shared=True)
    script = ["error", ("success", "2s")]
    run = bench([shared], script, at_seconds(0, 1, 1.5, 2), a(instances=3))
    assert run.outcomes == ["error"] + ["success"] * 3
    assert run.sent() == [0, 1000, 3000, 3000]
    crashing = a(instances=2, threads=1, on_exhaustion="crash", restart_after="9s")
    gone = bench([shared], script, at_seconds(0, 1, 1.2, 1.4, 3), crashing)
    assert gone.outcomes == ["error", "crashed", "breaker_open", "crashed", "success"]
    assert gone.breaker == [(0, "OPEN"), (1000, "HALF_OPEN"), (1400, "OPEN"), (3000, "HALF_OPEN"), (3000, "CLOSED")]
