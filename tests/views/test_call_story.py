"""The story of a request over services, how services stand at an instant, and the graph in words."""

from __future__ import annotations

import pytest
from services.graph import MS, Ran, plan_of

from resilience_sim.kernel import events as ev
from resilience_sim.measure.call_tree import CallTree, CallTreeFold, Places
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.plan import Plan
from resilience_sim.views.services_story import graph_story, most_visits, visits
from resilience_sim.views.story import instant_story, request_story
from resilience_sim.views.story_node import draw

SHOP = """
shop: {latency: 5ms, calls: [{to: stock, stack: [STOCK]}, {together: [{to: prices}, {to: reviews, optional: true}]}]}
stock: {latency: 10ms, calls: [{to: db, stack: [{retry: {attempts: 2, delay: 30ms}}, {timeout: {after: 20ms}}]}]}
prices: {latency: 8ms, calls: [{to: db}]}
reviews: {latency: 3ms, failure_rate: 100%}
db: {latency: DB, workers: 1}
"""


def shop(db: str = "2ms", stock: str = "", rest: str = "", traffic: str = "") -> Plan:
    return plan_of(SHOP.replace("DB", db).replace("STOCK", stock), rest, *([traffic] if traffic else []))


def told(plan: Plan, rid: int = 0) -> list[str]:
    return draw(request_story(Simulation(plan, 1), rid), 400, plain=True)


def test_below_each_attempt_stand_the_calls_it_made() -> None:
    assert told(shop()) == [
        "request #0 arrived at 0s and ended with success after 27ms, 1 attempt",
        "`- 0s (+0s): attempt 1; at shop#1; success after 27ms",
        "   |- +5ms: calls stock; at stock#1; success after 12ms",
        "   |  `- +15ms: calls db; at db#1; success after 2ms",
        "   |- +17ms: calls prices; at prices#1; success after 10ms",
        "   |  `- +25ms: calls db; at db#1; success after 2ms",
        "   `- +17ms: calls reviews; at reviews#1; error after 3ms",
    ]


def test_a_call_with_decisions_has_them_among_its_attempts() -> None:
    lines = told(shop(db="100ms"))
    page = "\n".join(lines)
    assert "calls db; timeout after 70ms, 2 attempts" in page
    assert "`retry`: `timeout` is worth another try: try 2 of 2, after a wait of 30ms (always 30ms)" in page
    assert page.count("`timeout` gave up after 20ms") == 2
    assert "for nobody" in page
    assert "B's" not in page
    first = next(n for n, line in enumerate(lines) if "attempt 1; at db#1" in line)
    assert "gave up" in lines[first + 1]
    assert "try 2 of 2" in lines[first + 2]
    assert "attempt 2; queued at db#1" in lines[first + 3]


def test_a_call_that_is_turned_away_has_no_attempt() -> None:
    plan = shop(db="100ms", stock="{circuit_breaker: {failure_threshold: 1, recovery_time: 1m}}", rest="",
                traffic="{rate: 1/s, arrivals: even, requests: 2}")  # fmt: skip
    page = "\n".join(told(plan, 1))
    assert "calls stock; breaker_open after 0s, no attempt" in page
    assert "`circuit_breaker` rejected it: OPEN" in page
    assert "calls db" not in page


@pytest.fixture(scope="module")
def ran() -> Ran:
    return Ran(shop(db="{exponential: 12ms}", traffic="{rate: 40/s, requests: 60}"), 3)


def test_the_tree_holds_every_attempt_and_every_call_once(ran: Ran) -> None:
    places = Places(ran.components)
    trees = [CallTree(rid, places) for rid in range(60)]
    for t, kind, source, rid, a, b in ran.events:
        if rid >= 0:
            trees[rid].take(t, kind, source, a, b)
    sent = sum(event[1] == ev.SENT for event in ran.events)
    made = sum(event[1] == ev.CALL for event in ran.events)
    assert sum(len(tree.attempts) for tree in trees) == sent
    assert sum(len(tree.calls) - 1 for tree in trees) == made
    for tree in trees:
        walked = tree.walk()
        assert [attempt for *_, attempt in walked if attempt is None] == []
        assert {id(attempt) for *_, attempt in walked} == {id(each) for each in tree.attempts.values()}
        assert tree.over
        for depth, call, attempt in walked:
            assert attempt is not None
            assert (depth == 0) == (call.number == 0)
            assert call.began <= attempt.sent <= attempt.answered
            if call.number:
                caller = tree.attempts[call.by]
                assert caller.received <= call.began <= max(caller.end, call.ended)
        assert not tree.loose  # the shop is called once for each: nothing is ambiguous


def test_what_belongs_to_one_of_several_calls_is_kept_with_none() -> None:
    """Two attempts of the shop's, the first given up but still at work: the retry of stock is that of one of both."""
    plan = plan_of(
        "shop: {latency: 5ms, calls: [{to: db, stack: [{retry: {attempts: 2, delay: 40ms}}]}]}\n"
        "db: {latency: 50ms, failure_rate: 100%}",
        "stack: [{retry: {attempts: 2}}, {timeout: {after: 20ms}}]",
    )
    fold = CallTreeFold(0, Simulation(plan, 1).components)
    for event in Ran(plan).events:
        fold.on_event(*event)
    waits = [step for call in fold.tree.calls.values() for step in call.steps if step.kind == ev.RETRY_WAIT]
    assert len(fold.tree.calls) == 3
    assert len(waits) + len([step for step in fold.tree.loose if step.kind == ev.RETRY_WAIT]) == 3
    assert any("`shop.db.retry`" in line for line in told(plan))


def test_an_instant_says_how_every_service_and_link_stands() -> None:
    plan = shop(db="30ms", stock="{circuit_breaker: {failure_threshold: 2}}",
                traffic="{rate: 40/s, arrivals: even, duration: 2s}")  # fmt: skip

    def at(ms: int) -> str:
        return "\n".join(draw(instant_story(Simulation(plan, 1), ms * MS), 400, plain=True))

    page = at(20)
    assert "shop: 1 attempt in work, 0 in the queue" in page
    assert "db: 1 of 1 worker busy, 0 in the queue" in page
    assert "`shop.stock.circuit_breaker` is CLOSED" in page
    assert "OPEN" not in page
    page = at(1500)
    assert "db: 0 of 1 worker busy, 0 in the queue" in page
    assert "`shop.stock.circuit_breaker` is OPEN since 0.11s, opened 1 time so far" in page
    assert "shop called stock 39 times in the last 992ms" in page
    assert ", 0 attempts each; 100% of the calls that ended lately failed" in page
    assert "stock called db 0 times in the last 992ms" in page


def test_the_graph_in_words() -> None:
    lines = draw(graph_story(shop(rest="stack: [{retry: {attempts: 3}}]")), 400, plain=True)
    page = "\n".join(lines)
    assert lines[0].endswith(": 5 services")
    assert "A calls shop, through `retry` (attempts 3)" in page
    assert "calls at the same time, and needs all of them" in page
    assert "reviews, and does without it when that fails" in page
    assert (
        "db: 1 worker; own work of 2ms; a request reaches it 2 times while nothing fails, and at most 9 times" in page
    )


def test_how_often_a_request_reaches_each_service() -> None:
    plan = plan_of(
        "a: {calls: [{to: b, times: 2, stack: [{retry: {attempts: 3}}]}, {to: c, chance: 25%}]}\n"
        "b: {calls: [{to: c, stack: [{hedge: {delay: 1s}}, {retry: {attempts: 2}}]}]}\nc: {}",
        "stack: [{retry: {attempts: 2}}]",
    )
    assert visits(plan) == {"a": 1, "b": 2, "c": 2.25}
    assert most_visits(plan) == {"a": 2, "b": 12, "c": 12 * 4 + 2}


def test_the_most_that_is_said_is_what_happens_at_the_worst() -> None:
    """27 calls of one, and no more, while all of them fail."""
    link = "stack: [{retry: {attempts: 3}}]"
    plan = plan_of(
        f"shop: {{calls: [{{to: stock, {link}}}]}}\nstock: {{calls: [{{to: db, {link}}}]}}\ndb: {{failure_rate: 100%}}",
        link,
    )
    assert most_visits(plan)["db"] == 27
    assert Ran(plan).service("db")["attempts_received"] == 27
