"""Everything ``resim init --template`` takes.

Owns only the joining of templates and shipped scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator


def all_templates() -> Iterator[tuple[str, str]]:
    """Names and meanings."""
    from resilience_sim.scenario import shipped
    from resilience_sim.scenario.init_templates import TEMPLATES, about

    for name in TEMPLATES:
        yield name, about(name)
    for name in shipped.names():
        yield name, shipped.about(name)
