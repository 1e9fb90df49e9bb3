"""The RUN object of the result document, of one run.

Owns its keys and their units. Refuses to count (run_fold.py), to round (views/document.py) and to know the rest of the
document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resilience_sim.kernel.events import FALLBACK, OUTCOME_NAMES
from resilience_sim.kernel.vectors import view
from resilience_sim.measure.latencies import Spread
from resilience_sim.measure.part import Part
from resilience_sim.measure.readings import Ground, ratio, utilization

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
    """What the fold counted: merged counters, latencies of all requests and of the successes, peaks."""

    seed: int
    digest: str
    part: Part
    everything: Spread
    successes: Spread
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


def latency(spread: Spread) -> dict[str, float | None]:
    """Mean, nearest-rank percentiles and highest value in seconds; None when there was no request."""
    percentiles = {f"p{percent}": spread.percentile(percent) for percent in (50, 90, 95, 99)}
    mean = spread.mean()
    return {
        "mean": None if mean is None else mean / 1e9,
        **{name: None if value is None else value / 1e9 for name, value in percentiles.items()},
        "max": spread.highest / 1e9 if spread.count else None,
    }


def run_document(figures: Figures, ground: Ground, series: dict[str, Any] | None) -> dict[str, Any]:
    """The RUN object; ``series`` only when it was asked for."""
    part, end, plan = figures.part, ground.end, ground.plan
    document: dict[str, Any] = {
        "seed": figures.seed,
        "digest": figures.digest,
        "virtual_seconds": end / 1e9,
        "requests": _requests(part),
        "availability": ratio(part.succeeded(), part.arrivals),
        "attempts": {
            "total": part.sent,
            "per_request": ratio(part.sent, part.arrivals),
            "by_outcome": by_outcome(view(part.results), part.sent - sum(view(part.results))),
            "denied_by_budget": part.denied,
        },
        "amplification": ratio(part.received, part.arrivals),
        "latency": latency(figures.everything),
        "latency_success": latency(figures.successes),
        "breakers": [
            log.document(end, rejected) for log, rejected in zip(ground.breakers, ground.rejected, strict=True)
        ],
        "service": {
            "attempts_received": part.received,
            "queue_peak": figures.queue_peak,
            "busy_peak": figures.busy_peak,
            "utilization": utilization(plan, part.busy, end),
            "wasted_seconds": part.wasted / 1e9,
        },
        "client": {"threads_peak": part.threads_peak, "crashes": part.crashes},
        "effects": _effects(part, plan.operation.amount),
        "faults": [
            {
                "id": fault.id,
                "from": fault.at / 1e9,
                "to": (fault.at + fault.duration) / 1e9,
                "detected_after": detected.value,
                "recovered_after": recovered.value,
            }
            for fault, detected, recovered in zip(plan.faults, ground.detections, ground.recoveries, strict=True)
        ],
    }
    if plan.actions:
        document["changes"] = [_change(action) for action in sorted(plan.actions, key=lambda each: each.t)]
    if series is not None:
        document["series"] = series
    document["collapsed"] = bool(ground.collapsed)
    return document


def _change(action: Any) -> dict[str, Any]:
    """A change that the scenario makes: when, what, and to which policies."""
    name = type(action).__name__.lower()
    whom = getattr(action, "policy", ()) or getattr(action, "order", ())
    ids = list(whom) if isinstance(whom, tuple) else [getattr(whom, "id", whom)]
    return {"t": action.t / 1e9, "do": "set" if name == "change" else name, "policies": ids}


def _requests(part: Part) -> dict[str, Any]:
    return {
        "total": part.arrivals,
        "succeeded": part.succeeded(),
        "succeeded_first_try": part.first_try,
        "late": part.late,
        "fallback": part.outcomes[FALLBACK],
        "failed": part.failed(),
        "by_outcome": by_outcome(view(part.outcomes), part.unanswered()),
    }


def _effects(part: Part, amount: float | None) -> dict[str, Any]:
    return {
        "applied": part.applied,
        "duplicates": part.duplicates,
        "orphans": part.orphans,
        "deduplicated": part.deduplicated,
        "amount_applied": None if amount is None else amount * int(part.applied),
        "amount_duplicated": None if amount is None else amount * int(part.duplicates),
    }
