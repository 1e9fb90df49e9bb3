"""The story of a request, or of an instant: what each layer knew and decided, as a tree of sentences.

Facts come from events alone (request_trace.py), so that a recording and a simulation tell the same story.
"""

from __future__ import annotations

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.measure.call_tree import CallTreeFold
from resilience_sim.measure.story import Attempt, Step, attempt_number
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Source
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.views.call_story import CallTeller
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.request_trace import KNEW, PASSED, SECOND, Flight, RequestTraceFold, history_of
from resilience_sim.views.services_story import tell_links, tell_services
from resilience_sim.views.story_node import Node
from resilience_sim.views.story_words import (
    Context,
    attempt_words,
    lateness,
    no_more_tries,
    operation_at,
    operation_words,
    step_words,
    try_words,
)
from resilience_sim.views.words import fault_words, outcome_name, speaker

SLICE = 5_000  # engine steps at once: Ctrl-C waits for them, and 50,000 take the interpreted core a second and more


class NothingThere(Exception):
    """The run has no such request, or no such instant; ``help`` says what it has."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


def request_story(source: Source, rid: int) -> Node:
    """The tree of one request. The source is run to its end."""
    fold = RequestTraceFold(source.plan, source.components, rid, history_of(source))
    source.attach(fold)
    teller = None
    if source.plan.several:
        calls = CallTreeFold(rid, source.components)
        source.attach(calls)
        teller = CallTeller(source.plan, source.components, calls.tree)
    drain(source)
    if not fold.story.steps:
        most = fold.requests - 1
        raise NothingThere(
            f"there is no request #{rid}", f"they are #0 to #{most}" if most >= 0 else "the run has none"
        )
    if fold.rid in fold.flights:
        fold.flights.clear()
        tree = TreeBuilder(fold).build(teller)
        tree.text += " and never got an answer: unanswered"
        return tree
    return TreeBuilder(fold).build(teller)


def instant_story(source: Source, t: int) -> Node:
    """What every layer knew at ``t`` ns, everything at that instant included."""
    fold = RequestTraceFold(source.plan, source.components, history=history_of(source))
    source.attach(fold)
    live = LiveFold(source.plan, source.seed, source.components) if source.plan.several else None
    if live is not None:
        source.attach(live)
    going = True
    while going and source.now <= t:
        before = source.now, fold.requests
        going = source.run(until=t, budget=SLICE)
        if (source.now, fold.requests) == before:
            break
    end = source.now
    if not going and end < t and not fold.flights:
        raise NothingThere(f"the run ends before {t / 1e9:g} s", f"its last event is at {end / 1e9:g} s")
    if live is not None:
        live.tick(t)
    return instant_tree(fold, t, live)


# --- a request ----------------------------------------------------------------------------------------------------


class TreeBuilder:
    def __init__(self, fold: RequestTraceFold) -> None:
        self.fold, self.plan = fold, fold.plan
        self.root = Node(f"request {fmt.request(fold.rid)}")
        self.open: list[tuple[int, Node]] = [(-1, self.root)]
        self.attempts: dict[int, Node] = {}
        self.begun = 0
        self.knew: dict[int, str] = {}
        self.denied: set[int] = set()

    def build(self, teller: CallTeller | None = None) -> Node:
        for step in self.fold.story.steps:
            self.step(step)
        for fault, _ in self.fold.faults_met:
            config = self.plan.faults[fault]
            self.root.children.insert(0, Node(f"fault `{config.id}` was on: {fault_words(config)}"))
        for number, node in self.attempts.items():
            attempt = self.fold.story.attempt(number)
            node.text += attempt_words(attempt, self.replica(attempt), self.plan.service.name)
            if teller is not None:
                teller.below(node, number)
        if teller is not None:
            teller.loose(self.root)
        return self.root

    def here(self) -> Node:
        return self.open[-1][1]

    def name(self, step: Step) -> str:
        return speaker(self.fold.components[step.source])

    def step(self, step: Step) -> None:
        kind = step.kind
        if kind == ev.ARRIVE:
            self.begun = step.t
            what = operation_words(self.plan, ev.operation_of(step.a))
            self.root.text += f"{f', {what},' if what else ''} arrived at {fmt.instant(step.t)}"
            self.root.add(self.arrival(step))
        elif kind == ev.DONE:
            self.done(step)
        elif kind == ev.SENT:
            self.attempts[step.a] = self.here().add(f"{self.at(step.t)}: ")
        elif attempt_number(kind, step.a):
            pass  # attempt_words tells the whole attempt
        elif kind == ev.RETRY_WAIT:
            self.again(step)
        elif kind == ev.RETRY_DENIED:
            self.denied.add(step.source)
        elif kind == PASSED:
            self.passed(step)
        elif kind == ev.ACTION:
            self.root.add(f"{self.at(step.t)}: changed: {step.text}")
        elif kind == KNEW:
            mark = step.text if step.b == ev.CLOSED else f"{step.b} {step.a}"
            if self.knew.get(step.source) != mark:
                self.knew[step.source] = mark
                self.here().add(f"`{self.name(step)}` was {step.text}")
        else:
            config = self.fold.history.at(step.t).config.get(step.source)
            text, _ = step_words(step, Context(config, service=self.plan.service.name))
            self.here().add(f"{self.at(step.t)}: `{self.name(step)}` {text}" if text else "")

    def arrival(self, step: Step) -> str:
        """What the client did with the request; "" where that says nothing."""
        text, _ = step_words(step, Context())
        held, threads = self.fold.held_at_arrival, self.plan.client.threads
        admission = ev.admission_of(step.a)
        if admission == ev.BACKLOGGED:
            text += f", all {threads} are taken"
        elif admission == ev.ADMITTED and threads:
            text += f", on thread {held} of {threads}"
        elif admission == ev.ADMITTED:
            text = f"{text}, request number {held} under way" if held > 1 else ""
        return f"`{self.name(step)}` {text}" if text else ""

    def replica(self, attempt: Attempt) -> str:
        return speaker(self.fold.components[attempt.replica]) if attempt.replica >= 0 else ""

    def at(self, t: int) -> str:
        """An instant, and how long after the arrival."""
        return f"{fmt.instant(t)} (+{fmt.duration(t - self.begun)})"

    def again(self, step: Step) -> None:
        """A new try of a retry layer: what was inside is closed."""
        component = self.fold.components[step.source]
        shot = self.fold.history.at(step.t)
        position = shot.position[step.source]
        first = self.open[-1][0] < position and step.a == 2
        while self.open[-1][0] >= position:
            self.open.pop()
        holder = self.here()
        if first:
            self.wrap(holder, component.name, sum(policy.kind == "retry" for policy in shot.stack) > 1)
        text = try_words(shot.config[step.source], step.a, step.b)
        node = holder.add(f"{self.at(step.t + step.b)}: `{component.name}`: {text}")
        self.open.append((position, node))

    def wrap(self, holder: Node, name: str, several: bool) -> None:
        """Name the first try, now that there is a second: attempts that hang loose belong to it."""
        loose = [child for child in holder.children if any(child is node for node in self.attempts.values())]
        if loose and several:
            first = Node(f"`{name}`: try 1", loose)
            place = next(i for i, child in enumerate(holder.children) if child is loose[0])
            holder.children = [child for child in holder.children if not any(child is each for each in loose)]
            holder.children.insert(place, first)

    def passed(self, step: Step) -> None:
        """A retry layer passed a result on."""
        component = self.fold.components[step.source]
        shot = self.fold.history.at(step.t)
        operation = operation_at(self.plan, self.fold.story.operation)
        words = no_more_tries(shot.config[step.source], step.a, step.b, step.source in self.denied, operation)
        while self.open[-1][0] >= shot.position[step.source]:
            self.open.pop()
        self.here().add(f"`{component.name}`: {words}" if words else "")

    def done(self, step: Step) -> None:
        outcome, attempts = self.fold.story.outcome, self.fold.story.made
        late = lateness(self.plan.traffic.deadline, outcome, step.b)
        sent = fmt.plural(attempts, "attempt") if attempts else "no attempt"
        self.root.text += f" and ended with {outcome_name(outcome)} after {fmt.duration(step.b)}, {sent}{late}"
        self.open = [(-1, self.root)]


# --- an instant ---------------------------------------------------------------------------------------------------


def instant_tree(fold: RequestTraceFold, t: int, live: LiveFold | None = None) -> Node:
    root = Node(f"{fmt.instant(t)}: {fmt.plural(fold.requests, 'request')} so far, {len(fold.flights)} under way")
    _faults(fold, t, root)
    for at, words in fold.history.done_by(t):
        root.add(f"changed at {fmt.instant(at)}: {words}")
    _traffic(fold, t, root)
    instances = fold.plan.client.instances
    for instance in range(instances):
        _client(fold, t, root, instance, instances > 1)
    if live is None:
        _service(fold, t, root)
    else:
        tell_services(live, root)
        tell_links(live, root)
    return root


def _faults(fold: RequestTraceFold, t: int, root: Node) -> None:
    for index, fault in enumerate(fold.plan.faults):
        if index in fold.faults:
            rest = fmt.duration(fault.at + fault.duration - t)
            root.add(f"fault `{fault.id}` is on: {fault_words(fault)}, for {rest} more")
        elif index in fold.ended:
            root.add(f"fault `{fault.id}` ended {fmt.duration(t - fold.ended[index])} ago")


def _traffic(fold: RequestTraceFold, t: int, root: Node) -> None:
    last = [(kind, outcome) for at, kind, outcome in fold.recent if at > t - SECOND]
    arrived = sum(kind == ev.ARRIVE for kind, _ in last)
    sent = sum(kind == ev.SENT for kind, _ in last)
    good = sum(kind == ev.DONE and outcome == ev.SUCCESS for kind, outcome in last)
    bad = sum(kind == ev.DONE and outcome > ev.FALLBACK for kind, outcome in last)
    instead = sum(kind == ev.DONE and outcome == ev.FALLBACK for kind, outcome in last)
    root.add(
        f"in the second before: {fmt.plural(arrived, 'request')} came, {fmt.plural(sent, 'attempt')} went out, "
        f"{good} succeeded, {bad} failed{f', {instead} got the fallback' if instead else ''}"
    )


def _client(fold: RequestTraceFold, t: int, root: Node, instance: int, named: bool) -> None:
    flights = [flight for flight in fold.flights.values() if flight.instance == instance]
    held, threads = sum(flight.held for flight in flights), fold.plan.client.threads
    oldest = f", the oldest since {fmt.duration(t - min(f.arrived for f in flights))}" if flights else ""
    title = f"A#{instance + 1}" if named else "A"
    places = f"; {held} of {threads} threads taken" if threads else ""
    node = root.add(f"{title}: {fmt.plural(len(flights), 'request')} under way{oldest}{places}")
    shot = fold.history.at(t)
    for position, config in enumerate(shot.stack):
        component = shot.places[instance, position]
        name = speaker(fold.components[component])
        node.add(f"`{name}`: {_layer(fold, t, position, component, config, flights)}")


def _layer(
    fold: RequestTraceFold, t: int, position: int, component: int, config: PolicyConfig, flights: list[Flight]
) -> str:
    lately = sum(at > t - SECOND for at in fold.rejected.get(component, ()))
    turned = f"; {fmt.plural(lately, 'call')} rejected in the last second" if lately else ""
    memory = fold.breakers.get(component)
    if memory is not None:
        return memory.says(t) + turned
    if config.kind == "retry":
        return _retry(fold, t, position, component, config, flights)
    if config.kind == "timeout":
        after = int(getattr(config, "after", 0))
        sent = [at for flight in flights for at in flight.sent.values()]
        near = f"; {fmt.plural(len(sent), 'attempt')} under way" + (
            f", the oldest for {fmt.duration(t - min(sent))}" if sent else ""
        )
        return f"ends what takes longer than {fmt.duration(after)}{near}"
    if config.kind == "bulkhead":
        inside = sum(bool(flight.sent) for flight in flights)
        most = getattr(config, "max_concurrent", 0)
        return f"{inside} of {most} places taken, {fmt.plural(fold.waiting.get(component, 0), 'call')} waiting{turned}"
    if config.kind == "rate_limiter":
        return f"{fmt.plural(fold.waiting.get(component, 0), 'call')} waiting{turned}"
    if config.kind == "hedge":
        extra = sum(len(flight.sent) > 1 for flight in flights)
        return f"{fmt.plural(extra, 'request')} with several attempts at once"
    return f"nothing to tell{turned}"


def _retry(
    fold: RequestTraceFold, t: int, position: int, component: int, config: PolicyConfig, flights: list[Flight]
) -> str:
    tries: dict[int, int] = {}
    for flight in flights:
        number = flight.tries.get(position, 1)
        tries[number] = tries.get(number, 0) + 1
    most = getattr(config, "attempts", 0)
    parts = [f"{many} at try {number}" for number, many in sorted(tries.items())]
    waits = sum(flight.waits_until > t for flight in flights)
    text = ", ".join(parts) if parts else "no request is inside"
    text += f" of {most}" if parts and most else ""
    text += f"; {waits} waiting for their next try" if waits else ""
    denied = fold.denied.get(component, 0)
    return text + (f"; its budget has denied {fmt.plural(denied, 'retry', 'retries')} so far" if denied else "")


def _service(fold: RequestTraceFold, t: int, root: Node) -> None:
    service = fold.plan.service
    node = root.add(f"{service.name}:")
    replicas = [component for component in fold.components if component.kind == "replica"]
    for replica in replicas[:20]:
        busy, queue = fold.busy.get(replica.id, 0), fold.queues.get(replica.id, {})
        workers = (
            f"{busy} of {service.workers} workers busy" if service.workers else f"{fmt.plural(busy, 'attempt')} in work"
        )
        oldest = f", the oldest for {fmt.duration(t - min(queue.values()))}" if queue else ""
        text = f"{workers}, {len(queue)} in the queue{oldest}"
        if len(replicas) > 1:
            node.add(f"{replica.name}: {text}")
        else:
            node.text += f" {text}"
