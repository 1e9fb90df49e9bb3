"""The axes of several services: all of them, or one; a search asks what `expect` asks."""

from __future__ import annotations

import pytest

from resilience_sim.experiments.axes import AXES, axis_problem, ladder_of
from resilience_sim.experiments.crew import Alone
from resilience_sim.experiments.margins import Inquiry, find_margins
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.read.pieces import expectation_from
from resilience_sim.settings.plan import Plan

TEXT = """\
resim: 1
traffic: {rate: 50/s, duration: 4s, arrivals: even}
services:
  shop: {latency: 5ms, workers: 8, calls: [{to: db}]}
  db: {latency: 10ms, network: 1ms, workers: 2, failure_rate: 5%}
  log: {latency: 1ms}
changes: [{at: 2s, set: {services.db.latency: 15ms}}]
"""
PLAN = load_text(TEXT, "axes.yaml").plan


def at(axis: str, rung: int, of: Plan = PLAN) -> Plan:
    found = ladder_of(axis, of, 0.01)
    assert not isinstance(found, str), found
    assert found.plan(found.start) == of
    return found.plan(rung)


def test_all_services_or_one() -> None:
    """What a change sets is turned up with the rest."""
    factor = 1.005**140
    every, one = at("slower", 140), at("slower:db", 140)
    assert [each.latency.a / 1e6 for each in every.everybody] == pytest.approx([5 * factor, 10 * factor, factor])
    assert [each.latency.a / 1e6 for each in one.everybody] == pytest.approx([5, 10 * factor, 1])
    assert one.services[0].network.a == pytest.approx(1e6 * factor)
    assert one.actions[0].what.fields[0].value.a == pytest.approx(15e6 * factor)
    assert [each.failure_rate for each in at("failing", 100).everybody] == pytest.approx([0.1, 0.15, 0.1])
    assert [each.failure_rate for each in at("failing:shop", 100).everybody] == pytest.approx([0.1, 0.05, 0.0])
    assert [each.workers for each in at("capacity:shop", 3).everybody] == [5, 2, 0]
    assert at("capacity:db", 1).services[0].workers == 1


def test_lost_workers_of_all_services() -> None:
    """Every number of them that a share can leave, at the share that is lost then: nothing lies between two rungs."""
    found = ladder_of("capacity", PLAN, 0.01)
    assert not isinstance(found, str)
    assert found.stepped
    rungs = range(found.last + 1)
    assert [found.value(rung) for rung in rungs] == [0, 1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8]
    left = [[each.workers for each in found.plan(rung).everybody] for rung in rungs]
    assert left == [[8 - lost, 2 if not lost else 1, 0] for lost in range(8)]
    uneven = ladder_of("capacity", load_text(TEXT.replace("workers: 8", "workers: 3"), "axes.yaml").plan, 0.01)
    assert not isinstance(uneven, str)
    assert [uneven.value(rung) for rung in range(uneven.last + 1)] == [0, 1 / 3, 1 / 2, 2 / 3]


@pytest.mark.parametrize(
    ("axis", "problem"),
    [("capacity:log", "log has no limit"), ("capacity:db", ""), ("slower:shop", "")],
)
def test_what_has_no_rungs(axis: str, problem: str) -> None:
    found = ladder_of(axis, PLAN, 0.01)
    assert (problem in found) if isinstance(found, str) else not problem


def test_names_of_axes() -> None:
    assert axis_problem("slower:dbb", PLAN) == ("no service `dbb`", ["slower:shop", "slower:db", "slower:log"])
    assert axis_problem("load:db", PLAN)[0] == "`load` is not of one service"
    assert axis_problem("slower:", PLAN)[0] == "no service ``"
    alone = load_text("resim: 1\nservice: {}\ntraffic: {rate: 1/s, requests: 1}\n", "one.yaml").plan
    assert axis_problem("slower:B", alone)[0] == "there is one service"
    for axis in (*AXES, "failing:db"):
        assert axis_problem(axis, PLAN) == ("", [])


def test_a_search_until_a_service_breaks() -> None:
    """db does 200/s at first and 133/s after the change: latency times 2.67 is too much, its workers are two."""
    text = TEXT.replace("failure_rate: 5%", "queue: 0")
    scenario = load_text(text, "axes.yaml")
    until = (expectation_from("{that: availability >= 99%, service: db}", scenario.plan),)
    inquiry = Inquiry({"as-written": scenario}, (1, 2), ("slower:db", "capacity:db"), (), until, 0.02)
    found = find_margins(inquiry, Alone())
    slower, capacity = found.found
    assert slower.critical == pytest.approx([2.67, 2.67], rel=0.04)
    assert slower.broken_by == "availability >= 99% service db"
    assert capacity.critical == (None, None), "one worker does 66 a second"
