"""Whom a search sends to the certification: the front of what it has seen, without settings that make no difference."""

from __future__ import annotations

import json
from collections.abc import Sequence

from resilience_sim.experiments.propose import dominates, ranked
from resilience_sim.experiments.race import BLOCK, CAUTION, SAFE, Candidate, Race
from resilience_sim.measure.result import Reading

FINALISTS = 6
FINAL_PAIRS = 32
FINAL_SHARE = 0.6  # of the budget, the search included
# The bold may be certified, and are better then; the careful surely are.
CAUTIONS = (CAUTION, 2 * CAUTION, CAUTION / 2, SAFE, 0.0)


def finalists(race: Race) -> list[Candidate]:
    """The best first, at most ``FINALISTS``; nobody who has fared as the settings as written in every run.

    Fronts of the means: of those that meet the constraints with some caution, with more, and with none, in turns.
    """
    pool = [each for each in race.archive if each is not race.today and each.readings]
    pool = in_turns([_order(race, pool, caution) for caution in CAUTIONS])[: 3 * FINALISTS]
    race.extend_to([FINAL_PAIRS] * len(pool), pool, FINAL_SHARE)
    pool = [each for each in distinct(pool) if not same_as_today(race, each)]
    fronts = [_front(race, _order(race, pool, caution), caution) for caution in CAUTIONS]
    return distinct([simplest(race, each) for each in in_turns(fronts)[:FINALISTS]])


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
