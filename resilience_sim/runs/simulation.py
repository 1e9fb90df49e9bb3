"""A plan made into a running simulation, and the protocol that everything which can be stepped follows.

Owns assembly: components get their ids, layers their places. Refuses to measure, to draw and to pace.
"""

from __future__ import annotations

from typing import Protocol

from resilience_sim.kernel.events import Component
from resilience_sim.kernel.luck import Luck
from resilience_sim.kernel.sim import FOREVER, UNLIMITED, Sim
from resilience_sim.kernel.sink import Fold, Sink
from resilience_sim.scenario.plan import Plan
from resilience_sim.world.client import Client
from resilience_sim.world.faults import Faults
from resilience_sim.world.service import Service
from resilience_sim.world.traffic import make_traffic


class Source(Protocol):
    """Something that yields the events of a run bit by bit: a simulation, or a recording played back."""

    @property
    def plan(self) -> Plan:
        """What is being run."""

    @property
    def seed(self) -> int:
        """With which luck."""

    @property
    def components(self) -> tuple[Component, ...]:
        """Who can speak."""

    @property
    def now(self) -> int:
        """Virtual nanoseconds."""

    def attach(self, fold: Fold) -> None:
        """Let ``fold`` see every event; only before the first step."""

    def run(self, until: int = FOREVER, budget: int = UNLIMITED) -> bool:
        """Yield the events with ``t <= until``, at most about ``budget`` of them. False when the run is over."""

    def digest(self) -> str:
        """Hash over the events so far."""


def make_components(plan: Plan) -> tuple[Component, ...]:
    """The directory of a run: client instances, the service and its replicas, faults, then each instance's layers."""
    found: list[Component] = []

    def add(kind: str, name: str, instance: int = -1, number: int = 0) -> None:
        found.append(Component(len(found), kind, name, instance, number, plan.service.name))

    instances = plan.client.instances
    for i in range(instances):
        add("client", "A" if instances == 1 else f"A#{i + 1}", i)
    add("service", plan.service.name)
    for i in range(plan.service.replicas):
        add("replica", f"{plan.service.name}#{i + 1}", -1, i + 1)
    for i, fault in enumerate(plan.faults):
        add("fault", fault.id, -1, i)
    for i in range(instances):
        for position, policy in enumerate(plan.stack):
            add(policy.kind, policy.id, i, position)
    return tuple(found)


class Simulation:
    """One run of ``plan`` with ``seed``; a :class:`Source`. The same pair gives the same events, always."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.seed = seed
        self.components = make_components(plan)
        self._folds: list[Fold] = []
        self._sim: Sim | None = None

    def attach(self, fold: Fold) -> None:
        """Let ``fold`` see every event.

        Raises:
            RuntimeError: the run has begun.
        """
        if self._sim is not None:
            raise RuntimeError("folds are attached before the first step")
        self._folds.append(fold)

    def _assemble(self) -> Sim:
        plan = self.plan
        sim = Sim(Luck(self.seed), Sink(self._folds))
        instances = plan.client.instances
        first_replica = instances + 1
        first_fault = first_replica + plan.service.replicas
        first_layer = first_fault + len(plan.faults)
        depth = len(plan.stack)
        faults = Faults(sim, plan.faults, tuple(range(first_fault, first_layer)))
        service = Service(
            sim, instances, plan.service, plan.operation, faults, tuple(range(first_replica, first_fault))
        )
        layer_wheres = [range(first_layer + i * depth, first_layer + (i + 1) * depth) for i in range(instances)]
        client = Client(sim, plan.client, service, plan.stack, range(instances), layer_wheres)
        make_traffic(sim, client, plan.traffic, plan.faults)
        return sim

    @property
    def now(self) -> int:
        """Virtual nanoseconds: the instant of the last event."""
        return 0 if self._sim is None else self._sim.now

    @property
    def event_count(self) -> int:
        """Events so far."""
        return 0 if self._sim is None else self._sim.sink.count

    def run(self, until: int = FOREVER, budget: int = UNLIMITED) -> bool:
        """See :meth:`Source.run`; ``budget`` counts steps of the engine.

        Raises:
            SimulationError: time stands still.
        """
        if self._sim is None:
            self._sim = self._assemble()
        return self._sim.run(until, budget)

    def digest(self) -> str:
        """See :meth:`Source.digest`."""
        if self._sim is None:
            self._sim = self._assemble()
        return self._sim.sink.digest()
