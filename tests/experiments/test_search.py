"""The search for a critical value, and the statistics of what the seeds say."""

from __future__ import annotations

import random
from math import comb, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.experiments import search
from resilience_sim.experiments.axes import CountLadder
from resilience_sim.experiments.quantiles import _ranks, quantile, quantile_interval
from resilience_sim.experiments.search import Broken, Search, lowest_broken
from resilience_sim.experiments.theory import cliffs, erlang_c, sojourn_longer
from resilience_sim.scenario.load import load_text


@given(st.integers(-300, 300), st.integers(0, 600), st.integers(-400, 400), st.integers(1, 40), st.data())
def test_the_lowest_broken_rung_is_found_from_anywhere(first, width, start, stride, data):
    """The same rung from every start and with every stride, in few questions, each asked once."""
    last = first + width
    critical = data.draw(st.integers(first, last + 1))
    asked = []

    def broken(rung: int) -> bool:
        assert first <= rung <= last
        asked.append(rung)
        return rung >= critical

    found = lowest_broken(broken, first, last, start, stride)
    assert found == (critical if critical <= last else None)
    assert len(asked) <= 4 + 2 * width.bit_length()


def test_a_start_nearby_needs_few_questions():
    """Which is why the other seeds begin where the first one ended."""
    asked = []
    lowest_broken(lambda rung: asked.append(rung) or rung >= 103, -560, 560, 100, 4)
    assert len(asked) <= 5


@pytest.mark.parametrize("cap", ["rate_limiter: {limit: 95/s}", "bulkhead: {max_concurrent: 9}", "throttle", "threads"])
def test_arithmetic_keeps_quiet_about_a_capacity_that_is_never_reached(cap):
    """A limit near B's capacity breaks runs near it: that both agree would be chance."""
    text = "{resim: 1, service: {latency: 100ms, workers: 10}, traffic: {rate: 50/s}, STACK}"
    capped = "client: {threads: 9}" if cap == "threads" else f"stack: [{cap}]"
    free, held = (load_text(text.replace("STACK", each), "x.yaml").plan for each in ("stack: []", capped))
    assert [each.because for each in cliffs(free, "load")] == ["100/s = B's 100/s"]
    assert not [each.because for each in cliffs(held, "load") if "B's" in each.because]


@pytest.mark.parametrize(("gap", "today"), [(range(-10, 3), False), (range(-10, -3), True)])
def test_who_breaks_today_was_seen_to(monkeypatch, gap, today):
    """A seed without a single cliff breaks at easier values although today's holds: it is asked, not concluded."""
    ladder = CountLadder(
        load_text("{resim: 1, service: {latency: 1ms}, traffic: {rate: 1/s}}", "x.yaml").plan,
        lambda plan, rung: rung, float, "x", 0.0, -30, 30, 0,
    )  # fmt: skip
    asked = []

    def broken(plan, seed, until):
        rung = plan if isinstance(plan, int) else 0
        asked.append(rung)
        return Broken("it" if rung >= -20 and rung not in gap else "", 1, frozenset())

    monkeypatch.setattr(search, "breaks", broken)
    found = Search(ladder, ())((1, -19, 1))
    assert (found.rung, found.today, found.monotone) == (-20, today, today)
    assert asked.count(0) == 1


def test_quantiles_by_nearest_rank():
    values = [float(n) for n in range(1, 21)]
    assert [quantile(values, share) for share in (0.05, 0.5, 0.95, 1.0)] == [1.0, 10.0, 19.0, 20.0]
    assert quantile([7.0], 0.05) == 7.0


@pytest.mark.parametrize("count", [5, 20, 59, 60, 100, 333])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_intervals_of_quantiles_cover(count, share):
    """P(l <= B < u), summed exactly, is at least 95 %, and one rank less would not be."""

    def covered(low: int, high: int) -> float:
        return sum(comb(count, n) * share**n * (1 - share) ** (count - n) for n in range(low, high))

    low, high = _ranks(count, share)
    assert covered(low, high) >= 0.95
    assert covered(low + 1, high) < 0.95 or covered(low, high - 1) < 0.95


def test_too_few_seeds_give_no_lower_limit():
    """The lowest of 58 lies above the 5 % point more often than one time in twenty; of 59 it does not."""
    few, enough = [float(n) for n in range(58)], [float(n) for n in range(59)]
    assert quantile_interval(few, 0.05)[0] == -inf
    assert quantile_interval(enough, 0.05)[0] == 0.0
    assert quantile_interval(few, 0.95)[1] == inf
    assert quantile_interval(enough, 0.95)[1] == 58.0


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = random.Random(4)
    hits = 0
    for _ in range(2000):
        low, high = quantile_interval(sorted(rng.random() for _ in range(60)), 0.05)
        hits += low <= 0.05 < high
    assert 0.94 <= hits / 2000 <= 0.975


def test_erlang_c():
    """One worker waits with the chance that it is busy; two by hand: 2 a^2 / (2 (2 - a) (1 + a + a^2 / (2 - a)))."""
    assert erlang_c(1, 0.3) == pytest.approx(0.3)
    a = 1.2
    assert erlang_c(2, a) == pytest.approx(a * a / ((2 - a) * (1 + a) + a * a))
    assert erlang_c(10, 8.0) == pytest.approx(0.409180, abs=1e-6)
    assert erlang_c(5, 5.0) == 1.0


def test_sojourn_time():
    """M/M/1 is exponential with the rate that is left; many workers leave only the work."""
    assert sojourn_longer(2.0, 1, 0.5, 1.0) == pytest.approx(2.718281828459045 ** (-(1 - 0.5) * 2.0))
    assert sojourn_longer(2.0, 500, 0.5, 1.0) == pytest.approx(2.718281828459045**-2.0)
    assert sojourn_longer(1.0, 2, 1.0, 1.0) == pytest.approx(
        0.490506, abs=1e-6
    )  # equal rates: the limit of the formula
