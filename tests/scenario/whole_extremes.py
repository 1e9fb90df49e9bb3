"""Extremes of whole files: a file that has every table somewhere, and each parameter of each changed where it stands.

What is walked are the tables themselves (settings/registry.py: FILE), so that a parameter that is new is in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from resilience_sim.settings import types
from resilience_sim.settings.latency import LATENCY
from resilience_sim.settings.registry import FILE
from resilience_sim.settings.table import ListOf, MapOf, Nested, OneOf, OneOrMany, Table

Node = Any  # YAML text, or a mapping or list of nodes

LINK = {"to": "stock", "stack": [{"retry": {"attempts": "2", "delay": "10ms"}}, {"timeout": {"after": "200ms"}}],
        "operation": {"method": "POST", "amount": "5"}}  # fmt: skip
REST: dict[str, Node] = {
    "traffic": {"phases": [{"for": "300ms", "rate": "50/s", "to": "80/s"}], "requests": "25"},
    "client": {"threads": "20", "backlog": "3"},
    "operation": [{"share": "50%", "method": "POST", "amount": "3"}, {"method": "GET"}],
    "stack": [{"retry": {"attempts": "3", "delay": "50ms", "budget": {"kind": "token_bucket"}}},
              {"circuit_breaker": {"failure_threshold": "3", "recovery_time": "100ms", "backoff": {"factor": "2"}}},
              {"timeout": {"after": "300ms", "passes_on": "true"}}],
    "changes": [{"at": "100ms", "set": {"retry.attempts": "1"}}],
    "compare": {"variants": {"eager": {"set": {"retry.attempts": "5"}},
                             "other": {"changes": [{"at": "50ms", "remove": "timeout"}]}}},
    "expect": [{"that": "availability > 1%"}],
    "shows": [{"that": "availability < 99%"}],
    "tune": {"vary": {"retry.attempts": "1..6"}, "minimize": "[amplification]", "maximize": "[availability]",
             "subject_to": [{"that": "p99 < 10s"}], "worlds": {"load": "0.8x..1.5x", "draws": "4"}},
}  # fmt: skip
SERVICE: dict[str, Node] = {"latency": {"exponential": "60ms"}, "workers": "4", "failure_rate": "25%",
                            "slowdown": {"per_concurrent": "1ms"}, "deduplicate": {"ttl": "10s"}}  # fmt: skip
BASES: dict[str, dict[str, Node]] = {
    "one service": {
        "resim": "1", "service": SERVICE, **REST,
        "faults": [{"outage": {"at": "200ms", "for": "100ms"}}],
    },
    "services": {
        "resim": "1", **REST,
        "services": {
            "shop": {**SERVICE, "calls": [LINK, {"together": [{"to": "prices"}, {"to": "db", "chance": "50%"}],
                                                 "need": "any"}]},
            "stock": {"latency": "20ms", "workers": "3", "replicas": "2", "calls": [{"to": "db", "times": "2"}]},
            "prices": {"latency": "10ms"},
            "db": {"latency": {"exponential": "3ms"}, "workers": "10"},
        },
        "expect": [{"that": "availability > 1%", "service": "stock"}, {"that": "rejected <= 900",
                                                                      "link": "[shop, stock]"}],
        "faults": [{"latency": {"at": "100ms", "for": "200ms", "link": "[shop, stock]", "add": "20ms"}},
                   {"crash_replica": {"at": "150ms", "for": "50ms", "service": "stock"}}],
    },
}  # fmt: skip
OF_LATENCIES = ("latency_shape", "gamma", "pareto")  # their extremes are extremes.of_latencies
FEW = 11  # one in so many values where the table's parameters have a part of their own in extremes.py
SEEN_ELSEWHERE = ("service", "client", "traffic", "phase", "slowdown", "deduplicate", "operation", "changes", "expect")


def flow(node: Node) -> str:
    if isinstance(node, dict):
        return "{" + ", ".join(f"{name}: {flow(each)}" for name, each in node.items()) + "}"
    return "[" + ", ".join(map(flow, node)) + "]" if isinstance(node, list) else str(node)


def text_of(base: dict[str, Node]) -> str:
    return "".join(f"{name}: {flow(each)}\n" for name, each in base.items())


def with_value(node: Node, place: tuple[Any, ...], value: str) -> Node:
    """The same, with another value at a place."""
    if not place:
        return value
    head, *rest = place
    if isinstance(node, list):
        return [with_value(each, tuple(rest), value) if n == head else each for n, each in enumerate(node)]
    return {**node, head: with_value(node.get(head), tuple(rest), value)}


def places(node: Node, kind: types.Type, at: tuple[Any, ...] = ()) -> Iterator[tuple[Table, tuple[Any, ...]]]:
    """Every mapping in it that a table describes, and where it stands."""
    if isinstance(kind, OneOrMany):
        kind = kind.many if isinstance(node, list) else kind.one
    if isinstance(kind, ListOf) and isinstance(node, list):
        for n, each in enumerate(node):
            yield from places(each, kind.item, (*at, n))
    elif isinstance(kind, MapOf) and isinstance(node, dict):
        for name, each in node.items():
            yield from places(each, kind.item, (*at, name))
    elif isinstance(kind, OneOf) and isinstance(node, dict):
        for name, each in node.items():
            yield from places(each, Nested(kind.kinds[name]), (*at, name))
    elif isinstance(kind, Nested) and isinstance(node, dict):
        yield kind.table, at
        for name, each in node.items():
            if name in kind.table.by_name:
                yield from places(each, kind.table.by_name[name].type, (*at, name))


def cases(values_of: Callable[[types.Type], list[str]]) -> Iterator[tuple[str, str, str]]:
    """(where, value, text) for every parameter at every place where its table stands."""
    for name, base in BASES.items():
        seen: set[str] = set()
        for table, place in places(base, Nested(FILE)):
            if table is LATENCY:
                continue
            few = table.name in SEEN_ELSEWHERE or table.name in seen or "stack" in place or "faults" in place
            seen.add(table.name)
            for param in table.params:
                where = ".".join(map(str, (*place, param.name)))
                before, after = text_of(with_value(base, (*place, param.name), "\0")).split("\0")
                for value in values_of(param.type)[:: FEW if few else 1]:
                    yield f"{name}: {where}", value, before + value + after


def reachable(kind: types.Type, found: dict[str, Table] | None = None) -> dict[str, Table]:
    """Every table that a file can have somewhere, by name."""
    found = {} if found is None else found
    if isinstance(kind, Nested) and kind.table.name not in found:
        found[kind.table.name] = kind.table
        for param in kind.table.params:
            reachable(param.type, found)
    elif isinstance(kind, ListOf | MapOf):
        reachable(kind.item, found)
    elif isinstance(kind, OneOrMany):
        reachable(kind.one, found)
        reachable(kind.item, found)
    elif isinstance(kind, OneOf):
        for table in kind.kinds.values():
            reachable(Nested(table), found)
    return found
