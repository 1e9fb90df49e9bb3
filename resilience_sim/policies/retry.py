"""Retry: try again, limited and controlled.

Owns the decision whether one more try is made, in this order: the outcome is worth it, tries are left, the time since
the first try allows it, the budget pays for it. Refuses to know what made the outcome. No wait follows the last try.

A try's number counts within this layer; a rejection by a policy inside is retried only if its outcome is listed.
"""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import ADMITTED_LATE, FALLBACK, QUEUED, RETRY_DENIED, RETRY_WAIT
from resilience_sim.kernel.frames import Frame, Layer, answer
from resilience_sim.kernel.rng import EXTRA, JITTER
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.backoff import Backoff
from resilience_sim.policies.budgets import make_budget
from resilience_sim.policies.config import RetryConfig


@mypyc_attr(acyclic=True, free_list_len=1)
class RetryExecution(Frame):
    """One call under retry. ``k`` is the number of the try at work, ``x`` the instant of the first."""

    __slots__ = ("paid", "previous")

    previous: i64
    paid: i64  # what its last retry cost the budget

    def __init__(self, layer: Layer, parent: Frame) -> None:
        super().__init__(layer, parent)
        self.previous = 0  # the wait before, for decorrelated backoff
        self.paid = 0


class Retry(Layer):
    """The layer: settings and the budget that its calls share."""

    __slots__ = (
        "_attempts", "_backoff", "_budget", "_has_budget", "_honors_hint", "_inner", "_max_elapsed", "_on", "_purpose",
    )  # fmt: skip

    _attempts: i64
    _max_elapsed: i64
    _on: i64
    _purpose: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: RetryConfig, ordinal: i64) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._attempts = config.attempts
        self._backoff = Backoff(config)
        self._has_budget = config.budget is not None
        self._budget = make_budget(config.budget)
        self._honors_hint = config.honor_retry_after
        self._max_elapsed = config.max_elapsed
        on = 0
        for outcome in config.on:
            on |= 1 << outcome
        self._on = on
        self._purpose = JITTER + ordinal

    def enter(self, parent: Frame) -> None:
        """First try."""
        f = RetryExecution(self, parent)
        f.k = 1
        f.x = self.sim.now
        if self._has_budget:
            self._budget.on_call(f.x)
            delay = self._budget.delay(f.x)
            if delay:
                self._hold(f, delay)
                return
        self._inner.enter(f)

    def _hold(self, f: Frame, delay: i64) -> None:
        """The budget delays the first try."""
        sim = self.sim
        sim.sink.emit(sim.now, QUEUED, self.source, f.req.rid, 1, delay)
        sim.schedule(sim.now + delay, f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """A try has its outcome: answer, or wait and try again."""
        sim = self.sim
        if self._has_budget:
            assert isinstance(f, RetryExecution)
            self._budget.on_end(sim.now, f.k, outcome, bool(self._on >> outcome & 1), f.paid)
        if outcome <= FALLBACK or f.k >= self._attempts or not self._on >> outcome & 1:
            answer(f, outcome)
            return
        assert isinstance(f, RetryExecution)
        wait = self._wait(f)
        if self._max_elapsed and sim.now + wait - f.x > self._max_elapsed:
            answer(f, outcome)
            return
        if self._has_budget:
            f.paid = self._budget.allows(sim.now, outcome)
            if f.paid < 0:
                sim.sink.emit(sim.now, RETRY_DENIED, self.source, f.req.rid, f.k + 1, 0)
                answer(f, outcome)
                return
            wait += self._budget.delay(sim.now + wait)
        f.k += 1
        sim.sink.emit(sim.now, RETRY_WAIT, self.source, f.req.rid, f.k, wait)
        # Also for a wait of nothing: a queue keeps thousands of instant retries from piling up on the call stack.
        sim.schedule(sim.now + wait, f)

    def _wait(self, f: RetryExecution) -> i64:
        """Nanoseconds until the next try: B's hint, taken as it is, or the backoff."""
        req = f.req
        if self._honors_hint and req.retry_after > 0:
            wait = req.retry_after
            req.retry_after = 0
            return wait
        shape_luck = 0.0
        jitter_luck = 0.0
        if self._backoff.needs_luck:
            # One call may pass here often (a retry around a retry): attempts tell the rounds apart.
            draw = req.attempts << 16 | f.k
            shape_luck = self.sim.rng.uniform(self._purpose + EXTRA, req.rid, draw)
            jitter_luck = self.sim.rng.uniform(self._purpose, req.rid, draw)
        wait, f.previous = self._backoff.wait(f.k, f.previous, shape_luck, jitter_luck)
        return wait

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
