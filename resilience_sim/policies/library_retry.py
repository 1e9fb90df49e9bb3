"""Retry under a library's rules: the layer around rules/retry.py.

Owns what the simulator adds: outcomes, luck, the budget, the timer between tries. Refuses the rules. The order is
that of the libraries: is it worth another try, how long would the wait be, is it time to stop, does the budget pay.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import ADMITTED_LATE, FALLBACK, QUEUED, RETRY_DENIED, RETRY_WAIT
from resilience_sim.kernel.frames import Frame, Layer, answer
from resilience_sim.kernel.rng import EXTRA, JITTER, KeyedRng
from resilience_sim.kernel.sim import Sim, SimulationError
from resilience_sim.policies.budgets import make_budget
from resilience_sim.policies.config_like_retry import LikeRetryConfig
from resilience_sim.policies.rules.retry import STOP, RuleRetry
from resilience_sim.policies.rules.waits import Draws, Memory

RUSH: Final = 10_000  # tries of one call in one instant


class KeyedDraws(Draws):
    """Numbers that belong to one request and one try, whatever else is drawn."""

    __slots__ = ("_index", "_key", "_purpose", "_rid", "_rng")

    _purpose: i64
    _rid: i64
    _key: i64
    _index: i64

    def __init__(self, rng: KeyedRng, purpose: i64) -> None:
        self._rng = rng
        self._purpose = purpose
        self._rid = 0
        self._key = 0
        self._index = 0

    def turn_to(self, rid: i64, key: i64) -> None:
        """Begin with the first number of a request's try."""
        self._rid = rid
        self._key = key
        self._index = 0

    def next(self) -> float:
        """The next one."""
        purpose = self._purpose + self._index * EXTRA
        self._index += 1
        return self._rng.uniform(purpose, self._rid, self._key)


class RetryExecution(Frame):
    """One call under retry. ``k`` is the number of the try at work, ``x`` the instant of the first."""

    __slots__ = ("memory", "paid", "retry", "rush", "tried_at")

    tried_at: i64  # when the last try ended, and how many ended at that very instant
    rush: i64
    paid: i64  # what its last retry cost the budget

    retry: i64  # the number of the next wait, as backoff counts

    def __init__(self, layer: Layer, parent: Frame) -> None:
        super().__init__(layer, parent)
        self.memory = Memory()
        self.retry = 1
        self.paid = 0
        self.tried_at = -1
        self.rush = 0


class LibraryRetry(Layer):
    """The layer: settings and the budget that its calls share."""

    __slots__ = ("_budget", "_draws", "_has_budget", "_inner", "_library", "_machine", "_on", "_restarts")

    _on: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: LikeRetryConfig, ordinal: i64) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._machine = RuleRetry(config)
        self._library = config.like
        self._has_budget = config.budget is not None
        self._budget = make_budget(config.budget)
        self._draws = KeyedDraws(sim.rng, JITTER + ordinal)
        self._restarts = config.rules.hint == "restarts"
        on = 0
        for outcome in config.on:
            on |= 1 << outcome
        self._on = on

    def enter(self, parent: Frame) -> None:
        """First try."""
        f = RetryExecution(self, parent)
        f.k = 1
        f.x = self.sim.now
        if self._has_budget:
            self._budget.on_call(f.x)
            delay = self._budget.delay(f.x)
            if delay:
                sim = self.sim
                sim.sink.emit(f.x, QUEUED, self.source, f.req.rid, 1, delay)
                sim.schedule(f.x + delay, f)
                return
        self._inner.enter(f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """A try has its outcome: answer, or wait and try again."""
        sim = self.sim
        now = sim.now
        assert isinstance(f, RetryExecution)
        if self._has_budget:
            self._budget.on_end(now, f.k, outcome, bool(self._on >> outcome & 1), f.paid)
        if outcome <= FALLBACK or not self._on >> outcome & 1:
            answer(f, outcome)
            return
        req = f.req
        memory = f.memory
        memory.hint = float(req.retry_after) if req.retry_after > 0 else -1.0
        self._draws.turn_to(req.rid, req.attempts << 16 | f.k)
        wait = self._machine.next(f.k, f.retry, now - f.x, memory, self._draws)
        if wait == STOP:
            answer(f, outcome)
            return
        if self._has_budget:
            f.paid = self._budget.allows(now, outcome)
            if f.paid < 0:
                sim.sink.emit(now, RETRY_DENIED, self.source, req.rid, f.k + 1, 0)
                answer(f, outcome)
                return
            wait += self._budget.delay(now + wait)
        f.rush = f.rush + 1 if now == f.tried_at else 0
        f.tried_at = now
        if f.rush > RUSH:
            raise SimulationError(
                f"time stands still: {self._library} tries again without end and without wait, and is answered at "
                "once; give the retry a wait or a limit, or the service a latency"
            )
        f.retry = 1 if self._restarts and memory.hint >= 0.0 else f.retry + 1
        req.retry_after = 0
        f.k += 1
        sim.sink.emit(now, RETRY_WAIT, self.source, req.rid, f.k, wait)
        sim.schedule(now + wait, f)

    def on_timer(self, f: Frame) -> None:
        """The wait is over."""
        if self._has_budget:
            if f.k == 1:
                sim = self.sim
                sim.sink.emit(sim.now, ADMITTED_LATE, self.source, f.req.rid, 0, sim.now - f.x)
            else:
                self._budget.on_again(self.sim.now)
        self._inner.enter(f)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """Nobody waits: a budget that counts what is under way hears of it."""
        if self._has_budget:
            self._budget.on_cancel(self.sim.now, f.k, f.armed)
        super().on_cancel(f, why, stop_work)
