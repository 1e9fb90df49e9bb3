"""A chain of services in resim, one measurement in a process of its own.

    python benchmarks/services_resim.py SERVICES REQUESTS SEED

A breaker, a retry and a timeout on every link, that of Service A included. With three services it is the model of
services_simpy.py.
"""

from __future__ import annotations

import json
import sys
import time

from resilience_sim._build_mode import describe
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.plan import Plan

TIERS = {"shop": (2, 16), "stock": (5, 16), "db": (20, 12)}  # ms of own work, workers


def link(after_ms: int) -> str:
    """The policies of a link."""
    return (
        "[circuit_breaker: {failure_threshold: 50%, window: 100, recovery_time: 5s, probes: 5}, "
        "retry: {attempts: 3, delay: 20ms, backoff: exponential, jitter: full}, "
        f"timeout: {{after: {after_ms}ms}}]"
    )


def chain(services: int, requests: int) -> Plan:
    """So many services, each calling the next; db fails 5 % of the time."""
    tiers = list(TIERS.items())
    if services != 3:
        tiers = [(f"s{i}", (2, 16)) for i in range(1, services)] + [("db", TIERS["db"])]
    lines = []
    for i, (name, (ms, workers)) in enumerate(tiers):
        more = "failure_rate: 5%"
        if i + 1 < len(tiers):
            after = 900 - 300 * i if services == 3 else 900
            more = f"calls: [{{to: {tiers[i + 1][0]}, stack: {link(after)}}}]"
        lines.append(f"  {name}: {{latency: {{exponential: {ms}ms}}, workers: {workers}, {more}}}")
    traffic = f"{{rate: 200/s, requests: {requests}}}"
    text = "\n".join(["resim: 1", f"traffic: {traffic}", "services:", *lines, f"stack: {link(1200)}"])
    return load_text(text, "chain.yaml").plan


def statistics(document: dict) -> dict[str, float]:
    """What both models are compared by."""
    outcomes = document["requests"]["by_outcome"]
    known = {name: outcomes[name] for name in ("success", "error", "timeout", "breaker_open")}
    known |= {f"attempts at {each['name']}": each["attempts_received"] for each in document["services"]}
    return known | {name: document["latency"][name] for name in ("mean", "p50", "p99")}


def main() -> None:
    services, requests, seed = map(int, sys.argv[1:])
    simulate(chain(services, 200), 1)  # imports and first touches
    plan = chain(services, requests)
    begin = time.process_time()
    document = simulate(plan, seed).document
    spent = time.process_time() - begin
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    hops = sum(each["attempts"] for each in document["links"])
    print(
        json.dumps({"cpu": spent, "peak": peak, "hops": hops, "core": describe(), "statistics": statistics(document)})
    )


if __name__ == "__main__":
    main()
