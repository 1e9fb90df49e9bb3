"""What every layer of a run knew and decided: its settings, a breaker's counts, how each result travelled outwards.

With a request given, the fold also keeps that request's story with these decisions among its steps; without, it knows
what every layer knew at the instant reached.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.events import Component
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.breakers import why_text
from resilience_sim.measure.story import Step, Story
from resilience_sim.runs.action_schedule import action_schedule, components_per_action
from resilience_sim.runs.actions import after
from resilience_sim.runs.simulation import Source, make_components
from resilience_sim.settings.actions import Action
from resilience_sim.settings.breaker import BreakerConfig, OutlierConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.views.actions_text import action_words
from resilience_sim.views.words import state_name

SECOND = 1_000_000_000
# Steps of a story that are no events.
PASSED = 1000  # a result went outwards through a retry that did not try again; a: tries made, b: its outcome
KNEW = 1001  # a breaker let the request in; ``text`` says what it knew; a: since when, b: its state
_MOST = 10_000


# --- the stack, from change to change --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StackSnapshot:
    """The stack at one time. Layers that are gone keep the place and the settings they had, for calls inside them."""

    stack: tuple[PolicyConfig, ...]
    places: dict[tuple[int, int], int]  # (instance, position) -> component
    position: dict[int, int]  # of a component
    config: dict[int, PolicyConfig]  # of a component


class StackHistory:
    """The stack of a whole run, from change to change; ``phrases``: the words of every change, in order."""

    def __init__(self, plan: Plan, recorded: Sequence[Action] = ()) -> None:
        everybody = make_components(plan)
        self._names: list[dict[str, int]] = [{} for _ in range(plan.client.instances)]
        for each in reversed(everybody):
            self._take(each)
        self._times: list[int] = []
        self._snapshots = [self._snapshot(plan, None)]
        self.phrases: list[str] = []
        for taken, new_components in zip(
            action_schedule(plan, recorded), components_per_action(plan, everybody, recorded), strict=True
        ):
            for each in new_components:
                self._take(each)
            action = taken.step.action
            self._times.append(action.t)
            self._snapshots.append(self._snapshot(after(taken.before, action), self._snapshots[-1]))
            self.phrases.append(action_words(action, taken.before))

    def _take(self, component: Component) -> None:
        if component.kind in ev.NO_LAYERS:
            return
        for instance, names in enumerate(self._names):
            if component.instance in (-1, instance):
                names[component.name] = component.id

    def _snapshot(self, plan: Plan, before: StackSnapshot | None) -> StackSnapshot:
        places = {
            (instance, position): names[policy.id]
            for instance, names in enumerate(self._names)
            for position, policy in enumerate(plan.stack)
        }
        position = {component: place for (_, place), component in places.items()}
        config = {component: plan.stack[place] for component, place in position.items()}
        if before is not None:
            position, config = {**before.position, **position}, {**before.config, **config}
        return StackSnapshot(plan.stack, places, position, config)

    def at(self, t: int) -> StackSnapshot:
        """The stack that the events of an instant meet: changes come first."""
        return self._snapshots[bisect_right(self._times, t)]

    def until(self, t: int) -> int:
        """The next instant at which something changes; -1: never again."""
        index = bisect_right(self._times, t)
        return self._times[index] if index < len(self._times) else -1

    def done_by(self, t: int) -> list[tuple[int, str]]:
        """The changes made by ``t``: when, and their words."""
        return list(zip(self._times, self.phrases, strict=True))[: bisect_right(self._times, t)]


def history_of(source: Source) -> StackHistory:
    """The stack of a run, played back or simulated."""
    # A Playback also has the actions that were recorded; naming that class would import SQLite.
    return StackHistory(getattr(source, "plan_at_first", source.plan), getattr(source, "actions", ()))


# --- a breaker ----------------------------------------------------------------------------------------------------


class BreakerMemory:
    """What one breaker of one client instance knew: its state, since when and why, the results counted since."""

    def __init__(self, config: PolicyConfig) -> None:
        self.config = config
        self.state = ev.CLOSED
        self.since = 0
        self.why = ""
        self.changed: tuple[int, int, int] | None = None
        self.results: deque[tuple[int, bool]] = deque(maxlen=_MOST)
        self._uncounted = frozenset(getattr(config, "uncounted", ()))
        self._harmless = frozenset((ev.SUCCESS, ev.FALLBACK, *getattr(config, "harmless", ())))

    def reconfigure(self, config: PolicyConfig) -> None:
        self.config = config
        self._uncounted = frozenset(getattr(config, "uncounted", ()))
        self._harmless = frozenset((ev.SUCCESS, ev.FALLBACK, *getattr(config, "harmless", ())))

    def record(self, t: int, outcome: int) -> None:
        """A result that counts in the state the breaker is in."""
        if outcome not in self._uncounted:
            self.results.append((t, outcome not in self._harmless))

    def change(self, t: int, change: int, pair: int) -> None:
        """A change of state: what was counted is gone."""
        self.state = ev.new_state(change)
        self.since, self.why = t, why_text(change, pair)
        self.changed = (t, change, pair)
        self.results.clear()

    def says(self, now: int) -> str:
        state = state_name(self.state)
        if isinstance(self.config, OutlierConfig):
            return self._ejection()
        if self.state == ev.OPEN:
            for_ = fmt.duration(now - self.since)
            return f"{state} for {for_}, since {fmt.instant(self.since)} ({self.why}); {self._left(now)}"
        if self.state == ev.HALF_OPEN:
            good = sum(not failed for _, failed in self.results)
            probes = (
                fmt.plural(good, "probe has succeeded", "probes have succeeded") if good else "no probe has succeeded"
            )
            return f"{state} for {fmt.duration(now - self.since)}; {probes} so far"
        reason = f" ({self.why})" if self.why else ""
        since = f" since {fmt.instant(self.since)}{reason}" if self.since else ""
        return f"{state}{since}; {self._counted(now)}"

    def _ejection(self) -> str:
        """Outlier detection turns nothing away: it leaves replicas out of the balancing."""
        if self.state == ev.OPEN:
            return f"leaving replicas out: {self.why}, since {fmt.instant(self.since)}; calls go to the others"
        return f"leaving nobody out ({self.why})" if self.why else "leaving nobody out"

    def _left(self, now: int) -> str:
        drawn = getattr(self.config, "jitter", "none") != "none" or getattr(self.config, "open_factor", 1.0) != 1.0
        if drawn or getattr(self.config, "growth", "constant") != "constant":
            return "how long it stays open varies from opening to opening"
        pause = getattr(self.config, "recovery_time", 0) or getattr(self.config, "open_for", 0)
        left = self.since + pause - now
        return f"probes after {fmt.duration(left)} more" if left > 0 else "the next call will be a probe"

    def _counted(self, now: int) -> str:
        config = self.config
        consecutive = getattr(config, "consecutive", 0)
        if consecutive:
            row = 0
            for _, failed in reversed(self.results):
                if not failed:
                    break
                row += 1
            return f"{fmt.plural(row, 'failure')} in a row, it opens at {consecutive}"
        share = getattr(config, "failure_share", 0.0)
        calls = [failed for t, failed in self.results if self._in_window(t, now)]
        calls = calls[-self._size() :] if self._size() else calls
        if not calls:
            return "nothing counted yet"
        part = (
            f"{sum(calls)} of the last {fmt.plural(len(calls), 'call')} failed ({fmt.share(sum(calls) / len(calls))})"
        )
        least = getattr(config, "min_calls", 0)
        wait = f", too few to judge below {least}" if len(calls) < least else ""
        return f"{part}, it opens at {fmt.share(share)}{wait}" if share else part

    def _size(self) -> int:
        return 0 if getattr(self.config, "window_time", 0) else int(getattr(self.config, "window_calls", 0))

    def _in_window(self, t: int, now: int) -> bool:
        window = getattr(self.config, "window_time", 0)
        return not window or t > now - window


def is_breaker(config: PolicyConfig) -> bool:
    """Whether a policy is a circuit breaker, classic or a library's."""
    return isinstance(config, BreakerConfig) or config.kind == "circuit_breaker"


# --- the run ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Flight:
    """A request under way: when it came, which try each retry layer is at, the attempts that wait for an answer."""

    rid: int
    instance: int
    arrived: int
    tries: dict[int, int] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)
    waits_until: int = 0
    held: bool = True


@dataclass(slots=True)
class _Pending:
    """A result on its way out: the next layer to be told, outermost 0."""

    t: int
    position: int
    outcome: int
    cut: bool


class RequestTraceFold(Fold):
    """Attach it before the run begins. ``rid`` -1: no request in particular."""

    def __init__(
        self, plan: Plan, components: tuple[Component, ...], rid: int = -1, history: StackHistory | None = None
    ) -> None:
        self.plan, self.components, self.rid = plan, components, rid
        self.history = history or StackHistory(plan)
        self.breakers: dict[int, BreakerMemory] = {}
        self._change(0)
        self.story = Story(rid)
        self.held_at_arrival = 0
        self.flights: dict[int, Flight] = {}
        self.faults: dict[int, int] = {}
        self.ended: dict[int, int] = {}
        self.busy: dict[int, int] = {}
        self.queues: dict[int, dict[tuple[int, int], int]] = {}
        self.recent: deque[tuple[int, int, int]] = deque()
        self.waiting: dict[int, int] = {}
        self.rejected: dict[int, deque[int]] = {}
        self.denied: dict[int, int] = {}
        self.requests = 0
        self.instance = 0
        self.faults_met: list[tuple[int, int]] = []
        self._pending: dict[int, _Pending] = {}

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if 0 <= self._next_change <= t:
            self._change(t)
        pending = self._pending.get(rid)
        if pending is not None and self._settles(pending, t, kind, source, rid, a):
            self._pending.pop(rid, None)
        if rid == self.rid >= 0:
            self.story.take(t, kind, source, a, b)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, t, source, rid, a, b)

    def _change(self, t: int) -> None:
        self.stack_now = self.history.at(t)
        self._next_change = self.history.until(t)
        for component, config in self.stack_now.config.items():
            known = self.breakers.get(component)
            if known is not None and getattr(known.config, "like", "") == getattr(config, "like", ""):
                known.reconfigure(config)
            elif is_breaker(config):  # new, or under other rules: it begins anew
                self.breakers[component] = BreakerMemory(config)

    def _place(self, source: int) -> int:
        return self.stack_now.position.get(source, -1)

    # --- how a result travels ---

    def _settles(self, pending: _Pending, t: int, kind: int, source: int, rid: int, a: int) -> bool:
        """Tell the layers between a result and this event of the same request; True when the result has arrived."""
        if kind == ev.DONE:
            self._tell(pending, rid, t, -1)
            return True
        if kind == ev.RESULT and pending.cut and t == pending.t:
            return False  # the attempt that the timeout cancelled
        if t != pending.t or kind not in _ON_THE_WAY:
            self._tell(pending, rid, pending.t, self._swallower(pending.position))
            return True
        here = self._place(source)
        if kind == ev.BREAKER and (ev.old_state(a) == ev.OPEN or here > pending.position):
            return False
        self._tell(pending, rid, t, here)
        if kind in (ev.RETRY_WAIT, ev.FELL_BACK):
            return True
        pending.position = here - 1
        return False

    def _swallower(self, position: int) -> int:
        """The next layer outside that keeps results to itself: a hedge that waits for its other legs."""
        stack = self.stack_now.stack
        return next((p for p in range(min(position, len(stack) - 1), -1, -1) if stack[p].kind == "hedge"), -1)

    def _tell(self, pending: _Pending, rid: int, t: int, until: int) -> None:
        """Layers from ``pending.position`` outwards, up to but without ``until``, get the outcome."""
        flight = self.flights.get(rid)
        instance = flight.instance if flight else 0
        for position in range(pending.position, until, -1):
            component = self.stack_now.places.get((instance, position), -1)
            if component < 0:
                continue
            memory = self.breakers.get(component)
            if memory is not None:
                memory.record(t, pending.outcome)
            if rid == self.rid and self.stack_now.stack[position].kind == "retry":
                tries = flight.tries.get(position, 1) if flight else 1
                self.story.steps.append(Step(t, PASSED, component, tries, pending.outcome))

    def _came(self, t: int, rid: int, position: int, outcome: int, cut: bool = False) -> None:
        self._pending[rid] = _Pending(t, position, outcome, cut)

    # --- events ---

    def _arrive(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.requests += 1
        while self.recent and self.recent[0][0] <= t - SECOND:
            self.recent.popleft()
        self.recent.append((t, ev.ARRIVE, 0))
        self.flights[rid] = Flight(rid, self.components[source].instance, t, held=ev.admission_of(a) == ev.ADMITTED)
        if rid == self.rid:
            self.instance = self.components[source].instance
            self.faults_met = [(fault, t) for fault in self.faults]
            self.held_at_arrival = sum(f.held and f.instance == self.instance for f in self.flights.values())

    def _start(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.flights[rid].held = True

    def _done(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.recent.append((t, ev.DONE, ev.outcome_of(a)))
        self.flights.pop(rid, None)

    def _sent(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.recent.append((t, ev.SENT, 0))
        flight = self.flights.get(rid)
        if flight is None:
            return
        flight.sent[a] = t
        flight.waits_until = 0
        if rid == self.rid:
            known = [self.stack_now.places[flight.instance, p] for p in range(len(self.stack_now.stack))]
            asked = [(c, self.breakers[c]) for c in known if c in self.breakers]
            said = [Step(t, KNEW, c, memory.since, memory.state, memory.says(t)) for c, memory in asked]
            self.story.steps[-1:-1] = said

    def _result(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        outcome = ev.outcome_of(a)
        self.recent.append((t, ev.RESULT, outcome))
        flight = self.flights.get(rid)
        if flight is not None:
            flight.sent.pop(ev.attempt_of(a), None)
        pending = self._pending.get(rid)
        if outcome != ev.CANCELLED and not (pending is not None and pending.cut and pending.t == t):
            self._came(t, rid, len(self.stack_now.stack) - 1, outcome)

    def _timed_out(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self._came(t, rid, self._place(source) - 1, ev.TIMEOUT, True)

    def _rejected(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.rejected.setdefault(source, deque()).append(t)
        memory = self.breakers.get(source)
        if rid == self.rid and memory is not None:
            self.story.steps[-1].cause = memory.changed
        self._came(t, rid, self._place(source) - 1, a)

    def _retry(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        flight = self.flights.get(rid)
        if flight is None:
            return
        position = self._place(source)
        flight.tries = {p: n for p, n in flight.tries.items() if p < position} | {position: a}
        flight.waits_until = t + b

    def _denied(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.denied[source] = self.denied.get(source, 0) + 1
        pending = self._pending.get(rid)
        if rid == self.rid and pending is not None:
            self.story.steps.append(Step(t, PASSED, source, a - 1, pending.outcome))

    def _breaker(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        memory = self.breakers.get(source)
        if memory is not None:
            memory.change(t, a, b)
            if rid != self.rid and self.rid in self.flights and self.components[source].instance == self.instance:
                self.story.steps.append(Step(t, ev.BREAKER, source, a, b, "another request"))

    def _queued(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.waiting[source] = a

    def _admitted(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.waiting[source] = a

    def _received(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        if b == ev.STARTED:
            self.busy[source] = self.busy.get(source, 0) + 1
        elif b == ev.QUEUED_AT_B:
            self.queues.setdefault(source, {})[rid, a] = t

    def _begin(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.queues.get(source, {}).pop((rid, a), None)
        self.busy[source] = self.busy.get(source, 0) + 1

    def _end(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.busy[source] = max(0, self.busy.get(source, 0) - 1)

    def _left(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.queues.get(source, {}).pop((rid, a), None)

    def _action(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        if self.rid in self.flights and 0 <= a < len(self.history.phrases):
            self.story.steps.append(Step(t, ev.ACTION, source, a, b, self.history.phrases[a]))

    def _fault_on(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.faults[a] = t
        if self.rid in self.flights:
            self.faults_met.append((a, t))

    def _fault_off(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.faults.pop(a, None)
        self.ended[a] = t


_ON_THE_WAY = frozenset(
    (ev.BREAKER, ev.LATE_RESULT, ev.RETRY_WAIT, ev.RETRY_DENIED, ev.FELL_BACK, ev.HEDGE_WON)
)  # a layer's word about a result that passes it
_HANDLERS = {
    ev.ARRIVE: RequestTraceFold._arrive,
    ev.START: RequestTraceFold._start,
    ev.DONE: RequestTraceFold._done,
    ev.SENT: RequestTraceFold._sent,
    ev.RESULT: RequestTraceFold._result,
    ev.TIMED_OUT: RequestTraceFold._timed_out,
    ev.REJECTED: RequestTraceFold._rejected,
    ev.RETRY_WAIT: RequestTraceFold._retry,
    ev.RETRY_DENIED: RequestTraceFold._denied,
    ev.BREAKER: RequestTraceFold._breaker,
    ev.QUEUED: RequestTraceFold._queued,
    ev.ADMITTED_LATE: RequestTraceFold._admitted,
    ev.RECEIVED: RequestTraceFold._received,
    ev.BEGIN: RequestTraceFold._begin,
    ev.END: RequestTraceFold._end,
    ev.LEFT_QUEUE: RequestTraceFold._left,
    ev.ACTION: RequestTraceFold._action,
    ev.FAULT_ON: RequestTraceFold._fault_on,
    ev.FAULT_OFF: RequestTraceFold._fault_off,
}
