"""Quantiles of a sample with intervals that assume nothing about its distribution."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, exp, inf, lgamma, log


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a ``share`` of the sample does not exceed, by nearest rank; ``values`` are sorted."""
    return values[max(0, ceil(share * len(values) - 1e-9) - 1)]


def quantile_interval(values: Sequence[float], share: float) -> tuple[float, float]:
    """95 % interval of a quantile from order statistics; -inf or inf where the sample is too small for a limit.

    The number of values below the quantile is binomial, so that [X(l), X(u)] holds it with the probability
    P(l <= B < u) (David and Nagaraja, Order Statistics, 3rd edition, section 7.1). Of the pairs that reach 95 %
    the one with the fewest ranks between, and of those the most probable.
    """
    low, high = _ranks(len(values), share)
    return (values[low - 1] if low else -inf, values[high - 1] if high <= len(values) else inf)


@lru_cache(maxsize=256)
def _ranks(count: int, share: float) -> tuple[int, int]:
    """Ranks from 1; 0 and ``count + 1`` stand for no limit."""
    chance = [binomial(count, hits, share) for hits in range(count + 1)]
    below = [0.0]
    for each in chance:
        below.append(below[-1] + each)
    best: tuple[int, int, float] | None = None
    ranks = (0, count + 1)
    high = 0
    for low in range(count + 1):
        while high <= count and below[high] - below[low] < 0.95:
            high += 1
        covered = below[min(high, count + 1)] - below[low]
        if covered < 0.95:
            break
        open_ends = (low == 0) + (high == count + 1)
        rank = (open_ends, high - low, -covered)
        if best is None or rank < best:
            best, ranks = rank, (low, high)
    return ranks


def binomial(count: int, hits: int, share: float) -> float:
    """P(B = hits) of a binomial variable."""
    if share <= 0 or share >= 1:
        return float(hits == (count if share >= 1 else 0))
    ways = lgamma(count + 1) - lgamma(hits + 1) - lgamma(count - hits + 1)
    return exp(ways + hits * log(share) + (count - hits) * log(1 - share))
