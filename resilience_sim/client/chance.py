"""Chance: ``random`` is seeded anew for each run; whatever would ask the system is answered from the seed, too."""

from __future__ import annotations

import os
import random
import uuid
from typing import Any

from resilience_sim.client.here import here

_urandom = os.urandom
_seed = random.Random.seed


class Luck:
    """The chance of one run: what the module ``random`` draws, and what stands in for the system's entropy."""

    def __init__(self, seed: int) -> None:
        self.system = random.Random(f"resim system {seed}")
        self._ours = random.Random(f"resim {seed}").getstate()
        self._theirs: Any = None

    def enter(self) -> None:
        """From now on the module draws for the run."""
        self._theirs = random.getstate()
        random.setstate(self._ours)

    def leave(self) -> None:
        """The module is as it was before."""
        self._ours = random.getstate()
        random.setstate(self._theirs)


def _bytes(count: int, /) -> bytes:
    """``os.urandom``."""
    strands = here()
    return _urandom(count) if strands is None else strands.luck.system.randbytes(count)


def _seeded(self: random.Random, a: Any = None, version: int = 2) -> None:
    """``Random.seed``: a generator without a seed gets one."""
    strands = here()
    if a is None and strands is not None and not isinstance(self, random.SystemRandom):
        a = strands.luck.system.getrandbits(64)
    _seed(self, a, version)


def replacements() -> dict[Any, Any]:
    """What stands in for what."""
    return {_urandom: _bytes}


def attributes() -> list[tuple[Any, str, Any]]:
    """What is not found by what it is: (where, name, in its place)."""
    return [(random.Random, "seed", _seeded), (uuid, "_generate_time_safe", None)]
