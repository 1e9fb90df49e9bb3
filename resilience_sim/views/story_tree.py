"""One request as a tree: tries within tries, attempts as leaves.

Owns the order and the nesting. Sentences are story_words.py's. Refuses to print.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from resilience_sim.kernel import events as ev
from resilience_sim.views import format as fmt
from resilience_sim.views.story_fold import KNEW, PASSED, RequestTraceFold, Step
from resilience_sim.views.story_words import effect_words, not_again, step_words, waiting
from resilience_sim.views.words import fault_words, outcome_name, speaker


@dataclass(slots=True)
class Node:
    """A line with what hangs below it."""

    text: str
    children: list[Node] = field(default_factory=list)

    def add(self, text: str) -> Node:
        """A new last child; without text nothing is added."""
        child = Node(text)
        if text:
            self.children.append(child)
        return child


class TreeBuilder:
    """Feed it the steps in order."""

    def __init__(self, fold: RequestTraceFold) -> None:
        self.fold, self.plan = fold, fold.plan
        self.root = Node(f"request {fmt.request(fold.rid)}")
        self.open: list[tuple[int, Node]] = [(-1, self.root)]
        self.attempts: dict[int, Node] = {}
        self.facts: dict[int, list[str]] = {}
        self.begun = 0
        self.knew: dict[int, str] = {}
        self.denied: set[int] = set()

    def build(self) -> Node:
        """The whole tree."""
        for step in self.fold.steps:
            self.step(step)
        for fault, _ in self.fold.faults_met:
            config = self.plan.faults[fault]
            self.root.children.insert(0, Node(f"fault `{config.id}` was on: {fault_words(config)}"))
        for attempt, node in self.attempts.items():
            node.text += "; ".join(["", *self.facts[attempt]])
        return self.root

    def here(self) -> Node:
        """Where the next thing belongs."""
        return self.open[-1][1]

    def name(self, step: Step) -> str:
        """Who speaks."""
        return speaker(self.fold.components[step.source])

    def step(self, step: Step) -> None:
        """Put one step into its place."""
        kind = step.kind
        if kind == ev.ARRIVE:
            self.begun = step.t
            self.root.text += f" arrived at {fmt.instant(step.t)}"
            self.root.add(step_words(self.plan, step, self.name(step)))
        elif kind == ev.DONE:
            self.done(step)
        elif kind in (ev.SENT, ev.RECEIVED, ev.BEGIN, ev.END, ev.RESULT, ev.EFFECT, ev.LEFT_QUEUE):
            self.attempt(step)
        elif kind == ev.RETRY_WAIT:
            self.again(step)
        elif kind == ev.RETRY_DENIED:
            self.denied.add(step.source)
        elif kind == PASSED:
            self.passed(step)
        elif kind == ev.ACTION:
            self.root.add(f"{self.at(step.t)}: changed: {step.text}")
        elif kind == KNEW:
            mark = step.text if step.b == ev.CLOSED else f"{step.b} {step.a}"
            if self.knew.get(step.source) != mark:
                self.knew[step.source] = mark
                self.here().add(f"`{self.name(step)}` was {step.text}")
        else:
            text = step_words(self.plan, step, self.name(step))
            self.here().add(f"{self.at(step.t)}: {text}" if text else "")

    def at(self, t: int) -> str:
        """An instant, and how long after the arrival."""
        return f"{fmt.instant(t)} (+{fmt.duration(t - self.begun)})"

    def again(self, step: Step) -> None:
        """A new try of a retry layer: what was inside is closed."""
        component = self.fold.components[step.source]
        shot = self.fold.layers.at(step.t)
        position = shot.position[step.source]
        first = self.open[-1][0] < position and step.a == 2
        while self.open[-1][0] >= position:
            self.open.pop()
        holder = self.here()
        if first:
            self.wrap(holder, component.name, sum(policy.kind == "retry" for policy in shot.stack) > 1)
        text = waiting(shot.config[step.source], step.a, step.b, False)
        node = holder.add(f"{self.at(step.t + step.b)}: `{component.name}`: {text}")
        self.open.append((position, node))

    def wrap(self, holder: Node, name: str, several: bool) -> None:
        """Name the first try, now that there is a second: attempts that hang loose belong to it."""
        loose = [child for child in holder.children if any(child is node for node in self.attempts.values())]
        if loose and several:
            first = Node(f"`{name}`: try 1", loose)
            place = next(i for i, child in enumerate(holder.children) if child is loose[0])
            holder.children = [child for child in holder.children if not any(child is each for each in loose)]
            holder.children.insert(place, first)

    def passed(self, step: Step) -> None:
        """A retry layer let a result go."""
        component = self.fold.components[step.source]
        shot = self.fold.layers.at(step.t)
        words = not_again(shot.config[step.source], step.a, step.b, step.source in self.denied)
        while self.open[-1][0] >= shot.position[step.source]:
            self.open.pop()
        self.here().add(f"`{component.name}`: {words}" if words else "")

    def attempt(self, step: Step) -> None:
        """Something about an attempt."""
        number = step.a if step.kind in (ev.SENT, ev.RECEIVED, ev.BEGIN, ev.LEFT_QUEUE) else step.a >> 16
        if step.kind == ev.SENT:
            self.attempts[number] = self.here().add(f"{self.at(step.t)}: attempt {number}")
            self.facts[number] = []
            return
        facts = self.facts.setdefault(number, [])
        if step.kind == ev.RECEIVED:
            how = {ev.QUEUED_AT_B: "queued at", ev.TURNED_DOWN: "turned down by", ev.HUNG: "swallowed by"}.get(
                step.b, "at"
            )
            facts.append(f"{how} {self.name(step)}")
        elif step.kind == ev.BEGIN and step.b:
            facts.append(f"waited {fmt.duration(step.b)} in B's queue")
        elif step.kind == ev.LEFT_QUEUE:
            facts.append("left B's queue without any work")
        elif step.kind == ev.RESULT:
            facts.append(f"{outcome_name(step.a & 0xFF)} after {fmt.duration(step.b)}")
        elif step.kind == ev.END and step.a >> 8 & 0xFF:
            facts.append(f"B worked on it until {fmt.instant(step.t)}, {fmt.duration(step.b)} for nobody")
        elif step.kind == ev.EFFECT:
            facts.append(effect_words(step.a & 0xFF, bool(step.b)))
        self.facts[number] = [fact for fact in facts if fact]

    def done(self, step: Step) -> None:
        """The request's own end."""
        outcome, attempts = step.a & 0xFF, step.a >> 16 & 0xFFFF
        late = ""
        deadline = self.plan.traffic.deadline
        if deadline and outcome == ev.SUCCESS and step.b > deadline:
            late = f", later than its deadline of {fmt.duration(deadline)}"
        sent = fmt.plural(attempts, "attempt") if attempts else "no attempt"
        self.root.text += f" and ended with {outcome_name(outcome)} after {fmt.duration(step.b)}, {sent}{late}"
        self.open = [(-1, self.root)]
