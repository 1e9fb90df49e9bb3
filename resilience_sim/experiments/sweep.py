"""Figures over a grid of settings, every point on the same luck; more points, where wanted, where a figure crosses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from math import prod

from resilience_sim.experiments.crew import Crew
from resilience_sim.experiments.specs import Spec
from resilience_sim.measure.result import Reading, RunResult
from resilience_sim.measure.statistics import Summary, summarize
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.scenario import Scenario

BLOCK = 8  # seeds of a piece of work
FINEST = (6, 3)  # times that the space between two values is halved at most, with one setting and with more
NEAR = 0.01  # of a value: nearer ones are not told apart

Place = tuple[str, ...]  # the value of each setting, as ``--set`` takes it


@dataclass(frozen=True)
class Point:
    """The figures at one combination of values, over all seeds. ``refined``: it lies between those asked for."""

    at: Mapping[str, str]
    metrics: Mapping[str, Summary]
    runs: int
    refined: bool = False


@dataclass(frozen=True)
class Sweep:
    """What a sweep has found, in the order of the values; ``specs`` says which were asked for."""

    specs: tuple[Spec, ...]
    points: tuple[Point, ...]
    seeds: tuple[int, ...]
    runs: int
    requests: int
    interrupted: bool = False


@dataclass(frozen=True)
class Grid:
    """A sweep to be made. ``refine``: a metric, and the value whose contour is to be followed."""

    scenario: Scenario
    specs: tuple[Spec, ...]
    metrics: tuple[str, ...]
    seeds: tuple[int, ...]
    refine: tuple[str, float] | None = None

    @property
    def size(self) -> int:
        """How many points were asked for."""
        return prod(len(spec.values()) for spec in self.specs)

    def settings(self, place: Place) -> list[str]:
        """The settings at a place, as ``--set`` takes them."""
        return [f"{spec.path}={value}" for spec, value in zip(self.specs, place, strict=True)]


Piece = tuple[Place, int]  # a place, and which block of the seeds
Runs = list[tuple[tuple[Reading, ...], int]]  # the readings of every run, and the requests it had


@dataclass(frozen=True)
class _Work:
    """Runs one point with some seeds, and says which it was."""

    scenario: Scenario
    metrics: tuple[str, ...]

    def __call__(self, task: tuple[Piece, list[str], tuple[int, ...]]) -> tuple[Piece, Runs]:
        piece, settings, seeds = task
        plan = self.scenario.with_settings(settings).plan
        runs: Iterable[RunResult] = (simulate(plan, seed, metrics=self.metrics, digest=False) for seed in seeds)
        return piece, [
            (tuple(run.metrics[name] for name in self.metrics), int(run.document["requests"]["total"])) for run in runs
        ]


@dataclass
class _Found:
    """Readings by place, as far as they have come."""

    grid: Grid
    crew: Crew
    on_done: Callable[[int, int], None] | None
    readings: dict[Place, list[tuple[Reading, ...]]] = field(default_factory=dict)
    requests: int = 0
    planned: int = 0
    done: int = 0

    def measure(self, places: Sequence[Place]) -> None:
        """Run the places that are not known yet. After Ctrl-C those are known that have all their runs."""
        new = [place for place in dict.fromkeys(places) if place not in self.readings]
        seeds = self.grid.seeds
        blocks = [seeds[at : at + BLOCK] for at in range(0, len(seeds), BLOCK)]
        tasks = [
            ((place, number), self.grid.settings(place), block) for place in new for number, block in enumerate(blocks)
        ]
        self.planned += len(tasks)
        heard: dict[Piece, Runs] = {}

        def hear(answer: tuple[Piece, Runs]) -> None:
            heard[answer[0]] = answer[1]
            self.done += 1
            if self.on_done is not None:
                self.on_done(self.done, self.planned)

        try:
            self.crew.map(_Work(self.grid.scenario, self._names()), tasks, hear)
        finally:
            for place in new:
                pieces = [(place, number) for number in range(len(blocks))]
                if all(piece in heard for piece in pieces):
                    runs = [run for piece in pieces for run in heard[piece]]
                    self.readings[place] = [readings for readings, _ in runs]
                    self.requests += sum(requests for _, requests in runs)

    def _names(self) -> tuple[str, ...]:
        extra = (self.grid.refine[0],) if self.grid.refine is not None else ()
        return tuple(dict.fromkeys((*self.grid.metrics, *extra)))

    def summary(self, place: Place, name: str) -> Summary:
        column = self._names().index(name)
        return summarize(name, [readings[column] for readings in self.readings[place]])

    def mean(self, place: Place, name: str) -> float | None:
        return self.summary(place, name).mean


def sweep(grid: Grid, crew: Crew, on_done: Callable[[int, int], None] | None = None) -> Sweep:
    """Measure every point of a grid; ``on_done(pieces, of)`` hears of the progress. After Ctrl-C: what is complete.

    Raises:
        ScenarioError: a combination of values that cannot be.
        WorkFailed: a piece of the work has no answer.
    """
    found = _Found(grid, crew, on_done)
    asked = [tuple(place) for place in product(*(spec.values() for spec in grid.specs))]
    for place in asked:
        grid.scenario.with_settings(grid.settings(place))  # a mistake shows before anything is run
    interrupted = False
    try:
        found.measure(asked)
        if grid.refine is not None:
            _follow(found, grid)
    except KeyboardInterrupt:
        interrupted = True
    order = _order(grid, found.readings)
    points = tuple(
        Point(
            dict(zip([spec.path for spec in grid.specs], place, strict=True)),
            {name: found.summary(place, name) for name in grid.metrics},
            len(found.readings[place]),
            place not in set(asked),
        )
        for place in order
    )
    runs = sum(len(each) for each in found.readings.values())
    return Sweep(grid.specs, points, grid.seeds, runs, found.requests, interrupted)


def _order(grid: Grid, places: Iterable[Place]) -> list[Place]:
    """In the order of the values of each setting, those between them included."""

    def key(place: Place) -> tuple[tuple[int, float], ...]:
        keys: list[tuple[int, float]] = []
        for spec, value in zip(grid.specs, place, strict=True):
            if spec.range is None:
                keys.append((spec.choices.index(value), 0.0))
            else:
                sign = 1.0 if spec.range.high >= spec.range.low else -1.0
                keys.append((0, sign * spec.range.quantity.read(value)))
        return tuple(keys)

    return sorted(places, key=key)


# --- following a contour ------------------------------------------------------------------------------------------


def _follow(found: _Found, grid: Grid) -> None:
    """Halve the cells whose corners lie on both sides of the value, until their sides cannot be told apart."""
    assert grid.refine is not None
    lists = [list(spec.values()) for spec in grid.specs]
    cells = list(product(*(_sides(spec, values) for spec, values in zip(grid.specs, lists, strict=True))))
    for _ in range(FINEST[0] if len(grid.specs) == 1 else FINEST[1]):
        crossed = [cell for cell in cells if _crosses(found, cell, *grid.refine)]
        halves = [half for cell in crossed for half in _halved(grid.specs, cell)]
        if not halves:
            return
        found.measure([corner for cell in halves for corner in product(*(dict.fromkeys(side) for side in cell))])
        cells = halves


def _sides(spec: Spec, values: list[str]) -> list[tuple[str, str]]:
    """The stretches between neighbours; the values of a list are no neighbours."""
    if spec.range is None:
        return [(value, value) for value in values]
    return list(pairwise(values))


def _crosses(found: _Found, cell: Sequence[tuple[str, str]], name: str, value: float) -> bool:
    means = [found.mean(corner, name) for corner in product(*(dict.fromkeys(side) for side in cell))]
    known = [mean for mean in means if mean is not None]
    return bool(known) and min(known) < value <= max(known)


def _halved(specs: Sequence[Spec], cell: Sequence[tuple[str, str]]) -> list[tuple[tuple[str, str], ...]]:
    """The cells that a cell falls into; none when no side can be halved."""
    parts = [_half(spec, side) for spec, side in zip(specs, cell, strict=True)]
    if all(len(part) == 1 for part in parts):
        return []
    return list(product(*parts))


def _half(spec: Spec, side: tuple[str, str]) -> list[tuple[str, str]]:
    low, high = side
    if spec.range is None or low == high:
        return [side]
    quantity = spec.range.quantity
    a, b = quantity.read(low), quantity.read(high)
    if abs(b - a) <= NEAR * max(abs(a), abs(b)) or (quantity.whole and abs(b - a) <= 1):
        return [side]
    middle = quantity.tidy((a * b) ** 0.5 if spec.range.log else (a + b) / 2)
    return [side] if middle in side else [(low, middle), (middle, high)]


def crossings(found: Sweep, name: str, value: float) -> list[tuple[float, Mapping[str, str]]]:
    """With one setting: where the mean of a metric crosses a value, by straight lines between neighbours.

    Each with the settings of the nearer neighbour.
    """
    (spec,) = found.specs
    if spec.range is None:
        return []
    read = spec.range.quantity.read
    places: list[tuple[float, Mapping[str, str]]] = []
    for here, there in pairwise(found.points):
        a, b = here.metrics[name].mean, there.metrics[name].mean
        if a is None or b is None or (a < value) == (b < value):
            continue
        x, y = read(here.at[spec.path]), read(there.at[spec.path])
        share = (value - a) / (b - a)
        at = x * (y / x) ** share if spec.range.log and x > 0 else x + share * (y - x)
        near = here if share < 0.5 else there
        places.append((at, near.at))
    return places


# --- sensitivity --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effect:
    """How much of a metric's variance over the grid a setting explains. ``first``: alone; ``total``: with what it does
    together with others. ``low`` and ``high``: the lowest and highest mean over the others at one of its values.
    """

    path: str
    first: float
    total: float
    low: float
    high: float


def effects(found: Sweep, name: str) -> list[Effect]:
    """Sobol's indices of every setting over the full grid, each value equally likely, the strongest first.

    First order: Var(E[Y | X_i]) / Var(Y); total: 1 - Var(E[Y | X_~i]) / Var(Y) (Saltelli et al., Global Sensitivity
    Analysis: The Primer, 2008, chapter 4), exactly over the grid instead of by sampling. Empty where a point is missing
    or has no data, or nothing varies.
    """
    points = [point for point in found.points if not point.refined]
    means = [point.metrics[name].mean for point in points]
    values = [mean for mean in means if mean is not None]
    if (
        len(values) < prod(len(spec.values()) for spec in found.specs)
        or not values
        or max(values) - min(values) <= 1e-12 * max(1.0, *map(abs, values))
    ):
        return []
    everything = _variance(values)
    answer = []
    for spec in found.specs:
        alone: dict[str, list[float]] = {}
        others: dict[tuple[str, ...], list[float]] = {}
        for point, value in zip(points, values, strict=True):
            alone.setdefault(point.at[spec.path], []).append(value)
            rest = tuple(each for path, each in point.at.items() if path != spec.path)
            others.setdefault(rest, []).append(value)
        by_value = [sum(each) / len(each) for each in alone.values()]
        by_rest = [sum(each) / len(each) for each in others.values()]
        first, rest_share = _variance(by_value) / everything, _variance(by_rest) / everything
        answer.append(Effect(spec.path, first, max(0.0, 1 - rest_share), min(by_value), max(by_value)))
    return sorted(answer, key=lambda effect: -effect.total)


def _variance(values: Sequence[float]) -> float:
    middle = sum(values) / len(values)
    return sum((value - middle) ** 2 for value in values) / len(values)


def spread_of(points: Sequence[Point], name: str) -> tuple[float, float] | None:
    """The lowest and the highest mean of a metric; None without data."""
    means = [mean for point in points if (mean := point.metrics[name].mean) is not None]
    return (min(means), max(means)) if means else None
