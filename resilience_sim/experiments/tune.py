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

from resilience_sim.experiments.axes import ladder_of
from resilience_sim.experiments.crew import Crew
from resilience_sim.experiments.margins import Question, search_seeds
from resilience_sim.experiments.propose import dominates, ranked
from resilience_sim.experiments.race import (
    BLOCK,
    ERROR,
    FINALISTS,
    MASK,
    Candidate,
    Objective,
    OutOfBudget,
    Race,
    Tuning,
    bounds,
    judge_readings,
)
from resilience_sim.experiments.search import COLLAPSED
from resilience_sim.experiments.space import Settings
from resilience_sim.experiments.study import Study
from resilience_sim.measure.expectations import FAIL, PASS
from resilience_sim.measure.result import Reading
from resilience_sim.measure.statistics import interval, mean, t_interval

MARGIN_SHARE = 0.15  # of the budget
CERTIFY_FROM = 1_000_000  # pairs: their seeds are used by nothing else
FEWEST, MOST = 16, 400  # pairs of the certification
FEWEST_MARGIN_SEEDS = 5
MARGIN_SEEDS, MARGIN_AXES, MARGIN_PRECISION = 20, ("load", "slower"), 0.02


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
    """Settings on the front. ``settings`` empty: as written. ``better``: surely, than as written."""

    settings: Settings
    metrics: Mapping[str, Certified]
    feasible: bool
    better: bool
    margins: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    broken: tuple[str, ...] = ()  # constraints that are not surely met


@dataclass(frozen=True)
class Tuned:
    """The answer. ``verdict``: better, cannot_tell or none_feasible. ``today``: as written, on the front or not."""

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


def tune(
    tuning: Tuning,
    crew: Crew,
    study: Study | None = None,
    heard: Callable[[float, str], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Search, certify, and measure the margins of what is left. After Ctrl-C: the best so far, not certified.

    Raises:
        WorkFailed: a piece of the work has no answer.
        StudyError: the study cannot be written.
    """
    race = Race(tuning, crew, study or Study(), clock, heard)
    race.name = ""
    try:
        with suppress(OutOfBudget):
            race.search()
        finalists = race.finalists()
        pairs = _fresh_pairs(race, len(finalists))
        race.say(f"certifying {len(finalists)} candidates on {len(pairs)} fresh seeds")
        everybody = [race.today, *finalists]
        rows = race.measure([(each, pairs) for each in everybody])
        seeds = tuple((tuning.seed + pair) & MASK for pair in pairs)
        entries = [_entry(tuning, each, rows[each.key], rows["{}"], len(finalists)) for each in everybody]
        answer = _answer(entries, tuning)
        front = tuple(replace(each, margins=_margins(race, each)) for each in answer[0])
        return _tuned(race, front, entries[0], answer[1], seeds)
    except KeyboardInterrupt:
        return _so_far(race)


def _fresh_pairs(race: Race, finalists: int) -> list[int]:
    """As many as the budget has left for them; a whole number of blocks."""
    tuning = race.tuning
    each = race.requests / max(1, race.runs) * (finalists + 1)
    left = inf
    if tuning.requests:
        left = tuning.requests * (1 - MARGIN_SHARE) - race.requests
    elif tuning.seconds:
        used = max(1e-9, race.clock() - race.started)
        left = race.requests / used * (tuning.seconds * (1 - MARGIN_SHARE) - used)
    count = int(min(MOST, max(FEWEST, left / max(1.0, each)))) // BLOCK * BLOCK
    draws = len(race.work.worlds)
    first = -(-CERTIFY_FROM // draws) * draws
    return list(range(first, first + count))


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
        surely = surely or bounds(gains, level)[0] > 0
        worse = worse or bounds(gains, ERROR)[1] < 0
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
    broken = tuple(each.text for each, verdict in zip(tuning.constraints, verdicts, strict=True) if verdict != PASS)
    failing = tuple(each.text for each, verdict in zip(tuning.constraints, verdicts, strict=True) if verdict == FAIL)
    return Entry(candidate.settings, metrics, not broken, surely and not worse, broken=failing or broken)


def _worst(values: Sequence[float], objective: Objective) -> float:
    """The mean of the worst tenth."""
    ordered = sorted(values, reverse=objective.better < 0)
    return mean(ordered[: max(1, len(ordered) // 10)])


def _answer(entries: Sequence[Entry], tuning: Tuning) -> tuple[list[Entry], str]:
    """The front, and what is to be said of it."""
    today, others = entries[0], entries[1:]
    if not today.feasible:  # whatever is surely feasible is better than what is not
        others = [replace(each, better=each.better or each.feasible) for each in others]
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
    front.sort(key=low)
    return front, "better" if better and any(each.better for each in front) else "cannot_tell"


def _margins(race: Race, entry: Entry) -> dict[str, tuple[float | None, float | None]]:
    """How far an entry holds, on seeds that the certification has not used."""
    tuning = race.tuning
    plan = tuning.space.plan(entry.settings) if entry.settings else tuning.space.scenario.plan
    until = (*(each for each in tuning.constraints if not each.scope.variant), COLLAPSED)
    first = tuning.seed + 2 * CERTIFY_FROM
    seeds = [(first + number) & MASK for number in range(MARGIN_SEEDS)]
    found: dict[str, tuple[float | None, float | None]] = {}
    per_run = race.requests / max(1, race.runs)
    if tuning.requests:  # an axis takes some eight runs a seed
        fits = MARGIN_SHARE * tuning.requests / (per_run * 8 * len(MARGIN_AXES) * FINALISTS)
        seeds = seeds[: max(FEWEST_MARGIN_SEEDS, int(fits))]
    for axis in MARGIN_AXES:
        ladder = ladder_of(axis, plan, MARGIN_PRECISION)
        if not isinstance(ladder, str):
            race.say(f"margins: {axis}")
            margin = search_seeds(Question(axis, "", ladder), until, seeds, race.crew)
            race.runs += margin.runs
            race.requests += margin.requests_simulated
            found[axis] = (margin.p5, margin.p50)
    return found


def _tuned(
    race: Race, front: tuple[Entry, ...], today: Entry | None, verdict: str, seeds: tuple[int, ...], cut: bool = False
) -> Tuned:
    return Tuned(
        front, today, verdict, seeds, race.runs, race.requests, len(race.candidates), race.impossible, race.linted,
        race.generations, race.name, cut,
    )  # fmt: skip


def _so_far(race: Race) -> Tuned:
    """The best of a search that was interrupted, as the race has seen it."""
    known = [each for each in race.archive if each.readings and each is not race.today]
    if not known or not race.today.readings:
        return _tuned(race, (), None, "cannot_tell", (), True)
    best = race.distinct([known[place] for place in ranked([race.values(each) for each in known])])
    entries = []
    for each in (race.today, *best[:FINALISTS]):
        pairs = min(len(each.readings), len(race.today.readings))
        entries.append(_entry(race.tuning, each, each.readings[:pairs], race.today.readings[:pairs], len(known)))
    front = tuple(replace(each, better=False) for each in _answer(entries, race.tuning)[0])
    return _tuned(race, front, entries[0], "cannot_tell", (), True)
