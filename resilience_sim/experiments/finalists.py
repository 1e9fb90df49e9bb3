"""Whom a search sends to the certification: the front of what it has seen, without settings that make no difference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import inf, prod

from resilience_sim.experiments.propose import dominates, ranked
from resilience_sim.experiments.race import BLOCK, CAUTION, SAFE, Candidate, Race
from resilience_sim.measure.result import Reading

FINALISTS = 6
FINAL_PAIRS = 32
FINAL_SHARE = 0.6  # of the budget, the search included
LEAST_GAIN = 1e-9  # of the volume: less is rounding, and could go round in circles
# The bold may be certified, and are better then; the careful surely are.
CAUTIONS = (CAUTION, 2 * CAUTION, CAUTION / 2, SAFE, 0.0)


def finalists(race: Race) -> list[Candidate]:
    """The best first, at most ``FINALISTS``; nobody who has fared as the settings as written in every run.

    Fronts of the means: of those that meet the constraints with some caution, with more, and with none, in turns; where
    objectives are at odds, from each whoever adds most, so that the few stand for the whole front.
    """
    pool = [each for each in race.archive if each is not race.today and each.readings]
    pool = in_turns([_order(race, pool, caution) for caution in CAUTIONS])[: 3 * FINALISTS]
    race.extend_to([FINAL_PAIRS] * len(pool), pool, FINAL_SHARE)
    pool = [each for each in distinct(pool) if not same_as_today(race, each)]
    fronts = [_front(race, _order(race, pool, caution), caution) for caution in CAUTIONS]
    several = len(race.tuning.objectives) > 1
    chosen = spread(race, fronts) if several else in_turns(fronts)[:FINALISTS]
    return distinct([simplest(race, each) for each in chosen])


def spread(race: Race, fronts: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """The best in what is asked for first; then in turns from each front whoever dominates most that no other does.

    Then each but the first gives way to another of its front, while that dominates more together with the others.
    """
    points = {id(each): race.values(each)[0] for front in fronts for each in front}
    known = [point for point in (*points.values(), race.values(race.today)[0]) if inf not in point]
    if not known:
        return in_turns(fronts)[:FINALISTS]
    ends = [(max(column), max(column) - min(column)) for column in zip(*known, strict=True)]
    worst = tuple(end + 0.1 * width for end, width in ends)  # who is last in one thing stands for something, too
    today = [race.values(race.today)[0]] if not race.violation(race.today.readings, 0.0) else []
    chosen: list[Candidate] = []
    sources: list[Sequence[Candidate]] = []

    def adds(each: Candidate, others: Sequence[Candidate]) -> float:
        return added_volume(points[id(each)], [*today, *(points[id(other)] for other in others)], worst)

    def left(front: Sequence[Candidate], taken: Sequence[Candidate]) -> list[Candidate]:
        return [each for each in front if all(each is not other for other in taken)]

    for turn in range(FINALISTS * len(fronts)):
        front = fronts[turn % len(fronts)]
        rest = left(front, chosen)
        if rest and len(chosen) < FINALISTS:
            if chosen:
                chosen.append(max(rest, key=lambda each: adds(each, chosen)))
            else:
                chosen.append(min(rest, key=lambda each: points[id(each)]))
            sources.append(front)
    moved = True
    while moved:
        moved = False
        for place in range(1, len(chosen)):
            others = chosen[:place] + chosen[place + 1 :]
            best = max(left(sources[place], others), key=lambda each: adds(each, others))
            if adds(best, others) > adds(chosen[place], others) * (1 + LEAST_GAIN):
                chosen[place], moved = best, True
    return chosen


def added_volume(point: Sequence[float], others: Sequence[Sequence[float]], worst: Sequence[float]) -> float:
    """The volume up to ``worst`` that a point dominates and none of the others do; low is good."""
    whole = prod(max(0.0, end - at) for at, end in zip(point, worst, strict=True))
    if not whole:
        return 0.0
    common = [tuple(max(x, y) for x, y in zip(point, other, strict=True)) for other in others]
    return whole - sum(added_volume(each, common[:number], worst) for number, each in enumerate(common))


def _order(race: Race, pool: Sequence[Candidate], caution: float) -> list[Candidate]:
    return [pool[place] for place in ranked([_values(race, each, caution) for each in pool])]


def _values(race: Race, each: Candidate, caution: float) -> tuple[tuple[float, ...], float]:
    return race.values(each)[0], race.violation(each.readings, caution)


def _front(race: Race, pool: Sequence[Candidate], caution: float) -> list[Candidate]:
    """Of those that violate least the ones that nobody dominates, in the order of the pool."""
    values = [_values(race, each, caution) for each in pool]
    least = min((violation for _, violation in values), default=0.0)
    best = [(each, here) for each, (here, violation) in zip(pool, values, strict=True) if violation <= least]
    return [each for each, here in best if not any(dominates(other, here) for _, other in best)]


def in_turns(lists: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """The first of each list, then the second of each, and so on; nobody twice."""
    found: dict[int, Candidate] = {}
    for place in range(max(map(len, lists), default=0)):
        for each in lists:
            if place < len(each):
                found.setdefault(id(each[place]), each[place])
    return list(found.values())


def same_as_today(race: Race, candidate: Candidate) -> bool:
    """Whether what it changes has made no difference to any run."""
    pairs = min(len(candidate.readings), len(race.today.readings))
    return candidate.readings[:pairs] == race.today.readings[:pairs]


def simplest(race: Race, candidate: Candidate) -> Candidate:
    """The candidate without the settings that make no difference to any of the first runs."""
    best = candidate
    for path in list(candidate.settings):
        fewer = {each: value for each, value in best.settings.items() if each != path}
        if not fewer or race.purse.room(FINAL_SHARE) < FINAL_PAIRS:
            continue
        other = race.candidates.get(json.dumps(fewer)) or race.candidate(fewer, None)
        if other is None or other is race.today:
            continue
        race.extend([other], [BLOCK])
        if other.readings[:BLOCK] == best.readings[:BLOCK]:
            race.extend([other], [len(best.readings)])
            best = other
    return best


def distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Of candidates that fared the same in every run only the one that changes least."""
    found: dict[tuple[tuple[Reading, ...], ...], Candidate] = {}
    for each in candidates:
        known = found.get(tuple(each.readings))
        if known is None or len(each.settings) < len(known.settings):
            found[tuple(each.readings)] = each
    kept = {id(each) for each in found.values()}
    return [each for each in candidates if id(each) in kept]
