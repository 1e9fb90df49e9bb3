"""Rows of styled text: the one material of the live view, the summary and the comparison.

Owns measuring, cropping, padding and wrapping rows by terminal cells, the styles by name, and handing rows to a Rich
console. Refuses to decide what a row says. A style is a *name* of :data:`STYLES`; meaning is never in colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from resilience_sim.views.words import printable

# Only the sixteen colours of the terminal's own palette: they fit the user's background.
STYLES = {
    "": "none",
    "title": "bold",
    "good": "green",
    "bad": "red",
    "odd": "yellow",
    "calm": "cyan",
    "faint": "bright_black",
    "strong": "bold",
    "good!": "bold green",
    "bad!": "bold red",
    "odd!": "bold yellow",
    "calm!": "bold cyan",
    "note": "magenta",
    "key": "bold cyan",
    "chip": "reverse",
    "good chip": "bold reverse green",
    "bad chip": "bold reverse red",
    "odd chip": "bold reverse yellow",
}


@cache
def style_of(name: str) -> Style:
    """The Rich style behind a style's name."""
    return Style.parse(STYLES[name])


class Row:
    """One line: pieces of text with the name of their style."""

    __slots__ = ("spans", "width")

    def __init__(self, text: str = "", style: str = "") -> None:
        self.spans: list[tuple[str, str]] = []
        self.width = 0
        if text:
            self.add(text, style)

    def add(self, text: str, style: str = "") -> Row:
        """Append a piece; characters that could steer a terminal are replaced. Returns itself."""
        if text:
            text = printable(text)
            self.spans.append((text, style))
            self.width += len(text) if text.isascii() else cell_len(text)
        return self

    def join(self, other: Row) -> Row:
        """Append another row's pieces. Returns itself."""
        self.spans.extend(other.spans)
        self.width += other.width
        return self

    def to(self, column: int) -> Row:
        """Blank up to a column, cut what lies beyond it. Returns itself."""
        if self.width < column:
            self.spans.append((" " * (column - self.width), ""))
            self.width = column
        elif self.width > column:
            self._cut(column)
        return self

    def right(self, text: str, style: str, column: int) -> Row:
        """Append a piece so that it ends at a column. Returns itself."""
        return self.to(max(self.width, column - cell_len(text))).add(text, style)

    def _cut(self, column: int) -> None:
        left = column
        kept = []
        for text, style in self.spans:
            if left <= 0:
                break
            cells = cell_len(text)
            kept.append((set_cell_size(text, left) if cells > left else text, style))
            left -= cells
        self.spans = kept
        self.width = column

    def plain(self) -> str:
        """The characters alone."""
        return "".join(text for text, _ in self.spans)

    def segments(self) -> Iterator[Segment]:
        """What Rich writes to a terminal."""
        for text, style in self.spans:
            yield Segment(text, style_of(style))


class Sheet:
    """Rows of an exact size, as a Rich renderable: fills the rectangle, never more."""

    def __init__(self, rows: Sequence[Row], width: int, height: int) -> None:
        self.width = width
        self.rows = [row.to(width) for row in rows[:height]]
        self.rows += [Row().to(width) for _ in range(height - len(self.rows))]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol: the rows' segments, with a line break between two rows."""
        newline = Segment.line()
        for index, row in enumerate(self.rows):
            if index:
                yield newline
            yield from row.segments()


def wrap(row: Row, width: int, indent: int = 0) -> list[Row]:
    """Break a row at blanks so that no line is longer than ``width``; later lines are indented.

    A word longer than a line is cut: nothing gets lost, and nothing is wider than asked for.
    """
    lines = [Row()]
    pending = Row()  # blanks seen since the last word

    def put(word: str, style: str) -> None:
        nonlocal pending
        cells = cell_len(word)
        empty = lines[-1].width <= (indent if len(lines) > 1 else 0)
        if lines[-1].width + pending.width + cells > width and not empty:
            lines.append(Row(" " * indent))
        else:
            lines[-1].join(pending)
        pending = Row()
        while lines[-1].width + cell_len(word) > width:
            room = max(1, width - lines[-1].width)
            lines[-1].add(set_cell_size(word, room), style)
            word = word[room:]
            lines.append(Row(" " * indent))
        lines[-1].add(word, style)

    for text, style in row.spans:
        for index, word in enumerate(text.split(" ")):
            if index:
                pending.add(" ", style)
            if word:
                put(word, style)
    return lines


def emit(console: Console, rows: Iterable[Row], indent: int = 0) -> None:
    """Print rows: wrapped at the console's width on a terminal, full width where nobody looks at a window."""
    for row in rows:
        for line in wrap(row, console.width, indent) if console.is_terminal else (row,):
            segments = [Segment(text, style_of(style)) for text, style in line.spans]
            console.print(_Line(segments), soft_wrap=True, end="\n", highlight=False, markup=False)


class _Line:
    """Segments as they are: Rich is not to wrap, crop or pad them."""

    def __init__(self, segments: list[Segment]) -> None:
        self.segments = segments

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.segments
