"""Rows of styled text: the one material of the live view, the summary and the comparison.

Rows are measured, cropped, padded and wrapped by terminal cells. A style is a *name* of :data:`STYLES`; meaning is
never in colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from resilience_sim.kernel.text import printable

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
}


@cache
def style_of(name: str) -> Style:
    """The Rich style behind a style's name."""
    return Style.parse(STYLES[name])


POOR = str.maketrans({"–": "-", "…": ".", "“": '"', "”": '"', "×": "x", "±": "~", "≈": "~", "→": ">", "·": "-"})


def writable(text: str, encoding: str) -> str:
    """The text with characters that a stream's encoding lacks replaced one for one, so that columns stay in place."""
    if text.isascii():
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(POOR).encode(encoding, "replace").decode(encoding)
    return text


class Row:
    """One line: pieces of text with the name of their style. ``hang``: where it goes on when it has to be wrapped."""

    __slots__ = ("hang", "spans", "width")

    def __init__(self, text: str = "", style: str = "", hang: int = 0) -> None:
        self.hang = hang
        self.spans: list[tuple[str, str]] = []
        self.width = 0
        if text:
            self.add(text, style)

    def add(self, text: str, style: str = "") -> Row:
        """Append a piece; characters that could steer a terminal are replaced. Returns itself."""
        if text:
            text = printable(text)
            self._append(text, style)
            self.width += len(text) if text.isascii() else cell_len(text)
        return self

    def _append(self, text: str, style: str) -> None:
        if self.spans and self.spans[-1][1] == style:
            text = self.spans.pop()[0] + text
        self.spans.append((text, style))

    def join(self, other: Row) -> Row:
        """Append another row's pieces. Returns itself."""
        for text, style in other.spans:
            self._append(text, style)
        self.width += other.width
        return self

    def to(self, column: int) -> Row:
        """Blank up to a column, cut what lies beyond it. Returns itself."""
        column = max(0, column)
        if self.width < column:
            self._append(" " * (column - self.width), "")
            self.width = column
        elif self.width > column:
            self._cut(column)
        return self

    def fit(self, column: int, dots: str) -> Row:
        """Like :meth:`to`, but what is cut shows: ``dots`` stand at the end. Returns itself."""
        if self.width > column > len(dots):
            return self.to(column - len(dots)).add(dots, "faint")
        return self.to(column)

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

    def trim(self) -> Row:
        """Drop blanks at the end. Returns itself."""
        while self.spans:
            text, style = self.spans.pop()
            kept = text.rstrip(" ")
            self.width -= len(text) - len(kept)
            if kept:
                self.spans.append((kept, style))
                break
        return self

    def plain(self) -> str:
        return "".join(text for text, _ in self.spans)

    def segments(self, encoding: str = "utf-8") -> Iterator[Segment]:
        """What Rich writes to a terminal."""
        for text, style in self.spans:
            yield Segment(writable(text, encoding), style_of(style))


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
            yield from row.segments(options.encoding)


def wrap(row: Row, width: int) -> list[Row]:
    """Break a row at blanks so that no line is longer than ``width``; later lines begin at the row's ``hang``.

    A word longer than a line is cut: nothing gets lost, and nothing is wider than asked for.
    """
    indent = min(row.hang, width // 2)
    lines = [Row()]
    for blanks, word in _words(row):
        line = lines[-1]
        started = line.width > (indent if len(lines) > 1 else 0)
        if started and line.width + blanks.width + word.width > width:
            line = Row(" " * indent)
            lines.append(line)
        else:
            line.join(blanks)
        for text, style in word.spans:
            rest = text
            while line.width + cell_len(rest) > width:
                head = set_cell_size(rest, max(1, width - line.width)).rstrip(" ")
                line.add(head, style)
                rest = rest[len(head) :]
                line = Row(" " * indent)
                lines.append(line)
            line.add(rest, style)
    return lines


def _words(row: Row) -> Iterator[tuple[Row, Row]]:
    """The words of a row, each with the blanks before it; a word may change its style within."""
    blanks, word = Row(), Row()
    for text, style in row.spans:
        for index, part in enumerate(text.split(" ")):
            if index:
                if word.width:
                    yield blanks, word
                    blanks, word = Row(), Row()
                blanks.add(" ", style)
            word.add(part, style)
    if word.width:
        yield blanks, word


def emit(console: Console, rows: Iterable[Row]) -> None:
    """Print rows: wrapped at the console's width on a terminal, full width where nobody looks at a window."""
    for row in rows:
        for line in wrap(row.trim(), console.width) if console.is_terminal else (row.trim(),):
            console.print(_Line(line), soft_wrap=True, highlight=False, markup=False)


class _Line:
    """A row as it is: Rich is not to wrap, crop or pad it."""

    def __init__(self, row: Row) -> None:
        self.row = row

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.row.segments(options.encoding)
        yield Segment.line()
