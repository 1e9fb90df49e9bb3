"""The stage in a real terminal: alternate screen, keyboard, signals, wall clock. Whatever happens, all of it is undone.

Frames become bytes in one write, and only the rows that changed: nothing is erased before it is drawn over, and each
write stands between the marks of synchronised output (DEC 2026; a terminal that does not know it ignores it), so no row
is blank between two frames.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import FrameType, TracebackType
from typing import Any, TextIO

from rich.color import ColorSystem
from rich.console import Console

from resilience_sim.runs import endings
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


ARROWS = {"\x1b[C": "+", "\x1b[A": "+", "\x1b[D": "-", "\x1b[B": "-"}


class Terminal:
    """A :class:`~resilience_sim.views.live.driver.Stage`; use it as a context manager, on the main thread."""

    def __init__(self, console: Console, stdin_fd: int | None = None) -> None:
        self.console = console
        self.stop_asked = False
        self._suspend_asked = False
        self._keyboard = Keyboard(sys.stdin.fileno() if stdin_fd is None and _has_fd(sys.stdin) else stdin_fd)
        self.keys = self._keyboard.usable
        self._painter = Painter(console)
        self._taken = False
        self._handlers: dict[int, Any] = {}

    # --- what the driver uses -------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def size(self) -> tuple[int, int]:
        """Columns and rows as they are now: the user may have resized the window."""
        size = self.console.size
        return size.width, size.height

    def show(self, sheet: Sheet) -> None:
        self._painter.paint(sheet, (sheet.width, len(sheet.rows)))

    def wait(self, seconds: float) -> str:
        """Sleep, or return early with the keys pressed."""
        if self._suspend_asked:
            self._suspend()
        return self._keyboard.read(seconds)

    # --- taking over the terminal and giving it back --------------------------------------------------------------

    def __enter__(self) -> Terminal:
        for number in endings.NUMBERS:
            self._catch(number, self._on_interrupt)
        if hasattr(signal, "SIGTSTP"):
            self._catch(signal.SIGTSTP, self._on_suspend)
        try:
            self._take()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._give_back()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            self._handlers.clear()

    def _take(self) -> None:
        self._keyboard.take()
        self._taken = True
        self._painter.enter()

    def _give_back(self) -> None:
        try:
            if self._taken:
                self._taken = False
                with suppress(OSError):  # nobody is there any more to see it
                    self._painter.leave()
        finally:
            self._keyboard.give_back()

    # --- signals --------------------------------------------------------------------------------------------------

    def _catch(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        with suppress(ValueError):  # only the main thread may set signal handlers
            self._handlers[number] = signal.signal(number, handler)

    def _on_interrupt(self, number: int, at: FrameType | None) -> None:
        """Ctrl-C and its like stop between two events; a second one does not wait for that."""
        if self.stop_asked:
            endings.end(number, at)
        self.stop_asked = True
        endings.note(number)

    def _on_suspend(self, number: int, at: FrameType | None) -> None:
        self._suspend_asked = True

    def _suspend(self) -> None:
        """Ctrl-Z: hand the terminal back, stop, and take it again when continued."""
        self._suspend_asked = False
        self._give_back()
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, ours)
        self._take()


class Keyboard:
    """Keys one by one, unechoed; Ctrl-C stays a signal. Not usable: nobody sits there, or we are in the background."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self._saved: list[Any] | None = None
        self.usable = fd is not None and _in_foreground(fd)

    def take(self) -> None:
        if not self.usable or self._fd is None:
            return
        import termios
        import tty

        self._saved = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSADRAIN)

    def give_back(self) -> None:
        if self._saved is not None and self._fd is not None:
            import termios

            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)
            self._saved = None

    def read(self, seconds: float) -> str:
        """The keys pressed within ``seconds``; returns as soon as there are any. Arrows count as + and -."""
        if not self.usable or self._fd is None:
            time.sleep(seconds)
            return ""
        if not select.select([self._fd], [], [], seconds)[0]:
            return ""
        try:
            text = os.read(self._fd, 64).decode("utf-8", "replace")
        except OSError:
            text = ""
        if not text:  # hung up
            self.usable = False
            return ""
        for sequence, key in ARROWS.items():
            text = text.replace(sequence, key)
        return "" if text.startswith("\x1b[") or text.startswith("\x1bO") else text


def _in_foreground(fd: int) -> bool:
    try:
        import termios  # noqa: F401 - absent on Windows

        return os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp()
    except (ImportError, OSError):
        return False


def _has_fd(stream: Any) -> bool:
    try:
        return stream is not None and stream.fileno() >= 0
    except (OSError, ValueError):
        return False
