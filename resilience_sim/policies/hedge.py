"""Hedge: when the answer is slow to come, ask again and take whichever is first.

Under ``classic`` rules the first answer wins, which is a success or a client_error (B would say the same to every leg);
a failure waits for the legs still under way; when none is under way the
last failure is the answer (a hedge is no retry: failing early launches nothing). Libraries differ in who wins, what a
failed leg launches and whose failure is the answer (``LikeHedgeConfig``): Polly launches the next leg when one fails
and gives the first leg's failure when all do; resilience4j and failsafe-go take the first answer, good or bad; gRPC
ends the race on a fatal one. The idea and the name: J. Dean and L. Barroso, "The Tail at Scale" (CACM 56(2), 2013).
"""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import CANCELLED, CLIENT_ERROR, FALLBACK, HEDGE, HEDGE_WON, OUTCOME_NAMES, SUCCESS
from resilience_sim.kernel.frames import Clock, Frame, Layer, answer, cancel_child
from resilience_sim.policies.layer import PolicyLayer, outcome_set
from resilience_sim.settings.hedge import HedgeConfig, LikeHedgeConfig
from resilience_sim.settings.policy import PolicyConfig


@mypyc_attr(acyclic=True, free_list_len=1)
class HedgeExecution(Frame):
    """One call: ``k`` legs launched, ``x`` of them under way; ``first`` is how the first leg ended."""

    __slots__ = ("first", "legs")

    first: i64

    def __init__(self, layer: Layer, parent: Frame) -> None:
        super().__init__(layer, parent)
        self.legs: list[Frame] = []
        self.first = -1

    def detach(self) -> None:
        """The legs are its children."""
        super().detach()
        for leg in self.legs:
            leg.detach()
        self.legs = []


class Hedge(PolicyLayer):
    """The layer. Its frames are executions, and one frame per leg with the leg's number in ``k``."""

    __slots__ = (
        "_answers",
        "_cancels_loser",
        "_delay",
        "_fails_forward",
        "_first_fails",
        "_most",
        "_wins",
    )

    _delay: i64  # -1: a leg starts only after a failure
    _most: i64
    _answers: i64
    _wins: i64  # the outcomes that end the race

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: HedgeConfig | LikeHedgeConfig) -> None:
        super().__init__(sim, source, inner)
        self._take(config)

    def _take(self, config: HedgeConfig | LikeHedgeConfig) -> None:
        self._delay = config.delay
        self._most = config.max_extra + 1
        self._cancels_loser = config.cancels_loser
        self._fails_forward = False
        self._first_fails = False
        self._answers = outcome_set((SUCCESS, FALLBACK, CLIENT_ERROR))
        self._wins = self._answers
        if isinstance(config, LikeHedgeConfig):
            self._wins |= outcome_set(tuple(range(len(OUTCOME_NAMES))) if config.wins == "any" else config.fatal)
            self._fails_forward = config.fails_forward
            self._first_fails = config.when_all_fail == "first"
        if not config.cancels_loser:
            self.sim.leaves_calls = True

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, HedgeConfig | LikeHedgeConfig):
            return False
        self._take(config)
        return True

    def enter(self, parent: Frame) -> None:
        """The first leg starts; with no delay all of them, one timer after the other."""
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
        self.inner.enter(leg)

    def on_timer(self, f: Frame) -> None:
        """No answer yet, or a leg has failed: one more."""
        assert isinstance(f, HedgeExecution)
        if f.k + 1 < self._most and self._delay >= 0:
            self.sim.schedule(self.sim.now + self._delay, f)
        self._launch(f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        race = f.parent
        assert isinstance(race, HedgeExecution)
        if not f.live or not race.live:
            return  # a loser that was left to run
        f.live = False
        race.x -= 1
        if f.k == 1:
            race.first = outcome
        if not self._wins >> outcome & 1:
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
        answered = self._answers >> outcome & 1 != 0
        if not answered and self._first_fails and race.first >= 0:
            outcome = race.first
        if race.k > 1 and answered:
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
