"""What is known in advance about services that call each other."""

from __future__ import annotations

from math import comb, log, sqrt

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.runs.simulate import simulate
from resilience_sim.settings.plan import Plan
from tests.services.graph import Ran, audit, plan_of


def test_three_retries_at_three_hops_are_27_calls() -> None:
    retry = "stack: [{retry: {attempts: 3}}]"
    plan = plan_of(
        f"""
        shop: {{calls: [{{to: stock, {retry}}}]}}
        stock: {{calls: [{{to: db, {retry}}}]}}
        db: {{failure_rate: 100%}}""",
        retry,
        "{rate: 100/s, requests: 200}",
    )
    run = Ran(plan)
    audit(run)
    assert [each["amplification"] for each in run.document["services"]] == [3.0, 9.0, 27.0]


def test_fan_out_100_turns_1_percent_slow_into_63() -> None:
    names = [f"leaf{i}" for i in range(100)]
    calls = ", ".join(f"{{to: {name}}}" for name in names)
    leaves = "\n".join(f"{name}: {{latency: {{exponential: 10ms}}}}" for name in names)
    run = Ran(plan_of(f"shop: {{calls: [{{together: [{calls}]}}]}}\n{leaves}", "", "{rate: 10/s, requests: 400}"))
    slow = log(100) * 10e6
    done = [e[5] for e in run.events if e[1] == ev.DONE]
    share = sum(latency > slow for latency in done) / len(done)
    assert share == pytest.approx(1 - 0.99**100, abs=4 * sqrt(0.634 * 0.366 / 400))
    works = [e[5] for e in run.events if e[1] == ev.END and run.components[e[2]].node != "shop"]
    assert sum(work > slow for work in works) / len(works) == pytest.approx(0.01, abs=4 * sqrt(0.01 / len(works)))


def test_m_dependencies_with_k_tries_each() -> None:
    p, k, m, n = 0.3, 2, 4, 3000
    link = f"stack: [{{retry: {{attempts: {k}}}}}]"
    calls = ", ".join(f"{{to: s{i}, {link}}}" for i in range(m))
    leaves = "\n".join(f"s{i}: {{failure_rate: {p:.0%}}}" for i in range(m))
    run = Ran(plan_of(f"shop: {{calls: [{{together: [{calls}]}}]}}\n{leaves}", "", f"{{rate: 100/s, requests: {n}}}"))
    expected = (1 - p**k) ** m
    assert run.document["availability"] == pytest.approx(expected, abs=4 * sqrt(expected * (1 - expected) / n))


def sojourn(rate: float, mu: float, c: int) -> float:
    """Mean time in an M/M/c system (Erlang C)."""
    load = rate / mu
    rho = load / c
    below = sum(load**i / _factorial(i) for i in range(c))
    last = load**c / _factorial(c) / (1 - rho)
    return last / (below + last) / (c * mu - rate) + 1 / mu


def _factorial(n: int) -> int:
    return n * _factorial(n - 1) if n else 1


def test_a_tandem_of_two_mmc_queues() -> None:
    """Burke: what leaves the first is Poisson again, so the mean times add up. ``free``: nothing is held."""
    plan = plan_of(
        """
        first: {latency: {exponential: 30ms}, workers: 2, waits: free, calls: [{to: second}]}
        second: {latency: {exponential: 50ms}, workers: 4}""",
        "",
        "{rate: 45/s, requests: 3000}",
    )
    mean, error = mean_over(plan, 8)
    expected = sojourn(45, 1 / 0.030, 2) + sojourn(45, 1 / 0.050, 4)
    assert abs(mean - expected) < 4 * error
    assert error < 0.05 * expected


def test_the_second_fastest_of_five() -> None:
    """Order statistics of exponentials: the k-th of n comes after the sum of 1/(n-i), i < k, means."""
    calls = ", ".join(f"{{to: s{i}}}" for i in range(5))
    leaves = "\n".join(f"s{i}: {{latency: {{exponential: 100ms}}}}" for i in range(5))
    plan = plan_of(f"shop: {{calls: [{{together: [{calls}], need: 2}}]}}\n{leaves}", "", "{rate: 50/s, requests: 4000}")
    run = Ran(plan)
    audit(run)
    mean, variance = 1 / 5 + 1 / 4, 1 / 25 + 1 / 16
    assert run.document["latency"]["mean"] == pytest.approx(0.1 * mean, abs=4 * 0.1 * sqrt(variance / 4000))


def test_need_2_of_3_by_the_binomial() -> None:
    p, n = 0.4, 3000
    calls = ", ".join(f"{{to: s{i}}}" for i in range(3))
    leaves = "\n".join(f"s{i}: {{failure_rate: 40%}}" for i in range(3))
    plan = plan_of(
        f"shop: {{calls: [{{together: [{calls}], need: 2}}]}}\n{leaves}", "", f"{{rate: 50/s, requests: {n}}}"
    )
    expected = sum(comb(3, i) * (1 - p) ** i * p ** (3 - i) for i in (2, 3))
    assert Ran(plan).document["availability"] == pytest.approx(expected, abs=4 * sqrt(expected * (1 - expected) / n))


def mean_over(plan: Plan, seeds: int) -> tuple[float, float]:
    """The mean latency of runs with so many seeds, and its standard error."""
    found = [simulate(plan, seed, metrics=["mean"], digest=False) for seed in range(1, seeds + 1)]
    means = [each.metrics["mean"].value or 0.0 for each in found]
    mean = sum(means) / seeds
    return mean, sqrt(sum((each - mean) ** 2 for each in means) / (seeds - 1) / seeds)


def test_a_jackson_network_with_branches() -> None:
    """By product form each queue is one of its own: what comes to it is split and joined, and Poisson all the same."""
    plan = plan_of(
        """
        x: {latency: {exponential: 20ms}, workers: 1, waits: free, calls: [{to: a, chance: 40%}, {to: b, chance: 70%}]}
        a: {latency: {exponential: 60ms}, workers: 2}
        b: {latency: {exponential: 30ms}, workers: 1}""",
        "",
        "{rate: 30/s, requests: 2500}",
    )
    mean, error = mean_over(plan, 6)
    expected = sojourn(30, 50, 1) + 0.4 * sojourn(12, 1 / 0.060, 2) + 0.7 * sojourn(21, 1 / 0.030, 1)
    assert abs(mean - expected) < 4 * error
    assert error < 0.05 * expected


def test_the_last_of_two_exponentials_comes_after_one_and_a_half_means() -> None:
    two = "shop: {calls: [{together: [{to: a}, {to: b}]}]}"
    plan = plan_of(f"{two}\na: {{latency: {{exponential: 100ms}}}}\nb: {{latency: {{exponential: 100ms}}}}", "",
                   "{rate: 50/s, requests: 3000}")  # fmt: skip
    assert Ran(plan).document["latency"]["mean"] == pytest.approx(0.15, abs=4 * 0.1 * sqrt(1.25 / 3000))


def test_fork_and_join_of_two_queues() -> None:
    """Flatto and Hahn 1984, Nelson and Tantawi 1988: T = (12 - rho) / 8 / (mu - lambda) for two M/M/1."""
    plan = plan_of(
        """
        shop: {calls: [{together: [{to: a}, {to: b}]}]}
        a: {latency: {exponential: 20ms}, workers: 1}
        b: {latency: {exponential: 20ms}, workers: 1}""",
        "",
        "{rate: 30/s, requests: 2500}",
    )
    mean, error = mean_over(plan, 6)
    expected = (12 - 30 / 50) / 8 / (50 - 30)
    assert abs(mean - expected) < 4 * error
    assert error < 0.05 * expected
