"""Hedge: when the answer is slow to come, ask again and take whichever is first.

Owns the race. The first success wins; a failure waits for the legs still under way; when none is under way the last
failure is the answer (a hedge is no retry: failing early launches nothing). The idea and the name: J. Dean and
L. Barroso, "The Tail at Scale" (CACM 56(2), 2013).
"""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import CANCELLED, FALLBACK, HEDGE, HEDGE_WON
from resilience_sim.kernel.frames import Frame, Layer, answer, cancel_child
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.config import HedgeConfig


@mypyc_attr(acyclic=True, free_list_len=1)
class HedgeExecution(Frame):
    """One call: ``k`` legs launched, ``x`` of them under way."""

    __slots__ = ("legs",)

    def __init__(self, layer: Layer, parent: Frame) -> None:
        super().__init__(layer, parent)
        self.legs: list[Frame] = []

    def detach(self) -> None:
        """Its legs are its children."""
        super().detach()
        for leg in self.legs:
            leg.detach()
        self.legs = []


class Hedge(Layer):
    """The layer. Frames are races, and one frame per leg with the leg's number in ``k``."""

    __slots__ = ("_cancels_loser", "_delay", "_inner", "_max_extra")

    _delay: i64
    _max_extra: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: HedgeConfig) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._delay = config.delay
        self._max_extra = config.max_extra
        self._cancels_loser = config.cancels_loser
        if not config.cancels_loser:
            sim.leaves_calls = True

    def enter(self, parent: Frame) -> None:
        """Arm the delay, then launch the first leg."""
        race = HedgeExecution(self, parent)
        if self._max_extra:
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
        """No answer yet: one more leg."""
        assert isinstance(f, HedgeExecution)
        if f.k < self._max_extra:
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
        if outcome > FALLBACK and race.x > 0:
            return
        race.armed = False
        if race.k > 1 and outcome <= FALLBACK:
            sim = self.sim
            sim.sink.emit(sim.now, HEDGE_WON, self.source, race.req.rid, f.k, race.k)
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
