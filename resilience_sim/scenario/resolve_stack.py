"""The stack: from the models to the policies' settings.

Owns derived defaults (`min_calls`, `burst`, `success_threshold`) and checks within a policy. Refuses the
rules themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from resilience_sim.policies import config
from resilience_sim.policies.config import DEFAULT_RETRY_ON, PolicyConfig
from resilience_sim.scenario import codes, resolve_like
from resilience_sim.scenario.check import Findings
from resilience_sim.scenario.models_stack import (
    Bulkhead,
    CircuitBreaker,
    Fallback,
    Hedge,
    PolicyItem,
    RateLimiter,
    Retry,
    Throttle,
    Timeout,
)
from resilience_sim.scenario.resolve_budget import budget
from resilience_sim.scenario.resolve_items import ids_of
from resilience_sim.scenario.tree import Loc

TIME_WINDOW_CALLS = 10


def stack(items: Sequence[PolicyItem], findings: Findings) -> tuple[PolicyConfig, ...]:
    """The policies, outermost first."""
    ids = ids_of(items, "stack", findings)
    return tuple(
        _policy(item, ident, ("stack", index, item.kind), findings)
        for index, (item, ident) in enumerate(zip(items, ids, strict=True))
    )


def _policy(item: PolicyItem, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    """By a library's rules, or ours; with findings, something to go on with."""
    kind, model = item.kind, item.body
    library = getattr(model, "like", "classic")
    made: PolicyConfig | None = None
    if library == "classic":
        if kind in resolve_like.TABLES:
            resolve_like.written(model, kind, loc, findings)
        made = _RESOLVERS[kind](model, ident, loc, findings)
    elif kind == "circuit_breaker":
        made = resolve_like.breaker(model, ident, loc, findings)
    elif kind == "retry":
        made = resolve_like.retry(model, ident, budget(model.budget) if model.budget else None, loc, findings)
    elif kind == "timeout":
        made = resolve_like.guard(model, kind, ident, loc, findings, cancels_work=model.cancels_work)
    else:
        made = resolve_like.guard(model, kind, ident, loc, findings)
    return made or config.FallbackConfig(id=ident)


def _retry(model: Retry, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    kind, spread = model.jitter
    if model.backoff != "constant" and not model.delay:
        findings.warn(codes.NO_EFFECT, f"`{ident}`: backoff `{model.backoff}` of no `delay` is no wait at all")
    elif kind != "none" and not model.delay:
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `jitter` of no `delay` is no wait at all")
    if "factor" in model.model_fields_set and model.backoff != "exponential":
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `factor` has no effect on backoff `{model.backoff}`")
    return config.RetryConfig(
        id=ident,
        attempts=model.attempts,
        delay=model.delay,
        backoff=model.backoff,
        factor=model.factor,
        max_delay=model.max_delay or 0,
        jitter=kind,
        spread=spread,
        on=model.on if "on" in model.model_fields_set else DEFAULT_RETRY_ON,
        honor_retry_after=model.honor_retry_after,
        max_elapsed=model.max_elapsed or 0,
        budget=budget(model.budget) if model.budget else None,
    )


def _breaker(model: CircuitBreaker, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    window = model.window
    min_calls = model.min_calls or window.calls or TIME_WINDOW_CALLS
    if window.calls and min_calls > window.calls:
        findings.error(
            (*loc, "min_calls"), codes.CONFLICT,
            f"`min_calls` {min_calls} is more than the window's {window.calls} calls: it would never open",
            f"at most {window.calls}, or a larger `window`", rests_on=((*loc, "window"),),
        )  # fmt: skip
    by_share = model.failure_threshold.calls == 0
    written = model.model_fields_set
    if "slow_threshold" in written and model.slow_call is None:
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `slow_threshold` has no effect without `slow_call`")
    if not by_share and model.slow_call is None and {"window", "min_calls"} & written:
        findings.warn(
            codes.NO_EFFECT, f"`{ident}`: `window` has no effect on failures in a row; write a share like `50%`"
        )
    factor, longest = 1.0, 0
    if model.backoff is not None:
        factor = model.backoff.scalar if model.backoff.scalar is not None else model.backoff.factor
        longest = 0 if model.backoff.scalar is not None else model.backoff.max or 0
        if longest and longest < model.recovery_time:
            findings.error(
                (*loc, "backoff", "max"), codes.CONFLICT, "`max` is shorter than `recovery_time`",
                "the open time starts with `recovery_time` and grows", rests_on=((*loc, "recovery_time"),),
            )  # fmt: skip
    return config.BreakerConfig(
        id=ident,
        consecutive=model.failure_threshold.calls,
        failure_share=model.failure_threshold.share,
        window_calls=window.calls,
        window_time=window.time,
        min_calls=min_calls,
        recovery_time=model.recovery_time,
        probes=model.probes,
        success_threshold=model.success_threshold or model.probes,
        slow_call=model.slow_call or 0,
        slow_share=model.slow_threshold,
        ignore=model.ignore,
        open_factor=factor,
        open_max=longest,
        like=model.like,
    )


def _timeout(model: Timeout, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    return config.TimeoutConfig(id=ident, after=model.after or 0, cancels_work=model.cancels_work)


def _bulkhead(model: Bulkhead, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    if model.max_wait is not None and not model.queue:
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `max_wait` has no effect without a `queue`")
    return config.BulkheadConfig(
        id=ident,
        max_concurrent=model.max_concurrent or 1,
        queue=model.queue,
        max_wait=-1 if model.max_wait is None else model.max_wait,
    )


def _rate_limiter(model: RateLimiter, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    limit = model.limit
    assert limit is not None  # the model sees to it
    if model.kind == "fixed_window" and limit.count < 1:
        findings.error(
            (*loc, "limit"), codes.RANGE, "a fixed window of less than one call lets nothing through",
            "write it as one call in a longer time: `1/2s`",
        )  # fmt: skip
    if model.burst is not None and model.kind != "token_bucket":
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `burst` has no effect on kind `{model.kind}`")
    return config.RateLimiterConfig(
        id=ident,
        count=float(limit.count),
        per=limit.per,
        burst=model.burst or max(1, int(limit.exact)),
        max_wait=model.max_wait,
        scheme=model.kind,
    )


def _hedge(model: Hedge, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    return config.HedgeConfig(
        id=ident, delay=model.delay or 0, max_extra=model.max_extra, cancels_loser=model.cancels_loser
    )


def _fallback(model: Fallback, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    return config.FallbackConfig(id=ident, latency=model.latency)


def _throttle(model: Throttle, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    return config.ThrottleConfig(id=ident, k=model.k, window=model.window)


_RESOLVERS: dict[str, Callable[[Any, str, Loc, Findings], PolicyConfig]] = {
    "retry": _retry,
    "circuit_breaker": _breaker,
    "timeout": _timeout,
    "bulkhead": _bulkhead,
    "rate_limiter": _rate_limiter,
    "hedge": _hedge,
    "fallback": _fallback,
    "throttle": _throttle,
}
