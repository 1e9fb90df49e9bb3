"""Events as dictionaries with names instead of packed numbers, times in seconds (kernel/events.py ``PAYLOADS``)."""

from __future__ import annotations

from typing import Any

from resilience_sim.kernel import events as ev
from resilience_sim.views.words import outcome_name

_DIVISORS = {"ns": 1_000_000_000, "ms": 1000, "millionths": 1_000_000}


def payload(kind: int, a: int, b: int) -> dict[str, Any]:
    """What the two payload integers of an event say; ``{"a": .., "b": ..}`` for a kind unknown here."""
    fields = ev.fields_of(kind, a, b)
    if fields is None:
        return {"a": a, "b": b}
    return {field.name: _value(field, field.read(a if field.word == "a" else b)) for field in fields}


def kind_name(kind: int) -> str:
    """``arrive``, ``sent`` … or ``kind_99`` for one unknown here."""
    return ev.KIND_NAMES[kind] if 0 < kind < len(ev.KIND_NAMES) else f"kind_{kind}"


def _value(field: ev.Field, number: int) -> Any:
    if number == field.missing:
        return None
    if field.unit == "outcome":
        return outcome_name(number)
    if field.unit == "flag":
        return bool(number)
    if field.unit == "hash":
        return f"{number:016x}"
    if field.unit in _DIVISORS:
        return number / _DIVISORS[field.unit]
    names = ev.STATE_NAMES if field.unit == "state" else field.names
    if names:
        return names[number] if 0 <= number < len(names) else str(number)
    return number
