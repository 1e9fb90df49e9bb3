"""Who does the work of an experiment: this process, several, or machines elsewhere. The answer is the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from resilience_sim.runs.batch import NO_MEMORY, cores

T = TypeVar("T")
A = TypeVar("A")
WORTH_PROCESSES = 0.1  # s of work: some times what it takes to start them


class WorkFailed(Exception):
    """A piece of work has no answer: it failed, or whoever was at it was killed twice."""


class Crew(Protocol):
    """Does independent pieces of work. ``work`` and the tasks can be pickled; an answer depends on nothing else."""

    def map(self, work: Callable[[T], A], tasks: Sequence[T], on_answer: Callable[[A], None] | None = None) -> list[A]:
        """The answer to every task, in the order of the tasks; ``on_answer`` hears of them in any order.

        Raises:
            WorkFailed: one of them has no answer.
            KeyboardInterrupt: somebody pressed Ctrl-C; what was heard before stands.
        """


class Answers(Generic[A]):
    """What has come of some tasks, which are known by their numbers."""

    def __init__(self, on_answer: Callable[[A], None] | None) -> None:
        self._known: dict[int, A] = {}
        self._on_answer = on_answer

    def take(self, task: tuple[int, Any], answer: A | WorkFailed) -> None:
        """One more. Raises what it is, if it is a failure."""
        if isinstance(answer, WorkFailed):
            raise answer
        self._known[task[0]] = answer
        if self._on_answer is not None:
            self._on_answer(answer)

    def in_order(self) -> list[A]:
        return [self._known[number] for number in sorted(self._known)]


class Pace:
    """How long a task takes, by the kind of work, once some have been done: what is short is not worth a trip."""

    def __init__(self) -> None:
        self._seconds: dict[type, float] = {}

    def of(self, kind: type) -> float | None:
        """Seconds; None when nobody knows yet."""
        return self._seconds.get(kind)

    def learn(self, kind: type, seconds: float, tasks: int) -> None:
        """So many tasks have taken that long."""
        pace = seconds / tasks
        self._seconds[kind] = (self._seconds.get(kind, pace) + pace) / 2

    def is_short(self, kind: type, tasks: int, seconds: float) -> bool:
        """Whether so many tasks are known to take less."""
        pace = self.of(kind)
        return pace is not None and pace * tasks < seconds

    def at_home(
        self, work: Callable[[T], A], tasks: Sequence[T], on_answer: Callable[[A], None] | None = None
    ) -> list[A]:
        """Do it here, one after the other; as elsewhere, work must not raise."""
        begun = time.perf_counter()
        answers, do = Answers[A](on_answer), Guarded(work)
        for task in enumerate(tasks):
            answers.take(task, do(task))
        if tasks:
            self.learn(type(work), time.perf_counter() - begun, len(tasks))
        return answers.in_order()


class Alone:
    """Nobody but this process."""

    def map(self, work: Callable[[T], A], tasks: Sequence[T], on_answer: Callable[[A], None] | None = None) -> list[A]:
        """One after the other."""
        answers = []
        for task in tasks:
            answers.append(work(task))
            if on_answer is not None:
                on_answer(answers[-1])
        return answers


class Processes:
    """Processes of this machine, ``size`` at most. One that is killed costs nothing: its task goes to another.

    They are started for a map that takes longer than that.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pace = Pace()

    def map(self, work: Callable[[T], A], tasks: Sequence[T], on_answer: Callable[[A], None] | None = None) -> list[A]:
        """In any order."""
        from resilience_sim.runs.workers import Crew as Workers

        kind = type(work)
        if len(tasks) < 2 or self._pace.is_short(kind, len(tasks), WORTH_PROCESSES):
            return self._pace.at_home(work, tasks, on_answer)
        answers = Answers[A](on_answer)
        lost: dict[int, str] = {}

        def lose(task: tuple[int, T], cause: str) -> None:
            lost[task[0]] = cause

        begun = time.perf_counter()
        todo = list(enumerate(tasks))
        for attempt in range(2):
            for task in Workers(min(self.size, len(todo)), Guarded(work), answers.take, lose).work_through(todo):
                answers.take(task, work(task[1]))
            todo = [(number, tasks[number]) for number in sorted(lost)]
            if not todo:
                break
            if attempt:
                raise WorkFailed(next(iter(lost.values())))
            lost.clear()
        self._pace.learn(kind, self.size * (time.perf_counter() - begun), len(tasks))
        return answers.in_order()


@dataclass(frozen=True)
class Guarded:
    """Work that must not raise where it is done."""

    work: Callable[[Any], Any]

    def __call__(self, task: tuple[int, Any]) -> Any:
        try:
            return self.work(task[1])
        except MemoryError:
            return WorkFailed(NO_MEMORY)
        except Exception as error:
            return WorkFailed(f"{type(error).__name__}: {error}")


def local_crew(workers: int = 0) -> Crew:
    """The cores of this machine, or that many processes."""
    number = workers or cores()
    return Processes(number) if number > 1 else Alone()
