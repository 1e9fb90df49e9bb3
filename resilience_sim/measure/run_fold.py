"""Events to figures: the one fold that every run carries.

Everything a result says is counted here, from events, the plan and the directory of components alone; the formulas
are in readings.py. Some seven events per request pass through :meth:`RunFold.emit`, hence its look: an if-chain in
order of frequency, integers and lists.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.compiled import COMPILED, M64
from resilience_sim.kernel.events import (
    ADMITTED,
    APPLIED,
    ARRIVE,
    BEGIN,
    BREAKER,
    CRASH,
    DEDUPLICATED,
    DONE,
    DUPLICATE,
    EFFECT,
    END,
    FALLBACK,
    LEFT_QUEUE,
    QUEUED_AT_B,
    RECEIVED,
    REJECTED,
    RESULT,
    RETRY_DENIED,
    SENT,
    START,
    STARTED,
    SUCCESS,
    WORKERS,
    Component,
    abandoned,
    admission_of,
    attempts_of,
    effect_of,
    effects_of,
    held_thread,
    operation_of,
    outcome_of,
)
from resilience_sim.kernel.sink import K0, K1, K2, K3, K4, Fold, Sink
from resilience_sim.kernel.vectors import append, vec, view
from resilience_sim.measure.breakers import BreakerLog
from resilience_sim.measure.capacity import Capacity
from resilience_sim.measure.counters import Marks, Part, merged
from resilience_sim.measure.latencies import Distribution
from resilience_sim.measure.readings import Figures, RunContext, read, run_document
from resilience_sim.measure.recovery import collapsed, detection, recovery
from resilience_sim.measure.result import NO_READING, Reading, RunResult, scope_key
from resilience_sim.measure.series import Series
from resilience_sim.settings.metrics import metrics_of
from resilience_sim.settings.own_code import is_served
from resilience_sim.settings.plan import Plan, Scope

FOREVER: Final = 1 << 62
ALL_KINDS: Final = -1
# The kinds of events that are read for a metric beyond ARRIVE and DONE, by ``Metric.needs``.
NEEDED_KINDS: Final = {
    "sent": (SENT,),
    "received": (RECEIVED,),
    "work": (RECEIVED, BEGIN, END, WORKERS),
    "effects": (EFFECT,),
    "denied": (RETRY_DENIED,),
    "rejected": (REJECTED,),
    "breakers": (BREAKER,),
    "threads": (START,),
    "crashes": (CRASH,),
}


def window(plan: Plan, scope: Scope) -> tuple[int, int] | None:
    """Arrivals with ``from <= t < to`` (ns) belong to the scope; None when the plan has no such fault or phase.

    The last phase has no end: what happens while the run drains still belongs to it.
    """
    if scope.kind == "all":
        return 0, FOREVER
    if scope.kind == "phase":
        return _phase(plan, scope.ref)
    for fault in plan.faults:
        if fault.id == scope.ref:
            if scope.kind == "before":
                return 0, fault.at
            end = fault.at + fault.duration
            return (fault.at, end) if scope.kind == "during" else (end, FOREVER)
    return None


def _phase(plan: Plan, ref: str) -> tuple[int, int] | None:
    phases = plan.traffic.phases
    if not ref.isdigit() or not 1 <= int(ref) <= len(phases):
        return None
    number = int(ref)
    start = sum(phase.duration for phase in phases[: number - 1])
    return start, FOREVER if number == len(phases) else start + phases[number - 1].duration


def cuts(plan: Plan) -> list[int]:
    """Every instant at which a scope of the plan's expectations begins or ends; ascending, without 0 and for ever."""
    instants: set[int] = set()
    for expectation in plan.expect:
        limits = window(plan, expectation.scope)
        if limits is not None:
            instants.update(limits)
    return sorted(instants - {0, FOREVER})


def _latencies(parts: Sequence[Part]) -> tuple[Distribution, Distribution]:
    """Of the requests that succeeded, and of all that got an outcome."""
    successes = Distribution([part.successes for part in parts])
    if not any(len(part.others) for part in parts):
        return successes, successes
    return successes, Distribution([bag for part in parts for bag in (part.successes, part.others)])


FAR: Final = 1 << 60  # beyond this, sums of nanoseconds are moved to Python integers


def _bits(needs: Sequence[str]) -> int:
    """The set of the kinds that are needed, as the bits of a number."""
    kinds = {kind for each in needs for kind in NEEDED_KINDS.get(each, ())}
    return sum([2**kind for kind in sorted(kinds)])


OF_REQUESTS: Final = 2**ARRIVE | 2**DONE
OF_ATTEMPTS: Final = _bits(("sent", "received", "work", "effects"))


class RunFold(Sink):
    """All figures of one run. Memory: a byte per request, and eight more when the plan has faults.

    ``series`` > 0: also keep figures over time, in bins of that many nanoseconds. ``metrics``: names of those that are
    wanted; whatever no metric among them needs is left out, and so are scopes and most of the document.
    """

    __slots__ = (
        "_area", "_area_far", "_arrivals", "_available", "_breakers", "_busy", "_busy_peak", "_capacity", "_cut",
        "_deadline",
        "_edges", "_first", "_firsts", "_keeps_arrivals", "_keeps_availability", "_keeps_latencies", "_keeps_threads",
        "_kinds", "_log_of", "_metrics", "_mixed", "_operations", "_over_time", "_part", "_partial", "_parts", "_plan",
        "_queue", "_queue_peak", "_rejected", "_series", "_threads", "_unavailable", "arrivals", "in_force",
    )  # fmt: skip

    # Ends of work minus beginnings: the integral of busy workers over time, but for those still at it. It may outgrow
    # 64 bits (a thousand workers for a year), which is what ``_area_far`` is for: the area is the sum of both.
    _area: i64
    _area_far: int
    _busy: i64
    _busy_peak: i64
    _cut: i64
    _deadline: i64
    _first: i64
    _kinds: i64
    _operations: i64
    _queue: i64
    _queue_peak: i64
    arrivals: i64

    def __init__(
        self, plan: Plan, components: Sequence[Component], series: int = 0, metrics: Sequence[str] | None = None
    ) -> None:
        super().__init__([])
        self._partial = metrics is not None
        self._metrics = metrics_of(plan, metrics)
        needs = sorted({each.needs for each in self._metrics})
        self._kinds = ALL_KINDS if metrics is None else OF_REQUESTS | _bits(needs)
        self._keeps_latencies = "latencies" in needs
        self._keeps_availability = "availability" in needs
        self._keeps_threads = "threads" in needs
        self._plan = plan
        self.in_force = plan  # where somebody acts upon the run: the plan with its faults as they were
        self._capacity = Capacity(plan.service)
        self._operations = len(plan.operation.each)
        self._mixed = self._operations > 1
        self._deadline = plan.traffic.deadline or FOREVER
        self._breakers: list[BreakerLog] = [BreakerLog(c) for c in components if c.kind == "circuit_breaker"]
        self._log_of: dict[int, BreakerLog] = {log.component.id: log for log in self._breakers}
        places = 1 + max((component.id for component in components), default=0)
        self._threads = vec[i64]([0] * places)  # held now, by component id of the client instance
        self._rejected = vec[i64]([0] * places)  # by component id of the layer
        self._series: Series | None = Series(series, plan.traffic.deadline) if series else None
        self._over_time: Fold | None = self._series
        self._available: Final = Marks()  # requests that succeeded in time
        self._unavailable: Final = Marks()  # requests with another outcome; neither: still under way
        self._keeps_arrivals = (bool(plan.faults) or is_served(plan)) and self._keeps_availability
        self._arrivals = vec[i64]()
        self.arrivals = 0
        self._area = 0
        self._area_far = 0
        self._busy = 0
        self._busy_peak = 0
        self._queue = 0
        self._queue_peak = 0
        # Parts of the run: ``_part`` is current, requests from ``_first`` on belong to it, until instant ``_cut``.
        self._edges: list[int] = [0, FOREVER] if self._partial else [0, *cuts(plan), FOREVER]
        self._cut = self._edges[1]
        self._part = Part(self._operations)
        self._parts: list[Part] = [self._part]
        self._first = 0
        self._firsts: list[int] = [0]
        self.feed([])

    def feed(self, folds: list[Fold]) -> None:
        """The figures over time are a fold of ours, too."""
        super().feed(folds if self._over_time is None else [self._over_time, *folds])

    def emit(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Count one event, after doing what every sink does."""
        h = self._hash * K0 + ((t * K1) ^ ((kind + (source << 8)) * K2) ^ (rid * K3) ^ (a * K4) ^ b)
        if not COMPILED:
            h &= M64
        self._hash = h
        self.count += 1
        if self._kinds >> kind & 1:
            if t >= self._cut:
                self._advance(t)
            part = self._part
            if rid < self._first and rid >= 0:
                part = self._parts[bisect_right(self._firsts, rid) - 1]
            if kind <= SENT:  # life of a request
                if kind == SENT:
                    part.sent += 1
                elif kind == ARRIVE:
                    part.arrivals += 1
                    self.arrivals += 1
                    if self._keeps_availability:
                        self._available.add()
                        if self._keeps_arrivals:
                            self._arrivals = append(self._arrivals, t)
                    if self._mixed:
                        part.requests_of[operation_of(a)] += 1
                    if self._keeps_threads and admission_of(a) == ADMITTED:
                        self._hold(source)
                elif kind == DONE:
                    self._done(part, source, rid, a, b)
                else:  # START
                    self._hold(source)
            elif kind <= EFFECT:  # life of an attempt
                if kind == RECEIVED:
                    part.received += 1
                    if b == STARTED:
                        area = self._area - t
                        self._area = area if area > -FAR else self._spill(area)
                        busy = self._busy + 1
                        self._busy = busy
                        if busy > self._busy_peak:  # noqa: PLR1730 (max() costs a call)
                            self._busy_peak = busy
                    elif b == QUEUED_AT_B:
                        self._queue += 1
                        if self._queue > self._queue_peak:  # noqa: PLR1730
                            self._queue_peak = self._queue
                elif kind == END:
                    area = self._area + t
                    self._area = area if area < FAR else self._spill(area)
                    self._busy -= 1
                    work = part.work_small + b
                    part.work_small = work
                    if abandoned(a):
                        part.wasted_small += b
                    if work >= FAR:
                        part.spill()
                elif kind == RESULT:
                    part.results[outcome_of(a)] += 1
                elif kind == BEGIN:
                    self._queue -= 1
                    area = self._area - t
                    self._area = area if area > -FAR else self._spill(area)
                    busy = self._busy + 1
                    self._busy = busy
                    if busy > self._busy_peak:  # noqa: PLR1730
                        self._busy_peak = busy
                elif kind == LEFT_QUEUE:
                    self._queue -= 1
                else:  # EFFECT
                    self._effect(part, effect_of(a), operation_of(a), b)
            elif kind == REJECTED:
                part.rejected += 1
                self._rejected[source] += 1
            elif kind == RETRY_DENIED:
                part.denied += 1
            elif kind == BREAKER:
                log = self._log_of.get(source)
                if log is not None:
                    log.note(t, a, b)
            elif kind == CRASH:
                self._part.crashes += 1
            elif kind == WORKERS:
                self._capacity.note(t, a)
        if self._hands_on:
            self._next.on_event(t, kind, source, rid, a, b)
            if self._more:
                for fold in self._others:
                    fold.on_event(t, kind, source, rid, a, b)

    def _done(self, part: Part, source: i64, rid: i64, a: i64, took: i64) -> None:
        """A request has its outcome."""
        outcome = outcome_of(a)
        part.outcomes[outcome] += 1
        if self._keeps_threads and held_thread(a):
            self._threads[source] -= 1
        if outcome == SUCCESS:
            if self._keeps_latencies:
                part.successes.add(took)
            if took > self._deadline:
                part.late += 1
                if self._keeps_availability:
                    self._unavailable.mark_beyond(rid)
            else:
                if self._keeps_availability:
                    self._available.mark(rid)
                if attempts_of(a) == 1:
                    part.first_try += 1
        else:
            if self._keeps_latencies:
                part.others.add(took)
            if self._keeps_availability:
                self._unavailable.mark_beyond(rid)
            if outcome > FALLBACK:
                part.orphans += effects_of(a)

    def _spill(self, area: i64) -> i64:
        """The area comes near the limit of a machine integer: move it to a Python integer and start from 0."""
        self._area_far += int(area)
        return 0

    def _hold(self, source: i64) -> None:
        held = self._threads[source] + 1
        self._threads[source] = held
        if held > self._part.threads_peak:  # noqa: PLR1730
            self._part.threads_peak = held

    def _effect(self, part: Part, effect: i64, operation: i64, reported_failed: i64) -> None:
        if effect == DEDUPLICATED:
            part.deduplicated += 1
        elif effect in (APPLIED, DUPLICATE):
            part.applied += 1
            part.applied_of[operation] += 1
            part.orphans += reported_failed
            if effect == DUPLICATE:
                part.duplicates += 1
                part.duplicates_of[operation] += 1

    def _advance(self, t: i64) -> None:
        """Close parts until ``t`` lies in the current one."""
        while t >= self._cut and self._cut < FOREVER:
            until = int(self._busy) * int(self._cut)
            self._part.busy += self._area_far + int(self._area) + until
            self._area = 0
            self._area_far = -until
            self._part = Part(self._operations)
            self._part.threads_peak = max(view(self._threads))
            self._parts.append(self._part)
            self._first = self.arrivals
            self._firsts.append(self._first)
            self._cut = self._edges[len(self._parts)]

    def result(self, seed: int, digest: str, end: int, cut: bool = False) -> RunResult:
        """The figures so far, ``end`` being the virtual time (ns). May be asked at any time; changes nothing.

        ``cut``: the run was stopped before its end. Then requests without an outcome are under way: no availability
        counts them, and nobody can say whether it would have recovered.
        """
        plan = self.in_force
        whole = self._merge(self._parts, end)
        available = self._available.as_bytes()
        arrivals: Sequence[int] = view(self._arrivals)
        keeps = self._keeps_availability
        if cut and keeps:
            unavailable = self._unavailable.as_bytes()
            unavailable.extend(bytes(len(available) - len(unavailable)))
            over = [rid for rid in range(len(available)) if available[rid] or unavailable[rid]]
            available = bytearray([available[rid] for rid in over])
            arrivals = [arrivals[rid] for rid in over] if self._keeps_arrivals else []
        context = RunContext(
            plan,
            end,
            cut,
            self._breakers,
            [self._rejected[log.component.id] for log in self._breakers],
            [detection(fault, self._breakers, end) for fault in plan.faults],
            [recovery(fault, plan.faults, arrivals, available) for fault in plan.faults] if keeps else [],
            collapsed(plan.faults, arrivals, available) if keeps and not cut else None,
            self._metrics,
            self._capacity,
        )
        series = self._series.document() if self._series is not None else None
        if self._partial:
            requests = {"total": int(self.arrivals)}
            document = {"seed": seed, "digest": digest, "virtual_seconds": end / 1e9, "requests": requests}
            if series is not None:
                document["series"] = series
            successes, everything = _latencies([self._part])
            readings = read(context, whole, everything, successes, (0, FOREVER), None)
            return RunResult(seed, digest, document, readings, {}, True)
        successes, everything = _latencies(self._parts)
        metrics = read(context, whole, everything, successes, (0, FOREVER), None)
        scoped = {
            scope_key(scope.kind, scope.ref, scope.place): (
                self._at_place(context, scope)
                if scope.place
                else metrics
                if scope.kind == "all"
                else self._scope(context, scope)
            )
            for scope in dict.fromkeys(expectation.scope for expectation in plan.expect)
        }
        figures = Figures(seed, digest, whole, everything, successes, self._queue_peak, self._busy_peak)
        return RunResult(seed, digest, run_document(figures, context, series), metrics, scoped)

    def _at_place(self, context: RunContext, scope: Scope) -> dict[str, Reading]:
        """What an expectation asks of a service or a link, where there are several (services_fold.py)."""
        return dict.fromkeys([each.name for each in context.metrics], NO_READING)

    def _scope(self, context: RunContext, scope: Scope) -> dict[str, Reading]:
        limits = window(self._plan, scope)
        if limits is None:
            return dict.fromkeys([each.name for each in context.metrics], NO_READING)
        start, stop = limits
        rated = limits
        if scope.kind == "phase":  # the drain belongs to the last phase, but no request arrives in it
            phases = self._plan.traffic.phases
            rated = (start, start + phases[int(scope.ref) - 1].duration)
        parts = self._parts[bisect_left(self._edges, start) : bisect_left(self._edges, stop)]
        successes, everything = _latencies(parts)
        fault = None
        if scope.kind != "phase":
            fault = [entry.id for entry in self._plan.faults].index(scope.ref)
        return read(context, self._merge(parts, context.end), everything, successes, limits, fault, rated)

    def _merge(self, parts: Sequence[Part], end: int) -> Part:
        total = merged(parts)
        if parts and parts[-1] is self._part:
            total.busy += self._area_far + int(self._area) + int(self._busy) * end  # work still going on
        return total


class Glance(RunFold):
    """Counts what some metrics need, and makes no digest: most events are only counted, or not even told of."""

    __slots__ = ("_counts_ends",)

    _counts_ends: bool  # by outcome; latencies alone need no counts

    def feed(self, folds: list[Fold]) -> None:
        """Others want to hear everything."""
        super().feed(folds)
        self.wants_attempts = self._hands_on or self._kinds & OF_ATTEMPTS != 0
        self.wants_arrivals = self._hands_on or self._keeps_availability or self._keeps_threads or self._mixed
        effects = any(each.needs == "effects" for each in self._metrics)
        self.wants_ends = self._hands_on or self._keeps_availability or self._keeps_threads or effects
        self._counts_ends = any(each.needs != "latencies" for each in self._metrics)

    def end(self, outcome: i64, took: i64) -> None:
        """Count it, as far as anything that is asked for needs it."""
        part = self._part
        if self._counts_ends:
            part.outcomes[outcome] += 1
            if took > self._deadline and outcome == SUCCESS:
                part.late += 1
        if self._keeps_latencies:
            if outcome == SUCCESS:
                part.successes.add(took)
            else:
                part.others.add(took)

    def emit(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Count one event, if anything that is asked for needs it."""
        if kind == DONE and not self._hands_on:  # nothing of what is asked for has parts
            self.count += 1
            self._done(self._part, source, rid, a, b)
        elif self._kinds >> kind & 1 or self._hands_on:
            super().emit(t, kind, source, rid, a, b)
        else:
            self.count += 1

    def result(self, seed: int, digest: str, end: int, cut: bool = False) -> RunResult:
        """See :meth:`RunFold.result`."""
        self.count += self.unheard
        self.arrivals += self.unheard
        self._part.arrivals += self.unheard
        self.unheard = 0
        return super().result(seed, digest, end, cut)
