"""Charts of a report as SVG, which need no script: lines over time, lanes of states, intervals on a common scale.

Colours are classes that the page's style sheet fills, so that one picture serves light and dark. Whoever cannot see
a chart has its numbers in a table below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

WIDE, HIGH = 720, 150
LEFT, RIGHT, TOP, BOTTOM = 58, 24, 10, 22
MOST_LINES = 8  # colours there are

Value = float | None
Format = Callable[[float], str]
Scale = Callable[[float], float]


@dataclass(frozen=True)
class Line:
    """One line of a chart: a value for each bin, None where there is none."""

    name: str
    values: Sequence[Value]


@dataclass(frozen=True)
class Band:
    """A stretch of time with a name: a fault."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Mark:
    """A value with its interval; ``style`` is a class of the style sheet."""

    name: str
    value: Value
    low: Value
    high: Value
    text: str
    style: str = ""


def ticks(top: float, most: int = 4) -> list[float]:
    """Round values from 0 to ``top``, at most ``most`` steps: 1, 2 or 5 times a power of ten apart."""
    if top <= 0:
        return [0.0]
    power = 10 ** floor(log10(top / most))
    step = next((m * power for m in (1, 2, 5, 10) if top / (m * power) <= most), 10 * power)
    return [step * i for i in range(floor(top / step + 1e-9) + 1)]


def over_time(title: str, bin: float, lines: Sequence[Line], bands: Sequence[Band], text: Format, top: Value) -> str:
    """Lines over virtual time. ``top``: the highest value of the scale; None: that of the lines."""
    count = max((len(line.values) for line in lines), default=0)
    end = max(bin * count, bin)
    values = [value for line in lines for value in line.values if value is not None]
    highest = top or max(values, default=0.0) or 1.0
    inner, height = WIDE - LEFT - RIGHT, HIGH - TOP - BOTTOM

    def x(t: float) -> float:
        return LEFT + inner * min(max(t / end, 0), 1)

    def y(value: float) -> float:
        return TOP + height * (1 - min(value / highest, 1))

    parts = [
        opening(
            title,
            HIGH,
            f' data-left="{LEFT}" data-inner="{inner}" data-wide="{WIDE}" data-bins="{count}" data-to="{end:.9g}"',
        )
    ]
    for band in bands:
        wide = max(1.0, x(band.end) - x(band.start))
        parts.append(f'<rect class="band" x="{x(band.start):.1f}" y="{TOP}" width="{wide:.1f}" height="{height}"/>')
        parts.append(
            f'<text class="bandname" x="{x(band.start) + 3:.1f}" y="{TOP + height - 4}">{escape(band.name[:40])}</text>'
        )
    for value in ticks(highest):
        parts.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDE - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{text(value)}</text>')
    for t in ticks(end, 8):
        parts.append(f'<text class="tick" x="{x(t):.1f}" y="{HIGH - 6}" text-anchor="middle">{t:g} s</text>')
    for number, line in enumerate(lines[:MOST_LINES]):
        parts.append(f'<path class="line s{number}" d="{_path(line.values, bin, x, y)}"/>')
    parts.append(f'<path class="cursor" d="M0 {TOP}V{TOP + height}"/></svg>')
    return "".join(parts)


def _path(values: Sequence[Value], bin: float, x: Scale, y: Scale) -> str:
    drawn, down = [], False
    for index, value in enumerate(values):
        if value is None:
            down = False
            continue
        drawn.append(f"{'L' if down else 'M'}{x((index + 0.5) * bin):.1f} {y(value):.1f}")
        down = True
    return "".join(drawn)


def lanes(title: str, rows: Sequence[tuple[str, Sequence[tuple[float, float, str]]]], end: float) -> str:
    """States over time, a lane for each: stretches with the class of their state."""
    high = TOP + 22 * len(rows) + BOTTOM
    inner = WIDE - LEFT - RIGHT
    parts = [opening(title, high)]
    for number, (name, stretches) in enumerate(rows):
        above = TOP + 22 * number
        parts.append(f'<text class="tick" x="0" y="{above + 12}">{escape(name[:60])}</text>')
        for start, stop, state in stretches:
            left, wide = LEFT + inner * start / end, inner * (stop - start) / end
            parts.append(
                f'<rect class="{state}" x="{left:.1f}" y="{above + 14}" width="{max(wide, 0.8):.1f}" height="6"/>'
            )
    for t in ticks(end, 8):
        at = LEFT + inner * t / end
        parts.append(f'<text class="tick" x="{at:.1f}" y="{high - 4}" text-anchor="middle">{t:g} s</text>')
    return "".join([*parts, "</svg>"])


def intervals(title: str, marks: Sequence[Mark], zero: bool) -> str:
    """Values with their intervals, one below the other, on one scale; ``zero``: with a line at 0."""
    known = [v for mark in marks for v in (mark.value, mark.low, mark.high) if v is not None]
    low, high = (
        min([*known, *([0.0] if zero else [])], default=0.0),
        max([*known, *([0.0] if zero else [])], default=1.0),
    )
    if low == high:
        low, high = low - 1, high + 1
    left, right = 190, 170
    inner = WIDE - left - right
    tall = TOP + 24 * len(marks) + 6

    def x(value: float) -> float:
        return left + inner * (value - low) / (high - low)

    parts = [opening(title, tall)]
    if zero:
        parts.append(f'<path class="axis" d="M{x(0):.1f} {TOP}V{tall - 6}"/>')
    for number, mark in enumerate(marks):
        y = TOP + 24 * number + 12
        parts.append(f'<text class="name" x="0" y="{y + 4}">{escape(_cut(mark.name))}</text>')
        if mark.low is not None and mark.high is not None:
            parts.append(f'<path class="whisker {mark.style}" d="M{x(mark.low):.1f} {y}H{x(mark.high):.1f}"/>')
        if mark.value is not None:
            parts.append(f'<circle class="dot {mark.style}" cx="{x(mark.value):.1f}" cy="{y}" r="4.5"/>')
        parts.append(f'<text class="value" x="{WIDE - right + 12}" y="{y + 4}">{escape(mark.text)}</text>')
    return "".join([*parts, "</svg>"])


def _cut(text: str, most: int = 28) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def opening(title: str, high: float, more: str = "", role: str = "img") -> str:
    """The tag that opens a picture; ``more``: further attributes."""
    return f'<svg viewBox="0 0 {WIDE} {high:g}" role="{role}" aria-label="{escape(title)}"{more}>'
