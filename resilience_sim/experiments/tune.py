"""The best settings, honestly: propose widely, race on common luck, certify on fresh luck.

Candidates run on the same (world, seed) pairs, in blocks; who is surely dominated drops out. What is left is measured
once more on seeds that nobody has used, against the settings as written, so that the winner's luck in the race does not
count. Decisions rest on nothing but measurements: the same question and seed give the same answer, on any machine, as
long as the budget is one of requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from typing import NamedTuple

from resilience_sim.experiments.crew import Crew
from resilience_sim.experiments.finalists import FINALISTS, distinct, finalists
from resilience_sim.experiments.margins import Question, questions, summarise
from resilience_sim.experiments.propose import dominates, ranked
from resilience_sim.experiments.race import (
    BLOCK,
    ERROR,
    MASK,
    MOST_SEEDS,
    SEARCH_SHARE,
    Candidate,
    Objective,
    OutOfBudget,
    Race,
    Tuning,
    judge_readings,
)
from resilience_sim.experiments.search import COLLAPSED, Found, Search
from resilience_sim.experiments.space import Settings
from resilience_sim.experiments.study import Study
from resilience_sim.measure.expectations import FAIL, PASS
from resilience_sim.measure.result import Reading
from resilience_sim.measure.statistics import interval, mean, mean_interval, t_interval

MARGIN_SHARE = 0.2  # of the budget
ALL_BUT_DUST = 0.98  # of the budget: runs differ a little in how many requests they have
CERTIFY_FROM = 1_000_000  # pairs: their seeds are used by nothing else
FEWEST = 16  # pairs of the certification
MARGIN_AXES, MARGIN_PRECISION = ("load", "slower"), 0.02
MARGIN_SEEDS, FEWEST_MARGIN_SEEDS, MARGIN_BATCH = 20, 5, 4
USUAL_PROBES = 12  # runs that a search for a critical value takes, the first one in a row more, the others fewer


class Held(NamedTuple):
    """How far settings hold on an axis: what the weakest twentieth of the seeds, and half of them, have reached.

    ``nowhere``: the weakest are broken at ``p5``, the easiest value that was tried.
    """

    p5: float | None
    p50: float | None
    seeds: int
    nowhere: bool = False


@dataclass(frozen=True)
class Certified:
    """A metric on the fresh seeds: its mean, and its difference to the settings as written, paired. ``worst``: the mean
    of the worst tenth of the worlds.
    """

    mean: float | None
    ci95: tuple[float, float] | None
    delta: float | None
    delta_ci95: tuple[float, float] | None
    worst: float | None = None


@dataclass(frozen=True)
class Entry:
    """Settings on the front. ``settings`` empty: as written. ``better``: surely, than as written.

    ``only_feasible``: that is so not by an objective, but because as written does not surely meet the constraints.
    ``silent``: what no run had data of, objectives and constraints.
    """

    settings: Settings
    metrics: Mapping[str, Certified]
    feasible: bool
    better: bool
    margins: Mapping[str, Held] = field(default_factory=dict)
    broken: tuple[str, ...] = ()  # constraints that are not surely met
    silent: tuple[str, ...] = ()
    only_feasible: bool = False


@dataclass(frozen=True)
class Tuned:
    """The answer. ``verdict``: better, cannot_tell or none_feasible. ``today``: as written, on the front or not.

    ``certified_on`` empty: interrupted, or the budget was too small to certify anything. ``margins_missing``: too small
    for the margins of all entries.
    """

    front: tuple[Entry, ...]
    today: Entry | None
    verdict: str
    certified_on: tuple[int, ...]
    runs: int
    requests: int
    candidates: int
    impossible: int
    linted: int
    generations: int
    search: str
    interrupted: bool = False
    margins_missing: bool = False


def tune(
    tuning: Tuning,
    crew: Crew,
    study: Study | None = None,
    heard: Callable[[float, str], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Search, certify, and measure the margins of what is left. After Ctrl-C: the best so far, not certified.

    Raises:
        TooSmall: nothing can come of the budget.
        WorkFailed: a piece of the work has no answer.
        StudyError: the study cannot be written.
    """
    race = Race(tuning, crew, study or Study(), clock, heard)
    race.name = ""
    try:
        with suppress(OutOfBudget):
            race.search()
        chosen, pairs = _affordable(race, finalists(race))
        seen = any(len(each.readings) >= BLOCK for each in race.candidates.values() if each is not race.today)
        unseen = race.purse.room(SEARCH_SHARE) < BLOCK and not seen
        if unseen or not pairs:
            return _so_far(race, interrupted=False)
        race.say(f"certifying {len(chosen)} candidates on {len(pairs)} fresh seeds")
        everybody = [race.today, *chosen]
        rows = race.measure([(each, pairs) for each in everybody])
        seeds = tuple((tuning.seed + pair) & MASK for pair in pairs)
        entries = [_entry(tuning, each, rows[each.key], rows["{}"], len(chosen)) for each in everybody]
        front, verdict = _answer(entries, tuning)
        race.say("margins")
        measured, complete = _with_margins(race, front)
        return replace(_tuned(race, measured, entries[0], verdict, seeds), margins_missing=not complete)
    except KeyboardInterrupt:
        return _so_far(race, interrupted=True)


def _affordable(race: Race, chosen: list[Candidate]) -> tuple[list[Candidate], list[int]]:
    """Whom the rest of the budget can certify, the best first, and on which pairs: a whole number of blocks."""
    purse = race.purse

    def count(share: float) -> int:
        each = sum(one.requests / max(1, len(one.readings)) for one in (race.today, *chosen))
        return int(min(MOST_SEEDS, purse.left(share) / max(1.0, each))) // BLOCK * BLOCK

    pairs = count(1 - MARGIN_SHARE)
    while pairs < FEWEST:
        pairs = count(ALL_BUT_DUST)
        if pairs < FEWEST:
            if len(chosen) < 2:
                return [], []
            chosen = chosen[:-1]
    draws = len(race.work.worlds)
    first = -(-CERTIFY_FROM // draws) * draws
    return chosen, list(range(first, first + pairs))


def _entry(
    tuning: Tuning,
    candidate: Candidate,
    rows: Sequence[tuple[Reading, ...]],
    today: Sequence[tuple[Reading, ...]],
    rivals: int,
) -> Entry:
    metrics: dict[str, Certified] = {}
    level = ERROR / max(1, rivals * len(tuning.objectives))
    surely, worse = False, False
    for column, objective in enumerate(tuning.objectives):
        values = [row[column].value for row in rows]
        theirs = [row[column].value for row in today]
        known = [value for value in values if value is not None]
        pairs = [(x, y) for x, y in zip(values, theirs, strict=True) if x is not None and y is not None]
        complete = len(known) == len(rows)
        gains = [objective.better * (x - y) for x, y in pairs]
        delta = mean([x - y for x, y in pairs]) if len(pairs) == len(rows) else None
        found = t_interval([x - y for x, y in pairs]) if delta is not None else None
        metrics[objective.metric] = Certified(
            mean(known) if complete else None,
            interval(objective.metric, known) if complete else None,
            delta,
            found,
            _worst(known, objective) if complete and tuning.worlds is not None else None,
        )
        if delta is None:
            worse = True  # nothing is surely better that has no data
            continue
        surely = surely or mean_interval(gains, 1 - level)[0] > 0
        worse = worse or mean_interval(gains, 1 - ERROR)[1] < 0
    first = len(tuning.objectives)
    verdicts = [
        judge_readings(each, [row[first + number] for row in rows]) for number, each in enumerate(tuning.constraints)
    ]
    for number, each in enumerate(tuning.constraints):
        if each.metric not in metrics and each.scope.whole:
            values = [row[first + number].value for row in rows]
            known = [value for value in values if value is not None]
            if known and len(known) == len(rows):
                metrics[each.metric] = Certified(mean(known), interval(each.metric, known), None, None)
    broken = tuple(each.words for each, verdict in zip(tuning.constraints, verdicts, strict=True) if verdict != PASS)
    failing = tuple(each.words for each, verdict in zip(tuning.constraints, verdicts, strict=True) if verdict == FAIL)
    asked = [*(each.metric for each in tuning.objectives), *(each.words for each in tuning.constraints)]
    silent = tuple(
        text for column, text in enumerate(asked)
        if all(row[column].value is None and row[column].bound is None for row in rows)
    )  # fmt: skip
    return Entry(candidate.settings, metrics, not broken, surely and not worse, broken=failing or broken, silent=silent)


def _worst(values: Sequence[float], objective: Objective) -> float:
    """The mean of the worst tenth."""
    ordered = sorted(values, reverse=objective.better < 0)
    return mean(ordered[: max(1, len(ordered) // 10)])


def _answer(entries: Sequence[Entry], tuning: Tuning) -> tuple[list[Entry], str]:
    """The front, and what is to be said of it."""
    today, others = entries[0], entries[1:]
    if not today.feasible:  # whatever is surely feasible is better than what is not
        others = [
            replace(each, better=True, only_feasible=not each.better) if each.feasible else each for each in others
        ]
    feasible = [each for each in others if each.feasible]
    if tuning.constraints and not feasible and not today.feasible:
        return list(entries), "none_feasible"

    def low(entry: Entry) -> tuple[float, ...]:
        means = [(objective, entry.metrics[objective.metric].mean) for objective in tuning.objectives]
        return tuple(inf if value is None else -objective.better * value for objective, value in means)

    better = any(each.better for each in feasible)
    pool = [*feasible, *([today] if not better else [])]
    front = [each for each in pool if each is today or not any(dominates(low(other), low(each)) for other in pool)]
    if better:
        front = [each for each in front if each.better or not dominates(low(today), low(each))]
    front.sort(key=lambda each: (not each.better, low(each)))  # what is surely better is what to take first
    return front, "better" if better and any(each.better for each in front) else "cannot_tell"


def _with_margins(race: Race, front: Sequence[Entry]) -> tuple[tuple[Entry, ...], bool]:
    """The entries with their margins, the first ones first; whether the budget had enough for all."""
    space = race.tuning.space
    asked: list[tuple[int, Question]] = []
    for number, entry in enumerate(front):
        plan = space.plan(entry.settings) if entry.settings else space.scenario.plan
        found, _ = questions({"": plan}, MARGIN_AXES, MARGIN_PRECISION)
        asked += [(number, each) for each in found]
    margins: list[dict[str, Held]] = [{} for _ in front]
    complete = True
    for done, (number, each) in enumerate(asked):
        left = race.purse.left(ALL_BUT_DUST)
        least = FEWEST_MARGIN_SEEDS * USUAL_PROBES * race.purse.price
        held = _held(race, each, max(left / (len(asked) - done), min(left, least)), least)
        if held is not None:
            margins[number][each.axis] = held
        complete = complete and held is not None
    return tuple(replace(each, margins=own) for each, own in zip(front, margins, strict=True)), complete


def _held(race: Race, question: Question, most: float, least: float) -> Held | None:
    """How far settings hold, on seeds that the certification has not used, for so many requests at most.

    None where that is too little for the fewest seeds that say anything, or less than the ``least``.
    """
    if most < least:
        return None
    race.say(f"margins: {question.axis}")
    tuning, ladder = race.tuning, question.ladder
    until = (*(each for each in tuning.constraints if not each.scope.variant), COLLAPSED)
    first = tuning.seed + 2 * CERTIFY_FROM
    seeds = [(first + number) & MASK for number in range(MARGIN_SEEDS)]
    found: list[Found] = []
    spent, begin, stride = 0, ladder.start, ladder.stride
    for batch in (seeds[:1], *(seeds[at : at + MARGIN_BATCH] for at in range(1, MARGIN_SEEDS, MARGIN_BATCH))):
        if found and found[-1].requests * len(batch) > (most - spent) * (1 if len(found) > 1 else 2):
            break  # the first one begins far away
        search = Search(ladder, until, (most - spent) / len(batch))
        answers = race.crew.map(search, [(seed, begin, stride) for seed in batch])
        spent += sum(each.requests for each in answers)
        race.purse.pay(sum(each.requests for each in answers), sum(each.runs for each in answers))
        if any(each.given_up for each in answers):
            break
        found += answers
        begin = ladder.last if found[0].rung is None else found[0].rung
        stride = max(1, ladder.stride // 8)
    if len(found) < FEWEST_MARGIN_SEEDS:
        return None
    margin = summarise(question, found)
    return Held(margin.p5, margin.p50, len(found), margin.p5 == margin.first)


def _tuned(
    race: Race, front: tuple[Entry, ...], today: Entry | None, verdict: str, seeds: tuple[int, ...], cut: bool = False
) -> Tuned:
    return Tuned(
        front, today, verdict, seeds, race.purse.runs, race.purse.spent, len(race.candidates), race.impossible,
        race.linted, race.generations, race.name, cut,
    )  # fmt: skip


def _so_far(race: Race, interrupted: bool) -> Tuned:
    """The best of a search that was interrupted, or cannot certify anything, as the race has seen it."""
    known = [each for each in race.archive if each.readings and each is not race.today]
    if not known or not race.today.readings:
        return _tuned(race, (), None, "cannot_tell", (), interrupted)
    best = distinct([known[place] for place in ranked([race.values(each) for each in known])])
    entries = []
    for each in (race.today, *best[:FINALISTS]):
        pairs = min(len(each.readings), len(race.today.readings))
        entries.append(_entry(race.tuning, each, each.readings[:pairs], race.today.readings[:pairs], len(known)))
    front = tuple(replace(each, better=False) for each in _answer(entries, race.tuning)[0])
    return _tuned(race, front, entries[0], "cannot_tell", (), interrupted)
