"""The engine: virtual clock, event queue, lanes, and the frames and layers that everything is made of.

Owns time and the order of events. Refuses to know any policy, service or traffic.

A *layer* is one stage of a call: a policy, the client, the service. It has four methods: a call comes in from outside
(:meth:`Layer.enter`), the inside has answered (:meth:`Layer.on_result`), a time it asked for has come
(:meth:`Layer.on_timer`), the outside no longer waits (:meth:`Layer.on_cancel`). What a layer knows about one call it
keeps in a :class:`Frame`; what all calls share it keeps in itself. A frame points to the frame outside it and, while
the inside is at work, to the one inside; both ways in, one way out: whoever answers or cancels cuts the inner link
first, so that no reference cycle outlives a call.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

from resilience_sim.kernel.luck import Luck
from resilience_sim.kernel.sink import Sink

FOREVER = (1 << 62) - 1
UNLIMITED = 1 << 62


class SimulationError(Exception):
    """The scenario cannot go on: time stands still. The message names cause and remedy."""


class Frame:
    """One activation of one layer for one call; at most one timer of it is pending.

    ``live`` turns false when nobody waits for this frame's answer any more. ``x`` and ``k`` are integers that only
    the layer itself gives a meaning to.
    """

    __slots__ = ("child", "k", "layer", "live", "parent", "req", "timer", "x")

    layer: Layer
    parent: Frame | None
    child: Frame | None
    req: Request
    live: bool
    timer: int  # serial of the pending timer; 0: none
    x: int
    k: int

    def __init__(self, layer: Layer, parent: Frame) -> None:
        self.layer = layer
        self.parent = parent
        self.child = None
        parent.child = self
        self.req = parent.req
        self.live = True
        self.timer = 0
        self.x = 0
        self.k = 0


class Request(Frame):
    """What a user asked Service A for: the outermost frame, shared by all frames of the call.

    Clocks that belong to nobody's call (the next arrival, the end of a fault) are requests with ``rid`` -1.
    """

    __slots__ = (
        "arrived", "attempts", "done", "effects", "failed", "held", "instance", "key_until", "retry_after", "rid",
        "user",
    )  # fmt: skip

    def __init__(self, layer: Layer, rid: int, arrived: int, instance: int, user: int) -> None:
        self.layer = layer
        self.parent = None
        self.child = None
        self.req = self
        self.live = True
        self.timer = 0
        self.x = 0
        self.k = 0
        self.rid = rid
        self.arrived = arrived
        self.instance = instance
        self.user = user
        self.attempts = 0  # made so far, by whichever layer
        self.effects = 0  # applied so far, duplicates included
        self.key_until = -1  # idempotency key remembered by B up to this instant; -1: not remembered
        self.retry_after = 0  # hint of the last answer, ns; 0: none
        self.held = False  # holds a thread
        self.done = False
        self.failed = False  # was reported as failed

    def close(self) -> None:
        """Nobody enters through this request any more: let go of itself, so that it dies without the collector."""
        self.req = NOBODY


class Layer:
    """One stage of a call; see the module's docstring for the protocol."""

    __slots__ = ("sim", "where")

    def __init__(self, sim: Sim, where: int) -> None:
        self.sim = sim
        self.where = where

    def enter(self, parent: Frame) -> None:
        """A call comes in from ``parent``; answer with :func:`answer`, now or later, exactly once."""
        raise NotImplementedError

    def on_result(self, f: Frame, outcome: int) -> None:
        """The inside answered frame ``f`` of this layer."""
        raise NotImplementedError

    def on_timer(self, f: Frame) -> None:
        """The timer of frame ``f`` came due."""
        raise NotImplementedError

    def on_cancel(self, f: Frame, why: int, stop_work: bool) -> None:
        """Nobody waits for ``f`` any more: give back what it holds and pass the word inwards.

        ``why`` is the outcome its attempts in flight get (``TIMEOUT``, ``CANCELLED``, ``CRASHED``); ``stop_work``
        tells whether B's work ends too. Must not answer.
        """
        f.live = False
        f.timer = 0
        cancel_child(f, why, stop_work)


class _Nobody(Layer):
    """A layer nothing passes."""

    __slots__ = ()

    def __init__(self) -> None:
        pass


NOBODY = Request(_Nobody(), -1, 0, -1, -1)


def answer(f: Frame, outcome: int) -> None:
    """Frame ``f`` is finished: hand ``outcome`` to the frame outside it."""
    parent = f.parent
    assert parent is not None
    f.live = False
    parent.child = None
    parent.layer.on_result(parent, outcome)


def cancel_child(f: Frame, why: int, stop_work: bool) -> None:
    """Stop waiting for whatever is at work inside ``f``."""
    child = f.child
    if child is not None:
        f.child = None
        child.layer.on_cancel(child, why, stop_work)


class Lane:
    """Timers that all have the same delay, hence already sorted: only the head stands in the event queue.

    Most timeouts die before they come due; here a dead one costs no sift, it drops off when the head moves on.
    """

    __slots__ = ("delay", "waiting")

    def __init__(self, delay: int) -> None:
        self.delay = delay
        self.waiting: deque[tuple[int, int, Frame]] = deque()


class Sim:
    """Virtual clock and event queue. Events at the same instant run in the order in which they were scheduled."""

    __slots__ = ("_daemons", "_heap", "_lanes", "_serial", "luck", "now", "pending_work", "sink")

    def __init__(self, luck: Luck, sink: Sink) -> None:
        self.now = 0
        self.luck = luck
        self.sink = sink
        self.pending_work = 0  # what only a daemon may be able to set free (see run); kept by the service
        self._serial = 0
        self._heap: list[tuple[int, int, Frame, Lane | None]] = []
        self._daemons: list[tuple[int, int, Frame, Lane | None]] = []
        self._lanes: dict[int, Lane] = {}

    def at(self, when: int, f: Frame) -> None:
        """Call ``f.layer.on_timer(f)`` at ``when`` (>= now); replaces a timer of ``f`` that is still pending."""
        self._serial += 1
        f.timer = self._serial
        heappush(self._heap, (when, self._serial, f, None))

    def daemon_at(self, when: int, f: Frame) -> None:
        """As :meth:`at`, but alone it does not keep the run going: ends of faults, returns of instances."""
        self._serial += 1
        f.timer = self._serial
        heappush(self._daemons, (when, self._serial, f, None))

    def lane(self, delay: int) -> Lane:
        """The lane for timers that come due ``delay`` ns after they are armed."""
        lane = self._lanes.get(delay)
        if lane is None:
            lane = self._lanes[delay] = Lane(delay)
        return lane

    def arm(self, lane: Lane, f: Frame) -> None:
        """As :meth:`at` with the lane's delay."""
        self._serial += 1
        f.timer = self._serial
        when = self.now + lane.delay
        waiting = lane.waiting
        if not waiting:
            heappush(self._heap, (when, self._serial, f, lane))
        waiting.append((when, self._serial, f))

    def _advance(self, lane: Lane) -> None:
        """The lane's head left the event queue: put the next one in its place that is not dead."""
        waiting = lane.waiting
        waiting.popleft()
        while waiting:
            when, serial, f = waiting[0]
            if f.timer == serial:
                heappush(self._heap, (when, serial, f, lane))
                return
            waiting.popleft()

    def run(self, until: int = FOREVER, budget: int = UNLIMITED) -> bool:
        """Handle events with ``t <= until``, at most ``budget`` of them. False when the run is over.

        The run is over when only daemons are left and none of them could free waiting work. The clock stands at
        the last event that happened, never at one that had been cancelled.
        """
        heap = self._heap
        daemons = self._daemons
        while budget > 0:
            if heap:
                entry = heap[0]
                f = entry[2]
                if f.timer != entry[1]:
                    heappop(heap)
                    if entry[3] is not None:
                        self._advance(entry[3])
                    continue
                if daemons and daemons[0] < entry:
                    entry = daemons[0]
                    if entry[0] > until:
                        return True
                    heappop(daemons)
                    f = entry[2]
                else:
                    if entry[0] > until:
                        return True
                    heappop(heap)
                    if entry[3] is not None:
                        self._advance(entry[3])
            else:
                if not daemons or self.pending_work <= 0:
                    return False
                entry = daemons[0]
                if entry[0] > until:
                    return True
                heappop(daemons)
                f = entry[2]
            f.timer = 0
            self.now = entry[0]
            budget -= 1
            f.layer.on_timer(f)
        return True
