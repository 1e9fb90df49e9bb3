"""The story of one request: its attempts with their instants, and every decision about it in words.

Owns reading a request's events as a story. Refuses to draw it (panels/inspector.py) and to find it (tape.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import Component
from resilience_sim.measure.breakers import why_text
from resilience_sim.play.tape import Event
from resilience_sim.policies.config import PolicyConfig, RetryConfig
from resilience_sim.scenario.plan import Plan
from resilience_sim.views import format as fmt
from resilience_sim.views.words import outcome_name, speaker, state_name

UNKNOWN = -1


@dataclass(slots=True)
class Attempt:
    """One attempt; instants in ns, -1 when not (yet) there. ``work``: how B's work ended. ``effect``: a code or 0."""

    number: int
    sent: int
    received: int = UNKNOWN
    began: int = UNKNOWN
    ended: int = UNKNOWN
    answered: int = UNKNOWN
    outcome: int = UNKNOWN
    work: int = UNKNOWN
    hung: bool = False
    abandoned: bool = False
    effect: int = 0
    after_failure: bool = False
    replica: int = UNKNOWN

    @property
    def end(self) -> int:
        """The last instant known of it."""
        return max(self.sent, self.received, self.began, self.ended, self.answered)


@dataclass(frozen=True, slots=True)
class Line:
    """One decision or fact: when, who, what; ``style`` as in views/text.py."""

    t: int
    who: str
    words: str
    style: str = ""


@dataclass(slots=True)
class Story:
    """What is known of a request at some position of the tape. ``outcome`` -1: not over yet."""

    rid: int
    arrived: int = 0
    done: int = UNKNOWN
    outcome: int = UNKNOWN
    latency: int = 0
    effects: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    waits: list[tuple[int, int]] = field(default_factory=list)  # retry waits: from, length
    lines: list[Line] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The last instant known of it, work that went on after its outcome included."""
        return max([self.arrived, self.done, *(attempt.end for attempt in self.attempts)])


def story_of(rid: int, events: Sequence[Event], components: Mapping[int, Component], plan: Plan) -> Story:
    """Read the events of a request; ``plan`` gives the settings that words mention."""
    return _Reader(rid, components, plan).read(events)


class _Reader:
    """Goes through the events once."""

    def __init__(self, rid: int, components: Mapping[int, Component], plan: Plan) -> None:
        self.story = Story(rid)
        self.components = components
        self.plan = plan
        self.many = plan.client.instances > 1
        self.deadline = plan.traffic.deadline
        self.last_outcome = UNKNOWN

    def read(self, events: Sequence[Event]) -> Story:
        for t, kind, source, _, a, b in events:
            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(self, t, source, a, b)
        return self.story

    def say(self, t: int, source: int, words: str, style: str = "") -> None:
        self.story.lines.append(Line(t, speaker(self.components.get(source), self.many), words, style))

    def attempt(self, number: int) -> Attempt:
        for attempt in self.story.attempts:
            if attempt.number == number:
                return attempt
        self.story.attempts.append(Attempt(number, self.story.arrived))
        return self.story.attempts[-1]

    def policy(self, source: int) -> PolicyConfig | None:
        component = self.components.get(source)
        return next((p for p in self.plan.stack if component is not None and p.id == component.name), None)

    # --- the request ----------------------------------------------------------------------------------------------

    def arrive(self, t: int, source: int, a: int, b: int) -> None:
        self.story.arrived = t
        if a == ev.ADMITTED:
            self.say(t, source, "takes it on")
        elif a == ev.BACKLOGGED:
            self.say(t, source, "has no thread free: it waits in the backlog", "odd")
        else:
            self.say(t, source, "turns it away: no thread, no place in the backlog, or down", "bad")

    def start(self, t: int, source: int, a: int, b: int) -> None:
        self.say(t, source, f"has a thread for it after {fmt.duration(b)} in the backlog")

    def done(self, t: int, source: int, a: int, b: int) -> None:
        story = self.story
        story.done, story.outcome, story.latency = t, a & 0xFF, b
        tries = a >> 16 & 0xFFFFFF
        retry = next((p for p in self.plan.stack if isinstance(p, RetryConfig)), None)
        if retry is not None and story.outcome > ev.FALLBACK and tries >= retry.attempts > 1:
            self.story.lines.append(Line(t, retry.id, f"{tries} tries were made, none is left", "bad"))
        words = f"answers its user: {outcome_name(story.outcome)} after {fmt.duration(b)}"
        if story.outcome == ev.SUCCESS and 0 < self.deadline < b:
            words += f", too late (the deadline is {fmt.duration(self.deadline)})"
        self.say(t, source, words, "good!" if story.outcome == ev.SUCCESS else "bad!")

    # --- attempts ---------------------------------------------------------------------------------------------------

    def sent(self, t: int, source: int, a: int, b: int) -> None:
        self.story.attempts.append(Attempt(a, t))
        self.say(t, source, f"is sent attempt {a}", "calm")

    def received(self, t: int, source: int, a: int, b: int) -> None:
        attempt = self.attempt(a)
        attempt.received, attempt.replica = t, source
        if b == ev.STARTED:
            attempt.began = t
            self.say(t, source, "has a worker for it at once")
        elif b == ev.QUEUED_AT_B:
            self.say(t, source, "has no worker free: it waits in the queue", "odd")
        elif b == ev.HUNG:
            attempt.hung = True
            self.say(t, source, "took it, and will never answer", "bad")
        else:
            self.say(t, source, "turns it down at once", "bad")

    def begin(self, t: int, source: int, a: int, b: int) -> None:
        self.attempt(a).began = t
        self.say(t, source, f"begins attempt {a} after {fmt.duration(b)} in the queue")

    def end(self, t: int, source: int, a: int, b: int) -> None:
        attempt = self.attempt(a >> 16)
        attempt.ended, attempt.work, attempt.abandoned = t, a & 0xFF, bool(a >> 8 & 0xFF)
        if attempt.abandoned:
            words = (
                f"ends attempt {attempt.number}; nobody waits for it any more: {fmt.duration(b)} of work for nothing"
            )
            self.say(t, source, words, "odd")

    def left_queue(self, t: int, source: int, a: int, b: int) -> None:
        self.attempt(a).ended = t
        why = {ev.ABANDONED: "nobody waits for it any more", ev.STOPPED: "its caller stopped it"}
        self.say(t, source, f"drops attempt {a} from its queue: {why.get(b, 'the replica is gone')}", "odd")

    def result(self, t: int, source: int, a: int, b: int) -> None:
        attempt = self.attempt(a >> 16)
        attempt.answered, attempt.outcome = t, a & 0xFF
        self.last_outcome = attempt.outcome
        if attempt.outcome in (ev.TIMEOUT, ev.CANCELLED, ev.CRASHED):
            words = f"attempt {attempt.number} is given up after {fmt.duration(b)}: {outcome_name(attempt.outcome)}"
        else:
            words = f"answers attempt {attempt.number} after {fmt.duration(b)}: {outcome_name(attempt.outcome)}"
        self.say(t, source, words, "good" if attempt.outcome <= ev.FALLBACK else "bad")

    def effect(self, t: int, source: int, a: int, b: int) -> None:
        attempt = self.attempt(a >> 16)
        attempt.effect, attempt.after_failure = a & 0xFF, bool(b)
        late = ", though the user was told that it failed" if b else ""
        if attempt.effect == ev.APPLIED:
            self.story.effects += 1
            self.say(t, source, f"attempt {attempt.number} takes effect{late}", "note")
        elif attempt.effect == ev.DUPLICATE:
            self.story.effects += 1
            self.say(t, source, f"attempt {attempt.number} takes effect AGAIN: a duplicate{late}", "bad!")
        elif attempt.effect == ev.DEDUPLICATED:
            self.say(
                t, source, "knows the idempotency key: it answers what it answered before, nothing happens", "good"
            )
        else:
            self.say(t, source, "does it again, which changes nothing (idempotent method)")

    # --- policies -----------------------------------------------------------------------------------------------------

    def retry_wait(self, t: int, source: int, a: int, b: int) -> None:
        self.story.waits.append((t, b))
        policy = self.policy(source)
        of = f" of {policy.attempts}" if isinstance(policy, RetryConfig) else ""
        why = f"{outcome_name(self.last_outcome)} is worth another try: " if self.last_outcome > ev.FALLBACK else ""
        pause = f"waits {fmt.duration(b)}, then " if b else "at once "
        self.say(t, source, f"{why}{pause}try {a}{of}", "odd")

    def rejected(self, t: int, source: int, a: int, b: int) -> None:
        self.last_outcome = a
        if a == ev.BREAKER_OPEN:
            words = f"is OPEN for another {fmt.duration(b)}: turned away at once" if b else "lets no more probes in now"
        elif a == ev.BULKHEAD_FULL:
            words = f"is full, and {fmt.plural(b, 'call waits', 'calls wait')} already: turned away"
        elif a == ev.LIMITED:
            words = f"has no permit for another {fmt.duration(b)}: turned away"
        else:
            words = f"turns away {fmt.share(b / 1e6)} of the calls now, this one too"
        self.say(t, source, words, "bad")

    def breaker(self, t: int, source: int, a: int, b: int) -> None:
        new = a >> 8 & 0xFF
        self.say(t, source, f"is {state_name(new)} now: {why_text(a, b)}", ("good!", "bad!", "odd!")[min(new, 2)])


Handler = Callable[[_Reader, int, int, int, int], None]


def _simple(words: Callable[[int, int], str], style: str = "") -> Handler:
    def handle(reader: _Reader, t: int, source: int, a: int, b: int) -> None:
        reader.say(t, source, words(a, b), style)

    return handle


_HANDLERS: dict[int, Handler] = {
    ev.ARRIVE: _Reader.arrive,
    ev.START: _Reader.start,
    ev.DONE: _Reader.done,
    ev.SENT: _Reader.sent,
    ev.RECEIVED: _Reader.received,
    ev.BEGIN: _Reader.begin,
    ev.END: _Reader.end,
    ev.LEFT_QUEUE: _Reader.left_queue,
    ev.RESULT: _Reader.result,
    ev.EFFECT: _Reader.effect,
    ev.RETRY_WAIT: _Reader.retry_wait,
    ev.RETRY_DENIED: _simple(lambda a, b: f"has no budget for try {a}: no more tries", "bad"),
    ev.BREAKER: _Reader.breaker,
    ev.REJECTED: _Reader.rejected,
    ev.LATE_RESULT: _simple(
        lambda a, b: f"learns nothing from it: let in while {state_name(b >> 8)}, now {state_name(b & 0xFF)}", "faint"
    ),
    ev.PROBE: _simple(lambda a, b: f"is HALF-OPEN and lets it in as a probe ({a} at work)", "odd"),
    ev.TIMED_OUT: _simple(lambda a, b: f"has waited {fmt.duration(a)}: enough, it gives up", "bad"),
    ev.QUEUED: _simple(lambda a, b: f"lets it wait ({a} in the queue)", "odd"),
    ev.ADMITTED_LATE: _simple(lambda a, b: f"lets it in after {fmt.duration(b)}"),
    ev.HEDGE: _simple(lambda a, b: f"has no answer yet: sends leg {a} beside it", "note"),
    ev.HEDGE_WON: _simple(lambda a, b: f"leg {a} of {b} answered first", "good"),
    ev.FELL_BACK: _simple(lambda a, b: f"answers in B's place, instead of {outcome_name(a)}", "odd"),
}
