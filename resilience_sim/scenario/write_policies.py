"""The settings of our own policies, and of their budgets, back to the keys of a scenario file.

Owns which keys are written: what decides the policy always, the rest where it is not at its default. Refuses the rules
of libraries (write_like.py) and the spelling of values (spelling.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience_sim.policies import config as c
from resilience_sim.policies.config_like_retry import LikeBudgetConfig
from resilience_sim.scenario.spelling import (
    Settings,
    Unwritable,
    duration,
    factor,
    flag,
    flow,
    number,
    outcomes,
    quoted,
    rate,
    share,
)
from resilience_sim.scenario.undo import undo

_LONG = 50  # characters of a share; units.py reads a few more
_TIME_WINDOW_CALLS = 10  # the default of `min_calls` for a window of time, see resolve_stack.py


def _some(ns: int) -> str:
    """A duration, or nothing where 0 stands for none."""
    return duration(ns) if ns else ""


def budget(settings: c.BudgetConfig | None) -> str:
    """What limits the retries together: ``20%``, or a scheme with its settings; nothing where there is none."""
    if settings is None:
        return ""
    if settings.scheme == "ratio":
        return share(settings.ratio)
    writer = _BUDGETS.get(settings.scheme)
    if writer is None:
        raise Unwritable(f"a budget of the scheme {settings.scheme} cannot be written here")
    return flow({"kind": settings.scheme, **writer(settings)})


def _native_share(ratio: float, whole: int) -> str:
    """``20%``, or the plain number that the library takes where that has too many digits for a share."""
    text = share(ratio)
    return text if len(text) <= _LONG else number(undo(ratio, lambda plain: plain / whole, ratio * whole))


def _token_bucket(b: c.BudgetConfig) -> Settings:
    return {
        "capacity": number(b.capacity),
        "deposit": number(b.deposit),
        "deposit_on": b.deposit_on,
        "cost": number(b.cost),
    }


def _failure_rate(b: c.BudgetConfig) -> Settings:
    window = str(b.window_calls) if b.window_calls else _some(b.window_time) or "all"
    return {"threshold": share(b.ratio), "window": window, "counts": b.counts}


def _finagle(b: LikeBudgetConfig) -> Settings:
    return {
        "ttl": duration(b.ttl),
        "minRetriesPerSec": number(b.min_retries),
        "percentCanRetry": _native_share(b.ratio, 1),
    }


_BUDGETS: dict[str, Callable[[Any], Settings]] = {
    "token_bucket": _token_bucket,
    "failure_rate": _failure_rate,
    "finagle": _finagle,
    "envoy": lambda b: {"budget_percent": _native_share(b.ratio, 100), "min_retry_concurrency": str(b.min_concurrency)},
    "failsafe-go": lambda b: {"maxRate": _native_share(b.ratio, 1), "minConcurrency": str(b.min_concurrency)},
    "grpc": lambda b: {"maxTokens": number(b.capacity), "tokenRatio": number(b.deposit)},
    "aws": lambda b: {"mode": quoted(b.mode), "capacity": number(b.capacity)},
}


def _retry(p: c.RetryConfig) -> Settings:
    return {
        "attempts": str(p.attempts),
        "delay": duration(p.delay),
        "backoff": p.backoff,
        "factor": number(p.factor) if p.backoff == "exponential" or p.factor != 2.0 else "",
        "max_delay": _some(p.max_delay),
        "jitter": share(p.spread) if p.jitter == "spread" else p.jitter if p.jitter != "none" else "",
        "on": outcomes(p.on) if p.on != c.DEFAULT_RETRY_ON else "",
        "honor_retry_after": "" if p.honor_retry_after else "false",
        "max_elapsed": _some(p.max_elapsed),
        "budget": budget(p.budget),
    }


def _breaker(p: c.BreakerConfig) -> Settings:
    looks_back = bool(p.failure_share or p.slow_call)
    odd_window = bool(p.window_time or p.window_calls != 100)
    found = {
        "failure_threshold": str(p.consecutive) if p.consecutive else share(p.failure_share),
        "window": (str(p.window_calls) if p.window_calls else duration(p.window_time))
        if looks_back or odd_window
        else "",
        "min_calls": str(p.min_calls) if looks_back or p.min_calls != (p.window_calls or _TIME_WINDOW_CALLS) else "",
        "recovery_time": duration(p.recovery_time),
        "probes": str(p.probes),
        "success_threshold": str(p.success_threshold) if p.success_threshold != p.probes else "",
        "slow_call": _some(p.slow_call),
        "slow_threshold": share(p.slow_share) if p.slow_call or p.slow_share != 0.8 else "",
        "ignore": outcomes(p.ignore) if p.ignore else "",
    }
    if p.open_factor != 1 or p.open_max:
        most = {"max": duration(p.open_max)} if p.open_max else {}
        found["backoff"] = flow({"factor": factor(p.open_factor), **most})
    return found


def _timeout(p: c.TimeoutConfig) -> Settings:
    if not p.after:  # only libraries let it be nothing
        return {"like": "resilience4j", "timeoutDuration": "0ms", "cancels_work": flag(p.cancels_work)}
    return {"after": duration(p.after), "cancels_work": flag(p.cancels_work)}


def _limiter(p: c.RateLimiterConfig) -> Settings:
    usual = max(1, int(p.count * 1_000_000_000 / p.per)) if p.per else 0
    if p.scheme == "smooth" and p.burst == 1 and p.count.is_integer() and (usual != 1 or not p.count):
        # Only failsafe-go says it like that: ours has one second's worth for a burst, whether or not it is used.
        even = flow({"executions": str(int(p.count)), "period": duration(p.per)})
        return {"like": "failsafe-go", "Smooth": even, "MaxWaitTime": _some(p.max_wait)}
    return {
        "limit": rate(p.count, p.per),
        "burst": str(p.burst) if p.scheme == "token_bucket" or p.burst != usual else "",
        "max_wait": duration(p.max_wait),
        "kind": p.scheme,
    }


def _bulkhead(p: c.BulkheadConfig) -> Settings:
    wait = duration(p.max_wait) if p.max_wait >= 0 else ""
    if max(p.max_concurrent, p.queue) <= 1_000_000:
        return {"max_concurrent": str(p.max_concurrent), "queue": str(p.queue), "max_wait": wait}
    if wait:  # beyond what our own take
        return {"like": "resilience4j", "maxConcurrentCalls": str(p.max_concurrent), "maxWaitDuration": wait}
    return {"like": "polly", "PermitLimit": str(p.max_concurrent), "QueueLimit": str(p.queue)}


def _hedge(p: c.HedgeConfig) -> Settings:
    return {"delay": duration(p.delay), "max_extra": str(p.max_extra), "cancels_loser": flag(p.cancels_loser)}


WRITERS: dict[type[c.PolicyConfig], Callable[[Any], Settings]] = {
    c.RetryConfig: _retry,
    c.BreakerConfig: _breaker,
    c.TimeoutConfig: _timeout,
    c.BulkheadConfig: _bulkhead,
    c.RateLimiterConfig: _limiter,
    c.HedgeConfig: _hedge,
    c.FallbackConfig: lambda p: {"latency": duration(p.latency)},
    c.ThrottleConfig: lambda p: {"k": number(p.k), "window": duration(p.window)},
}
