"""The effects ledger: what B did to the world, once or twice.

Methods and idempotency keys: GET has no effect; PUT and DELETE executed again change nothing; a
POST executed again is a duplicate, unless B remembers the request's key and returns its stored result. The key is one
per request, the same on every attempt; B remembers it from the first effect, for the TTL. All of a request's effects
are kept on the request itself, so the ledger needs no memory of its own.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import APPLIED, DEDUPLICATED, DUPLICATE, EFFECT, REPEATED, pack_attempt
from resilience_sim.kernel.frames import Clock, Layer, Request
from resilience_sim.kernel.sim import FOREVER
from resilience_sim.settings.service import ServiceConfig

# what a request carries, see settings/service.py: operation_kind
_METHOD: Final = 3
_GET: Final = 0
_POST: Final = 3
_KEYED: Final = 4


class Account:
    """What a call between services has done so far at the callee, for one request of a user and one path of calls.

    However often it was made: a caller that is executed again makes the same call, with the same key.
    """

    __slots__ = ("effects", "key_until")

    effects: i64
    key_until: i64

    def __init__(self) -> None:
        self.effects = 0
        self.key_until = -1


@mypyc_attr(acyclic=True)
class Errand(Request):
    """An attempt of code of the user's own, which is a request by itself: it has its own method and its own key.

    ``account`` has what the user's request has done so far at the same place, ``keyed`` what is remembered of the key,
    whoever sent it.
    """

    __slots__ = ("account", "keyed", "root")

    root: Request
    account: Account
    keyed: Account | None

    def __init__(self, layer: Layer, root: Request, now: i64) -> None:
        super().__init__(layer, root.rid, now, root.instance, root.user)
        self.luck = root.luck
        self.attempts = root.attempts
        self.operation = root.operation
        self.root = root
        self.account = Account()
        self.keyed = None


class Ledger:
    """Books the effect of every attempt that B finishes without failing."""

    __slots__ = ("_remembers", "_ttl")

    _ttl: i64

    def __init__(self, service: ServiceConfig) -> None:
        self._remembers = service.deduplicate
        self._ttl = service.dedup_ttl or FOREVER

    def book(self, sim: Clock, source: i64, req: Request, attempt: i64) -> None:
        """B has finished ``attempt`` of ``req``, which a user asked for, and it did not fail."""
        word = req.operation
        if word & _METHOD == _GET:
            return
        effect = self._effect(sim.now, word, req.effects, req.key_until)
        if effect <= DUPLICATE:
            req.effects += 1
            if self._remembers and word & _KEYED != 0:
                req.key_until = min(sim.now + self._ttl, FOREVER)
        if sim.tells_attempts:
            packed = pack_attempt(attempt, effect, word >> 8)
            sim.sink.emit(sim.now, EFFECT, source, req.rid, packed, 1 if req.failed else 0)

    def book_call(self, sim: Clock, source: i64, user: Request, word: i64, account: Account, attempt: i64) -> None:
        """As :meth:`book`, of a call that a service made for the request ``user``."""
        if word & _METHOD == _GET:
            return
        effect = self._effect(sim.now, word, account.effects, account.key_until)
        if effect <= DUPLICATE:
            account.effects += 1
            if self._remembers and word & _KEYED != 0:
                account.key_until = min(sim.now + self._ttl, FOREVER)
        packed = pack_attempt(attempt, effect, word >> 8)
        sim.sink.emit(sim.now, EFFECT, source, user.rid, packed, 1 if user.failed else 0)

    def book_errand(self, sim: Clock, source: i64, errand: Errand, attempt: i64) -> None:
        """As :meth:`book`, of a request that code of the user's own has sent."""
        word = errand.operation
        if word & _METHOD == _GET:
            return
        user = errand.root
        account = errand.account
        keyed = errand.keyed
        until: i64 = -1
        if keyed is not None:
            until = keyed.key_until
        effect = self._effect(sim.now, word, account.effects, until)
        if effect <= DUPLICATE:
            account.effects += 1
            user.effects += 1
            if self._remembers and keyed is not None:
                keyed.key_until = min(sim.now + self._ttl, FOREVER)
        packed = pack_attempt(attempt, effect, word >> 8)
        sim.sink.emit(sim.now, EFFECT, source, user.rid, packed, 1 if user.failed else 0)

    def _effect(self, now: i64, word: i64, effects: i64, key_until: i64) -> i64:
        if key_until >= now and self._remembers and word & _KEYED != 0:
            return DEDUPLICATED
        if effects == 0:
            return APPLIED
        return DUPLICATE if word & _METHOD == _POST else REPEATED
