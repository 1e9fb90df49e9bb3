"""The engine: virtual clock, event queue, and the loop that hands events to layers."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.compiled import COMPILED
from resilience_sim.kernel.frames import Clock, Frame
from resilience_sim.kernel.queue import NEVER, EventQueue
from resilience_sim.kernel.rng import KeyedRng
from resilience_sim.kernel.sink import Sink

FOREVER: Final = (1 << 62) - 1
UNLIMITED: Final = 1 << 62


class SimulationError(Exception):
    """The scenario cannot go on: time stands still. The message names cause and remedy."""


class Sim(Clock):
    """Two event queues, one of them for background events, which alone do not keep the run going."""

    __slots__ = ("_background", "_background_at", "_first_serial", "_queue", "_serial")

    _serial: i64
    _first_serial: i64
    _background_at: i64  # when the next background event fires

    def __init__(self, rng: KeyedRng, sink: Sink) -> None:
        super().__init__(rng, sink)
        self._serial = 0
        self._first_serial = -(1 << 60)
        self._queue: Final = EventQueue()
        self._background: Final = EventQueue()
        self._background_at = NEVER

    def schedule(self, when: i64, f: Frame) -> None:
        serial = self._serial + 1
        self._serial = serial
        if COMPILED:
            self._queue.push(when, serial, f)
        else:  # the same, spelled out: a call costs as much as the push
            f.armed = True
            f.time = when
            f.serial = serial
            heappush(self._queue.tuples, (when, serial, f))

    def schedule_recurring(self, when: i64, f: Frame) -> None:
        serial = self._serial + 1
        self._serial = serial
        if COMPILED:
            self._queue.push_recurring(when, serial, f)
        else:
            f.armed = True
            f.time = when
            f.serial = serial
            heappush(self._queue.tuples, (when, serial, f))

    def schedule_background(self, when: i64, f: Frame) -> None:
        serial = self._serial + 1
        self._serial = serial
        self._background.push(when, serial, f)
        self._background_at = min(self._background_at, when)

    def schedule_first(self, when: i64, f: Frame) -> None:
        serial = self._first_serial + 1
        self._first_serial = serial
        self._background.push(when, serial, f)
        self._background_at = min(self._background_at, when)

    def delay_queue(self, delay: i64) -> i64:
        return self._queue.delay_queue(delay)

    def schedule_in_queue(self, number: i64, f: Frame) -> None:
        serial = self._serial + 1
        self._serial = serial
        queue = self._queue
        if COMPILED:
            queue.push_in_queue(number, self.now, serial, f)
            return
        delayed = queue.delay_queues[number]
        when = self.now + delayed.delay
        f.armed = True
        f.time = when
        f.serial = serial
        if delayed.count == 0:
            heappush(queue.tuples, (when, serial, f))
        delayed.add(f)

    def unschedule(self, f: Frame) -> None:
        self._queue.unschedule(f)

    def unschedule_background(self, f: Frame) -> None:
        self._background.unschedule(f)
        following = self._background.first()
        self._background_at = NEVER if following is None else following.time

    def next_time(self) -> i64:
        """When the next event happens; FOREVER when there is none."""
        ours = self._queue.first()
        background = self._background.first()
        if ours is None:
            return FOREVER if background is None else background.time
        return ours.time if background is None or ours.time < background.time else background.time

    def run(self, until: i64 = FOREVER, budget: i64 = UNLIMITED) -> bool:
        """Handle events with ``t <= until``, at most ``budget`` of them. False when the run is over.

        The run is over when only background events are left and none of them could free waiting work. The clock then
        shows the last event that happened, never one that had been cancelled.
        """
        if not COMPILED:
            return self._run_interpreted(until, budget)
        queue = self._queue
        while budget > 0:
            due = self._background_at
            f = queue.take(until if until < due else due - 1)
            if f is None:
                f = self._take_either(until)
                if f is None:
                    return self._goes_on()
            f.armed = False
            self.now = f.time
            budget -= 1
            f.layer.on_timer(f)
        return True

    def _run_interpreted(self, until: i64, budget: i64) -> bool:
        """The same loop with :meth:`EventQueue.take` spelled out, for a call costs as much as the heap."""
        queue = self._queue
        tuples = queue.tuples
        while budget > 0:
            due = self._background_at
            limit = until if until < due else due - 1
            found: Frame | None = None
            while tuples:
                when, _, f = tuples[0]
                if when > limit and f.armed:
                    break
                heappop(tuples)
                layer = f.layer
                if layer.delay_queue >= 0:
                    queue.advance(layer.delay_queue)
                if f.armed:
                    found = f
                    self.now = when
                    break
            if found is None:
                found = self._take_either(until)
                if found is None:
                    return self._goes_on()
                layer = found.layer
                self.now = found.time
            found.armed = False
            budget -= 1
            layer.on_timer(found)
        return True

    def size(self) -> int:
        """How many timers and waiting jobs are kept in memory."""
        return self._queue.size() + int(self.pending_work)

    def close(self) -> None:
        """Drop all frames, so that a finished run can be freed without the garbage collector."""
        self._queue.clear()
        self._background.clear()
        self._background_at = NEVER

    def _goes_on(self) -> bool:
        """Whether anything is left that will still happen; nothing happens after :data:`FOREVER`."""
        ours = self._queue.first()
        if ours is not None and ours.time <= FOREVER:
            return True
        background = self._background.first()
        return background is not None and background.time <= FOREVER and (ours is not None or self.pending_work > 0)

    def _take_either(self, until: i64) -> Frame | None:
        """The next frame of both queues; background events alone only while they may free waiting work."""
        ours = self._queue.first()
        background = self._background.first()
        if ours is None:
            return self._take_background(until) if self.pending_work > 0 else None
        if (
            background is None
            or ours.time < background.time
            or (ours.time == background.time and ours.serial < background.serial)
        ):
            return self._queue.take(until)
        return self._take_background(until)

    def _take_background(self, until: i64) -> Frame | None:
        f = self._background.take(until)
        following = self._background.first()
        self._background_at = NEVER if following is None else following.time
        return f
