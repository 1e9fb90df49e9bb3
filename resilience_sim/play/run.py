"""One run under the cockpit: simulated up to its head, shown at any position of its tape.

Owns growing the tape, keyframes of the view's state, and showing any place of it. Refuses to pace (session.py) and to
know what the layers hold (levels.py).

The fold at the head sees every event once and is put away every so many events; to show an earlier place, the keyframe
before it is taken out again and fed the few events in between.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sim import FOREVER
from resilience_sim.play.levels import EMPTY, SLICE, Levels
from resilience_sim.play.tape import Event, Tape
from resilience_sim.play.view import PlayFold
from resilience_sim.runs.actions import ActionError, plan_with
from resilience_sim.runs.simulation import Simulation, Source
from resilience_sim.scenario.plan import Plan
from resilience_sim.world.actions import Action

SPACING = 4096  # events between two keyframes, at first
MOST_FRAMES = 512  # then every other one is given up

GoOn = Callable[[], bool]


def always() -> bool:
    """As long as it takes."""
    return True


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
        self.levels = Levels(self.simulation, self.tape)
        self._ended = False
        self._frames_at: array[int] = array("q")
        self._frames: list[bytes] = []
        self._spacing = SPACING
        self._fed = 0  # events the head has seen
        self._plans = [source.plan]  # after so many actions
        self._acted_at: array[int] = array("q")  # index of each ACTION event

    def _fold(self) -> PlayFold:
        return PlayFold(self.source.plan, self.source.seed, self.source.components, self.name)

    # --- what there is ------------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether nothing will happen any more that is not on the tape."""
        return self._ended and not self.tape.held

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

    def actions_before(self, t: int) -> list[Action]:
        """Those done before an instant."""
        return [action for action in self.actions if action.t < t]

    def action_at(self, index: int) -> Action | None:
        """The action behind the ACTION event with that index on the tape."""
        i = bisect_right(self._acted_at, index) - 1
        return self.actions[i] if i >= 0 and self._acted_at[i] == index else None

    def plan_before(self, action: Action) -> Plan:
        """The plan that ``action``, one of ours, was done to."""
        return self._plans[self.actions.index(action)]

    # --- growing ------------------------------------------------------------------------------------------------------

    def extend(self, until: int = FOREVER, go_on: GoOn = always) -> bool:
        """Simulate up to ``until``, as long as ``go_on`` agrees; False when that was cut short."""
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

        Nothing after that event is on the tape then: what else the engine did in the same step is held back.
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

    def _step(self, until: int) -> bool:
        """One step of the engine that brings events, all of them held back; False when there is none by ``until``."""
        tape = self.tape
        tape.holding = True
        for _ in range(EMPTY):
            self._ended = not self.source.run(until, 1)
            if tape.held or self._ended:
                break
        tape.holding = False
        return bool(tape.held)

    def release(self) -> None:
        """Put what is held back on the tape."""
        if self.tape.held:
            while self.tape.held:
                self.tape.release()
            self._catch_up()

    def step(self) -> bool:
        """One event; False when there is none left."""
        return self.crawl(FOREVER, lambda event: True)[1]

    def act(self, action: Action) -> None:
        """Do something to the run, at its head. ActionError: nothing happened."""
        act = getattr(self.source, "act", None)
        if act is None:
            raise ActionError("this recording is only played back")
        self.release()
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
        self.levels.put_away()
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
        self.levels.turn_to(position, self.view.clock)
        self.view.horizon = max(self.view.horizon, self.head.horizon)


def _feed(fold: PlayFold, tape: Tape, start: int, stop: int) -> None:
    take = fold.on_event
    for t, kind, source, rid, a, b in tape.slice(start, stop):
        take(t, kind, source, rid, a, b)
