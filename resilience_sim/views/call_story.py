"""A request over several services in words: below each attempt the calls it made, with their attempts and decisions."""

from __future__ import annotations

from collections.abc import Mapping

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.measure.call_tree import CallNode, CallTree
from resilience_sim.measure.story import Attempt, Step
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig, own_id
from resilience_sim.views.story_node import Node
from resilience_sim.views.story_words import Context, Line, attempt_words, step_words
from resilience_sim.views.words import outcome_name, speaker


class CallTeller:
    """Hangs the calls of a request below the attempts that made them."""

    def __init__(self, plan: Plan, components: tuple[ev.Component, ...], tree: CallTree) -> None:
        self.plan, self.tree = plan, tree
        self.components = {component.id: component for component in components}
        self._configs: dict[str, PolicyConfig] = {policy.id: policy for link in plan.links for policy in link.stack}

    def below(self, node: Node, attempt: int) -> None:
        """The calls of an attempt."""
        for call in self.tree.calls_of(attempt):
            self._call(node, call)

    def loose(self, node: Node) -> None:
        """What layers decided about one of several calls that were under way on their link."""
        for step in self.tree.loose:
            node.add(self._step(step))

    def service(self, attempt: Attempt) -> str:
        """The service that an attempt went to."""
        component = self.components.get(self.tree.services.get(attempt.number, -1))
        return printable(component.node) if component is not None else "?"

    def words(self, attempt: Attempt, name: str = "") -> str:
        """An attempt in one line."""
        replica = speaker(self.components[attempt.replica]) if attempt.replica >= 0 else ""
        return attempt_words(attempt, replica, self.service(attempt), name)

    def _at(self, t: int) -> str:
        return f"+{fmt.duration(t - self.tree.root.began)}"

    def _call(self, node: Node, call: CallNode) -> None:
        link = self.components[call.link].node
        callee = printable(link.partition(">")[2])
        if len(call.attempts) == 1 and not call.steps and call.attempts[0].outcome == call.outcome:
            attempt = call.attempts[0]
            self.below(node.add(f"{self._at(call.began)}: {self.words(attempt, f'calls {callee}')}"), attempt.number)
            return
        how = "still under way" if call.ended < 0 else outcome_name(call.outcome)
        after = "" if call.ended < 0 else f" after {fmt.duration(call.ended - call.began)}"
        made = fmt.plural(len(call.attempts), "attempt") if call.attempts else "no attempt"
        head = node.add(f"{self._at(call.began)}: calls {callee}; {how}{after}, {made}")
        told: list[tuple[int, int, str, int]] = []
        for n, attempt in enumerate(call.attempts):
            told.append((attempt.sent, 2 * n, f"{self._at(attempt.sent)}: {self.words(attempt)}", attempt.number))
        told += [(step.t, 2 * len(call.attempts), self._step(step), 0) for step in call.steps]
        for _, _, text, number in sorted(told, key=lambda each: each[:2]):
            child = head.add(text)
            if number:
                self.below(child, number)

    def _step(self, step: Step) -> str:
        component = self.components[step.source]
        callee = printable(component.node.partition(">")[2])
        text, _ = step_words(step, Context(self._configs.get(component.name), service=callee))
        name = printable(own_id(component.name)) if step not in self.tree.loose else printable(component.name)
        return f"{self._at(step.t)}: `{name}`{':' if text[:1] == '`' else ''} {text}" if text else ""


def decisions(tree: CallTree, components: Mapping[int, ev.Component], plan: Plan) -> list[Line]:
    """What policies of links decided about a request, line by line."""
    configs = {policy.id: policy for link in plan.links for policy in link.stack}
    lines = []
    for step in [step for call in tree.calls.values() if call.number for step in call.steps] + tree.loose:
        component = components.get(step.source)
        if component is None:
            continue
        callee = printable(component.node.partition(">")[2])
        words, style = step_words(step, Context(configs.get(component.name), service=callee))
        if words:
            lines.append(Line(step.t, f"{callee}.{printable(own_id(component.name))}", words, style))
    return lines
