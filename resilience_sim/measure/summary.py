"""One metric over several runs of the same variant.

Owns how runs are put together. Refuses to compare variants (comparison.py) and to judge (expectations.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience_sim.measure.result import NO_READING, Reading, RunResult
from resilience_sim.measure.statistics import mean, t_interval, wilson_interval

COLLAPSE = "collapse_probability"


@dataclass(frozen=True, slots=True)
class Summary:
    """``mean`` and ``ci95`` (None for one run) need data in every run: leaving out the runs that, say, never
    recovered would flatter. ``low`` and ``high`` are of the runs with data; ``missing`` counts the others.
    """

    mean: float | None
    ci95: tuple[float, float] | None
    low: float | None
    high: float | None
    missing: int


def summarize(name: str, readings: Sequence[Reading]) -> Summary:
    """Put the readings of one metric together: Student's t interval, for the collapse probability Wilson's."""
    values = [reading.value for reading in readings if reading.value is not None]
    if not values:
        return Summary(None, None, None, None, len(readings))
    missing = len(readings) - len(values)
    if missing:
        return Summary(None, None, min(values), max(values), missing)
    return Summary(mean(values), interval(name, values), min(values), max(values), 0)


def interval(name: str, values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval that suits the metric; None for fewer than two runs."""
    if len(values) < 2:
        return None
    if name == COLLAPSE:
        return wilson_interval(round(sum(values)), len(values))
    return t_interval(values)


def summaries(results: Sequence[RunResult]) -> dict[str, Summary]:
    """Every metric over the runs, in the order of the first run's metrics."""
    names = results[0].metrics if results else {}
    return {name: summarize(name, [result.metrics.get(name, NO_READING) for result in results]) for name in names}
