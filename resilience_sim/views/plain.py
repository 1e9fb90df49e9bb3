"""A run as lines of text, for output that is no terminal: one per request, per change of a breaker or the surroundings.

A line is ``time  what  who  outcome  latency  details``; the columns are fixed, only the last one varies in length:

``    12.150s  request  #12            success          2.15s  1 error, 2 error, 3 success``
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.breakers import why_text
from resilience_sim.measure.story import DENIED, HEDGED, OPEN_END, WAITING, BriefStory
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.views.actions_text import ActionText
from resilience_sim.views.live.places import Graph
from resilience_sim.views.words import change_words, has_copies, late_effect, outcome_name, speaker

GOOD, BAD, ODD, CALM = "32", "31", "33", "2"
STATE_COLOURS = (GOOD, BAD, ODD)
EFFECT_WORDS = {
    ev.APPLIED: "applied",
    ev.DUPLICATE: "DUPLICATE",
    ev.DEDUPLICATED: "deduplicated",
    ev.REPEATED: "repeated",
}
_CHANGES = {
    ev.FAULT_ON: ("fault", ODD),
    ev.FAULT_OFF: ("fault", ODD),
    ev.CRASH: ("client", BAD),
    ev.RESTART: ("client", GOOD),
}
_TOKENS = {OPEN_END: "unfinished", HEDGED: "hedge", DENIED: "no budget for a retry"}


def _words(token: tuple[int, int, int], story: BriefStory) -> str:
    attempt, outcome, _ = token
    words = _TOKENS.get(outcome) or outcome_name(outcome)
    effect = EFFECT_WORDS.get(story.effect_of.get(attempt, 0), "")
    return (f"{attempt} {words}" if attempt else words) + (f" [{effect}]" if effect else "")


class PlainFold(Fold):
    """Writes a line for everything worth one; :meth:`finish` then names the requests that never got an answer.

    ``actions``: of the run, in order. Only requests in flight are remembered.
    """

    __slots__ = ("_actions", "_colour", "_components", "_graph", "_open", "_plan", "_stream")

    def __init__(
        self,
        stream: TextIO,
        plan: Plan,
        components: Sequence[ev.Component],
        colour: bool = False,
        actions: Sequence[ActionText] = (),
    ) -> None:
        self._stream = stream
        self._actions = actions
        self._plan = plan
        self._components = {component.id: component for component in components}
        self._colour = colour
        self._graph = Graph(plan, components) if plan.several else None
        self._open: dict[int, BriefStory] = {}  # only requests in flight

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """Write the event's line, or keep what it says for the line of its request."""
        if self._graph is not None and (kind >= ev.CALL or self._graph.behind(source)):
            if kind == ev.BREAKER:
                self._surroundings(t, kind, source, rid, a, b)
            return
        if kind == ev.ARRIVE:
            self._open[rid] = BriefStory(rid, t)
            return
        story = self._open.get(rid)
        if story is not None:
            story.take(kind, a, b)
        if kind == ev.DONE:
            self._done(t, rid, a, b)
        elif kind == ev.EFFECT:
            if story is None:
                self._late_effect(t, rid, ev.attempt_of(a), ev.effect_of(a), b)
        else:
            self._surroundings(t, kind, source, rid, a, b)

    def finish(self, now: int) -> None:
        """Name the requests that never got an outcome; ``now`` is the end of the run."""
        for rid in list(self._open):
            self._request_line(now, rid, ev.UNANSWERED, fmt.NOTHING, [])
        self._stream.flush()

    # --- requests -------------------------------------------------------------------------------------------------

    def _late_effect(self, t: int, rid: int, attempt: int, effect: int, reported_failed: int) -> None:
        if reported_failed or effect == ev.DUPLICATE:
            words = f"attempt {attempt} took effect after the request was reported "
            words += "failed" if reported_failed else "done"
            self._line(t, "effect", fmt.request(rid), EFFECT_WORDS.get(effect, ""), "", words, BAD)

    def _done(self, t: int, rid: int, a: int, latency: int) -> None:
        outcome = ev.outcome_of(a)
        notes = []
        deadline = self._plan.traffic.deadline
        if outcome == ev.SUCCESS and deadline and latency > deadline:
            notes.append(f"late: deadline {fmt.duration(deadline)}")
        self._request_line(t, rid, outcome, fmt.duration(latency), notes)

    def _request_line(self, t: int, rid: int, outcome: int, latency: str, notes: list[str]) -> None:
        story = self._open.pop(rid, None)
        words = [] if story is None else [_words(token, story) for token in story.tokens if token[1] != WAITING]
        colour = GOOD if outcome == ev.SUCCESS else ODD if outcome == ev.FALLBACK else BAD
        self._line(
            t,
            "request",
            fmt.request(rid),
            outcome_name(outcome),
            latency,
            ", ".join(words + notes) or "no attempt",
            colour,
        )

    # --- everything else ------------------------------------------------------------------------------------------

    def _surroundings(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        component = self._components.get(source)
        injected = component is None and kind in (ev.FAULT_ON, ev.FAULT_OFF)  # while it is served
        who = "by hand" if injected else speaker(component, has_copies(component, self._plan))
        if kind == ev.BREAKER:
            old, new = ev.STATE_NAMES[ev.old_state(a)], ev.STATE_NAMES[ev.new_state(a)]
            self._line(t, "breaker", who, new, "", f"was {old}; {why_text(a, b)}", STATE_COLOURS[ev.new_state(a)])
        elif kind == ev.LATE_RESULT:
            then, now = ev.STATE_NAMES[ev.state_at_admission(b)], ev.STATE_NAMES[ev.state_at_result(b)]
            effect = late_effect(self._config(component))
            words = f"{effect}: result of {fmt.request(rid)}, admitted while {then}, now {now}"
            self._line(t, "late", who, outcome_name(a), "", words, CALM)
        elif kind in _CHANGES:
            subject, colour = _CHANGES[kind]
            state, details = change_words(kind, a, b, self._plan.faults)
            self._line(t, subject, who, state, "", details, colour)
        elif kind == ev.ACTION:
            action = self._actions[a] if 0 <= a < len(self._actions) else ActionText(t, f"action {a + 1}", False)
            self._line(t, "change" if action.own else "by hand", who, "changed", "", action.words, ODD)

    def _config(self, component: ev.Component | None) -> PolicyConfig | None:
        return next((p for p in self._plan.stack if component is not None and p.id == component.name), None)

    def _line(self, t: int, what: str, who: str, outcome: str, latency: str, details: str, colour: str) -> None:
        shown = f"{outcome:<13}"
        if self._colour:
            shown = f"\x1b[{colour}m{shown}\x1b[0m"
        self._stream.write(
            f"{fmt.clock(t):>11}  {what:<7}  {who:<16}  {shown}  {latency:>7}  {details}".rstrip() + "\n"
        )
