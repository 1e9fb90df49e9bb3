"""The user's code as the client of one instance: a call for each request, an attempt for each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from resilience_sim.client import load
from resilience_sim.client.blame import users_frames, where
from resilience_sim.client.errors import Ended, OwnCodeError, Refusal
from resilience_sim.client.hosts import USE_SERVE, Hosts
from resilience_sim.client.loop import Loop
from resilience_sim.client.outcomes import rejection
from resilience_sim.client.sockets import Socket, outcome_of_leaving
from resilience_sim.client.strands import REQUEST, Strand, Strands
from resilience_sim.kernel import events as ev
from resilience_sim.kernel.frames import Clock, Frame, Layer, Request, answer, cancel_child
from resilience_sim.kernel.sink import Fold
from resilience_sim.policies.layer import PolicyLayer
from resilience_sim.settings.service import METHODS, OperationConfig, operation_kind
from resilience_sim.wire.requests import IncomingRequest
from resilience_sim.world.faults import REFUSE, Place
from resilience_sim.world.ledger import Account, Errand
from resilience_sim.world.service import ON_WIRE

SECOND = 1_000_000_000


@dataclass(frozen=True)
class UserRequest:
    """What the callable gets that has a parameter ``request``.

    ``number`` counts requests from 0, ``at`` is when it arrived (virtual seconds), ``method``, ``key`` and ``amount``
    are those of the scenario's ``operation:``, and ``user`` is who has sent it (in a closed loop).
    """

    number: int
    at: float
    method: str
    key: str | None
    amount: float | None
    user: int
    instance: int


@dataclass(frozen=True)
class Oddity:
    """A call that failed although no attempt of it did: the user's code itself, as a rule."""

    request: int
    at: int  # ns
    error: str
    frames: tuple[str, ...]


class Net:
    """What there is to connect to. One of a run, for all instances."""

    def __init__(
        self,
        strands: Strands,
        services: Mapping[str, Layer],
        places: Mapping[str, Sequence[Place]],
        layers: Mapping[int, CodeLayer],
    ) -> None:
        """``places``: of each service where faults may refuse an attempt at it."""
        self.strands = strands
        self._places = places
        self.hosts = Hosts(list(services))
        self._services = services
        self._layers = layers
        self._sockets: WeakValueDictionary[int, Socket] = WeakValueDictionary()
        self.arriving: dict[tuple[int, int], Socket] = {}  # attempts on the wire whose connection waits for that
        self.keys: dict[tuple[str, str], Account] = {}
        self.accounts: dict[tuple[int, str, str, str], Account] = {}

    def name_of(self, address: str) -> str:
        """The host at an address."""
        service = self.hosts.service(address)
        return self.hosts.names[list(self._services).index(service)] if service is not None else address

    def socket(self, number: int) -> Socket | None:
        """By its file number."""
        return self._sockets.get(number)

    def connect(self, sock: Socket, address: str) -> bool:
        """Begin an attempt; whether it is still on its way, so that the connection is not there yet."""
        strands = self.strands
        service = self.hosts.service(address)
        if service is None:
            strands.refuse(
                f"the code connects to {address}, which is no service of the scenario: {self.hosts.known()}",
                "point the client at one of them by name",
            )
        assert service is not None
        sock.service = service
        self._sockets[sock.fd] = sock
        attempt = self._attempt(sock)
        on_wire = attempt.send(self._services[service])
        if on_wire:
            self.arriving[attempt.rid, attempt.number] = sock
        return on_wire

    def begin(self, sock: Socket, request: IncomingRequest) -> None:
        """The next attempt on a connection that was kept."""
        attempt = self._attempt(sock)
        attempt.is_for(request)
        attempt.send(self._services[sock.service])

    def _attempt(self, sock: Socket) -> Attempt:
        strands, service = self.strands, sock.service
        request = strands.request()
        if request is None:
            strands.refuse(
                f"code that belongs to no request calls {service}",
                "call it from within the callable: a scenario knows requests only; " + USE_SERVE,
            )
        assert request is not None
        attempt = Attempt(self._layers[int(request.instance)], sock, request, service)
        sock.attempt = attempt
        return attempt

    def refuses(self, service: str) -> bool:
        """Whether attempts at it may be refused now."""
        return any(
            place.crashes or any(fault.how == REFUSE and fault.permits is None for fault in place.at_arrival)
            for place in self._places[service]
        )

    def hang_up(self) -> None:
        """A fault has begun: services that refuse keep no connections."""
        for sock in list(self._sockets.values()):
            if sock.idle and self.refuses(sock.service):
                sock.hang_up()

    def arrived(self, rid: int, number: int) -> None:
        """A service has an attempt."""
        sock = self.arriving.pop((rid, number), None)
        if sock is not None:
            sock.accepted()


class Watcher(Fold):
    """Sees what concerns connections: arrivals, where something is on a wire, and faults."""

    def __init__(self) -> None:
        self.net: Net | None = None

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if self.net is None:
            return
        if kind == ev.RECEIVED:
            if self.net.arriving:
                self.net.arrived(rid, a)
        elif kind == ev.FAULT_ON:
            self.net.hang_up()

    def sees_services(self) -> bool:
        return True


class Attempt:
    """A connection, which is an attempt."""

    __slots__ = ("_errand", "_layer", "_service", "number", "over", "rid", "sock")

    def __init__(self, layer: CodeLayer, sock: Socket, request: Request, service: str) -> None:
        self._layer = layer
        self._service = service
        self.sock: Socket | None = sock
        self._errand = Errand(layer, request, layer.sim.now)
        self.rid = int(request.rid)
        self.number = int(request.attempts) + 1
        self.over = False

    def send(self, service: Layer) -> bool:
        """Let it begin; whether it is on the wire."""
        errand = self._errand
        root = errand.root
        layer = self._layer
        layer.attempts[errand] = self
        root.attempts += 1
        layer.owner.strands.in_kernel(lambda: service.enter(errand))
        child = errand.child
        return child is not None and child.k == ON_WIRE

    def is_for(self, request: IncomingRequest) -> None:
        """The head of the request says what it does."""
        errand, net = self._errand, self._layer.owner.net
        assert net is not None
        key = request.key
        kind = operation_kind(request.effect, key is not None)
        errand.operation = errand.operation >> 8 << 8 | kind
        if request.effect == METHODS[0]:
            return
        place = (int(errand.rid), self._service, request.effect, request.target.partition("?")[0])
        errand.account = net.accounts.setdefault(place, Account())
        if key is not None:
            errand.keyed = net.keys.setdefault((self._service, key), Account())

    def answered(self, outcome: int) -> None:
        """It has its outcome."""
        self.over = True
        layer = self._layer
        layer.last_outcome[int(self._errand.rid)] = outcome
        hint = int(self._errand.retry_after)
        sock, self.sock = self.sock, None
        self._errand.close()
        if sock is not None:
            sock.answered(outcome, hint)

    def leave(self, gave_up: bool) -> None:
        """The client has hung up."""
        self.sock = None
        if self.over or self._layer.down:
            return
        self.over = True
        errand, layer = self._errand, self._layer
        rid = int(errand.rid)
        succeeded = layer.last_outcome.get(rid) == ev.SUCCESS
        why = outcome_of_leaving(gave_up, succeeded)
        if not errand.root.done:
            layer.last_outcome[rid] = why if not succeeded else ev.SUCCESS
        layer.attempts.pop(errand, None)
        layer.owner.strands.in_kernel(lambda: self._cancel(why))

    def abandon(self) -> None:
        """Nobody has the connection any more."""
        self.leave(False)

    def _cancel(self, why: int) -> None:
        errand, layer = self._errand, self._layer
        sim = layer.sim
        if why == ev.TIMEOUT:
            sim.sink.emit(sim.now, ev.TIMED_OUT, layer.source, errand.rid, sim.now - errand.arrived, 0)
        errand.live = False
        cancel_child(errand, why, False)
        errand.close()


class CodeLayer(PolicyLayer):
    """The whole stack of one client instance."""

    def __init__(self, sim: Clock, source: int, inner: Layer, owner: Owner) -> None:
        super().__init__(sim, source, inner)
        self.owner = owner
        self.attempts: dict[Errand, Attempt] = {}
        self.last_outcome: dict[int, int] = {}
        self._serving: dict[int, tuple[Frame, Any]] = {}  # by request: its frame, and the strand or task
        self._loop: Loop | None = None
        self._loop_strand: Strand | None = None
        self.modules = load.Modules(owner.target)
        self.down = False
        self.call: Callable[..., Any] | None = None
        self._is_async = False
        self._takes_request = False

    def prepare(self) -> None:
        """Import the code, as the first thing that happens in its instance."""
        strands = self.owner.strands

        def find() -> None:
            call = self.modules.find()
            self._takes_request = load.takes_request(call)
            self._is_async = load.is_async(call)
            self.call = call
            if self._is_async:
                self._loop = Loop()

        strand = strands.spawn(find, layer=self)
        try:
            strands.drain()
        except (OwnCodeError, KeyboardInterrupt):
            raise
        except BaseException as error:
            frames = "".join(f"\n  {line}" for line in self._shown(error))
            raise OwnCodeError(f"importing {self.owner.target}: {_said(error)}{frames}") from None
        if self.call is None:
            stuck = where(strands.frame_of(strand))
            raise OwnCodeError(f"{self.owner.target} waits while it is imported{stuck}", "let the callable do that")
        if self._loop is not None:
            loop = self._loop
            self._loop_strand = strands.spawn(lambda: self._run_loop(loop), layer=self)
            strands.drain()

    def _run_loop(self, loop: Loop) -> None:
        try:
            loop.run_forever()
        finally:
            asyncio.set_event_loop(None)

    # --- requests ---

    def enter(self, parent: Frame) -> None:
        f = Frame(self, parent)
        request = f.req
        strands = self.owner.strands
        assert self.call is not None
        arguments = {"request": self._user_request(request)} if self._takes_request else {}
        call = self.call
        if self._loop is None:
            strand = strands.spawn(lambda: self._serve(f, call, arguments), request, self)
            self._serving[int(request.rid)] = (f, strand)
        else:
            self._serving[int(request.rid)] = (f, None)
            context = Context()
            context.run(REQUEST.set, request)
            self._loop.call_soon(self._start, f, call, arguments, context, context=context)
            self._loop.wake_up()
        strands.drain()

    def _serve(self, f: Frame, call: Callable[..., Any], arguments: dict[str, Any]) -> None:
        error: BaseException | None = None
        try:
            made = call(**arguments)
            if asyncio.iscoroutine(made):  # a decorator hides that it is async
                asyncio.run(made)
        except (Ended, Refusal):
            raise
        except Exception as raised:
            error = raised
        except (SystemExit, asyncio.CancelledError) as raised:
            error = raised
        self.owner.strands.call(lambda: self._over(f, error))

    def _start(self, f: Frame, call: Callable[..., Any], arguments: dict[str, Any], context: Context) -> None:
        assert self._loop is not None

        async def serve() -> None:
            error: BaseException | None = None
            try:
                await call(**arguments)
            except (Ended, Refusal):
                raise
            except (Exception, SystemExit, asyncio.CancelledError) as raised:
                error = raised
            self.owner.strands.call(lambda: self._over(f, error))  # now: the loop may be held up before it calls back

        task = self._loop.create_task(serve(), context=context)
        self._serving[int(f.req.rid)] = (f, task)
        task.add_done_callback(lambda done: self._cancelled(f, done))

    def _cancelled(self, f: Frame, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before it had begun
            self.owner.strands.call(lambda: self._over(f, asyncio.CancelledError()))

    def _over(self, f: Frame, error: BaseException | None) -> None:
        """In the hub: a call has returned or raised."""
        request = f.req
        rid = int(request.rid)
        if self._serving.pop(rid, None) is None:
            return  # its instance has gone down
        self.owner.strands.progress += 1
        last = self.last_outcome.pop(rid, None)
        outcome: int = ev.SUCCESS
        if error is not None:
            rejected = rejection(error)
            if rejected != ev.SUCCESS:
                outcome = rejected
                self.sim.sink.emit(self.sim.now, ev.REJECTED, self.source, rid, outcome, -1)
            elif last is not None and last > ev.FALLBACK:
                outcome = last
            else:
                outcome = ev.ERROR
                self.owner.note(Oddity(rid, int(self.sim.now), _said(error), tuple(self._shown(error))))
            _free(error)
        answer(f, outcome)

    def _shown(self, error: BaseException) -> list[str]:
        from resilience_sim.client.blame import lines

        return lines(users_frames(error.__traceback__))

    def _user_request(self, request: Request) -> UserRequest:
        operation: OperationConfig = self.owner.operations[int(request.operation) >> 8]
        return UserRequest(
            int(request.rid),
            int(request.arrived) / SECOND,
            operation.method,
            f"request-{int(request.rid)}" if operation.idempotency_key else None,
            operation.amount,
            int(request.user),
            int(request.instance),
        )

    # --- the inside ---

    def on_result(self, f: Frame, outcome: int) -> None:
        assert isinstance(f, Errand)
        attempt = self.attempts.pop(f, None)
        if attempt is not None:
            attempt.answered(outcome)
            self.owner.strands.drain()

    def on_cancel(self, f: Frame, why: int, stop_work: bool) -> None:
        """The instance has gone down: the request ends here, and so does its code."""
        f.live = False
        rid = int(f.req.rid)
        self._serving.pop(rid, None)
        self.last_outcome.pop(rid, None)
        for errand, attempt in list(self.attempts.items()):
            if errand.root is f.req:
                del self.attempts[errand]
                attempt.over = True
                attempt.sock = None
                errand.live = False
                cancel_child(errand, why, stop_work)
                errand.close()

    def shut_down(self) -> None:
        """The instance is gone, and whatever it ran."""
        if not self.down:
            self.down = True
            for _, task in self.tasks():
                setattr(task, "_log_destroy_pending", False)  # noqa: B010
            self.owner.strands.end([each for each in self.owner.strands.alive.values() if each.layer is self])

    def strand_of_loop(self) -> Strand | None:
        """The one that runs the event loop."""
        return self._loop_strand

    def under_way(self) -> dict[int, Any]:
        """The requests whose code is running, with the strand or task that does."""
        return {rid: each for rid, (_, each) in self._serving.items()}

    def wait_for_b(self) -> set[int]:
        """The requests that a service has not answered yet."""
        return {int(errand.rid) for errand in self.attempts}

    def tasks(self) -> list[tuple[Request, Any]]:
        """Who is at work in the event loop: requests and their tasks."""
        return [(f.req, task) for f, task in self._serving.values() if isinstance(task, asyncio.Task)]


class Owner:
    """What all instances have in common, as a layer sees it (guest.py)."""

    strands: Strands
    net: Net | None
    target: str
    operations: tuple[OperationConfig, ...]

    def note(self, oddity: Oddity) -> None:
        """A call has failed for no reason that the simulation knows of."""
        raise NotImplementedError


def _said(error: BaseException) -> str:
    words = str(error).split("\n")[0][:300]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _free(error: BaseException) -> None:
    """Cut what a traceback keeps alive: connections are to be closed when nobody has them, not when memory is."""
    seen = 0
    found: BaseException | None = error
    while found is not None and seen < 20:
        found.__traceback__ = None
        found = found.__context__ or found.__cause__
        seen += 1
