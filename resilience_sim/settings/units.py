"""Quantities with units: durations, ratios, rates, factors.

No floats on the way: decimal digits become integers or fractions, so ``0.1s`` is 100,000,000 ns and nothing else. The
patterns are shared with the JSON Schema.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from resilience_sim.settings import codes

SECOND = 1_000_000_000
UNIT_NS: dict[str, int] = {
    "ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": SECOND, "m": 60 * SECOND, "min": 60 * SECOND,
    "h": 3_600 * SECOND, "d": 86_400 * SECOND,
}  # fmt: skip
# 73 years, nearly 2**61 ns: the end of virtual time, so that sums of a few times hold in 64 bits
LONGEST = 26_688 * 86_400 * SECOND
SLOWEST = 13_344 * 86_400 * SECOND  # of a rate: between two of them, and what it counts over
FASTEST = 1_000_000_000  # per second: one arrival each nanosecond
LARGEST_FACTOR = 1_000_000

_NUMBER = r"[0-9]+(\.[0-9]+)?"
_LONG = r"{n}d)?({n}h)?({n}(m|min))?({n}s)?({n}ms)?({n}(us|µs))?({n}ns)?".replace("{n}", _NUMBER)
_SPAN = r"(?=[0-9])(" + _LONG
DURATION_PATTERN = f"^{_SPAN}$"
RATIO_PATTERN = f"^{_NUMBER}%$"
RATE_PATTERN = f"^{_NUMBER}/(ns|us|µs|ms|s|m|min|h|d|{_SPAN})$"
FACTOR_PATTERN = f"^{_NUMBER}x$"

_DURATION = re.compile(DURATION_PATTERN.replace("$", r"\Z"))
_RATIO = re.compile(RATIO_PATTERN.replace("$", r"\Z"))
_RATE = re.compile(RATE_PATTERN.replace("$", r"\Z"))
_FACTOR = re.compile(FACTOR_PATTERN.replace("$", r"\Z"))
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|min|s|m|h|d)")
_LOOSE = re.compile(r"\s*([+-]?)\s*([0-9]*[.,]?[0-9]+)\s*([A-Za-zµ%×/ ]*)\s*\Z")
_LONGEST_TEXT = 60

_SPELT: dict[str, str] = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "millis": "ms", "msec": "ms", "msecs": "ms",
    "millisecond": "ms", "milliseconds": "ms", "micros": "us", "usec": "us", "microseconds": "us", "nanos": "ns",
    "nanoseconds": "ns", "mins": "min", "minute": "min", "minutes": "min", "hr": "h", "hrs": "h", "hour": "h",
    "hours": "h", "day": "d", "days": "d",
}  # fmt: skip
_SPELT_RATE: dict[str, str] = {
    "rps": "s", "qps": "s", "tps": "s", "hz": "s", "/sec": "s", "/second": "s", "persecond": "s", "/minute": "min",
    "rpm": "min", "/hour": "h", "/hr": "h", "/day": "d", "r/s": "s", "req/s": "s", "requests/s": "s", "/s": "s",
    "/m": "m", "/min": "min", "/h": "h",
}  # fmt: skip


class UnitError(ValueError):
    """The value cannot be read as the quantity expected here. ``code`` and ``help`` are ready for a diagnostic."""

    def __init__(self, code: str, message: str, help: str = "", start: int = 0, length: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.help = help
        self.start = start  # the piece of the text concerned, when it is not all of it
        self.length = length
        self.index: int | None = None  # the item of a list concerned


@dataclass(frozen=True, slots=True)
class Rate:
    """``count`` in every ``per`` nanoseconds, as written: ``600/min`` stays 600 per minute."""

    count: Fraction
    per: int

    @property
    def exact(self) -> Fraction:
        """Per second, exactly."""
        return self.count * SECOND / self.per

    @property
    def per_second(self) -> float:
        """Per second, as the core takes it."""
        return float(self.exact)


def shown(value: object) -> str:
    """A value as messages quote it: short, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, dict):
        return "a mapping"
    elif isinstance(value, list | tuple):
        return "a list"
    else:
        text = str(value)
    text = " ".join(text.split())
    return f"`{text[:40]}…`" if len(text) > 40 else f"`{text}`"


def duration(value: object) -> int:
    """Nanoseconds of ``250ms``, ``1.5s``, ``1m30s``, ``2h``."""
    text = _text(value, "a duration", "250ms", _durations)
    total = _nanoseconds(text)
    if total is None:
        raise _unreadable(value, text, "a duration", "`250ms`, `1.5s`, `1m30s` or `2h`", _durations)
    if total.denominator != 1:
        raise UnitError(codes.RANGE, f"{shown(text)} is finer than a nanosecond", "time is kept in whole nanoseconds")
    if total > LONGEST:
        raise UnitError(codes.RANGE, f"{shown(text)} is longer than 73 years", "check the unit")
    return int(total)


@lru_cache(maxsize=4096)
def _nanoseconds(text: str) -> Fraction | int | None:
    one = _PART.fullmatch(text)
    if one is None and not _DURATION.match(text):
        return None
    total: Fraction | int = 0
    for number, unit in [one.groups()] if one else _PART.findall(text):
        whole, _, parts = number.partition(".")
        size = 10 ** len(parts)
        scaled = int(whole + parts) * UNIT_NS[unit]
        total += Fraction(scaled, size) if scaled % size else scaled // size
    return total


def ratio(value: object) -> Fraction:
    """The share that ``10%`` stands for: 1/10. May exceed one; the type of the setting has the limit."""
    text = _text(value, "a ratio", "10%", _ratios)
    if not _RATIO.match(text):
        raise _unreadable(value, text, "a ratio", "`10%` or `0.5%`", _ratios)
    share = Fraction(text[:-1]) / 100
    if share > LARGEST_FACTOR:
        raise UnitError(codes.RANGE, f"{shown(text)} is absurdly large", "a ratio is mostly between `0%` and `100%`")
    return share


def rate(value: object) -> Rate:
    """``80/s``, ``600/min``, ``10/h``, ``5/100ms``."""
    text = _text(value, "a rate", "80/s", _rates)
    if not _RATE.match(text):
        raise _unreadable(value, text, "a rate", "`80/s`, `600/min` or `10/h`", _rates)
    count, _, unit = text.partition("/")
    per = UNIT_NS[unit] if unit in UNIT_NS else duration(unit)
    if per == 0:
        raise UnitError(codes.RANGE, f"{shown(text)} divides by no time at all", "write `80/s`")
    found = Rate(Fraction(count), per)
    if found.exact > FASTEST:
        raise UnitError(codes.RANGE, f"{shown(text)} is more than one each nanosecond", "check the unit")
    if per > SLOWEST or (found.count and per / found.count > SLOWEST):
        raise UnitError(codes.RANGE, f"{shown(text)} is over more than 36 years", "check the unit")
    return found


def factor(value: object) -> Fraction:
    """``4x``."""
    text = _text(value, "a factor", "4x", _factors)
    if not _FACTOR.match(text):
        raise _unreadable(value, text, "a factor", "`4x` or `1.5x`", _factors)
    times = Fraction(text[:-1])
    if times > LARGEST_FACTOR:
        raise UnitError(codes.RANGE, f"{shown(text)} is absurdly large", f"at most `{LARGEST_FACTOR}x`")
    return times


def show_duration(ns: int) -> str:
    """The shortest exact spelling: 90 s is ``1m30s``, 1,500 ms is ``1.5s``."""
    if ns == 0:
        return "0ms"
    for unit in ("h", "m", "s", "ms", "us"):
        size = UNIT_NS[unit]
        if ns % size == 0:
            return f"{ns // size}{unit}"
        if ns > size > SECOND and ns % SECOND == 0:
            return f"{ns // size}{unit}{show_duration(ns % size)}"
        if ns > size and (ns * 1000) % size == 0:
            return f"{ns // size}.{ns * 1000 // size % 1000:03d}".rstrip("0") + unit
    return f"{ns}ns"


def _text(value: object, what: str, example: str, guess: _Guess) -> str:
    """The text of a quantity; anything that is no text is a mistake with a remedy."""
    if isinstance(value, bool) or value is None or not isinstance(value, str | int | float):
        raise UnitError(codes.WRONG_TYPE, f"expected {what}, not {shown(value)}", f"write it like `{example}`")
    if isinstance(value, int | float):
        if not abs(value) < 1e18:
            raise UnitError(codes.RANGE, f"{shown(value)} is not {what}", f"write it like `{example}`")
        if value < 0:
            raise UnitError(codes.RANGE, f"{shown(value)} is negative", f"write {what} like `{example}`")
        raise UnitError(codes.NO_UNIT, f"{shown(value)} has no unit: expected {what}", guess(_digits(value), ""))
    return value if len(value) <= _LONGEST_TEXT else value[: _LONGEST_TEXT + 1] + "…"


def _digits(value: float) -> str:
    return format(value, "f").rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _unreadable(value: object, text: str, what: str, examples: str, guess: _Guess) -> UnitError:
    loose = _LOOSE.match(text)
    if loose:
        sign, number, unit = loose.group(1), loose.group(2).replace(",", "."), loose.group(3).replace(" ", "").lower()
        number = f"0{number}" if number.startswith(".") else number
        if sign == "-":
            return UnitError(codes.RANGE, f"{shown(value)} is negative", f"write {what} like {examples}")
        remedy = guess(number, unit)
        if not unit:
            return UnitError(codes.NO_UNIT, f"{shown(value)} has no unit: expected {what}", remedy)
        if remedy:
            return UnitError(codes.BAD_UNIT, f"cannot read {shown(value)} as {what}", remedy)
    return UnitError(codes.BAD_UNIT, f"cannot read {shown(value)} as {what}", f"write it like {examples}")


class _Guess:
    """What somebody who wrote this number and this unit may have meant; "" when there is no telling."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, number: str, unit: str) -> str:
        answers = getattr(self, "_" + self.kind)(number, unit)
        return "write " + " or ".join(f"`{answer}`" for answer in answers) if answers else ""

    def _durations(self, number: str, unit: str) -> list[str]:
        if not unit:
            if not number.strip("0."):
                return ["0ms"]
            large = Fraction(number) >= 50 and "." not in number
            return [f"{number}ms", f"{number}s"] if large else [f"{number}s", f"{number}ms"]
        known = _SPELT.get(unit, unit)
        return [number + known] if known in UNIT_NS else []

    def _ratios(self, number: str, unit: str) -> list[str]:
        value = Fraction(number)
        if unit in ("percent", "pct", "%"):
            return [f"{number}%"]
        if unit:
            return []
        if (0 < value <= 1 and "." in number) or value == 1:
            return [f"{_percent(value * 100)}%"]
        return [f"{number}%"]

    def _rates(self, number: str, unit: str) -> list[str]:
        if not unit:
            return [f"{number}/s"]
        if unit in _SPELT_RATE:
            return [f"{number}/{_SPELT_RATE[unit]}"]
        if unit.startswith("/"):
            known = _SPELT.get(unit[1:], unit[1:])
            return [f"{number}/{known}"] if known in UNIT_NS else []
        return []

    def _factors(self, number: str, unit: str) -> list[str]:
        if unit in ("", "×", "x", "times", "fold"):
            return [f"{number}x"]
        return [f"{_percent(Fraction(number) / 100)}x"] if unit == "%" else []


def _percent(value: Fraction) -> str:
    return f"{float(value):.6f}".rstrip("0").rstrip(".")


_durations, _ratios, _rates, _factors = (_Guess(kind) for kind in ("durations", "ratios", "rates", "factors"))
