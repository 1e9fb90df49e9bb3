"""Queues and retries against the formulas of the textbooks, with tolerances from standard errors.

Waiting times of neighbours are correlated, so standard errors come from batch means: the run is cut into 50 batches,
the mean of each is one observation. Four of those errors are allowed. benchmarks/million.py does the issue's case over
the whole million.
"""

from __future__ import annotations

from math import exp, factorial, log, sqrt

import pytest
from lab import b, every, plan, retry, run
from lab import breaker as circuit_breaker

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.simulate import drain, simulate
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.service import ServiceConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig

S = 1_000_000_000
BATCHES = 50
WARM_UP = 2000  # requests not counted: the queue starts empty


class Waits(Fold):
    """Of each request: seconds in B's queue, and from arrival to outcome."""

    def __init__(self, requests: int) -> None:
        self.waits = [0.0] * requests
        self.latencies = [0.0] * requests
        self.outcomes = [0] * requests
        self.attempts = [0] * requests

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """Note waits and latencies."""
        if kind == ev.BEGIN:
            self.waits[rid] = b / S
        elif kind == ev.DONE:
            self.latencies[rid] = b / S
            self.outcomes[rid] = a & 0xFF
            self.attempts[rid] = a >> 16 & 0xFFFFFF


def watch(the_plan: Plan, seed: int = 1) -> Waits:
    """Run and note."""
    notes = Waits(the_plan.traffic.requests)
    simulation = Simulation(the_plan, seed)
    simulation.attach(notes)
    drain(simulation)
    return notes


def queue(rate: float, workers: int, latency: Latency, requests: int, places: int = -1) -> Plan:
    """Poisson arrivals at B, no stack."""
    traffic = TrafficConfig(phases=(Phase(0, rate, rate),), requests=requests)
    return plan(ServiceConfig(latency=latency, workers=workers, queue=places), traffic)


def mean_and_error(values: list[float]) -> tuple[float, float]:
    """Mean, and its standard error by batch means."""
    size = len(values) // BATCHES
    means = [sum(values[i * size : (i + 1) * size]) / size for i in range(BATCHES)]
    mean = sum(means) / BATCHES
    return mean, sqrt(sum((m - mean) ** 2 for m in means) / (BATCHES - 1) / BATCHES)


def close(values: list[float], expected: float) -> None:
    """The mean is within four standard errors, and the error is small enough to mean something."""
    mean, error = mean_and_error(values[WARM_UP:])
    assert error < 0.15 * expected
    assert abs(mean - expected) < 4 * error, (mean, expected, error)


def erlang_b(load: float, workers: int) -> float:
    """Probability that all workers are busy in a system without a queue."""
    return load**workers / factorial(workers) / sum(load**k / factorial(k) for k in range(workers + 1))


def erlang_c(load: float, workers: int) -> float:
    """Probability of having to wait."""
    blocked = erlang_b(load, workers)
    return blocked / (1 - load / workers * (1 - blocked))


def test_the_formulas_give_the_issue_s_number():
    """80/s, 10 workers, mean 100 ms: P(wait) 0.409180, mean wait 20.459 ms, mean latency 0.120459 s."""
    wait = erlang_c(8.0, 10) * 0.1 / (10 - 8)
    assert round(wait + 0.1, 6) == 0.120459


def test_m_m_c_at_eighty_percent():
    """The issue's case over 100,000 requests: waiting probability, mean wait, mean latency, utilisation."""
    notes = watch(queue(80.0, 10, Latency("exponential", 0.1 * S), 100_000))
    close(notes.latencies, 0.120459)
    close(notes.waits, erlang_c(8.0, 10) * 0.1 / 2)
    close([1.0 if w > 0 else 0.0 for w in notes.waits], erlang_c(8.0, 10))


def test_m_m_1_at_one_half():
    """Mean time in system 1 / (mu - lambda), and its distribution is exponential: its 90th percentile too."""
    notes = watch(queue(5.0, 1, Latency("exponential", 0.1 * S), 30_000))
    close(notes.latencies, 0.2)
    close([1.0 if t > 0.2 * log(10) else 0.0 for t in notes.latencies], 0.1)


def test_m_d_1():
    """Constant service: half the wait of M/M/1. rho 0.7, 100 ms: 0.1 * 0.7 / (2 * 0.3)."""
    notes = watch(queue(7.0, 1, Latency("constant", 0.1 * S), 60_000))
    close(notes.waits, 0.1 * 0.7 / (2 * 0.3))


def pollaczek_khinchine(rate: float, mean: float, cv: float) -> float:
    """Mean wait of M/G/1."""
    rho = rate * mean
    return rho * mean * (1 + cv * cv) / (2 * (1 - rho))


@pytest.mark.parametrize(
    ("latency", "mean", "cv"),
    [
        (Latency("gamma", 4.0, 0.025 * S), 0.1, 0.5),
        (Latency("gamma", 0.5, 0.2 * S), 0.1, sqrt(2)),
        (Latency("lognormal", log(0.1 * S) - 0.125, 0.5), 0.1, sqrt(exp(0.25) - 1)),
        (Latency("uniform", 0.0, 0.2 * S), 0.1, 1 / sqrt(3)),
    ],
    ids=["gamma cv 0.5", "gamma cv 1.41", "lognormal", "uniform"],
)
def test_m_g_1(latency, mean, cv):
    """Pollaczek-Khinchine at 60 % load."""
    close(watch(queue(6.0, 1, latency, 30_000)).waits, pollaczek_khinchine(6.0, mean, cv))


@pytest.mark.parametrize("latency", [Latency("exponential", 0.1 * S), Latency("constant", 0.1 * S)],
                         ids=["exponential", "constant"])  # fmt: skip
def test_erlang_b(latency):
    """No queue: the share shed depends on the mean of the service time only."""
    notes = watch(queue(80.0, 10, latency, 40_000, places=0))
    close([1.0 if outcome == ev.SHED else 0.0 for outcome in notes.outcomes], erlang_b(8.0, 10))


def test_a_bounded_queue_sheds_as_m_m_1_k():
    """One worker, three places, load 0.9: P(full) = (1 - rho) rho^4 / (1 - rho^5)."""
    notes = watch(queue(9.0, 1, Latency("exponential", 0.1 * S), 40_000, places=3))
    full = 0.1 * 0.9**4 / (1 - 0.9**5)
    close([1.0 if outcome == ev.SHED else 0.0 for outcome in notes.outcomes], full)


def test_unlimited_workers_are_m_g_infinity():
    """Nobody waits, and the mean number in service is rate times mean: by Little's law the busy time per second."""
    result = simulate(queue(100.0, 0, Latency("exponential", 0.1 * S), 20_000), 1)
    assert result.document["service"]["queue_peak"] == 0
    assert result.document["latency"]["mean"] == pytest.approx(0.1, abs=4 * 0.1 / sqrt(20_000))


def test_slowdown_alone_makes_no_queue_but_longer_service():
    """Even arrivals far apart: nobody shares, nobody is slowed down."""
    story = run(plan(b("100ms", per_concurrent="50ms"), every("1s", 10)))
    assert story.latencies == [100] * 10


@pytest.mark.parametrize(("failing", "success"), [(0.1, 0.999), (0.3, 0.973), (0.5, 0.875)])
def test_three_attempts(failing, success):
    """Success 1 - p³, attempts 1 + p + p²: binomial and multinomial standard errors over 20,000 requests."""
    n = 20_000
    traffic = TrafficConfig(phases=(Phase(0, 1000.0, 1000.0),), requests=n)
    notes = watch(plan(b("1ms", failure_rate=failing), traffic, [retry(3)]))
    assert 1 - failing**3 == pytest.approx(success)
    succeeded = sum(outcome == ev.SUCCESS for outcome in notes.outcomes) / n
    assert abs(succeeded - success) < 4 * sqrt(success * (1 - success) / n)
    mean = 1 + failing + failing**2
    chances = {1: 1 - failing, 2: failing * (1 - failing), 3: failing**2}
    deviation = sqrt(sum((k - mean) ** 2 * p for k, p in chances.items()))
    assert abs(sum(notes.attempts) / n - mean) < 4 * deviation / sqrt(n)
    for k, p in chances.items():
        assert abs(notes.attempts.count(k) / n - p) < 4 * sqrt(p * (1 - p) / n)


def test_a_consecutive_breaker_opens_after_the_expected_number_of_calls():
    """Threshold k, failing share p, one call at a time: (1 - p^k) / (p^k (1 - p)) calls on average."""
    p, k, runs = 0.5, 3, 400
    expected = (1 - p**k) / (p**k * (1 - p))
    first = []
    for seed in range(runs):
        story = run(plan(b(failure_rate=p), every("1s", 120), [circuit_breaker(k, "1h")]), seed)
        first.append(story.breaker[0][0] / 1000 + 1)
    mean = sum(first) / runs
    error = sqrt(sum((x - mean) ** 2 for x in first) / (runs - 1) / runs)
    assert abs(mean - expected) < 4 * error
