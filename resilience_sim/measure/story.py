"""The story of one request as records, read from events: its attempts, and every decision about it.

Whatever tells of single requests reads them here: ``explain``, the cockpit's inspector and stream, comparisons, plain
lines, the tables of a recording. The words are in views/story_words.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    ANSWERED,
    APPLIED,
    ARRIVE,
    BEGIN,
    BREAKER,
    CANCELLED,
    CRASHED,
    DONE,
    DUPLICATE,
    EFFECT,
    END,
    FALLBACK,
    FAULT_OFF,
    FAULT_ON,
    FELL_BACK,
    HEDGE,
    HUNG,
    LEFT_QUEUE,
    QUEUED_AT_B,
    RECEIVED,
    REJECTED,
    RESULT,
    RETRY_DENIED,
    RETRY_WAIT,
    SENT,
    START,
    STARTED,
    TIMEOUT,
    Event,
    abandoned,
    attempt_of,
    attempts_of,
    effect_of,
    effects_of,
    operation_of,
    outcome_of,
)
from resilience_sim.kernel.sink import Fold

UNKNOWN: Final = -1


def attempt_number(kind: int, a: int) -> int:
    """The attempt that an event is about; 0 when it is about none."""
    if kind in (SENT, RECEIVED, BEGIN, LEFT_QUEUE):
        return a
    return attempt_of(a) if kind in (END, RESULT, EFFECT, ANSWERED) else 0


class Attempt:
    """One attempt. Instants (ns), ``outcome`` and ``work`` (how B's work ended) are -1 until they are known.

    ``replica``: a component id. ``reception``: how B received it, 0 before that. ``left``: why it left B's queue
    without any work, else 0. ``worked``: worker time in ns. ``abandoned``: its caller had given up when B was done.
    ``closed``: when a service among several had its answer, its calls included. ``effect``: its kind or 0;
    ``after_failure``: it came when the request had been reported as failed.
    """

    __slots__ = (
        "abandoned", "after_failure", "answered", "began", "closed", "effect", "ended", "left", "number", "outcome",
        "received", "reception", "replica", "sent", "work", "worked",
    )  # fmt: skip

    def __init__(self, number: int, sent: int) -> None:
        self.number = number
        self.sent = sent
        self.received = self.began = self.ended = self.answered = self.closed = UNKNOWN
        self.outcome = self.work = self.worked = self.replica = UNKNOWN
        self.reception = self.left = self.effect = 0
        self.abandoned = False
        self.after_failure = False

    def take(self, t: int, kind: int, source: int, a: int, b: int) -> None:
        """Take an event about this attempt."""
        if kind == RECEIVED:
            self.received = t
            self.replica = source
            self.reception = b
            if b == STARTED:
                self.began = t
        elif kind == BEGIN:
            self.began = t
        elif kind == RESULT:
            self.answered = t
            self.outcome = outcome_of(a)
        elif kind == END:
            self.ended = t
            self.work = outcome_of(a)
            self.worked = b
            self.abandoned = abandoned(a)
        elif kind == ANSWERED:
            self.closed = t
            self.work = outcome_of(a)
        elif kind == EFFECT:
            self.effect = effect_of(a)
            self.after_failure = b != 0
        elif kind == LEFT_QUEUE:
            self.ended = t
            self.left = b

    @property
    def hung(self) -> bool:
        """Whether B swallowed it and will never answer."""
        return self.reception == HUNG

    @property
    def over(self) -> bool:
        """Whether its caller knows, and B is done with it or cannot get it any more."""
        if self.answered < 0:
            return False
        if self.reception:
            return self.ended >= 0 or self.reception not in (STARTED, QUEUED_AT_B)
        return self.outcome not in (TIMEOUT, CANCELLED, CRASHED)

    @property
    def end(self) -> int:
        """The last instant known of it."""
        return max(self.sent, self.received, self.began, self.ended, self.answered, self.closed)


class Step:
    """An event of the request. ``outcome``: the last outcome known before it, -1 while there is none.

    ``cause``: of a rejection by a breaker, (t, a, b) of that breaker's last change of state where it is known. ``text``
    and kinds beyond those of kernel/events.py are for folds that know more (views/request_trace.py).
    """

    __slots__ = ("a", "b", "cause", "kind", "outcome", "source", "t", "text")

    def __init__(
        self, t: int, kind: int, source: int, a: int = 0, b: int = 0, text: str = "", outcome: int = UNKNOWN
    ) -> None:
        self.t = t
        self.kind = kind
        self.source = source
        self.a = a
        self.b = b
        self.text = text
        self.outcome = outcome
        self.cause: tuple[int, int, int] | None = None


class Story:
    """A request: give it its events in order. ``done``, ``outcome``: -1 while it is not over.

    ``waits``: retry waits as (start, length). ``made``: attempts made, as its outcome says. ``operation``: its number
    among the scenario's. ``effects``: executions that changed something at B, those after its outcome included.
    """

    __slots__ = (
        "_last",
        "arrived",
        "attempts",
        "done",
        "effects",
        "latency",
        "made",
        "operation",
        "outcome",
        "rid",
        "steps",
        "waited",
        "waits",
    )  # fmt: skip

    def __init__(self, rid: int) -> None:
        self.rid = rid
        self.arrived = 0
        self.waited = 0
        self.done = UNKNOWN
        self.outcome = UNKNOWN
        self.latency = 0
        self.operation = 0
        self.made = 0
        self.effects = 0
        self.attempts: list[Attempt] = []
        self.waits: list[tuple[int, int]] = []
        self.steps: list[Step] = []
        self._last = UNKNOWN

    @property
    def end(self) -> int:
        """The last instant known of it, work that went on after its outcome included."""
        return max([self.arrived, self.done, *[attempt.end for attempt in self.attempts]])

    def attempt(self, number: int) -> Attempt:
        """That attempt; one whose SENT was not seen counts as sent at the arrival."""
        for attempt in reversed(self.attempts):
            if attempt.number == number:
                return attempt
        self.attempts.append(Attempt(number, self.arrived))
        return self.attempts[-1]

    def take(self, t: int, kind: int, source: int, a: int, b: int) -> None:
        """Take an event of this request."""
        self.steps.append(Step(t, kind, source, a, b, "", self._last))
        number = attempt_number(kind, a)
        if kind == SENT:
            self.attempts.append(Attempt(a, t))
        elif number:
            self.attempt(number).take(t, kind, source, a, b)
            if kind == RESULT:
                self._last = outcome_of(a)
            elif kind == EFFECT and effect_of(a) in (APPLIED, DUPLICATE):
                self.effects += 1
        elif kind == ARRIVE:
            self.arrived = t
            self.operation = operation_of(a)
        elif kind == START:
            self.waited = b
        elif kind == RETRY_WAIT:
            self.waits.append((t, b))
        elif kind == REJECTED:
            self._last = a
        elif kind == DONE:
            self.done = t
            self.outcome = outcome_of(a)
            self.latency = b
            self.made = attempts_of(a)


def read_story(rid: int, events: Iterable[Event]) -> Story:
    """The story that the events of a request tell."""
    story = Story(rid)
    for t, kind, source, _, a, b in events:
        story.take(t, kind, source, a, b)
    return story


class StoryFold(Fold):
    """The story of one request of a run, and what it met.

    ``breakers``: (t, a, b) of the last change of state of each breaker before the request's outcome, by component id: a
    rejection itself does not say why the breaker was open. ``faults``: indexes of the faults active at any moment
    between its arrival and its outcome.
    """

    __slots__ = ("breakers", "faults", "rid", "story")

    def __init__(self, rid: int) -> None:
        self.rid = rid
        self.story = Story(rid)
        self.breakers: dict[int, tuple[int, int, int]] = {}
        self.faults: list[int] = []

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Keep what belongs to the story."""
        if rid == self.rid:
            self.story.take(t, kind, source, a, b)
            if kind == REJECTED:
                self.story.steps[-1].cause = self.breakers.get(source)
        if self.story.done >= 0:
            return
        if kind == BREAKER:
            self.breakers[source] = (t, a, b)
        elif kind == FAULT_ON:
            self.faults.append(a)
        elif kind == FAULT_OFF and not self.story.steps and a in self.faults:
            self.faults.remove(a)


# What can stand in a brief story beside outcomes.
WAITING: Final = -1  # for the next try
OPEN_END: Final = -2  # an attempt without an answer yet
HEDGED: Final = -3
DENIED: Final = -4  # by the retry budget


class BriefStory:
    """A request in one line: ``tokens`` are (attempt or 0, outcome or a mark, ns or 0), in order.

    Where thousands are kept, a Story each would be too much. ``effects``: executions that changed something at B;
    ``effect_of``: the kind of effect by attempt.
    """

    __slots__ = ("arrived", "effect_of", "effects", "latency", "outcome", "rid", "tokens")

    def __init__(self, rid: int, arrived: int) -> None:
        self.rid = rid
        self.arrived = arrived
        self.tokens: list[tuple[int, int, int]] = []
        self.outcome = UNKNOWN
        self.latency = 0
        self.effects = 0
        self.effect_of: dict[int, int] = {}

    def take(self, kind: int, a: int, b: int) -> None:
        """Take an event of this request."""
        tokens = self.tokens
        if kind == SENT:
            tokens.append((a, OPEN_END, 0))
        elif kind == RESULT:
            number = attempt_of(a)
            for i in range(len(tokens) - 1, -1, -1):
                if tokens[i][0] == number:
                    tokens[i] = (number, outcome_of(a), 0)
                    break
        elif kind == EFFECT:
            self.effect_of[attempt_of(a)] = effect_of(a)
            if effect_of(a) in (APPLIED, DUPLICATE):
                self.effects += 1
        elif kind == REJECTED:
            tokens.append((0, a, 0))
        elif kind == RETRY_WAIT:
            tokens.append((0, WAITING, b))
        elif kind == RETRY_DENIED:
            tokens.append((0, DENIED, 0))
        elif kind == HEDGE:
            tokens.append((0, HEDGED, 0))
        elif kind == FELL_BACK:
            tokens.append((0, FALLBACK, 0))
        elif kind == DONE:
            self.outcome = outcome_of(a)
            self.latency = b
            self.effects = max(self.effects, effects_of(a))
