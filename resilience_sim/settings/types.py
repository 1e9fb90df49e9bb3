"""The types of settings: how each is read from YAML, what it accepts, and what an editor is told about it.

A type reads a plain YAML value into what the plan holds (integer nanoseconds, shares as floats, outcome codes) or
raises :class:`~resilience_sim.settings.units.UnitError`. Cockpit forms, JSON Schema and the tests' random values are
derived from its attributes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from resilience_sim.kernel import events
from resilience_sim.settings import codes, units
from resilience_sim.settings.suggest import did_you_mean, nearest, one_of
from resilience_sim.settings.units import Rate, UnitError, shown

Schema: TypeAlias = dict[str, Any]

MAX_CALLS = 1_000_000
DURATION_SCHEMA: Schema = {"type": "string", "pattern": units.DURATION_PATTERN, "examples": ["250ms", "1.5s", "1m30s"]}
RATIO_SCHEMA: Schema = {"type": "string", "pattern": units.RATIO_PATTERN, "examples": ["10%"]}
RATE_SCHEMA: Schema = {"type": "string", "pattern": units.RATE_PATTERN, "examples": ["80/s", "600/min"]}
FACTOR_SCHEMA: Schema = {"type": "string", "pattern": units.FACTOR_PATTERN, "examples": ["4x"]}


def either(*schemas: Schema) -> Schema:
    """A JSON Schema that accepts any of these."""
    return {"anyOf": [dict(schema) for schema in schemas]}


class Type:
    """A kind of value. ``example`` is one as YAML would write it; checking goes on with it after a mistake."""

    name = ""
    example: Any = None

    def read(self, value: Any) -> Any:
        """The value as the plan holds it; UnitError when it cannot be read."""
        raise NotImplementedError

    @property
    def schema(self) -> Schema:
        """What a JSON Schema says about it."""
        raise NotImplementedError


# --- quantities ---------------------------------------------------------------------------------------------------


class Duration(Type):
    """Integer nanoseconds, at least ``low``. ``plain``: nanoseconds of a plain number, for libraries that take one."""

    name = "duration"
    example = "1s"

    def __init__(self, low: int = 0, plain: int = 0) -> None:
        self.low = low
        self.plain = plain

    def read(self, value: Any) -> int:
        if self.plain and isinstance(value, int | float) and not isinstance(value, bool):
            if not 0 <= value <= units.LONGEST // self.plain:
                raise UnitError(codes.RANGE, f"{shown(value)} is out of range", "write a plain positive number")
            ns = round(value * self.plain)
        else:
            ns = units.duration(value)
        if ns < self.low:
            least = f"at least {units.show_duration(self.low)}" if self.low > 1 else "it must be longer than nothing"
            raise UnitError(codes.RANGE, f"{shown(value)} is too short", least)
        return ns

    @property
    def schema(self) -> Schema:
        return either({"type": "number", "minimum": 0}, DURATION_SCHEMA) if self.plain else DURATION_SCHEMA


class Ratio(Type):
    """A share from ``low`` to ``high`` as a float; ``over``: strictly more than ``low``."""

    name = "ratio"
    example = "50%"

    def __init__(self, low: Fraction | int = 0, high: Fraction | int = 1, over: bool = False) -> None:
        self.low, self.high, self.over = low, high, over

    def read(self, value: Any) -> float:
        share = units.ratio(value)
        if share > self.high or share < self.low or (self.over and share == self.low):
            low = f"more than {float(self.low):.0%}" if self.over else f"{float(self.low):.0%}"
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"from {low} to {float(self.high):.0%}")
        return float(share)

    @property
    def schema(self) -> Schema:
        return RATIO_SCHEMA


class RateType(Type):
    """A rate; more than nothing unless ``zero``."""

    name = "rate"
    example = "1/s"

    def __init__(self, zero: bool = False) -> None:
        self.zero = zero

    def read(self, value: Any) -> Rate:
        found = units.rate(value)
        if not self.zero and found.count == 0:
            raise UnitError(codes.RANGE, f"{shown(value)} is no traffic at all", "the rate must be more than zero")
        return found

    @property
    def schema(self) -> Schema:
        return RATE_SCHEMA


class Factor(Type):
    """A factor like ``4x``; ``bare``: a plain number will do as well."""

    name = "factor"
    example = "2x"

    def __init__(self, low: Fraction | int = 0, bare: bool = False, over: bool = False) -> None:
        self.low, self.bare, self.over = low, bare, over

    def read(self, value: Any) -> float:
        if self.bare and isinstance(value, int | float) and not isinstance(value, bool):
            times = finite(value)
        else:
            times = float(units.factor(value))
        if times < self.low or (self.over and times == self.low) or times > units.LARGEST_FACTOR:
            low = f"more than {float(self.low):g}" if self.over else f"at least {float(self.low):g}"
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"{low}, at most {units.LARGEST_FACTOR}")
        return times

    @property
    def schema(self) -> Schema:
        return either({"type": "number", "minimum": float(self.low)}, FACTOR_SCHEMA) if self.bare else FACTOR_SCHEMA


class Number(Type):
    """A plain number from ``low`` to ``high``; ``over``: strictly more than ``low``."""

    name = "number"
    example: Any = 1

    def __init__(self, low: float = 0.0, over: bool = False, high: float = 1e9) -> None:
        self.low, self.over, self.high = low, over, high
        self.example = max(1.0, low)

    def read(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnitError(codes.WRONG_TYPE, f"expected a number, not {shown(value)}", _hint_number(value))
        found = finite(value)
        if found < self.low or (self.over and found == self.low) or found > self.high:
            low = f"more than {self.low:g}" if self.over else f"at least {self.low:g}"
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"it must be {low}, at most {self.high:g}")
        return found

    @property
    def schema(self) -> Schema:
        return {"type": "number", "exclusiveMinimum" if self.over else "minimum": self.low, "maximum": self.high}


class Count(Type):
    """An integer from ``low`` to ``high``; ``unlimited`` is what that word stands for, where it is allowed."""

    name = "count"

    def __init__(self, low: int, high: int = MAX_CALLS, unlimited: int | None = None) -> None:
        self.low, self.high, self.unlimited = low, high, unlimited
        self.example: Any = max(1, low)

    def read(self, value: Any) -> int:
        if self.unlimited is not None and isinstance(value, str):
            if value == "unlimited":
                return self.unlimited
            if value in ("unlimted", "infinite", "inf", "none", "Unlimited"):
                raise UnitError(codes.CHOICE, f"{shown(value)} is no number", "did you mean `unlimited`?")
        return read_count(value, self.low, self.high, "unlimited" if self.unlimited is not None else "")

    @property
    def schema(self) -> Schema:
        whole: Schema = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return whole if self.unlimited is None else either(whole, {"const": "unlimited"})


def read_count(value: object, low: int, high: int, also: str = "") -> int:
    """An integer in a range."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        remedy = _hint_number(value) or (f"or write `{also}`" if also else "")
        raise UnitError(codes.WRONG_TYPE, f"expected an integer, not {shown(value)}", remedy)
    if not low <= value <= high:
        raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"from {low:,} to {high:,}")
    return value


def finite(value: float) -> float:
    """A number that can be reckoned with; UnitError for infinity and NaN."""
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise UnitError(codes.RANGE, f"{shown(value)} is not a usable number", "write a plain finite number")
    return found


def _hint_number(value: object) -> str:
    """What somebody meant who quoted a number, or gave it a unit it does not take."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            digits = re.match(r"[0-9]+", value)
            return f"did you mean `{digits.group()}`?" if digits and len(value) < 12 else ""
        return f"leave the quotes away: {value.strip()}" if len(value) < 30 else ""
    return ""


# --- words --------------------------------------------------------------------------------------------------------


class Choice(Type):
    """One of a few words."""

    name = "choice"

    def __init__(self, *words: str) -> None:
        self.words = words
        self.example: Any = words[0]

    def read(self, value: Any) -> str:
        if isinstance(value, str) and value in self.words:
            return value
        near = did_you_mean(str(value), self.words) if isinstance(value, str) else ""
        listing = one_of(self.words)
        raise UnitError(
            codes.CHOICE, f"{shown(value)} is not possible here", f"{near} ({listing})" if near else listing
        )

    @property
    def schema(self) -> Schema:
        return {"enum": list(self.words)}


class Flag(Type):
    """``true`` or ``false``."""

    name = "flag"
    example = True

    def read(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        remedy = "write `true` or `false`"
        if word in ("yes", "on", "y", "1"):
            remedy = "did you mean `true`?"
        elif word in ("no", "off", "n", "0"):
            remedy = "did you mean `false`?"
        raise UnitError(codes.WRONG_TYPE, f"expected true or false, not {shown(value)}", remedy)

    @property
    def schema(self) -> Schema:
        return {"type": "boolean"}


class Text(Type):
    """Text of at most ``high`` characters; with a pattern, a name."""

    name = "text"
    example = "x"

    def __init__(self, high: int = 2000, pattern: str = "", help: str = "") -> None:
        self.high, self.pattern, self.help = high, pattern, help
        self._compiled = re.compile(pattern.replace("$", r"\Z")) if pattern else None

    def read(self, value: Any) -> str:
        if not isinstance(value, str):
            scalar = isinstance(value, int | float)
            raise UnitError(
                codes.WRONG_TYPE, f"expected text, not {shown(value)}", 'put it in quotes: "…"' if scalar else ""
            )
        if len(value) > self.high:
            raise UnitError(codes.RANGE, f"{len(value):,} characters are too many", f"at most {self.high:,}")
        if self._compiled and not self._compiled.match(value):
            raise UnitError(codes.WRONG_TYPE, f"{shown(value)} cannot be a name", self.help)
        return value

    @property
    def schema(self) -> Schema:
        schema: Schema = {"type": "string", "maxLength": self.high}
        return {**schema, "pattern": self.pattern} if self.pattern else schema


class Anything(Type):
    """Any YAML value, read later by code that understands it."""

    name = "anything"

    def read(self, value: Any) -> Any:
        return value

    @property
    def schema(self) -> Schema:
        return {}


# --- what only policies have --------------------------------------------------------------------------------------

# what a policy can be told by the inside, beside success
SEEN: dict[str, tuple[int, ...]] = {
    "error": (events.ERROR,),
    "client_error": (events.CLIENT_ERROR,),
    "unavailable": (events.UNAVAILABLE,),
    "rate_limited": (events.RATE_LIMITED, events.LIMITED),
    "timeout": (events.TIMEOUT,),
    "refused": (events.REFUSED,),
    "reset": (events.RESET,),
    "shed": (events.SHED,),
    "breaker_open": (events.BREAKER_OPEN,),
    "bulkhead_full": (events.BULKHEAD_FULL,),
    "throttled": (events.THROTTLED,),
}
# what a policy takes for a failure when nobody lists any: all of that but the answer that the request is at fault
FAILURES: tuple[int, ...] = tuple(code for codes in SEEN.values() for code in codes if code != events.CLIENT_ERROR)
_NEVER_SEEN = tuple(dict.fromkeys(name for name in events.OUTCOME_NAMES if name not in SEEN))
_CALLS_SCHEMA: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_CALLS}


def unlisted(on: tuple[int, ...]) -> tuple[int, ...]:
    """What a policy can be told beside success that is not among these outcomes."""
    return tuple(code for codes in SEEN.values() for code in codes if code not in on)


@dataclass(frozen=True, slots=True)
class CallsOrShare:
    """A number of calls, or a share of them."""

    calls: int = 0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class CallsOrTime:
    """The last ``calls`` calls, or the last ``time`` nanoseconds; both 0: everything."""

    calls: int = 0
    time: int = 0


class Threshold(Type):
    """Failures in a row (``5``), or a share (``50%``)."""

    name = "threshold"
    example = 5

    def read(self, value: Any) -> CallsOrShare:
        if isinstance(value, str) and "%" in value:
            share = units.ratio(value)
            if not 0 < share <= 1:
                raise UnitError(codes.RANGE, f"{shown(value)} is out of range", "from more than 0% to 100%")
            return CallsOrShare(share=float(share))
        if isinstance(value, float) and 0 < value < 1:
            raise UnitError(codes.NO_UNIT, f"{shown(value)} has no unit", f"write `{value * 100:g}%` for a share")
        if isinstance(value, str):
            remedy = "write `5` (in a row) or `50%`"
            raise UnitError(codes.WRONG_TYPE, f"cannot read {shown(value)} as a threshold", remedy)
        return CallsOrShare(calls=read_count(value, 1, MAX_CALLS))

    @property
    def schema(self) -> Schema:
        return either(_CALLS_SCHEMA, RATIO_SCHEMA)


class Window(Type):
    """The last calls (``100``), or a time (``10s``); ``all``: that word is allowed, too."""

    name = "window"
    example = 100

    def __init__(self, all: bool = False) -> None:
        self.all = all

    def read(self, value: Any) -> CallsOrTime:
        if self.all and value == "all":
            return CallsOrTime()
        if isinstance(value, str):
            time = units.duration(value)
            if not time:
                remedy = "write `10s`, `100` (calls) or `all`" if self.all else "write `10s`, or `100` for calls"
                raise UnitError(codes.RANGE, "a window cannot be empty", remedy)
            return CallsOrTime(time=time)
        return CallsOrTime(calls=read_count(value, 1, MAX_CALLS))

    @property
    def schema(self) -> Schema:
        return either(*([{"const": "all"}] if self.all else []), _CALLS_SCHEMA, DURATION_SCHEMA)


class Jitter(Type):
    """``none``, ``full``, ``equal``, or a share; read as (kind, share)."""

    name = "jitter"
    words = ("none", "full", "equal")
    example = "none"

    def read(self, value: Any) -> tuple[str, float]:
        if isinstance(value, str) and value in self.words:
            return value, 0.0
        if isinstance(value, str) and not any(letter.isdigit() for letter in value):
            remedy = did_you_mean(value, self.words) or one_of((*self.words, "25%"))
            raise UnitError(codes.CHOICE, f"{shown(value)} is no jitter", remedy)
        share = units.ratio(value)
        if share > 1:
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", "at most `100%`")
        return ("spread", float(share)) if share else ("none", 0.0)

    @property
    def schema(self) -> Schema:
        return either({"enum": list(self.words)}, RATIO_SCHEMA)


class Outcomes(Type):
    """A list of outcome names; read as their codes."""

    name = "outcomes"
    example = ("error",)

    def read(self, value: Any) -> tuple[int, ...]:
        if isinstance(value, str):
            raise UnitError(codes.WRONG_TYPE, "expected a list of outcomes", f"write [{value}]")
        if not isinstance(value, list | tuple):
            raise UnitError(
                codes.WRONG_TYPE, f"expected a list of outcomes, not {shown(value)}", "write `[error, timeout]`"
            )
        found: dict[int, None] = {}
        for index, name in enumerate(value):
            if not isinstance(name, str) or name not in SEEN:
                raise _unknown_outcome(name, index)
            found.update(dict.fromkeys(SEEN[name]))
        return tuple(found)

    @property
    def schema(self) -> Schema:
        return {"type": "array", "items": {"enum": list(SEEN)}}


def _unknown_outcome(name: object, index: int) -> UnitError:
    said = str(name)
    if said in _NEVER_SEEN:
        remedy = f"no policy is ever told that; {one_of(SEEN)}"
    else:
        remedy = did_you_mean(said, SEEN) if nearest(said, SEEN) else one_of(SEEN)
    error = UnitError(codes.CHOICE, f"{shown(name)} is no outcome of a call", remedy)
    error.index = index
    return error


class Growth(Type):
    """How an open time grows: ``exponential``, ``constant`` or a factor; read as the factor."""

    name = "growth"
    example = "2x"
    words: Mapping[str, float] = {"exponential": 2.0, "constant": 1.0}
    _factor = Factor(1, bare=True)

    def read(self, value: Any) -> float:
        if isinstance(value, str) and value in self.words:
            return self.words[value]
        if isinstance(value, str) and not any(letter.isdigit() for letter in value):
            remedy = did_you_mean(value, self.words) or one_of((*self.words, "2x"))
            raise UnitError(codes.CHOICE, f"{shown(value)} is no backoff", remedy)
        return self._factor.read(value)

    @property
    def schema(self) -> Schema:
        return either({"enum": list(self.words)}, {"type": "number", "minimum": 1}, FACTOR_SCHEMA)


# --- the usual ones -----------------------------------------------------------------------------------------------

DURATION = Duration()
LONGER_THAN_ZERO = Duration(1)
SHARE = Ratio()
SOME_SHARE = Ratio(over=True)
SOME_RATE = RateType()
ANY_RATE = RateType(zero=True)
FACTOR = Factor(over=True)
MULTIPLIER = Factor(bare=True, over=True)
NUMBER = Number()
POSITIVE_NUMBER = Number(over=True)
AMOUNT = Number(0.001)  # of tokens: kept in thousandths, or finer
FLAG = Flag()
TEXT = Text()
NAME = Text(200)
IDENTIFIER = Text(64, r"^[^\s.=,]+$", "a name has no spaces, dots, commas or `=`")
REFERENCE = Text(
    200, r"^[^\s=,]+$", "an id has no spaces, commas or `=`"
)  # of a policy: ``retry``, ``shop.stock.retry``
FILE_NAME = Text(1000, r"^[^\0\r\n]+$", "it must be the name of a file")
