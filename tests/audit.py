"""A fold that checks, event by event, what must hold in every run whatever the scenario."""

from __future__ import annotations

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import Component
from resilience_sim.kernel.sink import Fold
from resilience_sim.policies.circuit_breaker import TRANSITIONS
from resilience_sim.settings.breaker import BreakerConfig, LikeBreakerConfig, OutlierConfig
from resilience_sim.settings.plan import Plan


class Audit(Fold):
    """Raises AssertionError at the first event that breaks a law; ``close`` checks the books at the end."""

    def __init__(self, plan: Plan, components: tuple[Component, ...]) -> None:
        self.plan = plan
        self.components = components
        self.policy = {c.id: plan.stack[c.number] for c in components if c.kind in POLICY_KINDS}
        self.now = 0
        self.arrived: dict[int, int] = {}
        self.operation: dict[int, int] = {}
        self.held: set[int] = set()
        self.held_at: dict[int, int] = {}
        self.backlog: set[int] = set()
        self.done: dict[int, tuple[int, int]] = {}  # rid -> (outcome, t)
        self.sent: dict[tuple[int, int], int] = {}
        self.received: set[tuple[int, int]] = set()
        self.results: dict[tuple[int, int], int] = {}
        self.working: dict[tuple[int, int], int] = {}
        self.queued: dict[tuple[int, int], int] = {}
        self.ended: dict[tuple[int, int], int] = {}
        self.effects: dict[int, list[int]] = {}
        self.breakers = {c.id: ev.CLOSED for c in components if c.kind == "circuit_breaker"}
        self.down: set[int] = set()
        self.on: set[int] = set()
        self.tried: dict[int, int] = {}

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """Hold one event against the laws."""
        assert t >= self.now, "the clock went back"
        self.now = t
        assert 0 <= source < len(self.components)
        getattr(self, "on_" + ev.KIND_NAMES[kind], self.ignore)(t, source, rid, a, b)

    def ignore(self, *_: int) -> None:
        """No law concerns this kind."""

    def threads(self, source: int) -> int:
        """Threads held at an instance."""
        return self.held_at.get(source, 0)

    def hold(self, rid: int, change: int) -> None:
        """A thread is taken or given back."""
        source = self.arrived[rid]
        self.held_at[source] = self.held_at.get(source, 0) + change
        (self.held.add if change > 0 else self.held.discard)(rid)

    def on_arrive(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Requests are numbered in order of arrival, and threads and backlog keep their limits."""
        client = self.plan.client
        assert rid == len(self.arrived)
        self.arrived[rid] = source
        self.operation[rid] = ev.operation_of(a)
        assert self.operation[rid] < len(self.plan.operation.each)
        a = ev.admission_of(a)
        if a == ev.ADMITTED:
            assert source not in self.down
            self.hold(rid, 1)
            assert not client.threads or self.threads(source) <= client.threads
        elif a == ev.BACKLOGGED:
            assert self.threads(source) == client.threads
            self.backlog.add(rid)
            assert sum(1 for r in self.backlog if self.arrived[r] == source) <= client.backlog

    def on_start(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Only who waits in the backlog can leave it."""
        self.backlog.remove(rid)
        self.hold(rid, 1)
        assert self.threads(source) <= self.plan.client.threads

    def on_done(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """One outcome per request, at the instance it arrived at, telling its own story right."""
        assert rid not in self.done, "two outcomes"
        assert self.arrived[rid] == source
        assert bool(a & 0x100) == (rid in self.held)
        assert (a >> 16) & 0xFFFFFF == self.tried.get(rid, 0)
        applied = [e for e in self.effects.get(rid, []) if e in (ev.APPLIED, ev.DUPLICATE)]
        assert a >> 40 == len(applied)
        assert a & 0xFF not in (ev.UNANSWERED, ev.LOST, ev.CANCELLED)
        if rid in self.held:
            self.hold(rid, -1)
        self.backlog.discard(rid)
        self.done[rid] = (a & 0xFF, t)

    def on_sent(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Attempts of a request are numbered 1, 2, 3 …; a crashed or dying instance sends nothing."""
        self.tried[rid] = self.tried.get(rid, 0) + 1
        assert a == self.tried[rid]
        self.sent[rid, a] = t
        if not any(getattr(p, "cancels_loser", True) is False for p in self.plan.stack):
            assert rid not in self.done, "sent for a request that has its outcome"
            assert self.arrived[rid] not in self.down, "sent by an instance that is down"

    def on_retry_wait(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """What must not be done twice is tried again only if B can know it."""
        assert b >= 0
        if getattr(self.policy[source], "only_idempotent", False):
            assert self.plan.operation.each[self.operation[rid]].repeatable

    def on_received(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """B receives each attempt at most once and keeps its places."""
        key = (rid, a)
        assert key in self.sent
        assert key not in self.received
        self.received.add(key)
        if b == ev.STARTED:
            self._work(key, source)
        elif b == ev.QUEUED_AT_B:
            self.queued[key] = source
            places = self.plan.service.queue
            assert places < 0 or sum(1 for w in self.queued.values() if w == source) <= places

    def _work(self, key: tuple[int, int], source: int) -> None:
        self.working[key] = source
        workers = self.plan.service.workers
        assert not workers or sum(1 for w in self.working.values() if w == source) <= workers

    def on_begin(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Work begins for who waited at this replica."""
        assert self.queued.pop((rid, a)) == source
        self._work((rid, a), source)

    def on_left_queue(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Only who waits can leave the queue."""
        assert self.queued.pop((rid, a)) == source

    def on_end(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Only work that began can end, once."""
        key = (rid, a >> 16)
        assert self.working.pop(key) == source
        assert key not in self.ended
        assert b >= 0
        self.ended[key] = a & 0xFF

    def on_result(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Each attempt has at most one result, after it was sent."""
        key = (rid, a >> 16)
        assert key not in self.results, "two results"
        assert b == t - self.sent[key]
        self.results[key] = a & 0xFF

    def on_effect(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """The ledger: a first effect is applied, a duplicate needs a first; methods and keys are respected."""
        key, effect = (rid, a >> 16), a & 0xFF
        assert self.ended[key] in (ev.SUCCESS, ev.LOST)
        before = self.effects.setdefault(rid, [])
        before.append(effect)
        assert (effect == ev.APPLIED) == (len(before) == 1)
        assert ev.operation_of(a) == self.operation[rid]
        operation, service = self.plan.operation.each[self.operation[rid]], self.plan.service
        assert operation.method != "GET"
        if effect == ev.DUPLICATE:
            assert operation.method == "POST"
            assert not (operation.idempotency_key and service.deduplicate and not service.dedup_ttl)
        if effect == ev.REPEATED:
            assert operation.method in ("PUT", "DELETE")
        if effect == ev.DEDUPLICATED:
            assert operation.idempotency_key
            assert service.deduplicate
        assert b == (1 if rid in self.done and self.done[rid][0] > ev.FALLBACK else 0)

    def on_breaker(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """A breaker moves by its table only."""
        old, new, why = a >> 16, a >> 8 & 0xFF, a & 0xFF
        assert self.breakers[source] == old
        if isinstance(self.policy[source], BreakerConfig):
            assert TRANSITIONS[old, why][0] == new
        else:  # a library's rules: rules/breaker.py
            assert old != new or isinstance(self.policy[source], OutlierConfig)
        self.breakers[source] = new

    def on_probe(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Probes only in HALF-OPEN, never more at a time than allowed."""
        assert self.breakers[source] == ev.HALF_OPEN
        policy = self.policy[source]
        everybody = isinstance(policy, LikeBreakerConfig) and policy.rules.admits == "all"
        assert a >= 1
        assert everybody or a <= policy.probes  # type: ignore[attr-defined]

    def on_rejected(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """A closed breaker rejects nobody."""
        assert b >= 0
        if source in self.breakers:
            assert a == ev.BREAKER_OPEN
            assert self.breakers[source] != ev.CLOSED

    def on_queued(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """A bulkhead's queue keeps its limit."""
        policy = self.policy[source]
        assert a >= 1
        if policy.kind == "bulkhead":
            assert a <= policy.queue  # type: ignore[attr-defined]

    def on_admitted_late(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Counts of the waiting never fall below nothing."""
        assert a >= 0

    def on_fault_on(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """A fault begins once, when the scenario says."""
        fault = self.plan.faults[a]
        assert t == fault.at
        assert a not in self.on
        self.on.add(a)

    def on_fault_off(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """It ends once, when the scenario says."""
        fault = self.plan.faults[a]
        assert t == fault.at + fault.duration
        self.on.remove(a)

    def on_crash(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """An instance that is down cannot crash."""
        assert source not in self.down
        assert b == t + self.plan.client.restart_after
        self.down.add(source)

    def on_restart(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        """Only who is down returns."""
        self.down.remove(source)

    def close(self) -> None:
        """At the end: conserved requests and effects."""
        for rid, made in self.tried.items():
            assert rid in self.arrived
            assert all((rid, n) in self.sent for n in range(1, made + 1))
        booked = {rid for rid, effects in self.effects.items() if effects}
        applied = sum(e.count(ev.APPLIED) + e.count(ev.DUPLICATE) for e in self.effects.values())
        duplicates = sum(e.count(ev.DUPLICATE) for e in self.effects.values())
        assert applied - duplicates == len(booked)
        assert set(self.results) <= set(self.sent)
        assert not self.backlog or self.held


POLICY_KINDS = {
    "retry", "circuit_breaker", "timeout", "bulkhead", "rate_limiter", "hedge", "fallback", "throttle",
}  # fmt: skip
