"""The line that `:` opens: ``PATH=VALUE`` as ``--set`` takes it, from now on, or ``until CONDITION``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resilience_sim.play.condition import EXAMPLES, Condition, read_condition
from resilience_sim.play.forms import policy_fields
from resilience_sim.runs.actions import plan_with
from resilience_sim.scenario.describe.paths import settable_paths
from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.read.changes import changed, row_of, scenario_of
from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.overrides import FIXED, PathError
from resilience_sim.scenario.read.pieces import adjustment_from
from resilience_sim.scenario.read.stack import stack_of
from resilience_sim.scenario.read.tables import Memory
from resilience_sim.scenario.text.parse import parse
from resilience_sim.scenario.text.spelling import Unwritable
from resilience_sim.scenario.text.tree import Entry, Node, Scalar, Source, Span, node_of
from resilience_sim.scenario.write import policy_settings
from resilience_sim.settings.actions import Action, Adjust, Change, Lift, Remove
from resilience_sim.settings.calls import ADJUSTABLE as OF_CALLS
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig, prefix_of
from resilience_sim.settings.registry import FILE
from resilience_sim.settings.service import KEYS_ADJUSTABLE
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.units import shown

UNTIL = "until "
HINT = "PATH=VALUE from now on (null: the default), or until CONDITION"
_REMEDIES = {
    "service": "what happens to B is a fault: `O` injects one",
    "traffic": "`s` injects a traffic spike",
    "stack": "`a` adds a policy, `k` removes one, `[` and `]` move it",
    "changes": "what you do here becomes a change: `w` writes it",
}


class LineError(ValueError):
    """The line cannot be done; the message says why and what is possible."""


def read_line(text: str, plan: Plan, t: int) -> Action | Condition:
    """What the line asks for, an action at ``t`` on ``plan`` or a condition to stop at.

    Raises:
        ValueError: nothing can be done; the message is for people.
    """
    text = text.strip().removeprefix("--set ").strip()
    if (text + " ").startswith(UNTIL):
        return read_condition(text[len(UNTIL) :])
    path, equals, value = (part.strip() for part in text.partition("="))
    if not path:
        raise LineError("write `retry.attempts=2`, or `until queue > 500`")
    head, *rest = path.removeprefix("stack.").split(".")
    at, below = _adjustable(head, rest, plan)
    if at:
        return _adjust(at, below, path, value if equals else None, plan, t)
    if head in FILE.by_name and head != "faults":
        remedy = _REMEDIES.get(head, "it holds from the beginning to the end")
        where = (
            ""
            if head in (*FIXED, "stack", "changes")
            else f"; `resim play --set {path}={value or '...'}` starts with it"
        )
        raise LineError(f"`{head}` cannot be changed while the run goes on: {remedy}{where}")
    if head == "faults":
        return _fault(rest, value, equals, plan, t)
    policy, rest = _policy(head, rest, plan)
    if not equals:
        raise LineError(f"{shown(text)} has no `=`; write `{path}=VALUE`")
    action = _change(policy, rest, path, value, t)
    plan_with(plan, [action])
    return action


def _adjustable(head: str, rest: list[str], plan: Plan) -> tuple[str, list[str]]:
    """The service or link that a path is about, and the rest of it; "" where it is about something else."""
    services = [each.name for each in plan.everybody]
    if plan.several and head == "services" and len(rest) > 1:
        if rest[0] not in services:
            raise LineError(f"no service {shown(rest[0])}; {did_you_mean(rest[0], services) or one_of(services)}")
        return rest[0], rest[1:]
    if not plan.several and head == "service" and rest and rest[0] in KEYS_ADJUSTABLE:
        return plan.service.name, rest
    link = f"{head}>{rest[0]}" if len(rest) > 1 else ""
    if any(each.name == link for each in plan.links) and rest[1] in OF_CALLS:
        return link, rest[1:]
    return "", []


def _adjust(place: str, path: list[str], line: str, value: str | None, plan: Plan, t: int) -> Adjust:
    known = OF_CALLS if ">" in place else KEYS_ADJUSTABLE
    if path[0] not in known:
        raise LineError(f"`{path[0]}` of `{place}` does not change while it runs; these do: {', '.join(known)}")
    if value is None:
        raise LineError(f"{shown(line)} has no `=`; write `{line}=VALUE`")
    node = _value(value)
    try:
        action = Adjust(t, place, adjustment_from(place, path, node))
    except ScenarioError as error:
        _raise(error.diagnostics)
        raise
    if plan_with(plan, [action]) == plan:
        raise LineError(f"nothing changes: `{line}` is already set so")
    return action


def _policy(name: str, rest: list[str], plan: Plan) -> tuple[PolicyConfig, list[str]]:
    """The policy with that id, or the only one of that kind, and the rest of the path; on a link by its three names."""
    place = plan.place_of(".".join((name, *rest)))
    if place:
        caller, callee, *_ = (name, *rest)
        return _named(".".join((name, *rest[:2])), f"{caller}.{callee}.", plan.stack_of(place), plan), rest[2:]
    return _named(name, "", plan.stack, plan), rest


def _named(name: str, prefix: str, stack: Sequence[PolicyConfig], plan: Plan) -> PolicyConfig:
    kind = name.removeprefix(prefix)
    found = [each for each in stack if each.id == name] or [each for each in stack if each.kind == kind]
    if len(found) == 1:
        return found[0]
    if found:
        raise LineError(f"{shown(name)} could be any of {len(found)}; {one_of(each.id for each in found)}")
    if not stack:
        raise LineError("the stack has no policies; `a` adds one")
    if any(fault.id == name for fault in plan.faults):
        raise LineError(f"the stack has no policy {shown(name)}; did you mean `faults.{name}`?")
    ids = [each.id for each in stack]
    raise LineError(f"the stack has no policy {shown(name)}; {did_you_mean(name, [*ids, 'until']) or one_of(ids)}")


def _change(policy: PolicyConfig, rest: list[str], path: str, value: str, t: int) -> Action:
    node = _value(value)
    if not rest and isinstance(node, Scalar) and node.value is None:
        return Remove(t, policy.id)
    try:
        policy_settings(policy)
    except Unwritable as error:
        raise LineError(str(error)) from None
    whole = Span(Source.of("line", path), 1, 1, 1, len(path) + 1)
    item = node_of({policy.kind: dict(policy.written or {})}, whole)
    try:
        row = changed(row_of(policy.kind, policy.id, item, policy), rest, Entry(whole, node))
    except PathError as error:
        raise LineError(_with_remedy(str(error), error.help)) from None
    findings = Findings(scenario_of([row]))
    made = stack_of(findings, Memory(), prefix_of(policy.id))
    _raise(findings.errors)
    if made[0] == policy:
        raise LineError(f"nothing changes: `{path}` is already set so")
    return Change(t, made[0])


def _value(text: str) -> Node:
    source = Source.of("line", text)
    errors: list[Diagnostic] = []
    node = parse(text, source, errors)
    _raise(errors)
    return node if node is not None else Scalar(Span(source, 1, 1, 1, len(text) + 1), None)


def _raise(errors: Sequence[Diagnostic]) -> None:
    if errors:
        raise LineError(_with_remedy(errors[0].message, errors[0].help))


def _with_remedy(message: str, remedy: str) -> str:
    return f"{message}; {remedy}" if remedy else message


def _fault(rest: list[str], value: str, equals: str, plan: Plan, t: int) -> Lift:
    """``faults.ID=null``; nothing else of a fault can change."""
    ids = [fault.id for fault in plan.faults]
    if not rest or not rest[0]:
        raise LineError("write `faults.ID=null` to lift a fault; `O` injects one")
    if rest[0] not in ids:
        remedy = did_you_mean(rest[0], ids) or (one_of(ids) if ids else "there are none; `O` injects one")
        raise LineError(f"there is no fault {shown(rest[0])}; {remedy}")
    if len(rest) > 1 or not equals or value not in ("", "null", "~"):
        raise LineError(
            f"a fault keeps its settings: `faults.{rest[0]}=null` lifts it while it is active, `O` injects another"
        )
    lift = Lift(t, rest[0])
    plan_with(plan, [lift])
    return lift


# --- completion ---------------------------------------------------------------------------------------------------


class Completion:
    """What a line may go on with: the paths that can change in ``plan``, and the conditions."""

    def __init__(self, plan: Plan, active: Sequence[str] = ()) -> None:
        self._about: dict[str, str] = {}
        known = _own_names(plan)
        links = {link.name for link in plan.links}
        others: dict[str, str] = {}  # of services and calls
        for path in settable_paths(plan):
            head, *rest = path.split(".")
            service = head == "services" and len(rest) > 1 and rest[1] in KEYS_ADJUSTABLE
            call = len(rest) == 2 and f"{head}>{rest[0]}" in links and rest[1] in OF_CALLS
            if service or call or (not plan.several and head == "service" and rest and rest[0] in KEYS_ADJUSTABLE):
                others[f"{path}="] = ""
            if plan.place_of(path):
                head, rest = ".".join((head, *rest[:2])), rest[2:]
            if rest and head in known and rest[0] in known[head]:
                self._about[f"{path}="] = known[head][rest[0]] if len(rest) == 1 else ""
        self._about |= others
        for id in active:
            self._about[f"faults.{id}=null"] = "lift this fault"
        for example, about in EXAMPLES.items():
            self._about[UNTIL + example] = about

    def of(self, text: str) -> list[str]:
        """Everything that begins with ``text``, one level of the paths at a time."""
        text = text.lstrip()
        found: dict[str, None] = {}
        for line in self._about:
            if line.startswith(text) and line != text:
                conditional = line.startswith(UNTIL)
                if conditional and len(text) < len(UNTIL):
                    found[UNTIL] = None
                else:
                    stop = 0 if conditional else line.find(".", len(text)) + 1
                    found[line[: stop or len(line)]] = None
        return list(found)

    def on(self, text: str) -> str:
        """The text after the Tab key: as far as all that fit agree; with nothing to add, the first of them."""
        found = self.of(text)
        common = _common(found)
        return common if len(common) > len(text.lstrip()) else found[0] if found else text

    def words(self, text: str) -> str:
        """What to show under the line."""
        path = text.strip().partition("=")[0] + "="
        if "=" in text and not text.startswith(UNTIL):
            return self._about.get(path, "")
        found = self.of(text)
        if len(found) == 1 and self._about.get(found[0]):
            return f"{found[0]}  {self._about[found[0]]}"
        return "  ".join(found)


def _common(lines: Sequence[str]) -> str:
    """What all of them begin with."""
    first, last = min(lines, default=""), max(lines, default="")
    same = (index for index, letter in enumerate(first) if last[index : index + 1] != letter)
    return first[: next(same, len(first))]


def _own_names(plan: Plan) -> Mapping[str, Mapping[str, str]]:
    """For each policy the settings that go by its rules, with what they are now and what they mean."""
    found: dict[str, dict[str, str]] = {}
    for policy in [*plan.stack, *(each for link in plan.links for each in link.stack)]:
        try:
            fields = policy_fields(policy.kind, policy)
        except Unwritable:
            continue
        found[policy.id] = {field.key: _meaning(field.value or field.default, field.about) for field in fields}
    return found


def _meaning(now: str, about: str) -> str:
    return " · ".join([*([f"now {now}"] if now else []), *([about] if about else [])])
