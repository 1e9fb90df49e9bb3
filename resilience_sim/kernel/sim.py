"""The engine: virtual clock and the loop that hands events to layers.

Owns time. Refuses to know any policy, service or traffic.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.compiled import COMPILED
from resilience_sim.kernel.frames import Frame
from resilience_sim.kernel.queue import NEVER, EventQueue, FixedDelayQueue
from resilience_sim.kernel.rng import KeyedRng
from resilience_sim.kernel.sink import Sink

FOREVER: Final = (1 << 62) - 1
UNLIMITED: Final = 1 << 62


class SimulationError(Exception):
    """The scenario cannot go on: time stands still. The message names cause and remedy."""


class Sim:
    """Virtual clock and event queue. Events at the same instant run in the order in which they were scheduled."""

    __slots__ = (
        "_daemon_due",
        "_daemons",
        "_delay_queues",
        "_first_serial",
        "_queue",
        "_serial",
        "leaves_calls",
        "now",
        "pending_work",
        "rng",
        "sink",
    )  # fmt: skip

    rng: KeyedRng
    sink: Sink
    now: i64
    pending_work: i64  # what only a daemon may be able to set free (see run); kept by the service
    leaves_calls: bool  # some layer stops waiting without a word to the inside, which goes on answering to nobody
    _serial: i64
    _first_serial: i64
    _daemon_due: i64  # when the next daemon comes

    def __init__(self, rng: KeyedRng, sink: Sink) -> None:
        self.now = 0
        self.rng = rng
        self.sink = sink
        self.pending_work = 0
        self.leaves_calls = False
        self._serial = 0
        self._first_serial = -(1 << 60)
        self._queue = EventQueue()
        self._daemons = EventQueue()
        self._delay_queues: list[FixedDelayQueue] = []
        self._daemon_due = NEVER

    def schedule(self, when: i64, f: Frame) -> None:
        """Call ``f.layer.on_timer(f)`` at ``when`` (>= now), unless ``f.armed`` is cleared before.

        A frame that was disarmed must be forgotten (:meth:`forget`) before it is armed again.
        """
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
        """As :meth:`schedule`, for the one frame that comes again and again; disarmed by :meth:`forget` only."""
        serial = self._serial + 1
        self._serial = serial
        if COMPILED:
            self._queue.push_clock(when, serial, f)
        else:
            f.armed = True
            f.time = when
            f.serial = serial
            heappush(self._queue.tuples, (when, serial, f))

    def schedule_background(self, when: i64, f: Frame) -> None:
        """As :meth:`schedule`, but alone it does not keep the run going: ends of faults, returns of instances."""
        serial = self._serial + 1
        self._serial = serial
        self._daemons.push(when, serial, f)
        self._daemon_due = min(self._daemon_due, when)

    def schedule_first(self, when: i64, f: Frame) -> None:
        """As :meth:`schedule_background`, but before any other event at ``when``, in order of scheduling."""
        serial = self._first_serial + 1
        self._first_serial = serial
        self._daemons.push(when, serial, f)
        self._daemon_due = min(self._daemon_due, when)

    def next_time(self) -> i64:
        """When the next event is due; FOREVER when there is none."""
        ours = self._queue.first()
        daemon = self._daemons.first()
        if ours is None:
            return FOREVER if daemon is None else daemon.time
        return ours.time if daemon is None or ours.time < daemon.time else daemon.time

    def fixed_delay_queue(self, delay: i64) -> FixedDelayQueue:
        """The lane for timers that come due ``delay`` ns after they are armed."""
        for known in self._delay_queues:
            if known.delay == delay:
                return known
        delay_queue = FixedDelayQueue(delay)
        self._delay_queues.append(delay_queue)
        return delay_queue

    def schedule_fixed(self, delay_queue: FixedDelayQueue, f: Frame) -> None:
        """As :meth:`schedule` with the lane's delay; ``lane`` is the one of the frame's layer."""
        serial = self._serial + 1
        self._serial = serial
        when = self.now + delay_queue.delay
        if COMPILED:
            self._queue.schedule_fixed(delay_queue, when, serial, f)
            return
        f.armed = True
        f.time = when
        f.serial = serial
        if delay_queue.count == 0:
            heappush(self._queue.tuples, (when, serial, f))
        delay_queue.add(f)

    def unschedule(self, f: Frame) -> None:
        """Disarm ``f`` so thoroughly that it may be armed again; slow."""
        self._queue.unschedule(f)

    def unschedule_background(self, f: Frame) -> None:
        """As :meth:`forget`, for what :meth:`schedule_background` or :meth:`schedule_first` armed."""
        self._daemons.unschedule(f)
        following = self._daemons.first()
        self._daemon_due = NEVER if following is None else following.time

    def run(self, until: i64 = FOREVER, budget: i64 = UNLIMITED) -> bool:
        """Handle events with ``t <= until``, at most ``budget`` of them. False when the run is over.

        The run is over when only daemons are left and none of them could free waiting work. The clock stands at
        the last event that happened, never at one that had been cancelled.
        """
        if not COMPILED:
            return self._run_interpreted(until, budget)
        queue = self._queue
        while budget > 0:
            due = self._daemon_due
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
            due = self._daemon_due
            limit = until if until < due else due - 1
            found: Frame | None = None
            while tuples:
                when, _, f = tuples[0]
                if when > limit and f.armed:
                    break
                heappop(tuples)
                layer = f.layer
                if layer.delay_queue is not None:
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

    def close(self) -> None:
        """The run is over: let go of every frame, for what is left of them would keep all of the run alive."""
        self._queue.clear()
        self._daemons.clear()
        self._daemon_due = NEVER
        for delay_queue in self._delay_queues:
            delay_queue.clear()

    def _goes_on(self) -> bool:
        """Whether anything is left that will still happen; what is due after :data:`FOREVER` never does."""
        ours = self._queue.first()
        if ours is not None and ours.time <= FOREVER:
            return True
        daemon = self._daemons.first()
        return daemon is not None and daemon.time <= FOREVER and (ours is not None or self.pending_work > 0)

    def _take_either(self, until: i64) -> Frame | None:
        """The next frame of both queues; daemons alone only while they may free waiting work."""
        ours = self._queue.first()
        daemon = self._daemons.first()
        if ours is None:
            return self._take_daemon(until) if self.pending_work > 0 else None
        if daemon is None or ours.time < daemon.time or (ours.time == daemon.time and ours.serial < daemon.serial):
            return self._queue.take(until)
        return self._take_daemon(until)

    def _take_daemon(self, until: i64) -> Frame | None:
        f = self._daemons.take(until)
        following = self._daemons.first()
        self._daemon_due = NEVER if following is None else following.time
        return f
