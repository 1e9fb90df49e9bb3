"""What the stories ask: means of a metric over some seeds, for a scenario, a variant and a stretch of time."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from functools import cache
from types import TracebackType

from resilience_sim.measure.result import RunResult, scope_key
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.plan import Expectation, Plan, Scope

WRITTEN = "as-written"
SEEDS = tuple(range(1, 9))
runner: Runner | None = None


@cache
def scenario(name: str) -> Scenario:
    return load(name)


def plans(name: str) -> dict[str, Plan]:
    """Every variant, each with all scopes measured that its faults allow."""
    loaded = scenario(name)
    ids = [fault.id for fault in loaded.plan.faults]
    scopes = [Scope(kind, ref) for ref in ids for kind in ("before", "during", "after")]
    asked = tuple(Expectation("", "availability", ">=", 0.0, scope) for scope in scopes)
    variants = {WRITTEN: loaded.plan} | {variant.name: variant.plan for variant in loaded.variants}
    return {variant: replace(plan, expect=plan.expect + asked) for variant, plan in variants.items()}


@cache
def run(name: str, variant: str, seed: int) -> RunResult:
    return simulate(plans(name)[variant], seed) if runner is None else runner.run(name, variant, seed)


class Runner:
    """Another process that makes the runs, this file as a program, in an environment that says with which core."""

    def __init__(self, environment: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, __file__], env=environment, cwd="/", stdin=pipe, stdout=pipe)

    def run(self, name: str, variant: str, seed: int) -> RunResult:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((name, variant, seed), self._process.stdin)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:
            self._process.kill()


def serve() -> None:
    """Make the runs that are asked for, until nobody asks."""
    while True:
        result = run(*pickle.load(sys.stdin.buffer))
        pickle.dump(result, sys.stdout.buffer)
        sys.stdout.flush()


class Variant:
    """One variant of a scenario over some seeds."""

    def __init__(self, name: str, variant: str = WRITTEN, seeds: tuple[int, ...] = SEEDS) -> None:
        self.runs = [run(name, variant, seed) for seed in seeds]

    def values(self, metric: str, scope: str = "") -> list[float]:
        """The metric of each run that has data for it; ``scope`` like ``during main``."""
        kind, _, ref = scope.partition(" ")
        key = scope_key(kind, ref)
        readings = [(r.scoped[key] if scope else r.metrics)[metric].value for r in self.runs]
        return [value for value in readings if value is not None]

    def mean(self, metric: str, scope: str = "") -> float:
        values = self.values(metric, scope)
        assert len(values) == len(self.runs), f"{metric} {scope}: no data in some runs"
        return sum(values) / len(values)

    def count(self, section: str, name: str) -> float:
        """Mean of a number of the result document: ``count("by_outcome", "fallback")``, or of a section of it."""
        total = 0.0
        for r in self.runs:
            part = r.document["requests"]["by_outcome"] if section == "by_outcome" else r.document[section]
            total += part[name]
        return total / len(self.runs)


if __name__ == "__main__":
    serve()
