"""Recordings with valid fingerprints, which anybody can make, and contents that no run can have had."""

from __future__ import annotations

import io
import json
import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest

from resilience_sim.cli.environment import Environment
from resilience_sim.cli.main import execute
from resilience_sim.kernel.events import (
    BREAKER,
    DONE,
    KIND_NAMES,
    OUTCOME_NAMES,
    RECEIVED,
    RECEPTION_NAMES,
    Component,
    Event,
    pack_change,
)
from resilience_sim.recording import layout, reader
from resilience_sim.recording.encode import encode
from resilience_sim.recording.layout import RecordingError, State
from resilience_sim.recording.reader import open_recording

from .test_formats import old

LAST = (1 << 63) - 1


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return old(tmp_path_factory.mktemp("forged"), 2)


def forge(honest: Path, path: Path, change, components=None, digest: str | None = None, end: int | None = None) -> Path:
    """A recording of other events, with fingerprints that fit."""
    with open_recording(honest) as recording:
        events: list[Event] = change(list(recording.iter_events()))
        state, meta = recording.state, recording.meta
        rows = [layout.component_row(each) for each in components or recording.components]
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA application_id = {layout.APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {layout.FORMAT}")
        for statement in layout.SCHEMA:
            db.execute(statement)
        db.executemany("INSERT INTO meta VALUES (?, ?)", meta.pairs())
        db.executemany("INSERT INTO components VALUES (?, ?, ?, ?, ?, ?)", rows)
        head = layout.head_of(meta.pairs(), [], rows)
        first, last, data = events[0][0], events[-1][0], encode(events)
        chain = layout.chain_chunk(head, 0, len(events), first, last, data)
        db.execute("INSERT INTO chunks VALUES (0, ?, ?, ?, ?, ?)", (len(events), first, last, data, chain))
        digest, end = state.digest if digest is None else digest, state.end_ns if end is None else end
        forged = State(True, len(events), 1, 0, end, digest, head, chain, head)
        db.execute("INSERT INTO state VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", forged.row())
    db.close()
    return path


def each(**new):
    """A change that gives some fields of every event another value."""
    names = ("t", "kind", "source", "rid", "a", "b")

    def change(events):
        return [tuple(new.get(name, value) for name, value in zip(names, event, strict=True)) for event in events]

    return change


def resim(*argv: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    return execute(argv, Environment(io.StringIO(), out, err)), out.getvalue() + err.getvalue()


def test_the_forger_knows_his_trade(honest: Path, tmp_path: Path) -> None:
    path = forge(honest, tmp_path / "f.resim", lambda events: events)
    assert resim("replay", str(path), "--verify", "-q")[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        each(rid=1 << 62),
        each(rid=-2),
        each(source=99_999),
        each(source=-5),
        lambda events: [(t, kind, source, rid * 10**6, a, b) for t, kind, source, rid, a, b in events],
        lambda events: [events[0], *events[-2:0:-1], events[-1]],
        lambda events: [*events, (LAST, *events[-1][1:])],
        lambda events: [(-(10**9), *events[0][1:]), *events[1:]],
        each(kind=0),
        each(kind=len(KIND_NAMES)),
        lambda events: [(events[0][0], -(1 << 62), *events[0][2:]), *events[1:]],
        each(a=-1),
        each(a=1 << 62),
        each(b=-2),
        each(b=1 << 62),
        each(kind=DONE, a=len(OUTCOME_NAMES)),
        each(kind=BREAKER, a=pack_change(0, 3, 1)),
        each(kind=RECEIVED, b=len(RECEPTION_NAMES)),
    ],
    ids=["rids huge", "rids negative", "unknown source", "negative source", "rids far", "backwards", "late", "early",
         "no kind", "kind unknown", "kind negative", "a negative", "a huge", "b negative", "b huge", "outcome unknown",
         "state unknown", "reception unknown"],
)  # fmt: skip
def test_events_that_cannot_have_happened_are_refused(honest: Path, tmp_path: Path, change) -> None:
    """Not left to whoever reads them: the interpreted core gave up on some that the compiled one showed."""
    path = forge(honest, tmp_path / "f.resim", change)
    with pytest.raises(RecordingError, match=r"cannot have happened|changed"), open_recording(path) as recording:
        list(recording.iter_events())


@pytest.mark.parametrize(("end", "digest"), [(-1, None), (LAST, None), (None, "\x1b]0;PWN\x07")])
def test_a_state_that_cannot_be_is_refused(honest: Path, tmp_path: Path, end, digest) -> None:
    with pytest.raises(RecordingError, match="how much there is"):
        open_recording(forge(honest, tmp_path / "f.resim", lambda events: events, end=end, digest=digest))


@pytest.mark.parametrize(
    "change",
    [
        each(a=LAST),
        each(a=10**12),
        each(a=-LAST),
        each(b=LAST),
        lambda events: [event for event in events if event[1] == DONE],
        lambda events: [(t, last[1], source, rid, a, b) for (t, _, source, rid, a, b), last in
                        zip(events, reversed(events), strict=True)],
    ],
    ids=["a huge", "a large", "a negative", "b huge", "only ends", "kinds reversed"],
)  # fmt: skip
@pytest.mark.parametrize(
    "command",
    ["replay F -q", "replay F --ui plain --speed max", "export F --to csv-attempts", "export F --to chrome-trace",
     "export F --to markdown", "export F --to sqlite -o F.db", "explain F:17"],
)  # fmt: skip
def test_payloads_without_sense_never_look_like_an_internal_error(
    honest: Path, tmp_path: Path, change, command: str
) -> None:
    path = forge(honest, tmp_path / "f.resim", change)
    code, said = resim(*command.replace("F", str(path)).split())
    assert code != 3, said
    assert "Traceback" not in said
    assert not [left.name for left in tmp_path.iterdir() if left.name.startswith(".")]


def test_components_without_sense(honest: Path, tmp_path: Path) -> None:
    with open_recording(honest) as recording:
        twisted = [
            Component(each.id, "circuit_breaker", "\x1b]0;PWN\x07", -1, 10**9, "x") for each in recording.components
        ]
    path = forge(honest, tmp_path / "f.resim", lambda events: events, twisted)
    code, said = resim("explain", f"{path}@26s")
    assert code in (0, 2), said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    "twist",
    [
        lambda each: (each.id + 10**12, each.kind, each.name, each.instance),
        lambda each: (each.id * 2, each.kind, each.name, each.instance),
        lambda each: (each.id, each.kind, each.name, 10**12),
        lambda each: (each.id, each.kind, each.name, "x"),
    ],
    ids=["ids far", "gaps", "instance far", "text"],
)
@pytest.mark.parametrize("command", ["replay F -q", "export F --to csv-requests", "explain F@1s"])
def test_a_directory_that_no_run_has_is_refused(honest: Path, tmp_path: Path, twist, command: str) -> None:
    """Component 10**12 took memory for as many: an internal error."""
    with open_recording(honest) as recording:
        twisted = [Component(*twist(each), each.number, each.node) for each in recording.components]
    path = forge(honest, tmp_path / "f.resim", lambda events: events, twisted)
    code, said = resim(*command.replace("F", str(path)).split())
    assert code == 2
    assert "the recording is damaged: its directory of components cannot be" in said


@pytest.mark.parametrize("name", ["files", "meta", "state"])
def test_a_view_in_place_of_a_table_does_not_keep_it_busy(honest: Path, tmp_path: Path, name: str) -> None:
    path = forge(honest, tmp_path / "f.resim", lambda events: events)
    with sqlite3.connect(path) as db:
        db.execute(f"ALTER TABLE {name} RENAME TO other")
        db.execute(
            f"CREATE VIEW {name} AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n AS key, "
            "n AS value, n AS name, n AS content FROM c"
        )
    with pytest.raises(RecordingError, match="incomplete"):
        open_recording(path)


def test_values_beyond_the_limit_are_refused(honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_LONGEST", 10_000)
    path = forge(honest, tmp_path / "f.resim", lambda events: events)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE chunks SET data = zeroblob(20000)")
    with pytest.raises(RecordingError, match="too big"):
        open_recording(path)


def test_a_deeply_nested_action(honest: Path, tmp_path: Path) -> None:
    path = forge(honest, tmp_path / "f.resim", lambda events: events)
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO actions VALUES (0, 0, 0, 'set', ?, '')", ("[" * 100_000,))
    with pytest.raises(RecordingError, match="damaged"):
        open_recording(path)


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        ("inject", 5),
        ("inject", {"fault": 5}),
        ("inject", {"fault": {"=": "FaultConfig", "kind": "outage", "id": "a", "at": "x", "duration": 1}}),
        ("inject", {"fault": {"=": "FaultConfig", "kind": "outage", "id": "a", "at": 1, "duration": 1 << 63}}),
        ("add", {"policy": {"=": "TimeoutConfig", "id": "t", "after": 1e400}, "position": 0}),
        ("add", {"policy": {"=": "TimeoutConfig", "id": "t", "after": True}, "position": 0}),
        ("reorder", {"order": [1, None]}),
        ("remove", {"policy": ["x"]}),
        ("whole", 5),
        ("whole", {"components": 5}),
        ("whole", {"components": [5]}),
    ],
)
@pytest.mark.parametrize("command", ["replay F -q", "export F --to markdown", "explain F:1", "replay F --verify"])
def test_actions_that_nobody_can_have_done(honest: Path, tmp_path: Path, kind: str, detail, command: str) -> None:
    """An `int` without items was an internal error; numbers of any size went on into the engine."""
    path = forge(honest, tmp_path / "f.resim", lambda events: events)
    with sqlite3.connect(path) as db:
        head, chain = db.execute("SELECT head, chain FROM state").fetchone()
        row = (0, 3, 10**9, kind, json.dumps({"action": detail} if kind != "whole" else detail))
        link = layout.fingerprint(head, *row)
        db.execute("INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?)", (*row, link))
        old = db.execute("SELECT finished, events, chunks, end_ns, digest FROM state").fetchone()
        state = State(bool(old[0]), old[1], old[2], 1, old[3], old[4], head, chain, link)
        db.execute("DELETE FROM state")
        db.execute("INSERT INTO state VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", state.row())
    code, said = resim(*command.replace("F", str(path)).split())
    assert code == 2, said
    assert (
        "the user's actions in it cannot be" if kind == "whole" else "what was done to the run cannot be read"
    ) in said


def test_times_of_an_honest_recording_never_decrease(honest: Path) -> None:
    with open_recording(honest) as recording:
        assert all(one[0] <= other[0] for one, other in pairwise(recording.iter_events()))


@pytest.mark.skipif(not hasattr(__import__("os"), "mkfifo"), reason="no named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "p.resim")
    with pytest.raises(RecordingError, match="not a file"):
        open_recording(tmp_path / "p.resim")
