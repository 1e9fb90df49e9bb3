"""One policy or one fault from settings somebody typed, validated as in a file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.read.expectations import Known, expectations, known
from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.services import services
from resilience_sim.scenario.read.stack import policy, sourced, stack_of, written
from resilience_sim.scenario.read.tables import Memory, Reader
from resilience_sim.scenario.text.datafiles import DataFiles
from resilience_sim.scenario.text.parse import parse
from resilience_sim.scenario.text.spelling import quoted
from resilience_sim.scenario.text.tree import Entry, Node, Scalar, Source, Span, plain
from resilience_sim.scenario.text.tree import Mapping as MappingNode
from resilience_sim.scenario.text.tree import Sequence as SequenceNode
from resilience_sim.settings import codes
from resilience_sim.settings.actions import Adjustment, Setting
from resilience_sim.settings.calls import CLIENT_NAME
from resilience_sim.settings.faults import FaultConfig, fault
from resilience_sim.settings.plan import Expectation, Plan
from resilience_sim.settings.policy import PolicyConfig, own_id, prefix_of
from resilience_sim.settings.registry import EXPECT, FAULT_ITEM, POLICIES
from resilience_sim.settings.service import FIELD_OF, ServiceConfig
from resilience_sim.settings.table import Item
from resilience_sim.settings.traffic import TrafficConfig
from resilience_sim.settings.units import shown

_SCOPED = re.compile(r"\s*(\S+\s*[<>=!]+\s*\S+)\s+((?:before|during|after|phase)\s+\S.*)\Z")


def policy_from(kind: str, settings: Mapping[str, str], id: str) -> PolicyConfig:
    """The policy with these settings (values as YAML text); the id of one on a link begins with its link's.

    Raises:
        ScenarioError: one of them is wrong.
    """
    errors: list[Diagnostic] = []
    return _policy(_item("stack", kind, {**settings, "id": quoted(own_id(id))}, errors), errors, prefix_of(id))


def policy_of(kind: str, settings: Mapping[str, Node]) -> PolicyConfig:
    """The policy with these settings as parts of a tree, named after its kind.

    Raises:
        ScenarioError: one of them is wrong.
    """
    entries = {name: Entry(node.span, node) for name, node in settings.items()}
    root = _holding("stack", kind, entries, _NOWHERE)
    findings, loc = Findings(root), ("stack", 0, kind)
    values = Reader(findings, Memory()).table(POLICIES[kind].table, MappingNode(_NOWHERE, entries), loc)
    made = policy(Item(kind, values), kind, loc, findings)
    if findings.errors:
        raise ScenarioError(findings.errors)
    return sourced(made, {name: plain(node) for name, node in settings.items()})


def _policy(root: MappingNode, errors: list[Diagnostic], prefix: str = "") -> PolicyConfig:
    findings = Findings(root, errors)
    made = stack_of(findings, Memory(), prefix)
    if findings.errors:
        raise ScenarioError(findings.errors)
    return made[0]


def adjustment_from(place: str, path: Sequence[str], value: Node) -> Adjustment:
    """One setting of a service, or of the calls of a link (``caller>callee``), as a change while it runs has it.

    Raises:
        ScenarioError: it cannot be that.
    """
    span = value.span
    default = isinstance(value, Scalar) and value.value is None
    node: Node = MappingNode(span, {}) if default else value
    for name in reversed(path[:-1] if default else path):
        node = MappingNode(span, {name: Entry(span, node)})
    if default and len(path) > 1:
        node = MappingNode(span, {})
    empty = MappingNode(span, {})
    caller, link, callee = place.partition(">")
    if link:
        assert isinstance(node, MappingNode)
        call = MappingNode(span, {"to": Entry(span, Scalar(span, callee)), **node.entries})
        calls = MappingNode(span, {"calls": Entry(span, SequenceNode(span, (call,)))})
        services_node = MappingNode(span, {caller: Entry(span, calls), callee: Entry(span, empty)})
    else:
        services_node = MappingNode(span, {"here": Entry(span, node)})
    traffic = MappingNode(span, {"rate": Entry(span, Scalar(span, "1/s")), "requests": Entry(span, Scalar(span, 1))})
    root = MappingNode(
        span,
        {
            "resim": Entry(span, Scalar(span, 1)),
            "services": Entry(span, services_node),
            "traffic": Entry(span, traffic),
        },
    )
    findings = Findings(root)
    file = Reader(findings, Memory()).file()
    graph = services(file, findings, Memory(), DataFiles(Path(), {})) if file is not None else None
    if findings.errors or graph is None:
        raise ScenarioError(findings.errors)
    config = graph.steps[0].links[0] if link else graph.entry
    field = FIELD_OF.get(path[0], path[0])
    return Adjustment((Setting(field, getattr(config, field)),), {".".join(path): plain(value)})


def fault_from(kind: str, settings: Mapping[str, str], replicas: int, plan: Plan | None = None) -> FaultConfig:
    """The fault with these settings (values as YAML text), from t = 0, for a service with ``replicas`` replicas.

    ``plan``: where it has several services, they are those that may be named.

    Raises:
        ScenarioError: one of them is wrong.
    """
    errors: list[Diagnostic] = []
    root = _item("faults", kind, {"at": "0s", **settings}, errors)
    findings = Findings(root, errors)
    node = root.entries["faults"].value
    assert isinstance(node, SequenceNode)
    item = Reader(findings, Memory()).item(FAULT_ITEM, node.items[0], ("faults", 0))
    loc = ("faults", 0, item.kind)
    service = ServiceConfig(workers=64, replicas=replicas)
    services: dict[str, ServiceConfig] = {"": service}
    links: tuple[str, ...] = ()
    if plan is not None and plan.several:
        services, links = {each.name: each for each in (plan.service, *plan.services)}, names_of_links(plan)
    made = fault(item, kind, loc, services, links, TrafficConfig(), findings, (item.kind, written(root, loc)))
    if findings.errors:
        raise ScenarioError(findings.errors)
    return made


def expectation_from(text: str, plan: Plan, variants: Collection[str] = ()) -> Expectation:
    """``p99 < 800ms``, ``availability >= 99% after main``, or a mapping as in a file: ``{that: …, during: main}``.

    Raises:
        ScenarioError: it cannot be read, or names what the plan does not have.
    """
    errors: list[Diagnostic] = []
    source = Source.of("expectation", text)
    span = Span(source, 1, 1, 1, len(text) + 1)
    scoped = _SCOPED.match(text)
    item: Node | None
    if text.lstrip().startswith("{"):
        item = parse(text, source, errors)
    else:
        parts = {"that": scoped[1], "scope": scoped[2]} if scoped else {"that": text}
        item = MappingNode(span, {name: Entry(span, Scalar(span, part)) for name, part in parts.items()})
    findings = Findings(MappingNode(span, {"expect": Entry(span, SequenceNode(span, (item,) if item else ()))}), errors)
    if not isinstance(item, MappingNode):
        raise ScenarioError(
            errors or [Diagnostic(codes.EXPECTATION, f"{shown(text)} is no expectation", "expectation")]
        )
    values = Reader(findings, Memory()).table(EXPECT, item, ("expect", 0))
    found = expectations([values], ("expect",), known_in(plan, variants), findings)
    if findings.errors:
        raise ScenarioError(findings.errors)
    return found[0]


def known_in(plan: Plan, variants: Collection[str] = ()) -> Known:
    """What an expectation may name in a plan."""
    if not plan.several:
        return known(plan.faults, plan.traffic, variants)
    services = [each.name for each in (plan.service, *plan.services)]
    return known(plan.faults, plan.traffic, variants, services, names_of_links(plan))


def names_of_links(plan: Plan) -> tuple[str, ...]:
    """All links, that of Service A first."""
    return (f"{CLIENT_NAME}>{plan.service.name}", *(link.name for link in plan.links))


def _item(section: str, kind: str, settings: Mapping[str, str], errors: list[Diagnostic]) -> MappingNode:
    """A scenario of nothing but this item; each value is read as YAML."""
    entries: dict[str, Entry] = {}
    for name, text in settings.items():
        source = Source.of("form", text)
        span = Span(source, 1, 1, 1, len(text) + 1)
        node: Node | None = parse(text, source, errors)
        entries[name] = Entry(span, node if node is not None else Scalar(span, None))
    return _holding(section, kind, entries, next(iter(entries.values())).key)


_NOWHERE = Span(Source("", ("",)), 1, 1, 1, 1)


def _holding(section: str, kind: str, entries: dict[str, Entry], span: Span) -> MappingNode:
    body = MappingNode(span, {kind: Entry(span, MappingNode(span, entries))})
    return MappingNode(span, {section: Entry(span, SequenceNode(span, (body,)))})
