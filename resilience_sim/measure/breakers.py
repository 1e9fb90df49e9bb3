"""The history of every circuit breaker in a run: transitions, their reasons in words, openings, time open."""

from __future__ import annotations

from typing import Any

from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.events import (
    OPEN,
    OUTCOME_NAMES,
    STATE_NAMES,
    WHY_CONSECUTIVE,
    WHY_EJECTED,
    WHY_EJECTED_RATE,
    WHY_ERRORS,
    WHY_FAILURE_SHARE,
    WHY_HALF_OPEN_TOO_LONG,
    WHY_MANUAL,
    WHY_MANUAL_RESET,
    WHY_PROBE_FAILED,
    WHY_PROBE_SLOW,
    WHY_PROBES_BAD,
    WHY_PROBES_SUCCEEDED,
    WHY_RECOVERY_TIME,
    WHY_REOPENED,
    WHY_RESTART,
    WHY_RETURNED,
    WHY_SLOW_SHARE,
    WHY_TRIP_CONDITION,
    Component,
    first_of,
    new_state,
    old_state,
    second_of,
    why_of,
)


def _milliseconds(value: int) -> str:
    return fmt.duration(value * 1_000_000)


def _share(part: int, whole: int) -> str:
    return f" ({fmt.share(part / whole)})" if whole else ""


def why_text(change: int, pair: int) -> str:
    """``BREAKER`` event's ``a`` and ``b`` as a phrase: ``2 failures in a row``, ``probe failed: timeout``."""
    why = why_of(change)
    x: int = first_of(pair)
    y: int = second_of(pair)
    if why == WHY_CONSECUTIVE:
        return f"{fmt.plural(x, 'failure')} in a row"
    if why == WHY_FAILURE_SHARE:
        return f"{x} of {fmt.plural(y, 'call')} failed{_share(x, y)}"
    if why == WHY_SLOW_SHARE:
        return f"{x} of {fmt.plural(y, 'call')} {'was' if x == 1 else 'were'} slow{_share(x, y)}"
    if why == WHY_RECOVERY_TIME:
        return f"recovery time was over (open for {_milliseconds(x)})"
    if why == WHY_PROBE_FAILED:
        return f"probe failed: {OUTCOME_NAMES[x] if x < len(OUTCOME_NAMES) else x}"
    if why == WHY_PROBES_SUCCEEDED:
        return f"{fmt.plural(x, 'probe')} succeeded"
    if why == WHY_RESTART:
        return "its client instance came back"
    if why == WHY_PROBE_SLOW:
        return f"probe too slow: {_milliseconds(x)}"
    if why == WHY_PROBES_BAD:
        return f"{x} of {fmt.plural(y, 'probe')} failed or {'was' if x == 1 else 'were'} slow{_share(x, y)}"
    if why == WHY_TRIP_CONDITION:
        return f"trip condition met: {fmt.plural(x, 'failure')} among {fmt.plural(y, 'call')}"
    if why == WHY_REOPENED:
        return "a late failure opened it again"
    if why == WHY_HALF_OPEN_TOO_LONG:
        return f"no verdict after {_milliseconds(x)} half open"
    if why in (WHY_MANUAL, WHY_MANUAL_RESET):
        return "by hand"
    if why == WHY_EJECTED:
        return f"replica {x} ejected: {fmt.plural(y, 'error')} in a row"
    if why == WHY_EJECTED_RATE:
        return f"replica {x} ejected: {y}% where the others do better"
    if why == WHY_RETURNED:
        return f"replica {x} is back after {_milliseconds(y)}, nobody is left out"
    if why == WHY_ERRORS:
        return f"{fmt.plural(x, 'error')} within {_milliseconds(y)}"
    return f"reason {why}"


class BreakerLog:
    """One breaker of one client instance: every change of state."""

    __slots__ = ("changes", "component", "instants", "pairs")

    def __init__(self, component: Component) -> None:
        self.component = component
        self.instants: list[int] = []  # ns, ascending; three parallel lists: they pickle and grow small
        self.changes: list[int] = []
        self.pairs: list[int] = []

    def note(self, t: int, change: int, pair: int) -> None:
        """Add one ``BREAKER`` event."""
        self.instants.append(t)
        self.changes.append(change)
        self.pairs.append(pair)

    def opened(self, start: int, end: int) -> int:
        """How often it opened in ``start <= t < end``; opening again from HALF_OPEN counts."""
        pairs = zip(self.instants, self.changes, strict=True)
        return sum(1 for t, change in pairs if start <= t < end and new_state(change) == OPEN)

    def open_time(self, start: int, end: int) -> int:
        """Nanoseconds spent OPEN (HALF_OPEN is not) between ``start`` and ``end``."""
        total = 0
        since = -1
        for t, change in zip(self.instants, self.changes, strict=True):
            if since >= 0:
                total += max(0, min(t, end) - max(since, start))
            since = t if new_state(change) == OPEN else -1
        if since >= 0:
            total += max(0, end - max(since, start))
        return total

    def first_opening(self, start: int) -> int | None:
        """The instant of the first opening at or after ``start``; None when there was none."""
        for t, change in zip(self.instants, self.changes, strict=True):
            if t >= start and new_state(change) == OPEN:
                return t
        return None

    def document(self, end: int, rejected: int) -> dict[str, Any]:
        """Its entry in the RUN document; ``end`` is the end of the run (ns), ``rejected`` the calls it turned away."""
        return {
            "id": self.component.name,
            "instance": None if self.component.instance < 0 else self.component.instance,
            "opened": self.opened(0, end + 1),
            "open_seconds": self.open_time(0, end) / 1e9,
            "rejected": rejected,
            "transitions": [
                {
                    "t": t / 1e9,
                    "from": STATE_NAMES[old_state(change)],
                    "to": STATE_NAMES[new_state(change)],
                    "why": why_text(change, pair),
                }
                for t, change, pair in zip(self.instants, self.changes, self.pairs, strict=True)
            ],
        }
