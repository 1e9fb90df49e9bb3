"""The paths that ``--set`` takes, with what they mean.

Owns nothing but the joining of paths and descriptions (scenario/ has both).
"""

from __future__ import annotations

from collections.abc import Iterator


def setting_paths(scenario: str | None) -> Iterator[tuple[str, str]]:
    """Paths of a scenario's own policies and faults by id, or of all kinds when it cannot be loaded."""
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load
    from resilience_sim.scenario.paths import settable_paths

    plan = None
    if scenario and scenario != "-":
        try:
            plan = load(scenario).plan
        except ScenarioError:
            plan = None
    for path in settable_paths(plan):
        yield path, ""
