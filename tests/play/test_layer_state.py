"""What layers hold at the instant shown: exact at the head, exact in the past once it has been lived again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience_sim.play.forms import read_policy
from resilience_sim.play.panels.topology import topology_rows
from resilience_sim.play.session import Session
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.actions import Add
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.views.live.look import UNICODE

from .lab import SECOND, play, session

STACK = """
  - rate_limiter: {limit: 40/s, burst: 10, max_wait: 200ms}
  - retry: {attempts: 3, delay: 200ms, budget: 20%}
  - circuit_breaker: {failure_threshold: 60%, window: 5s, min_calls: 10, recovery_time: 2s}
  - throttle: {k: 2, window: 10s}
  - bulkhead: {max_concurrent: 8, queue: 4}
  - timeout: {after: 1s}
"""
LIBRARIES = """
  - rate_limiter: {like: resilience4j, limitForPeriod: 30, limitRefreshPeriod: 1s}
  - retry: {like: grpc, maxAttempts: 3, budget: {kind: grpc, maxTokens: 10, tokenRatio: 0.1}}
  - circuit_breaker: {like: polly, id: polly}
  - circuit_breaker: {like: hystrix, id: hystrix}
  - circuit_breaker: {like: gobreaker, id: gobreaker}
  - circuit_breaker: {like: resilience4j, id: r4j}
  - circuit_breaker: {like: pybreaker, id: pybreaker}
"""
WORLD = """
resim: 1
name: levels
service: {latency: {p50: 60ms, p99: 400ms}, workers: 6, queue: 20, failure_rate: 20%}
traffic: {rate: 30/s, duration: 60s}
faults:
  - outage: {at: 12s, for: 6s, how: refuse}
  - brownout: {at: 30s, for: 10s, workers: 50%}
stack:
"""


def on(stack: str) -> Session:
    scenario = load_text(WORLD + stack, "levels.yaml")
    return Session(scenario, Simulation(scenario.plan, 1, []))


def asked_at(s: Session, t: int) -> dict[int, dict[str, float]]:
    """The same run on its own, stopped at that instant."""
    alone = Simulation(s.run.source.plan, 1, s.run.actions)
    alone.run(t)
    return alone.gauges(t)


@pytest.mark.parametrize("stack", [STACK, LIBRARIES], ids=["ours", "libraries"])
def test_at_the_head_levels_are_those_of_the_instant_shown(stack: str) -> None:
    """At every frame, between events too, where windows have aged since the last of them."""
    s = on(stack)
    for tenth in range(100, 450, 17):
        play(s, tenth / 10)
        assert s.run.layer_state.exact
        assert s.run.layer_state.read() == asked_at(s, s.clock)
        assert s.run.layer_state.at == s.clock


@pytest.mark.parametrize("stack", [STACK, LIBRARIES], ids=["ours", "libraries"])
def test_in_the_past_levels_become_exact_in_spare_time(stack: str) -> None:
    s = play(on(stack), 45)
    s.paused = True
    for t in (14.2, 3.0, 31.5, 31.6, 17.01, 44.9):
        s.seek(round(t * SECOND))
        s.frame(1 / 15)
        assert s.run.layer_state.exact
        assert s.run.layer_state.read() == asked_at(s, s.clock)


def test_until_then_they_are_said_to_be_of_an_earlier_instant() -> None:
    """However little a frame may simulate, it gets there; what is shown meanwhile is a sample with its instant."""
    s = play(on(STACK), 45)
    s.paused = True
    s.seek(40 * SECOND)
    levels = s.run.layer_state
    assert not levels.exact
    sample = levels.read()
    assert sample == asked_at(s, levels.at)
    assert levels.at < s.clock
    frames = 0
    while not levels.exact:
        s.frame(1 / 15, lambda: False)
        frames += 1
    assert frames > 3
    assert levels.read() == asked_at(s, s.clock)


def test_every_event_of_a_rewound_run_has_its_levels() -> None:
    """Stepping on and back, over an action too; within a step of the engine they are those at its end."""
    s = play(session(), 10)
    s.act(Add(s.instant(), read_policy("bulkhead", {"max_concurrent": "5"}, "bulkhead"), 0))
    play(s, 11)
    s.seek(round(9.99 * SECOND))
    for back in (False,) * 40 + (True,) * 5:
        s.step(back)
        s.frame(1 / 15)
        assert s.run.layer_state.exact
        t = s.run.tape.time(s.run.position - 1)
        if s.run.tape.time(s.run.position) > t:
            assert s.run.layer_state.read() == asked_at(s, t)


def test_looking_at_levels_changes_nothing() -> None:
    """Not even for libraries whose windows age when they are read."""
    s = on(LIBRARIES)
    while not s.over:
        s.paused, s.speed = False, 20.0
        s.frame(1 / 15)
        s.run.layer_state.read()
    alone = Simulation(s.run.source.plan, 1, [])
    alone.run()
    assert alone.digest() == s.run.source.digest()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"like": "pybreaker", "fail_max": "5"}, "in a row"),
        ({"like": "resilience4j"}, "failed"),
        ({"like": "polly", "FailureRatio": "0.9"}, "failed"),
        ({"like": "hystrix"}, "failed"),
        ({"like": "envoy"}, "replicas ejected"),
    ],
    ids=lambda value: value["like"] if isinstance(value, dict) else "",
)
def test_a_librarys_breaker_shows_its_counters(settings: dict[str, str], words: str) -> None:
    s = on("  - circuit_breaker: {" + ", ".join(f"{key}: {value}" for key, value in settings.items()) + "}\n")
    play(s, 8)
    rows, _ = topology_rows(s.run, UNICODE, 56, 20)
    line = next(row.plain() for row in rows if "breaker" in row.plain())
    assert "CLOSED" in line
    assert words in line


def test_several_instances_are_shown_together() -> None:
    s = session()
    plan = s.run.source.plan
    bulkhead: PolicyConfig = read_policy("bulkhead", {"max_concurrent": "5"}, "bulkhead")
    plan = replace(plan, client=replace(plan.client, instances=3), stack=(bulkhead, *plan.stack))
    s = play(session(plan=plan), 20)
    rows, _ = topology_rows(s.run, UNICODE, 56, 20)
    assert any("/15" in row.plain() for row in rows), [row.plain() for row in rows]


def test_policies_that_do_the_same_are_shown_as_each_was_written() -> None:
    """The settings of the one that was drawn first stood beside the other, too."""
    shown = []
    for settings in ("like: cockatiel, duration: 1s", "after: 1s"):
        s = on("  - timeout: {" + settings + "}\n")
        rows, _ = topology_rows(play(s, 2).run, UNICODE, 56, 40)
        shown.append("\n".join(row.plain() for row in rows))
    assert "like cockatiel" in shown[0]
    assert "like cockatiel" not in shown[1]
    assert "after 1s" in shown[1]
