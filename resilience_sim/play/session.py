"""The session: one run, perhaps a fork of it, a clock, and everything the user can do to them.

Its driver says how much wall time has passed, and how long it may simulate. A slow or paused screen therefore
changes what is seen when, never what happens.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from resilience_sim.kernel.format import SECOND, clock
from resilience_sim.kernel.sim import FOREVER
from resilience_sim.measure.divergence import Divergence
from resilience_sim.play.condition import Condition, ConditionError
from resilience_sim.play.fork import Fork
from resilience_sim.play.run import GoOn, Run, always
from resilience_sim.play.tape import REQUEST, Event, is_mark
from resilience_sim.runs.actions import ActionError
from resilience_sim.runs.simulation import Source
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.actions import Action
from resilience_sim.views.live.facts import default_speed

LEAST_SPEED, MOST_SPEED = 0.1, 10_000.0
SPEEDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
LONGEST_STEP = 1.0  # s of wall time a frame makes up for, so that a laptop that slept does not leap
SLICES = 4  # of 256 engine steps: what a key may simulate at once, of a run or of its fork
RUSH = 20_000  # events a frame advances by at top speed through what is on the tape


def _briefly() -> GoOn:
    """Agrees as long as nobody notices."""
    slices = iter(range(SLICES))
    return lambda: next(slices, None) is not None


class Session:
    """``clock``: the virtual instant shown, ns. ``variant``: which of the scenario's configurations is played.

    ``said``: the line of text shown on the timeline.
    """

    def __init__(
        self, scenario: Scenario, source: Source, speed: float | None = None, variant: str = "as-written"
    ) -> None:
        self.scenario = scenario
        self.variant = variant
        self.run = Run(source)
        self._fork: Fork | None = None
        self.clock = 0
        self.speed = speed or max(LEAST_SPEED, min(MOST_SPEED, default_speed(source.plan)))
        self.paused = False
        self.held = False  # a dialog is open: time stands still until it is closed
        self.lagging = False
        self.hunting = ""  # the kind of mark, or the condition, being looked for beyond the head
        self.until: Condition | None = None  # the condition, while ``hunting`` is its text
        self.loading = False  # the whole run is simulated first, to be looked at
        self.load_until: int | None = None  # that far; None: to its end
        self.said = ""
        self.wanted: Callable[[Event], bool] | None = None  # pause with the first event for which this is true
        self.found = False  # whether it has come

    @property
    def fork(self) -> Run | None:
        """The fork's run, if there is one."""
        return None if self._fork is None else self._fork.run

    @property
    def forking(self) -> bool:
        """Whether the fork is still being simulated up to where it begins."""
        return self._fork is not None and self._fork.action is not None

    @property
    def forked_at(self) -> int:
        """The instant at which the fork begins."""
        return 0 if self._fork is None else self._fork.at

    @property
    def live(self) -> bool:
        """Whether the clock stands at the head of the run."""
        return self.run.live

    @property
    def over(self) -> bool:
        """Whether the end of the run is shown."""
        return self.run.over and self.run.live

    @property
    def horizon(self) -> int:
        """The instant at the right end of the timeline."""
        tape = self.run.tape
        end = tape.time(len(tape) - 1)
        return max(1, end if self.run.over else max(self.run.head.horizon, end, self.clock))

    # --- time passes --------------------------------------------------------------------------------------------------

    def frame(self, elapsed: float, go_on: GoOn = always) -> None:
        """``elapsed`` seconds of wall time have passed; simulate while ``go_on`` agrees."""
        self.lagging = False
        if self.loading:
            self.loading = not self.run.extend(FOREVER if self.load_until is None else self.load_until, go_on)
            self.run.show(0)
            return
        if self.forking:
            self._prepare_fork(go_on)
        elif self.held:
            pass
        elif self.hunting and self.until is not None:
            self._hunt_condition(self.until, go_on)
        elif self.hunting:
            self._hunt(go_on)
        elif not self.paused and not self.over:
            self._pass(elapsed, go_on)
        else:
            self._follow(go_on)
        self.run.layer_state.catch_up(go_on)
        self.run.breathe()

    def _pass(self, elapsed: float, go_on: GoOn) -> None:
        step = min(elapsed, LONGEST_STEP) * self.speed * SECOND
        until = FOREVER if self.speed == inf else self.clock + round(step)
        if self.live:
            self._simulate(until, go_on)
        else:
            self._play_back(until)
        self._follow(go_on)

    def _simulate(self, until: int, go_on: GoOn) -> None:
        run = self.run
        if self.wanted is None:
            reached = run.extend(until, go_on)
        else:
            reached, self.found = run.crawl(until, self.wanted, go_on)
            self.paused = self.paused or self.found
        self.lagging = not reached and self.speed != inf
        last = run.tape.time(len(run.tape) - 1)
        self.clock = until if reached and not run.over else max(self.clock, last) if not run.over else last
        run.show(len(run.tape), self.clock)

    def _play_back(self, until: int) -> None:
        tape = self.run.tape
        index = min(len(tape), self.run.position + RUSH) if self.speed == inf else tape.index_after(until)
        if index >= len(tape):
            self.clock = max(tape.time(len(tape) - 1), min(until, self.clock) if self.speed == inf else self.clock)
        else:
            self.clock = tape.time(index - 1) if self.speed == inf else until
        self.run.show(index, self.clock)

    def _follow(self, go_on: GoOn | None = None) -> None:
        """Bring the fork to the same instant; the next frames go on with it where that takes long after a jump."""
        if self._fork is not None:
            self._fork.follow(self.clock, self.over, go_on or _briefly())

    # --- transport ----------------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Pause or resume; while something is being looked for, stop there."""
        self.paused = bool(self.hunting) or not self.paused
        self.hunting = ""

    def faster(self, up: bool = True) -> None:
        """The next higher or lower speed."""
        if self.speed == inf:
            self.speed = float(SPEEDS[-1]) if up else float(SPEEDS[-2])
            return
        others = [s for s in SPEEDS if (s > self.speed * 1.001 if up else s < self.speed * 0.999)]
        if others:
            self.speed = float(others[0] if up else others[-1])

    def top_speed(self) -> None:
        """As fast as possible, or back to the default."""
        self.speed = default_speed(self.run.source.plan) if self.speed == inf else inf
        self.paused = False

    def step(self, back: bool = False) -> None:
        """One event forward or back."""
        self._stop()
        run = self.run
        if back:
            self.go(run.position - 1)
        elif not run.live:
            self.go(run.position + 1)
        elif run.step():
            self.go(len(run.tape))
        else:
            self.said = "the run is over"

    def step_request(self) -> None:
        """Forward until one more request has its outcome."""
        self._stop()
        run = self.run
        found = run.tape.next_end(run.position)
        if found is None and run.crawl(FOREVER, lambda event: is_mark(REQUEST, event), _briefly())[1]:
            found = len(run.tape) - 1
        if found is None:
            self.said = "no request is left" if run.over else ""
            self.hunting = "" if run.over else REQUEST  # the next frames go on with it
        self.go(len(run.tape) if found is None else found + 1)

    def jump(self, kind: str, back: bool = False) -> None:
        """To the next or previous transition, failure or fault; beyond the head the run is simulated further."""
        self._stop()
        tape = self.run.tape
        if back:
            found = tape.mark_before(kind, self.run.position - 1)
            self.said = "" if found is not None else f"no {kind} before"
            self.go(0 if found is None else found + 1)
            return
        found = tape.next_mark(kind, self.run.position)
        if found is not None:
            self.go(found + 1)
            return
        if not self.live:
            self.go(len(tape))
        self.hunting = kind

    def _hunt(self, go_on: GoOn) -> None:
        run, kind = self.run, self.hunting
        _, found = run.crawl(FOREVER, lambda event: is_mark(kind, event), go_on)
        if found or run.over:
            self.said = "" if found else "no request is left" if kind == REQUEST else f"no more {kind}: the run is over"
            self.hunting = ""
        self.go(len(run.tape), go_on)

    def play_until(self, condition: Condition) -> None:
        """As fast as possible to the first event after which it holds; ConditionError when it holds already."""
        if condition.holds(self.run.view):
            raise ConditionError(f"{condition.text} holds already: {condition.now(self.run.view)}")
        if self.over:
            raise ConditionError("the run is over: rewind, and this looks from there on")
        self._stop()
        self.until, self.hunting = condition, condition.text
        if condition.at is not None and condition.at <= self.run.tape.last() and not self.live:
            self.seek(condition.at)
            self._stop_at(condition)

    def _hunt_condition(self, condition: Condition, go_on: GoOn) -> None:
        run = self.run
        if not self.live:
            found = run.show_to(condition.holds, RUSH, go_on)
            self.clock = run.view.clock
        else:
            until = FOREVER if condition.at is None else condition.at
            reached, found = run.crawl_to(condition.holds, until, go_on)
            at_instant = reached and condition.at is not None and not run.over
            found = found or at_instant
            run.show(len(run.tape), until if at_instant else 0)
            self.clock = run.view.clock
        self._follow(go_on)
        if found:
            self._stop_at(condition)
        elif self.over:
            self.hunting = ""
            self.said = f"the run is over; {condition.text} did not come true"

    def _stop_at(self, condition: Condition) -> None:
        self.hunting = ""
        now = condition.now(self.run.view)
        self.said = f"{condition.text}: paused at {clock(self.clock)}" + (
            "" if condition.at is not None else f", {now}"
        )

    def seek(self, t: int) -> None:
        """To an instant, at most to the head."""
        self.hunting = ""
        tape = self.run.tape
        t = max(0, t)
        index = tape.index_after(t)
        if index >= len(tape):
            self.to_live()
        else:
            self.clock = t
            self.run.show(index, t)
            self._follow()

    def to_live(self) -> None:
        """To the head of the run."""
        self.hunting = ""
        self.go(len(self.run.tape))

    def go(self, position: int, go_on: GoOn | None = None) -> None:
        """Show the first ``position`` events."""
        tape = self.run.tape
        position = max(0, min(position, len(tape)))
        self.clock = tape.time(position - 1)
        self.run.show(position, self.clock)
        self._follow(go_on)

    def _stop(self) -> None:
        self.hunting = ""
        self.until = None
        self.paused = True
        self.said = ""

    # --- actions -----------------------------------------------------------------------------------------------------

    def instant(self) -> int:
        """When an action done now takes place: right after everything that is shown."""
        tape = self.run.tape
        return max(self.clock, tape.last() if self.live else tape.time(self.run.position - 1)) + 1

    def act(self, action: Action) -> None:
        """Do it to the run. The past cannot be changed: an action there starts a fork."""
        if not self.live:
            self.branch(action)
            return
        if self.run.over:
            raise ActionError("the run is over: rewind, and this starts a fork")
        self.run.act(action)
        self.clock = max(self.clock, action.t)
        self.run.show(len(self.run.tape), self.clock)
        self._follow()

    def branch(self, action: Action) -> None:
        """Fork here: the same past, arrivals and random numbers, and ``action`` from now on."""
        self.drop_fork()
        self._fork = Fork(self.run, action)

    def _prepare_fork(self, go_on: GoOn) -> None:
        assert self._fork is not None
        try:
            self._fork.prepare(go_on)
        except ActionError as error:
            self.drop_fork()
            self.said = str(error)
            raise
        if not self.forking:  # the action is shown too
            live, self.clock = self.live, max(self.clock, self._fork.at)
            tape = self.run.tape
            self.run.show(len(tape) if live else tape.index_after(self.clock), self.clock)
            self._follow()

    def take_fork(self) -> None:
        """Go on with the fork as the run; the old run is dropped."""
        fork = self._fork
        if fork is None or fork.action is not None:
            raise ActionError("there is no fork to keep" if fork is None else "the fork is not ready yet")
        self.hunting = ""
        self.run.close()
        self.run, self._fork = fork.run, None
        self.run.name = self.run.source.plan.name

    def drop_fork(self) -> None:
        """Go on without the fork."""
        if self._fork is not None:
            self._fork.run.close()
        self._fork = None

    def difference(self) -> Divergence | None:
        """The first request that fares differently in the fork, as far as both are known at the clock."""
        return None if self._fork is None else self._fork.difference(self.over)

    def last_fault(self) -> str:
        """The id of the fault that became active last and still is; "" when there is none."""
        active = sorted(self.run.view.faults_on)
        return self.run.plan_now.faults[active[-1]].id if active else ""
