"""``resim tune`` against a thousand random candidates: as good a front, with a tenth of the requests?

    python benchmarks/against_chance.py [SCENARIO …]

Chance tries 1,000 settings drawn from the same space, each with 16 runs, and keeps its whole front. The search gets a
tenth of the requests that this takes, everything included: race, certification and margins; its front has six settings
at most. Both are then measured on the same fresh seeds, and compared by the volume that they dominate, as a share of
the box between the worst and the best that either has of each objective.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence

from resilience_sim.experiments.crew import Alone
from resilience_sim.experiments.propose import dominates, ranked
from resilience_sim.experiments.questions import question
from resilience_sim.experiments.race import Candidate, Race, Tuning
from resilience_sim.experiments.study import Study
from resilience_sim.experiments.tune import tune
from resilience_sim.scenario.load import load

CANDIDATES, RUNS, YARDSTICK = 1_000, 16, 100
Values = tuple[float, ...]


def race_of(tuning: Tuning) -> Race:
    return Race(tuning, Alone(), Study(), time.monotonic, None)


def by_chance(tuning: Tuning, seed: int) -> tuple[list[dict[str, str]], int]:
    """The front of a thousand random candidates, and the requests it took."""
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
    return [tried[place].settings for place in front], race.purse.spent


def yardstick(tuning: Tuning, fronts: Sequence[Sequence[dict[str, str]]]) -> tuple[list[list[Values]], Values]:
    """What the settings of all fronts come to on the same fresh seeds; what the settings as written do."""
    race = race_of(tuning)
    pairs = range(7_000_000, 7_000_000 + YARDSTICK)
    race.today.readings = race.measure([(race.today, pairs)])["{}"]
    found = []
    for front in fronts:
        found.append([])
        for settings in front:
            each = Candidate(dict(settings), repr(settings), None)
            each.readings = race.measure([(each, pairs)])[each.key]
            lows, violation = race.values(each)[0], race.violation(each.readings, 0.0)
            if violation < 0.01:  # as good as met
                found[-1].append(lows)
    return found, race.values(race.today)[0]


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
        lucky, spent = by_chance(asked, 1)
        chance_took, begun = time.process_time() - begun, time.process_time()
        for seed in (1, 100_000, 200_000):
            found = tune(question(load(name), seed=seed, requests=spent // 10), Alone())
            took, begun = time.process_time() - begun, time.process_time()
            ours = [dict(each.settings) for each in found.front]
            (chance, searched), today = yardstick(asked, [lucky, ours])
            everything = [*chance, *searched, today]
            worst = tuple(max(column) for column in zip(*everything, strict=True))
            best = tuple(min(column) for column in zip(*everything, strict=True))
            print(
                f"{name}: chance {volume(chance, worst, best):.3f} ({len(chance)} settings, {spent:,} requests, "
                f"{chance_took:.0f} s), tune {volume(searched, worst, best):.3f} ({len(searched)} settings, "
                f"{found.requests:,} requests, {found.candidates} candidates, {took:.0f} s, {found.verdict})",
                flush=True,
            )
            begun = time.process_time()


if __name__ == "__main__":
    main()
