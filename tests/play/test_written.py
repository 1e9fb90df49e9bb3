"""What was played, written as a scenario file: it loads, and run again it is the same run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.play.forms import FAULTS, POLICIES, FormError, fault_fields, policy_fields, read_fault, read_policy
from resilience_sim.play.session import Session
from resilience_sim.play.written import NotWritable, scenario_text
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.text.shipped import names
from resilience_sim.scenario.write import duration, fault_text, policy_text
from resilience_sim.settings.actions import Action, Add, Change, Lift, Remove, Reorder, Reset, Trip

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


HANDS: dict[str, Callable[[Session], Action]] = {
    "set": lambda s: Change(s.instant(), read_policy("retry", {"attempts": "1"}, "retry")),
    "set-nothing": lambda s: Change(s.instant(), s.run.plan_now.stack[0]),
    "set-like": lambda s: Change(
        s.instant(), read_policy("retry", {"like": "polly", "MaxRetryAttempts": "4", "UseJitter": "true"}, "retry")
    ),
    "add": lambda s: Add(s.instant(), read_policy("circuit_breaker", {"failure_threshold": "3"}, "guard"), 1),
    "add-like": lambda s: Add(
        s.instant(), read_policy("circuit_breaker", {"like": "resilience4j", "slidingWindowSize": "7"}, "r4j"), 0
    ),
    "add-again": lambda s: Add(s.instant(), read_policy("retry", {"attempts": "2"}, "retry#2"), 1),
    "trip": lambda s: Trip(s.instant(), "guard"),
    "trip-like": lambda s: Trip(s.instant(), "r4j"),
    "reset": lambda s: Reset(s.instant(), "guard"),
    "remove": lambda s: Remove(s.instant(), s.run.plan_now.stack[-1].id),
    "reorder": lambda s: Reorder(s.instant(), tuple(policy.id for policy in reversed(s.run.plan_now.stack))),
}
STORIES = [
    ["set"], ["set", "set-nothing"], ["set-like", "set"], ["add", "trip", "reset"], ["add-like", "trip-like"],
    ["remove", "add"], ["add-again", "reorder", "set"], ["remove"], list(HANDS),
]  # fmt: skip


def played(s: Session, story: list[str]) -> Session:
    """Act by hand, a second apart, the last two at one instant."""
    for n, name in enumerate(story):
        if n + 1 < len(story) or n == 0:
            play(s, s.clock / SECOND + 1.1)
        s.act(HANDS[name](s))
    return play(s, 1e6)


def digest(text: str) -> str:
    simulation = Simulation(load_text(text, "played.yaml").plan, 1)
    drain(simulation)
    return simulation.digest()


@pytest.mark.parametrize("story", STORIES, ids="-".join)
def test_the_file_runs_as_the_run_that_was_played(story: list[str]) -> None:
    """Every kind of action: the same digest, so the same events."""
    s = played(session(), story)
    assert digest(written(s)) == s.run.source.digest()


def test_other_settings_are_written_briefly() -> None:
    s = played(session(), ["set"])
    assert "\nchanges:\n  - {at: 1.100000001s, set: {retry.attempts: 1, retry.delay: null" in written(s)


def test_a_scenario_that_had_changes_keeps_them() -> None:
    """Also those still to come; but not those that somebody's hand has made impossible."""
    text = load("retry-storm").text
    text += (
        "changes:\n  - {at: 3s, add: {bulkhead: {max_concurrent: 40}}}\n  - {at: 2s, set: {retry.attempts: 2}}\n"
        "  - {at: 2500ms, add: {circuit_breaker: {id: early}}, inside: retry}\n"
        "  - {at: 20s, remove: timeout}\n  - {at: 21s, trip: early}\n"
    )
    scenario = load_text(text, "changing.yaml")
    s = Session(scenario, Simulation(scenario.plan, 1, []))
    untouched = digest(written(s))
    played(s, ["set", "add", "add-like", "trip"])
    assert digest(written(s)) == s.run.source.digest() != untouched
    assert untouched == digest(text)

    s = Session(scenario, Simulation(scenario.plan, 1, []))
    play(s, 5)
    s.act(Remove(s.instant(), "early"))
    halfway = written(s)
    assert "trip: early" not in halfway
    assert "{at: 20s, remove: timeout}" in halfway
    play(s, 1e6)
    assert digest(halfway) == digest(written(s)) == s.run.source.digest()


@pytest.mark.parametrize("body", ["{like: polly, Delay: 50ms, attempts: 3}", "{like: tenacity, attempts: 4}", "{}"])
def test_however_the_policy_was_written(body: str) -> None:
    """Under a library's rules, with our names or its own: where the difference alone cannot be said, all of it is."""
    text = load("retry-storm").text.replace("duration: 60s", "duration: 20s")
    start = text.index("  - retry:")
    scenario = load_text(text[:start] + f"  - retry: {body}\n" + text[text.index("\n", start) + 1 :], "x.yaml")
    for story in (["set"], ["set-like", "set"], ["set-like", "set-nothing"]):
        s = played(Session(scenario, Simulation(scenario.plan, 1, [])), story)
        assert digest(written(s)) == s.run.source.digest()


def test_with_faults_and_changes_by_hand_only_their_numbers_are_others() -> None:
    s = play(session(), 2)
    s.act(read_fault("outage", {"for": "2s", "how": "refuse"}, s.run.plan_now, s.instant()))
    played(s, ["set", "add", "trip"])
    plan = load_text(written(s), "played.yaml").plan
    assert events(Simulation(plan, 1)) == events(Simulation(s.run.source.plan, 1, s.run.actions))


def test_a_variant_and_other_settings_are_written_with_their_stack() -> None:
    scenario = load("retry-order", ["retry.attempts=4"])
    for plan in (scenario.plan, *(variant.plan for variant in scenario.variants)):
        s = Session(scenario, Simulation(plan, 1, []))
        play(s, 1)
        s.act(Remove(s.instant(), plan.stack[0].id))
        play(s, 1e6)
        text = scenario_text(scenario, s.run.plan_now, s.run.actions, plan)
        assert digest(text) == s.run.source.digest()


SETTINGS = [
    "service.latency=80ms", "service.workers=7", "service={latency: {uniform: [10ms, 90ms]}, failure_rate: 7%}",
    "traffic.rate=17/s", "traffic.requests=150", "traffic={rate: 9/s, duration: 12s, arrivals: even}",
    "client.threads=5", "operation.method=POST", "retry.attempts=2", "changes=[]", "seed=99",
    "name=other", "service.latency=null",
]  # fmt: skip


@pytest.mark.parametrize(("setting", "seed"), [*((each, None) for each in SETTINGS), (SETTINGS[0], 7)])
def test_every_setting_and_the_seed_are_in_the_file(setting: str, seed: int | None) -> None:
    """It ran otherwise than it had been played: `w` left --set and --seed to a notice, or said nothing of them."""
    scenario = load("retry-storm", ["traffic.duration=20s", setting])
    chosen = scenario.plan.seed if seed is None else seed
    s = Session(scenario, Simulation(scenario.plan, chosen, []))
    play(s, 1)
    if scenario.plan.stack:
        s.act(Remove(s.instant(), scenario.plan.stack[0].id))
    play(s, 1e6)
    text = scenario_text(scenario, s.run.plan_now, s.run.actions, scenario.plan, chosen)
    plan = load_text(text, "played.yaml").plan
    assert plan.seed == chosen
    again = Simulation(plan, plan.seed)
    drain(again)
    assert again.digest() == s.run.source.digest()


def test_a_section_as_it_was_is_not_written_anew() -> None:
    """Its comments stay."""
    scenario = load("retry-storm", ["retry.attempts=2"])
    text = scenario_text(scenario, scenario.plan, [])
    lines = [line for line in scenario.text.splitlines() if line.startswith(("service:", "traffic:"))]
    assert lines
    assert all(line in text.splitlines() for line in lines)
    assert "\nseed:" not in text or "\nseed:" in scenario.text


def test_a_data_file_is_found_from_where_the_file_is_written(tmp_path: Path) -> None:
    """And where it cannot be found, nothing is written."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "t.csv").write_text("0.1\n0.2\n0.9\n")
    source = tmp_path / "a" / "s.yaml"
    source.write_text("resim: 1\nservice: {latency: 50ms}\ntraffic: {trace: t.csv}\n")
    scenario = load(str(source))
    place = tmp_path / "b" / "played.yaml"
    place.write_text(scenario_text(scenario, scenario.plan, [], path=str(place)))
    assert "../a/t.csv" in place.read_text()
    assert load(str(place)).plan.traffic == scenario.plan.traffic
    recorded = load_text(scenario.text, "elsewhere/s.yaml", files=dict(scenario.files))
    with pytest.raises(NotWritable, match=r"t\.csv"):
        scenario_text(recorded, recorded.plan, [], path=str(place))


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
        text = "resim: 1\ntraffic: {rate: 1/s, duration: 1h}\n"
        names = [service.name for service in (plan.service, *plan.services)] if plan.several else []
        text += f"services: {{{', '.join(f'{name}: {{}}' for name in names)}}}\n" if names else ""
        text += "" if names else "service: {workers: 9, replicas: 9}\n"
        text += (f"stack:\n{stack}" if stack else "") + (f"faults:\n{faults}" if faults else "")
        again = load_text(text, "x.yaml").plan
        assert again.stack == plan.stack
        assert again.faults == plan.faults


@pytest.mark.parametrize("ns", [0, 1, 999, 1_000, 1_500_000, SECOND, 12_345_678_901, 90 * SECOND, 7200 * SECOND])
def test_durations_are_exact(ns: int) -> None:
    from resilience_sim.settings.units import duration as read

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
