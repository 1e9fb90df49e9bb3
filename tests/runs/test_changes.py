"""A scenario that changes itself runs the same everywhere: alone, recorded, compared, replayed, acted upon."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from export.lab import write

from resilience_sim.cli.environment import Environment
from resilience_sim.cli.main import execute
from resilience_sim.kernel import events as ev
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.action_schedule import action_schedule, merge_actions, plan_after
from resilience_sim.runs.actions import ActionError, fingerprint
from resilience_sim.runs.compare import divergences
from resilience_sim.runs.record import record
from resilience_sim.runs.replay import Playback, verify
from resilience_sim.runs.simulate import drain, simulate
from resilience_sim.runs.simulation import Simulation, make_components
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.actions import Action, Add, Change, Remove, Reorder, Reset, Trip
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.timeout import TimeoutConfig

S = 1_000_000_000
TEXT = """resim: 1
name: changing
service: {latency: {exponential: 80ms}, workers: 6, failure_rate: 10%}
traffic: {rate: 50/s, duration: 12s}
client: {instances: 2}
faults:
  - outage: {at: 4s, for: 3s, how: error}
stack:
  - retry: {attempts: 3, delay: 50ms}
  - circuit_breaker: {failure_threshold: 50%, window: 20, recovery_time: 1s}
changes:
  - {at: 8s, add: {timeout: {id: late, after: 400ms}}}
  - {at: 2s, add: {bulkhead: {max_concurrent: 9}}, inside: retry}
  - {at: 2s, set: {retry.attempts: 2}}
  - {at: 5s, trip: circuit_breaker}
  - {at: 7s, reset: circuit_breaker}
  - {at: 7s, reorder: [circuit_breaker, retry, bulkhead]}
  - {at: 9s, remove: bulkhead}
compare: {variants: {still: {changes: []}}}
"""
IN_TIME = (Add, Change, Trip, Reset, Reorder, Add, Remove)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_text(TEXT, "changing.yaml")


def by_hand(plan: Plan, actions: list[Action]) -> Simulation:
    """Nothing planned, everything done at its instant."""
    simulation = Simulation(replace(plan, actions=()), 1, [])
    for action in actions:
        simulation.act(action)
    drain(simulation)
    return simulation


def finished(simulation: Simulation) -> Simulation:
    drain(simulation)
    return simulation


def test_planned_or_by_hand_is_the_same_run(scenario: Scenario) -> None:
    """In the order of time; several of an instant in that of the file."""
    planned = finished(Simulation(scenario.plan, 1))
    assert tuple(map(type, planned.actions)) == IN_TIME
    in_order = replace(scenario.plan, actions=tuple(planned.actions))
    assert by_hand(scenario.plan, planned.actions).digest() == finished(Simulation(in_order, 1)).digest()


def test_however_it_is_stepped(scenario: Scenario) -> None:
    whole = finished(Simulation(scenario.plan, 1)).digest()
    bits = Simulation(scenario.plan, 1)
    while bits.run(budget=7):
        pass
    instants = Simulation(scenario.plan, 1)
    for t in range(0, 14 * S, S // 3):
        instants.run(until=t)
    drain(instants)
    assert whole == bits.digest() == instants.digest() == simulate(scenario.plan, 1).digest


def test_what_happened_may_be_given_again(scenario: Scenario) -> None:
    """As a fork or a keyframe does: what the plan does itself is not done twice."""
    run = finished(Simulation(scenario.plan, 1))
    assert finished(Simulation(scenario.plan, 1, run.actions)).digest() == run.digest()
    assert finished(Simulation(scenario.plan, 1, run.actions[:3])).digest() == run.digest()


HAND = [
    Add(3 * S + 5, TimeoutConfig("mine", after=S), 1),
    Remove(4 * S, "bulkhead"),  # so that neither the order at 7 s nor the removal at 9 s is possible
    Add(10 * S, BulkheadConfig("bulkhead", max_concurrent=2), 0),
]


def test_hands_on_top_of_it(scenario: Scenario) -> None:
    """Whom the plan brings along keeps its number; what has become impossible is left out."""
    live = Simulation(scenario.plan, 1, [])
    directory = live.components
    for action in HAND:
        live.act(action)
    drain(live)
    assert [type(action) for action in live.actions] == [Add, Change, Add, Remove, Trip, Reset, Add, Add]
    assert live.components[: len(directory)] == directory == make_components(scenario.plan)
    again = finished(Simulation(scenario.plan, 1, HAND))
    assert (again.digest(), again.components) == (live.digest(), live.components)
    assert [policy.id for policy in plan_after(scenario.plan, HAND).stack] == [
        "bulkhead", "late", "retry", "mine", "circuit_breaker",
    ]  # fmt: skip


def test_the_plan_comes_first_at_an_instant(scenario: Scenario) -> None:
    hand = Trip(2 * S, "circuit_breaker")
    live = Simulation(scenario.plan, 1, [])
    live.act(hand)
    assert [type(action) for action in live.actions] == [Add, Change, Trip]
    assert [step.action for step in merge_actions(scenario.plan, [hand])][2] is hand
    with pytest.raises(ActionError):
        action_schedule(scenario.plan, [Remove(S, "bulkhead")])  # it comes at 2 s


def test_recorded_and_verified_with_hands_or_without(scenario: Scenario, tmp_path) -> None:
    """A recording holds what was done by hand; the scenario in it does the rest again."""
    for name, actions in (("alone", []), ("hands", HAND)):
        path = tmp_path / f"{name}.resim"
        with record(Simulation(scenario.plan, 1, actions and []), scenario, path) as source:
            for action in actions:
                source.act(action)
            drain(source)
            digest = source.digest()
        with open_recording(path) as recording:
            assert len(recording.actions) == len(actions)
            assert verify(recording).same
            playback = Playback(recording)
            seen = write("chrome-trace", playback)
            assert playback.digest() == digest
            marks = [each for each in json.loads(seen)["traceEvents"] if each.get("cat") == "change"]
            assert [each["name"] for each in marks][:2] == [
                "bulkhead added: {max_concurrent: 9}", "retry: attempts 2",
            ]  # fmt: skip
            assert len(marks) == (len(IN_TIME) if not actions else 8)


def command(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    environment = Environment(io.StringIO(), out, io.StringIO(), {}, False, False, 120, 40)
    return execute(list(words), environment), out.getvalue()


def test_every_command(tmp_path) -> None:
    """One digest, whoever runs it."""
    file, saved, other = tmp_path / "changing.yaml", tmp_path / "r.resim", tmp_path / "other.yaml"
    file.write_text(TEXT)
    other.write_text("stack:\n  - retry: {attempts: 5}\n")
    code, text = command("run", str(file), "--json", "--save", str(saved))
    run = json.loads(text)["variants"][0]["runs"][0]
    assert code == 0
    assert [each["do"] for each in run["changes"]] == ["add", "set", "trip", "reset", "reorder", "add", "remove"]
    _, many = command("run", str(file), "--json", "--runs", "3")
    assert json.loads(many)["variants"][0]["runs"][0]["digest"] == run["digest"]
    _, compared = command("compare", str(file), "--json", "--runs", "2")
    digests = {each["name"]: each["runs"][0]["digest"] for each in json.loads(compared)["variants"]}
    assert digests["as-written"] == run["digest"] != digests["still"]
    assert command("replay", str(saved), "--verify")[0] == 0
    _, what_if = command("replay", str(saved), "--json", "--with", str(other))
    assert {each["name"] for each in json.loads(what_if)["variants"]} == {"as-written", "what-if"}
    _, changed = command("replay", str(saved), "--json", "--set", "changes=[]")
    assert json.loads(changed)["variants"][1]["runs"][0]["digest"] == digests["still"]
    assert command("lint", str(file))[0] in (0, 1)
    assert "by hand" in command("explain", f"{file}@5.5s")[1]
    for form in ("jsonl", "csv", "markdown", "junit", "chrome-trace"):
        assert command("run", str(file), "-q", "--out", f"{form}={tmp_path / form}")[0] == 0


def test_where_it_parts_from_itself_without_changes(scenario: Scenario) -> None:
    plans = {"as-written": scenario.plan, "still": scenario.variants[0].plan}
    (found,) = divergences(plans, "as-written", 1)
    assert found.divergence is not None


def test_its_events_are_numbered_and_hashed_as_those_by_hand(scenario: Scenario) -> None:
    from resilience_sim.kernel.sink import Fold

    class Actions(Fold):
        def __init__(self) -> None:
            self.seen: list[tuple[int, int, int]] = []

        def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
            if kind == ev.ACTION:
                self.seen.append((t, a, b))

    seen = Actions()
    simulation = Simulation(scenario.plan, 1)
    simulation.attach(seen)
    drain(simulation)
    assert seen.seen == [(each.t, n, fingerprint(each)) for n, each in enumerate(simulation.actions)]


def test_a_shipped_one_is_written_with_its_changes_in_force() -> None:
    assert [policy.attempts for policy in plan_after(load("live-fix").plan).stack[:1]] == [3]


def test_a_change_after_the_last_event_is_not_made_however_the_run_is_stepped() -> None:
    """With the last event a step at a time, as the cockpit goes, it was: another digest."""
    text = (
        "resim: 1\ntraffic: {rate: 10/s, requests: 5, arrivals: even}\nstack: [timeout: {after: 300ms}]\n"
        "changes: [{at: 9s, set: {timeout.after: 1s}}]\n"
    )
    plan = load_text(text, "late.yaml").plan
    whole = Simulation(plan, 1)
    drain(whole)
    for budget in (1, 2, 3, 7):
        stepped = Simulation(plan, 1, [])
        while stepped.run(budget=budget):
            pass
        assert stepped.digest() == whole.digest()
        assert stepped.now < 10**9
        assert stepped.actions == []
