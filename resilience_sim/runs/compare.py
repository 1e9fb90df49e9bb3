"""Variants of a scenario on the same arrivals and the same random numbers, and where each first differs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from resilience_sim.kernel.events import Component
from resilience_sim.measure.divergence import Divergence, OutcomeFold, first_divergence
from resilience_sim.measure.story import Story, StoryFold
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.plan import AS_WRITTEN, Plan


@dataclass(frozen=True, slots=True)
class VariantDivergence:
    """The first request whose outcome differs between a variant and the baseline, and its story on both sides."""

    variant: str
    baseline: str
    divergence: Divergence | None
    ours: Story | None
    theirs: Story | None
    our_components: tuple[Component, ...]
    their_components: tuple[Component, ...]
    both: int | None = None  # the requests that both have, where one has more


def same_arrivals(plans: Collection[Plan]) -> bool:
    """Whether the same requests come at the same instants, whatever becomes of them."""

    def coming(plan: Plan) -> object:
        return replace(plan.traffic, deadline=0), [fault for fault in plan.faults if fault.kind == "spike"]

    first, *others = [coming(plan) for plan in plans]
    return all(plan.traffic.loop != "closed" for plan in plans) and all(other == first for other in others)


def plans_of(scenario: Scenario, others: Sequence[tuple[str, Scenario]] = ()) -> dict[str, Plan]:
    """All variants by name: as written, those of ``compare:``, then other scenarios given beside it."""
    plans = {AS_WRITTEN: scenario.plan}
    for variant in scenario.variants:
        plans[variant.name] = variant.plan
    for name, other in others:
        unique = name
        n = 2
        while unique in plans:
            unique = f"{name}#{n}"
            n += 1
        plans[unique] = other.plan
    return plans


def divergences(plans: dict[str, Plan], baseline: str, seed: int) -> list[VariantDivergence]:
    """For every variant but the baseline: the first request whose outcome differs, with ``seed``."""
    outcomes: dict[str, OutcomeFold] = {}
    for name, plan in plans.items():
        outcomes[name] = OutcomeFold()
        simulation = Simulation(plan, seed)
        simulation.attach(outcomes[name])
        drain(simulation)
    found = []
    for name, plan in plans.items():
        if name == baseline:
            continue
        divergence = first_divergence(outcomes[baseline], outcomes[name])
        theirs, their_components = _story(plans[baseline], seed, divergence)
        ours, our_components = _story(plan, seed, divergence)
        counts = [len(outcomes[each].outcomes) for each in (baseline, name)]
        both = min(counts) if len(set(counts)) > 1 else None
        found.append(
            VariantDivergence(name, baseline, divergence, ours, theirs, our_components, their_components, both)
        )
    return found


def _story(plan: Plan, seed: int, divergence: Divergence | None) -> tuple[Story | None, tuple[Component, ...]]:
    """Run again, for the events of one request; up to its outcome is enough, but the end of a run is cheap."""
    simulation = Simulation(plan, seed)
    if divergence is None:
        return None, simulation.components
    story = StoryFold(divergence.rid)
    simulation.attach(story)
    drain(simulation)
    return story.story, simulation.components
