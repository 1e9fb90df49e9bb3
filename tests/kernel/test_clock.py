"""The virtual clock: order of events, lanes, daemons, slices."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from resilience_sim.kernel.frames import Frame, Layer, Request
from resilience_sim.kernel.rng import KeyedRng
from resilience_sim.kernel.sim import FOREVER, Sim
from resilience_sim.kernel.sink import Sink


class Diary(Layer):
    """Writes down when which of its frames came due."""

    def __init__(self, sim: Sim, notes: list[tuple[int, int]], delay: int = 0) -> None:
        super().__init__(sim, 0)
        self.notes = notes
        if delay:
            self.delay_queue = sim.delay_queue(delay)

    def on_timer(self, f: Frame) -> None:
        """Note instant and name."""
        self.notes.append((self.sim.now, f.k))


def simulation() -> Sim:
    """An empty one."""
    return Sim(KeyedRng(1), Sink([]))


def frame(layer: Layer, name: int) -> Request:
    """A frame of nobody's call."""
    f = Request(layer, -1, 0, -1, 0)
    f.k = name
    return f


def test_events_come_in_order_of_time_then_of_scheduling():
    """Ties are broken by who asked first."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes)
    for name, when in enumerate([5, 3, 5, 3, 4]):
        sim.schedule(when, frame(layer, name))
    assert sim.run() is False
    assert notes == [(3, 1), (3, 3), (4, 4), (5, 0), (5, 2)]


def test_a_disarmed_timer_never_comes_and_does_not_move_the_clock():
    """The clock stands at the last event that happened."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes)
    sim.schedule(1, frame(layer, 0))
    late = frame(layer, 1)
    sim.schedule(9, late)
    late.armed = False
    assert sim.run() is False
    assert (notes, sim.now) == ([(1, 0)], 1)


def test_a_forgotten_timer_may_be_set_again():
    """Earlier or later than before."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes)
    f = frame(layer, 0)
    sim.schedule(5, f)
    sim.unschedule(f)
    sim.schedule(3, f)
    sim.run()
    assert notes == [(3, 0)]


def test_until_includes_its_instant():
    """Events with t <= until."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes)
    for when in (1, 2, 3):
        sim.schedule(when, frame(layer, when))
    assert sim.run(until=2) is True
    assert [t for t, _ in notes] == [1, 2]
    assert sim.run(until=2) is True
    assert sim.run() is False


def test_a_budget_counts_events():
    """Two at a time."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes)
    for when in range(5):
        sim.schedule(when, frame(layer, when))
    assert sim.run(budget=2) is True
    assert len(notes) == 2
    assert sim.run(budget=2) is True
    assert sim.run(budget=2) is False
    assert len(notes) == 5


def test_daemons_alone_do_not_keep_a_run_going():
    """They come while others are about, or while work waits that they could free."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes)
    sim.schedule_background(1, frame(layer, 1))
    sim.schedule_background(5, frame(layer, 5))
    sim.schedule(2, frame(layer, 2))
    assert sim.run() is False
    assert [t for t, _ in notes] == [1, 2]
    sim.pending_work = 1
    assert sim.run() is False
    assert [t for t, _ in notes] == [1, 2, 5]


def test_a_dead_timer_takes_no_living_one_along():
    """Two timers of one lane at one instant, the first dead, and a daemon waiting: the second comes (a named bug)."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes, delay=10)
    frames = [frame(layer, name) for name in range(3)]
    for f in frames:
        sim.schedule_in_queue(layer.delay_queue, f)
    sim.schedule_background(99, frame(Diary(sim, notes), 99))
    frames[0].armed = False
    assert sim.run() is False
    assert notes == [(10, 1), (10, 2)]


def test_lanes_of_equal_delay_are_one():
    """Layers share them, so order between them holds."""
    sim = simulation()
    assert sim.delay_queue(5) == sim.delay_queue(5)
    assert sim.delay_queue(5) != sim.delay_queue(6)


def test_the_clock_takes_its_turn_among_the_others():
    """It stands beside the queue; forgotten, it does not come, and there may be another."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes)
    clock = frame(layer, 7)
    sim.schedule(3, frame(layer, 1))
    sim.schedule_recurring(3, clock)
    sim.schedule(3, frame(layer, 2))
    assert sim.next_time() == 3
    sim.run(budget=2)
    assert notes == [(3, 1), (3, 7)]
    sim.schedule_recurring(4, clock)
    sim.unschedule(clock)
    assert sim.run() is False
    sim.schedule_recurring(9, clock)
    assert sim.next_time() == 9
    assert sim.run() is False
    assert notes == [(3, 1), (3, 7), (3, 2), (9, 7)]


def test_a_lane_grows_and_turns_without_losing_the_order():
    """More timers at once than it has room for at first, in rounds, dead ones among them."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes, delay=1000)
    names, expected = iter(range(10_000)), []
    for count in (40, 100, 7, 300):
        frames = [frame(layer, next(names)) for _ in range(count)]
        for n, f in enumerate(frames):
            sim.now += 1
            sim.schedule_in_queue(layer.delay_queue, f)
            if n % 3 == 1:
                f.armed = False
            else:
                expected.append((sim.now + 1000, f.k))
        sim.run(until=sim.now + 600)
        sim.now += 600 if sim.now < expected[0][0] else 0
    assert sim.run() is False
    assert notes == expected


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["at", "clock", "daemon", "lane5", "lane7", "kill", "until", "budget"]), st.integers(0, 9)
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=300)
def test_any_mixture_of_timers_comes_in_the_order_of_a_sorted_list(steps):
    """Against the obvious model: a list sorted by (time, serial)."""
    sim, notes = simulation(), []
    plain = Diary(sim, notes)
    lanes = {"lane5": Diary(sim, notes, 5), "lane7": Diary(sim, notes, 7)}
    model: list[tuple[int, int, Request]] = []
    everyone: list[Request] = []
    expected: list[tuple[int, int]] = []

    def happen(limit: int, count: int) -> None:
        for when, serial, f in sorted(model, key=lambda entry: entry[:2]):
            if count <= 0 or when > limit:
                return
            model.remove((when, serial, f))
            expected.append((when, f.k))
            count -= 1

    for serial, (what, n) in enumerate([*steps, ("budget", 10**6)]):
        if what in ("at", "clock", "daemon", "lane5", "lane7"):
            f = frame(lanes.get(what, plain), serial)
            when = sim.now + {"lane5": 5, "lane7": 7}.get(what, n)
            sim.pending_work = 1  # so that daemons count like the others
            if what == "at":
                sim.schedule(when, f)
            elif what == "clock":
                sim.schedule_recurring(when, f)
            elif what == "daemon":
                sim.schedule_background(when, f)
            else:
                sim.schedule_in_queue(lanes[what].delay_queue, f)
            model.append((when, serial, f))
            if what != "clock":  # which nobody disarms without forgetting it
                everyone.append(f)
        elif what == "kill" and everyone:
            f = everyone[n % len(everyone)]
            f.armed = False
            model[:] = [entry for entry in model if entry[2] is not f]
        elif what == "until":
            sim.run(until=sim.now + n)
            happen((expected[-1][0] if expected else 0) + n, 10**6)
        elif what == "budget":
            sim.run(budget=n)
            happen(1 << 60, n)
        assert notes == expected


def test_what_is_due_after_the_end_of_time_never_comes():
    """The clock reads nanoseconds for 146 years; a run whose last events lie beyond is over (a named bug)."""
    sim, notes = simulation(), []
    layer = Diary(sim, notes)
    sim.schedule(FOREVER, frame(layer, 1))
    sim.schedule(FOREVER + 1, frame(layer, 2))
    sim.pending_work = 1
    sim.schedule_background(FOREVER + 2, frame(layer, 3))
    assert sim.run(budget=10) is False
    assert [name for _, name in notes] == [1]
