"""Why a run came out as it did: rules, each looking for one cause and saying it in a plain sentence.

Everything said is in the RUN document, the plan, or the instants and counts of moments.py. A rule that finds nothing
says nothing; no rule guesses.
"""

from __future__ import annotations

from collections.abc import Callable

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.own_code import CLIENTS, SERVED, own_code_of
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.views.moments import Ended
from resilience_sim.views.why_case import LEAST_ARRIVALS, Case
from resilience_sim.views.why_services import RULES as OVER_SERVICES
from resilience_sim.views.words import breaker_name, listed, outcome_name

MOST = 6  # sentences; more are not read
AMPLIFIED = 1.5  # attempts per request from which on the load counts as multiplied
LEAST_ATTEMPTS = 20  # in the busiest stretch; fewer are no load worth mentioning
NOTEWORTHY_WASTE = 0.05  # of B's work
MOST_POLICIES = 3  # that are named in one sentence
BY_HAND = "by hand"  # why a breaker changed its state, as measure/breakers.py says it


def reasons(case: Case) -> list[str]:
    """The sentences, what hurt most first."""
    found = [sentence for rule in (_several() if case.plan.several else RULES) if (sentence := rule(case))]
    return found[:MOST] or [_otherwise(case)]


def _several() -> tuple[Callable[[Case], str], ...]:
    """The rules for several services: of Service A what is true of it, and those about services and links."""
    return (crash, exhausted, *OVER_SERVICES, collapse, changed, breaker, saved, denied, unanswered, late)


def at(ns: int | None) -> str:
    """``at 31.4s``, or nothing when the instant is not known."""
    return "" if ns is None else f" at {fmt.instant(ns)}"


def _otherwise(case: Case) -> str:
    requests = case.run["requests"]
    failed = requests["failed"]
    over = requests["total"] - requests.get("under_way", 0)
    if not requests["total"]:
        return "No request arrived."
    if not over:
        return "No request has its outcome yet."
    if requests["succeeded"] == over:
        return "Nothing went wrong: every request succeeded." if not case.cut else "Nothing has gone wrong so far."
    moments = case.moments
    if failed and moments is not None and moments.failed_by_b + moments.refused_by_b == failed:
        verbs = ["failed"] if moments.failed_by_b else []
        verbs += ["refused"] if moments.refused_by_b else []
        who = printable(case.plan.service.name)
        code = own_code_of(case.plan)
        rescue = f"{_own(code.target)} gave up on them" if code else "no policy rescued them"
        return f"{who} {' or '.join(verbs)} {fmt.plural(failed, 'request')}, and {rescue}."
    outcomes = ", ".join(
        f"{fmt.count(count)} {name}" for name, count in requests["by_outcome"].items() if count and name != "success"
    )
    return f"{fmt.plural(over - requests['succeeded'], 'request')} did not succeed: {outcomes}."


# --- damage: crashes, exhaustion, collapse, duplicates, B overrun, users left waiting -----------------------------


def crash(case: Case) -> str:
    crashes = case.run["client"]["crashes"]
    if not crashes:
        return ""
    moments = case.moments
    text = f"Service A crashed {'once' if crashes == 1 else f'{crashes} times'}"
    if moments is not None and moments.crashed_at is not None:
        text += f"{', first' if crashes > 1 else ''}{at(moments.crashed_at)}, taking "
        text += f"{fmt.plural(moments.crashed_with, 'request')} down"
    whose = " of its instance" if case.plan.client.instances > 1 else ""
    text += f": all {fmt.count(case.plan.client.threads)} threads{whose} were waiting"
    if case.no_timeout:
        text += ", and no timeout in the stack limits how long one waits"
    elif not case.policies(BreakerConfig):
        text += ", and no breaker kept new requests from joining them"
    if moments is not None and moments.turned_down:
        text += f". {fmt.plural(moments.turned_down, 'request')} came while it was down"
    return text + "."


def exhausted(case: Case) -> str:
    turned_away = case.outcome("exhausted")
    if not turned_away or case.run["client"]["crashes"]:
        return ""
    first = at(case.moments.exhausted_at) if case.moments else ""
    text = f"Service A ran out of threads{' first' + first if first else ''}: "
    whose = " of their instance" if case.plan.client.instances > 1 else ""
    text += f"{fmt.plural(turned_away, 'request')} found all {fmt.count(case.plan.client.threads)}{whose} taken"
    return text + ("; no timeout sets a waiting one free" if case.no_timeout else "") + "."


def collapse(case: Case) -> str:
    if not case.run["collapsed"] or case.cut:
        return ""
    if not case.plan.faults:
        if case.run["requests"]["total"] < LEAST_ARRIVALS:
            return ""
        return (
            "It ended in collapse, with no fault at all: of the last fifth of the requests fewer than half as many "
            "succeeded as of the best fifth."
        )
    if not case.had_time_to_recover():
        return ""
    per_request = case.run["attempts"]["per_request"]
    after = f"{_up_to(case)}{fmt.seconds(case.after_last_fault())} after the last fault was over"
    text = f"It never recovered: requests that came {after} still succeeded less than half "
    text += "as often as those before the first one" if case.any_before_faults() else "the time"
    if per_request and per_request >= AMPLIFIED and case.policies(RetryConfig):
        who = printable(case.plan.service.name)
        text += f"; {who} was sent {fmt.factor(per_request)[:-1]} attempts per request"
    return text + "."


def _up_to(case: Case) -> str:
    return "" if case.moments is not None else "up to "


def duplicates(case: Case) -> str:
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
    remembers = case.plan.service.deduplicate
    keys = {each.idempotency_key for each in case.plan.operation.each if each.method == "POST"}
    who = "POSTs" if case.plan.operation.mix else "requests"
    if keys == {True, False}:
        some = "B would deduplicate" if remembers else "B does not deduplicate"
        return f"{text}: {some}, {'but' if remembers else 'and'} some POSTs carry no idempotency key."
    if keys == {True} and not remembers:
        return f"{text}: {who} carry idempotency keys, but B does not deduplicate."
    if remembers and keys == {False}:
        return f"{text}: B would deduplicate, but {who} carry no idempotency key."
    if keys == {True}:
        return f"{text}: B had forgotten their idempotency keys."
    return f"{text}: POST is not idempotent, and no idempotency key tells B that it is the same request."


def deduplicated(case: Case) -> str:
    number = case.run["effects"]["deduplicated"]
    if not number:
        return ""
    return (
        f"B recognised {fmt.plural(number, 'repeated attempt')} by the idempotency key and answered from the stored "
        f"result{'' if case.run['effects']['duplicates'] else ': nothing was done twice'}."
    )


def orphans(case: Case) -> str:
    number = case.run["effects"]["orphans"]
    if not number:
        return ""
    happened = fmt.plural(number, "effect") + " happened"
    return f"{happened} although the user was told that the request had failed: giving up undoes nothing at B."


def client_errors(case: Case) -> str:
    """Requests that are at fault themselves, and what the policies make of that."""
    number = case.outcome("client_error")
    if not number:
        return ""
    text = f"{fmt.plural(number, 'request')} ended with a client error (4xx): the request is at fault, not B"
    retries, breakers = case.policies(RetryConfig), case.policies(BreakerConfig)
    if not case.same_stack:
        return f"{text}."
    again = [policy for policy in retries if ev.CLIENT_ERROR in getattr(policy, "on", ()) and policy.attempts > 1]
    if again:
        return f"{text}; `{printable(again[0].id)}` tries such answers again all the same."
    failures = [policy for policy in breakers if ev.CLIENT_ERROR in getattr(policy, "on", ())]
    if failures:
        return f"{text}; `{printable(failures[0].id)}` counts such answers as failures of B all the same."
    if not retries and not breakers:
        return f"{text}."
    what = "neither tried again nor failures to the breaker"
    if not breakers:
        what = "not tried again"
    elif not retries:
        what = "no failures to the breaker"
    return f"{text}; such answers are {what}."


def unanswered(case: Case) -> str:
    number = case.outcome("unanswered")
    if not number or case.cut:
        return ""
    text = f"{fmt.plural(number, 'request')} never got an answer"
    return text + (": no timeout limits the waiting." if case.no_timeout else ".")


def shed(case: Case) -> str:
    number = case.run["attempts"]["by_outcome"].get("shed", 0)
    if not number:
        return ""
    first = at(case.moments.shed_at) if case.moments else ""
    full = "B's queue was full" if case.plan.service.queue else "B has no queue, and its workers were busy"
    return f"{full}{', first' + first if first else ''}: it refused {fmt.plural(number, 'attempt')}."


def wasted(case: Case) -> str:
    service = case.run["service"]
    used = service["utilization"]
    workers = case.plan.service.workers * case.plan.service.replicas
    busy = (used or 0.0) * workers * case.run["virtual_seconds"]
    if busy <= 0 or service["wasted_seconds"] / busy < NOTEWORTHY_WASTE:
        return ""
    share = fmt.share(service["wasted_seconds"] / busy)
    return f"B spent {share} of its work on attempts that nobody waited for any more."


def late(case: Case) -> str:
    number = case.run["requests"]["late"]
    if not number:
        return ""
    deadline = fmt.duration(case.plan.traffic.deadline)
    return f"{fmt.plural(number, 'request')} succeeded only after the {deadline} that users are willing to wait."


# --- policies: what each did, and what it could not do ------------------------------------------------------------


def ended_by_policy(case: Case) -> str:
    """Policies, of whatever kind, that themselves ended most of the requests that failed."""
    failed = case.run["requests"]["failed"]
    if case.moments is None or not failed:
        return ""
    ended = case.moments.ended_by_policy()
    found = [each for each in ended if each.kind != BreakerConfig.kind]  # of breakers more can be said
    most = max(found, key=lambda each: each.requests, default=None)
    if most is None or 2 * sum(each.requests for each in found) < failed:
        return ""
    total = fmt.plural(case.run["requests"]["total"], "request")
    if most.outcome == ev.TIMEOUT:
        if not (most.shorter_than_work or not case.policies(RetryConfig)):
            return ""
        text = f"{_name(most)} gave up on {fmt.count(most.requests)} of {total}"
        if case.same_settings:
            text += f" after {fmt.duration(most.after)}"
            text += ", less than B's work takes" if most.shorter_than_work else ""
        return f"{text}."
    rejecting = sorted((each for each in found if each.outcome != ev.TIMEOUT), key=lambda each: -each.requests)
    others = "".join(f", {_inside(_name(each))} {fmt.count(each.requests)}" for each in rejecting[1:MOST_POLICIES])
    how = f" ({outcome_name(most.outcome)})" if not others else ""
    return f"{_name(most)} turned away {fmt.count(most.requests)} of {total}{how}{others}."


def _name(ended: Ended) -> str:
    if ended.kind == "code":
        return "Your code" if ended.name != CLIENTS else "Your clients"
    kind = ended.kind.replace("_", " ")
    return f"The {kind}" if ended.name == ended.kind else f"{kind.capitalize()} {printable(ended.name)}"


def _own(target: str) -> str:
    return "your clients" if target == SERVED else "your code"


def _inside(name: str) -> str:
    return name[:1].lower() + name[1:]


def breaker(case: Case) -> str:
    breakers = case.run["breakers"]
    first = min(
        ((change["t"], change["why"], which) for which in breakers for change in which["transitions"]
         if change["to"] == "OPEN"),
        key=lambda found: float(found[0]), default=None,
    )  # fmt: skip
    if first is None:
        return ""
    t, why, which = first
    how = why if why == BY_HAND else f"after {why}" if why[:1].isdigit() else f"({why})"
    at_first = f"at {fmt.instant(round(t * 1e9))} {how}{_since_fault(case, t)}."
    opened = sum(each["opened"] for each in breakers)
    times = "once" if opened == 1 else f"{fmt.count(opened)} times"
    open_for = f"open for {fmt.seconds(sum(each['open_seconds'] for each in breakers))}"
    turned_away = f"turned away {fmt.plural(sum(each['rejected'] for each in breakers), 'call')}"
    if len(breakers) == 1:
        name = "The breaker" if which["id"] == BreakerConfig.kind else f"Breaker {printable(which['id'])}"
        return f"{name} opened {at_first} It opened {times}, was {open_for} in all and {turned_away} at once."
    some = len([each for each in breakers if each["opened"]])
    names = [breaker_name(each, case.plan) for each in breakers]
    name = breaker_name(which, case.plan)
    name = name if names.count(name) == 1 else "one"
    text = f"Of the {fmt.count(len(breakers))} breakers {name} opened first, {at_first} "
    if some == 1:
        return f"{text}No other one did. It opened {times}, was {open_for} in all and {turned_away} at once."
    times = "once each" if opened == some else times
    which_ones = "All of them" if some == len(breakers) else f"{fmt.count(some)} of them"
    return f"{text}{which_ones} opened, {times}, were {open_for} together and {turned_away} at once."


def _since_fault(case: Case, t: float) -> str:
    """How long after the start of the fault that was on."""
    on = [fault for fault in case.run["faults"] if fault["from"] <= t < fault["to"]]
    if not on:
        return ""
    latest = max(on, key=lambda fault: fault["from"])
    return f", {fmt.seconds(t - latest['from'])} after the fault “{printable(latest['id'])}” began"


def never_opened(case: Case) -> str:
    """There is a breaker, there was trouble, and it did not open."""
    breakers = case.policies(BreakerConfig)
    if len(breakers) != 1 or not isinstance(breakers[0], BreakerConfig) or not case.same_settings:
        return ""
    if any(breaker["opened"] for breaker in case.run["breakers"]):
        return ""
    config, requests = breakers[0], case.run["requests"]
    opened = "has not opened" if case.cut else "never opened"
    if not case.failed_attempts:
        if requests["failed"] or not requests["late"] or config.slow_call:
            return ""
        return f"The breaker {opened}: no call failed, they were only slow, and without slow_call that is no failure."
    if config.consecutive:
        outside = case.policies(RetryConfig) and isinstance(case.plan.stack[0], BreakerConfig)
        failures = f"{config.consecutive} requests in a row fail for good" if outside else _in_a_row(config.consecutive)
        if outside and config.consecutive == 1:
            failures = "a request fail for good"
        text = f"it {'has not seen' if case.cut else 'never saw'} {failures}"
    else:
        calls = f"{config.window_calls} calls" if config.window_calls else fmt.duration(config.window_time)
        text = f"failures {'have not' if case.cut else 'never'} reached {fmt.share(config.failure_share)} of {calls}"
        text += f" (at least {fmt.plural(config.min_calls, 'call')})"
    return f"The breaker {opened}: {text}."


def _in_a_row(number: int) -> str:
    return "a failure" if number == 1 else f"{number} failures in a row"


def order(case: Case) -> str:
    """What the order of retry and breaker did, where both acted."""
    kinds = [policy.kind for policy in case.plan.stack]
    whys = [change["why"] for each in case.run["breakers"] for change in each["transitions"] if change["to"] == "OPEN"]
    if kinds.count("retry") != 1 or kinds.count("circuit_breaker") != 1 or not case.same_settings:
        return ""
    attempts = case.policies(RetryConfig)[0].attempts
    if not any(why != BY_HAND for why in whys) or attempts < 2:
        return ""
    if kinds.index("circuit_breaker") < kinds.index("retry"):
        return (
            f"The breaker stands outside the retry: it sees one result per request, after up to "
            f"{fmt.plural(attempts, 'attempt')}, so it opens later and counts only what retrying could not save."
        )
    text = "The breaker stands inside the retry: it sees every attempt, so it opens sooner"
    if ev.BREAKER_OPEN not in case.policies(RetryConfig)[0].on:
        text += "; what it turns away is not retried"
    return text + "."


def amplified(case: Case) -> str:
    peak = case.moments.peak() if case.moments else None
    if not case.policies(RetryConfig) or peak is None or peak.attempts < LEAST_ATTEMPTS:
        return ""
    if not peak.requests or peak.attempts < AMPLIFIED * peak.requests:
        return ""
    times = fmt.factor(peak.attempts / peak.requests)
    until = min(peak.at + peak.length, round(case.run["virtual_seconds"] * 1e9))  # a run may have been cut short
    middle = fmt.instant(round((peak.at + until) // 2, -8))
    what = "Retries and hedges" if case.policies(HedgeConfig) else "Retries"
    text = (
        f"{what} multiplied the calls to B: the {fmt.plural(peak.requests, 'request')} that came around {middle} made "
    )
    return f"{text}{fmt.count(peak.attempts)} attempts ({times})."


def saved(case: Case) -> str:
    requests = case.run["requests"]
    saved = requests["succeeded"] - requests["succeeded_first_try"]
    if saved <= 0 or not case.policies(RetryConfig) or case.policies(HedgeConfig):  # a hedge's leg is no retry
        return ""
    of = f"{fmt.count(saved)} of {fmt.plural(requests['total'], 'request')}"
    return f"Retrying saved {of}, which had failed at the first try."


def hedged(case: Case) -> str:
    moments = case.moments
    if moments is None or not moments.hedges:
        return ""
    total = case.run["requests"]["total"]
    extra = f"{fmt.plural(moments.hedges, 'request')} ({fmt.share(moments.hedges / total)})"
    return (
        f"Hedging sent another leg for {extra} that had no success yet; for {fmt.count(moments.hedges_won)} of them "
        f"such a leg succeeded first."
    )


def denied(case: Case) -> str:
    number = case.run["attempts"]["denied_by_budget"]
    if not number:
        return ""
    first = at(case.moments.denied_at) if case.moments else ""
    return f"The retry budget denied {fmt.plural(number, 'retry', 'retries')}{', first' + first if first else ''}."


def fallback(case: Case) -> str:
    number = case.run["requests"]["fallback"]
    return f"The fallback answered {fmt.plural(number, 'request')} in B's place." if number else ""


def unprotected(case: Case) -> str:
    failed, moments = case.run["requests"]["failed"], case.moments
    if case.plan.stack or not failed or not case.same_stack:
        return ""
    if moments is not None and not moments.failed_by_b + moments.refused_by_b:
        return ""
    return "No policy stands between users and B: every failure of B is a failure of Service A."


def exhausted_retries(case: Case) -> str:
    retries = case.policies(RetryConfig)
    if case.moments is None or len(retries) != 1 or retries[0].attempts < 2 or not case.same_stack:
        return ""
    exactly, more = case.moments.failed_after(retries[0].attempts, retries[0].on)
    if not exactly + more:
        return ""
    attempts = f"{'at least ' if more else ''}{fmt.plural(retries[0].attempts, 'attempt')}"
    return f"{fmt.plural(exactly + more, 'request')} failed although {attempts} were made for each."


def retry_after(case: Case) -> str:
    """B said when to come back, and the retry listened or did not."""
    told, service = case.run["attempts"]["by_outcome"]["rate_limited"], case.plan.service
    hints = {fault.retry_after for fault in case.plan.faults if fault.kind == "rate_limit"}
    retries = [policy for policy in case.policies(RetryConfig) if isinstance(policy, RetryConfig)]
    if not told or len(hints) != 1 or 0 in hints or len(retries) != 1 or not case.same_settings:
        return ""
    if retries[0].attempts < 2 or ev.RATE_LIMITED not in retries[0].on:
        return ""
    if any(fault.kind == "errors" and fault.outcome == ev.RATE_LIMITED for fault in case.plan.faults) or (
        service.failure == ev.RATE_LIMITED
        and (service.failure_rate or any(fault.failure_rate for fault in case.plan.faults))
    ):
        return ""  # those 429 come without a hint
    text = f"B answered 429 to {fmt.plural(told, 'attempt')}, with Retry-After {fmt.duration(hints.pop())}"
    return f"{text}: {'the retry waits that long' if retries[0].honor_retry_after else 'the retry does not listen'}."


def repeated(case: Case) -> str:
    """What was done again, and does no harm."""
    methods, moments = {each.method for each in case.plan.operation.each if each.share}, case.moments
    if moments is None or not moments.repeated or "POST" in methods:
        return ""
    idempotent = listed(sorted(methods - {"GET"}))
    why = f"{idempotent} {'are' if ' ' in idempotent else 'is'} idempotent: once more changes nothing"
    if "GET" in methods:
        why = f"GET changes nothing{f', {idempotent} once more neither' if idempotent else ''}"
    return f"While their callers waited, B executed {fmt.plural(moments.repeated, 'request')} more than once; {why}."


def changed(case: Case) -> str:
    """What the scenario changed while it ran, and what availability was before and after."""
    if case.moments is None or not case.plan.actions:
        return ""
    from resilience_sim.views.actions_text import phrases_by_instant

    words = phrases_by_instant(case.plan)
    edges = [0, *case.moments.acted_at, case.moments.last_arrival]
    for start, t, end in zip(edges, edges[1:], edges[2:], strict=False):
        before, after = case.moments.level(start, t), case.moments.level(t, end)
        if t in words and before is not None and after is not None:
            text = f"Changed at {fmt.instant(t)} ({'; '.join(words[t])}): {fmt.share(before.share)} of the requests "
            text += f"that came from {fmt.instant(before.start)} to {fmt.instant(before.end)} succeeded, "
            return (
                f"{text}{fmt.share(after.share)} of those from {fmt.instant(after.start)} to {fmt.instant(after.end)}."
            )
    return ""


RULES: tuple[Callable[[Case], str], ...] = (
    crash,
    exhausted,
    ended_by_policy,
    collapse,
    duplicates,
    deduplicated,
    orphans,
    unprotected,
    changed,
    breaker,
    never_opened,
    order,
    amplified,
    saved,
    hedged,
    retry_after,
    exhausted_retries,
    denied,
    client_errors,
    unanswered,
    shed,
    wasted,
    late,
    fallback,
    repeated,
)
