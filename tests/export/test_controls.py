"""Names that steer terminals or spreadsheets, through every output there is: the lists are those of the program."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cli.shell import resim
from cli.test_options import declared, options_of

from resilience_sim.cli.app import COMMANDS
from resilience_sim.cli.commands.lint import FORMATS as LINT_FORMATS
from resilience_sim.play.panel_renderer import PanelRenderer
from resilience_sim.play.session import Session
from resilience_sim.play.state import CockpitState
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load
from resilience_sim.settings.actions import Trip
from resilience_sim.views.export.targets import FORMATS

STEERING = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ALL = "".join(each for each in STEERING if each != "\0")
HALVES = (ALL[: len(ALL) // 2], ALL[len(ALL) // 2 :])  # a name has 64 letters at most
NAME = os.fsdecode(b"e\x1b]0;PWN\x07\xff\x80") + "\u202e.yaml"


def scenario(half: str) -> str:
    """Every name that a file can carry, with controls as YAML's escapes."""

    def name(text: str) -> str:
        return json.dumps(text + "\x1b]0;PWN\x07" + half)

    def id(text: str) -> str:  # which has no spaces of any kind
        return json.dumps(text + "\x1b]0;PWN\x07" + "".join(each for each in half if not each.isspace()))

    return f"""\
resim: 1
name: {name("ev")}
about: {name("about")}
service: {{latency: 10ms, failure_rate: 50%}}
traffic: {{rate: 10/s, requests: 40}}
faults: [outage: {{id: {id("f")}, at: 0s, for: 1s}}]
stack: [circuit_breaker: {{id: {id("@SUM(1)")}, failure_threshold: 2}}]
compare: {{variants: {{{name("v")}: {{set: {{service.workers: 2}}}}}}}}
expect: [availability > 99%]
"""


@pytest.fixture(params=HALVES, ids=["C0", "C1 and bidi"])
def hostile(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    path = tmp_path / NAME
    path.write_text(scenario(request.param), encoding="utf-8")
    return str(path)


def command(*argv: str) -> str:
    answer = resim(*argv)
    assert answer.code in (0, 1, 4), answer
    return answer.out + answer.err


def formats(command: str) -> list[str]:
    """The outputs that a command has."""
    options = {info.default for _, info in declared(options_of(command))}
    return [known.name for known in FORMATS if not known.database] if "--out" in options else []


@pytest.mark.parametrize(
    ("which", "kind"),
    [(name, kind) for name in COMMANDS if name not in ("replay", "snapshot", "report") for kind in formats(name)],
)
def test_no_output_carries_a_control(which: str, kind: str, hostile: str, tmp_path: Path) -> None:
    """File names and ids, in every format of every command."""
    more = {"compare": ["--runs", "1"], "margins": ["--axis", "load", "--runs", "1", "--until", "availability > 1%"]}
    more["tune"] = ["--budget", "4000 requests"]
    more["serve"] = ["--port", "0", "--", sys.executable, "-c", ""]
    more["sweep"] = ["--over", "service.workers=1..2", "--runs", "1"]
    out = tmp_path / "out"
    answer = resim(which, hostile, "-q", "--out", f"{kind}={out}", *more.get(which, []))
    if answer.code == 2 and f"{kind}=" in answer.err:  # not one of its formats
        assert not CONTROL.search(answer.out + answer.err)
        return
    assert answer.code in (0, 1, 4), answer
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".yaml"]
    assert written
    for path in written:
        assert not CONTROL.search(path.read_text(encoding="utf-8")), path
        assert not CONTROL.search(path.name)
    assert not CONTROL.search(answer.out + answer.err)


@pytest.mark.parametrize("style", LINT_FORMATS)
def test_no_report_of_lint_carries_a_control(style: str, hostile: str) -> None:
    """For terminals, continuous integration and code scanning alike."""
    said = command("lint", hostile, "--format", style)
    assert said
    assert not CONTROL.search(said)


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize("argv", [["run"], ["run", "--ui", "plain"], ["compare", "--runs", "1"], ["validate"]])
def test_no_answer_carries_a_control(argv: list[str], json_too: bool, hostile: str) -> None:
    """Summaries, lines and documents."""
    assert not CONTROL.search(command(argv[0], hostile, *argv[1:], *(["--json"] if json_too else [])))


def test_no_cell_of_csv_is_a_formula(hostile: str, tmp_path: Path) -> None:
    command("run", hostile, "-q", "--out", f"csv={tmp_path / 'out'}")
    with (tmp_path / "out" / "transitions.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert any(cell.startswith("'@SUM") for cell in cells)
    assert not any(cell[:1] in "=+-@" for cell in cells if cell)


@pytest.mark.parametrize("where", [":5", "@500ms"])
def test_explain_steers_no_terminal(where: str, hostile: str) -> None:
    """The window title became PWN."""
    assert not CONTROL.search(command("explain", f"{hostile}{where}"))


OURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")  # colours and moves of the cursor


def test_the_live_terminal_is_steered_by_no_name(hostile: str) -> None:
    answer = resim("run", hostile, "--ui", "live", "--speed", "max", terminal=True, columns=140)
    assert answer.code in (0, 1, 4), answer
    assert "\x1b[" in answer.out  # it is the live one
    said = OURS.sub("", answer.out) + OURS.sub("", answer.err)
    assert "PWN" in said
    assert not CONTROL.search(said)


@pytest.mark.parametrize("size", [(140, 42), (80, 24)])
def test_neither_the_cockpit_nor_its_picture_carries_a_control(hostile: str, size: tuple[int, int]) -> None:
    """Every panel, a request's story, and what was typed."""
    plan = load(hostile)
    session = Session(plan, Simulation(plan.plan, 7, []), None)
    state = CockpitState(session)
    renderer = PanelRenderer(state)
    breaker = plan.plan.stack[0].id
    session.run.extend(10**9)
    session.run.act(Trip(session.run.source.now + 1, breaker))
    session.run.extend()
    session.run.show(len(session.run.tape))
    state.stream.chosen = 5
    state.policy = breaker
    state.say(f"no such thing: {ALL}")
    seen = ""
    for state.tab in ("stream", "inspector", "log"):
        for state.stream.search in ("", ALL):
            seen += "".join(part.text for row in renderer.screen_rows(*size) for part in row.segments())
            picture = renderer.svg(*size)
            assert not CONTROL.search(picture)
            ElementTree.fromstring(picture)
    assert "PWN" in seen
    assert not CONTROL.search(seen)
