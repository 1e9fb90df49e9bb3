"""What a frame of the cockpit may look at: counted, not timed."""

from __future__ import annotations

import random

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.play.fork import FirstDifference
from resilience_sim.play.panels.stream import FILTERS, LOOKS, Stream
from resilience_sim.play.run import Run
from resilience_sim.play.tape import Tape
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load

SEARCHES = ("", "#", "1", "12", "#0", "07", "9" * 5000, "succ", "timeout", "open", "e", "zzz", "\u00b2")


@pytest.fixture(scope="module")
def run() -> Run:
    scenario = load("retry-storm", ["traffic.requests=900", "service.workers=3"])
    found = Run(Simulation(scenario.plan, 3, []))
    found.extend()
    return found


def fresh() -> Run:
    return Run(Simulation(load("retry-storm").plan, 1))


class Counted(list):
    """Counts what is read."""

    reads = 0

    def __getitem__(self, index):
        self.reads += 1
        return super().__getitem__(index)


def test_a_story_is_read_event_by_event_and_nothing_else(run):
    """A request that stays open was looked for in every later event, a quarter of a second for a screen of them."""
    tape = run.tape
    whole = [tape[i] for i in range(len(tape))]
    luck = random.Random(1)
    plain, tape._before = tape._before, Counted(tape._before)
    try:
        for rid in luck.sample(range(len(tape.arrived)), 60):
            own = [(i, event) for i, event in enumerate(whole) if event[3] == rid]
            for position in (len(whole), luck.randrange(tape.arrived[rid] + 1, len(whole))):
                end = tape.ended[rid] if 0 <= tape.ended[rid] < position else position
                tape._before.reads = 0
                assert tape.of_request(rid, position) == [event for i, event in own if i < position]
                assert tape._before.reads <= len(own)
                brief = tape.of_request(rid, position, late=False)
                assert brief == [event for i, event in own if i < position and i <= end]
    finally:
        tape._before = plain


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_a_search_finds_what_looking_at_each_request_finds(run, name, share):
    """At the end of the tape and rewound, down and up."""
    run.show(int(len(run.tape) * share))
    arrived = run.tape.requests_by(run.position)
    stream = Stream()
    stream.filter = name
    for stream.search in SEARCHES:
        slowly = [rid for rid in range(arrived) if stream.fits(run, rid)]
        assert list(stream.backwards(run, arrived)) == slowly[::-1]
        assert list(stream.forwards(run, -1, arrived)) == slowly
        assert list(stream.forwards(run, 100, 300)) == [rid for rid in slowly if 100 < rid < 300]
    stream.search, stream.thinned = "", 50
    if name == "all":
        assert list(stream.backwards(run, arrived)) == [rid for rid in range(arrived) if rid % 50 == 0][::-1]


def long_tape(requests: int) -> Tape:
    """All of them succeed, none twice."""
    tape = Tape()
    for rid in range(requests):
        tape.on_event(rid, ev.ARRIVE, 0, rid, ev.pack_arrival(ev.ADMITTED, 0), 0)
        tape.on_event(rid, ev.DONE, 0, rid, ev.pack_done(ev.SUCCESS, 1, 1, 1), 5)
    return tape


def test_a_search_that_finds_nothing_looks_at_few_requests(monkeypatch):
    """It looked at 200,000 of them one by one, in every frame."""
    long = fresh()
    long.tape = long_tape(60_000)
    long.position = len(long.tape)
    looks: list[int] = []
    fits = Stream.fits
    monkeypatch.setattr(Stream, "fits", lambda self, run, rid: looks.append(rid) or fits(self, run, rid))
    stream = Stream()
    for stream.filter in FILTERS:
        for stream.search in SEARCHES:
            looks.clear()
            stream.window(long, 20)
            assert len(looks) <= (LOOKS if stream.filter == "slow" or "1" in stream.search else 20), stream.search
    looks.clear()
    stream.filter, stream.search = "failed", ""
    stream.chosen = 10
    stream.move(long, 1)
    assert stream.chosen == 10
    assert not looks


def test_a_fork_that_fares_alike_is_compared_by_the_thousand(monkeypatch):
    """Twenty thousand requests beyond one that stays open were compared one by one, in every frame."""
    sides = []
    for _ in range(2):
        side = fresh()
        side.tape = long_tape(0)
        side.tape.on_event(0, ev.ARRIVE, 0, 0, ev.pack_arrival(ev.ADMITTED, 0), 0)  # it stays open
        for rid in range(1, 15_000):
            side.tape.on_event(rid, ev.ARRIVE, 0, rid, ev.pack_arrival(ev.ADMITTED, 0), 0)
            side.tape.on_event(rid, ev.DONE, 0, rid, ev.pack_done(ev.SUCCESS, 1, 1, 1), 5)
        side.position = len(side.tape)
        sides.append(side)
    looks: list[int] = []
    outcome = Tape.outcome
    monkeypatch.setattr(Tape, "outcome", lambda self, rid, at: looks.append(rid) or outcome(self, rid, at))
    first = FirstDifference(*sides)
    assert first.find(False) is None
    assert not looks
    for side, how in zip(sides, (ev.SUCCESS, ev.ERROR), strict=True):
        side.tape.on_event(15_000, ev.ARRIVE, 0, 15_000, ev.pack_arrival(ev.ADMITTED, 0), 0)
        side.tape.on_event(15_000, ev.DONE, 0, 15_000, ev.pack_done(how, 1, 1, 1), 5)
        side.position = len(side.tape)
    found = first.find(False)
    assert found is not None
    assert (found.rid, found.outcome_b) == (15_000, ev.ERROR)
    assert set(looks) == {15_000}
