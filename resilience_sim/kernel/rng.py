"""Counter-based random numbers: every draw is a pure function of (seed, purpose, request, attempt).

There is no state that one draw could leave behind for the next, so a changed setting never reshuffles the luck of
anything else.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.compiled import COMPILED, M64, MASK
from resilience_sim.kernel.sink import C1, C2, K0, K2, K3, K4, mix64

# purposes of the world
ARRIVAL: Final = 1
SERVICE: Final = 2
FAILURE: Final = 3
WIRE_OUT: Final = 4
WIRE_BACK: Final = 5
BALANCER: Final = 6
SPREAD: Final = 7
THINK: Final = 8
OPERATION: Final = 9
# A range of purposes each: plus the ordinal of the policy among its kind, or of the fault in the timeline.
JITTER: Final = 1 << 8
THROTTLE: Final = 2 << 8
OPEN_TIME: Final = JITTER + (1 << 20)  # of a breaker under a library's rules
FAULT_SHARE: Final = 3 << 16
FAULT_ERROR: Final = 4 << 16
# Distributions that need several numbers for one draw take purpose + n * EXTRA.
EXTRA: Final = 1 << 32
# A policy that draws again before the request's next attempt takes purpose + n * AGAIN.
AGAIN: Final = 1 << 40
# Any other policy: ``purpose_of(its id)``, far above all the rest.
POLICY: Final = 1 << 61

_UNIT: Final = 1.1102230246251565e-16  # 2 ** -53


class KeyedRng:
    """A table of uniform numbers, computed instead of stored: ``uniform(purpose, request, attempt)`` looks one up.

    A counter-based generator as in G. Steele, D. Lea and C. Flood, "Fast Splittable Pseudorandom Number Generators"
    (OOPSLA 2014): the three keys are spread by odd multipliers and scattered by a finalizer, MurmurHash3's.
    """

    __slots__ = ("_base",)

    _base: i64

    def __init__(self, seed: int) -> None:
        start: i64 = _signed(seed) if COMPILED else seed
        self._base = mix64((start * K4 + K0) & MASK)

    def uniform(self, purpose: i64, rid: i64, attempt: i64) -> float:
        """A number uniform on [0, 1), a multiple of 2**-53."""
        z = self._base + rid * K0 + attempt * K2 + purpose * K3
        # mix64 spelled out: a call costs as much as the arithmetic, and this is drawn several times a request
        if COMPILED:
            z = (z ^ ((z >> 33) & 0x7FFFFFFF)) * C1
            z = (z ^ ((z >> 33) & 0x7FFFFFFF)) * C2
            z ^= (z >> 33) & 0x7FFFFFFF
            return float((z >> 11) & 0x1FFFFFFFFFFFFF) * _UNIT
        z &= M64
        z = ((z ^ (z >> 33)) * C1) & M64
        z = ((z ^ (z >> 33)) * C2) & M64
        return float((z ^ (z >> 33)) >> 11) * _UNIT


def purpose_of(name: str) -> int:
    """A purpose of its own for whatever has this name: 61 bits of its FNV-1a hash. The same on every machine."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 & M64
    return POLICY | h >> 3


def _signed(number: int) -> int:
    """``number`` modulo 2**64, as a machine integer holds it."""
    number &= M64
    return number - (1 << 64) if number >> 63 else number
