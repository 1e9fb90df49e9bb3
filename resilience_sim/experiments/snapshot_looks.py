"""More seeds for scenarios whose settings changed, where those of the snapshot cannot tell whether their figures did.

The snapshot has the settings that it was taken with, so that both sides can be simulated with as many seeds as it
takes. Each look may be wrong with a chance of its own, and together they may with ``ERROR`` of snapshot.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from resilience_sim.experiments.snapshot import Compared, Entry, Snapshot, compare, entry_of
from resilience_sim.measure.result import RunResult
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.plan import Plan

LOOKS = ((4, 0.015), (16, 0.015))  # how many times the seeds of the snapshot, and the chance of a false alarm

Run = Callable[[Mapping[str, Plan], Sequence[int]], Mapping[str, Sequence[RunResult]]]


def looked_at_again(
    then: Snapshot, now: Snapshot, found: Sequence[Compared], scenarios: Mapping[str, Scenario], run: Run
) -> list[Compared]:
    """``found``, the answer of ``compare``, with what more seeds tell of scenarios with other settings.

    ``scenarios`` as they are now; ``run`` makes the runs of plans by name.
    """
    answer = {one.path: one for one in found}
    old = {one.path: before for one in found if (before := _before(then, now, one, scenarios)) is not None}
    for times, error in LOOKS:
        old = {path: scenario for path, scenario in old.items() if not answer[path].changed}
        if not old:
            break
        seeds = tuple(range(then.seeds[0], then.seeds[0] + times * len(then.seeds)))
        plans = {f"then {path}": scenario.plan for path, scenario in old.items()}
        plans |= {f"now {path}": scenarios[path].plan for path in old}
        runs = run(plans, seeds)
        for each in compare(_taken(old, runs, "then", seeds), _taken(scenarios, runs, "now", seeds, old), error):
            if each.changed:
                answer[each.path] = replace(each, settings=answer[each.path].settings, runs=len(seeds))
    return list(answer.values())


def _before(then: Snapshot, now: Snapshot, one: Compared, scenarios: Mapping[str, Scenario]) -> Scenario | None:
    """The scenario as it was; None where nothing is open, or where it cannot be made again."""
    if one.missing or one.changed or not one.settings or not one.figures:
        return None
    entry, scenario = then.entries[one.path], scenarios[one.path]
    if any(name.startswith("file ") for name, _, _ in one.settings):  # what was in the file is not known
        return None
    try:
        return load_text(entry.source, scenario.path, files=dict(scenario.files)) if entry.source else None
    except ScenarioError:  # another version of resim has written it
        return None


def _taken(
    scenarios: Mapping[str, Scenario],
    runs: Mapping[str, Sequence[RunResult]],
    side: str,
    seeds: tuple[int, ...],
    paths: Mapping[str, object] | None = None,
) -> Snapshot:
    entries: dict[str, Entry] = {path: entry_of(scenarios[path], runs[f"{side} {path}"]) for path in paths or scenarios}
    return Snapshot(seeds, entries)
