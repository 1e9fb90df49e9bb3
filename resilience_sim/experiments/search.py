"""The critical rung of one seed: where, on its own luck, its run begins to break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from resilience_sim.experiments.axes import Ladder
from resilience_sim.measure.expectations import broken_by, has_data
from resilience_sim.measure.statistics import COLLAPSE
from resilience_sim.runs.simulate import simulate
from resilience_sim.settings.plan import Expectation, Plan

LUCK = 1.1  # times as many requests as in the dearest run before


@dataclass(frozen=True, slots=True)
class Found:
    """What one seed says. ``rung``: the lowest that breaks, None when none does. ``broken_by``: what broke there.

    ``monotone``: no rung that was tried below it breaks, and none above it holds. ``runs`` and ``requests``: what it
    took. ``known``: which of the expectations, by number, had data in some run. ``today``: it breaks at the rung where
    a search begins that knows nothing, which was tried.
    """

    seed: int
    rung: int | None
    broken_by: str
    monotone: bool
    runs: int
    requests: int
    known: frozenset[int] = frozenset()
    today: bool = False
    given_up: bool = False


class TooDear(Exception):
    """The next run would take more requests than there are."""


@dataclass(frozen=True)
class Search:
    """Finds the critical rung of a seed: by growing steps from where it begins, then by halving.

    ``until``: the expectations of which the first that fails breaks a run. ``most``: requests that a seed may take;
    one that needs more is given up.
    """

    ladder: Ladder
    until: tuple[Expectation, ...]
    most: float = inf

    def __call__(self, task: tuple[int, int, int]) -> Found:
        """``task``: seed, rung to begin with, first step."""
        seed, start, stride = task
        probe = _Probe(self, seed)
        ladder = self.ladder
        try:
            rung = lowest_broken(lambda at: bool(probe(at)), ladder.first, ladder.last, start, stride)
            for at in ladder.near(rung) if rung is not None else ():
                if ladder.first <= at <= ladder.last:
                    probe(at)
            today = rung is not None and rung <= ladder.start and bool(probe(ladder.start))
        except TooDear:
            return Found(seed, None, "", True, len(probe.seen), probe.requests, given_up=True)
        why = probe(rung) if rung is not None else ""
        odd = any((rung is not None and at > rung) != bool(broken) for at, broken in probe.seen.items() if at != rung)
        return Found(seed, rung, why, not odd, len(probe.seen), probe.requests, frozenset(probe.known), today)


class _Probe:
    """What breaks a run at a rung, empty when nothing does; each rung is run once."""

    def __init__(self, search: Search, seed: int) -> None:
        self.seen: dict[int, str] = {}
        self.known: set[int] = set()
        self.requests = 0
        self._dearest = 0
        self._search = search
        self._seed = seed

    def __call__(self, rung: int) -> str:
        known = self.seen.get(rung)
        if known is None:
            until = self._search.until
            if self.seen and self.requests + self._price(rung) > self._search.most:
                raise TooDear
            run = breaks(self._search.ladder.plan(rung), self._seed, until)
            known = self.seen[rung] = run.by
            self.known.update(run.known)
            self.requests += run.requests
            self._dearest = max(self._dearest, run.requests)
        return known

    def _price(self, rung: int) -> float:
        """Requests that a run will take, at most: they may grow as the value does, and luck has a share."""
        ladder = self._search.ladder
        highest = max(abs(ladder.value(at)) for at in self.seen)
        return LUCK * self._dearest * max(1.0, abs(ladder.value(rung)) / highest if highest else 1.0)


class Broken(NamedTuple):
    """What a run says. ``by``: the first expectation it fails, or empty; ``known``: those, by number, with data."""

    by: str
    requests: int
    known: frozenset[int]


def breaks(plan: Plan, seed: int, until: Sequence[Expectation]) -> Broken:
    """What becomes of each of ``until`` in a run."""
    whole = all(each.scope.whole for each in until)
    names = sorted({each.metric for each in until}) if whole else None
    run = simulate(plan_for(plan, until), seed, metrics=names, digest=False)
    by = next((each.words for each in until if broken_by(each, run)), "")
    known = frozenset(number for number, each in enumerate(until) if has_data(each, run))
    return Broken(by, int(run.document["requests"]["total"]), known)


def plan_for(plan: Plan, until: Sequence[Expectation]) -> Plan:
    """The plan with only what is asked: its own expectations cost figures."""
    return replace(plan, expect=tuple(until))


COLLAPSED = Expectation("collapse", COLLAPSE, "<", 0.5)


def lowest_broken(broken: Callable[[int], bool], first: int, last: int, start: int, stride: int) -> int | None:
    """The lowest broken rung of ``first`` to ``last``, where all from some rung on are broken; None when none is.

    From ``start`` in steps of ``stride``, ``2 * stride`` … until the change lies between two rungs, then by halving: as
    many questions as the logarithm of the distance from ``start``.
    """
    at = min(max(start, first), last)
    if broken(at):
        high, step = at, stride
        while high > first:
            low = max(first, high - step)
            if not broken(low):
                break
            high, step = low, step * 2
        else:
            return first
    else:
        low, step = at, stride
        while True:
            if low == last:
                return None
            high = min(last, low + step)
            if broken(high):
                break
            low, step = high, step * 2
    while high - low > 1:
        middle = (low + high) // 2
        if broken(middle):
            high = middle
        else:
            low = middle
    return high
