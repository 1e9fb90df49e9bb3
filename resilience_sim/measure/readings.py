"""From counters to figures: every metric of metrics.py, and the RUN object of the result document.

Nothing is counted here (run_fold.py) and nothing rounded (views/document.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from resilience_sim.kernel.events import FALLBACK, OUTCOME_NAMES, SUCCESS
from resilience_sim.kernel.vectors import view
from resilience_sim.measure.breakers import BreakerLog
from resilience_sim.measure.capacity import Capacity
from resilience_sim.measure.counters import Part
from resilience_sim.measure.latencies import Distribution
from resilience_sim.measure.result import NO_READING, Reading
from resilience_sim.settings.actions import Adjust
from resilience_sim.settings.metrics import OF_SUCCESSES, Metric, percentile_of
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.service import OperationConfig


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the whole run contributes to the readings of a window: breakers, recoveries, collapse."""

    plan: Plan
    end: int  # virtual time of the reading, ns
    cut: bool  # the run was stopped before its end
    breakers: Sequence[BreakerLog]
    rejected: Sequence[int]  # calls, one per breaker
    detections: Sequence[Reading]  # one per fault of the plan
    recoveries: Sequence[Reading]  # one per fault of the plan
    collapsed: bool | None
    metrics: Sequence[Metric]  # those to read
    capacity: Capacity


def ratio(numerator: float | int, denominator: float | int) -> float | None:
    """The quotient; None without anything to divide by."""
    return numerator / denominator if denominator else None


def worst(readings: Sequence[Reading]) -> Reading:
    """Of several faults the slowest counts. When one has not been seen there is only a bound: the highest known."""
    if not readings:
        return NO_READING
    known = [reading.value for reading in readings if reading.value is not None]
    if len(known) == len(readings):
        return Reading(max(known))
    known += [reading.bound for reading in readings if reading.value is None and reading.bound is not None]
    return Reading(None, max(known)) if known else NO_READING


def read(
    context: RunContext,
    part: Part,
    everything: Distribution,
    successes: Distribution,
    window: tuple[int, int],
    fault: int | None,
    rated: tuple[int, int] | None = None,
) -> dict[str, Reading]:
    """The metrics over the requests in ``part`` and the time in ``window`` (from, to; ns).

    ``everything`` holds their latencies, ``successes`` those of the requests that succeeded. ``fault``: index of the
    fault whose detection and recovery are meant, None: of
    all faults the worst. Goodput divides by the length of the window (of ``rated`` where that is another), for
    the whole run its virtual time.
    """
    start, stop = window
    end = min(stop, context.end)
    length = max(0, end - start)
    seconds = length if rated is None else max(0, min(rated[1], context.end) - rated[0])
    succeeded = part.succeeded()
    over = part.arrivals - part.unanswered() if context.cut else part.arrivals
    # Counts are data only where something could be counted: an empty scope proves nothing.
    counts: dict[str, Callable[[], float | None]] = {  # worked out if asked for: most are asked for one
        "availability": lambda: ratio(succeeded, over),
        "goodput": lambda: ratio(succeeded * 1e9, seconds) if over else None,
        "succeeded": lambda: _if(part.arrivals, succeeded),
        "late": lambda: _if(part.arrivals, part.late),
        "failed": lambda: _if(over, over - part.outcomes[SUCCESS] - part.outcomes[FALLBACK]),
        "mean": lambda: _seconds(everything.mean()),
        "max": lambda: _seconds(everything.highest) if everything.count else None,
        "mean_success": lambda: _seconds(successes.mean()),
        "max_success": lambda: _seconds(successes.highest) if successes.count else None,
        "amplification": lambda: ratio(part.received, part.arrivals),
        "attempts_per_request": lambda: ratio(part.sent, part.arrivals),
        "denied_by_budget": lambda: _if(part.arrivals, part.denied),
        "rejected": lambda: _if(part.arrivals, part.rejected),
        "wasted_work": lambda: ratio(part.wasted, part.work),
        # None with unlimited workers or when no time passed
        "utilization": lambda: ratio(part.busy, context.capacity.between(start, end)),
        "duplicates": lambda: _if(part.arrivals, part.duplicates),
        "orphans": lambda: _if(part.arrivals, part.orphans),
        "opened": lambda: _if(length and context.breakers, sum(log.opened(start, stop) for log in context.breakers)),
        "open_time": lambda: _if(
            length and context.breakers, sum(log.open_time(start, end) for log in context.breakers) / 1e9
        ),
        "threads_peak": lambda: _if(length, part.threads_peak),
        "crashes": lambda: _if(length, part.crashes),
        "collapse_probability": lambda: None if context.collapsed is None else float(context.collapsed),
    }
    readings: dict[str, Reading] = {}
    names = [metric.name for metric in context.metrics]
    for bag, its in ((successes, True), (everything, False)):
        percents = [percentile_of(name) for name in names if name.endswith(OF_SUCCESSES) == its]
        bag.find([percent for percent in percents if percent is not None])
    for metric in context.metrics:
        name = metric.name
        percent = percentile_of(name)
        if percent is not None:
            latencies = successes if name.endswith(OF_SUCCESSES) else everything
            readings[name] = Reading(_seconds(latencies.percentile(percent)))
        elif name == "detection":
            readings[name] = worst(context.detections) if fault is None else context.detections[fault]
        elif name == "recovery":
            readings[name] = worst(context.recoveries) if fault is None else context.recoveries[fault]
        else:
            readings[name] = Reading(counts[name]())
    return readings


def _if(there: object, count: float | int) -> float | None:
    return count if there else None


def _seconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9


# In the order of the contract; always there, also when zero. Others follow when they occurred.
ALWAYS = (
    "success",
    "error",
    "unavailable",
    "timeout",
    "breaker_open",
    "bulkhead_full",
    "rate_limited",
    "shed",
    "refused",
    "exhausted",
    "crashed",
    "unanswered",
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What RunFold counted: merged counters, latencies of all requests and of the successes, peaks."""

    seed: int
    digest: str
    part: Part
    everything: Distribution
    successes: Distribution
    queue_peak: int
    busy_peak: int


def by_outcome(counts: Sequence[int], unanswered: int) -> dict[str, int]:
    """Counts by outcome code to counts by name; two codes may share a name (``rate_limited``)."""
    named = dict.fromkeys(ALWAYS, 0)
    for code, count in enumerate(counts):
        name = OUTCOME_NAMES[code]
        if count:
            named[name] = named.get(name, 0) + count
    named["unanswered"] += unanswered
    return named


def latency(latencies: Distribution) -> dict[str, float | None]:
    """Mean, nearest-rank percentiles and highest value in seconds; None when there was no request."""
    percentiles = {f"p{percent}": latencies.percentile(percent) for percent in (50, 90, 95, 99)}
    mean = latencies.mean()
    return {
        "mean": None if mean is None else mean / 1e9,
        **{name: None if value is None else value / 1e9 for name, value in percentiles.items()},
        "max": latencies.highest / 1e9 if latencies.count else None,
    }


def run_document(figures: Figures, context: RunContext, series: dict[str, Any] | None) -> dict[str, Any]:
    """The RUN object; ``series`` only when it was asked for."""
    part, end, plan = figures.part, context.end, context.plan
    document: dict[str, Any] = {
        "seed": figures.seed,
        "digest": figures.digest,
        "virtual_seconds": end / 1e9,
        "requests": _requests(part, context.cut),
        "availability": ratio(part.succeeded(), part.arrivals - (part.unanswered() if context.cut else 0)),
        "attempts": _attempts(part, context.cut),
        "amplification": ratio(part.received, part.arrivals),
        "latency": latency(figures.everything),
        "latency_success": latency(figures.successes),
        "breakers": [
            log.document(end, rejected) for log, rejected in zip(context.breakers, context.rejected, strict=True)
        ],
        "service": {
            "attempts_received": part.received,
            "queue_peak": figures.queue_peak,
            "busy_peak": figures.busy_peak,
            "utilization": ratio(part.busy, context.capacity.between(0, end)),
            "wasted_seconds": part.wasted / 1e9,
        },
        "client": {"threads_peak": part.threads_peak, "crashes": part.crashes},
        "effects": _effects(part, plan.operation),
        "faults": [
            {
                "id": fault.id,
                "from": fault.at / 1e9,
                "to": (fault.at + fault.duration) / 1e9,
                "detected_after": detected.value,
                "recovered_after": recovered.value,
            }
            for fault, detected, recovered in zip(plan.faults, context.detections, context.recoveries, strict=True)
        ],
    }
    if plan.actions:
        document["changes"] = [_change(action) for action in sorted(plan.actions, key=lambda each: each.t)]
    if series is not None:
        document["series"] = series
    document["collapsed"] = bool(context.collapsed)
    return document


def _change(action: Any) -> dict[str, Any]:
    """A change that the scenario makes: when, what, and to which policies."""
    name = type(action).__name__.lower()
    if isinstance(action, Adjust):
        place = action.place.split(">")
        whom = {"links": [place]} if len(place) > 1 else {"services": place}
        return {"t": action.t / 1e9, "do": "set", "policies": [], **whom}
    whose = getattr(action, "policy", ()) or getattr(action, "order", ())
    ids = list(whose) if isinstance(whose, tuple) else [getattr(whose, "id", whose)]
    return {"t": action.t / 1e9, "do": "set" if name == "change" else name, "policies": ids}


def _requests(part: Part, cut: bool) -> dict[str, Any]:
    """In a run that was cut short, what has no outcome is under way: neither failed nor unanswered."""
    waiting = part.unanswered()
    return {
        "total": part.arrivals,
        "succeeded": part.succeeded(),
        "succeeded_first_try": part.first_try,
        "late": part.late,
        "fallback": part.outcomes[FALLBACK],
        "failed": part.failed() + (0 if cut else waiting),
        **({"under_way": waiting} if cut else {}),
        "by_outcome": by_outcome(view(part.outcomes), 0 if cut else waiting),
    }


def _attempts(part: Part, cut: bool) -> dict[str, Any]:
    waiting = part.sent - sum(view(part.results))
    return {
        "total": part.sent,
        "per_request": ratio(part.sent, part.arrivals),
        **({"under_way": waiting} if cut else {}),
        "by_outcome": by_outcome(view(part.results), 0 if cut else waiting),
        "denied_by_budget": part.denied,
    }


def _effects(part: Part, operation: OperationConfig) -> dict[str, Any]:
    found: dict[str, Any] = {
        "applied": part.applied,
        "duplicates": part.duplicates,
        "orphans": part.orphans,
        "deduplicated": part.deduplicated,
        "amount_applied": _amount(operation, view(part.applied_of)),
        "amount_duplicated": _amount(operation, view(part.duplicates_of)),
    }
    if operation.mix:
        counts = zip(view(part.requests_of), view(part.applied_of), view(part.duplicates_of), strict=True)
        found["by_operation"] = [
            {
                "method": each.method,
                "idempotency_key": each.idempotency_key,
                "share": each.share,
                "requests": int(requests),
                "applied": int(applied),
                "duplicates": int(duplicates),
            }
            for each, (requests, applied, duplicates) in zip(operation.mix, counts, strict=True)
        ]
    return found


def _amount(operation: OperationConfig, counts: Sequence[int]) -> float | None:
    """Money moved; None where no operation counts any."""
    if all(each.amount is None for each in operation.each):
        return None
    return sum((each.amount or 0.0) * int(count) for each, count in zip(operation.each, counts, strict=True))
