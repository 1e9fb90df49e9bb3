"""``tune:``, what ``resim tune`` may change and what it is to reach. Runs know nothing of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from resilience_sim.settings import codes
from resilience_sim.settings.metrics import METRICS, metric
from resilience_sim.settings.plan import Expectation
from resilience_sim.settings.suggest import did_you_mean
from resilience_sim.settings.table import ListOf, Nested, Param, Table, Values
from resilience_sim.settings.types import Count, Schema, Type
from resilience_sim.settings.units import UnitError, factor, shown

DRAWS = 32


@dataclass(frozen=True, slots=True)
class WorldsConfig:
    """The worlds that settings have to fit: load and length of the faults as factors of what is written, each drawn
    between two ends.
    """

    load: tuple[float, float] = (1.0, 1.0)
    faults: tuple[float, float] = (1.0, 1.0)
    draws: int = DRAWS


@dataclass(frozen=True, slots=True)
class TuneConfig:
    """``vary``: by path, a SPEC as text, or a list of values. ``worlds`` None: the scenario as written, alone."""

    vary: tuple[tuple[str, Any], ...] = ()
    minimize: tuple[str, ...] = ()
    maximize: tuple[str, ...] = ()
    subject_to: tuple[Expectation, ...] = ()
    worlds: WorldsConfig | None = None


class MetricName(Type):
    """The name of a metric."""

    name = "metric"
    example = "availability"

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or metric(value) is None:
            names = [each.name for each in METRICS]
            remedy = did_you_mean(str(value), names) or "`resim explain metrics` lists them"
            raise UnitError(codes.CHOICE, f"no metric {shown(value)}", remedy)
        return value

    @property
    def schema(self) -> Schema:
        return {"type": "string", "examples": ["availability", "p99_success"]}


class FactorRange(Type):
    """``0.8x..1.5x``, or one factor."""

    name = "factors"
    example = "1x"

    def read(self, value: Any) -> tuple[float, float]:
        ends = [part.strip() for part in value.split("..")] if isinstance(value, str) else [value]
        found = [float(factor(end)) for end in ends]
        if len(found) > 2 or not all(1 / 16 <= each <= 16 for each in found):
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", "write it like `0.8x..1.5x`, within 16x")
        return min(found), max(found)

    @property
    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[0-9.]+x(\.\.[0-9.]+x)?$", "examples": ["0.8x..1.5x"]}


class SpecValue(Type):
    """``1..6``, ``10ms..2s:log``, ``5%,10%,none``, or a YAML list of values; experiments/specs.py reads it."""

    name = "values"
    example = "1..6"

    def read(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            if not value:
                raise UnitError(codes.RANGE, "an empty list has nothing to choose from", "give at least one value")
            return tuple(value)
        if isinstance(value, str | int | float) and re.search(r"\S", str(value)):
            return str(value)
        raise UnitError(codes.WRONG_TYPE, f"{shown(value)} is no range and no list", "write it like `1..6`")

    @property
    def schema(self) -> Schema:
        return {"anyOf": [{"type": ["string", "number"]}, {"type": "array", "minItems": 1}]}


WORLDS = Table(
    "worlds",
    "The worlds that settings have to fit, drawn evenly.",
    (
        Param("load", FactorRange(), "1x", "Arrivals, as a factor of those written: `0.8x..1.5x`."),
        Param("faults", FactorRange(), "1x", "Length of the faults, as a factor: `0.5x..2x`."),
        Param("draws", Count(1, 100_000), DRAWS, "How many worlds."),
    ),
)
NAMES = ListOf(MetricName())


def tune_config(values: Values, subject_to: tuple[Expectation, ...]) -> TuneConfig:
    """A ``tune:`` section."""
    worlds = values.worlds
    return TuneConfig(
        tuple((values.vary or {}).items()),
        tuple(values.minimize or ()),
        tuple(values.maximize or ()),
        subject_to,
        WorldsConfig(worlds.load, worlds.faults, worlds.draws) if worlds is not None else None,
    )


WORLDS_TYPE = Nested(WORLDS)
