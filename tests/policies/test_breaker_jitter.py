"""Open times that are drawn, so that the breakers of many instances do not probe together."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from lab import a, b, bench, breaker, every, lab

from resilience_sim.kernel import events as ev
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.read.pieces import policy_from

FAILING = ["error"] * 9999


def open_times(config, calls: int = 2000) -> list[float]:
    """Of one breaker that probes in vain: a call every 10 ms ends each open time."""
    story = bench([config], FAILING, every("10ms", calls))
    opened = [t for t, state in story.breaker if state == "OPEN"]
    half = [t for t, state in story.breaker if state == "HALF_OPEN"]
    return [after - before for before, after in zip(opened, half, strict=False)]


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        ({"jitter": "spread", "spread": 0.25}, 300, 500),
        ({"jitter": "equal"}, 200, 400),
        ({"jitter": "full"}, 0, 400),
    ],
)
def test_each_opening_draws_its_time(settings, low, high):
    """Within its bounds (and the 10 ms until the next call), all over them, and seldom the same."""
    times = open_times(breaker(1, "400ms", **settings))
    assert all(low <= each <= high + 20 for each in times)
    assert min(times) < low + (high - low) * 0.25
    assert max(times) > high - (high - low) * 0.25
    assert len(set(times)) > len(times) * 0.3


def test_without_jitter_nothing_is_drawn():
    assert set(open_times(breaker(1, "400ms"))) == {410}


def test_jitter_comes_after_the_growth_and_before_the_cap():
    """200, 400, 800 ms …, half of it drawn, never above 500."""
    times = open_times(breaker(1, "200ms", open_factor=2.0, open_max="500ms", jitter="equal"))
    assert 100 <= times[0] <= 220
    assert 200 <= times[1] <= 420
    assert max(times) <= 510
    assert min(times[2:]) >= 250


def test_instances_that_open_together_do_not_probe_together():
    """Ten breakers open at one instant; with jitter their first probes are spread over half of the open time."""
    client = a(instances=10)

    def first_probes(config) -> list[float]:
        story = lab(b("1ms", failure_rate=1.0), every("1ms", 3000), [config], client)
        found: dict[int, int] = {}
        for event in story.of("breaker"):
            if ev.new_state(event[4]) == ev.HALF_OPEN:
                found.setdefault(event[2], event[0] // 1_000_000)
        return sorted(found.values())

    together, apart = first_probes(breaker(1, "1s")), first_probes(breaker(1, "1s", jitter="spread", spread=0.25))
    assert together[-1] - together[0] <= 20
    assert apart[-1] - apart[0] > 200
    assert apart == first_probes(breaker(1, "1s", jitter="spread", spread=0.25))


def test_opened_by_hand_it_draws_as_well():
    text = """
resim: 1
service: {latency: 1ms}
client: {instances: 2}
traffic: {rate: 1000/s, arrivals: even, duration: 3s}
stack: [{circuit_breaker: {recovery_time: 1s, jitter: 50%}}]
changes: [{at: 500ms, trip: circuit_breaker}]
"""
    from lab import run

    story = run(load_text(text, "s.yaml").plan)
    half = [event[0] for event in story.of("breaker") if ev.new_state(event[4]) == ev.HALF_OPEN]
    assert len(half) == 2
    assert half[0] != half[1]
    assert all(999_000_000 < t < 2_003_000_000 for t in half)


def test_what_is_left_of_a_drawn_time_is_told():
    """A rejection says how long it will stay open."""
    story = bench([breaker(1, "10s", jitter="full")], FAILING, ["0s", "1ms", "2ms"])
    left = [event[5] for event in story.of("rejected")]
    assert left == [] or 0 <= left[0] < 10_000_000_000
    assert all(one - other == 1_000_000 for one, other in itertools.pairwise(left))


def test_resilience4j_may_randomize_its_wait():
    """ofRandomized(wait, factor): w(1-f) + U(2wf + 1 ms); an exponential backoff goes before it."""
    said = {"like": "resilience4j", "minimumNumberOfCalls": "1", "slidingWindowSize": "1"}
    said |= {"waitDurationInOpenState": "400ms", "permittedNumberOfCallsInHalfOpenState": "1"}
    times = open_times(policy_from("circuit_breaker", {**said, "enableRandomizedWait": "true"}, "it"))
    assert all(200 <= each <= 620 for each in times)
    assert max(times) - min(times) > 250
    assert set(open_times(policy_from("circuit_breaker", said, "it"))) == {410}
    ours = policy_from("circuit_breaker", {"like": "resilience4j", "recovery_time": "400ms", "jitter": "50%"}, "it")
    theirs = policy_from(
        "circuit_breaker",
        {"like": "resilience4j", "waitDurationInOpenState": "400ms", "enableRandomizedWait": "true"},
        "it",
    )
    assert replace(ours, written=None) == replace(theirs, written=None)
    growing = {**said, "enableRandomizedWait": "true", "enableExponentialBackoff": "true"}
    first = open_times(policy_from("circuit_breaker", growing, "it"))[0]
    assert first == 410
    with pytest.raises(ScenarioError, match="polly does not randomize"):
        policy_from("circuit_breaker", {"like": "polly", "jitter": "25%"}, "it")
