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
from resilience_sim.lint.look import errors_of
from resilience_sim.measure.expectations import holds, judge
from resilience_sim.measure.result import NO_READING, Reading, RunResult, scope_key
from resilience_sim.measure.statistics import deviation, mean, mean_interval
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.settings.metrics import metric
from resilience_sim.settings.plan import Expectation, Plan
from resilience_sim.settings.tune import WorldsConfig

BLOCK = 8  # pairs
MOST_PAIRS = 64  # that one candidate gets in the race
ELITE = 8  # candidates that get another block in each generation
ARCHIVE = 32  # candidates that are remembered
FIRST = 8, 24  # points of the first design for each setting, and in all
FEWEST_GENERATIONS = 20  # that a budget should be enough for
SMALLEST = 4  # generation
TODAYS_SHARE = 0.05  # of the budget, which the settings as written may have before all others
GENERATIONS = 200
STALE = 4  # generations without a new candidate: there is nothing left to try
SEARCH_SHARE = 0.5  # of the budget
ERROR = 0.05  # chance that anything is called better that is not
CAUTION = 1.5  # standard errors by which the search wants a constraint to hold
SAFE = 3 * CAUTION
MOST_SEEDS = 400  # of the certification
CERTIFY_SHARE, CERTIFIED = 0.2, 7  # what the certification usually has of the budget, and for how many candidates
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
    judged: tuple[tuple[int, int], tuple[tuple[float, ...], float]] | None = None  # by what, and what it has come to

    @property
    def varies(self) -> bool:
        """Whether more readings may say something else."""
        return any(each != self.readings[0] for each in self.readings)


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
            run = simulate(plans[world], (tuning.seed + pair) & MASK, metrics=names, digest=False)
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
        self.fresh = MOST_SEEDS  # about so many pairs will be certified
        self.accepted = errors_of(tuning.space.scenario.plan)
        open_loop = tuning.space.scenario.plan.traffic.loop != "closed"
        self.alike = open_loop and not any(spec.path.startswith("traffic.") for spec in tuning.space.specs)

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
        state = len(candidate.readings), len(self.today.readings)
        if candidate.judged is None or candidate.judged[0] != state:
            columns = range(len(self.tuning.objectives))
            means = tuple(self._low(candidate.readings, column) for column in columns)
            candidate.judged = state, (means, self.violation(candidate.readings))
        return candidate.judged[1]

    def _low(self, rows: Sequence[tuple[Reading, ...]], column: int) -> float:
        """A mean that is to be low, without the luck of the pairs that happen to be measured.

        What that was for the settings as written is known, as they have run more pairs: a control variate (S. Lavenberg
        and P. Welch, A Perspective on the Use of Control Variables, Management Science 27, 1981).
        """
        known = [value for row in rows if (value := row[column].value) is not None]
        if len(known) < len(rows) or not known:
            return inf  # one run without data spoils the candidate: leaving it out would flatter
        found = mean(known)
        today = [value for row in self.today.readings if (value := row[column].value) is not None]
        if len(rows) < len(today) == len(self.today.readings):
            same, everything = today[: len(rows)], mean(today)
            usual, spread = mean(same), deviation(same)
            if spread:
                both = sum((x - found) * (y - usual) for x, y in zip(known, same, strict=True))
                found -= min(1.0, max(0.0, both / spread**2 / (len(rows) - 1))) * (usual - everything)
        return -self.tuning.objectives[column].better * found

    def violation(self, rows: Sequence[tuple[Reading, ...]], caution: float = CAUTION) -> float:
        """By how much the constraints are not met, see :func:`shortfall`."""
        first = len(self.tuning.objectives)
        return sum(
            shortfall(each, [row[first + number] for row in rows], caution, self.fresh)
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
        gains = [
            [
                objective.better * (x - y)
                for one_of_a, one_of_b in zip(a.readings[:pairs], b.readings[:pairs], strict=True)
                if (x := one_of_a[column].value) is not None and (y := one_of_b[column].value) is not None
            ]
            for column, objective in enumerate(self.tuning.objectives)
        ]
        if any(len(each) < pairs for each in gains):
            return False
        middles = [mean(each) for each in gains]
        if min(middles) < 0 or max(middles) <= 0:
            return False
        if self.violation(a.readings, SAFE) > self.violation(b.readings, SAFE):
            return False  # who is safer stays: it may be the one that can be certified
        return all(mean_interval(each, 1 - level)[0] >= 0 for each in gains)

    # --- searching

    def search(self) -> None:
        """Until the search's share of the budget is used, or there is nothing left to try.

        Raises:
            OutOfBudget: the former.
            TooSmall: nothing can come of the budget.
        """
        space, axes = self.tuning.space, len(self.tuning.space.specs)
        shift = [random.Random(f"{self.tuning.seed} design {axis}").random() for axis in range(axes)]
        library = proposer(space.sizes, len(self.tuning.objectives), self.tuning.seed, self.tuning.library)
        self.name = library.name
        size = self._budget()
        first = [(settings, space.cube(settings)) for settings in self._starts()]
        first += [(space.settings(cube), cube) for cube in spread_evenly(min(FIRST[0] * axes, FIRST[1]), axes, shift)]
        new = [each for settings, cube in first if (each := self.candidate(settings, cube)) is not None]
        self._try([self.today, *new], library)
        stale = 0
        while self.generations < GENERATIONS and stale < STALE:
            proposed = library.propose(size)
            found = [each for cube in proposed if (each := self.candidate(space.settings(cube), cube)) is not None]
            # What was proposed again, or is impossible, has to be answered, too.
            known = [(cube, self.candidates[self.named(space.settings(cube))[1]]) for cube in proposed]
            told = [(cube, *self.values(each)) for cube, each in known if each.readings]
            told += [(cube, (inf,) * len(self.tuning.objectives), inf) for cube, each in known
                     if not each.readings and each not in found]  # fmt: skip
            library.learn(told)
            stale = 0 if found else stale + 1
            self._try(found, library)

    def _budget(self) -> int:
        """See by a first run what the budget is enough for: how many candidates make a generation. TooSmall."""
        self.extend([self.today], [1])
        usual, budget = self.today.requests * self.work.usual, self.tuning.requests
        self.purse.check(usual)
        if not budget:
            self.extend([self.today], [MOST_PAIRS])
            return GENERATION
        runs = budget / max(1.0, usual)
        self.fresh = round(min(MOST_SEEDS, max(BLOCK, CERTIFY_SHARE * runs / CERTIFIED)))
        self.extend([self.today], [max(BLOCK, round(min(MOST_PAIRS, TODAYS_SHARE * runs)) // BLOCK * BLOCK)])
        return round(min(GENERATION, max(SMALLEST, SEARCH_SHARE * runs / BLOCK / FEWEST_GENERATIONS)))

    def _starts(self) -> list[dict[str, str]]:
        """What is worth a try before anything is known: what libraries have by default, each one over today's."""
        space = self.tuning.space
        today = space.settings(space.today())
        return [today, *({**today, **settings} for settings in space.defaults())]

    def _try(self, new: list[Candidate], library: Proposer) -> None:
        """A generation: the first block for new candidates, another one for the best. OutOfBudget at the end."""
        self.generations += 1
        self.archive += self._begun(new)
        alive = [each for each in self.archive if not each.dropped]
        order = ranked([self.values(each) for each in alive])
        best = [alive[place] for place in order[:ELITE]]
        longer = [each for each in best[: max(2, len(new) // 2)] if len(each.readings) < MOST_PAIRS and each.varies]
        self.extend_to([len(each.readings) + BLOCK for each in longer], longer, SEARCH_SHARE)
        self.extend([self.today], [max(len(each.readings) for each in self.archive)])
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
        if self.purse.room(SEARCH_SHARE) < BLOCK:
            raise OutOfBudget

    def _begun(self, new: Sequence[Candidate]) -> list[Candidate]:
        """New candidates with their first block, as far as the budget has it.

        Where settings decide how many requests there are, one run says first what the others will cost.
        """
        if self.alike:
            return self.extend_to([BLOCK] * len(new), new, SEARCH_SHARE)
        begun: list[Candidate] = []
        while new and (room := self.purse.room(SEARCH_SHARE)) >= BLOCK:
            several = max(1, int(min(room, 1e6) / BLOCK**2))
            batch, new = new[:several], new[several:]
            self.extend(batch, [1] * len(batch))
            begun += self.extend_to([BLOCK] * len(batch), batch, SEARCH_SHARE)
        return begun

    def extend_to(self, pairs: Sequence[int], candidates: Sequence[Candidate], share: float) -> list[Candidate]:
        """Bring candidates to so many pairs until that share of the budget is used; who has got there."""
        left, there, wanted = self.purse.left(share), [], []
        for each, count in zip(candidates, pairs, strict=True):
            price = each.requests / len(each.readings) if each.readings else self.purse.price
            cost = max(0, count - len(each.readings)) * price
            if cost <= left:
                left -= cost
                there.append(each)
                wanted.append(count)
        self.extend(there, wanted)
        return there

    def tell(self) -> None:
        """Say where the search is."""
        if self._heard is None or not self.archive:
            return
        from resilience_sim.kernel import format as fmt

        best = self.archive[0]
        parts = []
        for column, objective in enumerate(self.tuning.objectives):
            known = metric(objective.metric)
            values = [value for row in best.readings if (value := row[column].value) is not None]
            shown = mean(values) if values else None
            parts.append(f"{objective.metric} {fmt.in_unit(shown, known.unit if known else '')}")
        self.say(f"generation {self.generations}, {len(self.candidates)} candidates, {', '.join(parts)}")

    def say(self, words: str) -> None:
        """Tell whoever listens how much of the budget is used, and what is being done."""
        if self._heard is not None:
            self._heard(min(1.0, self.purse.used()), words)


def judge_readings(expectation: Expectation, readings: Sequence[Reading]) -> str:
    """The verdict on an expectation over the readings of some runs."""
    scope = expectation.scope
    key = scope_key(scope.kind, scope.ref, scope.place)
    runs = []
    for reading in readings:
        own = {expectation.metric: reading}
        runs.append(RunResult(0, "", {}, own, {key: own}, partial=True))
    return judge(expectation, runs).verdict


def shortfall(expectation: Expectation, readings: Sequence[Reading], caution: float, fresh: int = MOST_SEEDS) -> float:
    """How far the mean lies on the wrong side of the limit, as a share of the limit; the share of runs without data.

    ``caution``: by so many standard errors it has to lie on the right side, the error being that between these runs and
    ``fresh`` others. Without that a search ends among those whom luck has put there, and the certification, which wants
    the whole interval there, accepts nobody.
    """
    known = [reading.value for reading in readings if reading.value is not None]
    missing = 1 - len(known) / max(1, len(readings))
    if not known:
        return 1.0
    limit, op, middle = expectation.limit, expectation.op, mean(known)
    if op in ("==", "!="):
        broken = sum(not holds(op, value, limit) for value in known) / len(known)
        return missing + (abs(middle - limit) / (abs(limit) or 1.0) if op == "==" else broken)
    wanted = caution * deviation(known) * sqrt(1 / len(known) + 1 / fresh)
    gap = (limit - middle if op in (">", ">=") else middle - limit) + wanted
    least = 0.0 if holds(op, middle, limit) else 1e-9
    return missing + max(gap, least) / (abs(limit) or 1.0)
