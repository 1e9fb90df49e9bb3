"""The environment of a command: streams, terminal, environment variables, clock.

All of it can be replaced, so that tests run whole commands in process. Also decides where color goes.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.views.live.driver import Stage

NOT_CAPABLE = ("", "dumb", "unknown")  # values of TERM for terminals that cannot move the cursor


@dataclass
class Environment:
    """What one command may look at and write to. ``columns`` and ``rows`` None: ask the terminal."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str] = field(default_factory=dict)
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    columns: int | None = None
    rows: int | None = None
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    color: str = "auto"
    stdout_failed: bool = False  # and somebody has said so

    @property
    def encoding(self) -> str | None:
        """The encoding of standard output; None if it takes any text."""
        return getattr(self.stdout, "encoding", None)

    @property
    def capable(self) -> bool:
        """Whether TERM names a terminal that can move the cursor."""
        return self.environ.get("TERM", "") not in NOT_CAPABLE

    def wants_color(self, terminal: bool) -> bool:
        """Whether a stream gets color: --color decides, then NO_COLOR, FORCE_COLOR, TERM, then the stream itself."""
        if self.color != "auto":
            return self.color == "always"
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR", "0") not in ("", "0"):
            return True
        return terminal and self.capable

    @property
    def stdout_color(self) -> bool:
        return self.wants_color(self.stdout_is_terminal)

    @property
    def stderr_color(self) -> bool:
        return self.wants_color(self.stderr_is_terminal)

    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal; 80 x 24 if there is none."""
        if self.columns is not None:
            return self.columns, self.rows or 24
        import shutil

        found = shutil.get_terminal_size((80, 24))
        return max(20, found.columns), max(5, found.lines)

    def console(self, stderr: bool = False) -> Console:
        """A Rich console on standard output or standard error."""
        from rich.console import Console

        terminal = self.stderr_is_terminal if stderr else self.stdout_is_terminal
        color = self.wants_color(terminal)
        fixed = terminal and self.columns is not None
        return Console(
            file=self.stderr if stderr else self.stdout,
            force_terminal=terminal,
            color_system="standard" if color else None,
            no_color=not color,
            width=self.size()[0] if fixed or not terminal else None,
            height=self.size()[1] if fixed or not terminal else None,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            _environ={**self.environ},
        )

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """The terminal, taken over for a live view and given back afterwards."""
        from resilience_sim.views.live.terminal import Terminal

        with Terminal(self.console()) as terminal:
            yield terminal

    @contextmanager
    def as_process(self) -> Iterator[None]:
        """Make these streams ``sys.stdin``, ``sys.stdout`` and ``sys.stderr``."""
        before = sys.stdin
        sys.stdin = self.stdin
        try:
            with redirect_stdout(self.stdout), redirect_stderr(self.stderr):
                yield
        finally:
            sys.stdin = before


def of_process() -> Environment:
    """The environment of this process."""
    stdin = sys.stdin if sys.stdin is not None else _null_stream()
    stdout = sys.stdout if sys.stdout is not None else _null_stream()
    stderr = sys.stderr if sys.stderr is not None else _null_stream()
    for stream in (stdout, stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name in another alphabet must not fail
    return Environment(stdin, stdout, stderr, os.environ, _isatty(stdout), _isatty(stderr))


def _isatty(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _null_stream() -> TextIO:
    """A stand-in for a stream that was closed before the program started."""
    return open(os.devnull, "r+", encoding="utf-8")  # noqa: PTH123 (lives as long as the process)
