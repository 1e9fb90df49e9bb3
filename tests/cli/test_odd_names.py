"""What somebody gives for a file, and no file can be called: each command says so and ends with 2."""

from __future__ import annotations

import pytest
from fuzz.command_lines import options

from cli.shell import resim
from resilience_sim.cli.app import COMMANDS

ODD = ["x" * 300, "x" * 300 + ".yaml", "x" * 300 + ".resim", "", "a\0b"]


@pytest.mark.parametrize("command", [each for each in COMMANDS if options(each)[1]])
def test_a_name_that_no_file_can_have_is_refused_in_words(here, command):
    """`lint` and `import` ended with an internal error."""
    for name in ODD:
        answer = resim(command, name, "-q")
        if not (name == "" and command in ("list", "explain")):  # then they say what there is
            assert answer.code == 2, name[:9]
            assert (answer.out + answer.err).startswith("error"), name[:9]
            assert "internal" not in answer.out + answer.err


@pytest.mark.parametrize("words", [[], ["play", "--tour"]])
def test_so_is_one_in_place_of_a_command_or_a_tour(here, words):
    for name in ODD[:3]:
        answer = resim(*words, name)
        assert answer.code == 2
        assert "internal" not in answer.out + answer.err


@pytest.mark.parametrize("name", ["", ".", "..", "a/.", " ", "./ ", ".yaml", "a/..yml"])
def test_a_scenario_has_a_name(here, name):
    """`init ""` wrote `.yaml`, and `init ..` wrote `...yaml`."""
    (here / "a").mkdir()
    answer = resim("init", name)
    assert answer.code == 2
    assert "is no name for a scenario" in answer.err
    assert {path.name for path in here.rglob("*")} == {"a", "quick.yaml"}


def test_a_name_may_begin_with_a_dot(here):
    assert resim("init", ".hidden").code == 0
    assert (here / ".hidden.yaml").exists()
