"""The arithmetic over several services against simulations, and what silences the rules about them."""

from __future__ import annotations

from random import Random

import pytest

from lint.cases import found_in, near, seen_in, service, text_of
from resilience_sim.lint.chance import mean_until
from resilience_sim.lint.hops import Hops
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.units import LONGEST

ONE = "resim: 1\ntraffic: {rate: 1/s, requests: 1, arrivals: even}\n"


def random_graph(luck: Random, policies: tuple[str, ...], own: str, together: bool = False) -> str:
    """Services s0 to s5, each calling later ones."""
    lines = []
    for i in range(6):
        later = [f"s{j}" for j in range(i + 1, 6)]
        callees = luck.sample(later, min(len(later), luck.choice((1, 1, 2, 2, 3))))
        calls = []
        for callee in callees:
            stack = ", ".join(luck.sample(policies, luck.choice((0, 1, 1))))
            extra = luck.choice(("", "", "", ", times: 2", ", optional: true", ", fails_as: unavailable"))
            calls.append(f"{{to: {callee}, stack: [{stack}]{extra}}}")
        if together and len(calls) > 1 and luck.random() < 0.5:
            calls = [f"{{together: [{', '.join(calls)}], need: {luck.choice(('all', 'any'))}}}"]
        lines.append(f"  s{i}: {{{own}, calls: [{', '.join(calls)}]}}")
    return "services:\n" + "\n".join(lines) + "\n"


RETRIES = (
    "{retry: {attempts: 2}}",
    "{retry: {attempts: 3}}",
    "{fallback: {latency: 1ms}}",
    "{retry: {attempts: 2, on: [error]}}",
    "{retry: {attempts: 3}}, {fallback: {}}",
    "{fallback: {}}, {retry: {attempts: 3}}",
)


@pytest.mark.parametrize("number", range(20))
def test_attempts_while_a_service_is_down(number: int) -> None:
    luck = Random(number)
    graph = random_graph(luck, RETRIES, "latency: 1ms")
    for target in ("s3", "s5"):
        fault = f"faults: [{{outage: {{at: 0s, for: 1h, service: {target}, how: error}}}}]\n"
        text = f"{ONE}stack: [{{retry: {{attempts: 2}}}}]\n{fault}{graph}"
        plan = load_text(text, "g.yaml").plan
        hops = Hops(plan)
        if target in hops.reached:
            assert service(seen_in(text), target)["amplification"] == hops.while_down(target).attempts, text


@pytest.mark.parametrize("number", range(1, 5))
def test_rates_and_times_in_full_health(number: int) -> None:
    luck = Random(number)
    timeouts = (
        "{timeout: {after: 60ms}}",
        "{retry: {attempts: 3}}, {timeout: {after: 30ms}}",
        "{retry: {attempts: 2}}",
    )
    graph = random_graph(luck, timeouts, "latency: {exponential: 5ms}, network: 1ms", together=True)
    text = f"resim: 1\ntraffic: {{rate: 20/s, duration: 30s}}\n{graph}"
    hops, run = Hops(load_text(text, "g.yaml").plan), seen_in(text)
    for each in run.document["services"]:
        if each["attempts_received"] > 300:
            assert each["latency"]["mean"] == near(mean_until(hops.latency(each["name"])) / 1e9, 0.1), each["name"]
    rates = {(link.caller, link.callee): hops.rate(link) for link in hops.links if link.caller in hops.reached}
    for each in run.document["links"][1:]:
        if each["calls"] > 300:
            assert each["calls"] / 30 == near(rates[each["from"], each["to"]], 0.12), (each["from"], each["to"])


# what is left alone: (rule, old, new), of the rule's own scenario; and what is not
QUIET = [
    ("RL033", "{attempts: 3, delay: 20ms, jitter: full}", "{attempts: 3, on: [unavailable]}", 9),
    ("RL033", "[{retry: {attempts: 3, delay: 20ms, jitter: full}}]", "[fallback]", 0),
    ("RL033", "{attempts: 3, delay: 10ms, jitter: full}", "{attempts: 3, budget: 10%}", 27),
    ("RL034", "{after: 300ms}", "{after: 300ms, passes_on: true}", 0),
    ("RL034", "{after: 300ms}", "{after: 300ms, cancels_work: true}", 0),
    ("RL034", "{after: 300ms}", "{after: 900ms}", 0),
    ("RL035", "deadline: 1s", "deadline: 1800ms", 0),
    ("RL036", "workers: 40, calls", "workers: 9, calls", 0),
    ("RL036", "{latency: 40ms, workers: 10}", "{latency: 40ms}", 0),
    ("RL037", "workers: 20, calls", "workers: 20, waits: free, calls", 0),
    ("RL037", "[{timeout: {after: 1s}}]", "[{bulkhead: {max_concurrent: 15}}, {timeout: {after: 1s}}]", 0),
    ("RL037", "[{timeout: {after: 1s}}]", "[circuit_breaker, {timeout: {after: 1s}}]", 0),
    ("RL037", "{to: stock,", "{to: stock, chance: 30%,", 0),
    ("RL037", "[{timeout: {after: 1s}}]", "[]", 20),
    ("RL039", "{method: POST}", "{method: PUT}", 0),
    ("RL039", "{to: mail}", "{to: mail, optional: true}", 0),
    ("RL039", "stack: [{retry", "stack: [{timeout: {after: 1s}}, {circuit_breaker", 0),
]  # fmt: skip


@pytest.mark.parametrize(("code", "old", "new", "number"), QUIET)
def test_what_silences_a_rule_and_what_does_not(code: str, old: str, new: str, number: int) -> None:
    text = text_of(code).replace("circuit_breaker: {attempts: 3, delay: 50ms, jitter: full}", "circuit_breaker")
    assert old in text
    text = text.replace(old, new).replace(
        "circuit_breaker: {attempts: 3, delay: 50ms, jitter: full}", "circuit_breaker"
    )
    found = found_in(text, code)
    if not number:
        assert found == []
    elif code == "RL033":
        assert [each.numbers["attempts"] for each in found] == [number]
        assert service(seen_in(text), "db")["amplification"] == number or "budget" in new
    else:
        (one,) = found
        assert "for ever" in one.message
        assert one.numbers["workers"] == number


@pytest.mark.parametrize("shape", ["{pareto: {min: 1d, alpha: 0.001}}", "{p50: 1ns, p99: 26000d}"])
def test_a_tail_that_no_float_holds_is_as_long_as_the_clock(shape: str) -> None:
    text = f"resim: 1\ntraffic: {{rate: 9/s}}\nservices:\n  shop: {{calls: [{{to: db}}]}}\n  db: {{latency: {shape}}}\n"
    longest = max(took for took, _ in Hops(load_text(text, "x.yaml").plan).answers("db"))
    assert longest == pytest.approx(LONGEST)
