"""An instant: what every layer knew then.

Owns the sentences about the whole. Refuses to print.
"""

from __future__ import annotations

from resilience_sim.kernel import events as ev
from resilience_sim.policies.config import PolicyConfig
from resilience_sim.views import format as fmt
from resilience_sim.views.story_fold import SECOND, Flight, RequestTraceFold
from resilience_sim.views.story_tree import Node
from resilience_sim.views.words import fault_words, speaker


def instant_tree(fold: RequestTraceFold, t: int) -> Node:
    """What is known at ``t``, as a tree."""
    root = Node(f"{fmt.instant(t)}: {fmt.plural(fold.requests, 'request')} so far, {len(fold.flights)} under way")
    _faults(fold, t, root)
    for at, words in fold.layers.done_by(t):
        root.add(f"changed at {fmt.instant(at)}: {words}")
    _traffic(fold, t, root)
    instances = fold.plan.client.instances
    for instance in range(instances):
        _client(fold, t, root, instance, instances > 1)
    _service(fold, t, root)
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
    root.add(
        f"in the second before: {fmt.plural(arrived, 'request')} came, {fmt.plural(sent, 'attempt')} went out, "
        f"{good} succeeded, {bad} failed"
    )


def _client(fold: RequestTraceFold, t: int, root: Node, instance: int, named: bool) -> None:
    flights = [flight for flight in fold.flights.values() if flight.instance == instance]
    held, threads = sum(flight.held for flight in flights), fold.plan.client.threads
    oldest = f", the oldest since {fmt.duration(t - min(f.arrived for f in flights))}" if flights else ""
    title = f"A#{instance + 1}" if named else "A"
    places = f"; {held} of {threads} threads taken" if threads else ""
    node = root.add(f"{title}: {fmt.plural(len(flights), 'request')} under way{oldest}{places}")
    shot = fold.layers.at(t)
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
