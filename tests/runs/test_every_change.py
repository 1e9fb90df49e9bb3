"""Every setting of every policy changed while it runs, against the stack that had it from the start.

Changed before anything happened, it is that stack. Changed and changed back at one instant, nothing was changed: the
policy has kept what it knew.
"""

from __future__ import annotations

from typing import Any

import pytest
import strategies
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scenario.test_every_parameter import BASE, NAMES_ONLY, OURS, THEIRS, VALUES, WITH, named, stack_text

from resilience_sim.kernel.events import ACTION
from resilience_sim.kernel.sim import SimulationError
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.text.spelling import flow
from resilience_sim.settings import types
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.table import Param

# A change back does not bring back what these have forgotten (counts of another window, permits of another scheme),
# nor send back whom more places have let in.
FORGETS = {
    ("bulkhead", "max_concurrent"),
    ("circuit_breaker", "window"),
    ("circuit_breaker", "failure_threshold"),
    ("rate_limiter", "kind"),
    ("throttle", "window"),
}
# Of libraries: a new limit holds from the next cycle on, and a state to begin with is for those who begin.
LATER = {"limitForPeriod", "Bursty", "Smooth", "initialState"}
ALSO = {("rate_limiter", "failsafe-go"): {"Smooth": st.just("{executions: 30, period: 1s}")}}
FIXED = (*NAMES_ONLY, "shared")  # cannot be changed while it runs: tests/policies/test_shared.py
Events = list[tuple[int, ...]]


class Tape(Fold):
    """All events but the changes themselves."""

    def __init__(self) -> None:
        self.events: Events = []

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if kind != ACTION:
            self.events.append((t, kind, source, rid, a, b))


def events(text: str, seconds: int = 8) -> Events:
    simulation = Simulation(load_text(text.replace("duration: 12s", f"duration: {seconds}s"), "walk.yaml").plan, 3)
    tape = Tape()
    simulation.attach(tape)
    simulation.run()
    return tape.events


def moderate(kind: types.Type) -> st.SearchStrategy[str] | None:
    """Values that make a lively run: neither a nanosecond nor a year."""
    if isinstance(kind, types.Duration):
        return st.sampled_from(["80ms", "300ms", "1s", "3s"])
    if isinstance(kind, types.Count):
        return st.integers(max(1, kind.low), 9).map(str)
    return None


def changes(*each: str) -> str:
    return "changes:\n" + "".join(f"  - {one}\n" for one in each)


@pytest.mark.parametrize(("kind", "param"), OURS, ids=named)
def test_a_setting_changed_at_the_start_is_the_stack_that_had_it(kind: str, param: Param) -> None:
    """And changed in the middle, there and back, it changes nothing."""
    if param.name in FIXED:
        return
    body = {**BASE[kind], **WITH.get((kind, param.name), {})}
    value = VALUES[kind, param.name]
    ident = f"{kind}#2" if kind == "timeout" and "timeout: {after: 2s}" in stack_text(kind, body) else kind
    plain = stack_text(kind, body)
    to = f"set: {{{ident}.{param.name}: {value}}}"
    back = f"set: {{{ident}.{param.name}: {body.get(param.name, 'null')}}}"
    assert events(plain + changes(f"{{at: 0s, {to}}}")) == events(stack_text(kind, {**body, param.name: value}))
    if (kind, param.name) not in FORGETS:
        assert events(plain + changes(f"{{at: 5s, {to}}}", f"{{at: 5s, {back}}}")) == events(plain)


@pytest.mark.parametrize(("kind", "library", "param"), THEIRS, ids=named)
def test_a_setting_of_a_library_changed_at_the_start_is_the_stack_that_had_it(
    kind: str, library: str, param: Param
) -> None:
    """The same for each library, with values drawn from the tables."""
    if param.name in LATER:
        return
    needed = {
        each.name: strategies.text_of(each.type, moderate)
        for each in POLICIES[kind].libraries[library]
        if each.required and each.name != param.name
    }
    needed |= ALSO.get((kind, library), {})
    value = (
        strategies.TENACITY[param.name]
        if param.name in strategies.TENACITY
        else strategies.text_of(param.type, moderate)
    )
    first = st.just("") if not param.required else value

    @settings(max_examples=2, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries(needed), first, value)
    def same(others: dict[str, str], before: str, after: str) -> None:
        body: dict[str, Any] = {"like": library, **others}
        if before:
            body[param.name] = before
        changed = {**body, param.name: after}
        plain = stack_text(kind, body)
        try:
            there = events(stack_text(kind, changed), 6)
            reached = events(plain + changes(f"{{at: 0s, set: {{{kind}: {flow(changed)}}}}}"), 6)
        except (ScenarioError, SimulationError):
            assume(False)
        assert reached == there

    same()
