"""What a candidate of ``resim tune`` costs outside the engine: the same search with an engine that takes no time.

    python benchmarks/outside.py [SCENARIO] [CANDIDATES]

CPU time of proposing, reading settings, linting, ranking, certifying and keeping account, by candidate.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from functools import lru_cache

from resilience_sim.experiments import race, search
from resilience_sim.experiments.crew import Alone
from resilience_sim.experiments.questions import question
from resilience_sim.experiments.tune import tune
from resilience_sim.measure.result import Reading, RunResult
from resilience_sim.scenario.load import load
from resilience_sim.settings.plan import Plan

A_RUN = 1_000  # requests that a run is said to have


@lru_cache(maxsize=1 << 16)
def _middle(stack: str, names: tuple[str, ...]) -> tuple[float, ...]:
    """Something that depends on the settings alone."""
    source = random.Random(hashlib.sha256(stack.encode()).digest())
    return tuple(source.uniform(0.4, 0.9) for _ in names)


@lru_cache(maxsize=1 << 16)
def _run(stack: str, luck: int, names: tuple[str, ...]) -> RunResult:
    """Made once: what the search does with it is what is timed."""
    found = {name: Reading(at + 0.003 * luck) for name, at in zip(names, _middle(stack, names), strict=True)}
    return RunResult(luck, "", {"requests": {"total": A_RUN}}, found, {"all ": found}, True)


_LATEST: list[tuple[Plan, str]] = []  # the runs of a plan come one after the other: its text is made once


def no_engine(plan: Plan, seed: int, metrics: tuple[str, ...] | None = None, digest: bool = True) -> RunResult:
    """Figures out of the hat: of the settings, and a little of the seed."""
    names = tuple(metrics or ("availability",))
    luck = seed * 2654435761 % 2**32 >> 28
    if not _LATEST or _LATEST[0][0] is not plan:
        _LATEST[:] = [(plan, repr(plan.stack))]
    return _run(_LATEST[0][1], luck, names)


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "hedged-tail"
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    race.simulate = search.simulate = no_engine
    tune(question(load(name), requests=200 * A_RUN), Alone())  # imports and first touches
    asked = question(load(name), requests=wanted * 18 * A_RUN)
    begun = time.process_time()
    found = tune(asked, Alone())
    took = time.process_time() - begun
    print(
        f"{name}: {found.candidates} candidates, {found.generations} generations, {found.runs} runs "
        f"({found.search}): {took:.2f} s, {took / found.candidates * 1e3:.2f} ms a candidate"
    )


if __name__ == "__main__":
    main()
