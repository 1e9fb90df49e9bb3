"""Does ``resim snapshot --check`` see what changed, and nothing else?

    python benchmarks/snapshot_changes.py [SEED]

**50 planted changes.** A candidate is a number in `service`, `services`, `stack` or `faults` of a shipped scenario,
halved or doubled (a count rounds down, and must differ). They are shuffled with SEED (15 by default) and tried in that
order, at most four of a scenario: kept is one that, over 200 seeds which the snapshot does not have, changes the mean
of a figure of the snapshot by more than 5 % of the larger of the two, and by more than five standard errors of the
paired difference. What is invalid is no change; what moves no figure is none either.

**50 neutral ones.** Ten each: comments, the order of keys at every depth (but the first service, which
is what users ask), flow style, block style, other ids of faults
and policies.

Flagged is what `--check` exits with 1 for, against a snapshot of the whole folder with its 20 seeds; it takes more
seeds by itself where they cannot tell (experiments/snapshot_looks.py).
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import floor, isfinite
from pathlib import Path
from typing import Any

import yaml

from resilience_sim.experiments.snapshot import FIGURES, Snapshot, compare, entry_of
from resilience_sim.experiments.snapshot_looks import looked_at_again
from resilience_sim.measure.result import NO_READING, RunResult
from resilience_sim.measure.statistics import deviation, mean
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.metrics import METRICS
from resilience_sim.settings.plan import Plan

FOLDER = Path(__file__).resolve().parent.parent / "scenarios"
WANTED, A_SCENARIO = 50, 4
SEEDS, FRESH = range(1, 21), range(10_001, 10_201)
BEYOND, ERRORS = 0.05, 5.0
SECTIONS = ("service", "services", "stack", "faults")
NUMBER = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|%|/s|/m|x)?")
Way = tuple[str | int, ...]


class Loader(yaml.SafeLoader):
    """YAML as scenarios have it: `on` is a word."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def tree_of(text: str) -> Any:
    return yaml.load(text, Loader)


def runs_of(scenario: Scenario, seeds: range) -> list[RunResult]:
    return [simulate(scenario.plan, seed, metrics=FIGURES) for seed in seeds]


# --- changes ------------------------------------------------------------------------------------------------------


def leaves(value: Any, way: Way = ()) -> Iterator[tuple[Way, Any]]:
    if isinstance(value, Mapping):
        for key, inside in value.items():
            yield from leaves(inside, (*way, key))
    elif isinstance(value, list):
        for index, inside in enumerate(value):
            yield from leaves(inside, (*way, index))
    else:
        yield way, value


def times(value: Any, factor: float) -> Any:
    """The number times the factor, in the same unit; None where there is no other number."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        found: Any = floor(value * factor)
    elif isinstance(value, float):
        found = value * factor
    elif match := NUMBER.fullmatch(str(value)):
        found = f"{float(match[1]) * factor:g}{match[2] or ''}"
    else:
        return None
    return None if str(found) == str(value) else found


def with_value(tree: Any, way: Way, value: Any) -> Any:
    if not way:
        return value
    if isinstance(tree, Mapping):
        return {key: with_value(each, way[1:], value) if key == way[0] else each for key, each in tree.items()}
    return [with_value(each, way[1:], value) if index == way[0] else each for index, each in enumerate(tree)]


def candidates(texts: Mapping[str, str]) -> list[tuple[str, Way, Any, Any]]:
    found = []
    for name, text in texts.items():
        tree = tree_of(text)
        for section in SECTIONS:
            for way, value in leaves(tree.get(section), (section,)):
                for factor in (0.5, 2.0):
                    other = times(value, factor)
                    if other is not None:
                        found.append((name, way, value, other))
    return found


def changed(text: str, path: str, way: Way, value: Any) -> Scenario | None:
    tree = with_value(tree_of(text), way, value)
    try:
        return load_text(yaml.safe_dump(tree, sort_keys=False), path)
    except ScenarioError:
        return None


def effect(before: list[RunResult], after: list[RunResult]) -> tuple[float, str]:
    """The largest change of a figure, as a share of the larger mean, among those beyond their errors; its name."""
    best = (0.0, "")
    for name in FIGURES:
        pairs = [
            (a, b)
            for a, b in zip(values(before, name), values(after, name), strict=True)
            if a is not None and b is not None
        ]
        if len(pairs) < len(before) // 2:
            continue
        differences = [b - a for a, b in pairs]
        top = max(abs(mean([a for a, _ in pairs])), abs(mean([b for _, b in pairs])))
        error = deviation(differences) / len(differences) ** 0.5
        if top and isfinite(top) and abs(mean(differences)) > ERRORS * error:
            best = max(best, (abs(mean(differences)) / top, name))
    return best


def values(runs: list[RunResult], name: str) -> list[float | None]:
    return [run.metrics.get(name, NO_READING).value for run in runs]


# --- no changes ---------------------------------------------------------------------------------------------------


def reordered(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        keys = list(value)
        keys = keys[:1] + keys[:0:-1] if name == "services" else keys[::-1]
        return {key: reordered(value[key], key) for key in keys}
    return [reordered(each) for each in value] if isinstance(value, list) else value


def other_ids(text: str) -> str:
    """Every id that is written, with another name wherever it stands; a first policy without one gets one."""
    for name in sorted(set(re.findall(r"\bid: ([\w-]+)", text)), key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", f"{name}-2", text)
    return text


NEUTRAL = {
    "comments": lambda text: "# something new\n" + re.sub(r"(?m)^(\w+:.*)$", r"\1  # why", text) + "\n# the end\n",
    "order of keys": lambda text: yaml.safe_dump(reordered(tree_of(text)), sort_keys=False),
    "flow style": lambda text: yaml.safe_dump(tree_of(text), default_flow_style=True, sort_keys=False),
    "block style": lambda text: yaml.safe_dump(tree_of(text), default_flow_style=False, sort_keys=False),
    "other ids": other_ids,
}


# --- the measurement ----------------------------------------------------------------------------------------------


def flagged(then: Snapshot, path: str, scenarios: Mapping[str, Scenario], other: Scenario) -> str:
    """What ``--check`` says of a folder with one other scenario: "", or with how many seeds it was told apart."""
    now = Snapshot(then.seeds, {**then.entries, path: entry_of(other, runs_of(other, SEEDS))})

    def run(plans: Mapping[str, Plan], seeds: Sequence[int]) -> dict[str, list[RunResult]]:
        return {name: [simulate(plan, seed, metrics=FIGURES) for seed in seeds] for name, plan in plans.items()}

    found = looked_at_again(then, now, compare(then, now), {**scenarios, path: other}, run)
    assert {each.path for each in found} <= {path}
    return next((str(each.runs or len(SEEDS)) for each in found if each.changed), "")


def main() -> None:
    assert set(FIGURES) <= {each.name for each in METRICS}
    source = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
    texts = {each.name: each.read_text(encoding="utf-8") for each in sorted(FOLDER.glob("*.yaml"))}
    places = {name: str(FOLDER / name) for name in texts}
    scenarios = {name: load_text(text, places[name]) for name, text in texts.items()}
    begun = time.process_time()
    then = Snapshot(tuple(SEEDS), {name: entry_of(each, runs_of(each, SEEDS)) for name, each in scenarios.items()})
    print(f"snapshot of {len(texts)} scenarios: {time.process_time() - begun:.1f} s of CPU")
    fresh: dict[str, list[RunResult]] = {}
    found: Counter[str] = Counter()
    seen = tried = 0
    everything = candidates(texts)
    source.shuffle(everything)
    for name, way, was, value in everything:
        if sum(found.values()) == WANTED:
            break
        if found[name] == A_SCENARIO or (other := changed(texts[name], places[name], way, value)) is None:
            continue
        tried += 1
        if name not in fresh:
            fresh[name] = runs_of(scenarios[name], FRESH)
        size, figure = effect(fresh[name], runs_of(other, FRESH))
        if size <= BEYOND:
            continue
        found[name] += 1
        told = flagged(then, name, scenarios, other)
        seen += bool(told)
        where, word = ".".join(map(str, way)), f"{told} seeds" if told else "MISSED"
        print(f"{word:<9} {name} {where}: {was} -> {value}  {figure} by {size:.0%}", flush=True)
    print(f"planted: {seen} of {sum(found.values())} flagged ({tried} candidates tried)")
    wrong = 0
    for kind, change in NEUTRAL.items():
        for name in source.sample(sorted(texts), WANTED // len(NEUTRAL)):
            other = load_text(change(texts[name]), places[name])
            if flagged(then, name, scenarios, other):
                wrong += 1
                print(f"FLAGGED {name}: {kind}", flush=True)
    print(f"neutral: {wrong} of {WANTED} flagged")
    print(f"{time.process_time() - begun:.0f} s of CPU")


if __name__ == "__main__":
    main()
