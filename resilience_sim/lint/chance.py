"""Probabilities that the rules need: exact formulas, each with its source."""

from __future__ import annotations

from functools import lru_cache
from math import erfc, exp, expm1, inf, lgamma, log, log1p, sqrt

from resilience_sim.settings.latency import Latency


def longer_than(latency: Latency, t: float) -> float:
    """P(T > t) of a latency, t in ns."""
    kind, a, b = latency.kind, latency.a, latency.b
    if t < 0:
        return 1.0
    if kind == "constant":
        return 1.0 if a > t else 0.0
    if kind == "exponential":
        return exp(-t / a) if a else 0.0
    if kind == "uniform":
        return min(1.0, max(0.0, (b - t) / (b - a))) if b > a else float(a > t)
    if kind == "lognormal":
        return 0.5 * erfc((log(t) - a) / (b * sqrt(2))) if t > 0 else 1.0
    if kind == "gamma":
        return 1.0 - gamma_below(a, t / b)
    if kind == "pareto":
        return (a / t) ** b if t > a else 1.0
    values = latency.values
    return sum(1 for value in values if value > t) / len(values) if values else 0.0


def gamma_below(shape: float, x: float) -> float:
    """Regularised lower incomplete gamma P(shape, x): series or continued fraction (Numerical Recipes 6.2)."""
    if x <= 0:
        return 0.0
    front = exp(-x + shape * log(x) - lgamma(shape))
    if x < shape + 1:
        term = total = 1.0 / shape
        n = shape
        while abs(term) > abs(total) * 1e-15:
            n += 1
            term *= x / n
            total += term
        return min(1.0, total * front)
    b = x + 1 - shape
    c = 1e300
    d = h = 1 / b
    for i in range(1, 500):
        an = -i * (i - shape)
        b += 2
        d = an * d + b
        d = 1 / (d if abs(d) > 1e-300 else 1e-300)
        c = b + an / c
        c = c if abs(c) > 1e-300 else 1e-300
        h *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return max(0.0, 1 - front * h)


@lru_cache(maxsize=512)
def mean_until(latency: Latency, most: float = inf) -> float:
    """Mean of min(T, most), ns: what a call takes that is given up after ``most``; the plain mean without a limit."""
    kind, a, b = latency.kind, latency.a, latency.b
    if most == inf:
        means = {"constant": a, "exponential": a, "uniform": (a + b) / 2, "gamma": a * b}
        if kind == "lognormal":
            return exp(a + b * b / 2)
        if kind == "pareto":
            return a * b / (b - 1) if b > 1 else inf
        if kind == "empirical":
            return sum(latency.values) / len(latency.values) if latency.values else 0.0
        return means[kind]
    if kind == "constant":
        return min(a, most)
    if kind == "empirical":
        return sum(min(value, most) for value in latency.values) / len(latency.values) if latency.values else 0.0
    if kind == "exponential":
        return -a * expm1(-most / a) if a else 0.0
    if kind == "uniform":
        over = min(most, b) - a
        return most if most <= a else a + over - (over * over / (2 * (b - a)) if over else 0.0)
    if most <= 0:
        return 0.0
    late = most * longer_than(latency, most)
    if kind == "lognormal":  # E[T; T <= most]: the same normal law, its mean moved by the variance
        early = 0.5 * erfc((a + b * b - log(most)) / (b * sqrt(2))) if b else float(exp(a) <= most)
        return exp(a + b * b / 2) * early + late
    if kind == "gamma":
        return a * b * gamma_below(a + 1, most / b) + late
    if most <= a:
        return most
    return a + (a * log(most / a) if b == 1 else a * (1 - (a / most) ** (b - 1)) / (b - 1))  # pareto


def quantile(latency: Latency, share: float) -> float:
    """The time that ``share`` of the draws do not exceed, by bisection."""
    low, high = 0.0, 1.0
    while longer_than(latency, high) > 1 - share and high < 1e21:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if longer_than(latency, middle) > 1 - share else (low, middle)
    return high


def binomial_at(n: int, k: int, p: float) -> float:
    """P(exactly k of n)."""
    if not 0 <= k <= n:
        return 0.0
    if p in (0.0, 1.0):
        return float(k == n * p)
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p))


def binomial_least(n: int, k: int, p: float) -> float:
    """P(at least k of n)."""
    if k <= 0:
        return 1.0
    return min(1.0, sum(binomial_at(n, i, p) for i in range(k, n + 1))) if n <= 200_000 else 0.0


def poisson_least(mean: float, k: int) -> float:
    """P(at least k events) with this mean: P(k, mean), the incomplete gamma."""
    return 1.0 if k <= 0 else gamma_below(k, mean)


def mean_calls_to_run(k: int, p: float) -> float:
    """Mean number of calls until k failures in a row (Feller, An Introduction to Probability Theory, XIII.7)."""
    if p >= 1:
        return float(k)
    if p <= 0:
        return inf
    power = p**k
    return (1 - power) / ((1 - p) * power) if power else inf


def run_within(n: float, k: int, p: float) -> float:
    """P(k failures in a row somewhere in n calls); Feller's root formula, good to many digits for n well above k."""
    if p <= 0 or n < k:
        return 0.0
    if p >= 1:
        return 1.0
    q = 1 - p
    x = 1.0
    for _ in range(200):  # the smallest root above 1 of 1 - x + q p^k x^(k+1) = 0
        new = 1 + q * p**k * x ** (k + 1)
        if abs(new - x) < 1e-16:
            break
        if new > 1 / p:
            return 1.0
        x = new
    return 1 - (1 - p * x) / ((k + 1 - k * x) * q) * exp(-(n + 1) * log(x))


def erlang_b(servers: int, load: float) -> float:
    """Share of calls that find all places taken (Erlang's loss formula; any distribution of the holding time)."""
    if load <= 0:
        return 0.0
    if load == inf:
        return 1.0
    blocked = 1.0
    for n in range(1, min(servers, 1_000_000) + 1):
        blocked = load * blocked / (n + load * blocked)
        if n > load and blocked < 1e-12:
            return 0.0
    return blocked
