"""Luck goes by names and by the path of attempts: nothing that happens elsewhere changes it."""

from __future__ import annotations

from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text
from tests.services.graph import Ran, plan_of

TRAFFIC = "{rate: 50/s, requests: 300}"
SHOP = """
    shop: {{latency: {{exponential: 5ms}}, calls: [{calls}]}}
    stock: {{latency: {{exponential: 20ms}}, failure_rate: 20%, calls: [{{to: db, stack: [{retry}]}}]}}
    db: {{latency: {{exponential: 3ms}}, failure_rate: 20%}}
    {more}"""
RETRY = "{retry: {attempts: 3, delay: 1ms, jitter: full}}"
STOCK = "{to: stock, optional: true, stack: [{retry: {attempts: 2}}]}"


def run(calls: str = STOCK, more: str = "", rest: str = "") -> Ran:
    return Ran(plan_of(SHOP.format(calls=calls, more=more, retry=RETRY), rest, TRAFFIC), 7)


def test_a_service_added_before_changes_nobodys_luck() -> None:
    plain = run()
    other = run(
        "{to: extra, optional: true, times: 2}, " + STOCK, "extra: {latency: {exponential: 9ms}, failure_rate: 50%}"
    )
    for name in ("shop", "stock", "db"):
        assert (plain.luck(name) == other.luck(name)) is (name != "shop")  # shop holds its worker for longer
    assert _own(plain) == _own(other)


def _own(ran: Ran) -> dict[tuple[int, int], int]:
    """When each execution of shop began its first call, after it was received: its own work."""
    from resilience_sim.kernel import events as ev

    came = {(e[3], e[4]): e[0] for e in ran.events if e[1] == ev.RECEIVED and ran.components[e[2]].node == "shop"}
    first: dict[tuple[int, int], int] = {}
    for e in ran.events:
        if e[1] == ev.CALL and ran.components[e[2]].link.startswith("shop>"):
            first.setdefault((e[3], e[5]), e[0] - came[e[3], e[5]])
    return first


def test_renaming_a_service_changes_its_own_luck_only() -> None:
    first = run(STOCK + ", {to: reviews}", "reviews: {latency: {exponential: 4ms}}")
    second = run(STOCK + ", {to: opinions}", "opinions: {latency: {exponential: 4ms}}")
    assert first.luck("stock") == second.luck("stock")
    assert first.luck("db") == second.luck("db")
    assert first.luck("reviews") != second.luck("opinions")


def test_a_policy_elsewhere_changes_no_luck() -> None:
    plain = run()
    watched = run(STOCK.replace("[{retry", "[{timeout: {after: 1h}}, {bulkhead: {max_concurrent: 1000}}, {retry"))
    assert plain.luck("stock") == watched.luck("stock")
    assert plain.luck("db") == watched.luck("db")


def test_two_ways_to_one_service_are_two_draws() -> None:
    services = """
        shop: {calls: [{together: [{to: a}, {to: b}]}]}
        a: {calls: [{to: db}]}
        b: {calls: [{to: db}]}
        db: {latency: {exponential: 10ms}}"""
    from resilience_sim.kernel import events as ev

    ran = Ran(plan_of(services, "", TRAFFIC), 3)
    works: dict[int, list[int]] = {}
    for e in ran.events:
        if e[1] == ev.END and ran.components[e[2]].node == "db":
            works.setdefault(e[3], []).append(e[5])
    assert all(len(set(pair)) == 2 for pair in works.values())


def test_one_service_among_several_has_the_luck_of_service_b() -> None:
    body = "{latency: {exponential: 20ms}, workers: 3, failure_rate: 30%}"
    rest = "stack: [{retry: {attempts: 3, delay: 5ms, jitter: full}}, {timeout: {after: 60ms}}]\n"
    head = "resim: 1\ntraffic: {rate: 80/s, requests: 500}\n" + rest
    alone = simulate(load_text(f"{head}service: {body}\n", "x").plan, 5).document
    among = simulate(load_text(f"{head}services:\n  b: {body}\n", "x").plan, 5).document
    for key in ("requests", "attempts", "latency", "service", "effects", "amplification"):
        assert alone[key] == among[key]
