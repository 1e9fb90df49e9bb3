"""Several runs: means, 95 % intervals and paired differences, each formula with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import atan, cbrt, ceil, cos, fsum, inf, pi, sin, sqrt
from statistics import NormalDist
from typing import Final

from resilience_sim.measure.result import NO_READING, Reading, RunResult
from resilience_sim.settings.metrics import metric

Z95: Final = 1.959963984540054  # normal quantile of 0.975
Z80: Final = 0.8416212335729143  # normal quantile of 0.8
NEVER_SURE: Final = 1_000_000  # more runs than anybody would wait for
SURELY_SKEWED: Final = 2.0  # standard errors of the skewness of a normal sample

BETTER: Final = "better"
WORSE: Final = "worse"
CANNOT_TELL: Final = "cannot_tell"


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, summed exactly; ``values`` must not be empty. Equal values have exactly that mean."""
    if alike(values):
        return values[0]
    return fsum(values) / len(values)


def alike(values: Sequence[float]) -> bool:
    """Whether all are the same number."""
    return values.count(values[0]) == len(values)


def deviation(values: Sequence[float]) -> float:
    """Sample standard deviation (n - 1 in the divisor); 0 for fewer than two values or when all are equal."""
    if len(values) < 2 or alike(values):
        return 0.0
    middle = fsum(values) / len(values)
    return sqrt(fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def two_sided_t(t: float, df: int) -> float:
    """Probability that Student's t with ``df`` degrees of freedom lies within ±``t``.

    Finite series for whole ``df``: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    theta = atan(t / sqrt(df))
    squared = cos(theta) ** 2
    term = cos(theta) if df % 2 else 1.0
    series = 0.0 if df == 1 else term
    for step in range(3 if df % 2 else 2, df - 1, 2):
        term *= squared * (step - 1) / step
        series += term
    if df % 2:
        return 2 / pi * (theta + sin(theta) * series)
    return sin(theta) * series


def t_quantile_95(df: int) -> float:
    """The t with 95 % of Student's distribution within ±t: 12.706 for one degree of freedom, towards 1.960."""
    return t_quantile(0.95, df)


@lru_cache(maxsize=4096)
def t_quantile(share: float, df: int) -> float:
    """The t with a ``share`` of Student's distribution within ±t.

    Up to 200 degrees of freedom by bisection of :func:`two_sided_t`, beyond by the asymptotic expansion around the
    normal quantile (Abramowitz and Stegun 26.7.5), for 95 % there good to ten digits.
    """
    if df > 200:
        x = Z95 if share == 0.95 else NormalDist().inv_cdf((1 + share) / 2)
        g1 = (x**3 + x) / 4
        g2 = (5 * x**5 + 16 * x**3 + 3 * x) / 96
        g3 = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
        g4 = (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160
        return x + g1 / df + g2 / df**2 + g3 / df**3 + g4 / df**4
    low, high = (1.9, 13.0) if share == 0.95 else (0.0, 1e6)
    for _ in range(60):
        middle = (low + high) / 2
        if two_sided_t(middle, df) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def t_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % confidence interval of the mean of independent runs; None for fewer than two. See :func:`mean_interval`."""
    return mean_interval(values, 0.95) if len(values) > 1 else None


def mean_interval(values: Sequence[float], share: float) -> tuple[float, float]:
    """The interval of the mean of at least two independent runs that holds it with the chance ``share``.

    Mean ± t(n - 1) s / sqrt(n) (Student 1908); NIST/SEMATECH e-Handbook 7.2.2.1. Where the sample is surely skewed, as
    by something that goes wrong in a few runs only, that is too narrow on the side of the tail: it reaches as far as
    the limit after Hall's transformation, too (P. Hall, On the Removal of Skewness by Transformation, Journal of the
    Royal Statistical Society B 54, 1992; (2.2) and its inverse).
    """
    count, middle, spread = len(values), mean(values), deviation(values)
    error, t = spread / sqrt(count), t_quantile(share, count - 1)
    low, high = middle - t * error, middle + t * error
    if not spread:
        return low, high
    skew = fsum(((value - middle) / spread) ** 3 for value in values) / count
    if abs(skew) < SURELY_SKEWED * sqrt(6 / count):
        return low, high
    bend = skew / sqrt(count)

    def moved(z: float) -> float:
        return 3 / bend * (cbrt(1 + bend * (z - bend / 6)) - 1)

    return min(low, middle - error * moved(t)), max(high, middle - error * moved(-t))


def wilson_interval(hits: int, count: int) -> tuple[float, float] | None:
    """95 % confidence interval of a probability from ``hits`` out of ``count``; None when nothing was tried.

    Wilson's score interval (1927), as recommended by Brown, Cai and DasGupta, Statistical Science 16 (2001): stays
    within 0..1 and says something even when there was no hit at all.
    """
    if count <= 0:
        return None
    share = hits / count
    z2 = Z95 * Z95
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z95 / (1 + z2 / count) * sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    # At the ends the formula gives exactly 0 or 1 in real numbers; floating point leaves dust.
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == count else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric of a variant minus the same metric of the baseline, run by run on the same seeds.

    ``delta``: mean difference, None without data in any pair. ``ci95``: its interval, None for fewer than two pairs.
    ``verdict``: ``better``, ``worse`` or ``cannot_tell``. ``runs_needed``: runs in all that would probably tell;
    None when it is told already or cannot be estimated.
    """

    delta: float | None
    ci95: tuple[float, float] | None
    verdict: str
    runs_needed: int | None = None


def paired_difference(variant: Sequence[float], baseline: Sequence[float], better: int) -> Difference:
    """Compare pairs: common seeds make most of the luck cancel out (paired t interval of the differences).

    Better or worse is said only when the interval excludes zero and the metric has a better direction. Differences
    that are all zero, a single pair and neutral metrics (``better`` 0) cannot tell.
    """
    differences = [a - b for a, b in zip(variant, baseline, strict=True)]
    if not differences:
        return Difference(None, None, CANNOT_TELL)
    delta = mean(differences)
    interval = t_interval(differences)
    if interval is None:
        return Difference(delta, None, CANNOT_TELL)
    if not better:
        return Difference(delta, interval, CANNOT_TELL)
    if interval[0] > 0 or interval[1] < 0:
        return Difference(delta, interval, BETTER if delta * better > 0 else WORSE)
    return Difference(delta, interval, CANNOT_TELL, runs_needed(delta, deviation(differences)))


def runs_needed(delta: float, spread: float) -> int | None:
    """Runs in all after which a difference as large as ``delta`` would show with a chance of 80 %.

    n = ((z0.975 + z0.8) s / delta)^2, the usual sample size of a paired comparison (NIST/SEMATECH e-Handbook 7.2.2.2),
    at least 2. None when there is no difference to find, or more than a million runs would be needed.
    """
    if delta == 0:
        return None
    needed = ceil(((Z95 + Z80) * spread / abs(delta)) ** 2)
    return max(2, needed) if needed <= NEVER_SURE else None


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
    known = metric(name)
    found = t_interval(values)
    if found is None or known is None:
        return found
    # The t interval knows no bounds; no metric is negative and no share more than 1.
    highest = 1.0 if known.unit == "ratio" else inf
    return min(max(found[0], 0.0), highest), min(max(found[1], 0.0), highest)


def summaries(results: Sequence[RunResult]) -> dict[str, Summary]:
    """Every metric over the runs, in the order of the first run's metrics."""
    names = results[0].metrics if results else {}
    return {name: summarize(name, [result.metrics.get(name, NO_READING) for result in results]) for name in names}


@dataclass(frozen=True, slots=True)
class VariantDifference:
    """How one variant differs from the baseline. ``pairs``: how many seeds both have run."""

    variant: str
    baseline: str
    pairs: int
    metrics: dict[str, Difference]


def compare(results: Mapping[str, Sequence[RunResult]], baseline: str) -> list[VariantDifference]:
    """Every other variant against ``baseline``, in the order given; runs are paired by seed.

    A metric without data in one of the paired runs is not compared: dropping just those pairs would flatter a variant
    that lacks the data because it never recovered. KeyError when the baseline is not among the results.
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
            found = paired_difference(left, right, known.better if known else 0)
            if known is not None and known.unit == "ratio" and found.ci95 is not None:  # shares differ by 1 at most
                low, high = found.ci95
                found = replace(found, ci95=(max(low, -1.0), min(high, 1.0)))
            differences[name] = found
    return len(pairs), differences
