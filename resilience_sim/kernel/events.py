"""Event kinds, outcomes and how an event's two payload integers are packed.

Owns the vocabulary that everything else speaks. Refuses to own what happens to an event (kernel/sink.py)
and what it means in figures (measure/).

An event is six integers: ``(t, kind, source, rid, a, b)``.

* ``t``: virtual nanoseconds, never decreasing within a run.
* ``kind``: one of the constants below.
* ``source``: id of the component that speaks (see :class:`Component`).
* ``rid``: the request, counted from 0 in order of arrival; -1 when no request is meant.
* ``a``, ``b``: payload, listed beside each kind.

Attempts are counted from 1 within their request, whoever made them (retry or hedge).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# --- outcomes -------------------------------------------------------------------------------------------------
# 0 and 1 are the only ones a layer takes for success: test with ``outcome <= FALLBACK``.
SUCCESS: Final = 0
FALLBACK: Final = 1
ERROR: Final = 2
UNAVAILABLE: Final = 3
RATE_LIMITED: Final = 4  # Service B answered 429
TIMEOUT: Final = 5
REFUSED: Final = 6
RESET: Final = 7
SHED: Final = 8  # Service B's queue was full
BREAKER_OPEN: Final = 9
BULKHEAD_FULL: Final = 10
LIMITED: Final = 11  # the client's own rate limiter said no; shown as ``rate_limited``, retried only if listed
EXHAUSTED: Final = 12  # no thread and no place in the backlog
CRASHED: Final = 13  # went down with its client instance
CANCELLED: Final = 14  # a hedge's loser; an attempt's outcome, never a request's
THROTTLED: Final = 15  # adaptive client-side throttling
UNANSWERED: Final = 16  # never an outcome in an event: what is left when the run ends
LOST: Final = 17  # how B's work ended when its answer was lost; the caller sees nothing

OUTCOME_NAMES: Final[tuple[str, ...]] = (
    "success", "fallback", "error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed",
    "breaker_open", "bulkhead_full", "rate_limited", "exhausted", "crashed", "cancelled", "throttled",
    "unanswered", "lost_response",
)  # fmt: skip

# --- kinds ----------------------------------------------------------------------------------------------------
# life of a request                where            a                              b
ARRIVE: Final = 1  #                      client instance  ADMITTED|BACKLOGGED|TURNED_AWAY  user (closed loop) or 0
START: Final = 2  # left the backlog      client instance  0                              waited ns
DONE: Final = 3  #                        client instance  pack_done(...)                 latency ns since arrival
# life of an attempt
SENT: Final = 4  # leaves the stack       service          attempt                        0
RECEIVED: Final = 5  # B has it           replica          attempt                        how it was received
BEGIN: Final = 6  # leaves B's queue      replica          attempt                        waited ns
END: Final = 7  # B's work ended          replica          pack_attempt(attempt, outcome, abandoned)   worker ns used
LEFT_QUEUE: Final = 8  # without work     replica          attempt                        ABANDONED|STOPPED|REPLICA_LOST
RESULT: Final = 9  # its caller's view    service          pack_attempt(attempt, outcome, 0)           ns since SENT
EFFECT: Final = (
    10  #                     replica          pack_attempt(attempt, effect kind, 0)       1 if reported failed
)
# policies
RETRY_WAIT: Final = 11  #                 layer            number of the next try (2..)   wait ns
RETRY_DENIED: Final = 12  # budget        layer            number of the try denied (2..)  0
BREAKER: Final = 13  # change of state    layer            pack_change(from, to, why)     pack_pair(x, y), see WHY_*
REJECTED: Final = 14  #                   layer            outcome                        waiting calls, or ns left
LATE_RESULT: Final = 15  #                layer            outcome                        state at admission << 8 | now
PROBE: Final = 16  # half-open admits     layer            probes now in flight           successes so far
TIMED_OUT: Final = 17  #                  layer            after ns                       0
QUEUED: Final = 18  # bulkhead, limiter   layer            calls waiting, this included   known wait ns or -1
ADMITTED_LATE: Final = 19  # after QUEUED layer            calls still waiting            waited ns
HEDGE: Final = 20  # an extra leg         layer            leg (2..)                      0
HEDGE_WON: Final = 21  #                  layer            leg whose answer won           legs launched
FELL_BACK: Final = 22  #                  layer            outcome that was replaced      latency ns
# surroundings
FAULT_ON: Final = 23  #                   fault            index of the fault             end, ns
FAULT_OFF: Final = 24  #                  fault            index of the fault             0
CRASH: Final = 25  #                      client instance  requests that went down        instant of return, ns
RESTART: Final = 26  #                    client instance  0                              0
ACTION: Final = 27  # somebody's hand     client|service   number of the action, from 0   hash of what it was

KIND_NAMES: Final[tuple[str, ...]] = (
    "", "arrive", "start", "done", "sent", "received", "begin", "end", "left_queue", "result", "effect", "retry_wait",
    "retry_denied", "breaker", "rejected", "late_result", "probe", "timed_out", "queued", "admitted_late", "hedge",
    "hedge_won", "fell_back", "fault_on", "fault_off", "crash", "restart", "action",
)  # fmt: skip

# ARRIVE.a
ADMITTED: Final = 1
BACKLOGGED: Final = 2
TURNED_AWAY: Final = 3
# RECEIVED.b: how it was received
STARTED: Final = 1
QUEUED_AT_B: Final = 2
TURNED_DOWN: Final = 3  # answered at once without a worker: queue full (shed), rate limit (429)
HUNG: Final = 4
# LEFT_QUEUE.b
ABANDONED: Final = 1  # drop_abandoned skipped it
STOPPED: Final = 2  # its caller cancelled the work
REPLICA_LOST: Final = 3
# effect kinds
APPLIED: Final = 1
DUPLICATE: Final = 2
DEDUPLICATED: Final = 3  # answered from the stored result of its idempotency key
REPEATED: Final = 4  # an idempotent method executed again: nothing changed

# breaker states
CLOSED: Final = 0
OPEN: Final = 1
HALF_OPEN: Final = 2
STATE_NAMES: Final[tuple[str, ...]] = ("CLOSED", "OPEN", "HALF_OPEN")
# why a breaker changed state              pair (x, y) in b
WHY_CONSECUTIVE: Final = 1  #                     failures in a row, threshold
WHY_FAILURE_SHARE: Final = 2  #                   failures, calls in the window
WHY_SLOW_SHARE: Final = 3  #                      slow calls, calls in the window
WHY_RECOVERY_TIME: Final = 4  #                   milliseconds open, 0
WHY_PROBE_FAILED: Final = 5  #                    outcome, 0
WHY_PROBES_SUCCEEDED: Final = 6  #                successes, threshold
WHY_RESTART: Final = 7  # instance came back      0, 0
WHY_PROBE_SLOW: Final = 8  #                      milliseconds taken, 0
WHY_PROBES_BAD: Final = 9  # verdict on several   failed or slow probes, probes looked at
WHY_TRIP_CONDITION: Final = 10  # an expression   failures, calls let in
WHY_REOPENED: Final = 11  # by a late failure     0, 0
WHY_HALF_OPEN_TOO_LONG: Final = 12  #             milliseconds half open, 0
WHY_MANUAL: Final = 13  # opened by hand, say    0, 0
WHY_MANUAL_RESET: Final = 14  # closed by hand   0, 0
WHY_EJECTED: Final = 15  # outlier detection      replica, errors in a row
WHY_EJECTED_RATE: Final = 16  #                   replica, its success rate (or failures) in percent
WHY_RETURNED: Final = 17  #                       replica, milliseconds it was out


def pack_done(outcome: int, held: int, attempts: int, effects: int) -> int:
    """``DONE.a``: outcome, whether a thread was held (0/1), attempts made (16 bits used), effects applied so far."""
    return effects << 40 | attempts << 16 | held << 8 | outcome


def pack_attempt(attempt: int, outcome: int, abandoned: int) -> int:
    """``END.a``, ``RESULT.a``, ``EFFECT.a``: attempt << 16 | abandoned << 8 | outcome (or effect kind)."""
    return attempt << 16 | abandoned << 8 | outcome


def pack_change(old: int, new: int, why: int) -> int:
    """``BREAKER.a``: old state << 16 | new state << 8 | why."""
    return old << 16 | new << 8 | why


def pack_pair(x: int, y: int) -> int:
    """Two non-negative 31-bit numbers in one integer."""
    return x << 32 | y


@dataclass(frozen=True, slots=True)
class Component:
    """Somebody who can speak in an event: the directory that gives names to ``source``.

    ``kind``: ``client``, ``service``, ``replica``, ``fault``, or a policy's kind (``retry``, ``circuit_breaker`` …).
    ``name``: for a policy its id in the scenario, for a fault its id, ``B`` for the service, ``B#1`` for a replica.
    ``instance``: the client instance it belongs to, counted from 0; -1 when it belongs to none.
    ``number``: replica number from 1; position in the stack from 0 (outermost); index of the fault; else 0.
    ``node``: the service it concerns; only ``B`` exists today.
    """

    id: int
    kind: str
    name: str
    instance: int = -1
    number: int = 0
    node: str = "B"
