"""The table of formats for ``--out FORMAT=PATH`` and ``resim export --to FORMAT``.

Owns their names, meanings and what they need. Refuses to import the formats until one is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from resilience_sim.views.export.base import About, Export


EVENTS = "events"
DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    ``needs``: ``events`` (a recording, or a source while it runs) or ``document`` (the result document).
    ``parts``: the names of its files; the first one goes to the path given, the others beside it. ``suffix`` is what
    such files usually end in. ``database``: a file that only SQLite can write, so no stream; it replaces nothing but a
    database that resim has made.
    """

    name: str
    meaning: str
    needs: str
    suffix: str
    parts: tuple[str, ...] = ("",)
    database: bool = False


FORMATS: tuple[Format, ...] = (
    Format("json", "the result document, resim.result/1", DOCUMENT, ".json"),
    Format("jsonl", "every event, one JSON object per line", EVENTS, ".jsonl"),
    Format(
        "csv",
        "requests, attempts and transitions: three files",
        EVENTS,
        ".csv",
        ("requests", "attempts", "transitions"),
    ),
    Format("csv-requests", "one line per request", EVENTS, ".csv", ("requests",)),
    Format("csv-attempts", "one line per attempt", EVENTS, ".csv", ("attempts",)),
    Format("csv-transitions", "one line per change of a breaker's state", EVENTS, ".csv", ("transitions",)),
    Format("chrome-trace", "spans, breaker states and counters on a time axis, for ui.perfetto.dev", EVENTS, ".json"),
    Format("junit", "expectations as test results, for continuous integration", DOCUMENT, ".xml"),
    Format("markdown", "verdicts and figures, for a pull request", DOCUMENT, ".md"),
    Format(
        "sqlite",
        "a database: requests, attempts, transitions, faults and samples",
        EVENTS,
        ".db",
        database=True,
    ),
)


def format_named(name: str) -> Format | None:
    """The format of that name, or None."""
    return next((known for known in FORMATS if known.name == name), None)


def begin(known: Format, streams: Mapping[str, TextIO], facts: About) -> Export:
    """An export of events that writes to ``streams`` (by part)."""
    first = next(iter(streams.values()))
    if known.name == "jsonl":
        from resilience_sim.views.export.jsonl import JsonlExport

        return JsonlExport(first, facts)
    if known.name == "chrome-trace":
        from resilience_sim.views.export.chrome_trace import ChromeTraceExport

        return ChromeTraceExport(first, facts)
    if known.name.startswith("csv"):
        from resilience_sim.views.export.csv_tables import CsvExport

        return CsvExport(streams, facts)
    if known.database:
        from resilience_sim.views.export.sqlite import SqliteExport

        return SqliteExport(first, facts)
    raise ValueError(f"{known.name} is not an export of events")


def write_document(known: Format, document: Mapping[str, Any], stream: TextIO) -> None:
    """Write the result document in one of the formats that take it."""
    if known.name == "json":
        from resilience_sim.views.document import dumps

        stream.write(dumps(document) + "\n")
    elif known.name == "junit":
        from resilience_sim.views.export import junit

        junit.write(document, stream)
    elif known.name == "markdown":
        from resilience_sim.views.export import markdown

        markdown.write(document, stream)
    else:
        raise ValueError(f"{known.name} does not take the result document")
