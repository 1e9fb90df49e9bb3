"""A command that is ended from outside: Ctrl-C, SIGTERM and SIGHUP do the same, except for the exit code.

Where nothing is going on they are exceptions (:func:`end`). While something is simulated an exception at any place
would leave half of an event in the figures, or be swallowed where Python runs code whose exceptions it ignores; there
:class:`Interrupts` takes a note, and whoever simulates looks at it between two steps. The compiled core must not see
one at all (:class:`Whole`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import wraps
from types import FrameType, TracebackType
from typing import ParamSpec, TypeVar

NUMBERS = tuple(int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], object]
P = ParamSpec("P")
R = TypeVar("R")


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: whoever keeps what is known after Ctrl-C does so then."""


class _Seen:
    terminated = 0  # the number of the last signal that was not Ctrl-C
    unheard = 0  # one whose exception may have been swallowed
    whole = 0  # how many of :class:`Whole` there are around this
    held = 0  # the number of one that waits for their end


def terminated_by() -> int:
    """The number of the signal that ends this process; 0 when nothing does, or Ctrl-C."""
    return _Seen.terminated


def note(number: int) -> None:
    """Remember what the exit code has to say."""
    if number != signal.SIGINT:
        _Seen.terminated = number


def end(number: int, frame: FrameType | None) -> None:
    """The handler of a command. The first within a :class:`Whole` waits for its end."""
    note(number)
    if _Seen.whole and not _Seen.held:
        _Seen.held = number
        return
    _Seen.unheard = number
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _in_main_thread() -> bool:
    """Whether this is the thread that Python has handle signals."""
    return threading.get_ident() == threading.main_thread().ident


class Whole:
    """A context in which :func:`end` raises nothing, but for a second signal; what was held back comes at its end.

    For calls of the compiled core. Where it multiplies long integers, Python looks for signals, and mypyc takes an
    exception there for a lack of memory and aborts the process (lib-rt/int_ops.c of mypyc 2.4).
    """

    def __enter__(self) -> None:
        self._main = _in_main_thread()
        _Seen.whole += self._main

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _Seen.whole -= self._main
        if self._main and _Seen.held and not _Seen.whole:
            number, _Seen.held = _Seen.held, 0
            end(number, None)


def as_in_a_command(function: Callable[P, R]) -> Callable[P, R]:
    """Have Ctrl-C during a function handled by :func:`end`, where it is left to Python."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _in_main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return function(*args, **kwargs)
        signal.signal(signal.SIGINT, end)
        try:
            return function(*args, **kwargs)
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _Seen.unheard = 0

    return wrapped


def install() -> None:
    """Let them unwind this process instead of cutting it off. Not those that are ignored, as nohup does."""
    ours = [number for number in NUMBERS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    for number in ours:
        signal.signal(number, end)


class Interrupts:
    """A context in which the first of these signals only sets ``asked``; a second one does not wait.

    ``patient``: no number of them raises anything, until somebody calls :meth:`check`, or the context ends.
    """

    def __init__(self, patient: bool = False) -> None:
        self.asked = 0
        self._patient = patient
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> Interrupts:
        self.asked = _Seen.unheard
        if _in_main_thread():
            for number in NUMBERS:
                before = signal.getsignal(number)
                if callable(before):  # neither ignored nor left to the system
                    self._before[number] = before
                    signal.signal(number, self._on_signal)
        return self

    def check(self) -> None:
        """Do now what the signal does elsewhere: raise KeyboardInterrupt, as a rule."""
        if self.asked:
            number, self.asked = self.asked, 0
            self._before.get(number, end)(number, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if self._patient and kind is None:
            self.check()  # it may have come after the last look

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked and not self._patient:
            self._before[number](number, frame)
        self.asked = number
        note(number)
