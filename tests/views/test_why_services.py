"""Why several services came out as they did: each sentence has a run in which it is true, and one near it without."""

from __future__ import annotations

import pytest
from services.graph import MS, Ran, S, plan_of

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.rng import KeyedRng
from resilience_sim.measure.services_fold import figures_of
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.plan import Plan
from resilience_sim.views.moments import MomentsFold
from resilience_sim.views.services_moments import ServicesMoments
from resilience_sim.views.why import reasons
from resilience_sim.views.why_case import Case
from resilience_sim.views.why_services import above, asks, below

SHOP = """
shop: {latency: 5ms, workers: 20, queue: 20, calls: [{to: prices}, {to: stock, chance: CHANCE, stack: [STACK]}]}
prices: {latency: 10ms, workers: 10}
stock: {latency: 5ms, workers: 8, calls: [{to: db}]}
db: {latency: 20ms, workers: 4}
"""
SLOW = "{latency: {id: slow-db, service: db, at: 4s, for: 6s, add: 2s}}"
TRAFFIC = "{rate: 40/s, arrivals: even, duration: 12s}"


def case(plan: Plan, seed: int = 1) -> Case:
    simulation = Simulation(plan, seed)
    figures, moments = figures_of(plan, simulation.components), MomentsFold(plan, simulation.components)
    simulation.attach(figures)
    simulation.attach(moments)
    simulation.run()
    return Case(plan, figures.result(seed, simulation.digest(), simulation.now).document, moments)


def why(plan: Plan) -> str:
    return "\n".join(reasons(case(plan)))


def shop(
    faults: str = SLOW, stack: str = "", chance: str = "30%", rest: str = "stack: [{timeout: {after: 3s}}]"
) -> Plan:
    text = SHOP.replace("CHANCE", chance).replace("STACK", stack)
    return plan_of(text, f"faults: [{faults}]\n{rest}", TRAFFIC)


@pytest.fixture(scope="module")
def fallen() -> str:
    return why(shop())


def test_where_it_began_and_by_which_fault(fallen: str) -> None:
    assert "It began at db, with the fault “slow-db” at 4s: 2s slower answers." in fallen
    assert "It began" not in why(shop(faults=""))  # nothing was in trouble
    between = why(shop(faults="{latency: {id: wire, link: [stock, db], at: 4s, for: 6s, add: 2s}}"))
    assert "It began between stock and db, with the fault “wire” at 4s" in between
    elsewhere = why(shop(faults="{latency: {id: calm, service: prices, at: 4s, for: 2s, add: 1ms}}", chance="100%"))
    assert "calm" not in elsewhere


def test_without_any_fault_it_began_where_trouble_was_first() -> None:
    plan = plan_of("shop: {calls: [{to: db}]}\ndb: {latency: 100ms, workers: 1}",
                   traffic="{rate: 20/s, arrivals: even, duration: 5s}")  # fmt: skip
    assert "It began at db, with no fault on: the only worker of db was busy for 10s from 0s on." in why(plan)
    enough = plan_of("shop: {calls: [{to: db}]}\ndb: {latency: 100ms, workers: 3}",
                     traffic="{rate: 20/s, arrivals: even, duration: 5s}")  # fmt: skip
    assert "It began" not in why(enough)


def test_a_fault_that_is_over_is_not_blamed() -> None:
    plan = plan_of("shop: {calls: [{to: db}]}\ndb: {latency: 10ms, workers: 1}",
                   "faults: [{errors: {id: old, service: db, at: 0s, for: 100ms, rate: 1%}}, "
                   "{spike: {id: rush, at: 2s, for: 2s, rate: 8x}}]",
                   "{rate: 20/s, arrivals: even, duration: 5s}")  # fmt: skip
    text = why(plan)
    assert "It began with “rush” at 2s, a traffic spike (8x); db was the first in trouble: the only worker" in text
    assert "“old”" not in text
    calm = plan_of("shop: {calls: [{to: db}]}\ndb: {latency: 100ms, workers: 1}",
                   "faults: [{errors: {id: old, service: db, at: 0s, for: 100ms, rate: 1%}}]",
                   "{phases: [{for: 1s, rate: 1/s}, {for: 2s, rate: 40/s}]}")  # fmt: skip
    assert "It began at db, with no fault on: the only worker of db was busy for " in why(calm)


def test_how_it_climbed(fallen: str) -> None:
    climbed = next(line for line in fallen.splitlines() if line.startswith("From there it climbed"))
    assert climbed.index("all 4 workers of db were busy for ") < climbed.index("all 8 workers of stock were busy for ")
    assert climbed.index("workers of stock") < climbed.index("all 20 workers of shop were busy for ")
    assert "prices" not in climbed
    assert "on shop turned attempts away" in climbed
    bounded = why(shop(stack="{bulkhead: {max_concurrent: 4}}"))
    assert "workers of shop were busy" not in bounded


def test_the_instants_are_those_at_which_it_happened() -> None:
    plan = shop()
    ran, moments = Ran(plan), case(plan).moments
    assert moments is not None
    assert moments.services is not None
    for trouble in moments.services.troubles():
        assert trouble.full
        held = dict.fromkeys(range(len(ran.components)), 0)
        waits = dict(held)
        for t, kind, source, _, _, b in ran.events:
            if t > trouble.at + S // 8:
                break
            if ran.components[source].node != trouble.service:
                continue
            held[source] += (kind == ev.RECEIVED and b == ev.STARTED) + (kind == ev.BEGIN) - (kind == ev.END)
            waits[source] += (kind == ev.RECEIVED and b == ev.QUEUED_AT_B) - (kind in (ev.BEGIN, ev.LEFT_QUEUE))
            if t == trouble.at:
                assert sum(held.values()) <= trouble.workers
            elif t > trouble.at and kind != ev.END:
                assert sum(held.values()) == trouble.workers or sum(waits.values())


def test_another_fault_later_is_no_part_of_the_climb() -> None:
    faults = (
        f"{SLOW.replace('6s, add', '1s, add')}, {{outage: {{id: late, service: shop, at: 10s, for: 1s, how: error}}}}"
    )
    text = why(shop(faults=faults, stack="{bulkhead: {max_concurrent: 4}}"))
    assert "It began at db, with the fault “slow-db”" in text
    assert "failed by 10." not in text


def test_who_was_hit_without_need(fallen: str) -> None:
    found = next(line for line in fallen.splitlines() if "had no use for db" in line)
    failed, unneeded = (int(word) for word in found.replace(",", "").split() if word.isdigit())
    assert 0.5 * failed < unneeded < 0.85 * failed  # seven in ten
    assert "had no use" not in why(shop(chance="100%"))
    assert "had no use" not in why(shop(stack="{timeout: {after: 250ms}}"))  # only those who need it fail


def test_what_a_request_asks_is_what_it_asked() -> None:
    """The same draw as the engine's: where nothing fails, exactly those requests reach db."""
    plan = shop(faults="")
    ran, rng = Ran(plan), KeyedRng(1)
    db = {each.id for each in ran.components if each.node == "db"}
    reached = {event[3] for event in ran.events if event[1] == ev.RECEIVED and event[2] in db}
    total = ran.document["requests"]["total"]
    assert {rid for rid in range(total) if asks(plan, rng, rid, "db")} == reached
    assert 0.2 < len(reached) / total < 0.4
    assert below(plan, "shop") == {"shop", "prices", "stock", "db"}
    assert above(plan, "db") == {"db", "stock", "shop"}
    assert above(plan, "prices") == {"prices", "shop"}


def test_what_nothing_bounds(fallen: str) -> None:
    assert "Nothing on the link from shop to stock bounds how many workers wait for stock: " in fallen
    assert "a bulkhead there with fewer places than 20, and no queue, leaves the other workers" in fallen
    for stack in ("{bulkhead: {max_concurrent: 4}}", "{timeout: {after: 250ms}}"):
        assert "Nothing on the link" not in why(shop(stack=stack))
    alone = SHOP.replace("{to: prices}, ", "").replace("CHANCE", "100%").replace("STACK", "")
    plan = plan_of(alone, f"faults: [{SLOW}]\nstack: [{{timeout: {{after: 3s}}}}]", TRAFFIC)
    assert "Nothing on the link" not in why(plan)  # there is no other work to keep workers for


def test_a_bulkhead_does_what_is_said_of_it() -> None:
    """With k places fewer than k + 1 workers of the shop ever wait for stock, and the others serve."""
    ran = Ran(shop(stack="{bulkhead: {max_concurrent: 4}}"))
    waiting = most = 0
    link = next(each.id for each in ran.components if each.name == "shop>stock")
    for _, kind, source, _, _, _ in ran.events:
        if source == link:
            waiting += (kind == ev.CALL) - (kind == ev.CALL_OVER)
            most = max(most, waiting)
    assert most <= 5  # one more stands at the door of the bulkhead for an instant
    assert ran.service("prices")["availability"] == 1


CHAIN = "shop: {calls: [{to: stock, stack: [R]}]}\nstock: {calls: [{to: db, stack: [R]}]}\ndb: {latency: 5ms}"
DOWN = "faults: [{outage: {id: down, service: db, at: 1s, for: 2s, how: error}}]"


def test_what_multiplied_it() -> None:
    retry = "{retry: {attempts: 3}}"
    text = why(plan_of(CHAIN.replace("R", retry), f"{DOWN}\nstack: [{retry}]", "{rate: 20/s, duration: 4s}"))
    assert "Retries multiplied the calls: the " in text
    assert "attempts at db, 27 each. 3 levels of retries (A > shop, shop > stock, stock > db) allow 3 x 3 x 3." in text
    one = why(plan_of(CHAIN.replace("R", ""), f"{DOWN}\nstack: [{retry}]", "{rate: 200/s, duration: 4s}"))
    assert "attempts at shop, 3 each." in one
    assert "levels of retries" not in one
    none = why(plan_of(CHAIN.replace("R", ""), DOWN, "{rate: 20/s, duration: 4s}"))
    assert "Retries multiplied" not in none


def test_calls_that_are_meant_are_not_multiplied() -> None:
    plan = plan_of("shop: {calls: [{to: db, times: 4, stack: [{retry: {attempts: 3}}]}]}\ndb: {latency: 5ms}",
                   traffic="{rate: 20/s, duration: 4s}")  # fmt: skip
    assert "Retries multiplied" not in why(plan)


def test_who_worked_for_nobody() -> None:
    text = "shop: {calls: [{to: db, stack: [{timeout: {after: 100ms CANCELS}}]}]}\ndb: {latency: 200ms, workers: 50}"
    for cancels in ("", ", cancels_work: true"):
        plan = plan_of(text.replace(" CANCELS", cancels), traffic="{rate: 20/s, duration: 2s}")
        assert "db spent 100% of its workers' time on attempts that were given up before they were over." in why(plan)
    quick = plan_of(text.replace(" CANCELS", "").replace("200ms", "20ms"), traffic="{rate: 20/s, duration: 2s}")
    assert "given up before" not in why(quick)


def test_deadlines_and_duplicates_behind_the_first_service() -> None:
    stack = "stack: [{retry: {attempts: 2}}, {timeout: {after: 80ms}}]"
    text = f"shop: {{calls: [{{to: db, operation: {{method: POST}}, {stack}}}]}}\n"
    slow = plan_of(text + "db: {latency: 100ms}", traffic="{rate: 5/s, duration: 1s}")
    assert "that it had done: a call that is tried again" in why(slow)
    quick = plan_of(text + "db: {latency: 10ms}", traffic="{rate: 5/s, duration: 1s}")
    assert "that it had done" not in why(quick)
    passing = "shop: {calls: [{to: db}]}\ndb: {latency: 50ms, workers: 1}"
    for passes, there in ((", passes_on: true", True), ("", False)):
        plan = plan_of(passing, f"stack: [{{timeout: {{after: 200ms{passes}}}}}]", "{rate: 40/s, duration: 2s}")
        assert ("Deadlines that were passed on spared db the work of " in why(plan)) == there


def test_what_is_true_of_service_a_is_still_said() -> None:
    services = "shop: {failure_rate: 30%, calls: [{to: db}]}\ndb: {latency: 5ms}"
    plan = plan_of(services, "stack: [{retry: {attempts: 3}}]", "{rate: 20/s, duration: 4s}")
    assert "Retrying saved " in why(plan)
    assert why(plan_of("shop: {calls: [{to: db}]}\ndb: {}", traffic="{rate: 5/s, duration: 1s}")) == (
        "Nothing went wrong: every request succeeded."
    )
    alone = plan_of("shop: {failure_rate: 100%}", traffic="{rate: 1/s, arrivals: even, requests: 2}")
    assert why(alone) == "shop failed 2 requests, and no policy rescued them."


def test_a_service_that_hands_its_worker_on_at_once_stays_full() -> None:
    plan = plan_of("shop: {workers: 1}")
    components = Simulation(plan, 1).components
    replica = next(each.id for each in components if each.kind == "replica")
    moments = ServicesMoments(plan, components)
    client = next(each.id for each in components if each.kind == "client")
    for rid in range(4):
        moments.take(0, ev.ARRIVE, client, rid, 0, 0)
    moments.take(10 * MS, ev.RECEIVED, replica, 0, 1, ev.STARTED)
    moments.take(10 * MS, ev.RECEIVED, replica, 1, 1, ev.QUEUED_AT_B)
    for n in range(1, 300):
        moments.take((10 + 10 * n) * MS, ev.END, replica, 0, 0, 0)
        moments.take((10 + 10 * n) * MS, ev.BEGIN, replica, 1, 1, 0)
        moments.take((15 + 10 * n) * MS, ev.RECEIVED, replica, 2, 1, ev.QUEUED_AT_B)
    (trouble,) = moments.troubles()
    assert (trouble.at, trouble.full, trouble.workers) == (10 * MS, 2995 * MS, 1)
    gaps = ServicesMoments(plan, components)
    for rid in range(4):
        gaps.take(0, ev.ARRIVE, client, rid, 0, 0)
    for n in range(300):
        gaps.take((10 + 10 * n) * MS, ev.RECEIVED, replica, 0, 1, ev.STARTED)
        gaps.take((19 + 10 * n) * MS, ev.END, replica, 0, 0, 0)
    assert gaps.troubles() == []
