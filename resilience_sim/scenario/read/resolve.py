"""A tree to a plan: one configuration, complete."""

from __future__ import annotations

from collections.abc import Collection

from resilience_sim.scenario.read.changes import World, changes
from resilience_sim.scenario.read.expectations import expectations, known
from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.services import Graph, services
from resilience_sim.scenario.read.stack import ids_of, policies, written
from resilience_sim.scenario.read.tables import Memory, Reader
from resilience_sim.scenario.text.datafiles import DataFiles
from resilience_sim.scenario.text.tree import Node
from resilience_sim.settings import codes
from resilience_sim.settings.client import CLIENT, client
from resilience_sim.settings.faults import FaultConfig, fault
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.service import OPERATION, SERVICE, ServiceConfig, operation, service
from resilience_sim.settings.table import Item, Loc, Values
from resilience_sim.settings.traffic import TrafficConfig, traffic

_NO_SERVICE, _NO_OPERATION, _NO_CLIENT = Values(SERVICE, {}), Values(OPERATION, {}), Values(CLIENT, {})


def resolve(
    root: Node,
    files: DataFiles,
    default_name: str,
    variants: Collection[str],
    lenient: bool = False,
    memory: Memory | None = None,
) -> tuple[Plan | None, Values | None, Findings]:
    """The plan and what was read; with findings, the plan must not be used.

    ``lenient``: changes of policies that are not in the stack are left out (in a variant that has others).
    """
    memory = memory or Memory()
    findings = Findings(root)
    file = Reader(findings, memory).file()
    if file is None:
        return None, None, findings
    what = _NO_OPERATION if file.operation is None else file.operation
    said = (file.service or _NO_SERVICE, what, file.traffic, file.client or _NO_CLIENT)
    graph = services(file, findings, memory, files)
    found_service: ServiceConfig = (
        graph.entry
        if graph is not None
        else memory.recall(("service",), (said[0],), findings, lambda: service(said[0], findings, files))
    )
    found_traffic: TrafficConfig = memory.recall(
        ("traffic",), (said[2],), findings, lambda: traffic(said[2], findings, files)
    )
    by_name = {"": found_service} if graph is None else graph.by_name
    links = () if graph is None else graph.link_names
    faults = _faults(file.faults or [], by_name, links, found_traffic, findings, memory)
    stack = policies(file.stack or [], findings, memory)
    names = known(faults, found_traffic, variants, by_name if graph else (), links)
    plan = Plan(
        name=file.name or default_name,
        service=found_service,
        operation=memory.recall(
            ("operation",),
            tuple(said[1]) if isinstance(said[1], list) else (said[1],),
            findings,
            lambda: operation(said[1], findings),
        ),
        traffic=found_traffic,
        client=memory.recall(("client",), (said[3],), findings, lambda: client(said[3])),
        faults=faults,
        stack=stack,
        expect=memory.recall(
            ("expect",),
            (*(file.expect or ()), *(file.shows or ()), *faults, found_traffic, *by_name.values(), links),
            findings,
            lambda: (
                expectations(file.expect or [], ("expect",), names, findings)
                + expectations(file.shows or [], ("shows",), names, findings)
            ),
        ),
        seed=file.seed,
        about=file.about or "",
        actions=changes(
            file.changes or [], _world(stack, found_service, graph, files), found_traffic, findings, lenient
        ),
        several=graph is not None,
        services=() if graph is None else graph.others,
        steps=() if graph is None else graph.steps,
    )
    if not findings.touches(("traffic",)):
        check_whole_plan(plan, findings)
    return plan, file, findings


def _world(stack: tuple[PolicyConfig, ...], only: ServiceConfig, graph: Graph | None, files: DataFiles) -> World:
    """What changes while it runs may be about."""
    memory = Memory()

    def again(root: Node) -> tuple[World, Findings] | None:
        findings = Findings(root)
        file = Reader(findings, memory).file()
        if file is None:
            return None
        graph = services(file, findings, memory, files)
        said = file.service or _NO_SERVICE
        return made(service(said, findings, files) if graph is None else graph.entry, graph), findings

    def made(entry: ServiceConfig, graph: Graph | None) -> World:
        if graph is None:
            return World(stack, {entry.name: entry}, (), False, again)
        links = tuple(link for step in graph.steps for link in step.links)
        return World(stack, graph.by_name, links, True, again)

    return made(only, graph)


def _faults(
    items: list[Item],
    services: dict[str, ServiceConfig],
    links: tuple[str, ...],
    traffic: TrafficConfig,
    findings: Findings,
    memory: Memory,
) -> tuple[FaultConfig, ...]:
    """The timeline, in the order of the file."""

    def one(item: Item, ident: str, index: int) -> FaultConfig:
        loc: Loc = ("faults", index, item.kind)
        source = (item.kind, written(findings.root, loc))
        return fault(item, ident, loc, services, links, traffic, findings, source)

    return tuple(
        memory.recall(
            ("fault", index),
            (item, ident, *services.values(), links, traffic),
            findings,
            lambda item=item, ident=ident, index=index: one(item, ident, index),  # type: ignore[misc]
        )
        for index, (item, ident) in enumerate(zip(items, ids_of(items, ("faults",), findings), strict=True))
    )


# --- checks that need the whole plan ------------------------------------------------------------------------------

INSTANT_POLICIES = ("circuit_breaker", "bulkhead", "rate_limiter", "throttle")


def check_whole_plan(plan: Plan, findings: Findings) -> None:
    """Refuse users who would call endlessly at one instant."""
    traffic = plan.traffic
    if traffic.loop == "closed" and not traffic.requests and _always_zero(traffic.think):
        why = _answers_at_once(plan)
        if why:
            findings.error(
                ("traffic", "users"),
                codes.CONFLICT,
                f"users who never think would call endlessly at one instant: {why}",
                "add `think: 1s`, or `requests: 1000`",
                key=True,
                rests_on=(
                    ("traffic", "requests"),
                    ("traffic", "think"),
                    ("service", "latency"),
                    ("service", "network"),
                ),
            )


def _always_zero(times: Latency) -> bool:
    if times.kind == "empirical":
        return not times.values or times.values[-1] == 0
    return times.kind in ("constant", "uniform") and times.a == 0 and times.b == 0


def _answers_at_once(plan: Plan) -> str:
    """Why a call may end at the instant at which it began; "" when it cannot."""
    if _always_zero(plan.service.latency) and _always_zero(plan.service.network):
        return "B answers in no time"
    policy = next((each.id for each in plan.stack if each.kind in INSTANT_POLICIES), "")
    if policy:
        return f"`{policy}` may refuse at once"
    fault = next((each.id for each in plan.faults if each.kind == "outage" and each.how == "refuse"), "")
    if fault:
        return f"during `{fault}` B refuses at once"
    limited = plan.service.queue >= 0 or any(each.kind in ("rate_limit", "crash_replica") for each in plan.faults)
    if limited and _always_zero(plan.service.network):
        return "B may refuse at once"
    return "a client without free threads refuses at once" if plan.client.threads else ""
