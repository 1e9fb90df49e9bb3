"""Events as readable records, as ``resim export --to jsonl`` writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mypy_extensions import i64

from resilience_sim.kernel.events import KIND_NAMES
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.simulate import quiet_collector
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.suggest import did_you_mean
from resilience_sim.views.export.decode import kind_name, payload

if TYPE_CHECKING:
    from resilience_sim.settings.plan import Plan

_STEPS = 5_000  # of the engine between two deliveries: some ten thousand events are in memory at a time


@dataclass(frozen=True, slots=True)
class Event:
    """One event: virtual seconds, what happened, at which component, for which request, and the particulars.

    ``instance``: number of the client instance (from 0) where the component belongs to one; ``rid``: number of the
    request (from 0), None where none is meant.
    """

    t: float
    kind: str
    by: str
    instance: int | None
    rid: int | None
    details: dict[str, Any]

    def __repr__(self) -> str:
        request = "" if self.rid is None else f" rid={self.rid}"
        details = "".join(f" {name}={value}" for name, value in self.details.items())
        return f"<Event {self.t:.3f}s {self.kind} by {self.by}{request}{details}>"


class _Gather(Fold):
    """Keeps the events until they are taken."""

    def sees_services(self) -> bool:
        return True

    def __init__(self, kinds: frozenset[int], rid: int | None) -> None:
        self.kinds = kinds
        self.rid = rid
        self.events: list[tuple[int, int, int, int, int, int]] = []

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        if (not self.kinds or kind in self.kinds) and (self.rid is None or rid == self.rid):
            self.events.append((t, kind, source, rid, a, b))


def events(plan: Plan, seed: int, kinds: Sequence[str], rid: int | None) -> Iterator[Event]:
    """Simulate the run and yield its events a few thousand at a time. ValueError for a kind that there is not."""
    names = [name for name in KIND_NAMES if name]
    for name in kinds:
        if name not in names:
            raise ValueError(f"there is no kind of event `{name}`; {did_you_mean(name, names) or ', '.join(names)}")
    return _yield(Simulation(plan, seed), _Gather(frozenset(KIND_NAMES.index(name) for name in kinds), rid))


def _yield(simulation: Simulation, gather: _Gather) -> Iterator[Event]:
    simulation.attach(gather)
    goes_on = True
    while goes_on:
        with quiet_collector():
            goes_on = simulation.run(budget=_STEPS)
        taken, gather.events = gather.events, []
        components = {component.id: component for component in simulation.components}
        for t, kind, source, rid, a, b in taken:
            by = components[source]
            yield Event(
                t / 1e9,
                kind_name(kind),
                by.name,
                by.instance if by.instance >= 0 else None,
                rid if rid >= 0 else None,
                payload(kind, a, b),
            )
