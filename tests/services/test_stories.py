"""What a service does beside its own work, on a clock: in turn, together, optional, by chance, with deadlines."""

from __future__ import annotations

import pytest

from resilience_sim.kernel import events as ev
from tests.services.graph import Ran, audit, plan_of


def ran(services: str, rest: str = "", traffic: str = "{rate: 1/s, requests: 1, arrivals: even}", seed: int = 1) -> Ran:
    """A run that keeps the laws."""
    found = Ran(plan_of(services, rest, traffic), seed)
    audit(found)
    return found


def latency_ms(run: Ran) -> float:
    return round(run.document["latency"]["max"] * 1000, 6)


def test_calls_follow_own_work_one_after_the_other() -> None:
    run = ran("""
        shop: {latency: 5ms, calls: [{to: stock}, {to: pay, times: 3}]}
        stock: {latency: 20ms}
        pay: {latency: 10ms}""")
    assert latency_ms(run) == 55
    assert run.times(ev.RECEIVED, "stock#1") == [5]
    assert run.times(ev.RECEIVED, "pay#1") == [25, 35, 45]
    assert run.link("shop", "pay")["calls"] == 3
    assert run.document["attempts"]["total"] == 1  # the entry's


def test_together_waits_for_all_or_for_as_many_as_are_needed() -> None:
    group = """
        shop: {{calls: [{{together: [{{to: a}}, {{to: b}}, {{to: c}}], need: {need}}}, {{to: last}}]}}
        a: {{latency: 10ms}}
        b: {{latency: 20ms}}
        c: {{latency: 30ms}}
        last: {{latency: 1ms}}"""
    assert latency_ms(ran(group.format(need="all"))) == 31
    assert latency_ms(ran(group.format(need="2"))) == 21
    fastest = ran(group.format(need="any"))
    assert latency_ms(fastest) == 11
    # the others are given up as by a timeout: nobody waits, and the work goes on
    assert fastest.link("shop", "c")["by_outcome"]["timeout"] == 1
    assert fastest.service("c")["succeeded"] == 1
    assert fastest.service("c")["wasted_seconds"] == pytest.approx(0.030)
    assert fastest.service("a")["wasted_seconds"] == 0


def test_a_group_is_over_when_it_can_no_longer_succeed() -> None:
    run = ran("""
        shop: {calls: [{together: [{to: a}, {to: b, fails_as: unavailable}, {to: c}], need: 2}, {to: last}]}
        a: {latency: 10ms, failure_rate: 100%}
        b: {latency: 20ms, failure_rate: 100%}
        c: {latency: 30ms}
        last: {latency: 1ms}""")
    assert latency_ms(run) == 20
    assert run.document["requests"]["by_outcome"]["unavailable"] == 1
    assert run.link("shop", "c")["by_outcome"]["timeout"] == 1
    assert run.link("shop", "last")["calls"] == 0


def test_an_optional_call_counts_as_soon_as_it_has_an_outcome() -> None:
    run = ran("""
        shop: {calls: [{to: reviews, optional: true, times: 2}, {to: group}]}
        group: {calls: [{together: [{to: a, optional: true}, {to: b}], need: any}]}
        reviews: {latency: 5ms, failure_rate: 100%}
        a: {latency: 10ms, failure_rate: 100%}
        b: {latency: 20ms}""")
    assert latency_ms(run) == 20
    assert run.document["availability"] == 1
    assert run.link("shop", "reviews")["by_outcome"]["error"] == 2


def test_after_the_first_failed_call_the_rest_is_not_made() -> None:
    run = ran("""
        shop: {latency: 1ms, calls: [{to: a, times: 5}, {to: b}]}
        a: {latency: 10ms, failure_rate: 100%}
        b: {}""")
    assert run.link("shop", "a")["calls"] == 1
    assert run.link("shop", "b")["calls"] == 0
    assert run.document["requests"]["by_outcome"]["error"] == 1


def test_own_failure_comes_before_any_call() -> None:
    run = ran("shop: {failure_rate: 100%, calls: [{to: a}]}\n a: {}")
    assert run.service("a")["attempts_received"] == 0


def test_chance_is_decided_once_per_request_of_a_user() -> None:
    services = """
        shop: {calls: [{to: pay, chance: 30%}, {to: weak}]}
        pay: {}
        weak: {failure_rate: 50%}"""
    run = ran(services, "stack: [{retry: {attempts: 6}}]", "{rate: 100/s, requests: 4000}")
    calls: dict[int, set[int]] = {}
    executions: dict[int, int] = {}
    for _, kind, source, rid, _, b in run.events:
        if kind == ev.CALL and run.components[source].link == "shop>pay":
            calls.setdefault(rid, set()).add(b)
        if kind == ev.END and run.components[source].node == "shop":
            executions[rid] = executions.get(rid, 0) + 1
    assert all(len(calls[rid]) == executions[rid] for rid in calls)  # again on every execution, or never
    assert len(calls) / 4000 == pytest.approx(0.3, abs=0.03)


def test_a_holding_service_keeps_its_worker_and_a_free_one_does_not() -> None:
    services = "shop: {{latency: 10ms, workers: 1, waits: {waits}, calls: [{{to: db}}]}}\n db: {{latency: 100ms}}"
    traffic = "{rate: 1000/s, requests: 3, arrivals: even}"
    held = ran(services.format(waits="holding"), traffic=traffic)
    assert held.times(ev.END, "shop#1") == [110, 220, 330]
    assert held.service("shop")["utilization"] == pytest.approx(1)
    freed = ran(services.format(waits="free"), traffic=traffic)
    assert freed.times(ev.END, "shop#1") == [10, 20, 30]
    assert freed.times(ev.DONE, "A") == [110, 120, 130]
    assert freed.service("shop")["latency"]["max"] == pytest.approx(0.128)  # from arrival to answer
    assert freed.service("shop")["busy_peak"] == 1


def test_an_abandoned_service_goes_on_calling() -> None:
    run = ran("""
        shop: {latency: 10ms, calls: [{to: a}, {to: b}]}
        a: {latency: 100ms}
        b: {latency: 1ms, deduplicate: true}""", "stack: [{timeout: {after: 50ms}}]")  # fmt: skip
    assert run.times(ev.DONE, "A") == [50]
    assert run.times(ev.RECEIVED, "b#1") == [110]
    assert run.service("shop")["wasted_seconds"] == pytest.approx(0.111)
    assert run.service("a")["wasted_seconds"] == 0  # its direct caller waits


def test_cancels_work_goes_down_through_everything_at_work_for_the_call() -> None:
    services = """
        shop: {latency: 10ms, workers: 1, calls: [{to: a}, {to: c}]}
        a: {latency: 10ms, calls: [{to: b, stack: [{retry: {attempts: 2}}, {timeout: {after: 15ms}}]}]}
        b: {latency: 100ms, workers: 1}
        c: {}"""
    run = ran(services, "stack: [{timeout: {after: 50ms, cancels_work: true}}]")
    # b's first attempt had been abandoned below at 35 ms and goes on; its second waits in b's queue and leaves it
    assert run.times(ev.END, "b#1") == [120]
    assert run.times(ev.LEFT_QUEUE, "b#1") == [50]
    assert run.times(ev.END, "a#1") == [50]
    assert run.times(ev.END, "shop#1") == [50]
    assert run.service("a")["succeeded"] == 0
    assert run.service("shop")["wasted_seconds"] == pytest.approx(0.050)
    assert run.service("c")["attempts_received"] == 0


def test_without_a_deadline_everything_below_goes_on() -> None:
    services = "shop: {latency: 60ms, calls: [{to: a}]}\n a: {latency: 10ms}"
    run = ran(services, "stack: [{timeout: {after: 50ms}}]")
    assert run.service("a")["succeeded"] == 1


def test_who_is_told_a_deadline_makes_no_call_after_it() -> None:
    services = "shop: {latency: 60ms, calls: [{to: a}]}\n a: {latency: 10ms}"
    run = ran(services, "stack: [{timeout: {after: 50ms, passes_on: true}}]")
    assert run.link("shop", "a")["calls"] == 0
    assert run.service("shop")["expired"] == 0  # it had begun


def test_a_deadline_bounds_the_calls_and_is_passed_on() -> None:
    services = """
        shop: {latency: 10ms, calls: [{to: a, stack: [{retry: {attempts: 9, delay: 1ms}}]}]}
        a: {latency: 10ms, calls: [{to: b}]}
        b: {latency: 100ms, workers: 1}"""
    rest = "stack: [{timeout: {after: 50ms, passes_on: true}}]"
    run = ran(services, rest, "{rate: 1000/s, requests: 2, arrivals: even}")
    assert run.document["requests"]["by_outcome"]["timeout"] == 2
    assert run.link("shop", "a")["by_outcome"]["timeout"] == 2  # the bound is around the retries, too
    assert run.link("a", "b")["by_outcome"]["timeout"] == 2
    assert run.times(ev.CALL_OVER, "a>b") == [50, 51]
    # the first was at work and goes on; the second waited in b's queue until 120 ms, and is not begun
    assert run.service("b")["expired"] == 1
    assert run.service("b")["succeeded"] == 1
    order = [
        run.components[e[2]].name for e in run.events if e[0] == 50_000_000 and e[1] in (ev.TIMED_OUT, ev.CALL_OVER)
    ]
    assert order == ["timeout", "shop>a", "a>b"]


def test_at_its_instant_the_deadline_has_passed() -> None:
    services = "shop: {latency: 1ms, network: 25ms}"
    rest = "stack: [{{timeout: {{after: {after}, passes_on: true}}}}]"
    assert ran(services, rest.format(after="25ms")).service("shop")["expired"] == 1
    assert ran(services, rest.format(after="25001us")).service("shop")["expired"] == 0


def test_a_deadline_works_with_one_service_too() -> None:
    from resilience_sim.runs.simulate import simulate
    from resilience_sim.scenario.load import load_text

    text = """
resim: 1
service: {latency: 100ms, workers: 1}
traffic: {rate: 1000/s, requests: 5, arrivals: even}
stack: [{timeout: {after: 50ms%s}}]
"""
    told = simulate(load_text(text % ", passes_on: true", "x").plan, 1)
    assert told.document["virtual_seconds"] == pytest.approx(0.1)  # the four in the queue are not begun
    assert simulate(load_text(text % "", "x").plan, 1).document["virtual_seconds"] == pytest.approx(0.5)


def test_a_post_through_a_retried_caller_happens_twice_unless_its_key_is_remembered() -> None:
    services = """
        shop: {{calls: [{{to: pay, operation: {{method: POST, idempotency_key: {key}, amount: 25.00}}}}, {{to: weak}}]}}
        pay: {{deduplicate: true}}
        weak: {{failure_rate: 100%}}"""
    rest = "stack: [{retry: {attempts: 3}}]"
    careless = ran(services.format(key="false"), rest).service("pay")["effects"]
    assert careless["applied"] == 3
    assert careless["duplicates"] == 2
    assert careless["amount_duplicated"] == 50
    assert careless["orphans"] == 3
    careful = ran(services.format(key="true"), rest).service("pay")["effects"]
    assert (careful["applied"], careful["duplicates"], careful["deduplicated"]) == (1, 0, 2)


def test_the_nth_call_is_a_payment_of_its_own() -> None:
    run = ran("shop: {calls: [{to: pay, times: 3, operation: {method: POST}}]}\n pay: {}")
    effects = run.service("pay")["effects"]
    assert (effects["applied"], effects["duplicates"], effects["orphans"]) == (3, 0, 0)


def test_an_effect_at_the_caller_needs_all_its_calls() -> None:
    services = "shop: {{calls: [{{to: a}}]}}\n a: {{failure_rate: {rate}}}"
    rest = "operation: {method: POST}\nstack: [{retry: {attempts: 2}}]"
    assert ran(services.format(rate="100%"), rest).document["effects"]["applied"] == 0
    assert ran(services.format(rate="0%"), rest).document["effects"]["applied"] == 1


def test_a_lost_response_of_a_caller_happens_after_its_calls() -> None:
    services = """
        shop: {latency: 10ms, failure_rate: 100%, failure: lost_response, calls: [{to: a}]}
        a: {latency: 20ms}"""
    run = ran(services, "operation: {method: POST}\nstack: [{timeout: {after: 1s}}]")
    assert run.service("a")["succeeded"] == 1
    assert run.times(ev.EFFECT, "shop#1") == [30]
    assert run.document["requests"]["by_outcome"]["timeout"] == 1
    assert run.document["effects"]["orphans"] == 1


@pytest.mark.parametrize(
    ("fault", "outcome", "received", "ms"),
    [
        ("outage: {at: 0s, for: 1m, link: [shop, a]}", "refused", 0, 0),
        ("outage: {at: 0s, for: 1m, how: error, link: [shop, a]}", "error", 0, 0),
        ("outage: {at: 0s, for: 1m, how: hang, link: [shop, a]}", "timeout", 0, 500),
        ("latency: {at: 0s, for: 1m, add: 100ms, link: [shop, a]}", "success", 1, 120),
        ("errors: {at: 0s, for: 1m, status: 503, link: [shop, a]}", "unavailable", 0, 0),
        ("lost_responses: {at: 0s, for: 1m, link: [shop, a]}", "timeout", 1, 500),
        ("lost_responses: {at: 0s, for: 1m, answer: reset, link: [shop, a]}", "reset", 1, 20),
        ("outage: {at: 0s, for: 1m, service: a}", "refused", 0, 0),
        ("errors: {at: 0s, for: 1m, service: a}", "error", 1, 20),
    ],
)
def test_faults_between_two_services_and_of_one(fault: str, outcome: str, received: int, ms: float) -> None:
    services = """
        shop: {latency: 1ms, calls: [{to: a, stack: [{timeout: {after: 500ms}}]}, {to: b, optional: true}]}
        a: {latency: 20ms}
        b: {calls: [{to: a}]}"""
    run = ran(services, f"faults: [{fault}]")
    assert run.link("shop", "a")["by_outcome"][outcome] == 1
    assert run.times(ev.CALL_OVER, "shop>a") == [1 + ms]
    there = 0 if outcome != "success" else 1  # b is called after a success only, and its own link has no fault
    assert run.service("a")["attempts_received"] == received + there
    assert run.document["attempts"]["by_outcome"]["success"] == (outcome == "success")


def test_faults_on_the_way_from_the_client() -> None:
    run = ran("shop: {latency: 5ms}", "faults: [outage: {at: 0s, for: 1m, link: [client, shop]}]")
    assert run.document["requests"]["by_outcome"]["refused"] == 1
    assert run.service("shop")["attempts_received"] == 0
    assert run.link("client", "shop")["attempts"] == 1


def test_policies_of_a_link_belong_to_the_calling_replica() -> None:
    services = """
        shop: {replicas: 2, calls: [{to: a, stack: [{circuit_breaker: {failure_threshold: 3, recovery_time: 1h}}]}]}
        a: {failure_rate: 100%}"""
    run = ran(services, traffic="{rate: 10/s, requests: 20, arrivals: even}")
    assert run.service("a")["attempts_received"] == 6
    assert [each["opened"] for each in run.document["breakers"]] == [1, 1]
    assert {tuple(each["link"]) for each in run.document["breakers"]} == {("shop", "a")}
    shared = ran(services.replace("1h}", "1h, shared: true}"), traffic="{rate: 10/s, requests: 20, arrivals: even}")
    assert shared.service("a")["attempts_received"] == 3


def test_a_lost_replica_takes_its_calls_along_and_returns_with_fresh_policies() -> None:
    services = """
        shop: {latency: 1ms, calls: [{to: a, stack: [{circuit_breaker: {failure_threshold: 1, recovery_time: 1h}}]}]}
        a: {latency: 100ms, failure_rate: 100%}"""
    rest = "faults: [crash_replica: {at: 1050ms, for: 1s, service: shop}]"
    run = ran(services, rest, "{rate: 1/s, requests: 5, arrivals: even}")
    # 0 s opens the breaker, 1 s is rejected, 2 s finds shop down, 3 s goes to a again: the breaker is new
    assert run.times(ev.RECEIVED, "a#1") == [1, 3001]
    assert run.document["requests"]["by_outcome"]["refused"] == 1


def test_calls_under_way_are_abandoned_when_their_replica_is_lost() -> None:
    services = "shop: {{latency: 1ms, waits: {waits}, calls: [{{to: a}}]}}\n a: {{latency: 100ms}}"
    for waits in ("holding", "free"):
        run = ran(services.format(waits=waits), "faults: [crash_replica: {at: 50ms, for: 1s, service: shop}]")
        assert run.document["requests"]["by_outcome"]["reset"] == 1
        assert run.times(ev.DONE, "A") == [50]
        assert run.service("a")["wasted_seconds"] == pytest.approx(0.1)
