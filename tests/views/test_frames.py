"""Frames are exactly as large as the screen, whatever the screen, and say everything without colour too."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.views.live.frame import PlaybackStatus, frame
from resilience_sim.views.live.look import ASCII, UNICODE, Look, look_for
from resilience_sim.views.live.race import race_frame
from resilience_sim.views.live.state import LiveFold
from views.scenes import BUSY, OUTAGE, PAYMENT, lines, scenario, state_at, states_at

SECTIONS = ("small-outage", "faults", "breaker", "success", "latency", "load on B", "now", "requests", "in flight",
            "succeeded", "attempts", "quit", "speed")  # fmt: skip


@pytest.mark.parametrize("look", [UNICODE, ASCII])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 40), (200, 60)])
def test_every_section_is_there_and_every_row_as_wide_as_the_screen(width: int, height: int, look: Look) -> None:
    shown = lines(frame(state_at(scenario(OUTAGE).plan, 9), width, height, look=look))
    assert len(shown) == height
    assert {cell_len(row) for row in shown} == {width}
    page = "\n".join(shown)
    for section in SECTIONS:
        assert section in page
    assert "OPEN" in page
    assert "outage ON" in page
    assert look is UNICODE or page.isascii()


def test_80_by_24_exactly() -> None:
    shown = [row.rstrip() for row in lines(frame(state_at(scenario(OUTAGE).plan, 9), 80, 24, look=ASCII))]
    assert shown[:4] == [
        "> small-outage  seed 1                                   9.00s of ~20s  1x speed",
        "outage on - the breaker is open and turns calls away",
        "faults      ..........#############::: main: outage (error) ... outage ON",
        "breaker     ------------########~##                             OPEN x2",
    ]
    assert shown[6:9] == [
        "load on B   -                                                   1.3/s",
        "cap. 80/s   #===--=-=-###oo.    ...                             o retries 0.64/s",
        "queue                                                           0 busy 0/4",
    ]
    assert shown[11] == "            +0s-------------------^ now------------------------"
    assert shown[17] == "   8.00s #16     error > wait 200ms > error              x error           300ms"
    assert shown[20:] == [
        "   8.30s breaker OPEN  probe failed: error",
        "requests 19   in flight 0   succeeded 8 42.1%   failed 11   attempts 14  0.74x",
        "repeated 3   turned away 8   breaker_open 8   error 3",
        "q quit and summarise   space pause   + - speed   f finish now",
    ]


STORM = """
resim: 1
name: storm
service: {latency: 100ms, workers: 4}
traffic: {rate: 20/s, arrivals: even, duration: 30s}
faults:
  - brownout: {id: trigger, at: 5s, for: 4s, workers: 25%}
stack:
  - retry: {attempts: 3, delay: 50ms}
  - timeout: {after: 500ms}
"""


def test_the_caption_says_what_is_happening() -> None:
    plan = scenario(STORM).plan
    instants = (4, 8, 20, 31, 34, 1000)
    states = zip(instants, states_at(plan, instants), strict=True)
    captions = {t: lines(frame(state, 120, 30))[1].rstrip() for t, state in states}
    assert captions[4] == "no fault yet · B gets what users ask · every request succeeds"
    assert captions[8].startswith("brownout on · B gets ")
    assert captions[20].startswith("fault over · B still gets 3x what users ask · queue ")
    assert captions[20].endswith("and growing · no request succeeds")
    assert "no more requests come" in captions[31]
    assert re.search(r"no caller is left, B works on for nobody · queue \d+ and shrinking", captions[34])
    assert captions[1000].startswith("over · ")
    state = state_at(plan, 20)
    for width in range(1, 90):
        shown = lines(frame(state, width, 24))[1]
        assert shown.rstrip() == "" or shown.startswith("fault over")


def test_first_tries_and_retries_differ_in_the_load_without_colour() -> None:
    state = state_at(scenario(STORM).plan, 20)
    for look, first, again in ((UNICODE, "⣶", "⡪"), (ASCII, "#", "o")):
        page = lines(frame(state, 120, 30, look=look))
        start = next(i for i, row in enumerate(page) if row.startswith("load on B"))
        end = next(i for i, row in enumerate(page) if row.startswith("queue"))
        load = "".join(row[15:100] for row in page[start:end])
        assert first in load
        assert again in load
        assert any(re.search(rf"{look.again} retries (39|40|41)/s", row) for row in page[start:end])
        assert any(re.search(rf"{look.first} first (19|20|21)/s", row) for row in page[start:end])
        assert re.search(r"queue +.*\d+ busy 4/4", page[end])


def test_a_fault_says_what_it_is_beside_a_box_that_is_too_small() -> None:
    page = lines(frame(state_at(scenario(STORM).plan, 20), 120, 30))
    assert "████ trigger: brownout (25% of the workers) ·" in next(row for row in page if row.startswith("faults"))


def test_states_can_be_told_apart_without_colour() -> None:
    row = next(r for r in lines(frame(state_at(scenario(OUTAGE).plan, 19), 140, 40)) if r.startswith("breaker"))
    assert {"━", "█", "▒"} <= set(row)
    assert "CLOSED ×2" in row


@pytest.mark.parametrize("text", [OUTAGE, BUSY, PAYMENT])
def test_no_size_and_no_instant_breaks_a_frame(text: str) -> None:
    luck = random.Random(1)
    plan = scenario(text).plan
    for seconds in (0.0, 0.3, 12.0, 40.0):
        state, other = state_at(plan, seconds), state_at(plan, seconds, seed=2)
        for _ in range(6):
            width, height = luck.randint(1, 240), luck.randint(1, 80)
            for look in (UNICODE, ASCII):
                shown = lines(frame(state, width, height, look=look))
                assert len(shown) == height
                assert {cell_len(row) for row in shown} == {width}
                race = lines(race_frame([state, other], state.clock, width, height, look=look))
                assert len(race) == height
                assert {cell_len(row) for row in race} == {width}


def test_hostile_and_wide_names_neither_steer_nor_push() -> None:
    plan = replace(scenario(OUTAGE).plan, name="\x1b[31m日本語の名前" * 9)
    plan = replace(plan, faults=tuple(replace(fault, id="é\t日本") for fault in plan.faults))
    shown = lines(frame(state_at(plan, 9), 80, 24))
    assert {cell_len(row) for row in shown} == {80}
    assert "\x1b" not in "".join(shown)


def test_crashes_duplicates_and_several_instances_are_shown() -> None:
    page = "\n".join(lines(frame(state_at(scenario(BUSY).plan, 16), 140, 40)))
    assert "breaker@0" in page
    assert "breaker@1" in page
    page = "\n".join(lines(frame(state_at(scenario(PAYMENT).plan, 9), 140, 40)))
    assert "duplicates" in page
    assert "✗ timeout ×2" in page


def test_paused_and_without_keys() -> None:
    state = state_at(scenario(OUTAGE).plan, 9)
    assert "PAUSED" in lines(frame(state, 80, 24, PlaybackStatus(2.0, paused=True)))[0]
    assert lines(frame(state, 80, 24, PlaybackStatus(keys=False)))[-1].strip() == "Ctrl-C stops and summarises"
    assert "as fast as it goes" in lines(frame(state, 80, 24, PlaybackStatus(lagging=True)))[0]


def test_a_frame_does_not_depend_on_the_frames_before_it() -> None:
    plan = scenario(BUSY).plan
    simulation = Simulation(plan, 1)
    watched = LiveFold(plan, 1, simulation.components)
    simulation.attach(watched)
    for tenth in range(0, 450, 3):
        watched.over = not simulation.run(tenth * 10**8)
        watched.tick(tenth * 10**8)
        frame(watched, 120, 40)
    assert lines(frame(watched, 120, 40)) == lines(frame(state_at(plan, 44.7), 120, 40))


def test_a_race_stands_in_columns_where_there_is_room_and_in_blocks_else() -> None:
    one = scenario(OUTAGE)
    plans = {"as-written": one.plan, **{variant.name: variant.plan for variant in one.variants}}
    states = [state_at(plan, 9, name=name) for name, plan in plans.items()]
    wide, narrow = (lines(race_frame(states, states[0].clock, *size)) for size in ((140, 40), (80, 24)))
    names = [row for row in wide if "as-written" in row]
    assert len(names) == 1
    assert "none" in names[0]
    assert "retry" in names[0]
    assert sum(any(name in row for name in plans) and row.startswith("──") for row in narrow) == 3
    for shown, width in ((wide, 140), (narrow, 80)):
        assert {cell_len(row) for row in shown} == {width}
        page = "\n".join(shown)
        assert all(word in page for word in ("success", "load on B", "latency", "now", "faults", "attempts"))


def test_runs_of_a_race_share_their_scales() -> None:
    one = scenario(OUTAGE)
    states = [state_at(plan, 9, name=n) for n, plan in (("a", one.plan), ("b", one.variants[1].plan))]
    rows = lines(race_frame(states, states[0].clock, 140, 40))
    for pattern in (r"scale (\d+m?s)\b", r"scale (\d+/s)", r"cap\. (\d+/s)"):
        tops = [re.findall(pattern, row) for row in rows[1:]]
        assert [found for found in tops if found] == [[next(f for f in tops if f)[0]] * 2]


@pytest.mark.parametrize(
    ("encoding", "environ", "look"),
    [
        ("utf-8", {"TERM": "xterm"}, UNICODE), ("UTF8", {}, UNICODE), ("latin-1", {"TERM": "xterm"}, ASCII),
        ("ascii", {}, ASCII), (None, {}, ASCII),
        ("utf-8", {"TERM": "linux"}, ASCII), ("utf-8", {"TERM": "vt100"}, ASCII),
    ],
)  # fmt: skip
def test_characters_follow_encoding_and_terminal(encoding: str | None, environ: dict[str, str], look: Look) -> None:
    assert look_for(encoding, environ) is look


def test_the_caption_never_says_that_b_gets_more_than_every_request_can_make() -> None:
    """Attempts of the last second may be of requests before it: with three attempts each that is no 3.2 times."""
    plan = load("retry-storm").plan
    said = set()
    for state in states_at(plan, range(21, 60, 3)):
        factor = re.search(r"B still gets (\S+)x", lines(frame(state, 120, 30))[1])
        if factor is not None:
            said.add(float(factor[1]))
    assert said
    assert 2 < max(said) <= 3


def test_the_caption_counts_open_breakers_where_there_are_several() -> None:
    text = "resim: 1\nname: x\nservice: {failure_rate: 100%}\ntraffic: {rate: 20/s, duration: 10s}\nSTACK"
    two = "stack: [{circuit_breaker: {id: a, failure_threshold: 90}}, {circuit_breaker: {failure_threshold: 3}}]\n"
    for stack, said in (("stack: [circuit_breaker]\n", "the breaker is open and turns"), (two, "1 of 2 breakers open")):
        assert said in lines(frame(state_at(load_text(text.replace("STACK", stack), "x").plan, 5), 120, 30))[1]


def test_nothing_is_cut_without_a_sign() -> None:
    """A long name of a breaker, several faults at once: at any width."""
    text = (
        "resim: 1\nname: x\ntraffic: {rate: 20/s, duration: 10s}\n"
        "stack: [{circuit_breaker: {id: the-breaker-of-payments}}]\n"
        "faults: [{outage: {at: 1s, for: 5s}}, {latency: {at: 2s, for: 5s, add: 1s}}, {errors: {at: 2s, for: 4s}}]\n"
    )
    state = state_at(load_text(text, "x").plan, 4)
    for width in (60, 80, 140):
        shown = lines(frame(state, width, 30))
        assert any(line.startswith("the-b") and ".. " in line for line in shown)
        assert any(line.rstrip().endswith("3 faults ON") for line in shown)
        assert "3 faults on" in shown[1] or "outage, slow answers and errors on" in shown[1]


@pytest.mark.parametrize(
    ("expected", "style"), [("p99 < 10s", "good"), ("p99_success < 1ms", "bad"), ("max < 1s", "note")]
)
def test_latency_has_the_colour_of_the_users_expectation(expected: str, style: str) -> None:
    text = (
        f"resim: 1\nname: x\nservice: {{latency: 50ms}}\ntraffic: {{rate: 20/s, duration: 9s}}\nexpect: [{expected}]\n"
    )
    rows = frame(state_at(load_text(text, "x").plan, 4), 80, 30).rows
    (row,) = [row for row in rows if "p99 " in row.plain()]
    assert [name for figure, name in row.spans if figure.strip().endswith("ms") and figure.strip()[0].isdigit()] == [
        style
    ]
