"""Moving pictures: the same every time, and each frame is the live view's at that instant."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from xml.etree import ElementTree

import pyte
import pytest
from PIL import Image

from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.film.cast import cast_of_film
from resilience_sim.views.film.cells import changes
from resilience_sim.views.film.film import FPS, HOLD, Film, film_length, film_speed, shoot
from resilience_sim.views.film.gif import gif_of_film
from resilience_sim.views.film.svg import svg_of_film
from resilience_sim.views.live.driver import Show
from resilience_sim.views.svg import BAR, CELL, LINE, PAD
from resilience_sim.views.text import Row
from views.scenes import OUTAGE, scenario

SVG = "{http://www.w3.org/2000/svg}"
END = 20 * 10**9


def film_of_outage() -> Film:
    plan = scenario(OUTAGE).plan
    return shoot([Show(Simulation(plan, 1))], 8.0, END, "resim run <small>")


@pytest.fixture(scope="module")
def film() -> Film:
    return film_of_outage()


@pytest.fixture(scope="module")
def picture(film: Film) -> str:
    return svg_of_film(film)


def test_frames_stand_at_even_virtual_instants(film: Film) -> None:
    clocks = [float(re.search(r"([\d.]+)s (of|over)", frame[0].plain())[1]) for frame in film.frames]  # type: ignore[index]
    assert clocks[:3] == [0.8, 1.6, 2.4]
    assert len(film.frames) == pytest.approx(25, abs=2)
    assert film.seconds == (len(film.frames) - 1) / FPS + HOLD
    assert not any("Ctrl-C" in row.plain() for frame in film.frames for row in frame)  # a picture has no keyboard


def test_a_plan_tells_how_long_its_picture_is() -> None:
    plan = scenario(OUTAGE).plan
    assert film_speed(plan) == 2.0
    assert film_length(film_speed(plan), plan) == 10


def test_the_same_run_gives_the_same_bytes(film: Film, picture: str) -> None:
    again = film_of_outage()
    assert picture == svg_of_film(again)
    assert cast_of_film(film) == cast_of_film(again)
    assert gif_of_film(film) == gif_of_film(again)


def test_a_run_cut_short_ends_the_picture() -> None:
    plan = scenario(OUTAGE).plan
    cut = shoot([Show(Simulation(plan, 1))], 4.0, 3 * 10**9, "resim run")
    assert len(cut.frames) == 8
    assert "3.00s of" in cut.frames[-1][0].plain()


def test_two_lanes_share_the_picture() -> None:
    plan = scenario(OUTAGE).plan
    both = shoot(
        [Show(Simulation(plan, 1), "one"), Show(Simulation(plan, 1), "two")], 20.0, END, "resim run", "a beside b"
    )
    assert both.width == 140
    name, lanes = (row.plain() for row in both.frames[-1][:2])
    assert name.startswith("▶ a beside b")
    assert "── one ─" in lanes
    assert "── two ─" in lanes
    assert lanes[: lanes.index("two")].count("% ok") == lanes[lanes.index("two") :].count("% ok") == 1


# --- SVG ----------------------------------------------------------------------------------------------------------


def letters(picture: str, share: float | None) -> dict[tuple[int, int], str]:
    """What is written in which cell at a share of the picture's time, in percent; None: with nothing moving."""
    root = ElementTree.fromstring(picture)
    found: dict[tuple[int, int], str] = {}
    for group in root.iter(f"{SVG}g"):
        if group.get("font-size"):
            for each in group.findall(f"{SVG}g"):
                if shown(picture, each.attrib, share):
                    for text in each.iter(f"{SVG}text"):
                        column = round((float(text.attrib["x"]) - PAD) / CELL)
                        row = round((float(text.attrib["y"]) - BAR - 13.5) / LINE)
                        found |= {(row, column + i): c for i, c in enumerate(text.text or "") if c != " "}
    return found


def shown(picture: str, group: Mapping[str, str], share: float | None) -> bool:
    if share is None or "id" not in group:
        return group.get("visibility") != "hidden"
    rule = re.search(rf"@keyframes {group['id']}{{(.*?}})}}", picture)
    assert rule is not None
    steps: list[tuple[float, bool]] = []
    for at, value in re.findall(r"([\d.%,]+){visibility:(\w+)}", rule[1]):
        steps += [(float(each.rstrip("%")), value == "visible") for each in at.split(",")]
    return [value for at, value in sorted(steps) if at <= share + 1e-6][-1]


def written(rows: tuple[Row, ...]) -> dict[tuple[int, int], str]:
    """The letters and digits of a frame, by cell; what is drawn as a shape is left out."""
    return {
        (number, column): character
        for number, row in enumerate(rows)
        for column, character in enumerate(row.plain())
        if character.isascii() and character != " "
    }


@pytest.mark.parametrize("number", [0, 7, -1])
def test_an_svg_shows_each_frame_at_its_time(film: Film, picture: str, number: int) -> None:
    index = number % len(film.frames)
    found = letters(picture, 100 * (index + 0.5) / FPS / film.seconds)
    assert {cell: c for cell, c in found.items() if c.isascii()} == written(film.frames[index])


def test_an_svg_that_does_not_move_is_the_last_frame(film: Film, picture: str) -> None:
    found = letters(picture, None)
    assert {cell: c for cell, c in found.items() if c.isascii()} == written(film.frames[-1])


def test_an_svg_moves_only_on_screens_of_those_who_like_it_and_without_script(picture: str) -> None:
    outside = re.sub(r"@media screen and \(prefers-reduced-motion:no-preference\){.*}</style>", "", picture, flags=re.S)
    assert "animation" not in outside
    assert "<script" not in picture
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    assert "<title>resim run &lt;small&gt;</title>" in picture


# --- GIF ----------------------------------------------------------------------------------------------------------


def test_a_gif_shows_the_frames(film: Film) -> None:
    data = gif_of_film(film)
    assert len(data) < 400_000
    picture = Image.open(io.BytesIO(data))
    assert picture.info["loop"] == 0
    durations = []
    for number in range(picture.n_frames):  # type: ignore[attr-defined]
        picture.seek(number)
        durations.append(picture.info["duration"])
    assert sum(durations) == pytest.approx(1000 * film.seconds)
    last = picture.convert("RGB")
    still = Image.open(io.BytesIO(gif_of_film(Film(film.title, film.width, film.height, film.frames[-1:]))))
    assert last.tobytes() == still.convert("RGB").tobytes()  # what was painted over has left no trace
    full = next((n, row.plain().index("█")) for n, row in enumerate(film.frames[-1]) if "█" in row.plain())
    assert last.getpixel((12 + full[1] * 8 + 4, 30 + full[0] * 16 + 8)) not in {(16, 20, 28), (205, 211, 222)}


def test_only_what_changed_is_drawn() -> None:
    before, after = [Row("queue 12 busy 9", "faint")], [Row("queue 13 busy 9", "faint")]
    assert [(each.column, each.width, each.spans) for each in changes(before, after)] == [(7, 1, (("3", "faint"),))]
    wide = [Row("日本 12")]
    assert [(each.column, each.width) for each in changes([Row("日木 12")], wide)] == [(2, 2)]
    assert list(changes(wide, wide)) == []


# --- asciinema ----------------------------------------------------------------------------------------------------


def test_a_cast_replays_in_a_terminal(film: Film) -> None:
    header, *events = [json.loads(line) for line in cast_of_film(film).splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, film.width, film.height)
    assert "timestamp" not in header
    times = [t for t, _, _ in events]
    assert times == sorted(times)
    assert times[-1] == film.seconds
    screen = pyte.Screen(film.width, film.height)
    stream = pyte.Stream(screen)
    for number, (_, kind, text) in enumerate(events):
        assert kind == "o"
        stream.feed(text)
        if number in (5, len(events) - 1):
            frame = film.frames[round(events[number][0] * FPS)] if number == 5 else film.frames[-1]
            assert [line.rstrip() for line in screen.display] == [row.plain().rstrip() for row in frame]
