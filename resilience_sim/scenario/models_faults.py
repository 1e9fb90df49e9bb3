"""The section `faults` of a scenario file: a list of one-key items.

Owns the keys of each fault, defaults and descriptions. Refuses to turn them into settings (resolve_faults.py).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from resilience_sim.scenario import leaves
from resilience_sim.scenario.leaves import Duration, Factor, Identifier, LongerThanZero, Share, SomeRate, SomeShare
from resilience_sim.scenario.models_base import Strict, key, required
from resilience_sim.scenario.models_items import OneKey


class FaultModel(Strict):
    """What every fault has."""

    at: Duration = required(description="When it begins, from the start of the run.")
    for_: LongerThanZero = required(alias="for", description="How long it lasts.")
    id: Identifier | None = key(None, description="Its name in expectations and results; default: its kind.")
    share: SomeShare = key("100%", description="How much is hit.")
    of: Annotated[str, leaves.choice("attempts", "requests")] = key(
        "attempts", description="What `share` is a share of; `requests` hits the same ones on every attempt."
    )
    replica: Annotated[int, leaves.count(1, 10_000)] | None = key(
        None, description="Only that replica, counted from 1; default: all of them."
    )


class Outage(FaultModel):
    """B is gone."""

    how: Annotated[str, leaves.choice("refuse", "hang", "error", "reset")] = key(
        "refuse", description="Refuses at once, never answers, answers 500 after its time, or breaks off midway."
    )


class Brownout(FaultModel):
    """B is weakened."""

    workers: Share = key("100%", description="Share of the workers that is left.")
    slower: Factor = key("1x", description="How many times longer the work takes.")
    failure_rate: Share = key("0%", description="Chance of failing on top of B's own.")


class AddedLatency(FaultModel):
    """B takes longer."""

    add: LongerThanZero = required(description="Added to every service time.")


class Errors(FaultModel):
    """B answers with an error now and then."""

    rate: SomeShare = key("100%", description="Chance of such an answer.")
    status: Annotated[int, leaves.count(400, 599)] = key(
        500, description="HTTP status: 503 is `unavailable`, 429 `rate_limited`, any other `error`."
    )


class LostResponses(FaultModel):
    """B does the work, and the answer gets lost: the caller waits."""

    rate: SomeShare = key("100%", description="Chance that an answer is lost.")


class RateLimit(FaultModel):
    """B answers 429 above a rate."""

    limit: SomeRate = required(description="What B lets through.")
    retry_after: LongerThanZero | None = key(None, description="The hint B gives with its 429.")


class ColdCache(FaultModel):
    """B is slow at first and warms up."""

    slower: Factor = required(description="How many times slower at the beginning.")
    half_life: LongerThanZero = required(description="After this time half of the slowness is gone.")


class CrashReplica(FaultModel):
    """A replica is down: its work is lost, the balancer goes on using the others."""


class Spike(FaultModel):
    """More traffic (open loop only)."""

    rate: Factor = required(description="What the arrival rate is multiplied by.")


class FaultItem(OneKey):
    """One fault."""

    stand_in: ClassVar[Any] = {"crash_replica": {"at": "1s", "for": "1s"}}

    outage: Outage | None = key(None, description="B is gone: refuses, hangs, errs or resets.")
    brownout: Brownout | None = key(None, description="B is weakened: fewer workers, slower, more failures.")
    latency: AddedLatency | None = key(None, description="B takes longer.")
    errors: Errors | None = key(None, description="B answers with an error now and then.")
    lost_responses: LostResponses | None = key(None, description="B does the work, and its answer gets lost.")
    rate_limit: RateLimit | None = key(None, description="B answers 429 above a rate.")
    cold_cache: ColdCache | None = key(None, description="B is slow at first and warms up.")
    crash_replica: CrashReplica | None = key(None, description="A replica of B is down.")
    spike: Spike | None = key(None, description="The arrival rate is multiplied.")


FAULT_KINDS: tuple[str, ...] = tuple(FaultItem.model_fields)
