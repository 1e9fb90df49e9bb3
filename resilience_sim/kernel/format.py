"""How numbers are written for people: durations, instants, shares, counts, factors, rates, money.

Every room writes its figures with these, so that no figure is written in two ways. What goes into a scenario file is
written exactly, by scenario/text/spelling.py.

Shares are *truncated* (99.999 % is never written as 100 %, a small share never as 0 %); durations have
three significant digits and the units of scenario files (``250ms``, ``1.5s``, ``1m30s``); nothing is "-0".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite

NOTHING = "–"
SECOND = 1_000_000_000


def duration(ns: float) -> str:
    """A length of time given in nanoseconds: ``0s``, ``49.7ms``, ``1.5s``, ``1m32s``, ``2h05m``.

    >>> duration(1_500_000_000), duration(49_720_000), duration(999_700_000), duration(92 * SECOND)
    ('1.5s', '49.7ms', '1s', '1m32s')
    """
    return seconds(ns / SECOND)


def seconds(value: float | None) -> str:
    """A length of time given in seconds, or a dash for None."""
    if value is None or not isfinite(value):
        return NOTHING
    if value < 0:
        return "-" + seconds(-value)
    if value < 5e-10:
        return "0s"
    if round(value, 6) < 1e-3:
        return digits(value * 1e6) + "us" if value >= 1e-6 else digits(value * 1e9) + "ns"
    if float(f"{value:.3g}") < 1:
        return digits(value * 1e3) + "ms"
    if float(f"{value:.3g}") < 60:
        return digits(value) + "s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def instant(ns: int) -> str:
    """A moment of the virtual clock as people say it: ``31.4s``, ``10m05.2s``; truncated, as :func:`clock` has it.

    >>> instant(31_400_000_000), instant(0), instant(605_200_000_000)
    ('31.4s', '0s', '10m05.2s')
    """
    thousandths = ns // 1_000_000
    if thousandths < 600_000:
        return f"{thousandths // 1000}.{thousandths % 1000:03d}".rstrip("0").rstrip(".") + "s"
    hours, rest = divmod(thousandths // 100, 36_000)
    minutes, tenths = divmod(rest, 600)
    head = f"{hours}h{minutes:02d}m" if hours else f"{minutes}m"
    return f"{head}{tenths // 10:02d}.{tenths % 10}s"


def clock(ns: int) -> str:
    """A moment of the virtual clock for columns: seconds with three decimals, truncated, so that order is kept."""
    return f"{ns // SECOND}.{ns % SECOND // 1_000_000:03d}s"


def share(value: float | None) -> str:
    """A share of 1 as a truncated percentage with three to four digits: ``99.99%``, ``97.3%``, ``0.05%``, ``100%``.

    >>> share(0.99999), share(0.973), share(1.0), share(0.000001), share(0.29)
    ('99.99%', '97.3%', '100%', '<0.01%', '29%')
    """
    if value is None or not isfinite(value):
        return NOTHING
    if value < 0:
        return "-" + share(-value)
    percent = round(value * 100, 9)
    if value >= 1 or percent == 0:
        return "0%" if value == 0 else f"{digits(percent)}%" if value >= 1 else "<0.01%"
    if percent < 0.01:
        return "<0.01%"
    steps = 100 if percent >= 99 or percent < 1 else 10
    cut = min(floor(round(percent * steps, 6)), 100 * steps - 1) / steps
    return f"{cut:.2f}".rstrip("0").rstrip(".") + "%"


def points(value: float | None, signed: bool = True) -> str:
    """A difference between two shares, in percentage points: ``+41.2 points``."""
    if value is None or not isfinite(value):
        return NOTHING
    text = _signed(value * 100, signed)
    return f"{text} point" if text.lstrip("+-") == "1" else f"{text} points"


def count(value: float | None) -> str:
    """A number of things, with thousands separated; means of counts keep three significant digits."""
    if value is None or not isfinite(value):
        return NOTHING
    if value == round(value):
        return f"{round(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else digits(value)


def short_count(value: int) -> str:
    """A number of things in at most five characters: ``9999``, ``12.3k``, ``4.56M``."""
    if value < 10_000:
        return str(value)
    for unit in ("k", "M", "G"):
        value_in_unit = value / 1000
        if value_in_unit < 999.5:
            return f"{value_in_unit:.3g}{unit}"
        value = round(value_in_unit)
    return f"{value}T"


def factor(value: float | None) -> str:
    """A multiple: at most two decimals, more only where it would read as none: ``2.31x``, ``0.67x``, ``0.0042x``."""
    if value is None or not isfinite(value):
        return NOTHING
    return f"{digits(round(value, 2) if abs(value) >= 0.1 else float(f'{value:.2g}'))}x"


def rate(value: float | None) -> str:
    """A number per second: ``80/s``."""
    return NOTHING if value is None or not isfinite(value) else f"{digits(value)}/s"


def money(value: float | None) -> str:
    """An amount in the scenario's (unnamed) currency, two decimals, thousands separated."""
    return NOTHING if value is None or not isfinite(value) else f"{value:,.2f}"


def request(rid: int) -> str:
    """How a request is called: ``#0`` is the first to arrive, as in recordings and exports."""
    return f"#{rid}"


def ranges(numbers: Sequence[int]) -> str:
    """Whole numbers, those in a row as one range.

    >>> ranges([1, 2, 3, 5, 8, 9])
    '1-3, 5, 8-9'
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def plural(number: float, noun: str, nouns: str = "") -> str:
    """``1 request``, ``2 requests``."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"


def in_unit(value: float | None, unit: str, signed: bool = False) -> str:
    """A value in the unit of its metric: ``ratio``, ``seconds``, ``factor``, ``per_second``, ``count``.

    ``signed`` is for differences: a plus sign where it rose, and points instead of percent.
    """
    if value is None or not isfinite(value):
        return NOTHING
    if unit == "ratio" and signed:
        return points(value)
    text = _WRITERS.get(unit, count)(value)
    return f"+{text}" if signed and value > 0 else text


def half_width(middle: float, interval: Sequence[float], unit: str) -> str:
    """Half of an interval in the unit of its metric, to two digits: ``7.1 points``, ``140ms``.

    The longer half, for an interval may end at a bound.
    """
    half = float(f"{max(interval[1] - middle, middle - interval[0]):.2g}")
    return points(half)[1:] if unit == "ratio" else in_unit(half, unit)


def digits(value: float) -> str:
    """Three significant digits, no exponent, no trailing zeros; larger numbers keep their integer digits."""
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    text = f"{value:.3g}"
    if "e" in text:
        text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _signed(value: float, signed: bool) -> str:
    text = digits(value)
    return f"+{text}" if signed and value > 0 and text != "0" else text


_WRITERS = {"ratio": share, "seconds": seconds, "factor": factor, "per_second": rate, "count": count}
OF_AXES = {"x": factor, "ratio": share, "s": seconds, "/s": rate, "count": count}  # by the unit of an axis of margins
