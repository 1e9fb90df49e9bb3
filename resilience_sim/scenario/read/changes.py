"""Changes while it runs: from what was read to the actions of a plan.

Each change is checked against the policies that are in the stack at its instant, that of Service A or of a link between
services; ids stay what they were. Works on the tree like ``set`` of a variant, so that new settings are validated like
the first ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.overrides import PathError, calls_of, keys_at, locate, put
from resilience_sim.scenario.read.stack import stack_of
from resilience_sim.scenario.read.tables import Memory
from resilience_sim.scenario.text.tree import Entry, Loc, Mapping, Node, Scalar, Span, find, place, plain, remove
from resilience_sim.scenario.text.tree import Sequence as Listing
from resilience_sim.settings import codes
from resilience_sim.settings.actions import (
    Action,
    Add,
    Adjust,
    Adjustment,
    Change,
    Remove,
    Reorder,
    Reset,
    Setting,
    Trip,
)
from resilience_sim.settings.breaker import OutlierConfig
from resilience_sim.settings.calls import ADJUSTABLE as OF_CALLS
from resilience_sim.settings.calls import CLIENT_NAME, LinkConfig, front
from resilience_sim.settings.policy import PolicyConfig, own_id, prefix_of
from resilience_sim.settings.registry import FILE, VERBS
from resilience_sim.settings.service import ADJUSTABLE as OF_SERVICES
from resilience_sim.settings.service import KEYS_ADJUSTABLE, ServiceConfig
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.table import Values, pick_one
from resilience_sim.settings.traffic import TrafficConfig
from resilience_sim.settings.units import shown

HERE = "changes"
MAX_CHANGES = 2_000
_WORLD = ("service", "services")
_ELSEWHERE = frozenset(FILE.by_name) - {"stack", *_WORLD}


class _Refused(Exception):
    """The change is not possible; ``at`` says which of its keys is to blame."""

    def __init__(self, message: str, help: str, at: Loc = (), code: str = codes.REFERENCE) -> None:
        super().__init__(message)
        self.help = help
        self.at = at
        self.code = code


class _Absent(_Refused):
    """It is about a policy that is not there."""


@dataclass(frozen=True)
class World:
    """What a tree says of everything that changes: Service A's stack, the services and the calls between them.

    ``again`` reads another tree so far.
    """

    stack: tuple[PolicyConfig, ...]
    services: dict[str, ServiceConfig]  # by name
    links: tuple[LinkConfig, ...]
    several: bool
    again: Callable[[Node], tuple[World, Findings] | None]


def changes(
    listed: Sequence[Values], world: World, traffic: TrafficConfig, findings: Findings, lenient: bool = False
) -> tuple[Action, ...]:
    """The actions, in the order of the file.

    ``lenient``: they were written for another stack; what is not possible with this one is left out. Otherwise
    checking ends at the first change that is wrong: those after it rest on it.
    """
    if len(listed) > MAX_CHANGES:
        findings.error(
            (HERE,), codes.RANGE, f"{len(listed)} changes are too many", f"at most {MAX_CHANGES:,}", key=True
        )
        return ()
    if not listed or any(findings.touches((section,)) for section in ("stack", "service", "services", "entry")):
        return ()
    course = _Course(findings, world, lenient)
    found: dict[int, list[Action]] = {}
    for index in sorted(range(len(listed)), key=lambda each: listed[each].at):
        loc: Loc = (HERE, index)
        if findings.touches(loc):
            break
        if traffic.duration and listed[index].at >= traffic.duration:
            findings.warn(codes.LATE_FAULT, f"change {index + 1} comes after the last arrival")
        try:
            found[index] = course.take(listed[index], loc)
        except _Refused as error:
            if lenient:
                if not isinstance(error, _Absent):
                    findings.warn(codes.ODD, f"a variant does without change {index + 1}: {error}")
                continue
            findings.error((*loc, *error.at), error.code, str(error), error.help)
            break
        if findings.touches(loc):
            break
    return tuple(action for index in sorted(found) for action in found[index])


class _Course:
    """The stacks and the services, from change to change."""

    def __init__(self, findings: Findings, world: World, lenient: bool) -> None:
        self.findings = findings
        self.root: Node = findings.root  # with the changes to services and calls
        self.world = world
        self.lenient = lenient
        # by link; "": around Service A's calls
        self.rows: dict[str, list[Row]] = {"": rows_of(findings.root, world.stack)}
        self._calls: dict[str, dict[str, Loc]] = {}  # where each call stands, by caller and callee
        if world.several:
            self._calls = {name: calls_of(findings.root, name) for name in world.services}
            for link in world.links:
                loc: Loc = (*self._calls[link.caller][link.callee], "stack")
                self.rows[link.name] = rows_of(findings.root, link.stack, loc)

    def take(self, values: Values, loc: Loc) -> list[Action]:
        """What a change does, after which the stack is another one. _Refused when it is not possible."""
        verbs: dict[str, Callable[[Values, Loc], list[Action]]] = {
            "set": self._set, "trip": self._by_hand, "reset": self._by_hand, "add": self._add,
            "remove": self._remove, "reorder": self._reorder,
        }  # fmt: skip
        return verbs[_verb(values)](values, loc)

    def _link(self, parts: Sequence[str], at: Loc) -> str:
        """The link that a path begins with; "": it is about Service A's stack."""
        caller = parts[0]
        if caller not in self._calls or any(caller in (row.id, row.kind) for row in self.rows[""]):
            return ""
        calls = self._calls[caller]
        have = f"it calls {one_of(calls)[8:]}" if calls else "it calls nobody"
        if len(parts) < 2:
            raise _Refused(f"{shown(caller)} is a service", have, at)
        if parts[1] not in calls:
            if self.lenient:
                raise _Absent("there are other calls", "", at)
            raise _Refused(
                f"{shown(caller)} does not call {shown(parts[1])}", did_you_mean(parts[1], calls) or have, at
            )
        return f"{caller}>{parts[1]}"

    def _find(self, name: str, at: Loc, within: str = "") -> tuple[str, int]:
        """In which stack, and where there, the policy with that id stands, or the only one of that kind.

        ``within``: a link; then a name need not say which.
        """
        link = self._link(name.split("."), at) or within
        rows = self.rows[link]
        prefix = front(link)
        full = name if name.startswith(prefix) else prefix + name
        ids = [row.id for row in rows]
        if full in ids:
            return link, ids.index(full)
        kinds = [index for index, row in enumerate(rows) if prefix + row.kind == full]
        if len(kinds) == 1:
            return link, kinds[0]
        if kinds:
            raise _Refused(f"{shown(name)} could be any of {len(kinds)}", one_of(ids[index] for index in kinds), at)
        whose = f"the stack of {prefix[:-1]}" if link else "the stack"
        candidates = ids if link else [row.id for each in self.rows.values() for row in each]
        same = [ident for ident in candidates if own_id(ident) == name]
        remedy = f"did you mean `{same[0]}`?" if len(same) == 1 else did_you_mean(full, candidates)
        remedy = remedy or (one_of(candidates) if candidates else f"{whose} is empty then")
        raise _Absent(f"{whose} has no policy {shown(name)} at that time", remedy, at)

    # --- verbs ---

    def _by_hand(self, values: Values, loc: Loc) -> list[Action]:
        verb = _verb(values)
        link, index = self._find(values[verb], (verb,))
        row = self.rows[link][index]
        breakers = [
            each.id
            for each in self.rows[link]
            if each.kind == "circuit_breaker" and not isinstance(each.policy, OutlierConfig)
        ]
        if row.id not in breakers:
            what = "has no state as a whole" if row.kind == "circuit_breaker" else "is no circuit breaker"
            remedy = one_of(breakers) if breakers else "the stack has none then"
            raise _Refused(f"`{row.id}` {what}", remedy, (verb,), codes.CONFLICT)
        return [Trip(values.at, row.id) if verb == "trip" else Reset(values.at, row.id)]

    def _remove(self, values: Values, loc: Loc) -> list[Action]:
        link, index = self._find(str(values.remove), ("remove",))
        return [Remove(values.at, self.rows[link].pop(index).id)]

    def _reorder(self, values: Values, loc: Loc) -> list[Action]:
        wanted = values.reorder or []
        places: dict[int, int] = {}
        link = ""
        for n, name in enumerate(wanted):
            try:
                where, place = self._find(name, ("reorder", n), link)
            except _Absent:
                if self.lenient:
                    continue
                raise
            if places and where != link:
                message = f"{shown(name)} belongs to another stack"
                raise _Refused(message, "an order is that of one stack", ("reorder", n), codes.CONFLICT)
            link = where
            if place in places:
                raise _Refused(f"{shown(name)} stands twice in the order", "keep one", ("reorder", n), codes.CONFLICT)
            places[place] = n
        ids = [row.id for row in self.rows[link]]
        left = [ident for place, ident in enumerate(ids) if place not in places]
        if self.lenient and (left or len(ids) < 2):
            raise _Absent("the order is of another stack", "")
        if left:
            names = ", ".join(ids)
            message = f"the order leaves out `{left[0]}`"
            raise _Refused(message, f"name every policy there is then: [{names}]", ("reorder",), codes.MISSING)
        self.rows[link] = [self.rows[link][place] for place in places]
        return [Reorder(values.at, tuple(row.id for row in self.rows[link]))]

    def _add(self, values: Values, loc: Loc) -> list[Action]:
        link, position = self._position(values)
        rows = self.rows[link]
        taken = {row.id for row in rows}
        kind = values.add.kind
        prefix = front(link)
        name = values.add.body.id or kind
        if prefix + name in taken and values.add.body.id:
            raise _Refused(f"the id `{name}` is taken", "choose another", ("add", kind, "id"), codes.DUPLICATE_ID)
        number = 1
        ident = prefix + name
        while ident in taken:
            number += 1
            ident = f"{prefix}{kind}#{number}"
        node = find(self.findings.root, (*loc, "add"))
        assert node is not None
        row = row_of(kind, ident, node)
        made = self._resolved([row], (*loc, "add", kind))
        if not made:
            return []
        rows.insert(position, replace(row, policy=made[0]))
        return [Add(values.at, made[0], position)]

    def _position(self, values: Values) -> tuple[str, int]:
        """In which stack, and where there, a policy is to be added."""
        within = ""
        if values.link is not None:
            within = ">".join(values.link)
            if within not in self.rows and values.link[0] != CLIENT_NAME:
                if self.lenient:
                    raise _Absent("there are other calls", "", ("link",))
                links = [f"[{', '.join(each.split('>'))}]" for each in self.rows if each]
                remedy = one_of(links) if links else "leave `link` away"
                raise _Refused(f"there is no link {shown(within)}", remedy, ("link",))
            within = within if within in self.rows else ""
        if values.outside is not None:
            link, position = self._find(values.outside, ("outside",), within)
        elif values.inside is not None:
            link, position = self._find(values.inside, ("inside",), within)
            position += 1
        else:
            link, position = within, values.position or 0
        if values.link is not None and link != within:
            raise _Refused("`link` names another stack", "leave it away", ("link",), codes.CONFLICT)
        count = len(self.rows[link])
        if position > count:
            inmost = link.partition(">")[2] or "B"
            remedy = f"from 0 (outermost) to {count} (next to {inmost})"
            raise _Refused(f"the stack has no place {position} at that time", remedy, ("position",), codes.RANGE)
        return link, position

    def _set(self, values: Values, loc: Loc) -> list[Action]:
        holder = find(self.findings.root, (*loc, "set"))
        entries = holder.entries if isinstance(holder, Mapping) else {}
        after = {link: list(rows) for link, rows in self.rows.items()}
        touched: dict[str, dict[int, str]] = {}
        others: dict[str, Entry] = {}
        for path, entry in entries.items():
            at: Loc = ("set", path)
            parts = path.removeprefix("stack.").split(".")
            if parts[0] in _WORLD:
                others[path] = entry
                continue
            if parts[0] in _ELSEWHERE:
                remedy = "policies, services and calls between them do; for the rest there are `faults:` and `phases:`"
                raise _Refused(f"`{parts[0]}` does not change while it runs", remedy, at, codes.SET_PATH)
            try:
                link = self._link(parts, at)
                if link and (len(parts) == 2 or parts[2] in keys_at(self._calls[parts[0]][parts[1]])):
                    others[path] = entry
                    continue
                count = 3 if link else 1
                link, place = self._find(".".join(parts[:count]), at)
            except _Absent:
                if self.lenient:
                    continue
                raise
            try:
                after[link][place] = changed(after[link][place], parts[count:], entry)
            except PathError as error:
                raise _Refused(str(error), error.help, at, codes.SET_PATH) from None
            touched.setdefault(link, {}).setdefault(place, path)
        if not touched and not others:
            if entries:
                return []
            raise _Refused("`set` says nothing", "write `set: {retry.attempts: 1}`", ("set",), codes.MISSING)
        found: list[Action] = []
        for link, places in touched.items():
            rows = after[link]
            made = self._resolved([rows[place] for place in places], (*loc, "set"), list(places.values()))
            if not made:
                return []
            for (place, path), policy in zip(places.items(), made, strict=True):
                before = rows[place].policy
                if before is not None and before.shared != policy.shared:
                    message = f"whether `{policy.id}` is shared cannot be changed while it runs"
                    raise _Refused(message, "write it in `stack`", ("set", path), codes.CONFLICT)
                rows[place] = replace(rows[place], policy=policy)
            found += [Change(values.at, policy) for policy in made]
        if others:
            found += self._adjust(values.at, others, loc)
        self.rows = after
        return found

    def _adjust(self, t: int, entries: dict[str, Entry], loc: Loc) -> list[Action]:
        """Other settings of services and of calls; the scenario is read again with them."""
        root = self.root
        written: dict[str, dict[str, Any]] = {}
        for path, entry in entries.items():
            at: Loc = ("set", path)
            try:
                target = locate(root, path)
                root = put(root, target, entry.key, entry.value)
            except PathError as error:
                raise _Refused(str(error), error.help, at, codes.SET_PATH) from None
            parts = path.split(".")
            if parts[0] == "services" and len(parts) > 2:
                name, below = parts[1], parts[2:]
            elif parts[0] == "service" and len(parts) > 1 and not self.world.several:
                name, below = next(iter(self.world.services)), parts[1:]
            elif parts[0] not in _WORLD and len(parts) > 2:
                name, below = f"{parts[0]}>{parts[1]}", parts[2:]
            else:
                raise _Refused(f"`{path}` is not one setting", "write `services.NAME.KEY: …`", at, codes.SET_PATH)
            known = OF_CALLS if ">" in name else KEYS_ADJUSTABLE
            if below[0] not in known:
                message = f"`{below[0]}` of `{name.replace('>', '.')}` does not change while it runs"
                raise _Refused(message, f"these do: {', '.join(known)}", at, codes.SET_PATH)
            written.setdefault(name, {})[".".join(below)] = plain(entry.value)
        read = self.world.again(remove(root, (HERE,)))
        if read is None or read[1].errors:
            errors = [] if read is None else read[1].errors
            if self.lenient and errors:
                raise _Refused(errors[0].message, errors[0].help)
            for each in errors:
                self._adopt(each, (*loc, "set"), ())
            self.findings.tainted.append((*loc, "set"))
            return []
        world = read[0]
        links = {link.name: link for link in self.world.links}
        new_links = {link.name: link for link in world.links}
        found: list[Action] = []
        for name, texts in written.items():
            if ">" in name:
                changed_fields = _differing(links[name], new_links[name], OF_CALLS)
            else:
                changed_fields = _differing(self.world.services[name], world.services[name], OF_SERVICES)
            found.append(Adjust(t, name, Adjustment(changed_fields, texts)))
        self.root, self.world = root, replace(world, again=self.world.again)
        return found

    def _resolved(self, rows: list[Row], loc: Loc, paths: Sequence[str] = ()) -> list[PolicyConfig]:
        """The settings of these policies; nothing when some are wrong, which is a finding at its place."""
        own = Findings(scenario_of(rows))
        made = stack_of(own, Memory(), prefix_of(rows[0].id))
        if self.lenient and own.errors:
            raise _Refused(own.errors[0].message, own.errors[0].help)
        for each in own.errors:
            self._adopt(each, loc, paths)
        known = set(self.findings.warnings)
        self.findings.warnings += [each for each in own.warnings if each not in known]
        if own.errors:
            self.findings.tainted.append(loc)
            return []
        return list(made)

    def _adopt(self, error: Diagnostic, loc: Loc, paths: Sequence[str]) -> None:
        """A finding about what was changed; it points into the change, whatever else it has to do with."""
        _, number, _, *rest = (*error.path.split("."), "", "", "")
        here = (*loc, paths[int(number)]) if paths and number.isdigit() else (*loc, *filter(None, rest))
        span = place(self.findings.root, here, key=True)
        item = find(self.findings.root, loc[:2])
        inside = item is not None and error.file == item.span.source.name and (
            (item.span.line, item.span.col) <= (error.line, error.col) <= (item.span.end_line, item.span.end_col)
        )  # fmt: skip
        path = ".".join(str(part) for part in here)
        if inside:
            self.findings.errors.append(replace(error, path=path))
        else:
            message = f"with this change: {error.message}"
            self.findings.errors.append(span.finding(error.code, message, error.help, here))


def _differing(before: Any, after: Any, names: Sequence[str]) -> tuple[Setting, ...]:
    """The fields among ``names`` that are other ones now."""
    return tuple(
        Setting(each.name, getattr(after, each.name))
        for each in fields(before)
        if each.name in names and getattr(after, each.name) != getattr(before, each.name)
    )


# --- policies as text that can be changed -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A policy as it is at some instant: the text that its settings come from, and what they are (None: not yet)."""

    kind: str
    id: str
    key: Span
    body: Mapping
    policy: PolicyConfig | None = None


def row_of(kind: str, ident: str, node: Node, policy: PolicyConfig | None = None) -> Row:
    """Out of an item of a list: ``retry``, ``retry:`` or ``retry: {…}``."""
    entry = node.entries.get(kind) if isinstance(node, Mapping) else None
    if entry is None:
        return Row(kind, ident, node.span, Mapping(node.span, {}), policy)
    body = entry.value if isinstance(entry.value, Mapping) else Mapping(entry.key, {})
    return Row(kind, ident, entry.key, body, policy)


def rows_of(root: Node, stack: Sequence[PolicyConfig], loc: Loc = ("stack",)) -> list[Row]:
    """The stack of a scenario at ``loc``; ``stack``: the settings that came of it."""
    holder = find(root, loc)
    nodes = holder.items if isinstance(holder, Listing) else ()
    return [row_of(policy.kind, policy.id, node, policy) for policy, node in zip(stack, nodes, strict=True)]


def changed(row: Row, rest: list[str], entry: Entry) -> Row:
    """The row with one setting, or several of them, written differently.

    A mapping for a whole policy changes only its keys, but one that says whose rules it has (``like``) replaces all of
    them: under other rules the settings have other names.

    Raises:
        PathError: there is no such setting.
    """
    value = entry.value
    if (rest and rest[0] == "id") or (not rest and isinstance(value, Mapping) and "id" in value.entries):
        raise PathError("a policy keeps its id", "leave `id` away")
    if not rest:
        if not isinstance(value, Mapping):
            raise PathError(f"`{row.id}` is a policy, not a setting", f"write `{row.id}.KEY: …`")
        if "like" in value.entries:
            return replace(row, body=value)
    root = scenario_of([row])
    after = put(root, locate(root, ".".join(["stack", "0", *rest])), entry.key, value)
    body = find(after, ("stack", 0, row.kind))
    assert isinstance(body, Mapping)
    return replace(row, body=body)


def scenario_of(rows: Sequence[Row]) -> Mapping:
    """The least scenario around these policies, every one with its id."""
    span = rows[0].key

    def mapping(**values: Node) -> Mapping:
        return Mapping(span, {name: Entry(span, value) for name, value in values.items()})

    stack = []
    for row in rows:
        body = Mapping(row.body.span, {**row.body.entries, "id": Entry(row.key, Scalar(row.key, own_id(row.id)))})
        stack.append(Mapping(row.body.span, {row.kind: Entry(row.key, body)}))
    traffic = mapping(rate=Scalar(span, "1/s"), requests=Scalar(span, 1))
    return mapping(resim=Scalar(span, 1), traffic=traffic, stack=Listing(span, tuple(stack)))


def _verb(values: Values) -> str:
    """What the change does."""
    return pick_one(values, VERBS)[0]
