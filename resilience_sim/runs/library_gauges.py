"""What layers under a library's rules hold at an instant: counters, windows, quotas.

Owns reading it, without changing anything, in the words of runs/gauges.py. A window is aged as the library would age it
if it looked now; one that is not aged by looking (failsafe-go's) is given as it stands.
"""

from __future__ import annotations

from resilience_sim.kernel.events import HALF_OPEN
from resilience_sim.kernel.frames import Layer
from resilience_sim.policies.budget import Budget
from resilience_sim.policies.library_breaker import LibraryBreaker
from resilience_sim.policies.library_budgets import SCALE, AwsBudget, ConcurrencyBudget, GrpcBudget
from resilience_sim.policies.library_limiter import LibraryLimiter
from resilience_sim.policies.library_retry import LibraryRetry
from resilience_sim.policies.library_throttle import LibraryThrottle
from resilience_sim.policies.outliers import OutlierWatch
from resilience_sim.policies.rules.machine import Machine
from resilience_sim.policies.rules.slices import AnchoredTally, RollingTally, SingleTally
from resilience_sim.policies.rules.tallies import GridTally
from resilience_sim.policies.rules.tally import Tally

Gauge = dict[str, float]
Counts = tuple[int, int, int]


def library_gauge(layer: Layer, now: int) -> Gauge:
    """Of one layer; nothing of one that has nothing to show."""
    if isinstance(layer, LibraryBreaker):
        return _breaker(layer._machine, now)
    if isinstance(layer, OutlierWatch) and layer.machine is not None:
        return {"ejected": int(layer.machine.out), "hosts": len(layer.machine.hosts)}
    if isinstance(layer, LibraryRetry):
        return _budget(layer._budget)
    if isinstance(layer, LibraryLimiter):
        waiting = int(layer._waiting)
        if layer._refilling is not None:
            return {"tokens": max(0.0, layer._refilling._tokens), "burst": layer._refilling._size, "waiting": waiting}
        cycles = layer._cycles
        return {"tokens": max(0, int(cycles.available(now))), "burst": int(cycles._count), "waiting": waiting}
    if isinstance(layer, LibraryThrottle):
        return _throttle(layer, now)
    return {}


def _breaker(machine: Machine, now: int) -> Gauge:
    config = machine._config
    tally = machine.tally
    total, bad, slow = aged(tally, now)
    in_a_row = int(tally.run_bad) if total == tally.total else min(int(tally.run_bad), bad)
    found: Gauge = {
        "in_a_row": in_a_row,
        "threshold": config.consecutive,
        "total": total,
        "bad": bad,
        "slow": slow,
        "min_calls": config.min_calls,
        "failures": 0 if config.failure_share else config.failures,
        "share": config.failure_share,
        "slow_share": config.slow_share,
        "until": int(machine.blocked_until),
        "probing": int(machine.probing),
        "succeeded": int(machine.successes),
        "needed": config.successes,
    }
    if machine.state == HALF_OPEN and machine._verdict in {"sample", "balance"}:
        found["succeeded"] = total - bad
        found["needed"] = int(tally.min_calls) if machine._verdict == "sample" else config.successes
    elif machine._verdict == "first":
        found["needed"] = 1
    return found


def aged(tally: Tally, now: int) -> Counts:
    """All, bad and slow results that a tally would count if it were looked at now."""
    counts = int(tally.total), int(tally.bad), int(tally.slow)
    if isinstance(tally, SingleTally):
        return (0, 0, 0) if now - tally._start >= tally._span else counts
    if isinstance(tally, AnchoredTally):
        gone = [(int(each.total), int(each.bad), 0) for each in tally._slices if now - each.start >= tally._span]
        return _less(counts, gone)
    if isinstance(tally, GridTally) and tally._ages:
        count = int(tally._count)
        moves = min(now // int(tally._width) - int(tally._head), count)
        places = [(int(tally._head) + step) % count for step in range(1, moves + 1)]
        return _less(counts, [(tally._total[i], tally._bad[i], tally._slow[i]) for i in places])
    if isinstance(tally, RollingTally):
        count = int(tally._count)
        moves = min((now - int(tally._start)) // int(tally._width) - int(tally._age), count)
        pieces = [tally._slices[(int(tally._age) + step) % count] for step in range(1, moves + 1)]
        return _less(counts, [(int(each.total), int(each.bad), int(each.slow)) for each in pieces])
    return counts


def _less(counts: Counts, gone: list[Counts]) -> Counts:
    total, bad, slow = counts
    return (
        total - sum(each[0] for each in gone),
        bad - sum(each[1] for each in gone),
        slow - sum(each[2] for each in gone),
    )


def _budget(budget: Budget) -> Gauge:
    if isinstance(budget, GrpcBudget):
        return {"tokens": int(budget._tokens) / SCALE, "burst": int(budget._most) / SCALE}
    if isinstance(budget, AwsBudget):
        return {"tokens": int(budget._tokens), "burst": int(budget._most)}
    if isinstance(budget, ConcurrencyBudget):
        allowed = max(int(budget._ratio) * int(budget._active) // 1_000_000, int(budget._minimum))
        return {"tokens": max(0, allowed - int(budget._retries)), "burst": allowed}
    return {}


def _throttle(layer: LibraryThrottle, now: int) -> Gauge:
    window = layer._window
    total, bad = int(window.total), int(window.bad)
    i, oldest = int(window._head), now - int(window._span)
    while total and window._times[i] <= oldest:
        total, bad, i = total - 1, bad - (int(window._marks[i]) & 1), i + 1
    surplus = total - layer._factor * (total - bad)
    enough = surplus > 0 and total >= layer._least
    return {"chance": min(layer._most, surplus / (total + 1)) if enough else 0.0}
