"""Which layers there are, in which order and with which settings, from change to change.

Owns that knowledge for a whole run, worked out in advance: a change comes before everything else of its instant.
Refuses to know what the layers know (story_fold.py).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from resilience_sim.kernel.events import Component
from resilience_sim.policies.config import PolicyConfig
from resilience_sim.runs.actions import after
from resilience_sim.runs.course import course, joining
from resilience_sim.runs.simulation import Source, make_components
from resilience_sim.scenario.plan import Plan
from resilience_sim.views.actions_text import action_words
from resilience_sim.world.actions import Action


@dataclass(frozen=True, slots=True)
class Shot:
    """The stack at one time. Layers that are gone keep the place and the settings they had, for calls inside them."""

    stack: tuple[PolicyConfig, ...]
    places: dict[tuple[int, int], int]  # (instance, position) -> component
    position: dict[int, int]  # of a component
    config: dict[int, PolicyConfig]  # of a component


class Layers:
    """``plan`` is the one at the beginning; ``phrases`` the words of every change, in order."""

    def __init__(self, plan: Plan, by_hand: Sequence[Action] = ()) -> None:
        everybody = make_components(plan)
        self._names: list[dict[str, int]] = [{} for _ in range(plan.client.instances)]
        for each in reversed(everybody):
            self._take(each)
        self._times: list[int] = []
        self._shots = [self._shot(plan, None)]
        self.phrases: list[str] = []
        for taken, newcomers in zip(course(plan, by_hand), joining(plan, everybody, by_hand), strict=True):
            for each in newcomers:
                self._take(each)
            action = taken.step.action
            self._times.append(action.t)
            self._shots.append(self._shot(after(taken.before, action), self._shots[-1]))
            self.phrases.append(action_words(action, taken.before))

    def _take(self, component: Component) -> None:
        if component.instance >= 0 and component.kind != "client":
            self._names[component.instance][component.name] = component.id

    def _shot(self, plan: Plan, before: Shot | None) -> Shot:
        places = {
            (instance, position): names[policy.id]
            for instance, names in enumerate(self._names)
            for position, policy in enumerate(plan.stack)
        }
        position = {component: place for (_, place), component in places.items()}
        config = {component: plan.stack[place] for component, place in position.items()}
        if before is not None:
            position, config = {**before.position, **position}, {**before.config, **config}
        return Shot(plan.stack, places, position, config)

    def at(self, t: int) -> Shot:
        """What is there for the events of an instant."""
        return self._shots[bisect_right(self._times, t)]

    def until(self, t: int) -> int:
        """The next instant at which something changes; -1: never again."""
        index = bisect_right(self._times, t)
        return self._times[index] if index < len(self._times) else -1

    def done_by(self, t: int) -> list[tuple[int, str]]:
        """What has been changed, and when."""
        return list(zip(self._times, self.phrases, strict=True))[: bisect_right(self._times, t)]


def layers_of(source: Source) -> Layers:
    """Those of a run, played back or simulated."""
    # A Playback knows what was done by hand, too; naming that class would import SQLite.
    return Layers(getattr(source, "plan_at_first", source.plan), getattr(source, "actions", ()))
