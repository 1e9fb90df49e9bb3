"""How much more a configuration stands: per seed one critical value, and their distribution over the seeds.

Luck belongs to the request, so a seed has its own critical value (nearly always: where it has not, that is said), and
the distribution of these values is the whole curve of the chance to break (``docs/tuning.md``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isinf

from resilience_sim.experiments.axes import AXES, PRECISION, Ladder, SettingLadder, ladder_of, setting_ladder, turned
from resilience_sim.experiments.crew import Crew
from resilience_sim.experiments.quantiles import quantile, quantile_interval
from resilience_sim.experiments.search import COLLAPSED, Found, Search, breaks, plan_for
from resilience_sim.experiments.specs import Range
from resilience_sim.measure.expectations import FAIL, judge
from resilience_sim.measure.result import RunResult
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.describe.paths import text_at
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.plan import Expectation, Plan

FINEST, COARSEST = 0.0005, 0.2  # precision that makes sense
POINTS = {"p5": 0.05, "p50": 0.5, "p95": 0.95}


@dataclass(frozen=True)
class Margin:
    """What one axis says of one configuration.

    ``critical``: by seed, in ``unit``; None: not broken in the range. ``p5``: what the first 5 % of the seeds have
    reached on the way from the end that holds; None when it lies beyond the range. ``ci95``: by point, None for a
    limit that so few seeds do not give. ``margin``: p5 over today's value, for shares what lies between.
    ``broken_by``: the expectation that broke most often there, ``collapse``, or empty. ``not_monotone``: seeds in
    which something harder held, or something easier broke. ``already``: seeds that break at the easiest end.
    ``stepped``: the axis has no values between those that were searched, so that what breaks is not what holds.
    ``known``: which expectations, by number, had data in some run. ``broken_today``: how many seeds break at today's
    value; 0 where that is not in the range.
    """

    axis: str
    variant: str
    unit: str
    today: float | None
    p5: float | None
    p50: float | None
    p95: float | None
    ci95: Mapping[str, tuple[float | None, float | None]]
    margin: float | None
    broken_by: str
    not_monotone: tuple[int, ...]
    seeds: tuple[int, ...]
    requests_simulated: int
    critical: tuple[float | None, ...]
    runs: int
    already: tuple[int, ...]
    first: float
    last: float
    stepped: bool
    known: frozenset[int]
    broken_today: int

    @property
    def falls(self) -> bool:
        """Whether smaller values are the harder ones."""
        return self.first > self.last

    def reaches(self, value: float, critical: float | None) -> bool:
        """Whether something with this critical value is broken at a value."""
        return critical is not None and (critical >= value if self.falls else critical <= value)

    @property
    def broken(self) -> int:
        """How many seeds break in the range."""
        return sum(each is not None for each in self.critical)


@dataclass(frozen=True)
class Margins:
    """The margins of some configurations. ``until``: what counts as broken. ``left_out``: why axes have no answer.

    ``failing``: the scenario's own expectations that do not count, as they fail today.
    """

    found: tuple[Margin, ...]
    until: tuple[Expectation, ...]
    seeds: tuple[int, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False
    failing: tuple[Expectation, ...] = ()


@dataclass(frozen=True)
class Question:
    """One configuration on one axis."""

    axis: str
    variant: str
    ladder: Ladder


def questions(
    plans: Mapping[str, Plan], axes: Sequence[str], precision: float = PRECISION
) -> tuple[list[Question], dict[str, str]]:
    """What to search, and why an axis cannot be searched in a plan (by axis)."""
    found: list[Question] = []
    left_out: dict[str, str] = {}
    for axis in axes:
        for variant, plan in plans.items():
            ladder = ladder_of(axis, plan, precision)
            if isinstance(ladder, str):
                left_out.setdefault(axis, ladder)
            else:
                found.append(Question(axis, variant, ladder))
    return found, left_out


def setting_question(
    variant: str, ladder: SettingLadder, until: tuple[Expectation, ...], seeds: Sequence[int]
) -> Question:
    """A setting as an axis, from the end of its range that holds to the one that does not.

    Where the first seeds hold, or break, at both ends alike, it stays as written.
    """
    for seed in seeds[:5]:
        first, last = (breaks(ladder.plan(rung), seed, until).by for rung in (ladder.first, ladder.last))
        if bool(first) != bool(last):
            return Question(ladder.path, variant, turned(ladder) if first else ladder)
    return Question(ladder.path, variant, ladder)


@dataclass(frozen=True)
class Today:
    """Runs today's settings with a seed."""

    plan: Plan
    until: tuple[Expectation, ...]

    def __call__(self, seed: int) -> RunResult:
        return simulate(plan_for(self.plan, self.until), seed)


def what_breaks(
    plan: Plan, seeds: Sequence[int], crew: Crew
) -> tuple[tuple[Expectation, ...], tuple[Expectation, ...]]:
    """What counts as broken when nobody says: the plan's own expectations that hold today, and collapse; the others."""
    own = tuple(each for each in plan.expect if not each.shows and not each.scope.variant)
    if not own:
        return (COLLAPSED,), ()
    runs = crew.map(Today(plan, own), list(seeds))
    failing = tuple(each for each in own if judge(each, runs).verdict == FAIL)
    return (*(each for each in own if each not in failing), COLLAPSED), failing


@dataclass(frozen=True)
class Inquiry:
    """Whose margins are wanted, and which. ``scenarios`` by name, as written first; ``over``: settings as axes.

    ``until`` empty: see :func:`what_breaks`.
    """

    scenarios: Mapping[str, Scenario]
    seeds: tuple[int, ...]
    axes: tuple[str, ...] = tuple(AXES)
    over: tuple[tuple[str, Range], ...] = ()
    until: tuple[Expectation, ...] = ()
    precision: float = PRECISION


def find_margins(inquiry: Inquiry, crew: Crew, on_found: Callable[[str, int, int], None] | None = None) -> Margins:
    """Search everything that is asked. ``on_found(axis, done, all)`` hears of each seed.

    After Ctrl-C the answer holds the axes that are complete.

    Raises:
        ScenarioError: a setting cannot take the ends of its range.
        WorkFailed: a piece of the work has no answer.
    """
    scenarios, seeds = inquiry.scenarios, inquiry.seeds
    plans = {name: each.plan for name, each in scenarios.items()}
    asked, left_out = questions(plans, inquiry.axes, inquiry.precision)
    ladders = [
        (name, setting_ladder(each, path, values, text_at(each, path), inquiry.precision))
        for path, values in inquiry.over
        for name, each in scenarios.items()
    ]
    everything = (len(asked) + len(ladders)) * len(seeds)
    until, found, done = inquiry.until, [], 0
    failing: tuple[Expectation, ...] = ()

    def hear(axis: str) -> None:
        nonlocal done
        done += 1
        if on_found is not None:
            on_found(axis, done, everything)

    interrupted = False
    try:
        if not until:
            until, failing = what_breaks(next(iter(plans.values())), seeds, crew)
        for question in asked:
            found.append(search_seeds(question, until, seeds, crew, hear))
        for name, ladder in ladders:
            found.append(search_seeds(setting_question(name, ladder, until, seeds), until, seeds, crew, hear))
    except KeyboardInterrupt:
        interrupted = True
    return Margins(tuple(found), until, tuple(seeds), left_out, interrupted, failing)


def search_seeds(
    question: Question,
    until: tuple[Expectation, ...],
    seeds: Sequence[int],
    crew: Crew,
    hear: Callable[[str], None] = lambda axis: None,
) -> Margin:
    """The critical value of every seed. The first is searched from today's value on, the others from what it found."""
    ladder = question.ladder
    search = Search(ladder, until)
    first = search((seeds[0], ladder.start, ladder.stride))
    hear(question.axis)
    begin = ladder.last if first.rung is None else first.rung
    tasks = [(seed, begin, max(1, ladder.stride // 8)) for seed in seeds[1:]]
    rest = crew.map(search, tasks, lambda _found: hear(question.axis))
    return summarise(question, [first, *rest])


def summarise(question: Question, found: Sequence[Found]) -> Margin:
    """The distribution of what the seeds have said."""
    ladder = question.ladder
    rungs = sorted(inf if each.rung is None else float(each.rung) for each in found)

    def value(rung: float) -> float | None:
        return None if isinf(rung) else ladder.value(round(rung))

    points = {name: value(quantile(rungs, share)) for name, share in POINTS.items()}
    intervals = {name: quantile_interval(rungs, share) for name, share in POINTS.items()}
    reasons = Counter(each.broken_by for each in found if each.broken_by)
    p5, today = points["p5"], ladder.today
    margin = None
    if p5 is not None and today is not None:
        margin = p5 - today if ladder.unit == "ratio" else p5 / today if today else None
    return Margin(
        axis=question.axis,
        variant=question.variant,
        unit=ladder.unit,
        today=today,
        **points,
        ci95={name: (value(low), value(high)) for name, (low, high) in intervals.items()},
        margin=margin,
        broken_by=reasons.most_common(1)[0][0] if reasons else "",
        not_monotone=tuple(each.seed for each in found if not each.monotone),
        seeds=tuple(each.seed for each in found),
        requests_simulated=sum(each.requests for each in found),
        critical=tuple(None if each.rung is None else ladder.value(each.rung) for each in found),
        runs=sum(each.runs for each in found),
        already=tuple(each.seed for each in found if each.rung == ladder.first),
        first=ladder.value(ladder.first),
        last=ladder.value(ladder.last),
        stepped=ladder.stepped,
        known=frozenset().union(*(each.known for each in found)),
        broken_today=sum(each.today for each in found) if today is not None and within(today, ladder) else 0,
    )


def within(value: float, ladder: Ladder) -> bool:
    """Whether a value lies in the range of a ladder."""
    ends = sorted((ladder.value(ladder.first), ladder.value(ladder.last)))
    return ends[0] <= value <= ends[1]


def below(margin: Margin, least: float) -> bool:
    """Whether the 5 % point of an axis falls short of what was asked; of steps the one asked for must hold itself."""
    if margin.p5 is None:
        return False
    return margin.reaches(least, margin.p5) and (margin.stepped or margin.p5 != least)
