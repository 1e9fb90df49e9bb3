"""Conditions to stop at: ``until queue > 500``, ``until breaker open``, ``until t >= 30s``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.units import UnitError, duration, ratio, shown
from resilience_sim.views.live.state import LiveFold

WINDOW = 5 * fmt.SECOND  # that much of the past counts for the share of successes
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "=": operator.eq, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
STATES = {"closed": ev.CLOSED, "open": ev.OPEN, "half-open": ev.HALF_OPEN, "half_open": ev.HALF_OPEN}


class ConditionError(ValueError):
    """What was typed is no condition; the message says how to write one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``at``: the instant it stands for, where it is about time alone; then nothing else needs to be looked at."""

    text: str
    holds: Callable[[LiveFold], bool]
    now: Callable[[LiveFold], str]
    at: int | None = None


def _success(view: LiveFold) -> float | None:
    """The share of successes among the outcomes of the last seconds; None when there was no outcome."""
    bins = view.bins
    last = bins.index(view.clock)
    first = bins.index(max(0, view.clock - WINDOW + 1))
    good, bad = sum(bins.good[first : last + 1]), sum(bins.bad[first : last + 1])
    return good / (good + bad) if good + bad else None


METRICS: dict[str, tuple[str, Callable[[LiveFold], float | None]]] = {
    "queue": ("requests that wait at B", lambda view: view.queue),
    "busy": ("workers of B that are busy", lambda view: view.busy),
    "in flight": ("requests without an outcome", lambda view: view.in_flight),
    "threads": ("threads held in a client", lambda view: max(view.held.values(), default=0)),
    "success": (f"share of successes in the last {fmt.duration(WINDOW)}", _success),
}
_ALIASES = {
    "availability": "success", "in_flight": "in flight", "inflight": "in flight", "in-flight": "in flight",
    "time": "t",
}  # fmt: skip
EXAMPLES = {
    "queue > 500": METRICS["queue"][0], "busy >= 8": METRICS["busy"][0], "in flight > 100": METRICS["in flight"][0],
    "threads > 50": METRICS["threads"][0], "success < 90%": METRICS["success"][0],
    "breaker open": "a breaker is open (or half-open); closed: all are", "t >= 30s": "an instant",
}  # fmt: skip
_COMPARISON = re.compile(r"(.+?)\s*(>=|<=|==|=|>|<)\s*(.*)\Z")
_HOW = "write it like `until queue > 500`, `until success < 90%`, `until breaker open` or `until t >= 30s`"


def read_condition(text: str) -> Condition:
    """The condition that stands after ``until``.

    Raises:
        ConditionError: it cannot be read.
    """
    text = " ".join(text.split())
    found = _COMPARISON.match(text)
    name, sign, value = found.groups() if found else (text.partition(" ")[0], "", text.partition(" ")[2])
    name = _ALIASES.get(name.lower(), name.lower())
    if name in ("breaker", "breakers"):
        return _of_breakers(sign, value)
    if name != "t" and name not in METRICS:
        known = [*METRICS, "breaker", "t"]
        raise ConditionError(
            f"there is no metric {shown(name)} to wait for; {did_you_mean(name, known) or one_of(known)}"
            if name
            else _HOW
        )
    if not sign or not value:
        raise ConditionError(_HOW)
    return _of_time(sign, value) if name == "t" else _of_metric(name, sign, value)


def _of_breakers(sign: str, value: str) -> Condition:
    state = STATES.get(value.lower())
    if state is None or sign not in ("", "=", "=="):
        raise ConditionError("a breaker is `open`, `half-open` or `closed`: write `until breaker open`")

    def holds(view: LiveFold) -> bool:
        states = [lane.state for lane in view.breakers.values()]
        return bool(states) and (all if state == ev.CLOSED else any)(each == state for each in states)

    def now(view: LiveFold) -> str:
        lanes = [f"{lane.name} {ev.STATE_NAMES[lane.state]}" for lane in view.breakers.values()]
        return ", ".join(lanes) or "there is no breaker"

    return Condition(f"breaker {value.lower()}", holds, now)


def _of_time(sign: str, value: str) -> Condition:
    if sign not in (">", ">="):
        raise ConditionError("time only goes on: write `until t >= 30s`")
    try:
        at = duration(value) + (sign == ">")
    except UnitError as error:
        raise ConditionError(f"{error}; {error.help}" if error.help else str(error)) from None
    return Condition(f"t {sign} {value}", lambda view: view.clock >= at, lambda view: fmt.clock(view.clock), at)


def _of_metric(name: str, sign: str, value: str) -> Condition:
    measure = METRICS[name][1]
    share = name == "success"
    limit: Fraction | int
    if share:
        try:
            limit = ratio(value)
        except UnitError as error:
            raise ConditionError(f"{error}; {error.help}" if error.help else str(error)) from None
    else:
        digits = value.replace(",", "")
        if not (digits.isascii() and digits.isdigit()):
            raise ConditionError(f"{name} is a whole number, {shown(value)} is not: write `until {name} {sign} 500`")
        if len(digits) > 18:
            raise ConditionError(f"{name} never gets as high: write `until {name} {sign} 500`")
        limit = int(digits)
    bound = float(limit)
    compare = OPERATORS[sign]

    def holds(view: LiveFold) -> bool:
        measured = measure(view)
        return measured is not None and compare(measured, bound)

    def now(view: LiveFold) -> str:
        measured = measure(view)
        if measured is None:
            return "nothing had an outcome lately"
        return f"{name} {fmt.share(measured) if share else f'{measured:,}'}"

    return Condition(f"{name} {sign} {value}", holds, now)
