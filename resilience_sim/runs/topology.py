"""The services of a plan, put together: their components, their layers, and the links between them."""

from __future__ import annotations

from collections.abc import Collection

from resilience_sim.kernel.events import Component
from resilience_sim.kernel.frames import Clock
from resilience_sim.settings.own_code import OwnCodeConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.service import OperationConfig
from resilience_sim.world.calls import Calls, Group, Link
from resilience_sim.world.faults import Faults
from resilience_sim.world.service import Service


def inner_components(plan: Plan, first: int) -> list[Component]:
    """Of all services but the first: itself, its replicas; of every link: itself, its layers at each replica."""
    found: list[Component] = []

    def add(kind: str, name: str, instance: int, number: int, node: str) -> None:
        found.append(Component(first + len(found), kind, name, instance, number, node))

    for service in plan.services:
        add("service", service.name, -1, 0, service.name)
        for i in range(service.replicas):
            add("replica", f"{service.name}#{i + 1}", -1, i + 1, service.name)
    replicas = {service.name: service.replicas for service in plan.everybody}
    for link in plan.links:
        add("link", link.name, -1, 0, link.name)
        for i in range(replicas[link.caller]):
            for position, policy in enumerate(link.stack):
                if not policy.shared:
                    add(policy.kind, policy.id, i, position, link.name)
                elif i == 0:
                    add(policy.kind, policy.id, -1, position, link.name)
    return found


def _layer_sources(of_link: Collection[Component], replicas: int, layers: int) -> list[list[int]]:
    rows = [[0] * layers for _ in range(replicas)]
    for each in of_link:
        if each.kind != "link":
            for i in range(replicas) if each.instance < 0 else (each.instance,):
                rows[i][each.number] = each.id
    return rows


class World:
    """The services of a run; ``entry`` is the one that Service A calls."""

    def __init__(self, sim: Clock, plan: Plan, components: Collection[Component], faults: Faults) -> None:
        own_code = any(isinstance(policy, OwnCodeConfig) for policy in plan.stack)  # which decides what it sends
        crashing = {fault.place or plan.service.name for fault in plan.faults if fault.kind == "crash_replica"}
        placed: dict[str, list[Component]] = {}  # by service, and by link
        for component in components:
            placed.setdefault(component.node, []).append(component)
        asked: dict[str, list[OperationConfig]] = {}  # of each service
        for link in plan.links:
            asked.setdefault(link.callee, []).append(link.operation)
        count = {service.name: service.replicas for service in plan.everybody}
        made: dict[str, Service] = {}
        callers = plan.client.instances
        steps: dict[str, list[Group]] = {}
        ordinals: dict[str, int] = {}
        links: dict[str, Link] = {}
        for config in reversed(plan.inward()):
            name = config.name
            entry = name == plan.service.name
            inward = asked.get(name, [])
            effects = any(not operation.only_reads for operation in inward) or (entry and not plan.operation.only_reads)
            effects = effects or own_code
            service = Service(
                sim,
                next(each.id for each in placed[name] if each.kind == "service"),
                config,
                effects,
                faults.at(name),
                tuple(each.id for each in placed[name] if each.kind == "replica"),
                name in crashing,
                plan.several,
                faults.at(f"client>{name}") if entry and plan.several else None,
            )
            made[name] = service
        for link in plan.links:
            replicas = count[link.caller]
            ordinal = ordinals.get(link.callee, 0)
            ordinals[link.callee] = ordinal + len(link.operation.each)
            links[link.name] = Link(
                sim,
                next(each.id for each in placed[link.name] if each.kind == "link"),
                link,
                made[link.callee],
                _layer_sources(placed[link.name], replicas, len(link.stack)),
                callers,
                ordinal,
                faults.at(link.name),
            )
            made[link.callee].called_by(links[link.name])
            callers += replicas
        for step in plan.steps:
            steps.setdefault(step.caller, []).append(Group([links[link.name] for link in step.links], step.need))
        for name, groups in steps.items():
            made[name].make_calls(Calls(made[name], groups))
        self.services = made
        self.links = links
        self.entry = made[plan.service.name]

    def track_work(self) -> None:
        """Before the first attempt: an action may crash a replica."""
        for service in self.services.values():
            service.track_work()

    def release(self) -> None:
        """The run is over."""
        for service in self.services.values():
            service.release()
