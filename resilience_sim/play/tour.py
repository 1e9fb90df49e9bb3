"""Guided tours of a scenario: what to watch, a question, the event that answers it.

The tours are data: tours/*.yaml.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.measure.breakers import why_text
from resilience_sim.play.forms import new_policy_id, read_fault, read_policy
from resilience_sim.play.panels.bars import titled
from resilience_sim.play.session import Session
from resilience_sim.play.tape import Event
from resilience_sim.runs.actions import position
from resilience_sim.scenario.write import policy_settings
from resilience_sim.settings.actions import Action, Add, Change, Lift, Remove, Reorder, Reset, Trip
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row, wrap
from resilience_sim.views.words import outcome_name

FOLDER = Path(__file__).with_name("tours")
STATES = {"CLOSED": ev.CLOSED, "OPEN": ev.OPEN, "HALF_OPEN": ev.HALF_OPEN}
EFFECTS = {"applied": ev.APPLIED, "duplicate": ev.DUPLICATE, "deduplicated": ev.DEDUPLICATED}


class TourError(ValueError):
    """A tour file is wrong."""


@dataclass(frozen=True, slots=True)
class Step:
    """``until``: the event or instant that answers ``ask``; empty: there is nothing to wait for."""

    watch: str
    ask: str = ""
    until: Mapping[str, Any] = field(default_factory=dict)
    answer: str = ""
    do: Mapping[str, Any] = field(default_factory=dict)
    speed: float = 0.0
    show: str = ""  # the filter of the stream


@dataclass(frozen=True, slots=True)
class Tour:
    name: str
    title: str
    about: str
    scenario: str
    order: int
    steps: tuple[Step, ...]
    seed: int | None = None
    variant: str = ""


def names() -> list[str]:
    """The names of all tours, in the order of the lessons."""
    return [tour.name for tour in tours()]


def tours() -> list[Tour]:
    """All tours, in the order of the lessons."""
    return sorted((load(path.stem) for path in FOLDER.glob("*.yaml")), key=lambda tour: tour.order)


def load(name: str) -> Tour:
    """A tour by its name. TourError when there is none, or its file is wrong."""
    import yaml

    path = FOLDER / f"{name}.yaml"
    if path not in FOLDER.glob("*.yaml"):
        raise TourError(f"no tour `{name}`")
    data = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        steps = tuple(Step(**step) for step in data.pop("steps"))
        return Tour(name=name, steps=steps, **data)
    except (TypeError, KeyError) as error:
        raise TourError(f"{path.name}: {error}") from error


class Guide:
    """Takes a session through a tour. ``told``: the answer of the present step, once its event has come."""

    def __init__(self, tour: Tour, session: Session) -> None:
        self.tour = tour
        self.session = session
        self.at = 0
        self.told = ""
        self.show = ""
        self.done = False
        session.paused = True

    @property
    def step(self) -> Step:
        return self.tour.steps[self.at]

    @property
    def waiting(self) -> bool:
        """Whether the run is on its way to the event that answers the question."""
        return self.session.wanted is not None and not self.told

    def go_on(self) -> None:
        """From reading to watching, from the answer to the next step."""
        session, step = self.session, self.step
        if self.waiting:
            session.paused = False
            return
        if not self.told and step.until:
            self._begin(step)
            return
        if self.at + 1 >= len(self.tour.steps):
            self.done = True
            session.wanted = None
            session.paused = False
            return
        self.at += 1
        self.told = ""
        self.show = self.step.show
        session.wanted = None
        session.paused = True

    def _begin(self, step: Step) -> None:
        """Do what the step does, and let the run go on until its event."""
        session = self.session
        session.to_live()
        if step.do:
            what = dict(step.do)
            forks = what.pop("fork", False)
            action = action_of(what, session)
            (session.branch if forks else session.act)(action)
        session.found = False
        session.wanted = _Wanted(step.until, session)
        session.speed = step.speed or session.speed
        session.paused = False

    def look(self) -> None:
        """To be called after each frame: has the event come?"""
        session, wanted = self.session, self.session.wanted
        if self.told or not isinstance(wanted, _Wanted):
            return
        if session.found or session.over or wanted.due(session.clock):
            session.paused = True
            self.told = self._tell(wanted)

    def _tell(self, wanted: _Wanted) -> str:
        view = self.session.run.view
        fork = self.session.fork.view if self.session.fork is not None else None
        hit = wanted.hit
        facts = {
            "t": fmt.clock(hit[0] if hit else self.session.clock),
            "request": fmt.request(hit[3]) if hit else "",
            "why": why_text(hit[4], hit[5]) if hit and hit[1] == ev.BREAKER else "",
            "outcome": outcome_name(ev.outcome_of(hit[4])) if hit and hit[1] == ev.DONE else "",
            "available": fmt.share(view.succeeded / view.done if view.done else None),
            "attempts": fmt.count(view.attempts),
            "requests": fmt.count(view.arrived),
            "factor": fmt.factor(view.attempts / view.arrived if view.arrived else None),
            "retries": fmt.count(view.retries),
            "rejected": fmt.count(view.rejected),
            "duplicates": fmt.count(view.duplicates),
            "queue": fmt.count(view.queue),
            "held": fmt.count(max(view.held.values(), default=0)),
            "fork_available": fmt.share(fork.succeeded / fork.done if fork and fork.done else None),
            "fork_factor": fmt.factor(fork.attempts / fork.arrived if fork and fork.arrived else None),
            "fork_duplicates": fmt.count(fork.duplicates if fork else None),
            "took": fmt.duration(hit[5]) if hit and hit[1] == ev.DONE else "",
            "deepest": fmt.count(self._deepest(hit[3])) if hit and "{deepest}" in self.step.answer else "",
            "slow": fmt.count(self._slow()) if "{slow}" in self.step.answer else "",
            "done": fmt.count(view.done),
        }
        text = self.step.answer.format(**facts)
        return text if self.session.found or wanted.due(self.session.clock) else f"The run is over. {text}"

    def _deepest(self, rid: int) -> int:
        """How many attempts one service got for a request: the most."""
        components = self.session.run.source.components
        tape = self.session.run.tape
        seen = tape.of_request(rid, len(tape))
        sent = Counter(components[e[2]].node for e in seen if e[1] == ev.SENT)
        return max(sent.values(), default=0)

    def _slow(self) -> int:
        """How many requests took longer than 200 ms so far."""
        tape = self.session.run.tape
        seen = tape.slice(0, tape.index_after(self.session.clock))
        return sum(e[1] == ev.DONE and e[5] > 200_000_000 for e in seen)

    def rows(self, look: Look, width: int, height: int) -> list[Row]:
        """Its panel, at most ``height`` rows: an answer is never cut to make room for its question."""
        tour, step = self.tour, self.step
        rows = [titled(f"tour: {tour.title}", look, width, f"step {self.at + 1} of {len(tour.steps)}", True)]
        key = Row(" enter", "key")
        if self.done:
            over = Row(" The tour is over; the run is yours. ", "good!").add("?", "key")
            return [*rows, *wrap(over.add(" shows every key.", "faint"), width)]
        last = self.at + 1 == len(tour.steps)
        body: list[Row] = []
        if not self.told:
            body += wrap(Row(" ", hang=1).add(step.watch), width - 1)
            if step.ask:
                body += wrap(Row(" ", hang=1).add(step.ask, "odd!"), width - 1)
        else:
            if step.ask:
                body += wrap(Row(" ", hang=1).add(step.ask, "odd"), width - 1)[:1]
            body += wrap(Row(" ", hang=1).add(step.answer and self.told, "good!"), width - 1)
        if self.waiting:
            key.add(" resumes after a pause; the run stops with the event that answers", "faint")
        elif step.until and not self.told:
            key.add(" runs until the answer shows", "faint")
        else:
            key.add(" ends the tour" if last else " next step", "faint")
        body = body[: max(0, height - 2)]
        body += [Row() for _ in range(height - 2 - len(body))]
        return [*rows, *body, key]


class _Wanted:
    """Whether an event is the one that a step waits for."""

    def __init__(self, until: Mapping[str, Any], session: Session) -> None:
        self._until = dict(until)
        self._left = int(self._until.pop("times", 1))
        self._at = -1
        self.hit: Event | None = None
        for name, seconds in (("at", 0), ("after", session.clock)):
            if name in self._until:
                from resilience_sim.settings.units import duration

                self._at = duration(self._until.pop(name)) + seconds
        self._tests: list[Callable[[Event], bool]] = [
            _test(name, value, session) for name, value in self._until.items()
        ]

    def __call__(self, event: Event) -> bool:
        if not self._tests or self.hit is not None or not all(test(event) for test in self._tests):
            return False
        self._left -= 1
        if self._left:
            return False
        self.hit = event
        return True

    def due(self, clock: int) -> bool:
        """Whether the instant that is waited for has come."""
        return 0 <= self._at <= clock


def _test(name: str, value: Any, session: Session) -> Callable[[Event], bool]:
    """One condition on an event, by its name in tour files."""
    codes = {text: code for code, text in reversed(list(enumerate(ev.OUTCOME_NAMES)))}
    if name == "breaker":
        return lambda e: e[1] == ev.BREAKER and ev.new_state(e[4]) == STATES[value]
    if name == "outcome":
        if value == "failure":
            return lambda e: e[1] == ev.DONE and ev.outcome_of(e[4]) > ev.FALLBACK
        return lambda e: e[1] == ev.DONE and ev.outcome_of(e[4]) == codes[value]
    if name == "attempt":
        return lambda e: e[1] == ev.RESULT and ev.outcome_of(e[4]) == codes[value]
    if name == "rejected":
        return lambda e: e[1] == ev.REJECTED and e[4] == codes[value]
    if name == "effect":
        return lambda e: e[1] == ev.EFFECT and ev.effect_of(e[4]) == EFFECTS[value]
    if name == "tries":
        return lambda e: e[1] == ev.DONE and ev.attempts_of(e[4]) >= value
    if name == "fault":
        return lambda e: e[1] == (ev.FAULT_ON if value == "on" else ev.FAULT_OFF)
    kinds = {
        "retry": ev.RETRY_WAIT, "probe": ev.PROBE, "crash": ev.CRASH, "restart": ev.RESTART, "backlogged": ev.ARRIVE,
        "timed_out": ev.TIMED_OUT, "late": ev.LATE_RESULT, "queued": ev.RECEIVED, "arrival": ev.ARRIVE,
    }  # fmt: skip
    if name not in kinds:
        raise TourError(f"no event `{name}` can be waited for")
    kind, wanted = kinds[name], {"backlogged": ev.BACKLOGGED}.get(name)
    if name == "queued":  # anywhere, or at the service of that name
        components = session.run.source.components
        return lambda e: e[1] == kind and e[5] == ev.QUEUED_AT_B and value in (True, components[e[2]].node)
    return lambda e: e[1] == kind and (wanted is None or ev.admission_of(e[4]) == wanted)


def action_of(what: Mapping[str, Any], session: Session) -> Action:
    """What a step does, as an action now; written as in scenario files."""
    t, plan = session.instant(), session.run.plan
    ((verb, value),) = what.items()
    if verb == "inject":
        ((kind, settings),) = value.items()
        return read_fault(kind, {key: _yaml(each) for key, each in settings.items()}, session.run.plan_now, t)
    if verb == "lift":
        return Lift(t, value)
    if verb in ("trip", "reset"):
        return (Trip if verb == "trip" else Reset)(t, value)
    if verb == "remove":
        return Remove(t, value)
    if verb == "order":
        return Reorder(t, tuple(value))
    ((name, settings),) = value.items()
    given = {key: _yaml(each) for key, each in settings.items() if key not in ("position", "link")}
    if verb == "add":  # to Service A's stack, or to that of a ``link``
        id = new_policy_id(name, plan, settings.get("link", ""))
        return Add(t, read_policy(name, given, id), int(settings.get("position", 0)))
    if verb == "change":
        policy = plan.stack_of(plan.place_of(name))[position(plan, name)]
        return Change(t, read_policy(policy.kind, {**policy_settings(policy), **given}, policy.id))
    raise TourError(f"a tour cannot `{verb}`")


def _yaml(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
