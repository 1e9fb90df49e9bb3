"""``resim tune`` against a thousand random candidates: as good a front, with a tenth of the requests?

    python benchmarks/against_chance.py [SCENARIO …]

Chance tries 1,000 settings drawn from the same space, each with 16 runs. The search gets a tenth of the requests that
this takes, everything included: race, certification and margins. Both are then measured on the same fresh seeds, and
compared by the volume that they dominate, as a share of the box between the worst and the best that either has of each
objective. The settings as written are on everybody's front: they cost nothing.

An answer has six settings at most. Chance's are those of its front that dominate the most volume together, as its own
runs have it, one after the other; as good is a search whose median over seeds is at most a hundredth of that volume
below (it keeps a place for the best in what is asked for first, which costs it some). What the whole front of chance
dominates, a hundred settings and more where two objectives are at odds, is told beside it.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from statistics import median

from resilience_sim.experiments.crew import Alone
from resilience_sim.experiments.finalists import FINALISTS
from resilience_sim.experiments.propose import dominates, ranked
from resilience_sim.experiments.questions import question
from resilience_sim.experiments.race import Candidate, Race, Tuning
from resilience_sim.experiments.study import Study
from resilience_sim.experiments.tune import tune
from resilience_sim.scenario.load import load

CANDIDATES, RUNS, YARDSTICK, SEEDS = 1_000, 16, 100, 5
SHORT = 0.01  # of the volume
Values = tuple[float, ...]


def race_of(tuning: Tuning) -> Race:
    return Race(tuning, Alone(), Study(), time.monotonic, None)


def by_chance(tuning: Tuning, seed: int) -> tuple[list[dict[str, str]], list[dict[str, str]], int]:
    """Of a thousand random candidates the front, the best few of it, and the requests it took."""
    race, source = race_of(tuning), random.Random(seed)
    tried: list[Candidate] = []
    for _ in range(CANDIDATES):
        cube = tuple(source.random() for _ in tuning.space.specs)
        found = race.candidate(tuning.space.settings(cube), cube)
        if found is not None:
            race.extend([found], [RUNS])
            tried.append(found)
    values = [(race.values(each)[0], race.violation(each.readings, 0.0)) for each in tried]
    order = ranked(values)
    met = [place for place in order if not values[place][1]] or order[:1]
    front = [place for place in met if not any(dominates(values[other][0], values[place][0]) for other in met)]
    few = [front[number] for number in best_few([values[place][0] for place in front])]
    return [tried[place].settings for place in front], [tried[place].settings for place in few], race.purse.spent


def best_few(front: Sequence[Values]) -> list[int]:
    """Which settings of a front to show: each adds the most volume to those before it."""
    worst, best = (tuple(end(column) for column in zip(*front, strict=True)) for end in (max, min))
    chosen: list[int] = []
    while len(chosen) < min(FINALISTS, len(front)):
        rest = [number for number in range(len(front)) if number not in chosen]
        chosen.append(max(rest, key=lambda number: volume([front[each] for each in (*chosen, number)], worst, best)))
    return chosen


def yardstick(tuning: Tuning, fronts: Sequence[Sequence[dict[str, str]]]) -> list[list[Values]]:
    """What the settings of all fronts, and those as written, come to on the same fresh seeds, if they are allowed."""
    race = race_of(tuning)
    pairs = range(7_000_000, 7_000_000 + YARDSTICK)
    found = []
    for front in fronts:
        found.append([])
        for settings in front:
            each = Candidate(dict(settings), repr(settings), None)
            each.readings = race.measure([(each, pairs)])[each.key]
            lows, violation = race.values(each)[0], race.violation(each.readings, 0.0)
            if violation < 0.01:  # as good as met
                found[-1].append(lows)
    return found


def volume(front: Sequence[Values], worst: Values, best: Values) -> float:
    """The share of the box between the two that the front dominates; of one objective or two."""
    scaled = [
        tuple((x - low) / (high - low) if high > low else 0.0 for x, low, high in zip(point, best, worst, strict=True))
        for point in front
    ]
    if len(worst) == 1:
        return max((1 - point[0] for point in scaled), default=0.0)
    grid = [(n + 0.5) / 1000 for n in range(1000)]
    return sum(max((1 - y for x, y in scaled if x <= at), default=0.0) for at in grid) / len(grid)


def main() -> None:
    for name in sys.argv[1:] or ["hedged-tail", "flapping-breaker"]:
        asked = question(load(name))
        begun = time.process_time()
        lucky, few, spent = by_chance(asked, 1)
        chance_took = time.process_time() - begun
        searches = [tune(question(load(name), seed=1 + 100_000 * turn, requests=spent // 10), Alone())
                    for turn in range(SEEDS)]  # fmt: skip
        answers = [[dict(each.settings) for each in found.front] for found in searches]
        fronts = yardstick(asked, [[*front, {}] for front in (lucky, few, *answers)])
        everything = [point for front in fronts for point in front]
        worst = tuple(max(column) for column in zip(*everything, strict=True))
        best = tuple(min(column) for column in zip(*everything, strict=True))
        whole, shown, *ours = (volume(front, worst, best) for front in fronts)
        verdict = "as good" if median(ours) >= (1 - SHORT) * shown else "not as good"
        print(
            f"{name}: chance {shown:.3f} with {len(few)} settings, {whole:.3f} with all {len(lucky)} "
            f"({spent:,} requests, {chance_took:.0f} s); tune {median(ours):.3f}: {verdict}"
        )
        for found, front, reached in zip(searches, answers, ours, strict=True):
            print(
                f"    {reached:.3f} ({len(front)} settings, {found.requests:,} requests, "
                f"{found.candidates} candidates, {found.verdict})",
                flush=True,
            )


if __name__ == "__main__":
    main()
