"""Rows of services: a cascade is a wave that climbs them, on every screen, with and without colour and Unicode."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from services.graph import plan_of

from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.axis import Axis
from resilience_sim.views.live.caption import caption_row
from resilience_sim.views.live.frame import frame
from resilience_sim.views.live.look import ASCII, UNICODE, Look
from resilience_sim.views.live.places import BINS, FULL, IDLE, MOST, SOME, WELL, Graph, Places
from resilience_sim.views.live.race import race_frame
from resilience_sim.views.live.service_rows import health_of, service_rows
from resilience_sim.views.live.state import LiveFold
from views.scenes import OUTAGE, lines, scenario, state_at

CASCADE = """
shop: {latency: 5ms, workers: 30, queue: 30, calls: [{to: prices}, {to: stock, chance: 30%, stack: [STACK]}]}
prices: {latency: 10ms, workers: 10}
stock: {latency: 5ms, workers: 6, replicas: 2, calls: [{to: db}]}
db: {latency: 20ms, workers: 4}
"""
REST = """
faults: [{latency: {id: slow-db, service: db, at: 6s, for: 6s, add: 2s}}]
stack: [{timeout: {after: 3s}}]
"""
BREAKER = "{circuit_breaker: {failure_threshold: 50%, window: 20, recovery_time: 2s}}, {timeout: {after: 250ms}}"
TRAFFIC = "{rate: 40/s, arrivals: even, duration: 20s}"


def cascade(stack: str = "") -> Plan:
    return plan_of(CASCADE.replace("STACK", stack), REST, TRAFFIC)


@pytest.fixture(scope="module")
def fallen() -> LiveFold:
    return state_at(cascade(), 11.5)


@pytest.fixture(scope="module")
def guarded() -> LiveFold:
    return state_at(cascade(BREAKER), 9)


@pytest.mark.parametrize("look", [UNICODE, ASCII])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 42), (50, 16), (200, 60)])
def test_every_service_has_a_row_on_every_screen(fallen: LiveFold, width: int, height: int, look: Look) -> None:
    shown = lines(frame(fallen, width, height, look=look))
    assert len(shown) == height
    assert {cell_len(row) for row in shown} == {width}
    names = [row[:8].strip(" >x\u00d72") for row in shown]
    order = [name for name in names if name in ("shop", "stock", "prices", "db")]
    assert order == ["shop", "prices", "stock", "db"]  # in call order
    assert look is UNICODE or "\n".join(shown).isascii()


def test_the_wave_climbs_from_callee_to_caller(fallen: LiveFold) -> None:
    assert fallen.graph is not None
    assert fallen.places is not None
    axis = Axis(0, 80, 17, fallen.horizon, fallen.clock)
    first: dict[str, int] = {}
    for i, name in enumerate(fallen.graph.names):
        levels = health_of(fallen, fallen.places, i, axis).columns
        assert len(levels) == 80
        assert levels[axis.column(fallen.clock) + 1 :] == [-1] * (79 - axis.column(fallen.clock))
        first[name] = next((n for n, level in enumerate(levels) if level >= FULL), 80)
    assert first["prices"] == 80  # nothing is wrong with it
    assert axis.column(6 * 10**9) <= first["db"] < first["stock"] < first["shop"] < 80
    assert max(health_of(fallen, fallen.places, 0, axis).columns) == MOST


def test_80_by_24_says_all_of_it_in_ascii(fallen: LiveFold) -> None:
    shown = [row.rstrip() for row in lines(frame(fallen, 80, 24, look=ASCII))]
    assert shown[1].startswith("slow answers of db on - db full - stock full - shop")
    legend, shop, prices, stock, db = (
        next(row for row in shown if row.startswith(name)) for name in ("services", "shop", "prices", "stock", "db")
    )
    assert next(row for row in shown if row.startswith(" load")).endswith("of 30 workers")
    assert legend.split()[1:] == ["-", "well", "=", "full", "~", "some", "fail", "#", "most", "fail", "ok", "busy"]
    assert "####" in shop
    assert shop.endswith("30/30 +30")
    assert prices.count("#") == prices.count("=") == 0
    assert stock.startswith("stock x2")
    assert "====" in stock
    assert "====" in db
    assert "4/4" in db


def test_a_breaker_stands_below_the_service_that_calls(guarded: LiveFold) -> None:
    shown = lines(frame(guarded, 100, 30, look=ASCII))
    at = next(n for n, row in enumerate(shown) if row.startswith("shop"))
    assert shown[at + 1].startswith(" >stock") or shown[at + 2].startswith(" >stock")
    assert "breaker" in caption_row(guarded, ASCII, 200).plain()
    assert any("shop.stock.breaker OPEN" in row for row in shown)  # among the notes
    assert not any(" >" in row[:3] for row in lines(frame(state_at(cascade(), 9), 100, 30)))


def test_the_breakers_of_several_replicas_share_a_row() -> None:
    plan = plan_of(
        "shop: {replicas: 3, calls: [{to: db, stack: [{circuit_breaker: {failure_threshold: 2}}]}]}\n"
        "db: {failure_rate: 100%}",
        traffic="{rate: 10/s, arrivals: even, requests: 3}",
    )
    state = state_at(plan, 5)
    rows = service_rows(state, Axis(12, 40, 17, state.horizon, state.clock), ASCII, 20)
    row = next(row.plain() for row in rows if row.plain().startswith(" >db"))
    assert "CLOSED" in row  # each has seen one failure
    state = state_at(plan_of(
        "shop: {replicas: 3, calls: [{to: db, stack: [{circuit_breaker: {failure_threshold: 2}}]}]}\n"
        "db: {failure_rate: 100%}",
        traffic="{rate: 10/s, arrivals: even, requests: 5}",
    ), 0.45)  # fmt: skip
    rows = service_rows(state, Axis(12, 40, 17, state.horizon, state.clock), ASCII, 20)
    assert any("2/3 OPEN x2" in row.plain() for row in rows)


def test_where_not_all_fit_those_in_trouble_are_seen(fallen: LiveFold) -> None:
    rows = service_rows(fallen, Axis(12, 40, 17, fallen.horizon, fallen.clock), ASCII, 3)
    assert [row.plain().split()[0] for row in rows] == ["shop", "stock", "db"]
    assert "and 1 more" in rows[-1].plain()
    assert service_rows(fallen, Axis(12, 40, 17, fallen.horizon, fallen.clock), ASCII, 0) == []
    alone = state_at(scenario(OUTAGE).plan, 9)
    assert alone.graph is None
    assert service_rows(alone, Axis(12, 40, 17, alone.horizon, alone.clock), ASCII, 9) == []


def test_the_caption_names_who_is_in_trouble_the_innermost_first(fallen: LiveFold) -> None:
    assert caption_row(state_at(cascade(), 5), UNICODE, 200).plain().strip() == (
        "no fault yet · all services are well · every request succeeds"
    )
    words = caption_row(fallen, UNICODE, 300).plain()
    assert words.index("db is full") < words.index("stock is full") < words.index("of attempts at shop fail")
    assert "prices" not in words


def test_a_race_shows_the_services_of_both(fallen: LiveFold, guarded: LiveFold) -> None:
    for width, height in ((80, 24), (140, 42)):
        shown = lines(race_frame([fallen, guarded], 12 * 10**9, width, height))
        assert {cell_len(row) for row in shown} == {width}
        assert any("shop" in row for row in shown)


def test_health_is_what_callers_got_and_whether_anybody_was_free() -> None:
    graph = Graph(plan_of("shop: {workers: 2}"), Simulation(plan_of("shop: {workers: 2}"), 1).components)
    places = Places(graph, 256 * 10)
    track = places.services[0]

    def level() -> int:
        return places.health(track, 0, 1)

    assert level() == IDLE
    track.received[0] = 3
    assert level() == WELL
    track.load(0, 2, 0)
    assert level() == WELL  # at the beginning of the stretch both workers were free
    track.reach(3)
    assert places.health(track, 1, 3) == FULL
    assert places.health(track, 200, 201) == FULL  # and it goes on like that
    track.good[0], track.bad[0] = 19, 1
    assert level() == WELL
    track.bad[0] = 2
    assert level() == SOME
    track.bad[0] = 19
    assert level() == MOST


def test_long_runs_halve_their_bins_and_lose_nothing() -> None:
    plan = plan_of("shop: {latency: 20ms, workers: 1, calls: [{to: db}]}\ndb: {latency: 5ms}",
                   traffic="{rate: 100/s, arrivals: even, requests: 300}")  # fmt: skip
    simulation = Simulation(plan, 1)
    graph = Graph(plan, simulation.components)
    fold = LiveFold(plan, 1, simulation.components)
    fold.places = Places(graph, 100_000_000)  # far shorter than the run
    simulation.attach(fold)
    simulation.run()
    assert fold.places is not None
    assert fold.places.width > 100_000_000 // BINS * 8
    shop, db = fold.places.services
    assert sum(shop.received) == sum(shop.good) == sum(db.received) == sum(fold.places.links[1].calls) == 300
    assert max(shop.busy) == 1
    assert (shop.held, shop.queued, db.held) == (0, 0, 0)


def test_twelve_services_are_drawn_in_time() -> None:
    services = "\n".join(
        f"s{i}: {{latency: 1ms, workers: 4, calls: [{'' if i == 11 else f'{{to: s{i + 1}}}'}]}}" for i in range(12)
    )
    state = state_at(plan_of(services, traffic="{rate: 20/s, duration: 5s}"), 4)
    shown = lines(frame(state, 80, 24))
    assert sum(row.startswith("s") and row[1:2].isdigit() for row in shown) >= 9
    assert load("cascade").plan.several


def test_workers_that_change_count_from_then_on() -> None:
    plan = plan_of(
        "shop: {latency: 10ms, workers: 4}",
        "changes: [{at: 2s, set: {services.shop.workers: 7}}]",
        "{rate: 10/s, arrivals: even, duration: 4s}",
    )
    for seconds, workers in ((1, "/4"), (3, "/7")):
        state = state_at(plan, seconds)
        rows = service_rows(state, Axis(12, 40, 17, state.horizon, state.clock), ASCII, 9)
        assert any(row.plain().startswith("shop") and workers in row.plain() for row in rows)
