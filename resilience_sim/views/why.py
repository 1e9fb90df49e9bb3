"""Why a run came out as it did: a few rules, each looking for one cause and saying it in a plain sentence.

Owns the rules and their order (what hurt most comes first). Refuses to measure: everything said is in the RUN document,
the plan, or the instants of moments.py. A rule that finds nothing says nothing; no rule guesses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resilience_sim.kernel import events as ev
from resilience_sim.policies.config import BreakerConfig, RetryConfig, TimeoutConfig
from resilience_sim.scenario.plan import Plan
from resilience_sim.views import format as fmt
from resilience_sim.views.moments import MomentsFold
from resilience_sim.views.words import outcome_name, printable

MOST = 6  # sentences; more are not read
AMPLIFIED = 1.5
LEAST_ATTEMPTS = 20  # in the busiest stretch; fewer are no load to speak of
NOTEWORTHY_WASTE = 0.05


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at: one run."""

    plan: Plan
    run: dict[str, Any]
    moments: MomentsFold | None = None

    def policies(self, kind: type) -> list[Any]:
        """The policies of a kind, outermost first."""
        return [policy for policy in self.plan.stack if isinstance(policy, kind)]

    def outcome(self, name: str) -> int:
        """Requests that ended in an outcome."""
        return int(self.run["requests"]["by_outcome"].get(name, 0))


Rule = Callable[[Case], str]


def reasons(case: Case) -> list[str]:
    """The sentences, most important first."""
    found = [sentence for rule in RULES if (sentence := rule(case))]
    return found[:MOST] or [_uneventful(case)]


def at(ns: int | None) -> str:
    """``at 31.4s``, or nothing when the instant is not known."""
    return "" if ns is None else f" at {fmt.instant(ns)}"


def _crash(case: Case) -> str:
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


def _exhausted(case: Case) -> str:
    turned_away = case.outcome("exhausted")
    if not turned_away or case.run["client"]["crashes"]:
        return ""
    first = at(case.moments.exhausted_at) if case.moments else ""
    text = f"Service A ran out of threads{' first' + first if first else ''}: "
    text += f"{fmt.plural(turned_away, 'request')} found all {fmt.count(case.plan.client.threads)} taken"
    return text + ("" if case.policies(TimeoutConfig) else "; no timeout sets a waiting one free") + "."


def _collapse(case: Case) -> str:
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


def _duplicates(case: Case) -> str:
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


def _deduplicated(case: Case) -> str:
    number = case.run["effects"]["deduplicated"]
    if not number:
        return ""
    return (
        f"B recognised {fmt.plural(number, 'repeated attempt')} by the idempotency key and answered from the stored "
        f"result: nothing was done twice."
    )


def _orphans(case: Case) -> str:
    number = case.run["effects"]["orphans"]
    if not number:
        return ""
    happened = fmt.plural(number, "effect") + " happened"
    return f"{happened} although the user was told that the request had failed: giving up undoes nothing at B."


def _breaker(case: Case) -> str:
    breakers = case.run["breakers"]
    opened = sum(breaker["opened"] for breaker in breakers)
    if not opened:
        return ""
    first = min(
        ((change["t"], change["why"], breaker["id"]) for breaker in breakers for change in breaker["transitions"]
         if change["to"] == "OPEN"),
        default=None,
    )  # fmt: skip
    if first is None:
        return ""
    t, why, name = first
    name = "The breaker" if name == "circuit_breaker" else f"Breaker {printable(name)}"
    text = f"{name} opened at {fmt.instant(round(t * 1e9))} after {why}"
    text += _since_fault(case, t)
    times = "once" if opened == 1 else f"{fmt.count(opened)} times"
    open_seconds = sum(breaker["open_seconds"] for breaker in breakers)
    turned_away = sum(breaker["rejected"] for breaker in breakers)
    text += f". It opened {times}, was open for {fmt.seconds(open_seconds)} in all"
    return f"{text} and turned away {fmt.plural(turned_away, 'call')} at once."


def _since_fault(case: Case, t: float) -> str:
    """How long after the start of the fault that was on."""
    on = [fault for fault in case.run["faults"] if fault["from"] <= t < fault["to"]]
    if not on:
        return ""
    latest = max(on, key=lambda fault: fault["from"])
    return f", {fmt.seconds(t - latest['from'])} after {printable(latest['id'])} began"


def _never_opened(case: Case) -> str:
    breakers = case.policies(BreakerConfig)
    failed = case.run["attempts"]["total"] - case.run["attempts"]["by_outcome"].get("success", 0)
    if not breakers or any(breaker["opened"] for breaker in case.run["breakers"]) or failed < 2:
        return ""
    config = breakers[0]
    if config.consecutive:
        outside = case.policies(RetryConfig) and isinstance(case.plan.stack[0], BreakerConfig)
        what = "requests in a row that failed for good" if outside else "failures in a row"
        text = f"{config.consecutive} {what} never came"
    else:
        calls = f"{config.window_calls} calls" if config.window_calls else fmt.duration(config.window_time)
        text = (
            f"failures never reached {fmt.share(config.failure_share)} of {calls} (at least {config.min_calls} calls)"
        )
    return f"The breaker never opened: {text}."


def _order(case: Case) -> str:
    """What the order of retry and breaker did, where both acted."""
    kinds = [policy.kind for policy in case.plan.stack]
    opened = any(breaker["opened"] for breaker in case.run["breakers"])
    if "retry" not in kinds or "circuit_breaker" not in kinds or not opened:
        return ""
    attempts = case.policies(RetryConfig)[0].attempts
    if kinds.index("circuit_breaker") < kinds.index("retry"):
        return (
            f"The breaker stands outside the retry: it hears one result per request, after up to "
            f"{fmt.plural(attempts, 'attempt')}, so it opens later and counts only what retrying could not save."
        )
    text = "The breaker stands inside the retry: it hears every attempt, so it opens sooner"
    if ev.BREAKER_OPEN not in case.policies(RetryConfig)[0].on:
        text += "; what it turns away is not retried"
    return text + "."


def _amplified(case: Case) -> str:
    peak = case.moments.peak() if case.moments else None
    if (
        not case.policies(RetryConfig)
        or peak is None
        or peak.requests <= 0
        or peak.attempts < AMPLIFIED * peak.requests
    ):
        return ""
    times = fmt.factor(float(f"{peak.attempts / peak.requests:.2g}"))
    called, asked = fmt.rate(float(f"{peak.attempts:.3g}")), fmt.rate(float(f"{peak.requests:.3g}"))
    middle = fmt.instant(round(peak.at + peak.length // 2, -8))
    return (
        f"Retries multiplied the load: around {middle} B was called {called} while users asked for {asked} ({times})."
    )


def _saved(case: Case) -> str:
    requests = case.run["requests"]
    saved = requests["succeeded"] - requests["succeeded_first_try"]
    if saved <= 0 or not case.policies(RetryConfig):
        return ""
    share = fmt.share(saved / requests["total"])
    return f"Retrying saved {fmt.plural(saved, 'request')} ({share}) that had failed at the first try."


def _denied(case: Case) -> str:
    number = case.run["attempts"]["denied_by_budget"]
    if not number:
        return ""
    first = at(case.moments.denied_at) if case.moments else ""
    return f"The retry budget denied {fmt.plural(number, 'retry', 'retries')}{', first' + first if first else ''}."


def _unanswered(case: Case) -> str:
    number = case.outcome("unanswered")
    if not number:
        return ""
    text = f"{fmt.plural(number, 'request')} never got an answer"
    return text + (": no timeout limits the waiting." if not case.policies(TimeoutConfig) else ".")


def _shed(case: Case) -> str:
    number = case.run["attempts"]["by_outcome"].get("shed", 0)
    if not number:
        return ""
    first = at(case.moments.shed_at) if case.moments else ""
    return f"B's queue was full{', first' + first if first else ''}: it refused {fmt.plural(number, 'attempt')}."


def _wasted(case: Case) -> str:
    service = case.run["service"]
    used = service["utilization"]
    workers = case.plan.service.workers * case.plan.service.replicas
    busy = (used or 0.0) * workers * case.run["virtual_seconds"]
    if busy <= 0 or service["wasted_seconds"] / busy < NOTEWORTHY_WASTE:
        return ""
    return f"B spent {fmt.share(service['wasted_seconds'] / busy)} of its work on attempts whose caller had given up."


def _late(case: Case) -> str:
    number = case.run["requests"]["late"]
    if not number:
        return ""
    deadline = fmt.duration(case.plan.traffic.deadline)
    return f"{fmt.plural(number, 'request')} succeeded only after the {deadline} that users are willing to wait."


def _fallback(case: Case) -> str:
    number = case.run["requests"]["fallback"]
    return f"The fallback answered {fmt.plural(number, 'request')} in B's place." if number else ""


def _unprotected(case: Case) -> str:
    failed = case.run["requests"]["failed"]
    if case.plan.stack or not failed:
        return ""
    return "No policy stands between users and B: every failure of B is a failure of Service A."


def _exhausted_retries(case: Case) -> str:
    """Failures that retrying met and could not turn."""
    retries = case.policies(RetryConfig)
    left = sum(case.outcome(ev.OUTCOME_NAMES[outcome]) for outcome in retries[0].on) if retries else 0
    if not left or case.run["attempts"]["denied_by_budget"]:
        return ""
    attempts = fmt.plural(retries[0].attempts, "attempt")
    return f"{fmt.plural(left, 'request')} failed although up to {attempts} were made for each."


def _uneventful(case: Case) -> str:
    requests = case.run["requests"]
    if not requests["total"]:
        return "No request arrived."
    if requests["succeeded"] == requests["total"]:
        return "Nothing went wrong: every request succeeded."
    return f"B failed {fmt.plural(requests['failed'], 'request')}, and nothing in the stack changed that."


RULES: tuple[Rule, ...] = (
    _crash, _exhausted, _collapse, _duplicates, _deduplicated, _orphans, _unprotected, _breaker, _never_opened, _order,
    _amplified, _saved, _exhausted_retries, _denied, _unanswered, _shed, _wasted, _late, _fallback,
)  # fmt: skip
