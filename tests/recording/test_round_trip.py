"""What goes into a recording comes out again."""

from __future__ import annotations

import dataclasses
import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.recording import place
from resilience_sim.recording.decode import decode, events_of
from resilience_sim.recording.encode import CHUNK, encode
from resilience_sim.recording.layout import RecordingError, RecordingMeta
from resilience_sim.recording.reader import open_recording
from resilience_sim.recording.writer import RecordingWriter
from resilience_sim.runs.record import record
from resilience_sim.runs.simulation import Simulation

from .lab import SECOND, make_plan, make_scenario, tape_of

int64 = st.integers(-(1 << 62), (1 << 62) - 1)
# As in a run: few kinds and places, requests that come back, instants that repeat; sometimes beside every expectation.
likely = st.tuples(
    st.integers(0, 3),
    st.integers(1, 27),
    st.integers(0, 5),
    st.integers(-1, 400),
    st.integers(0, 3),
    int64 | st.just(0),
)


@given(st.lists(st.tuples(int64, int64, int64, int64, int64, int64) | likely, max_size=50))
def test_a_chunk_gives_back_its_numbers(events):
    assert list(events_of(decode(encode(events), len(events)))) == events


def test_a_chunk_of_more_words_than_there_are_numbers_for():
    """Every event says something that none did before, twice."""
    events = [(t, 4, t % 700, 5, t % 700, 0) for t in range(1400)]
    assert list(events_of(decode(encode(events), len(events)))) == events


def test_a_run_takes_few_bytes():
    events, _ = tape_of(make_plan())
    assert len(encode(events)) < 4.5 * len(events)


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_chunk_with_another_count_is_refused(count):
    data = encode([(1, 2, 3, 4, 5, 6)] * 3)
    with pytest.raises(ValueError, match="length"):
        decode(data, count)


def test_no_bytes_crash_the_reader():
    """Fingerprints keep changed bytes from coming this far; should some do, they are refused or are other events."""
    events, _ = tape_of(make_plan())
    data = encode(events)
    draw = random.Random(4)
    refused = 0
    for _ in range(200):
        changed = bytearray(data)
        for _ in range(3):
            changed[draw.randrange(len(data))] = draw.randrange(256)
        try:
            assert len(list(events_of(decode(bytes(changed), len(events))))) == len(events)
        except ValueError:
            refused += 1
    assert refused > 20
    with pytest.raises(ValueError, match="length"):
        decode(data[:11], len(events))


def test_everything_comes_back(recorded):
    plan = make_plan()
    events, simulation = tape_of(plan)
    with open_recording(recorded) as recording:
        assert list(recording.iter_events()) == events
        assert recording.finished
        assert recording.events == len(events) > 2000
        assert recording.digest() == simulation.digest()
        assert recording.end == simulation.now
        assert recording.components == simulation.components
        assert recording.meta.scenario_text == make_scenario(plan).text
        assert recording.meta.files == (("a.csv", "1\n2\n"),)
        assert recording.meta.seed == 1
        assert recording.meta.deadline_ns == plan.traffic.deadline
        middle = events[len(events) // 2][0]
        assert list(recording.iter_events(middle)) == [event for event in events if event[0] >= middle]


def test_only_one_file_is_left(recorded):
    assert [path.name for path in recorded.parent.iterdir()] == ["lab.resim"]


def test_same_events_whenever_it_commits(tmp_path):
    plan = make_plan(2500)
    events, _ = tape_of(plan)
    assert len(events) > 2 * CHUNK
    ticks = iter(range(10**9))
    meta = RecordingMeta(1, "x")
    components = Simulation(plan, 1).components
    writer = RecordingWriter(tmp_path / "a.resim", meta, components, clock=lambda: next(ticks), commit_seconds=2)
    for number, event in enumerate(events):
        writer.on_event(*event)
        if number % 700 == 0:
            writer.breathe()
    writer.close(True, "0" * 16, 5)
    with open_recording(tmp_path / "a.resim") as recording:
        assert list(recording.iter_events()) == events
        assert recording.state.chunks == -(-len(events) // CHUNK)
        assert recording.end == events[-1][0]


def test_a_run_without_events_is_a_recording(tmp_path):
    RecordingWriter(tmp_path / "e.resim", RecordingMeta(1, ""), ()).close(True, "x" * 16, 7)
    with open_recording(tmp_path / "e.resim") as recording:
        assert list(recording.iter_events()) == []
        assert (recording.end, recording.finished, recording.components) == (7, True, ())


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_run_keeps_what_was_simulated(tmp_path, error):
    plan = make_plan()
    events, _ = tape_of(plan)

    def interrupted():
        with record(Simulation(plan, 1), make_scenario(plan), tmp_path / "i.resim") as source:
            source.run(until=2 * SECOND)
            raise error

    with pytest.raises(error):
        interrupted()
    with open_recording(tmp_path / "i.resim") as recording:
        assert not recording.finished
        assert list(recording.iter_events()) == [event for event in events if event[0] <= 2 * SECOND]
        assert len(recording.digest()) == 16


def test_actions_of_a_user_are_kept(tmp_path):
    writer = RecordingWriter(tmp_path / "a.resim", RecordingMeta(1, ""), ())
    writer.on_event(5, 1, 0, 0, 1, 0)
    writer.action(6, "inject", {"outage": {"for": 3}})
    writer.close(True)
    with open_recording(tmp_path / "a.resim") as recording:
        (action,) = recording.actions
        assert (action.after_event, action.t, action.kind, action.detail) == (1, 6, "inject", {"outage": {"for": 3}})


def test_what_is_not_a_recording_is_never_replaced(tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("years of work")
    with pytest.raises(RecordingError, match="not a resim recording"):
        RecordingWriter(path, RecordingMeta(1, ""), ())
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE precious (x)")
    with pytest.raises(RecordingError, match="not a resim recording"):
        RecordingWriter(other, RecordingMeta(1, ""), ())
    (tmp_path / "empty.resim").touch()
    with pytest.raises(RecordingError, match="not a resim recording"):
        RecordingWriter(tmp_path / "empty.resim", RecordingMeta(1, ""), ())
    with pytest.raises(RecordingError, match="not a file"):
        RecordingWriter(tmp_path, RecordingMeta(1, ""), ())
    with pytest.raises(RecordingError, match="folder does not exist"):
        RecordingWriter(tmp_path / "no" / "x.resim", RecordingMeta(1, ""), ())
    assert path.read_text() == "years of work"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.resim", "other.db", "thesis.txt"]


def test_an_old_recording_is_replaced(tmp_path, recorded):
    path = tmp_path / "r.resim"
    path.write_bytes(recorded.read_bytes())
    Path(f"{path}-journal").write_bytes(b"left by somebody")
    RecordingWriter(path, RecordingMeta(2, "new"), ()).close(True)
    with open_recording(path) as recording:
        assert recording.meta.scenario_text == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["r.resim"]


def test_a_recording_in_use_is_neither_replaced_nor_read(tmp_path):
    writer = RecordingWriter(tmp_path / "r.resim", RecordingMeta(1, "first"), ())
    with pytest.raises(RecordingError, match="using the recording"):
        RecordingWriter(tmp_path / "r.resim", RecordingMeta(2, "second"), ())
    with pytest.raises(RecordingError, match="right now"):
        open_recording(tmp_path / "r.resim")
    writer.close(True)
    with open_recording(tmp_path / "r.resim") as recording:
        assert recording.meta.scenario_text == "first"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.resim"
    link.symlink_to(Path("real", "r.resim"))
    for text in ("first", "second"):  # to a file that is not there yet, and to one that is
        RecordingWriter(link, RecordingMeta(1, text), ()).close(True)
        assert link.is_symlink()
        with open_recording(tmp_path / "real" / "r.resim") as recording:
            assert recording.meta.scenario_text == text
    assert [p.name for p in (tmp_path / "real").iterdir()] == ["r.resim"]


def test_of_two_that_begin_one_new_file_the_second_is_told_at_once(tmp_path, monkeypatch):
    """Both had seen that nothing was there."""
    path = tmp_path / "r.resim"
    writer = RecordingWriter(path, RecordingMeta(1, "first"), ())
    with monkeypatch.context() as late:
        late.setattr(place, "_hold", lambda path, force: None)
        with pytest.raises(RecordingError, match="using the recording"):
            RecordingWriter(path, RecordingMeta(2, "second"), ())
    writer.close(True)
    with open_recording(path) as recording:
        assert recording.meta.scenario_text == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["r.resim"]


def test_a_new_recording_that_is_replaced_before_it_is_locked_gives_way(tmp_path, monkeypatch):
    path = tmp_path / "r.resim"
    connect = place._connect

    def too_late(target):
        monkeypatch.undo()
        RecordingWriter(path, RecordingMeta(2, "second"), ()).close(True)
        return connect(target)

    monkeypatch.setattr(place, "_connect", too_late)
    with pytest.raises(RecordingError, match="using the recording"):
        RecordingWriter(path, RecordingMeta(1, "first"), ())
    with open_recording(path) as recording:
        assert recording.meta.scenario_text == "second"


def test_numbers_beyond_64_bits_are_an_error_with_a_cause(tmp_path):
    writer = RecordingWriter(tmp_path / "r.resim", RecordingMeta(1, ""), ())
    with pytest.raises(RecordingError, match="64 bits"):  # noqa: PT012 (the compiled columns refuse it at once)
        writer.on_event(1 << 70, 1, 0, 0, 1, 0)
        writer.close(True)


def test_errors_are_whole(tmp_path):
    error = RecordingError("x.resim", "cause", "remedy")
    assert dataclasses.astuple(RecordingMeta(1, ""))[0] == 1
    assert (error.place, error.cause, error.remedy) == ("x.resim", "cause", "remedy")
    with pytest.raises(RecordingError, match="no such file"):
        open_recording(tmp_path / "none.resim")
    with pytest.raises(RecordingError, match="cannot be read"):
        open_recording(tmp_path)
    with pytest.raises(RecordingError):
        open_recording("a\0b")
