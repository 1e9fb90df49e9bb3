"""What is linted: a plan, and where each of its settings was written.

A configuration file is imported first; its findings come along, and what the import assumed is known to be assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import is_

from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import At, last
from resilience_sim.interop.formats import Imported
from resilience_sim.interop.generic import as_generic
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Loc, Node, Span
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.service import OperationConfig


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a file, and the text of it that may be shown."""

    file: str
    line: int = 0
    col: int = 0
    end_col: int = 0
    path: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """One configuration. ``assumed``: parts of the plan that the file does not say (``traffic``, ``service``)."""

    path: str
    plan: Plan
    root: Node | None = None
    places: dict[tuple[int, str], At] = field(default_factory=dict)
    assumed: frozenset[str] = frozenset()
    kind: str = "scenario"
    instance: str = ""
    found: tuple[Diagnostic, ...] = ()
    remarks: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()  # settings that the file does not say, and what was taken for them
    unread: tuple[str, ...] = ()  # paths of settings that it says in a way that could not be read
    instead: tuple[str, ...] = ()  # rules whose finding the import has said better
    exact: tuple[PolicyConfig, ...] = ()  # the stack under the rules of its libraries
    remedies: dict[tuple[int, str], str] = field(default_factory=dict)  # by policy and rule, in the file's own words
    # of a link between services: who calls whom, and where the call stands
    caller: str = ""
    callee: str = ""
    base: Loc = ()
    twin: Subject | None = None  # another one with the same plan: no rule says anything else of this one

    def __post_init__(self) -> None:
        """Put the stack in common terms."""
        if self.twin is not None:
            object.__setattr__(self, "exact", self.twin.exact)
            object.__setattr__(self, "plan", self.twin.plan)
            return
        object.__setattr__(self, "exact", self.exact or self.plan.stack)
        stack = in_common_terms(self.plan.stack, self.plan.operation)
        if not all(map(is_, stack, self.plan.stack)):
            object.__setattr__(self, "plan", replace(self.plan, stack=stack))

    @property
    def stack(self) -> tuple[PolicyConfig, ...]:
        """The policies, outermost first."""
        return self.plan.stack

    def at(self, index: int, key: str = "") -> Loc:
        """The path of a policy, or of one of its settings."""
        loc: Loc = ("stack", index, self.stack[index].kind)
        return (*loc, key) if key else loc

    def place(self, loc: Loc) -> Place:
        """Where that was written."""
        from resilience_sim.scenario.text.tree import dotted, place

        if self.callee and loc[:1] == ("service",):
            loc = ("services", self.callee, *loc[1:])
        elif self.callee and loc[:1] == ("stack",):
            loc = (*self.base, *loc)
        if self.root is not None:
            return self._of_span(place(self.root, loc, key=False), dotted(loc))
        index = int(loc[1]) if len(loc) > 1 and loc[0] == "stack" else -1
        found = self.places.get((index, str(loc[3]) if len(loc) > 3 else "")) or self.places.get((index, ""))
        if found is None:
            found = next(iter(self.places.values()), None)
        if found is None:
            return Place(self.path, 1, 1, 2)
        span = found.span
        shown = " " * (span.col - 1) + found.text
        return Place(span.source.name, span.line, span.col, span.col + max(1, len(found.text)), found.path, shown)

    def _of_span(self, span: Span, path: str) -> Place:
        text = span.source.line(span.line)
        end = span.end_col if span.end_line == span.line else len(text.rstrip()) + 1
        file = span.source.name
        return Place(file, span.line, span.col, max(end, span.col + 1), path, text)


def in_common_terms(stack: Sequence[PolicyConfig], operation: OperationConfig) -> tuple[PolicyConfig, ...]:
    """Generic policies, as far as this operation makes use of them."""
    return tuple([_as_used(config, operation) for config in as_generic(tuple(stack))])


def _as_used(config: PolicyConfig, operation: OperationConfig) -> PolicyConfig:
    """A retry that tries none of the operations again makes one attempt."""
    if not isinstance(config, RetryConfig) or not config.only_idempotent:
        return config
    repeatable = any(each.repeatable for each in operation.each if each.share)
    return config if repeatable else replace(config, attempts=1)


def of_scenario(path: str, text: str, settings: Sequence[str]) -> Subject:
    """A scenario. ScenarioError when it is not valid."""
    from resilience_sim.scenario.load import load_text
    from resilience_sim.scenario.read.overrides import apply_command_line
    from resilience_sim.scenario.text.parse import parse
    from resilience_sim.scenario.text.tree import Mapping, Source

    loaded = load_text(text, path, settings)
    root = parse(text, Source.of(path, text), [])
    if isinstance(root, Mapping):
        root = apply_command_line(root, settings, [])
    return Subject(path, loaded.plan, root)


def of_config(opened: tuple[ConfigFile, str], settings: Sequence[str]) -> list[Subject]:
    """Every instance of a configuration file, or of several that are read together."""
    instances = Instances(opened, settings)
    return [instances.subject(name) for name in instances.names]


class Instances:
    """The instances of a configuration, each made into something to lint when it is asked for."""

    def __init__(self, opened: tuple[ConfigFile, str], settings: Sequence[str]) -> None:
        from resilience_sim.interop import formats
        from resilience_sim.interop.emit import ASSUMED

        self.opened = opened
        self.names = formats.instance_names(*opened)
        self._surroundings = _Surroundings(settings)
        self._assumed = frozenset(ASSUMED) - {setting.partition("=")[0].partition(".")[0] for setting in settings}
        self.told: set[int] = set()  # what was said about the whole file (interop/findings.py)
        self._alike: dict[tuple[int, tuple[str, ...], tuple[str, ...]], Subject] = {}

    def subject(self, name: str) -> Subject:
        """One of them; what there is to say about the whole file comes with the first."""
        from resilience_sim.interop import formats

        imported = formats.convert(*self.opened, name, self.told)
        (plan, exact), stack = self._surroundings.plan(imported), imported.stack
        instead = tuple(stack.instead)
        places: dict[tuple[int, str], At] = {}
        for index, layer in enumerate(stack.layers):
            if layer.at is not None:
                places[index, ""] = layer.at
            for key, setting in layer.settings.items():
                if setting.at is not None:
                    places[index, key] = setting.at
        if not places and stack.at is not None:
            places[0, ""] = stack.at
        remedies = {(i, code): said for i, each in enumerate(stack.layers) for code, said in each.remedies.items()}
        file, kind = self.opened
        subject = Subject(
            file.path, plan, None, places, self._assumed, kind, name, imported.findings, imported.assumed,
            (*stack.unsure, *_as_unset(imported.unread)), imported.unread, instead, exact, remedies,
            twin=self._alike.get((id(plan), instead, imported.unread)),
        )  # fmt: skip
        self._alike.setdefault((id(plan), instead, imported.unread), subject)
        return subject


def _as_unset(unread: Sequence[str]) -> Iterator[str]:
    for name in dict.fromkeys(map(last, unread)):
        yield f"`{name}`, whose value could not be read, is not set"


class _Surroundings:
    """What the instances of a file share: the traffic and B as the import assumes them, and as ``--set`` has them.

    Those with the same settings share their plan, which has no name.
    """

    def __init__(self, settings: Sequence[str]) -> None:
        self._settings = settings
        self._plans: dict[tuple[int, str], Plan] = {}
        self._known: dict[tuple[object, ...], tuple[Plan, tuple[PolicyConfig, ...]]] = {}
        parts = {setting.partition("=")[0].partition(".")[0] for setting in settings}
        self._shared = parts <= {"traffic", "service", "client", "seed"}

    def plan(self, imported: Imported) -> tuple[Plan, tuple[PolicyConfig, ...]]:
        """The plan of one instance, its stack under its libraries' rules: what loading its text gives, without it."""
        from resilience_sim.interop.emit import policies

        stack = imported.stack
        made = policies(stack) if self._shared else None
        if made is None:
            return self._load(imported), ()
        key = (stack.replicas, stack.method, *map(id, made))
        if key not in self._known:
            self._known[key] = (self._of_stack(imported, made), made)  # kept, so that their ids are their own
        return self._known[key]

    def _of_stack(self, imported: Imported, made: tuple[PolicyConfig, ...]) -> Plan:
        stack, key = imported.stack, (imported.stack.replicas, imported.stack.method)
        if key not in self._plans:
            self._plans[key] = self._load(replace(imported, stack=replace(stack, layers=[])))
        shared = self._plans[key]
        if shared.traffic.loop == "closed":  # whether that is possible depends on the stack, too
            return self._load(imported)
        return replace(shared, name="", about="", stack=in_common_terms(made, shared.operation))

    def _load(self, imported: Imported) -> Plan:
        from resilience_sim.scenario.load import load_text

        loaded = load_text(imported.text, imported.path, self._settings, files={}).plan
        return replace(loaded, name="", about="")
