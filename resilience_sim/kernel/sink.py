"""Where every event goes: into the digest, then to the folds.

Owns the digest and the order in which folds see events. Refuses to own what folds compute (measure/, views/,
recording/).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.native import M64, MASK

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
    z = ((z ^ ((z >> 33) & 0x7FFFFFFF)) * C1) & MASK
    z = ((z ^ ((z >> 33) & 0x7FFFFFFF)) * C2) & MASK
    return z ^ ((z >> 33) & 0x7FFFFFFF)


@mypyc_attr(allow_interpreted_subclasses=True)
class Fold:
    """Anything that reads a run: gets each event once, in order. The default ignores them."""

    __slots__ = ()

    def on_event(self, t: i64, kind: i64, where: i64, rid: i64, a: i64, b: i64) -> None:
        """Take one event; see kernel/events.py for the meaning of the six integers."""


class Sink:
    """The one place every event passes: hashes it and hands it to the folds, in the order they were given."""

    __slots__ = ("_first", "_hash", "_many", "_more", "_others", "_second", "count")

    _hash: i64
    count: i64

    def __init__(self, folds: list[Fold]) -> None:
        self._hash = 0
        self.count = 0
        self._first: Fold = folds[0] if folds else Fold()
        # The second one, of a run that is recorded or watched, has a place of its own: going through a list costs as
        # much as hashing.
        self._second: Fold = folds[1] if len(folds) > 1 else Fold()
        self._others: list[Fold] = folds[2:]
        self._many: bool = len(folds) > 1
        self._more: bool = len(folds) > 2

    def emit(self, t: i64, kind: i64, where: i64, rid: i64, a: i64, b: i64) -> None:
        """Take one event into the digest and pass it on."""
        # Polynomial over 64 bits: each event is multiplied into all later ones, so order counts too.
        self._hash = (self._hash * K0 + ((t * K1) ^ ((kind + (where << 8)) * K2) ^ (rid * K3) ^ (a * K4) ^ b)) & MASK
        self.count += 1
        self._first.on_event(t, kind, where, rid, a, b)
        if self._many:
            self._second.on_event(t, kind, where, rid, a, b)
            if self._more:
                for fold in self._others:
                    fold.on_event(t, kind, where, rid, a, b)

    def digest(self) -> str:
        """16 hexadecimal digits that stand for every event so far, their order and their number."""
        return f"{int(mix64((self._hash + self.count * K0) & MASK)) & M64:016x}"
