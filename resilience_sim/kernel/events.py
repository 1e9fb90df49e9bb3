"""Events: their kinds, and how the two payload integers of each are packed and read.

An event is six integers: ``(t, kind, source, rid, a, b)``.

* ``t``: virtual nanoseconds, never decreasing within a run.
* ``kind``: one of the constants below.
* ``source``: id of the component that emitted it (see :class:`Component`).
* ``rid``: the request, counted from 0 in order of arrival; -1 when no request is meant.
* ``a``, ``b``: payload. ``PAYLOADS`` names what each means; nothing outside this module takes them apart with shifts
  and masks (tests/test_architecture.py).

Attempts are counted from 1 within their request, whether made by a retry or a hedge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mypy_extensions import i64

Event = tuple[int, int, int, int, int, int]

# --- outcomes -------------------------------------------------------------------------------------------------
# 0 and 1 are the only ones a layer takes for success: test with ``outcome <= FALLBACK``. CLIENT_ERROR is an answer,
# too, though not the one hoped for: B is well, and the same request would get it again.
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
LOST: Final = 17  # how B's work ended when its answer was lost; the caller hears nothing, or what somebody makes up
CLIENT_ERROR: Final = 18  # Service B answered 4xx: the request itself is at fault

OUTCOME_NAMES: Final[tuple[str, ...]] = (
    "success", "fallback", "error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed",
    "breaker_open", "bulkhead_full", "rate_limited", "exhausted", "crashed", "cancelled", "throttled",
    "unanswered", "lost_response", "client_error",
)  # fmt: skip

# --- kinds ----------------------------------------------------------------------------------------------------
# life of a request
ARRIVE: Final = 1
START: Final = 2
DONE: Final = 3
# life of an attempt
SENT: Final = 4
RECEIVED: Final = 5
BEGIN: Final = 6
END: Final = 7
LEFT_QUEUE: Final = 8
RESULT: Final = 9
EFFECT: Final = 10
# decisions of policies
RETRY_WAIT: Final = 11
RETRY_DENIED: Final = 12
BREAKER: Final = 13
REJECTED: Final = 14
LATE_RESULT: Final = 15
PROBE: Final = 16
TIMED_OUT: Final = 17
QUEUED: Final = 18
ADMITTED_LATE: Final = 19
HEDGE: Final = 20
HEDGE_WON: Final = 21
FELL_BACK: Final = 22
# surroundings
FAULT_ON: Final = 23
FAULT_OFF: Final = 24
CRASH: Final = 25
RESTART: Final = 26
ACTION: Final = 27
# calls between services
CALL: Final = 28
CALL_OVER: Final = 29
ANSWERED: Final = 30
WORKERS: Final = 31

KIND_NAMES: Final[tuple[str, ...]] = (
    "", "arrive", "start", "done", "sent", "received", "begin", "end", "left_queue", "result", "effect", "retry_wait",
    "retry_denied", "breaker", "rejected", "late_result", "probe", "timed_out", "queued", "admitted_late", "hedge",
    "hedge_won", "fell_back", "fault_on", "fault_off", "crash", "restart", "action", "call", "call_over", "answered",
    "workers",
)  # fmt: skip

# kind: (who emits it, what it says)
MEANINGS: Final[dict[int, tuple[str, str]]] = {
    ARRIVE: ("client", "a request arrives"),
    START: ("client", "it leaves the backlog: a thread is free"),
    DONE: ("client", "it has its outcome"),
    SENT: ("service", "an attempt leaves the stack"),
    RECEIVED: ("replica", "B has it"),
    BEGIN: ("replica", "it leaves B's queue, work begins"),
    END: ("replica", "B's work on it ends"),
    LEFT_QUEUE: ("replica", "it leaves B's queue without any work"),
    RESULT: ("service", "it is over for its caller"),
    EFFECT: ("replica", "it changes B's state, or would have"),
    RETRY_WAIT: ("layer", "a retry waits before the next try"),
    RETRY_DENIED: ("layer", "the retry budget denies a try"),
    BREAKER: ("layer", "a circuit breaker changes its state"),
    REJECTED: ("layer", "a policy turns a call away"),
    LATE_RESULT: ("layer", "a breaker gets the result of a call it admitted in an earlier state"),
    PROBE: ("layer", "a half-open breaker admits a probe"),
    TIMED_OUT: ("layer", "a timeout gives up on a call"),
    QUEUED: ("layer", "a bulkhead or rate limiter makes a call wait"),
    ADMITTED_LATE: ("layer", "and admits it"),
    HEDGE: ("layer", "a hedge starts an extra leg"),
    HEDGE_WON: ("layer", "a leg's answer is taken"),
    FELL_BACK: ("layer", "a fallback answers"),
    FAULT_ON: ("fault", "a fault begins"),
    FAULT_OFF: ("fault", "a fault is over"),
    CRASH: ("client", "a client instance goes down, with the requests it has"),
    RESTART: ("client", "it is back, with fresh policies"),
    ACTION: ("client or service", "settings are changed"),
    CALL: ("link", "a service calls another"),
    CALL_OVER: ("link", "and has an answer, or no longer waits for one"),
    ANSWERED: ("replica", "a service among several answers what it has worked on, heard or not"),
    WORKERS: ("service", "each of its replicas has so many workers from now on"),
}

# ARRIVE: admission
ADMITTED: Final = 1
BACKLOGGED: Final = 2
TURNED_AWAY: Final = 3
ADMISSION_NAMES: Final[tuple[str, ...]] = ("", "admitted", "backlogged", "turned_away")
# RECEIVED: reception
STARTED: Final = 1
QUEUED_AT_B: Final = 2
TURNED_DOWN: Final = 3  # answered at once without a worker: queue full (shed), rate limit (429)
HUNG: Final = 4
TOO_LATE: Final = 5  # after the deadline it was told: answered at once, without any work
RECEPTION_NAMES: Final[tuple[str, ...]] = ("", "started", "queued", "turned_down", "hung", "expired")
# LEFT_QUEUE: why
ABANDONED: Final = 1  # drop_abandoned skipped it
STOPPED: Final = 2  # its caller cancelled the work
REPLICA_LOST: Final = 3
EXPIRED: Final = 4  # its turn came after the deadline it was told
LEFT_NAMES: Final[tuple[str, ...]] = ("", "abandoned", "stopped", "replica_lost", "expired")
# effect kinds
APPLIED: Final = 1
DUPLICATE: Final = 2
DEDUPLICATED: Final = 3  # answered from the stored result of its idempotency key
REPEATED: Final = 4  # an idempotent method executed again: nothing changed
EFFECT_NAMES: Final[tuple[str, ...]] = ("", "applied", "duplicate", "deduplicated", "repeated")

# breaker states
CLOSED: Final = 0
OPEN: Final = 1
HALF_OPEN: Final = 2
STATE_NAMES: Final[tuple[str, ...]] = ("CLOSED", "OPEN", "HALF_OPEN")
# why a breaker changed state; what the pair of numbers beside it says: PAIRS
WHY_CONSECUTIVE: Final = 1
WHY_FAILURE_SHARE: Final = 2
WHY_SLOW_SHARE: Final = 3
WHY_RECOVERY_TIME: Final = 4
WHY_PROBE_FAILED: Final = 5
WHY_PROBES_SUCCEEDED: Final = 6
WHY_RESTART: Final = 7  # its client instance came back
WHY_PROBE_SLOW: Final = 8
WHY_PROBES_BAD: Final = 9  # verdict on several
WHY_TRIP_CONDITION: Final = 10  # an expression
WHY_REOPENED: Final = 11  # by a late failure
WHY_HALF_OPEN_TOO_LONG: Final = 12
WHY_MANUAL: Final = 13  # opened by an action
WHY_MANUAL_RESET: Final = 14  # closed by an action
WHY_EJECTED: Final = 15  # outlier detection
WHY_EJECTED_RATE: Final = 16
WHY_RETURNED: Final = 17
WHY_ERRORS: Final = 18  # so many of them lately
WHY_NAMES: Final[tuple[str, ...]] = (
    "", "failures_in_a_row", "failure_share", "slow_share", "recovery_time_over", "probe_failed", "probes_succeeded",
    "instance_restarted", "probe_slow", "probes_bad", "trip_condition", "reopened", "half_open_too_long",
    "opened_by_hand", "closed_by_hand", "ejected", "ejected_by_rate", "returned", "errors",
)  # fmt: skip


# --- packers and readers --------------------------------------------------------------------------------------
def pack_arrival(admission: i64, operation: i64) -> i64:
    """``ARRIVE``: what becomes of the request, and which of the scenario's operations it is, from 0."""
    return operation << 8 | admission


def admission_of(a: i64) -> i64:
    """``ARRIVE``: what becomes of the request."""
    return a & 0xFF


def operation_of(a: i64) -> i64:
    """``ARRIVE``, ``EFFECT``: which of the scenario's operations the request is, from 0."""
    return a >> 8 & 0xFF


def pack_done(outcome: i64, held: i64, attempts: i64, effects: i64) -> i64:
    """``DONE``: outcome, whether a thread was held (0/1), attempts made (at most 24 bits), effects applied so far."""
    return effects << 40 | attempts << 16 | held << 8 | outcome


def held_thread(a: i64) -> bool:
    """``DONE``: whether the request held a thread of its client instance."""
    return a >> 8 & 0xFF != 0


def attempts_of(a: i64) -> i64:
    """``DONE``: attempts made."""
    return a >> 16 & 0xFFFFFF


def effects_of(a: i64) -> i64:
    """``DONE``: effects the request had had by then."""
    return a >> 40


def pack_attempt(attempt: i64, outcome: i64, abandoned: i64) -> i64:
    """``END``, ``RESULT``; ``EFFECT`` with its kind in place of the outcome, the operation in that of ``abandoned``."""
    return attempt << 16 | abandoned << 8 | outcome


def attempt_of(a: i64) -> i64:
    """``END``, ``RESULT``, ``EFFECT``: the number of the attempt."""
    return a >> 16


def outcome_of(a: i64) -> i64:
    """``DONE``, ``END``, ``RESULT``: the outcome."""
    return a & 0xFF


def effect_of(a: i64) -> i64:
    """``EFFECT``: its kind."""
    return a & 0xFF


def abandoned(a: i64) -> bool:
    """``END``: whether the caller had given up."""
    return a >> 8 & 0xFF != 0


# Where services call each other, each call of a request has a number, from 1; that of its user is 0. The number of an
# attempt then has that of its call above these bits, so that it stays one of a kind within the request.
TRIES: Final = 0xFFFFFF
CALL_NUMBER: Final = 24


def call_of(attempt: i64) -> i64:
    """The number of the call that an attempt belongs to, 0: of the user's."""
    return attempt >> CALL_NUMBER


def pack_call(number: i64, outcome: i64) -> i64:
    """``CALL_OVER``: which call of the request, and how it ended."""
    return number << 16 | outcome


def pack_change(old: i64, new: i64, why: i64) -> i64:
    """``BREAKER.a``."""
    return old << 16 | new << 8 | why


def old_state(a: i64) -> i64:
    """``BREAKER``: the state it left."""
    return a >> 16 & 0xFF


def new_state(a: i64) -> i64:
    """``BREAKER``: the state it is in now."""
    return a >> 8 & 0xFF


def why_of(a: i64) -> i64:
    """``BREAKER``: the reason, one of ``WHY_*``."""
    return a & 0xFF


LARGEST_OF_PAIR: Final = 2**31 - 1


def pack_pair(x: i64, y: i64) -> i64:
    """``BREAKER.b``: two non-negative 31-bit numbers; a larger one (open for 25 days, in ms) counts as the largest."""
    x = min(x, LARGEST_OF_PAIR)
    y = min(y, LARGEST_OF_PAIR)
    return x << 32 | y


def first_of(b: i64) -> i64:
    """``BREAKER``: the first number of the pair."""
    return b >> 32


def second_of(b: i64) -> i64:
    """``BREAKER``: the second number of the pair."""
    return b & 0xFFFFFFFF


def pack_states(admission: i64, now: i64) -> i64:
    """``LATE_RESULT.b``: the breaker's states when the call was admitted and when its result came."""
    return admission << 8 | now


def state_at_admission(b: i64) -> i64:
    """``LATE_RESULT``: the breaker's state when the call was admitted."""
    return b >> 8


def state_at_result(b: i64) -> i64:
    """``LATE_RESULT``: the breaker's state when the result came."""
    return b & 0xFF


# --- what the payload means -----------------------------------------------------------------------------------
def _whole(word: i64) -> i64:
    return word


@dataclass(frozen=True, slots=True)
class Field:
    """A number in an event's payload.

    ``unit``: ``""`` (a plain number), ``outcome``, ``state``, ``ns``, ``ms``, ``millionths``, ``flag``, ``hash``, or
    ``name`` (an index into ``names``). ``missing``: the value that stands for "not known".
    """

    name: str
    word: str  # "a" or "b"
    unit: str = ""
    read: Callable[[int], int] = _whole
    names: tuple[str, ...] = ()
    missing: int | None = None


_ATTEMPT: Final = Field("attempt", "a", read=attempt_of)
_OUTCOME: Final = Field("outcome", "a", "outcome", outcome_of)

PAYLOADS: Final[dict[int, tuple[Field, ...]]] = {
    ARRIVE: (
        Field("admission", "a", "name", admission_of, ADMISSION_NAMES), Field("user", "b"),  # closed loop, else 0
        Field("operation", "a", read=operation_of),
    ),
    START: (Field("waited", "b", "ns"),),
    DONE: (
        _OUTCOME, Field("latency", "b", "ns"), Field("attempts", "a", read=attempts_of),
        Field("effects", "a", read=effects_of), Field("held_thread", "a", "flag", held_thread),
    ),
    SENT: (Field("attempt", "a"), Field("by_link", "b")),  # the component of the link, between services
    RECEIVED: (Field("attempt", "a"), Field("reception", "b", "name", names=RECEPTION_NAMES)),
    BEGIN: (Field("attempt", "a"), Field("waited", "b", "ns")),
    END: (_ATTEMPT, _OUTCOME, Field("abandoned", "a", "flag", abandoned), Field("worked", "b", "ns")),
    LEFT_QUEUE: (Field("attempt", "a"), Field("why", "b", "name", names=LEFT_NAMES)),
    RESULT: (_ATTEMPT, _OUTCOME, Field("latency", "b", "ns")),  # since SENT
    EFFECT: (
        _ATTEMPT, Field("effect", "a", "name", effect_of, EFFECT_NAMES),
        Field("after_failure", "b", "flag"),  # the request had been reported as failed
        Field("operation", "a", read=operation_of),
    ),
    RETRY_WAIT: (Field("next_try", "a"), Field("wait", "b", "ns")),  # tries are counted from 1 within their layer
    RETRY_DENIED: (Field("denied_try", "a"),),
    BREAKER: (
        Field("from", "a", "state", old_state), Field("to", "a", "state", new_state),
        Field("why", "a", "name", why_of, WHY_NAMES),
    ),  # and PAIRS
    REJECTED: (Field("outcome", "a", "outcome"),),  # and REJECTIONS
    LATE_RESULT: (
        Field("outcome", "a", "outcome"), Field("admitted_while", "b", "state", state_at_admission),
        Field("now", "b", "state", state_at_result),
    ),
    PROBE: (Field("in_flight", "a"), Field("succeeded", "b")),
    TIMED_OUT: (Field("after", "a", "ns"),),
    QUEUED: (Field("waiting", "a"), Field("known_wait", "b", "ns", missing=-1)),  # waiting: this call included
    ADMITTED_LATE: (Field("still_waiting", "a"), Field("waited", "b", "ns")),
    HEDGE: (Field("leg", "a"),),  # from 2
    HEDGE_WON: (Field("leg", "a"), Field("legs", "b")),
    FELL_BACK: (Field("instead_of", "a", "outcome"), Field("latency", "b", "ns")),
    FAULT_ON: (Field("fault", "a"), Field("until", "b", "ns")),
    FAULT_OFF: (Field("fault", "a"),),
    CRASH: (Field("went_down", "a"), Field("back_at", "b", "ns")),  # requests; an instant
    RESTART: (),
    ACTION: (Field("action", "a"), Field("hash", "b", "hash")),  # its number from 0, a hash of what it was
    CALL: (Field("call", "a"), Field("by_attempt", "b")),  # the attempt that the caller is working on
    CALL_OVER: (Field("call", "a", read=attempt_of), _OUTCOME, Field("latency", "b", "ns")),
    ANSWERED: (_ATTEMPT, _OUTCOME, Field("since_arrival", "b", "ns")),
    WORKERS: (Field("workers", "a"), Field("before", "b")),  # 0: without limit
}  # fmt: skip


def _pair(first: str, second: str = "", unit: str = "", second_unit: str = "") -> tuple[Field, ...]:
    found = (Field(first, "b", unit, first_of), Field(second, "b", second_unit, second_of))
    return tuple([field for field in found if field.name])


PAIRS: Final[dict[int, tuple[Field, ...]]] = {
    WHY_CONSECUTIVE: _pair("failures", "threshold"),
    WHY_FAILURE_SHARE: _pair("failures", "calls"),
    WHY_SLOW_SHARE: _pair("slow_calls", "calls"),
    WHY_RECOVERY_TIME: _pair("open", unit="ms"),
    WHY_PROBE_FAILED: _pair("outcome", unit="outcome"),
    WHY_PROBES_SUCCEEDED: _pair("successes", "threshold"),
    WHY_RESTART: (),
    WHY_PROBE_SLOW: _pair("took", unit="ms"),
    WHY_PROBES_BAD: _pair("bad", "probes"),
    WHY_TRIP_CONDITION: _pair("failures", "calls"),
    WHY_REOPENED: (),
    WHY_HALF_OPEN_TOO_LONG: _pair("half_open", unit="ms"),
    WHY_MANUAL: (),
    WHY_MANUAL_RESET: (),
    WHY_EJECTED: _pair("replica", "errors_in_a_row"),
    WHY_EJECTED_RATE: _pair("replica", "percent"),  # its success rate, or its failures
    WHY_RETURNED: _pair("replica", "out", second_unit="ms"),
    WHY_ERRORS: _pair("errors", "within", second_unit="ms"),  # the time from the first of them to the last
}
UNKNOWN_PAIR: Final = _pair("x", "y")
_LEFT: Final = Field("left", "b", "ns", missing=-1)  # code of the user's own does not say
REJECTIONS: Final[dict[int, Field]] = {
    BREAKER_OPEN: _LEFT,
    LIMITED: _LEFT,
    THROTTLED: Field("chance", "b", "millionths"),
}
WAITING: Final = Field("waiting", "b", missing=-1)


def fields_of(kind: int, a: int, b: int) -> tuple[Field, ...] | None:
    """What the payload of an event says, by name; None for a kind unknown here."""
    fields = PAYLOADS.get(kind)
    if kind == BREAKER and fields is not None:
        return fields + PAIRS.get(why_of(a), UNKNOWN_PAIR)
    if kind == REJECTED and fields is not None:
        return (*fields, REJECTIONS.get(a, WAITING))
    return fields


# the kinds of components that are no layers of a stack
NO_LAYERS: Final[tuple[str, ...]] = ("client", "service", "replica", "fault", "link")


@dataclass(frozen=True, slots=True)
class Component:
    """What can emit events; a run's components are the directory that gives names to ``source``.

    ``kind``: ``client``, ``service``, ``replica``, ``fault``, or a policy's kind (``retry``, ``circuit_breaker`` …).
    ``name``: for a policy its id in the scenario, for a fault its id, ``B`` for the service, ``B#1`` for a replica.
    ``instance``: the client instance it belongs to, counted from 0; -1 when it belongs to none, or to all of them.
    ``number``: replica number from 1; position in the stack from 0 (outermost); index of the fault; else 0.
    ``node``: the service it concerns; ``shop>stock`` for a link between services and the layers around it, whose
    ``instance`` is the calling replica, counted from 0.
    """

    id: int
    kind: str
    name: str
    instance: int = -1
    number: int = 0
    node: str = "B"

    @property
    def link(self) -> str:
        """``shop>stock`` for a link and its layers, else "" (the layers around Service A's calls, too)."""
        return self.node if ">" in self.node else ""
