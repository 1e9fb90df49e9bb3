"""Scenarios of several services: graphs of calls, drawn from the tables."""

from __future__ import annotations

from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.metrics import METRICS, OF_LINKS, OF_PLACES, OF_SERVICES, metric
from resilience_sim.settings.registry import MEMBER, NODE, STEP
from resilience_sim.settings.service import OPERATION

from . import scenarios
from .case import Case
from .dice import Dice

NAMES = ("shop", "stock", "db", "pay", "api-2", "b", "client", "A", "x\u202ey", "\x1b[31m", "n" * 300, "1", "on")
ON_LINKS = ("outage", "latency", "errors", "lost_responses")
KEPT = ("latency", "network", "slowdown", "deduplicate", "replicas", "calls", "waits")


def _names(dice: Dice) -> list[str]:
    plain = list(NAMES[:6])
    found = dice.luck.sample(plain, dice.luck.randint(1, 5))
    if dice.chance(0.04):
        found[dice.luck.randrange(len(found))] = dice.one(NAMES)
    return found


def _call(dice: Dice, to: str, table: tuple[str, ...]) -> str:
    params = [each for each in STEP.params if each.name in table]
    body = dice.body(tuple(params), ("to", "stack", "operation", "together", "need", "times"))
    parts = [f"to: {to}", *([body[1:-1]] if body != "{}" else [])]
    if dice.chance(0.5):
        parts.append(f"stack: [{', '.join(f'{{{scenarios.policy(dice)}}}' for _ in range(dice.luck.randint(0, 3)))}]")
    if dice.chance(0.2):
        parts.append(f"times: {dice.one([1, 2, 3, 3, 5, 40, 1_000_000])}")
    if dice.chance(0.3):
        parts.append(f"operation: {dice.body(OPERATION.params)}")
    return "{" + ", ".join(parts) + "}"


def _calls(dice: Dice, callees: list[str]) -> str:
    of_step, of_member = (tuple(each.name for each in table.params) for table in (STEP, MEMBER))
    if len(callees) > 1 and dice.chance(0.4):
        need = f", need: {dice.one(['all', 'any', 1, 2, 9])}" if dice.chance(0.5) else ""
        group = ", ".join(_call(dice, each, of_member) for each in callees)
        return f"[{{together: [{group}]{need}}}]"
    return "[" + ", ".join(_call(dice, each, of_step) for each in callees) + "]"


def _callees(dice: Dice, others: list[str]) -> list[str]:
    """Some of those that come later; now and then one that does not."""
    callees = dice.luck.sample(others, dice.luck.randint(0, min(3, len(others)))) if dice.chance(0.9) else []
    return [*callees, dice.one(NAMES)] if dice.chance(0.02) else callees


def _node(dice: Dice, callees: list[str]) -> str:
    body = dice.body(NODE.params, KEPT)[1:-1]
    parts = [*([body] if body else []), f"latency: {scenarios.latency(dice)}"]
    if dice.chance(0.3):
        parts.append(f"replicas: {dice.luck.choice((1, 2, 5))}")
    if dice.chance(0.2):
        parts.append(f"waits: {dice.one(['holding', 'free'])}")
    if callees:
        parts.append(f"calls: {_calls(dice, callees)}")
    return "{" + ", ".join(parts) + "}"


def _fault(dice: Dice, names: list[str], links: list[tuple[str, str]]) -> str:
    kind = dice.one(FAULTS)
    link = (kind in ON_LINKS and dice.chance(0.5)) or dice.chance(0.02)
    place = f"link: [{', '.join(dice.one(links))}]" if link else f"service: {dice.one(names)}"
    body = dice.body(FAULTS[kind].table.params, ("id", "service", "link", "replica"))
    if kind == "spike" and dice.chance(0.97):
        return f"{kind}: {body}"
    return f"{kind}: {body[:-1]}{', ' if body != '{}' else ''}{place}}}"


def _expectation(dice: Dice, names: list[str], links: list[tuple[str, str]]) -> str:
    where = dice.one([f", service: {dice.one(names)}", f", link: [{', '.join(dice.one(links))}]", ""])
    known = OF_LINKS if "link" in where else OF_SERVICES if where else [each.name for each in METRICS]
    name = dice.one([*known, *(each.name for each in OF_PLACES)] if dice.chance(0.1) else known)
    found = metric(name)
    limit = scenarios.LIMITS.get(found.unit, "1") if found is not None and dice.chance(0.9) else "5/s"
    return f'{{that: "{name} {dice.one(["<", ">=", "!="])} {limit}"{where}}}'


def text(dice: Dice) -> str:
    names = _names(dice)
    lines = ["resim: 1", f"traffic: {scenarios.traffic(dice)}", "services:"]
    calls = {name: _callees(dice, names[n + 1 :]) for n, name in enumerate(names)}
    links = [("client", names[0]), *((name, each) for name, callees in calls.items() for each in callees)]
    lines += [f"  {_key(name)}: {_node(dice, callees)}" for name, callees in calls.items()]
    if dice.chance(0.1):
        lines.append(f"entry: {dice.one([*names, 'x'])}")
    stack = [scenarios.policy(dice) for _ in range(dice.luck.randint(0, 3))]
    if stack:
        lines += ["stack:", *(f"  - {each}" for each in stack)]
    if dice.chance(0.6):
        lines += ["faults:", *(f"  - {_fault(dice, names, links)}" for _ in range(dice.luck.randint(1, 3)))]
    if dice.chance(0.2):
        lines += ["changes:", f"  - {scenarios.change(dice, stack)}"]
    if dice.chance(0.4):
        lines.append(f"expect: [{_expectation(dice, names, links)}]")
    if dice.chance(0.1):
        lines.append(f"compare: {{variants: {{other: {{set: {{services.{names[0]}.workers: 2}}}}}}}}")
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if name.isascii() and name.isprintable() else f'"{name.encode("unicode_escape").decode()}"'


def case(dice: Dice) -> Case:
    made = text(dice) if dice.chance(0.8) else dice.mutated(text(dice))
    return scenarios.case_of(dice, "services", made, dice.chance(0.3))
