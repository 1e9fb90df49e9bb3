"""Applies actions to a running world, between two events.

When that is, runs/simulation.py decides; whether an action makes sense, runs/actions.py.
"""

from __future__ import annotations

from resilience_sim.kernel.events import ACTION, NO_LAYERS, Component
from resilience_sim.kernel.sim import Sim
from resilience_sim.runs.actions import ActionError, active_fault, fingerprint, new_components, place_of, plan_with
from resilience_sim.runs.topology import World
from resilience_sim.settings.actions import Action, Adjust, Inject, Lift, Reset, Trip
from resilience_sim.settings.plan import Plan
from resilience_sim.world.client import Client
from resilience_sim.world.faults import Faults
from resilience_sim.world.traffic import OpenLoop, Traffic


class ActionApplier:
    """The world of one run. ``plan`` and ``components`` are those in force."""

    def __init__(
        self,
        plan: Plan,
        components: tuple[Component, ...],
        sim: Sim,
        faults: Faults,
        world: World,
        client: Client,
        traffic: Traffic,
    ) -> None:
        self.plan = plan
        self.components = components
        self.sim = sim
        self.faults = faults
        self.world = world
        self.service = world.entry
        self.client = client
        self.traffic = traffic
        self.count = 0
        # A component that is added later may have the name of an earlier one.
        self._sources: dict[str, list[dict[str, int]]] = {"": [{} for _ in range(plan.client.instances)]}
        for name, link in world.links.items():
            self._sources[name] = [{} for _ in link.stacks()]
        for component in reversed(components):
            self._name(component)

    def _name(self, component: Component) -> None:
        """Know a layer by its name: in its instance, or in all of them when they share it."""
        instances = self._sources[component.link]
        if component.instance >= 0:
            instances[component.instance][component.name] = component.id
        elif component.kind not in NO_LAYERS:
            for ours in instances:
                ours[component.name] = component.id

    def apply(self, action: Action, known: tuple[Component, ...] | None = None) -> None:
        """Do it, at its instant. ActionError, and nothing changed, when it is not possible.

        ``known``: the components it adds, if ``components`` already has them; None: they get new ids.
        """
        after = plan_with(self.plan, [action])
        new = new_components(self.plan, self.components, action) if known is None else known
        sim = self.sim
        sim.now = action.t
        concerned = self.service.source if isinstance(action, Inject | Lift) else 0
        sim.sink.emit(sim.now, ACTION, concerned, -1, self.count, fingerprint(action))
        self.count += 1
        before, self.plan = self.plan, after
        if known is None:
            self.components += new
        if isinstance(action, Inject):
            self.faults.add(action.fault, new[0].id)
            if action.fault.kind == "spike" and isinstance(self.traffic, OpenLoop):
                self.traffic.spike(action.fault, None)
        elif isinstance(action, Lift):
            index = active_fault(before, action.fault, action.t)
            self.faults.lift(index)
            if after.faults[index].kind == "spike" and isinstance(self.traffic, OpenLoop):
                self.traffic.spike(None, after.faults[index])
        elif isinstance(action, Trip | Reset):
            self._by_hand(action, place_of(after, action))
        elif isinstance(action, Adjust):
            self._adjust(after, action.place)
        else:
            for component in new:
                self._name(component)
            place = place_of(after, action)
            stack = after.stack_of(place)
            sources = [[ours[policy.id] for policy in stack] for ours in self._sources[place]]
            if place:
                self.world.links[place].restack(stack, sources)
            else:
                self.client.restack(stack, sources)

    def _adjust(self, after: Plan, place: str) -> None:
        """Another config of a service or a link."""
        if place in self.world.links:
            self.world.links[place].adjust(next(link for link in after.links if link.name == place))
        else:
            self.world.services[place].adjust(next(each for each in after.everybody if each.name == place))

    def _by_hand(self, action: Trip | Reset, place: str) -> None:
        """Move the breaker of every instance, or of every calling replica."""
        stacks = self.world.links[place].stacks() if place else [each.stack for each in self.client.instances()]
        for stack, ours in zip(stacks, self._sources[place], strict=True):
            for layer in stack.layers:
                if layer.source == ours[action.policy]:
                    moved = layer.trip() if isinstance(action, Trip) else layer.reset()
                    if not moved:
                        raise ActionError(f"the rules of {action.policy} know no such transition")
