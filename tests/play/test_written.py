"""What was played, written as a scenario file: it loads, and its faults do to the event what they did by hand."""

from __future__ import annotations

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.play.forms import FAULTS, POLICIES, FormError, fault_fields, policy_fields, read_fault, read_policy
from resilience_sim.play.session import Session
from resilience_sim.play.written import scenario_text
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.shipped import names
from resilience_sim.scenario.write import duration, fault_text, policy_text
from resilience_sim.world.actions import Change, Lift

from .lab import SECOND, Events, play, session


def written(s: Session) -> str:
    return scenario_text(s.scenario, s.run.plan_now, s.run.actions)


def events(simulation: Simulation) -> list[tuple[int, ...]]:
    seen = Events()
    simulation.attach(seen)
    drain(simulation)
    # What a fault announces as its end is another matter once it has been lifted.
    return [(t, kind, rid, a, kind != ev.FAULT_ON and b) for t, kind, _, rid, a, b in seen.all if kind != ev.ACTION]


@pytest.mark.parametrize("name", ["retry-storm", "first-look", "double-charge", "hard-outage"])
def test_faults_in_the_file_do_what_they_did_by_hand(name: str) -> None:
    s = play(session(name), 2.1234567)
    s.act(read_fault("outage", {"for": "2s", "how": "refuse"}, s.run.plan_now, s.instant()))
    play(s, 3)
    s.act(read_fault("lost_responses", {"for": "1500ms", "rate": "50%"}, s.run.plan_now, s.instant()))
    s.act(read_fault("spike", {"for": "9s", "rate": "2x"}, s.run.plan_now, s.instant()))
    play(s, 5)
    s.act(Lift(s.instant(), "spike"))
    plan = load_text(written(s), "played.yaml").plan
    assert plan.faults == s.run.plan_now.faults
    assert events(Simulation(plan, 1)) == events(Simulation(s.run.source.plan, 1, s.run.actions))


def test_other_changes_are_comments_at_their_instants() -> None:
    s = play(session(), 4)
    retry = s.run.plan.stack[0]
    s.act(Change(s.instant(), read_policy("retry", {"attempts": "1"}, retry.id)))
    text = written(s)
    assert "#   at 4.000000001s: retry is now {attempts: 1" in text
    assert load_text(text, "x.yaml").plan.stack == s.run.source.plan.stack


@pytest.mark.parametrize("name", names())
def test_every_shipped_scenario_can_be_written_again(name: str) -> None:
    """With its own faults spelt anew, it is the same plan."""
    scenario = load(name)
    text = scenario_text(scenario, scenario.plan, [])
    assert load_text(text, f"{name}.yaml", files=dict(scenario.files)).plan == scenario.plan


@pytest.mark.parametrize("name", names())
def test_settings_back_to_text_and_back_again(name: str) -> None:
    scenario = load(name)
    for plan in (scenario.plan, *(variant.plan for variant in scenario.variants)):
        stack = "".join(f"  - {policy_text(policy)}\n" for policy in plan.stack)
        faults = "".join(f"  - {fault_text(fault)}\n" for fault in plan.faults)
        text = "resim: 1\nservice: {workers: 9, replicas: 9}\ntraffic: {rate: 1/s, duration: 1h}\n"
        text += (f"stack:\n{stack}" if stack else "") + (f"faults:\n{faults}" if faults else "")
        again = load_text(text, "x.yaml").plan
        assert again.stack == plan.stack
        assert again.faults == plan.faults


@pytest.mark.parametrize("ns", [0, 1, 999, 1_000, 1_500_000, SECOND, 12_345_678_901, 90 * SECOND, 7200 * SECOND])
def test_durations_are_exact(ns: int) -> None:
    from resilience_sim.scenario.units import duration as read

    assert read(duration(ns)) == ns


def test_forms_read_what_they_offer() -> None:
    """The first values of every form are valid; a mistake is named with its field and a remedy."""
    s = play(session(), 1)
    for kind in FAULTS:
        values = {field.key: field.value for field in fault_fields(kind)}
        assert read_fault(kind, values, s.run.plan_now, s.instant()).t == s.instant()
    for kind in POLICIES:
        values = {field.key: field.value for field in policy_fields(kind)}
        assert read_policy(kind, values, "mine").id == "mine"
    with pytest.raises(FormError, match="write") as found:
        read_fault("outage", {"for": "5", "how": "refuse"}, s.run.plan_now, s.instant())
    assert found.value.field == "for"
