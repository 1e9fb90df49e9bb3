"""Workers that are killed at every stage, by a real signal: each costs its own task, and nobody waits for the dead."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from patience import PATIENCE

from resilience_sim.runs import workers
from resilience_sim.runs.workers import GIVE_UP, Crew

KILLED = "its process was killed (signal 9, perhaps for lack of memory)"


class Told:
    """What a crew reports."""

    def __init__(self) -> None:
        self.answers: dict[int, object] = {}
        self.lost: dict[int, str] = {}

    def crew(self, answer: Callable[[int], object], size: int = 3) -> Crew[int]:
        return Crew(size, answer, self.heard, self.missed)

    def heard(self, task: int, answer: object) -> None:
        self.answers[task] = answer

    def missed(self, task: int, cause: str) -> None:
        assert task not in self.lost
        self.lost[task] = cause


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    """Whatever happened."""
    yield
    assert multiprocessing.active_children() == []


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def until(there: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def test_killed_while_it_runs() -> None:
    """The second task that it had been given is done by another."""
    told = Told()

    def answer(task: int) -> int:
        if task == 2:
            die()
        return task * task

    assert told.crew(answer).work_through(range(12)) == []
    assert told.lost == {2: KILLED}
    assert told.answers == {task: task * task for task in range(12) if task != 2}


def test_killed_while_it_sends(tmp_path: Path) -> None:
    """Half of an answer is none."""
    told = Told()
    mark = tmp_path / "pid"

    def answer(task: int) -> object:
        if task != 1:
            return task
        (tmp_path / "new").write_text(str(os.getpid()))
        (tmp_path / "new").rename(mark)
        return b"x" * 50_000_000  # more than a line holds: it waits until somebody reads

    def heard(task: int, answer: object) -> None:
        told.heard(task, answer)
        if len(told.answers) == 1:  # nothing is read meanwhile
            until(mark.exists)
            time.sleep(0.2)
            os.kill(int(mark.read_text()), signal.SIGKILL)

    assert Crew(2, answer, heard, told.missed).work_through(range(6)) == []
    assert told.lost == {1: KILLED}
    assert sorted(told.answers) == [0, 2, 3, 4, 5]


def test_killed_while_idle(tmp_path: Path) -> None:
    """It costs nothing, and what is left over from another death still finds somebody."""
    told = Told()

    def answer(task: int) -> int:
        if task == 0:
            until((tmp_path / "over").exists)
        return os.getpid()

    def heard(task: int, pid: object) -> None:
        told.heard(task, pid)
        if task == 1:  # the only other one: from now on its worker is idle
            assert isinstance(pid, int)
            os.kill(pid, signal.SIGKILL)
            until(lambda: b" Z " in Path(f"/proc/{pid}/stat").read_bytes() or time.sleep(0.2) is None)
            (tmp_path / "over").touch()

    assert Crew(2, answer, heard, told.missed).work_through([0, 1]) == []
    assert told.lost == {}
    assert sorted(told.answers) == [0, 1]


def test_all_are_killed_at_once() -> None:
    """Three tasks are lost, the others are done by those that take their place."""
    told = Told()

    def answer(task: int) -> int:
        if task < 3:
            time.sleep(0.1)
            die()
        return task

    assert told.crew(answer).work_through(range(20)) == []
    assert told.lost == dict.fromkeys(range(3), KILLED)
    assert sorted(told.answers) == list(range(3, 20))


def test_killed_again_and_again_it_gives_up_with_what_is_known() -> None:
    """Whatever kills each of them is not outlived by trying on."""
    told = Told()

    def answer(task: int) -> int:
        if task >= 5:
            die()
        return task

    assert told.crew(answer).work_through(range(1000)) == []
    assert sorted(told.answers) == list(range(5))
    assert sorted(told.lost) == list(range(5, 1000))
    causes = list(told.lost.values())
    assert GIVE_UP <= causes.count(KILLED) <= 3 * GIVE_UP  # answers between them count anew
    assert "processes in a row had ended" in causes[-1]


def test_deaths_with_answers_between_are_not_the_end() -> None:
    """Every other task kills its worker: the rest is done all the same."""
    told = Told()

    def answer(task: int) -> int:
        if task % 2:
            die()
        return task

    assert told.crew(answer, 2).work_through(range(60)) == []
    assert sorted([*told.answers, *told.lost]) == list(range(60))
    assert len(told.answers) >= 20


def test_one_that_stops_answering_is_ended_by_ctrl_c(tmp_path: Path) -> None:
    """Stopped, not dead: nothing tells; but who waits can leave."""
    told = Told()

    def answer(task: int) -> int:
        if task == 1:
            os.kill(os.getppid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGSTOP)
        return task

    with pytest.raises(KeyboardInterrupt):
        told.crew(answer, 2).work_through(range(6))
    assert 1 not in told.answers


@contextmanager
def files_left(number: int) -> Iterator[None]:
    """Let this process open only so many more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]  # the lowest numbers that are free: no gap is left
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1 + number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in held:
            os.close(each)


def test_without_files_for_a_process_the_tasks_are_left_over() -> None:
    """They are to be done without; `ulimit -n 8` was a fault in resim."""
    told = Told()
    with files_left(3):
        assert told.crew(lambda task: task).work_through(range(5)) == list(range(5))
    assert told.answers == told.lost == {}


def test_with_files_for_one_process_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than an error."""
    started = []
    start = BaseProcess.start

    def counted(process: BaseProcess) -> None:
        start(process)
        started.append(process.pid)

    monkeypatch.setattr(BaseProcess, "start", counted)
    told = Told()
    with files_left(workers.SPARE_FILES + 1):
        assert told.crew(lambda task: task).work_through(range(8)) == []
    assert len(started) == 1
    assert sorted(told.answers) == list(range(8))
    assert told.lost == {}
