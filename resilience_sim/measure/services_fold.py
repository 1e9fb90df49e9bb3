"""Figures of several services: what RunFold counts of the first one, and of each service and link by itself."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from mypy_extensions import i64

from resilience_sim.kernel.compiled import COMPILED, M64
from resilience_sim.kernel.events import (
    ADMITTED,
    ANSWERED,
    APPLIED,
    ARRIVE,
    BEGIN,
    BREAKER,
    CALL,
    CALL_OVER,
    DONE,
    DUPLICATE,
    EFFECT,
    END,
    EXPIRED,
    FALLBACK,
    LEFT_QUEUE,
    QUEUED_AT_B,
    RECEIVED,
    REJECTED,
    RETRY_DENIED,
    SENT,
    START,
    STARTED,
    SUCCESS,
    TOO_LATE,
    WORKERS,
    Component,
    abandoned,
    admission_of,
    call_of,
    effect_of,
    held_thread,
    operation_of,
    outcome_of,
)
from resilience_sim.kernel.sink import K0, K1, K2, K3, K4
from resilience_sim.kernel.vectors import vec, view
from resilience_sim.measure.capacity import Capacity
from resilience_sim.measure.counters import Part, merged
from resilience_sim.measure.latencies import Distribution
from resilience_sim.measure.outer_events import OuterEvents, inner_sources
from resilience_sim.measure.readings import RunContext, by_outcome, latency, ratio
from resilience_sim.measure.result import NO_READING, Reading, RunResult
from resilience_sim.measure.run_fold import FAR, Glance, RunFold, window
from resilience_sim.settings.calls import CLIENT_NAME
from resilience_sim.settings.metrics import percentile_of
from resilience_sim.settings.plan import Plan, Scope
from resilience_sim.settings.service import OperationConfig, ServiceConfig


class Tally:
    """What is counted of one service or one link, in the parts of the run.

    Of a service ``outcomes`` of a part are its answers, their latencies from arrival; of a link they are those of the
    calls, which are its ``arrivals``.
    """

    __slots__ = ("_area", "_area_far", "_operations", "busy", "busy_peak", "part", "parts", "queue")

    _area: i64  # as in RunFold
    _area_far: int
    busy: i64
    busy_peak: i64
    queue: i64

    def __init__(self, operations: int) -> None:
        self._operations = operations
        self.part = Part(operations)
        self.parts: list[Part] = [self.part]
        self._area = 0
        self._area_far = 0
        self.busy = 0
        self.busy_peak = 0
        self.queue = 0

    def cut(self, t: int) -> None:
        """A part of the run ends."""
        until = int(self.busy) * t
        self.part.busy += self._area_far + int(self._area) + until
        self._area = 0
        self._area_far = -until
        self.part = Part(self._operations)
        self.part.queue_peak = self.queue
        self.parts.append(self.part)

    def hold(self, t: i64) -> None:
        """A worker begins."""
        area = self._area - t
        self._area = area if area > -FAR else self._spill(area)
        busy = self.busy + 1
        self.busy = busy
        if busy > self.busy_peak:  # noqa: PLR1730 (max() costs a call)
            self.busy_peak = busy

    def leave(self, t: i64) -> None:
        """A worker ends."""
        area = self._area + t
        self._area = area if area < FAR else self._spill(area)
        self.busy -= 1

    def _spill(self, area: i64) -> i64:
        self._area_far += int(area)
        return 0

    def merge(self, parts: Sequence[Part], end: int) -> Part:
        """Several parts together, up to ``end``."""
        total = merged(parts)
        if parts and parts[-1] is self.part:
            total.busy += self._area_far + int(self._area) + int(self.busy) * end
        return total


# what a source is, by its number: _AT_SERVICE or _AT_LINK, whether it is of Service A or the first service, and above
# that the index of the service or link
_AT_SERVICE: Final = 1
_AT_LINK: Final = 2
_OUTER: Final = 4
_INDEX: Final = 3


class ServicesFold(RunFold):
    """The figures of a plan with several services."""

    __slots__ = ("_capacities", "_client_link", "_effects", "_known", "_links", "_services", "_where")

    _known: i64

    def __init__(
        self, plan: Plan, components: Sequence[Component], series: int = 0, metrics: Sequence[str] | None = None
    ) -> None:
        super().__init__(plan, components, series, metrics)
        inner = inner_sources(plan, components)
        names = [service.name for service in everybody(plan)]
        links = ["", *(link.name for link in plan.links)]
        places = 1 + max(component.id for component in components)
        where = [0] * places
        for each in components:
            if each.id not in inner:
                where[each.id] |= _OUTER
            if self._partial:
                continue  # what is asked for is of Service A and the first service
            if each.kind in ("service", "replica"):
                where[each.id] |= _AT_SERVICE | names.index(each.node) << _INDEX
            elif each.link:
                where[each.id] |= _AT_LINK | links.index(each.link) << _INDEX
            elif each.kind not in ("client", "fault"):
                where[each.id] |= _AT_LINK
        self._where = vec[i64](where)
        self._known = places
        self._services = [Tally(len(operations_at(plan, name))) for name in names]
        self._capacities = [self._capacity, *(Capacity(service) for service in plan.services)]
        self._links = [Tally(1) for _ in links]
        self._client_link = self._links[0]
        self._effects: dict[int, list[int]] = {}  # of requests without an outcome: the services they had effects at
        if self._series is not None:
            self._over_time = OuterEvents(self._series, inner)
        self.feed([])

    def sees_services(self) -> bool:
        return True

    def emit(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Count one event of a service or link, and what RunFold counts."""
        if t >= self._cut:
            self._advance(t)
        at: i64 = -1  # the present part
        if rid < self._first and rid >= 0:
            at = bisect_right(self._firsts, rid) - 1
        where: i64 = _OUTER  # a fault by hand, which nobody knew of
        if source < self._known:
            where = self._where[source]
        if where & _AT_SERVICE:
            tally = self._services[where >> _INDEX]
            self._at_service(tally, tally.part if at < 0 else tally.parts[at], where >> _INDEX, at, t, kind, rid, a, b)
        elif where & _AT_LINK:
            tally = self._links[where >> _INDEX]
            self._at_link(tally.part if at < 0 else tally.parts[at], kind, a, b)
        elif kind <= DONE:
            self._of_request(at, kind, rid, a)
        if where & _OUTER and (kind < CALL or kind == WORKERS):
            super().emit(t, kind, source, rid, a, b)
            return
        h = self._hash * K0 + ((t * K1) ^ ((kind + (source << 8)) * K2) ^ (rid * K3) ^ (a * K4) ^ b)
        if not COMPILED:
            h &= M64
        self._hash = h
        self.count += 1
        if not where & _AT_SERVICE:
            if kind == BREAKER:
                log = self._log_of.get(source)
                if log is not None:
                    log.note(t, a, b)
            elif kind == REJECTED:
                self._rejected[source] += 1
        if self._hands_on:
            self._next.on_event(t, kind, source, rid, a, b)
            if self._more:
                for fold in self._others:
                    fold.on_event(t, kind, source, rid, a, b)

    def _at_service(
        self, tally: Tally, part: Part, service: i64, at: i64, t: i64, kind: i64, rid: i64, a: i64, b: i64
    ) -> None:
        if kind == SENT:
            link = self._links[self._where[b] >> _INDEX] if call_of(a) else self._client_link
            (link.part if at < 0 else link.parts[at]).sent += 1
        elif kind == RECEIVED:
            part.received += 1
            if b == STARTED:
                tally.hold(t)
            elif b == QUEUED_AT_B:
                tally.queue += 1
                if tally.queue > tally.part.queue_peak:  # noqa: PLR1730
                    tally.part.queue_peak = tally.queue
            elif b == TOO_LATE:
                part.expired += 1
        elif kind == END:
            tally.leave(t)
            work = part.work_small + b
            part.work_small = work
            if abandoned(a):
                part.wasted_small += b
            if work >= FAR:
                part.spill()
        elif kind == ANSWERED:
            outcome = outcome_of(a)
            part.outcomes[outcome] += 1
            (part.successes if outcome <= FALLBACK else part.others).add(b)
        elif kind == BEGIN:
            tally.queue -= 1
            tally.hold(t)
        elif kind == LEFT_QUEUE:
            tally.queue -= 1
            if b == EXPIRED:
                part.expired += 1
        elif kind == WORKERS and service:  # RunFold notes those of the first one
            self._capacities[service].note(t, a)
        elif kind == EFFECT:
            self._effect_at(part, service, rid, effect_of(a), operation_of(a), b)

    def _effect_at(self, part: Part, service: int, rid: i64, effect: i64, operation: i64, failed: i64) -> None:
        self._effect(part, effect, operation, failed)
        if effect in (APPLIED, DUPLICATE) and not failed:
            self._effects.setdefault(int(rid), []).append(int(service))

    def _at_link(self, part: Part, kind: i64, a: i64, b: i64) -> None:
        if kind == CALL:
            part.arrivals += 1
        elif kind == CALL_OVER:
            part.outcomes[outcome_of(a)] += 1
        elif kind == REJECTED:
            part.rejected += 1
        elif kind == RETRY_DENIED:
            part.denied += 1

    def _of_request(self, at: i64, kind: i64, rid: i64, a: i64) -> None:
        """Of Service A: its link is the way to the first service."""
        part = self._client_link.part if at < 0 else self._client_link.parts[at]
        if kind == ARRIVE:
            if admission_of(a) == ADMITTED:
                part.arrivals += 1
        elif kind == START:
            part.arrivals += 1
        elif kind == DONE:
            if held_thread(a):
                part.outcomes[outcome_of(a)] += 1
            services = self._effects.pop(int(rid), None) if self._effects else None
            if services is not None and outcome_of(a) > FALLBACK:
                for service in services:
                    tally = self._services[service]
                    (tally.part if at < 0 else tally.parts[at]).orphans += 1

    def _advance(self, t: i64) -> None:
        before = len(self._parts)
        super()._advance(t)
        for i in range(before, len(self._parts)):
            for tally in (*self._services, *self._links):
                tally.cut(self._edges[i])

    # --- readings ---

    def result(self, seed: int, digest: str, end: int, cut: bool = False) -> RunResult:
        """As RunFold's, with ``services`` and ``links``."""
        found = super().result(seed, digest, end, cut)
        if found.partial:
            return found
        document = dict(found.document)
        entry = self._plan.service.name
        document["breakers"] = [
            {**shown, "link": (log.component.link or f"{CLIENT_NAME}>{entry}").split(">")}
            for log, shown in zip(self._breakers, document["breakers"], strict=True)
        ]
        last: dict[str, Any] = {name: document.pop(name) for name in ("series", "collapsed") if name in document}
        document["services"] = [
            self._service_document(service, tally, capacity, end)
            for service, tally, capacity in zip(everybody(self._plan), self._services, self._capacities, strict=True)
        ]
        document["links"] = [
            self._link_document(name, tally, cut) for name, tally in zip(links_of(self._plan), self._links, strict=True)
        ]
        return replace(found, document={**document, **last})

    def _service_document(self, service: ServiceConfig, tally: Tally, capacity: Capacity, end: int) -> dict[str, Any]:
        part = tally.merge(tally.parts, end)
        answered = part.outcomes[SUCCESS] + part.outcomes[FALLBACK]
        latencies = _answers(tally.parts)
        operations = operations_at(self._plan, service.name)
        return {
            "name": service.name,
            "attempts_received": part.received,
            "succeeded": answered,
            "amplification": ratio(part.received, int(self.arrivals)),
            "availability": ratio(answered, part.received),
            "latency": latency(latencies),
            "queue_peak": part.queue_peak,
            "busy_peak": int(tally.busy_peak),
            "utilization": ratio(part.busy, capacity.between(0, end)),
            "wasted_seconds": part.wasted / 1e9,
            "expired": part.expired,
            "effects": {
                "applied": part.applied,
                "duplicates": part.duplicates,
                "orphans": part.orphans,
                "deduplicated": part.deduplicated,
                "amount_applied": _amount(operations, view(part.applied_of)),
                "amount_duplicated": _amount(operations, view(part.duplicates_of)),
            },
        }

    def _link_document(self, name: str, tally: Tally, cut: bool) -> dict[str, Any]:
        part = merged(tally.parts)
        caller, callee = name.split(">")
        waiting = part.unanswered()
        return {
            "from": caller,
            "to": callee,
            "calls": part.arrivals,
            "attempts": part.sent,
            "by_outcome": by_outcome(view(part.outcomes), 0 if cut else waiting),
            **({"under_way": waiting} if cut else {}),
        }

    def _at_place(self, context: RunContext, scope: Scope) -> dict[str, Reading]:
        limits = window(self._plan, scope)
        if limits is None:
            return {}
        start, stop = limits
        chosen = slice(bisect_left(self._edges, start), bisect_left(self._edges, stop))
        end = min(stop, context.end)
        same = (scope.kind, scope.ref, scope.place)  # of whichever variant: it is asked for only once
        names = {e.metric for e in self._plan.expect if (e.scope.kind, e.scope.ref, e.scope.place) == same}
        arrivals = sum(int(part.arrivals) for part in self._parts[chosen])
        if ">" in scope.place:
            tally = self._links[links_of(self._plan).index(scope.place)]
            counts = self._of_link(scope.place, merged(tally.parts[chosen]), context, start, end)
        else:
            at = [each.name for each in everybody(self._plan)].index(scope.place)
            tally = self._services[at]
            counts = _of_service(
                self._capacities[at].between(start, end), tally, tally.parts[chosen], arrivals, start, end
            )
        latencies = _answers(tally.parts[chosen])
        found: dict[str, Reading] = {}
        for name in sorted(names):
            percent = percentile_of(name)
            if percent is not None:
                value = latencies.percentile(percent)
                found[name] = Reading(None if value is None else value / 1e9)
            else:
                found[name] = Reading(counts[name]) if name in counts else NO_READING
        return found

    def _of_link(self, name: str, part: Part, context: RunContext, start: int, end: int) -> dict[str, float | None]:
        client = f"{CLIENT_NAME}>{self._plan.service.name}"
        logs = [log for log in self._breakers if (log.component.link or client) == name]
        there = part.arrivals > 0
        return {
            "calls": float(part.arrivals) if end > start else None,
            "attempts_per_request": ratio(part.sent, part.arrivals),
            "opened": sum(log.opened(start, end + 1) for log in logs) if logs and end > start else None,
            "open_time": sum(log.open_time(start, end) for log in logs) / 1e9 if logs and end > start else None,
            "rejected": float(part.rejected) if there else None,
            "denied_by_budget": float(part.denied) if there else None,
        }


def _of_service(
    capacity: int, tally: Tally, parts: Sequence[Part], arrivals: int, start: int, end: int
) -> dict[str, float | None]:
    part = tally.merge(parts, end)
    latencies = _answers(parts)
    mean = latencies.mean()
    there = part.received > 0
    return {
        "amplification": ratio(part.received, arrivals),
        "availability": ratio(part.outcomes[SUCCESS] + part.outcomes[FALLBACK], part.received),
        "mean": None if mean is None else mean / 1e9,
        "max": latencies.highest / 1e9 if latencies.count else None,
        "utilization": ratio(part.busy, capacity),
        "queue_peak": float(part.queue_peak) if end > start else None,
        "wasted_work": ratio(part.wasted, part.work),
        "expired": float(part.expired) if there else None,
        "duplicates": float(part.duplicates) if there else None,
        "orphans": float(part.orphans) if there else None,
    }


def _answers(parts: Sequence[Part]) -> Distribution:
    """Latencies of everything that was answered."""
    return Distribution([bag for part in parts for bag in (part.successes, part.others)])


def everybody(plan: Plan) -> tuple[ServiceConfig, ...]:
    """All services, the entry first."""
    return (plan.service, *plan.services)


def links_of(plan: Plan) -> tuple[str, ...]:
    """All links by name, that of Service A first."""
    return (f"{CLIENT_NAME}>{plan.service.name}", *(link.name for link in plan.links))


def operations_at(plan: Plan, service: str) -> tuple[OperationConfig, ...]:
    """What is done at a service, in the order of the indexes that events carry."""
    if service == plan.service.name:
        return plan.operation.each
    links = [link for link in plan.links if link.callee == service]
    return tuple(each for link in links for each in link.operation.each) or (OperationConfig(),)


def _amount(operations: Sequence[OperationConfig], counts: Sequence[int]) -> float | None:
    if all(each.amount is None for each in operations):
        return None
    return sum((each.amount or 0.0) * int(count) for each, count in zip(operations, counts, strict=True))


def figures_of(
    plan: Plan,
    components: Sequence[Component],
    series: int = 0,
    metrics: Sequence[str] | None = None,
    digest: bool = True,
) -> RunFold:
    """The fold that counts the figures of a run. ``digest``: whether anybody wants to know that, too."""
    if plan.several:
        return ServicesFold(plan, components, series, metrics)
    return (RunFold if digest or metrics is None else Glance)(plan, components, series, metrics)
