"""What the panels need to know at the instant that is shown: a fold that can be put away and taken out again.

Owns the state beyond the live view's: what each layer and replica has done, who waits. Refuses to draw (panels/) and to
know where on the tape it stands (session.py).
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence

from resilience_sim.kernel import events as ev
from resilience_sim.scenario.plan import Plan
from resilience_sim.views.live.bins import Lane
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.words import speaker

_FIXED = frozenset({"plan", "seed", "name", "components", "many", "capacity", "workers", "sample", "stream"})
_COUNTED = frozenset(range(ev.RETRY_WAIT, ev.FELL_BACK + 1)) - {ev.BREAKER}
NEVER = 1 << 60


class PlayFold(LiveFold):
    """The live view's fold, and what layers and replicas are doing."""

    __slots__ = ("backlog", "by_layer", "by_replica", "deciders", "waits")

    def __init__(self, plan: Plan, seed: int, components: Sequence[ev.Component], name: str = "") -> None:
        super().__init__(plan, seed, components, name)
        self.sample = NEVER  # the request stream is read from the tape
        self.by_layer: Counter[tuple[int, int]] = Counter()  # (layer, kind of event): how often
        self.by_replica: dict[int, list[int]] = {c.id: [0, 0] for c in components if c.kind == "replica"}  # busy, queue
        self.waits: dict[int, tuple[int, int]] = {}  # request -> retry layer it waits in, and until when
        self.backlog: Counter[int] = Counter()  # by client instance
        self.deciders: dict[int, tuple[int, int]] = {}  # layer -> instant and outcome of its last rejection

    def know(self, plan: Plan, components: Sequence[ev.Component]) -> None:
        """The run has other faults, policies and speakers than before."""
        self.plan = plan
        self.components = {component.id: component for component in components}
        for component in components:
            if component.kind == "circuit_breaker" and component.id not in self.breakers:
                self.breakers[component.id] = Lane(speaker(component, self.many))

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """Take one event."""
        super().on_event(t, kind, source, rid, a, b)
        if kind in _COUNTED:
            self.by_layer[source, kind] += 1
            if kind == ev.RETRY_WAIT:
                self.waits[rid] = (source, t + b)
            elif kind == ev.REJECTED:
                self.deciders[source] = (t, a)
                self.waits.pop(rid, None)
        elif kind == ev.RECEIVED:
            if b in (ev.STARTED, ev.QUEUED_AT_B):
                self.by_replica[source][b - ev.STARTED] += 1
        elif kind == ev.BEGIN:
            held = self.by_replica[source]
            held[0] += 1
            held[1] -= 1
        elif kind == ev.END:
            self.by_replica[source][0] -= 1
        elif kind == ev.LEFT_QUEUE:
            self.by_replica[source][1] -= 1
        elif kind in (ev.SENT, ev.DONE):
            if self.waits:
                self.waits.pop(rid, None)
        elif kind == ev.ARRIVE:
            if a == ev.BACKLOGGED:
                self.backlog[source] += 1
        elif kind == ev.START:
            self.backlog[source] -= 1
        elif kind == ev.CRASH:
            self.backlog[source] = 0

    def waiting_in(self, layer: int) -> int:
        """How many calls wait in a retry layer for their next try."""
        return sum(1 for source, until in self.waits.values() if source == layer and until > self.clock)

    def freeze(self) -> bytes:
        """All that changes from event to event."""
        return pickle.dumps([(name, getattr(self, name)) for name in _changing()], pickle.HIGHEST_PROTOCOL)

    def thaw(self, frozen: bytes) -> None:
        """Be as it was when it was frozen; what is fixed stays as it is."""
        known = self.breakers
        for name, value in pickle.loads(frozen):
            setattr(self, name, value)
        for source, lane in known.items():  # a breaker that was added later had not been there
            if source not in self.breakers:
                self.breakers[source] = Lane(lane.name)


def _changing() -> list[str]:
    return [name for name in (*LiveFold.__slots__, *PlayFold.__slots__) if name not in _FIXED]
