"""Rules about damage: crashes, exhaustion, collapse, duplicates, orphans, B overrun, users left waiting.

Owns one function per cause, each a sentence or nothing. Refuses to order them (why.py).
"""

from __future__ import annotations

from resilience_sim.policies.config import BreakerConfig, RetryConfig, TimeoutConfig
from resilience_sim.views import format as fmt
from resilience_sim.views.why_case import Case, at
from resilience_sim.views.words import outcome_name

AMPLIFIED = 1.5
NOTEWORTHY_WASTE = 0.05


def crash(case: Case) -> str:
    """Service A went down."""
    crashes = case.run["client"]["crashes"]
    if not crashes:
        return ""
    moments = case.moments
    text = f"Service A crashed {'once' if crashes == 1 else f'{crashes} times'}"
    if moments is not None and moments.crashed_at is not None:
        text += f"{', first' if crashes > 1 else ''}{at(moments.crashed_at)}, taking "
        text += f"{fmt.plural(moments.crashed_with, 'request')} down"
    text += f": all {fmt.count(case.plan.client.threads)} threads were waiting"
    if not case.policies(TimeoutConfig):
        text += ", and no timeout in the stack limits how long one waits"
    elif not case.policies(BreakerConfig):
        text += ", and no breaker kept new requests from joining them"
    return text + "."


def exhausted(case: Case) -> str:
    """Service A ran out of threads and turned requests away."""
    turned_away = case.outcome("exhausted")
    if not turned_away or case.run["client"]["crashes"]:
        return ""
    first = at(case.moments.exhausted_at) if case.moments else ""
    text = f"Service A ran out of threads{' first' + first if first else ''}: "
    text += f"{fmt.plural(turned_away, 'request')} found all {fmt.count(case.plan.client.threads)} taken"
    return text + ("" if case.policies(TimeoutConfig) else "; no timeout sets a waiting one free") + "."


def collapse(case: Case) -> str:
    """It never came back."""
    if not case.run["collapsed"]:
        return ""
    if not case.plan.faults:
        return (
            "It ended in collapse: of the last fifth of the requests fewer than half succeeded, with no fault at all."
        )
    per_request = case.run["attempts"]["per_request"]
    text = "It never recovered: long after the last fault was over, fewer than half of the requests succeeded"
    if per_request and per_request >= AMPLIFIED and case.policies(RetryConfig):
        text += f"; {fmt.factor(per_request)[:-1]} attempts per request kept B overloaded"
    return text + "."


def duplicates(case: Case) -> str:
    """Something was done twice."""
    effects = case.run["effects"]
    number = effects["duplicates"]
    if not number:
        return ""
    text = ""
    twice = case.moments.twice if case.moments else None
    if twice is not None:
        saw = "had no answer yet" if twice.seen < 0 else f"only saw “{outcome_name(twice.seen)}”"
        text = (
            f"Request {fmt.request(twice.rid)} was executed twice: attempt {twice.first_attempt} took effect"
            f"{at(twice.first_at)}, but its caller {saw}, and attempt {twice.again_attempt} did it again"
            f"{at(twice.again_at)}. "
        )
    text += f"In all {fmt.plural(number, 'duplicate')}"
    if effects["amount_duplicated"]:
        text += f" worth {fmt.money(effects['amount_duplicated'])}"
    method, keyed, remembers = (
        case.plan.operation.method,
        case.plan.operation.idempotency_key,
        case.plan.service.deduplicate,
    )
    if keyed and not remembers:
        return f"{text}: requests carry idempotency keys, but B does not deduplicate."
    if remembers and not keyed:
        return f"{text}: B would deduplicate, but requests carry no idempotency key."
    if keyed:
        return f"{text}: B had forgotten their idempotency keys."
    return f"{text}: {method} is not idempotent, and no idempotency key tells B that it is the same request."


def deduplicated(case: Case) -> str:
    """Something would have been done twice, but for its key."""
    number = case.run["effects"]["deduplicated"]
    if not number:
        return ""
    return (
        f"B recognised {fmt.plural(number, 'repeated attempt')} by the idempotency key and answered from the stored "
        f"result: nothing was done twice."
    )


def orphans(case: Case) -> str:
    """Done, but reported as failed."""
    number = case.run["effects"]["orphans"]
    if not number:
        return ""
    happened = fmt.plural(number, "effect") + " happened"
    return f"{happened} although the user was told that the request had failed: giving up undoes nothing at B."


def unanswered(case: Case) -> str:
    """Requests that wait for ever."""
    number = case.outcome("unanswered")
    if not number:
        return ""
    text = f"{fmt.plural(number, 'request')} never got an answer"
    return text + (": no timeout limits the waiting." if not case.policies(TimeoutConfig) else ".")


def shed(case: Case) -> str:
    """B's queue was full."""
    number = case.run["attempts"]["by_outcome"].get("shed", 0)
    if not number:
        return ""
    first = at(case.moments.shed_at) if case.moments else ""
    return f"B's queue was full{', first' + first if first else ''}: it refused {fmt.plural(number, 'attempt')}."


def wasted(case: Case) -> str:
    """B worked for callers who had left."""
    service = case.run["service"]
    used = service["utilization"]
    workers = case.plan.service.workers * case.plan.service.replicas
    busy = (used or 0.0) * workers * case.run["virtual_seconds"]
    if busy <= 0 or service["wasted_seconds"] / busy < NOTEWORTHY_WASTE:
        return ""
    return f"B spent {fmt.share(service['wasted_seconds'] / busy)} of its work on attempts whose caller had given up."


def late(case: Case) -> str:
    """Successes that nobody was waiting for any more."""
    number = case.run["requests"]["late"]
    if not number:
        return ""
    deadline = fmt.duration(case.plan.traffic.deadline)
    return f"{fmt.plural(number, 'request')} succeeded only after the {deadline} that users are willing to wait."
