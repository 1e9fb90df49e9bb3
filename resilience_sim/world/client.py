"""Service A: instances with threads, a backlog and a stack each; where requests come in and outcomes go out.

A request holds a thread from admission to outcome; without one it waits in the backlog; without a place there it is
exhausted, or the instance crashes and takes everything with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    ADMITTED,
    ARRIVE,
    BACKLOGGED,
    CRASH,
    CRASHED,
    DONE,
    EXHAUSTED,
    FALLBACK,
    REFUSED,
    RESTART,
    START,
    TURNED_AWAY,
    pack_arrival,
    pack_done,
)
from resilience_sim.kernel.frames import NULL_REQUEST, Clock, Frame, Layer, Request, Timer, cancel_child
from resilience_sim.kernel.rng import SPREAD
from resilience_sim.kernel.vectors import append, vec
from resilience_sim.policies.shared import Common
from resilience_sim.policies.stack import Stack
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.service import OperationConfig
from resilience_sim.world.operations import Operations
from resilience_sim.world.service import Service


class Instance:
    """One client instance: its threads, its backlog, its own stack."""

    __slots__ = ("admitting", "backlog", "busy", "down", "in_flight", "source", "sources", "stack")

    source: i64
    busy: i64

    def __init__(self, source: i64, stack: Stack, sources: Sequence[int]) -> None:
        self.source = source
        self.stack = stack
        self.sources = sources
        self.busy = 0
        self.down = False
        self.admitting = False
        self.backlog: deque[Request] = deque()
        self.in_flight: dict[Request, None] = {}  # only kept when a crash could need it


class Caller(Layer):
    """Sends the requests, and may want to know when one is done."""

    __slots__ = ()

    def enter(self, parent: Frame) -> None:
        raise AssertionError("a caller is not called")

    def on_result(self, f: Frame, outcome: i64) -> None:
        raise AssertionError("a caller is not called back")

    def on_done(self, req: Request) -> None:
        """``req`` has its outcome."""


class Unanswered:
    """The requests without an outcome, in no order; each knows its place, in ``x``."""

    __slots__ = ("_count", "_requests")

    _count: i64

    def __init__(self) -> None:
        self._requests = vec[Request]()
        self._count = 0

    def add(self, req: Request) -> None:
        """It has come in."""
        count = self._count
        self._count = count + 1
        req.x = count
        if count == len(self._requests):
            self._requests = append(self._requests, req)
        else:
            self._requests[count] = req

    def remove(self, req: Request) -> None:
        """It has its outcome: the last one takes its place."""
        count = self._count - 1
        self._count = count
        if req.x != count:
            last = self._requests[count]
            last.x = req.x
            self._requests[req.x] = last
        self._requests[count] = NULL_REQUEST

    def release(self) -> None:
        """They will never have one: cut what keeps them alive."""
        i: i64 = 0
        while i < self._count:
            req = self._requests[i]
            req.close()
            req.detach()
            i += 1
        self._requests = vec[Request]()
        self._count = 0


class Client(Layer):
    """The outermost layer."""

    __slots__ = (
        "_caller", "_commons", "_configs", "_crashes", "_instances", "_operations", "_places", "_random_spread",
        "_restart_after", "_service", "_tells_caller", "_threads", "_unanswered",
    )  # fmt: skip

    _threads: i64
    _places: i64
    _restart_after: i64

    def __init__(
        self,
        sim: Clock,
        config: ClientConfig,
        service: Layer,
        configs: Sequence[PolicyConfig],
        sources: Sequence[int],
        layer_sources: Sequence[Sequence[int]],
        operation: OperationConfig | None = None,
    ) -> None:
        super().__init__(sim, sources[0])
        self._threads = config.threads
        self._places = config.backlog
        self._crashes = config.on_exhaustion == "crash"
        self._restart_after = config.restart_after
        self._random_spread = config.spread == "random"
        self._service = service
        self._operations: Final = Operations(operation or OperationConfig())
        self._commons: dict[int, Common] = {}
        self._configs = configs
        self._caller = Caller(sim, -1)
        self._tells_caller = False
        self._unanswered: Final = Unanswered()
        # A vector: which instance it is is asked for twice a request, and of a list that costs three times as much.
        self._instances: Final = vec[Instance](
            [
                Instance(sources[i], Stack(sim, service, configs, layer_sources[i], i, self._commons), layer_sources[i])
                for i in range(config.instances)
            ]
        )
        self._announce()

    def _announce(self) -> None:
        """Tell B's balancer about the stacks: one may contain outlier detection."""
        if isinstance(self._service, Service):
            for i, instance in enumerate(self.instances()):
                self._service.watch(instance.stack, i)

    def restack(self, configs: Sequence[PolicyConfig], layer_sources: Sequence[Sequence[int]]) -> None:
        """From now on every instance has this stack; see :meth:`Stack.reconfigure` for what survives."""
        for i, instance in enumerate(self.instances()):
            instance.stack.reconfigure(configs, layer_sources[i])
            instance.sources = layer_sources[i]
        for common in self._commons.values():
            common.layer.resume()
        self._configs = configs
        self._announce()

    def instances(self) -> list[Instance]:
        return [self._instances[i] for i in range(len(self._instances))]

    def report_to(self, caller: Caller) -> None:
        """Tell ``caller`` about every outcome."""
        self._caller = caller
        self._tells_caller = True

    def release(self) -> None:
        """The run is over: drop the requests that will never be answered."""
        self._unanswered.release()
        for instance in self.instances():
            instance.backlog.clear()
            instance.in_flight = {}
            for layer in instance.stack.layers:
                layer.shut_down()
        for common in self._commons.values():
            common.release()

    # --- in ---

    def arrive(self, rid: i64, user: i64) -> None:
        """A request comes in now."""
        sim = self.sim
        instances = self._instances
        i: i64 = 0
        if len(instances) == 1:
            pass
        elif self._random_spread:
            i = int(sim.rng.uniform(SPREAD, rid, 0) * float(len(instances)))
        else:
            i = rid % len(instances)
        instance = instances[i]
        req = Request(self, rid, sim.now, i, user)
        req.operation = self._operations.draw(sim, rid) if self._operations.mixed else self._operations.only
        which = req.operation >> 8
        self._unanswered.add(req)
        if instance.down:
            sim.sink.emit(sim.now, ARRIVE, instance.source, rid, pack_arrival(TURNED_AWAY, which), user)
            self._report(req, REFUSED, instance)
        elif not self._threads or instance.busy < self._threads:
            if sim.tells_arrivals:
                sim.sink.emit(sim.now, ARRIVE, instance.source, rid, pack_arrival(ADMITTED, which), user)
            else:
                sim.sink.unheard += 1
            self._admit(req, instance)
        elif len(instance.backlog) < self._places:
            sim.sink.emit(sim.now, ARRIVE, instance.source, rid, pack_arrival(BACKLOGGED, which), user)
            instance.backlog.append(req)
        else:
            sim.sink.emit(sim.now, ARRIVE, instance.source, rid, pack_arrival(TURNED_AWAY, which), user)
            if self._crashes:
                self._crash(instance, req)
            else:
                self._report(req, EXHAUSTED, instance)

    def _admit(self, req: Request, instance: Instance) -> None:
        instance.busy += 1
        req.held = True
        if self._crashes:
            instance.in_flight[req] = None
        instance.stack.outer.enter(req)

    def enter(self, parent: Frame) -> None:
        raise AssertionError("requests come in through arrive()")

    # --- out ---

    def on_result(self, f: Frame, outcome: i64) -> None:
        """The stack has answered: report, free the thread, let the next one in."""
        req = f.req  # itself, by its type
        instance = self._instances[req.instance]
        instance.busy -= 1
        if self._crashes:
            del instance.in_flight[req]
        self._report(req, outcome, instance)
        if self._places and instance.backlog and not instance.admitting:
            self._admit_waiting(instance)

    def _admit_waiting(self, instance: Instance) -> None:
        """Give free threads to the backlog. A loop, for the next one may be answered at once."""
        sim = self.sim
        instance.admitting = True
        while instance.backlog and instance.busy < self._threads:
            waiting = instance.backlog.popleft()
            sim.sink.emit(sim.now, START, instance.source, waiting.rid, 0, sim.now - waiting.arrived)
            self._admit(waiting, instance)
        instance.admitting = False

    def _report(self, req: Request, outcome: i64, instance: Instance) -> None:
        sim = self.sim
        self._unanswered.remove(req)
        req.done = True
        req.live = False
        req.failed = outcome > FALLBACK
        took = sim.now - req.arrived
        if sim.tells_ends:
            packed = pack_done(outcome, 1 if req.held else 0, req.attempts, req.effects)
            sim.sink.emit(sim.now, DONE, instance.source, req.rid, packed, took)
        else:
            sim.sink.end(outcome, took)
        req.close()
        if self._tells_caller:
            self._caller.on_done(req)

    # --- down and up again ---

    def _crash(self, instance: Instance, last_straw: Request) -> None:
        sim = self.sim
        going = [*instance.in_flight, *instance.backlog, last_straw]
        back = sim.now + self._restart_after
        instance.down = True
        instance.busy = 0
        instance.in_flight = {}
        instance.backlog.clear()
        sim.sink.emit(sim.now, CRASH, instance.source, last_straw.rid, len(going), back)
        for layer in instance.stack.layers:
            layer.shut_down()
        for req in going:
            cancel_child(req, CRASHED, False)
            self._report(req, CRASHED, instance)
        clock = Timer(self, -1, last_straw.instance)
        sim.schedule_first(back, clock)  # who arrives at that very instant finds it up

    def on_timer(self, f: Frame) -> None:
        """An instance is back, with fresh policy state."""
        assert isinstance(f, Request)
        sim = self.sim
        instance = self._instances[f.instance]
        instance.down = False
        sim.sink.emit(sim.now, RESTART, instance.source, -1, 0, 0)
        for layer in instance.stack.layers:
            layer.restart()
        instance.stack = Stack(sim, self._service, self._configs, instance.sources, int(f.instance), self._commons)
        self._announce()
