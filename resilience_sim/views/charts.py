"""Small charts made of characters: area and line in braille, a one-row sparkline, lanes of states.

Rows of numbers become rows of characters of an exact width, uncoloured. Every chart has an ASCII form, for terminals
that cannot do better.
"""

from __future__ import annotations

from collections.abc import Sequence

BRAILLE = 0x2800
# Bits of a braille cell, column by column (2), from the bottom dot to the top one (4).
DOTS: tuple[tuple[int, ...], tuple[int, ...]] = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
# The lowest n dots of a column set, n = 0..4.
FILLS: tuple[tuple[int, ...], tuple[int, ...]] = tuple(tuple(sum(column[:n]) for n in range(5)) for column in DOTS)  # type: ignore[assignment]
BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII_FILLS = " .-=#"  # 0..4 quarters of a character filled
ASCII_BLOCKS = " .:-=+*#@"

Value = float | None


def cell(bits: int) -> str:
    """The braille character with these dots; a plain blank where there are none, which every font has."""
    return chr(BRAILLE | bits) if bits else " "


def heights(values: Sequence[Value], top: float, rows: int, steps: int = 4) -> list[int]:
    """How many steps of a chart with ``rows`` x ``steps`` each value fills; -1 for no value, at least 1 if above 0."""
    whole = rows * steps
    result = []
    for value in values:
        if value is None:
            result.append(-1)
        elif value <= 0 or top <= 0:
            result.append(0)
        else:
            result.append(min(whole, max(1, round(value / top * whole))))
    return result


def area(values: Sequence[Value], top: float, rows: int, ascii_only: bool = False) -> list[str]:
    """A filled chart, two values a character (one in ASCII), ``rows`` strings from top to bottom."""
    filled = heights(values, top, rows)
    if ascii_only:
        pairs = [max(filled[i : i + 2]) for i in range(0, len(filled), 2)]
        return ["".join(ASCII_FILLS[min(4, max(0, h - 4 * row))] for h in pairs) for row in reversed(range(rows))]
    if len(filled) % 2:
        filled.append(-1)
    columns = list(zip(filled[::2], filled[1::2], strict=True))
    drawn = []
    for base in range(4 * (rows - 1), -1, -4):
        # What each height fills of this row, by height + 1.
        left, right = ([fill[min(4, max(0, height - base))] for height in range(-1, 4 * rows + 1)] for fill in FILLS)
        drawn.append("".join([cell(left[x + 1] | right[y + 1]) for x, y in columns]))
    return drawn


def stacked(
    lower: Sequence[Value], total: Sequence[Value], top: float, rows: int, ascii_only: bool = False
) -> list[str]:
    """Two areas on top of each other: ``lower`` filled, what ``total`` adds to it only dotted (``o`` in ASCII)."""
    low, high = heights(lower, top, rows), heights(total, top, rows)
    low = [min(a, b) for a, b in zip(low, high, strict=True)]
    if ascii_only:
        pairs = [(max(low[i : i + 2]), max(high[i : i + 2])) for i in range(0, len(high), 2)]
        return ["".join(_ascii_stack(a - 4 * row, b - 4 * row) for a, b in pairs) for row in reversed(range(rows))]
    if len(high) % 2:
        low.append(-1)
        high.append(-1)
    bars = list(zip(low, high, strict=True))
    drawn = []
    for base in range(4 * (rows - 1), -1, -4):
        row = []
        for i in range(0, len(bars), 2):
            bits = _STACKS[0][_quarters(bars[i], base)] | _STACKS[1][_quarters(bars[i + 1], base)]
            row.append(cell(bits))
        drawn.append("".join(row))
    return drawn


def _quarters(bar: tuple[int, int], base: int) -> tuple[int, int]:
    """How much of the row of characters that begins at ``base`` the two parts of a bar reach, 0 to 4 each."""
    return min(4, max(0, bar[0] - base)), min(4, max(0, bar[1] - base))


def _stack_bits(side: int, low: int, high: int) -> int:
    """All dots up to ``low``; above it every second one, shifted from column to column."""
    return sum(DOTS[side][n] for n in range(high) if n < low or (n + side) % 2 == 0)


_STACKS = tuple(
    {(low, high): _stack_bits(side, low, high) for low in range(5) for high in range(low, 5)} for side in range(2)
)


def _ascii_stack(low: int, high: int) -> str:
    low, high = min(4, max(0, low)), min(4, max(0, high))
    return ASCII_FILLS[high] if low >= high else ASCII_FILLS[4] if low >= 2 else "o" if high >= 2 else "."


def line(values: Sequence[Value], top: float, rows: int, ascii_only: bool = False) -> list[str]:
    """The outline only: a dot for each value, neighbours joined by vertical strokes; gaps stay gaps."""
    filled = heights(values, top, rows)
    if ascii_only:
        pairs = [max(filled[i : i + 2]) for i in range(0, len(filled), 2)]
        return [
            "".join("*" if h > 0 and (h - 1) // 4 == row else "_" if h == 0 and row == 0 else " " for h in pairs)
            for row in reversed(range(rows))
        ]
    cells = [[0] * ((len(filled) + 1) // 2) for _ in range(rows)]
    previous = -1
    for i, height in enumerate(filled):
        if height >= 0:
            at = max(height - 1, 0)
            start = at if previous < 0 else previous
            low, high = (start + 1, at) if start < at else (at, start - 1) if at < start else (at, at)
            for dot in range(low, high + 1):
                cells[dot // 4][i // 2] |= DOTS[i % 2][dot % 4]
            previous = at
        else:
            previous = -1
    return ["".join(cell(bits) for bits in row) for row in reversed(cells)]


def overlay(below: Sequence[str], above: Sequence[str]) -> list[str]:
    """Two charts of the same size in one: braille dots are united, in ASCII the upper one wins where it draws."""
    rows = []
    for low, high in zip(below, above, strict=True):
        rows.append("".join(_unite(x, y) for x, y in zip(low, high, strict=True)))
    return rows


def _unite(x: str, y: str) -> str:
    if ord(x) >= BRAILLE and ord(y) >= BRAILLE:
        return chr(ord(x) | ord(y))
    return x if y == " " else y


def sparkline(values: Sequence[Value], top: float = 0.0, ascii_only: bool = False) -> str:
    """One character a value; ``top`` 0 takes the largest."""
    levels = ASCII_BLOCKS if ascii_only else BLOCKS
    top = top or max((v for v in values if v is not None), default=0.0)
    return "".join(levels[max(0, h)] for h in heights(values, top, 1, len(levels) - 1))


def lane(states: Sequence[int], marks: Sequence[str]) -> str:
    """A row of states as characters; -1 (nothing known) is a blank."""
    return "".join(" " if state < 0 else marks[state] for state in states)


def runs(text: str, kinds: Sequence[int]) -> list[tuple[str, int]]:
    """Cut a text into stretches of equal kind: what a colouring needs, as few pieces as possible."""
    pieces: list[tuple[str, int]] = []
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or kinds[i] != kinds[start]:
            pieces.append((text[start:i], kinds[start]))
            start = i
    return pieces
