"""What the kind and the payload of an event can be. Readers of events look names up by these numbers and calculate with
them in 64 bits, so that others would end in another way in either form of the core.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from resilience_sim.kernel.events import BREAKER, KIND_NAMES, OUTCOME_NAMES, PAYLOADS, STATE_NAMES, Field
from resilience_sim.recording.decode import Columns

_KINDS: Final = frozenset(range(1, len(KIND_NAMES)))
_LEAST: Final = -1  # "not known", of a wait
_MOST: Final = (1 << 62) - 1  # the end of virtual time, and what a hash may have; two numbers are packed beyond it
_NAMED = {"outcome": OUTCOME_NAMES, "state": STATE_NAMES}


def possible(columns: Columns) -> bool:
    """Whether events with these kinds and payloads can have happened."""
    _, kinds, _, _, a, b = columns
    if not _KINDS.issuperset(kinds) or min(a) < 0 or max(a) > _MOST or min(b) < _LEAST:
        return False
    if max(b) > _MOST and any(each > _MOST and kind != BREAKER for kind, each in zip(kinds, b, strict=True)):
        return False
    pairs = {(kind, each) for kind, each in zip(kinds, b, strict=True) if kind in _FIELDS_OF_B}
    return all(_named(*each) for each in set(zip(kinds, a, strict=True))) and all(_named_b(*each) for each in pairs)


def _names(field: Field) -> tuple[str, ...]:
    return field.names or _NAMED.get(field.unit, ())


def _fields(word: str) -> dict[int, tuple[Field, ...]]:
    """For each kind the fields of a word that are numbers of names."""
    found = {
        kind: tuple(field for field in fields if field.word == word and _names(field))
        for kind, fields in PAYLOADS.items()
    }
    return {kind: fields for kind, fields in found.items() if fields}


_FIELDS_OF_A: Final = _fields("a")
_FIELDS_OF_B: Final = _fields("b")


@lru_cache(10_000)
def _named(kind: int, a: int) -> bool:
    return all(field.read(a) < len(_names(field)) for field in _FIELDS_OF_A.get(kind, ()))


@lru_cache(10_000)
def _named_b(kind: int, b: int) -> bool:
    return all(0 <= field.read(b) < len(_names(field)) for field in _FIELDS_OF_B[kind])
