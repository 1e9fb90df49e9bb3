"""CSV: the tables of measure/tables.py, a file each. RFC 4180 but for plain line feeds, with a header line, empty for
"never".
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from resilience_sim.kernel.events import Event
from resilience_sim.measure.tables import TABLES, TablesFold
from resilience_sim.views.export.base import About, Export

if TYPE_CHECKING:
    pass


NAMES = ("requests", "attempts", "transitions")


class CsvExport(Export):
    """Writes rows as they are complete; ``streams`` by table name, any of ``NAMES``."""

    def __init__(self, streams: Mapping[str, TextIO], facts: About) -> None:
        super().__init__()
        self._tables = TablesFold(facts.components, facts.deadline_ns)
        self._writers = {name: csv.writer(stream, lineterminator="\n") for name, stream in streams.items()}
        for name, writer in self._writers.items():
            writer.writerow([column.split()[0] for column in TABLES[name]])

    def take(self, events: list[Event]) -> None:
        self._tables.take(events)
        self._write()

    def finish(self, end: int) -> None:
        """Write what is still open as unanswered."""
        self._tables.close()
        self._write()

    def _write(self) -> None:
        rows = self._tables.drain()
        for name, writer in self._writers.items():
            writer.writerows(rows[name])
