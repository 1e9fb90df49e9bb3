"""``p99 < 800ms``: reading one expectation. Its metric and the unit of its limit are those of metrics.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from resilience_sim.settings import codes, units
from resilience_sim.settings.metrics import METRICS
from resilience_sim.settings.metrics import metric as find_metric
from resilience_sim.settings.suggest import did_you_mean, nearest, one_of
from resilience_sim.settings.units import UnitError, shown

OPERATORS = ("<", "<=", ">", ">=", "==", "!=")
NAMES: tuple[str, ...] = tuple(each.name for each in METRICS)
_SHAPE = re.compile(r"\s*([^\s<>=!]+)\s*([<>=!≤≥~]+)\s*(\S+)(?:\s+(\S.*?))?\s*\Z")
_SPELT = {"=": "==", "=<": "<=", "=>": ">=", "≤": "<=", "≥": ">=", "<>": "!=", "===": "=="}


@dataclass(frozen=True, slots=True)
class Claim:
    """An expectation without its scope; ``limit`` in base units."""

    text: str
    metric: str
    op: str
    limit: float


def parse_expectation(value: object) -> Claim:
    """Read ``metric op value``."""
    if not isinstance(value, str):
        raise UnitError(
            codes.EXPECTATION, f"expected `METRIC OPERATOR VALUE`, not {shown(value)}", "`availability >= 99%`"
        )
    if len(value) > 500:
        raise UnitError(codes.EXPECTATION, "an expectation this long cannot be read", "`availability >= 99%`")
    found = _SHAPE.match(value)
    if not found:
        raise UnitError(
            codes.EXPECTATION, f"cannot read {shown(value)}", "write `METRIC OPERATOR VALUE`: `p99 < 800ms`"
        )
    metric, op, limit, rest = found.groups()
    known = find_metric(metric)
    if known is None:
        raise UnitError(
            codes.EXPECTATION, f"no metric {shown(metric)}", _metric_help(metric), found.start(1), len(metric)
        )
    if op not in OPERATORS:
        remedy = f"did you mean `{_SPELT[op]}`?" if op in _SPELT else one_of(OPERATORS)
        raise UnitError(codes.EXPECTATION, f"no operator {shown(op)}", remedy, found.start(2), len(op))
    if rest:
        scoped = nearest(rest.split()[0], ("during", "before", "after", "variant", "phase"))
        remedy = f"write `{{that: {metric} {op} {limit}, {scoped[0]}: …}}`" if scoped else "one value ends it"
        raise UnitError(codes.EXPECTATION, f"{shown(rest)} is too much here", remedy, found.start(4), len(rest))
    try:
        base = _limit(known.unit, limit)
    except UnitError as error:
        raise UnitError(error.code, f"{metric}: {error}", error.help, found.start(3), len(limit)) from None
    return Claim(value.strip(), metric, op, base)


def _metric_help(metric: str) -> str:
    if re.match(r"p[0-9]", metric):
        return "percentiles lie between `p0` and `p100`, like `p99` or `p99.9`"
    return did_you_mean(metric, NAMES) or one_of(NAMES, most=30)


def _limit(unit: str, text: str) -> float:
    number = _number(text)
    if unit == "ratio":
        share = units.ratio(number if number is not None else text)
        if share > 1:
            raise UnitError(codes.RANGE, f"{shown(text)} is more than everything", "at most `100%`")
        return float(share)
    if unit == "per_second":
        return units.rate(number if number is not None else text).per_second
    if unit == "factor":
        times = Fraction(text) if number is not None else units.factor(text)
        if not 0 <= times <= units.LARGEST_FACTOR:
            raise UnitError(codes.RANGE, f"{shown(text)} is out of range", "write it like `1.5x`")
        return float(times)
    if unit == "count":
        if not re.match(r"[0-9]{1,15}\Z", text):
            raise UnitError(codes.WRONG_TYPE, f"expected an integer, not {shown(text)}", "it counts things: write `0`")
        return float(text)
    return float(Fraction(units.duration(number if number is not None else text), units.SECOND))


def _number(text: str) -> int | float | None:
    if re.match(r"-?[0-9]{1,15}\Z", text):
        return int(text)
    return float(text) if re.match(r"-?[0-9]{1,15}\.[0-9]{1,15}\Z", text) else None
