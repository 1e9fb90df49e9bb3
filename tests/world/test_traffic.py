"""When requests arrive, to the nanosecond."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil, isclose, log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import at, b, bench, every, fault, lab, phases, run, users
from lab import plan as make_plan

from resilience_sim.kernel.rng import ARRIVAL, THINK, KeyedRng
from resilience_sim.kernel.sim import SimulationError
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.traffic import Phase, TrafficConfig
from resilience_sim.world import traffic


def test_even_arrivals_begin_at_zero():
    """80/s: 0, 12.5, 25 ms …"""
    assert lab(calls=every("12.5ms", 4)).arrivals == [0, 12.5, 25, 37.5]


def test_poisson_arrivals_begin_after_one_gap():
    """The n-th comes after n + 1 exponential gaps, each the request's own luck."""
    eighty = TrafficConfig(phases=(Phase(0, 80.0, 80.0),), requests=50)
    rng, due, expected = KeyedRng(9), 0.0, []
    for rid in range(50):
        due -= log(1 - rng.uniform(ARRIVAL, rid, 0)) / 80
        expected.append(due * 1000)
    arrivals = lab(calls=eighty, seed=9).arrivals
    assert arrivals[0] > 0
    assert all(isclose(x, y, abs_tol=1e-5) for x, y in zip(arrivals, expected, strict=True))


def test_requests_stop_the_traffic():
    """After N arrivals the run drains."""
    story = lab(b("1h"), every("1s", 3))
    assert story.arrivals == [0, 1000, 2000]
    assert story.end == 3_602_000


def test_duration_stops_the_traffic_before_its_end():
    """The request due exactly at the end no longer comes."""
    assert lab(calls=every("1s", duration="3s")).arrivals == [0, 1000, 2000]
    assert lab(calls=every("1s", duration="3.001s")).arrivals == [0, 1000, 2000, 3000]


def test_phases_follow_each_other():
    """2 s at 1/s, then 2 s at 2/s: their sum is the duration."""
    assert lab(calls=phases(("2s", 1.0, 1.0), ("2s", 2.0, 2.0))).arrivals == [0, 1000, 2000, 2500, 3000, 3500]


def test_a_phase_without_traffic_is_a_pause():
    """0/s for two seconds."""
    assert lab(calls=phases(("1s", 2.0, 2.0), ("2s", 0.0, 0.0), ("1s", 1.0, 1.0))).arrivals == [0, 500, 3000]
    assert lab(calls=phases(("2s", 0.0, 0.0), ("1s", 1.0, 1.0))).arrivals == [2000]


def test_a_ramp_up_from_nothing():
    """0 to 10/s in 10 s: the count is t² / 2, so the n-th comes at √(2n) s (a named bug)."""
    arrivals = lab(calls=phases(("10s", 0.0, 10.0))).arrivals
    assert len(arrivals) == 50
    assert all(isclose(t, 1000 * sqrt(2 * n), abs_tol=1e-5) for n, t in enumerate(arrivals))


def test_a_ramp_down_to_nothing():
    """10/s to 0 in 10 s: 10 t - t² / 2 = n, so t = 10 - √(100 - 2n)."""
    arrivals = lab(calls=phases(("10s", 10.0, 0.0))).arrivals
    assert len(arrivals) == 50
    assert all(isclose(t, 1000 * (10 - sqrt(100 - 2 * n)), abs_tol=1e-5) for n, t in enumerate(arrivals))


def test_a_spike_multiplies_the_rate_while_it_lasts():
    """1/s, three times as much from 2 s to 4 s."""
    spike = fault("spike", "2s", "2s", factor=3.0)
    arrivals = lab(calls=every("1s", 11), faults=[spike]).arrivals
    thirds = [2000 + 1000 * n / 3 for n in range(6)]
    assert arrivals == pytest.approx([0, 1000, *thirds, 4000, 5000, 6000])


def test_overlapping_spikes_multiply():
    """2x and 3x: six times as much while both last."""
    spikes = [fault("spike", "1s", "2s", factor=2.0), fault("spike", "2s", "2s", factor=3.0)]
    arrivals = lab(calls=every("1s", duration="5s"), faults=spikes).arrivals
    assert [sum(s <= t / 1000 < s + 1 for t in arrivals) for s in range(5)] == [1, 2, 6, 3, 1]


def test_a_spike_cuts_a_ramp_exactly():
    """0 to 10/s in 10 s, doubled from 5 s on: 12.5 requests before, 75 after."""
    arrivals = lab(calls=phases(("10s", 0.0, 10.0)), faults=[fault("spike", "5s", "50s", factor=2.0)]).arrivals
    assert (sum(t < 5000 for t in arrivals), len(arrivals)) == (13, 88)


def test_a_trace_is_followed():
    """Arrivals at the listed instants, several at once too."""
    assert lab(calls=at("0.3s", "0.3s", "2s")).arrivals == [300, 300, 2000]


def test_a_trace_may_be_cut_short():
    """By requests or by duration."""
    trace = tuple(n * 10**9 for n in range(10))
    assert len(lab(calls=TrafficConfig(loop="trace", trace=trace, requests=3)).arrivals) == 3
    assert len(lab(calls=TrafficConfig(loop="trace", trace=trace, duration=5 * 10**9)).arrivals) == 5


def test_users_think_call_and_wait():
    """Two users, 1 s of thought, 500 ms of service."""
    assert lab(b("500ms"), users(2, "1s", requests=6)).arrivals == [1000, 1000, 2500, 2500, 4000, 4000]


def test_users_wait_for_their_own_outcome():
    """One worker: the second user's answer is later, so is the next call."""
    assert lab(b("500ms", workers=1), users(2, "1s", requests=4)).arrivals == [1000, 1000, 2500, 3000]


def test_a_user_whose_request_is_never_answered_never_calls_again():
    """B loses the first answer and there is no timeout."""
    story = bench([], ["hang"], users(2, "1s", requests=5))
    assert story.outcomes == ["unanswered"] + ["success"] * 4
    assert story.arrivals == [1000, 1000, 2000, 3000, 4000]


def test_users_stop_with_the_duration():
    """Nobody calls at or after the end."""
    assert lab(b("500ms"), users(1, "1s", duration="4s")).arrivals == [1000, 2500]


def test_think_times_are_the_user_s_own_luck():
    """The first call of each user comes after its first think time."""
    rng = KeyedRng(4)
    expected = sorted(-log(1 - rng.uniform(THINK, user, 1)) * 1000 for user in range(5))
    story = lab(b("1h"), users(5, Latency("exponential", 1e9), requests=5), seed=4)
    assert story.arrivals == pytest.approx(expected, abs=1e-5)


def test_users_who_never_think_and_are_answered_at_once_are_an_error(monkeypatch):
    """Time would stand still: the message says where and what to do."""
    monkeypatch.setattr(traffic, "STANDSTILL", 1000)  # quicker, where the core is interpreted
    with pytest.raises(SimulationError, match=r"time stands still at 0\.000s.*think"):
        lab(b(), users(1, 0, duration="1s"))


def test_the_same_request_keeps_its_luck_at_another_rate():
    """Twice the rate: every arrival at half the time."""
    slow = run(make_plan(calls=TrafficConfig(phases=(Phase(0, 10.0, 10.0),), requests=30)))
    fast = run(make_plan(calls=TrafficConfig(phases=(Phase(0, 20.0, 20.0),), requests=30)))
    assert [2 * t for t in fast.arrivals] == pytest.approx(slow.arrivals, abs=1e-5)


RATES = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, 7.0, 10.0, 33.0])
LENGTHS = st.sampled_from([10**9, 2 * 10**9, 3 * 10**9, 10**10])


@given(st.lists(st.tuples(LENGTHS, RATES, RATES), min_size=1, max_size=6), st.sampled_from([None, 2.0, 3.0]))
@settings(max_examples=60)
def test_even_arrivals_are_where_exact_arithmetic_puts_them(steps, factor):
    """Ramps, pauses and a spike over 1..2 s: as many as the area says, each where it reaches its number."""
    spikes = [] if factor is None else [fault("spike", "1s", "1s", factor=factor)]
    story = run(make_plan(calls=TrafficConfig(phases=tuple(Phase(*s) for s in steps), arrivals="even"), faults=spikes))

    def area(t: Fraction) -> Fraction:
        total, start = Fraction(0), Fraction(0)
        for length, rate, to in steps:
            end = start + Fraction(length, 10**9)
            cuts = [start, *[Fraction(c) for c in (1, 2) if start < c < end], end]
            for low, edge in pairwise(cuts):
                high = min(edge, t)
                if high <= low:
                    continue
                begins, ends = Fraction(str(rate)), Fraction(str(to))
                slope = (ends - begins) / (end - start)
                weight = Fraction(factor or 1) if 1 <= low < 2 else Fraction(1)
                middle = begins + slope * ((low + high) / 2 - start)
                total += weight * middle * (high - low)
            start = end
        return total

    whole = sum(Fraction(s[0], 10**9) for s in steps)
    due = area(whole)
    assert len(story.arrivals) == ceil(due)
    nanosecond = Fraction(2, 10**9)
    for n, event in list(enumerate(story.of("arrive")))[:: max(1, len(story.arrivals) // 7)]:
        t = Fraction(event[0], 10**9)
        tolerance = Fraction(1, 10**6)
        assert area(max(t - nanosecond, Fraction(0))) - tolerance <= n <= area(t + nanosecond) + tolerance


def test_no_request_slips_in_at_the_very_end_of_the_last_phase():
    """7/s to 0 in 3 s, doubled from 1 s to 2 s: just fourteen, one more would be due at the end (a named bug)."""
    arrivals = lab(calls=phases(("3s", 7.0, 0.0)), faults=[fault("spike", "1s", "1s", factor=2.0)]).arrivals
    assert len(arrivals) == 14
