"""Instants and counts over several services that an explanation names: who was in trouble when, who was called.

A service is *full* from the instant on at which no worker is free (or somebody waits), if that lasts and somebody has
to wait or is turned away; it *fails* from the instant on at which half of the last ten attempts at it were bad for
their callers.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from resilience_sim.kernel import events as ev
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.facts import horizon
from resilience_sim.views.live.places import Graph

LAST, BAD = 10, 5  # attempts looked back on, and how many of them are bad where a service fails
LONG = 100  # a service that is full for this part of the run, or a second if that is less, is full
COHORTS = 64  # stretches of arrivals in which attempts per request are counted


@dataclass(frozen=True, slots=True)
class Trouble:
    """A service in trouble from ``at`` (ns) on. ``full`` (else it fails) for so long; ``workers``: all of them busy."""

    service: str
    at: int
    full: int = 0
    workers: int = 0


@dataclass(frozen=True, slots=True)
class Multiplied:
    """The requests that came around an instant made so many attempts at a service."""

    service: str
    at: int
    requests: int
    attempts: int


class ServicePart:
    """What is kept of one service. ``full``, ``failing``, ``shed``: since when, at first; -1: never."""

    __slots__ = (
        "all_busy", "failing", "full", "held", "last", "left", "queued", "sent", "shed", "since",
        "until", "waited", "workers",
    )  # fmt: skip

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.held = 0
        self.queued = 0
        self.since = -1  # when it became full, while it is
        self.left = -1  # when it last was not, while it is not
        self.all_busy = False  # since then no worker was free
        self.waited = False  # since then somebody had to wait, or was turned away
        self.full = -1
        self.until = -1  # when that was over
        self.failing = -1
        self.shed = -1
        self.last: deque[bool] = deque(maxlen=LAST)
        self.sent = [0] * (2 * COHORTS)  # by when the request came


class ServicesMoments:
    """Give it every event of a run with several services."""

    def __init__(self, plan: Plan, components: Collection[ev.Component]) -> None:
        self.graph = Graph(plan, components)
        self._long = min(1_000_000_000, max(1, horizon(plan) // LONG))
        self._width = max(1, horizon(plan) // COHORTS)
        self.parts = {each.name: ServicePart(each.workers * each.replicas) for each in self.graph.services}
        self._by_index = list(self.parts.values())
        self._now = 0
        self._came = array("q")  # by request
        self._arrivals = [0] * (2 * COHORTS)
        self.failed: array[int] = array("q")  # requests that failed
        self.failed_at: array[int] = array("q")
        self.faults: dict[int, tuple[int, int]] = {}  # by index: from, until

    def take(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """One event."""
        self._now = t
        index = self.graph.service_of.get(source)
        if index is not None:
            self._at_service(self._by_index[index], t, kind, rid, a, b)
        elif kind == ev.ARRIVE:
            self._came.append(t)
            self._arrivals[self._cohort(t)] += 1
        elif kind == ev.DONE:
            if ev.outcome_of(a) > ev.FALLBACK:
                self.failed.append(rid)
                self.failed_at.append(t)
        elif kind == ev.FAULT_ON:
            self.faults[a] = (t, b)
        elif kind == ev.FAULT_OFF and a in self.faults:
            self.faults[a] = (self.faults[a][0], t)

    def _cohort(self, t: int) -> int:
        while t >= self._width * 2 * COHORTS:
            for counts in (self._arrivals, *(part.sent for part in self._by_index)):
                counts[:] = [counts[i] + counts[i + 1] for i in range(0, 2 * COHORTS, 2)] + [0] * COHORTS
            self._width *= 2
        return t // self._width

    def _at_service(self, part: ServicePart, t: int, kind: int, rid: int, a: int, b: int) -> None:
        if kind == ev.SENT:
            part.sent[self._cohort(self._came[rid])] += 1
        elif kind == ev.RECEIVED:
            if b == ev.STARTED:
                self._load(part, t, 1, 0)
            elif b == ev.QUEUED_AT_B:
                self._load(part, t, 0, 1)
            elif b == ev.TURNED_DOWN:
                part.waited = True
        elif kind == ev.BEGIN:
            self._load(part, t, 1, -1)
        elif kind == ev.END:
            self._load(part, t, -1, 0)
        elif kind == ev.LEFT_QUEUE:
            self._load(part, t, 0, -1)
        elif kind == ev.WORKERS:
            part.workers = a * max(1, part.workers // b) if b else a
        elif kind == ev.RESULT:
            outcome = ev.outcome_of(a)
            if outcome == ev.SHED and part.shed < 0:
                part.shed = t
            if part.failing < 0 and outcome not in (ev.CANCELLED, ev.CRASHED):
                part.last.append(outcome > ev.FALLBACK and outcome != ev.CLIENT_ERROR)
                if sum(part.last) >= BAD:
                    part.failing = t

    def _load(self, part: ServicePart, t: int, held: int, queued: int) -> None:
        """A service that hands a worker on at the same instant has stayed full."""
        if part.until >= 0:
            return
        if part.since >= 0 and part.left >= 0 and part.left != t:
            if part.full >= 0:
                part.until = part.left
                return
            part.since = -1
        part.held += held
        part.queued += queued
        if not _full(part):
            part.left = t
            self._judge(part, t)
            return
        part.left = -1
        if part.since < 0:
            part.since = t
            part.all_busy = True
            part.waited = False
        part.waited = part.waited or part.queued > 0
        part.all_busy = part.all_busy and (part.held >= part.workers or queued < 0 or held < 0)
        self._judge(part, t)

    def _judge(self, part: ServicePart, t: int) -> None:
        """It is full when that has lasted, and somebody minded."""
        if part.since >= 0 and part.waited and t - part.since >= self._long:
            part.full = part.since

    # --- readings -----------------------------------------------------------------------------------------------------

    def troubles(self) -> list[Trouble]:
        """Who was in trouble, in the order in which it began; of one instant the innermost first."""
        found: list[tuple[int, int, Trouble]] = []
        for depth, (name, part) in enumerate(self.parts.items()):
            if part.full < 0 and part.left < 0:
                self._judge(part, self._now)  # nothing has happened there since
            end = part.until if part.until >= 0 else self._now
            known = [(at, full) for at, full in ((part.full, end - part.full), (part.failing, 0)) if at >= 0]
            if known:
                at, full = min(known)
                found.append((at, -depth, Trouble(name, at, full, part.workers if part.all_busy else 0)))
        return [trouble for _, _, trouble in sorted(found, key=lambda each: each[:2])]

    def multiplied(self, service: str) -> Multiplied | None:
        """The requests of one stretch that made the most attempts at a service."""
        part = self.parts[service]
        index = max(range(len(part.sent)), key=lambda i: part.sent[i])
        if not part.sent[index] or not self._arrivals[index]:
            return None
        middle = (index * self._width + min((index + 1) * self._width, self._now)) // 2  # a run may have been cut short
        return Multiplied(service, middle, self._arrivals[index], part.sent[index])

    def failed_since(self, t: int) -> list[int]:
        """The requests that failed from an instant on."""
        return [rid for rid, at in zip(self.failed, self.failed_at, strict=True) if at >= t]


def _full(part: ServicePart) -> bool:
    return part.queued > 0 or 0 < part.workers <= part.held
