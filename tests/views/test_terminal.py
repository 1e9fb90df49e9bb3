"""The live view in a real pseudo-terminal: what is on the screen at every moment, and what is left behind."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest
from patience import PATIENCE

PROGRAM = Path(__file__).parent / "terminal_program.py"
END_OF_FRAME = b"\x1b[?2026l"


class Screen(pyte.HistoryScreen):
    """A terminal that knows the alternate screen."""

    def __init__(self, columns: int, rows: int) -> None:
        self.alternate = False
        self.entered = self.left = 0
        super().__init__(columns, rows)

    def set_mode(self, *modes: int, **more: bool) -> None:
        """Entering the alternate screen clears it."""
        if 1049 in modes and more.get("private"):
            self.alternate = True
            self.entered += 1
            self.erase_in_display(2)
        super().set_mode(*modes, **more)

    def reset_mode(self, *modes: int, **more: bool) -> None:
        """Leaving it brings the normal screen back (here: an empty one)."""
        if 1049 in modes and more.get("private"):
            self.alternate = False
            self.left += 1
            self.erase_in_display(2)
            self.cursor_position(1, 1)
        super().reset_mode(*modes, **more)


class Session:
    """A program in a pseudo-terminal."""

    def __init__(self, *arguments: str, columns: int = 80, rows: int = 24, **environ: str) -> None:
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.modes = termios.tcgetattr(slave)
        env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
        env |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"} | environ

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments], stdin=slave, stdout=slave, stderr=slave, env=env,
            preexec_fn=own_terminal,  # noqa: PLW1509
        )  # fmt: skip
        self.slave = slave
        self.screen = Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.sent = b""
        self.held = b""  # what may be the beginning of END_OF_FRAME
        self.frames: list[list[str]] = []  # the screen after each frame

    def resize(self, columns: int, rows: int) -> None:
        """As when the user drags the window's corner."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float) -> None:
        """Take what the program writes for a while, or until it ends."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not (self.process.poll() is not None and not self.pending()):
            if self.pending(min(left, 0.05)):
                data = os.read(self.master, 65536)
                self.sent += data
                self.show(self.held + data)

    def show(self, data: bytes) -> None:
        """Draw it; frames are kept only when they are whole, wherever the terminal cuts what is written."""
        cut = max(length for length in range(len(END_OF_FRAME)) if data.endswith(END_OF_FRAME[:length]))
        self.held = data[len(data) - cut :]
        *frames, rest = data[: len(data) - cut].split(END_OF_FRAME)
        for frame in frames:
            self.stream.feed(frame)
            if self.screen.alternate and any(row.strip() for row in self.screen.display):
                self.frames.append(list(self.screen.display))
        self.stream.feed(rest)

    def until(self, seen: Callable[[], bool]) -> None:
        """Read until something has come true: how long that takes is the machine's affair."""
        end = time.monotonic() + PATIENCE
        while not seen() and time.monotonic() < end and self.process.poll() is None:
            self.read(0.05)
        assert seen(), "\n".join(self.screen.display)

    def pending(self, seconds: float = 0.0) -> bool:
        """Whether there is something to read."""
        return bool(select.select([self.master], [], [], seconds)[0])

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def finish(self) -> int:
        """Read to the end."""
        self.read(PATIENCE)
        return self.process.wait(PATIENCE)

    def restored(self) -> bool:
        """Whether the terminal is as it was: modes, normal screen, cursor visible."""
        return (
            termios.tcgetattr(self.slave) == self.modes
            and not self.screen.alternate
            and self.screen.entered == self.screen.left > 0
            and not self.screen.cursor.hidden
        )


@contextmanager
def session(*arguments: str, **more: int | str) -> Iterator[Session]:
    """A session that leaves nothing behind."""
    one = Session(*arguments, **more)  # type: ignore[arg-type]
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        os.close(one.slave)
        os.close(one.master)


def test_to_the_end_without_flicker_and_the_terminal_given_back() -> None:
    with session("10") as one:
        assert one.finish() == 0
        assert "ended over at 19.6" in "\n".join(one.screen.display)
        assert one.restored()
        assert len(one.frames) >= 15
        busy = [sum(bool(row.strip()) for row in frame) for frame in one.frames]
        assert min(busy[1:]) >= 13  # never a blank screen: header, lanes, charts, counters, keys are always there
        for frame in one.frames[1:]:
            assert frame[0].lstrip("▶ ").startswith("small-outage")
            assert frame[3].startswith("breaker")
        assert b"\x1b[2J" not in one.sent
        assert b"\x1b[K" not in one.sent
        assert b"\n" not in one.sent[: one.sent.index(b"\x1b[?1049l")]  # nothing ever scrolls


def test_keys_pause_and_quit() -> None:
    with session("0.5") as one:
        one.until(lambda: len(one.frames) > 1)
        one.press(" ")
        one.until(lambda: "PAUSED" in one.screen.display[0])
        one.press("q")
        assert one.finish() == 0
        assert "ended quit" in "\n".join(one.screen.display)
        assert one.restored()


def test_ctrl_c_ends_it_with_what_was_simulated() -> None:
    with session("0.5") as one:
        one.until(lambda: len(one.frames) > 1)
        one.press("\x03")
        assert one.finish() == 0
        assert "ended interrupted" in "\n".join(one.screen.display)
        assert one.restored()


def test_ctrl_z_hands_the_terminal_back_and_goes_on_when_continued() -> None:
    with session("0.5") as one:
        one.until(lambda: len(one.frames) > 1)
        one.press("\x1a")  # its process group has no shell to stop for: it goes on at once
        one.until(lambda: (one.screen.entered, one.screen.left) == (2, 1))
        one.until(lambda: one.screen.display[23].startswith("q quit"))
        assert one.screen.display[0].lstrip("▶ ").startswith("small-outage")
        one.press("q")
        assert one.finish() == 0
        assert one.restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_killed_politely_it_gives_the_terminal_back(number: int) -> None:
    with session("0.5") as one:
        one.until(lambda: len(one.frames) > 1)
        one.process.send_signal(number)
        assert one.finish() == 128 + number
        assert one.restored()
        assert "ended interrupted" in "\n".join(one.screen.display)  # and goes on with what is known


def test_a_bug_in_the_middle_gives_the_terminal_back_and_shows_itself() -> None:
    with session("1", "fail") as one:
        assert one.finish() == 1
        assert "ZeroDivisionError" in "\n".join(one.screen.display)
        assert one.restored()


def test_resizing_fills_the_new_screen() -> None:
    with session("0.5") as one:
        one.until(lambda: len(one.frames) > 1)
        one.screen.resize(40, 140)
        one.resize(140, 40)
        one.until(lambda: one.screen.display[39].startswith("q quit"))
        assert "counters" in "\n".join(one.screen.display)
        one.press("q")
        assert one.finish() == 0


def test_no_color_is_honoured_when_it_is_not_empty() -> None:
    with session("100", NO_COLOR="1") as one:
        one.finish()
        assert not any(
            f"\x1b[{code}m".encode() in one.sent or f"\x1b[1;{code}m".encode() in one.sent for code in range(30, 38)
        )
        assert b"\x1b[90m" not in one.sent
        assert one.frames
    with session("100", NO_COLOR="") as one:
        one.finish()
        assert b"\x1b[32m" in one.sent


def test_a_terminal_without_unicode_gets_ascii() -> None:
    with session("100", PYTHONIOENCODING="ascii") as one:
        assert one.finish() == 0
        assert one.sent.isascii()
        assert one.frames
