"""``FORMAT=PATH``: the table of formats, opening all outputs before a run, completing them after it.

Nothing is ever half-written: every file is written beside its place and renamed when it is complete. A mistyped format,
a missing folder or a lack of rights shows before anything is simulated. A format's module is imported when it is used.

``PATH`` is a file, or ``-`` for standard output (one output only). ``csv=PATH``: a folder (an existing one, or a path
without a suffix, which is made) gets ``requests.csv``, ``attempts.csv`` and ``transitions.csv``; a file ``x.csv``
gets the requests and ``x-attempts.csv`` and ``x-transitions.csv`` beside it. On standard output it is the requests
alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from resilience_sim.kernel.events import Component
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.outer_events import OuterEvents
from resilience_sim.measure.tables import TABLES
from resilience_sim.views.export.base import Export, RecordedRun, about
from resilience_sim.views.export.files import ExportError, OutputFile, problem, same_file

if TYPE_CHECKING:
    from resilience_sim.runs.simulation import Source
    from resilience_sim.views.chosen import Chosen
    from resilience_sim.views.export.base import About, Export


EVENTS = "events"
DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    ``needs``: ``events`` (a recording, or a source while it runs) or ``document`` (the result document).
    ``parts``: the names of its files; the first one goes to the path given, the others beside it. ``suffix`` is what
    such files usually end in. ``begins`` is a pattern of how they begin, which tells an earlier output from a file of
    somebody's. ``database``: a file that only SQLite can write, so no stream.
    """

    name: str
    meaning: str
    needs: str
    suffix: str
    parts: tuple[str, ...] = ("",)
    database: bool = False
    begins: str = ""


# Any table: whoever asks for csv=x.csv after csv-attempts=x.csv loses nothing that is not made again.
_TABLE = "|".join(f"{re.escape(','.join(column.split()[0] for column in columns))}\\n" for columns in TABLES.values())

FORMATS: tuple[Format, ...] = (
    Format(
        "json",
        "the result document, resim.result/1",
        DOCUMENT,
        ".json",
        begins=r'\{\s*"schema": "resim\.result/',
    ),
    Format(
        "jsonl",
        "every event, one JSON object per line",
        EVENTS,
        ".jsonl",
        begins=r'\{"schema": "resim\.events/',
    ),
    Format(
        "csv",
        "requests, attempts, transitions, services and links: five files",
        EVENTS,
        ".csv",
        ("requests", "attempts", "transitions", "services", "links"),
        begins=_TABLE,
    ),
    Format("csv-requests", "one line per request", EVENTS, ".csv", ("requests",), begins=_TABLE),
    Format("csv-attempts", "one line per attempt", EVENTS, ".csv", ("attempts",), begins=_TABLE),
    Format(
        "csv-transitions",
        "one line per change of a breaker's state",
        EVENTS,
        ".csv",
        ("transitions",),
        begins=_TABLE,
    ),
    Format("csv-services", "one line per service and second", EVENTS, ".csv", ("services",), begins=_TABLE),
    Format("csv-links", "one line per link and second", EVENTS, ".csv", ("links",), begins=_TABLE),
    Format(
        "chrome-trace",
        "spans, breaker states and counters on a time axis, for ui.perfetto.dev",
        EVENTS,
        ".json",
        begins=r'\{"displayTimeUnit":"ms","otherData":\{"scenario":.*"resim":',
    ),
    Format(
        "otlp",
        "spans for OpenTelemetry: OTLP/JSON, one object per line",
        EVENTS,
        ".otlp",
        begins=r'\{"resourceSpans":\[\{"resource":\{"attributes":\[\{"key":"service\.name"',
    ),
    Format(
        "junit",
        "expectations as test results, for continuous integration",
        DOCUMENT,
        ".xml",
        begins=r'<\?xml [^>]*>\s*<testsuites name="resim"',
    ),
    Format("markdown", "verdicts and figures, for a pull request", DOCUMENT, ".md", begins=r"### resim \w+: "),
    Format(
        "html",
        "a report: verdicts, causes, charts and all figures in one file, which needs no network",
        DOCUMENT,
        ".html",
        begins=r"<!doctype html>\n<html[^>]*><head><meta charset=\"utf-8\"><meta http-equiv",
    ),
    Format(
        "sqlite",
        "a database: requests, attempts, transitions, faults, samples, services and links",
        EVENTS,
        ".db",
        database=True,
    ),
)

# Of the commands that make many runs for one question
POINTS = Format("csv", "one line per point", DOCUMENT, ".csv", ("points",), begins=r"[^\n]*,runs,[^\n]*\n")
PAGE = next(each for each in FORMATS if each.name == "html")
OF_MARGINS: tuple[Format, ...] = (FORMATS[0], PAGE)
OF_SNAPSHOT: tuple[Format, ...] = tuple(each for each in FORMATS if each.name in ("json", "markdown"))
OF_SWEEP: tuple[Format, ...] = (FORMATS[0], POINTS, PAGE)

FILM = "film"
OF_FILM: tuple[Format, ...] = (
    Format("gif", "a picture for anywhere", FILM, ".gif", begins=r"(?s)GIF89a.{,3000}; resim run --record"),
    Format(
        "svg", "a sharp picture for pages", FILM, ".svg", begins=r"<svg [^>]*>\n<title>[^<]*</title><desc>moves on "
    ),
    Format(
        "cast",
        "for asciinema",
        FILM,
        ".cast",
        begins=r'\{"version": 2, "width": \d+, "height": \d+, "command": "resim ',
    ),
)


def format_named(name: str, formats: Sequence[Format] = FORMATS) -> Format | None:
    return next((known for known in formats if known.name == name), None)


def begin(known: Format, streams: Mapping[str, TextIO], facts: About) -> Export:
    """An export of events that writes to ``streams`` (by part)."""
    first = next(iter(streams.values()))
    if known.name == "jsonl":
        from resilience_sim.views.export.jsonl import JsonlExport

        return JsonlExport(first, facts)
    if known.name == "chrome-trace":
        from resilience_sim.views.export.chrome_trace import ChromeTraceExport

        return ChromeTraceExport(first, facts)
    if known.name == "otlp":
        from resilience_sim.views.export.otlp import OtlpExport

        return OtlpExport(first, facts)
    if known.name.startswith("csv"):
        from resilience_sim.views.export.csv_tables import CsvExport

        return CsvExport(streams, facts)
    if known.database:
        from resilience_sim.views.export.sqlite import SqliteExport

        return SqliteExport(first, facts)
    raise ValueError(f"{known.name} is not an export of events")


def write_document(
    known: Format, document: Mapping[str, Any], stream: TextIO, spoken: str = "", chosen: Sequence[Chosen] = ()
) -> None:
    """``spoken``: what the command prints, as HTML, for a page; ``chosen``: requests that it tells of."""
    if known.name == "json":
        from resilience_sim.views.document import dumps

        stream.write(dumps(document) + "\n")
    elif known.name == "junit":
        from resilience_sim.views.export import junit

        junit.write(document, stream)
    elif known.name == "markdown":
        from resilience_sim.views.export import markdown

        markdown.write(document, stream)
    elif known is PAGE:
        from resilience_sim.views.export import report

        report.write(document, spoken, stream, chosen)
    elif known is POINTS:
        from resilience_sim.views.export.csv_tables import write_points

        write_points(document, stream)
    else:
        raise ValueError(f"{known.name} does not take the result document")


STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Target:
    """One output asked for: a format, and the path of each of its parts (None: standard output)."""

    format: Format
    paths: Mapping[str, Path | None]


def parse_target(spec: str, formats: Sequence[Format] = FORMATS) -> Target:
    """``FORMAT=PATH``, or a path whose ending says the format, to a target. ExportError when it is neither."""
    name, equals, path = spec.partition("=")
    known = format_named(name, formats)
    if not equals and known is None:
        by_ending = next((each for each in formats if each.suffix == Path(spec).suffix), None)
        if by_ending is not None:
            return Target(by_ending, _paths(by_ending, spec))
    if known is None:
        near = difflib.get_close_matches(name, [other.name for other in formats], 1)
        guess = f"did you mean `{near[0]}`?" if near else f"formats: {', '.join(other.name for other in formats)}"
        raise ExportError(spec, f"unknown format `{name}`", guess)
    if not equals or not path:
        raise ExportError(spec, "no path", f"write `{name}=PATH`, or `{name}=-` for standard output")
    if known.database and path == STDOUT:
        raise ExportError(spec, "a database cannot go to standard output", f"name a file: {name}=run{known.suffix}")
    return Target(known, _paths(known, path))


def _paths(known: Format, path: str) -> dict[str, Path | None]:
    if path == STDOUT:
        return {known.parts[0]: None}
    place = Path(path)
    if len(known.parts) == 1:
        return {known.parts[0]: place}
    if place.is_dir() or path.endswith(("/", "\\")) or not place.suffix:
        return {part: place / f"{part}{known.suffix}" for part in known.parts}
    beside = {part: place.with_name(f"{place.stem}-{part}{place.suffix}") for part in known.parts[1:]}
    return {known.parts[0]: place, **beside}


class _Exports(Fold):
    """The exports of a run as one fold, so that a full disk is reported with its file."""

    def __init__(self, exports: list[tuple[Target, Export]], components: Sequence[Component]) -> None:
        entry = next((each.node for each in components if each.kind == "service"), "")
        inner = frozenset(
            each.id for each in components if each.link or (each.node != entry and each.kind in ("service", "replica"))
        )
        self._exports: list[tuple[Target, Fold]] = [
            (target, export if export.sees_services() or not inner else OuterEvents(export, inner))
            for target, export in exports
        ]

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        for target, export in self._exports:
            try:
                export.on_event(t, kind, source, rid, a, b)
            except OSError as error:
                raise _failure(target, error) from error


class Outputs:
    """All outputs of a command, open. As a context manager: what is not finished by its end leaves no trace.

    ::

        with open_outputs(specs, sys.stdout) as outputs:
            outputs.attach(source)          # before the first step; only concerns exports of events
            ...                             # run
            outputs.finish(document)        # also after Ctrl-C, to keep what there is
    """

    def __init__(self, opened: list[tuple[Target, dict[str, OutputFile]]]) -> None:
        self._opened = opened
        self._exports: list[tuple[Target, Export]] = []
        self._run: RecordedRun | Source | None = None
        self._finished = False

    @property
    def needs_events(self) -> bool:
        return any(target.format.needs == EVENTS for target, _ in self._opened)

    @property
    def needs_document(self) -> bool:
        return any(target.format.needs == DOCUMENT for target, _ in self._opened)

    @property
    def needs_page(self) -> bool:
        return any(target.format is PAGE for target, _ in self._opened)

    @property
    def uses_stdout(self) -> bool:
        return any(None in target.paths.values() for target, _ in self._opened)

    def attach(self, source: Source) -> None:
        """Let the exports of events see a run from its first event on."""
        if self.needs_events:
            source.attach(self._begin(source))

    def play(self, recording: RecordedRun) -> None:
        """Feed the exports of events with a whole recording."""
        if self.needs_events:
            fold = self._begin(recording)
            for event in recording.iter_events():
                fold.on_event(*event)

    def finish(
        self, document: Mapping[str, Any] | None = None, spoken: str = "", chosen: Sequence[Chosen] = ()
    ) -> None:
        """Complete every output and put it in its place. ExportError when one cannot be; the others are completed."""
        failures: list[Exception] = []
        end = 0 if self._run is None else self._run.end if isinstance(self._run, RecordedRun) else self._run.now
        exports = {id(target): export for target, export in self._exports}
        for target, files in self._opened:
            try:
                if id(target) in exports:
                    exports[id(target)].close(end)
                elif target.format.needs == DOCUMENT and document is not None:
                    write_document(target.format, document, next(iter(files.values())).stream, spoken, chosen)
                else:
                    continue
                for file in files.values():
                    file.complete()
            except OSError as error:
                failures.append(_failure(target, error))
        self.abort()
        if failures:
            raise failures[0]

    def abort(self) -> None:
        """Remove whatever is not complete."""
        self._finished = True
        for _, export in self._exports:
            export.abandon()
        for _, files in self._opened:
            for file in reversed(files.values()):  # the first one may have made the folder of the others
                file.discard()

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            self.abort()

    def _begin(self, run: RecordedRun | Source) -> _Exports:
        self._run = run
        facts = about(run)
        for target, files in self._opened:
            if target.format.needs == EVENTS:
                try:
                    streams = {part: file.stream for part, file in files.items()}
                    self._exports.append((target, begin(target.format, streams, facts)))
                except OSError as error:
                    raise _failure(target, error) from error
        return _Exports(self._exports, facts.components)


def open_outputs(
    specs: Sequence[str],
    stdout: TextIO,
    inputs: Iterable[str | Path] = (),
    force: bool = False,
    formats: Sequence[Format] = FORMATS,
) -> Outputs:
    """Open everything that ``--out`` asks for. ExportError, and nothing touched, when anything is wrong.

    ``inputs``: files that the command reads (or writes by itself), which no output may replace, not even with
    ``force``: that replaces files which are no earlier output of the same format.
    """
    targets = [parse_target(spec, formats) for spec in specs]
    seen: set[Path | None] = set()
    for target, spec in zip(targets, specs, strict=True):
        for path in target.paths.values():
            key = None if path is None else path.absolute()
            if path is not None and any(same_file(path, one) for one in inputs):
                raise ExportError(spec, "this command itself uses that file", "choose another path")
            if key in seen:
                what = "standard output is" if path is None else f"{path} is"
                raise ExportError(spec, f"{what} already taken by another output", "give each output a path of its own")
            seen.add(key)
    opened: list[tuple[Target, dict[str, OutputFile]]] = []
    outputs = Outputs(opened)
    try:
        for target in targets:
            files: dict[str, OutputFile] = {}
            opened.append((target, files))
            for part, path in target.paths.items():
                files[part] = OutputFile(
                    path,
                    stdout,
                    make_folder=path is not None and len(target.paths) > 1 and path.stem == part,
                    database=target.format.database,
                    begins=target.format.begins,
                    force=force,
                )
    except OSError as error:
        outputs.abort()
        raise _failure(opened[-1][0], error) from error
    return outputs


def _failure(target: Target, error: OSError) -> Exception:
    """The error to report; one of standard output, or a pipe that nobody reads any more, is none of a file."""
    path = next(iter(target.paths.values()))
    if isinstance(error, BrokenPipeError) or path is None:
        return error
    return ExportError(f"{target.format.name}={path}", *problem(error))
