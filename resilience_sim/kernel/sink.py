"""Where every event goes: into the digest, then to the folds.

Owns the digest and the order in which folds see events. Refuses to own what folds compute (measure/, views/,
recording/).
"""

from __future__ import annotations

M64 = (1 << 64) - 1
# Odd constants: fractional bits of the golden ratio, of sqrt(2), of sqrt(3), of sqrt(5), of sqrt(7).
K0 = 0x9E3779B97F4A7C15
K1 = 0x6A09E667F3BCC909
K2 = 0xBB67AE8584CAA73B
K3 = 0x3C6EF372FE94F82B
K4 = 0xA54FF53A5F1D36F1


def mix64(z: int) -> int:
    """Finalizer of splitmix64 (Steele, Lea, Flood 2014): a bijection on 64 bits that scatters every input bit."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


class Fold:
    """Anything that reads a run: gets each event once, in order. The default ignores them."""

    __slots__ = ()

    def on_event(self, t: int, kind: int, where: int, rid: int, a: int, b: int) -> None:
        """Take one event; see kernel/events.py for the meaning of the six integers."""


class Sink:
    """The one place every event passes: hashes it and hands it to the folds, in the order they were given."""

    __slots__ = ("_first", "_hash", "_others", "count")

    def __init__(self, folds: list[Fold]) -> None:
        self._hash = 0
        self.count = 0
        self._first: Fold = folds[0] if folds else Fold()
        self._others: list[Fold] = folds[1:]

    def emit(self, t: int, kind: int, where: int, rid: int, a: int, b: int) -> None:
        """Take one event into the digest and pass it on."""
        # Polynomial over 64 bits: each event is multiplied into all later ones, so order counts too.
        self._hash = (self._hash * K0 + ((t * K1) ^ ((kind + (where << 8)) * K2) ^ (rid * K3) ^ (a * K4) ^ b)) & M64
        self.count += 1
        self._first.on_event(t, kind, where, rid, a, b)
        for fold in self._others:
            fold.on_event(t, kind, where, rid, a, b)

    def digest(self) -> str:
        """16 hexadecimal digits that stand for every event so far, their order and their number."""
        return f"{mix64((self._hash + self.count * K0) & M64):016x}"
