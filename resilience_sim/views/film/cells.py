"""What changes from one frame to the next, by cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby

from rich.cells import cell_len

from resilience_sim.views.text import Row

Cell = tuple[str, str]  # what stands in it, and its style; ("", …): the character before is two cells wide
BLANK: Cell = (" ", "")
NEAR = 2  # so many cells that stay the same are drawn again rather than begin a new change


@dataclass(frozen=True, slots=True)
class Change:
    """Pieces of text that take the place of what stood at ``row`` from ``column`` on, ``width`` cells."""

    row: int
    column: int
    width: int
    spans: tuple[tuple[str, str], ...]


def changes(before: Sequence[Row] | None, after: Sequence[Row]) -> Iterator[Change]:
    """What has to be drawn to make one frame of another; everything that is not blank where there is none before."""
    for number, row in enumerate(after):
        if before is not None and before[number].spans == row.spans:
            continue
        new = cells_of(row)
        old = [BLANK] * len(new) if before is None else cells_of(before[number])
        for start, end in _stretches(old, new):
            yield Change(number, start, end - start, spans_of(new[start:end]))


@cache
def _width(character: str) -> int:
    return cell_len(character)


def cells_of(row: Row) -> list[Cell]:
    """A row cell by cell."""
    return _cells(tuple(row.spans))


@lru_cache(4096)  # most rows stay as they are from frame to frame
def _cells(spans: tuple[tuple[str, str], ...]) -> list[Cell]:
    found: list[Cell] = []
    for text, style in spans:
        for character in text:
            wide = _width(character)
            if not wide and found:  # belongs to the character before
                found[-1] = (found[-1][0] + character, found[-1][1])
                continue
            look = BLANK[1] if character == BLANK[0] else style
            found.append((character, look))
            found += [("", look)] * (wide - 1)
    return found


def _stretches(old: Sequence[Cell], new: Sequence[Cell]) -> Iterator[tuple[int, int]]:
    """From where to where cells differ; those of wide characters stay together."""
    start, end = -1, -1
    for i, cell in enumerate(new):
        if i < len(old) and old[i] == cell:
            continue
        if start >= 0 and i - end > NEAR:
            yield start, end
            start = -1
        if start < 0:
            start = i
        end = i + 1
        while end < len(new) and not new[end][0]:
            end += 1
        while not new[start][0]:
            start -= 1
    if start >= 0:
        yield start, end


def spans_of(cells: Sequence[Cell]) -> tuple[tuple[str, str], ...]:
    """Cells as pieces of text."""
    return tuple(("".join(text for text, _ in same), style) for style, same in groupby(cells, key=lambda cell: cell[1]))
