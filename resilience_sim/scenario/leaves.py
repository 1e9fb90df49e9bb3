"""The single values of a scenario as pydantic takes them: units, counts, choices, names.

Owns how a leaf is checked, what its mistake says and what the JSON Schema accepts. Refuses to know which key has which
leaf (models_*.py). A leaf's error type is its diagnostic code, its context the remedy and a stand-in value with which
checking can go on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from resilience_sim.scenario import codes, units
from resilience_sim.scenario.suggest import did_you_mean, one_of
from resilience_sim.scenario.units import Rate, UnitError, shown

Schema: TypeAlias = dict[str, Any]

DURATION_SCHEMA: Schema = {"type": "string", "pattern": units.DURATION_PATTERN, "examples": ["250ms", "1.5s", "1m30s"]}
RATIO_SCHEMA: Schema = {"type": "string", "pattern": units.RATIO_PATTERN, "examples": ["10%"]}
RATE_SCHEMA: Schema = {"type": "string", "pattern": units.RATE_PATTERN, "examples": ["80/s", "600/min"]}
FACTOR_SCHEMA: Schema = {"type": "string", "pattern": units.FACTOR_PATTERN, "examples": ["4x"]}


def problem(code: str, message: str, help: str = "", at: str = "", stand_in: object = None) -> PydanticCustomError:
    """A mistake as pydantic carries it to check.py."""
    context = {"message": message, "help": help, "at": at, "stand_in": stand_in}
    return PydanticCustomError(code, "{message}", context)


class Leaf:
    """A single value: ``read`` takes what YAML said and returns what the plan needs, or raises UnitError."""

    def __init__(self, read: Callable[[Any], object], schema: Schema, stand_in: object) -> None:
        self.read = read
        self.schema = schema
        self.stand_in = stand_in

    def __call__(self, value: object) -> object:
        """Check one value."""
        try:
            return self.read(value)
        except UnitError as error:
            raise PydanticCustomError(
                error.code,
                "{message}",
                {"message": str(error), "help": error.help, "at": "" if error.index is None else error.index,
                 "start": error.start, "length": error.length, "stand_in": self.stand_in},
            ) from None  # fmt: skip

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Use this leaf's own check and nothing else."""
        return core_schema.no_info_plain_validator_function(self)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """What editors are told."""
        return dict(self.schema)


def either(*schemas: Schema) -> Schema:
    """A JSON Schema that accepts any of these."""
    return {"anyOf": [dict(schema) for schema in schemas]}


def duration(least: int = 0, what: str = "") -> Leaf:
    """A duration in nanoseconds, at least ``least``."""

    def read(value: object) -> int:
        ns = units.duration(value)
        if ns < least:
            raise UnitError(codes.RANGE, f"{shown(value)} is too short", what or "it must be longer than nothing")
        return ns

    return Leaf(read, DURATION_SCHEMA, "1s")


def ratio(least: Fraction | int = 0, most: Fraction | int = 1, over: bool = False) -> Leaf:
    """A share between ``least`` and ``most``; ``over``: strictly more than ``least``."""

    def read(value: object) -> float:
        share = units.ratio(value)
        if share > most or share < least or (over and share == least):
            low = f"more than {float(least):.0%}" if over else f"{float(least):.0%}"
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"from {low} to {float(most):.0%}")
        return float(share)

    return Leaf(read, RATIO_SCHEMA, "50%")


def rate(zero: bool = False) -> Leaf:
    """A rate, more than nothing unless ``zero``."""

    def read(value: object) -> Rate:
        found = units.rate(value)
        if not zero and found.count == 0:
            raise UnitError(codes.RANGE, f"{shown(value)} is no traffic at all", "the rate must be more than zero")
        return found

    return Leaf(read, RATE_SCHEMA, "1/s")


def factor(least: Fraction | int = 0, bare: bool = False, over: bool = False) -> Leaf:
    """A factor; ``bare``: a plain number will do as well."""

    def read(value: object) -> float:
        if bare and isinstance(value, int | float) and not isinstance(value, bool):
            times = _finite(value)
        else:
            times = float(units.factor(value))
        if times < least or (over and times == least) or times > units.LARGEST_FACTOR:
            low = f"more than {float(least):g}" if over else f"at least {float(least):g}"
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"{low}, at most {units.LARGEST_FACTOR}")
        return times

    number: Schema = {"type": "number", "minimum": float(least)}
    return Leaf(read, either(number, FACTOR_SCHEMA) if bare else FACTOR_SCHEMA, "2x")


def number(least: float = 0.0, over: bool = False, most: float = 1e12) -> Leaf:
    """A plain number."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnitError(codes.WRONG_TYPE, f"expected a number, not {shown(value)}", _hint_number(value))
        found = _finite(value)
        if found < least or (over and found == least) or found > most:
            low = f"more than {least:g}" if over else f"at least {least:g}"
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"it must be {low}")
        return found

    return Leaf(read, {"type": "number", "exclusiveMinimum" if over else "minimum": least}, 1)


def read_count(value: object, least: int, most: int, also: str = "") -> int:
    """A whole number in a range."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        remedy = _hint_number(value) or (f"or write `{also}`" if also else "")
        raise UnitError(codes.WRONG_TYPE, f"expected a whole number, not {shown(value)}", remedy)
    if not least <= value <= most:
        raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"from {least:,} to {most:,}")
    return value


def count(least: int, most: int, unlimited: int | None = None) -> Leaf:
    """A whole number; ``unlimited``: what that word stands for, when it is allowed."""

    def read(value: object) -> int:
        if unlimited is not None and isinstance(value, str):
            if value == "unlimited":
                return unlimited
            if value in ("unlimted", "infinite", "inf", "none", "Unlimited"):
                raise UnitError(codes.CHOICE, f"{shown(value)} is no number", "did you mean `unlimited`?")
        return read_count(value, least, most, "unlimited" if unlimited is not None else "")

    whole: Schema = {"type": "integer", "minimum": least, "maximum": most}
    return Leaf(read, whole if unlimited is None else either(whole, {"const": "unlimited"}), max(1, least))


def choice(*names: str) -> Leaf:
    """One of a few words."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        near = did_you_mean(str(value), names) if isinstance(value, str) else ""
        listing = one_of(names)
        raise UnitError(
            codes.CHOICE, f"{shown(value)} is not possible here", f"{near} ({listing})" if near else listing
        )

    return Leaf(read, {"enum": list(names)}, names[0])


def flag() -> Leaf:
    """``true`` or ``false``."""

    def read(value: object) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        remedy = "write `true` or `false`"
        if word in ("yes", "on", "y", "1"):
            remedy = "did you mean `true`?"
        elif word in ("no", "off", "n", "0"):
            remedy = "did you mean `false`?"
        raise UnitError(codes.WRONG_TYPE, f"expected true or false, not {shown(value)}", remedy)

    return Leaf(read, {"type": "boolean"}, True)


def text(most: int = 2000, pattern: str = "", what: str = "") -> Leaf:
    """Words; with a pattern, a name."""
    compiled = re.compile(pattern.replace("$", r"\Z")) if pattern else None

    def read(value: object) -> str:
        if not isinstance(value, str):
            scalar = isinstance(value, int | float)
            raise UnitError(
                codes.WRONG_TYPE, f"expected text, not {shown(value)}", 'put it in quotes: "…"' if scalar else ""
            )
        if len(value) > most:
            raise UnitError(codes.RANGE, f"{len(value):,} characters are too many", f"at most {most:,}")
        if compiled and not compiled.match(value):
            raise UnitError(codes.WRONG_TYPE, f"{shown(value)} cannot be a name", what)
        return value

    schema: Schema = {"type": "string", "maxLength": most}
    return Leaf(read, {**schema, "pattern": pattern} if pattern else schema, "x")


def _finite(value: float) -> float:
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise UnitError(codes.RANGE, f"{shown(value)} is not a usable number", "write a plain finite number")
    return found


def _hint_number(value: object) -> str:
    """A number somebody put in quotes, or gave a unit that is not due."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            digits = re.match(r"[0-9]+", value)
            return f"did you mean `{digits.group()}`?" if digits and len(value) < 12 else ""
        return f"leave the quotes away: {value.strip()}" if len(value) < 30 else ""
    return ""


NAME_PATTERN = r"^[^\s.=,]+$"
_NAME_HELP = "a name has no spaces, dots, commas or `=`"

Duration = Annotated[int, duration()]
LongerThanZero = Annotated[int, duration(1)]
Share = Annotated[float, ratio()]
SomeShare = Annotated[float, ratio(over=True)]
SomeRate = Annotated[Rate, rate()]
AnyRate = Annotated[Rate, rate(zero=True)]
Factor = Annotated[float, factor(over=True)]
Multiplier = Annotated[float, factor(bare=True, over=True)]
PositiveNumber = Annotated[float, number(over=True)]
Number = Annotated[float, number()]
Flag = Annotated[bool, flag()]
Text = Annotated[str, text()]
Name = Annotated[str, text(200)]
Identifier = Annotated[str, text(64, NAME_PATTERN, _NAME_HELP)]
FileName = Annotated[str, text(1000, r"^[^\0\r\n]+$", "it must be the name of a file")]
