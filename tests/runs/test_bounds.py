"""What would outgrow memory or time is refused in words, or can be interrupted."""

from __future__ import annotations

import pytest

from resilience_sim.kernel.sim import SimulationError
from resilience_sim.runs import simulation as simulations
from resilience_sim.runs.simulate import SLICE, drain, simulate
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load_text

HEAD = "resim: 1\n"


@pytest.mark.parametrize(
    "text",
    [
        "traffic: {rate: 1000/s, requests: 100000}\nservice: {latency: 1h, workers: 1}\n",
        "traffic: {rate: 1000/s, requests: 100000}\nservice: {latency: 26688d}\n",
        "traffic: {rate: 10/s, requests: 100}\nservice: {latency: 1h}\n"
        "stack: [hedge: {like: polly, Delay: 1ms, MaxHedgedAttempts: 1000000}]\n",
        "traffic: {users: 20000, requests: 1000000}\nservice: {latency: 1h}\n",
        "traffic: {rate: 1000/s, requests: 100000}\nservice: {latency: 1h}\nstack: [timeout: {after: 1d}]\n",
    ],
    ids=["queue of B", "in service", "hedges", "users", "timers"],
)
def test_more_under_way_than_memory_can_hold_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred thousand hedges of each request grew until the process was killed."""
    monkeypatch.setattr(simulations, "MOST_UNDER_WAY", 3_000)
    monkeypatch.setattr(simulations, "_LOOK_EVERY", 1_000)
    with pytest.raises(SimulationError, match=r"more than 3,000 calls are under way.*bound what waits"):
        drain_in_small_steps(Simulation(load_text(HEAD + text, "x.yaml").plan, 1))


def drain_in_small_steps(simulation: Simulation) -> None:
    while simulation.run(budget=1_000):
        pass


def test_a_crowd_that_passes_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many requests, but few at a time; their dead timers leave the queue."""
    monkeypatch.setattr(simulations, "MOST_UNDER_WAY", 3_000)
    monkeypatch.setattr(simulations, "_LOOK_EVERY", 1_000)
    text = "traffic: {rate: 1000/s, requests: 20000}\nservice: {latency: 1ms}\nstack: [timeout: {after: 1s}]\n"
    drain_in_small_steps(Simulation(load_text(HEAD + text, "x.yaml").plan, 1))


def test_what_is_under_way_is_looked_at_between_the_slices_of_a_run() -> None:
    assert simulations._LOOK_EVERY <= 10 * SLICE
    assert simulate(load_text(HEAD + "traffic: {rate: 9/s, requests: 9}\n", "x.yaml").plan, 1).document


@pytest.mark.parametrize(
    "text",
    [
        "traffic: {users: 100000, requests: 10000000}\nservice: {latency: 1ns}\n",
        "traffic: {rate: 1/ns, requests: 10000000}\n",
        "traffic: {rate: 1/s, requests: 9}\nservice: {failure_rate: 100%}\n"
        "stack: [retry: {attempts: 10000, delay: 0ms}]\n",
        "traffic: {rate: 1/s, requests: 9}\nservice: {latency: 1h}\n"
        "stack: [hedge: {like: polly, Delay: 0ms, MaxHedgedAttempts: 1000000}]\n",
        "traffic: {rate: 1/s, requests: 9}\nstack:\n  - retry: {attempts: 10000, delay: 0ms, on: [rate_limited]}\n"
        "  - rate_limiter: {limit: 1/h}\n",
        "traffic: {rate: 1/s, requests: 9}\nstack:\n  - retry: {attempts: 10000, delay: 0ms, on: [bulkhead_full]}\n"
        "  - circuit_breaker: {failure_threshold: 1, recovery_time: 1d, ignore: []}\n  - timeout: {after: 1ns}\n",
    ],
    ids=["users", "arrivals", "retries", "hedges", "rejected", "open breaker"],
)
def test_many_events_at_one_instant_come_in_slices(text: str) -> None:
    """Between two slices Ctrl-C is heard, compiled or not: none has many more events than steps."""
    simulation = Simulation(load_text(HEAD + text, "x.yaml").plan, 1)
    before = 0
    for _ in range(5):
        simulation.run(budget=2_000)
        assert simulation.event_count - before < 40_000
        before = simulation.event_count
    seen = 0

    def stop(_source: object) -> bool:
        nonlocal seen
        seen += 1
        return False

    drain(simulation, stop)
    assert seen <= 1
