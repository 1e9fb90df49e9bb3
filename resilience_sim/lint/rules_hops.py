"""Rules about several services: what multiplies from call to call, what outlasts its caller, who takes all the room."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import inf

from resilience_sim.interop.generic import breaker_of
from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import most_attempts
from resilience_sim.lint.finding import ERROR, WARNING, Hit, rule
from resilience_sim.lint.hops import Hops, Way, sequence
from resilience_sim.lint.links import base
from resilience_sim.lint.rules_time import HANG
from resilience_sim.lint.subject import Subject
from resilience_sim.scenario.text.tree import Loc
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.calls import CLIENT_NAME, LinkConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.timeout import TimeoutConfig

SECOND = 1e9


@lru_cache(maxsize=4)
def _hops(plan: Plan) -> Hops:
    return Hops(plan)


def _at(subject: Subject, link: LinkConfig, index: int | None = None, key: str = "") -> Loc:
    """A call, or a policy of its stack, or one of its settings."""
    loc = base(subject, link)
    if index is None:
        return loc or ("stack",)
    loc = (*loc, "stack", index, link.stack[index].kind)
    return (*loc, key) if key else loc


def _who(link: LinkConfig) -> str:
    return "Service A" if link.caller == CLIENT_NAME else f"`{link.caller}`"


def _all(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@rule("RL033", "attempts multiply from service to service", WARNING, worst=ERROR, of_graph=True)
def multiplied(subject: Subject) -> Iterator[Hit]:
    """Where every service on the way tries three times, a database that is down gets 3 x 3 x 3 = 27 calls for each
    request of a user: each level tries again what the level below has already tried in vain. The number is what a
    simulation shows while the service fails every call at once and no breaker is open; several ways to it add up, and a
    caller that has failed makes no further calls.

    Retry at one level, the one next to the trouble; let the others pass the failure on. A budget at each level holds
    the average down, not the attempts of one request.
    """
    hops = _hops(subject.plan)
    for name in hops.services:
        if name not in hops.reached:
            continue
        down = hops.while_down(name)
        beyond = (hops.while_down(link.callee) for link in hops.calls_of(name))
        if any(each.way.product >= down.way.product and down.way.links[-1] in each.way.links for each in beyond):
            continue  # it goes on, and is said of those at the end
        levels = [i for i, tries in enumerate(down.way.tries) if tries > 1]
        if len(levels) < 2:
            continue
        last = down.way.links[levels[-1]]
        index = max(i for i in range(len(last.stack)) if most_attempts(last.stack, i, i + 1) > 1)
        alone = down.way.tries[levels[-1]]
        kept = f"; budgets hold it to {say.digits(down.held)} in a long outage" if down.held < down.attempts else ""
        yield Hit(
            _at(subject, last, index),
            f"while `{name}` is down, one request becomes up to {down.attempts:,} attempts at it{kept}: "
            f"{_levels(down.way)}; the retries next to it alone would make {alone}",
            f"retry in {sequence(last)} only, or give each level a budget",
            {"attempts": down.attempts, "budgeted": down.held, "levels": len(levels)},
            severity=ERROR if down.held >= 10 else WARNING,
        )


def _levels(way: Way) -> str:
    return " x ".join(
        f"{tries} ({sequence(link)})" for link, tries in zip(way.links, way.tries, strict=True) if tries > 1
    )


@rule("RL034", "a callee that may take longer than its caller waits", WARNING, of_graph=True)
def outlasts(subject: Subject) -> Iterator[Hit]:
    """A service that calls others may wait for them as long as the timeouts and retries of its calls let it. If that is
    longer than its own caller waits, it works on for nobody: it holds its worker, and goes on to call others, for a
    caller that has left and perhaps tries again. Timeouts should nest: each longer than what it contains. Named is the
    longest wait for the calls alone; own work comes on top.

    Shorten the inner timeouts, or let the outer one pass its deadline on (`passes_on: true`), or stop the work
    (`cancels_work: true`).
    """
    hops = _hops(subject.plan)
    for link in hops.links:
        if link.callee not in hops.reached or hops.ended(link):
            continue
        timeouts = [(c.after, i) for i, c in enumerate(link.stack) if isinstance(c, TimeoutConfig)]
        longest = hops.longest_wait(link.callee)
        if not timeouts or longest == inf or longest <= min(timeouts)[0]:
            continue
        after, index = min(timeouts)
        calls = [each for each in hops.calls_of(link.callee) if hops.longest(each) > 0]
        yield Hit(
            _at(subject, link, index, "after"),
            f"{_who(link)} waits {say.duration(after)} for `{link.callee}`, which may wait {say.duration(longest)} "
            f"for {_all([f'`{each.callee}`' for each in calls])}: it works on for nobody for up to "
            f"{say.duration(longest - after)}",
            f"let {link.callee} wait less than {say.duration(after)} in all, or write `passes_on: true` here",
            {"waits": after / SECOND, "longest": longest / SECOND, "for_nobody": (longest - after) / SECOND},
            assumes=(HANG.replace("B", calls[-1].callee),),
        )


@rule("RL035", "work behind the deadline, for nobody", WARNING, of_graph=True)
def behind_the_deadline(subject: Subject) -> Iterator[Hit]:
    """Users leave at the deadline of the traffic, and no service knows. Each goes on until its own timeouts and retries
    have come to their end, and holds workers that others would need. A deadline that is passed on (as gRPC does) ends
    all of it at once: nobody begins work or a call after it.
    """
    hops = _hops(subject.plan)
    deadline, name = subject.plan.traffic.deadline, subject.plan.service.name
    longest = hops.longest_wait(name)
    if not deadline or not hops.steps[name] or longest == inf or longest <= deadline or hops.told(name):
        return
    yield Hit(
        ("traffic", "deadline"),
        f"users leave after {say.duration(deadline)}, and nobody tells `{name}`, which may wait "
        f"{say.duration(longest)} for its calls: {say.duration(longest - deadline)} of work for nobody",
        f"put `timeout: {{after: {say.duration(deadline)}, passes_on: true}}` outermost",
        {"deadline": deadline / SECOND, "longest": longest / SECOND},
        assumes=(HANG.replace("B", hops.calls_of(name)[-1].callee),),
    )


@rule("RL036", "a shared service without bulkheads", WARNING, of_graph=True)
def shared(subject: Subject) -> Iterator[Hit]:
    """Several services call one that has so many workers. A caller that may have as many calls under way as there are
    workers can take all of them: when its calls become slow or many, the others find none, although nothing is wrong
    with them. A bulkhead on each link leaves room for the others.
    """
    hops = _hops(subject.plan)
    for name, service in hops.services.items():
        callers = [link for link in hops.into[name] if link.caller in hops.reached or link is hops.entry]
        workers = service.workers * service.replicas
        greedy = [(link, hops.at_once(link)) for link in callers if hops.at_once(link) >= workers]
        if len(callers) < 2 or not workers or not greedy:
            continue
        names = [_who(link) for link in callers]
        each = [
            f"{_who(link)} ({'any number of calls' if most == inf else say.plural(int(most), 'call')} at once)"
            for link, most in greedy
        ]
        yield Hit(
            ("services", name, "workers"),
            f"{_all(names)} share the {workers} workers of `{name}`, and {_all(each)} may take all of them",
            f"put a bulkhead on each link to {name}, together at most {workers} places",
            {"workers": workers, "greedy": len(greedy)},
        )


@rule("RL037", "workers that all wait for one callee", WARNING, of_graph=True)
def all_wait(subject: Subject) -> Iterator[Hit]:
    """A worker is held until the calls of its request have answered (`waits: holding`). When a callee hangs, each call
    holds one as long as timeouts and retries last. Calls at once = calls per second x seconds held (J. Little, 1961):
    if that is more than there are workers, all of them wait for this one callee, and whatever else the service does
    stops, too. That is how a failure climbs.

    A shorter timeout, a bulkhead with fewer places than workers, or a breaker on the link keeps workers free.
    """
    hops = _hops(subject.plan)
    for link in hops.links:
        caller = hops.services.get(link.caller)
        if caller is None or link.caller not in hops.reached or not caller.workers or caller.waits != "holding":
            continue
        if any(breaker_of(config) for config in link.stack) or hops.told(link.caller):
            continue
        places = [c.max_concurrent + max(0, c.queue) for c in link.stack if isinstance(c, BulkheadConfig)]
        held, rate = hops.longest(link), hops.rate(link) / link.times / caller.replicas
        if not rate or rate * held / SECOND <= caller.workers or any(room < caller.workers for room in places):
            continue
        seconds = caller.workers / rate
        each = " of each replica" if caller.replicas > 1 else ""
        how = "for ever" if held == inf else f"for {say.duration(held)}"
        many = "" if held == inf else f", {say.digits(rate * held / SECOND)} at once (Little's law)"
        numbers = {
            "seconds": seconds,
            "workers": caller.workers,
            "held": held / SECOND,
            "at_once": rate * held / SECOND,
        }
        yield Hit(
            _at(subject, link),
            f"when `{link.callee}` hangs, each call holds a worker of `{link.caller}` {how}{many}: at {say.rate(rate)} "
            f"all {caller.workers} workers{each} wait for `{link.callee}` after {say.duration(seconds * SECOND)}",
            f"put a bulkhead of fewer than {caller.workers} places, a shorter timeout or a breaker on {sequence(link)}",
            {name: value for name, value in numbers.items() if value < inf},
            ("traffic",),
            (HANG.replace("B", link.callee),),
        )


@rule("RL038", "a service that nobody reaches", WARNING, of_graph=True)
def unreached(subject: Subject) -> Iterator[Hit]:
    """No request comes to it: no chain of calls leads there from the service that Service A calls. It changes nothing;
    perhaps a call is missing, or `entry` names another service than was meant.
    """
    hops = _hops(subject.plan)
    for name in hops.services:
        if name not in hops.reached:
            callers = [link.caller for link in hops.into[name]]
            why = f"only {_all([f'`{each}`' for each in callers])} call it" if callers else "nobody calls it"
            yield Hit(
                ("services", name),
                f"no request reaches `{name}`: {why}, and of {len(hops.services)} services "
                f"{len(hops.reached)} can be reached from `{subject.plan.service.name}`",
                "add the call, or remove the service",
                {"services": len(hops.services), "reached": len(hops.reached)},
            )


@rule("RL039", "a POST that is made again from further up", ERROR, of_graph=True)
def again_from_above(subject: Subject) -> Iterator[Hit]:
    """A retry repeats everything that happens below it. Where a timeout inside it, or a later call, fails an execution
    whose POST has been done, the next try makes that POST again. Its key is the same then, for it comes from the user's
    request and the path of calls: with a key, and a callee that looks for it (`deduplicate`), it is done once.
    """
    hops = _hops(subject.plan)
    for link in hops.links:
        posts = [each for each in link.operation.each if each.method == "POST" and each.share]
        keyed = all(each.idempotency_key for each in posts)
        known = keyed and hops.services[link.callee].deduplicate
        if link is hops.entry or not posts or known or link.caller not in hops.reached:
            continue
        found = _repeated(hops, link)
        if found is None:
            continue
        above, index, times, why = found
        retry = above.stack[index]
        missing = "the call carries no key" if not keyed else f"{link.callee} looks for no keys"
        yield Hit(
            _at(subject, link, None),
            f"the POST to `{link.callee}` is made up to {times} times: `{retry.id}` ({sequence(above)}) has "
            f"`{above.callee}` executed again after {why}, and {missing}",
            f"send an idempotency key and set `services.{link.callee}.deduplicate`",
            {"times": times},
        )


def _repeated(hops: Hops, link: LinkConfig) -> tuple[LinkConfig, int, int, str] | None:
    """The nearest retry above a call that may repeat it although it succeeded, how often it may be made with those
    further up, and what it is repeated after.
    """
    below, later = link, _later(hops, link)
    nearest: tuple[LinkConfig, int, str] | None = None
    times = 1
    while below.caller in hops.services:
        above = hops.into[below.caller][0]
        for index, config in reversed(list(enumerate(above.stack))):
            if isinstance(config, TimeoutConfig) and not later:
                later = f"a timeout of {say.duration(config.after)}"
            if isinstance(config, RetryConfig) and config.attempts > 1 and later:
                nearest = nearest or (above, index, later)
                times *= config.attempts
        later = later or _later(hops, above)
        below = above
    return None if nearest is None else (nearest[0], nearest[1], times, nearest[2])


def _later(hops: Hops, link: LinkConfig) -> str:
    """A call after this one, of the same service, whose failure fails the execution."""
    after = False
    for step in hops.steps.get(link.caller, []):
        if after:
            for other in step.links:
                if not other.optional and len(step.links) == step.need:
                    return f"a failed call to {other.callee}"
        after = after or any(each.name == link.name for each in step.links)
    return ""
