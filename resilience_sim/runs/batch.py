"""Many seeds, many variants, all cores.

Worker processes are started once, each plan is sent once, results are handed over as they come. A run is a pure
function of (plan, seed), so the order in which runs finish changes nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from resilience_sim.measure.result import RunResult
from resilience_sim.runs.simulate import simulate
from resilience_sim.settings.plan import Plan

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Results = dict[str, list[RunResult]]
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


class RunFailed(Exception):
    """A run failed: in which variant, with which seed, and why. Running just that seed reproduces it."""

    def __init__(self, variant: str, seed: int, cause: str) -> None:
        self.variant = variant
        self.seed = seed
        self.cause = cause
        super().__init__(f"{variant}, seed {seed}: {cause}")

    def __reduce__(self) -> tuple[type[RunFailed], tuple[str, int, str]]:
        """Pickle by its parts."""
        return (RunFailed, (self.variant, self.seed, self.cause))


@dataclass(slots=True)
class Batch:
    """The results of many runs: by variant, in the order of the seeds. ``interrupted``: some are missing."""

    results: Results = field(default_factory=dict)
    interrupted: bool = False


def cores() -> int:
    """How many processes may run at once: the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def run_many(
    plans: Mapping[str, Plan],
    seeds: Sequence[int],
    workers: int = 0,
    on_result: Callable[[str, RunResult], None] | None = None,
    series: int = 0,
    metrics: Sequence[str] | None = None,
) -> Batch:
    """Run every plan with every seed.

    ``workers`` 0: one per core. ``series`` and ``metrics``: see :func:`simulate`. ``on_result(variant, result)`` is
    called for each run as it finishes, in any order.
    KeyboardInterrupt ends the workers at once and returns what is done.

    Raises:
        RunFailed: one run failed; the others are abandoned.
    """
    tasks = [(name, seed) for seed in seeds for name in plans]
    workers = min(workers or cores(), len(tasks))
    done: dict[tuple[str, int], RunResult] = {}

    def take(name: str, result: RunResult) -> None:
        done[name, result.seed] = result
        if on_result is not None:
            on_result(name, result)

    interrupted = False
    try:
        if workers <= 1:
            for name, seed in tasks:
                take(name, _run(plans[name], name, seed, series, metrics))
        else:
            _run_on(workers, plans, tasks, series, metrics, take)
    except KeyboardInterrupt:
        interrupted = True
    results = {name: [done[name, seed] for seed in seeds if (name, seed) in done] for name in plans}
    return Batch(results, interrupted)


def _run(plan: Plan, name: str, seed: int, series: int, metrics: Sequence[str] | None) -> RunResult:
    try:
        return simulate(plan, seed, series=series, metrics=metrics)
    except Exception as error:
        raise RunFailed(name, seed, f"{type(error).__name__}: {error}") from error


def _serve(
    line: Connection,
    plans: Mapping[str, Plan],
    series: int,
    metrics: Sequence[str] | None,
    parent: int,
    inherited: Sequence[Connection],
) -> None:
    """In a worker: answer tasks until there are no more, or no parent. Ctrl-C is left to the parent, which ends us.

    ``inherited``: the parent's ends of lines, ours among them. A fork has them open, too; the lines would never end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for each in inherited:
        each.close()
    _die_with(parent)
    with suppress(EOFError, OSError):  # the parent is gone
        while (task := line.recv()) is not None:
            name, seed = task
            try:
                line.send(_run(plans[name], name, seed, series, metrics))
            except RunFailed as failure:
                line.send(failure)


def _die_with(parent: int) -> None:
    """Let the system kill this process when its parent ends, whatever ended it and whatever we are doing then."""
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)  # it ended before the system knew whom to watch


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits until the block is over: no worker is started and then forgotten.

    A handler, not a mask: with several threads a masked signal is taken by another one, at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Ctrl-C interrupts the main thread only
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed and callable(before):
            before(signal.SIGINT, None)


def _run_on(
    workers: int,
    plans: Mapping[str, Plan],
    tasks: Sequence[tuple[str, int]],
    series: int,
    metrics: Sequence[str] | None,
    take: Callable[[str, RunResult], None],
) -> None:
    """A line to each worker, so that it is always known who works on what: a worker that dies is missed at once."""
    import multiprocessing
    from multiprocessing.connection import wait

    # Forking is the quickest start and safe here (no threads yet); where it is not offered, a fresh interpreter.
    forks = sys.platform == "linux"
    context = multiprocessing.get_context("fork" if forks else "spawn")
    start: Callable[..., BaseProcess] = context.Process  # type: ignore[attr-defined]
    todo = iter(tasks)
    at_work: dict[Connection, deque[tuple[str, int]]] = {}  # what each has been given, the one it works on first
    crew: dict[Connection, BaseProcess] = {}
    over = False

    def give(line: Connection) -> None:
        task = next(todo, None)
        with suppress(OSError):  # a worker that is dead already: reading its answer says so, and which run it cost
            if task is not None:
                at_work.setdefault(line, deque()).append(task)
                line.send(task)
            elif line not in at_work:
                line.send(None)

    try:
        for _ in range(workers):
            with _undisturbed():
                line, far_end = multiprocessing.Pipe()
                inherited = [*crew, line] if forks else []
                args = (far_end, dict(plans), series, metrics, os.getpid(), inherited)
                worker = start(target=_serve, args=args, daemon=True)
                worker.start()
                far_end.close()  # else it would stay open when the worker dies
                crew[line] = worker
            give(line)
        for line in crew:
            give(line)  # a second one in advance, so that workers never wait for this process
        while at_work:
            for ready in wait(list(at_work)):
                line = cast("Connection", ready)
                given = at_work[line]
                name, seed = given[0]
                answer = _answer(line, crew[line], name, seed)
                given.popleft()
                if not given:
                    del at_work[line]
                give(line)
                take(name, answer)
        over = True
    finally:
        for worker in crew.values():
            if not over:
                worker.kill()  # SIGTERM is lost in a fresh fork, while it still has handlers of ours
        for line, worker in crew.items():
            worker.join()
            line.close()


def _answer(line: Connection, worker: BaseProcess, name: str, seed: int) -> RunResult:
    try:
        answer = line.recv()
    except (EOFError, OSError):
        worker.join()
        raise RunFailed(name, seed, f"its process ended ({_ending(worker.exitcode)})") from None
    if isinstance(answer, RunFailed):
        raise answer
    assert isinstance(answer, RunResult)
    return answer


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by signal {-code}" + (", perhaps out of memory" if code == -9 else "")
    return f"exit code {code}"
