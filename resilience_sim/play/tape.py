"""Everything that has happened so far, on a tape that can be read at any position.

It holds the events of one run in memory (56 bytes each), where each request begins and ends, and the marks to jump
to. Each event knows the one before of the same request, so that a story costs as much as it has events, however long
the tape; how each request ended is a byte, so that a search looks at thousands of requests at once. An engine step
brings several events at once: they can be held back, and released onto the tape one by one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold

Event = tuple[int, int, int, int, int, int]
TRANSITION, FAILURE, FAULT, REQUEST = "transition", "failure", "fault", "request"
_OF_KIND = {
    ev.BREAKER: TRANSITION, ev.CRASH: TRANSITION, ev.RESTART: TRANSITION, ev.FAULT_ON: FAULT, ev.FAULT_OFF: FAULT,
    ev.ACTION: FAULT,
}  # fmt: skip
# a byte of ``fates``
OPEN, RETRIED, TWICE = 0x1F, 0x20, 0x40
OUTCOMES = bytes(fate % RETRIED for fate in range(256))  # a table for ``translate``: outcome or OPEN alone


def is_mark(mark: str, event: Event) -> bool:
    """Whether an event is one of the marks of that kind."""
    if mark == REQUEST:
        return event[1] == ev.DONE
    if mark == FAILURE:
        return event[1] == ev.DONE and ev.outcome_of(event[4]) > ev.FALLBACK
    return _OF_KIND.get(event[1]) == mark


class Tape(Fold):
    """Attach it to the source; ``len`` is the number of events. ``marks``: indexes of events, by kind of mark.

    While it is ``holding``, events wait in ``held`` until they are released.
    """

    __slots__ = (
        "_a",
        "_b",
        "_before",
        "_changes",
        "_kinds",
        "_latest",
        "_rids",
        "_sources",
        "_times",
        "arrived",
        "ended",
        "fates",
        "held",
        "holding",
        "marks",
        "notable",
    )  # fmt: skip

    def __init__(self) -> None:
        self.holding = False
        self.held: deque[Event] = deque()
        self._times: array[int] = array("q")
        self._kinds: array[int] = array("q")
        self._sources: array[int] = array("q")
        self._rids: array[int] = array("q")
        self._a: array[int] = array("q")
        self._b: array[int] = array("q")
        self._before: array[int] = array("q")  # the index of the event before of the same request, -1: none
        self._latest: array[int] = array("q")  # by request: the index of its latest event
        self._changes: dict[int, array[int]] = {}  # by component: the indexes of its transitions
        self.fates = bytearray()  # by request: its outcome, or OPEN, and how often it was tried and took effect
        self.arrived: array[int] = array("q")  # by request: the index of its ARRIVE
        self.ended: array[int] = array("q")  # by request: the index of its DONE, -1 while there is none
        self.marks: dict[str, array[int]] = {TRANSITION: array("q"), FAILURE: array("q"), FAULT: array("q")}
        self.notable: array[int] = array("q")  # transitions and faults together, for the log

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if self.holding:
            self.held.append((t, kind, source, rid, a, b))
            return
        self._times.append(t)
        self._kinds.append(kind)
        self._sources.append(source)
        self._rids.append(rid)
        self._a.append(a)
        self._b.append(b)
        if kind == ev.ARRIVE:
            self._before.append(-1)
            self._latest.append(len(self._times) - 1)
            self.arrived.append(len(self._times) - 1)
            self.ended.append(-1)
            self.fates.append(OPEN)
            return
        if rid < 0:
            self._before.append(-1)
        else:
            self._before.append(self._latest[rid])
            self._latest[rid] = len(self._times) - 1
        if kind == ev.DONE:
            self.ended[rid] = len(self._times) - 1
            self.fates[rid] = ev.outcome_of(a) | RETRIED * (ev.attempts_of(a) > 1) | TWICE * (ev.effects_of(a) > 1)
            if ev.outcome_of(a) > ev.FALLBACK:
                self.marks[FAILURE].append(len(self._times) - 1)
        elif kind in _OF_KIND:
            self.marks[_OF_KIND[kind]].append(len(self._times) - 1)
            if _OF_KIND[kind] == TRANSITION:
                self._changes.setdefault(source, array("q")).append(len(self._times) - 1)
            self.notable.append(len(self._times) - 1)

    def release(self) -> Event:
        """Put the first event that is held back on the tape."""
        event = self.held.popleft()
        self.on_event(*event)
        return event

    def __len__(self) -> int:
        return len(self._times)

    def __getitem__(self, index: int) -> Event:
        return (
            self._times[index], self._kinds[index], self._sources[index], self._rids[index], self._a[index],
            self._b[index],
        )  # fmt: skip

    def slice(self, start: int, stop: int) -> Iterator[Event]:
        """The events from ``start`` up to ``stop``."""
        return zip(
            self._times[start:stop], self._kinds[start:stop], self._sources[start:stop], self._rids[start:stop],
            self._a[start:stop], self._b[start:stop], strict=True,
        )  # fmt: skip

    def time(self, index: int) -> int:
        """When the event with that index happened; 0 before the first."""
        return self._times[index] if index >= 0 and self._times else 0

    def last(self) -> int:
        """When the newest event happened, held back or not."""
        return self.held[-1][0] if self.held else self.time(len(self) - 1)

    def index_after(self, t: int) -> int:
        """The number of events up to ``t``, those at ``t`` included."""
        return bisect_right(self._times, t)

    def last_in_each(self, kind: str, edges: Sequence[int]) -> list[int]:
        """Between each edge, an instant, and the next: the last mark, -1 where there is none. The last has no end."""
        marks, found, first = self.marks[kind], [], 0
        for edge in [*edges[1:], None]:
            stop = len(marks) if edge is None else bisect_left(marks, edge, first, key=self._times.__getitem__)
            found.append(marks[stop - 1] if stop > first else -1)
            first = stop
        return found

    def requests_by(self, position: int) -> int:
        """The number of requests that arrived before ``position``."""
        return bisect_left(self.arrived, position)

    def outcome(self, rid: int, position: int) -> tuple[int, int, int, int]:
        """Outcome, latency, attempts and effects of a request as known at ``position``; outcome -1: not yet."""
        at = self.ended[rid]
        if not 0 <= at < position:
            return -1, 0, 0, 0
        packed = self._a[at]
        return ev.outcome_of(packed), self._b[at], ev.attempts_of(packed), ev.effects_of(packed)

    def of_request(self, rid: int, position: int, late: bool = True, after: int = 0) -> list[Event]:
        """The events of a request before ``position``; with ``late`` also what happened after its outcome.

        ``after``: only those from that position on.
        """
        stop = position if late or not 0 <= self.ended[rid] < position else self.ended[rid] + 1
        before, found = self._before, []
        at = self._latest[rid]
        while at >= stop:
            at = before[at]
        while at >= after:
            found.append(self[at])
            at = before[at]
        return found[::-1]

    def changes_of(self, source: int) -> array[int]:
        """Indexes of the transitions of one component."""
        return self._changes.get(source, array("q"))

    def next_mark(self, kind: str, position: int) -> int | None:
        """The first mark at or after ``position``."""
        marks = self.marks[kind]
        i = bisect_left(marks, position)
        return marks[i] if i < len(marks) else None

    def mark_before(self, kind: str, position: int) -> int | None:
        """The last mark before ``position``."""
        marks = self.marks[kind]
        i = bisect_left(marks, position)
        return marks[i - 1] if i else None

    def next_end(self, position: int) -> int | None:
        """The next event at or after ``position`` with which some request ends."""
        try:
            return self._kinds.index(ev.DONE, position)
        except ValueError:
            return None
