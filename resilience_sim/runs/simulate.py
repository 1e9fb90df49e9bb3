"""One run from beginning to end, as fast as possible: in slices, so that signals are handled, without collector."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.services_fold import figures_of
from resilience_sim.runs.endings import Whole
from resilience_sim.runs.simulation import Simulation, Source
from resilience_sim.settings.plan import Plan

SLICE = 50_000  # engine steps between two looks at the world outside, at most
FEWEST = 500
LONGEST = 0.1  # s of real time between two looks, as far as FEWEST allow


@contextmanager
def quiet_collector() -> Iterator[None]:
    """No garbage collection inside: frames leave no cycles behind, and looking for some doubles the time of a run."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def drain(source: Source, on_slice: Callable[[Source], bool] | None = None) -> bool:
    """Run ``source`` to its end. ``on_slice`` is asked now and then whether to go on; False: it said no.

    Recordings commit and signals are heard between two slices, so slices are short also where the machine is slow.
    """
    steps, before = FEWEST, time.monotonic()
    with quiet_collector():
        while source.run(budget=steps):
            if on_slice is not None and not on_slice(source):
                return False
            now = time.monotonic()
            if now - before > LONGEST:
                steps = max(FEWEST, steps // 2)
            elif now - before < LONGEST / 2:
                steps = min(SLICE, steps * 2)
            before = now
    return True


def simulate(
    plan: Plan,
    seed: int,
    folds: Sequence[Fold] = (),
    series: int = 0,
    metrics: Sequence[str] | None = None,
    digest: bool = True,
) -> RunResult:
    """Run ``plan`` with ``seed`` and return its figures; ``folds`` see the events too.

    ``series``: bins of that many ns in the result document, 0: none. ``metrics``: compute only these; then also
    ``digest`` may be left out.
    """
    with Whole():
        simulation = Simulation(plan, seed)
        figures = figures_of(plan, simulation.components, series, metrics, digest)
    simulation.attach(figures)
    for fold in folds:
        simulation.attach(fold)
    try:
        drain(simulation)
    finally:
        simulation.close_guest()
    with Whole():
        found = figures.result(seed, simulation.digest() if digest else "", simulation.now)
    return replace(found, notes=simulation.notes) if simulation.notes else found
