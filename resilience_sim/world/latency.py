"""Drawing times: one class per shape of latency, each a pure function of its random numbers.

Shapes with an inverse are drawn by inversion, one uniform number a draw: a request that is
fast stays fast when the distribution is stretched. The gamma needs rejection (Marsaglia and Tsang, "A Simple Method for
Generating Gamma Variables", ACM TOMS 26(3), 2000), from numbered draws.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.rng import EXTRA, KeyedRng
from resilience_sim.settings.latency import Latency

_LONGEST: Final = 1 << 61


class Times:
    """A constant time; the base of the other shapes."""

    __slots__ = ("constant",)

    constant: i64

    def __init__(self, constant: i64) -> None:
        self.constant = constant

    def draw(self, rng: KeyedRng, purpose: i64, rid: i64, attempt: i64) -> i64:
        """Nanoseconds for this purpose, request and attempt."""
        return self.constant


class Exponential(Times):
    """Memoryless, by its mean."""

    __slots__ = ("_mean",)

    def __init__(self, mean: float) -> None:
        super().__init__(0)
        self._mean = mean

    def draw(self, rng: KeyedRng, purpose: i64, rid: i64, attempt: i64) -> i64:
        """-mean * ln(1 - U)."""
        time = 0.5 - log(1.0 - rng.uniform(purpose, rid, attempt)) * self._mean
        return int(time) if time < 2.0e18 else _LONGEST


class Uniform(Times):
    """Anything between two times, equally likely."""

    __slots__ = ("_least", "_width")

    def __init__(self, least: float, most: float) -> None:
        super().__init__(0)
        self._least = least
        self._width = most - least

    def draw(self, rng: KeyedRng, purpose: i64, rid: i64, attempt: i64) -> i64:
        """Least + width * U."""
        return int(self._least + rng.uniform(purpose, rid, attempt) * self._width + 0.5)


class Pareto(Times):
    """A heavy tail: P(T > t) = (least / t) ** alpha."""

    __slots__ = ("_least", "_power")

    def __init__(self, least: float, alpha: float) -> None:
        super().__init__(0)
        self._least = least
        self._power = -1.0 / alpha

    def draw(self, rng: KeyedRng, purpose: i64, rid: i64, attempt: i64) -> i64:
        """Least * (1 - U) ** (-1 / alpha)."""
        growth = log(1.0 - rng.uniform(purpose, rid, attempt)) * self._power
        time = self._least * exp(min(growth, 99.0))
        return int(time + 0.5) if time < 2.0e18 else _LONGEST


class Lognormal(Times):
    """ln(T) is normal with the given mean and deviation."""

    __slots__ = ("_deviation", "_mean")

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__(0)
        self._mean = mean
        self._deviation = deviation

    def draw(self, rng: KeyedRng, purpose: i64, rid: i64, attempt: i64) -> i64:
        """exp(mean + deviation * z), z the normal quantile of U."""
        z = normal_quantile(rng.uniform(purpose, rid, attempt))
        return int(exp(min(42.0, self._mean + self._deviation * z)) + 0.5)


class Gamma(Times):
    """By shape and scale."""

    __slots__ = ("_boosted", "_scale", "_shape")

    def __init__(self, shape: float, scale: float) -> None:
        super().__init__(0)
        self._boosted = shape < 1.0
        self._shape = shape
        self._scale = scale

    def draw(self, rng: KeyedRng, purpose: i64, rid: i64, attempt: i64) -> i64:
        """Marsaglia and Tsang's squeeze; for a shape below 1 a draw of shape + 1 times U ** (1 / shape)."""
        shape = self._shape + 1.0 if self._boosted else self._shape
        d = shape - 1.0 / 3.0
        c = 1.0 / sqrt(9.0 * d)
        number = purpose
        while True:
            number += EXTRA
            x = normal_quantile(rng.uniform(number, rid, attempt))
            v = 1.0 + c * x
            if v <= 0.0:
                continue
            v = v * v * v
            number += EXTRA
            u = 1.0 - rng.uniform(number, rid, attempt)
            if log(u) < 0.5 * x * x + d * (1.0 - v + log(v)):
                break
        value = d * v
        if self._boosted:
            value *= exp(log(1.0 - rng.uniform(purpose, rid, attempt)) / self._shape)
        time = value * self._scale
        return int(time + 0.5) if time < 2.0e18 else _LONGEST


class Empirical(Times):
    """One of the measured values, each equally likely; they are sorted, so more luck is more time."""

    __slots__ = ("_count", "_values")

    _count: i64

    def __init__(self, values: tuple[int, ...]) -> None:
        super().__init__(0)
        self._values = values
        self._count = len(values)

    def draw(self, rng: KeyedRng, purpose: i64, rid: i64, attempt: i64) -> i64:
        """The value at rank floor(U * n)."""
        return self._values[int(rng.uniform(purpose, rid, attempt) * float(self._count))]


def make_times(config: Latency) -> Times:
    """The sampler of a latency."""
    kind = config.kind
    if kind == "constant":
        return Times(int(config.a))
    if kind == "exponential":
        return Exponential(config.a)
    if kind == "uniform":
        return Uniform(config.a, config.b)
    if kind == "lognormal":
        return Lognormal(config.a, config.b)
    if kind == "gamma":
        return Gamma(config.a, config.b)
    if kind == "pareto":
        return Pareto(config.a, config.b)
    if kind == "empirical":
        return Empirical(config.values)
    raise ValueError(f"unknown latency {kind!r}")


def make_wire(config: Latency) -> Times | None:
    """The sampler of a way; None: it takes no time."""
    return None if config.kind == "constant" and config.a == 0 else make_times(config)


def normal_quantile(p: float) -> float:
    """The standard normal quantile of ``p`` in [0, 1) (0 counts as 2**-54).

    P. J. Acklam's rational approximation (2003, relative error below 1.15e-9), which is finer than any latency needs
    and uses nothing but arithmetic, a logarithm and a root.
    """
    p = max(p, 5.6e-17)
    if p < 0.02425:
        return _tail(sqrt(-2.0 * log(p)))
    if p > 0.97575:
        return -_tail(sqrt(-2.0 * log(1.0 - p)))
    q = p - 0.5
    r = q * q
    top = -3.969683028665376e01
    for a in (
        2.209460984245205e02,
        -2.759285104469687e02,
        1.383577518672690e02,
        -3.066479806614716e01,
        2.506628277459239,
    ):
        top = top * r + a
    bottom = -5.447609879822406e01
    for b in (1.615858368580409e02, -1.556989798598866e02, 6.680131188771972e01, -1.328068155288572e01, 1.0):
        bottom = bottom * r + b
    return top * q / bottom


def _tail(q: float) -> float:
    top = -7.784894002430293e-03
    for c in (-3.223964580411365e-01, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783):
        top = top * q + c
    bottom = 7.784695709041462e-03
    for d in (3.224671290700398e-01, 2.445134137142996, 3.754408661907416, 1.0):
        bottom = bottom * q + d
    return top / bottom
