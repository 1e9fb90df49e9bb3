"""Actions: what somebody does to a run is an event of it, at an exact instant, and happens again in a replay."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audit import Audit

from resilience_sim.kernel import events as ev
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.action_schedule import components_with
from resilience_sim.runs.actions import ActionError, fingerprint, from_detail, kind_of, plan_with, to_detail
from resilience_sim.runs.record import record
from resilience_sim.runs.replay import Playback, actions_of, verify
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation, make_components
from resilience_sim.scenario.load import load
from resilience_sim.settings.actions import Action, Add, Change, Inject, Lift, Remove, Reorder, Reset, Trip
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.rate_limiter import RateLimiterConfig
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.throttle import ThrottleConfig
from resilience_sim.settings.timeout import TimeoutConfig

from .lab import SECOND, Events

S = SECOND


def fault(kind: str, at: int, duration: int = 3 * S, **fields: object) -> Inject:
    return Inject(at, FaultConfig(kind, f"by-hand-{kind}", at, duration, **fields))  # type: ignore[arg-type]


def everything(plan: Plan) -> list[Action]:
    """One of each, on a stack of retry and timeout."""
    retry = next(policy for policy in plan.stack if isinstance(policy, RetryConfig))
    breaker = BreakerConfig("breaker", consecutive=3, min_calls=1, recovery_time=S)
    return [
        fault("outage", 2 * S + 1, how="refuse"),
        fault("spike", 3 * S + 7, factor=2.0),
        fault("latency", 3 * S + 8, add=50_000_000, share=0.5),
        Lift(4 * S + 3, "by-hand-spike"),
        Add(5 * S + 1, breaker, 0),
        Trip(6 * S + 1, "breaker"),
        Reset(6 * S + 5, "breaker"),
        fault("crash_replica", 7 * S, replica=1),
        fault("errors", 8 * S, outcome=ev.LOST, rate=0.5),
        Change(9 * S, replace(retry, attempts=1)),
        Change(9 * S, replace(breaker, consecutive=5)),
        Reorder(10 * S, ("timeout", "breaker", "retry")),
        fault("brownout", 10 * S, workers=0.5, slower=2.0),
        Remove(11 * S, "breaker"),
    ]


def play(
    plan: Plan, actions: list[Action], by_hand: bool, audit: bool = False
) -> tuple[Simulation, list[tuple[int, ...]]]:
    simulation = Simulation(plan, 1, [] if by_hand else actions)
    seen = Events()
    simulation.attach(seen)
    if by_hand:
        for action in actions:
            simulation.run(action.t - 1, 37)  # some of the way; act() does the rest
            simulation.act(action)
    drain(simulation)
    return simulation, seen.all


@pytest.fixture(scope="module")
def plan() -> Plan:
    storm = load("retry-storm").plan
    return replace(storm, traffic=replace(storm.traffic, duration=14 * S), faults=())


def test_acting_by_hand_and_replaying_the_actions_is_the_same_run(plan: Plan) -> None:
    """Whenever and however often the run is stepped: the same events, the same digest."""
    live, seen = play(plan, everything(plan), by_hand=True)
    again, replayed = play(plan, everything(plan), by_hand=False)
    assert seen == replayed
    assert live.digest() == again.digest()
    assert live.components == again.components
    assert [type(action) for action in live.actions] == [type(action) for action in everything(plan)]


def test_every_action_is_an_event_of_the_digest(plan: Plan) -> None:
    """In order, with what it was hashed in."""
    actions = everything(plan)
    _, seen = play(plan, actions, by_hand=True)
    found = [(t, a, b) for t, kind, _, rid, a, b in seen if kind == ev.ACTION and rid == -1]
    assert found == [(action.t, n, fingerprint(action)) for n, action in enumerate(actions)]


def test_an_open_run_nobody_acts_on_is_the_run_itself(plan: Plan) -> None:
    closed = Simulation(plan, 5)
    drain(closed)
    opened = Simulation(plan, 5, [])
    drain(opened)
    assert closed.digest() == opened.digest()


@pytest.mark.parametrize(
    "injected",
    [
        fault("outage", 2 * S + 123, how="hang"),
        fault("outage", 2 * S, how="error"),
        fault("spike", 2 * S + 5, factor=2.5),
        fault("brownout", 3 * S + 1, workers=0.3, slower=1.5, failure_rate=0.2),
        fault("latency", 2 * S + 9, add=200_000_000),
        fault("errors", 2 * S + 9, rate=0.4, outcome=ev.UNAVAILABLE),
        fault("rate_limit", 2 * S + 9, limit=20.0, retry_after=S),
        fault("crash_replica", 2 * S + 9, replica=1),
        fault("cold_cache", 2 * S + 9, slower=4.0, half_life=S),
    ],
    ids=lambda each: each.fault.kind,
)
def test_an_injected_fault_is_the_fault_of_a_file_to_the_event(plan: Plan, injected: Inject) -> None:
    """Its number, its luck and the order at both of its instants: only the ACTION event is more."""
    _, by_hand = play(plan, [injected], by_hand=True)
    written, seen = Simulation(replace(plan, faults=(injected.fault,)), 1), Events()
    written.attach(seen)
    drain(written)
    ours = [(t, kind, rid, a, b) for t, kind, _, rid, a, b in by_hand if kind != ev.ACTION]
    assert ours == [(t, kind, rid, a, b) for t, kind, _, rid, a, b in seen.all]


def test_a_lifted_spike_is_a_shorter_spike(plan: Plan) -> None:
    spike = fault("spike", 2 * S, duration=9 * S, factor=3.0)
    _, by_hand = play(plan, [spike, Lift(4 * S, spike.fault.id)], by_hand=True)
    written, seen = Simulation(replace(plan, faults=(replace(spike.fault, duration=2 * S),)), 1), Events()
    written.attach(seen)
    drain(written)
    arrivals = [t for t, kind, *_ in by_hand if kind == ev.ARRIVE]
    assert arrivals == [t for t, kind, *_ in seen.all if kind == ev.ARRIVE]


def test_the_laws_hold_whatever_is_done(plan: Plan) -> None:
    """Every event of a run with every action passes the audit."""
    actions = everything(plan)
    simulation = Simulation(plan, 3, actions)
    added = [action.policy for action in actions if isinstance(action, Add)]
    checked = Audit(replace(plan_with(plan, actions), stack=(*plan.stack, *added)), simulation.components)
    by_name = {policy.id: policy for policy in (*plan.stack, *added)}
    checked.policy = {c.id: by_name[c.name] for c in simulation.components if c.name in by_name}
    simulation.attach(checked)
    drain(simulation)
    checked.close(simulation) if False else None


# --- what survives ---


def test_a_breaker_keeps_what_it_knows_when_its_settings_change(plan: Plan) -> None:
    """Two failures before and one after are three in a row."""
    down = FaultConfig("outage", "down", 0, 100 * S, how="refuse")
    breaker = BreakerConfig("breaker", consecutive=10, min_calls=1)
    small = replace(plan, faults=(down,), stack=(breaker,), traffic=replace(plan.traffic, arrivals="even"))
    period = round(S / 60)
    change = Change(2 * period - 1, replace(breaker, consecutive=3))
    _, seen = play(small, [change], by_hand=True)
    opened = next(t for t, kind, _, _, a, _ in seen if kind == ev.BREAKER and a >> 8 & 0xFF == ev.OPEN)
    assert abs(opened - 2 * period) < 1000


def test_a_removed_policy_lets_the_calls_inside_it_out(plan: Plan) -> None:
    """Every request has an outcome, also those that were inside when the layers went."""
    actions: list[Action] = [Remove(2 * S, "retry"), Remove(2 * S, "timeout")]
    _, seen = play(plan, actions, by_hand=True)
    assert sum(kind == ev.ARRIVE for _, kind, *_ in seen) == sum(kind == ev.DONE for _, kind, *_ in seen)
    assert not [t for t, kind, *_ in seen if kind == ev.RETRY_WAIT and t > 3 * S]


def test_many_instances_are_all_changed(plan: Plan) -> None:
    several = replace(plan, client=replace(plan.client, instances=3))
    actions: list[Action] = [Add(S, BreakerConfig("breaker"), 0), Trip(2 * S, "breaker")]
    simulation, seen = play(several, actions, by_hand=True)
    changed = {source for _, kind, source, *_ in seen if kind == ev.BREAKER}
    breakers = {c.id for c in simulation.components if c.name == "breaker"}
    assert changed == breakers
    assert len(breakers) == 3


def test_an_instance_that_restarts_has_the_stack_in_force() -> None:
    crash = load("thread-exhaustion").plan
    timeout = Add(20 * S, TimeoutConfig("timeout", after=S), 0)
    _, seen = play(crash, [timeout], by_hand=True)
    restarted = (
        next(t for t, kind, *_ in seen if kind == ev.RESTART) if any(k == ev.RESTART for _, k, *_ in seen) else 0
    )
    assert [t for t, kind, *_ in seen if kind == ev.TIMED_OUT] or restarted


# --- what is impossible ---


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Remove(S, "nobody"), "no policy nobody"),
        (Trip(S, "retry"), "no circuit breaker"),
        (Lift(S, "nothing"), "no fault nothing"),
        (Add(S, RetryConfig("retry"), 0), "is a policy retry already"),
        (Add(S, RetryConfig("other"), 9), "no position 9"),
        (Reorder(S, ("retry",)), "every policy"),
        (Inject(S, FaultConfig("outage", "late", 2 * S, S)), "begins at the instant"),
        (Inject(S, FaultConfig("outage", "far", S, S, replica=7)), "no replica 7"),
    ],
)
def test_an_impossible_action_changes_nothing(plan: Plan, action: Action, words: str) -> None:
    simulation = Simulation(plan, 1, [])
    simulation.run(S // 2)
    with pytest.raises(ActionError, match=words):
        simulation.act(action)
    drain(simulation)
    untouched = Simulation(plan, 1)
    drain(untouched)
    assert simulation.digest() == untouched.digest()


def test_nobody_acts_on_the_past_or_on_a_run_that_is_over(plan: Plan) -> None:
    simulation = Simulation(plan, 1, [])
    simulation.run(3 * S)
    with pytest.raises(ActionError, match="beyond"):
        simulation.act(fault("outage", 2 * S))
    drain(simulation)
    with pytest.raises(ActionError, match="over"):
        simulation.act(fault("outage", 2000 * S))
    with pytest.raises(ActionError, match="not open"):
        Simulation(plan, 1).act(fault("outage", S))


def test_users_cannot_spike(plan: Plan) -> None:
    closed = replace(plan, traffic=replace(plan.traffic, loop="closed", users=3, requests=10, phases=()))
    with pytest.raises(ActionError, match="rate"):
        plan_with(closed, [fault("spike", S, factor=2.0)])


# --- recorded ---


def test_a_recording_carries_the_actions_and_verifies(plan: Plan, tmp_path) -> None:
    scenario = replace(load("retry-storm", ["traffic.duration=14s"]))
    path = tmp_path / "acted.resim"
    with record(Simulation(scenario.plan, 1, []), scenario, path) as recorded:
        for action in everything(scenario.plan):
            recorded.run(action.t - 5)
            recorded.act(action)
        while recorded.run(budget=5000):
            pass
        digest = recorded.digest()
    with open_recording(path) as recording:
        assert verify(recording).same
        assert recording.digest() == digest
        assert actions_of(recording) == everything(scenario.plan)
        playback = Playback(recording)
        assert playback.plan == plan_with(scenario.plan, everything(scenario.plan))
        assert [c.name for c in playback.components][-1] == "by-hand-brownout"
        assert recording.components == components_with(
            scenario.plan, make_components(scenario.plan), everything(scenario.plan)
        )
        seen = Events()
        playback.attach(seen)
        drain(playback)
        assert playback.digest() == digest


def test_what_is_impossible_is_not_recorded(plan: Plan, tmp_path) -> None:
    scenario = load("first-look")
    with record(Simulation(scenario.plan, 1, []), scenario, tmp_path / "r.resim") as recorded:
        recorded.run(S)
        with pytest.raises(ActionError):
            recorded.act(Remove(2 * S, "nobody"))
        while recorded.run():
            pass
    with open_recording(tmp_path / "r.resim") as recording:
        assert recording.actions == ()
        assert verify(recording).same


@pytest.mark.parametrize(
    "policy",
    [
        RetryConfig("r", on=(2, 3), jitter="spread", spread=0.25),
        BreakerConfig("b", ignore=(5,)),
        TimeoutConfig("t", after=1),
        BulkheadConfig("k"),
        RateLimiterConfig("l"),
        HedgeConfig("h"),
        FallbackConfig("f"),
        ThrottleConfig("th"),
    ],
)
def test_actions_survive_being_written_down(policy: PolicyConfig) -> None:
    import json

    for action in (Change(5, policy), Add(6, policy, 2)):
        text = json.dumps(to_detail(action))
        assert from_detail(action.t, kind_of(action), json.loads(text)) == action


def test_a_damaged_action_is_refused() -> None:
    for kind, detail in (("change", {}), ("dance", {}), ("add", {"policy": {"=": "os"}, "position": 0})):
        with pytest.raises(ActionError):
            from_detail(1, kind, detail)


def test_a_breaker_under_a_librarys_rules_is_moved_by_hand_too() -> None:
    """Opened, closed, and the same again in a replay; its other settings may change as well."""
    plan = load("library-breakers").plan
    breaker = next(policy for policy in plan.stack if policy.kind == "circuit_breaker")
    actions: list[Action] = [Trip(2 * S, breaker.id), Reset(3 * S, breaker.id)]
    live, seen = play(plan, actions, by_hand=True)
    again, _ = play(plan, actions, by_hand=False)
    assert live.digest() == again.digest()
    states = [(t, a >> 8 & 0xFF) for t, kind, _, _, a, _ in seen if kind == ev.BREAKER]
    assert (2 * S, ev.OPEN) in states
    assert (3 * S, ev.CLOSED) in states
