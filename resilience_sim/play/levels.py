"""What the layers hold at the instant that is shown: exact, or said to be of an earlier one.

Owns reading it. At the head the running simulation is asked. In the past a second simulation of the same plan, seed
and actions lives that past again, in spare time, so that scrubbing never waits for it; until it has come there, the
last sample before is shown with its instant. Refuses to touch the run itself: the second simulation is nobody's.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable

from resilience_sim.play.tape import Tape
from resilience_sim.runs.gauges import gauges
from resilience_sim.runs.library_gauges import Gauge
from resilience_sim.runs.simulation import Simulation

SLICE = 256  # engine steps between two looks at the clock
MOST = 512  # samples; then every other one is given up
EMPTY = 64  # engine steps without an event before it is believed that none is left

Held = dict[int, Gauge]


class Levels:
    """Of one run, at the place that :meth:`turn_to` named last. ``at``: the instant that :meth:`read` is of."""

    def __init__(self, simulation: Simulation | None, tape: Tape) -> None:
        self.at = 0
        self._simulation = simulation
        self._tape = tape
        self._position = 0
        self._clock = 0
        self._again: Simulation | None = None  # lives the past again
        self._acted = 0  # of so many actions it knows
        self._stepped_from = 0  # the place of the tape before its last step
        self._positions: array[int] = array("q")
        self._samples: list[tuple[int, Held]] = []
        self._read: tuple[tuple[int, int, bool], Held] | None = None

    def turn_to(self, position: int, clock: int) -> None:
        """So many events are shown, at that instant."""
        self._position, self._clock = position, clock

    @property
    def exact(self) -> bool:
        """Whether :meth:`read` gives what was so at the instant that is shown."""
        return self._simulation is None or self._live or self._arrived

    @property
    def _live(self) -> bool:
        return self._position == len(self._tape)

    @property
    def _arrived(self) -> bool:
        again = self._again
        return again is not None and self._stepped_from < self._position <= again.event_count

    def read(self) -> Held:
        """By component id of the layer, as runs/gauges.py has it; nothing of a recording that is only played back."""
        if self._simulation is None:
            return {}
        exact = self.exact
        key = (self._position, self._clock, exact)
        if self._read is not None and self._read[0] == key:
            return self._read[1]
        self.at = self._clock
        if exact:
            found = gauges(self._simulation if self._live or self._again is None else self._again, self._clock)
        else:
            i = bisect_right(self._positions, self._position) - 1
            self.at, found = self._samples[i] if i >= 0 else (0, {})
        self._read = key, found
        return found

    def put_away(self) -> None:
        """Keep a sample of now, for whoever looks back in a hurry."""
        if self._simulation is None:
            return
        self._positions.append(len(self._tape))
        self._samples.append((self._simulation.now, gauges(self._simulation, self._simulation.now)))
        if len(self._samples) > MOST:
            self._positions, self._samples = self._positions[1::2], self._samples[1::2]

    def work(self, go_on: Callable[[], bool]) -> None:
        """Go on living the past again, as long as ``go_on`` agrees, up to what is shown."""
        if self.exact or self._simulation is None or not self._position:
            return
        again, place = self._again, self._position
        done = self._simulation.actions
        if again is None or again.event_count >= place or self._acted != len(done):
            again = self._again = Simulation(self._simulation.plan, self._simulation.seed, list(done))
            self._acted, self._stepped_from = len(done), 0
        t = self._tape.time(place - 1)
        while True:  # all but the last instant, many steps at once
            before = again.event_count
            again.run(t - 1, SLICE)
            self._stepped_from = again.event_count
            if again.event_count == before:
                break
            if not go_on():
                return
        empty = 0
        while again.event_count < place and empty < EMPTY:
            self._stepped_from = again.event_count
            again.run(t, 1)
            empty = 0 if again.event_count > self._stepped_from else empty + 1
