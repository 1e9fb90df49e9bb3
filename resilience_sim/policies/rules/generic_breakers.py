"""Our own keys of a circuit breaker in a library's words: ``window: 10s`` is ``SamplingDuration`` to Polly.

Owns the translation: simple keys by the tables of rules/native_breakers.py (``same_as``), thresholds and windows here,
where several of ours make one of theirs. What a library cannot express is refused, except that N failures in a row
become N of the last N calls where only shares are known: for a window of calls that is the same thing.
"""

from __future__ import annotations

from math import ceil

from resilience_sim.policies.rules.native import NativeError, Settings
from resilience_sim.policies.rules.native_breakers import PARAMS, S

RUN_ONLY = ("pybreaker", "hyx")  # know failures in a row only
TIMED_ONLY = ("polly", "gobreaker", "dapr", "hystrix", "finagle")  # know windows of time only
MIN_CALLS = 10


def from_generic(library: str, written: Settings) -> Settings:
    """Native parameters from ours.

    ``written`` holds what was written: ``calls`` or ``share`` (of failure_threshold), ``window_calls`` or
    ``window_time``, and ``min_calls``, ``recovery_time``, ``probes``, ``success_threshold``, ``slow_call``,
    ``slow_threshold``, ``factor``, ``longest``. NativeError names the key of ours that cannot be said.
    """
    rest = dict(written)
    found: Settings = {}
    simple = {param.same_as: param for param in PARAMS[library] if param.same_as}
    for name in ("recovery_time", "probes", "success_threshold", "slow_call"):
        if name in rest:
            if name not in simple:
                raise NativeError(name, f"{library} has nothing like `{name}`", _what_it_has(library))
            found[simple[name].name] = rest.pop(name)
    if "slow_threshold" in rest:
        if library != "resilience4j":
            raise NativeError("slow_call", f"{library} does not look at slow calls", _what_it_has(library))
        found["slowCallRateThreshold"] = rest.pop("slow_threshold") * 100
    if "factor" in rest:
        found.update(_growth(library, rest.pop("factor"), rest.pop("longest", 0), found))
    if library == "envoy":
        return {**found, **_envoy(rest)}
    found.update(_window(library, rest))
    if {"calls", "share", "min_calls"} & set(rest):
        found.update(_threshold(library, rest))
    return found


def _what_it_has(library: str) -> str:
    return "it has " + ", ".join(param.name for param in PARAMS[library])


def _envoy(rest: Settings) -> Settings:
    for name, key in (("share", "failure_threshold"), ("window_calls", "window"), ("window_time", "window"),
                      ("min_calls", "min_calls")):  # fmt: skip
        if name in rest:
            raise NativeError(key, f"outlier detection has nothing like this `{key}`", _what_it_has("envoy"))
    return {"consecutive_5xx": rest["calls"]} if "calls" in rest else {}


def _growth(library: str, factor: float, longest: int, found: Settings) -> Settings:
    if library == "resilience4j":
        return {"enableExponentialBackoff": True, "exponentialBackoffMultiplier": factor,
                "exponentialMaxWaitDurationInOpenState": longest}  # fmt: skip
    if library == "polly" and not longest:
        return {"BreakDurationGenerator": f"{found.get('BreakDuration', 5 * S) / S!r} * {factor!r} ** n"}
    raise NativeError("backoff", f"the open time of {library} does not grow like that", _what_it_has(library))


def _window(library: str, rest: Settings) -> Settings:
    calls, time = rest.get("window_calls", 0), rest.get("window_time", 0)
    if not calls and not time:
        return {}
    if library in RUN_ONLY:
        raise NativeError("window", f"{library} has no window: it counts failures in a row", _what_it_has(library))
    if calls and library in TIMED_ONLY:
        raise NativeError("window", f"the window of {library} is a time", "write it like `10s`")
    if library == "resilience4j":
        if time % S:
            raise NativeError("window", "resilience4j takes whole seconds only", "write it like `10s`")
        return {"slidingWindowType": "TIME_BASED" if time else "COUNT_BASED", "slidingWindowSize": calls or time // S}
    names = {"polly": "SamplingDuration", "gobreaker": "Interval", "dapr": "interval",
             "hystrix": "rollingStatsTimeInMilliseconds", "finagle": "window"}  # fmt: skip
    return {names[library]: time} if library in names else {}


def _threshold(library: str, rest: Settings) -> Settings:
    calls, share, least = rest.get("calls", 0), rest.get("share", 0.0), rest.get("min_calls", 0)
    if share and library in RUN_ONLY:
        raise NativeError("failure_threshold", f"{library} counts failures in a row", "write a number like `5`")
    if least and library in RUN_ONLY:
        raise NativeError("min_calls", f"{library} has no minimum of calls", _what_it_has(library))
    if library in RUN_ONLY:
        return {"fail_max" if library == "pybreaker" else "failure_threshold": calls}
    if library in {"gobreaker", "dapr"}:
        trip = f"ConsecutiveFailures >= {calls}"
        if share:
            trip = f"Requests >= {least or MIN_CALLS} and TotalFailures / Requests >= {share!r}"
        elif least:
            raise NativeError("min_calls", "`min_calls` means nothing to failures in a row", "write a share like `50%`")
        return {"trip" if library == "dapr" else "ReadyToTrip": trip}
    if library == "failsafe-go":
        return _failsafe(calls, share, least, rest)
    if library == "finagle":
        found: Settings = {"minRequestThreshold": least} if least else {}
        if calls:
            found.update(consecutiveFailures=calls, requiredSuccessRate=0.0)
        elif share:
            found.update(consecutiveFailures=0, requiredSuccessRate=1.0 - share)
        return found
    return _rates(library, calls, share, least, rest)


def _rates(library: str, calls: int, share: float, least: int, rest: Settings) -> Settings:
    """Libraries that know shares only."""
    names = {"resilience4j": ("failureRateThreshold", "minimumNumberOfCalls", 100),
             "polly": ("FailureRatio", "MinimumThroughput", 1),
             "hystrix": ("errorThresholdPercentage", "requestVolumeThreshold", 100)}  # fmt: skip
    rate, minimum, whole = names[library]
    found: Settings = {}
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


def _failsafe(calls: int, share: float, least: int, rest: Settings) -> Settings:
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
