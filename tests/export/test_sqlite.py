"""``--to sqlite``: the tables agree with the events, and the file replaces nothing but one of its own."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest
from recording.lab import SECOND, Tape, make_plan, tape_of
from recording.test_formats import old

from resilience_sim.kernel import events as ev
from resilience_sim.measure.tables import TABLES, TablesFold
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.export import sqlite
from resilience_sim.views.export.files import ExportError
from resilience_sim.views.export.targets import open_outputs


def export(path: Path, source=None, budget: int = 1 << 62) -> Path:
    source = source or Simulation(make_plan(), 1)
    with open_outputs([f"sqlite={path}"], io.StringIO()) as outputs:
        outputs.attach(source)
        source.run(budget=budget)
        outputs.finish()
    return path


def rows(path: Path) -> dict[str, list]:
    with sqlite3.connect(path) as db:
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("sqlite") / "lab.db")


def test_tables_agree_with_the_events(database):
    events, _ = tape_of(make_plan())
    kinds = [event[1] for event in events]
    with sqlite3.connect(database) as db:

        def one(sql):
            return db.execute(sql).fetchone()[0]

        assert one("SELECT count(*) FROM requests") == kinds.count(ev.ARRIVE)
        assert one("SELECT count(*) FROM attempts") == kinds.count(ev.SENT)
        assert one("SELECT count(*) FROM transitions") == kinds.count(ev.BREAKER) > 0
        assert one("SELECT count(*) FROM faults") == 1
        assert one("SELECT sum(arrivals) FROM samples") == kinds.count(ev.ARRIVE)
        assert one("SELECT sum(attempts_at_service) FROM samples") == kinds.count(ev.RECEIVED)
        assert one("SELECT sum(attempts) FROM requests") == kinds.count(ev.SENT)
        assert one("SELECT count(*) FROM attempts WHERE effect IN ('applied', 'duplicate')") == kinds.count(ev.EFFECT)
        assert one("SELECT count(*) FROM attempts WHERE effect = 'duplicate'") > 0
        assert one("SELECT count(*) FROM attempts WHERE ended_s IS NOT NULL") == kinds.count(ev.END)
        assert one("SELECT sum(succeeded) FROM samples") == one(
            "SELECT count(*) FROM requests WHERE outcome = 'success' AND NOT late"
        )
        assert one("SELECT count(*) FROM requests WHERE late") > 0
        assert one("SELECT max(abs(done_s - arrived_s - latency_s)) FROM requests") < 1e-8
        assert db.execute("SELECT scenario, seed FROM run").fetchall() == [("lab", 1)]


def test_samples_are_those_of_the_series(database):
    from resilience_sim.measure.series import Series

    plan = make_plan()
    series = Series(SECOND, plan.traffic.deadline)
    simulation = Simulation(plan, 1)
    simulation.attach(series)
    simulation.run()
    document = series.document()
    columns = ("t", "arrivals", "attempts_at_service", "succeeded", "failed", "queue", "p99")
    expected = list(zip(*(document[name] for name in columns), strict=True))
    assert rows(database)["samples"] == expected


@pytest.mark.parametrize("number", [1, 2])
def test_the_tables_are_those_that_old_recordings_held(tmp_path, number):
    path = old(tmp_path, number)
    with (
        open_recording(path) as recording,
        open_outputs([f"sqlite={tmp_path}/x.db"], io.StringIO()) as outputs,
    ):
        outputs.play(recording)
        outputs.finish()
    found = rows(tmp_path / "x.db")
    with sqlite3.connect(path) as db:
        for name in ("requests", "attempts", "transitions", "faults", "samples"):
            held = db.execute(f"SELECT * FROM {name}").fetchall()
            assert [row[: len(held[0])] for row in found[name]] == held  # columns may have been added
    assert len(found["requests"]) == 120


def test_what_is_open_at_the_end_is_unanswered(tmp_path):
    export(tmp_path / "i.db", budget=1000)
    with sqlite3.connect(tmp_path / "i.db") as db:
        assert db.execute("SELECT count(*) FROM requests WHERE outcome = 'unanswered'").fetchone()[0] > 0


def test_rows_are_the_same_however_many_go_in_at_once(tmp_path, monkeypatch):
    found = []
    for at_once in (1, 16):
        monkeypatch.setattr(sqlite, "_AT_ONCE", at_once)
        found.append(rows(export(tmp_path / f"{at_once}.db", Simulation(make_plan(1500), 1))))
    assert found[0] == found[1]
    assert len(found[0]["requests"]) == 1500


def test_every_reason_of_a_breaker_has_a_name():
    reasons = [value for name, value in vars(ev).items() if name.startswith("WHY_") and isinstance(value, int)]
    assert len(ev.WHY_NAMES) > max(reasons) > 16
    tables = TablesFold((), 0)
    tables.take([(0, ev.BREAKER, 0, -1, ev.pack_change(ev.OPEN, ev.CLOSED, why), 0) for why in reasons])
    assert len({row[5] for row in tables.drain()["transitions"]}) == len(reasons)


def test_it_replaces_its_own_and_nothing_else(tmp_path, database):
    own = tmp_path / "own.db"
    own.write_bytes(database.read_bytes())
    Path(f"{own}-journal").write_bytes(b"left by somebody")
    (tmp_path / "link.db").symlink_to("own.db")
    export(tmp_path / "link.db", Simulation(make_plan(50), 1))
    assert len(rows(own)["requests"]) == 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.db", "own.db"]
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE precious (x)")
    (tmp_path / "thesis.txt").write_text("years of work")
    for path in (other, tmp_path / "thesis.txt", Path("/dev/null")):
        with pytest.raises(ExportError, match="not a database that resim made"):
            export(path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(ExportError, match="standard output"):
        open_outputs(["sqlite=-"], io.StringIO())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.db", "other.db", "own.db", "thesis.txt"]


def test_interrupted_it_leaves_nothing(tmp_path):
    source = Simulation(make_plan(), 1)

    def interrupted():
        with open_outputs([f"sqlite={tmp_path}/x.db"], io.StringIO()) as outputs:
            outputs.attach(source)
            source.run(budget=2000)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported(tmp_path, monkeypatch):
    tape = Tape()

    def full(connection, table, ready):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite, "_put", full)
    source = Simulation(make_plan(), 1)
    source.attach(tape)
    with pytest.raises(ExportError, match="disk is full"):
        export(tmp_path / "x.db", source)
    assert list(tmp_path.iterdir()) == []
