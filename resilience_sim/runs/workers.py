"""Processes that work through a list of tasks, and what becomes of it when one of them is killed.

A line to each worker, so that it is always known who works on what. A worker that dies costs the task it was at:
what else it had been given goes to the others, and another one takes its place. Nothing here waits without a limit for
a process that could be gone, and no exception comes from a signal: Ctrl-C and its like are heard between two answers.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from resilience_sim.runs.endings import NUMBERS, Interrupts

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Task = TypeVar("Task")

IN_HAND = 2  # tasks that a worker has been given: the one it works on and the next, so that it never waits for us
GIVE_UP = 10  # workers that died in a row, without a single answer between: whatever kills them will kill the next
LOOK_UP = 0.1  # s between two looks whether somebody has pressed Ctrl-C
FAREWELL = 5.0  # s that a worker has to end by itself
SPARE_FILES = 16  # descriptors that must be free for a worker: its line, the start of a process, modules to import
# Forking is the quickest start and safe here (no threads yet); where it is not offered, a fresh interpreter.
FORKS = sys.platform == "linux"
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass
class _Worker(Generic[Task]):
    process: BaseProcess
    line: Connection
    given: deque[Task] = field(default_factory=deque)  # the one it works on first


class Crew(Generic[Task]):
    """At most ``size`` workers; each answers a task with ``answer(task)``, which must not raise.

    ``on_answer(task, answer)`` and ``on_loss(task, cause)`` are told what became of each task, in any order.
    """

    def __init__(
        self,
        size: int,
        answer: Callable[[Task], Any],
        on_answer: Callable[[Task, Any], None],
        on_loss: Callable[[Task, str], None],
    ) -> None:
        self._size = size
        self._answer = answer
        self._on_answer = on_answer
        self._on_loss = on_loss
        self._workers: dict[Connection, _Worker[Task]] = {}
        self._todo: deque[Task] = deque()
        self._deaths = 0  # since the last answer
        self._interrupts = Interrupts(patient=True)

    def work_through(self, tasks: Sequence[Task]) -> list[Task]:
        """Have every task answered. What is left over where no process can be started: it is to be done without.

        KeyboardInterrupt, after the workers have been ended, when somebody presses Ctrl-C.
        """
        from multiprocessing.connection import wait

        self._todo = deque(tasks)
        with self._interrupts:
            try:
                while True:
                    self._hire()
                    self._hand_out()
                    if not self._workers or not any(worker.given for worker in self._workers.values()):
                        break
                    for line in wait(list(self._workers), LOOK_UP):
                        self._hear(self._workers[cast("Connection", line)])
                    self._interrupts.check()
                if self._deaths >= GIVE_UP:
                    for task in self._todo:
                        self._on_loss(task, f"given up, as {self._deaths} processes in a row had ended")
                    self._todo.clear()
            except BaseException:
                for worker in self._workers.values():
                    worker.process.kill()  # SIGTERM is lost in a fresh fork, while it still has handlers of ours
                raise
            finally:
                self._dismiss()
        return list(self._todo)

    def _hire(self) -> None:
        """Fill the crew, as far as there is work for it and the system has room for another process."""
        import multiprocessing

        context = multiprocessing.get_context("fork" if FORKS else "spawn")
        start: Callable[..., BaseProcess] = context.Process  # type: ignore[attr-defined]
        idle = sum(not worker.given for worker in self._workers.values())
        while len(self._todo) > idle and len(self._workers) < self._size and self._deaths < GIVE_UP:
            try:
                _room_for_another()
                line, far_end = multiprocessing.Pipe()
            except OSError:
                self._size = len(self._workers)
                return
            # The parent's ends of all lines: a fork has them open, too, and the lines would never end.
            inherited = [*self._workers, line] if FORKS else []
            worker = start(target=_serve, args=(far_end, self._answer, os.getpid(), inherited), daemon=True)
            try:
                worker.start()
            except OSError:
                line.close()
                self._size = len(self._workers)
                return
            finally:
                far_end.close()  # else it would stay open when the worker dies
            self._workers[line] = _Worker(worker, line)
            idle += 1

    def _hand_out(self) -> None:
        """Give every worker its share: first each one task, then each the next in advance."""
        for share in range(1, IN_HAND + 1):
            for worker in list(self._workers.values()):
                if not self._todo or len(worker.given) >= share:
                    continue
                task = self._todo.popleft()
                try:
                    worker.line.send(task)
                except OSError:  # it has died; what it was at is found out by listening to it
                    self._todo.appendleft(task)
                    if not worker.given:
                        self._bury(worker)
                else:
                    worker.given.append(task)

    def _hear(self, worker: _Worker[Task]) -> None:
        try:
            answer = worker.line.recv()
        except (EOFError, OSError):  # OSError: it died while it was sending
            self._bury(worker)
            return
        self._deaths = 0
        self._on_answer(worker.given.popleft(), answer)

    def _bury(self, worker: _Worker[Task]) -> None:
        """One has died: the task it was at is lost, the others go back."""
        del self._workers[worker.line]
        worker.line.close()
        _end(worker.process)
        if -(worker.process.exitcode or 0) in NUMBERS:  # meant for all of us, and on its way to this process?
            time.sleep(LOOK_UP)
            self._interrupts.check()
        self._deaths += 1
        if worker.given:
            self._on_loss(worker.given.popleft(), _ending(worker.process.exitcode))
        self._todo.extendleft(reversed(worker.given))

    def _dismiss(self) -> None:
        """End all of them; a closed line tells those that are waiting for work."""
        workers = list(self._workers.values())
        self._workers.clear()
        for worker in workers:
            worker.line.close()
        for worker in workers:
            _end(worker.process)


def _room_for_another() -> None:
    """OSError where a process could be started halfway, or would leave no room for the files that we need ourselves."""
    taken: list[int] = []
    try:
        for _ in range(SPARE_FILES):
            taken.append(os.open(os.devnull, os.O_RDONLY))
    finally:
        for each in taken:
            os.close(each)


def _end(process: BaseProcess) -> None:
    """Wait for a process that has every reason to end; kill one that does not."""
    process.join(FAREWELL)
    if process.exitcode is None:
        process.kill()
        process.join(FAREWELL)


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"its process ended (exit code {code})"
    return f"its process was killed (signal {-code}{', perhaps for lack of memory' if code == -9 else ''})"


def _serve(line: Connection, answer: Callable[[Any], Any], parent: int, inherited: Sequence[Connection]) -> None:
    """In a worker: answer tasks until the line is closed. Ctrl-C is left to the parent, which ends us."""
    for number in NUMBERS:  # there is nothing here to put in order
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    for each in inherited:
        each.close()
    _die_with(parent)
    with suppress(EOFError, OSError):  # the parent has closed its end, or is gone
        while True:
            line.send(answer(line.recv()))


def _die_with(parent: int) -> None:
    """Let the system kill this process when its parent ends, whatever ended it and whatever we are doing then."""
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)  # it ended before the system knew whom to watch
