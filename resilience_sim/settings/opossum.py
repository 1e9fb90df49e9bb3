"""opossum's circuit breaker (Node): it counts calls and failures of a rolling window, and probes with one call.

Source: opossum 9.0.0, lib/circuit.js (call, fail, open, close) and lib/status.js. Its ``timeout`` and ``capacity`` are
policies of their own here, inside the breaker: what they reject counts as a failure, as there.
"""

from __future__ import annotations

from resilience_sim.settings.breaker import BreakerRules
from resilience_sim.settings.library_types import MILLISECONDS, PERCENT, count
from resilience_sim.settings.table import LibraryError, Param, Settings
from resilience_sim.settings.types import FLAG

MILLI = 1_000_000

# a promise goes on when its caller has left, and mostly ends by the breaker's own timeout: a failure
RULES = BreakerRules(
    "opossum", "9.0.0", judged_on="failure", leaves_open="at", admits="total", verdict="first", late="current",
    open_counts=True, ignored="success", cancelled="failure", fresh=(), rounding="times100", strict=True,
    manual="changed", counts="calls", probe_counts="yes",
)  # fmt: skip

PARAMS: tuple[Param, ...] = (
    Param("errorThresholdPercentage", PERCENT, 50.0, same_as="failure_threshold"),
    Param("volumeThreshold", count(), 0, same_as="min_calls"),
    Param("resetTimeout", MILLISECONDS, "30s", same_as="recovery_time"),
    Param("rollingCountTimeout", MILLISECONDS, "10s", same_as="window"),
    Param("rollingCountBuckets", count(1), 10),
    Param("allowWarmUp", FLAG, False),
)


def opossum(p: Settings) -> Settings:
    """What the parameters mean together; a bucket is a whole number of milliseconds."""
    buckets, span = p["rollingCountBuckets"], p["rollingCountTimeout"]
    width = span // MILLI // buckets * MILLI
    if not width:
        raise LibraryError("rollingCountBuckets", "a bucket is shorter than a millisecond", "fewer buckets")
    return {
        "window": "calls",
        "window_time": width * buckets,
        "slices": buckets,
        "min_calls": p["volumeThreshold"],
        "failure_share": p["errorThresholdPercentage"] / 100,
        "open_for": p["resetTimeout"],
        "automatic": True,
        "warm_up": span if p["allowWarmUp"] else 0,
    }
