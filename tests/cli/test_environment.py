"""Colour, width, live view: what the surroundings decide, in one place."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from itertools import count

import pytest

from cli.shell import QUICK, Typed, resim
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.environment import Environment
from resilience_sim.cli.main import execute

ESC = "\x1b["


@pytest.mark.parametrize(
    ("terminal", "env", "options", "colored"),
    [
        (False, {}, [], False),
        (True, {}, [], True),
        (True, {"NO_COLOR": "1"}, [], False),
        (True, {"NO_COLOR": ""}, [], True),
        (True, {"TERM": "dumb"}, [], False),
        (False, {"FORCE_COLOR": "1"}, [], True),
        (False, {"FORCE_COLOR": "0"}, [], False),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        (True, {"NO_COLOR": "1"}, ["--color", "always"], True),
        (True, {}, ["--color", "never"], False),
        (False, {}, ["--color", "always"], True),
    ],
)
def test_who_gets_colour(here, terminal, env, options, colored):
    """The user's word, then NO_COLOR, FORCE_COLOR, TERM, then the stream; on both streams alike."""
    answer = resim("run", "quick.yaml", "-q", *options, terminal=terminal, env=env)
    assert (ESC in answer.out) == colored
    answer = resim("run", "nothing-like-it", *options, terminal=terminal, env=env)
    assert (ESC in answer.err) == colored
    answer = resim("run", "quick.yaml", "--ui", "plain", *options, terminal=terminal, env=env)
    assert (ESC in answer.out) == colored


@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("argv", [["run", "-q"], ["compare", "-q", "--runs", "2"]])
def test_nothing_is_wider_than_the_terminal(here, columns, argv):
    """Folded on a terminal."""
    answer = resim(argv[0], "quick.yaml", *argv[1:], terminal=True, columns=columns, env={"NO_COLOR": "1"})
    assert max(len(line) for line in answer.out.splitlines()) <= columns


def test_piped_text_is_not_cut(here):
    """Full width where nobody looks at a window."""
    answer = resim("run", "first-look", columns=40)
    assert max(len(line) for line in answer.out.splitlines()) > 100


class HandDriven:
    """A stage whose clock a test turns; see views/live/driver.py."""

    keys = True

    def __init__(self, keys: str = "", stop_after: int = 0) -> None:
        self.stop_asked = False
        self.frames: list[str] = []
        self._now = 0.0
        self._keys = keys
        self._stop_after = stop_after

    def now(self) -> float:
        return self._now

    def size(self) -> tuple[int, int]:
        return 100, 30

    def show(self, sheet) -> None:
        self.frames.append("\n".join(row.plain() for row in sheet.rows))
        if self._stop_after and len(self.frames) >= self._stop_after:
            self.stop_asked = True

    def wait(self, seconds: float) -> str:
        self._now += max(seconds, 0.05)
        keys, self._keys = self._keys, ""
        return keys


def on_stage(stage: HandDriven, *argv: str):
    """A command on a terminal that is a stage."""

    class Theatre(Environment):
        @contextmanager
        def stage(self):
            yield stage

    out, err = io.StringIO(), io.StringIO()
    environment = Theatre(Typed(""), out, err, {"TERM": "xterm", "NO_COLOR": "1"}, True, True, columns=80, rows=24)
    return execute(argv, environment), out.getvalue(), err.getvalue()


def test_a_terminal_gets_the_live_view_then_the_summary(here):
    """And the digest is the same as without."""
    stage = HandDriven()
    code, out, _ = on_stage(stage, "run", "quick.yaml")
    assert code == 0
    assert len(stage.frames) > 20
    assert "quick" in stage.frames[0]
    digest = resim("run", "quick.yaml", "--json").document["variants"][0]["runs"][0]["digest"]
    assert f"digest {digest}" in out


@pytest.mark.parametrize("options", [["-q"], ["--speed", "max"], ["--ui", "plain"], ["--json"], ["--out", "json=-"]])
def test_no_show_when_none_is_wanted(here, options):
    """Quiet, max, plain, a document on standard output."""
    stage = HandDriven()
    assert on_stage(stage, "run", "quick.yaml", *options)[0] == 0
    assert not stage.frames


@pytest.mark.parametrize("stage", [HandDriven(keys="q"), HandDriven(stop_after=5)])
def test_leaving_the_show_keeps_what_there_is(here, stage):
    """Exit code 130, a summary, a recording."""
    code, out, _ = on_stage(stage, "run", "quick.yaml", "--speed", "1x", "--save", "r.resim")
    assert code == 130
    assert "interrupted" in out
    assert resim("replay", "r.resim", "--verify").code == 0


def test_compare_races_and_then_makes_the_table(here):
    """q only ends the race; Ctrl-C ends the command."""
    stage = HandDriven(keys="q")
    code, out, _ = on_stage(stage, "compare", "quick.yaml", "--runs", "5")
    assert code == 0
    assert "alone" in stage.frames[0]
    assert "5 runs each" in out
    code, out, _ = on_stage(HandDriven(stop_after=10), "compare", "quick.yaml", "--runs", "5")
    assert code == 130
    assert "interrupted" in out


def test_replays_are_watched_too(recording):
    """From an instant, and what if."""
    stage = HandDriven()
    code, _, _ = on_stage(stage, "replay", "r.resim", "--from", "15s")
    assert code == 0
    assert "15.0" in stage.frames[0]
    stage = HandDriven()
    code, _, _ = on_stage(stage, "replay", "r.resim", "--set", "retry.attempts=6")
    assert code == 0
    assert "what-if" in stage.frames[0]


def test_live_without_a_terminal_falls_back_to_lines(here):
    """And says so."""
    answer = resim("run", "quick.yaml", "--ui", "live")
    assert answer.code == 0
    assert "needs a terminal" in answer.err
    assert "request" in answer.out


def test_progress_only_on_a_terminal_and_only_after_a_while(here):
    """On standard error, and wiped away."""

    def said(seconds: float) -> tuple[str, str]:
        """On a terminal, where so much time passes between two looks at the clock."""
        ticks = count(step=seconds)
        out, err = io.StringIO(), io.StringIO()
        environment = Environment(
            Typed(""), out, err, {"TERM": "xterm"}, True, True, columns=80, rows=24, clock=lambda: float(next(ticks))
        )
        assert execute(["run", "quick.yaml", "--runs", "6"], environment) == 0
        return out.getvalue(), err.getvalue()

    out, err = said(1.0)
    assert "of 6 runs" in err
    assert err.endswith("\r\x1b[K")
    assert "of 6 runs" not in out
    assert said(0.001)[1] == ""
    assert resim("run", "quick.yaml", "--runs", "6").err == ""


@pytest.mark.parametrize(
    "argv",
    [["--json", "run", "quick.yaml"], ["-q", "run", "quick.yaml"], ["--color", "never", "run", "quick.yaml", "-q"]],
)
def test_shared_flags_may_stand_before_the_command(here, argv):
    """As behind it."""
    answer = resim(*argv, terminal="--color" in argv)
    assert answer.code == 0
    assert ESC not in answer.out
    if "--json" in argv:
        assert answer.document["command"] == "run"
    else:
        assert answer.out.startswith("quick  seed 1")


def test_names_in_any_alphabet_on_a_stream_that_takes_ascii_only(here):
    """The document stays a document, the text stays readable."""
    (here / "x.yaml").write_text(QUICK.replace("name: quick", 'name: "zażółć"'), encoding="utf-8")
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii", errors="backslashreplace")
    assert resim("run", "x.yaml", "--json", stdout=stdout).code == 0
    assert json.loads(raw.getvalue())["scenario"]["name"] == "zażółć"
    assert resim("run", "x.yaml", stdout=stdout).code == 0
    assert b"availability >= 90%" in raw.getvalue()


def test_nothing_in_a_name_steers_the_terminal():
    """A file name with escape sequences is shown without them."""
    answer = resim("run", "\x1b[2Jx.yaml")
    assert answer.code == 2
    assert "\x1b" not in answer.err


def test_verbose_tells_where_time_went(here):
    """On standard error, so that data stay data."""
    answer = resim("run", "quick.yaml", "-v", "--json")
    assert answer.document["error"] is None
    assert "detail: simulated after" in answer.err


def test_progress_says_what_is_known_so_far():
    """The mean of each variant with its interval, from the second run on; one that fits the line."""
    from resilience_sim.cli.watching import Progress, estimates

    assert estimates({"as-written": [0.5], "budget": []}) == ""
    seen = {"as-written": [0.25, 0.27], "budget": [0.83, 0.83, 0.84]}
    assert estimates(seen) == "available: as-written 26% ± 12.7, budget 83.3% ± 1.43"
    assert estimates({"as-written": [0.25, 0.27]}) == "available: 26% ± 12.7"
    times = iter([0.0, 10.0])
    err = io.StringIO()
    environment = Environment(io.StringIO(), io.StringIO(), err, {"TERM": "xterm"}, True, True, 80, 24,
                              clock=lambda: next(times, 20.0))  # fmt: skip
    with Progress(CommandContext(environment, []), "simulating", 40) as progress:
        progress.at(5, "5 of 40 runs", lambda: estimates(seen))
    shown = err.getvalue().split("\r\x1b[K")[1]
    assert shown.startswith("5 of 40 runs  ")
    assert "available: as-written 26% ± 12.7" in shown
    assert len(shown) < 80
