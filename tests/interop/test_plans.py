"""The linter's way from a file to plans, which leaves out the text: it must lead to the same plans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resilience_sim.interop import formats
from resilience_sim.interop.registry import FORMATS
from resilience_sim.lint.subject import of_config
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text

HERE = Path(__file__).parent
FILES = sorted(each for folder in ("files", "cases") for each in (HERE / folder).rglob("*") if each.is_file())
SETTINGS = ((), ("traffic.rate=8/s", "client.instances=3"))


@pytest.mark.parametrize("path", FILES, ids=lambda each: str(each.relative_to(HERE)))
def test_the_plan_is_that_of_the_text(path: Path):
    """With what was assumed, and with other traffic."""
    try:
        opened = formats.open_config(path.name, path.read_text(encoding="utf-8"))
    except ScenarioError:
        return
    if opened is None:
        return
    names = formats.instance_names(*opened)
    for settings in SETTINGS:
        for subject, name in zip(of_config(opened, settings), names, strict=True):
            text = formats.convert(*opened, name).text
            loaded = replace(load_text(text, "x.yaml", settings, files={}).plan, name="", about="")
            assert replace(subject, plan=loaded).plan == subject.plan


def test_every_format_has_a_file_here():
    """Else the test above would say nothing about one."""
    known = set()
    for path in FILES:
        try:
            opened = formats.open_config(path.name, path.read_text(encoding="utf-8"))
        except ScenarioError:
            continue
        known.add(opened[1] if opened else "")
    assert known >= set(FORMATS)
