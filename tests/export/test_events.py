"""Exports of events: each parses, all agree with each other, and streaming gives what a recording gives."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from recording.lab import SECOND, make_plan, make_scenario, tape_of

from resilience_sim.kernel import events as ev
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.record import record
from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.export import chrome_trace, csv_tables
from resilience_sim.views.export.decode import payload
from resilience_sim.views.export.targets import EVENTS, FORMATS

from .lab import write


def exported(name: str) -> str:
    return write(name, Simulation(make_plan(), 1))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "lab.resim"
    plan = make_plan()
    with record(Simulation(plan, 1), make_scenario(plan), path) as source:
        source.run()
    return path


@pytest.fixture(scope="module")
def lines() -> list[dict]:
    return [json.loads(line) for line in exported("jsonl").splitlines()]


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, str]]]:
    return {name: list(csv.DictReader(io.StringIO(exported(f"csv-{name}")))) for name in csv_tables.NAMES}


@pytest.fixture(scope="module")
def trace() -> list[dict]:
    return json.loads(exported("chrome-trace"))["traceEvents"]


@pytest.mark.parametrize("name", [known.name for known in FORMATS if known.needs == EVENTS and not known.database])
def test_streaming_gives_what_the_recording_gives(name, recorded):
    with open_recording(recorded) as recording:
        assert write(name, recording) == exported(name)


def test_jsonl_has_every_event(lines):
    events, simulation = tape_of(make_plan())
    header, *rest = lines
    assert header["schema"] == "resim.events/1"
    assert (header["scenario"], header["seed"]) == ("lab", 1)
    assert len(header["components"]) == len(simulation.components)
    assert [(round(line["t"] * SECOND), line["kind"], line.get("rid", -1)) for line in rest] == [
        (t, ev.KIND_NAMES[kind], rid) for t, kind, _, rid, _, _ in events
    ]


def test_payloads_are_decoded(lines):
    by_kind = {}
    for line in lines[1:]:
        by_kind.setdefault(line["kind"], line)
    assert by_kind["arrive"]["by"] == "A#1"
    assert by_kind["arrive"]["admission"] == "admitted"
    assert by_kind["sent"]["attempt"] == 1
    assert by_kind["received"]["reception"] == "started"
    assert by_kind["received"]["by"].startswith("B#")
    assert by_kind["breaker"]["from"] == "CLOSED"
    assert by_kind["breaker"]["to"] == "OPEN"
    assert by_kind["breaker"]["why"] == "failures_in_a_row"
    assert by_kind["breaker"]["threshold"] == 4
    assert by_kind["timed_out"]["after"] == 0.3
    assert by_kind["fault_on"] | {"until": 2.0, "by": "main"} == by_kind["fault_on"]
    assert "instance" not in by_kind["fault_on"]


def test_every_kind_has_names_for_its_payload():
    for kind in range(1, len(ev.KIND_NAMES)):
        found = payload(kind, 1, 1)
        assert "a" not in found
        json.dumps(found)
        json.dumps(payload(kind, (1 << 62) - 1, (1 << 62) - 1))
    assert payload(99, 1, 2) == {"a": 1, "b": 2}


def test_formats_agree(lines, tables, trace):
    kinds = Counter(line["kind"] for line in lines[1:])
    assert len(tables["requests"]) == kinds["arrive"] == 400
    assert len(tables["attempts"]) == kinds["sent"] > 300
    assert len(tables["transitions"]) == kinds["breaker"] > 0
    begun = Counter(entry["cat"] for entry in trace if entry["ph"] == "b")
    assert begun["request"] == kinds["arrive"]
    assert begun["attempt"] == kinds["sent"]
    assert begun["work"] == sum(row["began_s"] != "" for row in tables["attempts"])
    outcomes = Counter(line["outcome"] for line in lines if line.get("kind") == "done")
    outcomes["unanswered"] += kinds["arrive"] - kinds["done"]
    assert +outcomes == Counter(row["outcome"] for row in tables["requests"])
    named = Counter(entry["name"].removeprefix("request ") for entry in trace if entry.get("cat") == "request")
    assert {name: count // 2 for name, count in named.items()} == dict(+outcomes)


def test_trace_spans_are_balanced(trace):
    open_spans: dict[tuple, float] = {}
    ends = 0
    for entry in trace:
        key = (entry.get("cat"), entry.get("id"), entry["pid"])
        if entry["ph"] == "b":
            assert key not in open_spans
            open_spans[key] = entry["ts"]
        elif entry["ph"] == "e":
            ends += 1
            assert entry["ts"] >= open_spans.pop(key)
    assert ends > 700
    assert open_spans == {}


def test_breaker_track_has_no_gap_and_no_overlap(trace):
    _, simulation = tape_of(make_plan())
    breakers = {component.id for component in simulation.components if component.kind == "circuit_breaker"}
    assert len(breakers) == 2
    for breaker in breakers:
        slices = [entry for entry in trace if entry.get("cat") == "breaker" and entry["tid"] == breaker + 1]
        at = 0.0
        for piece in slices:
            assert piece["ts"] == pytest.approx(at, abs=1e-6)
            at = piece["ts"] + piece["dur"]
        assert at == pytest.approx(simulation.now / 1000)
        assert {"CLOSED", "OPEN", "HALF_OPEN"} <= {piece["name"] for piece in slices}


def test_trace_names_its_tracks_and_counts(trace):
    tracks = {entry["args"]["name"] for entry in trace if entry["ph"] == "M" and entry["name"] == "thread_name"}
    assert tracks == {"breaker breaker@0", "breaker breaker@1", "main"}
    counters = {entry["name"] for entry in trace if entry["ph"] == "C"}
    assert counters == {"requests in flight", "attempts in flight", "queue at B", "success %"}
    (fault,) = [entry for entry in trace if entry.get("cat") == "fault"]
    assert (fault["name"], fault["ts"], fault["dur"]) == ("main", 1e6, 1e6)


def test_instants_keep_their_nanoseconds_after_virtual_years():
    stream = io.StringIO()
    _, simulation = tape_of(make_plan(1))
    from resilience_sim.views.export.base import about

    export = chrome_trace.ChromeTraceExport(stream, about(simulation))
    year = 365 * 86400 * SECOND + 1
    export.on_event(year, ev.FAULT_ON, 5, -1, 0, year + SECOND)
    export.close(year + SECOND)
    assert f'"ts":{year // 1000}.001' in stream.getvalue()
    json.loads(stream.getvalue())
