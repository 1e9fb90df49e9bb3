"""What became of each request, so that two runs can be compared request by request."""

from __future__ import annotations

from dataclasses import dataclass, field

from resilience_sim.kernel.events import (
    ARRIVE,
    BREAKER,
    BREAKER_OPEN,
    DONE,
    FALLBACK,
    OPEN,
    OUTCOME_NAMES,
    REJECTED,
    RESULT,
    SENT,
    UNANSWERED,
    attempt_of,
    new_state,
    outcome_of,
)
from resilience_sim.kernel.sink import Fold

SAME_INSTANT = 1_000  # ns: times of code are floats, those of a stack whole nanoseconds


@dataclass(slots=True)
class RequestRecord:
    """``attempts``: when each began (ns after the arrival), and what it came to; ``outcome`` and when."""

    arrived: int
    attempts: dict[int, tuple[int, int]] = field(default_factory=dict)
    outcome: int = UNANSWERED
    done: int = -1

    def says(self) -> str:
        """``refused after 2s: attempts at 0s error, at 1s refused``."""
        from resilience_sim.kernel import format as fmt

        end = f" after {fmt.duration(self.done - self.arrived)}" if self.done >= 0 else ""
        made = ", ".join(
            f"at {fmt.duration(sent - self.arrived)} {OUTCOME_NAMES[outcome]}"
            for sent, outcome in self.attempts.values()
        )
        return f"{OUTCOME_NAMES[self.outcome]}{end}: " + (f"attempts {made}" if made else "no attempt")


class RequestFold(Fold):
    """Keeps a record of every request; and how many attempts had failed when a breaker first opened."""

    def __init__(self) -> None:
        self.records: list[RequestRecord] = []
        self.opened_after: int | None = None
        self._failed = 0

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if kind == ARRIVE:
            self.records.append(RequestRecord(t))
        elif kind == SENT:
            self.records[rid].attempts[a] = (t, UNANSWERED)
        elif kind == RESULT:
            outcome = outcome_of(a)
            record = self.records[rid]
            record.attempts[attempt_of(a)] = (record.attempts[attempt_of(a)][0], outcome)
            self._failed += outcome > FALLBACK
        elif kind == DONE:
            self.records[rid].outcome = outcome_of(a)
            self.records[rid].done = t
        elif self.opened_after is None and (
            (kind == REJECTED and a == BREAKER_OPEN) or (kind == BREAKER and new_state(a) == OPEN)
        ):
            self.opened_after = self._failed


def difference(ours: RequestRecord, theirs: RequestRecord, *, instants: bool) -> str:
    """What is not the same, "" if all is: the first thing that went another way."""
    from resilience_sim.kernel import format as fmt

    for number, (mine, other) in enumerate(zip(ours.attempts.values(), theirs.attempts.values(), strict=False), 1):
        if instants and abs(mine[0] - other[0]) > SAME_INSTANT:
            by_stack = fmt.duration(other[0] - theirs.arrived)
            return f"attempt {number} was made {fmt.duration(mine[0] - ours.arrived)} after it, by the stack {by_stack}"
        if mine[1] != other[1]:
            return f"attempt {number} came to {OUTCOME_NAMES[mine[1]]}, by the stack to {OUTCOME_NAMES[other[1]]}"
    if len(ours.attempts) != len(theirs.attempts):
        return f"the code made {_times(len(ours.attempts))}, the stack {_times(len(theirs.attempts))}"
    if ours.outcome != theirs.outcome:
        return f"the code says {OUTCOME_NAMES[ours.outcome]}, the stack {OUTCOME_NAMES[theirs.outcome]}"
    if instants and abs(ours.done - theirs.done) > SAME_INSTANT:
        sides = f"{fmt.duration(ours.done - ours.arrived)}, by the stack {fmt.duration(theirs.done - theirs.arrived)}"
        return f"it was over after {sides}"
    return ""


def _times(count: int) -> str:
    return "no attempt" if not count else "1 attempt" if count == 1 else f"{count} attempts"
