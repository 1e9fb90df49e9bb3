"""The rules of one stack, said of a link between two services: the same findings, with its name."""

from __future__ import annotations

import pytest
import yaml

from lint.cases import CASES, found_in, text_of
from resilience_sim.lint.finding import Finding


def moved(text: str) -> str:
    """The scenario with its stack on a link: `front`, which does nothing itself, calls `back` through it."""
    tree = yaml.safe_load(text.replace(" on: ", ' "on": '))
    call = {"to": "back", "stack": tree.pop("stack", [])}
    if "operation" in tree:
        call["operation"] = tree.pop("operation")
    front = {"calls": [call]}
    client = tree.get("client", {})
    if client.pop("instances", 0) > 1:
        front["replicas"] = client["instances"]
    for each in tree.get("faults", []):
        ((kind, body),) = each.items()
        if kind != "spike":
            body["service"] = "back"
    tree["services"] = {"front": front, "back": tree.pop("service", {}) or {}}
    tree.pop("expect", None)
    return yaml.safe_dump(tree, sort_keys=False)


def on_link(text: str, code: str) -> list[Finding]:
    return [each for each in found_in(text, code) if each.instance == "front > back"]


# of the users, and of Service A: not of a link
OF_A = {"RL001": "the deadline", "RL004": "its threads", "RL015": "the deadline", "RL024": "its threads"}
ONE_STACK = [code for code in sorted(CASES) if code < "RL033" and code not in OF_A]


@pytest.mark.parametrize("code", ONE_STACK)
def test_a_link_has_the_finding_of_a_stack(code: str) -> None:
    (alone,) = found_in(text_of(code), code)
    (found,) = on_link(moved(text_of(code)), code)
    assert found.severity == alone.severity
    for name, value in alone.numbers.items():
        assert found.numbers[name] == pytest.approx(value, rel=1e-6), name
    assert found.headline.startswith("[front > back] ")
    assert " B " not in found.text + found.remedy
    assert "Service A" not in found.text + found.remedy
    assert found.path.startswith(("services.front.calls.0.stack", "services.back"))
    old, new = CASES[code].calm
    assert on_link(moved(text_of(code).replace(old, new)), code) == []
