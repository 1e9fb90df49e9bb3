"""A circuit breaker made of orthogonal rules: one machine for all libraries.

Each library is a row of data (rules/library_breakers.py). The machine does no I/O and knows neither the simulator nor
outcomes: the caller passes the time in, asks :meth:`RuleBreaker.admit`, reports :meth:`RuleBreaker.result`,
calls :meth:`RuleBreaker.on_time` at ``due``, and reads ``changes``. Counts are tallies.py, thresholds trips.py.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    CLOSED,
    HALF_OPEN,
    OPEN,
    WHY_HALF_OPEN_TOO_LONG,
    WHY_MANUAL,
    WHY_PROBE_FAILED,
    WHY_PROBES_BAD,
    WHY_PROBES_SUCCEEDED,
    WHY_RECOVERY_TIME,
    WHY_REOPENED,
)
from resilience_sim.kernel.expression import Expression
from resilience_sim.policies.layer import Gauges
from resilience_sim.policies.rules.retry import Draws, Memory, Wait
from resilience_sim.policies.rules.tallies import ErrorTally, RingTally, Tally, make_tally
from resilience_sim.policies.rules.trips import Trips
from resilience_sim.settings.breaker import (
    DISABLED,
    FORCED_OPEN,
    ISOLATED,
    METRICS_ONLY,
    OPEN_TIME_ARGUMENTS,
    LikeBreakerConfig,
)

NEVER: Final = (1 << 62) - 1
TICK: Final = 500_000_000  # Hystrix: metrics.healthSnapshot.intervalInMilliseconds
# kinds of results
GOOD: Final = 0
BAD: Final = 1
IGNORED: Final = 2
CANCELLED_CALL: Final = 3

REJECTED_CALL: Final = -1  # admit() said no
WAITING_CALL: Final = -2  # or to ask again when the breaker is no longer half open

_STATE_BITS: Final = 3

# of the expression of an open time
MILLI: Final = 1_000_000
LONGEST: Final = 1 << 60


class OneDraw(Draws):
    """The one random number of an opening."""

    __slots__ = ("_unit",)

    def __init__(self, unit: float) -> None:
        self._unit = unit

    def next(self) -> float:
        return self._unit


class OpenTime:
    """How long a breaker stays open, and how that grows from opening to opening.

    * ``constant``: most libraries.
    * ``exponential``: resilience4j IntervalFunction.ofExponentialBackoff, each step cut to milliseconds, capped last.
    * ``jittered``: Finagle Backoff.equalJittered(5 s, 300 s): the first is the base; then half of the growth, half
      drawn.
    * ``waits``: cockatiel's halfOpenAfter and semian's error_timeout, in the words of a retry's waits.
    * ``expression``: Polly BreakDurationGenerator, seconds from ``n`` (half-open attempts), ``rate`` and ``count``;
      none below zero, as Polly's CircuitStateController is then beyond the end of the break at once.

    ``asked`` holds what the expression was last asked with.
    """

    __slots__ = ("_base", "_expression", "_factor", "_growth", "_max", "_memory", "_wait", "asked")

    _base: i64
    _max: i64

    def __init__(self, config: LikeBreakerConfig) -> None:
        self._base = config.open_for
        self._growth = config.growth
        self._factor = config.open_factor
        self._max = config.open_max or LONGEST
        self._expression = Expression(config.open_expression, OPEN_TIME_ARGUMENTS) if config.open_expression else None
        self._wait = Wait(config.open_wait[0]) if config.open_wait else None
        self._memory = Memory()
        self.asked: list[float] = []

    def wait(self, now: i64, openings: i64, half_opens: i64, tally: Tally, unit: float) -> i64:
        """Nanoseconds for the opening number ``openings`` since it was closed."""
        growth = self._growth
        if growth == "expression" and self._expression is not None:
            tally.look(now)  # reading health is what ages it
            rate = float(tally.bad) / float(tally.total) if tally.total else 0.0
            self.asked = [float(half_opens), rate, float(tally.bad)]
            seconds = self._expression.value(self.asked * 2)
            return int(min(seconds * 1e9 + 0.5, float(LONGEST))) if seconds > 0.0 else 0  # 0 if it is no number, too
        if growth == "exponential":
            steps = self._base // MILLI
            for _ in range(openings - 1):
                steps = int(min(float(steps) * self._factor, float(LONGEST // MILLI)))
            return min(steps * MILLI, self._max)
        if growth == "waits" and self._wait is not None:
            if openings <= 1:
                self._memory = Memory()
            return int(min(self._wait.wait(openings, self._memory, OneDraw(unit)), float(LONGEST)) + 0.5)
        if growth == "jittered" and openings > 1:
            half = float(self._base) * 2.0 ** min(float(openings - 1), 62.0)
            return int(min(half + half * unit, float(self._max)))
        return self._base


def _window_of(config: LikeBreakerConfig) -> tuple[str, int, int, int]:
    """What decides how results are counted."""
    return config.window, config.window_calls, config.window_time, config.slices


class Change:
    """One change of state; ``x`` and ``y`` as kernel/events.py lists them beside each reason."""

    __slots__ = ("at", "new", "old", "why", "x", "y")

    at: i64
    old: i64
    new: i64
    why: i64
    x: i64
    y: i64

    def __init__(self, at: i64, old: i64, new: i64, why: i64, x: i64, y: i64) -> None:
        self.at = at
        self.old = old
        self.new = new
        self.why = why
        self.x = x
        self.y = y


class RuleBreaker:
    """States, counts and timers. ``blocked_until``: when OPEN may be left; Polly tells it half open, too."""

    __slots__ = (
        "_admits_all", "_automatic", "_config", "_counts_calls", "_entered", "_every", "_expiry", "_forgets",
        "_half_open_due", "_late_timers", "_makes_wait", "_next_tick", "_open_since", "_open_wait", "_permits",
        "_recycles", "_strictly", "_ticks", "_touch", "_trips", "_unit", "_verdict", "blocked_until", "changes",
        "generation", "half_opens", "open_time", "openings", "probing", "rules", "state", "successes", "tally",
    )  # fmt: skip

    state: i64
    generation: i64
    successes: i64
    openings: i64  # without closing in between
    half_opens: i64
    probing: i64  # probes under way; counted by the caller
    blocked_until: i64
    _permits: i64
    _expiry: i64
    _entered: i64
    _open_since: i64  # unlike the entry, not moved by a late failure that opens it again
    _half_open_due: i64
    _next_tick: i64
    _open_wait: i64  # how long this opening lasts
    _unit: float

    def __init__(self, config: LikeBreakerConfig, now: i64) -> None:
        rules = config.rules
        self._config = config
        self.rules = rules
        self._every = rules.judged_on == "every"
        self._ticks = rules.judged_on == "tick"
        self._touch = rules.leaves_on == "touch"
        self._strictly = rules.leaves_open == "after"
        self._admits_all = rules.admits == "all"
        self._recycles = rules.admits == "concurrent"
        self._forgets = rules.late == "dropped"
        self._makes_wait = rules.admits == "waiting"
        self._counts_calls = rules.counts == "calls"
        self._verdict = rules.verdict
        self._automatic = config.automatic
        self._trips = Trips(config)
        self.open_time = OpenTime(config)
        self.changes: list[Change] = []
        self.state = CLOSED
        self.generation = 0
        self.successes = 0
        self.openings = 0
        self.half_opens = 0
        self.probing = 0
        self.blocked_until = now
        self._permits = 0
        self._expiry = NEVER
        self._entered = now
        self._open_since = now
        self._open_wait = 0
        self._half_open_due = NEVER
        self._next_tick = NEVER
        self._late_timers: list[tuple[int, int]] = []
        self._unit = 0.5
        self.tally = make_tally(config, now)
        self._begin_interval(now)
        if config.initial != CLOSED:
            self._become(config.initial, WHY_MANUAL, 0, 0, now)
            self.changes.clear()

    def reconfigure(self, config: LikeBreakerConfig, now: i64) -> None:
        """Other settings from now on, as where a library reads them at each use (pybreaker).

        Counts are kept by the same window, else begun anew.
        """
        before = self._config
        self._config = config
        self._automatic = config.automatic
        self._trips = Trips(config)
        self.open_time = OpenTime(config)
        if self.state == OPEN and config.open_for != before.open_for:
            self.blocked_until = self._entered + config.open_for
        if self.state == HALF_OPEN:
            self._permits = max(0, self._permits + config.probes - before.probes)
            if config.half_open_for != before.half_open_for:
                self._half_open_due = self._entered + config.half_open_for if config.half_open_for else NEVER
        if self.state == HALF_OPEN and self.rules.probes_apart:
            if config.probe_ring != before.probe_ring:
                self.tally = RingTally(config.probe_min, config.probe_ring)
            self.tally.min_calls = config.probe_min
        elif self.state not in {FORCED_OPEN, DISABLED}:
            if _window_of(config) != _window_of(before):
                self.tally = make_tally(config, now)
                self._begin_interval(now)
            self.tally.take(config)

    # --- asking ---

    def admit(self, now: i64) -> i64:
        """A token to report the result with, :data:`REJECTED_CALL` or :data:`WAITING_CALL`."""
        if self._touch:
            self._settle(now)
        state = self.state
        if state == OPEN and self._may_leave(now):
            self._half_open(now)
            state = HALF_OPEN
        admitted = True
        if state in {OPEN, FORCED_OPEN, ISOLATED}:
            admitted = False
        elif state == HALF_OPEN and not self._admits_all:
            admitted = self._permits > 0
            if admitted:
                self._permits -= 1
        if not admitted:
            if state == HALF_OPEN and self._makes_wait:
                return WAITING_CALL
            self.tally.rejected += 1
            if self._counts_calls:
                self.tally.request(now)
            return REJECTED_CALL
        self.tally.request(now)
        return self.generation << _STATE_BITS | state

    def is_late(self, token: i64) -> bool:
        """Whether a call was let in before the last change of state."""
        return token >> _STATE_BITS != self.generation

    @staticmethod
    def state_of(token: i64) -> i64:
        """The state a call was let in."""
        return token & ((1 << _STATE_BITS) - 1)

    # --- reporting ---

    def result(self, now: i64, token: i64, since: i64, kind: i64, slow: i64, unit: float) -> None:
        """A call let in at ``since`` has ended. ``unit``: a number of [0, 1) for who draws the open time."""
        self._unit = unit
        if self._touch:
            self._settle(now)
        if self._forgets and self.is_late(token):
            return
        rules = self.rules
        how = rules.cancelled if kind == CANCELLED_CALL else rules.ignored if kind == IGNORED else ""
        if how == "released":
            self.tally.exclude(now, since)
            self.release()
            return
        if how == "nothing":
            return
        if how == "answers":
            if self.state == HALF_OPEN == self.state_of(token):
                self._become(CLOSED, WHY_PROBES_SUCCEEDED, 1, 1, now)
            return
        if how == "reopens":
            if self.state == HALF_OPEN and not self.is_late(token):
                self._become(OPEN, WHY_PROBE_FAILED, 0, 0, now)
            return
        bad: i64 = 1 if kind == BAD or how == "failure" else 0
        handler = self.state_of(token) if rules.late == "admitting" else self.state
        if handler == HALF_OPEN:
            self._judge(now, since, bad, slow)
        elif handler == CLOSED:
            self.tally.add(now, since, bad, slow)
            if self._ticks:
                if self._next_tick == NEVER:
                    self._next_tick = (now // TICK + 1) * TICK
            elif (self._every or bad) and now >= self._config.warm_up:
                self._look(now)
        elif handler == METRICS_ONLY or (handler in {OPEN, ISOLATED} and rules.open_counts):
            self.tally.add(now, since, bad, slow)
            if handler == OPEN and rules.open_from == "error":
                self.blocked_until = self._open_begins(self._entered) + self._open_wait

    def _judge(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """HALF_OPEN: what one more result means."""
        verdict = self._verdict
        tally = self.tally
        generation = self.generation
        if verdict == "first":
            self._count_probe(now, since, bad, slow)
            if self.state != HALF_OPEN:  # late, where the state that let a call in takes its result
                return
            if bad:
                self._become(OPEN, WHY_PROBE_FAILED, 0, 0, now)
            else:
                self._become(CLOSED, WHY_PROBES_SUCCEEDED, 1, 1, now)
            return
        tally.add(now, since, bad, slow)
        if verdict == "run":
            if bad:
                self._become(OPEN, WHY_PROBE_FAILED if self.state == HALF_OPEN else WHY_REOPENED, 0, 0, now)
            else:
                self.successes += 1
                if self.successes >= self._config.successes:
                    self._become(CLOSED, WHY_PROBES_SUCCEEDED, self.successes, self._config.successes, now)
        elif verdict == "sample":
            if tally.total >= tally.min_calls:
                if self._trips.due(tally, now):
                    self._become(OPEN, WHY_PROBES_BAD, self._trips.x, self._trips.y, now)
                else:
                    self._become(CLOSED, WHY_PROBES_SUCCEEDED, tally.total - tally.bad, tally.total, now)
        else:
            self._balance(now, tally)
        if self._recycles and self.generation == generation:
            self._permits += 1

    def _count_probe(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """Where the one result that decides is counted as well."""
        how = self.rules.probe_counts
        if how == "anew" and not bad:
            self.tally = make_tally(self._config, now)
        if how != "no":
            self.tally.add(now, since, bad, slow)

    def _balance(self, now: i64, tally: Tally) -> None:
        """failsafe-go, circuitstates.go: successes are looked at before failures."""
        trips = self._trips
        if trips.enough_successes(tally):
            self._become(CLOSED, WHY_PROBES_SUCCEEDED, tally.total - tally.bad, tally.total, now)
        elif trips.too_many_failures(tally):
            self._become(OPEN, WHY_PROBES_BAD, tally.bad, tally.total, now)

    # --- by touch ---

    def read(self, now: i64) -> i64:
        """The state, and what reading it does."""
        if self._touch:
            self._settle(now)
        return self.state

    def _may_leave(self, now: i64) -> bool:
        return now > self.blocked_until or (now == self.blocked_until and not self._strictly)

    def _settle(self, now: i64) -> None:
        """What any call, result or reading brings up to date (gobreaker, currentState)."""
        if self.state == CLOSED:
            if now > self._expiry:
                self.generation += 1
                self.tally = make_tally(self._config, now)
                self._begin_interval(now)
            else:
                self.tally.look(now)
        elif self.state == OPEN and self._may_leave(now):
            self._half_open(now)

    def _begin_interval(self, now: i64) -> None:
        timed = self.state == CLOSED and self._config.window == "interval"
        self._expiry = now + self._config.window_time if timed else NEVER

    def release(self) -> None:
        """An admitted call proves nothing: its place, if it had one, is free again."""
        if self.state == HALF_OPEN:
            self._permits += 1

    # --- time ---

    @property
    def due(self) -> int:
        """When :meth:`on_time` must be called next."""
        when = NEVER
        if self.state == OPEN and self._automatic:
            when = self.blocked_until
        elif self.state == HALF_OPEN:
            when = self._half_open_due
        elif self.state == CLOSED:
            when = self._next_tick
        for at, _ in self._late_timers:
            when = min(when, at)
        return when

    def on_time(self, now: i64) -> None:
        """Timers due by now. Those a reset left behind still do what they were for, where that is legal."""
        for timer in list(self._late_timers):
            at, target = timer
            if at <= now:
                self._late_timers.remove(timer)
                if (self.state, target) not in self.rules.illegal:
                    self._become(target, WHY_RECOVERY_TIME, 0, 0, at)
        if self.state == OPEN and self._automatic and now >= self.blocked_until:
            self._half_open(self.blocked_until)
        elif self.state == HALF_OPEN and now >= self._half_open_due:
            took = (self._half_open_due - self._entered) // 1_000_000
            self._become(self._config.half_open_to, WHY_HALF_OPEN_TOO_LONG, took, 0, self._half_open_due)
        while self.state == CLOSED and now >= self._next_tick:
            # Look at the slices that were complete just before the tick; none are left when nothing came for long.
            tick = self._next_tick
            self.tally.look(tick - 1)
            self._next_tick = tick + TICK if self.tally.total else NEVER
            self._look(tick)

    # --- by hand ---

    def force(self, now: i64, target: i64, lasts: i64) -> bool:
        """A manual transition, for OPEN with its own duration unless that is -1. False: it is illegal."""
        if (self.state, target) in self.rules.illegal:
            return False
        if target == self.state and self.rules.manual == "changed":
            return True
        if target == HALF_OPEN:
            self._half_open(now)
            self.changes[-1].why = WHY_MANUAL
        else:
            self._become(target, WHY_MANUAL, 0, 0, now)
        if target == OPEN and lasts >= 0:
            self.blocked_until = now + lasts
        return True

    def reset(self, now: i64) -> None:
        """Begin anew. A timer that runs is not stopped (resilience4j: no preTransitionHook)."""
        if self.due != NEVER:
            target = HALF_OPEN if self.state == OPEN else self._config.half_open_to
            self._late_timers.append((self.due, target))
        self._become(CLOSED, WHY_MANUAL, 0, 0, now)

    # --- states ---

    def _half_open(self, now: i64) -> None:
        waited = (now - self._open_since) // 1_000_000
        self._become(HALF_OPEN, WHY_RECOVERY_TIME, waited, 0, now)
        self.half_opens += 1
        self.blocked_until = now + self._config.open_for

    def _become(self, state: i64, why: i64, x: i64, y: i64, now: i64) -> None:
        old = self.state
        config = self._config
        if state == OPEN:
            self.openings += 1
            self._open_wait = self.open_time.wait(now, self.openings, self.half_opens, self.tally, self._unit)
            self.blocked_until = self._open_begins(now) + self._open_wait
        elif state == FORCED_OPEN:
            self.openings += 1
        elif state == ISOLATED:
            self.open_time.wait(now, self.openings, self.half_opens, self.tally, self._unit)
        elif state != HALF_OPEN:
            self.openings = 0
            self.half_opens = 0
        if old != OPEN:
            self._open_since = now
        self.state = state
        self.generation += 1
        self._entered = now
        self.successes = 0
        self.probing = 0
        if state in self.rules.fresh:
            if state == HALF_OPEN and self.rules.probes_apart:
                self.tally = RingTally(config.probe_min, config.probe_ring)
            elif state in {FORCED_OPEN, DISABLED}:
                self.tally = RingTally(0, 0)
            else:
                self.tally = make_tally(config, now)
        self._begin_interval(now)
        self._next_tick = NEVER
        if state == HALF_OPEN:
            self._permits = config.probes
            self._half_open_due = now + config.half_open_for if config.half_open_for else NEVER
        self.changes.append(Change(now, old, state, why, x, y))

    def _open_begins(self, opened: i64) -> i64:
        """When the open time begins to run."""
        tally = self.tally
        if self.rules.open_from == "error" and isinstance(tally, ErrorTally) and tally.last() >= 0:
            return tally.last()
        return opened

    def _look(self, now: i64) -> None:
        """Whether to trip. Under ``admitting`` rules an open breaker may open again: its time starts anew."""
        trips = self._trips
        if self.state in {OPEN, ISOLATED} and not self.rules.extends:
            return
        if trips.due(self.tally, now):
            why = trips.why if self.state == CLOSED else WHY_REOPENED
            self._become(OPEN, why, trips.x, trips.y, now)

    # --- for people ---

    def gauges(self, now: i64) -> Gauges:
        """The counts at ``now`` and what they are compared with, as ``PolicyLayer.gauges`` has them."""
        config = self._config
        tally = self.tally
        total, bad, slow = tally.counts(now)
        found: Gauges = {
            "in_a_row": int(tally.run_bad) if total == tally.total else min(int(tally.run_bad), bad),
            "threshold": config.consecutive,
            "total": total,
            "bad": bad,
            "slow": slow,
            "min_calls": config.min_calls,
            "failures": 0 if config.failure_share else config.failures,
            "share": config.failure_share,
            "slow_share": config.slow_share,
            "until": int(self.blocked_until),
            "probing": int(self.probing),
            "succeeded": int(self.successes),
            "needed": config.successes,
        }
        if self.state == HALF_OPEN and self._verdict in {"sample", "balance"}:
            found["succeeded"] = total - bad
            found["needed"] = int(tally.min_calls) if self._verdict == "sample" else config.successes
        elif self._verdict == "first":
            found["needed"] = 1
        return found
