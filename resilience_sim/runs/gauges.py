"""What the layers of a running simulation hold right now: the fill of windows, buckets and places.

Owns reading it, without changing anything. Everything else that views show is a fold over events; this alone is not in
them, and a view may show it but must not decide by it.
"""

from __future__ import annotations

from resilience_sim.kernel.frames import Layer
from resilience_sim.policies.bulkhead import Bulkhead
from resilience_sim.policies.circuit_breaker import CircuitBreaker
from resilience_sim.policies.rate_limiter import Permits, RateLimiter
from resilience_sim.policies.retry import Retry
from resilience_sim.policies.throttle import Throttle
from resilience_sim.runs.simulation import Simulation

Gauge = dict[str, float]


def gauges(simulation: Simulation) -> dict[int, Gauge]:
    """By component id of the layer; layers without anything to show are left out."""
    hands = simulation.hands
    if hands is None:
        return {}
    now = hands.sim.now
    found: dict[int, Gauge] = {}
    for instance in hands.client.instances():
        for layer in instance.stack.layers:
            gauge = _gauge(layer, now)
            if gauge:
                found[int(layer.where)] = gauge
    for replica in hands.service.replicas():
        found[int(replica.where)] = {"limit": int(replica.limit)}
    return found


def _gauge(layer: Layer, now: int) -> Gauge:
    if isinstance(layer, CircuitBreaker):
        window = layer._window
        return {
            "in_a_row": int(layer._in_a_row),
            "threshold": int(layer._threshold),
            "total": int(window.total),
            "bad": int(window.bad),
            "slow": int(window.slow),
            "min_calls": int(layer._min_calls),
            "share": layer._failure_share,
            "since": int(layer._opened_at),
            "until": int(layer._opened_at) + int(layer._open_for),
            "probing": int(layer._probing),
            "probes": int(layer._probes),
            "succeeded": int(layer._succeeded),
            "needed": int(layer._success_threshold),
        }
    if isinstance(layer, Bulkhead):
        return {
            "inside": int(layer._inside),
            "places": int(layer._max_concurrent),
            "waiting": int(layer._waiting),
            "queue": int(layer._places),
        }
    if isinstance(layer, RateLimiter):
        permits = layer._permits
        if isinstance(permits, Permits):
            burst = int(permits._slack) // int(permits._interval) + 1
            early = max(0, int(permits._full_at) - now * 1024)
            return {"tokens": max(0.0, burst - early / int(permits._interval)), "burst": burst}
        used = int(permits._used) if now // int(permits._per) <= int(permits._window) else 0
        return {"tokens": max(0, int(permits._count) - used), "burst": int(permits._count)}
    if isinstance(layer, Retry):
        tokens = getattr(layer._budget, "_tokens", None)
        if tokens is None:
            return {}
        return {"tokens": int(tokens) / 1e6, "burst": int(getattr(layer._budget, "_capacity", 0)) / 1e6}
    if isinstance(layer, Throttle):
        requests = int(layer._requests.total)
        surplus = requests - layer._k * int(layer._accepts.total)
        return {"chance": surplus / (requests + 1) if surplus > 0 else 0.0}
    return {}
