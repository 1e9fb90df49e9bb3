"""Expectations with their scopes: from the models to the plan.

Owns the words of a scope and whether what they name exists. Refuses to evaluate anything (measure/).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from resilience_sim.scenario import codes
from resilience_sim.scenario.check import Findings, raw_ids
from resilience_sim.scenario.models_file import AS_WRITTEN, TIME_SCOPES, ExpectModel
from resilience_sim.scenario.plan import Expectation, Scope
from resilience_sim.scenario.suggest import did_you_mean, one_of
from resilience_sim.scenario.tree import Loc
from resilience_sim.scenario.units import shown
from resilience_sim.world.config import FaultConfig, TrafficConfig

_WORDS = ("before", "during", "after", "phase", "variant")


@dataclass(frozen=True)
class Known:
    """What a scope may name."""

    faults: Collection[str]
    phases: int
    variants: Collection[str]


def known(faults: Sequence[FaultConfig], traffic: TrafficConfig, variants: Collection[str]) -> Known:
    """What exists in a plan."""
    return Known([fault.id for fault in faults], len(traffic.phases) if traffic.phased else 0, variants)


def expectations(models: Sequence[ExpectModel], names: Known, findings: Findings) -> tuple[Expectation, ...]:
    """All of them, in the order of the file."""
    found: list[Expectation] = []
    for index, model in enumerate(models):
        claim = model.scalar if model.scalar is not None else model.that
        scope = Scope() if model.scalar is not None else _scope(model, ("expect", index), names, findings)
        because = "" if model.scalar is not None else model.because or ""
        found.append(Expectation(claim.text, claim.metric, claim.op, claim.limit, scope, because))
    return tuple(found)


def _scope(model: ExpectModel, loc: Loc, names: Known, findings: Findings) -> Scope:
    kind, ref, variant = "all", "", model.variant or ""
    for key in TIME_SCOPES:
        value = getattr(model, key)
        if value is not None:
            kind, ref = _read(key, str(value))
            if kind == "variant":
                kind, variant, ref = "all", ref, ""
                _check("variant", variant, (*loc, key), names, findings)
            else:
                _check(kind, ref, (*loc, key), names, findings)
    if model.variant:
        _check("variant", model.variant, (*loc, "variant"), names, findings)
    parts = [f"{kind} {ref}"] if kind != "all" else []
    return Scope(kind, ref, variant, ", ".join(parts + ([f"variant {variant}"] if variant else [])))


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
