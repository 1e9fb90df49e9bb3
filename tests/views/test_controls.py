"""Text from outside never steers whoever shows it: one gate for terminals, one spelling for JSON."""

from __future__ import annotations

import json

import pytest

from resilience_sim.kernel.text import escaped, printable, shown_safely

CONTROLS = [
    "\x1b]0;PWN\x07",
    "\x1b[2J",
    "\x9b31m",
    "\x00",
    "\x08",
    "\r",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u2028",
    "\ud800",
]
OURS = "\x1b[1mbold\x1b[0m\tand\nlines — 80 %"


@pytest.mark.parametrize("control", CONTROLS)
def test_the_last_gate_before_a_terminal_lets_no_control_through(control: str) -> None:
    shown = shown_safely(f"a{control}b")
    assert printable(shown) == shown
    assert "\x1b" not in shown


def test_colours_and_line_feeds_of_ours_pass() -> None:
    assert shown_safely(OURS) == OURS


@pytest.mark.parametrize("control", CONTROLS)
def test_json_spells_controls_out(control: str) -> None:
    text = escaped(json.dumps({"name": f"ä{control}"}, ensure_ascii=False))
    assert json.loads(text) == {"name": f"ä{control}"}
    assert printable(text.replace("\x7f", "")) == text.replace("\x7f", "")
