"""One run in the cockpit: simulated up to its head, shown at any position of its tape.

The fold at the head sees every event once, and its state is saved every few thousand events (keyframes). To show an
earlier position, the keyframe before it is restored and fed the events in between.
"""

from __future__ import annotations

import pickle
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sim import FOREVER
from resilience_sim.play.layer_state import EMPTY, SLICE, LayerState
from resilience_sim.play.tape import FAULT, Event, Tape
from resilience_sim.runs.actions import ActionError, plan_with
from resilience_sim.runs.simulation import Simulation, Source
from resilience_sim.settings.actions import Action
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.state import LiveFold, StateTimeline

if TYPE_CHECKING:
    from resilience_sim.measure.result import RunResult
    from resilience_sim.views.moments import MomentsFold

SPACING = 4096  # events between two keyframes, at first
MOST_FRAMES = 512  # then every other one is dropped

_FIXED = frozenset(
    {"plan", "seed", "name", "components", "many", "capacity", "workers", "sample", "stream", "graph", "memo"}
)
_COUNTED = frozenset(range(ev.RETRY_WAIT, ev.FELL_BACK + 1)) - {ev.BREAKER}
NEVER = 1 << 60
MOST_WAITS = 10_000  # then those that are over are forgotten

GoOn = Callable[[], bool]


def always() -> bool:
    """Never stop early."""
    return True


class PlayFold(LiveFold):
    """The live view's fold, and what layers and replicas are doing. Its state can be saved and restored."""

    __slots__ = ("backlog", "by_layer", "by_replica", "deciders", "waits")

    def __init__(self, plan: Plan, seed: int, components: Sequence[ev.Component], name: str = "") -> None:
        super().__init__(plan, seed, components, name)
        self.sample = NEVER  # the request stream is read from the tape
        self.by_layer: Counter[tuple[int, int]] = Counter()  # (layer, kind of event): how often
        self.by_replica: dict[int, list[int]] = {c.id: [0, 0] for c in components if c.kind == "replica"}  # busy, queue
        # by request (of several services by request and retry layer): the layer it waits in, and until when
        self.waits: dict[int | tuple[int, int], tuple[int, int]] = {}
        self.backlog: Counter[int] = Counter()  # by client instance
        self.deciders: dict[int, tuple[int, int]] = {}  # layer -> instant and outcome of its last rejection

    def update_plan(self, plan: Plan, components: Sequence[ev.Component]) -> None:
        """An action changed faults, policies or components."""
        self.plan = plan
        self.components = {component.id: component for component in components}
        if self.graph is not None:
            self.graph.update(plan)
            self.graph.learn(components)
        for component in components:
            if component.kind == "circuit_breaker" and component.id not in self.breakers:
                self.breakers[component.id] = StateTimeline(self.speaker(component))

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        super().on_event(t, kind, source, rid, a, b)
        if kind in _COUNTED:
            self.by_layer[source, kind] += 1
            if kind == ev.RETRY_WAIT:
                self.waits[rid if self.graph is None else (rid, source)] = (source, t + b)
                if len(self.waits) > MOST_WAITS:
                    self.waits = {who: wait for who, wait in self.waits.items() if wait[1] > t}
            elif kind == ev.REJECTED:
                self.deciders[source] = (t, a)
                self.waits.pop(rid, None)
        elif kind == ev.RECEIVED:
            if b in (ev.STARTED, ev.QUEUED_AT_B):
                self.by_replica[source][b - ev.STARTED] += 1
        elif kind == ev.BEGIN:
            held = self.by_replica[source]
            held[0] += 1
            held[1] -= 1
        elif kind == ev.END:
            self.by_replica[source][0] -= 1
        elif kind == ev.LEFT_QUEUE:
            self.by_replica[source][1] -= 1
        elif kind in (ev.SENT, ev.DONE):
            if self.waits:
                self.waits.pop(rid, None)
        elif kind == ev.ARRIVE:
            if ev.admission_of(a) == ev.BACKLOGGED:
                self.backlog[source] += 1
        elif kind == ev.START:
            self.backlog[source] -= 1
        elif kind == ev.CRASH:
            self.backlog[source] = 0

    def waiting_in(self, layer: int) -> int:
        """How many calls wait in a retry layer for their next attempt."""
        return sum(1 for source, until in self.waits.values() if source == layer and until > self.clock)

    def freeze(self) -> bytes:
        """Everything that changes from event to event."""
        return pickle.dumps([(name, getattr(self, name)) for name in _changing()], pickle.HIGHEST_PROTOCOL)

    def thaw(self, frozen: bytes) -> None:
        """Restore a state saved by :meth:`freeze`."""
        known = self.breakers
        for name, value in pickle.loads(frozen):
            setattr(self, name, value)
        for source, lane in known.items():  # breakers added since
            if source not in self.breakers:
                self.breakers[source] = StateTimeline(lane.name)


def _changing() -> list[str]:
    return [name for name in (*LiveFold.__slots__, *PlayFold.__slots__) if name not in _FIXED]


class Run:
    """A source and its tape. ``position``: how many events are shown; the run is *live* when that is all of them."""

    def __init__(self, source: Source, name: str = "") -> None:
        self.source = source
        inner = getattr(source, "source", source)  # a Recorded wraps it; naming that class would import SQLite
        self.simulation = inner if isinstance(inner, Simulation) else None
        self.name = name or source.plan.name
        self.tape = Tape()
        source.attach(self.tape)
        self.head = self._fold()
        self.view = self.head
        self.position = 0
        self.layer_state = LayerState(self.simulation, self.tape)
        self._ended = False
        self._frames_at: array[int] = array("q")
        self._frames: list[bytes] = []
        self._spacing = SPACING
        self._fed = 0  # events the head has seen
        self._plans = [source.plan]  # [n]: the plan after n actions
        self._acted_at: array[int] = array("q")  # index of each ACTION event
        self._noted = 0  # of the tape's marks of faults, those looked at for actions

    def close(self) -> None:
        """Nobody will look at it any more."""
        self.layer_state.close()
        if self.simulation is not None:
            self.simulation.close()

    def breathe(self) -> None:
        """Where ``--save`` records it: what has happened is safe soon, although time may stand still."""
        breathe = getattr(self.source, "breathe", None)
        if breathe is not None:
            breathe()

    def _fold(self) -> PlayFold:
        return PlayFold(self.source.plan, self.source.seed, self.source.components, self.name)

    # --- what there is ------------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether everything that happens is on the tape."""
        return self._ended and not self.tape.held

    @property
    def live(self) -> bool:
        """Whether the newest event is shown."""
        return self.position == len(self.tape)

    @property
    def actions(self) -> list[Action]:
        """The actions done to the run, in order."""
        return [] if self.simulation is None else self.simulation.actions

    @property
    def plan(self) -> Plan:
        """The plan in force at the position."""
        return self._plans[bisect_right(self._acted_at, self.position - 1)]

    @property
    def plan_now(self) -> Plan:
        """The plan in force at the head."""
        return self._plans[-1]

    def of_user(self, rid: int, late: bool = True, after: int = 0) -> list[Event]:
        """The events of a request up to the position that its user sees: without the calls between services."""
        events, graph = self.tape.of_request(rid, self.position, late, after), self.view.graph
        if graph is None:
            return events
        return [event for event in events if event[1] < ev.CALL and not graph.behind(event[2])]

    def actions_before(self, t: int) -> list[Action]:
        """The actions done before an instant."""
        return [action for action in self.actions if action.t < t]

    def action_at(self, index: int) -> Action | None:
        """The action whose event has that index on the tape."""
        i = bisect_right(self._acted_at, index) - 1
        return self.actions[i] if i >= 0 and self._acted_at[i] == index else None

    def plan_before(self, action: Action) -> Plan:
        """The plan that ``action``, one of :attr:`actions`, was done to."""
        return self._plans[self.actions.index(action)]

    # --- growing ------------------------------------------------------------------------------------------------------

    def extend(self, until: int = FOREVER, go_on: GoOn = always) -> bool:
        """Simulate up to ``until`` while ``go_on`` agrees; False when it did not get there."""
        self.release()
        while not self._ended:
            before = len(self.tape)
            self._ended = not self.source.run(until, SLICE)
            self._catch_up()
            came = len(self.tape) - before
            if not came:
                break
            if came >= SLICE and not go_on():
                return False
        return True

    def crawl(self, until: int, wanted: Callable[[Event], bool], go_on: GoOn = always) -> tuple[bool, bool]:
        """As :meth:`extend`, but stop with the event that is ``wanted``: whether ``until`` was reached, whether found.

        Nothing after that event is on the tape then: the rest of the same engine step is held back.
        """
        tape = self.tape
        steps = 0
        while True:
            while tape.held:
                if wanted(tape.release()):
                    self._catch_up()
                    return False, True
            if self._ended or not self._step(until):
                break
            steps += 1
            if steps % SLICE == 0:
                self._catch_up()
                if not go_on():
                    return False, False
        self._catch_up()
        return True, False

    def crawl_to(self, holds: Callable[[PlayFold], bool], until: int, go_on: GoOn) -> tuple[bool, bool]:
        """As :meth:`crawl`, up to the first event after which something ``holds`` for the head."""

        def wanted(_event: Event) -> bool:
            self._catch_up()
            return holds(self.head)

        return self.crawl(until, wanted, go_on)

    def _step(self, until: int) -> bool:
        """One engine step with events, all of them held back; False when there is none by ``until``."""
        tape = self.tape
        tape.holding = True
        try:
            for _ in range(EMPTY):
                self._ended = not self.source.run(until, 1)
                if tape.held or self._ended:
                    break
        finally:
            tape.holding = False
        return bool(tape.held)

    def release(self) -> None:
        """Put the events that are held back on the tape."""
        if self.tape.held:
            while self.tape.held:
                self.tape.release()
            self._catch_up()

    def step(self) -> bool:
        """One event on; False when there is none left."""
        return self.crawl(FOREVER, lambda event: True)[1]

    def act(self, action: Action) -> None:
        """Do an action at the head of the run. ActionError: nothing happened."""
        act = getattr(self.source, "act", None)
        if act is None:
            raise ActionError("this recording can only be played back")
        self.release()
        act(action)
        self._catch_up()

    def _catch_up(self) -> None:
        """Feed the head what is new on the tape; save keyframes; note actions."""
        tape, stop = self.tape, len(self.tape)
        if len(self.actions) >= len(self._plans):
            self._note_actions()
        while self._fed < stop:
            until = min(stop, (self._fed // self._spacing + 1) * self._spacing)
            _feed(self.head, tape, self._fed, until)
            self._fed = until
            if until % self._spacing == 0:
                self._save_frame()

    def _note_actions(self) -> None:
        marks, done = self.tape.marks[FAULT], self.actions
        # The last actions may be done already while their events are still held back.
        while self._noted < len(marks) and len(self._acted_at) < len(done):
            index = marks[self._noted]
            self._noted += 1
            if self.tape[index][1] == ev.ACTION:
                self._plans.append(plan_with(self._plans[-1], [done[len(self._acted_at)]]))
                self._acted_at.append(index)
        for fold in (self.head, self.view):
            fold.update_plan(self.plan_now, self.source.components)

    def _save_frame(self) -> None:
        self._frames_at.append(self._fed)
        self._frames.append(self.head.freeze())
        self.layer_state.sample()
        if len(self._frames) > MOST_FRAMES:
            self._frames_at = self._frames_at[1::2]
            self._frames = self._frames[1::2]
            self._spacing *= 2

    # --- showing ------------------------------------------------------------------------------------------------------

    def show(self, position: int, clock: int = 0) -> None:
        """Show the first ``position`` events; ``clock``: an instant not before the last of them."""
        position = max(0, min(position, len(self.tape)))
        if position == len(self.tape):
            self.view = self.head
        else:
            i = bisect_right(self._frames_at, position) - 1
            start = self._frames_at[i] if i >= 0 else 0
            if self.view is self.head or not start <= self.position <= position:
                self.view = self._fold()
                self.view.update_plan(self.plan_now, self.source.components)
                if i >= 0:
                    self.view.thaw(self._frames[i])
            else:
                start = self.position
            _feed(self.view, self.tape, start, position)
        self.position = position
        self.view.over = self.over and self.live
        self.view.tick(max(clock, self.tape.time(position - 1)))
        self.layer_state.move_to(position, self.view.clock)
        self.view.horizon = max(self.view.horizon, self.head.horizon)

    def show_to(self, holds: Callable[[PlayFold], bool], most: int, go_on: GoOn) -> bool:
        """Of a rewound run, show up to ``most`` more events; True when something ``holds`` after the last of them."""
        view, found = self.view, False
        for event in self.tape.slice(self.position, min(len(self.tape), self.position + most)):
            view.on_event(*event)
            self.position += 1
            found = holds(view)
            if found or (self.position % SLICE == 0 and not go_on()):
                break
        self.show(self.position)
        return found


def _feed(fold: PlayFold, tape: Tape, start: int, stop: int) -> None:
    take = fold.on_event
    for t, kind, source, rid, a, b in tape.slice(start, stop):
        take(t, kind, source, rid, a, b)


def final_result(run: Run) -> tuple[RunResult, MomentsFold]:
    """The figures of everything that was simulated, whatever position was shown last."""
    from resilience_sim.measure.services_fold import figures_of
    from resilience_sim.views.moments import MomentsFold

    run.release()
    fold = figures_of(run.plan_now, run.source.components)
    moments = MomentsFold(run.plan_now, run.source.components)
    for event in run.tape.slice(0, len(run.tape)):
        fold.on_event(*event)
        moments.on_event(*event)
    return fold.result(run.source.seed, run.source.digest(), run.source.now, not run.over), moments
