"""Rows of styled text as an SVG picture of a terminal window.

No font is needed beyond the plain monospace ones: braille dots, blocks and rules are drawn as shapes, and every piece
of text is held to its columns, so that a picture looks the same in every browser. The same rows always give the same
bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from rich.cells import cell_len

from resilience_sim.kernel.text import printable
from resilience_sim.views.charts import BRAILLE, DOTS
from resilience_sim.views.text import Row, style_of

CELL, LINE, SIZE = 8.4, 18.0, 14  # width and height of a character cell, font size, in px
PAD, BAR = 16, 36
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
INK, PAPER, FRAME = "#cdd3de", "#10141c", "#2a3140"
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
    "━": ((0, 0.44, 1, 0.14, 1),),
    "─": ((0, 0.48, 1, 0.055, 1),),
    "╌": ((0.08, 0.48, 0.34, 0.055, 1), (0.58, 0.48, 0.34, 0.055, 1)),
    "·": ((0.4, 0.46, 0.18, 0.09, 1),),
    "┴": ((0, 0.48, 1, 0.055, 1), (0.44, 0.2, 0.12, 0.3, 1)),
}


def svg_of_rows(rows: Sequence[Row], width: int, title: str) -> str:
    """A window ``width`` columns wide around ``rows``."""
    title = printable(title)
    wide = round(width * CELL + 2 * PAD)
    high = round(len(rows) * LINE + BAR + PAD)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect x=".5" y=".5" width="{wide - 1}" height="{high - 1}" rx="9" fill="{PAPER}" stroke="{FRAME}"/>',
    ]
    parts += [
        f'<circle cx="{20 + 18 * i}" cy="19" r="5.5" fill="{c}"/>'
        for i, c in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    ]
    parts.append(
        f'<text x="{wide / 2:g}" y="24" fill="#97a1b3" text-anchor="middle" font-family="{FONT}" font-size="13">'
        f"{escape(title)}</text>"
    )
    parts.append(f'<g font-family="{FONT}" font-size="{SIZE}" fill="{INK}">')
    for number, row in enumerate(rows):
        parts += _row(row, BAR + number * LINE)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _row(row: Row, top: float) -> Iterable[str]:
    column = 0
    for text, style in row.spans:
        colour, bold = _look(style)
        for piece, shaped in _pieces(printable(text)):
            cells = cell_len(piece)
            if shaped:
                yield from _shapes(piece, column, top, colour)
            else:
                for found in WORDS.finditer(piece):
                    x = PAD + (column + cell_len(piece[: found.start()])) * CELL
                    weight = ' font-weight="700"' if bold else ""
                    yield (
                        f'<text x="{x:g}" y="{top + 13.5:g}" fill="{colour}"{weight} '
                        f'textLength="{cell_len(found[0]) * CELL:g}">{escape(found[0])}</text>'
                    )
            column += cells


def _look(style: str) -> tuple[str, bool]:
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


def _shapes(text: str, column: int, top: float, colour: str) -> Iterable[str]:
    """One path for all full-ink shapes of a stretch, one more for each weaker ink."""
    paths: dict[float, list[str]] = {}
    for offset, character in enumerate(text):
        x = PAD + (column + offset) * CELL
        if character in SHAPES:
            for left, up, wide, high, opacity in SHAPES[character]:
                paths.setdefault(opacity, []).append(_box(x + left * CELL, top + up * LINE, wide * CELL, high * LINE))
            continue
        bits = ord(character) - BRAILLE
        for side in (0, 1):
            for level in range(4):
                if bits & DOTS[side][level]:
                    paths.setdefault(1, []).append(_dot(x, top, side, level))
    for opacity, boxes in paths.items():
        weak = f' opacity="{opacity:g}"' if opacity < 1 else ""
        yield f'<path fill="{colour}"{weak} d="{"".join(boxes)}"/>'


def _dot(x: float, top: float, side: int, level: int) -> str:
    """A braille dot, so tall that it meets its neighbours above and below: areas look solid, columns stay apart."""
    return _box(x + side * CELL / 2, top + LINE * (3 - level) / 4, CELL / 2 - 0.4, LINE / 4)


def _box(x: float, y: float, wide: float, high: float) -> str:
    return f"M{x:.5g} {y:.5g}h{wide:.3g}v{high:.3g}h{-wide:.3g}z"
