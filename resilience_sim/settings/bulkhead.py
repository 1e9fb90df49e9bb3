"""Bulkhead: a limit on the calls inside at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.settings import codes
from resilience_sim.settings.library_types import SECONDS, count
from resilience_sim.settings.policy import (
    SHARED,
    PolicyConfig,
    PolicyKind,
    library_settings,
    one_to_one,
    policy_table,
)
from resilience_sim.settings.table import Findings, Loc, Param, Settings, Values
from resilience_sim.settings.types import DURATION, Count

PATIENCE = {"resilience4j": "maxWaitDuration", "failsafe-go": "MaxWaitTime", "semian": "timeout"}
QUEUE = {
    "polly": "QueueLimit",
    "cockatiel": "queue",
    "smallrye": "waitingTaskQueue",
    "envoy": "max_pending_requests",
}
MANY = 1_000_000  # places in the queue of a library that limits the wait, not the queue


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkheadConfig(PolicyConfig):
    """``max_wait`` -1: a queued call waits as long as its caller does."""

    kind: ClassVar[str] = "bulkhead"
    max_concurrent: int = 1
    queue: int = 0
    max_wait: int = -1


LIBRARIES: dict[str, tuple[Param, ...]] = {
    "resilience4j": (
        Param("maxConcurrentCalls", count(1), 25, same_as="max_concurrent"),
        Param("maxWaitDuration", DURATION, "0ms", same_as="max_wait"),
    ),
    "polly": (
        Param("PermitLimit", count(1), 1000, same_as="max_concurrent"),
        Param("QueueLimit", count(), 0, same_as="queue"),
    ),
    "failsafe-go": (
        Param("MaxConcurrency", count(1), required=True, same_as="max_concurrent"),
        Param("MaxWaitTime", DURATION, "0ms", same_as="max_wait"),
    ),
    "hyx": (
        Param("max_concurrency", count(1), required=True, same_as="max_concurrent"),
        Param("max_capacity", count(1), required=True, first="10"),
    ),
    "hystrix": (Param("maxConcurrentRequests", count(1), 10, same_as="max_concurrent"),),
    "smallrye": (
        Param("value", count(1), 10, same_as="max_concurrent"),
        Param("waitingTaskQueue", count(), 0, same_as="queue"),
    ),
    "opossum": (Param("capacity", count(1), required=True, same_as="max_concurrent"),),
    "cockatiel": (
        Param("limit", count(1), required=True, same_as="max_concurrent"),
        Param("queue", count(), 0, same_as="queue"),
    ),
    # the tickets are of a host: of all its processes together
    "semian": (
        Param("tickets", count(1), required=True, same_as="max_concurrent"),
        Param("timeout", SECONDS, "0s", same_as="max_wait"),
    ),
    "envoy": (
        Param("max_requests", count(1), 1024, same_as="max_concurrent"),
        Param("max_pending_requests", count(), 1024, same_as="queue"),
    ),
}

PAGE = """\
Limits how many calls are inside at once. A further one waits in the queue, if there is room, for at most `max_wait`
(default: as long as its caller waits); else the outcome is `bulkhead_full` at once.

By Little's law calls inside = rate * time: 50/s at 200 ms need 10 places. A bulkhead keeps a slow B from taking
all threads of Service A."""

TABLE = policy_table(
    "bulkhead",
    "Limits how many calls are inside at once.",
    (
        Param(
            "max_concurrent",
            Count(1),
            about="Calls inside at once.",
            required=True,
            first="10",
            synonyms=("concurrency", "max_calls"),
        ),
        Param("queue", Count(0), 0, "Calls that may wait for a place.", first="0"),
        Param("max_wait", DURATION, about="How long they wait; default: as long as their caller does."),
        SHARED,
    ),
    LIBRARIES,
    PAGE,
)


def _classic(values: Values, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    if values.max_wait is not None and not values.queue:
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `max_wait` has no effect without a `queue`")
    return BulkheadConfig(
        ident,
        max_concurrent=values.max_concurrent,
        queue=values.queue,
        max_wait=-1 if values.max_wait is None else values.max_wait,
    )


def emulate_bulkhead(library: str, given: Settings, ident: str = "") -> BulkheadConfig:
    """A semaphore, and who may wait at it."""
    settings = library_settings(LIBRARIES, library, given, "bulkhead")
    inside = settings[LIBRARIES[library][0].name]
    if library in PATIENCE:
        patience = settings[PATIENCE[library]]
        return BulkheadConfig(ident, max_concurrent=inside, queue=MANY if patience else 0, max_wait=patience)
    if library == "hyx":
        return BulkheadConfig(ident, max_concurrent=inside, queue=max(0, settings["max_capacity"] - inside))
    queue = QUEUE.get(library)
    return BulkheadConfig(ident, max_concurrent=inside, queue=settings[queue] if queue else 0)


def _translate(library: str, values: Values) -> Settings:
    return one_to_one(LIBRARIES, library, values, "max_concurrent", "queue", "max_wait")


KIND = PolicyKind(
    TABLE,
    _classic,
    {BulkheadConfig: "bulkhead:Bulkhead"},
    LIBRARIES,
    ("shared",),
    lambda library, given, ident, values: emulate_bulkhead(library, given, ident),
    _translate,
)
