"""What the layers hold (tokens, slots, windows, counters) at the instant that is shown.

At the head of the run the running simulation is asked. For the past a second simulation of the same plan, seed and
actions is run up to that instant in spare time, so that scrubbing never waits for it; until it is there, the last
sample taken before that instant stands in.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable

from resilience_sim.play.tape import Tape
from resilience_sim.policies.layer import Gauges
from resilience_sim.runs.simulation import Simulation

SLICE = 256  # engine steps between two looks at the clock
MOST = 512  # samples; then every other one is dropped
EMPTY = 64  # engine steps without an event after which we take it that none is left

Levels = dict[int, Gauges]  # by component id


class LayerState:
    """``at``: the instant that the last :meth:`read` was of."""

    def __init__(self, simulation: Simulation | None, tape: Tape) -> None:
        self.at = 0
        self._simulation = simulation
        self._tape = tape
        self._position = 0
        self._clock = 0
        self._again: Simulation | None = None  # the second simulation
        self._acted = 0  # how many actions it knows
        self._stepped_from = 0  # its number of events before its last step
        self._positions: array[int] = array("q")
        self._samples: list[tuple[int, Levels]] = []
        self._read: tuple[tuple[int, int, bool], Levels] | None = None

    def move_to(self, position: int, clock: int) -> None:
        """The first ``position`` events are shown, at the instant ``clock``."""
        self._position, self._clock = position, clock

    @property
    def exact(self) -> bool:
        """Whether :meth:`read` is of the instant that is shown."""
        return self._simulation is None or self._live or self._arrived

    @property
    def _live(self) -> bool:
        return self._position == len(self._tape)

    @property
    def _arrived(self) -> bool:
        again = self._again
        return again is not None and self._stepped_from < self._position <= again.event_count

    def read(self) -> Levels:
        """As :meth:`Simulation.gauges` has it; empty for a recording that is only played back."""
        if self._simulation is None:
            return {}
        exact = self.exact
        key = (self._position, self._clock, exact)
        if self._read is not None and self._read[0] == key:
            return self._read[1]
        self.at = self._clock
        if exact:
            simulation = self._simulation if self._live or self._again is None else self._again
            found = simulation.gauges(self._clock)
        else:
            i = bisect_right(self._positions, self._position) - 1
            self.at, found = self._samples[i] if i >= 0 else (0, {})
        self._read = key, found
        return found

    def sample(self) -> None:
        """Keep the present state."""
        if self._simulation is None:
            return
        self._positions.append(len(self._tape))
        self._samples.append((self._simulation.now, self._simulation.gauges()))
        if len(self._samples) > MOST:
            self._positions, self._samples = self._positions[1::2], self._samples[1::2]

    def close(self) -> None:
        """Let go of the second simulation."""
        if self._again is not None:
            self._again.close()
            self._again = None

    def catch_up(self, go_on: Callable[[], bool]) -> None:
        """Run the second simulation up to what is shown, while ``go_on`` agrees."""
        if self.exact or self._simulation is None or not self._position:
            return
        again, place = self._again, self._position
        done = self._simulation.actions
        if again is None or again.event_count >= place or self._acted != len(done):
            self.close()
            again = self._again = Simulation(self._simulation.plan, self._simulation.seed, list(done))
            self._acted, self._stepped_from = len(done), 0
        t = self._tape.time(place - 1)
        while True:  # up to the last instant, many steps at once
            before = again.event_count
            again.run(t - 1, SLICE)
            self._stepped_from = again.event_count
            if again.event_count == before:
                break
            if not go_on():
                return
        empty = steps = 0
        while again.event_count < place and empty < EMPTY:
            self._stepped_from = again.event_count
            again.run(t, 1)
            empty = 0 if again.event_count > self._stepped_from else empty + 1
            steps += 1
            if steps % SLICE == 0 and not go_on():
                return
