"""Reading a snippet as a file, for the tests of imports."""

from __future__ import annotations

import textwrap

from resilience_sim.interop import formats
from resilience_sim.interop.formats import Imported
from resilience_sim.interop.registry import FORMATS
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.plan import Plan

NAMES = {name: known.file_name for name, known in FORMATS.items()}


def imported(text: str, path: str, instance: str | None = None, profiles: tuple[str, ...] = ()) -> Imported:
    """One instance of a text."""
    opened = formats.open_config(path, textwrap.dedent(text), profiles)
    assert opened is not None
    file, name = opened
    return formats.convert(file, name, formats.choose(formats.instance_names(file, name), instance, name))


def plan_of(found: Imported) -> Plan:
    """Its scenario, loaded as any other."""
    return load_text(found.text, "imported.yaml", files={}).plan


def codes(found: Imported) -> set[str]:
    """What was reported."""
    return {each.code for each in found.findings}
