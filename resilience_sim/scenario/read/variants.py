"""The variants of ``compare:``: each is the scenario with something changed, validated as a whole scenario.

`stack`, `without`, `changes` and `set` apply in this order.
"""

from __future__ import annotations

from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.overrides import apply_variant, calls_of, items, services_of
from resilience_sim.scenario.read.resolve import resolve
from resilience_sim.scenario.text.datafiles import DataFiles
from resilience_sim.scenario.text.tree import Entry, Loc, Mapping, Node, Scalar, Sequence, find, place, replace
from resilience_sim.settings import codes
from resilience_sim.settings.plan import AS_WRITTEN, Variant
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.table import Values
from resilience_sim.settings.units import shown

HERE: Loc = ("compare", "variants")
MOST = 200


def variant_nodes(root: Node) -> dict[str, Entry]:
    """The variants as written; empty when there are none."""
    holder = find(root, HERE)
    return holder.entries if isinstance(holder, Mapping) else {}


def resolve_variants(
    root: Node, base: Values | None, files: DataFiles, name: str, findings: Findings
) -> tuple[Variant, ...]:
    """Every variant's plan; what is wrong with one is added to the findings, once."""
    entries = variant_nodes(root)
    if len(entries) > MOST:
        findings.error(HERE, codes.RANGE, f"{len(entries)} variants are too many", f"at most {MOST}", key=True)
        return ()
    found: list[Variant] = []
    for title, entry in entries.items():
        loc: Loc = (*HERE, title)
        if title == AS_WRITTEN or not title:
            findings.error(
                loc, codes.CONFLICT, f"{shown(title)} is the scenario itself", "choose another name", key=True
            )
            continue
        change = entry.value
        if isinstance(change, Scalar) and change.value is None:
            change = Mapping(change.span, {})
        if not isinstance(change, Mapping):
            continue
        lenient = "changes" not in change.entries
        plan, _, own = resolve(changed(root, change, loc, findings), files, name, entries, lenient)
        _adopt(own, entry, loc, findings)
        findings.warnings += [each for each in own.warnings if each not in findings.warnings]
        if plan is not None:
            found.append(Variant(title, plan))
    _check_baseline(root, base, list(entries), findings)
    return tuple(found)


def _check_baseline(root: Node, base: Values | None, names: list[str], findings: Findings) -> None:
    wanted = base.compare.baseline if base and base.compare else AS_WRITTEN
    if wanted not in (AS_WRITTEN, *names):
        every = (AS_WRITTEN, *names)
        remedy = did_you_mean(wanted, every) or one_of(every)
        findings.error(("compare", "baseline"), codes.REFERENCE, f"no variant {shown(wanted)}", remedy)


def changed(root: Node, variant: Mapping, loc: Loc, findings: Findings) -> Node:
    """The tree of a variant."""
    stack = variant.entries.get("stack")
    if stack is not None and not (isinstance(stack.value, Scalar) and stack.value.value is None):
        root = replace(root, ("stack",), stack)
    without = variant.entries.get("without")
    if without is not None and isinstance(without.value, Sequence):
        root = _without(root, without.value, (*loc, "without"), findings)
    changes = variant.entries.get("changes")
    if changes is not None and not (isinstance(changes.value, Scalar) and changes.value.value is None):
        root = replace(root, ("changes",), changes)
    settings = variant.entries.get("set")
    if settings is not None and isinstance(settings.value, Mapping):
        root = apply_variant(root, settings.value, (*loc, "set"), findings)
    return root


def _without(root: Node, names: Sequence, loc: Loc, findings: Findings) -> Node:
    """The tree without these policies: of Service A's stack, or ``CALLER.CALLEE.POLICY`` of a link's."""
    stacks: dict[str, Loc] = {"": ("stack",)}
    for caller in services_of(root):
        for callee, at in calls_of(root, caller).items():
            stacks[f"{caller}.{callee}."] = (*at, "stack")
    gone: dict[str, set[int]] = {}
    for index, node in enumerate(names.items):
        name = node.value if isinstance(node, Scalar) else None
        if not isinstance(name, str):
            continue
        prefix = next((each for each in stacks if each and name.startswith(each)), "")
        rows, own = items(root, stacks[prefix]), name.removeprefix(prefix)
        chosen = [row for row in rows if row.written and row.id == own]
        chosen = chosen or [row for row in rows if row.kind == own] or [row for row in rows if row.id == own]
        if not chosen:
            among = {prefix: stacks[prefix]} if prefix else stacks
            every = [f"{whose}{each}" for whose, at in among.items() for row in items(root, at)
                     for each in (row.id, row.kind)]  # fmt: skip
            every = list(dict.fromkeys(every))
            remedy = did_you_mean(name, every) or (one_of(every) if every else "the stack is empty")
            findings.error((*loc, index), codes.REFERENCE, f"the stack has no policy {shown(name)}", remedy)
        gone.setdefault(prefix, set()).update(row.index for row in chosen)
    for prefix, indexes in gone.items():
        stack = find(root, stacks[prefix])
        if indexes and isinstance(stack, Sequence):
            left = tuple(node for index, node in enumerate(stack.items) if index not in indexes)
            root = replace(root, stacks[prefix], Entry(stack.span, Sequence(stack.span, left)))
    return root


def _adopt(own: Findings, entry: Entry, loc: Loc, findings: Findings) -> None:
    """Add what a variant's own validation found, unless known; what lies outside of the variant points at its name."""
    known = {_identity(each) for each in findings.errors}
    inside = place(findings.root, loc, key=True).source
    for each in own.errors:
        if _identity(each) in known:
            continue
        span = entry.value.span
        within = each.file == inside.name and (span.line, span.col) <= (each.line, each.col) <= (
            span.end_line,
            span.end_col,
        )
        if within:
            findings.errors.append(each)
        else:
            message = f"in this variant: {each.message}"
            findings.errors.append(entry.key.finding(each.code, message, each.help, (*loc, *each.path.split("."))))
        known.add(_identity(each))


def _identity(each: Diagnostic) -> tuple[str, int, int, str, str]:
    return (each.file, each.line, each.col, each.code, each.message)
