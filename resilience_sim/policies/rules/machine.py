"""The states of a rule-driven breaker and every way between them: by time, by touch, by hand.

Owns the state, its counts and its timers. What calls and their results do is rules/breaker.py, built on this.
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
    WHY_RECOVERY_TIME,
    WHY_REOPENED,
)
from resilience_sim.policies.config_like import DISABLED, FORCED_OPEN, ISOLATED, LikeBreakerConfig
from resilience_sim.policies.rules.open_time import OpenTime
from resilience_sim.policies.rules.tallies import RingTally, make_tally
from resilience_sim.policies.rules.trips import Trips

NEVER: Final = (1 << 62) - 1
TICK: Final = 500_000_000  # Hystrix: metrics.healthSnapshot.intervalInMilliseconds


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


class Machine:
    """States, counts and timers. ``blocked_until``: when OPEN may be left; Polly tells it half open, too."""

    __slots__ = (
        "_admits_all", "_automatic", "_config", "_entered", "_every", "_expiry", "_forgets", "_half_open_due",
        "_late_timers", "_next_tick", "_open_since", "_permits", "_recycles", "_strictly", "_ticks", "_touch",
        "_trips", "_unit", "_verdict", "blocked_until", "changes", "generation", "half_opens", "open_time",
        "openings", "probing", "rules", "state", "successes", "tally",
    )  # fmt: skip

    state: i64
    generation: i64
    successes: i64
    openings: i64  # without closing in between
    half_opens: i64
    probing: i64  # probes under way; whoever drives the machine counts them
    blocked_until: i64
    _permits: i64
    _expiry: i64
    _entered: i64
    _open_since: i64  # unlike the entry, not moved by a late failure that opens it again
    _half_open_due: i64
    _next_tick: i64
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
        self._half_open_due = NEVER
        self._next_tick = NEVER
        self._late_timers: list[tuple[int, int]] = []
        self._unit = 0.5
        self.tally = make_tally(config, now)
        self._begin_interval(now)
        if config.initial != CLOSED:
            self._become(config.initial, WHY_MANUAL, 0, 0, now)
            self.changes.clear()

    def reconfigure(self, config: LikeBreakerConfig) -> None:
        """Other settings from now on, as where a library reads them at each use (pybreaker)."""
        self._config = config
        self._trips = Trips(config)
        self.open_time = OpenTime(config)
        if self.state == OPEN:
            self.blocked_until = self._entered + config.open_for

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
        """A call let in proves nothing: its place, if it may have had one, is free (whoever it belonged to)."""
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
            wait = self.open_time.wait(now, self.openings, self.half_opens, self.tally, self._unit)
            self.blocked_until = now + wait
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

    def _look(self, now: i64) -> None:
        """Whether to trip. Under ``admitting`` rules an open breaker may open again: its time starts anew."""
        trips = self._trips
        if trips.due(self.tally, now):
            why = trips.why if self.state == CLOSED else WHY_REOPENED
            self._become(OPEN, why, trips.x, trips.y, now)
