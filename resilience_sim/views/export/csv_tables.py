"""CSV: the tables of measure/tables.py, a file each. RFC 4180 but for plain line feeds, with a header line, empty for
"never".
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from resilience_sim.kernel.events import Event
from resilience_sim.kernel.text import printable
from resilience_sim.measure.tables import TABLES, TablesFold
from resilience_sim.views.export.base import About, Export

if TYPE_CHECKING:
    pass


NAMES = ("requests", "attempts", "transitions", "services", "links")


def _safe(cell: object) -> object:
    """A name that a spreadsheet would take for a formula is marked as text; controls are replaced."""
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text[:1] in tuple("=+-@") else text


def write_points(document: Mapping[str, Any], stream: TextIO) -> None:
    """The points of a sweep: the settings, how many runs, then mean and interval of each metric."""
    points = document.get("points") or []
    writer = csv.writer(stream, lineterminator="\n")
    if not points:
        return
    paths = list(points[0]["at"])
    metrics = [name for name in points[0] if name not in ("at", "runs", "refined")]
    ends = [(name, f"{name}_low", f"{name}_high") for name in metrics]
    writer.writerow([*map(_safe, paths), "runs", *(each for columns in ends for each in columns)])
    for point in points:
        cells: list[object] = [*(_safe(point["at"][path]) for path in paths), point["runs"]]
        for name in metrics:
            cells += [point[name]["mean"], *(point[name]["ci95"] or (None, None))]
        writer.writerow(cells)


class CsvExport(Export):
    """Writes rows as they are complete; ``streams`` by table name, any of ``NAMES``."""

    def __init__(self, streams: Mapping[str, TextIO], facts: About) -> None:
        super().__init__()
        self._tables = TablesFold(facts.components, facts.deadline_ns)
        self._writers = {name: csv.writer(stream, lineterminator="\n") for name, stream in streams.items()}
        for name, writer in self._writers.items():
            writer.writerow([column.split()[0] for column in TABLES[name]])

    def sees_services(self) -> bool:
        return True

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
            writer.writerows([_safe(cell) for cell in row] for row in rows[name])
