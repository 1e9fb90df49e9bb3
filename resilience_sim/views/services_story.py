"""Several services in words: how each stands at an instant, and the graph of a plan before it runs."""

from __future__ import annotations

from collections.abc import Sequence

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.scenario.text.spelling import Unwritable
from resilience_sim.scenario.write import policy_settings
from resilience_sim.settings.calls import CLIENT_NAME, LinkConfig, StepConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig, own_id
from resilience_sim.settings.service import ServiceConfig
from resilience_sim.views.live.facts import mean_latency, most_tries
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.story_node import Node
from resilience_sim.views.words import state_name


def tell_services(live: LiveFold, root: Node) -> None:
    """Each service in call order: its workers, its queue, and what became of attempts lately."""
    graph, places = live.graph, live.places
    assert graph is not None
    assert places is not None
    for i, service in enumerate(graph.services):
        track = places.services[i]
        work = f"{fmt.count(track.held)} of {fmt.plural(track.workers, 'worker')} busy"
        if not track.workers:
            work = f"{fmt.plural(track.held, 'attempt')} in work"
        node = root.add(f"{printable(service.name)}: {work}, {fmt.count(track.queued)} in the queue")
        share, mean = places.good_share(i, live.clock), places.mean_time(i, live.clock)
        if share is not None:
            answered = "" if mean is None else f", it answers after {fmt.duration(float(f'{mean:.3g}'))} on average"
            node.text += f"; lately {fmt.share(share)} of attempts at it succeeded{answered}"


def tell_links(live: LiveFold, root: Node) -> None:
    """The links between services with what went over each lately, and how their breakers stand."""
    graph, places = live.graph, live.places
    assert graph is not None
    assert places is not None
    for i, link in enumerate(graph.links):
        if link.caller == CLIENT_NAME:
            continue
        _, tries, failing = places.flow(i, live.clock)
        calls, length = places.lately(places.links[i].calls, live.clock)
        lately = f"in the last {fmt.duration(float(f'{length:.3g}'))}"
        text = f"{printable(link.caller)} called {printable(link.callee)} {fmt.plural(calls, 'time')} {lately}"
        if tries is not None and tries != 1:
            text += f", {fmt.factor(float(f'{tries:.3g}'))[:-1]} attempts each"
        if failing:
            text += f"; {fmt.share(failing)} of the calls that ended lately failed"
        node = root.add(text)
        for source, lane in live.breakers.items():
            if graph.link_of.get(source) == i:
                since = f" since {fmt.instant(lane.since)}" if lane.opened else ""
                opened = f", opened {fmt.plural(lane.opened, 'time')} so far" if lane.opened else ""
                state = state_name(lane.state if lane.state in (ev.CLOSED, ev.OPEN, ev.HALF_OPEN) else ev.OPEN)
                node.add(f"`{lane.name}` is {state}{since}{opened}")


# --- the graph before anything runs -------------------------------------------------------------------------------


def graph_story(plan: Plan) -> Node:
    """Who calls whom through what, how often a request reaches each service, and how often at most."""
    services = plan.inward()
    often, most = visits(plan), most_visits(plan)
    root = Node(f"{printable(plan.name)}: {fmt.plural(len(services), 'service')}")
    root.add(f"A calls {printable(plan.service.name)}{_through(plan.stack)}")
    for service in services:
        node = root.add(f"{printable(service.name)}: {_size(service)}")
        if service.name != plan.service.name or most[service.name] > 1:
            node.text += f"; {_reached(often[service.name], most[service.name])}"
        for step in plan.steps:
            if step.caller == service.name:
                _step(node, step)
        holds = service.waits == "holding" and any(step.caller == service.name for step in plan.steps)
        if holds and service.workers:
            node.add("a worker is held until the calls have answered")
    return root


def visits(plan: Plan) -> dict[str, float]:
    """How many attempts a request makes at each service where nothing fails and nothing is hedged, on average."""
    found = {service.name: 0.0 for service in plan.inward()}
    found[plan.service.name] = 1.0
    for service in plan.inward():
        for link in plan.links:
            if link.caller == service.name:
                found[link.callee] += found[service.name] * link.times * link.chance
    return found


def most_visits(plan: Plan) -> dict[str, int]:
    """How many attempts one request can make at each service; 0 where nobody can say."""
    found = {service.name: 0 for service in plan.inward()}
    unknown = set()
    found[plan.service.name] = most_tries(plan.stack)
    for service in plan.inward():
        for link in plan.links:
            if link.caller == service.name and link.chance > 0:
                tries = most_tries(link.stack)
                if not tries or not found[service.name]:
                    unknown.add(link.callee)
                found[link.callee] += found[service.name] * link.times * tries
        if service.name in unknown:
            found[service.name] = 0
    return found


def _size(service: ServiceConfig) -> str:
    copies = f"{service.replicas} replicas of " if service.replicas > 1 else ""
    work = f"{copies}{fmt.plural(service.workers, 'worker')}" if service.workers else "as many workers as are needed"
    text = work
    if service.workers:
        text += "" if service.queue < 0 else f", a queue of {service.queue}" if service.queue else ", no queue"
    mean = mean_latency(service.latency)
    return f"{text}; own work of {fmt.duration(float(f'{mean:.3g}'))}" if mean else f"{text}; no work of its own"


def _reached(often: float, most: int) -> str:
    text = f"a request reaches it {_times(often)} while nothing fails"
    return f"{text}, and at most {_times(most)}" if most and most > often else text


def _times(number: float) -> str:
    if number == 1:
        return "once"
    return f"{fmt.count(round(number))} times" if number == round(number) else f"{number:.3g} times on average"


def _step(node: Node, step: StepConfig) -> None:
    if len(step.links) == 1:
        node.add(f"calls {_call(step.links[0])}")
        return
    need = (
        "all of them" if step.need == len(step.links) or not step.need else fmt.plural(step.need, "of them", "of them")
    )
    group = node.add(f"calls at the same time, and needs {need}")
    for link in step.links:
        group.add(_call(link))


def _call(link: LinkConfig) -> str:
    text = printable(link.callee)
    if link.times > 1:
        text += f" {link.times} times"
    if link.chance < 1:
        text += f" for {fmt.share(link.chance)} of the requests"
    if link.optional:
        text += ", and does without it when that fails"
    return text + _through(link.stack)


def _through(stack: Sequence[PolicyConfig]) -> str:
    if not stack:
        return ""
    names = []
    for policy in stack:
        try:
            settings = ", ".join(f"{name} {value}" for name, value in policy_settings(policy).items())
        except Unwritable:
            settings = ""
        name = printable(own_id(policy.id))
        names.append(f"`{name}` ({printable(settings)})" if settings else f"`{name}`")
    return f", through {' > '.join(names)}"
