"""One run under the cockpit: simulated up to its head, shown at any position of its tape.

Owns growing the tape, keyframes of the view's state, and showing any place of it. Refuses to pace (session.py).

The fold at the head sees every event once and is put away every so many events; to show an earlier place, the keyframe
before it is taken out again and fed the few events in between.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sim import FOREVER
from resilience_sim.play.tape import Event, Tape
from resilience_sim.play.view import PlayFold
from resilience_sim.runs.actions import ActionError, plan_with
from resilience_sim.runs.gauges import Gauge, gauges
from resilience_sim.runs.simulation import Simulation, Source
from resilience_sim.scenario.plan import Plan
from resilience_sim.world.actions import Action

SLICE = 256  # engine steps between two looks at the clock and at the gauges
SPACING = 4096  # events between two keyframes, at first
MOST_FRAMES = 512  # then every other one is given up


class Run:
    """A source and its tape. ``position``: how many events are shown; it is *live* when that is all of them."""

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
        self.over = False
        self._frames_at: array[int] = array("q")
        self._frames: list[bytes] = []
        self._spacing = SPACING
        self._fed = 0  # events the head has seen
        self._gauged_at: array[int] = array("q")
        self._gauged: list[dict[int, Gauge]] = []
        self._plans = [source.plan]  # after so many actions
        self._acted_at: array[int] = array("q")  # index of each ACTION event

    def _fold(self) -> PlayFold:
        return PlayFold(self.source.plan, self.source.seed, self.source.components, self.name)

    # --- what there is ------------------------------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Whether what is shown is the newest there is."""
        return self.position == len(self.tape)

    @property
    def actions(self) -> list[Action]:
        """What was done to the run, in order."""
        return [] if self.simulation is None else self.simulation.actions

    @property
    def plan(self) -> Plan:
        """The plan in force at the position: its stack is what calls meet there."""
        return self._plans[bisect_right(self._acted_at, self.position - 1)]

    @property
    def plan_now(self) -> Plan:
        """The plan in force at the head."""
        return self._plans[-1]

    def actions_shown(self) -> list[Action]:
        """Those that had been done at the position."""
        return self.actions[: bisect_right(self._acted_at, self.position - 1)]

    def action_at(self, index: int) -> Action | None:
        """The action behind the ACTION event with that index on the tape."""
        i = bisect_right(self._acted_at, index) - 1
        return self.actions[i] if i >= 0 and self._acted_at[i] == index else None

    def plan_before(self, action: Action) -> Plan:
        """The plan that ``action``, one of ours, was done to."""
        return self._plans[self.actions.index(action)]

    def gauges(self) -> dict[int, Gauge]:
        """What the layers held, at the position or shortly before."""
        i = bisect_right(self._gauged_at, self.position) - 1
        return self._gauged[i] if i >= 0 else {}

    # --- growing ------------------------------------------------------------------------------------------------------

    def extend(self, until: int = FOREVER, go_on: Callable[[], bool] = lambda: True) -> bool:
        """Simulate up to ``until``, as long as ``go_on`` agrees; False when that was cut short."""
        while not self.over:
            before = len(self.tape)
            self.over = not self.source.run(until, SLICE)
            self._catch_up()
            if len(self.tape) - before < SLICE:
                break
            if not go_on():
                return False
        return True

    def crawl(self, until: int, wanted: Callable[[Event], bool], go_on: Callable[[], bool]) -> tuple[bool, bool]:
        """As :meth:`extend`, but stop with the event that is ``wanted``: whether ``until`` was reached, whether found.

        A step of the engine may bring several events; the last of them are on the tape too when it stops.
        """
        tape = self.tape
        steps = 0
        while not self.over:
            before = len(tape)
            self.over = not self.source.run(until, 1)
            if any(wanted(tape[i]) for i in range(before, len(tape))):
                self._catch_up()
                return False, True
            if len(tape) == before and not self.over:
                break
            steps += 1
            if steps % SLICE == 0:
                self._catch_up()
                if not go_on():
                    return False, False
        self._catch_up()
        return True, False

    def step(self) -> bool:
        """One step of the engine, at least one event; False when there is none left."""
        before = len(self.tape)
        while not self.over and len(self.tape) == before:
            self.over = not self.source.run(FOREVER, 1)
        self._catch_up()
        return len(self.tape) > before

    def act(self, action: Action) -> None:
        """Do something to the run, at its head. ActionError: nothing happened."""
        act = getattr(self.source, "act", None)
        if act is None:
            raise ActionError("this recording is only played back")
        act(action)
        self._catch_up()

    def _catch_up(self) -> None:
        """Let the head see what is new on the tape; put it away now and then; note what was done."""
        tape, stop = self.tape, len(self.tape)
        if len(self.actions) >= len(self._plans):
            self._note_actions()
        while self._fed < stop:
            until = min(stop, (self._fed // self._spacing + 1) * self._spacing)
            _feed(self.head, tape, self._fed, until)
            self._fed = until
            if until % self._spacing == 0:
                self._put_away()
        if self.simulation is not None and (not self._gauged_at or self._gauged_at[-1] != stop):
            self._gauged_at.append(stop)
            self._gauged.append(gauges(self.simulation))

    def _note_actions(self) -> None:
        found = [i for i in self.tape.marks["fault"] if self.tape[i][1] == ev.ACTION]
        for n in range(len(self._plans) - 1, len(self.actions)):
            self._plans.append(plan_with(self._plans[-1], [self.actions[n]]))
            self._acted_at.append(found[n])
        for fold in (self.head, self.view):
            fold.know(self.plan_now, self.source.components)

    def _put_away(self) -> None:
        self._frames_at.append(self._fed)
        self._frames.append(self.head.freeze())
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
                self.view.know(self.plan_now, self.source.components)
                if i >= 0:
                    self.view.thaw(self._frames[i])
            else:
                start = self.position
            _feed(self.view, self.tape, start, position)
        self.position = position
        self.view.over = self.over and self.live
        self.view.tick(max(clock, self.tape.time(position - 1)))
        self.view.horizon = max(self.view.horizon, self.head.horizon)


def _feed(fold: PlayFold, tape: Tape, start: int, stop: int) -> None:
    take = fold.on_event
    for t, kind, where, rid, a, b in tape.slice(start, stop):
        take(t, kind, where, rid, a, b)
