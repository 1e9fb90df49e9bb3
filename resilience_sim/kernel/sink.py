"""Where every event goes: into the digest, then to the folds, in their order."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.compiled import COMPILED, M64, MASK

# Odd multipliers: the first 62 fractional bits of sqrt(2), sqrt(3), sqrt(5), sqrt(7) and sqrt(11). More bits would not
# fit what mypyc compiles to a machine constant.
K0: Final = 0x1A827999FCEF3243
K1: Final = 0x2ED9EBA16132A9CF
K2: Final = 0x0F1BBCDCBFA53E0B
K3: Final = 0x2953FD4E97C74DBD
K4: Final = 0x1443949FEB79A0B5
# The finalizer's 0xFF51AFD7ED558CCD and 0xC4CEB9FE1A85EC53, as the signed numbers that machine integers are.
C1: Final = -0x00AE502812AA7333
C2: Final = -0x3B314601E57A13AD


def mix64(z: i64) -> i64:
    """Finalizer of MurmurHash3 (A. Appleby, public domain): a bijection on 64 bits that scatters every input bit."""
    z = (z ^ ((z >> 33) & 0x7FFFFFFF)) * C1
    if not COMPILED:
        z &= M64
    z = (z ^ ((z >> 33) & 0x7FFFFFFF)) * C2
    if not COMPILED:
        z &= M64
    return z ^ ((z >> 33) & 0x7FFFFFFF)


@mypyc_attr(allow_interpreted_subclasses=True)
class Fold:
    """Anything that reads a run: it gets each event once, in order. The default ignores them."""

    __slots__ = ()

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Take one event; see kernel/events.py for the meaning of the six integers."""

    def sees_services(self) -> bool:
        """Whether it knows of several services; one that does not sees the first of them only."""
        return False


_NOTHING: Final = Fold()


class Sink(Fold):
    """The one place every event passes: hashes it and hands it to the folds, in the order they were given.

    A fold that needs every event of nearly every run may be the sink itself and save a call for each: it extends this
    class and does in its own :meth:`emit` what is done here (measure/run_fold.py).
    """

    __slots__ = (
        "_hands_on", "_hash", "_more", "_next", "_others", "count", "unheard", "wants_arrivals", "wants_attempts",
        "wants_ends",
    )  # fmt: skip

    _hash: i64
    count: i64
    unheard: i64  # arrivals that nobody wanted to hear of
    # Whether anybody wants to hear
    wants_arrivals: bool  # of requests that come in and are admitted; if not, they are counted in ``unheard``
    wants_attempts: bool  # what becomes of single attempts; if not, few events of them come
    wants_ends: bool  # of requests that are done; if not, :meth:`end` is called

    def __init__(self, folds: list[Fold]) -> None:
        self._hash = 0
        self.count = 0
        self.unheard = 0
        self.wants_arrivals = True
        self.wants_attempts = True
        self.wants_ends = True
        self._next: Fold = folds[0] if folds else _NOTHING
        self._others: list[Fold] = folds[1:]
        self._hands_on: bool = len(folds) > 0
        self._more: bool = len(folds) > 1

    def feed(self, folds: list[Fold]) -> None:
        """Pass events on to these from now on."""
        # The first has a place of its own: going through a list costs as much as hashing.
        self._next = folds[0] if folds else _NOTHING
        self._others = folds[1:]
        self._hands_on = len(folds) > 0
        self._more = len(folds) > 1

    def emit(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Take one event into the digest and pass it on."""
        # Polynomial over 64 bits: each event is multiplied into all later ones, so order counts too.
        h = self._hash * K0 + ((t * K1) ^ ((kind + (source << 8)) * K2) ^ (rid * K3) ^ (a * K4) ^ b)
        if not COMPILED:
            h &= M64
        self._hash = h
        self.count += 1
        if self._hands_on:
            self._next.on_event(t, kind, source, rid, a, b)
            if self._more:
                for fold in self._others:
                    fold.on_event(t, kind, source, rid, a, b)

    def end(self, outcome: i64, took: i64) -> None:
        """A request has its outcome, ``took`` ns after it arrived: in place of ``DONE``."""

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """The same, as a fold of another sink."""
        self.emit(t, kind, source, rid, a, b)

    def digest(self) -> str:
        """16 hexadecimal digits that stand for every event so far, their order and their number."""
        return f"{int(mix64((self._hash + self.count * K0) & MASK)) & M64:016x}"


def sink_for(folds: list[Fold]) -> Sink:
    """The sink of a run with these folds: the first of them if it can be one."""
    if folds and isinstance(folds[0], Sink):
        folds[0].feed(folds[1:])
        return folds[0]
    return Sink(folds)
