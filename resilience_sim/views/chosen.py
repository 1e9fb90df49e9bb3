"""Requests worth telling of: the first that failed, the slowest, one executed twice, one that a policy refused …

Two runs of the same source: one to choose them, one to gather what happened to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import Component, Event
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.call_tree import CallTree, Places, read_tree
from resilience_sim.measure.story import Story
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Source
from resilience_sim.settings.plan import Plan
from resilience_sim.views.story_words import ToldStory, tell
from resilience_sim.views.words import outcome_name, speaker

MOST = 8  # requests; who reads more has the cockpit
MOST_REFUSERS = 3
FAILED, TWICE = "the first that failed", "executed twice"
DENIED, HEDGED = "the first that had no retry left in the budget", "the first that a hedge answered"
LATER, WELL = "the first that succeeded at a later attempt", "the first that went well"
LONGEST = 150_000  # attempts of a run that is run twice more for its stories: some seconds


@dataclass(frozen=True)
class Chosen:
    """A request, why it was chosen, and what happened to it; ``tree``: its calls, where there are several services.

    ``elsewhere``: what happened to it in other runs on the same arrivals, by their names.
    """

    rid: int
    reasons: tuple[str, ...]
    told: ToldStory
    tree: CallTree | None
    plan: Plan
    components: Mapping[int, Component] = field(repr=False)
    elsewhere: tuple[tuple[str, Story], ...] = ()


class ChoosingFold(Fold):
    """Finds them while a run goes on. Memory is that of the requests under way."""

    def __init__(self, components: Sequence[Component]) -> None:
        self._names = {each.id: speaker(each) for each in components}
        self._open: dict[int, bool] = {}  # under way; whether it has a hedge
        self._first: dict[str, int] = {}
        self._refusers: dict[int, tuple[str, int]] = {}
        self._slowest = self._slowest_good = (-1, -1)  # latency, rid
        self._most = (1, -1)  # attempts, rid

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if kind == ev.ARRIVE:
            self._open[rid] = False
        elif kind == ev.DONE:
            self._done(rid, ev.outcome_of(a), ev.attempts_of(a), b)
        elif kind == ev.REJECTED:
            if source not in self._refusers and len(self._refusers) < MOST_REFUSERS:
                name = self._names.get(source, "?")
                self._refusers[source] = (f"the first that `{name}` refused ({outcome_name(a)})", rid)
        elif kind == ev.EFFECT:
            if ev.effect_of(a) == ev.DUPLICATE:
                self._first.setdefault(TWICE, rid)
        elif kind == ev.RETRY_DENIED:
            self._first.setdefault(DENIED, rid)
        elif kind == ev.HEDGE:
            self._open[rid] = True
        elif kind == ev.HEDGE_WON and a > 1:
            self._first.setdefault(HEDGED, rid)

    def _done(self, rid: int, outcome: int, attempts: int, latency: int) -> None:
        hedged = self._open.pop(rid, False)
        if outcome == ev.SUCCESS:
            if attempts == 1:
                self._first.setdefault(WELL, rid)
            elif attempts > 1 and not hedged:
                self._first.setdefault(LATER, rid)
            self._slowest_good = max(self._slowest_good, (latency, -rid))
        elif outcome > ev.FALLBACK:
            self._first.setdefault(FAILED, rid)
        self._slowest = max(self._slowest, (latency, -rid))
        self._most = max(self._most, (attempts, -rid))

    def found(self) -> dict[int, list[str]]:
        """The reasons by request, the most telling first."""
        first = {reason: (reason, self._first.get(reason)) for reason in (FAILED, TWICE, DENIED, HEDGED, LATER, WELL)}
        pairs = [
            first[FAILED],
            first[TWICE],
            *self._refusers.values(),
            first[DENIED],
            first[HEDGED],
            first[LATER],
            ("the slowest", -self._slowest[1] if self._slowest[0] >= 0 else None),
            ("the slowest that succeeded", -self._slowest_good[1] if self._slowest_good[0] >= 0 else None),
            ("the one with the most attempts", -self._most[1] if self._most[0] > 1 else None),
            ("never answered", min(self._open, default=None)),
            first[WELL],
        ]
        chosen: dict[int, list[str]] = {}
        for reason, rid in pairs:
            if rid is not None and (rid in chosen or len(chosen) < MOST):
                chosen.setdefault(rid, []).append(reason)
        return chosen


class GatheringFold(Fold):
    """Every event of some requests."""

    def __init__(self, rids: Sequence[int]) -> None:
        self.events: dict[int, list[Event]] = {rid: [] for rid in rids}

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if rid in self.events:
            self.events[rid].append((t, kind, source, rid, a, b))


def choose(runs: Mapping[str, Callable[[], Source]]) -> list[Chosen]:
    """The requests of the first run that are worth telling of, by their arrival, and what became of them in the others.

    ``runs``: what makes a run anew, by its name; all on the same arrivals.
    """
    make, *others = runs.values()
    source = make()
    choosing = ChoosingFold(source.components)
    source.attach(choosing)
    drain(source)
    reasons = choosing.found()
    found = gathered(make(), reasons)
    elsewhere: dict[int, list[tuple[str, Story]]] = {rid: [] for rid in reasons}
    for name, other in zip(list(runs)[1:], others, strict=True):
        for each in gathered(other(), reasons):
            elsewhere[each.rid].append((name, each.told.story))
    return [replace(each, elsewhere=tuple(elsewhere[each.rid])) for each in found]


def gathered(source: Source, reasons: Mapping[int, Sequence[str]]) -> list[Chosen]:
    """What happens to some requests of a run, by their arrival; those that it does not have are left out."""
    gathering = GatheringFold(list(reasons))
    source.attach(gathering)
    drain(source)
    components = {each.id: each for each in source.components}
    places = Places(source.components)
    several = source.plan.several
    outer = {
        each.id
        for each in source.components
        if not each.link and (each.kind not in ("service", "replica") or each.node == source.plan.service.name)
    }
    found = []
    for rid in sorted(reasons):
        events = gathering.events[rid]
        if not events:
            continue
        tree = read_tree(rid, events, places) if several else None
        own = [event for event in events if event[1] < ev.CALL and event[2] in outer] if several else events
        told = tell(rid, own, components, source.plan)
        found.append(Chosen(rid, tuple(reasons[rid]), told, tree, source.plan, components))
    return found
