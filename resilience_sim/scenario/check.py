"""A tree against the models, with every mistake found in one pass.

Owns the translation of pydantic's errors to findings at their place, and the repairs that let checking go on: a value
that is wrong gets a stand-in, its path is tainted, and nothing that rests on a tainted path is reported again. Refuses
checks across sections (resolve_*.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from resilience_sim.scenario import codes
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.fields import homes, keys_at
from resilience_sim.scenario.models_file import FileModel
from resilience_sim.scenario.plan import Warned
from resilience_sim.scenario.suggest import nearest, one_of
from resilience_sim.scenario.tree import Loc, Mapping, Node, Scalar, find, place, plain
from resilience_sim.scenario.units import shown

ROUNDS = 8
STAND_INS: dict[str, Any] = {
    "at": "1s", "for": "1s", "after": "1s", "delay": "1s", "add": "1s", "half_life": "1s", "mean": "1s", "min": "1s",
    "ttl": "1s", "per_concurrent": "1s", "max_concurrent": 1, "limit": "1/s", "rate": "1/s", "slower": "2x", "cv": 1,
    "alpha": 2, "kind": "token_bucket", "factor": 2, "that": "p50 >= 0ms", "resim": 1,
    "traffic": {"rate": "1/s", "requests": 1},
}  # fmt: skip
EXAMPLES: dict[str, str] = {
    "traffic": "traffic: {rate: 1/s, requests: 20}",
    "resim": "resim: 1",
    "that": "that: p99 < 800ms",
}
# what other tools call it
SYNONYMS: dict[str, str] = {
    "max_attempts": "attempts", "max_retries": "attempts", "retries": "attempts", "tries": "attempts", "base": "delay",
    "wait": "delay", "cap": "max_delay", "retry_on": "on", "multiplier": "factor", "open_for": "recovery_time",
    "reset_timeout": "recovery_time", "wait_duration": "recovery_time", "break_duration": "recovery_time",
    "sleep_window": "recovery_time", "failures": "failure_threshold", "fail_max": "failure_threshold",
    "errors": "failure_rate", "error_rate": "failure_rate", "half_open_calls": "probes", "seconds": "after",
    "concurrency": "max_concurrent", "max_calls": "max_concurrent", "capacity": "burst", "description": "about",
    "expectations": "expect", "policies": "stack", "variants": "compare", "timeline": "faults", "threads": "workers",
    "mode": "how", "start": "at", "duration": "for", "rps": "rate", "delay": "add", "percentage": "share",
}  # fmt: skip


@dataclass
class Findings:
    """What has been found about one tree, and where checking went on with a stand-in."""

    root: Node
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    tainted: list[Loc] = field(default_factory=list)

    def touches(self, loc: Loc) -> bool:
        """Whether a path lies at, above or below something already reported."""
        return any(bad[: len(loc)] == loc[: len(bad)] for bad in self.tainted)

    def error(
        self, loc: Loc, code: str, message: str, help: str = "", key: bool = False, rests_on: tuple[Loc, ...] = ()
    ) -> None:
        """Report, unless it rests on something that was wrong already."""
        if not any(self.touches(each) for each in (loc, *rests_on)):
            self.errors.append(place(self.root, loc, key).finding(code, message, help, loc))
            self.tainted.append(loc)

    def warn(self, code: str, message: str) -> None:
        """Remember something odd that stops nobody."""
        self.warnings.append(Warned(code, message))


def check(root: Node, findings: Findings) -> FileModel | None:
    """The validated model; with findings, a repaired one, or None when no repair was possible."""
    data: Any = plain(root)
    if not isinstance(data, dict):
        what = "the file is empty" if data is None else f"a scenario is a mapping, not {shown(data)}"
        findings.errors.append(place(root, ()).finding(codes.WRONG_TYPE, what, "begin with `resim: 1`"))
        return None
    for _ in range(ROUNDS):
        try:
            return FileModel.model_validate(data)
        except ValidationError as error:
            listed = error.errors(include_url=False, include_input=False)
        before = len(findings.tainted)
        if not _report(root, data, listed, findings) and len(findings.tainted) == before:
            return None
    return None


def _report(root: Node, data: Any, listed: list[Any], findings: Findings) -> bool:
    """Turn one round of errors into findings and repair the data; whether anything could be repaired."""
    unknown: dict[Loc, set[str]] = {}
    fresh: list[tuple[Loc, Diagnostic | None, Any]] = []
    for each in listed:
        loc: Loc = each["loc"]
        kind: str = each["type"]
        if kind == "extra_forbidden":
            remedy, meant = _unknown(loc)
            unknown.setdefault(loc[:-1], set()).add(meant)
            message = f"unknown key {shown(loc[-1])}"
            fresh.append((loc, place(root, loc, key=True).finding(codes.UNKNOWN_KEY, message, remedy, loc), each))
    for each in listed:
        loc, kind = each["loc"], each["type"]
        if kind == "missing" and loc[-1] not in unknown.get(loc[:-1], ()):
            fresh.append((loc, _missing(root, loc), each))
        elif kind == "missing":
            fresh.append((loc, None, each))
        elif kind.startswith("RS"):
            fresh.append((loc, _ours(root, loc, each), each))
        elif kind != "extra_forbidden":
            fresh.append((loc, _wrong_shape(root, loc, kind), each))
    old = list(findings.tainted)
    repaired = False
    for loc, diagnostic, each in fresh:
        if diagnostic is not None and not any(bad[: len(loc)] == loc[: len(bad)] for bad in old):
            findings.errors.append(diagnostic)
        repaired = _repair(data, loc, each) or repaired
        findings.tainted.append(loc)
    return repaired


def _unknown(loc: Loc) -> tuple[str, str]:
    """The remedy for a key that does not exist, and the key that was meant."""
    word, known = str(loc[-1]), keys_at(loc[:-1])
    if SYNONYMS.get(word) in known:
        note = " (the first try counts)" if "retries" in word else ""
        return f"here it is called `{SYNONYMS[word]}`{note}", SYNONYMS[word]
    near = nearest(word, known)
    if near:
        return f"did you mean `{near[0]}`?", near[0]
    owners = homes(word) if len(loc) <= 2 or loc[0] in ("stack", "faults") else []
    if owners:
        return f"`{word}` belongs to `{owners[0]}`", ""
    return (one_of(known) if known else ""), ""


def _missing(root: Node, loc: Loc) -> Diagnostic:
    name = str(loc[-1])
    example = EXAMPLES.get(name) or f"{name}: {_stand_in(loc)}"
    owner = next((str(part) for part in reversed(loc[:-1]) if isinstance(part, str)), "")
    message = f"`{owner}` needs `{name}`" if owner else f"`{name}` is missing"
    return place(root, loc[:-1], key=True).finding(codes.MISSING, message, f"for example `{example}`", loc)


def _ours(root: Node, loc: Loc, each: Any) -> Diagnostic:
    context = each["ctx"]
    at = context.get("at", "")
    below: Loc = loc if at == "" else (*loc, at)
    span = place(root, below, key=bool(at) and isinstance(at, str) and each["type"] != codes.RANGE)
    node = find(root, below)
    if context.get("length") and isinstance(node, Scalar):
        span = node.span.part(context["start"] + node.quoted, context["length"])
    return span.finding(each["type"], context["message"], context.get("help", ""), below)


def _wrong_shape(root: Node, loc: Loc, kind: str) -> Diagnostic:
    node = find(root, loc)
    value = plain(node) if node is not None else None
    wanted = "a list" if kind == "list_type" else "a mapping"
    known = keys_at(loc)
    remedy = "begin each item with `- `" if wanted == "a list" else (one_of(known) if known else "")
    said = "is empty" if value is None else f"expected {wanted}, not {shown(value)}"
    message = f"`{loc[-1]}` {said}" if value is None and loc else said
    return place(root, loc, key=value is None).finding(codes.WRONG_TYPE, message, remedy, loc)


def _stand_in(loc: Loc) -> Any:
    return "2x" if loc[-1] == "rate" and "spike" in loc else STAND_INS.get(str(loc[-1]), {})


def _repair(data: Any, loc: Loc, each: Any) -> bool:
    """Make the data acceptable at this place; whether that was possible."""
    if not loc:
        return False
    here = data
    for part, following in pairwise(loc):
        if isinstance(part, int):
            if not (isinstance(here, list) and part < len(here)):
                return False
        elif not isinstance(here, dict):
            return False
        below = here[part] if isinstance(part, int) else here.get(part)
        if not isinstance(below, dict | list) or isinstance(below, list) != isinstance(following, int):
            below = here[part] = [] if isinstance(following, int) else {}
        here = below
    last = loc[-1]
    if isinstance(last, int) and not (isinstance(here, list) and last < len(here)):
        return False
    if each["type"] == "extra_forbidden":
        here.pop(last, None)
    elif each["type"] == "missing":
        here[last] = _stand_in(loc)
    elif each["type"].startswith("RS"):
        context = each["ctx"]
        if context.get("stand_in") is not None:
            here[last] = context["stand_in"]
        elif context.get("at"):
            here[last].pop(context["at"], None)
        else:
            return False
    else:
        here[last] = [] if each["type"] == "list_type" else (_stand_in(loc) if last in STAND_INS else {})
    return True


def raw_ids(root: Node, section: str) -> set[str]:
    """Every id and kind that a list of items mentions, however wrong the rest of it is."""
    names: set[str] = set()
    items = find(root, (section,))
    for item in getattr(items, "items", ()) if not isinstance(items, Mapping) else ():
        if isinstance(item, Scalar) and isinstance(item.value, str):
            names.add(item.value)
        elif isinstance(item, Mapping):
            for kind, entry in item.entries.items():
                names.add(kind)
                body = entry.value
                ident = body.entries.get("id") if isinstance(body, Mapping) else None
                if ident is not None and isinstance(ident.value, Scalar):
                    names.add(str(ident.value.value))
    return names
