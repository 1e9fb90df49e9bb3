"""A stack in common terms: what follows a library's rules, as the generic policy that comes nearest.

Owns the translation, so that the linter and the writers know one kind of each policy. Breakers keep their settings
(breaker_view.py looks at them).
"""

from __future__ import annotations

from resilience_sim.policies.config import HedgeConfig, PolicyConfig, RateLimiterConfig, RetryConfig, ThrottleConfig
from resilience_sim.policies.config_like_guards import LikeHedgeConfig, LikeLimiterConfig, LikeThrottleConfig
from resilience_sim.policies.config_like_retry import LikeRetryConfig, WaitConfig

WITHOUT_LIMIT = 10_000
_GROWTH = {
    "constant": "constant",
    "linear": "linear",
    "exponential": "exponential",
    "decorrelated": "decorrelated",
    "smoothed": "exponential",
    "fibonacci": "exponential",
    "list": "constant",
    "hint": "constant",
}
_JITTER = {"none": "none", "full": "full", "equal": "equal"}


def as_generic(stack: tuple[PolicyConfig, ...]) -> tuple[PolicyConfig, ...]:
    """The same stack in generic policies; breakers stay as they are."""
    return tuple(_generic(config) for config in stack)


def _generic(config: PolicyConfig) -> PolicyConfig:
    if isinstance(config, LikeRetryConfig):
        return _retry(config)
    if isinstance(config, LikeLimiterConfig):
        scheme = "fixed_window" if config.scheme == "cycles" else "token_bucket"
        return RateLimiterConfig(config.id, config.count, config.period, config.burst, config.patience, scheme)
    if isinstance(config, LikeHedgeConfig):
        return HedgeConfig(config.id, max(0, config.delay), config.max_extra, config.cancels_loser)
    if isinstance(config, LikeThrottleConfig):
        return ThrottleConfig(config.id, window=config.window)
    return config


def _retry(config: LikeRetryConfig) -> RetryConfig:
    wait = config.wait
    while wait.of:  # a chain or a sum: its last part is the one that counts in the long run
        wait = wait.of[-1]
    jitter, spread = _spread(wait)
    return RetryConfig(
        id=config.id,
        attempts=config.attempts or WITHOUT_LIMIT,
        delay=int(wait.of_times[-1] if wait.of_times else wait.base),
        backoff=_GROWTH.get(wait.growth, "constant"),
        factor=1.62 if wait.growth == "fibonacci" else wait.factor,
        max_delay=int(wait.most),
        jitter=jitter,
        spread=spread,
        on=config.on or config.rules.on,
        honor_retry_after=config.rules.hint != "ignored",
        max_elapsed=config.limit,
        budget=config.budget,
    )


def _spread(wait: WaitConfig) -> tuple[str, float]:
    if wait.growth == "smoothed":
        return "spread", 0.5
    if wait.jitter in _JITTER:
        return _JITTER[wait.jitter], 0.0
    if wait.jitter == "added":
        return "spread", min(1.0, wait.extra / wait.base) if wait.base else 1.0
    return ("full", 0.0) if wait.jitter == "above" else ("spread", wait.spread)
