"""Where to look next: NSGA-II (Deb et al. 2002), from Optuna where it is installed, else our own.

A proposer is told what every candidate it proposed has come to: values that are to be low, and by how much the
constraints are violated.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from importlib import import_module
from math import inf
from typing import Any, Protocol

from resilience_sim.experiments.space import Cube

GENERATION = 16
WORST = 1e300
KEPT = 32  # points that are remembered
PARENTS = 16
ACROSS = 0.4  # of the children have one parent that violates a constraint
NARROWEST, WIDE = 0.005, 0.1  # steps, as shares of a range


class Proposer(Protocol):
    """Proposes points of the unit cube, a generation at a time."""

    name: str

    def propose(self, count: int) -> list[Cube]:
        """Points to try, which may have been tried before."""

    def learn(self, results: Sequence[tuple[Cube, tuple[float, ...], float]]) -> None:
        """What points have come to: values to be low, violation."""


def proposer(sizes: Sequence[int], objectives: int, seed: int, library: str = "auto") -> Proposer:
    """Optuna's where it is installed and wanted, else our own."""
    if library != "own":
        try:
            return OptunaSearch(sizes, objectives, seed)
        except ImportError:
            if library == "optuna":
                raise
    return OwnSearch(sizes, seed)


def ranked(values: Sequence[tuple[tuple[float, ...], float]]) -> list[int]:
    """Positions of (values to be low, violation), the best first: what violates less, then by fronts, then by room.

    Constrained domination and crowding distance (Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm:
    NSGA-II, IEEE Transactions on Evolutionary Computation 6, 2002, sections III and VI).
    """
    order: list[int] = []
    groups: dict[float, list[int]] = {}
    for place, (_, violation) in enumerate(values):
        groups.setdefault(violation, []).append(place)
    for violation in sorted(groups):
        for front in fronts([(values[place][0], place) for place in groups[violation]]):
            room = crowding([values[place][0] for place in front])
            order += [place for _, place in sorted(zip(room, front, strict=True), key=lambda each: (-each[0], each[1]))]
    return order


def fronts(points: Sequence[tuple[tuple[float, ...], int]]) -> list[list[int]]:
    """Whom nobody dominates, whom only those do, and so on; each by their numbers, ascending.

    In lexical order nobody is dominated by who comes later, and the first front without somebody who dominates them is
    theirs (Zhang et al., An Efficient Approach to Nondominated Sorting, IEEE Transactions on Evolutionary Computation
    19, 2015). With two values the last of a front has its lowest second value and speaks for all.
    """
    found: list[list[tuple[tuple[float, ...], int]]] = []
    few = not points or len(points[0][0]) <= 2
    for here, number in sorted(points):
        for front in found:
            last = front[-1][0]
            free = last == here or last[-1] > here[-1] if few else not any(dominates(other, here) for other, _ in front)
            if free:
                front.append((here, number))
                break
        else:
            found.append([(here, number)])
    return [sorted(number for _, number in front) for front in found]


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether ``a`` is nowhere worse than ``b`` and somewhere better; low is good."""
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def crowding(front: Sequence[Sequence[float]]) -> list[float]:
    """The room around each point of a front; the ends have all of it."""
    room = [0.0] * len(front)
    for axis in range(len(front[0]) if front else 0):
        order = sorted(range(len(front)), key=lambda place: front[place][axis])
        low, high = front[order[0]][axis], front[order[-1]][axis]
        room[order[0]] = room[order[-1]] = inf
        if high <= low or high - low == inf:
            continue
        for before, here, after in zip(order, order[1:], order[2:], strict=False):
            room[here] += (front[after][axis] - front[before][axis]) / (high - low)
    return room


class OwnSearch:
    """Tournaments among the best and children between and beside two of them, so that steps shrink as the best draw
    together. Some of those that just violate a constraint are parents, too: the best settings often lie at a limit, and
    are then approached from both sides (Ray et al., Infeasibility Driven Evolutionary Algorithm for Constrained
    Optimization, 2009).
    """

    name = "built-in"

    def __init__(self, sizes: Sequence[int], seed: int) -> None:
        self._sizes = sizes
        self._random = random.Random(seed)
        self._known: dict[Cube, tuple[tuple[float, ...], float]] = {}  # the best first

    def propose(self, count: int) -> list[Cube]:
        """Children of the best so far."""
        distinct = {come_to: cube for cube, come_to in reversed(self._known.items())}  # on a plateau one is enough
        known = {cube: violation for (_, violation), cube in reversed(distinct.items())}
        met = [cube for cube, violation in known.items() if not violation]
        near = [cube for cube, violation in known.items() if violation]
        beyond = near[: PARENTS // 4] if met else []
        parents = (met or near)[:PARENTS]
        found = []
        for _ in range(count):
            if not parents or self._random.random() < 0.1:
                found.append(tuple(self._random.random() for _ in self._sizes))
                continue
            across = beyond and self._random.random() < ACROSS
            one = self._pick(parents[: len(beyond)] if across else parents)
            found.append(self._child(one, self._pick(beyond if across else parents)))
        return found

    def learn(self, results: Sequence[tuple[Cube, tuple[float, ...], float]]) -> None:
        """Keep the best, and the nearest of those that violate a constraint; what is told again replaces what was."""
        self._known.update((cube, (values, violation)) for cube, values, violation in results)
        cubes = list(self._known)
        order = [cubes[place] for place in ranked([self._known[cube] for cube in cubes])]
        met = [cube for cube in order if not self._known[cube][1]][:KEPT]
        near = [cube for cube in order if self._known[cube][1]][: KEPT - min(len(met), KEPT * 3 // 4)]
        self._known = {cube: self._known[cube] for cube in (*met, *near)}

    def _pick(self, parents: Sequence[Cube]) -> Cube:
        return parents[min(self._random.randrange(len(parents)), self._random.randrange(len(parents)))]

    def _child(self, one: Cube, two: Cube) -> Cube:
        """Each coordinate of one of the two, or between or a little beside them; moved in one at least."""
        source = self._random
        must = source.randrange(len(one))
        child = []
        for axis, size in enumerate(self._sizes):
            at, other = one[axis], two[axis]
            if size:
                at = other if source.random() < 0.5 else at
                if axis == must or source.random() < 1.5 / len(one):
                    at = self._listed(at, size)
            elif at != other and source.random() < 0.7:
                at = _folded(at + (other - at) * source.uniform(-0.25, 1.25))
            elif axis == must or source.random() < 1.5 / len(one):
                width = max(NARROWEST, abs(other - at) / 2) if source.random() < 0.5 else WIDE
                at = _folded(at + source.gauss(0.0, width))
            child.append(at)
        return tuple(child)

    def _listed(self, at: float, size: int) -> float:
        """A neighbour in the list, or now and then any value of it."""
        if self._random.random() < 0.3:
            return (self._random.randrange(size) + 0.5) / size
        return (min(size - 1, max(0, int(at * size) + self._random.choice((-1, 1)))) + 0.5) / size


def _folded(at: float) -> float:
    """Back into the cube, as a ball from a wall."""
    at = abs(at)
    return min(0.999999, at if at < 1 else max(0.0, 2 - at))


class OptunaSearch:
    """Optuna's NSGA-II by ask and tell, in memory (extra ``tune``)."""

    name = "optuna"

    def __init__(self, sizes: Sequence[int], objectives: int, seed: int) -> None:
        optuna: Any = import_module("optuna")

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna = optuna
        self._sizes = sizes
        with warnings.catch_warnings():  # newer versions have another way beside this one
            warnings.simplefilter("ignore", FutureWarning)
            self._study = self._new(objectives, seed)
        self._asked: dict[Cube, list[Any]] = {}

    def _new(self, objectives: int, seed: int) -> Any:
        optuna = self._optuna
        sampler = optuna.samplers.NSGAIISampler(
            seed=seed % 2**32,
            population_size=GENERATION,
            constraints_func=lambda trial: (trial.user_attrs["violation"],),
        )
        return optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)

    def propose(self, count: int) -> list[Cube]:
        """What Optuna asks for."""
        found = []
        for _ in range(count):
            trial = self._study.ask()
            cube = tuple(
                (trial.suggest_int(f"x{axis}", 0, size - 1) + 0.5) / size
                if size
                else trial.suggest_float(f"x{axis}", 0, 1)
                for axis, size in enumerate(self._sizes)
            )
            self._asked.setdefault(cube, []).append(trial)
            found.append(cube)
        return found

    def learn(self, results: Sequence[tuple[Cube, tuple[float, ...], float]]) -> None:
        """Tell what was asked for; anything else is added as a trial of its own, once."""
        for cube, values, violation in results:
            clean = [min(WORST, value) for value in values]
            trials = self._asked.get(cube)
            if trials is None:
                self._asked[cube] = []
                self._study.add_trial(self._foreign(cube, clean, violation))
                continue
            for trial in trials:
                trial.set_user_attr("violation", violation)
                self._study.tell(trial, clean)
            trials.clear()

    def _foreign(self, cube: Cube, values: list[float], violation: float) -> Any:
        spread = self._optuna.distributions
        kinds = {
            f"x{axis}": spread.IntDistribution(0, size - 1) if size else spread.FloatDistribution(0, 1)
            for axis, size in enumerate(self._sizes)
        }
        params = {
            f"x{axis}": min(size - 1, int(at * size)) if size else at
            for axis, (size, at) in enumerate(zip(self._sizes, cube, strict=True))
        }
        return self._optuna.trial.create_trial(
            params=params, distributions=kinds, values=values, user_attrs={"violation": violation}
        )
