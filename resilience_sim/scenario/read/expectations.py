"""Expectations with their scopes, and whether what a scope names exists."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.text.tree import Loc, Mapping, Node, Scalar, find
from resilience_sim.settings import codes
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.metrics import OF_LINKS, OF_PLACES, OF_SERVICES, OF_SUCCESSES, percentile_of
from resilience_sim.settings.plan import AS_WRITTEN, Expectation, Scope
from resilience_sim.settings.registry import TIME_SCOPES
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.table import Values
from resilience_sim.settings.traffic import TrafficConfig
from resilience_sim.settings.units import shown

_WORDS = ("before", "during", "after", "phase", "variant")


@dataclass(frozen=True)
class Known:
    """What a scope may name."""

    faults: Collection[str]
    phases: int
    variants: Collection[str]
    services: Collection[str] = ()
    links: Collection[str] = ()


def known(
    faults: Sequence[FaultConfig],
    traffic: TrafficConfig,
    variants: Collection[str],
    services: Collection[str] = (),
    links: Collection[str] = (),
) -> Known:
    """What exists in a plan."""
    phases = len(traffic.phases) if traffic.phased else 0
    return Known([fault.id for fault in faults], phases, variants, services, links)


def expectations(listed: Sequence[Values], loc: Loc, names: Known, findings: Findings) -> tuple[Expectation, ...]:
    """All of a section, ``expect`` or ``shows`` (or ``tune.subject_to``), in the order of the file."""
    found: list[Expectation] = []
    for index, values in enumerate(listed):
        claim = values.scalar if values.scalar is not None else values.that
        scope = Scope() if values.scalar is not None else _scope(values, (*loc, index), names, findings)
        _check_metric(claim.metric, scope.place, (*loc, index), values.scalar is None, findings)
        because = "" if values.scalar is not None else values.because or ""
        found.append(Expectation(claim.text, claim.metric, claim.op, claim.limit, scope, because, loc == ("shows",)))
    return tuple(found)


def _scope(values: Values, loc: Loc, names: Known, findings: Findings) -> Scope:
    kind, ref, variant = "all", "", values.variant or ""
    for key in TIME_SCOPES:
        value = values[key]
        if value is not None:
            kind, ref = _read(key, str(value))
            if kind == "variant":
                kind, variant, ref = "all", ref, ""
                _check("variant", variant, (*loc, key), names, findings)
            else:
                _check(kind, ref, (*loc, key), names, findings)
    if values.variant:
        _check("variant", values.variant, (*loc, "variant"), names, findings)
    place = _place(values, loc, names, findings)
    parts = [f"{kind} {ref}"] if kind != "all" else []
    if place:
        parts.insert(0, f"link {place.replace('>', ' > ')}" if ">" in place else f"service {place}")
    return Scope(kind, ref, variant, ", ".join(parts + ([f"variant {variant}"] if variant else [])), place)


def _place(values: Values, loc: Loc, names: Known, findings: Findings) -> str:
    """The service or link it is about."""
    service, link = values.service, values.link
    if service is None and link is None:
        return ""
    key = "service" if link is None else "link"
    if not names.services:
        message = f"`{key}` needs several services, and there is one"
        findings.error((*loc, key), codes.CONFLICT, message, "leave it away, or write `services:`", key=True)
    elif service is not None and link is not None:
        findings.error((*loc, "link"), codes.CONFLICT, "`service` and `link` together", "keep one", key=True)
    elif link is not None:
        place = ">".join(link)
        if place in names.links:
            return place
        message = f"{shown(link[0])} does not call {shown(link[1])}"
        remedy = one_of(f"[{each.replace('>', ', ')}]" for each in names.links)
        findings.error((*loc, "link"), codes.REFERENCE, message, remedy)
    elif service in names.services:
        return str(service)
    else:
        remedy = did_you_mean(str(service), names.services) or one_of(names.services)
        findings.error((*loc, "service"), codes.REFERENCE, f"no service {shown(service)}", remedy)
    return ""


def _check_metric(metric: str, place: str, loc: Loc, mapping: bool, findings: Findings) -> None:
    """Whether it can be asked of that place; of the user's requests all can, but those of places."""
    at = (*loc, "that") if mapping else loc
    if not place:
        if any(each.name == metric for each in OF_PLACES) and not findings.touches(loc):
            what, remedy = (
                ("a link", "link: [CALLER, CALLEE]") if metric in OF_LINKS else ("a service", "service: NAME")
            )
            findings.error(at, codes.EXPECTATION, f"`{metric}` is asked of {what}", f"write `{remedy}` beside it")
    elif ">" in place:
        if metric not in OF_LINKS:
            findings.error(at, codes.EXPECTATION, f"`{metric}` is not asked of a link", one_of(OF_LINKS))
    elif metric not in OF_SERVICES and (percentile_of(metric) is None or metric.endswith(OF_SUCCESSES)):
        remedy = one_of((*OF_SERVICES, "p50", "p99"), most=30)
        findings.error(at, codes.EXPECTATION, f"`{metric}` is not asked of a service", remedy)


def _read(key: str, value: str) -> tuple[str, str]:
    """``during: before main`` is before main, ``during: main`` during main."""
    words = value.split(None, 1)
    if len(words) == 2 and words[0] in _WORDS and (key in ("during", "scope") or words[0] == key):
        return words[0], words[1].strip()
    return ("during" if key == "scope" else key), value.strip()


def _check(kind: str, ref: str, loc: Loc, names: Known, findings: Findings) -> None:
    if kind == "phase":
        if not (ref.isascii() and ref.isdigit() and len(ref) < 9 and 1 <= int(ref) <= names.phases):
            have = f"phases are 1 to {names.phases}" if names.phases else "the traffic has no `phases`"
            findings.error(loc, codes.REFERENCE, f"no phase {shown(ref)}", have, rests_on=(("traffic", "phases"),))
        return
    if kind == "variant":
        every = (AS_WRITTEN, *names.variants)
        if ref not in every:
            remedy = did_you_mean(ref, every) or one_of(every)
            findings.error(loc, codes.REFERENCE, f"no variant {shown(ref)}", remedy)
        return
    if ref not in names.faults and ref not in raw_ids(findings.root, "faults"):
        remedy = did_you_mean(ref, names.faults) or (
            one_of(names.faults) if names.faults else "the scenario has no faults"
        )
        findings.error(loc, codes.REFERENCE, f"no fault {shown(ref)}", remedy)


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
