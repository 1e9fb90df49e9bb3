"""Chance: ``random`` is seeded anew for each run; whatever would ask the system is answered from the seed, too."""

from __future__ import annotations

import os
import random
import uuid
from typing import Any

from resilience_sim.client.here import here

NODE = 0x02_00_5E_10_00_01  # the address of the machine that uuid1 sees, rather than that of this one
_urandom = os.urandom
_seed = random.Random.seed


class Luck:
    """The chance of one run: what the module ``random`` draws, and what stands in for the system's entropy."""

    def __init__(self, seed: int) -> None:
        self.system = random.Random(f"resim system {seed}")
        self._ours = random.Random(f"resim {seed}").getstate()
        self._theirs: Any = None
        # UUIDs never go back in time, and remember the last one.
        self._stamps: dict[str, Any] = dict.fromkeys(each for each in vars(uuid) if each.startswith("_last_timestamp"))
        self._their_stamps: dict[str, Any] = {}

    def enter(self) -> None:
        """From now on the module draws for the run."""
        self._theirs = random.getstate()
        random.setstate(self._ours)
        self._their_stamps = {name: vars(uuid)[name] for name in self._stamps}
        vars(uuid).update(self._stamps)

    def leave(self) -> None:
        """The module is as it was before."""
        self._ours = random.getstate()
        random.setstate(self._theirs)
        self._stamps = {name: vars(uuid)[name] for name in self._stamps}
        vars(uuid).update(self._their_stamps)


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
    return [(random.Random, "seed", _seeded), (uuid, "_generate_time_safe", None), (uuid, "_node", NODE)]
