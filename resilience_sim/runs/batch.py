"""Many seeds, many variants, all cores.

Worker processes are started once, each plan is sent once, results are handed over as they come. A run is a pure
function of (plan, seed), so the order in which runs finish changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from resilience_sim.measure.result import RunResult
from resilience_sim.runs.simulate import simulate
from resilience_sim.settings.plan import Plan

Results = dict[str, list[RunResult]]
_Task = tuple[str, int]

NO_MEMORY = "it needs more memory than there is"


class RunFailed(Exception):
    """A run failed: in which variant, with which seed, and why. Running just that seed reproduces it."""

    def __init__(self, variant: str, seed: int, cause: str) -> None:
        self.variant = variant
        self.seed = seed
        self.cause = cause
        super().__init__(f"{variant}, seed {seed}: {cause}" if variant else f"seed {seed}: {cause}")

    def __reduce__(self) -> tuple[type[RunFailed], tuple[str, int, str]]:
        """Pickle by its parts."""
        return (RunFailed, (self.variant, self.seed, self.cause))


@dataclass(frozen=True, slots=True)
class Lost:
    """A run without a result, because its process ended or memory did. ``cause`` is a clause that says so."""

    variant: str
    seed: int
    cause: str


@dataclass(slots=True)
class Batch:
    """The results of many runs: by variant, in the order of the seeds.

    ``interrupted``: some are missing, for somebody pressed Ctrl-C. ``lost``: those that are missing for other reasons.
    """

    results: Results = field(default_factory=dict)
    interrupted: bool = False
    lost: tuple[Lost, ...] = ()

    def paired(self) -> Results:
        """Only the results with seeds that every variant has, which alone can be compared."""
        runs = [{run.seed for run in its} for its in self.results.values()]
        common = set.intersection(*runs) if runs else set()
        return {name: [run for run in its if run.seed in common] for name, its in self.results.items()}


class Hands(Protocol):
    """Whoever does tasks in the place of this machine's processes."""

    def work_through(
        self,
        answer: Callable[[Any], Any],
        tasks: Sequence[Any],
        on_answer: Callable[[Any, Any], None],
        on_loss: Callable[[Any, str], None],
    ) -> None:
        """Answer every task, as :class:`resilience_sim.runs.workers.Crew` does."""


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
    elsewhere: Hands | None = None,
) -> Batch:
    """Run every plan with every seed.

    ``workers`` 0: one per core; fewer where the system does not let so many start. ``elsewhere``: whoever does the runs
    instead. ``series`` and ``metrics``: see :func:`simulate`. ``on_result(variant, result)`` is called for each run as
    it finishes, in any order. KeyboardInterrupt ends the workers at once and returns what is done. A worker that is
    killed costs the run it was at, which is ``lost``; so is a run that memory does not suffice for.

    Raises:
        RunFailed: one run failed; the others are abandoned.
    """
    tasks = [(name, seed) for seed in seeds for name in plans]
    workers = min(workers or cores(), len(tasks))
    done: dict[_Task, RunResult] = {}
    lost: list[Lost] = []
    job = _Job(dict(plans), series, None if metrics is None else tuple(metrics))

    def take(task: _Task, answer: object) -> None:
        if isinstance(answer, RunFailed):
            raise answer
        if not isinstance(answer, RunResult):
            lose(task, NO_MEMORY)
            return
        done[task] = answer
        if on_result is not None:
            on_result(task[0], answer)

    def lose(task: _Task, cause: str) -> None:
        lost.append(Lost(*task, cause))

    interrupted = False
    try:
        if elsewhere is not None:
            elsewhere.work_through(job, tasks, take, lose)
            tasks = []
        elif workers > 1:
            from resilience_sim.runs.workers import Crew

            tasks = Crew(workers, job, take, lose).work_through(tasks)
        for task in tasks:
            take(task, job(task))
    except KeyboardInterrupt:
        interrupted = True
    results = {name: [done[name, seed] for seed in seeds if (name, seed) in done] for name in plans}
    order = {seed: number for number, seed in enumerate(seeds)} if lost else {}
    lost.sort(key=lambda each: (order[each.seed], each.variant))
    return Batch(results, interrupted, tuple(lost))


@dataclass(frozen=True, slots=True)
class _Job:
    """Runs a task: its result, the failure to be raised where somebody hears it, or None for lack of memory."""

    plans: Mapping[str, Plan]
    series: int
    metrics: Sequence[str] | None

    def __call__(self, task: _Task) -> RunResult | RunFailed | None:
        name, seed = task
        try:
            return simulate(self.plans[name], seed, series=self.series, metrics=self.metrics)
        except MemoryError:
            return None
        except Exception as error:
            failure = RunFailed(name, seed, f"{type(error).__name__}: {error}")
            failure.__cause__ = error
            return failure
