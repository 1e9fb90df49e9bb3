"""Variants against a baseline, seed by seed.

Owns the pairing of runs. Refuses the formulas (statistics.py) and the looks (views/comparison.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resilience_sim.measure.metrics import metric
from resilience_sim.measure.result import NO_READING, RunResult
from resilience_sim.measure.statistics import CANNOT_TELL, Difference, paired_difference


@dataclass(frozen=True, slots=True)
class VariantDifference:
    """How one variant differs from the baseline. ``pairs``: how many seeds both have run."""

    variant: str
    baseline: str
    pairs: int
    metrics: dict[str, Difference]


def compare(results: Mapping[str, Sequence[RunResult]], baseline: str) -> list[VariantDifference]:
    """Every other variant against ``baseline``, in the order given; runs are paired by seed.

    A metric without data in one of the paired runs is not compared: dropping just those pairs would flatter whoever
    lacks the data because it never recovered. KeyError when the baseline is not among the results.
    """
    base = {result.seed: result for result in results[baseline]}
    return [
        VariantDifference(name, baseline, *_differences(runs, base))
        for name, runs in results.items()
        if name != baseline
    ]


def _differences(runs: Sequence[RunResult], base: Mapping[int, RunResult]) -> tuple[int, dict[str, Difference]]:
    pairs = [(run, base[run.seed]) for run in runs if run.seed in base]
    names = list(pairs[0][0].metrics) if pairs else []
    differences: dict[str, Difference] = {}
    for name in names:
        known = metric(name)
        ours = [run.metrics.get(name, NO_READING).value for run, _ in pairs]
        theirs = [other.metrics.get(name, NO_READING).value for _, other in pairs]
        left = [value for value in ours if value is not None]
        right = [value for value in theirs if value is not None]
        if len(left) < len(pairs) or len(right) < len(pairs):
            differences[name] = Difference(None, None, CANNOT_TELL)
        else:
            differences[name] = paired_difference(left, right, known.better if known else 0)
    return len(pairs), differences
