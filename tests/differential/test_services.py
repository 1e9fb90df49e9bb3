"""Several services against a second simulator (second_model.py): every event on small random graphs is the same.

By hand on many more graphs: ``python tests/differential/test_services.py FIRST LAST``.
"""

from __future__ import annotations

import sys
from collections import Counter
from random import Random
from typing import Any

import pytest

from resilience_sim.kernel import events as ev
from tests.differential.second_model import Model
from tests.services.graph import Ran, plan_of


def random_policy(luck: Random, inner: bool) -> dict[str, Any]:
    """One policy; odd numbers of µs, so that nothing falls on the same instant by accident."""
    odd = luck.randrange(1, 999, 2)
    return luck.choice([
        {"retry": {"attempts": luck.choice((2, 3)), "delay": luck.choice((0, 3000 + odd))}},
        {"retry": {"attempts": 3, "delay": 2000 + odd, "backoff": "exponential"}},
        {"timeout": {"after": 15_000 + odd, "passes_on": luck.random() < 0.5}},
        {"timeout": {"after": 30_000 + odd, "passes_on": luck.random() < 0.3}},
        {"timeout": {"after": 25_000 + odd, "cancels_work": True}},
        {"circuit_breaker": {"failure_threshold": luck.choice((1, 2, 4)), "recovery_time": 200_000 + odd}},
        {"bulkhead": {"max_concurrent": luck.choice((1, 2, 4)), "queue": luck.choice((0, 2))}},
        {"hedge": {"delay": 7000 + odd, "cancels_loser": luck.random() < 0.5}},
        {"fallback": {"latency": luck.choice((0, 1000 + odd))}},
    ])  # fmt: skip


def random_scenario(luck: Random) -> dict[str, Any]:
    """Two to six services."""
    names = [f"s{i}" for i in range(luck.randint(2, 6))]
    services: dict[str, Any] = {}
    for i, name in enumerate(names):
        own: dict[str, Any] = {"latency": luck.choice((1000, 4000, 9000))}
        for key, values in (
            ("workers", (1, 2, 5)), ("queue", (0, 3)), ("failure_rate", (0.1, 0.3)), ("replicas", (2,)),
            ("discipline", ("lifo", "drop_abandoned")), ("network", (501,)), ("deduplicate", (True,)),
            ("waits", ("free",)), ("failure", ("unavailable", "lost_response")),
        ):  # fmt: skip
            if luck.random() < 0.3:
                own[key] = luck.choice(values)
        callees = luck.sample(names[i + 1 :], min(len(names) - i - 1, luck.randint(0 if i else 1, 3)))
        calls: list[dict[str, Any]] = []
        for callee in callees:
            call: dict[str, Any] = {"to": callee}
            if luck.random() < 0.7:
                call["stack"] = [random_policy(luck, True) for _ in range(luck.randint(1, 2))]
            for key, values in (
                ("times", (2, 3)), ("chance", (0.5,)), ("optional", (True,)), ("fails_as", ("unavailable",)),
                ("operation", ({"method": "POST"}, {"method": "POST", "key": True}, {"method": "PUT"})),
            ):  # fmt: skip
                if luck.random() < 0.25:
                    call[key] = luck.choice(values)
            calls.append(call)
        if len(calls) > 1 and luck.random() < 0.6:
            calls = [{"together": calls, "need": luck.choice(("all", "any", len(calls), 1))}]
        if calls:
            own["calls"] = calls
        services[name] = own
    faults = []
    links = [("client", names[0])] + [
        (name, call["to"])
        for name, own in services.items()
        for step in own.get("calls", ())
        for call in step.get("together", [step])
    ]
    for number in range(luck.randint(0, 2)):
        fault = luck.choice((
            {"kind": "outage", "how": luck.choice(("refuse", "hang")), "where": luck.choice(names)},
            {"kind": "brownout", "slower": 3, "where": luck.choice(names)},
            {"kind": "latency", "add": 20_003, "where": luck.choice((luck.choice(names), luck.choice(links)))},
            {"kind": "outage", "how": luck.choice(("refuse", "hang", "error")), "where": luck.choice(links)},
        ))  # fmt: skip
        start = luck.randrange(200, 1200) * 1_000_000 + 7
        if all((each["kind"], each["where"]) != (fault["kind"], fault["where"]) for each in faults):
            faults.append({**fault, "at": start, "for": 400_000_000, "id": f"f{number}"})
    return {
        "services": services,
        "stack": [random_policy(luck, False) for _ in range(luck.randint(0, 2))],
        "operation": luck.choice(({"method": "GET"}, {"method": "POST", "key": luck.random() < 0.5})),
        "faults": faults,
        "rate": luck.choice((40, 90, 300)),
        "requests": 100,
    }


# --- as YAML ---

DURATIONS = {"after", "delay", "recovery_time", "latency", "network", "add"}


def flow(value: Any, key: str = "") -> str:
    """A value in YAML's flow style; durations are µs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{'idempotency_key' if k == 'key' else k}: {flow(v, k)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    if key == "slower":
        return f"{value}x"
    return f"{value}us" if key in DURATIONS else f"{value:.0%}" if isinstance(value, float) else str(value)


def plan_text(scenario: dict[str, Any]) -> tuple[str, str, str]:
    """Services, the rest, and the traffic, for resim."""
    lines = []
    for name, own in scenario["services"].items():
        lines.append(f"{name}: {flow({**own, 'latency': {'exponential': 0}})}".replace("{exponential: 0}", "LATENCY"))
        lines[-1] = lines[-1].replace("LATENCY", f"{{exponential: {own['latency']}us}}")
    faults = []
    for each in scenario["faults"]:
        where = f"service: {each['where']}" if isinstance(each["where"], str) else f"link: {flow(each['where'])}"
        own = ", ".join(f"{key}: {flow(each[key], key)}" for key in ("how", "slower", "add") if key in each)
        faults.append(f"{each['kind']}: {{id: {each['id']}, at: {each['at']}ns, for: {each['for']}ns, {own}, {where}}}")
    rest = f"stack: {flow(scenario['stack'])}\noperation: {flow(scenario['operation'])}\n"
    rest += f"faults: [{', '.join(f'{{{each}}}' for each in faults)}]\n"
    return "\n".join(lines), rest, f"{{rate: {scenario['rate']}/s, requests: {scenario['requests']}}}"


# --- both ---


def of_resim(run: Ran) -> Counter[tuple[Any, ...]]:
    """What happened, as the second model says it."""
    seen: Counter[tuple[Any, ...]] = Counter()
    calls: dict[tuple[int, int], str] = {}
    entry = f"client>{run.plan.service.name}"
    for t, kind, source, rid, a, b in run.events:
        who = run.components[source]
        outcome = ev.OUTCOME_NAMES[ev.outcome_of(a)] if kind in (ev.DONE, ev.CALL_OVER, ev.ANSWERED, ev.END) else ""
        if kind == ev.DONE:
            seen[t, "user", "", rid, outcome] += 1
        elif kind == ev.CALL:
            calls[rid, a] = who.link
            seen[t, "call", who.link, rid, ""] += 1
        elif kind == ev.CALL_OVER:
            seen[t, "over", who.link, rid, outcome] += 1
        elif kind == ev.SENT:
            seen[t, "sent", calls[rid, ev.call_of(a)] if ev.call_of(a) else entry, rid, ""] += 1
        elif kind == ev.RECEIVED:
            seen[t, "received", who.node, rid, ""] += 1
            if b == ev.TOO_LATE:
                seen[t, "expired", who.node, rid, ""] += 1
        elif kind == ev.LEFT_QUEUE and b == ev.EXPIRED:
            seen[t, "expired", who.node, rid, ""] += 1
        elif kind == ev.END:
            seen[t, "end", who.node, rid, "in vain" if ev.abandoned(a) else ""] += 1
        elif kind == ev.ANSWERED:
            seen[t, "answered", who.node, rid, outcome] += 1
        elif kind == ev.REJECTED:
            seen[t, "rejected", "", rid, ""] += 1
    return seen


def differences(number: int) -> list[str]:
    """What the two do not agree on, in order of time."""
    scenario = random_scenario(Random(number))
    run = Ran(plan_of(*plan_text(scenario)), number)
    model = Model(scenario, number)
    model.run()
    ours = of_resim(run)
    found = [f"resim only: {each}" for each in (ours - model.seen)]
    found += [f"model only: {each}" for each in (model.seen - ours)]
    for each in run.document["services"]:
        effects, name = each["effects"], each["name"]
        for what in ("applied", "duplicates", "deduplicated"):
            if effects[what] != model.effects[name, what]:
                found.append(f"(9) {name} {what}: {effects[what]}, the model says {model.effects[name, what]}")
        if effects["orphans"] != model.orphans[name]:
            found.append(f"(9) {name} orphans: {effects['orphans']}, the model says {model.orphans[name]}")
    return sorted(found, key=lambda text: int(text.partition("(")[2].partition(",")[0].rstrip(")").split(")")[0]))


@pytest.mark.parametrize("number", [*range(19), 117])  # 117: a hedge cancelled with one attempt in the queue
def test_both_simulators_see_the_same_events(number: int) -> None:
    assert differences(number)[:5] == []


if __name__ == "__main__":
    wrong = {number: found for number in range(*map(int, sys.argv[1:3])) if (found := differences(number))}
    for number, found in wrong.items():
        print(number, len(found), *found[:4], sep="\n  ")
    print(f"{len(wrong)} graphs differ")
