"""The frame's time axis: every row drawn on it lines up with all others, so that cause stands above effect."""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.kernel import format as fmt
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row


@dataclass(frozen=True, slots=True)
class Axis:
    """Virtual time from 0 to ``horizon`` on columns ``left`` to ``left + width``."""

    left: int
    width: int
    right: int  # columns for the figure at the end of a row
    horizon: int
    now: int

    def column(self, t: int) -> int:
        """The column of an instant, counted from the axis's left end."""
        return min(self.width - 1, max(0, t * self.width // self.horizon))

    def label(self, text: str, style: str = "faint") -> Row:
        return Row(text.replace("circuit_breaker", "breaker"), style).fit(self.left - 1, "..").to(self.left)


def axis_row(axis: Axis, look: Look) -> Row:
    """Where the time is: a few ticks with their instants, and "now"."""
    marks = [look.rule] * axis.width
    now = axis.column(axis.now)
    text = f"{look.now} now" if now + 6 <= axis.width else f"now {look.now}"
    start = now if now + 6 <= axis.width else max(0, now - len(text) + 1)
    step = tick_step(axis.horizon, max(2, axis.width // 14))
    for t in range(0, axis.horizon, step):
        label = look.tick + fmt.instant(t)
        x = axis.column(t)
        if x + len(label) < axis.width and (x + len(label) < start or x > start + len(text)):
            marks[x : x + len(label)] = label
    line = "".join(marks)
    row = axis.label("")
    return row.add(line[:start], "faint").add(text, "calm!").add(line[start + len(text) :], "faint")


def tick_step(length: int, most: int) -> int:
    """The least of 1, 2, 5 (from a minute on: whole minutes) times a power of ten that needs at most ``most`` ticks."""
    unit = 60 * fmt.SECOND if length / most > 20 * fmt.SECOND else 1
    step = unit
    while True:
        for digit in (1, 2, 5):
            if length <= step * digit * most:
                return step * digit
        step *= 10


def rounded_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 8 times a power of ten: a calm top for a chart."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(f"{value:.0f}") - 1) if value >= 1 else 1e-9
    while power * 10 <= value:
        power *= 10
    return next(digit * power for digit in (1, 1.5, 2, 3, 5, 8, 10) if digit * power >= value * 0.999)
