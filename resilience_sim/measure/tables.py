"""Tables that people query: requests, attempts, transitions, faults and one-second samples, as a fold over events. The
exports write them (SQLite, CSV, spans of a trace).

A row comes when nothing more can happen to its subject, and never changes afterwards: a request when its outcome is
known, an attempt when its caller has an answer (or is gone) and B is done with it too, which may be later than the
request. Rows therefore come in order of completion. An attempt whose caller gave up while it was still on the wire is
kept until B receives it, or to the end. What is open at the end comes as ``unanswered``.

Memory is that of the requests and attempts in flight, plus the latencies of one second.

Of several services, an attempt says who made it for whom: ``call`` is the number of its call within the request (0: the
user's), ``by_call`` and ``by_attempt`` the attempt that made this call. ``services`` and ``links`` are samples of one
second, peaks for ``busy`` and ``queue``; a service succeeds or fails as its callers see it. With one service they are
B and the way to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from resilience_sim.kernel.events import (
    ADMITTED,
    ARRIVE,
    BEGIN,
    BREAKER,
    CALL,
    CALL_OVER,
    CANCELLED,
    CRASHED,
    DONE,
    EFFECT,
    EFFECT_NAMES,
    END,
    EXPIRED,
    FALLBACK,
    FAULT_ON,
    LEFT_QUEUE,
    OUTCOME_NAMES,
    QUEUED_AT_B,
    RECEIVED,
    REJECTED,
    RESULT,
    RETRY_DENIED,
    SENT,
    START,
    STARTED,
    STATE_NAMES,
    SUCCESS,
    TIMEOUT,
    TOO_LATE,
    TRIES,
    WHY_NAMES,
    Component,
    Event,
    admission_of,
    attempt_of,
    attempts_of,
    call_of,
    effects_of,
    first_of,
    held_thread,
    new_state,
    old_state,
    outcome_of,
    second_of,
    why_of,
)
from resilience_sim.measure.story import Attempt, attempt_number

Row = tuple[object, ...]

# name -> columns with their SQL types. Times in seconds.
TABLES: Final[dict[str, tuple[str, ...]]] = {
    "requests": (
        "rid INTEGER PRIMARY KEY", "instance INTEGER", "arrived_s REAL", "done_s REAL", "outcome TEXT",
        "late INTEGER", "latency_s REAL", "waited_s REAL", "attempts INTEGER", "retries_denied INTEGER",
        "effects INTEGER",
    ),
    "attempts": (
        "rid INTEGER", "attempt INTEGER", "replica INTEGER", "sent_s REAL", "received_s REAL", "began_s REAL",
        "ended_s REAL", "answered_s REAL", "outcome TEXT", "work_outcome TEXT", "worked_s REAL", "abandoned INTEGER",
        "effect TEXT", "caller TEXT", "service TEXT", "call INTEGER", "by_call INTEGER", "by_attempt INTEGER",
    ),
    "transitions": (
        "t_s REAL", "breaker TEXT", "instance INTEGER", "from_state TEXT", "to_state TEXT", "why TEXT", "x INTEGER",
        "y INTEGER",
    ),
    "faults": ("fault TEXT", "kind_index INTEGER", "from_s REAL", "to_s REAL"),
    "samples": (
        "t_s INTEGER", "arrivals INTEGER", "attempts_at_service INTEGER", "succeeded INTEGER", "failed INTEGER",
        "queue INTEGER", "p99_s REAL",
    ),
    "services": (
        "t_s INTEGER", "service TEXT", "received INTEGER", "succeeded INTEGER", "failed INTEGER", "busy INTEGER",
        "queue INTEGER", "expired INTEGER",
    ),
    "links": (
        "t_s INTEGER", "caller TEXT", "callee TEXT", "calls INTEGER", "attempts INTEGER", "failed INTEGER",
        "rejected INTEGER",
    ),
}  # fmt: skip

# How work ended that never began, in the column of how it ended.
_LEFT_QUEUE: Final[tuple[str, ...]] = ("", "left_queue", "stopped", "replica_lost", "expired")

SECOND: Final = 1_000_000_000
_KEY: Final = 48  # bits for the number of an attempt within its request


class _Request:
    """A request without outcome."""

    __slots__ = ("arrived", "denied", "inner", "instance", "sent", "waited")

    def __init__(self, instance: int, arrived: int) -> None:
        self.inner: list[int] = []  # attempts of calls between services
        self.instance = instance
        self.arrived = arrived
        self.waited = 0
        self.denied = 0
        self.sent = 0


class _Sent(Attempt):
    """An attempt, and who made it: ``by`` is the attempt whose call it belongs to."""

    __slots__ = ("by", "link", "service")

    def __init__(self, number: int, sent: int, service: str, link: int, by: int) -> None:
        super().__init__(number, sent)
        self.service = service
        self.link = link
        self.by = by


class _Service:
    """What one service did in the present second, and what it holds."""

    __slots__ = ("busy", "expired", "failed", "held", "name", "queue", "queued", "received", "succeeded")

    def __init__(self, name: str) -> None:
        self.name = name
        self.held = self.queued = 0
        self.renew()

    def renew(self) -> None:
        self.received = self.succeeded = self.failed = self.expired = 0
        self.busy = self.held
        self.queue = self.queued

    def load(self, held: int, queued: int) -> None:
        self.held += held
        self.queued += queued
        self.busy = max(self.busy, self.held)
        self.queue = max(self.queue, self.queued)


class _Link:
    """What went over one link in the present second."""

    __slots__ = ("callee", "caller", "calls", "failed", "rejected", "sent")

    def __init__(self, name: str) -> None:
        self.caller, _, self.callee = name.partition(">")
        self.renew()

    def renew(self) -> None:
        self.calls = self.sent = self.failed = self.rejected = 0


class TablesFold:
    """Takes events in order, any number at a time; ``drain`` returns the rows completed since the last time."""

    def __init__(self, components: Sequence[Component], deadline_ns: int) -> None:
        self._components = {component.id: component for component in components}
        self._instance = {component.id: component.instance for component in components}
        self._replica = {component.id: component.number for component in components if component.kind == "replica"}
        self._entry = next((component.node for component in components if component.kind == "service"), "B")
        self._services: dict[str, _Service] = {}
        self._links = {"": _Link(f"client>{self._entry}")}
        self._at: dict[int, _Service] = {}  # by service or replica
        self._over: dict[int, _Link] = {}  # by link or layer
        self._inner: set[int] = set()  # what users do not see
        for component in components:
            if component.kind in ("service", "replica"):
                self._at[component.id] = self._services.setdefault(component.node, _Service(component.node))
                if component.node != self._entry:
                    self._inner.add(component.id)
            elif component.link:
                self._over[component.id] = self._links.setdefault(component.link, _Link(component.link))
                self._inner.add(component.id)
        self._calls: dict[int, int] = {}  # by rid << _KEY | number of a call under way: the attempt that made it
        self._deadline = deadline_ns
        self._requests: dict[int, _Request] = {}
        self._attempts: dict[int, _Sent] = {}  # by rid << _KEY | attempt
        self._ripe: list[int] = []  # complete, but more may be said of them at the present instant
        self._now = 0
        self._out: dict[str, list[Row]] = {name: [] for name in TABLES}
        self._queue = 0
        self._new_bin(0)

    def _new_bin(self, second: int) -> None:
        self._second = second
        self._edge = (second + 1) * SECOND
        self._arrivals = self._received = self._succeeded = self._failed = 0
        self._highest = self._queue
        self._latencies: list[int] = []

    def drain(self) -> dict[str, list[Row]]:
        """Rows completed since the last call, by table."""
        out = self._out
        self._out = {name: [] for name in TABLES}
        return out

    def take(self, events: Iterable[Event]) -> None:
        now = self._now
        for t, kind, source, rid, a, b in events:
            if t != now:
                if self._ripe:
                    self._release()
                if t >= self._edge:
                    self._sample()
                    self._new_bin(t // SECOND)
                now = self._now = t
            self._count(kind, source, a, b)
            number = attempt_number(kind, a)
            if number != 0:
                self._attempt_event(t, kind, source, rid, a, b, number)
            elif source in self._inner:
                self._between(t, kind, source, rid, a, b)
            elif kind == ARRIVE:
                self._arrivals += 1
                self._requests[rid] = _Request(self._instance.get(source, -1), t)
            elif kind == DONE:
                self._done(t, rid, a, b)
            elif kind == START:
                request = self._requests.get(rid)
                if request is not None:
                    request.waited = b
            elif kind == RETRY_DENIED:
                request = self._requests.get(rid)
                if request is not None:
                    request.denied += 1
            elif kind == BREAKER:
                self._out["transitions"].append(self._transition(t, source, a, b))
            elif kind == FAULT_ON:
                component = self._components.get(source)
                name = component.name if component else str(source)
                self._out["faults"].append((name, a, t / 1e9, b / 1e9))

    def _attempt_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int, number: int) -> None:
        attempts, request, call = self._attempts, self._requests.get(rid), call_of(number)
        if kind == SENT:
            at = self._at.get(source)
            by = self._calls.get(rid << _KEY | call, 0) if call else 0
            attempts[rid << _KEY | a] = _Sent(a, t, at.name if at is not None else self._entry, b if call else -1, by)
            if request is not None:
                if call:
                    request.inner.append(a)
                else:
                    request.sent += 1
            return
        if not call and kind == RECEIVED:
            self._received += 1
            if b == QUEUED_AT_B:
                self._queue += 1
                self._highest = max(self._highest, self._queue)
        elif not call and kind in (BEGIN, LEFT_QUEUE):
            self._queue -= 1
        key = rid << _KEY | number
        attempt = attempts.get(key)
        if attempt is not None:
            attempt.take(t, kind, source, a, b)
            if kind != EFFECT and _over_at_b(attempt) and (attempt.answered >= 0 or request is None):
                self._ripe.append(key)

    def _between(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """An event of a link between services, or of its layers."""
        if kind == CALL:
            self._calls[rid << _KEY | a] = b
        elif kind == CALL_OVER:
            self._calls.pop(rid << _KEY | attempt_of(a), None)
        elif kind == BREAKER:
            self._out["transitions"].append(self._transition(t, source, a, b))

    def _count(self, kind: int, source: int, a: int, b: int) -> None:
        """For the samples of services and links."""
        at = self._at.get(source)
        if at is not None:
            if kind == SENT:
                (self._over.get(b, self._links[""]) if call_of(a) else self._links[""]).sent += 1
            elif kind == RECEIVED:
                at.received += 1
                if b in (STARTED, QUEUED_AT_B):
                    at.load(int(b == STARTED), int(b == QUEUED_AT_B))
                elif b == TOO_LATE:
                    at.expired += 1
            elif kind == BEGIN:
                at.load(1, -1)
            elif kind == END:
                at.load(-1, 0)
            elif kind == LEFT_QUEUE:
                at.load(0, -1)
                at.expired += b == EXPIRED
            elif kind == RESULT:
                good = outcome_of(a) <= FALLBACK
                at.succeeded += good
                at.failed += not good and outcome_of(a) not in (CANCELLED, CRASHED)
            return
        link = self._over.get(source, self._links[""])
        if kind in (CALL, START) or (kind == ARRIVE and admission_of(a) == ADMITTED):
            link.calls += 1
        elif kind == CALL_OVER or (kind == DONE and held_thread(a)):
            link.failed += outcome_of(a) > FALLBACK
        elif kind == REJECTED:
            link.rejected += 1

    def close(self) -> None:
        """No more events: what is open becomes ``unanswered``, the last second is cut short."""
        self._release()
        for key in sorted(self._attempts):
            self._out["attempts"].append(self._attempt(key, self._attempts[key]))
        for rid in sorted(self._requests):
            r = self._requests[rid]
            head = (rid, r.instance, r.arrived / 1e9, None, "unanswered", 0, None)
            self._out["requests"].append((*head, r.waited / 1e9, r.sent, r.denied, None))
        self._attempts.clear()
        self._requests.clear()
        if self._now or self._arrivals:
            self._sample()

    def _release(self) -> None:
        """The instant is over: what was complete in it stays as it is."""
        out = self._out["attempts"]
        for key in self._ripe:
            attempt = self._attempts.pop(key, None)
            if attempt is not None:
                out.append(self._attempt(key, attempt))
        self._ripe.clear()

    def _done(self, t: int, rid: int, a: int, b: int) -> None:
        outcome = outcome_of(a)
        self._latencies.append(b)
        late = outcome == SUCCESS and 0 < self._deadline < b
        if outcome > FALLBACK:
            self._failed += 1
        elif outcome == SUCCESS and not late:
            self._succeeded += 1
        request = self._requests.pop(rid, None)
        if request is None:
            return
        head = (rid, request.instance, request.arrived / 1e9, t / 1e9, OUTCOME_NAMES[outcome], int(late))
        rest = (b / 1e9, request.waited / 1e9, attempts_of(a), request.denied, effects_of(a))
        self._out["requests"].append(head + rest)
        for number in (*range(1, request.sent + 1), *request.inner):
            attempt = self._attempts.get(rid << _KEY | number)
            if attempt is not None and attempt.answered < 0 and _over_at_b(attempt):
                self._ripe.append(rid << _KEY | number)

    def _attempt(self, key: int, attempt: _Sent) -> Row:
        work = _LEFT_QUEUE[attempt.left] if attempt.left else _name(attempt.work)
        link = self._over.get(attempt.link, self._links[""])
        by = attempt.by
        return (
            key >> _KEY, attempt.number & TRIES,
            self._replica.get(attempt.replica, 0) if attempt.replica >= 0 else None,
            _s(attempt.sent), _s(attempt.received), _s(attempt.began), _s(attempt.ended), _s(attempt.answered),
            _name(attempt.outcome) or "unanswered", work, _s(attempt.worked), int(attempt.abandoned),
            EFFECT_NAMES[attempt.effect] or None, link.caller, attempt.service, call_of(attempt.number),
            call_of(by) if by else None, by & TRIES if by else None,
        )  # fmt: skip

    def _transition(self, t: int, source: int, a: int, b: int) -> Row:
        component = self._components.get(source)
        return (
            t / 1e9, component.name if component else str(source), component.instance if component else -1,
            STATE_NAMES[old_state(a)], STATE_NAMES[new_state(a)], WHY_NAMES[why_of(a)], first_of(b), second_of(b),
        )  # fmt: skip

    def _sample(self) -> None:
        ordered = sorted(self._latencies)
        p99 = ordered[(99 * len(ordered) + 99) // 100 - 1] / 1e9 if ordered else None
        self._out["samples"].append(
            (self._second, self._arrivals, self._received, self._succeeded, self._failed, self._highest, p99)
        )
        for at in self._services.values():
            row = (self._second, at.name, at.received, at.succeeded, at.failed, at.busy, at.queue, at.expired)
            self._out["services"].append(row)
            at.renew()
        for link in self._links.values():
            flow = (link.calls, link.sent, link.failed, link.rejected)
            self._out["links"].append((self._second, link.caller, link.callee, *flow))
            link.renew()


def _s(ns: int) -> float | None:
    """Seconds, or None for an instant that never came."""
    return None if ns < 0 else ns / 1e9


def _name(outcome: int) -> str | None:
    return None if outcome < 0 else OUTCOME_NAMES[outcome]


def _over_at_b(attempt: Attempt) -> bool:
    """Whether B is done with it, or cannot get it any more."""
    if attempt.reception != 0:
        return attempt.ended >= 0 or attempt.reception not in (STARTED, QUEUED_AT_B)
    return attempt.answered >= 0 and attempt.outcome not in (TIMEOUT, CANCELLED, CRASHED)
