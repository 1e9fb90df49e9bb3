"""Several services: from what was read to their configs and the calls between them."""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingType
from dataclasses import dataclass

from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.stack import policies
from resilience_sim.scenario.read.tables import Memory
from resilience_sim.scenario.text.datafiles import DataFiles
from resilience_sim.settings import codes
from resilience_sim.settings.calls import (
    ALL,
    CLIENT_NAME,
    FAILS_AS,
    MOST_CALLERS,
    MOST_OPERATIONS_AT,
    MOST_SERVICES,
    NAME_PATTERN,
    LinkConfig,
    StepConfig,
)
from resilience_sim.settings.registry import FILE, NODE
from resilience_sim.settings.service import OperationConfig, ServiceConfig, operation, service
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.table import Loc, Values
from resilience_sim.settings.units import shown

HERE = "services"


@dataclass(frozen=True)
class Graph:
    """All services: the one that Service A calls, the others in the order of the file, and their calls."""

    entry: ServiceConfig
    others: tuple[ServiceConfig, ...]
    steps: tuple[StepConfig, ...]

    @property
    def by_name(self) -> dict[str, ServiceConfig]:
        """The services, the entry first."""
        return {each.name: each for each in (self.entry, *self.others)}

    @property
    def link_names(self) -> tuple[str, ...]:
        """All links, that of Service A first."""
        own = tuple(link.name for step in self.steps for link in step.links)
        return (f"{CLIENT_NAME}>{self.entry.name}", *own)


def services(file: Values, findings: Findings, memory: Memory, files: DataFiles) -> Graph | None:
    """The services of the file; None where it has `service`, or nothing."""
    written: MappingType[str, Values | None] | None = file.services
    if written is None:
        if file.entry is not None:
            message = "`entry` needs several services"
            findings.error(("entry",), codes.CONFLICT, message, "write `services:`, or leave it away", key=True)
        return None
    if file.service is not None:
        remedy = "keep `services`, and what `service` says under the name of one of them"
        findings.error((HERE,), codes.CONFLICT, "`service` and `services` together", remedy, key=True)
    if not 1 <= len(written) <= MOST_SERVICES:
        if not findings.touches((HERE,)):
            what = "no service at all" if not written else f"{len(written):,} services are too many"
            findings.error((HERE,), codes.RANGE, what, f"1 to {MOST_SERVICES} of them", key=True)
        return Graph(ServiceConfig(), (), ())
    for name in written:
        _check_name(name, findings)
    said = {name: values or Values(NODE, {}) for name, values in written.items()}
    found = {name: _service(name, values, findings, memory, files) for name, values in said.items()}
    entry = file.entry or next(iter(found))
    if entry not in found:
        remedy = did_you_mean(entry, found) or one_of(found)
        findings.error(("entry",), codes.REFERENCE, f"no service {shown(entry)}", remedy)
        entry = next(iter(found))
    steps = [step for name, values in said.items() for step in _steps(name, values, list(found), findings, memory)]
    _check_graph(entry, list(found), steps, findings)
    others = tuple(each for name, each in found.items() if name != entry)
    return Graph(found[entry], others, tuple(steps))


def _check_name(name: str, findings: Findings) -> None:
    loc: Loc = (HERE, name)
    if name in FILE.by_name:
        message = f"a service cannot be called `{name}`: that is a key of the file"
        findings.error(loc, codes.CONFLICT, message, "choose another name", key=True)
    elif not re.match(NAME_PATTERN, name) or len(name) > 64:
        remedy = "small letters, digits, `-` and `_`, beginning with a letter, at most 64"
        findings.error(loc, codes.WRONG_TYPE, f"{shown(name)} is no name of a service", remedy, key=True)


def _service(name: str, values: Values, findings: Findings, memory: Memory, files: DataFiles) -> ServiceConfig:
    loc: Loc = (HERE, name)
    if values.waits == "free" and not values.calls:
        findings.warn(codes.NO_EFFECT, f"`{name}`: `waits` has no effect without `calls`")
    return memory.recall(
        ("service", name), (values,), findings, lambda: service(values, findings, files, loc, name, values.waits)
    )


def _steps(caller: str, values: Values, names: list[str], findings: Findings, memory: Memory) -> list[StepConfig]:
    """What a service calls, group by group."""
    steps: list[StepConfig] = []
    seen: set[str] = set()

    def link(said: Values, loc: Loc) -> LinkConfig | None:
        callee = said.to
        if callee is None or findings.touches((*loc, "to")):
            return None
        if callee not in names:
            remedy = did_you_mean(callee, names) or one_of(names)
            findings.error((*loc, "to"), codes.REFERENCE, f"no service {shown(callee)}", remedy)
            return None
        if callee in seen:
            remedy = "use `times`, or put a service in between"
            findings.error((*loc, "to"), codes.DUPLICATE_ID, f"`{caller}` calls `{callee}` already", remedy)
            return None
        seen.add(callee)
        return LinkConfig(
            caller,
            callee,
            policies(said.stack or [], findings, memory, (*loc, "stack"), f"{caller}.{callee}."),
            OperationConfig() if said.operation is None else operation(said.operation, findings, (*loc, "operation")),
            said.times,
            said.chance,
            said.optional,
            FAILS_AS[said.fails_as],
        )

    for index, said in enumerate(values.calls or []):
        loc: Loc = (HERE, caller, "calls", index)
        if said.together is None:
            links = [link(said, loc)]
            need = 1
        else:
            links = [link(each, (*loc, "together", i)) for i, each in enumerate(said.together)]
            need = said.need
        whole = tuple(each for each in links if each is not None)
        if whole:
            steps.append(StepConfig(caller, whole, len(whole) if need == ALL else need))
    return steps


def _check_graph(entry: str, names: list[str], steps: list[StepConfig], findings: Findings) -> None:
    """Circles, services that nobody reaches, and callees with too many callers."""
    callees: dict[str, list[str]] = {name: [] for name in names}
    callers: dict[str, int] = {}
    for step in steps:
        for link in step.links:
            callees[link.caller].append(link.callee)
            callers[link.callee] = callers.get(link.callee, 0) + 1
    done: set[str] = set()

    def visit(path: list[str]) -> None:
        for callee in callees[path[-1]]:
            if callee in path:
                circle = " > ".join([*path[path.index(callee) :], callee])
                remedy = "leave one of these calls away: a request would never end"
                message = f"services call each other in a circle: {circle}"
                findings.error((HERE, path[-1], "calls"), codes.CONFLICT, message, remedy, key=True)
            elif callee not in done:
                visit([*path, callee])
        done.add(path[-1])

    visit([entry])
    for name in names:
        if name not in done:
            findings.warn(codes.ODD, f"no request reaches the service `{name}`")
    for name in names:
        if name not in done:
            visit([name])
    operations: dict[str, int] = {}
    for step in steps:
        for link in step.links:
            operations[link.callee] = operations.get(link.callee, 0) + len(link.operation.each)
    for name, count in operations.items():
        if count > MOST_OPERATIONS_AT:
            message = f"{count} operations are done at `{name}`"
            findings.error((HERE, name), codes.RANGE, message, f"at most {MOST_OPERATIONS_AT}", key=True)
    for name, count in callers.items():
        if count > MOST_CALLERS:
            message = f"{count} services call `{name}`"
            findings.error((HERE, name), codes.RANGE, message, f"at most {MOST_CALLERS} may call one", key=True)
