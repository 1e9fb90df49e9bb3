"""Event kinds, outcomes and how an event's two payload integers are packed.

Owns the vocabulary that everything else speaks. Refuses to own what happens to an event (kernel/sink.py)
and what it means in figures (measure/).

An event is six integers: ``(t, kind, where, rid, a, b)``.

* ``t``: virtual nanoseconds, never decreasing within a run.
* ``kind``: one of the constants below.
* ``where``: id of the component that speaks (see :class:`Component`).
* ``rid``: the request, counted from 0 in order of arrival; -1 when no request is meant.
* ``a``, ``b``: payload, listed beside each kind.

Attempts are counted from 1 within their request, whoever made them (retry or hedge).
"""

from __future__ import annotations

from dataclasses import dataclass

# --- outcomes -------------------------------------------------------------------------------------------------
# 0 and 1 are the only ones a layer takes for success: test with ``outcome <= FALLBACK``.
SUCCESS = 0
FALLBACK = 1
ERROR = 2
UNAVAILABLE = 3
RATE_LIMITED = 4  # Service B answered 429
TIMEOUT = 5
REFUSED = 6
RESET = 7
SHED = 8  # Service B's queue was full
BREAKER_OPEN = 9
BULKHEAD_FULL = 10
LIMITED = 11  # the client's own rate limiter said no; shown as ``rate_limited``, retried only if listed
EXHAUSTED = 12  # no thread and no place in the backlog
CRASHED = 13  # went down with its client instance
CANCELLED = 14  # a hedge's loser; an attempt's outcome, never a request's
THROTTLED = 15  # adaptive client-side throttling
UNANSWERED = 16  # never an outcome in an event: what is left when the run ends
LOST = 17  # how B's work ended when its answer was lost; the caller sees nothing

OUTCOME_NAMES: tuple[str, ...] = (
    "success", "fallback", "error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed",
    "breaker_open", "bulkhead_full", "rate_limited", "exhausted", "crashed", "cancelled", "throttled",
    "unanswered", "lost_response",
)  # fmt: skip

# --- kinds ----------------------------------------------------------------------------------------------------
# life of a request                where            a                              b
ARRIVE = 1  #                      client instance  ADMITTED|BACKLOGGED|TURNED_AWAY  user (closed loop) or 0
START = 2  # left the backlog      client instance  0                              waited ns
DONE = 3  #                        client instance  pack_done(...)                 latency ns since arrival
# life of an attempt
SENT = 4  # leaves the stack       service          attempt                        0
RECEIVED = 5  # B has it           replica          attempt                        STARTED|QUEUED|TURNED_DOWN|HUNG
BEGIN = 6  # leaves B's queue      replica          attempt                        waited ns
END = 7  # B's work ended          replica          pack_attempt(attempt, outcome, abandoned)   worker ns used
LEFT_QUEUE = 8  # without work     replica          attempt                        ABANDONED|STOPPED|REPLICA_LOST
RESULT = 9  # its caller's view    service          pack_attempt(attempt, outcome, 0)           ns since SENT
EFFECT = (
    10  #                     replica          pack_attempt(attempt, effect kind, 0)       1 if already reported failed
)
# policies
RETRY_WAIT = 11  #                 layer            number of the next try (2..)   wait ns
RETRY_DENIED = 12  # budget        layer            number of the try denied (2..)  0
BREAKER = 13  # change of state    layer            pack_change(from, to, why)     pack_pair(x, y), see WHY_*
REJECTED = 14  #                   layer            outcome                        waiting calls, or ns left
LATE_RESULT = 15  #                layer            outcome                        state at admission << 8 | state now
PROBE = 16  # half-open admits     layer            probes now in flight           successes so far
TIMED_OUT = 17  #                  layer            after ns                       0
QUEUED = 18  # bulkhead, limiter   layer            calls waiting, this included   known wait ns or -1
ADMITTED_LATE = 19  # after QUEUED layer            calls still waiting            waited ns
HEDGE = 20  # an extra leg         layer            leg (2..)                      0
HEDGE_WON = 21  #                  layer            leg whose answer won           legs launched
FELL_BACK = 22  #                  layer            outcome that was replaced      latency ns
# surroundings
FAULT_ON = 23  #                   fault            index of the fault             end, ns
FAULT_OFF = 24  #                  fault            index of the fault             0
CRASH = 25  #                      client instance  requests that went down        instant of return, ns
RESTART = 26  #                    client instance  0                              0

KIND_NAMES: tuple[str, ...] = (
    "", "arrive", "start", "done", "sent", "received", "begin", "end", "left_queue", "result", "effect", "retry_wait",
    "retry_denied", "breaker", "rejected", "late_result", "probe", "timed_out", "queued", "admitted_late", "hedge",
    "hedge_won", "fell_back", "fault_on", "fault_off", "crash", "restart",
)  # fmt: skip

# ARRIVE.a
ADMITTED = 1
BACKLOGGED = 2
TURNED_AWAY = 3
# RECEIVED.b
STARTED = 1
QUEUED_AT_B = 2
TURNED_DOWN = 3  # answered at once without a worker: queue full (shed), rate limit (429)
HUNG = 4
# LEFT_QUEUE.b
ABANDONED = 1  # drop_abandoned skipped it
STOPPED = 2  # its caller cancelled the work
REPLICA_LOST = 3
# effect kinds
APPLIED = 1
DUPLICATE = 2
DEDUPLICATED = 3  # answered from the stored result of its idempotency key
REPEATED = 4  # an idempotent method executed again: nothing changed

# breaker states
CLOSED = 0
OPEN = 1
HALF_OPEN = 2
STATE_NAMES: tuple[str, ...] = ("CLOSED", "OPEN", "HALF_OPEN")
# why a breaker changed state              pair (x, y) in b
WHY_CONSECUTIVE = 1  #                     failures in a row, threshold
WHY_FAILURE_SHARE = 2  #                   failures, calls in the window
WHY_SLOW_SHARE = 3  #                      slow calls, calls in the window
WHY_RECOVERY_TIME = 4  #                   milliseconds open, 0
WHY_PROBE_FAILED = 5  #                    outcome, 0
WHY_PROBES_SUCCEEDED = 6  #                successes, threshold
WHY_RESTART = 7  # instance came back      0, 0
WHY_PROBE_SLOW = 8  #                      milliseconds taken, 0


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
    """Somebody who can speak in an event: the directory that gives names to ``where``.

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
