"""Tables of results: rows for data frames, aligned text, HTML for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import import_module
from typing import Any, Literal, TypeAlias, overload

Row: TypeAlias = dict[str, "float | str | None"]
LIBRARIES = ("pandas", "polars")

# No colours of our own: the table takes those of the page, dark or light.
_CELL = "padding: 0.15em 0.8em; text-align: {}; border-bottom: 1px solid rgba(128, 128, 128, 0.35)"


def frame(rows: list[Row], library: str | None) -> Any:
    """The rows themselves, or a DataFrame of ``library``.

    Raises:
        ImportError: it is not installed.
    """
    if library is None:
        return rows
    if library not in LIBRARIES:
        raise ValueError(
            f"frame({library!r}): leave it out for a list of dicts, or name one of: {', '.join(LIBRARIES)}"
        )
    try:
        module = import_module(library)
    except ImportError as error:
        remedy = f"`pip install {library}`, or call frame() for a list of dicts"
        raise ImportError(f"frame({library!r}) needs {library} ({error}): {remedy}") from error
    return module.DataFrame(rows)


class Figures(Sequence[Row]):
    """Rows by position or by name: ``result.services["db"]["availability"]``, ``result.links["shop", "stock"]``."""

    def __init__(self, rows: Sequence[Row], names: Sequence[str | tuple[str, str]]) -> None:
        self._rows = list(rows)
        self._names = list(names)

    @overload
    def __getitem__(self, which: int | str | tuple[str, str]) -> Row: ...
    @overload
    def __getitem__(self, which: slice) -> list[Row]: ...
    def __getitem__(self, which: int | str | tuple[str, str] | slice) -> Row | list[Row]:
        if isinstance(which, int | slice):
            return self._rows[which]
        if which not in self._names:
            known = ", ".join(name if isinstance(name, str) else " > ".join(name) for name in self._names)
            raise KeyError(f"{which!r}: there are {known}")
        return self._rows[self._names.index(which)]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def frame(self, library: None = None) -> list[Row]: ...
    @overload
    def frame(self, library: Literal["pandas", "polars"]) -> Any: ...
    def frame(self, library: str | None = None) -> Any:
        """A list of dicts, or a DataFrame of pandas or polars.

        Raises:
            ImportError: that library is not installed.
        """
        return frame(self._rows, library)

    def __repr__(self) -> str:
        return f"<Figures of {len(self)}: {', '.join(str(name) for name in self._names)}>"

    def _repr_html_(self) -> str:
        head = list(dict.fromkeys(key for row in self._rows for key in row))
        return html_table(
            "", head, [["" if row.get(key) is None else str(row[key]) for key in head] for row in self._rows]
        )


def flat(found: Mapping[str, Any], prefix: str = "") -> Row:
    """A mapping of a document as one row: ``latency_p99``."""
    row: Row = {}
    for name, value in found.items():
        if isinstance(value, Mapping):
            row |= flat(value, f"{prefix}{name}_")
        else:
            row[prefix + name] = value
    return row


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned: the first to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def html_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same for notebooks, everything escaped."""

    def line(cells: Sequence[str], tag: str) -> str:
        styles = [_CELL.format("right" if column else "left") for column in range(len(cells))]
        inside = "".join(
            f'<{tag} style="{style}">{escape(cell)}</{tag}>' for cell, style in zip(cells, styles, strict=True)
        )
        return f"<tr>{inside}</tr>"

    body = "".join(line(row, "td") for row in rows)
    caption = f'<caption style="text-align: left; caption-side: top">{escape(title)}</caption>'
    return f"<table>{caption}<thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"
