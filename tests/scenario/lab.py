"""What the stories of this folder share: scenarios in a few words, and findings to assert on."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.plan import Plan

HEAD = "resim: 1\n"
TRAFFIC = "traffic: {rate: 1/s, requests: 20}\n"

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")
SOURCE = (Path(__file__).parent / "source.yaml").read_text(encoding="utf-8")


def scenario(body: str = "", *overrides: str, head: str = HEAD + TRAFFIC) -> Scenario:
    """A scenario with this body below the least that is needed."""
    return load_text(head + body, "test.yaml", overrides)


def plan(body: str = "", *overrides: str, head: str = HEAD + TRAFFIC) -> Plan:
    """The plan of such a scenario."""
    return scenario(body, *overrides, head=head).plan


def policy(text: str):
    """The settings of the only policy of a stack."""
    return plan(f"stack:\n  - {text}\n").stack[0]


def fault(text: str, extra: str = ""):
    """The settings of the only fault."""
    return plan(f"faults:\n  - {text}\n{extra}").faults[0]


def traffic(text: str):
    """The settings of the traffic."""
    return plan(f"traffic: {text}\n", head=HEAD).traffic


def findings(text: str, *overrides: str) -> tuple[Diagnostic, ...]:
    """Every finding about a whole text."""
    with pytest.raises(ScenarioError) as caught:
        load_text(text, "test.yaml", overrides)
    return caught.value.diagnostics


def attempt(text: str, *overrides: str) -> tuple[Diagnostic, ...]:
    """Load, and return what was found; nothing when it loads. Any other exception passes."""
    try:
        load_text(text, "test.yaml", overrides)
    except ScenarioError as error:
        return error.diagnostics
    return ()


def finding(body: str, *overrides: str, head: str = HEAD + TRAFFIC) -> Diagnostic:
    """The only finding about a body."""
    found = findings(head + body, *overrides)
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


def marked(found: Diagnostic) -> str:
    """The piece of the source line that the caret underlines."""
    return found.source[found.col - 1 : found.end_col - 1]
