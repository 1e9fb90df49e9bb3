"""Random plans, built as dataclasses: every policy, fault, traffic and latency shape, nested and repeated.

Small enough that a run takes milliseconds, crowded enough that everything collides: few workers, few threads, and
times from a small set of round numbers, so that many things are due at the same instant.
"""

from __future__ import annotations

from dataclasses import replace

import strategies
from hypothesis import strategies as st
from lab import named

from resilience_sim.kernel import events as ev
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.read.pieces import fault_from, policy_from
from resilience_sim.scenario.text.spelling import duration, share
from resilience_sim.settings import types
from resilience_sim.settings.calls import LinkConfig, StepConfig
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.faults import FAULTS as FAULT_KINDS
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import POLICIES as POLICY_KINDS
from resilience_sim.settings.retry import DEFAULT_RETRY_ON
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig

MS = 1_000_000
S = 1000 * MS
one_of = st.sampled_from

DURATIONS = one_of([1 * MS, 10 * MS, 50 * MS, 100 * MS, 100 * MS, 200 * MS, 500 * MS, 1 * S])
WAITS = st.one_of(st.just(0), DURATIONS)
SHARES = one_of([0.0, 0.1, 0.3, 0.5, 1.0])
OUTCOMES = (*DEFAULT_RETRY_ON, ev.CLIENT_ERROR, ev.BREAKER_OPEN, ev.BULKHEAD_FULL, ev.LIMITED, ev.THROTTLED)

LATENCIES = st.one_of(
    st.just(Latency()),
    DURATIONS.map(lambda t: Latency("constant", float(t))),
    DURATIONS.map(lambda t: Latency("exponential", float(t))),
    DURATIONS.map(lambda t: Latency("uniform", t / 2, t * 2.0)),
    DURATIONS.map(lambda t: Latency("gamma", 0.7, float(t))),
    DURATIONS.map(lambda t: Latency("gamma", 4.0, t / 4)),
    DURATIONS.map(lambda t: Latency("pareto", float(t), 1.5)),
    one_of([16.0, 18.0]).map(lambda mean: Latency("lognormal", mean, 0.7)),
    st.just(Latency("empirical", values=(1 * MS, 10 * MS, 100 * MS))),
)

SERVICES = st.builds(
    ServiceConfig,
    latency=LATENCIES,
    network=st.one_of(st.just(Latency()), LATENCIES),
    workers=one_of([0, 1, 1, 2, 3]),
    queue=one_of([-1, -1, 0, 1, 3]),
    discipline=one_of(["fifo", "lifo", "drop_abandoned"]),
    failure_rate=SHARES,
    failure=one_of([ev.ERROR, ev.UNAVAILABLE, ev.RATE_LIMITED, ev.CLIENT_ERROR, ev.LOST, ev.LOST]),
    lost_answer=one_of([ev.SUCCESS, ev.UNAVAILABLE, ev.RESET]),
    per_concurrent=one_of([0, 0, 10 * MS]),
    replicas=one_of([1, 1, 2, 3]),
    balancer=one_of(["round_robin", "random", "least_loaded"]),
    deduplicate=st.booleans(),
    dedup_ttl=one_of([0, 100 * MS]),
)

_OPERATION = st.builds(OperationConfig, one_of(["GET", "PUT", "DELETE", "POST", "POST"]), st.booleans(), st.just(1.0))
OPERATIONS = st.one_of(
    _OPERATION,
    _OPERATION,
    st.lists(_OPERATION, min_size=2, max_size=4).map(
        lambda each: OperationConfig(mix=tuple(replace(one, share=1 / len(each)) for one in each))
    ),
)

CLIENTS = st.builds(
    ClientConfig,
    instances=one_of([1, 1, 2, 3]),
    spread=one_of(["round_robin", "random"]),
    threads=one_of([0, 0, 1, 2, 5]),
    backlog=one_of([0, 1, 5]),
    on_exhaustion=one_of(["reject", "crash", "crash"]),
    restart_after=DURATIONS,
)

_RATES = one_of([5.0, 10.0, 20.0, 50.0])
_OPEN = st.builds(
    lambda phases, arrivals, requests: TrafficConfig(
        phases=tuple(phases), phased=True, arrivals=arrivals, requests=requests
    ),
    st.lists(st.builds(Phase, DURATIONS, st.one_of(st.just(0.0), _RATES), _RATES), min_size=1, max_size=4),
    one_of(["even", "poisson"]),
    one_of([5, 20, 40, 60]),
)
_STEADY = st.builds(
    lambda rate, arrivals, requests: TrafficConfig(
        phases=(Phase(0, rate, rate),), arrivals=arrivals, requests=requests, deadline=200 * MS
    ),
    _RATES,
    one_of(["even", "poisson"]),
    one_of([5, 20, 40, 60]),
)
_CLOSED = st.builds(
    lambda users, think, requests: TrafficConfig(loop="closed", users=users, think=think, requests=requests),
    st.integers(1, 8),
    LATENCIES,
    one_of([5, 20, 40, 60]),
)
_TRACE = st.builds(
    lambda times: TrafficConfig(loop="trace", trace=tuple(sorted(times))),
    st.lists(
        one_of([0, 10 * MS, 50 * MS, 100 * MS, 150 * MS, 200 * MS, 500 * MS, 1 * S, 2 * S]), min_size=3, max_size=40
    ),
)
TRAFFIC = st.one_of(_STEADY, _STEADY, _OPEN, _CLOSED, _TRACE)

_WHEN = one_of([0, 50 * MS, 100 * MS, 200 * MS, 500 * MS, 1 * S])


def _small(kind: types.Type) -> st.SearchStrategy[str] | None:
    """Values of a type from a small set, so that many things come at the same instant and everything fills up."""
    if isinstance(kind, types.Duration):
        return (DURATIONS if kind.low else WAITS).map(duration)
    if isinstance(kind, types.Count):
        return st.integers(kind.low, kind.low + 2).map(str)
    if isinstance(kind, types.Ratio):
        return SHARES.filter(lambda each: each > kind.low or not kind.over).map(share)
    if isinstance(kind, types.RateType):
        return one_of(["1/s", "3/s", "10/s", "30/s", "2/200ms"])
    if isinstance(kind, types.Factor):
        return one_of(["1x", "1.5x", "2x", "4x"])
    if isinstance(kind, types.Window):
        return one_of(["5", "20", "200ms", "1s"])
    if isinstance(kind, types.Threshold):
        return one_of(["1", "2", "5", "30%", "50%", "100%"])
    if isinstance(kind, types.Number):
        return one_of(["0.1", "0.5", "1", "3"])
    return None


def _policy(kind: str, body: dict[str, str]) -> PolicyConfig | None:
    try:
        return policy_from(kind, body, "x")
    except ScenarioError:
        return None  # settings that exclude each other


def _fault(kind: str, body: dict[str, str]) -> FaultConfig:
    if "answer" in body:
        body = {name: value for name, value in body.items() if name != "how"}  # with an answer there is no other way
    return fault_from(kind, body, 1)


POLICIES = st.one_of(
    *(
        strategies.body(kind.table.own, narrow=_small, whole=whole)
        .map(lambda body, name=name: _policy(name, body))
        .filter(lambda found: found is not None)
        for name, kind in POLICY_KINDS.items()
        for whole in (
            False,
            True,
            True,
            *([False] * 3 if name == "circuit_breaker" else []),
        )  # closing again takes luck
    )
)
FAULTS = st.one_of(
    *(
        strategies.body(kind.table.params, leave_out=("id", "replica", "service", "link"), narrow=_small).map(
            lambda body, name=name: _fault(name, body)
        )
        for name, kind in FAULT_KINDS.items()
    )
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A whole plan that ends: closed loops think, so time cannot stand still."""
    service = draw(SERVICES)
    faults = []
    for i, fault in enumerate(draw(st.lists(FAULTS, max_size=4))):
        replica = draw(st.integers(0, service.replicas)) if fault.kind != "spike" else 0
        faults.append(replace(fault, id=f"{fault.kind}-{i}", replica=replica))
    return Plan(
        "random",
        service,
        draw(OPERATIONS),
        draw(TRAFFIC),
        draw(CLIENTS),
        tuple(faults),
        named(draw(st.lists(POLICIES, min_size=draw(st.integers(0, 4)), max_size=6))),
    )


_MEMBERS = st.builds(
    lambda service, waits: replace(service, waits=waits), SERVICES, one_of(["holding", "holding", "free"])
)


@st.composite
def graphs(draw: st.DrawFn) -> Plan:
    """Two to four services, each called by an earlier one, small enough for retries that multiply."""
    whole = draw(plans())
    names = [f"s{i}" for i in range(draw(st.integers(2, 4)))]
    services = [replace(draw(_MEMBERS), name=name) for name in names]
    steps = []
    for i, caller in enumerate(names[:-1]):
        later = names[i + 1 :]
        callees = [later[0], *draw(st.lists(one_of(later[1:]), max_size=2, unique=True))] if later[1:] else later
        links = tuple(
            LinkConfig(
                caller,
                callee,
                tuple(
                    replace(each, id=f"{caller}.{callee}.{each.kind}{n}")
                    for n, each in enumerate(draw(st.lists(POLICIES, max_size=2)))
                ),
                draw(OPERATIONS),
                draw(one_of([1, 1, 2])),
                draw(one_of([1.0, 1.0, 0.5])),
                draw(st.booleans()),
                draw(one_of([ev.ERROR, ev.UNAVAILABLE])),
            )
            for callee in callees
        )
        if draw(st.booleans()):
            steps.append(StepConfig(caller, links, draw(st.integers(1, len(links)))))
        else:
            steps += [StepConfig(caller, (link,), 1) for link in links]
    traffic = whole.traffic
    if traffic.loop != "trace":
        traffic = replace(traffic, requests=min(traffic.requests, 15))
    pairs = [f"client>{names[0]}", *(link.name for step in steps for link in step.links)]
    faults = []
    for fault in whole.faults:
        place = draw(one_of(pairs if fault.kind in ("outage", "latency", "errors") else names))
        at = next((each for each in services if each.name == place), None)
        replica = min(fault.replica, at.replicas) if at is not None else 0
        link = tuple(place.split(">")) if ">" in place else ()
        service = "" if link or fault.kind == "spike" else place
        faults.append(replace(fault, service=service, link=link, replica=replica))
    return replace(
        whole, service=services[0], services=tuple(services[1:]), steps=tuple(steps), several=True, traffic=traffic,
        faults=tuple(faults), stack=whole.stack[:3],
    )  # fmt: skip


SEEDS = st.integers(0, 2**32)
