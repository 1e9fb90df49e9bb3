"""Where requests of real clients enter the simulation: a request has attempts, each of which is an HTTP request.

Which attempts belong together, their clients say by a key. A request is over when an attempt succeeds, or answers that
the request itself is at fault; without a key with its only attempt; else when no other attempt has come for
:data:`PATIENCE`: then it has failed, and the same key begins another one. Its luck is that of the number it gets when
it first comes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.frames import Clock, Frame, Layer, Request, answer, cancel_child
from resilience_sim.policies.guest import Guest
from resilience_sim.policies.layer import PolicyLayer
from resilience_sim.settings.own_code import OwnCodeConfig
from resilience_sim.settings.service import METHODS, operation_kind
from resilience_sim.wire.requests import EFFECTS
from resilience_sim.world.ledger import Account, Errand

PATIENCE: Final = 30_000_000_000  # ns without another attempt, after which a request has failed for good
MOST_KEYS: Final = 100_000  # that are remembered

Answered = Callable[["Attempt", int, int], None]  # its outcome, and the hint of when to come again (ns)
Name = tuple[int, int]  # of an attempt: request and number


class Ticket:
    """A request: ``accounts`` has its effects by method and path, ``payment`` what is remembered of its key."""

    __slots__ = ("accounts", "f", "key", "last", "last_at", "over", "payment", "root", "settled", "under_way")

    def __init__(self, key: str) -> None:
        self.key = key  # "": it has none, and one attempt
        self.f: Frame | None = None
        self.root: Request | None = None
        self.accounts: dict[tuple[str, str], Account] = {}
        self.payment = Account()
        self.under_way = 0  # attempts
        self.last = ev.SUCCESS  # outcome of an attempt
        self.last_at = 0
        self.over = True  # it has no number yet, or its outcome
        self.settled = False  # which no further attempt can change


class Attempt:
    """One HTTP request; ``answered`` is called once with what its client is to see, unless it leaves before."""

    __slots__ = ("answered", "errand", "name", "over", "service", "ticket")

    def __init__(self, ticket: Ticket, errand: Errand, service: str, answered: Answered) -> None:
        self.ticket = ticket
        self.errand = errand
        self.service = service
        self.answered = answered
        self.name: Name = (int(errand.rid), int(errand.attempts) + 1)
        self.over = False


class GateLayer(PolicyLayer):
    """The stack of a client that is not here: lets attempts in."""

    def __init__(self, sim: Clock, source: int, inner: Layer) -> None:
        super().__init__(sim, source, inner)
        self.entered: Frame | None = None
        self.attempts: dict[Name, Attempt] = {}
        self.gate: Gate | None = None

    def enter(self, parent: Frame) -> None:
        self.entered = Frame(self, parent)

    def on_result(self, f: Frame, outcome: int) -> None:
        assert isinstance(f, Errand)
        attempt = self.attempts.pop((int(f.rid), int(f.attempts)), None)
        if attempt is not None and self.gate is not None:
            self.gate.result(attempt, int(outcome))


class Gate(Guest):
    """The clients of one run."""

    def __init__(self) -> None:
        self._layer: GateLayer | None = None
        self._tickets: OrderedDict[str, Ticket] = OrderedDict()  # by key, the one that was used last at the end
        self._waiting: OrderedDict[Ticket, None] = OrderedDict()  # failed, and may be tried again; the oldest first
        self.arrive: Callable[[int, int], None] | None = None  # of the client of the run
        self.came = 0  # requests

    def layer(self, sim: Clock, source: int, inner: Layer, config: OwnCodeConfig) -> PolicyLayer:
        """The place where they come in."""
        self._layer = GateLayer(sim, source, inner)
        self._layer.gate = self
        return self._layer

    @property
    def front(self) -> GateLayer:
        """That place."""
        assert self._layer is not None
        return self._layer

    # --- in ---

    def begin(
        self, service: Layer, name: str, key: str, keyed: bool, method: str, path: str, answered: Answered
    ) -> Attempt:
        """An HTTP request has come, now, for the service of that name.

        ``key`` names the request it is an attempt of, "": it is the only one; ``keyed``: that is an idempotency key.
        """
        layer = self.front
        ticket = self._ticket(key)
        if ticket.over and not ticket.settled:
            self._open(ticket)
        self._waiting.pop(ticket, None)
        root = ticket.root
        assert root is not None
        errand = Errand(layer, root, layer.sim.now)
        effect = EFFECTS.get(method, "POST")
        errand.operation = errand.operation >> 8 << 8 | operation_kind(effect, keyed)
        if effect != METHODS[0]:
            place = (effect, path)
            account = ticket.accounts.get(place)
            if account is None:
                account = ticket.accounts[place] = Account()
            errand.account = account
            if keyed:
                errand.keyed = ticket.payment
        attempt = Attempt(ticket, errand, name, answered)
        layer.attempts[attempt.name] = attempt
        root.attempts += 1
        ticket.under_way += 1
        service.enter(errand)
        return attempt

    def _ticket(self, key: str) -> Ticket:
        if not key:
            return Ticket("")
        found = self._tickets.get(key)
        if found is None:
            found = self._tickets[key] = Ticket(key)
            if len(self._tickets) > MOST_KEYS:
                self._forget()
        else:
            self._tickets.move_to_end(key)
        return found

    def _forget(self) -> None:
        """One name less: that which was used longest ago."""
        key, ticket = self._tickets.popitem(last=False)
        if ticket in self._waiting:
            self._fail(ticket)
        elif not ticket.over:
            self._tickets[key] = ticket  # at work: it has just been used

    def _open(self, ticket: Ticket) -> None:
        layer = self.front
        assert self.arrive is not None
        self.arrive(self.came, 0)
        self.came += 1
        f, layer.entered = layer.entered, None
        assert f is not None
        ticket.f, ticket.root, ticket.over = f, f.req, False

    # --- out ---

    def result(self, attempt: Attempt, outcome: int) -> None:
        """An attempt has its outcome."""
        attempt.over = True
        hint = int(attempt.errand.retry_after)
        attempt.errand.close()
        self._count(attempt.ticket, outcome)
        attempt.answered(attempt, outcome, hint)

    def leave(self, attempt: Attempt) -> None:
        """Its client has hung up: it has given up, unless another attempt has brought what it wanted."""
        layer = self.front
        if attempt.over:
            return
        attempt.over = True
        errand = attempt.errand
        layer.attempts.pop(attempt.name, None)
        sim = layer.sim
        why = ev.CANCELLED if attempt.ticket.over else ev.TIMEOUT
        if why == ev.TIMEOUT:
            sim.sink.emit(sim.now, ev.TIMED_OUT, layer.source, errand.rid, sim.now - errand.arrived, 0)
        errand.live = False
        cancel_child(errand, why, False)
        errand.close()
        self._count(attempt.ticket, why)

    def _count(self, ticket: Ticket, outcome: int) -> None:
        ticket.under_way -= 1
        if ticket.over:
            return
        if outcome in (ev.SUCCESS, ev.CLIENT_ERROR):
            ticket.settled = True
            self._close(ticket, outcome)
            return
        ticket.last, ticket.last_at = outcome, int(self.front.sim.now)
        if ticket.under_way:
            return
        if ticket.key:
            self._waiting[ticket] = None
        else:
            self._close(ticket, outcome)

    def _close(self, ticket: Ticket, outcome: int) -> None:
        f, root = ticket.f, ticket.root
        ticket.over = True
        ticket.f = None
        self._waiting.pop(ticket, None)
        assert f is not None
        assert root is not None
        answer(f, outcome)

    def give_up(self, until: int) -> None:
        """Close those whose last attempt failed before ``until``. They end then: their wait is no latency."""
        while self._waiting:
            ticket = next(iter(self._waiting))
            if ticket.last_at >= until:
                break
            self._fail(ticket)

    def _fail(self, ticket: Ticket) -> None:
        assert ticket.root is not None
        ticket.root.arrived += self.front.sim.now - ticket.last_at
        self._close(ticket, ticket.last)

    def release(self) -> None:
        """The run is over: nobody hears anything any more."""
        for attempt in self.front.attempts.values():
            attempt.over = True
            cut_off(attempt.errand)
        self.front.attempts.clear()


def cut_off(f: Frame) -> None:
    """Nobody waits for what is inside; it goes on all the same."""
    child = f.child
    if child is not None:
        child.live = False
