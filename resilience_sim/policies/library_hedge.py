"""Hedge under a library's rules: who wins the race, what a failed leg launches, whose failure is the answer.

Owns the race. The rules are data (``LikeHedgeConfig``): Polly launches the next leg when one fails and gives the first
leg's failure when all do; resilience4j and failsafe-go take the first answer, good or bad; gRPC ends the race on a
fatal one.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import CANCELLED, FALLBACK, HEDGE, HEDGE_WON
from resilience_sim.kernel.frames import Frame, Layer, answer, cancel_child
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.config_like_guards import LikeHedgeConfig


class HedgeExecution(Frame):
    """One call: ``k`` legs launched, ``x`` of them under way; ``first`` is how the first leg ended."""

    __slots__ = ("first", "launching", "legs")

    first: i64

    def __init__(self, layer: Layer, parent: Frame) -> None:
        super().__init__(layer, parent)
        self.legs: list[Frame] = []
        self.first = -1
        self.launching = False

    def detach(self) -> None:
        """Its legs are its children."""
        super().detach()
        for leg in self.legs:
            leg.detach()
        self.legs = []


class LibraryHedge(Layer):
    """The layer. Frames are races, and one frame per leg with the leg's number in ``k``."""

    __slots__ = ("_any_wins", "_cancels_loser", "_delay", "_fails_forward", "_fatal", "_first_fails", "_inner", "_most")

    _delay: i64
    _most: i64
    _fatal: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: LikeHedgeConfig) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._delay = config.delay
        self._most = config.max_extra + 1
        self._cancels_loser = config.cancels_loser
        self._any_wins = config.wins == "any"
        self._fails_forward = config.fails_forward
        self._first_fails = config.when_all_fail == "first"
        fatal = 0
        for outcome in config.fatal:
            fatal |= 1 << outcome
        self._fatal = fatal

    def enter(self, parent: Frame) -> None:
        """The first leg; with no delay all of them, one timer after the other."""
        race = HedgeExecution(self, parent)
        if self._delay >= 0 and self._most > 1:
            self.sim.schedule(self.sim.now + self._delay, race)
        self._launch(race)

    def _launch(self, race: HedgeExecution) -> None:
        race.k += 1
        race.x += 1
        leg = Frame(self, race)
        race.child = None  # a race has many children; it keeps them itself
        leg.k = race.k
        race.legs.append(leg)
        if leg.k > 1:
            sim = self.sim
            sim.sink.emit(sim.now, HEDGE, self.source, race.req.rid, leg.k, 0)
        self._inner.enter(leg)

    def on_timer(self, f: Frame) -> None:
        """No answer yet, or a leg has failed: one more."""
        assert isinstance(f, HedgeExecution)
        if f.k + 1 < self._most and self._delay >= 0:
            self.sim.schedule(self.sim.now + self._delay, f)
        self._launch(f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """A leg has its answer."""
        race = f.parent
        assert isinstance(race, HedgeExecution)
        if not f.live or not race.live:
            return  # a loser that was left to run
        f.live = False
        race.x -= 1
        if f.k == 1:
            race.first = outcome
        if outcome > FALLBACK and not self._any_wins and not self._fatal >> outcome & 1:
            if self._fails_forward and race.k < self._most:
                self._hurry(race)
                return
            if race.x > 0:
                return
        self._finish(race, f, outcome)

    def _hurry(self, race: HedgeExecution) -> None:
        """A failure launches the next leg at once: through the queue, so that failures cannot pile up on the stack."""
        sim = self.sim
        if race.armed:
            if race.time == sim.now:
                return
            sim.unschedule(race)
        sim.schedule(sim.now, race)

    def _finish(self, race: HedgeExecution, leg: Frame, outcome: i64) -> None:
        sim = self.sim
        race.armed = False
        if outcome > FALLBACK and self._first_fails and race.first >= 0:
            outcome = race.first
        if race.k > 1 and outcome <= FALLBACK:
            sim.sink.emit(sim.now, HEDGE_WON, self.source, race.req.rid, leg.k, race.k)
        self._drop_legs(race, CANCELLED, self._cancels_loser, self._cancels_loser)
        answer(race, outcome)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """The whole race is off: no leg is waited for."""
        assert isinstance(f, HedgeExecution)
        f.live = False
        f.armed = False
        self._drop_legs(f, why, True, stop_work)

    def _drop_legs(self, race: HedgeExecution, why: i64, cancel: bool, stop_work: bool) -> None:
        legs = race.legs
        race.legs = []
        # The last one first: a leg that still waits for a place inside must not inherit that of an earlier one.
        for leg in reversed(legs):
            if leg.live:
                leg.live = False
                if cancel:
                    cancel_child(leg, why, stop_work)
