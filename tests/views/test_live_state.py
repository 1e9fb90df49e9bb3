"""The live state agrees with the figures, whatever the length of the run, in bounded memory."""

from __future__ import annotations

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.runs.simulate import simulate
from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.live.facts import capacity, default_speed, horizon, nice
from resilience_sim.views.live.state import BINS, STREAM, Bins, LiveFold, StateTimeline, bucket, percentiles, unbucket
from views.scenes import BUSY, OUTAGE, PAYMENT, scenario, state_at


@pytest.mark.parametrize("text", [OUTAGE, BUSY, PAYMENT])
def test_counters_are_those_of_the_result_document(text: str) -> None:
    plan = scenario(text).plan
    live = LiveFold(plan, 1, Simulation(plan, 1).components)
    run = simulate(plan, 1, [live]).document
    assert (live.arrived, live.succeeded, live.late) == tuple(
        run["requests"][name] for name in ("total", "succeeded", "late")
    )
    assert live.first_try == run["requests"]["succeeded_first_try"]
    assert live.attempts == run["attempts"]["total"]
    assert live.duplicates == run["effects"]["duplicates"]
    assert live.orphans == run["effects"]["orphans"]
    assert live.crashes == run["client"]["crashes"]
    assert live.held_peak == run["client"]["threads_peak"]
    assert max(live.bins.queue) >= 0
    assert sum(live.bins.arrivals) == live.arrived
    assert sum(live.bins.good) + sum(live.bins.bad) == live.done
    assert sum(lane.opened for lane in live.breakers.values()) == sum(b["opened"] for b in run["breakers"])


def test_b_is_idle_when_everything_is_over() -> None:
    live = state_at(scenario(OUTAGE).plan, 1000)
    assert (live.busy, live.queue, live.in_flight, live.over) == (0, 0, 0, True)


def test_a_run_a_thousand_times_longer_than_thought_still_fits() -> None:
    live = LiveFold(scenario(OUTAGE).plan, 1, ())
    for n in range(20_000):
        live.on_event(n * 10**9, ev.ARRIVE, 0, n, ev.ADMITTED, 0)
        live.on_event(n * 10**9 + 5, ev.DONE, 0, n, ev.pack_done(ev.SUCCESS, 1, 1, 0), 5)
        live.tick(n * 10**9 + 5)
    assert len(live.bins.arrivals) == BINS
    assert sum(live.bins.arrivals) == sum(live.bins.good) == 20_000
    assert len(live.stream) == STREAM
    assert live.horizon >= live.clock


def test_the_stream_forgets_finished_requests_first() -> None:
    live = LiveFold(scenario(OUTAGE).plan, 1, ())
    live.on_event(0, ev.ARRIVE, 0, 0, ev.ADMITTED, 0)  # never answered
    for n in range(1, 1000):
        live.on_event(n, ev.ARRIVE, 0, n, ev.ADMITTED, 0)
        live.on_event(n, ev.DONE, 0, n, ev.pack_done(ev.SUCCESS, 1, 1, 0), 1)
    assert 0 in live.stream
    assert 999 in live.stream


def test_bins_keep_their_sums_and_peaks_when_they_double() -> None:
    bins = Bins(900)
    for i in range(BINS):
        bins.arrivals[i] = 1
        bins.queue[i] = i
        bins.latency(i, 1000)
    width = bins.width
    bins.double()
    assert bins.width == 2 * width
    assert bins.arrivals[: BINS // 2] == [2] * (BINS // 2)
    assert not any(bins.arrivals[BINS // 2 :])
    assert bins.queue[3] == 7
    assert bins.latencies[0] == {bucket(1000): 2}


def test_lanes_keep_the_last_state_of_a_bin_and_all_that_were_entered() -> None:
    lane = StateTimeline("breaker")
    for index, state in ((4, 1), (5, 2), (5, 1), (9, 0)):
        lane.change(index, index, state)
    lane.double()
    assert lane.entered == {2: 0b110, 4: 0b001}
    assert lane.last == {2: 1, 4: 0}


def test_latency_buckets_are_within_a_thirtieth() -> None:
    for ns in [*range(200), *(round(1.37**n) for n in range(5, 80))]:
        assert abs(unbucket(bucket(ns)) - ns) <= max(0, ns / 30)
    assert percentiles({bucket(10): 99, bucket(16): 1}, 0.5, 0.99, 1.0) == [10, 10, 16]
    assert percentiles({}, 0.5) == []


@pytest.mark.parametrize(
    ("traffic", "seconds"),
    [
        ("{rate: 2/s, duration: 20s}", 20), ("{rate: 5/s, requests: 100}", 20),
        ("{users: 10, think: 1s, requests: 100}", 10.5),
        ("{phases: [{for: 20s, rate: 50/s}, {for: 10s, rate: 50/s, to: 120/s}]}", 30),
        ("{phases: [{for: 20s, rate: 1/s}, {for: 100s, rate: 10/s}], requests: 120}", 30),
    ],
)  # fmt: skip
def test_how_long_a_run_will_take_is_read_from_the_plan(traffic: str, seconds: float) -> None:
    plan = scenario(f"resim: 1\nname: x\nservice: {{latency: 50ms}}\ntraffic: {traffic}\n").plan
    assert horizon(plan) / 1e9 == pytest.approx(seconds, rel=0.01)
    assert 10 <= horizon(plan) / 1e9 / default_speed(plan) <= 30


def test_speeds_are_numbers_people_say() -> None:
    assert [nice(v) for v in (0.02, 0.9, 1.3, 2.4, 3.2, 8.7, 123)] == [0.02, 1, 1.5, 2, 3, 10, 150]


def test_capacity() -> None:
    assert capacity(scenario(OUTAGE).plan) == pytest.approx(80)
    assert capacity(scenario(PAYMENT).plan) == 0
