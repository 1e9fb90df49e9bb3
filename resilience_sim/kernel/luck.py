"""Luck that belongs to the request: every draw is a pure function of (seed, purpose, request, attempt).

Owns the counter-based generator and the list of purposes. Refuses to keep a stream: there is no state that one draw
could leave behind for the next, so a changed setting never reshuffles the luck of anything else.
"""

from __future__ import annotations

from resilience_sim.kernel.sink import K0, K2, K3, K4, M64, mix64

# purposes of the world
ARRIVAL = 1
SERVICE = 2
FAILURE = 3
WIRE_OUT = 4
WIRE_BACK = 5
BALANCER = 6
SPREAD = 7
THINK = 8
# A range of purposes each: plus the ordinal of the policy among its kind, or of the fault in the timeline.
JITTER = 1 << 8
THROTTLE = 2 << 8
FAULT_SHARE = 3 << 16
FAULT_ERROR = 4 << 16
# Distributions that need several numbers for one draw take purpose + n * EXTRA.
EXTRA = 1 << 32

_UNIT = 1.1102230246251565e-16  # 2 ** -53


class Luck:
    """A table of uniform numbers that nobody wrote down: ``unit(purpose, request, attempt)`` looks one up.

    The three keys are spread by odd multipliers and scattered by the finalizer of splitmix64 (Steele, Lea, Flood:
    "Fast splittable pseudorandom number generators", 2014), used in counter mode.
    """

    __slots__ = ("_base",)

    def __init__(self, seed: int) -> None:
        self._base = mix64((seed * K4 + K0) & M64)

    def unit(self, purpose: int, rid: int, attempt: int) -> float:
        """A number uniform on [0, 1), a multiple of 2**-53."""
        z = (self._base + rid * K0 + attempt * K2 + purpose * K3) & M64
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
        return ((z ^ (z >> 31)) >> 11) * _UNIT
