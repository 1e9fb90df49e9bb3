"""Pictures: well-formed, the same every time, without anything from the network."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

from resilience_sim.measure.statistics import compare
from resilience_sim.runs.compare import plans_of
from resilience_sim.runs.simulate import simulate
from resilience_sim.views.comparison import comparison_rows
from resilience_sim.views.svg import svg_of_rows
from resilience_sim.views.text import Row
from views.scenes import OUTAGE, scenario

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "pictures"))

from make import svg_of_live_frame, svg_of_race, svg_of_text

SVG = "{http://www.w3.org/2000/svg}"


def words(picture: str) -> str:
    return " ".join(element.text or "" for element in ElementTree.fromstring(picture).iter(f"{SVG}text"))


def test_a_live_frame() -> None:
    one = scenario(OUTAGE)
    picture = svg_of_live_frame(one.plan, 1, 9 * 10**9, 80, 24)
    assert picture == svg_of_live_frame(one.plan, 1, 9 * 10**9, 80, 24)
    assert "resim run small-outage" in words(picture)
    assert "OPEN" in words(picture)
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    assert not any(0x2800 <= ord(c) < 0x2900 or c in "█░▒━" for c in picture)  # drawn, not written


def test_a_race_and_a_comparison() -> None:
    one = scenario(OUTAGE)
    assert "resim compare small-outage" in words(svg_of_race(plans_of(one), 1, 9 * 10**9))
    results = {name: [simulate(plan, 1)] for name, plan in plans_of(one).items()}
    rows = comparison_rows(one, results, compare(results, "as-written"), width=80)
    assert "anecdote" in words(svg_of_text(rows, 80, "resim compare small-outage"))


def test_text_that_looks_like_markup_is_only_text() -> None:
    assert words(svg_of_rows([Row('<script>&"')], 20, "<title>")) == '<title> <script>&"'
