"""The rule about breakers that open on ordinary bad luck.

Owns RL011: renewal arithmetic for failures in a row, binomials for shares of a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log1p

from resilience_sim.interop.breaker_view import BreakerView, breaker_of
from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import failure_chance
from resilience_sim.lint.chance import binomial_at, binomial_least, mean_calls_to_run, run_within
from resilience_sim.lint.finding import WARNING, Hit, Rule
from resilience_sim.lint.subject import Subject
from resilience_sim.lint.traffic import at_layer

SECOND, HOUR = 1e9, 3600.0
INDEPENDENT = "failures are independent of each other"


def openings(view: BreakerView, p: float, rate: float) -> tuple[float, float]:
    """Chance of at least one opening in an hour, and openings per hour; of a share the chance is a lower bound.

    In a row: the mean calls to a run (Feller) and the open times make one cycle of a renewal process. Of a window:
    disjoint windows are independent, so 1 - P(none)^windows bounds the chance from below; the expected number is that
    of up-crossings of the threshold, p (1-p) P(Binomial(n-1, p) = c-1) per call, and of verdicts on fresh windows.
    """
    calls = rate * HOUR
    pause = (view.recovery / SECOND + 1 / rate) / max(1e-9, 1 - p)
    if view.consecutive:
        mean = mean_calls_to_run(view.consecutive, p)
        cycle = mean / rate + pause
        return run_within(calls, view.consecutive, p), HOUR / cycle / max(1e-9, 1 - p)
    size = max(view.window_size(rate), 1)
    if size < view.min_calls:
        return 0.0, 0.0
    needed = view.failures_from(size)
    each = binomial_least(size, needed, p)
    least = 1 - exp(calls / size * log1p(-min(each, 1 - 1e-15)))
    first = binomial_least(view.min_calls, view.failures_from(view.min_calls), p)
    crossing = p * (1 - p) * binomial_at(size - 1, needed - 1, p)
    per_call = max(crossing, 1e-300)
    mean = min(1 / per_call, 1e300) * (1 - first) + view.min_calls * first
    return max(least, first), HOUR / (mean / rate + pause) / max(1e-9, 1 - p)


def flaps(subject: Subject) -> Iterator[Hit]:
    """RL011: openings without an outage."""
    for index, config in enumerate(subject.stack):
        view = breaker_of(config)
        if view is None:
            continue
        p = failure_chance(subject.plan, index + 1)
        rate = at_layer(subject.plan, index)
        if not p or not rate:
            continue
        chance, number = openings(view, p, rate)
        if chance < 0.05:
            continue
        what = (
            f"{view.consecutive} failures in a row"
            if view.consecutive
            else f"{say.share(view.share)} of {say.times(max(1, view.window_size(rate)), 'call')}"
        )
        yield Hit(
            subject.at(index, "failure_threshold"),
            f"it opens without any outage: {say.share(p)} of the calls fail in normal operation, and "
            f"at {say.rate(rate)} {what} come "
            f"about by chance with a probability of {say.share(chance)} per hour; about "
            f"{say.digits(number)} openings an hour, each "
            f"turning everybody away for {say.duration(view.recovery)}",
            "use a share of a larger window, or a higher threshold",
            {"chance": chance, "per_hour": number, "failures": p},
            ("traffic", "service"),
            (INDEPENDENT,),
        )


RULES: tuple[Rule, ...] = (
    Rule(
        "RL011",
        "a breaker that flaps on normal error rates",
        WARNING,
        (
            "Ordinary failures come in clusters by chance. With 1 % failures and 100 calls a second, "
            ""
            ""
            ""
            "five in a row come once in three "
            "years; with 20 %, every half minute. The chance per hour is exact for failures in a row "
            ""
            ""
            ""
            "(Feller's run theory), and a lower "
            "bound for a share of a window (binomial, disjoint windows). The failure rate is the "
            "scenario's own: B's failures, and healthy "
            "answers above the timeout.\n\nA share of a large window with a minimum of calls sleeps "
            "through chance and wakes for outages."
        ),
        flaps,
    ),
)
