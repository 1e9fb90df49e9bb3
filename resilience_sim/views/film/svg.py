"""A film as an SVG picture that moves by style sheet, without script.

What stands in cells from one frame to another is a group, which its animation shows from the one to the other. With
nothing moving (printed, where motion is not wanted, in a viewer without animation) one sees the last frame: its groups
are visible, all others hidden.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from resilience_sim.views.film.cells import BLANK, Cell, cells_of, spans_of
from resilience_sim.views.film.film import FPS, Film
from resilience_sim.views.svg import BAR, LINE, Mark, marks, window

MADE = "moves on virtual time; made by resim run --record"
NEAR = 2  # blank cells over which text goes on as one piece

Stay = tuple[int, int]  # from a frame until before another
Piece = tuple[int, int, list[Cell]]  # row, column, cells


def svg_of_film(film: Film) -> str:
    """The picture as text; the same film always gives the same."""
    last = len(film.frames)
    groups: list[str] = []
    rules: list[str] = []
    for (begin, end), pieces in sorted(_stays(film).items()):
        name = f"g{len(groups)}"
        if (begin, end) == (0, last):
            groups.append(f"<g>{_drawn(pieces)}</g>")
            continue
        hidden = ' visibility="hidden"' if end < last else ""
        groups.append(f'<g id="{name}"{hidden}>{_drawn(pieces)}</g>')
        rules.append(f"#{name}{{animation-name:{name}}}@keyframes {name}{{{_keyframes(begin, end, film)}}}")
    style = (
        f"<desc>{escape(MADE)}</desc><style>@media screen and (prefers-reduced-motion:no-preference){{"
        f"g[id]{{animation:{film.seconds:g}s step-end infinite}}\n" + "\n".join(rules) + "}</style>"
    )
    return "\n".join([*window(film.width, film.height, film.title, style), *groups, "</g>", "</svg>", ""])


def _keyframes(begin: int, end: int, film: Film) -> str:
    def at(frame: int) -> str:
        return f"{100 * frame / FPS / film.seconds:.4g}%"

    out = [at(0)] * (begin > 0) + [at(end)] * (end < len(film.frames))
    return f"{','.join(out)}{{visibility:hidden}}{at(begin)}{{visibility:visible}}"


def _stays(film: Film) -> dict[Stay, list[Piece]]:
    """What is drawn, by when it is there."""
    found: dict[Stay, list[Piece]] = defaultdict(list)
    for row in range(film.height):
        lines = [cells_of(rows[row]) for rows in film.frames]
        history = [_history(lines, column) for column in range(film.width)]
        open_pieces: dict[Stay, Piece] = {}
        for column, stays in enumerate(history):
            for (begin, end), cell in stays.items():
                if cell == BLANK:
                    continue
                piece = open_pieces.get((begin, end))
                gap = column - piece[1] - len(piece[2]) if piece is not None else NEAR + 1
                if (
                    piece is None
                    or gap > NEAR
                    or not all(_blank(history[between], begin, end) for between in range(column - gap, column))
                ):
                    piece = open_pieces[begin, end] = (row, column, [])
                    found[begin, end].append(piece)
                    gap = 0
                piece[2].extend([BLANK] * gap + [cell])
    return found


def _history(lines: Sequence[Sequence[Cell]], column: int) -> dict[Stay, Cell]:
    """What stands in a cell of a row, and how long."""
    found: dict[Stay, Cell] = {}
    begin, before = 0, lines[0][column]
    for number, line in enumerate(lines):
        cell = line[column]
        if cell != before:
            found[begin, number] = before
            begin, before = number, cell
    found[begin, len(lines)] = before
    return found


def _blank(stays: dict[Stay, Cell], begin: int, end: int) -> bool:
    return any(cell == BLANK and since <= begin and end <= until for (since, until), cell in stays.items())


def _drawn(pieces: list[Piece]) -> str:
    """One path for each colour, the texts of one colour together."""
    paths: dict[tuple[str, float], list[str]] = {}
    texts: dict[tuple[str, bool], list[Mark]] = {}
    for row, column, cells in pieces:
        for mark in marks(spans_of(cells), column, BAR + row * LINE):
            if mark.shape:
                paths.setdefault((mark.colour, mark.opacity), []).append(mark.shape)
            else:
                texts.setdefault((mark.colour, mark.bold), []).append(mark)
    return "".join([*_shapes(paths), *_texts(texts)])


def _shapes(paths: dict[tuple[str, float], list[str]]) -> Iterator[str]:
    for (colour, weak), boxes in paths.items():
        yield Mark(colour, shape="".join(boxes), opacity=weak).svg()


def _texts(texts: dict[tuple[str, bool], list[Mark]]) -> Iterator[str]:
    for (colour, bold), all_words in texts.items():
        weight = ' font-weight="700"' if bold else ""
        words = (
            f'<text x="{mark.x:g}" y="{mark.y:g}" textLength="{mark.length:g}">{escape(mark.words)}</text>'
            for mark in all_words
        )
        yield f'<g fill="{colour}"{weight}>{"".join(words)}</g>'
