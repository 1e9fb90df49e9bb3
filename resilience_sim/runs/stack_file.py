"""A stack from a file: that of a whole scenario, or of a file that holds only ``stack:``."""

from __future__ import annotations

from resilience_sim.settings.plan import Plan

# Makes a scenario of a file that holds only a stack; appended, so that line numbers stay true.
AROUND_STACK = "\nresim: 1\ntraffic: {rate: 1/s, requests: 1}\n"


def read_stack(source: str) -> Plan:
    """The plan that has the stack. ScenarioError: with every mistake in the file."""
    from resilience_sim.scenario.load import load_text
    from resilience_sim.scenario.text.source import read

    text = read(source)
    whole = any(line.startswith("resim:") for line in text.text.splitlines())
    return load_text(text.text if whole else text.text + AROUND_STACK, str(text.path)).plan
