"""The event queue: frames in the order of their timers, by time and then by serial.

A timer dies when its frame's ``armed`` is cleared; it is skipped when its turn comes. A frame is in a queue at most
once: one whose timer was disarmed is scheduled again only after :meth:`EventQueue.unschedule`.

Interpreted, the heap is :mod:`heapq` over tuples (nothing in Python is faster); compiled, the same heap is spelled
out over machine values, which saves a tuple and two boxed integers for every event.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.compiled import COMPILED
from resilience_sim.kernel.frames import NULL_REQUEST, Frame
from resilience_sim.kernel.vectors import append, vec

NEVER: Final = (1 << 62) - 1  # the end of virtual time; a greater number would be no machine constant
_ROOM: Final = 64  # initial size of a FixedDelayQueue; must stay a power of two (used as a mask)


class FixedDelayQueue:
    """Timers that all have the same delay, hence already sorted: only the head is in the heap.

    Most timeouts die before they fire; here a dead one costs no sift, it drops off when the head moves on.
    A ring buffer: what has left stays in its place until another one needs it.
    """

    __slots__ = ("_first", "_frames", "_mask", "count", "delay")

    delay: i64
    count: i64  # from the head, which is in the heap, to the end, both included
    _frames: vec[Frame]
    _first: i64
    _mask: i64

    def __init__(self, delay: i64) -> None:
        self.delay = delay
        self._frames = vec[Frame]([NULL_REQUEST] * _ROOM)
        self._mask = _ROOM - 1
        self._first = 0
        self.count = 0

    def clear(self) -> None:
        """Drop everything."""
        self._frames = vec[Frame]([NULL_REQUEST] * _ROOM)
        self._mask = _ROOM - 1
        self._first = 0
        self.count = 0

    def add(self, f: Frame) -> None:
        count = self.count
        if count > self._mask:
            self._grow()
        self._frames[(self._first + count) & self._mask] = f
        self.count = count + 1

    def next(self) -> Frame | None:
        """Drop the head, and whatever is dead behind it; the new head, if there is one."""
        frames = self._frames
        mask = self._mask
        first = self._first
        count = self.count
        while count > 1:
            first += 1
            count -= 1
            if frames[first & mask].armed:
                self._first = first & mask
                self.count = count
                return frames[first & mask]
        self._first = 0
        self.count = 0
        return None

    def _grow(self) -> None:
        """Double the size; the head moves to the first place."""
        old = self._frames
        mask = self._mask
        grown = vec[Frame]()
        i: i64 = 0
        while i <= mask:
            grown = append(grown, old[(self._first + i) & mask])
            i += 1
        while i <= 2 * mask + 1:
            grown = append(grown, NULL_REQUEST)
            i += 1
        self._frames = grown
        self._mask = 2 * mask + 1
        self._first = 0


class EventQueue:
    """A priority queue of frames."""

    __slots__ = ("_count", "_frames", "_hole", "_recurring", "_recurring_at", "_times", "delay_queues", "tuples")

    _count: i64
    _recurring_at: i64

    def __init__(self) -> None:
        # When compiled: the heap is the first ``_count`` frames, with their times beside them for faster comparisons.
        self._frames = vec[Frame]()
        self._times = vec[i64]()
        self._count = 0
        # One timer is kept beside the heap: that of the traffic, the most frequent of all.
        self._recurring: Frame = NULL_REQUEST
        self._recurring_at = NEVER
        # The first was taken and its place is still free: most takes are followed by a push, which sinks from there.
        self._hole = False
        self.tuples: list[tuple[int, int, Frame]] = []  # the heap when interpreted
        self.delay_queues = vec[FixedDelayQueue]()

    def push(self, when: i64, serial: i64, f: Frame) -> None:
        """Put ``f`` in, to fire at ``when``; ``serial`` orders those of the same instant."""
        f.armed = True
        f.time = when
        f.serial = serial
        if not COMPILED:
            heappush(self.tuples, (when, serial, f))
        elif self._hole:
            self._hole = False
            self._sink(f)
        else:
            self._sift_in(f)

    def push_recurring(self, when: i64, serial: i64, f: Frame) -> None:
        """As :meth:`push`, and faster; for one frame at a time, disarmed by :meth:`unschedule` only."""
        if self._recurring_at != NEVER:
            self.push(when, serial, f)
            return
        f.armed = True
        f.time = when
        f.serial = serial
        self._recurring = f
        self._recurring_at = when

    def delay_queue(self, delay: i64) -> i64:
        """The number of the queue for timers with this delay."""
        queues = self.delay_queues
        for i in range(len(queues)):
            if queues[i].delay == delay:
                return i
        self.delay_queues = append(queues, FixedDelayQueue(delay))
        return len(self.delay_queues) - 1

    def push_in_queue(self, number: i64, now: i64, serial: i64, f: Frame) -> None:
        """Put ``f`` at the end of a delay queue, that of its layer."""
        queue = self.delay_queues[number]
        when = now + queue.delay
        f.armed = True
        f.time = when
        f.serial = serial
        if queue.count == 0:
            self._enter(f)
        queue.add(f)

    def take(self, until: i64) -> Frame | None:
        """Remove and return the next frame whose timer is alive and due by ``until``; None when there is none."""
        if COMPILED:
            if self._hole:
                self._close_hole()
            due = self._recurring_at
            while self._count > 0:
                f = self._frames[0]
                if f.armed:
                    time = f.time
                    if due <= time and (due < time or (due != NEVER and self._recurring.serial < f.serial)):
                        break
                    if time > until:
                        return None
                    self._hole = True
                    number = f.layer.delay_queue
                    if number >= 0:
                        self.advance(number)
                    return f
                self._hole = True
                number = f.layer.delay_queue
                if number >= 0:
                    self.advance(number)
                if self._hole:
                    self._close_hole()
            if due > until or due == NEVER:
                return None
            self._recurring_at = NEVER
            return self._recurring
        tuples = self.tuples
        while tuples:
            f = tuples[0][2]
            if f.armed and f.time > until:
                return None
            heappop(tuples)
            if f.layer.delay_queue >= 0:
                self.advance(f.layer.delay_queue)
            if f.armed:
                return f
        return None

    def first(self) -> Frame | None:
        """The next frame whose timer is alive; it stays."""
        if self._hole:
            self._close_hole()
        due = self._recurring_at
        while self._count > 0 or self.tuples:
            f = self._frames[0] if COMPILED else self.tuples[0][2]
            if f.armed:
                if due < f.time or (due == f.time != NEVER and self._recurring.serial < f.serial):
                    break
                return f
            self.take(-1)  # only drops dead ones: a live timer due at the same instant must stay
            if self._hole:
                self._close_hole()
        return None if due == NEVER else self._recurring

    def size(self) -> int:
        """How many frames it holds, dead ones included."""
        waiting = sum([int(queue.count) for queue in self.delay_queues])
        return int(self._count) + len(self.tuples) + waiting

    def clear(self) -> None:
        """Drop every frame."""
        for queue in self.delay_queues:
            queue.clear()
        self.tuples.clear()
        self._frames = vec[Frame]()
        self._times = vec[i64]()
        self._count = 0
        self._hole = False
        self._recurring = NULL_REQUEST
        self._recurring_at = NEVER

    def unschedule(self, f: Frame) -> None:
        """Take ``f`` out wherever it is, slowly. Not for frames of delay queues."""
        f.armed = False
        if f is self._recurring:
            self._recurring_at = NEVER
        kept = [entry for entry in self.tuples if entry[2] is not f]
        heapify(kept)
        self.tuples[:] = kept
        if self._hole:
            self._close_hole()
        rest: list[Frame] = []
        i: i64 = 0
        while i < self._count:
            g = self._frames[i]
            if g is not f:
                rest.append(g)
            self._frames[i] = NULL_REQUEST
            i += 1
        self._count = 0
        for g in rest:
            self._sift_in(g)

    def advance(self, number: i64) -> None:
        """The head of a delay queue left the heap: put the next live one in its place."""
        f = self.delay_queues[number].next()
        if f is not None:
            self._enter(f)

    def _enter(self, f: Frame) -> None:
        if COMPILED:
            self._sift_in(f)
        else:
            heappush(self.tuples, (f.time, f.serial, f))

    def _sift_in(self, f: Frame) -> None:
        if self._hole:
            self._hole = False
            self._sink(f)
            return
        i = self._count
        if i == len(self._times):
            self._frames = append(self._frames, f)
            self._times = append(self._times, f.time)
        self._count = i + 1
        frames = self._frames
        times = self._times
        time = f.time
        while i > 0:
            above = (i - 1) >> 1
            other = times[above]
            if other < time or (other == time and frames[above].serial < f.serial):
                break
            frames[i] = frames[above]
            times[i] = other
            i = above
        frames[i] = f
        times[i] = time

    def _close_hole(self) -> None:
        """Nothing came to fill the place of the first: put the last there."""
        self._hole = False
        frames = self._frames
        n = self._count - 1
        self._count = n
        last = frames[n]
        frames[n] = NULL_REQUEST
        if n > 0:
            self._sink(last)

    def _sink(self, f: Frame) -> None:
        """Put ``f`` in the place of the first, or where it belongs below it."""
        frames = self._frames
        times = self._times
        n = self._count
        time = f.time
        i: i64 = 0
        below: i64 = 1
        while below < n:
            lower = times[below]
            if below + 1 < n:
                # Which of the two is earlier no processor can guess, so that is not asked but computed (from the sign).
                more = times[below + 1] - lower
                if more == 0:
                    if frames[below + 1].serial < frames[below].serial:
                        below += 1
                else:
                    lower += more & more >> 63
                    below += more >> 63 & 1
            if time < lower or (time == lower and f.serial < frames[below].serial):
                break
            frames[i] = frames[below]
            times[i] = lower
            i = below
            below = 2 * i + 1
        frames[i] = f
        times[i] = time
