"""Frames to terminal bytes: only the rows that changed, in one write.

Owns the escape sequences. Refuses to know what a frame shows. Nothing is ever erased before it is drawn over, and each
write stands between the marks of synchronised output (DEC 2026; a terminal that does not know it ignores it), so no
row is blank between two frames. A slow line carries only what is new.
"""

from __future__ import annotations

from functools import cache
from typing import TextIO

from rich.color import ColorSystem
from rich.console import Console

from resilience_sim.views.text import Row, Sheet, style_of, writable

SYNC_ON, SYNC_OFF = "\x1b[?2026h", "\x1b[?2026l"
ENTER, LEAVE = "\x1b[?1049h\x1b[H\x1b[?25l", "\x1b[?25h\x1b[?1049l"
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.WINDOWS,
}


@cache
def _codes(style: str, system: ColorSystem | None, colour: bool) -> tuple[str, str]:
    """What to write before and after a text of some style."""
    rich_style = style_of(style)
    rendered = (rich_style if colour else rich_style.without_color).render("\0", color_system=system)
    before, _, after = rendered.partition("\0")
    return before, after


class Painter:
    """Keeps what is on the screen and writes the difference."""

    def __init__(self, console: Console) -> None:
        self._file: TextIO = console.file  # type: ignore[assignment]
        self._encoding = console.encoding
        self._colour = not console.no_color
        self._system = SYSTEMS.get(console.color_system or "", ColorSystem.STANDARD)
        self._shown: list[list[tuple[str, str]]] = []
        self._size = (0, 0)

    def enter(self) -> None:
        """Switch to the alternate screen and hide the cursor."""
        self._shown = []
        self._write(ENTER)

    def leave(self) -> None:
        """Switch back: what was on the screen before is there again."""
        self._write(LEAVE)

    def paint(self, sheet: Sheet, size: tuple[int, int]) -> None:
        """Draw the rows that differ from what is shown; all of them after a change of size."""
        if size != self._size:
            self._size = size
            self._shown = []
        pieces = []
        for index, row in enumerate(sheet.rows):
            if index >= len(self._shown) or self._shown[index] != row.spans:
                pieces.append(f"\x1b[{index + 1};1H{self._ansi(row)}")
        if pieces:
            self._write(SYNC_ON + NO_WRAP + "".join(pieces) + WRAP + SYNC_OFF)
        self._shown = [row.spans for row in sheet.rows]

    def _ansi(self, row: Row) -> str:
        parts = []
        for text, style in row.spans:
            before, after = _codes(style, self._system, self._colour)
            parts.append(f"{before}{text}{after}")
        return "".join(parts)

    def _write(self, text: str) -> None:
        self._file.write(writable(text, self._encoding))
        self._file.flush()
