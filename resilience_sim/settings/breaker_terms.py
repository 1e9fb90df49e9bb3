"""A circuit breaker's parameters of ours in the terms of a library: ``window: 10s`` is ``SamplingDuration`` to Polly.

What a library cannot express is refused, except that N failures in a row become N of the last N calls where only shares
are known: for a window of calls that is the same thing.
"""

from __future__ import annotations

from math import ceil

from resilience_sim.settings.breaker import (
    PAGE,
    PARAMS,
    BreakerConfig,
    LikeBreakerConfig,
    OutlierConfig,
    classic_breaker,
)
from resilience_sim.settings.breaker_libraries import LIBRARIES, S, emulate_breaker
from resilience_sim.settings.outliers import emulate_outliers
from resilience_sim.settings.policy import PolicyConfig, PolicyKind, policy_table, what_it_has
from resilience_sim.settings.table import LibraryError, Settings, Values

RUN_ONLY = ("pybreaker", "hyx")  # know failures in a row only
TIMED_ONLY = ("polly", "gobreaker", "dapr", "hystrix", "finagle", "opossum", "semian")  # know windows of time only
MIN_CALLS = 10


def from_classic(library: str, written: Settings) -> Settings:
    """Native parameters from ours.

    ``written`` holds what was written: ``calls`` or ``share`` (of failure_threshold), ``window_calls`` or
    ``window_time``, and ``min_calls``, ``recovery_time``, ``probes``, ``success_threshold``, ``slow_call``,
    ``slow_threshold``, ``factor``, ``longest``, ``jitter``. LibraryError names the key of ours that cannot be said.
    """
    rest = dict(written)
    found: Settings = {}
    simple = {param.same_as: param for param in LIBRARIES[library] if param.same_as}
    for name in ("recovery_time", "probes", "success_threshold", "slow_call"):
        if name in rest:
            if name not in simple:
                raise LibraryError(name, f"{library} has nothing like `{name}`", what_it_has(LIBRARIES[library]))
            found[simple[name].name] = rest.pop(name)
    if "slow_threshold" in rest:
        if library != "resilience4j":
            raise LibraryError("slow_call", f"{library} does not look at slow calls", what_it_has(LIBRARIES[library]))
        found["slowCallRateThreshold"] = rest.pop("slow_threshold") * 100
    if "jitter" in rest:
        kind, share = rest.pop("jitter")
        if library != "resilience4j" or kind != "spread" or "factor" in rest:
            raise LibraryError(
                "jitter", f"{library} does not randomize the open time so", what_it_has(LIBRARIES[library])
            )
        found.update(enableRandomizedWait=True, randomizedWaitFactor=share)
    if "factor" in rest:
        found.update(_growth_in(library, rest.pop("factor"), rest.pop("longest", 0), found))
    if library == "envoy":
        return {**found, **_envoy_in(rest)}
    found.update(_window_in(library, rest))
    asked = {"calls", "share", "min_calls", *(("window_calls", "window_time") if library == "cockatiel" else ())}
    if asked & set(rest):
        found.update(_threshold_in(library, rest))
    return found


def _envoy_in(rest: Settings) -> Settings:
    for name, key in (("share", "failure_threshold"), ("window_calls", "window"), ("window_time", "window"),
                      ("min_calls", "min_calls")):  # fmt: skip
        if name in rest:
            raise LibraryError(key, f"outlier detection has nothing like this `{key}`", what_it_has(LIBRARIES["envoy"]))
    return {"consecutive_5xx": rest["calls"]} if "calls" in rest else {}


def _growth_in(library: str, factor: float, longest: int, found: Settings) -> Settings:
    if library == "resilience4j":
        return {"enableExponentialBackoff": True, "exponentialBackoffMultiplier": factor,
                "exponentialMaxWaitDurationInOpenState": longest}  # fmt: skip
    if library == "polly" and not longest:
        return {"BreakDurationGenerator": f"{found.get('BreakDuration', 5 * S) / S!r} * {factor!r} ** n"}
    if library == "cockatiel" and factor == 2.0:
        initial = found.get("halfOpenAfter", 10 * S)
        return {"ExponentialBackoff": {"initialDelay": initial, "maxDelay": longest or 1 << 60, "exponent": 2.0,
                                       "generator": "noJitterGenerator"}}  # fmt: skip
    if library == "semian" and longest:
        return {"exponential_backoff_error_timeout": True, "exponential_backoff_multiplier": factor,
                "exponential_backoff_initial_timeout": found.get("error_timeout", S),
                "error_timeout": longest}  # fmt: skip
    raise LibraryError(
        "backoff", f"the open time of {library} does not grow like that", what_it_has(LIBRARIES[library])
    )


def _window_in(library: str, rest: Settings) -> Settings:
    calls, time = rest.get("window_calls", 0), rest.get("window_time", 0)
    if not calls and not time:
        return {}
    if library in RUN_ONLY:
        raise LibraryError(
            "window", f"{library} has no window: it counts failures in a row", what_it_has(LIBRARIES[library])
        )
    if time and library == "smallrye":
        raise LibraryError("window", "the window of smallrye is a number of calls", "write it like `20`")
    if calls and library in TIMED_ONLY:
        raise LibraryError("window", f"the window of {library} is a time", "write it like `10s`")
    if library == "resilience4j":
        if time % S:
            raise LibraryError("window", "resilience4j takes whole seconds only", "write it like `10s`")
        return {"slidingWindowType": "TIME_BASED" if time else "COUNT_BASED", "slidingWindowSize": calls or time // S}
    names = {"polly": "SamplingDuration", "gobreaker": "Interval", "dapr": "interval",
             "hystrix": "rollingStatsTimeInMilliseconds", "finagle": "window",
             "smallrye": "requestVolumeThreshold", "opossum": "rollingCountTimeout",
             "semian": "error_threshold_timeout"}  # fmt: skip
    return {names[library]: time or calls} if library in names else {}


def _threshold_in(library: str, rest: Settings) -> Settings:
    calls, share, least = rest.get("calls", 0), rest.get("share", 0.0), rest.get("min_calls", 0)
    if share and library in RUN_ONLY:
        raise LibraryError("failure_threshold", f"{library} counts failures in a row", "write a number like `5`")
    if least and library in RUN_ONLY:
        raise LibraryError("min_calls", f"{library} has no minimum of calls", what_it_has(LIBRARIES[library]))
    if library in RUN_ONLY:
        return {"fail_max" if library == "pybreaker" else "failure_threshold": calls}
    if library == "smallrye":
        return _smallrye_in(calls, share, least, rest)
    if library == "cockatiel":
        return _cockatiel_in(calls, share, least, rest)
    if library == "semian":
        if share or least:
            name = "failure_threshold" if share else "min_calls"
            raise LibraryError(name, "semian counts errors", "write a number like `5`")
        return {"error_threshold": calls}
    if library in {"gobreaker", "dapr"}:
        trip = f"ConsecutiveFailures >= {calls}"
        if share:
            trip = f"Requests >= {least or MIN_CALLS} and TotalFailures / Requests >= {share!r}"
        elif least:
            raise LibraryError(
                "min_calls", "`min_calls` means nothing to failures in a row", "write a share like `50%`"
            )
        return {"trip" if library == "dapr" else "ReadyToTrip": trip}
    if library == "failsafe-go":
        return _failsafe_in(calls, share, least, rest)
    if library == "finagle":
        found: Settings = {"minRequestThreshold": least} if least else {}
        if calls:
            found.update(consecutiveFailures=calls, requiredSuccessRate=0.0)
        elif share:
            found.update(consecutiveFailures=0, requiredSuccessRate=1.0 - share)
        return found
    return _rates_in(library, calls, share, least, rest)


def _rates_in(library: str, calls: int, share: float, least: int, rest: Settings) -> Settings:
    """Libraries that know shares only."""
    names = {"resilience4j": ("failureRateThreshold", "minimumNumberOfCalls", 100),
             "polly": ("FailureRatio", "MinimumThroughput", 1),
             "hystrix": ("errorThresholdPercentage", "requestVolumeThreshold", 100),
             "opossum": ("errorThresholdPercentage", "volumeThreshold", 100)}  # fmt: skip
    rate, minimum, whole = names[library]
    found: Settings = {}
    if calls and library == "opossum":  # its share must be exceeded: all of them can never
        raise LibraryError("failure_threshold", "opossum knows shares of a window only", "write a share like `50%`")
    if calls:
        if library == "resilience4j" and "window_time" not in rest:
            found["slidingWindowSize"] = calls
        least = least or max(calls, 2 if library == "polly" else 1)
        share = 1.0
    if share:
        found[rate] = share * whole
    if least or (share and library == "resilience4j" and "window_calls" in rest):
        found[minimum] = least or rest["window_calls"]
    elif share and rest.get("window_time"):
        found[minimum] = MIN_CALLS
    return found


def _cockatiel_in(calls: int, share: float, least: int, rest: Settings) -> Settings:
    window, time = rest.get("window_calls", 0), rest.get("window_time", 0)
    if not share:
        if window or time or least:
            name = "window" if window or time else "min_calls"
            raise LibraryError(name, f"`{name}` means nothing to failures in a row", "write a share like `50%`")
        return {"ConsecutiveBreaker": calls}
    if time:
        rps = (least or MIN_CALLS) * S / time
        return {"SamplingBreaker": {"threshold": share, "duration": time, "minimumRps": rps}}
    size = window or 100
    return {"CountBreaker": {"threshold": share, "size": size, "minimumNumberOfCalls": least or size}}


def _smallrye_in(calls: int, share: float, least: int, rest: Settings) -> Settings:
    window = rest.get("window_calls", 0)
    if least and least != window:
        raise LibraryError("min_calls", "smallrye decides when its window is full, never earlier", "leave it away")
    if calls:
        if window and calls > window:
            raise LibraryError("failure_threshold", f"a window of {window} calls has no {calls} failures")
        return {"failureRatio": calls / window} if window else {"requestVolumeThreshold": calls, "failureRatio": 1.0}
    return {"failureRatio": share} if share else {}


def _failsafe_in(calls: int, share: float, least: int, rest: Settings) -> Settings:
    window, time = rest.get("window_calls", 0), rest.get("window_time", 0)
    if share and time:
        return {"FailureRateThreshold": {"rate": share, "executions": least or MIN_CALLS, "period": time}}
    if share:
        of = window or 100
        found: Settings = {"FailureThresholdRatio": {"threshold": max(1, ceil(share * of - 1e-9)), "capacity": of}}
        return {**found, "FailureExecutionThreshold": least} if least else found
    if time:
        return {"FailureThresholdPeriod": {"threshold": calls or 1, "period": time}}
    return {"FailureThreshold": calls} if calls else {"FailureExecutionThreshold": least}


def _emulate(library: str, given: Settings, ident: str, values: Values) -> PolicyConfig:
    if library == "envoy":
        return emulate_outliers(given, ident)
    return emulate_breaker(library, given, ident, values.ignore, values.on if "on" in values.written else None)


def _translate(library: str, values: Values) -> Settings:
    written = values.read
    said: Settings = {}
    if "failure_threshold" in written:
        threshold = values.failure_threshold
        said["calls" if threshold.calls else "share"] = threshold.calls or threshold.share
    if "window" in written:
        said["window_calls" if values.window.calls else "window_time"] = values.window.calls or values.window.time
    for name in ("min_calls", "recovery_time", "probes", "success_threshold", "slow_call", "slow_threshold"):
        if written.get(name) is not None:
            said[name] = written[name]
    if values.jitter[0] != "none":
        said["jitter"] = values.jitter
    if values.backoff is not None:
        short = values.backoff.scalar
        said["factor"] = short if short is not None else values.backoff.factor
        said["longest"] = 0 if short is not None else values.backoff.max or 0
    return from_classic(library, said)


KIND = PolicyKind(
    policy_table("circuit_breaker", "Stops calling B while it fails.", PARAMS, LIBRARIES, PAGE),
    classic_breaker,
    {
        BreakerConfig: "circuit_breaker:CircuitBreaker",
        LikeBreakerConfig: "circuit_breaker:LibraryBreaker",
        OutlierConfig: "outliers:OutlierWatch",
    },
    LIBRARIES,
    ("on", "ignore", "shared"),
    _emulate,
    _translate,
)
