"""Types that only the parameters of libraries have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience_sim.settings import codes, units
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.types import RATIO_SCHEMA, Count, Duration, Schema, Type, either, finite
from resilience_sim.settings.units import UnitError, shown

LARGEST_PART = 1 - 1e-9  # of a whole that must not be reached: what is divided by the rest stays a number


class LibraryShare(Type):
    """A share as the library writes it, of 100 (percent) or of 1; ``50%`` is always understood.

    ``divided``: kept as a share of 1 although it is written in percent. ``under``: less than the whole.
    ``least``: the smallest share beside none.
    """

    name = "ratio"
    example = "50%"

    def __init__(self, whole: float = 1.0, divided: bool = False, under: bool = False, least: float = 0.0) -> None:
        self.whole, self.divided, self.under, self.least = whole, divided, under, least

    def read(self, value: Any) -> float:
        share = float(units.ratio(value)) * self.whole if isinstance(value, str) else _bare_number(value)
        if not 0 <= share <= self.whole or (self.under and share >= self.whole * LARGEST_PART):
            remedy = f"from 0 to {self.whole:g}, or up to `100%`"
            if self.under:
                remedy = f"at least 0, less than {self.whole:g} or `100%`"
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", remedy)
        if 0 < share < self.least * self.whole:
            raise UnitError(
                codes.RANGE, f"{shown(value)} is out of range", f"0, or at least {self.least * self.whole:g}"
            )
        return share / self.whole if self.divided else share

    @property
    def schema(self) -> Schema:
        return either(
            {"type": "number", "minimum": 0, "exclusiveMaximum" if self.under else "maximum": self.whole}, RATIO_SCHEMA
        )


class LibraryNumber(Type):
    """A plain number, at least ``low``."""

    name = "number"

    def __init__(self, low: float = 0.0) -> None:
        self.low = low
        self.example: Any = max(1.0, low)

    def read(self, value: Any) -> float:
        found = _bare_number(value)
        if not self.low <= found <= 1e9:
            remedy = f"at least {self.low:g}, at most 1000000000"
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", remedy)
        return found

    @property
    def schema(self) -> Schema:
        return {"type": "number", "minimum": self.low, "maximum": 1e9}


class Expression(Type):
    """A formula over ``names`` in a library's own words (gobreaker's ``ReadyToTrip``)."""

    name = "expression"
    example = "1"

    def __init__(self, *names: str) -> None:
        self.names = names

    def read(self, value: Any) -> str:
        if not isinstance(value, str | int | float) or isinstance(value, bool) or len(str(value)) > 1000:
            raise UnitError(codes.WRONG_TYPE, f"expected text, not {shown(value)}", 'put it in quotes: "…"')
        return str(value)

    @property
    def schema(self) -> Schema:
        return {"type": ["string", "number"]}


class Nest(Type):
    """A mapping with these keys, needed unless they have a value in ``defaults``; without keys, any mapping."""

    name = "mapping"

    def __init__(self, what: str = "", defaults: Mapping[str, Any] | None = None, **keys: Type) -> None:
        self.what, self.keys, self.defaults = what, keys, dict(defaults or {})
        self.example: Any = {key: kind.example for key, kind in keys.items()} if keys else None

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            remedy = one_of(self.keys) if self.keys else ""
            raise UnitError(codes.WRONG_TYPE, f"expected a mapping, not {shown(value)}", remedy)
        if not self.keys:
            return value
        for name in value:
            if name not in self.keys:
                remedy = did_you_mean(str(name), self.keys) or one_of(self.keys)
                raise UnitError(codes.CHOICE, f"`{self.what}` has no {shown(name)}", remedy)
        for name in self.keys:
            if value.get(name) is None and name not in self.defaults:
                raise UnitError(codes.MISSING, f"`{self.what}` needs `{name}`", f"it has {one_of(self.keys)}")
        # written and empty is the default, too
        whole = {**self.defaults, **{name: each for name, each in value.items() if each is not None}}
        return {name: None if each is None else self.keys[name].read(each) for name, each in whole.items()}

    @property
    def schema(self) -> Schema:
        names: Schema = {name: dict(kind.schema) for name, kind in self.keys.items()}
        needed = [name for name in self.keys if name not in self.defaults]
        closed: Schema = {"additionalProperties": False, "required": needed} if self.keys else {}
        return {"type": "object", "properties": names, **closed}


def _bare_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnitError(codes.WRONG_TYPE, f"expected a number, not {shown(value)}", "write it without quotes and unit")
    return finite(value)


class Several(Type):
    """A list of values of one type, at least one."""

    name = "list"

    def __init__(self, of: Type) -> None:
        self.of = of
        self.example: Any = (of.example,)

    def read(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise UnitError(codes.WRONG_TYPE, f"expected a list, not {shown(value)}", f"write `[{self.of.example}]`")
        return tuple(map(self.of.read, value))

    @property
    def schema(self) -> Schema:
        return {"type": "array", "minItems": 1, "items": dict(self.of.schema)}


class LibraryName(Type):
    """``classic`` or a library that has this kind of policy."""

    name = "choice"
    example = "classic"

    def __init__(self, *libraries: str) -> None:
        self.words = ("classic", *libraries)

    def read(self, value: Any) -> str:
        said = str(value)
        if said in self.words:
            return said
        lower = said.lower().replace("_", "-")
        for name in (lower, lower.replace("-", "")):
            if name in self.words:
                return name
        remedy = did_you_mean(said, self.words) or one_of(self.words)
        raise UnitError(codes.CHOICE, f"{shown(value)} is no library with such a policy", remedy)

    @property
    def schema(self) -> Schema:
        return {"enum": list(self.words)}


PERCENT = LibraryShare(100.0)
FRACTION = LibraryShare()
SECONDS = Duration(plain=1_000_000_000)
MILLISECONDS = Duration(plain=1_000_000)


def count(low: int = 0) -> Count:
    """A library's integer: bounded by what a file can sensibly say."""
    return Count(low, 1_000_000_000)
