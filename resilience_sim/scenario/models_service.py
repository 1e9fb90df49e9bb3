"""The sections `service` and `operation` of a scenario file.

Owns their keys, defaults and descriptions. Refuses to turn them into the world's settings (resolve_world.py).
"""

from __future__ import annotations

from typing import Annotated

from resilience_sim.scenario import leaves
from resilience_sim.scenario.leaves import Duration, Flag, Leaf, LongerThanZero, Number, Share
from resilience_sim.scenario.models_base import LatencyModel, Short, Strict, key, required


class Slowdown(Strict):
    """Latency as a function of load."""

    per_concurrent: Duration = required(description="Added for each other request in service.")


class Deduplicate(Short):
    """Whether B remembers idempotency keys: `true`, or `{ttl: 24h}`."""

    ttl: LongerThanZero = required(description="How long a key is remembered.")

    @classmethod
    def short(cls) -> Leaf:
        """Yes (for ever) or no."""
        return leaves.flag()


class ServiceModel(Strict):
    """Service B, the one that is called."""

    latency: LatencyModel = key("0ms", description="Time that a worker needs for a request.")
    network: LatencyModel = key("0ms", description="Time on the wire, drawn each way; holds no worker.")
    workers: Annotated[int, leaves.count(1, 1_000_000, unlimited=0)] = key(
        "unlimited", description="Requests worked on at once, per replica."
    )
    queue: Annotated[int, leaves.count(0, 1_000_000_000, unlimited=-1)] = key(
        "unlimited", description="Waiting places, per replica; a full queue refuses at once (outcome `shed`)."
    )
    discipline: Annotated[str, leaves.choice("fifo", "lifo", "drop_abandoned")] = key(
        "fifo", description="Who is next: the oldest, the newest, or the oldest whose caller still waits."
    )
    failure_rate: Share = key("0%", description="Chance that an attempt fails, after its service time.")
    failure: Annotated[str, leaves.choice("error", "unavailable", "rate_limited", "lost_response")] = key(
        "error", description="What such a failure looks like: 500, 503, 429, or an effect without an answer."
    )
    slowdown: Slowdown | None = key(None, description="Latency as a function of load.")
    replicas: Annotated[int, leaves.count(1, 10_000)] = key(
        1, description="Identical copies behind a balancer, each with its own workers and queue."
    )
    balancer: Annotated[str, leaves.choice("round_robin", "random", "least_loaded")] = key(
        "round_robin", description="How attempts are dealt to the replicas."
    )
    deduplicate: Deduplicate = key(False, description="Whether B remembers idempotency keys, and how long.")


class OperationModel(Strict):
    """What each request does to B."""

    method: Annotated[str, leaves.choice("GET", "PUT", "DELETE", "POST")] = key(
        "GET", description="GET has no effect, PUT and DELETE are idempotent, a POST executed twice is a duplicate."
    )
    idempotency_key: Flag = key(False, description="Whether each request carries a key, the same on every attempt.")
    amount: Number | None = key(None, description="Money moved by each effect; the ledger then counts it.")
