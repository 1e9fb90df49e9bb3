"""The event queue: frames in the order of their timers, by time and then by serial.

Owns that order and nothing else. A timer dies when its frame's ``armed`` is cleared; it is skipped when its turn
comes. A frame stands in a queue at most once: one whose timer was disarmed is armed again only after
:meth:`EventQueue.forget`.

Interpreted, the heap is :mod:`heapq` over tuples (nothing in Python is faster); compiled, the same heap is spelled
out over typed frames, which spares a tuple and two boxed integers for every event.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.frames import Frame
from resilience_sim.kernel.native import COMPILED

TRIM: Final = 512  # handled timers that a lane keeps before it lets go of them


class Lane:
    """Timers that all have the same delay, hence already sorted: only the head stands in the event queue.

    Most timeouts die before they come due; here a dead one costs no sift, it drops off when the head moves on.
    """

    __slots__ = ("delay", "frames", "head")

    delay: i64
    frames: list[Frame]
    head: i64

    def __init__(self, delay: i64) -> None:
        self.delay = delay
        self.frames = []
        self.head = 0


class EventQueue:
    """A priority queue of frames."""

    __slots__ = ("_frames", "_tuples")

    def __init__(self) -> None:
        self._frames: list[Frame] = []  # the heap when compiled
        self._tuples: list[tuple[int, int, Frame]] = []  # the heap when interpreted

    def push(self, when: i64, serial: i64, f: Frame) -> None:
        """Put ``f`` in, due at ``when``; ``serial`` orders those due at the same instant."""
        f.armed = True
        f.time = when
        f.serial = serial
        if COMPILED:
            self._sift_in(f)
        else:
            heappush(self._tuples, (when, serial, f))

    def arm(self, lane: Lane, when: i64, serial: i64, f: Frame) -> None:
        """Put ``f`` at the end of its layer's lane."""
        f.armed = True
        f.time = when
        f.serial = serial
        frames = lane.frames
        if lane.head == len(frames):
            self._enter(f)
        frames.append(f)

    def take(self, until: i64) -> Frame | None:
        """Remove and return the next frame whose timer is alive and due by ``until``; None when there is none."""
        if COMPILED:
            frames = self._frames
            while frames:
                f = frames[0]
                if f.armed and f.time > until:
                    return None
                self._drop_first()
                if f.armed:
                    return f
            return None
        tuples = self._tuples
        while tuples:
            f = tuples[0][2]
            if f.armed and f.time > until:
                return None
            heappop(tuples)
            if f.layer.lane is not None:
                self._advance(f.layer.lane)
            if f.armed:
                return f
        return None

    def first(self) -> Frame | None:
        """The next frame whose timer is alive; it stays."""
        while self._frames or self._tuples:
            f = self._frames[0] if COMPILED else self._tuples[0][2]
            if f.armed:
                return f
            self.take(-1)  # only drops dead ones: a live timer due at the same instant must stay
        return None

    def forget(self, f: Frame) -> None:
        """Take ``f`` out wherever it stands, slowly. Not for frames of lanes."""
        f.armed = False
        kept = [entry for entry in self._tuples if entry[2] is not f]
        heapify(kept)
        self._tuples[:] = kept
        rest = [g for g in self._frames if g is not f]
        self._frames[:] = []
        for g in rest:
            self._sift_in(g)

    def _enter(self, f: Frame) -> None:
        if COMPILED:
            self._sift_in(f)
        else:
            heappush(self._tuples, (f.time, f.serial, f))

    def _advance(self, lane: Lane) -> None:
        """The lane's head left the event queue: put the next one in its place that is not dead."""
        frames = lane.frames
        head = lane.head + 1
        end: i64 = len(frames)
        while head < end:
            f = frames[head]
            if f.armed:
                self._enter(f)
                break
            head += 1
        if head >= TRIM:
            del frames[:head]
            head = 0
        lane.head = head

    def _sift_in(self, f: Frame) -> None:
        frames = self._frames
        frames.append(f)
        time = f.time
        serial = f.serial
        i: i64 = len(frames) - 1
        while i > 0:
            above = (i - 1) >> 1
            g = frames[above]
            if g.time < time or (g.time == time and g.serial < serial):
                break
            frames[i] = g
            i = above
        frames[i] = f

    def _drop_first(self) -> None:
        frames = self._frames
        lane = frames[0].layer.lane
        last = frames.pop()
        n: i64 = len(frames)
        if n > 0:
            time = last.time
            serial = last.serial
            i: i64 = 0
            below: i64 = 1
            while below < n:
                g = frames[below]
                if below + 1 < n:
                    h = frames[below + 1]
                    if h.time < g.time or (h.time == g.time and h.serial < g.serial):
                        g = h
                        below += 1
                if time < g.time or (time == g.time and serial < g.serial):
                    break
                frames[i] = g
                i = below
                below = 2 * i + 1
            frames[i] = last
        if lane is not None:
            self._advance(lane)
