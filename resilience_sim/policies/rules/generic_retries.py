"""Our own keys of a retry in a library's words.

Owns the translation, as rules/generic_breakers.py does for breakers: ``attempts: 3`` counts the first try here, so it
is ``MaxRetryAttempts: 2`` to Polly. Where a key of ours is the library's own name too (stamina's and hyx's
``attempts``), it means what it means there.
"""

from __future__ import annotations

from typing import Any

from resilience_sim.policies.rules.library_retries import RETRIES
from resilience_sim.policies.rules.native import NativeError, Settings
from resilience_sim.policies.rules.native_retries import PARAMS

GROWS = ("resilience4j", "polly", "failsafe-go", "tenacity", "dapr")


def from_generic(library: str, written: Settings) -> Settings:
    """Native parameters from ours.

    ``written`` holds what was written of ``attempts``, ``delay``, ``backoff``, ``factor``, ``max_delay``, ``jitter``
    (kind, spread), ``max_elapsed``.
    """
    if library == "tenacity":
        return _tenacity(written)
    rest = dict(written)
    found: Settings = {}
    tables = {param.same_as: param for param in PARAMS[library] if param.same_as}
    if library == "failsafe-go" and rest.get("backoff", "constant") == "exponential":
        found["Backoff"] = {"delay": rest.pop("delay", 0), "maxDelay": rest.pop("max_delay", 1 << 60),
                            "factor": rest.pop("factor", 2.0)}  # fmt: skip
        rest.pop("backoff")
    for name in ("attempts", "delay", "factor", "max_delay", "max_elapsed"):
        if name not in rest:
            continue
        if name not in tables:
            raise NativeError(name, f"{library} has nothing like `{name}`", _what_it_has(library))
        value = rest.pop(name)
        own = tables[name].name == name
        if name == "attempts" and not own and not RETRIES[library].counts_first:
            value -= 1
        found[tables[name].name] = value
    backoff, jitter = rest.get("backoff", "constant"), rest.get("jitter", ("none", 0.0))
    found.update(_growth(library, backoff))
    if jitter[0] != "none":
        found.update(_jitter(library, jitter))
    return found


def _what_it_has(library: str) -> str:
    return "it has " + ", ".join(param.name for param in PARAMS[library])


def _growth(library: str, backoff: str) -> Settings:
    if backoff == "constant" or (backoff == "exponential" and library not in GROWS):
        return {}  # those not in GROWS always grow exponentially
    if library == "polly" and backoff in {"linear", "exponential"}:
        return {"BackoffType": backoff.capitalize()}
    if library == "resilience4j" and backoff == "exponential":
        return {"enableExponentialBackoff": True}
    if library == "dapr" and backoff == "exponential":
        return {"policy": "exponential"}
    raise NativeError("backoff", f"{library} has no `{backoff}` backoff", _what_it_has(library))


def _jitter(library: str, jitter: tuple[str, float]) -> Settings:
    kind, spread = jitter
    if library == "resilience4j" and kind == "spread":
        return {"enableRandomizedWait": True, "randomizedWaitFactor": spread}
    if library == "failsafe-go" and kind == "spread":
        return {"JitterFactor": spread}
    if library == "polly" and kind == "spread" and spread == 0.25:
        return {"UseJitter": True}
    raise NativeError("jitter", f"{library} does not jitter like that", _what_it_has(library))


def _tenacity(rest: Settings) -> Settings:
    found: Settings = {}
    seconds = 1e9
    stops: list[dict[str, Any]] = []
    if "attempts" in rest:
        stops.append({"kind": "after_attempt", "value": rest["attempts"]})
    if "max_elapsed" in rest:
        stops.append({"kind": "before_delay", "value": rest["max_elapsed"] / seconds})
    if stops:
        found["stop"] = stops[0] if len(stops) == 1 else {"kind": "any", "of": stops}
    if not {"delay", "backoff", "factor", "max_delay", "jitter"} & set(rest):
        return found
    kind, jitter = rest.get("backoff", "constant"), rest.get("jitter", ("none", 0.0))[0]
    delay = rest.get("delay", 0) / seconds
    limits = {"max": rest["max_delay"] / seconds} if "max_delay" in rest else {}
    if kind == "exponential" and jitter in {"none", "full"}:
        name = "exponential" if jitter == "none" else "random_exponential"
        found["wait"] = {"kind": name, "multiplier": delay, "exp_base": rest.get("factor", 2), **limits}
    elif kind == "linear" and jitter == "none":
        found["wait"] = {"kind": "incrementing", "start": delay, "increment": delay, **limits}
    elif kind == "constant" and jitter in {"none", "full"}:
        fixed = {"kind": "fixed", "seconds": delay} if jitter == "none" else {"kind": "random", "max": delay}
        found["wait"] = fixed
    else:
        raise NativeError("backoff", "say it in tenacity's words", "wait: {kind: sum, of: […]}")
    return found
