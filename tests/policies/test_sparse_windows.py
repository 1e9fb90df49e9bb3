"""Windows that keep only the slices in which something happened count as those that keep them all."""

from __future__ import annotations

import time
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from resilience_sim.policies.rules.tallies import CallTally, GridTally, RollingTally, Tally

WIDTH, COUNT = 10, 4
STEPS = st.lists(
    st.tuples(st.sampled_from([0, 1, 5, 9, 10, 11, 30, 39, 40, 41, 200]), st.integers(0, 5), st.integers(0, 1),
              st.integers(0, 60)), max_size=60,
)  # fmt: skip
# how much time passes, what then happens (0 to 5), whether it is bad, how long the call took


class DenseRolling(Tally):
    """gobreaker's counter.go as it is: a ring of all the slices."""

    def __init__(self, now: int) -> None:
        super().__init__(0)
        self.start, self.age, self.ring = now, 0, [Tally(0) for _ in range(COUNT)]

    def at(self, since: int) -> Tally | None:
        age = min((since - self.start) // WIDTH, self.age)
        return self.ring[age % COUNT] if 0 <= self.age - age < COUNT else None

    def request(self, now: int) -> None:
        self.requests += 1
        self.ring[self.age % COUNT].requests += 1

    def exclude(self, now: int, since: int) -> None:
        if self.at(since):
            self.excluded += 1
            self.at(since).excluded += 1

    def add(self, now: int, since: int, bad: int, slow: int) -> None:
        if self.at(since):
            super().add(now, since, bad, slow)
            self.at(since).add(now, since, bad, slow)

    def look(self, now: int) -> None:
        age = (now - self.start) // WIDTH
        if age - self.age >= COUNT:
            self.ring = [Tally(0) for _ in range(COUNT)]
            self.total = self.bad = self.slow = self.run_bad = self.run_good = self.requests = self.excluded = 0
            self.age = age
        while self.age < age:
            self.age += 1
            oldest = self.age % COUNT
            gone = self.ring[oldest]
            others = [self.ring[(oldest + i) % COUNT] for i in range(1, COUNT)]
            if self.run_good == gone.run_good + sum(each.total - each.bad for each in others):
                self.run_good = max(0, self.run_good - gone.run_good)
            if self.run_bad == gone.run_bad + sum(each.bad for each in others):
                self.run_bad = max(0, self.run_bad - gone.run_bad)
            self.total -= gone.total
            self.bad -= gone.bad
            self.requests = max(0, self.requests - gone.requests)
            self.excluded -= gone.excluded
            self.ring[oldest] = Tally(0)


def state(tally: Tally) -> tuple[int, ...]:
    return tally.total, tally.bad, tally.run_bad, tally.run_good, tally.requests, tally.excluded


@settings(max_examples=300)
@given(STEPS)
def test_a_rolling_window_is_that_of_gobreaker(steps) -> None:
    sparse, dense = RollingTally(0, 7, WIDTH, COUNT), DenseRolling(7)
    now = 7
    for passed, what, bad, took in steps:
        now += passed
        for tally in (sparse, dense):
            if what <= 1:
                tally.look(now)
                tally.request(now)
            elif what == 2:
                tally.exclude(now, max(7, now - took))
            elif what <= 4:
                tally.look(now)
                tally.add(now, max(7, now - took), bad, 0)
        assert state(sparse) == state(dense)


@settings(max_examples=300)
@given(STEPS, st.booleans())
def test_a_grid_counts_what_lies_in_its_slices(steps, ages) -> None:
    grid = GridTally(0, WIDTH, COUNT, ages)
    calls = CallTally(0, 3, WIDTH, COUNT)
    kept: list[tuple[int, int]] = []
    made: list[int] = []
    failed: list[int] = []
    for now, (_, what, bad, _) in zip(accumulate((step[0] for step in steps), initial=3), steps, strict=False):
        if what <= 3:
            kept.append((now // WIDTH, bad))
            grid.add(now, now, bad, 0)
            calls.request(now)
            made.append((now - 3) // WIDTH)
            if bad:
                calls.add(now, now, 1, 0)
                failed.append((now - 3) // WIDTH)
        grid.look(now)
        calls.look(now)
        head = now // WIDTH if ages or what <= 3 else max((slice for slice, _ in kept), default=0)
        inside = [each for slice, each in kept if slice > head - COUNT]
        if ages or what <= 3:
            assert (grid.total, grid.bad) == (len(inside), sum(inside))
        head = (now - 3) // WIDTH
        assert calls.total == sum(slice > head - COUNT for slice in made)
        assert calls.bad == sum(slice > head - COUNT for slice in failed)


def test_a_hundred_thousand_slices_cost_nothing_until_they_are_used() -> None:
    """Ten thousand instances with such a window took six gigabytes, and each look walked along all of them."""
    began = time.process_time()
    many = [RollingTally(0, 0, 1, 100_000) for _ in range(500)] + [GridTally(0, 1, 100_000, True) for _ in range(500)]
    for step in range(1, 20):
        for tally in many:
            now = step * 99_999
            tally.look(now)
            tally.request(now)
            tally.add(now, now, step % 2, 0)
    assert [tally.total for tally in many] == [2] * 1000
    assert time.process_time() - began < 10  # it was minutes
