"""Help for tests of several services: scenarios from a few lines, every event of a run, and the laws they obey."""

from __future__ import annotations

from collections import Counter
from typing import Any

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.services_fold import figures_of
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.plan import Plan

S = 1_000_000_000
MS = 1_000_000


def plan_of(services: str, rest: str = "", traffic: str = "{rate: 1/s, requests: 1, arrivals: even}") -> Plan:
    """A scenario with these services; each line of ``services`` is one."""
    lines = "\n".join(f"  {line.strip()}" for line in services.strip().splitlines())
    text = f"resim: 1\ntraffic: {traffic}\nservices:\n{lines}\n{rest}\n"
    return load_text(text, "graph.yaml").plan


class Everything(Fold):
    """Keeps all events, by name of who emits them."""

    def __init__(self) -> None:
        self.events: list[tuple[int, int, int, int, int, int]] = []

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        self.events.append((t, kind, source, rid, a, b))


class Ran:
    """A run: its document and its events."""

    def __init__(self, plan: Plan, seed: int = 1) -> None:
        simulation = Simulation(plan, seed)
        figures = figures_of(plan, simulation.components)
        self.everything = Everything()
        simulation.attach(figures)
        simulation.attach(self.everything)
        while simulation.run(budget=100_000):
            pass
        self.plan = plan
        self.components = simulation.components
        self.result = figures.result(seed, simulation.digest(), simulation.now)
        self.document: dict[str, Any] = self.result.document
        self.events = self.everything.events

    def service(self, name: str) -> dict[str, Any]:
        """Its figures."""
        return next(each for each in self.document["services"] if each["name"] == name)

    def link(self, caller: str, callee: str) -> dict[str, Any]:
        """Its figures."""
        return next(each for each in self.document["links"] if (each["from"], each["to"]) == (caller, callee))

    def times(self, kind: int, name: str) -> list[int]:
        """When somebody emitted such events, in ms."""
        return [e[0] // MS for e in self.events if e[1] == kind and self.components[e[2]].name == name]

    def luck(self, name: str) -> Counter[tuple[int, int, int]]:
        """How long each piece of work at a service took, by request: what its luck decides."""
        return Counter((e[3], ev.outcome_of(e[4]), e[5]) for e in self.events
                       if e[1] == ev.END and self.components[e[2]].node == name)  # fmt: skip


def audit(ran: Ran) -> None:
    """Laws of every run, event by event; it must have come to its end by itself."""
    plan = ran.plan
    places = {each.name: each for each in (plan.service, *plan.services)}
    crashes = any(fault.kind in ("crash_replica", "brownout") for fault in plan.faults)
    calls: dict[tuple[int, int], str] = {}
    over: set[tuple[int, int]] = set()
    at: dict[tuple[int, int], str] = {}  # attempts: sent, queued, working, ended, answered, left
    result: set[tuple[int, int]] = set()
    busy: Counter[int] = Counter()
    queue: Counter[int] = Counter()
    made: Counter[tuple[str, str]] = Counter()
    received: Counter[str] = Counter()
    succeeded: Counter[str] = Counter()
    leaving = set()  # losers of a hedge go on by themselves
    for link in plan.links:
        if any(policy.kind == "hedge" and not getattr(policy, "cancels_loser", True) for policy in link.stack):
            leaving.add(link.name)
    now, done = 0, set()
    for t, kind, source, rid, a, b in ran.events:
        assert t >= now
        now = t
        who = ran.components[source]
        if kind == ev.CALL:
            assert (rid, a) not in calls, "two calls have one number"
            calls[rid, a] = who.link
            assert at[rid, b] in ("working", "ended"), "only an execution under way calls"
            made[who.link, "calls"] += 1
        elif kind == ev.CALL_OVER:
            call = (rid, ev.attempt_of(a))
            assert calls[call] == who.link
            assert call not in over, "a call is over once"
            over.add(call)
            made[who.link, ev.OUTCOME_NAMES[ev.outcome_of(a)]] += 1
        elif kind == ev.SENT:
            assert (rid, a) not in at
            at[rid, a] = "sent"
            number = ev.call_of(a)
            if number:
                assert (rid, number) not in over or calls[rid, number] in leaving, (
                    "nobody tries for a call that is over"
                )
                assert calls[rid, number].endswith(f">{who.node}")
                assert ran.components[b].link == calls[rid, number]
            made[calls.get((rid, number), f"client>{plan.service.name}"), "attempts"] += 1
        elif kind == ev.RECEIVED:
            assert at[rid, a] == "sent"
            received[who.node] += 1
            at[rid, a] = {ev.STARTED: "working", ev.QUEUED_AT_B: "queued"}.get(b, "left")
            busy[source] += b == ev.STARTED
            queue[source] += b == ev.QUEUED_AT_B
        elif kind == ev.BEGIN:
            assert at[rid, a] == "queued"
            at[rid, a] = "working"
            busy[source] += 1
            queue[source] -= 1
        elif kind == ev.LEFT_QUEUE:
            assert at[rid, a] == "queued"
            at[rid, a] = "left"
            queue[source] -= 1
        elif kind == ev.END:
            assert at[rid, ev.attempt_of(a)] == "working"
            at[rid, ev.attempt_of(a)] = "ended"
            busy[source] -= 1
        elif kind == ev.ANSWERED:
            attempt = (rid, ev.attempt_of(a))
            assert at[attempt] in ("ended", "left"), at[attempt]
            at[attempt] = "answered"
            succeeded[who.node] += ev.outcome_of(a) <= ev.FALLBACK
        elif kind == ev.RESULT:
            attempt = (rid, ev.attempt_of(a))
            assert attempt in at
            assert attempt not in result, "an attempt is over for its caller once"
            result.add(attempt)
        elif kind == ev.DONE:
            assert rid not in done
            done.add(rid)
        if kind in (ev.RECEIVED, ev.BEGIN) and not crashes and places[who.node].workers:
            assert busy[source] <= places[who.node].workers
            assert places[who.node].queue < 0 or queue[source] <= places[who.node].queue
    hangs = any(f.how == "hang" or f.outcome == ev.LOST for f in plan.faults) or any(
        each.failure == ev.LOST for each in places.values()
    )
    if not hangs:
        assert not +busy, "work ends"
        assert not +queue, "queues empty"
        assert set(calls) == over, "every call is over"
    for each in ran.document["services"]:
        assert each["attempts_received"] == received[each["name"]], each["name"]
        assert each["succeeded"] == succeeded[each["name"]], each["name"]
    for each in ran.document["links"][1:]:
        link = f"{each['from']}>{each['to']}"
        assert each["calls"] == made[link, "calls"]
        assert each["attempts"] == made[link, "attempts"]
        ends = {n: c for n, c in each["by_outcome"].items() if c and n != "unanswered"}
        assert ends == {name: n for (of, name), n in made.items() if of == link and name not in ("calls", "attempts")}
        assert sum(each["by_outcome"].values()) == each["calls"]
    entry = ran.document["links"][0]
    assert entry["attempts"] == ran.document["attempts"]["total"] == made[f"client>{plan.service.name}", "attempts"]
    assert ran.document["service"]["attempts_received"] == received[plan.service.name]
