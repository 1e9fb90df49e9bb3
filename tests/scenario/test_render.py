"""How findings look: one mistake in every style."""

import json

from resilience_sim.scenario.render import STYLES, render
from resilience_sim.settings.suggest import distance, nearest

from .lab import HEAD, TRAFFIC, findings

FOUND = findings(HEAD + TRAFFIC + "stack:\n  - retry: {attemps: 3, backoff: exponential}\n")


def test_full_has_place_line_caret_and_remedy():
    """The frame of the style guide."""
    assert render(FOUND) == (
        "error[RS012]: unknown key `attemps`\n"
        " --> test.yaml:4:13   stack.0.retry.attemps\n"
        "  |\n"
        "4 |   - retry: {attemps: 3, backoff: exponential}\n"
        "  |             ^^^^^^^ help: did you mean `attempts`?"
    )


def test_concise_is_one_line():
    """For grep and editors."""
    assert render(FOUND, "concise") == "test.yaml:4:13: error[RS012]: unknown key `attemps` (did you mean `attempts`?)"


def test_json_has_every_field():
    """For scripts."""
    (found,) = json.loads(render(FOUND, "json"))
    assert (found["code"], found["line"], found["col"], found["end_col"]) == ("RS012", 4, 13, 20)


def test_github_escapes():
    """Workflow commands."""
    text = render(findings(HEAD + TRAFFIC + "service: {failure_rate: 101%}\n"), "github")
    assert text.startswith("::error file=test.yaml,line=3,col=25,endColumn=28,title=RS015::`101%25`")


def test_colour_only_when_asked():
    """And control characters of the file never reach the terminal."""
    assert "\x1b" not in render(FOUND)
    assert "\x1b[1;31m" in render(FOUND, color=True)
    found = findings('resim: 1\n"\\e[31m": "\\a"\n' + TRAFFIC)
    for style in STYLES:
        assert "\x1b" not in render(found, style)


def test_long_lines_are_cut_around_the_place():
    """A caret stays below what it means."""
    body = "about: '" + "x" * 300 + "'\nservice: {" + " " * 400 + "latncy: 1ms" + " " * 300 + "}\n"
    lines = render(findings(HEAD + TRAFFIC + body)).splitlines()
    assert all(len(line) < 220 for line in lines)
    assert lines[3][lines[4].index("^") :].startswith("latncy")


def test_the_nearest_name_comes_first():
    """Ranked by edits; a swap is one edit."""
    assert distance("retyr", "retry") == 1
    assert distance("kitten", "sitting") == 3
    assert nearest("timout", ["bulkhead", "throttle", "timeout"]) == ["timeout"]
    assert nearest("xyzzy", ["retry", "hedge"]) == []
