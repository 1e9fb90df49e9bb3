"""The stack: policies composed in the order written, outermost first.

Owns the composition and nothing else; with policies [P, Q, R] around B a call runs P(Q(R(B))).
"""

from __future__ import annotations

from collections.abc import Sequence

from mypy_extensions import i64

from resilience_sim.kernel.frames import Layer
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.bulkhead import Bulkhead
from resilience_sim.policies.circuit_breaker import CircuitBreaker
from resilience_sim.policies.config import (
    BreakerConfig,
    BulkheadConfig,
    FallbackConfig,
    HedgeConfig,
    PolicyConfig,
    RateLimiterConfig,
    RetryConfig,
    ThrottleConfig,
    TimeoutConfig,
)
from resilience_sim.policies.config_like import LikeBreakerConfig
from resilience_sim.policies.config_like_guards import LikeHedgeConfig, LikeLimiterConfig, LikeThrottleConfig
from resilience_sim.policies.config_like_retry import LikeRetryConfig
from resilience_sim.policies.config_outliers import OutlierConfig
from resilience_sim.policies.config_plugin import PluginConfig
from resilience_sim.policies.fallback import Fallback
from resilience_sim.policies.hedge import Hedge
from resilience_sim.policies.library_breaker import LibraryBreaker
from resilience_sim.policies.library_hedge import LibraryHedge
from resilience_sim.policies.library_limiter import LibraryLimiter
from resilience_sim.policies.library_retry import LibraryRetry
from resilience_sim.policies.library_throttle import LibraryThrottle
from resilience_sim.policies.outliers import OutlierWatch
from resilience_sim.policies.plugin import make_plugin
from resilience_sim.policies.rate_limiter import RateLimiter
from resilience_sim.policies.retry import Retry
from resilience_sim.policies.throttle import Throttle
from resilience_sim.policies.timeout import Timeout


def make_layer(sim: Sim, source: i64, inner: Layer, config: PolicyConfig, ordinal: i64) -> Layer:
    """One policy around ``inner``.

    ``ordinal`` counts policies of its kind from the outside, so that its luck stays the same whatever else stands in
    the stack.
    """
    if isinstance(config, RetryConfig):
        return Retry(sim, source, inner, config, ordinal)
    if isinstance(config, BreakerConfig):
        return CircuitBreaker(sim, source, inner, config)
    if isinstance(config, TimeoutConfig):
        return Timeout(sim, source, inner, config)
    if isinstance(config, BulkheadConfig):
        return Bulkhead(sim, source, inner, config)
    if isinstance(config, RateLimiterConfig):
        return RateLimiter(sim, source, inner, config)
    if isinstance(config, HedgeConfig):
        return Hedge(sim, source, inner, config)
    if isinstance(config, FallbackConfig):
        return Fallback(sim, source, inner, config)
    if isinstance(config, ThrottleConfig):
        return Throttle(sim, source, inner, config, ordinal)
    if isinstance(config, LikeBreakerConfig):
        return LibraryBreaker(sim, source, inner, config, ordinal)
    if isinstance(config, LikeRetryConfig):
        return LibraryRetry(sim, source, inner, config, ordinal)
    if isinstance(config, LikeLimiterConfig):
        return LibraryLimiter(sim, source, inner, config)
    if isinstance(config, LikeHedgeConfig):
        return LibraryHedge(sim, source, inner, config)
    if isinstance(config, OutlierConfig):
        return OutlierWatch(sim, source, inner, config)
    if isinstance(config, LikeThrottleConfig):
        return LibraryThrottle(sim, source, inner, config, ordinal)
    if isinstance(config, PluginConfig):
        return make_plugin(sim, source, inner, config)
    raise ValueError(f"unknown policy {config!r}")


class Stack:
    """The layers of one client instance around a service; ``outer`` is where calls come in."""

    __slots__ = ("layers", "outer")

    def __init__(self, sim: Sim, service: Layer, configs: Sequence[PolicyConfig], sources: Sequence[int]) -> None:
        ordinals: list[int] = []
        seen: dict[str, int] = {}
        for config in configs:
            ordinals.append(seen.get(config.kind, 0))
            seen[config.kind] = ordinals[-1] + 1
        layer = service
        layers: list[Layer] = []
        for i in range(len(configs) - 1, -1, -1):
            layer = make_layer(sim, sources[i], layer, configs[i], ordinals[i])
            layers.append(layer)
        layers.reverse()
        self.outer = layer
        self.layers = layers
