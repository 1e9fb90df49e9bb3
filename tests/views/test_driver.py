"""The driver on a hand-driven clock: pacing, keys, races, stopping; no test sleeps."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import Component
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.runs.simulate import simulate
from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.live.driver import Show, Watched, watch
from views.scenes import BUSY, OUTAGE, HandStage, ScriptedSource, scenario

S = 10**9
PLAN = scenario(OUTAGE).plan


def played(stage: HandStage, speed: float = 2.0, **more: object) -> tuple[Watched, Simulation]:
    simulation = Simulation(PLAN, 1)
    return watch(stage, [Show(simulation)], speed, **more), simulation  # type: ignore[arg-type]


def clock(frame: list[str]) -> float:
    """The virtual time in a frame's header."""
    return float(next(word for word in frame[0].split() if word.endswith("s") and word[0].isdigit())[:-1])


def test_virtual_time_follows_the_wall_at_the_speed_asked_for() -> None:
    stage = HandStage()
    watched, _ = played(stage, speed=2.0)
    assert watched.ended == "over"
    assert stage.at[-1] == pytest.approx(19.55 / 2, abs=0.11)  # and then it ends: nothing is held
    for when, frame in zip(stage.at[:-1], stage.frames[:-1], strict=True):
        assert clock(frame) == pytest.approx(2 * when, abs=0.011)
    assert watched.frames == len(stage.frames) == pytest.approx(99, abs=1)


def test_the_rest_plays_fast_once_the_last_request_has_arrived() -> None:
    text = OUTAGE.replace("latency: 50ms", "latency: 20s").replace("workers: 4", "workers: 100")
    simulation = Simulation(scenario(text).plan, 1)
    stage = HandStage()
    watch(stage, [Show(simulation)], 2.0)
    assert simulation.now > 30 * S
    assert stage.at[-1] == pytest.approx(20 / 2 + (simulation.now / S - 20) / 20, abs=0.3)
    assert "20× speed" in stage.frames[-2][0]


def test_the_run_is_the_same_however_slow_the_terminal_is() -> None:
    digests = {simulate(PLAN, 1).digest}
    for drawing in (0.0, 0.3, 5.0):
        stage = HandStage()
        stage.drawing = drawing
        _, simulation = played(stage)
        digests.add(simulation.digest())
    assert len(digests) == 1


def test_a_laptop_that_slept_does_not_leap() -> None:
    stage = HandStage()
    stage.drawing = 3600.0
    played(stage, speed=1.0)
    clocks = [clock(frame) for frame in stage.frames]
    assert max(b - a for a, b in pairwise(clocks)) <= 1.01


def test_pausing_stops_virtual_time_and_the_space_bar_starts_it_again() -> None:
    stage = HandStage(keys=[(2.0, " "), (7.0, " ")])
    played(stage, speed=1.0)
    paused = [frame for frame in stage.frames if "PAUSED" in frame[0]]
    assert len({clock(frame) for frame in paused}) == 1
    assert len(paused) >= 45
    assert stage.at[-1] == pytest.approx(19.55 + 5, abs=0.3)


def test_plus_and_minus_change_the_speed() -> None:
    stage = HandStage(keys=[(2.0, "+"), (3.0, "+"), (4.0, "-")])
    played(stage, speed=1.0)
    page = ["\n".join(frame[0] for frame in stage.frames)]
    assert all(f"{n}× speed" in page[0] for n in (1, 2, 4))
    # 2 s at 1x, 1 s at 2x, 1 s at 4x, the rest at 2x
    assert stage.at[-1] == pytest.approx(4 + (19.55 - 8) / 2, abs=0.3)


def test_q_ends_the_show_and_keeps_what_was_simulated() -> None:
    stage = HandStage(keys=[(3.0, "q")])
    simulation = Simulation(PLAN, 1)
    figures = RunFold(PLAN, simulation.components)
    simulation.attach(figures)
    watched = watch(stage, [Show(simulation)], 2.0)
    assert watched.ended == "quit"
    assert not watched.interrupted
    assert watched.now == pytest.approx(6 * S, abs=0.3 * S)
    assert figures.result(1, "", simulation.now).document["requests"]["total"] == 13


def test_f_finishes_without_waiting() -> None:
    stage = HandStage(keys=[(1.0, "f")])
    watched, simulation = played(stage, speed=0.01)
    assert watched.ended == "over"
    assert stage.at[-1] < 2
    assert simulation.digest() == simulate(PLAN, 1).digest


def test_ctrl_c_stops_between_two_events() -> None:
    stage = HandStage()
    stage.stop_at = 4.0
    watched, simulation = played(stage, speed=1.0)
    assert watched.interrupted
    assert simulation.now <= watched.now <= 4.2 * S


def test_start_at_simulates_what_came_before_without_showing_it() -> None:
    stage = HandStage()
    watched, simulation = played(stage, speed=1.0, start_at=15 * S)
    assert clock(stage.frames[0]) == pytest.approx(15.0, abs=0.11)
    assert "OPEN ×" not in stage.frames[0][0]
    assert "×2" in "\n".join(stage.frames[0])  # the breaker's past is there
    assert stage.at[-1] == pytest.approx(4.55, abs=0.3)
    assert simulation.digest() == simulate(PLAN, 1).digest
    assert watched.ended == "over"


def test_endless_speed_draws_as_it_goes() -> None:
    watched, simulation = played(HandStage(), speed=inf)
    assert watched.ended == "over"
    assert simulation.digest() == simulate(PLAN, 1).digest


def test_a_machine_that_cannot_keep_up_lags_and_says_so() -> None:
    class Slow(HandStage):
        def now(self) -> float:
            self.clock += 0.05  # every look at the clock costs
            return self.clock

    plan = scenario(BUSY.replace("rate: 60/s", "rate: 3000/s")).plan
    stage = Slow()
    stage.stop_at = 3.0
    watch(stage, [Show(Simulation(plan, 1))], 1000.0)
    assert any("as fast as it goes" in frame[0] for frame in stage.frames)
    clocks = [clock(frame) for frame in stage.frames]
    assert clocks == sorted(clocks)


def test_the_screen_may_change_its_size_at_any_time() -> None:
    stage = HandStage(keys=[(1.0, " "), (1.2, " ")])
    original = stage.wait

    def wait(seconds: float) -> str:
        stage.dimensions = (80 + len(stage.frames) % 90, 10 + len(stage.frames) % 40)
        return original(seconds)

    stage.wait = wait  # type: ignore[method-assign]
    played(stage)
    assert len({(len(frame), len(frame[0])) for frame in stage.frames}) > 20


def test_a_race_keeps_all_runs_on_one_clock_and_lets_the_slower_ones_finish() -> None:
    plans = {"as-written": PLAN, **{variant.name: variant.plan for variant in scenario(OUTAGE).variants}}
    sources = {name: Simulation(plan, 1) for name, plan in plans.items()}
    stage = HandStage(140, 40)
    watched = watch(stage, [Show(source, name) for name, source in sources.items()], 2.0)
    assert watched.ended == "over"
    assert watched.now == max(source.now for source in sources.values())
    for name, source in sources.items():
        assert source.digest() == simulate(plans[name], 1).digest


def test_a_recording_is_played_like_a_simulation() -> None:
    parts = (Component(0, "client", "A", 0),)
    events = [(n * S, ev.ARRIVE, 0, n, ev.ADMITTED, 0) for n in range(10)]
    source = ScriptedSource(PLAN, parts, events)
    stage = HandStage()
    watched = watch(stage, [Show(source)], 1.0)
    assert watched.ended == "over"
    assert stage.at[-1] == pytest.approx(9.0, abs=0.2)
    assert source.asked == sorted(source.asked)


def test_at_high_rates_the_stream_shows_only_what_can_be_read() -> None:
    plan = scenario(BUSY).plan
    stage = HandStage()
    watch(stage, [Show(Simulation(plan, 1))], 10.0)
    assert "1 of 120 shown" in "\n".join(stage.frames[5])
