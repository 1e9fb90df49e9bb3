"""``PATH=SPEC``, the values that a setting is to take: ``1..6``, ``50/s..120/s:8``, ``10ms..2s:6:log``, ``5%,none``.

A value is kept as the text that ``--set`` takes, so that what an experiment says can be typed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp, isfinite, log
from typing import Final

from resilience_sim.scenario.text import spelling
from resilience_sim.settings import units
from resilience_sim.settings.units import UnitError

DEFAULT: Final = ("null", "~", "default")  # the setting is taken away, as by "none" where that is no value of it
DIGITS: Final = 4  # significant ones of the values within a range
MOST: Final = 10_000  # values of one setting


class SpecError(ValueError):
    """A SPEC that cannot be read, with a remedy."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True)
class Quantity:
    """A kind of value: ``read`` makes a number in ``unit`` of its text, ``text`` its text of a number."""

    name: str
    unit: str
    read: Callable[[str], float] = field(repr=False)
    text: Callable[[float], str] = field(repr=False)
    whole: bool = False

    def tidy(self, value: float) -> str:
        """The text of a value somewhere in a range: a whole number, or one of few digits."""
        if self.whole:
            return self.text(round(value))
        return self.text(float(f"{value:.{DIGITS}g}"))

    def __reduce__(self) -> tuple[Callable[[str], Quantity], tuple[str]]:
        """Pickle by name: other processes have the same ones."""
        return _named, (self.name,)


def _ns(seconds: float) -> str:
    return spelling.duration(round(seconds * units.SECOND))


QUANTITIES: Final = (
    Quantity("count", "count", lambda text: float(int(text)), lambda value: str(round(value)), whole=True),
    Quantity("number", "count", float, spelling.number),
    Quantity("ratio", "ratio", lambda text: float(units.ratio(text)), spelling.share),
    Quantity("factor", "x", lambda text: float(units.factor(text)), spelling.factor),
    Quantity("rate", "/s", lambda text: units.rate(text).per_second, spelling.rate),
    Quantity("duration", "s", lambda text: units.duration(text) / units.SECOND, _ns),
)


def _named(name: str) -> Quantity:
    return next(each for each in QUANTITIES if each.name == name)


def quantity_of(text: str) -> Quantity | None:
    """What kind of value a text is; None for a word."""
    for each in QUANTITIES:
        if each.name in ("count", "number") and not re.match(r"-?[0-9]+(\.[0-9]+)?\Z", text):
            continue
        try:
            value = each.read(text)
        except (UnitError, ValueError, OverflowError):
            continue
        return each if isfinite(value) else None
    return None


@dataclass(frozen=True, slots=True)
class Range:
    """``LO..HI``, with ``count`` values (0: not said), as ``log`` or linear."""

    low: float
    high: float
    quantity: Quantity
    count: int = 0
    log: bool = False

    def at(self, share: float) -> str:
        """The value at a share of the way from low to high."""
        if share <= 0 or share >= 1:
            return self.quantity.text(self.high if share >= 1 else self.low)
        if self.log:
            return self.quantity.tidy(exp(log(self.low) + share * (log(self.high) - log(self.low))))
        return self.quantity.tidy(self.low + share * (self.high - self.low))

    def share(self, value: float) -> float:
        """Where a value lies on the way from low to high, within 0 and 1."""
        if self.log:
            found = (log(value) - log(self.low)) / (log(self.high) - log(self.low)) if value > 0 else 0.0
        else:
            found = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, found))

    def values(self) -> tuple[str, ...]:
        """Every value, in order, each once."""
        count = self.count
        if not count:
            count = round(abs(self.high - self.low)) + 1
        if count == 1:
            return (self.at(0.0),)
        return tuple(dict.fromkeys(self.at(step / (count - 1)) for step in range(count)))


@dataclass(frozen=True, slots=True)
class Spec:
    """A setting and what it is to take: a range, or ``choices``."""

    path: str
    range: Range | None
    choices: tuple[str, ...] = ()

    @property
    def continuous(self) -> bool:
        """Whether it is a range without a number of values, of something that is not counted."""
        return self.range is not None and not self.range.count and not self.range.quantity.whole

    def values(self) -> tuple[str, ...]:
        """Every value, as ``--set`` takes it."""
        return self.choices if self.range is None else self.range.values()


def parse_setting(text: str, example: str) -> tuple[str, str]:
    """``PATH=SPEC`` in its two parts."""
    path, equals, spec = text.partition("=")
    if not equals or not path.strip() or not spec.strip():
        raise SpecError(f"`{text}` is no PATH=SPEC", f"write it like `{example}`")
    return path.strip(), spec.strip()


def parse_spec(path: str, spec: str) -> Spec:
    """What stands behind the ``=``; SpecError when it cannot be read."""
    check_matters(path)
    if ".." not in spec:
        choices = tuple(dict.fromkeys(part for part in split(spec) if part))
        if not choices:
            raise SpecError(f"`{spec}` has no values", "write a range like `1..6`, or a list like `5%,10%,none`")
        return Spec(path, None, tuple("null" if each in DEFAULT else each for each in choices))
    ends, *rest = spec.split(":")
    low, _, high = ends.partition("..")
    kind = _common(low.strip(), high.strip(), spec)
    count, logarithmic = _rest(rest, spec)
    found = Range(kind.read(low.strip()), kind.read(high.strip()), kind, count, logarithmic)
    if found.low == found.high:
        raise SpecError(f"`{spec}` begins where it ends", "a range has two different ends")
    if logarithmic and min(found.low, found.high) <= 0:
        raise SpecError(f"`{spec}` has no logarithm at zero", "begin above zero, or leave out `:log`")
    if kind.whole and not count and abs(found.high - found.low) >= MOST:
        raise SpecError(f"`{spec}` has more than {MOST:,} values", "say how many: `1..100000:20`")
    return Spec(path, found)


def check_matters(path: str) -> None:
    """SpecError for what is the same to an experiment whatever its value."""
    if path in ("name", "about"):
        raise SpecError(f"`{path}` makes no difference to a run", "name a setting of the service or the stack")
    if path == "seed":
        raise SpecError("`seed` makes no difference: every value meets the same seeds", "--seed and --runs choose them")


def parse_values(path: str, spec: str) -> Spec:
    """The same where every value has to be known."""
    found = parse_spec(path, spec)
    if found.continuous:
        raise SpecError(f"`{path}={spec}` does not say how many values", f"write it like `{path}={spec}:8`")
    return found


def parse_range(path: str, spec: str) -> Range:
    """The same where only a range will do."""
    found = parse_spec(path, spec).range
    if found is None:
        raise SpecError(f"`{spec}` is no range", "write it like `1..10` or `50ms..2s`")
    return found


def split(text: str) -> list[str]:
    """The parts between commas; those within brackets, braces or quotes separate nothing."""
    parts, depth, quote, start = [], 0, "", 0
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[{(":
            depth += 1
        elif letter in "]})":
            depth -= 1
        elif letter == "," and not depth:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


def _common(low: str, high: str, spec: str) -> Quantity:
    kinds = [quantity_of(low), quantity_of(high)]
    if None in kinds:
        odd = low if kinds[0] is None else high
        raise SpecError(f"`{odd}` in `{spec}` is no quantity", "write a range like `1..6` or `50ms..2s:8`")
    first, second = kinds
    assert first is not None
    assert second is not None
    if first.name == second.name:
        return first
    if {first.name, second.name} == {"count", "number"}:
        return first if first.name == "number" else second
    raise SpecError(f"`{low}` and `{high}` in `{spec}` are of two kinds", "both ends need the same unit")


def _rest(rest: list[str], spec: str) -> tuple[int, bool]:
    count, logarithmic = 0, False
    for part in (each.strip() for each in rest):
        if part in ("log", "linear", "lin"):
            logarithmic = part == "log"
        elif part.isascii() and part.isdigit() and 2 <= int(part) <= MOST:
            count = int(part)
        else:
            raise SpecError(
                f"`{part}` in `{spec}` is neither a number of values nor `log`", "write it like `10ms..2s:6:log`"
            )
    return count, logarithmic
