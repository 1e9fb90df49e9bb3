"""Random graphs of up to twelve services under random policies and faults: the laws hold, event by event."""

from __future__ import annotations

from random import Random

import pytest

from tests.services.graph import Ran, audit, plan_of

POLICIES = (
    "{retry: {attempts: 2, delay: 3ms, jitter: full}}",
    "{retry: {attempts: 3, backoff: exponential, delay: 1ms, budget: 20%}}",
    "{timeout: {after: 25ms}}",
    "{timeout: {after: 40ms, passes_on: true}}",
    "{timeout: {after: 15ms, cancels_work: true}}",
    "{circuit_breaker: {failure_threshold: 3, recovery_time: 200ms}}",
    "{circuit_breaker: {like: resilience4j, slidingWindowSize: 10, minimumNumberOfCalls: 5}}",
    "{bulkhead: {max_concurrent: 3, queue: 2}}",
    "{bulkhead: {max_concurrent: 2, shared: true}}",
    "{rate_limiter: {limit: 100/s, max_wait: 10ms}}",
    "{hedge: {delay: 8ms}}",
    "{hedge: {delay: 8ms, cancels_loser: false}}",
    "{fallback: {latency: 1ms}}",
    "{throttle: {k: 2, window: 1s}}",
)
FAULTS = (
    "outage: {{at: 1s, for: 1s, service: {s}}}",
    "outage: {{at: 1s, for: 1s, how: reset, share: 50%, of: requests, service: {s}}}",
    "brownout: {{at: 500ms, for: 2s, workers: 50%, slower: 3x, service: {s}}}",
    "rate_limit: {{at: 1s, for: 1s, limit: 20/s, retry_after: 20ms, service: {s}}}",
    "crash_replica: {{at: 1s, for: 500ms, service: {s}}}",
    "errors: {{at: 0s, for: 5s, rate: 30%, service: {s}}}",
    "latency: {{at: 1s, for: 1s, add: 30ms, share: 50%, link: [{a}, {b}]}}",
    "outage: {{at: 2s, for: 1s, share: 30%, link: [{a}, {b}]}}",
    "errors: {{at: 1s, for: 2s, rate: 40%, status: 503, link: [{a}, {b}]}}",
)


def random_plan(luck: Random) -> tuple[str, str]:
    """Services in an order in which each calls later ones only."""
    names = [f"s{i}" for i in range(luck.randint(2, 12))]
    lines, links = [], []
    for i, name in enumerate(names):
        callees = luck.sample(names[i + 1 :], min(len(names) - i - 1, luck.randint(0 if i else 1, 3)))
        links += [(name, callee) for callee in callees]
        calls = []
        for callee in callees:
            stack = ", ".join(luck.sample(POLICIES, luck.choice((0, 1, 1, 2, 3))))
            extra = luck.choice(("", ", times: 2", ", optional: true", ", chance: 50%", ", fails_as: unavailable",
                                 ", operation: {method: POST, idempotency_key: true}"))  # fmt: skip
            calls.append(f"{{to: {callee}, stack: [{stack}]{extra}}}")
        if len(calls) > 1 and luck.random() < 0.5:
            need = luck.choice(("all", "any", str(len(calls))))
            calls = [f"{{together: [{', '.join(calls)}], need: {need}}}"]
        own = [f"latency: {{exponential: {luck.choice((1, 4, 9))}ms}}"]
        discipline = f"discipline: {luck.choice(('lifo', 'drop_abandoned'))}"
        own += luck.sample((f"workers: {luck.choice((1, 3, 20))}", "queue: 4", "failure_rate: 10%", "replicas: 2",
                            "balancer: random", "network: 1ms", discipline, "deduplicate: true",
                            "slowdown: {per_concurrent: 1ms}"), 3)  # fmt: skip
        if calls:
            own += [f"waits: {luck.choice(('holding', 'free'))}", f"calls: [{', '.join(calls)}]"]
        lines.append(f"{name}: {{{', '.join(own)}}}")
    faults = []
    for number, fault in enumerate(luck.sample(FAULTS, luck.randint(0, 3))):
        a, b = luck.choice(links)
        faults.append(fault.format(s=luck.choice(names), a=a, b=b).replace(": {", f": {{id: f{number}, ", 1))
    rest = f"faults: [{', '.join(f'{{{each}}}' for each in faults)}]\n"
    rest += f"stack: [{', '.join(luck.sample(POLICIES, 2))}]\noperation: {{method: POST}}"
    return "\n".join(lines), rest


@pytest.mark.parametrize("number", range(24))
def test_the_laws_hold(number: int) -> None:
    services, rest = random_plan(Random(number))
    plan = plan_of(services, rest, "{rate: 60/s, duration: 4s}")
    run = Ran(plan, number)
    audit(run)
    assert Ran(plan, number).result.digest == run.result.digest
    assert run.document["requests"]["total"] == sum(run.document["requests"]["by_outcome"].values())
