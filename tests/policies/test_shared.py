"""Policies that all client instances share: one state, whatever becomes of the instances."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab import a, b, bench, breaker, bulkhead, every, lab, limiter, outage, run, timeout

from resilience_sim.kernel import events as ev
from resilience_sim.runs.actions import ActionError, plan_with
from resilience_sim.runs.simulation import Simulation, make_components
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.actions import Change

THREE = a(instances=3)
FAILING = ["error"] * 99


def common(config):
    return replace(config, shared=True)


# --- breakers ---


def test_all_instances_count_on_one_breaker():
    """Two failures in a row, of two instances, open it for the third; alone none of them would have."""
    apart = bench([breaker(2)], FAILING, every("1s", 3), THREE)
    assert (apart.breaker, apart.outcomes) == ([], ["error"] * 3)
    together = bench([common(breaker(2))], FAILING, every("1s", 3), THREE)
    assert (together.breaker, together.outcomes) == ([(1000, "OPEN")], ["error", "error", "breaker_open"])


def test_there_is_one_probe_for_all():
    """Half open, the call of one instance is under way, and the others are rejected."""
    script = ["error", ("success", "5s")]
    story = bench([common(breaker(1, "10s"))], script, ["0s", "11s", "12s", "13s", "17s"], THREE)
    assert story.outcomes == ["error", "success", "breaker_open", "breaker_open", "success"]
    assert story.breaker == [(0, "OPEN"), (11000, "HALF_OPEN"), (16000, "CLOSED")]


def test_each_call_goes_on_in_the_stack_of_its_instance():
    """A limiter of each instance stands inside: every instance has its own token."""
    story = bench([common(breaker(9)), limiter(1.0, "1h")], [], ["0s"] * 6, THREE)
    assert story.outcomes == ["success"] * 3 + ["rate_limited"] * 3
    sources = {event[2] for event in story.of("rejected")}
    assert len(sources) == 3


def test_one_instance_alone_shares_with_nobody():
    """Then nothing differs."""
    stack = [breaker(2), timeout("200ms")]
    service, calls = b("100ms", failure_rate=0.5), every("300ms", 100)
    alone = lab(service, calls, stack)
    assert alone.digest == lab(service, calls, [common(stack[0]), stack[1]]).digest


def test_a_crash_of_one_instance_leaves_the_breaker_as_it_is():
    """A#1 hangs, A#2 fails and opens it, A#1 crashes and is back at 3 s: with a breaker of its own it may call."""
    client = a(instances=2, threads=1, on_exhaustion="crash", restart_after="1s")
    faults = [outage("hang", "0s", "500ms"), outage("error", "500ms", "1s", id="errs")]
    calls = ["0s", "1s", "2s", "2.5s", "4s"]
    together = lab(b("10ms"), calls, [common(breaker(1, "10s"))], client, faults)
    assert together.outcomes == ["crashed", "error", "crashed", "breaker_open", "breaker_open"]
    assert together.breaker == [(1010, "OPEN")]
    apart = lab(b("10ms"), calls, [breaker(1, "10s")], client, faults)
    assert apart.outcomes == ["crashed", "error", "crashed", "breaker_open", "success"]


def test_it_is_one_breaker_of_no_instance_in_results():
    story = lab(b(failure_rate=1.0), every("1s", 6), [common(breaker(2))], THREE)
    (only,) = story.document["breakers"]
    assert (only["instance"], only["opened"], only["rejected"]) == (None, 1, 4)
    assert len(lab(b(failure_rate=1.0), every("1s", 6), [breaker(2)], THREE).document["breakers"]) == 3
    kinds = [(c.kind, c.instance) for c in make_components(story.plan)]
    assert kinds.count(("circuit_breaker", -1)) == 1


@pytest.mark.parametrize("library", ["resilience4j", "pybreaker", "gobreaker", "finagle", "hystrix", "dapr"])
def test_libraries_breakers_may_be_shared(library):
    """It opens three times as early, or at all."""
    text = f"""
resim: 1
service: {{latency: 10ms, failure_rate: 60%}}
client: {{instances: 3}}
traffic: {{rate: 30/s, duration: 20s}}
stack: [{{circuit_breaker: {{like: {library}, shared: true}}}}]
"""
    together, apart = (run(load_text(each, "s.yaml").plan) for each in (text, text.replace(", shared: true", "")))
    assert len(together.document["breakers"]) == 1
    assert len(apart.document["breakers"]) == 3
    assert together.breaker
    assert together.breaker[0][0] <= min((t for t, _ in apart.breaker), default=10**9)


# --- limiters and bulkheads ---


def test_one_limit_for_all():
    assert bench([limiter(2.0, "1h", burst=2)], [], ["0s"] * 9, THREE).outcomes.count("success") == 6
    assert bench([common(limiter(2.0, "1h", burst=2))], [], ["0s"] * 9, THREE).outcomes.count("success") == 2


def test_one_bulkhead_for_all_is_first_come_first_served():
    """Two places; those who wait get them in order of arrival, whatever their instance."""
    story = bench([common(bulkhead(2, 9))], lambda n: ("success", "1s"), [f"{n}ms" for n in range(6)], THREE)
    assert story.outcomes == ["success"] * 6
    assert story.sent() == [0, 1, 1000, 1001, 2000, 2001]


def test_a_crash_frees_the_places_of_its_instance_for_the_others():
    """Two calls of A#1 hold both places; it crashes, and the waiting call of A#2 goes in, none of A#1's does."""
    client = a(instances=2, threads=3, on_exhaustion="crash", restart_after="10s")
    service = b("1h", replicas=1)
    calls = ["0s", "5s", "1s", "6s", "2s", "7s", "8s"]  # sorted by arrival: A#1 and A#2 take turns
    story = lab(service, sorted(calls), [common(bulkhead(2, 9)), timeout("100s")], client)
    assert story.document["client"]["crashes"] >= 1
    crashed = story.of("crash")[0][0]
    down = story.of("crash")[0][2]
    sent = [(event[0], event[3]) for event in story.of("sent")]
    arrived = {event[3]: event[2] for event in story.of("arrive")}
    assert all(arrived[rid] != down for t, rid in sent if t >= crashed)
    assert any(t == crashed for t, _ in sent)


# --- changes while it runs ---

CHANGING = """
resim: 1
service: {latency: 10ms, failure_rate: 100%}
client: {instances: 3}
traffic: {rate: 10/s, arrivals: even, duration: 6s}
stack: [{circuit_breaker: {failure_threshold: 1000, recovery_time: 1s, shared: true}}]
changes: [CHANGES]
"""


def changed(change: str):
    return run_with(CHANGING.replace("CHANGES", change))


def run_with(text: str):
    from lab import Story

    plan = load_text(text, "s.yaml").plan
    simulation = Simulation(plan, 1)
    story = Story(plan)
    story.components = simulation.components
    simulation.attach(story)
    assert simulation.run() is False
    return story


def test_new_settings_reach_it_once_and_it_keeps_what_it_counted():
    """35 failures in a row by then: the next one opens it."""
    story = changed("{at: 3450ms, set: {circuit_breaker.failure_threshold: 20}}")
    opened = [event for event in story.of("breaker") if ev.new_state(event[4]) == ev.OPEN]
    assert opened[0][0] == 3_510_000_000
    assert ev.first_of(opened[0][5]) == 36


def test_it_is_opened_and_closed_by_hand_once():
    story = changed("{at: 1s, trip: circuit_breaker}, {at: 1500ms, reset: circuit_breaker}")
    assert [(t, state) for t, state in story.breaker] == [(1000, "OPEN"), (1500, "CLOSED")]
    like = CHANGING.replace("failure_threshold: 1000, recovery_time: 1s", "like: pybreaker, fail_max: 1000")
    story = run_with(like.replace("CHANGES", "{at: 1s, trip: circuit_breaker}"))
    assert story.breaker[0] == (1000, "OPEN")
    assert len(story.of("breaker")) == 1


def test_a_shared_policy_may_be_added_and_removed():
    added = "{at: 2s, add: {rate_limiter: {limit: 1/s, burst: 1, shared: true}}}, {at: 4s, remove: rate_limiter}"
    story = changed(added)
    limited = [event[0] for event in story.of("rejected")]
    assert len(limited) == 20 - 2
    assert min(limited) >= 2_000_000_000
    assert max(limited) < 4_000_000_000
    assert len([c for c in story.components if c.kind == "rate_limiter"]) == 1


def test_whether_it_is_shared_cannot_be_changed():
    with pytest.raises(ScenarioError, match="cannot be changed while it runs"):
        load_text(CHANGING.replace("CHANGES", "{at: 1s, set: {circuit_breaker.shared: false}}"), "s.yaml")
    plan = load_text(CHANGING.replace("CHANGES", ""), "s.yaml").plan
    with pytest.raises(ActionError, match="whether circuit_breaker is shared"):
        plan_with(plan, [Change(1, replace(plan.stack[0], shared=False))])


def test_levels_of_a_shared_policy_are_counted_once():
    text = CHANGING.replace("CHANGES", "").replace("failure_threshold: 1000, recovery_time: 1s", "max_concurrent: 7")
    plan = load_text(text.replace("circuit_breaker", "bulkhead"), "s.yaml").plan
    simulation = Simulation(plan, 1, [])
    simulation.run(1_000_000_000)
    (levels,) = [each for each in simulation.gauges().values() if "places" in each]
    assert levels["places"] == 7


def test_outlier_detection_is_not_shared():
    text = "resim: 1\ntraffic: {rate: 1/s, requests: 9}\nstack: [{circuit_breaker: {like: envoy, shared: true}}]\n"
    with pytest.raises(ScenarioError, match="each proxy ejects"):
        load_text(text, "s.yaml")
