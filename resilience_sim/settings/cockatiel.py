"""cockatiel's retry and circuit breaker (Node).

Source: cockatiel 3.2.1, RetryPolicy, CircuitBreakerPolicy, breaker/*, backoff/*. A wait is a timer of Node: whole
milliseconds, at least one. Calls that come while a probe is under way wait for its verdict. ``exponent`` is used by
the decorrelated generator only; the others always double.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from resilience_sim.settings.breaker import BreakerRules
from resilience_sim.settings.library_types import FRACTION, MILLISECONDS, LibraryNumber, Nest, Several, count
from resilience_sim.settings.retry import RetryRules, StopConfig, WaitConfig
from resilience_sim.settings.table import LibraryError, Param, Settings
from resilience_sim.settings.types import Choice
from resilience_sim.settings.urllib3 import ERRORS, NO_LIMIT

MILLI = 1_000_000
S = 1_000 * MILLI
MOST_PER_SLICE = S
LEAST_SLICES = 5

RULES = BreakerRules(
    "cockatiel", "3.2.1", judged_on="failure", leaves_open="at", admits="waiting", verdict="first", late="admitting",
    ignored="answers", cancelled="failure", fresh=(), rounding="product", strict=True, manual="changed",
    probe_counts="anew", extends=False,
)  # fmt: skip

GENERATORS = ("decorrelatedJitterGenerator", "noJitterGenerator", "fullJitterGenerator", "halfJitterGenerator")
EXPONENTIAL = Nest(
    "ExponentialBackoff",
    {"initialDelay": 128, "maxDelay": 30_000, "exponent": 2, "generator": GENERATORS[0]},
    initialDelay=MILLISECONDS,
    maxDelay=MILLISECONDS,
    exponent=LibraryNumber(1),
    generator=Choice(*GENERATORS),
)
BACKOFFS = (Param("ExponentialBackoff", EXPONENTIAL), Param("IterableBackoff", Several(MILLISECONDS)))

PARAMS: tuple[Param, ...] = (
    Param("ConsecutiveBreaker", count(1), 5, same_as="failure_threshold"),
    Param(
        "CountBreaker",
        Nest("CountBreaker", {"minimumNumberOfCalls": None}, threshold=FRACTION, size=count(1),
             minimumNumberOfCalls=count(1)),
    ),
    Param(
        "SamplingBreaker",
        Nest("SamplingBreaker", {"minimumRps": None}, threshold=FRACTION, duration=MILLISECONDS,
             minimumRps=LibraryNumber()),
    ),
    Param("halfOpenAfter", MILLISECONDS, "10s", same_as="recovery_time"),
    *BACKOFFS,
)  # fmt: skip

RETRY_PARAMS: tuple[Param, ...] = (
    Param("maxAttempts", ERRORS, "unlimited", same_as="attempts"),
    Param("ConstantBackoff", MILLISECONDS, "0ms", same_as="delay"),
    *BACKOFFS,
)


def retry_rules(on: tuple[int, ...]) -> RetryRules:
    """The row of the retry."""
    return RetryRules("cockatiel", "3.2.1", counts_first=False, on=on)


def backoff(p: Settings, constant: int, timer: bool = False) -> WaitConfig:
    """The one backoff that is given, else ``constant`` ns. ``timer``: what Node makes of it."""
    if p["ExponentialBackoff"] and p["IterableBackoff"]:
        raise LibraryError("IterableBackoff", "there is one backoff", "leave `ExponentialBackoff` away")
    clock: dict[str, Any] = {"whole": True, "least": float(MILLI)} if timer else {}
    if p["IterableBackoff"]:
        return WaitConfig("chain", of=tuple(WaitConfig(base=float(each), **clock) for each in p["IterableBackoff"]))
    given = p["ExponentialBackoff"]
    if not given:
        return WaitConfig(base=float(constant), **clock)
    base, most, generator = float(given["initialDelay"]), float(given["maxDelay"]), given["generator"]
    if generator == GENERATORS[0]:
        return WaitConfig("smoothed", base, factor=given["exponent"], most=most, **clock)
    jitter = {"fullJitterGenerator": "full", "halfJitterGenerator": "equal"}.get(generator, "none")
    if jitter != "none":
        clock["whole"] = True  # the generator rounds down itself
    return WaitConfig("exponential", base, jitter=jitter, most=most, capped="before", **clock)


def cockatiel_retry(p: Settings) -> Settings:
    """What the parameters mean together."""
    limit = p["maxAttempts"]
    stop = StopConfig() if limit == NO_LIMIT else StopConfig("attempts", limit + 1)
    return {"wait": backoff(p, p["ConstantBackoff"], True), "stop": stop}


def cockatiel(p: Settings) -> Settings:
    """What the parameters mean together."""
    if p["CountBreaker"] and p["SamplingBreaker"]:
        raise LibraryError("SamplingBreaker", "there is one breaker", "leave `CountBreaker` away")
    waits = backoff(p, p["halfOpenAfter"])
    found: Settings = {"growth": "waits", "open_for": p["halfOpenAfter"], "open_wait": (waits,)}
    for name in ("CountBreaker", "SamplingBreaker"):
        if p[name] and not 0 < p[name]["threshold"] < 1:
            raise LibraryError(name, "`threshold` must be more than 0 and less than 1", "write it like `50%`")
    if p["CountBreaker"]:
        size = p["CountBreaker"]["size"]
        least = p["CountBreaker"]["minimumNumberOfCalls"] or size
        if least > size:
            raise LibraryError("CountBreaker", f"`minimumNumberOfCalls` is at most its size of {size}")
        return {**found, "window": "ring", "window_calls": size, "min_calls": least,
                "failure_share": p["CountBreaker"]["threshold"]}  # fmt: skip
    if p["SamplingBreaker"]:
        return {**found, **_sampling(p["SamplingBreaker"])}
    return {**found, "consecutive": p["ConsecutiveBreaker"]}


def _sampling(given: Settings) -> Settings:
    """At least five slices of at most a second; without ``minimumRps``, five failures a second at the threshold."""
    span, threshold = given["duration"] / MILLI, given["threshold"]
    slices = max(LEAST_SLICES, ceil(span / 1000))
    width = int(span / slices + 0.5)
    if not width:
        raise LibraryError("SamplingBreaker", "its `duration` is too short", "at least `3ms`")
    per_milli = given["minimumRps"] / 1000 if given["minimumRps"] else 5 / (threshold * 1000)
    return {
        "window": "pushed",
        "window_time": width * slices * MILLI,
        "slices": slices,
        "min_calls": ceil(width * slices * per_milli),
        "failure_share": threshold,
    }
