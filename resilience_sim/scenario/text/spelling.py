"""Single values as a scenario file spells them, exactly: the inverse of settings/units.py and settings/types.py."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from resilience_sim.scenario.text.parse import scalar
from resilience_sim.settings.types import SEEN

Settings = dict[str, str]  # key -> value as YAML would have it; what stands at its default may be left out
_UNITS = (("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000))
_MOST_DIGITS = 400  # no float has more decimals that matter here
_LONGEST = 40  # of a number written out; a longer one is written with an exponent
_PLAIN = re.compile(r"\w[\w.%/-]*")  # needs no quotes, unless it would be read as something else than text


class Unwritable(ValueError):
    """These settings have no spelling in a scenario file (a policy of the user's own, say)."""


def duration(ns: int) -> str:
    """``1.5s``, ``250ms``, ``12.345678901s``: exact."""
    if ns == 0:
        return "0ms"
    for unit, size in _UNITS:
        if ns >= size and (ns % size == 0 or unit in ("s", "ms")):
            return f"{_decimal(Fraction(ns, size))}{unit}"
    return f"{ns}ns"


def share(value: float) -> str:
    """``30%``."""
    return f"{_decimal(_fraction(value) * 100)}%"


def factor(value: float) -> str:
    """``4x``."""
    return f"{_decimal(_fraction(value))}x"


def number(value: float) -> str:
    """``0.1``."""
    text = _decimal(_fraction(value))
    return text if len(text) <= _LONGEST else repr(float(value))


def rate(count: float, per: int = 1_000_000_000) -> str:
    """``80/s``."""
    units = {size: unit for unit, size in _UNITS}
    return f"{_decimal(_fraction(count))}/{units.get(per, duration(per))}"


def flag(value: bool) -> str:
    """``true``."""
    return "true" if value else "false"


def outcomes(codes: tuple[int, ...]) -> str:
    """``[error, timeout]``, in their order. Unwritable when no list of names means exactly these."""
    names = {seen[0]: name for name, seen in SEEN.items()}
    listed = [names[code] for code in codes if code in names]
    if tuple(code for name in listed for code in SEEN[name]) != codes:
        raise Unwritable("these outcomes cannot be listed by name")
    return "[" + ", ".join(listed) + "]"


def quoted(text: str) -> str:
    """A name, or any other text, as a YAML scalar."""
    if _PLAIN.fullmatch(text) and isinstance(scalar(text), str):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text)


def flow(settings: Mapping[str, str]) -> str:
    """A mapping on one line."""
    return "{" + ", ".join(f"{key}: {value}" for key, value in settings.items()) + "}"


def plain(value: object) -> str:
    """A number, a flag, a text, or lists and mappings of them, on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return flag(value)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, Mapping):
        return flow({quoted(str(key)): plain(each) for key, each in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(plain(each) for each in value) + "]"
    return quoted(str(value))


def _fraction(value: float) -> Fraction:
    """What the shortest decimal that stands for this float says."""
    if not math.isfinite(value):
        raise Unwritable(f"{value} is no number that a scenario can hold")
    return Fraction(repr(value))


def _decimal(value: Fraction) -> str:
    """A fraction as decimal digits, all of them."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, rest = divmod(value.numerator, value.denominator)
    digits = ""
    while rest and len(digits) < _MOST_DIGITS:
        digit, rest = divmod(rest * 10, value.denominator)
        digits += str(digit)
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
