"""How other tools write durations, to exact nanoseconds; ValueError for what a notation does not have."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

SECOND = 1_000_000_000
_NS: dict[str, int] = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
    "d": 86_400 * SECOND,
}
_SPRING = re.compile(r"\+?([0-9]+)(ns|us|ms|s|m|h|d)?\Z", re.IGNORECASE)
_ISO = re.compile(
    r"P(?:([0-9]+)D)?(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?\Z", re.IGNORECASE
)
_TIMESPAN = re.compile(
    r"(?:([0-9]+)(?:\.|:(?=[0-9]+:[0-9]+:)))?([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]{1,7}))?)?\Z"
)
_PROTOBUF = re.compile(r"((?:[0-9]+|(?=\.))(?:\.[0-9]{1,9})?)s\Z")
_GO = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")


def spring(value: object) -> int:
    """``250ms``, ``12S``, ``PT1.5S``, ``P1DT2H``; a bare number is milliseconds; Spring refuses ``1.5s``."""
    return _spring(_text(value))


@lru_cache(maxsize=4096)
def _spring(text: str) -> int:
    match = _SPRING.match(text)
    if match:
        return int(match.group(1)) * _NS[(match.group(2) or "ms").lower()]
    iso = _ISO.match(text)
    if iso and any(iso.groups()):
        days, hours, minutes, seconds = iso.groups(default="0")
        return _whole((int(days) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) * SECOND)
    raise ValueError(text)


def timespan(value: object) -> int:
    """.NET: ``[-][d.]hh:mm[:ss[.fffffff]]``; a bare number is days."""
    return _timespan(_text(value, strip=True))


@lru_cache(maxsize=4096)
def _timespan(text: str) -> int:
    if text.startswith("-"):
        return -timespan(text[1:])
    if re.fullmatch(r"[0-9]{1,7}", text):
        return int(text) * 86_400 * SECOND
    match = _TIMESPAN.match(text)
    if not match:
        raise ValueError("no TimeSpan")
    days, hours, minutes, seconds, fraction = match.groups()
    if int(hours) > 23 or int(minutes) > 59 or int(seconds or 0) > 59:
        raise ValueError("out of range")
    whole = ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds or 0)
    return whole * SECOND + int((fraction or "0").ljust(7, "0")) * 100


def protobuf(value: object) -> int:
    """JSON of protobuf: decimal seconds, ``1.4s``."""
    return _protobuf(_text(value))


@lru_cache(maxsize=4096)
def _protobuf(text: str) -> int:
    match = _PROTOBUF.match(text)
    if not match:
        raise ValueError("no protobuf duration")
    whole, _, rest = match.group(1).partition(".")
    return int(whole or "0") * SECOND + int(rest.ljust(9, "0"))


def go(value: object) -> int:
    """Go: ``1m30s``, ``700ms``, ``1.5h``; no bare numbers but 0."""
    return _go(_text(value))


@lru_cache(maxsize=4096)
def _go(text: str) -> int:
    if text == "0":
        return 0
    parts = _GO.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("no Go duration")
    return int(sum([_decimal(number) * _NS[unit] for number, unit in parts]))


def _decimal(text: str) -> int | Fraction:
    if text.isdigit():
        return int(text)
    return Fraction("0" + text if text[0] == "." else text.rstrip("."))


_GEP_2257 = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}\Z")


def gateway(value: object) -> int:
    """The Gateway API (GEP-2257): a part of Go's notation, whole numbers only."""
    text = _text(value)
    if not _GEP_2257.match(text):
        raise ValueError("no duration of the Gateway API")
    return go(text)


def dapr(value: object) -> int:
    """Go, and bare numbers are milliseconds; less than 0 is read, too."""
    text = _text(value)
    sign, text = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    return sign * (int(text) * 1_000_000 if text.isdigit() else go(text))


def istio(value: object) -> int:
    """Istio's validation takes Go's notation, Envoy's JSON is part of it."""
    return go(value)


def seconds(value: object) -> int:
    """A bare number of seconds."""
    return _whole(Fraction(_text(value, strip=True)) * SECOND)


def _text(value: object, strip: bool = False) -> str:
    """Blanks around it are a mistake to Spring's DurationStyle, to Go, and to protobuf's JSON."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("no duration")
    text = str(value).strip() if strip else str(value)
    if len(text) > 40:
        raise ValueError("no duration")
    return text


def _whole(value: Fraction) -> int:
    return int(value)


def show_timespan(ns: int) -> str:
    """As .NET writes it."""
    whole, rest = divmod(ns, SECOND)
    days, whole = divmod(whole, 86_400)
    text = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    fraction = f"{rest // 100:07d}".rstrip("0")
    return (f"{days}." if days else "") + text + (f".{fraction.ljust(3, '0')}" if fraction else "")


def show_protobuf(ns: int) -> str:
    """As protobuf's JSON writes it."""
    whole, rest = divmod(ns, SECOND)
    return f"{whole}" + (f".{rest:09d}".rstrip("0") if rest else "") + "s"


def show_spring(ns: int) -> str:
    """As Spring reads it: the largest unit that needs no fraction."""
    for unit in ("h", "m", "s", "ms", "us", "ns"):
        if ns % _NS[unit] == 0 and (ns or unit == "ms"):
            return f"{ns // _NS[unit]}{unit}"
    return f"{ns}ns"


def show_go(ns: int) -> str:
    """As Go reads it."""
    return show_spring(ns)
