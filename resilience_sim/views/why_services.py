"""Why several services came out as they did: where it began, how it climbed, what multiplied it, whom it hit.

The rules are like those of why.py, and say only what events, the plan or arithmetic prove.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.rng import KeyedRng, purpose_of
from resilience_sim.kernel.text import printable
from resilience_sim.settings.actions import Adjust
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.facts import most_tries
from resilience_sim.views.services_moments import BAD, LAST, ServicesMoments, Trouble
from resilience_sim.views.services_story import most_visits, visits
from resilience_sim.views.why_case import Case
from resilience_sim.views.words import fault_words, listed

SPIKE = "spike"
MULTIPLIED = 1.5  # times the attempts that a request makes where nothing fails
LEAST_ATTEMPTS = 20
MOST_NAMED = 5
MOST_ASKED = 200_000  # requests of which it is found out whether they need a service
NOTEWORTHY_WASTE = 0.05


def _moments(case: Case) -> ServicesMoments | None:
    return case.moments.services if case.moments is not None else None


def below(plan: Plan, service: str) -> set[str]:
    """A service and everything that it calls, directly or not."""
    found = {service}
    for each in plan.inward():
        if each.name in found:
            found |= {link.callee for link in plan.links if link.caller == each.name}
    return found


def above(plan: Plan, service: str) -> set[str]:
    """A service and everything that calls it, directly or not."""
    return {each.name for each in plan.inward() if service in below(plan, each.name)}


def blamed(case: Case) -> tuple[Trouble, FaultConfig | None] | None:
    """Who was in trouble first, and the fault behind it: there, or at something that it calls."""
    moments = _moments(case)
    troubles = moments.troubles() if moments is not None else []
    if not troubles or moments is None:
        return None
    first = troubles[0]
    reach = below(case.plan, first.service)
    behind = []
    for index, (begun, until) in moments.faults.items():
        if index < len(case.plan.faults) and begun <= first.at <= until:
            fault = case.plan.faults[index]
            if _struck(case.plan, fault) in reach or fault.kind == SPIKE:
                behind.append((begun, index))
    return first, case.plan.faults[max(behind)[1]] if behind else None


def root_of(case: Case) -> str:
    """The service where it began; "" where nothing was in trouble."""
    found = blamed(case)
    if found is None:
        return ""
    first, fault = found
    if fault is None or fault.kind == SPIKE:
        return first.service
    return _struck(case.plan, fault)


def _struck(plan: Plan, fault: FaultConfig) -> str:
    """The service that a fault strikes, or whose callers it keeps from it."""
    return fault.link[1] if fault.link else fault.service or plan.service.name


# --- the rules ----------------------------------------------------------------------------------------------------


def began(case: Case) -> str:
    """Which service was in trouble first, and by which fault."""
    found = blamed(case)
    if found is None:
        return ""
    first, fault = found
    if fault is None:
        return f"It began at {printable(first.service)}, {_no_fault(case, first.at)}: {_state(first)}."
    if fault.kind == SPIKE:
        begun = f"“{printable(fault.id)}” at {fmt.instant(fault.at)}, a {fault_words(fault)}"
        return f"It began with {begun}; {printable(first.service)} was the first in trouble: {_state(first)}."
    where = f"between {fault.link[0]} and {fault.link[1]}" if fault.link else f"at {printable(root_of(case))}"
    what = fault_words(replace(fault, service="", link=()))
    return f"It began {where}, with the fault “{printable(fault.id)}” at {fmt.instant(fault.at)}: {what}."


def _no_fault(case: Case, t: int) -> str:
    moments = _moments(case)
    any_on = moments is not None and any(begun <= t <= until for begun, until in moments.faults.values())
    return "though no fault was on there" if any_on else "with no fault on"


def _state(trouble: Trouble) -> str:
    name, at = printable(trouble.service), fmt.instant(trouble.at)
    if not trouble.full:
        return f"{BAD} of {LAST} attempts at {name} had failed by {at}"
    long = f"for {fmt.duration(float(f'{trouble.full:.3g}'))} from {at} on"
    if not trouble.workers:
        return f"somebody always waited in {name}'s queue {long}"
    if trouble.workers == 1:
        return f"the only worker of {name} was busy {long}"
    return f"all {fmt.count(trouble.workers)} workers of {name} were busy {long}"


def climbed(case: Case) -> str:
    """What filled or failed next on the way to the users, and when."""
    moments, root = _moments(case), root_of(case)
    if moments is None or not root:
        return ""
    up = above(case.plan, root)
    found = _of_this(case, [trouble for trouble in moments.troubles() if trouble.service in up])
    if len(found) < 2 or not any(trouble.service != root for trouble in found):
        return ""
    parts = [_state(trouble) for trouble in found[:MOST_NAMED]]
    text = f"From there it climbed: {'; '.join(parts)}"
    more = len(found) - len(parts)
    text += f"; and {fmt.plural(more, 'more service')}" if more else ""
    shed = [(moments.parts[name].shed, name) for name in up if moments.parts[name].shed >= 0]
    if shed:
        at, name = min(shed)
        text += f". From {fmt.instant(at)} on {printable(name)} turned attempts away"
    return f"{text}."


def _of_this(case: Case, troubles: list[Trouble]) -> list[Trouble]:
    """Troubles up to the first one that another fault may be behind."""
    moments, found = _moments(case), blamed(case)
    assert moments is not None
    assert found is not None
    kept: list[Trouble] = []
    for trouble in troubles:
        reach = below(case.plan, trouble.service)
        for index, (begun, _) in moments.faults.items():
            if index < len(case.plan.faults) and found[0].at < begun <= trouble.at:
                fault = case.plan.faults[index]
                if (fault.link[1] if fault.link else fault.service) in (*reach, ""):
                    return kept
        kept.append(trouble)
    return kept


def without_need(case: Case) -> str:
    """Requests that failed although they would never have asked the service where it began."""
    moments, found, root = _moments(case), blamed(case), root_of(case)
    if moments is None or found is None or root == case.plan.service.name:
        return ""
    if any(isinstance(action, Adjust) for action in case.plan.actions) or case.acted:
        return ""
    failed = moments.failed_since(found[0].at)
    if not failed or len(failed) > MOST_ASKED or all(link.chance >= 1 for link in case.plan.links):
        return ""
    rng = KeyedRng(case.run["seed"])
    unneeded = sum(not asks(case.plan, rng, rid, root) for rid in failed)
    if not unneeded:
        return ""
    return (
        f"Of the {fmt.plural(len(failed), 'request')} that failed since then, {fmt.count(unneeded)} had no use for "
        f"{printable(root)}: {_would(unneeded)} never have asked it."
    )


def _would(number: int) -> str:
    return "it would" if number == 1 else "they would"


def asks(plan: Plan, rng: KeyedRng, rid: int, service: str) -> bool:
    """Whether a request asks a service where nothing fails: calls that are made by chance are drawn once a request."""
    reached = {plan.service.name}
    for each in plan.inward():
        if each.name in reached:
            for link in plan.links:
                if link.caller == each.name and _made(rng, rid, link.name, link.chance):
                    reached.add(link.callee)
    return service in reached


def _made(rng: KeyedRng, rid: int, name: str, chance: float) -> bool:
    return chance >= 1.0 or rng.uniform(purpose_of(name + "?"), rid, 0) < chance


def unbounded(case: Case) -> str:
    """A service whose workers all waited for another, on a link where nothing bounds how many may."""
    moments, root = _moments(case), root_of(case)
    if moments is None or not root or case.plan.actions or case.acted:
        return ""
    troubled = {trouble.service: trouble for trouble in moments.troubles()}
    for caller in reversed(case.plan.inward()):
        trouble = troubled.get(caller.name)
        if trouble is None or not trouble.full or not trouble.workers or caller.waits != "holding":
            continue
        for link in case.plan.links:
            if link.caller != caller.name or any(policy.kind in BOUNDING for policy in link.stack):
                continue
            waited = troubled.get(link.callee)
            if waited is None or waited.at > trouble.at or link.callee not in above(case.plan, root):
                continue
            others = sum(each.caller == caller.name for each in case.plan.links) > 1
            if link.chance < 1 or others:
                callee, whose = printable(link.callee), " a replica" if caller.replicas > 1 else ""
                return (
                    f"Nothing on the link from {printable(caller.name)} to {callee} bounds how many workers wait for "
                    f"{callee}: a bulkhead there with fewer places than {fmt.count(caller.workers)}{whose}, and no "
                    f"queue, leaves the other workers to work that does not ask {callee}."
                )
    return ""


BOUNDING = ("bulkhead", "circuit_breaker", "timeout", "rate_limiter", "throttle")


def multiplied(case: Case) -> str:
    """Retries that made many attempts of one request, and the most they can make."""
    moments = _moments(case)
    if moments is None:
        return ""
    usual, most = visits(case.plan), most_visits(case.plan)
    found = [each for name in moments.parts if (each := moments.multiplied(name)) and usual[name] > 0]
    found = [each for each in found if each.attempts >= LEAST_ATTEMPTS]
    worst = max(found, key=lambda each: each.attempts / each.requests / usual[each.service], default=None)
    if worst is None or worst.attempts < MULTIPLIED * usual[worst.service] * worst.requests:
        return ""
    levels = _levels(case.plan, worst.service)
    if not levels:
        return ""
    name = printable(worst.service)
    times = fmt.factor(float(f"{worst.attempts / worst.requests:.3g}"))[:-1]
    text = (
        f"Retries multiplied the calls: the {fmt.plural(worst.requests, 'request')} that came around "
        f"{fmt.instant(round(worst.at, -8))} made {fmt.count(worst.attempts)} attempts at {name}, {times} each"
    )
    product = prod(tries for _, tries in levels)
    if len(levels) > 1 and most[worst.service] == product and not case.plan.actions and not case.acted:
        steps = " x ".join(str(tries) for _, tries in levels)
        text += (
            f". {fmt.plural(len(levels), 'level')} of retries ({', '.join(link for link, _ in levels)}) allow {steps}"
        )
    return f"{text}."


def _levels(plan: Plan, service: str) -> list[tuple[str, int]]:
    """The links on the way to a service that try more than once, the outermost first."""
    up = above(plan, service)
    found = [(f"A > {plan.service.name}", most_tries(plan.stack))]
    for each in plan.inward():
        for link in plan.links:
            if link.caller == each.name and link.callee in up:
                found.append((f"{link.caller} > {link.callee}", most_tries(link.stack)))
    return [(printable(name), tries) for name, tries in found if tries > 1]


def wasted(case: Case) -> str:
    """The service that worked most for nobody."""
    end = case.run["virtual_seconds"]
    worst, share = "", NOTEWORTHY_WASTE
    workers = {each.name: each.workers * each.replicas for each in case.plan.inward()}
    if case.plan.actions or case.acted:
        return ""
    for service in case.run.get("services", ()):
        busy = (service["utilization"] or 0.0) * workers[service["name"]] * end
        if busy > 0 and service["wasted_seconds"] / busy >= share:
            worst, share = service["name"], service["wasted_seconds"] / busy
    if not worst:
        return ""
    time = f"{printable(worst)} spent {fmt.share(share)} of its workers' time"
    return f"{time} on attempts that were given up before they were over."


def expired(case: Case) -> str:
    """Work that deadlines spared."""
    spared = [service for service in case.run.get("services", ()) if service["expired"]]
    if not spared:
        return ""
    number = sum(service["expired"] for service in spared)
    names = listed([printable(service["name"]) for service in spared[:MOST_NAMED]])
    return (
        f"Deadlines that were passed on spared {names} the work of {fmt.plural(number, 'attempt')} that came too late."
    )


def duplicates(case: Case) -> str:
    """What was done twice behind the first service."""
    twice = [each for each in case.run.get("services", ())[1:] if each["effects"]["duplicates"]]
    if not twice:
        return ""
    worst: dict[str, Any] = max(twice, key=lambda each: each["effects"]["duplicates"])
    number = worst["effects"]["duplicates"]
    worth = worst["effects"]["amount_duplicated"]
    money = f" worth {fmt.money(worth)}" if worth else ""
    return (
        f"{printable(worst['name'])} did {fmt.plural(number, 'thing')} again that it had done{money}: a call that is "
        f"tried again, on its own link or on one before it, is executed again."
    )


RULES: tuple[Callable[[Case], str], ...] = (
    began, climbed, without_need, unbounded, multiplied, wasted, duplicates, expired,
)  # fmt: skip
