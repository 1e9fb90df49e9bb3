"""A second simulator of several services, written from the contract alone: plain closures over a heap of instants.

It shares with resim the numbers that are drawn (luck by seed, purpose, call and try) and nothing else. What it knows:
services with workers, queues, disciplines and replicas, both ways of waiting, calls in turn and together with ``need``,
``times``, ``chance``, ``optional`` and ``fails_as``, deadlines, cancelled work, effects and keys, faults of services
and links, and of the policies retry, timeout, circuit breaker, bulkhead, rate limiter, hedge and fallback.

A scenario is a dictionary like the one that is written as YAML for resim, durations in µs.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from math import log
from typing import Any

from resilience_sim.kernel.compiled import M64
from resilience_sim.kernel.rng import ARRIVAL, FAILURE, SERVICE, KeyedRng, purpose_of
from resilience_sim.kernel.sink import K0, K1, K2, mix64

US = 1000
NEVER = 1 << 62
POSITIVE = (1 << 61) - 1
RETRIED = {"error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed"}
GOOD = {"success", "fallback"}
Done = Callable[[str], None]


GiveUp = Callable[[str, bool], None]  # nobody waits any more, and why; True: what is at work for it stops, too


def nothing(why: str, stop: bool) -> None:
    """To give up what is over already."""


class Inside:
    """What a policy knows of the call it has let in."""

    over = False
    give_up: GiveUp = staticmethod(nothing)


@dataclass(frozen=True)
class Told:
    """What an attempt knows of who waits for it: the deadline it is told, and the races it is in."""

    deadline: int = NEVER
    races: tuple[Inside, ...] = ()


class Model:
    """One run. ``seen``: how often each thing happened, with its instant."""

    def __init__(self, scenario: dict[str, Any], seed: int) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, list[Callable[[], None]]]] = []
        self._order = count()
        self.unit = KeyedRng(seed).uniform
        self.seen: Counter[tuple[Any, ...]] = Counter()
        self.failed: set[int] = set()
        self.applied: dict[tuple[int, int], int] = {}  # effects by user's request and path
        self.remembered: set[tuple[str, int, int]] = set()
        self.effects: Counter[tuple[str, str]] = Counter()
        self.orphans: Counter[str] = Counter()
        self.booked: dict[int, list[str]] = {}
        self.faults = scenario["faults"]
        self.services: dict[str, Service] = {}
        for name in reversed(list(scenario["services"])):
            self.services[name] = Service(self, name, scenario["services"][name])
        entry = next(iter(scenario["services"]))
        self._operation = scenario.get("operation")
        self._link = Link(self, "client", {"to": entry, "stack": scenario["stack"]}, 1)
        area = 0.0
        for rid in range(scenario["requests"]):
            area += -log(1.0 - self.unit(ARRIVAL, rid, 0))
            self.at(int(area / (scenario["rate"] * 1e-9) + 0.5), partial(self._arrive, rid))

    def _arrive(self, rid: int) -> None:
        call = Call(self, rid, rid, 0, self._operation)

        def done(outcome: str) -> None:
            self.note("user", "", rid, outcome)
            if outcome not in GOOD:
                self.failed.add(rid)
                for service in self.booked.get(rid, ()):
                    self.orphans[service] += 1

        self._link.stacks[0](call, Told(), done)

    def run(self) -> None:
        """To the end."""
        while self._heap:
            self.now, _, timer = heapq.heappop(self._heap)
            for act in timer:
                act()

    def at(self, t: int, act: Callable[[], None]) -> Callable[[], None]:
        """Do it then, unless what is returned is called before."""
        timer = [act]
        heapq.heappush(self._heap, (t, next(self._order), timer))
        return timer.clear

    def note(self, what: str, where: str, rid: int, how: str = "") -> None:
        """Something happens now."""
        self.seen[self.now, what, where, rid, how] += 1

    def fault(self, kind: str, where: Any) -> dict[str, Any] | None:
        """The active fault of this kind there."""
        for each in self.faults:
            if each["kind"] == kind and each["where"] == where and each["at"] <= self.now < each["at"] + each["for"]:
                return each  # type: ignore[no-any-return]
        return None

    def effect(self, service: str, remembers: bool, call: Call) -> None:
        """Somebody's work has ended well."""
        operation = call.operation
        if operation is None or operation["method"] == "GET":
            return
        account = (call.rid, call.path)
        if remembers and operation.get("key"):
            if (service, *account) in self.remembered:
                self.effects[service, "deduplicated"] += 1
                return
            self.remembered.add((service, *account))
        before = self.applied.get(account, 0)
        if before and operation["method"] != "POST":
            return  # changes nothing
        self.applied[account] = before + 1
        self.effects[service, "applied"] += 1
        if before:
            self.effects[service, "duplicates"] += 1
        if call.rid in self.failed:
            self.orphans[service] += 1
        else:
            self.booked.setdefault(call.rid, []).append(service)


class Call:
    """What a user, or a service for one, asks for."""

    def __init__(self, model: Model, rid: int, luck: int, path: int, operation: dict[str, Any] | None) -> None:
        self.rid, self.luck, self.path, self.operation = rid, luck, path, operation
        self.tries = 0
        self.model = model

    def below(self, link: str, attempt: int, nth: int, operation: dict[str, Any] | None) -> Call:
        """One that an attempt of it makes."""
        step = (purpose_of(link) & POSITIVE) + nth * K2
        luck = mix64((self.luck * K0 + attempt * K1 + step) & M64) & POSITIVE
        path = mix64((self.path * K0 + step) & M64) & POSITIVE
        return Call(self.model, self.rid, luck, path, operation)


Enter = Callable[[Call, Told, Done], GiveUp]  # a call, what it is told, and who hears of the outcome


class Link:
    """The way from a caller to a service: a stack for each calling replica."""

    def __init__(self, model: Model, caller: str, config: dict[str, Any], replicas: int) -> None:
        self.caller, self.config = caller, config
        self.name = f"{caller}>{config['to']}"
        self.chance_key = purpose_of(self.name + "?")
        callee = model.services[config["to"]]
        self.stacks = [
            self._stack(model, lambda call, told, done: callee.attempt(self, call, told, done)) for _ in range(replicas)
        ]

    def _stack(self, model: Model, inside: Enter) -> Enter:
        for policy in reversed(self.config.get("stack", [])):
            ((kind, settings),) = policy.items()
            inside = POLICIES[kind](model, settings, inside)
        return inside


class Replica:
    """Workers and a queue."""

    def __init__(self, number: int, workers: int) -> None:
        self.number, self.free = number, workers
        self.queue: list[Attempt] = []


class Service:
    """Answers attempts, and calls others for them."""

    def __init__(self, model: Model, name: str, config: dict[str, Any]) -> None:
        self.model, self.name, self.config = model, name, config
        replicas = config.get("replicas", 1)
        self.replicas = [Replica(i, config.get("workers", 1 << 60)) for i in range(replicas)]
        self.dealt = 0
        self.groups: list[tuple[list[Link], int]] = []
        for step in config.get("calls", []):
            calls = step.get("together", [step])
            need = {"all": len(calls), "any": 1}.get(step.get("need", "all"), step.get("need"))
            self.groups.append(([Link(model, name, each, replicas) for each in calls], need))

    def attempt(self, link: Link, call: Call, told: Told, done: Done) -> GiveUp:
        """One leaves a stack."""
        return Attempt(self, link, call, told, done).send()

    def start_next(self, replica: Replica) -> None:
        """A worker may be free."""
        late = []
        while replica.free and replica.queue:
            lifo = self.config.get("discipline") == "lifo"
            attempt = replica.queue.pop(-1 if lifo else 0)
            if self.config.get("discipline") == "drop_abandoned" and attempt.in_vain():
                attempt.state = "gone"
            elif self.model.now >= attempt.told.deadline:
                attempt.state = "gone"
                late.append(attempt)
            else:
                attempt.start()
        for attempt in late:
            attempt.expire()


class Attempt:
    """One attempt at a service. ``state``: way, queue, work, calls, gone."""

    def __init__(self, service: Service, link: Link, call: Call, told: Told, done: Done) -> None:
        call.tries += 1
        self.service, self.link, self.call, self.number, self.done = service, link, call, call.tries, done
        self.model, self.config, self.told = service.model, service.config, told
        self.frees = bool(service.groups) and service.config.get("waits") == "free"
        self.state = "way"
        self.abandoned = self.heard = self.fails = False
        self.began = 0
        self.replica = service.replicas[0]
        self.group: Group | None = None
        self.timer: Callable[[], None] = lambda: None

    def send(self) -> GiveUp:
        """On its way."""
        model, way = self.model, (self.link.caller, self.service.name)
        model.note("sent", self.link.name, self.call.rid)
        wire = self.config.get("network", 0) * US
        if fault := model.fault("outage", way):
            if fault["how"] != "hang":  # which never gets anywhere
                self._hear(fault["how"] + "d" if fault["how"] == "refuse" else fault["how"])
            return self.give_up
        if fault := model.fault("latency", way):
            wire += fault["add"] * US
        if wire:
            self.timer = model.at(model.now + wire, self._arrive)
        else:
            self._arrive()
        return self.give_up

    def _arrive(self) -> None:
        service, model = self.service, self.model
        self.replica = service.replicas[service.dealt % len(service.replicas)]
        service.dealt += 1
        fault = model.fault("outage", service.name)
        if fault and fault["how"] == "refuse":
            self._respond("refused")
            return
        model.note("received", service.name, self.call.rid)
        if fault and fault["how"] == "hang":
            self.state = "gone"
        elif model.now >= self.told.deadline:
            self.expire()
        elif self.replica.free:
            self.start()
        elif len(self.replica.queue) < self.config.get("queue", NEVER):
            self.state = "queue"
            self.replica.queue.append(self)
        else:
            self._respond("shed")

    def expire(self) -> None:
        """It came, or comes to its turn, too late."""
        self.model.note("expired", self.service.name, self.call.rid)
        self._answer("timeout")

    def start(self) -> None:
        """A worker begins."""
        model, name, config = self.model, self.service.name, self.config
        self.state = "work"
        self.replica.free -= 1
        self.began = model.now
        time = int(0.5 - log(1.0 - model.unit(SERVICE, self.call.luck, self.number)) * config["latency"] * US)
        if fault := model.fault("brownout", name):
            time = int(time * fault["slower"] + 0.5)
        if fault := model.fault("latency", name):
            time += fault["add"] * US
        rate = config.get("failure_rate", 0.0)
        self.fails = rate > 0 and model.unit(FAILURE, self.call.luck, self.number) < rate
        self.timer = model.at(model.now + time, self._own_work_done)

    def _own_work_done(self) -> None:
        failure = self.config.get("failure", "error")
        if self.service.groups and (not self.fails or failure == "lost_response"):
            if self.frees:
                self._leave_worker()
                self.service.start_next(self.replica)
            self.state = "calls"
            self.next_group(0)
        else:
            self.finish("success" if not self.fails or failure == "lost_response" else failure)

    def next_group(self, step: int) -> None:
        """Calls that are made at the same time; after the last ones it is done."""
        if step == len(self.service.groups):
            self.finish("success")
        else:
            self.group = Group(self, step)
            self.group.go_on()

    def finish(self, outcome: str) -> None:
        """All is done, or has failed."""
        held = self.state == "work" or not self.frees
        self.state = "gone"
        if held:
            self._leave_worker()
        if outcome == "success":
            self.model.effect(self.service.name, self.config.get("deduplicate", False), self.call)
        lost = self.fails and self.config.get("failure") == "lost_response"
        self.model.note(
            "answered", self.service.name, self.call.rid, "error" if lost and outcome != "success" else outcome
        )
        if held:
            self.service.start_next(self.replica)
        if not lost:
            self._respond(outcome)

    def _leave_worker(self) -> None:
        self.replica.free += 1
        self.model.note("end", self.service.name, self.call.rid, "in vain" if self.in_vain() else "")

    def in_vain(self) -> bool:
        """Nobody waits for it: its caller gave up, or is served already."""
        return self.abandoned or any(race.over for race in self.told.races)

    def _answer(self, outcome: str) -> None:
        self.model.note("answered", self.service.name, self.call.rid, outcome)
        self._respond(outcome)

    def _respond(self, outcome: str) -> None:
        self.state = "gone"
        wire = self.config.get("network", 0) * US
        if wire and not self.abandoned:
            self.timer = self.model.at(self.model.now + wire, lambda: self._hear(outcome))
        else:
            self._hear(outcome)

    def _hear(self, outcome: str) -> None:
        if not self.abandoned and not self.heard:
            self.heard = True
            self.done(outcome)

    def give_up(self, why: str, stop: bool) -> None:
        """Its caller does not wait any more."""
        if self.heard or self.abandoned:
            return
        self.abandoned = True
        if not stop:
            return
        self.timer()
        state, self.state = self.state, "gone"
        if state == "queue":
            self.replica.queue.remove(self)
        if state == "calls" and self.group is not None:
            self.group.stop(why, True)
        if state == "work" or (state == "calls" and not self.frees):
            self._leave_worker()
            self.service.start_next(self.replica)


class Group:
    """Calls made at the same time by an attempt."""

    def __init__(self, attempt: Attempt, step: int) -> None:
        self.attempt, self.step, self.model = attempt, step, attempt.model
        self.links, self.need = attempt.service.groups[step]
        self.to_make = [(index, 1) for index in range(len(self.links))]
        self.running: list[GiveUp] = []
        self.good = self.bad = 0
        self.fails_as = "error"
        self.over = self.making = False

    def go_on(self) -> None:
        """Make what is to be made, until it is decided."""
        if self.making or self.over:
            return
        self.making = True
        while self.to_make and not self._decided():
            self._make(*self.to_make.pop(0))
        self.making = False
        if self._decided():
            self.stop("timeout", False)
            if self.good >= self.need:
                self.attempt.next_group(self.step + 1)
            else:
                self.attempt.finish(self.fails_as)

    def _decided(self) -> bool:
        return self.over or self.good >= self.need or len(self.links) - self.bad < self.need

    def stop(self, why: str, stop: bool) -> None:
        """Give up what is under way."""
        self.over = True
        for give_up in reversed(self.running[:]):
            give_up(why, stop)

    def _make(self, index: int, nth: int) -> None:
        link, attempt, model = self.links[index], self.attempt, self.model
        if nth == 1 and model.unit(link.chance_key, attempt.call.rid, 0) >= link.config.get("chance", 1.0):
            self.good += 1
            return
        if model.now >= attempt.told.deadline:
            self._ended(index, nth, "timeout")
            return
        call = attempt.call.below(link.name, attempt.number, nth, link.config.get("operation"))
        model.note("call", link.name, call.rid)
        inside = Inside()

        def over(outcome: str) -> None:
            inside.over = True
            timer()
            self.running.remove(give_up)
            model.note("over", link.name, call.rid, outcome)

        def done(outcome: str) -> None:
            if not inside.over:
                over(outcome)
                self._ended(index, nth, outcome)

        def give_up(why: str, stop: bool) -> None:
            if not inside.over:
                over(why)
                inside.give_up(why, stop)

        def too_late() -> None:
            give_up("timeout", False)
            self._ended(index, nth, "timeout")

        self.running.append(give_up)
        timer: Callable[[], None] = lambda: None  # noqa: E731
        if attempt.told.deadline < NEVER:
            timer = model.at(attempt.told.deadline, too_late)
        inside.give_up = link.stacks[attempt.replica.number](call, Told(attempt.told.deadline), done)

    def _ended(self, index: int, nth: int, outcome: str) -> None:
        config = self.links[index].config
        if outcome not in GOOD and not config.get("optional"):
            self.bad += 1
            self.fails_as = config.get("fails_as", "error")
        elif nth < config.get("times", 1):
            self.to_make.append((index, nth + 1))
        else:
            self.good += 1
        self.go_on()


def retry(model: Model, settings: dict[str, Any], inside: Enter) -> Enter:
    """Up to ``attempts`` tries."""
    delay, factor = settings.get("delay", 0) * US, 2 if settings.get("backoff") == "exponential" else 1

    def enter(call: Call, told: Told, done: Done) -> GiveUp:
        state = {"inside": Inside(), "timer": lambda: None}

        def attempt(n: int) -> None:
            mine = state["inside"] = Inside()
            mine.give_up = inside(call, told, lambda outcome: result(n, outcome))

        def result(n: int, outcome: str) -> None:
            if outcome in RETRIED and n < settings["attempts"]:
                state["inside"] = Inside()
                wait = delay * factor ** (n - 1)
                if wait:
                    state["timer"] = model.at(model.now + wait, lambda: attempt(n + 1))
                else:
                    attempt(n + 1)
            else:
                done(outcome)

        def give_up(why: str, stop: bool) -> None:
            state["timer"]()
            state["inside"].give_up(why, stop)

        attempt(1)
        return give_up

    return enter


def timeout(model: Model, settings: dict[str, Any], inside: Enter) -> Enter:
    """Waits ``after`` at most."""

    def enter(call: Call, told: Told, done: Done) -> GiveUp:
        mine = Inside()
        until = model.now + settings["after"] * US

        def fire() -> None:
            mine.over = True
            mine.give_up("timeout", settings.get("cancels_work", False))
            done("timeout")

        def result(outcome: str) -> None:
            if not mine.over:
                mine.over = True
                timer()
                done(outcome)

        def give_up(why: str, stop: bool) -> None:
            mine.over = True
            timer()
            mine.give_up(why, stop)

        timer = model.at(until, fire)
        more = replace(told, deadline=min(told.deadline, until)) if settings.get("passes_on") else told
        mine.give_up = inside(call, more, result)
        return give_up

    return enter


def circuit_breaker(model: Model, settings: dict[str, Any], inside: Enter) -> Enter:
    """So many failures in a row open it; one probe at a time."""
    state = {"is": "closed", "failures": 0, "since": 0, "probing": False, "generation": 0}

    def become(what: str) -> None:
        state.update({"is": what, "failures": 0, "since": model.now, "probing": False})
        state["generation"] += 1  # type: ignore[operator]

    def enter(call: Call, told: Told, done: Done) -> GiveUp:
        if state["is"] == "open" and model.now - state["since"] > settings["recovery_time"] * US:  # type: ignore[operator]
            become("half-open")
        if state["is"] == "open" or state["probing"]:
            model.note("rejected", "", call.rid)
            done("breaker_open")
            return nothing
        generation = state["generation"]
        state["probing"] = state["is"] == "half-open"

        def result(outcome: str) -> None:
            if generation == state["generation"]:
                if state["is"] == "half-open":
                    become("closed" if outcome in GOOD else "open")
                elif outcome in GOOD:
                    state["failures"] = 0
                else:
                    state["failures"] += 1  # type: ignore[operator]
                    if state["failures"] == settings["failure_threshold"]:
                        become("open")
            done(outcome)

        mine = inside(call, told, result)

        def give_up(why: str, stop: bool) -> None:
            if generation == state["generation"]:
                state["probing"] = False
            mine(why, stop)

        return give_up

    return enter


def bulkhead(model: Model, settings: dict[str, Any], inside: Enter) -> Enter:
    """So many at a time, and so many that wait."""
    waiting: list[Callable[[], None]] = []
    state = {"in": 0}

    def leave() -> None:
        state["in"] -= 1
        if waiting:
            waiting.pop(0)()

    def enter(call: Call, told: Told, done: Done) -> GiveUp:
        mine = Inside()
        where = {"waits": False}

        def result(outcome: str) -> None:
            leave()
            done(outcome)

        def go_in() -> None:
            where["waits"] = False
            state["in"] += 1
            mine.give_up = inside(call, told, result)

        def give_up(why: str, stop: bool) -> None:
            if where["waits"]:
                waiting.remove(go_in)
            else:
                mine.give_up(why, stop)
                leave()

        if state["in"] < settings["max_concurrent"]:
            go_in()
        elif len(waiting) < settings.get("queue", 0):
            where["waits"] = True
            waiting.append(go_in)
        else:
            model.note("rejected", "", call.rid)
            done("bulkhead_full")
            return nothing
        return give_up

    return enter


def hedge(model: Model, settings: dict[str, Any], inside: Enter) -> Enter:
    """A second attempt after a while; the first success counts."""

    def enter(call: Call, told: Told, done: Done) -> GiveUp:
        racing: list[Inside] = []
        race = Inside()
        more = replace(told, races=(*told.races, race))
        state = {"extra": settings.get("max_extra", 1)}

        def start() -> None:
            mine = Inside()
            racing.append(mine)
            schedule()
            mine.give_up = inside(call, more, lambda outcome: result(mine, outcome))

        def schedule() -> None:
            state["timer"] = (
                (lambda: None) if not state["extra"] else model.at(model.now + settings["delay"] * US, extra)
            )

        def extra() -> None:
            state["extra"] -= 1
            start()

        def result(mine: Inside, outcome: str) -> None:
            if race.over:
                return
            racing.remove(mine)
            if outcome in GOOD or not racing:
                race.over = True
                state["timer"]()
                if settings.get("cancels_loser", True):
                    for loser in reversed(racing):
                        loser.give_up("cancelled", True)
                done(outcome)

        def give_up(why: str, stop: bool) -> None:
            race.over = True
            state["timer"]()
            for each in reversed(racing):  # the one that waits must not begin in the place of the other
                each.give_up(why, stop)

        start()
        return give_up

    return enter


def fallback(model: Model, settings: dict[str, Any], inside: Enter) -> Enter:
    """Serves in place of a failure."""

    def enter(call: Call, told: Told, done: Done) -> GiveUp:
        state: dict[str, Callable[[], None]] = {"timer": lambda: None}
        mine = Inside()

        def result(outcome: str) -> None:
            if outcome in GOOD:
                done(outcome)
            elif settings.get("latency"):
                mine.give_up = nothing
                state["timer"] = model.at(model.now + settings["latency"] * US, lambda: done("fallback"))
            else:
                done("fallback")

        def give_up(why: str, stop: bool) -> None:
            state["timer"]()
            mine.give_up(why, stop)

        found = inside(call, told, result)
        mine.give_up = found
        return give_up

    return enter


POLICIES: dict[str, Callable[[Model, dict[str, Any], Enter], Enter]] = {
    "retry": retry, "timeout": timeout, "circuit_breaker": circuit_breaker, "bulkhead": bulkhead, "hedge": hedge,
    "fallback": fallback,
}  # fmt: skip
