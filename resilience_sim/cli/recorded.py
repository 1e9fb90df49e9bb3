"""``--save``: a source that is recorded while it runs, or is not.

Owns only the choice; recording/ and runs/record.py do the work. sqlite3 is imported only when something is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience_sim.runs.simulation import Source
    from resilience_sim.scenario.plan import Scenario


@contextmanager
def recorded(source: Source, scenario: Scenario, path: str | None, variant: str = "as-written") -> Iterator[Source]:
    """The source to run; what it does goes into a recording at ``path``, if one was asked for."""
    if path is None:
        yield source
        return
    from resilience_sim.runs.record import record

    with record(source, scenario, path, variant) as wrapped:
        yield wrapped
