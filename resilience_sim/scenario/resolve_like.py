"""Policies under a library's rules: from the models to their settings.

Owns who may be written: a library's own names only under ``like:`` that library, our names where it has such a thing,
and not both for one thing. What they mean is policies/rules/.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from resilience_sim.policies.config import PolicyConfig
from resilience_sim.policies.rules import (
    generic_breakers,
    generic_retries,
    native_breakers,
    native_guards,
    native_retries,
)
from resilience_sim.policies.rules.breaker import ARGUMENTS
from resilience_sim.policies.rules.expression import Expression, ExpressionError
from resilience_sim.policies.rules.native import NativeError, Param, Settings
from resilience_sim.policies.rules.native_breakers import breaker_like, outliers_like
from resilience_sim.policies.rules.native_retries import retry_like
from resilience_sim.policies.rules.tallies import COUNTERS
from resilience_sim.scenario import codes
from resilience_sim.scenario.check import SYNONYMS, Findings
from resilience_sim.scenario.like_leaves import Tables, owners
from resilience_sim.scenario.tree import Loc

TABLES: dict[str, Tables] = {
    "circuit_breaker": native_breakers.PARAMS, "retry": native_retries.PARAMS, "timeout": native_guards.TIMEOUTS,
    "bulkhead": native_guards.BULKHEADS, "rate_limiter": native_guards.LIMITERS, "hedge": native_guards.HEDGES,
    "throttle": native_guards.THROTTLES,
}  # fmt: skip


def written(model: BaseModel, kind: str, loc: Loc, findings: Findings) -> Settings:
    """The native parameters that were written; those of other libraries are findings."""
    like = getattr(model, "like", "classic")
    names = owners(TABLES[kind])
    ours = _ours(model, kind)
    found: Settings = {}
    for name in sorted(model.model_fields_set):
        if name not in names or name in ours:
            continue
        if like in names[name]:
            found[name] = getattr(model, name)
            continue
        whose = "`, `".join(names[name])
        here = SYNONYMS.get(name) or next((p.same_as for t in TABLES[kind].values() for p in t if p.name == name), "")
        message = f"unknown key `{name}`: it belongs to `like: {whose}`"
        remedy = f"write `like: {names[name][0]}`"
        if like != "classic":
            message = f"{like} has no `{name}`"
            remedy = "it has " + ", ".join(param.name for param in TABLES[kind][like])
        elif here in ours:
            remedy = f"here it is called `{here}`; or {remedy}"
        findings.error((*loc, name), codes.CONFLICT, message, remedy, key=True)
    return found


def _ours(model: BaseModel, kind: str) -> set[str]:
    """Keys of our own, which a library may have too (stamina's ``attempts``)."""
    base = type(model).__mro__[1]
    return set(getattr(base, "model_fields", {}))


def _merged(kind: str, library: str, native: Settings, generic: Settings, loc: Loc, findings: Findings) -> Settings:
    """Both together; the same thing said twice is a finding."""
    said: dict[str, Param] = {param.name: param for param in TABLES[kind][library]}
    for name in native:
        if name in generic:
            also = said[name].same_as or "another key"
            message = f"`{name}` and `{also}` say the same thing"
            findings.error((*loc, name), codes.CONFLICT, message, "keep one", key=True)
    return {**generic, **native}


def _guarded(make: Callable[[], PolicyConfig], model: BaseModel, loc: Loc, findings: Findings) -> PolicyConfig | None:
    """Make settings; what the library refuses becomes a finding at the key."""
    try:
        return make()
    except NativeError as error:
        name = error.name if error.name in model.model_fields_set else "like"
        findings.error((*loc, name), codes.CONFLICT, str(error), error.remedy, key=name != "like")
    return None


def breaker(model: Any, ident: str, loc: Loc, findings: Findings) -> PolicyConfig | None:
    """``circuit_breaker`` with ``like``."""
    library, fields = model.like, model.model_fields_set
    native = written(model, "circuit_breaker", loc, findings)
    said: Settings = {}
    if "failure_threshold" in fields:
        said["calls" if model.failure_threshold.calls else "share"] = (
            model.failure_threshold.calls or model.failure_threshold.share
        )
    if "window" in fields:
        said["window_calls" if model.window.calls else "window_time"] = model.window.calls or model.window.time
    for name in ("min_calls", "recovery_time", "probes", "success_threshold", "slow_call", "slow_threshold"):
        if name in fields and getattr(model, name) is not None:
            said[name] = getattr(model, name)
    if model.backoff is not None:
        short = model.backoff.scalar
        said["factor"] = short if short is not None else model.backoff.factor
        said["longest"] = 0 if short is not None else model.backoff.max or 0
    for name, known in (("ReadyToTrip", COUNTERS), ("trip", COUNTERS), ("BreakDurationGenerator", ARGUMENTS)):
        if name in native:
            _expression(str(native[name]), known, (*loc, name), findings)

    def make() -> PolicyConfig:
        generic = generic_breakers.from_generic(library, said)
        merged = _merged("circuit_breaker", library, native, generic, loc, findings)
        if library == "envoy":
            return outliers_like(merged, ident)
        return breaker_like(library, merged, ident, model.ignore)

    return None if findings.touches(loc) else _guarded(make, model, loc, findings)


def _expression(text: str, names: tuple[str, ...], loc: Loc, findings: Findings) -> None:
    try:
        Expression(text, names)
    except ExpressionError as error:
        findings.error(loc, codes.WRONG_TYPE, f"no condition: {error}", "for example `ConsecutiveFailures >= 5`")


def retry(model: Any, ident: str, budget: Any, loc: Loc, findings: Findings) -> PolicyConfig | None:
    """``retry`` with ``like``."""
    library, fields = model.like, model.model_fields_set
    native = written(model, "retry", loc, findings)
    names = ("attempts", "delay", "backoff", "factor", "max_delay", "jitter", "max_elapsed")
    said = {name: getattr(model, name) for name in names if name in fields and getattr(model, name) is not None}

    def make() -> PolicyConfig:
        generic = generic_retries.from_generic(library, said)
        merged = _merged("retry", library, native, generic, loc, findings)
        return retry_like(library, merged, ident, model.on if "on" in fields else (), budget)

    return None if findings.touches(loc) else _guarded(make, model, loc, findings)


_GUARDS: dict[str, Callable[..., PolicyConfig]] = {
    "timeout": native_guards.timeout_like, "bulkhead": native_guards.bulkhead_like,
    "rate_limiter": native_guards.limiter_like, "hedge": native_guards.hedge_like,
    "throttle": native_guards.throttle_like,
}  # fmt: skip


def guard(model: Any, kind: str, ident: str, loc: Loc, findings: Findings, **more: Any) -> PolicyConfig | None:
    """``timeout``, ``bulkhead``, ``rate_limiter``, ``hedge`` or ``throttle`` with ``like``."""
    library = model.like
    native = written(model, kind, loc, findings)
    simple = {param.same_as: param.name for param in TABLES[kind][library] if param.same_as}
    generic: Settings = {}
    for name in sorted(model.model_fields_set & _ours(model, kind)):
        value = getattr(model, name)
        if name in {"id", "like", *more} or value is None:
            continue
        if name == "limit":
            generic.update(_limit(library, value))
        elif name in simple:
            generic[simple[name]] = value
        else:
            have = ", ".join(param.name for param in TABLES[kind][library])
            message = f"{library} has nothing like `{name}`"
            findings.error((*loc, name), codes.CONFLICT, message, f"it has {have}", key=True)

    def make() -> PolicyConfig:
        return _GUARDS[kind](library, _merged(kind, library, native, generic, loc, findings), ident, **more)

    return None if findings.touches(loc) else _guarded(make, model, loc, findings)


def _limit(library: str, limit: Any) -> Settings:
    """``50/s`` in the library's words."""
    count, per = max(1, round(float(limit.count))), limit.per
    if library == "resilience4j":
        return {"limitForPeriod": count, "limitRefreshPeriod": per}
    if library == "hyx":
        return {"max_executions": count, "per_time_secs": per}
    return {"Smooth": {"executions": count, "period": per}}
