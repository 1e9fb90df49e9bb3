"""A plan made into a running simulation, and the protocol that everything which can be stepped follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from resilience_sim.kernel.events import Component
from resilience_sim.kernel.rng import KeyedRng
from resilience_sim.kernel.sim import FOREVER, UNLIMITED, Sim, SimulationError
from resilience_sim.kernel.sink import Fold, sink_for
from resilience_sim.measure.outer_events import OuterEvents, inner_sources, seen_by
from resilience_sim.policies.layer import Gauges
from resilience_sim.runs.action_schedule import BY_HAND, Step, components_with, merge_actions, own_components
from resilience_sim.runs.actions import ActionError
from resilience_sim.runs.apply_actions import ActionApplier
from resilience_sim.runs.endings import Whole
from resilience_sim.runs.topology import World, inner_components
from resilience_sim.settings.actions import Action
from resilience_sim.settings.own_code import SERVED, OwnCodeConfig, own_code_of
from resilience_sim.settings.plan import Plan
from resilience_sim.world.client import Client
from resilience_sim.world.faults import Faults
from resilience_sim.world.traffic import make_traffic

if TYPE_CHECKING:
    from resilience_sim.client.guest import OwnCode

MOST_UNDER_WAY = 4_000_000  # timers and waiting jobs: one to two gigabytes
_LOOK_EVERY = 100_000  # events


class Source(Protocol):
    """Something that yields the events of a run bit by bit: a simulation, or a recording played back."""

    @property
    def plan(self) -> Plan:
        """The plan that is simulated."""

    @property
    def seed(self) -> int:
        """The random seed."""

    @property
    def components(self) -> tuple[Component, ...]:
        """Components that can emit events."""

    @property
    def now(self) -> int:
        """Virtual nanoseconds."""

    def attach(self, fold: Fold) -> None:
        """Send every event to ``fold``; only before the first step."""

    def run(self, until: int = FOREVER, budget: int = UNLIMITED) -> bool:
        """Yield the events with ``t <= until``, at most about ``budget`` of them. False when the run is over."""

    def digest(self) -> str:
        """Hash over the events so far."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What all runs of a plan have in common; nobody changes it."""

    plan: Plan
    components: tuple[Component, ...]
    first: tuple[Component, ...]  # those there are before any change
    layers: list[list[int]]  # the component of each layer of each instance's stack


_latest: list[_Layout] = []  # many runs of the same plan come one after the other


def _layout_of(plan: Plan) -> _Layout:
    if not _latest or _latest[0].plan is not plan:
        everybody = _listed(plan)
        first_layer = plan.client.instances + 1 + plan.service.replicas + len(plan.faults)
        layers = layer_sources(plan, first_layer)
        count = len({source for row in layers for source in row}) + len(inner_components(plan, 0))
        _latest[:] = [_Layout(plan, everybody, everybody[: first_layer + count], layers)]
    return _latest[0]


def make_components(plan: Plan) -> tuple[Component, ...]:
    """The directory of a run: client instances, the service and its replicas, faults, each instance's layers.

    Last come those that the plan's own changes will add.
    """
    return _layout_of(plan).components


def _listed(plan: Plan) -> tuple[Component, ...]:
    found: list[Component] = []

    def add(kind: str, name: str, instance: int = -1, number: int = 0) -> None:
        found.append(Component(len(found), kind, name, instance, number, plan.service.name))

    instances = plan.client.instances
    for i in range(instances):
        add("client", "A" if instances == 1 else f"A#{i + 1}", i)
    add("service", plan.service.name)
    for i in range(plan.service.replicas):
        add("replica", f"{plan.service.name}#{i + 1}", -1, i + 1)
    for i, fault in enumerate(plan.faults):
        add("fault", fault.id, -1, i)
    for i in range(instances):
        for position, policy in enumerate(plan.stack):
            if not policy.shared:
                add(policy.kind, policy.id, i, position)
            elif i == 0:
                add(policy.kind, policy.id, -1, position)
    found += inner_components(plan, len(found))
    for joining in own_components(plan, found):
        found += joining
    return tuple(found)


def layer_sources(plan: Plan, first: int) -> list[list[int]]:
    """The component of each layer of each instance's stack, as :func:`make_components` numbers them from ``first``.

    A policy that all instances share has one component.
    """
    number, shared, found = first, dict[int, int](), list[list[int]]()
    for _ in range(plan.client.instances):
        row: list[int] = []
        for position, policy in enumerate(plan.stack):
            if position in shared:
                row.append(shared[position])
                continue
            if policy.shared:
                shared[position] = number
            row.append(number)
            number += 1
        found.append(row)
    return found


class Simulation:
    """One run of ``plan`` with ``seed``; a :class:`Source`. The same two give the same events, always.

    The changes of the plan itself (``plan.actions``) are applied at their instants. With ``actions`` (which may be
    empty) the run can be acted on: those given are applied at their instants, more may come by :meth:`act`.
    Then plan, seed and all actions together decide the events, and nothing else does.
    """

    def __init__(self, plan: Plan, seed: int, actions: Sequence[Action] | None = None) -> None:
        self.plan = plan
        self.seed = seed
        self.open_to_actions = actions is not None
        self._pending = merge_actions(plan, actions or ())
        self.actions: list[Action] = []  # those that have been applied
        self._acted = (-1, 0)  # the instant of the last one, and how many events there were after it
        self.components = components_with(plan, make_components(plan), actions or ())
        self._folds: list[Fold] = []
        self._sim: Sim | None = None
        self._looked_at = 0  # how many events there were when the size of what is under way was looked at
        self._parts: tuple[Callable[[], None], ...] = ()  # what to call at the end
        self._reserved: list[tuple[Component, ...]] = []  # whom each of the plan's own changes brings along
        self.applier: ActionApplier | None = None  # from the first step on, of a run that is open to actions
        self._guest: OwnCode | None = None  # runs the user's own code, where that is the client
        self.notes: tuple[str, ...] = ()  # what is odd about the user's own code, when the run is over

    def attach(self, fold: Fold) -> None:
        """Let ``fold`` see every event.

        Raises:
            RuntimeError: the run has begun.
        """
        if self._sim is not None:
            raise RuntimeError("folds are attached before the first step")
        self._folds.append(seen_by(fold, self.plan, self.components))

    def _assemble(self) -> Sim:
        plan = self.plan
        code = own_code_of(plan)
        watchers = self._watchers(plan) if code is not None else []
        self._folds += watchers
        sim = Sim(KeyedRng(self.seed), sink_for(self._folds))
        instances = plan.client.instances
        first_replica = instances + 1
        first_fault = first_replica + plan.service.replicas
        first_layer = first_fault + len(plan.faults)
        faults = Faults(sim, plan.faults, tuple(range(first_fault, first_layer)), plan.service.name)
        layout = _layout_of(plan)
        world = World(sim, plan, layout.first, faults)
        service = world.entry
        if code is not None:
            self._invite(code, sim, world, faults, watchers)
        client = Client(sim, plan.client, service, plan.stack, range(instances), layout.layers, plan.operation)
        traffic = make_traffic(sim, client, plan.traffic, plan.faults)
        self._parts = (client.release, world.release, sim.close)
        if self._guest is not None:
            self._parts = (self.close_guest, *self._parts)
        if self.open_to_actions or plan.actions:
            world.track_work()
            self._reserved = own_components(plan, layout.first)
            self.applier = ActionApplier(plan, layout.components, sim, faults, world, client, traffic)
        return sim

    def _watchers(self, plan: Plan) -> list[Fold]:
        """What has to see the events of a run whose client is no stack."""
        from resilience_sim.runs.own_code import watchers_for

        return watchers_for(plan)

    def _invite(self, code: OwnCodeConfig, sim: Sim, world: World, faults: Faults, watchers: list[Fold]) -> None:
        """Let that client in. SimulationError: it is outside of this process (serve/world.py lets such clients in)."""
        from resilience_sim.runs.own_code import guest_for

        if code.target == SERVED:
            raise SimulationError("what clients from outside did can be played, but not be simulated again")
        self._guest = guest_for(self.plan, code, sim, self.seed, world, faults, watchers)

    @property
    def plan_in_force(self) -> Plan:
        """The plan as the actions so far have left it."""
        return self.plan if self.applier is None else self.applier.plan

    @property
    def now(self) -> int:
        """Virtual nanoseconds: the instant of the last event."""
        return 0 if self._sim is None else self._sim.now

    @property
    def event_count(self) -> int:
        """Events so far, told or not."""
        return 0 if self._sim is None else self._sim.sink.count + self._sim.sink.unheard

    def run(self, until: int = FOREVER, budget: int = UNLIMITED) -> bool:
        """See :meth:`Source.run`; ``budget`` counts steps of the engine.

        Raises:
            SimulationError: time stands still, or more is under way than memory can be relied on to hold.
        """
        if self._sim is None:
            with Whole():
                self._sim = self._assemble()
        if self._guest is None:
            with Whole():
                return self._run(self._sim, until, budget)
        with self._guest.on():  # not whole: somebody's own code may never end
            goes_on = self._run(self._sim, until, budget)
            while not goes_on and self._guest.goes_on():
                goes_on = self._run(self._sim, until, budget)
        return goes_on or self._is_over()

    def _run(self, sim: Sim, until: int, budget: int) -> bool:
        count = sim.sink.count + sim.sink.unheard
        if count - self._looked_at > _LOOK_EVERY:
            self._looked_at = count
            self._mind_the_size(sim)
        while self._pending:
            action = self._pending[0].action
            if action.t > until:
                break
            if not sim.run(action.t - 1, budget):
                return self._ends()
            if sim.next_time() < action.t:
                return True  # the budget ends before
            if not sim.run(action.t - 1):
                return self._ends()  # the budget ended with the last event
            self._apply(self._pending.pop(0))
        return sim.run(until, budget) or self._ends()

    def _ends(self) -> bool:
        """No event is left; the user's own code may still have something to do."""
        return False if self._guest is not None else self._is_over()

    def close_guest(self) -> None:
        """End the user's own code, wherever it is."""
        if self._guest is not None:
            self.notes = tuple(self._guest.notes())
            self._guest.close()
            self._guest = None

    def _mind_the_size(self, sim: Sim) -> None:
        if sim.size() > MOST_UNDER_WAY:
            raise SimulationError(
                f"more than {MOST_UNDER_WAY:,} calls are under way at {self.now / 1e9:.3f}s, and memory may run out; "
                "let fewer arrive, or bound what waits: `service.queue`, `client.threads`, a timeout"
            )

    def _is_over(self) -> bool:
        """The run is over: False. What still waits is dropped, unless somebody may want to look at it."""
        if not self.open_to_actions:
            for each in self._parts:
                each()
            self._parts = ()
        return False

    def close(self) -> None:
        """Nobody will step it any more: let go of what it holds, which the collector cannot when it is compiled.

        Its digest and its clock stay.
        """
        for each in self._parts:
            each()
        self._parts = ()
        self._folds.clear()
        if self._sim is not None:
            self._sim.sink.feed([])

    def act(self, action: Action) -> None:
        """Apply ``action``, which lies after everything that has happened; what comes before it happens first.

        Raises:
            ActionError: the run is over, not open to actions, further on, or the action is not possible.
        """
        if not self.open_to_actions:
            raise ActionError("this run is not open to actions")
        if self.event_count and action.t <= self.now and (action.t, self.event_count) != self._acted:
            raise ActionError("the run is beyond that instant")
        if any(step.own == BY_HAND for step in self._pending):
            raise ActionError("actions that were given in advance are still to come")
        if not self.run(action.t - 1):
            raise ActionError("the run is over")
        while self._pending and self._pending[0].action.t <= action.t:
            self._apply(self._pending.pop(0))
        self._apply(Step(action, BY_HAND))

    def _apply(self, step: Step) -> None:
        """ActionError: it is not possible; a change of the plan's own is left out then."""
        assert self.applier is not None
        action = step.action
        if step.own == BY_HAND:
            self.applier.apply(action)
        else:
            try:
                self.applier.apply(action, self._reserved[step.own])
            except ActionError:
                return
        self.actions.append(action)
        self._acted = (action.t, self.event_count)
        if len(self.applier.components) > len(self.components):
            self.components = self.applier.components
            for fold in self._folds:
                if isinstance(fold, OuterEvents):
                    fold.leave_out(inner_sources(self.plan, self.components))

    def digest(self) -> str:
        """See :meth:`Source.digest`."""
        if self._sim is None:
            self._sim = self._assemble()
        return self._sim.sink.digest()

    def gauges(self, now: int = -1) -> dict[int, Gauges]:
        """What layers and replicas hold: levels by component id, of a run that is open to actions.

        All instances (of a link: all calling replicas) together, under the id of the first one's layer; layers with
        nothing to show are left out.
        ``now``: an instant not before the last event, by default that of the last event. All else that views show is a
        fold over events; this alone is not in them, and a view may show it but must not decide by it.
        """
        applier = self.applier
        if applier is None:
            return {}
        now = max(now, self.now)
        found: dict[int, Gauges] = {}
        stacks = [[instance.stack.layers for instance in applier.client.instances()]]
        stacks += [[stack.layers for stack in link.stacks()] for link in applier.world.links.values()]
        for copies in stacks:
            for same in zip(*copies, strict=True):
                held = [levels for levels in (layer.gauges(now) for layer in same) if levels]
                if held:
                    found[int(same[0].source)] = _together(held)
        for service in applier.world.services.values():
            for replica in service.replicas():
                found[int(replica.source)] = {"limit": int(replica.limit)}
        return found


def _together(held: list[Gauges]) -> Gauges:
    """Of all instances: places, tokens and who waits add up, a chance is the mean."""
    if len(held) == 1:
        return held[0]
    total = {name: sum(levels.get(name, 0) for levels in held) for name in held[0]}
    if "chance" in total:
        total["chance"] /= len(held)
    return total
