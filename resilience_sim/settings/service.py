"""Service B, and what each request does to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from resilience_sim.kernel import events
from resilience_sim.settings import codes
from resilience_sim.settings.latency import LATENCY, Files, Latency, latency
from resilience_sim.settings.policy import added
from resilience_sim.settings.table import Findings, Nested, Param, Table, Values
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


@dataclass(frozen=True, slots=True)
class OperationConfig:
    """What each request does to B. ``amount`` is None when no money is counted."""

    method: str = "GET"
    idempotency_key: bool = False
    amount: float | None = None


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
            Choice("GET", "PUT", "DELETE", "POST"),
            "GET",
            "GET has no effect, PUT and DELETE are idempotent, a POST executed twice is a duplicate.",
        ),
        Param("idempotency_key", FLAG, False, "Whether each request carries a key, the same on every attempt."),
        Param("amount", NUMBER, about="Money moved by each effect; the ledger then counts it."),
    ),
)


def service(values: Values, findings: Findings, files: Files) -> ServiceConfig:
    """Service B as the core takes it."""
    dedup = values.deduplicate
    if values.lost_answer != "none" and values.failure != "lost_response":
        findings.warn(codes.NO_EFFECT, "`lost_answer` has no effect without `failure: lost_response`")
    return ServiceConfig(
        latency=latency(values.latency, ("service", "latency"), findings, files),
        network=latency(values.network, ("service", "network"), findings, files),
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
    )


def operation(values: Values) -> OperationConfig:
    """What a request does to B."""
    return OperationConfig(values.method, values.idempotency_key, values.amount)
