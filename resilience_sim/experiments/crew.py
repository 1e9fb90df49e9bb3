"""Who does the work of an experiment: this process, several, or machines elsewhere. The answer is the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from resilience_sim.runs.batch import NO_MEMORY, cores

T = TypeVar("T")
A = TypeVar("A")


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


@dataclass(frozen=True)
class Processes:
    """Processes of this machine, ``size`` at most. One that is killed costs nothing: its task goes to another."""

    size: int

    def map(self, work: Callable[[T], A], tasks: Sequence[T], on_answer: Callable[[A], None] | None = None) -> list[A]:
        """In any order."""
        from resilience_sim.runs.workers import Crew as Workers

        answers: dict[int, A] = {}
        lost: dict[int, str] = {}

        def take(task: tuple[int, T], answer: Any) -> None:
            if isinstance(answer, WorkFailed):
                raise answer
            answers[task[0]] = answer
            if on_answer is not None:
                on_answer(answer)

        def lose(task: tuple[int, T], cause: str) -> None:
            lost[task[0]] = cause

        todo = list(enumerate(tasks))
        for attempt in range(2):
            size = min(self.size, len(todo))
            left = todo
            if size > 1 or attempt:
                left = Workers(size, Guarded(work), take, lose).work_through(todo)
            for task in left:
                take(task, work(task[1]))
            todo = [(number, tasks[number]) for number in sorted(lost)]
            if not todo:
                break
            if attempt:
                raise WorkFailed(next(iter(lost.values())))
            lost.clear()
        return [answers[number] for number in range(len(tasks))]


@dataclass(frozen=True)
class Guarded:
    """Work that is done elsewhere, and must not raise there."""

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
