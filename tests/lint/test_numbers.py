"""The numbers of rules against simulations of more worlds than one: several instances, both spreads, closed loops."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from lint.cases import SECOND, Seen, found_in, near, seen_in, text_of
from lint.test_second_cases import longest_late
from resilience_sim.kernel import events as ev
from resilience_sim.lint.chance import engset, erlang_b, evenness, loss_of_turns, windows_with
from resilience_sim.settings.latency import Latency

SPREADS = [(1, "random"), (4, "random"), (4, "round_robin")]
Measure = Callable[[dict[str, float], Seen], tuple[float, float]]


def many(text: str, instances: int, spread: str, rate: str = "") -> str:
    """The scenario with so many client instances; ``rate`` of each of them, so that each sees what one saw."""
    if rate:
        assert text.count(f"rate: {rate}/s") == 1
        text = text.replace(f"rate: {rate}/s", f"rate: {int(rate) * instances}/s")
    if "client: {" in text:
        return text.replace("client: {", f"client: {{instances: {instances}, spread: {spread}, ")
    return text.replace("stack:", f"client: {{instances: {instances}, spread: {spread}}}\nstack:")


def figures(code: str, text: str, measure: Measure, *only: str) -> tuple[float, float]:
    """What the one finding says, and what one run shows, of which ``measure`` may need these figures ``only``."""
    (found,) = found_in(text, code)
    return measure(found.numbers, seen_in(text, only=only))


def turned_away(numbers: dict[str, float], run: Seen) -> tuple[float, float]:
    return numbers["rejected"], 1 - (run.metrics["availability"] or 0)


def opened_after(start: float) -> Measure:
    """The mean of the first openings of all instances."""

    def measure(numbers: dict[str, float], run: Seen) -> tuple[float, float]:
        first: dict[int, int] = {}
        for t, _, source, _, a, _ in run.tape.of(ev.BREAKER):
            if a >> 8 & 0xFF == ev.OPEN:
                first.setdefault(source, t)
        return numbers["seconds"], sum(first.values()) / len(first) / SECOND - start

    return measure


def first_of_kind(kind: int, name: str, start: float, detail: int | None = None) -> Measure:
    """When something first happens, from the start of the trouble."""

    def measure(numbers: dict[str, float], run: Seen) -> tuple[float, float]:
        times = [t for t, _, _, _, a, _ in run.tape.of(kind) if detail is None or a == detail]
        return numbers[name], times[0] / SECOND - start

    return measure


def an_hour(hours: float, instances: int) -> Measure:
    return lambda numbers, run: (numbers["per_hour"], (run.metrics["opened"] or 0) / hours / instances)


# --- several instances: each sees what the one of the case saw ---

OF_INSTANCES: dict[str, tuple[str, Measure, float]] = {
    "RL004": ("10", first_of_kind(ev.ARRIVE, "seconds", 5, ev.TURNED_AWAY), 0.25),
    "RL010": ("10", opened_after(80), 0.07),
    "RL024": ("20", first_of_kind(ev.ARRIVE, "gone", 5, ev.TURNED_AWAY), 0.25),
    "RL026": ("50", turned_away, 0.03),
}


@pytest.mark.parametrize(("instances", "spread"), SPREADS[1:])
@pytest.mark.parametrize("code", sorted(OF_INSTANCES))
def test_each_instance_is_looked_at(code: str, instances: int, spread: str) -> None:
    """Times and shares of one instance; with random luck the first of four is a little earlier than named."""
    rate, measure, tolerance = OF_INSTANCES[code]
    said, seen = figures(code, many(text_of(code), instances, spread, rate), measure)
    assert seen == near(said, tolerance)


# --- what does not depend on instances ---

OF_REQUESTS: dict[str, Measure] = {
    "RL001": lambda n, r: (n["worst"], r.metrics["max"] or 0),
    "RL003": lambda n, r: (n["possible"], r.metrics["attempts_per_request"] or 0),
    "RL005": lambda n, r: (n["attempts"], r.metrics["amplification"] or 0),
    "RL015": lambda n, r: (n["last_wait"], max(e[5] for e in r.tape.of(ev.RETRY_WAIT)) / SECOND),
    "RL025": lambda n, r: (1 + n["extra"], r.metrics["amplification"] or 0),
}


@pytest.mark.parametrize("spread", ["random", "round_robin"])
@pytest.mark.parametrize("code", sorted(OF_REQUESTS))
def test_numbers_of_a_request_are_the_same_in_every_instance(code: str, spread: str) -> None:
    """Attempts, waits, the worst case."""
    said, seen = figures(code, many(text_of(code), 4, spread), OF_REQUESTS[code])
    assert seen == near(said, 0.02)


# --- closed loops ---

CLOSED: list[tuple[str, str, str, Measure, float]] = [
    ("RL010", "rate: 10/s, duration: 150s", "users: 5, think: {exponential: 480ms}, duration: 150s",
     opened_after(80), 0.07),
    ("RL017", "rate: 20/s, requests: 5000", "users: 4, think: {exponential: 100ms}, requests: 5000",
     lambda n, r: (n["duplicates_per_request"], (r.metrics["duplicates"] or 0) / 5000), 0.1),
    ("RL025", "rate: 50/s, requests: 5000", "users: 4, think: {exponential: 100ms}, requests: 5000",
     lambda n, r: (1 + n["extra"], r.metrics["amplification"] or 0), 0.02),
    ("RL026", "rate: 50/s, duration: 100s", "users: 5, think: {exponential: 80ms}, duration: 100s",
     turned_away, 0.03),
    ("RL028", "rate: 50/s, requests: 20000", "users: 9, think: {exponential: 100ms}, requests: 8000",
     lambda n, r: (n["late"], 1 - (r.metrics["availability"] or 0)), 0.1),
]  # fmt: skip


@pytest.mark.parametrize(("code", "old", "new", "measure", "tolerance"), CLOSED, ids=[each[0] for each in CLOSED])
def test_users_that_wait_for_their_answers(code: str, old: str, new: str, measure: Measure, tolerance: float) -> None:
    """A closed loop comes back sooner when it is turned away, and the number says so."""
    text = text_of(code)
    assert text.count(old) == 1
    said, seen = figures(code, text.replace(old, new), measure)
    assert seen == near(said, tolerance)


# --- RL020: who finds no place ---


@pytest.mark.parametrize(
    ("latency", "instances", "spread", "tolerance"),
    [
        ("{exponential: 100ms}", 4, "random", 0.05),
        ("{exponential: 100ms}", 4, "round_robin", 0.05),
        ("100ms", 4, "round_robin", 0.15),
        ("{p50: 60ms, p99: 600ms}", 4, "round_robin", 0.06),
    ],
)
def test_places_of_instances_that_take_turns(latency: str, instances: int, spread: str, tolerance: float) -> None:
    """Every fourth arrival is a more even stream: fewer are turned away, fewest where all calls take the same time."""
    text = many(text_of("RL020"), instances, spread, "200").replace("{exponential: 100ms}", latency)
    said, seen = figures("RL020", text, turned_away, "availability")
    assert seen == near(said, tolerance)


@pytest.mark.parametrize(("users", "think", "places"), [(20, "100ms", 8), (40, "500ms", 8)])
def test_places_and_few_users(users: int, think: str, places: int) -> None:
    """Engset: a user whose call is inside sends no other."""
    closed = f"users: {users}, think: {{exponential: {think}}}, duration: 100s"
    text = text_of("RL020").replace("rate: 200/s, requests: 20000", closed)
    text = text.replace("max_concurrent: 20", f"max_concurrent: {places}")
    said, seen = figures("RL020", text, turned_away, "availability")
    assert seen == near(said, 0.05)
    assert found_in(text.replace(f"max_concurrent: {places}", f"max_concurrent: {users}"), "RL020") == []


@pytest.mark.parametrize(
    ("outside", "queue", "words"),
    [("2s", 200, "% and more wait until a timeout outside ends them"), ("90s", 30, "% are turned away")],
)
def test_a_queue_longer_than_a_timeout_outside_loses_by_it(outside: str, queue: int, words: str) -> None:
    """Nobody is turned away who waits in a long queue: the timeout ends those that the places cannot serve, or more."""
    text = (
        "resim: 1\nservice: {latency: 100ms}\ntraffic: {rate: 30/s, duration: 60s}\nstack:\n"
        f"  - timeout: {{after: {outside}}}\n  - bulkhead: {{max_concurrent: 1, queue: {queue}}}\n"
    )
    (found,) = found_in(text, "RL020")
    lost = {"2s": ev.TIMEOUT, "90s": ev.BULKHEAD_FULL}[outside]
    run = seen_in(text)
    assert words in found.message
    assert run.metrics["failed"] == sum(a & 0xFF == lost for _, _, _, _, a, _ in run.tape.of(ev.DONE))
    assert found.numbers["rejected"] == near(2 / 3)
    assert 1 - (run.metrics["availability"] or 0) >= 0.85 * found.numbers["rejected"]


def test_the_formulas_of_places_agree_where_they_meet() -> None:
    """One instance takes no turns; so many users are a Poisson stream."""
    assert loss_of_turns(20, 20.0, 1, 0.5) == erlang_b(20, 20.0)
    assert engset(5, 100_000, 5 / 99_995) == near(erlang_b(5, 5.0), 1e-3)
    assert engset(5, 5, 1.0) == 0.0
    assert evenness(Latency("exponential", 1e6)) == near(0.5, 1e-3)
    assert evenness(Latency("constant", 1e6)) == near(1.0, 1e-3)


# --- RL011: openings by chance ---

BREAKERS: list[tuple[str, str, str]] = [
    ("failure_threshold: 4, recovery_time: 1s", "20%", "20"),
    ("failure_threshold: 50%, window: 10, min_calls: 10, recovery_time: 1s", "20%", "20"),
    ("like: semian, error_threshold: 5, error_timeout: 10, success_threshold: 1", "2%", "10"),
    ("like: semian, error_threshold: 3, error_timeout: 5, success_threshold: 2", "3%", "5"),
    ("failure_threshold: 1, recovery_time: 5s", "5%", "5"),
    ("failure_threshold: 40%, window: 2s, min_calls: 20, recovery_time: 1s", "20%", "20"),
    ("failure_threshold: 50%, window: 1s, min_calls: 10, recovery_time: 2s", "20%", "20"),
    ("like: resilience4j, slidingWindowType: TIME_BASED, slidingWindowSize: 2, minimumNumberOfCalls: 15, "
     "failureRateThreshold: 40, waitDurationInOpenState: 1s, permittedNumberOfCallsInHalfOpenState: 3", "20%", "20"),
    ("like: polly, FailureRatio: 0.4, SamplingDuration: 2s, MinimumThroughput: 15, BreakDuration: 1s", "20%", "20"),
    ("like: opossum, errorThresholdPercentage: 40, rollingCountTimeout: 2s, volumeThreshold: 15, resetTimeout: 1s",
     "20%", "20"),
    ("like: opossum, errorThresholdPercentage: 30, rollingCountTimeout: 10s, volumeThreshold: 20, resetTimeout: 2s",
     "15%", "10"),
]  # fmt: skip


@pytest.mark.parametrize(("instances", "spread"), [(1, "random"), (2, "round_robin")])
@pytest.mark.parametrize(("breaker", "failing", "rate"), BREAKERS)
def test_openings_an_hour(breaker: str, failing: str, rate: str, instances: int, spread: str) -> None:
    """Of each instance; a probe that fails is one more."""
    text = text_of("RL011").replace("failure_threshold: 4, recovery_time: 1s", breaker)
    text = text.replace("failure_rate: 20%", f"failure_rate: {failing}").replace("20/s", f"{rate}/s")
    text = text.replace("duration: 1h", f"duration: {12 // instances}m")
    said, seen = figures(
        "RL011", many(text, instances, spread, rate), an_hour(12 // instances / 60, instances), "opened"
    )
    openings = said * 12 / 60
    assert seen == near(said, max(0.15, 3.5 / openings**0.5))


@pytest.mark.parametrize(("size", "k", "p", "full"), [
    (20, 8, 0.25, True), (10, 5, 0.2, True), (50, 3, 0.03, False), (100, 5, 0.5, False), (400, 40, 0.3, True),
])  # fmt: skip
def test_windows_with_so_many_failures(size: int, k: int, p: float, full: bool) -> None:
    """Naus against the window itself: the mean number of calls, and the chance in a stretch."""
    import random
    from collections import deque

    luck = random.Random(5)
    passages = []
    for _ in range(1500 if k > size * p else 100):
        window: deque[bool] = deque()
        calls = bad = 0
        while True:
            calls += 1
            window.append(luck.random() < p)
            bad += window[-1]
            if len(window) > size:
                bad -= window.popleft()
            if bad >= k and (not full or len(window) == size):
                break
        passages.append(calls)
    chance, mean = windows_with(size, k, p, 200.0, full)
    assert sum(passages) / len(passages) == near(mean, 0.08)
    assert sum(each <= 200 for each in passages) / len(passages) == pytest.approx(chance, abs=0.05)


def test_windows_of_more_calls_than_anybody_counts() -> None:
    """Such windows were summed up for minutes."""
    assert windows_with(10**12, 10**11, 0.2, 10**12, False) == (1.0, 5 * 10**11)
    assert windows_with(10**12, 10**11, 0.2, 10**11, False) == (0.0, 5 * 10**11)
    assert windows_with(10**12, 10**11, 0.05, 10**12, False) == (0.0, inf)


# --- RL009: the chance of enough calls ---


@pytest.mark.parametrize(("instances", "spread"), [(1, "random"), (10, "random"), (10, "round_robin")])
def test_the_chance_of_enough_calls_in_a_window(instances: int, spread: str) -> None:
    """Disjoint windows of every instance that have enough, counted."""
    text = f"""
resim: 1
name: t
service: {{latency: 1ms}}
client: {{instances: {instances}, spread: {spread}}}
traffic: {{rate: {20 * instances}/s, duration: {1500 // instances}s}}
faults: [{{outage: {{at: 0s, for: 2h, how: error}}}}]
stack:
  - circuit_breaker: {{failure_threshold: 100%, window: 1s, min_calls: 22, ignore: [timeout], recovery_time: 1ms}}
"""
    (found,) = found_in(text, "RL009") or (None,)
    plain = text.replace("circuit_breaker: {failure_threshold: 100%, window: 1s, min_calls: 22, ignore: [timeout], "
                         "recovery_time: 1ms}", "timeout: {after: 1s}")  # fmt: skip
    assert found is not None
    run = seen_in(plain)
    counts: dict[Any, int] = {}
    for t, _, source, *_ in run.tape.of(ev.ARRIVE):
        counts[source, t // SECOND] = counts.get((source, t // SECOND), 0) + 1
    enough = sum(count >= 22 for count in counts.values()) / (1500 // instances * instances)
    assert enough == pytest.approx(found.numbers["chance"], abs=0.04)


WAITING = """\
resim: 1
service: {latency: 20ms}
traffic: {rate: 20/s, duration: 12s, arrivals: even}
faults:
  - outage: {id: main, at: 5s, for: 10s, how: hang}
stack:
  - circuit_breaker: {failure_threshold: 3, recovery_time: 400ms}
  - bulkhead: {max_concurrent: 10, queue: 20, max_wait: 4s}
  - timeout: {after: 1s}
"""


@pytest.mark.parametrize(
    ("rate", "inside", "inner"),
    [
        (5, "", 1.0),  # nobody waits: five calls a second that take a second need five places
        (20, "", 2.0),
        (25, "", 2.2),
        (40, "", 2.25),  # the queue is full before anybody leaves
        (40, "bulkhead: {max_concurrent: 10, queue: 5, max_wait: 4s}", 1.625),
        (20, "bulkhead: {max_concurrent: 10, queue: 20, max_wait: 300ms}", 1.3),
        (20, "rate_limiter: {limit: 30/s, max_wait: 2s}", 1.0),  # never reached, so that nobody waits for it
    ],
)
def test_calls_let_in_before_wait_for_a_limiter_only_as_long_as_the_traffic_makes_them(
    rate: int, inside: str, inner: float
) -> None:
    """RL013's number is how long after the opening the last result of the calls before it comes."""
    bulkhead = "bulkhead: {max_concurrent: 10, queue: 20, max_wait: 4s}"
    text = WAITING.replace("20/s", f"{rate}/s").replace(bulkhead, inside or bulkhead)
    (found,) = found_in(text, "RL013")
    run = seen_in(text)
    assert found.numbers == {"recovery": 0.4, "inner": near(inner)}
    assert ("wait" in found.message) == (inner > 1)
    late = longest_late(run) / SECOND
    assert 0.75 * inner < late <= 1.1 * inner
    assert not found_in(text.replace("400ms", f"{int(inner * 1000)}ms"), "RL013")


PATIENT = """
resim: 1
name: patient
service: {latency: 0ms, failure_rate: 100%, failure: unavailable}
traffic: {rate: 1/s, arrivals: even, requests: 1}
stack:
  - fallback: {}
  - retry: {like: tenacity, STOP, wait: WAIT}
  - circuit_breaker: {failure_threshold: 1, recovery_time: 1h}
"""
CHAIN = "{kind: chain, of: [{kind: fixed, seconds: 1}, {kind: fixed, seconds: 2}, {kind: fixed, seconds: 30}]}"


@pytest.mark.parametrize(
    ("wait", "patience"),
    [
        (CHAIN, 33),
        ("{kind: incrementing, start: 1, increment: 5}", 18),
        ("{kind: exponential, min: 4, max: 10}", 12),
        ("{kind: exponential}", 7),
    ],
)
def test_a_library_s_waits_are_summed_by_its_own_rule(wait: str, patience: int) -> None:
    """Not by the generic retry that comes nearest: RL019 says how long a request is patient."""
    text = PATIENT.replace("STOP", "stop: {kind: after_attempt, value: 4}").replace("WAIT", wait)
    (found,) = found_in(text, "RL019")
    assert found.numbers["patience"] == patience
    assert seen_in(text).metrics["max"] == near(patience)


@pytest.mark.parametrize(
    ("wait", "longest"),
    [
        ("{kind: random, min: 2, max: 6}", 18),
        ("{kind: exponential_jitter, jitter: 3, max: 20}", 16),
        ("{kind: sum, of: [{kind: exponential}, {kind: random, max: 2}]}", 13),
    ],
)
def test_the_longest_of_random_waits_counts_their_chance_once(wait: str, longest: int) -> None:
    text = PATIENT.replace("STOP", "stop: {kind: after_attempt, value: 4}").replace("WAIT", wait)
    (found,) = found_in(text, "RL019")
    assert found.numbers["patience"] == longest
    text = text.replace("requests: 1", "requests: 400")
    assert 0.85 * longest < (seen_in(text).metrics["max"] or 0) <= longest


@pytest.mark.parametrize(("stop", "patience"), [("after_delay", 8), ("before_delay", 6)])
def test_a_wait_that_begins_in_time_may_end_later(stop: str, patience: int) -> None:
    """tenacity, stop.py: `stop_after_delay` looks at the time before a wait, `stop_before_delay` counts the wait in."""
    text = PATIENT.replace("STOP", f"stop: {{kind: {stop}, value: 7}}").replace("WAIT", "{kind: fixed, seconds: 2}")
    assert seen_in(text).metrics["max"] == near(patience)
    (found,) = found_in(text, "RL019")
    assert found.numbers["patience"] == patience


@pytest.mark.parametrize(
    ("stop", "wait", "attempts"),  # as tenacity 9.2.1 makes them with its clock and sleep replaced
    [
        ("before_delay, value: 10", "{kind: fixed, seconds: 3}", 4),
        ("after_delay, value: 10", "{kind: fixed, seconds: 3}", 5),
        ("before_delay, value: 2", "{kind: fixed, seconds: 3}", 1),
        ("before_delay, value: 9", "{kind: fixed, seconds: 3}", 3),
        ("before_delay, value: 10", "{kind: exponential}", 4),
        ("after_delay, value: 10", "{kind: exponential, max: 2}", 7),
        ("before_delay, value: 10", "{kind: sum, of: [{kind: fixed, seconds: 3}, {kind: fixed, seconds: 1}]}", 3),
    ],
)
def test_attempts_are_those_that_begin_in_time(stop: str, wait: str, attempts: int) -> None:
    """RL019 said "again and again" of them, and RL007 "without limit", even where not one is tried again."""
    text = PATIENT.replace("STOP", f"stop: {{kind: {stop}}}").replace("WAIT", wait)
    found = found_in(text, "RL019")
    assert [each.numbers["attempts"] for each in found] == ([attempts] if attempts > 1 else [])
    assert "again and again" not in "".join(each.message for each in found)


EMPTY = """
resim: 1
name: empty
service: {latency: 1ms, failure_rate: 30%}
client: {instances: 3, spread: random}
traffic: {rate: 30/s, duration: 20s}
stack: [{circuit_breaker: {failure_threshold: 50%, WINDOW, min_calls: 10, recovery_time: 5s, shared: true}}]
"""


@pytest.mark.parametrize("window", ["window: 10s", "window: 400"])
def test_an_empty_window_may_open_a_breaker_that_a_full_one_never_does(window: str) -> None:
    """RL011 said both at once: 15 % an hour, and one opening in a hundred million hours."""
    text = EMPTY.replace("WINDOW", window)
    (found,) = found_in(text, "RL011")
    assert "50% of the first 10 calls or a few more of an empty window come about by chance" in found.message
    assert "instances" not in found.message, "it is one breaker"
    runs = [seen_in(text, seed, ("opened",)).metrics["opened"] or 0 for seed in range(1, 161)]
    assert sum(opened > 0 for opened in runs) / len(runs) == near(found.numbers["chance"], 0.4)
    assert sum(runs) / len(runs) == near(found.numbers["per_hour"], 0.5)
