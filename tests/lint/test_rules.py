"""Every rule both ways, and every number against a simulation of the scenario that shows it."""

from __future__ import annotations

import pytest

from lint.cases import CASES, found_in, seen, text_of
from resilience_sim.lint.registry import RULES


def test_every_rule_has_a_case_and_a_page():
    """No rule goes untested or unexplained."""
    assert [rule.code for rule in RULES] == sorted(CASES)
    assert all(len(rule.page) > 100 and rule.title for rule in RULES)


@pytest.mark.parametrize("code", sorted(CASES))
def test_fires_with_exact_numbers(code: str):
    """The scenario has exactly this finding once, with its numbers, its place and a remedy."""
    case = CASES[code]
    found = found_in(text_of(code), code)
    assert len(found) == 1, found
    finding = found[0]
    for name, value in case.expected.items():
        assert finding.numbers[name] == pytest.approx(value, rel=1e-4), name
    assert finding.severity == case.severity
    assert bool(finding.assumes) == case.assumes
    assert finding.line
    assert finding.col
    assert finding.remedy
    assert any(letter.isdigit() for letter in finding.message) or code == "RL009"


@pytest.mark.parametrize("code", sorted(CASES))
def test_falls_silent(code: str):
    """One change, the one that the remedy suggests, and the finding is gone."""
    old, new = CASES[code].calm
    text = text_of(code)
    assert text.count(old) == 1
    assert found_in(text.replace(old, new), code) == []


@pytest.mark.parametrize("code", sorted(CASES))
def test_a_simulation_shows_it(code: str):
    """What was computed is what happens."""
    numbers = found_in(text_of(code), code)[0].numbers
    assert CASES[code].shows(numbers, seen(code))
