"""The five axes: what each does to a plan, and where a search may go."""

from __future__ import annotations

import pytest

from resilience_sim.experiments.axes import AXES, Stretched, _thinned, arrivals_end, setting_ladder
from resilience_sim.experiments.specs import parse_range
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load, load_text
from resilience_sim.settings.faults import FaultConfig

BASE = """\
resim: 1
name: base
service: {{latency: {latency}, workers: 8, failure_rate: 10%}}
traffic: {traffic}
"""


def plan(traffic="{rate: 10/s, duration: 20s}", latency="50ms", more=""):
    return load_text(BASE.format(traffic=traffic, latency=latency) + more, "base.yaml").plan


def ladder(name, of):
    found = AXES[name].ladder(of, 0.01)
    assert not isinstance(found, str), found
    return found


@pytest.mark.parametrize("name", AXES)
def test_today_is_the_plan_itself(name):
    """And its value is 1x, or 0 % of a share."""
    base = plan(more="faults: [{outage: {at: 5s, for: 2s}}]\n")
    found = ladder(name, base)
    assert found.plan(found.start) == base
    assert found.value(found.start) == found.today == (1.0 if found.unit == "x" else 0.0)
    values = [found.value(rung) for rung in range(found.first, found.last + 1)]
    assert values == sorted(values)
    if found.unit == "x":
        assert (values[0], values[-1]) == (1 / 16, 16.0)


def test_load_means_more_arrivals_over_the_same_time():
    base = plan("{rate: 40/s, duration: 20s, arrivals: even}")
    run = simulate(AXES["load"].ladder(base, 0.01).plan(70), 1)
    factor = ladder("load", base).value(70)
    assert run.document["requests"]["total"] == pytest.approx(800 * factor, abs=1)
    counted = plan("{rate: 40/s, requests: 400, arrivals: even}")
    assert ladder("load", counted).plan(70).traffic.requests == pytest.approx(400 * factor, abs=1)


def test_load_of_a_closed_loop_is_users():
    found = ladder("load", plan("{users: 5, think: 1s, duration: 10s}"))
    assert found.plan(7).traffic.users == 7
    assert found.value(7) == pytest.approx(1.4)
    assert (found.first, found.last) == (1, 80)


def test_load_of_a_trace_keeps_its_shape():
    times = [0, 10, 20, 30, 100, 110]
    assert _thinned(times, 1.0) == (0, 10, 20, 30, 100, 110)
    assert _thinned(times, 2.0) == (0, 5, 10, 15, 20, 25, 30, 65, 100, 105, 110)
    assert _thinned(times, 0.5) == (0, 20, 100)


@pytest.mark.parametrize(
    "latency",
    [
        "100ms", "{exponential: 100ms}", "{uniform: [20ms, 80ms]}", "{p50: 40ms, p99: 250ms}",
        "{gamma: {mean: 40ms, cv: 0.5}}", "{pareto: {min: 10ms, alpha: 1.5}}",
    ],
)  # fmt: skip
def test_slower_multiplies_every_time(latency):
    """With the same luck each request takes exactly that much longer, to the nanosecond it is rounded to."""
    base = plan("{rate: 1/s, requests: 30}", latency)
    found = ladder("slower", base)
    factor = found.value(140)
    before = simulate(base, 3).document["latency"]
    after = simulate(found.plan(140), 3).document["latency"]
    for name in ("mean", "p50", "max"):
        assert after[name] == pytest.approx(before[name] * factor, rel=1e-6)


def test_failing_adds_points():
    assert ladder("failing", plan()).plan(250).service.failure_rate == pytest.approx(0.35)
    assert ladder("failing", plan()).plan(1000).service.failure_rate == 1.0


def test_capacity_loses_whole_workers():
    found = ladder("capacity", plan())
    assert [found.plan(lost).service.workers for lost in range(found.last + 1)] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert found.value(2) == 0.25


def test_some_axes_say_nothing_of_some_plans():
    """With the reason, rather than with a number."""
    unlimited = load("flapping-breaker").plan
    assert "no limit on its workers" in str(AXES["capacity"].ladder(unlimited, 0.01))
    assert "zero" in str(AXES["slower"].ladder(plan(latency="0ms"), 0.01))


def test_longer_faults_push_later_ones_and_the_end():
    base = plan(
        "{phases: [{for: 10s, rate: 5/s}, {for: 10s, rate: 9/s}]}",
        more="faults: [{outage: {id: one, at: 4s, for: 2s}}, {latency: {id: two, at: 12s, for: 1s, add: 1s}}]\n",
    )
    found = ladder("outage", base)
    rung = next(rung for rung in range(found.last) if found.value(rung) >= 3)
    longer, factor = found.plan(rung), found.value(rung)
    extra = round(2e9 * (factor - 1))
    assert [fault.duration for fault in longer.faults] == [round(2e9 * factor), round(1e9 * factor)]
    assert longer.faults[1].at == 12_000_000_000 + extra
    assert [phase.duration for phase in longer.traffic.phases] == [
        10_000_000_000 + extra,
        10_000_000_000 + round(1e9 * (factor - 1)),
    ]
    assert arrivals_end(longer.traffic) == arrivals_end(base.traffic) + extra + round(1e9 * (factor - 1))


def test_overlapping_faults_each_last_that_much_longer():
    faults = [
        FaultConfig("latency", "a", 0, 10),
        FaultConfig("latency", "b", 5, 10),
        FaultConfig("latency", "c", 30, 2),
    ]
    time = Stretched(faults, 3.0)
    spans = [(time.at(each.at), time.at(each.at + each.duration)) for each in faults]
    assert [end - at for at, end in spans] == [30, 30, 6]
    assert spans[2][0] == 30 + 2 * 15


def test_without_faults_an_outage_comes_in_the_middle():
    found = ladder("outage", plan("{rate: 10/s, duration: 20s}"))
    (fault,) = found.plan(0).faults
    assert (fault.kind, fault.how, fault.at, fault.duration) == ("outage", "refuse", 9_000_000_000, 2_000_000_000)


def test_a_trace_lasts_longer_with_its_faults(tmp_path):
    """During the fault the arrivals come on at the rate they had."""
    (tmp_path / "times.csv").write_text("".join(f"{n / 10}\n" for n in range(100)))
    text = BASE.format(traffic="{trace: times.csv}", latency="50ms") + "faults: [{outage: {at: 4s, for: 2s}}]\n"
    (tmp_path / "traced.yaml").write_text(text)
    found = ladder("outage", load(str(tmp_path / "traced.yaml")).plan)
    rung = next(rung for rung in range(found.last) if found.value(rung) >= 2)
    times = found.plan(rung).traffic.trace
    assert len(times) == pytest.approx(100 + 20 * (found.value(rung) - 1), abs=1)
    assert list(times) == sorted(times)


@pytest.mark.parametrize(
    ("path", "spec", "today"),
    [("service.workers", "8..1", 8.0), ("traffic.rate", "5/s..40/s", 10.0), ("service.latency", "10ms..1s", 0.05)],
)
def test_a_setting_as_an_axis(path, spec, today):
    """Its rungs are what ``--set`` takes; the ends are those that were written."""
    scenario = load_text(BASE.format(traffic="{rate: 10/s, duration: 20s}", latency="50ms"), "base.yaml")
    from resilience_sim.scenario.describe.paths import text_at

    found = setting_ladder(scenario, path, parse_range(path, spec), text_at(scenario, path), 0.01)
    assert found.today == today
    low, high = spec.split("..")
    assert (found.texts[0], found.texts[-1]) == (low, high)
    assert found.value(found.start) == pytest.approx(today, rel=0.02)
    for rung in (found.first, found.last // 2, found.last):
        assert found.plan(rung) == scenario.with_settings([f"{path}={found.texts[rung]}"]).plan
