"""The sections `service` and `operation` of a scenario file.

Owns their keys, defaults and descriptions. Refuses to turn them into the world's settings (resolve_world.py).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from resilience_sim.scenario import leaves
from resilience_sim.scenario.leaves import Duration, Flag, Leaf, LongerThanZero, Number, Share
from resilience_sim.scenario.models_base import LatencyModel, Short, Strict


class Slowdown(Strict):
    """Latency as a function of load."""

    per_concurrent: Duration = Field(description="Added for each other request in service.")


class Deduplicate(Short):
    """Whether B remembers idempotency keys: `true`, or `{ttl: 24h}`."""

    ttl: LongerThanZero = Field(description="How long a key is remembered.")

    @classmethod
    def short(cls) -> Leaf:
        """Yes (for ever) or no."""
        return leaves.flag()


class ServiceModel(Strict):
    """Service B, the one that is called."""

    latency: LatencyModel = Field("0ms", description="Time that a worker needs for a request.")  # type: ignore[assignment]
    network: LatencyModel = Field("0ms", description="Time on the wire, drawn each way; holds no worker.")  # type: ignore[assignment]
    workers: Annotated[int, leaves.count(1, 1_000_000, unlimited=0)] = Field(
        "unlimited", description="Requests worked on at once, per replica."
    )
    queue: Annotated[int, leaves.count(0, 1_000_000_000, unlimited=-1)] = Field(
        "unlimited", description="Waiting places, per replica; a full queue refuses at once (outcome `shed`)."
    )
    discipline: Annotated[str, leaves.choice("fifo", "lifo", "drop_abandoned")] = Field(
        "fifo", description="Who is next: the oldest, the newest, or the oldest whose caller still waits."
    )
    failure_rate: Share = Field("0%", description="Chance that an attempt fails, after its service time.")
    failure: Annotated[str, leaves.choice("error", "unavailable", "rate_limited", "lost_response")] = Field(
        "error", description="What such a failure looks like: 500, 503, 429, or an effect without an answer."
    )
    slowdown: Slowdown | None = Field(None, description="Latency as a function of load.")
    replicas: Annotated[int, leaves.count(1, 10_000)] = Field(
        1, description="Identical copies behind a balancer, each with its own workers and queue."
    )
    balancer: Annotated[str, leaves.choice("round_robin", "random", "least_loaded")] = Field(
        "round_robin", description="How attempts are dealt to the replicas."
    )
    deduplicate: Deduplicate = Field(False, description="Whether B remembers idempotency keys, and how long.")  # type: ignore[assignment]


class OperationModel(Strict):
    """What each request does to B."""

    method: Annotated[str, leaves.choice("GET", "PUT", "DELETE", "POST")] = Field(
        "GET", description="GET has no effect, PUT and DELETE are idempotent, a POST executed twice is a duplicate."
    )
    idempotency_key: Flag = Field(False, description="Whether each request carries a key, the same on every attempt.")
    amount: Number | None = Field(None, description="Money moved by each effect; the ledger then counts it.")
