"""Retry: try again, limited and controlled.

Whether one more try is made is decided in this order: the outcome is worth it, tries and time are left, the budget
pays. No wait follows the last try. A try's number counts within this layer; a rejection by a policy inside is retried
only if its outcome is listed. The rules are rules/retry.py, the budgets budgets.py.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import ADMITTED_LATE, FALLBACK, QUEUED, RETRY_DENIED, RETRY_WAIT, TRIES
from resilience_sim.kernel.frames import Clock, Frame, Layer, answer
from resilience_sim.kernel.rng import EXTRA, KeyedRng
from resilience_sim.kernel.sim import SimulationError
from resilience_sim.policies.budgets import Budget, make_budget
from resilience_sim.policies.layer import Gauges, PolicyLayer, outcome_set
from resilience_sim.policies.rules.retry import STOP, Backoff, Draws, Memory, RuleRetry
from resilience_sim.settings.budget import BudgetConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig, spared

KIND: Final = 7  # of the word that a request carries: settings/service.py, operation_word
RUSH: Final = 10_000  # tries of one call at one instant


def draw_key(attempts: i64, attempt: i64) -> i64:
    """Keys the draws for the wait after a call's try number ``attempt``, when its request has made ``attempts``."""
    return (attempt >> 16) << 40 | attempts << 16 | attempt & 0xFFFF


@mypyc_attr(acyclic=True, free_list_len=1)
class RetryExecution(Frame):
    """One call under retry. ``k`` is the number of the current try, ``x`` the instant of the first."""

    __slots__ = ("budget", "paid", "previous")

    previous: i64  # the wait before, for decorrelated backoff
    paid: i64  # what its last retry cost the budget
    budget: Budget  # the one that knows of the current try; a change may have replaced it

    def __init__(self, layer: Layer, parent: Frame, budget: Budget) -> None:
        super().__init__(layer, parent)
        self.previous = 0
        self.paid = 0
        self.budget = budget


class BudgetedRetry(PolicyLayer):
    """What retry is under any rules: tries one after the other, and a budget that all calls share."""

    __slots__ = ("_budget", "_has_budget", "_keeps_books", "_on", "_spared")

    _on: i64
    _spared: i64  # kinds of operations that are not tried again

    def __init__(self, sim: Clock, source: i64, inner: Layer, on: tuple[int, ...], budget: BudgetConfig | None) -> None:
        super().__init__(sim, source, inner)
        self._on = outcome_set(on)
        self._spared = 0
        self._has_budget = budget is not None
        self._keeps_books = self._has_budget  # calls may be under way that some budget, perhaps a former one, knows of
        self._budget = make_budget(budget)

    def _spend(self, budget: BudgetConfig | None) -> None:
        """Another budget from now on; of the same kind it keeps what it holds."""
        self._has_budget = budget is not None
        self._keeps_books = self._keeps_books or self._has_budget
        if budget is None or not self._budget.reconfigure(budget):
            self._budget = make_budget(budget)

    def _begin(self, parent: Frame) -> RetryExecution:
        return RetryExecution(self, parent, self._budget)

    def _worth(self, f: Frame, outcome: i64) -> bool:
        """Whether this end of a try is worth another one."""
        return self._on >> outcome & 1 != 0 and not self._spared >> (f.req.operation & KIND) & 1

    def _next_wait(self, f: RetryExecution, now: i64, outcome: i64) -> i64:
        """Nanoseconds until the next try, or :data:`STOP`."""
        raise NotImplementedError

    def _go_on(self, f: RetryExecution, now: i64) -> None:
        """The next try will be made."""

    def enter(self, parent: Frame) -> None:
        f = self._begin(parent)
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
        self.inner.enter(f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        if self._keeps_books:
            assert isinstance(f, RetryExecution)
            f.budget.on_end(self.sim.now, f.k, outcome, self._worth(f, outcome), f.paid)
        if outcome <= FALLBACK or not self._worth(f, outcome):
            answer(f, outcome)
            return
        assert isinstance(f, RetryExecution)
        sim = self.sim
        now = sim.now
        wait = self._next_wait(f, now, outcome)
        if wait == STOP:
            answer(f, outcome)
            return
        if self._has_budget:
            f.budget = self._budget
            f.paid = self._budget.allows(now, outcome)
            if f.paid < 0:
                sim.sink.emit(now, RETRY_DENIED, self.source, f.req.rid, f.k + 1, 0)
                answer(f, outcome)
                return
            wait += self._budget.delay(now + wait)
        self._go_on(f, now)
        f.k += 1
        sim.sink.emit(now, RETRY_WAIT, self.source, f.req.rid, f.k, wait)
        # Also for a wait of nothing: through the queue, thousands of instant retries do not pile up on the call stack.
        sim.schedule(now + wait, f)

    def on_timer(self, f: Frame) -> None:
        if self._keeps_books:
            assert isinstance(f, RetryExecution)
            if f.k == 1:
                sim = self.sim
                sim.sink.emit(sim.now, ADMITTED_LATE, self.source, f.req.rid, 0, sim.now - f.x)
            else:
                f.budget.on_again(self.sim.now)
        self.inner.enter(f)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """The caller gave up: release the budget's in-flight count."""
        if self._keeps_books:
            assert isinstance(f, RetryExecution)
            f.budget.on_cancel(self.sim.now, f.k, f.armed)
        super().on_cancel(f, why, stop_work)

    def gauges(self, now: i64) -> Gauges:
        return self._budget.gauges(now)


class Retry(BudgetedRetry):
    """The rules of ``classic``."""

    __slots__ = ("_attempts", "_backoff", "_config", "_honors_hint", "_max_elapsed")

    _attempts: i64
    _max_elapsed: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: RetryConfig) -> None:
        super().__init__(sim, source, inner, config.on, config.budget)
        self._take(config)

    def _take(self, config: RetryConfig) -> None:
        self._config = config
        self._attempts = config.attempts
        self._backoff = Backoff(config)
        self._honors_hint = config.honor_retry_after
        self._max_elapsed = config.max_elapsed
        self._on = outcome_set(config.on)
        self._spared = outcome_set(spared(config))

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, RetryConfig):
            return False
        if config.budget != self._config.budget:
            self._spend(config.budget)
        self._take(config)
        return True

    def _next_wait(self, f: RetryExecution, now: i64, outcome: i64) -> i64:
        if f.k >= self._attempts:
            return STOP
        wait = self._wait(f)
        if self._max_elapsed and now + wait - f.x > self._max_elapsed:
            return STOP
        return wait

    def _wait(self, f: RetryExecution) -> i64:
        """B's hint, taken as it is, or the backoff."""
        req = f.req
        if self._honors_hint and req.retry_after > 0:
            wait = req.retry_after
            req.retry_after = 0
            return wait
        for_shape = 0.0
        for_jitter = 0.0
        if self._backoff.needs_luck:
            # One call may pass here several times (a retry around a retry): attempts tell the rounds apart.
            key = draw_key(req.attempts & TRIES, f.k)
            purpose = self.fresh(req, key)
            rng = self.sim.rng
            for_shape = rng.uniform(purpose + EXTRA, req.luck, key)
            for_jitter = rng.uniform(purpose, req.luck, key)
        wait, f.previous = self._backoff.wait(f.k, f.previous, for_shape, for_jitter)
        return wait


class LibraryRetryExecution(RetryExecution):
    """One call under retry, and what a library remembers of it."""

    __slots__ = ("failure", "memory", "retry", "rush", "tried_at")

    failure: i64  # the outcome of the last try
    retry: i64  # the number of the next wait, as backoff counts
    tried_at: i64  # when the last try ended, and how many ended at that very instant
    rush: i64

    def __init__(self, layer: Layer, parent: Frame, budget: Budget) -> None:
        super().__init__(layer, parent, budget)
        self.memory = Memory()
        self.failure = 0
        self.retry = 1
        self.tried_at = -1
        self.rush = 0


class KeyedDraws(Draws):
    """The random numbers of one request and one try."""

    __slots__ = ("_index", "_key", "_purpose", "_rid", "_rng")

    _purpose: i64
    _rid: i64
    _key: i64
    _index: i64

    def __init__(self, rng: KeyedRng) -> None:
        self._rng = rng
        self._purpose = 0
        self._rid = 0
        self._key = 0
        self._index = 0

    def turn_to(self, purpose: i64, rid: i64, key: i64) -> None:
        """Start with the first number of a request's try."""
        self._purpose = purpose
        self._rid = rid
        self._key = key
        self._index = 0

    def next(self) -> float:
        purpose = self._purpose + self._index * EXTRA
        self._index += 1
        return self._rng.uniform(purpose, self._rid, self._key)


class LibraryRetry(BudgetedRetry):
    """The rules of a library."""

    __slots__ = ("_config", "_draws", "_library", "_machine", "_on_any_method", "_on_hint", "_restarts")

    _on_hint: i64
    _on_any_method: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: LikeRetryConfig) -> None:
        super().__init__(sim, source, inner, config.on, config.budget)
        self._draws = KeyedDraws(sim.rng)
        self._take(config)

    def _take(self, config: LikeRetryConfig) -> None:
        self._config = config
        self._machine = RuleRetry(config)
        self._library = config.like
        self._restarts = config.rules.hint == "restarts"
        self._on = outcome_set(config.on)
        self._on_hint = outcome_set(config.on_hint)
        self._on_any_method = 0 if config.only_idempotent else outcome_set(config.on_any_method)
        self._spared = outcome_set(spared(config))

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, LikeRetryConfig) or config.like != self._library:
            return False
        if config.budget != self._config.budget:
            self._spend(config.budget)
        self._take(config)
        return True

    def _begin(self, parent: Frame) -> RetryExecution:
        return LibraryRetryExecution(self, parent, self._budget)

    def on_timer(self, f: Frame) -> None:
        limit = self._machine.last_look
        if limit and f.k > 1 and self.sim.now - f.x >= limit:
            assert isinstance(f, LibraryRetryExecution)
            answer(f, f.failure)
            return
        super().on_timer(f)

    def _worth(self, f: Frame, outcome: i64) -> bool:
        if self._spared >> (f.req.operation & KIND) & 1:
            return bool(self._on_any_method >> outcome & 1)
        return bool(self._on >> outcome & 1) or bool(self._on_hint >> outcome & 1 and f.req.retry_after > 0)

    def _next_wait(self, f: RetryExecution, now: i64, outcome: i64) -> i64:
        assert isinstance(f, LibraryRetryExecution)
        req = f.req
        f.failure = outcome
        f.memory.hint = float(req.retry_after) if req.retry_after > 0 else -1.0
        ends = f.memory.ends
        ends[outcome] = ends.get(outcome, 0) + 1
        key = draw_key(req.attempts & TRIES, f.k)
        self._draws.turn_to(self.fresh(req, key), req.luck, key)
        return self._machine.next(f.k, f.retry, now - f.x, f.memory, self._draws)

    def _go_on(self, f: RetryExecution, now: i64) -> None:
        assert isinstance(f, LibraryRetryExecution)
        f.rush = f.rush + 1 if now == f.tried_at else 0
        f.tried_at = now
        if f.rush > RUSH:
            raise SimulationError(
                f"time stands still: {self._library} tries again without end and without wait, and is answered at "
                "once; give the retry a wait or a limit, or the service a latency"
            )
        f.retry = 1 if self._restarts and f.memory.hint >= 0.0 else f.retry + 1
        f.req.retry_after = 0
