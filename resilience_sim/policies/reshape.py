"""Another stack for a client instance that is running: settings changed, layers added, removed, reordered.

Owns what survives: a layer whose settings did not change, and whatever a changed one has learnt that still means
something (a breaker's state, the places taken in a bulkhead). Calls under way answer through the layers they came in
by; from now on whatever goes inwards meets the new stack. Refuses to decide when (runs/apply_actions.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience_sim.kernel.frames import Layer
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.backoff import Backoff
from resilience_sim.policies.budgets import make_budget
from resilience_sim.policies.bulkhead import Bulkhead
from resilience_sim.policies.circuit_breaker import CircuitBreaker
from resilience_sim.policies.config import (
    BreakerConfig,
    BulkheadConfig,
    FallbackConfig,
    HedgeConfig,
    PolicyConfig,
    RetryConfig,
    ThrottleConfig,
    TimeoutConfig,
)
from resilience_sim.policies.fallback import Fallback
from resilience_sim.policies.hedge import Hedge
from resilience_sim.policies.retry import Retry
from resilience_sim.policies.stack import Stack, make_layer
from resilience_sim.policies.throttle import Throttle
from resilience_sim.policies.timeout import Timeout
from resilience_sim.policies.windows import Window


def reconfigure_stack(
    stack: Stack,
    sim: Sim,
    service: Layer,
    before: Sequence[PolicyConfig],
    after: Sequence[PolicyConfig],
    sources: Sequence[int],
) -> None:
    """Turn ``stack``, which was made of ``before``, into one of ``after``; policies are the same by their ids."""
    known: dict[str, int] = {}
    kinds: dict[str, int] = {}
    for i, config in enumerate(before):
        known[config.id] = i
        kinds[config.kind] = kinds.get(config.kind, 0) + 1
    inner = service
    layers: list[Layer] = []
    for i in range(len(after) - 1, -1, -1):
        config = after[i]
        at = known.get(config.id, -1)
        if at >= 0 and (before[at] == config or reconfigure(stack.layers[at], before[at], config)):
            layer = stack.layers[at]
            setattr(layer, "_inner", inner)  # noqa: B010 - every policy has one, their common base has not
        else:
            # Luck goes by the ordinal among its kind: a new one must not share that of another.
            ordinal = kinds.get(config.kind, 0)
            if at >= 0:
                ordinal = sum(1 for other in before[:at] if other.kind == config.kind)
            else:
                kinds[config.kind] = ordinal + 1
            layer = make_layer(sim, sources[i], inner, config, ordinal)
        layers.append(layer)
        inner = layer
    layers.reverse()
    stack.outer = inner
    stack.layers = layers


def reconfigure(layer: Layer, before: PolicyConfig, after: PolicyConfig) -> bool:
    """Give a layer other settings in place; False where a new layer must take over."""
    if isinstance(layer, Retry) and isinstance(before, RetryConfig) and isinstance(after, RetryConfig):
        return _retry(layer, before, after)
    if isinstance(layer, CircuitBreaker) and isinstance(before, BreakerConfig) and isinstance(after, BreakerConfig):
        return _breaker(layer, before, after)
    if isinstance(layer, Bulkhead) and isinstance(after, BulkheadConfig):
        layer._max_concurrent = after.max_concurrent
        layer._places = after.queue
        layer._max_wait = after.max_wait
        return True
    if isinstance(layer, Timeout) and isinstance(before, TimeoutConfig) and isinstance(after, TimeoutConfig):
        if before.after != after.after:
            return False  # its timers stand in a lane of their own delay
        layer._stops_work = after.cancels_work
        return True
    if isinstance(layer, Hedge) and isinstance(after, HedgeConfig):
        layer._delay = after.delay
        layer._max_extra = after.max_extra
        layer._cancels_loser = after.cancels_loser
        return True
    if isinstance(layer, Fallback) and isinstance(after, FallbackConfig):
        layer._latency = after.latency
        return True
    if isinstance(layer, Throttle) and isinstance(before, ThrottleConfig) and isinstance(after, ThrottleConfig):
        if before.window != after.window:
            return False
        layer._k = after.k
        return True
    return False


def _retry(layer: Retry, before: RetryConfig, after: RetryConfig) -> bool:
    layer._attempts = after.attempts
    layer._backoff = Backoff(after)
    layer._honors_hint = after.honor_retry_after
    layer._max_elapsed = after.max_elapsed
    on = 0
    for outcome in after.on:
        on |= 1 << outcome
    layer._on = on
    if before.budget != after.budget:
        layer._has_budget = after.budget is not None
        layer._budget = make_budget(after.budget)
    return True


def _breaker(layer: CircuitBreaker, before: BreakerConfig, after: BreakerConfig) -> bool:
    if before.like != after.like:
        return False
    layer._threshold = after.consecutive
    layer._failure_share = after.failure_share
    layer._min_calls = after.min_calls
    layer._probes = after.probes
    layer._success_threshold = after.success_threshold
    layer._slow_call = after.slow_call
    layer._slow_share = after.slow_share
    layer._open_factor = after.open_factor
    layer._open_max = after.open_max
    ignore = 0
    for outcome in after.ignore:
        ignore |= 1 << outcome
    layer._ignore = ignore
    if before.recovery_time != after.recovery_time:
        layer._recovery_time = after.recovery_time
        layer._open_for = after.recovery_time
    if before.window_calls != after.window_calls or before.window_time != after.window_time:
        layer._window = Window(after.window_calls, after.window_time)
    return True
