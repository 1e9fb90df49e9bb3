"""The effects ledger: what B did to the world, once or twice.

Methods and idempotency keys: GET has no effect; PUT and DELETE executed again change nothing; a
POST executed again is a duplicate, unless B remembers the request's key and returns its stored result. The key is one
per request, the same on every attempt; B remembers it from the first effect, for the TTL. All of a request's effects
are kept on the request itself, so the ledger needs no memory of its own.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import APPLIED, DEDUPLICATED, DUPLICATE, EFFECT, REPEATED, pack_attempt
from resilience_sim.kernel.frames import Clock, Request
from resilience_sim.kernel.sim import FOREVER
from resilience_sim.settings.service import ServiceConfig

# what a request carries, see settings/service.py: operation_kind
_METHOD: Final = 3
_GET: Final = 0
_POST: Final = 3
_KEYED: Final = 4


class Ledger:
    """Books the effect of every attempt that B finishes without failing."""

    __slots__ = ("_remembers", "_ttl")

    _ttl: i64

    def __init__(self, service: ServiceConfig) -> None:
        self._remembers = service.deduplicate
        self._ttl = service.dedup_ttl or FOREVER

    def book(self, sim: Clock, source: i64, req: Request, attempt: i64) -> None:
        """B has finished ``attempt`` of ``req``, and it did not fail."""
        word = req.operation
        method = word & _METHOD
        if method == _GET:
            return
        now = sim.now
        keyed = self._remembers and word & _KEYED != 0
        if req.key_until >= now and keyed:
            effect = DEDUPLICATED
        elif req.effects == 0:
            effect = APPLIED
        elif method != _POST:
            effect = REPEATED
        else:
            effect = DUPLICATE
        if effect in {APPLIED, DUPLICATE}:
            req.effects += 1
            if keyed:
                req.key_until = min(now + self._ttl, FOREVER)
        sim.sink.emit(now, EFFECT, source, req.rid, pack_attempt(attempt, effect, word >> 8), 1 if req.failed else 0)
