"""Counters to metrics: the formulas.

Owns how every metric of metrics.py is computed for one window of a run. Refuses to count (part.py, run_fold.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience_sim.measure.breakers import BreakerLog
from resilience_sim.measure.latencies import Spread
from resilience_sim.measure.metrics import metrics_of, percentile_of
from resilience_sim.measure.part import Part
from resilience_sim.measure.result import NO_READING, Reading
from resilience_sim.scenario.plan import Plan


@dataclass(frozen=True, slots=True)
class Ground:
    """What the whole run lends to the readings of a window: breakers, recoveries, collapse."""

    plan: Plan
    end: int  # virtual time of the reading, ns
    breakers: Sequence[BreakerLog]
    rejected: Sequence[int]  # calls, one per breaker
    detections: Sequence[Reading]  # one per fault of the plan
    recoveries: Sequence[Reading]  # one per fault of the plan
    collapsed: bool | None


def ratio(numerator: float | int, denominator: float | int) -> float | None:
    """The quotient; None without anything to divide by."""
    return numerator / denominator if denominator else None


def utilization(plan: Plan, busy: int, nanoseconds: int) -> float | None:
    """Busy worker time over worker time there was; None with unlimited workers or when no time passed."""
    return ratio(busy, plan.service.workers * plan.service.replicas * nanoseconds)


def worst(readings: Sequence[Reading]) -> Reading:
    """Of several faults the slowest one counts, and one that was never over makes the whole unseen.

    Its bound then is the highest of what is certain.
    """
    if not readings:
        return NO_READING
    known = [reading.value for reading in readings if reading.value is not None]
    if len(known) == len(readings):
        return Reading(max(known))
    known += [reading.bound for reading in readings if reading.value is None and reading.bound is not None]
    return Reading(None, max(known)) if known else NO_READING


def read(ground: Ground, part: Part, spread: Spread, window: tuple[int, int], fault: int | None) -> dict[str, Reading]:
    """Every metric over the requests in ``part`` and the time in ``window`` (from, to; ns).

    ``spread`` holds their latencies. ``fault``: index of the fault whose detection and recovery are meant, None: of
    all faults the worst. Rates divide by the length of the window, for the whole run its virtual time.
    """
    start, stop = window
    end = min(stop, ground.end)
    length = max(0, end - start)
    plan = ground.plan
    succeeded = part.succeeded()
    opened = sum(log.opened(start, stop) for log in ground.breakers)
    open_time = sum(log.open_time(start, end) for log in ground.breakers)
    # Counts are data only where something could be counted: an empty scope proves nothing.
    counts: dict[str, float | None] = {
        "availability": ratio(succeeded, part.arrivals),
        "goodput": ratio(succeeded * 1e9, length) if part.arrivals else None,
        "succeeded": _if(part.arrivals, succeeded),
        "late": _if(part.arrivals, part.late),
        "failed": _if(part.arrivals, part.failed()),
        "mean": _seconds(spread.mean()),
        "max": _seconds(spread.highest) if spread.count else None,
        "amplification": ratio(part.received, part.arrivals),
        "attempts_per_request": ratio(part.sent, part.arrivals),
        "denied_by_budget": _if(part.arrivals, part.denied),
        "rejected": _if(part.arrivals, part.rejected),
        "wasted_work": ratio(part.wasted, part.work),
        "utilization": utilization(plan, part.busy, length),
        "duplicates": _if(part.arrivals, part.duplicates),
        "orphans": _if(part.arrivals, part.orphans),
        "opened": _if(length and ground.breakers, opened),
        "open_time": _if(length and ground.breakers, open_time / 1e9),
        "threads_peak": _if(length, part.threads_peak),
        "crashes": _if(length, part.crashes),
        "collapse_probability": None if ground.collapsed is None else float(ground.collapsed),
    }
    readings: dict[str, Reading] = {}
    for metric in metrics_of(plan):
        name = metric.name
        percent = percentile_of(name)
        if percent is not None:
            readings[name] = Reading(_seconds(spread.percentile(percent)))
        elif name == "detection":
            readings[name] = worst(ground.detections) if fault is None else ground.detections[fault]
        elif name == "recovery":
            readings[name] = worst(ground.recoveries) if fault is None else ground.recoveries[fault]
        else:
            readings[name] = Reading(counts[name])
    return readings


def _if(there: object, count: float | int) -> float | None:
    return count if there else None


def _seconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9
