"""Faults and their ids: from the models to the world's settings; the naming of repeated items.

Owns default ids (`outage`, `outage#2`) and checks across faults. Refuses to let anything fail (world/).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resilience_sim.kernel import events
from resilience_sim.scenario import codes
from resilience_sim.scenario.check import Findings
from resilience_sim.scenario.models_faults import FaultItem
from resilience_sim.scenario.models_items import OneKey
from resilience_sim.scenario.tree import Loc
from resilience_sim.world.config import FaultConfig, ServiceConfig, TrafficConfig

STATUS: dict[int, int] = {503: events.UNAVAILABLE, 429: events.RATE_LIMITED}


def default_ids(kinds: Sequence[tuple[str, str | None]]) -> list[str]:
    """An id for each (kind, id as written): the kind, then kind#2 …, leaving out what others are called."""
    taken = {ident for _, ident in kinds if ident}
    ids: list[str] = []
    for kind, ident in kinds:
        name, number = kind, 1
        while not ident and name in taken:
            number += 1
            name = f"{kind}#{number}"
        ids.append(ident or name)
        taken.add(ids[-1])
    return ids


def ids_of(items: Sequence[OneKey], section: str, findings: Findings) -> list[str]:
    """The ids of all items; the same one twice is a finding."""
    written = [(item.kind, item.body.id) for item in items]
    seen: dict[str, int] = {}
    for index, (kind, ident) in enumerate(written):
        loc: Loc = (section, index, kind, "id")
        if ident and ident in seen:
            message = f"the id `{ident}` is taken"
            findings.error(loc, codes.DUPLICATE_ID, message, f"`{section}.{seen[ident]}` has it; choose another")
        elif ident:
            seen[ident] = index
    return default_ids(written)


def faults(
    items: Sequence[FaultItem], service: ServiceConfig, traffic: TrafficConfig, findings: Findings
) -> tuple[FaultConfig, ...]:
    """The timeline, in the order of the file."""
    ids = ids_of(items, "faults", findings)
    return tuple(
        _fault(item, ident, ("faults", index, item.kind), service, traffic, findings)
        for index, (item, ident) in enumerate(zip(items, ids, strict=True))
    )


def _fault(
    item: FaultItem, ident: str, loc: Loc, service: ServiceConfig, traffic: TrafficConfig, findings: Findings
) -> FaultConfig:
    body, kind = item.body, item.kind
    replica: int = body.replica or 0
    if replica > service.replicas:
        have = "is only one replica" if service.replicas == 1 else f"are only {service.replicas} replicas"
        findings.error(
            (*loc, "replica"), codes.REFERENCE, f"no replica {replica}: there {have}",
            "write `service: {replicas: …}`, or leave `replica` away", rests_on=(("service", "replicas"),),
        )  # fmt: skip
    if kind == "crash_replica" and not replica:
        replica = 1
        if service.replicas > 1:
            findings.warn(codes.ODD, f"the fault `{ident}` does not say which `replica`: the first one goes down")
    if kind == "spike" and traffic.loop != "open":
        findings.error(
            (*loc[:-1], "spike"), codes.CONFLICT, "a spike needs an open loop (`rate` or `phases`)",
            "more `users` are more load in a closed loop", key=True, rests_on=(("traffic",),),
        )  # fmt: skip
    if kind == "spike" and (body.share < 1 or replica):
        findings.warn(codes.NO_EFFECT, f"`share` and `replica` have no effect on the spike `{ident}`")
    if traffic.duration and body.at >= traffic.duration:
        findings.warn(codes.LATE_FAULT, f"the fault `{ident}` begins after the last arrival")
    return FaultConfig(
        kind="errors" if kind == "lost_responses" else kind,
        id=ident,
        at=body.at,
        duration=body.for_,
        share=body.share,
        of=body.of,
        replica=replica,
        **_specific(kind, body),
    )


def _specific(kind: str, body: object) -> dict[str, Any]:
    """The fields that only this kind has."""
    get = body.__getattribute__
    if kind == "outage":
        return {"how": get("how")}
    if kind == "brownout":
        return {"workers": get("workers"), "slower": get("slower"), "failure_rate": get("failure_rate")}
    if kind == "latency":
        return {"add": get("add")}
    if kind == "errors":
        return {"rate": get("rate"), "outcome": STATUS.get(get("status"), events.ERROR)}
    if kind == "lost_responses":
        return {"rate": get("rate"), "outcome": events.LOST}
    if kind == "rate_limit":
        return {"limit": get("limit").per_second, "retry_after": get("retry_after") or 0}
    if kind == "cold_cache":
        return {"slower": get("slower"), "half_life": get("half_life")}
    if kind == "spike":
        return {"factor": get("rate")}
    return {}
