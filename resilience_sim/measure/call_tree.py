"""A request as a tree over services, read from its events: calls, their attempts, and the calls that those make.

The user's request is call 0. What a layer of a link decides belongs to the call that is under way there; events do not
say which, so that a step is kept with a call only where there is just one.
"""

from __future__ import annotations

from collections.abc import Iterable

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    ARRIVE,
    CALL,
    CALL_OVER,
    DONE,
    NO_LAYERS,
    RESULT,
    SENT,
    Component,
    Event,
    attempt_of,
    call_of,
    outcome_of,
)
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.story import UNKNOWN, Attempt, Step, attempt_number


class CallNode:
    """A call: ``number`` within its request, ``link`` (a component, -1: the user's), ``by`` which attempt (0: none).

    ``ended`` and ``outcome`` are -1 while it goes on. ``last``: the last outcome that its layers saw, -1: none yet.
    """

    __slots__ = ("attempts", "began", "by", "ended", "last", "link", "number", "outcome", "steps")

    def __init__(self, number: int, link: int, by: int, began: int) -> None:
        self.number = number
        self.link = link
        self.by = by
        self.began = began
        self.ended = UNKNOWN
        self.outcome = UNKNOWN
        self.last = UNKNOWN
        self.attempts: list[Attempt] = []
        self.steps: list[Step] = []


class Places:
    """Which link a layer belongs to, and whose it is there: what a tree asks of a run's components."""

    __slots__ = ("layers", "numbers")

    def __init__(self, components: Iterable[Component]) -> None:
        found = list(components)
        links = {each.name: each.id for each in found if each.kind == "link"}
        # by layer: its link (-1: Service A's stack) and the calling replica, from 1 (0: all of them)
        self.layers: dict[int, tuple[int, int]] = {}
        self.numbers: dict[int, int] = {}  # by replica
        for each in found:
            if each.kind == "replica":
                self.numbers[each.id] = each.number
            elif each.kind not in NO_LAYERS:
                self.layers[each.id] = (links.get(each.link, -1), each.instance + 1 if each.link else 0)


class CallTree:
    """Give it the events of a request in order. ``services``: where each attempt was sent, a component."""

    __slots__ = ("_open", "_places", "attempts", "calls", "loose", "rid", "services")

    def __init__(self, rid: int, places: Places) -> None:
        self.rid = rid
        self._places = places
        self.calls: dict[int, CallNode] = {0: CallNode(0, -1, 0, 0)}
        self.attempts: dict[int, Attempt] = {}
        self.services: dict[int, int] = {}
        self.loose: list[Step] = []  # decisions about one of several calls
        self._open: dict[int, CallNode] = {0: self.calls[0]}

    @property
    def root(self) -> CallNode:
        """The user's request."""
        return self.calls[0]

    def take(self, t: int, kind: int, source: int, a: int, b: int) -> None:
        """Take an event of this request."""
        number = attempt_number(kind, a)
        if kind == SENT:
            attempt = Attempt(a, t)
            self.attempts[a] = attempt
            self.services[a] = source
            call = self.calls.get(call_of(a))
            if call is not None:
                call.attempts.append(attempt)
        elif number:
            known = self.attempts.get(number)
            if known is not None:
                known.take(t, kind, source, a, b)
                call = self.calls.get(call_of(number))
                if kind == RESULT and call is not None:
                    call.last = outcome_of(a)
        elif kind == CALL:
            self.calls[a] = self._open[a] = CallNode(a, source, b, t)
        elif kind == CALL_OVER:
            self._end(attempt_of(a), t, outcome_of(a))
        elif kind == ARRIVE:
            self.root.began = t
        elif kind == DONE:
            self._end(0, t, outcome_of(a))
        else:
            self._decided(t, kind, source, a, b)

    def _end(self, number: int, t: int, outcome: int) -> None:
        call = self._open.pop(number, None)
        if call is not None:
            call.ended = t
            call.outcome = outcome

    def _decided(self, t: int, kind: int, source: int, a: int, b: int) -> None:
        where = self._places.layers.get(source)
        if where is None:
            return
        link, replica = where
        found = [call for call in self._open.values() if call.link == link and replica in (0, self._replica(call))]
        if len(found) == 1:
            found[0].steps.append(Step(t, kind, source, a, b, "", found[0].last))
        elif found:
            self.loose.append(Step(t, kind, source, a, b))

    def _replica(self, call: CallNode) -> int:
        """Which replica makes a call, from 1."""
        attempt = self.attempts.get(call.by)
        return 0 if attempt is None else self._places.numbers.get(attempt.replica, 0)

    def calls_of(self, attempt: int) -> list[CallNode]:
        """The calls that an attempt made, in order."""
        return [call for call in self.calls.values() if call.by == attempt and call.number]

    def walk(self) -> list[tuple[int, CallNode, Attempt | None]]:
        """Every attempt under its call, with its depth, in the order of the tree; None: that call has none."""
        children: dict[int, list[CallNode]] = {}
        for each in self.calls.values():
            if each.number:
                children.setdefault(each.by, []).append(each)
        found: list[tuple[int, CallNode, Attempt | None]] = []
        _walk(self.root, 0, children, found)
        return found

    @property
    def over(self) -> bool:
        """Whether nobody waits for anything any more, and no service has anything of it left."""
        return not self._open and all(attempt.over for attempt in self.attempts.values())

    @property
    def end(self) -> int:
        """The last instant known of it."""
        root = self.root
        ends = [max(call.began, call.ended) for call in self.calls.values()]
        return max([root.began, root.ended, *ends, *(attempt.end for attempt in self.attempts.values())])


def _walk(
    call: CallNode,
    depth: int,
    children: dict[int, list[CallNode]],
    found: list[tuple[int, CallNode, Attempt | None]],
) -> None:
    if not call.attempts:
        found.append((depth, call, None))
    for attempt in call.attempts:
        found.append((depth, call, attempt))
        for inner in children.get(attempt.number, ()):
            _walk(inner, depth + 1, children, found)


def read_tree(rid: int, events: Iterable[Event], places: Places) -> CallTree:
    """The tree that the events of a request tell."""
    tree = CallTree(rid, places)
    for t, kind, source, _, a, b in events:
        tree.take(t, kind, source, a, b)
    return tree


class CallTreeFold(Fold):
    """The tree of one request of a run."""

    __slots__ = ("tree",)

    def __init__(self, rid: int, components: Iterable[Component]) -> None:
        self.tree = CallTree(rid, Places(components))

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        if rid == self.tree.rid:
            self.tree.take(t, kind, source, a, b)
