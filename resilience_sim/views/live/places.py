"""Each service and each link of a run over time: what rows of services, the graph and the cockpit's zoom show.

Callers judge a service: an attempt is good or bad by what its caller got, a timeout included. A service is *full* in a
stretch of time in which at every instant no worker was free, or somebody waited.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from resilience_sim.kernel import events as ev
from resilience_sim.settings.calls import CLIENT_NAME, LinkConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.service import ServiceConfig

BINS: Final = 256
IDLE, WELL, FULL, SOME, MOST = range(5)  # the health of a service in a stretch of time
SOME_FAIL, MOST_FAIL = 0.05, 0.5  # shares of attempts that were bad for their callers
LEAST = 8  # what a share or rate is computed from, where the last tenth of the run has as many


@dataclass(frozen=True, slots=True)
class GraphLink:
    """A link; ``config`` is None for that of Service A."""

    caller: str
    callee: str
    stack: tuple[PolicyConfig, ...]
    config: LinkConfig | None = None

    @property
    def name(self) -> str:
        """``shop>stock``, as components have it."""
        return f"{self.caller}>{self.callee}"


class Graph:
    """Who calls whom, and which component belongs to which service or link. Services are in call order."""

    def __init__(self, plan: Plan, components: Collection[ev.Component]) -> None:
        self.update(plan)
        self.service_of: dict[int, int] = {}  # by component: the index of its service
        self.link_of: dict[int, int] = {}  # by component: the index of its link; 0: that of Service A
        self.learn(components)

    def update(self, plan: Plan) -> None:
        """Another plan is in force, of the same services and links."""
        self.services: tuple[ServiceConfig, ...] = plan.inward()
        client = GraphLink(CLIENT_NAME, plan.service.name, plan.stack)
        self.links = (client, *(GraphLink(each.caller, each.callee, each.stack, each) for each in plan.links))
        self.names = [each.name for each in self.services]

    def learn(self, components: Collection[ev.Component]) -> None:
        """Components, perhaps new ones."""
        links = {"": 0, **{link.name: i for i, link in enumerate(self.links) if i}}
        for each in components:
            if each.kind in ("service", "replica"):
                self.service_of[each.id] = self.names.index(each.node)
            elif each.link or each.kind not in ev.NO_LAYERS:
                self.link_of[each.id] = links[each.link]

    def behind(self, source: int) -> bool:
        """Whether a component stands behind the first service, where users do not see it."""
        return self.service_of.get(source, 0) > 0 or self.link_of.get(source, 0) > 0

    def inward(self, service: str) -> list[int]:
        """The links that lead to a service."""
        return [i for i, link in enumerate(self.links) if link.callee == service]

    def outward(self, service: str) -> list[int]:
        """The links that lead from it."""
        return [i for i, link in enumerate(self.links) if link.caller == service]


class ServiceTrack:
    """A service: sums per bin, the highest and the lowest of what it holds, and what it holds now.

    ``bad``, ``good``: attempts, by when their callers knew. ``took`` is the sum of ``answered`` answers' times, ns.
    """

    __slots__ = (
        "answered", "at", "bad", "busy", "busy_least", "good", "held", "queue", "queue_least", "queued", "received",
        "took", "workers",
    )  # fmt: skip

    def __init__(self, workers: int) -> None:
        self.workers = workers  # of all replicas; 0: as many as are needed
        self.received = [0] * BINS
        self.good = [0] * BINS
        self.bad = [0] * BINS
        self.answered = [0] * BINS
        self.took = [0] * BINS
        self.busy = [0] * BINS
        self.queue = [0] * BINS
        self.busy_least = [0] * BINS
        self.queue_least = [0] * BINS
        self.at = 0  # the bin up to which the levels are known
        self.held = 0
        self.queued = 0

    def reach(self, index: int) -> None:
        """The levels go on as they are, up to this bin."""
        for i in range(self.at + 1, index + 1):
            self.busy[i] = self.busy_least[i] = self.held
            self.queue[i] = self.queue_least[i] = self.queued
        self.at = max(self.at, index)

    def load(self, index: int, held: int, queued: int) -> None:
        """So many more hold a worker, so many more wait."""
        self.reach(index)
        self.held = max(0, self.held + held)
        self.queued = max(0, self.queued + queued)
        self.busy[index] = max(self.busy[index], self.held)
        self.queue[index] = max(self.queue[index], self.queued)
        self.busy_least[index] = min(self.busy_least[index], self.held)
        self.queue_least[index] = min(self.queue_least[index], self.queued)

    def double(self) -> None:
        """Every bin becomes twice as long."""
        self.reach(BINS - 1)
        for sums in (self.received, self.good, self.bad, self.answered, self.took):
            _halve(sums, sum)
        _halve(self.busy, max)
        _halve(self.queue, max)
        _halve(self.busy_least, min)
        _halve(self.queue_least, min)
        self.at = BINS // 2 - 1


class LinkTrack:
    """A link: calls that entered its stack, attempts that left it, calls that ended, and those that failed."""

    __slots__ = ("calls", "failed", "over", "rejected", "sent")

    def __init__(self) -> None:
        self.calls = [0] * BINS
        self.sent = [0] * BINS
        self.over = [0] * BINS
        self.failed = [0] * BINS
        self.rejected = [0] * BINS

    def double(self) -> None:
        for sums in (self.calls, self.sent, self.over, self.failed, self.rejected):
            _halve(sums, sum)


def _halve(values: list[int], merge: Callable[[list[int]], int]) -> None:
    values[:] = [merge(values[i : i + 2]) for i in range(0, BINS, 2)] + [0] * (BINS // 2)


class Places:
    """The history of all services and links, in bins of ``width`` ns."""

    __slots__ = ("links", "services", "width")

    def __init__(self, graph: Graph, horizon: int) -> None:
        self.width = max(1, -(-horizon // (BINS - 16)))
        self.services = [ServiceTrack(each.workers * each.replicas) for each in graph.services]
        self.links = [LinkTrack() for _ in graph.links]

    def index(self, t: int) -> int:
        """The bin of an instant."""
        while t >= self.width * BINS:
            for service in self.services:
                service.double()
            for link in self.links:
                link.double()
            self.width *= 2
        return t // self.width

    def take(self, graph: Graph, t: int, kind: int, source: int, a: int, b: int) -> None:
        """One event of the run."""
        index = t // self.width
        if index >= BINS:
            index = self.index(t)
        service = graph.service_of.get(source)
        if service is not None:
            self._at_service(self.services[service], graph, index, kind, a, b)
            if kind == ev.WORKERS:
                self.services[service].workers = a * graph.services[service].replicas
        elif kind <= ev.DONE:
            self._of_user(self.links[0], index, kind, a)
        elif kind in (ev.CALL, ev.CALL_OVER, ev.REJECTED):
            link = self.links[graph.link_of.get(source, 0)]
            if kind == ev.CALL:
                link.calls[index] += 1
            elif kind == ev.REJECTED:
                link.rejected[index] += 1
            else:
                link.over[index] += 1
                link.failed[index] += ev.outcome_of(a) > ev.FALLBACK

    def _at_service(self, track: ServiceTrack, graph: Graph, index: int, kind: int, a: int, b: int) -> None:
        if kind == ev.SENT:
            self.links[graph.link_of.get(b, 0) if ev.call_of(a) else 0].sent[index] += 1
        elif kind == ev.RECEIVED:
            track.received[index] += 1
            if b == ev.STARTED:
                track.load(index, 1, 0)
            elif b == ev.QUEUED_AT_B:
                track.load(index, 0, 1)
            elif b == ev.HUNG:
                track.bad[index] += 1
        elif kind == ev.BEGIN:
            track.load(index, 1, -1)
        elif kind == ev.END:
            track.load(index, -1, 0)
        elif kind == ev.LEFT_QUEUE:
            track.load(index, 0, -1)
        elif kind == ev.ANSWERED:
            track.answered[index] += 1
            track.took[index] += b
        elif kind == ev.RESULT:
            outcome = ev.outcome_of(a)
            if outcome <= ev.FALLBACK or outcome == ev.CLIENT_ERROR:
                track.good[index] += 1
            elif outcome not in (ev.CANCELLED, ev.CRASHED):
                track.bad[index] += 1

    def _of_user(self, link: LinkTrack, index: int, kind: int, a: int) -> None:
        if kind == ev.START or (kind == ev.ARRIVE and ev.admission_of(a) == ev.ADMITTED):
            link.calls[index] += 1
        elif kind == ev.DONE and ev.held_thread(a):
            link.over[index] += 1
            link.failed[index] += ev.outcome_of(a) > ev.FALLBACK

    # --- readings -----------------------------------------------------------------------------------------------------

    def window(self, counts: list[int], now: int) -> tuple[int, int]:
        """The bins of the recent past, first and after-last: a second, or more where little happens."""
        stop = min(BINS, now // self.width + 1)
        first = max(0, stop - max(1, 1_000_000_000 // self.width))
        seen = sum(counts[first:stop])
        longest = max(1, stop // 10)
        while first and seen < LEAST and stop - first < longest:
            first -= 1
            seen += counts[first]
        return first, stop

    def rate(self, counts: list[int], now: int) -> float:
        """Events per second lately."""
        first, stop = self.window(counts, now)
        length = max(self.width, min(now, stop * self.width) - first * self.width)
        return sum(counts[first:stop]) * 1e9 / length

    def lately(self, counts: list[int], now: int) -> tuple[int, int]:
        """How many events there were lately, and for how long that is, ns."""
        first, stop = self.window(counts, now)
        return sum(counts[first:stop]), max(1, now - first * self.width)

    def good_share(self, service: int, now: int) -> float | None:
        """The share of attempts at a service that were good for their callers lately; None: none had an outcome."""
        track = self.services[service]
        first, stop = self._lately(track, now)
        good, bad = sum(track.good[first:stop]), sum(track.bad[first:stop])
        return good / (good + bad) if good + bad else None

    def mean_time(self, service: int, now: int) -> float | None:
        """Mean ns from arrival to answer lately."""
        track = self.services[service]
        first, stop = self.window(track.answered, now)
        answered = sum(track.answered[first:stop])
        return sum(track.took[first:stop]) / answered if answered else None

    def flow(self, link: int, now: int) -> tuple[float, float | None, float | None]:
        """Of a link lately: calls per second, attempts per call, share of calls that failed."""
        track = self.links[link]
        first, stop = self.window(track.calls, now)
        calls, sent = sum(track.calls[first:stop]), sum(track.sent[first:stop])
        over, failed = sum(track.over[first:stop]), sum(track.failed[first:stop])
        return self.rate(track.calls, now), sent / calls if calls else None, failed / over if over else None

    def health(self, track: ServiceTrack, first: int, stop: int) -> int:
        """How a service was in the bins from ``first`` up to ``stop``."""
        good, bad = sum(track.good[first:stop]), sum(track.bad[first:stop])
        if good + bad and bad >= MOST_FAIL * (good + bad):
            return MOST
        if bad > SOME_FAIL * (good + bad):
            return SOME
        if track.workers and self.always_full(track, first, stop):
            return FULL
        busy = track.held if first > track.at else max(track.busy[first:stop], default=0)
        return WELL if good or busy or sum(track.received[first:stop]) else IDLE

    def health_now(self, track: ServiceTrack, now: int) -> int:
        """How a service is, by what came of attempts lately."""
        return self.health(track, *self._lately(track, now))

    def _lately(self, track: ServiceTrack, now: int) -> tuple[int, int]:
        stop = min(BINS, now // self.width + 1)
        least = max(0, stop - max(BINS // 10, 1_000_000_000 // self.width))
        counts = [g + b for g, b in zip(track.good[least:stop], track.bad[least:stop], strict=True)]
        first, _ = self.window([0] * least + counts + [0] * (BINS - stop), now)
        return first, stop

    def always_full(self, track: ServiceTrack, first: int, stop: int) -> bool:
        """Whether in those bins no worker was free, or somebody waited, at every instant."""
        for i in range(first, stop):
            busy, queue = (track.held, track.queued) if i > track.at else (track.busy_least[i], track.queue_least[i])
            if busy < track.workers and not queue:
                return False
        return True
