"""The plan: a scenario after everything has been resolved. Frozen plain data that pickles small."""

from __future__ import annotations

from dataclasses import dataclass, field

from resilience_sim.settings.actions import Action
from resilience_sim.settings.calls import LinkConfig, StepConfig
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.traffic import TrafficConfig

AS_WRITTEN = "as-written"  # the name of the scenario itself among its variants


@dataclass(frozen=True, slots=True)
class Scope:
    """Which requests a metric is about: those that *arrived* in it.

    ``kind``: ``all`` | ``before`` | ``during`` | ``after`` (``ref`` names a fault) | ``phase`` (``ref`` is its number
    from 1). ``variant``: name of a variant, or "" for the run at hand. ``label`` is what results print:
    "", "before main", "phase 2", "variant eager", "during main, variant eager". ``place``: of several services, what it
    is about; "": the user's requests.
    """

    kind: str = "all"
    ref: str = ""
    variant: str = ""
    label: str = ""
    place: str = field(default="", metadata={"added": True})  # a service, or ``caller>callee``

    @property
    def whole(self) -> bool:
        """All requests of the users, over the whole run."""
        return self.kind == "all" and not self.place


@dataclass(frozen=True, slots=True)
class Expectation:
    """``metric op limit``. ``limit`` is in base units: seconds, 0..1 share, plain count, per second.

    ``text`` is the expectation as written. ``op``: one of ``< <= > >= == !=``. ``shows``: not what must hold, but the
    accident that the scenario is there to show.
    """

    text: str
    metric: str
    op: str
    limit: float
    scope: Scope = field(default_factory=Scope)
    because: str = ""
    shows: bool = field(default=False, metadata={"added": True})

    @property
    def words(self) -> str:
        """As written, with where: ``availability >= 99% during main``."""
        return f"{self.text} {self.scope.label}".rstrip()


@dataclass(frozen=True, slots=True)
class Plan:
    """One configuration, ready to run with any seed. A run is a pure function of (plan, seed).

    ``actions`` are the changes that the scenario itself makes while it runs (``changes:``), in the order of the file.
    ``service`` is the one that Service A calls. Where it calls others, they are ``services``, and ``steps`` are the
    calls of all of them, in the order in which each makes them.
    """

    name: str
    service: ServiceConfig
    operation: OperationConfig
    traffic: TrafficConfig
    client: ClientConfig
    faults: tuple[FaultConfig, ...]
    stack: tuple[PolicyConfig, ...]  # outermost first
    expect: tuple[Expectation, ...] = ()
    seed: int = 1
    about: str = ""
    actions: tuple[Action, ...] = field(default=(), metadata={"added": True})
    several: bool = field(default=False, metadata={"added": True})  # services have names, even if there is only one
    services: tuple[ServiceConfig, ...] = field(default=(), metadata={"added": True})
    steps: tuple[StepConfig, ...] = field(default=(), metadata={"added": True})

    @property
    def links(self) -> tuple[LinkConfig, ...]:
        """The calls between services, in the order of the file."""
        return tuple([link for step in self.steps for link in step.links])

    @property
    def everybody(self) -> tuple[ServiceConfig, ...]:
        """All services, the one that Service A calls first."""
        return (self.service, *self.services)

    def stack_of(self, place: str) -> tuple[PolicyConfig, ...]:
        """The policies around the calls of a link (``caller>callee``), or of Service A (any other place)."""
        return next((link.stack for link in self.links if link.name == place), self.stack)

    def place_of(self, policy: str) -> str:
        """The link whose stack a policy with that id belongs to; "": it is Service A's."""
        caller, _, rest = policy.partition(".")
        callee, dot, _ = rest.partition(".")
        name = f"{caller}>{callee}"
        return name if dot and any(link.name == name for link in self.links) else ""

    def inward(self) -> tuple[ServiceConfig, ...]:
        """All services, the entry first, each before those that it calls."""
        if not self.services:
            return (self.service,)
        callees: dict[str, list[str]] = {}
        for link in self.links:
            callees.setdefault(link.caller, []).append(link.callee)
        ordered: list[str] = []

        def visit(name: str) -> None:
            if name not in ordered:
                for callee in callees.get(name, []):
                    visit(callee)
                ordered.append(name)

        for service in reversed(self.everybody):
            visit(service.name)
        known = {service.name: service for service in self.everybody}
        return tuple(known[name] for name in reversed(ordered))


@dataclass(frozen=True, slots=True)
class Variant:
    """A named configuration of a comparison."""

    name: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class Warned:
    """Something odd that does not stop a run. ``code`` is stable (``RW001`` …)."""

    code: str
    message: str
