"""Changes of links and services while it runs, as in a file and by hand: what happens, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.measure.services_fold import figures_of
from resilience_sim.runs.actions import ActionError, from_detail, kind_of, to_detail
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.write import change_text
from resilience_sim.settings.actions import Action, Add, Adjust, Adjustment, Setting
from tests.services.graph import Ran, S, plan_of

# each call of shop to stock fails after 10 ms; db has a worker for 100 ms each
SERVICES = """
  shop: {latency: 10ms, calls: [{to: stock, stack: [{retry: {attempts: 3}}, circuit_breaker, {timeout: {after: 1s}}]}]}
  stock: {latency: 10ms, failure_rate: 100%}
"""
EVERY_SECOND = "{rate: 1/s, requests: 6, arrivals: even}"


def ran(changes: str, services: str = SERVICES, traffic: str = EVERY_SECOND, rest: str = "") -> Ran:
    return Ran(plan_of(services, f"changes: [{changes}]\n{rest}", traffic))


def test_a_retry_on_a_link_makes_fewer_attempts_from_then_on() -> None:
    found = ran("{at: 3s, set: {shop.stock.retry.attempts: 1}}", SERVICES.replace("circuit_breaker, ", ""))
    assert [t // 1000 for t in found.times(ev.SENT, "stock")] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 5]
    assert found.document["changes"] == [{"t": 3.0, "do": "set", "policies": ["shop.stock.retry"]}]


def test_a_breaker_on_a_link_opens_and_closes_by_hand() -> None:
    found = ran("{at: 1s, trip: shop.stock.circuit_breaker}, {at: 2500ms, reset: shop.stock.circuit_breaker}")
    assert [t // 1000 for t in found.times(ev.SENT, "stock")][:3] == [0, 0, 0]
    assert not {1, 2} & {t // 1000 for t in found.times(ev.SENT, "stock")}
    assert {3} <= {t // 1000 for t in found.times(ev.SENT, "stock")}
    assert [each["link"] for each in found.document["breakers"]] == [["shop", "stock"]]


def test_policies_come_go_and_change_places_on_a_link() -> None:
    found = ran(
        "{at: 1s, add: {retry: {attempts: 2, id: outer}}, link: [shop, stock]}, {at: 2s, remove: shop.stock.retry},"
        "{at: 3s, reorder: [shop.stock.circuit_breaker, shop.stock.outer, shop.stock.timeout]},"
        "{at: 4s, add: {retry: {attempts: 4}}, inside: shop.stock.outer}, {at: 5s, remove: shop.stock.outer}"
    )
    per_second = [sum(t // 1000 == s for t in found.times(ev.SENT, "stock")) for s in range(6)]
    assert per_second[0] == 3
    assert per_second[1] + per_second[2] == 2, "the breaker opens at the fifth failure"
    names = [(each.kind, each.name, each.link) for each in found.components if each.link and each.kind == "retry"]
    assert names == [("retry", f"shop.stock.{own}", "shop>stock") for own in ("retry", "outer", "retry")]


def test_more_workers_take_those_who_wait_and_count_in_the_utilization() -> None:
    services = "shop: {calls: [{to: db}]}\ndb: {latency: 1s, workers: 1}"
    traffic = "{rate: 1000000/s, requests: 4, arrivals: even}"
    before = Ran(plan_of(services, traffic=traffic))
    assert before.times(ev.BEGIN, "db#1") == [1000, 2000, 3000]
    found = ran("{at: 1500ms, set: {services.db.workers: 3}}", services, traffic)
    assert found.times(ev.BEGIN, "db#1") == [1000, 1500, 1500]
    # 4 s of work; one worker for 1.5 s, three for 1 s
    assert found.service("db")["utilization"] == pytest.approx(4 / 4.5, rel=1e-5)
    assert found.times(ev.WORKERS, "db") == [1500]
    fewer = ran("{at: 1500ms, set: {services.db.workers: 3}}, {at: 1600ms, set: {services.db.workers: 1}}", services,
                traffic)  # fmt: skip
    assert fewer.times(ev.BEGIN, "db#1") == [1000, 1500, 1500], "those at work go on"
    alone = "resim: 1\nservice: {latency: 1s, workers: 1}\nchanges: [{at: 1500ms, set: {service.workers: 3}}]\n"
    only = Ran(load_text(f"{alone}traffic: {traffic}", "one.yaml").plan)
    assert only.document["service"]["utilization"] == pytest.approx(4 / 4.5, rel=1e-5)


def test_a_service_is_slower_or_fails_and_a_call_is_left_out() -> None:
    services = "shop: {calls: [{to: stock}, {to: pay}]}\nstock: {latency: 10ms}\npay: {latency: 10ms}"
    found = ran(
        "{at: 2s, set: {services.stock.latency: 500ms, services.stock.network: 5ms}}, {at: 4s, set: {shop.pay.chance: "
        "0%, services.stock.latency: null, services.stock.network: null, services.stock.failure_rate: 100%}}", services,
    )  # fmt: skip
    assert found.times(ev.SENT, "pay") == [10, 1010, 2510, 3510]
    assert found.document["requests"]["by_outcome"]["error"] == 2
    quiet = ran("{at: 0s, set: {services.stock.failure_rate: 100%, shop.stock.optional: true}}", services)
    assert quiet.document["availability"] == 1.0
    other = ran("{at: 0s, set: {services.stock.failure_rate: 100%, shop.stock.fails_as: unavailable}}", services)
    assert other.document["requests"]["by_outcome"]["unavailable"] == 6


def test_the_document_says_what_was_changed() -> None:
    import jsonschema

    from resilience_sim.views.document import plain, schema

    found = ran("{at: 1s, set: {services.stock.workers: 3, shop.stock.chance: 50%, shop.stock.retry.attempts: 1}}",
                rest="operation: [{method: GET}, {method: POST}]")  # fmt: skip
    assert found.document["changes"] == [
        {"t": 1.0, "do": "set", "policies": ["shop.stock.retry"]},
        {"t": 1.0, "do": "set", "policies": [], "services": ["stock"]},
        {"t": 1.0, "do": "set", "policies": [], "links": [["shop", "stock"]]},
    ]
    whole = schema()
    jsonschema.validate(plain(found.document), {**whole["definitions"]["run"], "definitions": whole["definitions"]})


def test_what_a_change_of_one_link_leaves_alone() -> None:
    """Luck goes by names: nothing else is drawn anew."""
    services = """
      shop: {latency: {exponential: 5ms}, calls: [{to: stock}, {to: pay}]}
      stock: {latency: {exponential: 5ms}}
      pay: {latency: {exponential: 5ms}}
    """
    plain = ran("", services, "{rate: 50/s, duration: 4s}")
    changed = ran("{at: 1s, add: {retry: {attempts: 2, jitter: full}}, link: [shop, stock]},"
                  "{at: 2s, set: {services.stock.workers: 50, shop.stock.times: 1}}", services,
                  "{rate: 50/s, duration: 4s}")  # fmt: skip
    for name in ("shop", "stock", "pay"):
        assert plain.luck(name) == changed.luck(name)
    assert plain.result.digest != changed.result.digest


REFUSED = {
    "{at: 1s, set: {shop.stok.retry.attempts: 1}}": ("does not call", "did you mean `stock`"),
    "{at: 1s, set: {shop.stock.retri.attempts: 1}}": ("has no policy", "did you mean `shop.stock.retry`"),
    "{at: 1s, set: {shop.stock.retry.attemps: 1}}": ("attemps", "did you mean `attempts`"),
    "{at: 1s, set: {shop: 1}}": ("is a service", "it calls `stock`"),
    "{at: 1s, set: {services.db.workers: 1}}": ("no service", ""),
    "{at: 1s, set: {services.stock.worker: 1}}": ("worker", "workers"),
    "{at: 1s, set: {services.stock.workers: 0}}": ("0", ""),
    "{at: 1s, set: {services.stock.replicas: 2}}": ("`replicas` of `stock` does not change", "latency"),
    "{at: 1s, set: {services.stock: {workers: 2}}}": ("is not one setting", ""),
    "{at: 1s, set: {shop.stock.operation.method: POST}}": ("`operation` of `shop.stock` does not change", "chance"),
    "{at: 1s, set: {traffic.rate: 2/s}}": ("`traffic` does not change", ""),
    "{at: 1s, trip: shop.stock.retry}": ("is no circuit breaker", "shop.stock.circuit_breaker"),
    "{at: 1s, trip: circuit_breaker}": ("no policy", "did you mean `shop.stock.circuit_breaker`"),
    "{at: 1s, add: fallback, link: [stock, shop]}": ("no link", "[shop, stock]"),
    "{at: 1s, add: fallback, link: [client, shop], inside: shop.stock.retry}": ("another stack", ""),
    "{at: 1s, add: fallback, link: [shop, stock], position: 4}": ("no place 4", "3 (next to stock)"),
    "{at: 1s, remove: shop.stock.timeout, link: [shop, stock]}": ("goes with `add` only", ""),
    "{at: 1s, reorder: [shop.stock.retry, shop.stock.timeout]}": ("leaves out `shop.stock.circuit_breaker`", ""),
}  # fmt: skip


@pytest.mark.parametrize("change", REFUSED)
def test_what_is_refused(change: str) -> None:
    message, remedy = REFUSED[change]
    with pytest.raises(ScenarioError) as caught:
        ran(change)
    (found,) = caught.value.diagnostics
    assert message in found.message
    assert remedy in found.help
    assert "changes" in found.path
    assert found.line == 6, "it points into the change"


def test_a_variant_takes_over_what_fits() -> None:
    text = f"resim: 1\ntraffic: {EVERY_SECOND}\nservices:{SERVICES}" + (
        "changes: [{at: 1s, set: {shop.stock.retry.attempts: 1, services.stock.workers: 3}}]\n"
        "compare:\n  variants:\n    bare: {without: [shop.stock.retry]}\n    none: {changes: []}\n"
        "    soft: {set: {shop.stock.optional: true}}\n"
    )
    scenario = load_text(text, "variants.yaml")
    by_name = {each.name: each.plan for each in scenario.variants}
    assert [policy.kind for policy in by_name["bare"].links[0].stack] == ["circuit_breaker", "timeout"]
    assert [type(each).__name__ for each in by_name["bare"].actions] == ["Adjust"]
    assert by_name["none"].actions == ()
    assert by_name["soft"].actions == scenario.plan.actions
    wrong = text.replace("without: [shop.stock.retry]", "without: [shop.stok.retry]")
    with pytest.raises(ScenarioError, match=r"shop\.stok\.retry"):
        load_text(wrong, "variants.yaml")


def test_by_hand_is_as_written_and_survives_a_recording() -> None:
    """The same acts as actions: same digest; each one as text, and as JSON, comes back as it was."""
    changes = (
        "{at: 1s, set: {shop.stock.retry.attempts: 1, services.stock.latency: {uniform: [1ms, 3ms]}, "
        "services.stock.slowdown.per_concurrent: 1ms, shop.stock.chance: 50%}}, {at: 2s, trip: "
        "shop.stock.circuit_breaker}, {at: 3s, add: {retry: {attempts: 2, id: mine}}, inside: shop.stock.timeout},"
        "{at: 4s, remove: shop.stock.timeout}"
    )
    plan = plan_of(SERVICES, f"changes: [{changes}]", EVERY_SECOND)
    bare = replace(plan, actions=())
    written, by_hand = Simulation(plan, 3), Simulation(bare, 3, plan.actions)
    figures = figures_of(bare, by_hand.components)
    by_hand.attach(figures)
    while written.run(budget=10_000):
        pass
    while by_hand.run(budget=10_000):
        pass
    assert written.digest() == by_hand.digest()
    assert figures.result(3, by_hand.digest(), by_hand.now).document["services"][1]["name"] == "stock"
    for action in plan.actions:
        again = from_detail(action.t, kind_of(action), to_detail(action))
        assert again == action
        rest = f"changes: [{change_text(again)}]"
        if isinstance(action, Add):
            assert plan_of(SERVICES, rest, EVERY_SECOND).actions == (action,)
        elif not isinstance(action, Adjust):
            assert plan_of(SERVICES, rest, EVERY_SECOND).actions[0].t == action.t
        else:
            assert plan_of(SERVICES, rest, EVERY_SECOND).actions == (action,)


def test_an_action_that_is_not_possible() -> None:
    plan = plan_of(SERVICES)
    for place, name, value, why in (
        ("db", "workers", 3, "no service db"),
        ("stock", "replicas", 3, "replicas of stock cannot be changed"),
        ("shop>stock", "workers", 3, "workers of shop>stock cannot be changed"),
        ("stock", "workers", "many", "workers cannot be"),
    ):
        with pytest.raises(ActionError, match=why):
            Simulation(plan, 1, [Adjust(S, place, Adjustment((Setting(name, value),)))])


def test_the_run_is_stepped_and_acted_on() -> None:
    """As the cockpit does it: a component that joins a link is behind the first service for those who see only that."""
    plan = plan_of(SERVICES, traffic=EVERY_SECOND)
    acts = plan_of(SERVICES, "changes: [{at: 2s, add: {retry: {attempts: 2}}, link: [shop, stock]}]", EVERY_SECOND)
    simulation = Simulation(plan, 1, ())
    simulation.run(S)
    for action in acts.actions:
        simulation.act(action)
    while simulation.run(budget=10_000):
        pass
    whole = Simulation(plan, 1, acts.actions)
    while whole.run(budget=10_000):
        pass
    assert simulation.digest() == whole.digest()
    assert simulation.components == whole.components


LINES = {
    "services.stock.workers=7": "stock: workers 7",
    "services.stock.latency.exponential=5ms": "stock: latency.exponential 5ms",
    "services.stock.slowdown.per_concurrent=1ms": "stock: slowdown.per_concurrent 1ms",
    "services.stock.failure_rate=null": "stock: failure_rate null",
    "shop.stock.chance=50%": "shop > stock: chance 50%",
    "shop.stock.retry.attempts=1": "shop.stock.retry: attempts 1",
}


@pytest.mark.parametrize("line", LINES)
def test_typed_in_the_cockpit_and_written_as_a_file(line: str) -> None:
    """What `:` does, in words; the file that `w` writes runs with the same digest."""
    from resilience_sim.play.command_line import Completion, read_line
    from resilience_sim.play.written import scenario_text
    from resilience_sim.runs.actions import plan_with
    from resilience_sim.views.actions_text import action_words

    text = f"resim: 1\ntraffic: {EVERY_SECOND}\nservices:{SERVICES}"
    scenario = load_text(text, "typed.yaml")
    plan = scenario.plan
    action = read_line(line, plan, 2 * S)
    assert isinstance(action, Action)
    assert action_words(action, plan) == LINES[line]
    assert f"{line.partition('=')[0]}=" in Completion(plan).of(line.partition("=")[0])
    written = load_text(scenario_text(scenario, plan_with(plan, [action]), [action]), "typed.yaml").plan
    assert written.actions == (action,)
    by_hand, file = Simulation(plan, 1, [action]), Simulation(written, 1)
    while by_hand.run(budget=10_000):
        pass
    while file.run(budget=10_000):
        pass
    assert by_hand.digest() == file.digest()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("services.stok.workers=1", "no service `stok`; did you mean `stock`?"),
        ("services.stock.replicas=2", "does not change while it runs; these do: latency"),
        ("services.stock.workers=0", "out of range"),
        ("services.stock.workers", "has no `=`"),
        ("services.stock.latency=10ms", "already set so"),
    ],
)
def test_lines_that_change_nothing(line: str, message: str) -> None:
    from resilience_sim.play.command_line import LineError, read_line

    with pytest.raises(LineError, match=message):
        read_line(line, plan_of(SERVICES), S)
