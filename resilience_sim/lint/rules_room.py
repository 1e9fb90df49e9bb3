"""Rules about room: places, threads and queues against the traffic.

Owns RL020 and RL021.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import inner_timeout, mean_time
from resilience_sim.lint.chance import erlang_b, mean_until
from resilience_sim.lint.finding import ERROR, WARNING, Hit, Rule
from resilience_sim.lint.rules_load import bounded
from resilience_sim.lint.subject import Subject
from resilience_sim.lint.traffic import at_layer, capacity, least_capacity, traffic
from resilience_sim.policies.config import BulkheadConfig

SECOND = 1e9


def too_few_places(subject: Subject) -> Iterator[Hit]:
    """RL020: fewer places than Little's law needs."""
    for index, config in enumerate(subject.stack):
        if isinstance(config, BulkheadConfig):
            rate, held = at_layer(subject.plan, index), mean_time(subject.plan, index + 1) / SECOND
            waiting = config.queue if config.max_wait else 0
            yield from _judge(subject, subject.at(index, "max_concurrent"), config.max_concurrent, waiting, rate, held)
    client = subject.plan.client
    if client.threads and subject.plan.traffic.loop != "closed":
        rate = traffic(subject.plan).usual / client.instances
        held = mean_time(subject.plan) / SECOND
        yield from _judge(subject, ("client", "threads"), client.threads, client.backlog, rate, held)


def _judge(
    subject: Subject, at: tuple[str | int, ...], places: int, waiting: int, rate: float, held: float
) -> Iterator[Hit]:
    load = rate * held
    if held == inf or not load:
        return
    blocked = erlang_b(places, load) if not waiting else max(0.0, 1 - places / load)
    if load <= places and (waiting or blocked < 0.01):
        return
    even = subject.plan.traffic.arrivals == "even"
    yield Hit(
        at,
        f"{say.rate(rate)} of calls that take {say.duration(held * SECOND)} on average are "
        f"{say.digits(load)} at once (Little's law); "
        f"{places} {'place holds' if places == 1 else 'places hold'} them badly: "
        f"{say.share(blocked)} are turned away with B in "
        "full health",
        f"allow at least {_places_for(load)} (1 in 1,000 turned away)",
        {"load": load, "rejected": blocked},
        ("traffic", "service"),
        ("arrivals are random (Poisson)",) if even else (),
        ERROR if load > places else WARNING,
    )


def _places_for(load: float) -> int:
    places = max(1, int(load))
    while erlang_b(places, load) > 1e-3 and places < 1_000_000:
        places += max(1, places // 50)
    return places


def queue_for_nobody(subject: Subject) -> Iterator[Hit]:
    """RL021: the end of the queue is further away than anybody waits."""
    plan = subject.plan
    service = plan.service
    deadline = plan.traffic.deadline or inf
    patience = min([deadline, *(inner_timeout(subject.stack, i) for i in range(len(subject.stack)))])
    work = mean_until(service.latency)
    demand = traffic(plan).peak
    for config in subject.stack:
        demand *= bounded(config)
    overload = demand > min(capacity(plan), least_capacity(plan))
    if service.workers and work and patience < inf and service.discipline != "drop_abandoned" and overload:
        wait = service.queue * work / service.workers if service.queue >= 0 else inf
        if wait > patience:
            fits = max(1, int(patience * service.workers / work))
            size = "has no limit" if service.queue < 0 else f"of {service.queue} is {say.duration(wait)} long"
            yield Hit(
                ("service", "queue"),
                f"B's queue {size}, and callers leave after {say.duration(patience)}: in an overload B "
                "works for nobody",
                f"limit it to about {fits} places ({say.duration(patience)} of work), or write "
                "`discipline: drop_abandoned`",
                {"wait": wait / SECOND if wait < inf else -1.0, "patience": patience / SECOND, "fits": fits},
                ("service", "traffic"),
            )
    for index, bulkhead in enumerate(subject.stack):
        if not isinstance(bulkhead, BulkheadConfig) or not bulkhead.queue:
            continue
        held = mean_time(plan, index + 1)
        wait = bulkhead.queue * held / bulkhead.max_concurrent
        wait = min(wait, bulkhead.max_wait) if bulkhead.max_wait >= 0 else wait
        if deadline < wait < inf:
            yield Hit(
                subject.at(index, "queue"),
                f"the last of {bulkhead.queue} waiting calls gets its turn after {say.duration(wait)}, "
                "and users leave after "
                f"{say.duration(deadline)}",
                f"let at most {max(0, int(deadline * bulkhead.max_concurrent / held))} wait, or set `max_wait`",
                {"wait": wait / SECOND, "patience": deadline / SECOND},
                ("service",),
            )


RULES: tuple[Rule, ...] = (
    Rule(
        "RL020",
        "fewer places than Little's law needs",
        WARNING,
        (
            "Calls at once = arrivals per second x seconds each takes (J. Little, 1961). A bulkhead "
            "or thread pool of exactly that size "
            "turns many away: arrivals are random, and with 20 at once on average, 20 places lose 16 "
            ""
            ""
            ""
            "% (Erlang's loss formula, any "
            "distribution of latency). The suggestion loses 1 in 1,000. With a queue only a load "
            "above the places is reported."
        ),
        too_few_places,
    ),
    Rule(
        "RL021",
        "a queue longer than anybody waits",
        WARNING,
        (
            "In an overload the queue fills, and whoever is served has waited queue x work / "
            "workers. If that is longer than the timeout or "
            "the deadline, every answer comes too late: B is busy and useful to nobody. A short "
            "queue (refuse early), or dropping the "
            "abandoned, keeps it useful. Reported only where the traffic, with its retries, can overload B."
        ),
        queue_for_nobody,
    ),
)
