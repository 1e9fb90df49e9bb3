"""Rows of styled text as an SVG picture of a terminal window.

No font is needed beyond the plain monospace ones: braille dots, blocks and rules are drawn as shapes, and every piece
of text is held to its columns, so that a picture looks the same in every browser. The same rows always give the same
bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from xml.sax.saxutils import escape

from rich.cells import cell_len

from resilience_sim.kernel.text import printable
from resilience_sim.views.charts import BRAILLE, DOTS
from resilience_sim.views.text import Row, style_of

CELL, LINE, SIZE = 8.4, 18.0, 14  # width and height of a character cell, font size, in px
PAD, BAR = 16, 36
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
INK, PAPER, FRAME, DIM = "#cdd3de", "#10141c", "#2a3140", "#97a1b3"
BUTTONS = ("#ff5f57", "#febc2e", "#28c840")  # of a window
COLOURS = {
    "red": "#f06262", "green": "#57c785", "yellow": "#e8b955", "blue": "#61a0f5", "magenta": "#be82f0",
    "cyan": "#50c3dc", "bright_black": "#6f7b90",
}  # fmt: skip

WORDS = re.compile(r"\S+(?: \S+)*")  # what stands together; wider gaps are places, not characters

Rect = tuple[float, float, float, float, float]  # x, y, width, height, opacity
# Characters that fill their cell or run from edge to edge, in cell units.
SHAPES: dict[str, tuple[Rect, ...]] = {
    "█": ((0, 0.08, 1, 0.84, 1),),
    "▒": ((0.05, 0.08, 0.3, 0.84, 1), (0.55, 0.08, 0.3, 0.84, 1)),
    "░": ((0, 0.08, 1, 0.84, 0.3),),
    "▄": ((0, 0.5, 1, 0.42, 1),),
    "━": ((0, 0.44, 1, 0.14, 1),),
    "─": ((0, 0.48, 1, 0.055, 1),),
    "╌": ((0.08, 0.48, 0.34, 0.055, 1), (0.58, 0.48, 0.34, 0.055, 1)),
    "·": ((0.4, 0.46, 0.18, 0.09, 1),),
    "┴": ((0, 0.48, 1, 0.055, 1), (0.44, 0.2, 0.12, 0.3, 1)),
}


def svg_of_rows(rows: Sequence[Row], width: int, title: str) -> str:
    """A window ``width`` columns wide around ``rows``."""
    parts = window(width, len(rows), title)
    for number, row in enumerate(rows):
        parts += [mark.svg() for mark in marks(row.spans, 0, BAR + number * LINE)]
    return "\n".join([*parts, "</g>", "</svg>", ""])


def window(width: int, height: int, title: str, inside: str = "") -> list[str]:
    """An empty window of ``width`` columns and ``height`` lines; two elements of it, ``g`` and ``svg``, are still open.

    ``inside``: what stands in the picture beside it, such as a style.
    """
    title = printable(title)
    wide = round(width * CELL + 2 * PAD)
    high = round(height * LINE + BAR + PAD)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" role="img">',
        f"<title>{escape(title)}</title>{inside}",
        f'<rect x=".5" y=".5" width="{wide - 1}" height="{high - 1}" rx="9" fill="{PAPER}" stroke="{FRAME}"/>',
    ]
    parts += [f'<circle cx="{20 + 18 * i}" cy="19" r="5.5" fill="{c}"/>' for i, c in enumerate(BUTTONS)]
    parts.append(
        f'<text x="{wide / 2:g}" y="24" fill="{DIM}" text-anchor="middle" font-family="{FONT}" font-size="13">'
        f"{escape(title)}</text>"
    )
    parts.append(f'<g font-family="{FONT}" font-size="{SIZE}" fill="{INK}">')
    return parts


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark in a picture: a path (``shape``), or ``words`` at (``x``, ``y``) held to ``length`` px."""

    colour: str
    shape: str = ""
    opacity: float = 1
    words: str = ""
    x: float = 0
    y: float = 0
    length: float = 0
    bold: bool = False

    def svg(self) -> str:
        if self.shape:
            weak = f' opacity="{self.opacity:g}"' if self.opacity < 1 else ""
            return f'<path fill="{self.colour}"{weak} d="{self.shape}"/>'
        weight = ' font-weight="700"' if self.bold else ""
        return (
            f'<text x="{self.x:g}" y="{self.y:g}" fill="{self.colour}"{weight} '
            f'textLength="{self.length:g}">{escape(self.words)}</text>'
        )


def marks(spans: Iterable[tuple[str, str]], column: int, top: float) -> Iterable[Mark]:
    """The marks of pieces of text with the names of their styles, from a column on; ``top`` of their line in px."""
    for text, style in spans:
        colour, bold = look_of(style)
        for piece, shaped in _pieces(printable(text)):
            if shaped:
                yield from _shapes(piece, column, top, colour)
            else:
                for found in WORDS.finditer(piece):
                    x = PAD + (column + cell_len(piece[: found.start()])) * CELL
                    length = cell_len(found[0]) * CELL
                    yield Mark(colour, words=found[0], x=x, y=top + 13.5, length=length, bold=bold)
            column += cell_len(piece)


def look_of(style: str) -> tuple[str, bool]:
    """Colour of a style, and whether it is bold."""
    found = style_of(style)
    return COLOURS.get(found.color.name, INK) if found.color else INK, bool(found.bold)


def _pieces(text: str) -> Iterable[tuple[str, bool]]:
    """Stretches of characters that are drawn, and of those that are written."""
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or _is_shape(text[i]) != _is_shape(text[start]):
            yield text[start:i], _is_shape(text[start])
            start = i


def _is_shape(character: str) -> bool:
    return character in SHAPES or BRAILLE < ord(character) <= BRAILLE + 0xFF


def _shapes(text: str, column: int, top: float, colour: str) -> Iterable[Mark]:
    """One path for all full-ink shapes of a stretch, one more for each weaker ink."""
    paths: dict[float, list[str]] = {}
    for character, same in groupby(range(len(text)), key=text.__getitem__):
        lefts = [PAD + (column + offset) * CELL for offset in same]
        for left, up, wide, high, opacity in boxes_of(character):
            starts, length = (lefts[:1], len(lefts) * CELL) if wide == 1 else (lefts, wide * CELL)
            paths.setdefault(opacity, []).extend(
                _box(x + left * CELL, top + up * LINE, length, high * LINE) for x in starts
            )
    for opacity, boxes in paths.items():
        yield Mark(colour, shape="".join(boxes), opacity=opacity)


@cache
def boxes_of(character: str) -> tuple[Rect, ...]:
    """What a character is drawn as, in units of its cell; nothing for one that is written.

    Braille dots are so tall that each meets its neighbours above and below: areas look solid, columns stay apart.
    """
    if not _is_shape(character):
        return ()
    if character in SHAPES:
        return SHAPES[character]
    bits = ord(character) - BRAILLE
    found: list[Rect] = []
    for side in (0, 1):
        dots = [bool(bits & DOTS[side][level]) for level in range(4)]
        for there, levels in groupby(range(4), key=dots.__getitem__):
            stack = list(levels)
            if there:
                found.append((side / 2, (3 - stack[-1]) / 4, 0.5 - 0.4 / CELL, len(stack) / 4, 1))
    return tuple(found)


def _box(x: float, y: float, wide: float, high: float) -> str:
    return f"M{x:.5g} {y:.5g}h{wide:.5g}v{high:.3g}h{-wide:.5g}z"
