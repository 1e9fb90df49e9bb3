"""Service B, and what each request does to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from resilience_sim.kernel import events
from resilience_sim.kernel import format as fmt
from resilience_sim.settings import codes
from resilience_sim.settings.latency import LATENCY, Files, Latency, latency
from resilience_sim.settings.policy import added
from resilience_sim.settings.table import Findings, Loc, Nested, Param, Table, Values
from resilience_sim.settings.types import DURATION, FLAG, LONGER_THAN_ZERO, NUMBER, SHARE, Choice, Count


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Service B. ``workers`` 0: unlimited. ``queue`` -1: unlimited. ``failure``: an outcome code or ``LOST``."""

    name: str = "B"
    latency: Latency = field(default_factory=Latency)
    network: Latency = field(default_factory=Latency)
    workers: int = 0
    queue: int = -1
    discipline: str = "fifo"  # fifo | lifo | drop_abandoned
    failure_rate: float = 0.0
    failure: int = 2
    per_concurrent: int = 0  # slowdown, ns for each other request in service at the same replica
    replicas: int = 1
    balancer: str = "round_robin"  # round_robin | random | least_loaded
    deduplicate: bool = False
    dedup_ttl: int = 0  # 0: for ever
    lost_answer: int = added(0)  # with failure LOST: what the caller hears, 0: nothing
    waits: str = added("holding")  # a worker, until the calls have answered; or free


# what can change while it runs; the rest decides what there is, or what those under way hold
ADJUSTABLE = (
    "latency", "network", "workers", "queue", "discipline", "failure_rate", "failure", "lost_answer", "per_concurrent",
)  # fmt: skip

FIELD_OF = {"slowdown": "per_concurrent"}  # by key of the file, where the config has another name for it
KEYS_ADJUSTABLE = tuple(next((key for key, own in FIELD_OF.items() if own == name), name) for name in ADJUSTABLE)


@dataclass(frozen=True, slots=True)
class OperationConfig:
    """What each request does to B. ``amount`` is None when no money is counted."""

    method: str = "GET"
    idempotency_key: bool = False
    amount: float | None = None
    share: float = added(1.0)  # of the requests
    mix: tuple[OperationConfig, ...] = added(())  # of these instead, drawn per request

    @property
    def each(self) -> tuple[OperationConfig, ...]:
        """The operations there are."""
        return self.mix or (self,)

    @property
    def repeatable(self) -> bool:
        """Whether doing it again is meant to be harmless: all but a POST without a key."""
        return self.method != "POST" or self.idempotency_key

    @property
    def only_reads(self) -> bool:
        """Whether no request changes anything."""
        return all(each.method == "GET" for each in self.each)

    @property
    def title(self) -> str:
        """``POST with a key``."""
        return f"{self.method} with a key" if self.idempotency_key else self.method


METHODS = ("GET", "PUT", "DELETE", "POST")
MOST_OPERATIONS = 100


def operation_word(index: int, operation: OperationConfig) -> int:
    """An operation as a request carries it: its kind (:func:`operation_kind`), and above that its index."""
    return index << 8 | operation_kind(operation.method, operation.idempotency_key)


def operation_kind(method: str, keyed: bool) -> int:
    """A method, with or without an idempotency key, as a number below 8."""
    return METHODS.index(method) + (4 if keyed else 0)


SLOWDOWN = Table(
    "slowdown",
    "Latency as a function of load.",
    (Param("per_concurrent", DURATION, about="Added for each other request in service.", required=True),),
)
DEDUPLICATE = Table(
    "deduplicate",
    "Whether B remembers idempotency keys: `true`, or `{ttl: 24h}`.",
    (Param("ttl", LONGER_THAN_ZERO, about="How long a key is remembered.", required=True),),
    short=FLAG,
)
FAILURES: dict[str, int] = {
    "error": events.ERROR,
    "unavailable": events.UNAVAILABLE,
    "rate_limited": events.RATE_LIMITED,
    "client_error": events.CLIENT_ERROR,
    "lost_response": events.LOST,
}
# what somebody between B and its caller (a proxy, a sidecar, the connection) may say when B's answer is lost
LOST_ANSWERS: dict[str, int] = {
    "none": events.SUCCESS,
    "error": events.ERROR,
    "unavailable": events.UNAVAILABLE,
    "rate_limited": events.RATE_LIMITED,
    "client_error": events.CLIENT_ERROR,
    "timeout": events.TIMEOUT,
    "reset": events.RESET,
}
SERVICE = Table(
    "service",
    "Service B, the one that is called.",
    (
        Param("latency", LATENCY, "0ms", "Time that a worker needs for a request."),
        Param("network", LATENCY, "0ms", "Time on the wire, drawn each way; holds no worker."),
        Param(
            "workers",
            Count(1, unlimited=0),
            "unlimited",
            "Requests worked on at once, per replica.",
            synonyms=("threads",),
        ),
        Param(
            "queue",
            Count(0, 1_000_000_000, unlimited=-1),
            "unlimited",
            "Waiting places, per replica; a full queue refuses at once (outcome `shed`).",
        ),
        Param(
            "discipline",
            Choice("fifo", "lifo", "drop_abandoned"),
            "fifo",
            "Who is next: the oldest, the newest, or the oldest whose caller still waits.",
        ),
        Param(
            "failure_rate",
            SHARE,
            "0%",
            "Chance that an attempt fails, after its service time.",
            synonyms=("errors", "error_rate"),
        ),
        Param(
            "failure",
            Choice(*FAILURES),
            "error",
            "What such a failure looks like: 500, 503, 429, 4xx, or an effect without an answer.",
        ),
        Param(
            "lost_answer",
            Choice(*LOST_ANSWERS),
            "none",
            "With `lost_response`: the error that the caller hears at once; `none`: it waits.",
        ),
        Param("slowdown", Nested(SLOWDOWN), about="Latency as a function of load."),
        Param(
            "replicas",
            Count(1, 10_000),
            1,
            "Identical copies behind a balancer, each with its own workers and queue.",
        ),
        Param(
            "balancer",
            Choice("round_robin", "random", "least_loaded"),
            "round_robin",
            "How attempts are dealt to the replicas.",
        ),
        Param("deduplicate", Nested(DEDUPLICATE), False, "Whether B remembers idempotency keys, and how long."),
    ),
)
OPERATION = Table(
    "operation",
    "What each request does to B.",
    (
        Param(
            "method",
            Choice(*METHODS),
            "GET",
            "GET has no effect, PUT and DELETE are idempotent, a POST executed twice is a duplicate.",
        ),
        Param("idempotency_key", FLAG, False, "Whether each request carries a key, the same on every attempt."),
        Param("amount", NUMBER, about="Money moved by each effect; the ledger then counts it."),
    ),
)
MIXED = Table(
    "mixed_operation",
    "One of several operations; each request is one of them, by chance.",
    (
        Param("share", SHARE, about="How many of the requests; default: an equal part of what the others leave."),
        *OPERATION.params,
    ),
)


def service(
    values: Values, findings: Findings, files: Files, loc: Loc = ("service",), name: str = "B", waits: str = "holding"
) -> ServiceConfig:
    """Service B, or one of several, as the core takes it."""
    dedup = values.deduplicate
    if values.lost_answer != "none" and values.failure != "lost_response":
        findings.warn(codes.NO_EFFECT, "`lost_answer` has no effect without `failure: lost_response`")
    return ServiceConfig(
        name=name,
        latency=latency(values.latency, (*loc, "latency"), findings, files),
        network=latency(values.network, (*loc, "network"), findings, files),
        workers=values.workers,
        queue=values.queue,
        discipline=values.discipline,
        failure_rate=values.failure_rate,
        failure=FAILURES[values.failure],
        per_concurrent=values.slowdown.per_concurrent if values.slowdown else 0,
        replicas=values.replicas,
        balancer=values.balancer,
        deduplicate=dedup.scalar is not False,
        dedup_ttl=0 if dedup.scalar is not None else dedup.ttl,
        lost_answer=LOST_ANSWERS[values.lost_answer],
        waits=waits,
    )


def operation(said: Values | list[Values], findings: Findings, loc: Loc = ("operation",)) -> OperationConfig:
    """What a request does to B, or what each does by chance."""
    if isinstance(said, Values):
        return OperationConfig(said.method, said.idempotency_key, said.amount)
    if not 1 <= len(said) <= MOST_OPERATIONS:
        what = "no operation at all" if not said else f"{len(said):,} operations are too many"
        findings.error(loc, codes.RANGE, what, f"1 to {MOST_OPERATIONS} of them", key=True)
        return OperationConfig()
    shares = [Fraction(values.share) if values.share is not None else None for values in said]
    given = sum(share for share in shares if share is not None)
    left = [index for index, share in enumerate(shares) if share is None]
    if given > 1 + _ROUNDING or (given < 1 - _ROUNDING and not left):
        whole = f"the shares of the operations are {fmt.share(float(given))}"
        remedy = "they must be 100% together; an operation without `share` gets what the others leave"
        findings.error(loc, codes.CONFLICT, f"{whole} together", remedy, key=True)
    rest = float(max(Fraction(0), 1 - given) / len(left)) if left else 0.0
    if left and not rest:
        findings.warn(codes.NO_EFFECT, "the operations without `share` are never made: the others leave nothing")
    found = tuple(
        OperationConfig(
            values.method, values.idempotency_key, values.amount, rest if values.share is None else values.share
        )
        for values in said
    )
    return found[0] if len(found) == 1 else OperationConfig(mix=found)


_ROUNDING = Fraction(1, 10**9)
