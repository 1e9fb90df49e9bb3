"""Probabilities that the rules need: exact formulas, each with its source."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
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
    values = latency.values  # sorted
    return (len(values) - bisect_right(values, t)) / len(values) if values else 0.0


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


def binomials(n: int, most: int, p: float) -> list[float]:
    """P(exactly k of n) for each k up to ``most``: what binomial_at says of each, with every logarithm taken once."""
    if p in (0.0, 1.0):
        return [binomial_at(n, k, p) for k in range(most + 1)]
    logs = [lgamma(i + 1) for i in range(n + 1)]
    bad, good, ways = log(p), log1p(-p), logs[n]
    found = [exp(ways - logs[k] - logs[n - k] + k * bad + (n - k) * good) for k in range(min(most, n) + 1)]
    return found + [0.0] * (most + 1 - len(found))


MOST_CALLS = 200_000  # that a window can hold for which chances are computed one by one


@lru_cache(maxsize=4096)
def binomial_least(n: int, k: int, p: float) -> float:
    """P(at least k of n): from the largest term outwards, each from its neighbour, until they no longer count."""
    if k <= 0:
        return 1.0
    if n > MOST_CALLS or k > n or p <= 0:
        return 0.0
    if p >= 1:
        return 1.0
    start = max(k, min(n, int((n + 1) * p)))
    first = binomial_at(n, start, p)
    total, odds = first, p / (1 - p)
    term = first
    for i in range(start, n):
        term *= (n - i) / (i + 1) * odds
        total += term
        if term < total * 1e-17:
            break
    term = first
    for i in range(start, k, -1):
        term *= i / ((n - i + 1) * odds)
        total += term
        if term < total * 1e-17:
            break
    return min(1.0, total)


def binomial_bound(n: int, k: int, p: float) -> float:
    """No less than P(at least k of n), in one step (Chernoff); a little more, for what rounding does to the other."""
    if k <= n * p or not 0 < p < 1:
        return 1.0
    if k > n:
        return 0.0
    share = k / n
    fewer = (n - k) * log((1 - share) / (1 - p)) if k < n else 0.0
    return 1.000001 * exp(-k * log(share / p) - fewer)


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


@lru_cache(maxsize=4096)
def none_in_windows(size: int, k: int, p: float) -> tuple[float, float]:
    """P(no ``size`` calls in a row with ``k`` failures) among 2 and 3 times ``size`` calls.

    Exact, J. I. Naus, Approximations for distributions of scan statistics, JASA 77 (1982), theorem 1. What follows
    decays from window to window by the ratio of the two.
    """
    at = binomials(size, 2 * k, p)

    def up_to(n: int) -> list[float]:
        return [min(1.0, total) for total in accumulate(binomials(n, k, p))]

    sums = (up_to(size), up_to(size - 1), up_to(max(size - 2, 0)))

    def cdf(j: int, less: int = 0) -> float:
        return sums[less][j] if j >= 0 else 0.0

    mp = size * p
    two = cdf(k - 1) ** 2 - (k - 1) * at[k] * cdf(k - 2) + mp * at[k] * cdf(k - 3, 1)
    a1 = 2 * at[k] * cdf(k - 1) * ((k - 1) * cdf(k - 2) - mp * cdf(k - 3, 1))
    a2 = 0.5 * at[k] ** 2 * (
        (k - 1) * (k - 2) * cdf(k - 3) - 2 * (k - 2) * mp * cdf(k - 4, 1) + size * (size - 1) * p * p * cdf(k - 5, 2)
    )  # fmt: skip
    a3 = sum(at[2 * k - r] * cdf(r - 1) ** 2 for r in range(1, k))
    a4 = sum(at[2 * k - r] * at[r] * ((r - 1) * cdf(r - 2) - mp * cdf(r - 3, 1)) for r in range(2, k))
    three = cdf(k - 1) ** 3 - a1 + a2 + a3 - a4
    return min(1.0, max(0.0, two)), min(1.0, max(0.0, three))


def windows_with(size: int, k: int, p: float, calls: float, full: bool) -> tuple[float, float]:
    """P(``k`` failures among ``size`` calls in a row, somewhere in ``calls``), and the mean number of calls until so.

    ``full``: nobody looks before there have been ``size`` calls.
    """
    if k <= 1:
        return 1 - (1 - p) ** calls, 1 / p
    if k > size:
        return 0.0, inf
    usual = max(k / p, size if full else 0.0) if k < size * p else inf  # if calls failed exactly as often as p says
    if size > MOST_CALLS:
        return float(usual <= calls), usual
    one = 1 - binomial_least(size, k, p)
    two, three = none_in_windows(size, k, p)
    if not two or three >= two:  # as sure as arithmetic can tell
        return float(usual <= calls), usual
    decay = log(two / three) if three else inf  # a window
    # Of the first window the exact mean, of min(T, size) with T negative binomial; the second by the mean of its ends.
    first = float(size) if full else size * one + k / p * binomial_least(size + 1, k + 1, p)
    mean = first + size * (one + two) / 2 + two * size / decay
    windows = calls / size
    if windows > 2:
        return 1 - two * exp(-decay * (windows - 2)), mean
    if windows >= 1:
        return 1 - one - (two - one) * (windows - 1), mean
    return 0.0 if full else binomial_least(int(calls), k, p), mean


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


MANY_SERVERS = 1_000_000
STEPS = 2_000  # of Simpson's rule


def evenness(latency: Latency, most: float = inf) -> float:
    """Integral of P(T > t)^2 over the integral of P(T > t), up to ``most``: 1 for a constant, 1/2 for exponential T."""
    limit = min(most, quantile(latency, 0.999_999))
    step = limit / STEPS
    weights = [1, *(4 if i % 2 else 2 for i in range(1, STEPS)), 1]
    tails = [longer_than(latency, i * step) for i in range(STEPS + 1)]
    whole = sum(w * p for w, p in zip(weights, tails, strict=True))
    return sum(w * p * p for w, p in zip(weights, tails, strict=True)) / whole if whole else 1.0


def loss_of_turns(servers: int, load: float, turns: int, even: float) -> float:
    """About the same where every ``turns``-th arrival of a Poisson stream comes here: such arrivals are more even.

    Hayward's approximation: Erlang's formula of servers/z and load/z, where the peakedness z of renewal arrivals with
    c^2 = 1/turns is 1 + (c^2 - 1) * evenness (Whitt, Heavy-traffic approximations for service systems with blocking,
    1984).
    """
    z = 1.0 - (1.0 - 1.0 / turns) * even
    if turns <= 1 or not 0 < load < inf or servers / z > MANY_SERVERS:
        return erlang_b(servers, load)
    scaled = servers / z
    low = int(scaled)
    under, over = erlang_b(low, load / z), erlang_b(low + 1, load / z)
    return float(under ** (1 - scaled + low) * over ** (scaled - low))


def engset(servers: int, users: int, busy: float) -> float:
    """Share of calls of so many users that find all places taken; ``busy``: a call's time / the time between calls.

    T. O. Engset (1918): what the other users occupy; any distribution of the holding time.
    """
    if users <= servers:
        return 0.0
    if busy == inf:
        return 1.0
    blocked = 1.0  # the recursion over places, for users - 1 others
    for n in range(1, min(servers, MANY_SERVERS) + 1):
        offered = (users - n) * busy
        blocked = offered * blocked / (n + offered * blocked)
    return blocked
