"""The race of candidates: proposed widely, run on common luck in blocks, dropped when they are surely dominated."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, sqrt

from resilience_sim.experiments.crew import Crew
from resilience_sim.experiments.propose import GENERATION, Proposer, proposer, ranked
from resilience_sim.experiments.purse import Purse
from resilience_sim.experiments.search import plan_for
from resilience_sim.experiments.space import Cube, Space, spread_evenly
from resilience_sim.experiments.study import Measured, Study
from resilience_sim.experiments.worlds import draw_worlds, in_world
from resilience_sim.lint.check import errors_of
from resilience_sim.measure.expectations import holds, judge
from resilience_sim.measure.result import NO_READING, Reading, RunResult, scope_key
from resilience_sim.measure.statistics import deviation, mean, t_quantile
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.settings.metrics import metric
from resilience_sim.settings.plan import Expectation, Plan
from resilience_sim.settings.tune import WorldsConfig

BLOCK = 8  # pairs
MOST_PAIRS = 64  # that one candidate gets in the race
ELITE = 10  # candidates that get another block in each generation
ARCHIVE = 32  # candidates that are remembered
FIRST = 24  # points of the first design
GENERATIONS = 200
STALE = 4  # generations without a new candidate: there is nothing left to try
SEARCH_SHARE = 0.6  # of the budget
ERROR = 0.05  # chance that anything is called better that is not
CAUTION = 1.5  # standard errors by which the search wants a constraint to hold
MOST_SEEDS = 400  # of the certification
MASK = 2**63 - 1


@dataclass(frozen=True)
class Objective:
    """A metric, and whether it is to be high (+1) or low (-1)."""

    metric: str
    better: int


@dataclass(frozen=True)
class Tuning:
    """The question. ``requests`` and ``seconds`` are the budget, 0: not limited so. ``library``: auto, own, optuna."""

    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[Expectation, ...] = ()
    worlds: WorldsConfig | None = None
    seed: int = 1
    requests: int = 0
    seconds: float = 0.0
    library: str = "auto"

    def question(self) -> str:
        """What has to be the same for a study to go on."""
        parts = (
            self.space.scenario.digest,
            [(spec.path, spec.values() if not spec.continuous else repr(spec.range)) for spec in self.space.specs],
            self.objectives,
            self.constraints,
            self.worlds,
            self.seed,
        )
        return repr(parts)


@dataclass
class Candidate:
    settings: dict[str, str]
    key: str
    cube: Cube | None
    readings: list[tuple[Reading, ...]] = field(default_factory=list)
    requests: int = 0  # of all the runs that the readings are of
    dropped: bool = False
    judged: tuple[int, tuple[tuple[float, ...], float]] | None = None  # by how many readings, and what they come to


@dataclass(frozen=True)
class Measure:
    """Runs settings on pairs. A pair is a world and a seed."""

    tuning: Tuning
    worlds: tuple[tuple[float, float], ...]

    @property
    def usual(self) -> float:
        """The traffic of the mean world, beside that of the first."""
        loads = [load for load, _ in self.worlds]
        return mean(loads) / loads[0]

    def __call__(self, task: tuple[dict[str, str], tuple[int, ...]]) -> list[Measured]:
        settings, pairs = task
        tuning = self.tuning
        base = tuning.space.plan(settings) if settings else tuning.space.scenario.plan
        base = plan_for(base, tuning.constraints)
        whole = all(each.scope.whole for each in tuning.constraints)
        names = tuple(dict.fromkeys([*(each.metric for each in tuning.objectives),
                                     *(each.metric for each in tuning.constraints)])) if whole else None  # fmt: skip
        plans: dict[tuple[float, float], Plan] = {}
        found: list[Measured] = []
        for pair in pairs:
            world = self.worlds[pair % len(self.worlds)]
            if world not in plans:
                plans[world] = in_world(base, world)
            run = simulate(plans[world], (tuning.seed + pair) & MASK, metrics=names)
            readings = [run.metrics.get(each.metric, NO_READING) for each in tuning.objectives]
            for each in tuning.constraints:
                readings.append(run.at(each.scope).get(each.metric, NO_READING))
            found.append((tuple(readings), int(run.document["requests"]["total"])))
        return found


class OutOfBudget(Exception):
    """The search has had its share."""


class Race:
    """The search, as far as it has come."""

    def __init__(
        self,
        tuning: Tuning,
        crew: Crew,
        study: Study,
        clock: Callable[[], float],
        heard: Callable[[float, str], None] | None,
    ) -> None:
        self.tuning = tuning
        self.crew = crew
        self.study = study
        self.purse = Purse(tuning.requests, tuning.seconds, clock)
        self._heard = heard
        self.work = Measure(tuning, draw_worlds(tuning.worlds, tuning.seed))
        self.candidates: dict[str, Candidate] = {}
        self.archive: list[Candidate] = []
        self.impossible = self.linted = self.generations = 0
        self.written = tuning.space.written()
        self.today = Candidate({}, "{}", tuning.space.today())
        self.candidates["{}"] = self.today
        self.accepted = errors_of(tuning.space.scenario.plan)

    # --- measuring

    def candidate(self, settings: Mapping[str, str], cube: Cube | None) -> Candidate | None:
        """A new candidate; None for one that is known, impossible, or wrong by lint."""
        chosen, key = self.named(settings)
        if key in self.candidates:
            return None
        found = Candidate(chosen, key, cube)
        self.candidates[key] = found
        try:
            plan = self.tuning.space.plan(chosen)
        except ScenarioError:
            self.impossible += 1
            return None
        if errors_of(plan) - self.accepted:
            self.linted += 1
            return None
        return found

    def named(self, settings: Mapping[str, str]) -> tuple[dict[str, str], str]:
        """What of some settings is another than today's, and the key of that."""
        chosen = {
            spec.path: settings[spec.path]
            for spec in self.tuning.space.specs
            if spec.path in settings and settings[spec.path] != self.written.get(spec.path)
        }
        return chosen, json.dumps(chosen)

    def measure(self, wanted: Sequence[tuple[Candidate, Sequence[int]]]) -> dict[str, list[tuple[Reading, ...]]]:
        """The readings of pairs, from the study or by running them; counted either way."""
        tasks = []
        for each, pairs in wanted:
            new = [pair for pair in pairs if self.study.get(each.key, pair) is None]
            for at in range(0, len(new), BLOCK):
                tasks.append((each, tuple(new[at : at + BLOCK])))
        answers = self.crew.map(self.work, [(each.settings, pairs) for each, pairs in tasks]) if tasks else []
        for (each, pairs), answer in zip(tasks, answers, strict=True):
            for pair, measured in zip(pairs, answer, strict=True):
                self.study.put(each.key, pair, measured)
        self.study.commit()
        found: dict[str, list[tuple[Reading, ...]]] = {}
        for each, pairs in wanted:
            for pair in pairs:
                known = self.study.get(each.key, pair)
                assert known is not None
                found.setdefault(each.key, []).append(known[0])
                each.requests += known[1]
                self.purse.pay(known[1])
        return found

    def extend(self, candidates: Sequence[Candidate], pairs: Sequence[int]) -> None:
        """Bring each candidate to so many pairs."""
        wanted = [
            (each, range(len(each.readings), wanted))
            for each, wanted in zip(candidates, pairs, strict=True)
            if len(each.readings) < wanted
        ]
        found = self.measure(wanted)
        for each, _ in wanted:
            each.readings += found[each.key]

    # --- judging

    def values(self, candidate: Candidate) -> tuple[tuple[float, ...], float]:
        """What the candidate has come to: values to be low, and by how much it violates the constraints."""
        rows = candidate.readings
        if candidate.judged is not None and candidate.judged[0] == len(rows):
            return candidate.judged[1]
        means = []
        for column, objective in enumerate(self.tuning.objectives):
            known = [value for row in rows if (value := row[column].value) is not None]
            # One run without data spoils the candidate: leaving it out would flatter.
            means.append(-objective.better * mean(known) if len(known) == len(rows) and known else inf)
        found = tuple(means), self.violation(rows)
        candidate.judged = len(rows), found
        return found

    def violation(self, rows: Sequence[tuple[Reading, ...]], caution: float = CAUTION) -> float:
        """By how much the constraints are not met, see :func:`shortfall`."""
        first = len(self.tuning.objectives)
        return sum(
            shortfall(each, [row[first + number] for row in rows], caution)
            for number, each in enumerate(self.tuning.constraints)
        )

    def surely_dominates(self, a: Candidate, b: Candidate, level: float) -> bool:
        """Whether, on the pairs that both have run, ``a`` is surely nowhere worse than ``b`` and somewhere better."""
        pairs = min(len(a.readings), len(b.readings))
        (here, one), (there, other) = self.values(a), self.values(b)
        if pairs < BLOCK or one > other:
            return False
        if len(a.readings) == len(b.readings) and any(x > y for x, y in zip(here, there, strict=True)):
            return False  # nobody is surely not worse whose mean is
        somewhere = False
        for column, objective in enumerate(self.tuning.objectives):
            found = [
                (x[column].value, y[column].value) for x, y in zip(a.readings[:pairs], b.readings[:pairs], strict=True)
            ]
            gains = [objective.better * (x - y) for x, y in found if x is not None and y is not None]
            if len(gains) < pairs:
                return False
            low = bounds(gains, level)[0]
            if low < 0:
                return False
            somewhere = somewhere or mean(gains) > 0
        return somewhere

    # --- searching

    def search(self) -> None:
        """Until the search's share of the budget is used, or there is nothing left to try.

        Raises:
            OutOfBudget: the former.
            TooSmall: nothing can come of the budget.
        """
        space = self.tuning.space
        shift = [random.Random(f"{self.tuning.seed} design {axis}").random() for axis in range(len(space.specs))]
        library = proposer(space.sizes, len(self.tuning.objectives), self.tuning.seed, self.tuning.library)
        self.name = library.name
        self.extend([self.today], [1])
        self.purse.check(self.today.requests * self.work.usual)
        first = [(settings, space.cube(settings)) for settings in self._starts()]
        first += [(space.settings(cube), cube) for cube in spread_evenly(FIRST, len(space.specs), shift)]
        new = [each for settings, cube in first if (each := self.candidate(settings, cube)) is not None]
        self._try([self.today, *new], library)
        stale = 0
        while self.generations < GENERATIONS and stale < STALE:
            proposed = library.propose(GENERATION)
            found = [each for cube in proposed if (each := self.candidate(space.settings(cube), cube)) is not None]
            # What was proposed again, or is impossible, has to be answered, too.
            known = [(cube, self.candidates[self.named(space.settings(cube))[1]]) for cube in proposed]
            told = [(cube, *self.values(each)) for cube, each in known if each.readings]
            told += [(cube, (inf,) * len(self.tuning.objectives), inf) for cube, each in known
                     if not each.readings and each not in found]  # fmt: skip
            library.learn(told)
            stale = 0 if found else stale + 1
            self._try(found, library)

    def _starts(self) -> list[dict[str, str]]:
        """What is worth a try before anything is known: what libraries have by default, each one over today's."""
        space = self.tuning.space
        today = space.settings(space.today())
        return [today, *({**today, **settings} for settings in space.defaults())]

    def _try(self, new: Sequence[Candidate], library: Proposer) -> None:
        """A generation: the first block for new candidates, another one for the best. OutOfBudget at the end."""
        self.generations += 1
        new = new[: self.blocks(SEARCH_SHARE)]
        self.extend(new, [BLOCK] * len(new))
        self.archive += new
        alive = [each for each in self.archive if not each.dropped]
        order = ranked([self.values(each) for each in alive])
        best = [alive[place] for place in order[:ELITE]]
        longer = best[: self.blocks(SEARCH_SHARE)]
        self.extend(longer, [min(MOST_PAIRS, len(each.readings) + BLOCK) for each in longer])
        level = ERROR / (max(1, len(self.candidates)) * len(self.tuning.objectives))
        for b in best:
            b.dropped = b is not self.today and any(
                a is not b and not a.dropped and self.surely_dominates(a, b, level) for a in best
            )
        alive = [each for each in self.archive if not each.dropped]
        order = ranked([self.values(each) for each in alive])
        self.archive = [alive[place] for place in order[:ARCHIVE]]
        results = [(each.cube, *self.values(each)) for each in {id(c): c for c in (*new, *best)}.values()
                   if each.cube is not None and each is not self.today]  # fmt: skip
        library.learn(results)
        self.tell()
        if not self.blocks(SEARCH_SHARE):
            raise OutOfBudget

    def blocks(self, share: float) -> int:
        """Blocks that can be run until that share of the budget is used."""
        return int(min(self.purse.room(share) / BLOCK, 1e6))

    def tell(self) -> None:
        """Say where the search is."""
        if self._heard is None or not self.archive:
            return
        from resilience_sim.kernel import format as fmt

        best = self.archive[0]
        parts = []
        for objective, low in zip(self.tuning.objectives, self.values(best)[0], strict=True):
            known = metric(objective.metric)
            parts.append(f"{objective.metric} {fmt.in_unit(-objective.better * low, known.unit if known else '')}")
        self.say(f"generation {self.generations}, {len(self.candidates)} candidates, {', '.join(parts)}")

    def say(self, words: str) -> None:
        """Tell whoever listens how much of the budget is used, and what is being done."""
        if self._heard is not None:
            self._heard(min(1.0, self.purse.used()), words)


def bounds(values: Sequence[float], level: float) -> tuple[float, float]:
    """The interval of the mean that is missed with the chance ``level`` (two-sided, Student)."""
    middle, half = mean(values), t_quantile(1 - level, len(values) - 1) * deviation(values) / sqrt(len(values))
    return middle - half, middle + half


def judge_readings(expectation: Expectation, readings: Sequence[Reading]) -> str:
    """The verdict on an expectation over the readings of some runs."""
    scope = expectation.scope
    key = scope_key(scope.kind, scope.ref, scope.place)
    runs = []
    for reading in readings:
        own = {expectation.metric: reading}
        runs.append(RunResult(0, "", {}, own, {key: own}, partial=True))
    return judge(expectation, runs).verdict


def shortfall(expectation: Expectation, readings: Sequence[Reading], caution: float) -> float:
    """How far the mean lies on the wrong side of the limit, as a share of the limit; the share of runs without data.

    ``caution``: by so many standard errors it has to lie on the right side. Without that a search ends among those whom
    luck has put there, and the certification, which wants the whole interval there, accepts nobody.
    """
    known = [reading.value for reading in readings if reading.value is not None]
    missing = 1 - len(known) / max(1, len(readings))
    if not known:
        return 1.0
    limit, op, middle = expectation.limit, expectation.op, mean(known)
    if op in ("==", "!="):
        broken = sum(not holds(op, value, limit) for value in known) / len(known)
        return missing + (abs(middle - limit) / (abs(limit) or 1.0) if op == "==" else broken)
    wanted = caution * deviation(known) * sqrt(1 / len(known) + 1 / MOST_SEEDS)
    gap = (limit - middle if op in (">", ">=") else middle - limit) + wanted
    least = 0.0 if holds(op, middle, limit) else 1e-9
    return missing + max(gap, least) / (abs(limit) or 1.0)
