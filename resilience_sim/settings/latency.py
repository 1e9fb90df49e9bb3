"""A time, or a distribution of times."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Protocol

from resilience_sim.settings import codes
from resilience_sim.settings.table import Findings, Loc, Nested, Param, Table, Values, pick_one
from resilience_sim.settings.types import (
    DURATION_SCHEMA,
    FILE_NAME,
    LONGER_THAN_ZERO,
    POSITIVE_NUMBER,
    Duration,
    Schema,
    Type,
)
from resilience_sim.settings.units import LONGEST, UnitError, shown

Z99 = 2.3263478740408408  # the normal deviate that 99 % lie below


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of times.

    ===============  ==========================  ======================
    kind             a                           b
    ===============  ==========================  ======================
    ``constant``     ns                          unused
    ``exponential``  mean, ns                    unused
    ``uniform``      least, ns                   most, ns
    ``lognormal``    mean of ln(ns)              deviation of ln(ns)
    ``gamma``        shape                       scale, ns
    ``pareto``       least, ns                   alpha
    ``empirical``    unused (``values``: sorted ns, drawn uniformly)
    ===============  ==========================  ======================
    """

    kind: str = "constant"
    a: float = 0.0
    b: float = 0.0
    values: tuple[int, ...] = ()

    @property
    def is_zero(self) -> bool:
        """Whether it takes no time, ever."""
        return self.kind in ("constant", "exponential") and not self.a

    def times(self, factor: float) -> Latency:
        """The same distribution, every time ``factor`` times as long; none longer than the clock runs."""
        if self.kind == "lognormal":
            return replace(self, a=min(self.a + math.log(factor), math.log(LONGEST)))
        if self.kind == "gamma":
            return replace(self, b=min(self.b * factor, float(LONGEST)))
        values = tuple(min(round(value * factor), LONGEST) for value in self.values)
        most = min(self.b * factor, float(LONGEST)) if self.kind == "uniform" else self.b
        return replace(self, a=min(self.a * factor, float(LONGEST)), b=most, values=values)


class Files(Protocol):
    """The data files that a scenario names."""

    def durations(self, name: str) -> tuple[int, ...]:
        """Measured times, sorted; UnitError when the file cannot be read."""

    def times(self, name: str) -> tuple[tuple[int, ...], bool]:
        """Arrival times, sorted, and whether they already were in order."""


class Pair(Type):
    """Two durations, the shorter one first."""

    name = "durations"
    example: Any = ("1s", "2s")
    _duration = Duration()

    def read(self, value: Any) -> tuple[int, int]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise UnitError(codes.WRONG_TYPE, f"expected two durations, not {shown(value)}", "write `[20ms, 80ms]`")
        low, high = (self._duration.read(each) for each in value)
        if low > high:
            message = "the first duration is longer than the second"
            raise UnitError(codes.RANGE, message, "write the shorter one first")
        return low, high

    @property
    def schema(self) -> Schema:
        return {"type": "array", "items": DURATION_SCHEMA, "minItems": 2, "maxItems": 2}


GAMMA = Table(
    "gamma",
    "A gamma distribution by its mean and its coefficient of variation.",
    (
        Param("mean", LONGER_THAN_ZERO, about="Mean time.", required=True),
        Param(
            "cv",
            POSITIVE_NUMBER,
            about="Deviation divided by the mean: below 1 steadier than exponential.",
            required=True,
        ),
    ),
)
PARETO = Table(
    "pareto",
    "A heavy tail.",
    (
        Param("min", LONGER_THAN_ZERO, about="The shortest time there is.", required=True),
        Param("alpha", POSITIVE_NUMBER, about="How fast the tail falls; at 1 or below it has no mean.", required=True),
    ),
)
_SHAPES = ("exponential", "uniform", "gamma", "pareto", "empirical")


def _one_shape(values: Values, loc: Loc, findings: Findings) -> None:
    named = pick_one(values, _SHAPES)
    lognormal = pick_one(values, ("p50", "p99"))
    if not named and not lognormal:
        remedy = "write `50ms`, `{exponential: 100ms}` or `{p50: 40ms, p99: 250ms}`"
        findings.error(loc, codes.MISSING, "the shape of the latency is missing", remedy)
    elif len(named) + bool(lognormal) != 1:
        both = named + lognormal
        message = f"`{'`, `'.join(both)}` are several shapes at once"
        findings.error((*loc, both[1]), codes.CONFLICT, message, "keep one", key=True)
    elif len(lognormal) == 1:
        other = "p99" if lognormal == ["p50"] else "p50"
        message = f"`{lognormal[0]}` needs `{other}` beside it"
        findings.error((*loc, lognormal[0]), codes.MISSING, message, f"add `{other}`", key=True)
    elif lognormal and values.p99 <= values.p50:
        findings.error((*loc, "p99"), codes.RANGE, "`p99` must be longer than `p50`", "swap them, or write a constant")


TABLE = Table(
    "latency_shape",
    "A time, or a distribution of times: `50ms`, `{exponential: 100ms}`, `{p50: 40ms, p99: 250ms}` …",
    (
        Param("exponential", LONGER_THAN_ZERO, about="Exponential with this mean."),
        Param("uniform", Pair(), about="Anything between two times, each equally likely."),
        Param("p50", LONGER_THAN_ZERO, about="Median of a lognormal; goes with `p99`."),
        Param("p99", LONGER_THAN_ZERO, about="99th percentile of a lognormal; goes with `p50`."),
        Param("gamma", Nested(GAMMA), about="Gamma by `mean` and `cv`."),
        Param("pareto", Nested(PARETO), about="Pareto by `min` and `alpha`."),
        Param("empirical", FILE_NAME, about="CSV file of measured times, drawn from with equal chance."),
    ),
    short=Duration(),
    check=_one_shape,
)
LATENCY = Nested(TABLE)


def latency(values: Values | None, loc: Loc, findings: Findings, files: Files) -> Latency:
    """A distribution as the core draws from it."""
    if values is None or findings.touches(loc):
        return Latency()
    if values.scalar is not None:
        return Latency("constant", float(values.scalar))
    if values.exponential is not None:
        return Latency("exponential", float(values.exponential))
    if values.uniform is not None:
        return Latency("uniform", float(values.uniform[0]), float(values.uniform[1]))
    if values.p50 is not None and values.p99 is not None:
        middle = math.log(values.p50)
        return Latency("lognormal", middle, (math.log(values.p99) - middle) / Z99)
    if values.gamma is not None:
        spread = values.gamma.cv * values.gamma.cv
        if not 1e-12 <= spread <= 1e12:
            findings.error(
                (*loc, "gamma", "cv"), codes.RANGE, "this deviation cannot be simulated", "0.1 to 10 is usual"
            )
            return Latency()
        return Latency("gamma", 1.0 / spread, values.gamma.mean * spread)
    if values.pareto is not None:
        return Latency("pareto", float(values.pareto.min), values.pareto.alpha)
    if values.empirical is not None:
        try:
            return Latency("empirical", values=files.durations(values.empirical))
        except UnitError as error:
            findings.error((*loc, "empirical"), error.code, str(error), error.help)
    return Latency()
