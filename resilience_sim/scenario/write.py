"""Settings back to the text of a scenario file: the inverse of reading, for policies and faults.

Owns the spelling of every value such that reading it again gives the same settings. Refuses to lay out whole files
(written.py) and settings it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from resilience_sim.kernel import events
from resilience_sim.policies import config as c
from resilience_sim.scenario.policy_leaves import SEEN
from resilience_sim.world.config import FaultConfig

Settings = dict[str, str]  # key -> value as YAML would have it; what stands at its default may be left out
_UNITS = (("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000))


class Unwritable(ValueError):
    """These settings have no spelling here (a library's own rules, say)."""


def duration(ns: int) -> str:
    """``1.5s``, ``250ms``, ``12.345678901s``: exact."""
    if ns == 0:
        return "0ms"
    for unit, size in _UNITS:
        if ns >= size and (ns % size == 0 or unit in ("s", "ms")):
            return f"{_decimal(Fraction(ns, size))}{unit}"
    return f"{ns}ns"


def share(value: float) -> str:
    """``30%``."""
    return f"{_decimal(Fraction(repr(value)) * 100)}%"


def factor(value: float) -> str:
    """``4x``."""
    return f"{_decimal(Fraction(repr(value)))}x"


def number(value: float) -> str:
    """``0.1``."""
    return _decimal(Fraction(repr(value)))


def rate(count: float, per: int = 1_000_000_000) -> str:
    """``80/s``."""
    units = {size: unit for unit, size in _UNITS}
    return f"{_decimal(Fraction(repr(count)))}/{units.get(per, duration(per))}"


def outcomes(codes: tuple[int, ...]) -> str:
    """``[error, timeout]``."""
    return "[" + ", ".join(name for name, seen in SEEN.items() if seen[0] in codes) + "]"


def policy_settings(policy: c.PolicyConfig) -> Settings:
    """All settings of a policy but its id; Unwritable for one this room does not know."""
    writer = _POLICIES.get(type(policy))
    if writer is None:
        raise Unwritable(f"the settings of {policy.id} cannot be written here")
    return {key: value for key, value in writer(policy).items() if value}


def fault_settings(fault: FaultConfig) -> tuple[str, Settings]:
    """The kind of a fault as files spell it, and its settings but ``at`` and ``id``."""
    kind = "lost_responses" if fault.kind == "errors" and fault.outcome == events.LOST else fault.kind
    found = {"for": duration(fault.duration), **_FAULTS[kind](fault)}
    if fault.share < 1:
        found["share"] = share(fault.share)
        if fault.of != "attempts":
            found["of"] = fault.of
    if fault.replica:
        found["replica"] = str(fault.replica)
    return kind, found


def policy_text(policy: c.PolicyConfig) -> str:
    """``retry: {attempts: 3, delay: 1s}``, with its id where that is not its kind."""
    named = {"id": quoted(policy.id)} if policy.id != policy.kind else {}
    return f"{policy.kind}: {flow({**named, **policy_settings(policy)})}"


def fault_text(fault: FaultConfig) -> str:
    """``outage: {at: 12s, for: 5s, how: refuse}``."""
    kind, settings = fault_settings(fault)
    named = {"id": quoted(fault.id)} if fault.id != kind else {}
    return f"{kind}: {flow({'at': duration(fault.at), **settings, **named})}"


def flow(settings: Settings) -> str:
    """A mapping on one line."""
    return "{" + ", ".join(f"{key}: {value}" for key, value in settings.items()) + "}"


def quoted(text: str) -> str:
    """A name as a YAML scalar."""
    plain = text.replace("_", "").replace("-", "").isalnum() and text[0].isalpha()
    return text if plain else "'" + text.replace("'", "''") + "'"


def _decimal(value: Fraction) -> str:
    """A fraction as decimal digits, all of them."""
    whole, rest = divmod(value.numerator, value.denominator)
    digits = ""
    while rest and len(digits) < 18:
        digit, rest = divmod(rest * 10, value.denominator)
        digits += str(digit)
    return f"{whole}.{digits}" if digits else str(whole)


def _some(ns: int) -> str:
    """A duration, or nothing where 0 stands for none."""
    return duration(ns) if ns else ""


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _budget(budget: c.BudgetConfig | None) -> str:
    if budget is None:
        return ""
    if budget.scheme == "ratio":
        return share(budget.ratio)
    if budget.scheme == "failure_rate":
        window = str(budget.window_calls) if budget.window_calls else _some(budget.window_time) or "all"
        return flow(
            {"kind": "failure_rate", "threshold": share(budget.ratio), "window": window, "counts": budget.counts}
        )
    if budget.scheme != "token_bucket":
        raise Unwritable(f"a budget of the scheme {budget.scheme} cannot be written here")
    return flow(
        {
            "kind": "token_bucket",
            "capacity": number(budget.capacity),
            "deposit": number(budget.deposit),
            "deposit_on": budget.deposit_on,
            "cost": number(budget.cost),
        }
    )


def _retry(p: c.RetryConfig) -> Settings:
    return {
        "attempts": str(p.attempts),
        "delay": duration(p.delay),
        "backoff": p.backoff,
        "factor": number(p.factor) if p.backoff == "exponential" else "",
        "max_delay": _some(p.max_delay),
        "jitter": share(p.spread) if p.jitter == "spread" else p.jitter if p.jitter != "none" else "",
        "on": outcomes(p.on) if p.on != c.DEFAULT_RETRY_ON else "",
        "honor_retry_after": "" if p.honor_retry_after else "false",
        "max_elapsed": _some(p.max_elapsed),
        "budget": _budget(p.budget),
    }


def _breaker(p: c.BreakerConfig) -> Settings:
    looks_back = bool(p.failure_share or p.slow_call)
    found = {
        "failure_threshold": str(p.consecutive) if p.consecutive else share(p.failure_share),
        "window": (str(p.window_calls) if p.window_calls else duration(p.window_time)) if looks_back else "",
        "min_calls": str(p.min_calls) if looks_back else "",
        "recovery_time": duration(p.recovery_time),
        "probes": str(p.probes),
        "success_threshold": str(p.success_threshold) if p.success_threshold != p.probes else "",
        "slow_call": _some(p.slow_call),
        "slow_threshold": share(p.slow_share) if p.slow_call else "",
        "ignore": outcomes(p.ignore) if p.ignore else "",
    }
    if p.open_factor != 1:
        most = {"max": duration(p.open_max)} if p.open_max else {}
        found["backoff"] = flow({"factor": factor(p.open_factor), **most})
    return found


def _limiter(p: c.RateLimiterConfig) -> Settings:
    return {
        "limit": rate(p.count, p.per),
        "burst": str(p.burst) if p.scheme == "token_bucket" else "",
        "max_wait": duration(p.max_wait),
        "kind": p.scheme,
    }


def _bulkhead(p: c.BulkheadConfig) -> Settings:
    wait = duration(p.max_wait) if p.max_wait >= 0 else ""
    return {"max_concurrent": str(p.max_concurrent), "queue": str(p.queue), "max_wait": wait if p.queue else ""}


_POLICIES: dict[type[c.PolicyConfig], Callable[[Any], Settings]] = {
    c.RetryConfig: _retry,
    c.BreakerConfig: _breaker,
    c.TimeoutConfig: lambda p: {"after": duration(p.after), "cancels_work": _flag(p.cancels_work)},
    c.BulkheadConfig: _bulkhead,
    c.RateLimiterConfig: _limiter,
    c.HedgeConfig: lambda p: {
        "delay": duration(p.delay),
        "max_extra": str(p.max_extra),
        "cancels_loser": _flag(p.cancels_loser),
    },
    c.FallbackConfig: lambda p: {"latency": duration(p.latency)},
    c.ThrottleConfig: lambda p: {"k": number(p.k), "window": duration(p.window)},
}
_STATUS = {events.UNAVAILABLE: "503", events.RATE_LIMITED: "429"}
_FAULTS: dict[str, Callable[[FaultConfig], Settings]] = {
    "outage": lambda f: {"how": f.how},
    "brownout": lambda f: {
        "workers": share(f.workers),
        "slower": factor(f.slower),
        "failure_rate": share(f.failure_rate),
    },
    "latency": lambda f: {"add": duration(f.add)},
    "errors": lambda f: {"rate": share(f.rate), "status": _STATUS.get(f.outcome, "500")},
    "lost_responses": lambda f: {"rate": share(f.rate)},
    "rate_limit": lambda f: {
        "limit": rate(f.limit),
        **({"retry_after": duration(f.retry_after)} if f.retry_after else {}),
    },
    "cold_cache": lambda f: {"slower": factor(f.slower), "half_life": duration(f.half_life)},
    "crash_replica": lambda f: {},
    "spike": lambda f: {"rate": factor(f.factor)},
}
