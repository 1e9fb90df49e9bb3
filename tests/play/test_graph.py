"""The cockpit on several services: the graph, a service from near, and what keys and clicks do there."""

from __future__ import annotations

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.play import forms
from resilience_sim.play.command_line import Completion, read_line
from resilience_sim.play.panel_renderer import PanelRenderer
from resilience_sim.play.panels.graph import graph_rows, near_rows, places_of, policies_near
from resilience_sim.play.session import Session
from resilience_sim.play.state import CockpitState
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.actions import Add
from resilience_sim.views.live.look import ASCII, UNICODE

from .lab import Driver, drive, play, until_still

TEXT = """
resim: 1
name: small-cascade
services:
  shop:
    latency: 5ms
    workers: 30
    queue: 30
    calls:
      - {to: prices}
      - to: stock
        chance: 50%
        stack:
          - retry: {attempts: 3, delay: 100ms}
          - circuit_breaker: {failure_threshold: 50%, window: 20, recovery_time: 5s}
          - timeout: {after: 250ms}
  prices: {latency: 10ms, workers: 10, calls: [{to: db}]}
  stock: {latency: 5ms, workers: 15, replicas: 2, calls: [{to: db}]}
  db: {latency: 20ms, workers: 4}
traffic: {rate: 40/s, arrivals: even, duration: 20s}
faults: [{latency: {id: slow-db, link: [stock, db], at: 5s, for: 6s, add: 2s}}]
stack: [{timeout: {after: 3s}}]
"""


def small(to: float = 6) -> Session:
    scenario = load_text(TEXT, "small.yaml")
    return play(Session(scenario, Simulation(scenario.plan, 1, []), speed=10), to)


@pytest.fixture(scope="module")
def state() -> CockpitState:
    return CockpitState(small(7))


def test_the_graph_is_a_tree_of_calls_with_flows(state: CockpitState) -> None:
    rows, of_row = graph_rows(state.run, ASCII, 46, 20, "stock")
    text = [row.plain().rstrip() for row in rows]
    assert [of_row[n] for n in sorted(of_row)] == ["client", "shop", "prices", "db", "stock", "db"]
    assert [row[:12].strip(" |`->") for row in text[2:]] == ["shop", "prices", "db", "stock", "db"]
    assert text[5].startswith(">")
    assert "100%" in text[5]
    assert text[6].endswith("above")  # db has its load where it is called first
    assert "/4" in text[4]
    assert all(row.width == 46 for row in rows)


def test_a_graph_that_does_not_fit_keeps_the_selected_service_in_sight(state: CockpitState) -> None:
    for height in range(1, 7):
        rows, of_row = graph_rows(state.run, UNICODE, 36, height, "stock")
        assert len(rows) == height
        assert "stock" in of_row.values()


def test_a_service_from_near_has_its_links_with_their_policies(state: CockpitState) -> None:
    rows, of_row = near_rows(state.run, "stock", ASCII, 46, 30, "shop.stock.circuit_breaker")
    text = "\n".join(row.plain().rstrip() for row in rows)
    assert [of_row[n].rpartition(".")[2] for n in sorted(of_row)][::2] == ["retry", "circuit_breaker", "timeout"]
    for part in ("stock#1", "stock#2", "from shop", "to db", "|>breaker", "OPEN", "given up", "no policies"):
        assert part in text
    assert policies_near(state.run, "stock") == ["shop.stock.retry", "shop.stock.circuit_breaker", "shop.stock.timeout"]
    assert policies_near(state.run, "client") == ["timeout"]
    first = near_rows(state.run, "client", ASCII, 46, 30)[0]
    assert "in flight" in first[0].plain()
    assert any("to shop" in row.plain() for row in first)
    assert places_of(state.run) == ["client", "shop", "prices", "stock", "db"]


@pytest.mark.parametrize("size", [(80, 24), (140, 42), (60, 20), (40, 12)])
@pytest.mark.parametrize("zoom", ["", "client", "db"])
def test_every_size_and_zoom(state: CockpitState, size: tuple[int, int], zoom: str) -> None:
    for look in (UNICODE, ASCII):
        shown = CockpitState(state.session, look, zoom=zoom)
        rows = PanelRenderer(shown).screen_rows(*size)
        assert {row.width for row in rows} == {size[0]}
        assert look is UNICODE or "\n".join(row.plain() for row in rows).isascii()


def test_keys_and_clicks_zoom_in_and_out() -> None:
    async def check(d: Driver) -> None:
        assert " try " in d.text()
        await d.press("S")
        assert d.state.zoom == "shop"
        assert "shop over time" in d.text()
        await d.press("S", "S", "S", "S")
        assert d.state.zoom == ""
        await d.press("S", "escape")
        assert d.state.zoom == ""
        d.app.screen.query_one("#topology").focus()
        await d.pilot.pause()
        d.state.place = ""
        await d.press("up", "down")
        assert d.state.place == "shop"
        await d.press("enter")
        assert d.state.zoom == "shop"
        await d.press("down")
        assert d.state.policy in policies_near(d.state.run, "shop")
        await d.press("enter")
        assert not d.state.zoom
        await d.pilot.click("#topology", offset=(6, 4))
        assert (d.state.place, d.state.zoom) == ("prices", "")
        await d.pilot.click("#topology", offset=(6, 4))
        assert d.state.zoom == "prices"

    drive(check, small())


def test_the_past_is_shown_with_what_services_and_links_held_then() -> None:
    session = small(8)
    run = session.run
    session.paused = True
    session.seek(6_000_000_000)
    until_still(session)
    while not run.layer_state.exact:
        session.frame(1 / 15)
    again = small(6)
    assert [run.view.places.services[i].held for i in range(4)] == [
        again.run.view.places.services[i].held for i in range(4)
    ]  # type: ignore[union-attr]
    assert run.view.breakers.keys() == again.run.view.breakers.keys()
    assert [lane.state for lane in run.view.breakers.values()] == [b.state for b in again.run.view.breakers.values()]
    breaker = next(id for id, each in run.view.components.items() if each.kind == "circuit_breaker")
    assert run.layer_state.read()[breaker]["until"] == again.run.layer_state.read()[breaker]["until"]


def test_requests_are_those_of_users() -> None:
    session = small(6)
    story = session.run.of_user(3)
    assert len(story) < len(session.run.tape.of_request(3, session.run.position))
    assert story[0][1] == ev.ARRIVE


def test_a_fault_by_key_strikes_the_service_looked_at() -> None:
    async def check(d: Driver) -> None:
        await d.press("end", "o")
        assert d.state.run.plan_now.faults[-1].service == "shop"
        await d.press("S", "S", "S", "b")
        assert d.state.zoom == "stock"
        assert d.state.run.plan_now.faults[-1].service == "stock"
        assert d.state.run.plan_now.faults[-1].kind == "brownout"

    drive(check, small(3))


def policies_of(run, rid: int) -> list[int]:
    """The waits of a request before another try on a link."""
    return [event[0] for event in run.tape.of_request(rid, run.position) if event[1] == ev.RETRY_WAIT]


def test_the_inspector_draws_a_request_as_a_tree_of_calls() -> None:
    session = small(7)
    run = session.run
    asked = next(rid for rid in range(205, 260) if len(policies_of(run, rid)) > 1)
    state = CockpitState(session, ASCII, tab="inspector")
    state.stream.chosen = asked
    for size in ((80, 30), (140, 42)):
        page = "\n".join(row.plain() for row in PanelRenderer(state).screen_rows(*size))
        page = page[page.index("inspector") :]
        order = [page.index(name) for name in ("`-shop ", "`-prices ", "`-stock ")]
        assert order == sorted(order)
        assert "`-db " in page
    assert "stock.retry" in page
    assert "worth another try" in page
    state.stream.chosen = 3
    page = "\n".join(row.plain() for row in PanelRenderer(state).screen_rows(80, 30))
    assert "`-prices " in page


def test_policies_of_links_are_changed_by_hand() -> None:
    async def check(d: Driver) -> None:
        state = d.state
        await d.press("end", "colon")
        d.app.screen.query_one("Input").value = "shop.stock.retry.attempts=1"
        await d.press("enter")
        assert state.run.plan_now.links[1].stack[0].attempts == 1
        state.zoom, state.policy = "stock", "shop.stock.circuit_breaker"
        await d.press("z", "enter")
        assert any(lane.state == ev.OPEN for lane in state.run.head.breakers.values())
        await d.press("left_square_bracket")
        assert [policy.kind for policy in state.run.plan_now.links[1].stack][:2] == ["circuit_breaker", "retry"]
        state.policy = "shop.stock.timeout"
        await d.press("k", "enter")
        assert [policy.kind for policy in state.run.plan_now.links[1].stack] == ["circuit_breaker", "retry"]
        added = forms.new_policy_id("bulkhead", state.run.plan_now, "shop>stock")
        assert added == "shop.stock.bulkhead"
        bulkhead = forms.read_policy("bulkhead", {"max_concurrent": "3"}, added)
        state.session.act(Add(state.session.instant(), bulkhead, 0))
        await d.pass_time(0.5)
        assert "bulkhead" in d.text()
        assert state.run.layer_state.read()

    drive(check, small(3))
    with pytest.raises(ValueError, match="no policy"):
        read_line("shop.stock.hedge.delay=1s", small(1).run.plan, 1)


def test_a_line_knows_the_policies_of_links() -> None:
    found = Completion(small(1).run.plan).of("shop.stock.retry.att")
    assert found == ["shop.stock.retry.attempts="]
