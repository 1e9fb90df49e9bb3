"""A command that is ended from outside: Ctrl-C, SIGTERM and SIGHUP do the same, except for the exit code.

Where nothing is going on they are exceptions (:func:`end`). While something is simulated an exception at any place
would leave half of an event in the figures, or be swallowed where Python runs code whose exceptions it ignores; there
:class:`Interrupts` takes a note, and whoever simulates looks at it between two steps.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

NUMBERS = tuple(int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], object]


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: whoever keeps what is known after Ctrl-C does so then."""


class _Seen:
    terminated = 0  # the number of the last signal that was not Ctrl-C
    unheard = 0  # one whose exception may have been swallowed


def terminated_by() -> int:
    """The number of the signal that ends this process; 0 when nothing does, or Ctrl-C."""
    return _Seen.terminated


def note(number: int) -> None:
    """Remember what the exit code has to say."""
    if number != signal.SIGINT:
        _Seen.terminated = number


def end(number: int, frame: FrameType | None) -> None:
    """The handler of a command."""
    note(number)
    _Seen.unheard = number
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def install() -> None:
    """Let them unwind this process instead of cutting it off. Not those that are ignored, as nohup does."""
    ours = [number for number in NUMBERS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    for number in ours:
        signal.signal(number, end)


class Interrupts:
    """A context in which the first of these signals only sets ``asked``; a second one does not wait.

    ``patient``: no number of them raises anything, until somebody calls :meth:`check`.
    """

    def __init__(self, patient: bool = False) -> None:
        self.asked = 0
        self._patient = patient
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> Interrupts:
        self.asked = _Seen.unheard
        if threading.current_thread() is threading.main_thread():  # which alone may handle signals
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

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked and not self._patient:
            self._before[number](number, frame)
        self.asked = number
        note(number)
