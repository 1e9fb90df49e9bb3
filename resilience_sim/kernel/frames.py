"""Frames and layers: what everything that handles a call is made of.

Owns the protocol between layers. Refuses to know time (kernel/sim.py), any policy, service or traffic.

A *layer* is one stage of a call: a policy, the client, the service. It has four methods: a call comes in from outside
(:meth:`Layer.enter`), the inside has answered (:meth:`Layer.on_result`), a time it asked for has come
(:meth:`Layer.on_timer`), the outside no longer waits (:meth:`Layer.on_cancel`). What a layer knows about one call it
keeps in a :class:`Frame`; what all calls share it keeps in itself. A frame points to the frame outside it and, while
the inside is at work, to the one inside; both ways in, one way out: whoever answers or cancels cuts the inner link
first, so that no reference cycle outlives a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.compiled import COMPILED

if TYPE_CHECKING:
    from resilience_sim.kernel.queue import FixedDelayQueue
    from resilience_sim.kernel.sim import Sim


# On every class of frames: ``acyclic`` spares the collector's header and bookkeeping (it is not inherited), and
# ``free_list_len`` keeps the one that died last for the next that is born. Both mean something only when compiled.
@mypyc_attr(acyclic=True, free_list_len=1)
class Frame:
    """One activation of one layer for one call; at most one timer of it is pending.

    ``live`` turns false when nobody waits for this frame's answer any more. ``x`` and ``k`` are integers that only
    the layer itself gives a meaning to.
    """

    __slots__ = ("armed", "child", "k", "layer", "live", "parent", "req", "serial", "time", "x")

    layer: Layer
    parent: Frame | None
    child: Frame | None
    req: Request
    live: bool
    armed: bool  # a timer is pending; set to False, it never comes
    time: i64  # when it is due, and its serial among those of the same instant; without meaning otherwise
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
        if COMPILED:  # or else nobody reads them before they are set
            self.time = 0
            self.serial = 0
        self.x = 0
        self.k = 0
        parent.child = self

    def detach(self) -> None:
        """The run is over and nobody will answer: cut every link that holds this frame and those inside it alive."""
        child = self.child
        self.child = None
        self.layer = NULL_REQUEST.layer
        if child is not None:
            child.detach()


@mypyc_attr(acyclic=True, free_list_len=1)
class Request(Frame):
    """What a user asked Service A for: the outermost frame, shared by all frames of the call.

    ``before`` and ``after`` are its neighbours among those without an outcome (world/client.py).
    """

    __slots__ = (
        "after", "arrived", "attempts", "before", "done", "effects", "failed", "held", "instance", "key_until",
        "retry_after", "rid", "user",
    )  # fmt: skip

    before: Request | None
    after: Request | None

    rid: i64
    arrived: i64
    instance: i64
    user: i64
    attempts: i64  # made so far, by whichever layer
    effects: i64  # applied so far, duplicates included
    key_until: i64  # idempotency key remembered by B up to this instant; -1: not remembered
    retry_after: i64  # hint of the last answer, ns; 0: none
    held: bool  # holds a thread
    done: bool
    failed: bool  # was reported as failed

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
        self.arrived = arrived
        self.instance = instance
        self.user = user
        self.attempts = 0
        self.effects = 0
        self.key_until = -1
        self.retry_after = 0
        self.held = False
        self.done = False
        self.failed = False
        self.before = None
        self.after = None

    def close(self) -> None:
        """Nobody enters through this request any more: let go of itself, so that it dies without the collector."""
        self.req = NULL_REQUEST


class Clock(Request):
    """A timer that belongs to nobody's call: the next arrival, the end of a fault.

    Layers keep their clocks, which point back to them: unlike other frames these are left to the garbage collector.
    """

    __slots__ = ()

    def __init__(self, layer: Layer, user: i64 = 0, instance: i64 = -1) -> None:
        super().__init__(layer, -1, 0, instance, user)
        self.req = NULL_REQUEST


@mypyc_attr(allow_interpreted_subclasses=True)
class Layer:
    """One stage of a call; see the module's docstring for the protocol."""

    __slots__ = ("delay_queue", "sim", "source")

    sim: Sim
    source: i64
    delay_queue: FixedDelayQueue | None  # of a layer whose timers all have the same delay; then it has no others

    def __init__(self, sim: Sim, source: i64) -> None:
        self.sim = sim
        self.source = source
        self.delay_queue = None

    def enter(self, parent: Frame) -> None:
        """A call comes in from ``parent``; answer with :func:`answer`, now or later, exactly once."""
        raise NotImplementedError

    def on_result(self, f: Frame, outcome: i64) -> None:
        """The inside answered frame ``f`` of this layer."""
        raise NotImplementedError

    def on_timer(self, f: Frame) -> None:
        """The timer of frame ``f`` came due."""
        raise NotImplementedError

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """Nobody waits for ``f`` any more: give back what it holds and pass the word inwards.

        ``why`` is the outcome its attempts in flight get (``TIMEOUT``, ``CANCELLED``, ``CRASHED``); ``stop_work``
        tells whether B's work ends too. Must not answer.
        """
        f.live = False
        f.armed = False
        cancel_child(f, why, stop_work)

    def shut_down(self) -> None:
        """The client instance is going down: nobody who waits here may go in any more. All of them get cancelled."""


def _nobody() -> Request:
    """The request that takes the place of one where there is none: of a layer that nothing passes, in no simulation."""
    layer = Layer.__new__(Layer)  # not by __init__: every other layer has a simulation, and nobody needs to check
    layer.source = -1
    layer.delay_queue = None
    return Request(layer, -1, 0, -1, -1)


NULL_REQUEST: Final = _nobody()


def answer(f: Frame, outcome: i64) -> None:
    """Frame ``f`` is finished: hand ``outcome`` to the frame outside it."""
    parent = f.parent
    assert parent is not None
    f.live = False
    f.parent = None  # a dead timer may stand in a queue for long: it shall not keep the whole call
    parent.child = None
    parent.layer.on_result(parent, outcome)


def cancel_child(f: Frame, why: i64, stop_work: bool) -> None:
    """Stop waiting for whatever is at work inside ``f``."""
    child = f.child
    if child is not None:
        f.child = None
        child.layer.on_cancel(child, why, stop_work)
