"""Events as dictionaries with names instead of packed numbers.

Owns the spelling of every payload in exported files. Refuses to serialise. Times are in seconds, as in results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience_sim.kernel import events as ev
from resilience_sim.recording.rows import EFFECT_NAMES, WHY_NAMES
from resilience_sim.views.words import outcome_name

_ADMISSION = ("", "admitted", "backlogged", "turned_away")
_RECEPTION = ("", "started", "queued", "turned_down", "hung")
_LEFT = ("", "abandoned", "stopped", "replica_lost")
# What a pair means, by reason of the change; milliseconds become seconds.
_PAIRS: tuple[tuple[str, str], ...] = (
    ("", ""), ("failures", "threshold"), ("failures", "calls"), ("slow_calls", "calls"), ("open", ""), ("outcome", ""),
    ("successes", "threshold"), ("", ""), ("took", ""), ("bad", "probes"), ("failures", "calls"), ("", ""),
    ("half_open", ""), ("", ""), ("", ""),
)  # fmt: skip
_SECOND = 1_000_000_000


def payload(kind: int, a: int, b: int) -> dict[str, Any]:
    """What the two payload integers of an event say; ``{"a": .., "b": ..}`` for a kind unknown here."""
    decoder = _DECODERS.get(kind)
    return {"a": a, "b": b} if decoder is None else decoder(a, b)


def kind_name(kind: int) -> str:
    """``arrive``, ``sent`` … or ``kind_99`` for one unknown here."""
    return ev.KIND_NAMES[kind] if 0 < kind < len(ev.KIND_NAMES) else f"kind_{kind}"


def _pick(names: tuple[str, ...], index: int) -> str:
    return names[index] if 0 <= index < len(names) else str(index)


def _done(a: int, b: int) -> dict[str, Any]:
    return {
        "outcome": outcome_name(a & 0xFF),
        "latency": b / _SECOND,
        "attempts": a >> 16 & 0xFFFFFF,
        "effects": a >> 40,
        "held_thread": bool(a >> 8 & 0xFF),
    }


def _end(a: int, b: int) -> dict[str, Any]:
    return {
        "attempt": a >> 16,
        "outcome": outcome_name(a & 0xFF),
        "abandoned": bool(a >> 8 & 0xFF),
        "worked": b / _SECOND,
    }


_MILLISECONDS = ("open", "took", "half_open")


def _breaker(a: int, b: int) -> dict[str, Any]:
    why = a & 0xFF
    found: dict[str, Any] = {
        "from": _pick(ev.STATE_NAMES, a >> 16 & 0xFF),
        "to": _pick(ev.STATE_NAMES, a >> 8 & 0xFF),
        "why": _pick(WHY_NAMES, why),
    }
    for name, value in zip(_PAIRS[why] if why < len(_PAIRS) else ("x", "y"), (b >> 32, b & 0xFFFFFFFF), strict=True):
        if name == "outcome":
            found[name] = outcome_name(value)
        elif name:
            found[name] = value / 1000 if name in _MILLISECONDS else value
    return found


def _rejected(a: int, b: int) -> dict[str, Any]:
    # What the layer counts: the breaker and the limiter a time, the bulkhead its queue, the throttle millionths.
    if a in (ev.BREAKER_OPEN, ev.LIMITED):
        return {"outcome": outcome_name(a), "left": b / _SECOND}
    if a == ev.THROTTLED:
        return {"outcome": outcome_name(a), "chance": b / 1_000_000}
    return {"outcome": outcome_name(a), "waiting": b}


def _late_result(a: int, b: int) -> dict[str, Any]:
    then, now = _pick(ev.STATE_NAMES, b >> 8), _pick(ev.STATE_NAMES, b & 0xFF)
    return {"outcome": outcome_name(a), "admitted_while": then, "now": now}


_DECODERS: dict[int, Callable[[int, int], dict[str, Any]]] = {
    ev.ARRIVE: lambda a, b: {"admission": _pick(_ADMISSION, a), "user": b},
    ev.START: lambda a, b: {"waited": b / _SECOND},
    ev.DONE: _done,
    ev.SENT: lambda a, b: {"attempt": a},
    ev.RECEIVED: lambda a, b: {"attempt": a, "reception": _pick(_RECEPTION, b)},
    ev.BEGIN: lambda a, b: {"attempt": a, "waited": b / _SECOND},
    ev.END: _end,
    ev.LEFT_QUEUE: lambda a, b: {"attempt": a, "why": _pick(_LEFT, b)},
    ev.RESULT: lambda a, b: {"attempt": a >> 16, "outcome": outcome_name(a & 0xFF), "latency": b / _SECOND},
    ev.EFFECT: lambda a, b: {"attempt": a >> 16, "effect": _pick(EFFECT_NAMES, a & 0xFF), "after_failure": bool(b)},
    ev.RETRY_WAIT: lambda a, b: {"next_try": a, "wait": b / _SECOND},
    ev.RETRY_DENIED: lambda a, b: {"denied_try": a},
    ev.BREAKER: _breaker,
    ev.REJECTED: _rejected,
    ev.LATE_RESULT: _late_result,
    ev.PROBE: lambda a, b: {"in_flight": a, "succeeded": b},
    ev.TIMED_OUT: lambda a, b: {"after": a / _SECOND},
    ev.QUEUED: lambda a, b: {"waiting": a, "known_wait": None if b < 0 else b / _SECOND},
    ev.ADMITTED_LATE: lambda a, b: {"still_waiting": a, "waited": b / _SECOND},
    ev.HEDGE: lambda a, b: {"leg": a},
    ev.HEDGE_WON: lambda a, b: {"leg": a, "legs": b},
    ev.FELL_BACK: lambda a, b: {"instead_of": outcome_name(a), "latency": b / _SECOND},
    ev.FAULT_ON: lambda a, b: {"fault": a, "until": b / _SECOND},
    ev.FAULT_OFF: lambda a, b: {"fault": a},
    ev.CRASH: lambda a, b: {"went_down": a, "back_at": b / _SECOND},
    ev.RESTART: lambda a, b: {},
    ev.ACTION: lambda a, b: {"action": a, "hash": f"{b:016x}"},
}
