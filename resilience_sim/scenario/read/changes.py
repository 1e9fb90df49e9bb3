"""Changes while it runs: from what was read to the actions of a plan.

Each change is checked against the policies that are in the stack at its instant; ids stay what they were. Works on the
tree like ``set`` of a variant, so that new settings are validated like the first ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.overrides import PathError, locate, put
from resilience_sim.scenario.read.stack import stack_of
from resilience_sim.scenario.read.tables import Memory
from resilience_sim.scenario.text.tree import Entry, Loc, Mapping, Node, Scalar, Span, find, place
from resilience_sim.scenario.text.tree import Sequence as Listing
from resilience_sim.settings import codes
from resilience_sim.settings.actions import Action, Add, Change, Remove, Reorder, Reset, Trip
from resilience_sim.settings.breaker import OutlierConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import FILE, VERBS
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.table import Values, pick_one
from resilience_sim.settings.traffic import TrafficConfig
from resilience_sim.settings.units import shown

HERE = "changes"
MAX_CHANGES = 2_000
_ELSEWHERE = frozenset(FILE.by_name) - {"stack"}


class _Refused(Exception):
    """The change is not possible; ``at`` says which of its keys is to blame."""

    def __init__(self, message: str, help: str, at: Loc = (), code: str = codes.REFERENCE) -> None:
        super().__init__(message)
        self.help = help
        self.at = at
        self.code = code


class _Absent(_Refused):
    """It is about a policy that is not there."""


def changes(
    listed: Sequence[Values], stack: tuple[PolicyConfig, ...], traffic: TrafficConfig, findings: Findings,
    lenient: bool = False,
) -> tuple[Action, ...]:  # fmt: skip
    """The actions, in the order of the file.

    ``lenient``: they were written for another stack; what is not possible with this one is left out. Otherwise
    checking ends at the first change that is wrong: those after it rest on it.
    """
    if len(listed) > MAX_CHANGES:
        findings.error(
            (HERE,), codes.RANGE, f"{len(listed)} changes are too many", f"at most {MAX_CHANGES:,}", key=True
        )
        return ()
    if not listed or findings.touches(("stack",)):
        return ()
    course = _Course(findings, rows_of(findings.root, stack), lenient)
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
    """The stack, from change to change."""

    def __init__(self, findings: Findings, rows: list[Row], lenient: bool) -> None:
        self.findings = findings
        self.rows = rows
        self.lenient = lenient

    def take(self, values: Values, loc: Loc) -> list[Action]:
        """What a change does, after which the stack is another one. _Refused when it is not possible."""
        verbs: dict[str, Callable[[Values, Loc], list[Action]]] = {
            "set": self._set, "trip": self._by_hand, "reset": self._by_hand, "add": self._add,
            "remove": self._remove, "reorder": self._reorder,
        }  # fmt: skip
        return verbs[_verb(values)](values, loc)

    def _find(self, name: str, at: Loc) -> int:
        """Where the policy with that id stands, or the only one of that kind."""
        ids = [row.id for row in self.rows]
        if name in ids:
            return ids.index(name)
        kinds = [index for index, row in enumerate(self.rows) if row.kind == name]
        if len(kinds) == 1:
            return kinds[0]
        if kinds:
            raise _Refused(f"{shown(name)} could be any of {len(kinds)}", one_of(ids[index] for index in kinds), at)
        remedy = did_you_mean(name, ids) or (one_of(ids) if ids else "the stack is empty then")
        raise _Absent(f"the stack has no policy {shown(name)} at that time", remedy, at)

    # --- verbs ---

    def _by_hand(self, values: Values, loc: Loc) -> list[Action]:
        verb = _verb(values)
        row = self.rows[self._find(values[verb], (verb,))]
        breakers = [
            each.id
            for each in self.rows
            if each.kind == "circuit_breaker" and not isinstance(each.policy, OutlierConfig)
        ]
        if row.id not in breakers:
            what = "has no state as a whole" if row.kind == "circuit_breaker" else "is no circuit breaker"
            remedy = one_of(breakers) if breakers else "the stack has none then"
            raise _Refused(f"`{row.id}` {what}", remedy, (verb,), codes.CONFLICT)
        return [Trip(values.at, row.id) if verb == "trip" else Reset(values.at, row.id)]

    def _remove(self, values: Values, loc: Loc) -> list[Action]:
        row = self.rows.pop(self._find(str(values.remove), ("remove",)))
        return [Remove(values.at, row.id)]

    def _reorder(self, values: Values, loc: Loc) -> list[Action]:
        wanted = values.reorder or []
        places: dict[int, int] = {}
        for n, name in enumerate(wanted):
            try:
                place = self._find(name, ("reorder", n))
            except _Absent:
                if self.lenient:
                    continue
                raise
            if place in places:
                raise _Refused(f"{shown(name)} stands twice in the order", "keep one", ("reorder", n), codes.CONFLICT)
            places[place] = n
        ids = [row.id for row in self.rows]
        left = [ident for place, ident in enumerate(ids) if place not in places]
        if self.lenient and (left or len(ids) < 2):
            raise _Absent("the order is of another stack", "")
        if left:
            names = ", ".join(ids)
            message = f"the order leaves out `{left[0]}`"
            raise _Refused(message, f"name every policy there is then: [{names}]", ("reorder",), codes.MISSING)
        self.rows = [self.rows[place] for place in places]
        return [Reorder(values.at, tuple(row.id for row in self.rows))]

    def _add(self, values: Values, loc: Loc) -> list[Action]:
        position = self._position(values)
        taken = {row.id for row in self.rows}
        kind = values.add.kind
        ident = values.add.body.id or kind
        if ident in taken and values.add.body.id:
            raise _Refused(f"the id `{ident}` is taken", "choose another", ("add", kind, "id"), codes.DUPLICATE_ID)
        number = 1
        while ident in taken:
            number += 1
            ident = f"{kind}#{number}"
        node = find(self.findings.root, (*loc, "add"))
        assert node is not None
        row = row_of(kind, ident, node)
        made = self._resolved([row], (*loc, "add", kind))
        if not made:
            return []
        self.rows.insert(position, replace(row, policy=made[0]))
        return [Add(values.at, made[0], position)]

    def _position(self, values: Values) -> int:
        if values.outside is not None:
            return self._find(values.outside, ("outside",))
        if values.inside is not None:
            return self._find(values.inside, ("inside",)) + 1
        position = values.position or 0
        if position > len(self.rows):
            remedy = f"from 0 (outermost) to {len(self.rows)} (next to B)"
            raise _Refused(f"the stack has no place {position} at that time", remedy, ("position",), codes.RANGE)
        return position

    def _set(self, values: Values, loc: Loc) -> list[Action]:
        holder = find(self.findings.root, (*loc, "set"))
        entries = holder.entries if isinstance(holder, Mapping) else {}
        rows = list(self.rows)
        touched: dict[int, str] = {}
        for path, entry in entries.items():
            name, *rest = path.removeprefix("stack.").split(".")
            if name in _ELSEWHERE:
                remedy = "what happens to B is a fault: `faults:`; `changes` are for policies"
                raise _Refused(f"`{name}` does not change while it runs", remedy, ("set", path), codes.SET_PATH)
            try:
                place = self._find(name, ("set", path))
            except _Absent:
                if self.lenient:
                    continue
                raise
            try:
                rows[place] = changed(rows[place], rest, entry)
            except PathError as error:
                raise _Refused(str(error), error.help, ("set", path), codes.SET_PATH) from None
            touched.setdefault(place, path)
        if not touched and entries:
            return []
        if not touched:
            raise _Refused("`set` says nothing", "write `set: {retry.attempts: 1}`", ("set",), codes.MISSING)
        made = self._resolved([rows[place] for place in touched], (*loc, "set"), list(touched.values()))
        if not made:
            return []
        for (place, path), policy in zip(touched.items(), made, strict=True):
            before = rows[place].policy
            if before is not None and before.shared != policy.shared:
                message = f"whether `{policy.id}` is shared cannot be changed while it runs"
                raise _Refused(message, "write it in `stack`", ("set", path), codes.CONFLICT)
            rows[place] = replace(rows[place], policy=policy)
        self.rows = rows
        return [Change(values.at, policy) for policy in made]

    def _resolved(self, rows: list[Row], loc: Loc, paths: Sequence[str] = ()) -> list[PolicyConfig]:
        """The settings of these policies; nothing when some are wrong, which is a finding at its place."""
        own = Findings(scenario_of(rows))
        made = stack_of(own, Memory())
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


def rows_of(root: Node, stack: Sequence[PolicyConfig]) -> list[Row]:
    """The stack of a scenario; ``stack``: the settings that came of it."""
    holder = find(root, ("stack",))
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
        body = Mapping(row.body.span, {**row.body.entries, "id": Entry(row.key, Scalar(row.key, row.id))})
        stack.append(Mapping(row.body.span, {row.kind: Entry(row.key, body)}))
    traffic = mapping(rate=Scalar(span, "1/s"), requests=Scalar(span, 1))
    return mapping(resim=Scalar(span, 1), traffic=traffic, stack=Listing(span, tuple(stack)))


def _verb(values: Values) -> str:
    """What the change does."""
    return pick_one(values, VERBS)[0]
