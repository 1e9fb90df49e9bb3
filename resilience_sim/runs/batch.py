"""Many seeds, many variants, all cores.

Owns the worker processes: started once, each plan sent once, results handed over as they come. A run is a pure
function of (plan, seed), so the order in which runs finish changes nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from resilience_sim.measure.result import RunResult
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.plan import Plan

Results = dict[str, list[RunResult]]


class RunFailed(Exception):
    """A run broke down: in which variant, with which seed, and how. Running just that seed reproduces it."""

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
    """What came of many runs: by variant, in the order of the seeds. ``interrupted``: some are missing."""

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
) -> Batch:
    """Run every plan with every seed.

    ``workers`` 0: one per core. ``on_result(variant, result)`` hears of each run as it finishes, in any order.
    KeyboardInterrupt ends the workers at once and returns what is done.

    Raises:
        RunFailed: one run broke down; the others are given up.
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
                take(name, _run(plans[name], name, seed, series))
        else:
            _run_on(workers, plans, tasks, series, take)
    except KeyboardInterrupt:
        interrupted = True
    results = {name: [done[name, seed] for seed in seeds if (name, seed) in done] for name in plans}
    return Batch(results, interrupted)


def _run(plan: Plan, name: str, seed: int, series: int) -> RunResult:
    try:
        return simulate(plan, seed, series=series)
    except Exception as error:
        raise RunFailed(name, seed, f"{type(error).__name__}: {error}") from error


_PLANS: dict[str, Plan] = {}


def _prepare(plans: dict[str, Plan]) -> None:
    """In a worker, once: keep the plans; leave Ctrl-C to the parent, which ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _PLANS.update(plans)


def _work(task: tuple[str, int, int]) -> tuple[str, RunResult]:
    name, seed, series = task
    return name, _run(_PLANS[name], name, seed, series)


def _run_on(
    workers: int,
    plans: Mapping[str, Plan],
    tasks: Sequence[tuple[str, int]],
    series: int,
    take: Callable[[str, RunResult], None],
) -> None:
    import multiprocessing

    # Forking is the quickest start and safe here (no threads yet); where it is not offered, a fresh interpreter.
    method = "fork" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    with context.Pool(workers, _prepare, (dict(plans),)) as pool:
        work = [(name, seed, series) for name, seed in tasks]
        for name, result in pool.imap_unordered(_work, work, chunksize=1):
            take(name, result)
