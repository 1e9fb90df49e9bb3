"""What the layers of a running simulation hold at an instant: the fill of windows, buckets and places.

Owns reading it, without changing anything: what has left a window by then is not counted, though the layer itself
forgets it only when it is called next. Layers under a library's rules are library_gauges.py. Everything else that views
show is a fold over events; this alone is not in them, and a view may show it but must not decide by it.
"""

from __future__ import annotations

from resilience_sim.kernel.frames import Layer
from resilience_sim.policies.budget import Budget
from resilience_sim.policies.budgets import MILLION, TEN_SECONDS, RatioBudget, TokenBudget
from resilience_sim.policies.bulkhead import Bulkhead
from resilience_sim.policies.circuit_breaker import CircuitBreaker
from resilience_sim.policies.rate_limiter import Permits, RateLimiter
from resilience_sim.policies.retry import Retry
from resilience_sim.policies.throttle import Throttle
from resilience_sim.policies.windows import Window
from resilience_sim.runs.library_gauges import Gauge, library_gauge
from resilience_sim.runs.simulation import Simulation


def gauges(simulation: Simulation, now: int = -1) -> dict[int, Gauge]:
    """By component id of the first instance's layer, all instances together; layers with nothing to show are left out.

    ``now``: an instant not before the last event, by default that of the last event.
    """
    applier = simulation.applier
    if applier is None:
        return {}
    now = max(now, applier.sim.now)
    found: dict[int, Gauge] = {}
    for same in zip(*(instance.stack.layers for instance in applier.client.instances()), strict=True):
        held = [gauge for gauge in (_gauge(layer, now) for layer in same) if gauge]
        if held:
            found[int(same[0].source)] = _together(held)
    for replica in applier.service.replicas():
        found[int(replica.source)] = {"limit": int(replica.limit)}
    return found


def _together(held: list[Gauge]) -> Gauge:
    """Of all instances: places, tokens and who waits add up, a chance is the mean."""
    if len(held) == 1:
        return held[0]
    total = {name: sum(gauge.get(name, 0) for gauge in held) for name in held[0]}
    if "chance" in total:
        total["chance"] /= len(held)
    return total


def _gauge(layer: Layer, now: int) -> Gauge:
    if isinstance(layer, CircuitBreaker):
        return _breaker(layer, now)
    if isinstance(layer, Bulkhead):
        return {
            "inside": int(layer._inside),
            "places": int(layer._max_concurrent),
            "waiting": int(layer._waiting),
            "queue": int(layer._places),
        }
    if isinstance(layer, RateLimiter):
        return {**_limiter(layer, now), "waiting": int(layer._waiting)}
    if isinstance(layer, Retry):
        return _budget(layer._budget, now)
    if isinstance(layer, Throttle):
        requests = _counts(layer._requests, now)[0]
        surplus = requests - layer._k * _counts(layer._accepts, now)[0]
        return {"chance": surplus / (requests + 1) if surplus > 0 else 0.0}
    return library_gauge(layer, now)


def _counts(window: Window, now: int) -> tuple[int, int, int]:
    """All, bad and slow ones that a window counts at ``now``."""
    total, bad, slow = int(window.total), int(window.bad), int(window.slow)
    if window._span:
        i, oldest = int(window._head), now - int(window._span)
        while total and window._times[i] <= oldest:
            mark = int(window._marks[i])
            total, bad, slow, i = total - 1, bad - (mark & 1), slow - (mark >> 1), i + 1
    return total, bad, slow


def _breaker(layer: CircuitBreaker, now: int) -> Gauge:
    total, bad, slow = _counts(layer._window, now)
    return {
        "in_a_row": int(layer._in_a_row),
        "threshold": int(layer._threshold),
        "total": total,
        "bad": bad,
        "slow": slow,
        "min_calls": int(layer._min_calls),
        "share": layer._failure_share,
        "slow_share": layer._slow_share,
        "until": int(layer._opened_at) + int(layer._open_for),
        "probing": int(layer._probing),
        "succeeded": int(layer._succeeded),
        "needed": int(layer._success_threshold),
    }


def _limiter(layer: RateLimiter, now: int) -> Gauge:
    permits = layer._permits
    if isinstance(permits, Permits):
        burst = int(permits._slack) // int(permits._interval) + 1
        early = max(0, int(permits._full_at) - now * 1024)
        return {"tokens": max(0.0, burst - early / int(permits._interval)), "burst": burst}
    count, ahead = int(permits._count), int(permits._window) - now // int(permits._per)
    left = count if ahead < 0 else 0 if ahead > 0 else max(0, count - int(permits._used))
    return {"tokens": left, "burst": count}


def _budget(budget: Budget, now: int) -> Gauge:
    if isinstance(budget, TokenBudget):
        return {"tokens": int(budget._tokens) / MILLION, "burst": int(budget._capacity) / MILLION}
    if isinstance(budget, RatioBudget):  # a retry is allowed while those of the last 10 s are not above their share
        calls, retries = (_younger(times, now - TEN_SECONDS) for times in (budget._calls, budget._retries))
        allowed = int(budget._ratio) * calls // MILLION + 1
        return {"tokens": max(0, allowed - retries), "burst": allowed}
    return {}


def _younger(times: object, oldest: int) -> int:
    """How many instants of a queue, oldest first, are later than ``oldest``."""
    left = len(times)  # type: ignore[arg-type]
    for t in times:  # type: ignore[attr-defined]
        if t > oldest:
            break
        left -= 1
    return left
