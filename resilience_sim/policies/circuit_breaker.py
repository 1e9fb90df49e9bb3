"""Circuit breaker: stop calling what fails, and find out carefully whether it is back.

:class:`CircuitBreaker` follows the rules of ``classic``: :data:`TRANSITIONS` is the whole state machine,
:func:`diagram` draws it for the documentation, and :meth:`CircuitBreaker._become` refuses anything else.
:class:`LibraryBreaker` is the layer around the machine of rules/breaker.py, which follows a library.

Under ``classic`` rules a result belongs to the state its call was admitted in. When the breaker has changed state
since, the result changes nothing, and a ``late_result`` event says so (gobreaker's generations; pybreaker, by contrast,
lets it act). A call that was cancelled proves nothing; a cancelled probe gives its place back.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    ADMITTED_LATE,
    BREAKER,
    BREAKER_OPEN,
    CLOSED,
    FALLBACK,
    HALF_OPEN,
    LATE_RESULT,
    OPEN,
    PROBE,
    QUEUED,
    STATE_NAMES,
    SUCCESS,
    TIMED_OUT,
    TIMEOUT,
    TRIES,
    WHY_CONSECUTIVE,
    WHY_FAILURE_SHARE,
    WHY_MANUAL,
    WHY_MANUAL_RESET,
    WHY_PROBE_FAILED,
    WHY_PROBE_SLOW,
    WHY_PROBES_SUCCEEDED,
    WHY_RECOVERY_TIME,
    WHY_RESTART,
    WHY_SLOW_SHARE,
    pack_change,
    pack_pair,
    pack_states,
)
from resilience_sim.kernel.frames import Clock, Frame, Layer, Timer, answer, cancel_child
from resilience_sim.policies.layer import Gauges, PolicyLayer, outcome_set
from resilience_sim.policies.rules.breaker import (
    BAD,
    CANCELLED_CALL,
    GOOD,
    IGNORED,
    NEVER,
    REJECTED_CALL,
    WAITING_CALL,
    RuleBreaker,
)
from resilience_sim.policies.rules.retry import JITTERS, NO_JITTER, is_random, jittered
from resilience_sim.policies.windows import Window
from resilience_sim.settings.breaker import BreakerConfig, LikeBreakerConfig
from resilience_sim.settings.policy import PolicyConfig

TRANSITIONS: dict[tuple[int, int], tuple[int, str]] = {
    (CLOSED, WHY_CONSECUTIVE): (OPEN, "failures in a row reach the threshold"),
    (CLOSED, WHY_FAILURE_SHARE): (OPEN, "failure share of the window reaches the threshold"),
    (CLOSED, WHY_SLOW_SHARE): (OPEN, "slow share of the window reaches the threshold"),
    (OPEN, WHY_RECOVERY_TIME): (HALF_OPEN, "a call comes later than the recovery time"),
    (HALF_OPEN, WHY_PROBE_FAILED): (OPEN, "a probe fails"),
    (HALF_OPEN, WHY_PROBE_SLOW): (OPEN, "a probe is slow"),
    (HALF_OPEN, WHY_PROBES_SUCCEEDED): (CLOSED, "enough probes succeed"),
    (OPEN, WHY_RESTART): (CLOSED, "the client instance comes back with fresh state"),
    (HALF_OPEN, WHY_RESTART): (CLOSED, "the client instance comes back with fresh state"),
    (CLOSED, WHY_MANUAL): (OPEN, "opened by hand"),
    (HALF_OPEN, WHY_MANUAL): (OPEN, "opened by hand"),
    (OPEN, WHY_MANUAL_RESET): (CLOSED, "closed by hand"),
    (HALF_OPEN, WHY_MANUAL_RESET): (CLOSED, "closed by hand"),
}

_ROUNDING: Final = 1e-9  # 0.3 * 10 is 2.9999999999999996; the threshold itself must trip
_LONGEST: Final = 1 << 61  # ns; limit of a growing open time


def diagram() -> str:
    """The state machine as a Mermaid diagram, drawn from :data:`TRANSITIONS`."""
    lines = ["stateDiagram-v2", f"    [*] --> {STATE_NAMES[CLOSED]}"]
    for (old, _), (new, text) in TRANSITIONS.items():
        lines.append(f"    {STATE_NAMES[old]} --> {STATE_NAMES[new]}: {text}")
    return "\n".join(lines)


class CircuitBreaker(PolicyLayer):
    """The rules of ``classic``. A frame's ``k`` is the generation it was admitted in, ``x`` the instant."""

    __slots__ = (
        "_admitted_state", "_config", "_failure_share", "_full", "_generation", "_ignore", "_in_a_row", "_jitter",
        "_luck", "_min_calls", "_most_bad", "_open_factor", "_open_for", "_open_max", "_open_now", "_opened_at",
        "_probes", "_probing", "_recovery_time", "_slow_call", "_slow_share", "_spread", "_succeeded",
        "_success_threshold", "_threshold", "_window", "state",
    )  # fmt: skip

    state: i64
    _threshold: i64
    _min_calls: i64
    _full: i64  # results in a full window of calls,
    _most_bad: i64  # and how many failures among these do not trip it yet
    _recovery_time: i64
    _probes: i64
    _success_threshold: i64
    _slow_call: i64
    _ignore: i64
    _generation: i64
    _in_a_row: i64
    _opened_at: i64
    _open_for: i64  # before jitter
    _open_now: i64
    _luck: float  # of this opening
    _jitter: i64
    _open_max: i64
    _probing: i64
    _succeeded: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: BreakerConfig) -> None:
        super().__init__(sim, source, inner)
        self._window: Final = Window(config.window_calls, config.window_time)
        self._admitted_state: dict[int, int] = {}  # generation -> state, only while calls of it may be under way
        self.state = CLOSED
        self._generation = 0
        self._in_a_row = 0
        self._opened_at = 0
        self._open_for = config.recovery_time
        self._open_now = config.recovery_time
        self._luck = 0.5
        self._probing = 0
        self._succeeded = 0
        # What is set before anything is called with self costs no check when it is read (ARCHITECTURE.md).
        self._threshold = 0
        self._slow_call = 0
        self._ignore = 0
        self._min_calls = 0
        self._full = 0
        self._most_bad = 0
        self._take(config)

    def _take(self, config: BreakerConfig) -> None:
        self._config = config
        self._threshold = config.consecutive
        self._failure_share = config.failure_share
        self._min_calls = config.min_calls
        self._full = config.window_calls
        self._most_bad = int(self._failure_share * float(self._full)) + 1
        while self._reaches_share(self._most_bad, self._full):
            self._most_bad -= 1
        self._recovery_time = config.recovery_time
        self._probes = config.probes
        self._success_threshold = config.success_threshold
        self._slow_call = config.slow_call
        self._slow_share = config.slow_share
        self._open_factor = config.open_factor
        self._open_max = config.open_max
        self._ignore = outcome_set(config.uncounted)
        self._jitter = JITTERS[config.jitter]
        self._spread = config.spread

    def reconfigure(self, config: PolicyConfig) -> bool:
        before = self._config
        if not isinstance(config, BreakerConfig) or before.like != config.like:
            return False
        self._take(config)
        if before.recovery_time != config.recovery_time:
            self._open_for = config.recovery_time
        self._draw()
        if before.window_calls != config.window_calls or before.window_time != config.window_time:
            self._window.renew(config.window_calls, config.window_time)
        return True

    # --- calls ---

    def enter(self, parent: Frame) -> None:
        now = self.sim.now
        if self.state != CLOSED and not self._admits(now, parent.req.rid):
            left = max(0, self._opened_at + self._open_now - now) if self.state == OPEN else 0
            self.reject(parent, BREAKER_OPEN, left)
            return
        f = Frame(self, parent)
        f.k = self._generation
        f.x = now
        self.inner.enter(f)

    def _admits(self, now: i64, rid: i64) -> bool:
        """Whether a call may pass though the breaker is not CLOSED; OPEN ends with the first late enough call."""
        if self.state == OPEN:
            waited = now - self._opened_at
            if waited <= self._open_now:
                return False
            self._become(HALF_OPEN, WHY_RECOVERY_TIME, rid, pack_pair(waited // 1_000_000, 0))
        if self._probing >= self._probes:
            return False
        self._probing += 1
        self.sim.sink.emit(now, PROBE, self.source, rid, self._probing, self._succeeded)
        return True

    def on_result(self, f: Frame, outcome: i64) -> None:
        if f.k != self._generation:
            was = self._admitted_state.get(f.k, CLOSED)
            sim = self.sim
            sim.sink.emit(sim.now, LATE_RESULT, self.source, f.req.rid, outcome, pack_states(was, self.state))
        elif self.state == CLOSED:
            self._record(f, outcome)
        else:
            self._judge(f, outcome)
        answer(f, outcome)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """A cancelled call proves nothing; a probe gives its place back."""
        if f.k == self._generation and self.state == HALF_OPEN:
            self._probing -= 1
        super().on_cancel(f, why, stop_work)

    def on_timer(self, f: Frame) -> None:
        """Never: OPEN is left by a call, not by a timer."""
        raise AssertionError("a classic breaker has no timers")

    # --- what results mean ---

    def _record(self, f: Frame, outcome: i64) -> None:
        """CLOSED: count the result, then look whether to trip, after a success too."""
        if self._ignore >> outcome & 1:
            return
        now = self.sim.now
        failed: i64 = 1 if outcome > FALLBACK else 0
        slow: i64 = 1 if self._slow_call and now - f.x > self._slow_call else 0
        if self._threshold:
            self._in_a_row = self._in_a_row + 1 if failed else 0
            if self._in_a_row >= self._threshold:
                self._become(OPEN, WHY_CONSECUTIVE, f.req.rid, pack_pair(self._in_a_row, self._threshold))
                return
            if not self._slow_call:
                return
        window = self._window
        window.add(now, failed, slow)
        if window.total < self._min_calls:
            return
        if window.total == self._full:  # nearly always
            many = window.bad > self._most_bad
        else:
            many = self._reaches_share(window.bad, window.total)
        if many and not self._threshold:
            self._become(OPEN, WHY_FAILURE_SHARE, f.req.rid, pack_pair(window.bad, window.total))
        elif self._slow_call and float(window.slow) + _ROUNDING >= self._slow_share * float(window.total):
            self._become(OPEN, WHY_SLOW_SHARE, f.req.rid, pack_pair(window.slow, window.total))

    def _reaches_share(self, bad: i64, total: i64) -> bool:
        """Whether so many failures are too many."""
        return float(bad) + _ROUNDING >= self._failure_share * float(total)

    def _judge(self, f: Frame, outcome: i64) -> None:
        """HALF-OPEN: one failed or slow probe re-opens, enough good ones close. (OPEN admits nobody.)"""
        self._probing -= 1
        if self._ignore >> outcome & 1:
            return
        took = self.sim.now - f.x
        if outcome > FALLBACK:
            self._become(OPEN, WHY_PROBE_FAILED, f.req.rid, pack_pair(outcome, 0))
        elif self._slow_call and took > self._slow_call:
            self._become(OPEN, WHY_PROBE_SLOW, f.req.rid, pack_pair(took // 1_000_000, 0))
        else:
            self._succeeded += 1
            if self._succeeded >= self._success_threshold:
                numbers = pack_pair(self._succeeded, self._success_threshold)
                self._become(CLOSED, WHY_PROBES_SUCCEEDED, f.req.rid, numbers)

    # --- states ---

    def _become(self, state: i64, why: i64, rid: i64, numbers: i64) -> None:
        """Change state, by the table only, and start a new generation."""
        old = self.state
        new, _ = TRANSITIONS[old, why]
        assert new == state
        sim = self.sim
        if state == OPEN:
            self._opened_at = sim.now
            if old == HALF_OPEN:
                grown = int(float(self._open_for) * self._open_factor + 0.5)
                self._open_for = min(grown, self._open_max or _LONGEST)
            if self._jitter != NO_JITTER:  # by hand it belongs to no request, but to this instance's layer
                key = rid if rid >= 0 else -1 - self.source
                self._luck = sim.rng.uniform(self.purpose, key, self._generation)
            self._draw()
        elif state == CLOSED:
            self._open_for = self._recovery_time
        self._admitted_state[self._generation] = old
        if len(self._admitted_state) > 64:
            del self._admitted_state[self._generation - 64]
        self.state = state
        self._generation += 1
        self._in_a_row = 0
        self._window.clear()
        self._probing = 0
        self._succeeded = 0
        sim.sink.emit(sim.now, BREAKER, self.source, rid, pack_change(old, state, why), numbers)

    def _draw(self) -> None:
        """How long it stays open this time: drawn, then capped."""
        drawn = jittered(float(self._open_for), self._jitter, self._spread, self._luck)
        self._open_now = min(int(drawn + 0.5), self._open_max or _LONGEST)

    def restart(self) -> None:
        if self.state != CLOSED:
            self._become(CLOSED, WHY_RESTART, -1, 0)

    def trip(self) -> bool:
        if self.state != OPEN:
            self._become(OPEN, WHY_MANUAL, -1, 0)
        return True

    def reset(self) -> bool:
        if self.state != CLOSED:
            self._become(CLOSED, WHY_MANUAL_RESET, -1, 0)
        return True

    def gauges(self, now: i64) -> Gauges:
        total, bad, slow = self._window.counts(now)
        return {
            "in_a_row": int(self._in_a_row),
            "threshold": int(self._threshold),
            "total": total,
            "bad": bad,
            "slow": slow,
            "min_calls": int(self._min_calls),
            "share": self._failure_share,
            "slow_share": self._slow_share,
            "until": int(self._opened_at) + int(self._open_now),
            "probing": int(self._probing),
            "probes": int(self._probes),
            "succeeded": int(self._succeeded),
            "needed": int(self._success_threshold),
        }


class LibraryBreaker(PolicyLayer):
    """The rules of a library. Whether a late result counts is its rule; the event ``late_result`` is sent either way.

    The timers of the libraries that have any never keep a run going by themselves. A frame's ``k`` is the token it was
    admitted with, ``x`` the instant; or ``k`` is WAITING_CALL and ``x`` the instant it came.
    """

    __slots__ = (
        "_config", "_draws", "_good", "_ignore", "_machine", "_own_error", "_probe_timeout", "_slow_call", "_timer",
        "_waiting",
    )  # fmt: skip

    _slow_call: i64
    _ignore: i64
    _good: i64
    _probe_timeout: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: LikeBreakerConfig) -> None:
        super().__init__(sim, source, inner)
        self._machine = RuleBreaker(config, 0)
        self._timer: Timer | None = None
        self._waiting: list[Frame] = []  # for the verdict on a probe, in the order they came
        self._take(config)

    def _take(self, config: LikeBreakerConfig) -> None:
        self._config = config
        self._slow_call = config.slow_call
        self._ignore = outcome_set(config.uncounted)
        self._good = outcome_set((SUCCESS, FALLBACK, *config.harmless))
        self._draws = config.growth == "jittered" or any(map(is_random, config.open_wait))
        self._probe_timeout = config.probe_timeout
        self._own_error = config.own_error

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, LikeBreakerConfig) or config.rules != self._config.rules:
            return False
        self._take(config)
        self._machine.reconfigure(config, self.sim.now)
        self._tell(-1, 0)
        return True

    def enter(self, parent: Frame) -> None:
        sim = self.sim
        now = sim.now
        machine = self._machine
        rid = parent.req.rid
        token: i64 = machine.admit(now)
        self._tell(rid, 0)
        if token == REJECTED_CALL:
            left = max(0, machine.blocked_until - now) if machine.state == OPEN else 0
            self.reject(parent, BREAKER_OPEN, left)
            return
        f = Frame(self, parent)
        f.x = now
        if token == WAITING_CALL:
            f.k = WAITING_CALL
            self._waiting.append(f)
            sim.sink.emit(now, QUEUED, self.source, rid, len(self._waiting), -1)
            return
        self._let_in(f, token)

    def _let_in(self, f: Frame, token: i64) -> None:
        machine = self._machine
        f.k = token
        if machine.state == HALF_OPEN:
            sim = self.sim
            machine.probing += 1
            sim.sink.emit(sim.now, PROBE, self.source, f.req.rid, machine.probing, machine.successes)
            if self._probe_timeout:
                sim.schedule(sim.now + self._probe_timeout, f)
        self.inner.enter(f)

    def _ask_again(self, f: Frame) -> None:
        """The verdict on the probe has fallen: a call that waited for it is as one that comes now."""
        sim = self.sim
        now = sim.now
        machine = self._machine
        rid = f.req.rid
        token: i64 = machine.admit(now)
        self._tell(rid, 0)
        if token == WAITING_CALL:
            self._waiting.append(f)
            return
        if token == REJECTED_CALL:
            left = max(0, machine.blocked_until - now) if machine.state == OPEN else 0
            self.reject_waiting(f, BREAKER_OPEN, left)
            return
        sim.sink.emit(now, ADMITTED_LATE, self.source, rid, len(self._waiting), now - f.x)
        f.x = now
        self._let_in(f, token)

    def shut_down(self) -> None:
        self._waiting.clear()

    def on_result(self, f: Frame, outcome: i64) -> None:
        f.armed = False
        kind = IGNORED if self._ignore >> outcome & 1 else GOOD if self._good >> outcome & 1 else BAD
        tripped = self._report(f, kind, outcome)
        answer(f, BREAKER_OPEN if tripped and self._own_error else outcome)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        if f.k == WAITING_CALL:
            if f in self._waiting:
                self._waiting.remove(f)
        else:
            self._report(f, CANCELLED_CALL, why)
        super().on_cancel(f, why, stop_work)

    def _report(self, f: Frame, kind: i64, outcome: i64) -> bool:
        """Tell the machine of a result; whether it opened by that."""
        sim = self.sim
        now = sim.now
        machine = self._machine
        if machine.is_late(f.k):
            if kind != CANCELLED_CALL:
                states = pack_states(machine.state_of(f.k), machine.state)
                sim.sink.emit(now, LATE_RESULT, self.source, f.req.rid, outcome, states)
        elif machine.state == HALF_OPEN:
            machine.probing -= 1
        slow = 1 if self._slow_call and now - f.x > self._slow_call else 0
        unit = 0.0
        if self._draws:
            req = f.req
            tries = req.attempts & TRIES
            unit = sim.rng.uniform(self.fresh(req, tries), req.luck, tries)
        machine.result(now, f.k, f.x, kind, slow, unit)
        tripped = bool(machine.changes) and machine.changes[-1].new == OPEN
        self._tell(f.req.rid, outcome)
        return tripped

    # --- timers ---

    def on_timer(self, f: Frame) -> None:
        """A call that waited, a probe that takes too long, or a library whose states change by time alone."""
        if not isinstance(f, Timer):
            if f.k == WAITING_CALL:
                self._ask_again(f)
            else:
                sim = self.sim
                sim.sink.emit(sim.now, TIMED_OUT, self.source, f.req.rid, self._probe_timeout, 0)
                cancel_child(f, TIMEOUT, False)
                self.on_result(f, TIMEOUT)
            return
        self._timer = None
        self._machine.on_time(self.sim.now)
        self._tell(-1, 0)

    def _tell(self, rid: i64, outcome: i64) -> None:
        """Emit the changes of state, and keep the timer at the machine's next deadline."""
        machine = self._machine
        if machine.changes:
            sim = self.sim
            for change in machine.changes:
                if change.old == change.new:
                    continue  # a late failure makes it stay open longer (pybreaker): the event above says so
                x = outcome if change.why == WHY_PROBE_FAILED else change.x
                packed = pack_change(change.old, change.new, change.why)
                sim.sink.emit(sim.now, BREAKER, self.source, rid, packed, pack_pair(x, change.y))
            machine.changes.clear()
            if self._waiting and machine.state != HALF_OPEN:
                for f in self._waiting:  # in the order they came, when this answer has been given
                    sim.schedule(sim.now, f)
                self._waiting.clear()
        due: i64 = machine.due
        timer = self._timer
        if timer is not None:
            if timer.armed and timer.time == due:
                return
            timer.armed = False
            self._timer = None
        if due != NEVER:
            timer = Timer(self)
            self._timer = timer
            self.sim.schedule_background(max(due, self.sim.now), timer)

    def trip(self) -> bool:
        self._machine.force(self.sim.now, OPEN, -1)  # as far as the library's rules allow
        self._tell(-1, 0)
        return True

    def reset(self) -> bool:
        self._machine.force(self.sim.now, CLOSED, -1)
        self._tell(-1, 0)
        return True

    def restart(self) -> None:
        if self._timer is not None:
            self._timer.armed = False
            self._timer = None
        state = self._machine.state
        if state != CLOSED:
            sim = self.sim
            sim.sink.emit(sim.now, BREAKER, self.source, -1, pack_change(state, CLOSED, WHY_RESTART), 0)

    def gauges(self, now: i64) -> Gauges:
        return self._machine.gauges(now)
