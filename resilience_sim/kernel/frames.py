"""Frames and layers: what everything that handles a call is made of, and what the engine offers to them.

A *layer* is one stage of a call: a policy, the client, the service. It has four methods: a call comes in from outside
(:meth:`Layer.enter`), the inside has answered (:meth:`Layer.on_result`), a timer has fired (:meth:`Layer.on_timer`),
the outside no longer waits (:meth:`Layer.on_cancel`). What a layer knows about one call it keeps in a :class:`Frame`;
what all calls share it keeps in itself. A frame points to the frame outside it and, while the inside is at work, to the
one inside; both ways in, one way out: answering or cancelling cuts the inner link first, so that no reference cycle
outlives a call.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.rng import KeyedRng
from resilience_sim.kernel.sink import Sink


class Clock:
    """The engine as layers see it: virtual time, random numbers, events and timers. kernel/sim.py implements it."""

    __slots__ = (
        "guest", "leaves_calls", "now", "passes_deadlines", "pending_work", "rng", "sink", "tells_arrivals",
        "tells_attempts", "tells_ends",
    )  # fmt: skip

    rng: Final[KeyedRng]
    sink: Final[Sink]
    now: i64  # virtual ns
    pending_work: i64  # jobs that only a background timer may be able to release; kept by the service
    leaves_calls: bool  # some layer stops waiting without telling the inside, which goes on answering to nobody
    passes_deadlines: bool  # some timeout tells the inside by when its answer is of use
    tells_arrivals: bool  # whether the client says which requests it admits,
    tells_ends: bool  # and which are done
    tells_attempts: bool  # whether services say what usually becomes of attempts; what is rare they say all the same
    guest: object  # whoever runs code of the user's own on this clock (policies/guest.py), or None

    def __init__(self, rng: KeyedRng, sink: Sink) -> None:
        self.now = 0
        self.rng = rng
        self.sink = sink
        self.tells_arrivals = sink.wants_arrivals
        self.tells_ends = sink.wants_ends
        self.tells_attempts = sink.wants_attempts
        self.pending_work = 0
        self.leaves_calls = False
        self.passes_deadlines = False
        self.guest = None

    def schedule(self, when: i64, f: Frame) -> None:
        """Call ``f.layer.on_timer(f)`` at ``when`` (>= now), unless ``f.armed`` is cleared before.

        Timers of the same instant fire in the order of scheduling. A frame that was disarmed must be unscheduled
        (:meth:`unschedule`) before it is scheduled again.
        """
        raise NotImplementedError

    def schedule_recurring(self, when: i64, f: Frame) -> None:
        """As :meth:`schedule`, for the one frame that comes again and again; disarmed by :meth:`unschedule` only."""
        raise NotImplementedError

    def schedule_background(self, when: i64, f: Frame) -> None:
        """As :meth:`schedule`, but alone it does not keep the run going: ends of faults, returns of instances."""
        raise NotImplementedError

    def schedule_first(self, when: i64, f: Frame) -> None:
        """As :meth:`schedule_background`, but before any other event at ``when``, in order of scheduling."""
        raise NotImplementedError

    def delay_queue(self, delay: i64) -> i64:
        """The number of the queue for timers that fire ``delay`` ns after they were scheduled."""
        raise NotImplementedError

    def schedule_in_queue(self, number: i64, f: Frame) -> None:
        """As :meth:`schedule`, after the delay of that queue, which is the one of the frame's layer."""
        raise NotImplementedError

    def unschedule(self, f: Frame) -> None:
        """Remove the timer of ``f``, so that it may be scheduled again; slow."""
        raise NotImplementedError

    def unschedule_background(self, f: Frame) -> None:
        """As :meth:`unschedule`, for :meth:`schedule_background` and :meth:`schedule_first`."""
        raise NotImplementedError


# On every class of frames: ``acyclic`` spares the collector's header and bookkeeping (it is not inherited), and
# ``free_list_len`` keeps the one that died last for the next that is born. Both mean something only when compiled.
@mypyc_attr(acyclic=True, free_list_len=1)
class Frame:
    """One activation of one layer for one call; at most one timer of it is pending.

    ``live`` turns false when nobody waits for this frame's answer any more. ``x`` and ``k`` are two integers for the
    layer's own use; each layer says what they mean to it.
    """

    __slots__ = ("armed", "child", "k", "layer", "live", "parent", "req", "serial", "time", "x")

    layer: Layer
    parent: Frame | None
    child: Frame | None
    req: Request
    live: bool
    armed: bool  # a timer is pending; set it to False and the timer never fires
    time: i64  # when the timer fires, and its serial among those of the same instant; only while armed
    serial: i64
    x: i64
    k: i64

    def __init__(self, layer: Layer, parent: Frame) -> None:
        self.layer = layer
        self.parent = parent
        self.child = None
        self.req = parent.req
        self.live = True
        self.armed = False
        self.time = 0
        self.serial = 0
        self.x = 0
        self.k = 0
        parent.child = self

    def detach(self) -> None:
        """The run is over: cut every link that keeps this frame and those inside it alive."""
        child = self.child
        self.child = None
        self.layer = NULL_REQUEST.layer
        if child is not None:
            child.detach()


class Shared:
    """What the calls between services that are made for one request of a user have in common (world/calls.py)."""

    __slots__ = ()


@mypyc_attr(acyclic=True, free_list_len=1)
class Request(Frame):
    """What a user asked Service A for: the outermost frame, shared by all frames of the call.

    Where a service calls another, the call is one, too (world/calls.py: Call): policies see no difference. ``x`` is its
    place among those without an outcome (world/client.py).
    """

    __slots__ = (
        "arrived", "attempts", "done", "drawn", "drawn_at", "drawn_key",
        "drawn_purpose", "effects", "failed", "held", "instance",
        "key_until", "luck", "operation", "retry_after", "rid", "shared", "user",
    )  # fmt: skip

    rid: i64
    luck: i64  # keys its random numbers: ``rid``, of a call between services a hash of how it came about
    arrived: i64
    instance: i64
    user: i64
    operation: i64  # what it does to B: a word of settings/service.py: operation_word
    attempts: i64  # made so far, by whichever layer; of a call between services its number lies above (TRIES)
    effects: i64  # applied so far, duplicates included
    key_until: i64  # idempotency key remembered by B up to this instant; -1: not remembered
    retry_after: i64  # hint of the last answer, ns; 0: none
    held: bool  # holds a thread
    done: bool
    failed: bool  # was reported as failed
    drawn_at: i64  # how many attempts there were at the last draw of a policy (policies/layer.py: fresh)
    drawn_purpose: i64  # the first draw since then
    drawn_key: i64
    shared: Shared | None
    drawn: dict[tuple[int, int], int] | None  # all draws since then, if more than one: (purpose, key) -> how many

    def __init__(self, layer: Layer, rid: i64, arrived: i64, instance: i64, user: i64) -> None:
        self.layer = layer
        self.parent = None
        self.child = None
        self.req = self
        self.live = True
        self.armed = False
        self.time = 0
        self.serial = 0
        self.x = 0
        self.k = 0
        self.rid = rid
        self.luck = rid
        self.arrived = arrived
        self.instance = instance
        self.user = user
        self.operation = 0
        self.attempts = 0
        self.effects = 0
        self.key_until = -1
        self.retry_after = 0
        self.held = False
        self.done = False
        self.failed = False
        self.drawn_at = -1
        self.drawn_purpose = 0
        self.drawn_key = 0
        self.drawn = None
        self.shared = None

    def close(self) -> None:
        """Drop the reference to itself, so that it is freed without the garbage collector."""
        self.req = NULL_REQUEST


class Timer(Request):
    """A timer that belongs to no call: the next arrival, the end of a fault.

    Layers keep their timers, which point back to them: unlike other frames these are left to the garbage collector.
    """

    __slots__ = ()

    def __init__(self, layer: Layer, user: i64 = 0, instance: i64 = -1) -> None:
        super().__init__(layer, -1, 0, instance, user)
        self.req = NULL_REQUEST


@mypyc_attr(allow_interpreted_subclasses=True)
class Layer:
    """One stage of a call; see the module's docstring for the protocol."""

    __slots__ = ("delay_queue", "sim", "source")

    sim: Final[Clock]
    source: i64  # id of the component, in the events that this layer emits
    delay_queue: i64  # number of the queue of its timers if all have the same delay (then it has no others); -1: none

    def __init__(self, sim: Clock, source: i64) -> None:
        self.sim = sim
        self.source = source
        self.delay_queue = -1

    def enter(self, parent: Frame) -> None:
        """A call comes in from ``parent``; answer with :func:`answer`, now or later, exactly once."""
        raise NotImplementedError

    def on_result(self, f: Frame, outcome: i64) -> None:
        """The inside answered frame ``f`` of this layer."""
        raise NotImplementedError

    def on_timer(self, f: Frame) -> None:
        """The timer of frame ``f`` fired."""
        raise NotImplementedError

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """Nobody waits for ``f`` any more: release what it holds and cancel the inside.

        ``why`` is the outcome its attempts in flight get (``TIMEOUT``, ``CANCELLED``, ``CRASHED``); ``stop_work``
        tells whether B's work ends too. Must not answer.
        """
        f.live = False
        f.armed = False
        cancel_child(f, why, stop_work)

    def shut_down(self) -> None:
        """The client instance is going down: calls that wait here must not go in any more. They get cancelled."""


def _null_request() -> Request:
    """A stand-in where there is no request; its layer is passed by no call and belongs to no simulation."""
    layer = Layer.__new__(Layer)  # not by __init__: every other layer has a clock, and nobody needs to check
    layer.source = -1
    layer.delay_queue = -1
    return Request(layer, -1, 0, -1, -1)


NULL_REQUEST: Final = _null_request()


def answer(f: Frame, outcome: i64) -> None:
    """Frame ``f`` is finished: hand ``outcome`` to the frame outside it."""
    parent = f.parent
    assert parent is not None
    f.live = False
    f.parent = None  # a dead timer may stay in a queue for long: it must not keep the whole call alive
    parent.child = None
    parent.layer.on_result(parent, outcome)


def cancel_child(f: Frame, why: i64, stop_work: bool) -> None:
    """Stop waiting for whatever is at work inside ``f``."""
    child = f.child
    if child is not None:
        f.child = None
        child.layer.on_cancel(child, why, stop_work)
