"""A recording played back is the run; simulating it again is verified event by event."""

from __future__ import annotations

import dataclasses

import pytest

from resilience_sim.recording.layout import RecordingError
from resilience_sim.recording.reader import open_recording
from resilience_sim.recording.writer import RecordingWriter
from resilience_sim.runs import replay
from resilience_sim.runs.record import describe, record
from resilience_sim.runs.simulation import Simulation

from .lab import SECOND, Tape, make_plan, make_scenario, tape_of

pytestmark = pytest.mark.usefixtures("as_loaded")


def test_playback_is_a_source(recorded):
    events, simulation = tape_of(make_plan())
    with open_recording(recorded) as recording:
        playback = replay.Playback(recording)
        tape = Tape()
        playback.attach(tape)
        assert playback.run(until=2 * SECOND)
        assert tape.events == [event for event in events if event[0] <= 2 * SECOND]
        half = Simulation(make_plan(), 1)
        half.run(until=2 * SECOND)
        assert playback.digest() == half.digest()
        count = len(tape.events)
        assert playback.run(budget=10)
        assert tape.events == events[: count + 10]
        with pytest.raises(RuntimeError):
            playback.attach(tape)
        assert not playback.run()
        assert not playback.run()
        assert tape.events == events
        assert playback.digest() == simulation.digest()
        assert playback.now == simulation.now
        assert (playback.plan, playback.seed) == (simulation.plan, simulation.seed)


def test_seek_feeds_the_folds_with_everything_before(recorded):
    events, _ = tape_of(make_plan())
    with open_recording(recorded) as recording:
        playback = replay.Playback(recording)
        tape = Tape()
        playback.attach(tape)
        assert playback.seek(3 * SECOND)
        assert tape.events == [event for event in events if event[0] < 3 * SECOND]
        with pytest.raises(ValueError, match="new playback"):
            playback.seek(SECOND)
        assert not playback.seek(10**6 * SECOND)
        assert tape.events == events


def test_measures_of_a_playback_are_those_of_the_run(recorded):
    from resilience_sim.measure.run_fold import RunFold

    def measured(source):
        fold = RunFold(source.plan, source.components)
        source.attach(fold)
        source.run()
        return fold.result(source.seed, source.digest(), source.now)

    with open_recording(recorded) as recording:
        assert measured(replay.Playback(recording)) == measured(Simulation(make_plan(), 1))


def test_verified(recorded):
    with open_recording(recorded) as recording:
        result = replay.verify(recording)
    assert result == replay.Verification(True, result.expected, result.expected, None, "")


def recorded_differently(path, change, **meta):
    """A recording of events that the scenario does not give."""
    events, simulation = tape_of(make_plan())
    facts = dataclasses.replace(describe(simulation, make_scenario(make_plan())), **meta)
    writer = RecordingWriter(path, facts, simulation.components)
    for event in change(list(events)):
        writer.on_event(*event)
    writer.close(True, "0" * 16)
    return events


def test_the_first_difference_is_found(tmp_path):
    def change(events):
        t, kind, source, rid, a, b = events[1000]
        events[1000] = (t, kind, source, rid, a, b + 1)
        return events

    events = recorded_differently(tmp_path / "d.resim", change)
    with open_recording(tmp_path / "d.resim") as recording:
        result = replay.verify(recording)
    assert not result.same
    assert result.first_difference is not None
    assert result.first_difference.index == 1000
    assert result.first_difference.simulated == events[1000]
    assert result.first_difference.recorded == (*events[1000][:5], events[1000][5] + 1)
    assert "same version" in result.cause


@pytest.mark.parametrize(("change", "side"), [(lambda e: e[:-1], "recorded"), (lambda e: [*e, e[-1]], "simulated")])
def test_one_side_ends_first(tmp_path, change, side):
    events = recorded_differently(tmp_path / "d.resim", change, version="0.0.1")
    with open_recording(tmp_path / "d.resim") as recording:
        result = replay.verify(recording)
    assert result.first_difference is not None
    assert getattr(result.first_difference, side) is None
    assert result.first_difference.index == len(events) - (side == "recorded")
    assert "0.0.1" in result.cause


def test_an_interrupted_run_is_verified_as_far_as_it_goes(tmp_path):
    plan = make_plan()
    with record(Simulation(plan, 1), make_scenario(plan), tmp_path / "i.resim") as source:
        source.run(until=2 * SECOND)
    with open_recording(tmp_path / "i.resim") as recording:
        assert replay.verify(recording).same


def test_a_variant_that_is_gone_is_refused(tmp_path):
    recorded_differently(tmp_path / "v.resim", lambda events: events, variant="eager")
    with open_recording(tmp_path / "v.resim") as recording, pytest.raises(RecordingError, match="eager"):
        replay.Playback(recording)


def test_recordings_differ_in_seed_only_where_they_say_so(tmp_path):
    plan = make_plan()
    with record(Simulation(plan, 2), make_scenario(plan), tmp_path / "s.resim") as source:
        source.run()
    with open_recording(tmp_path / "s.resim") as recording:
        assert recording.meta.seed == 2
        assert replay.verify(recording).same
