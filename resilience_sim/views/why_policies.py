"""Rules about policies: what each of them did, in this order of the stack, and what it could not do.

Owns one function per cause, each a sentence or nothing. Refuses to order them (why.py).
"""

from __future__ import annotations

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.text import printable
from resilience_sim.policies.config import BreakerConfig, RetryConfig
from resilience_sim.views import format as fmt
from resilience_sim.views.why_case import Case, at

AMPLIFIED = 1.5
LEAST_ATTEMPTS = 20  # in the busiest stretch; fewer are no load to speak of


def breaker(case: Case) -> str:
    """When and why a breaker opened, and what that did."""
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


def never_opened(case: Case) -> str:
    """There is a breaker, there was trouble, and it did not open."""
    breakers = [config for config in case.policies(BreakerConfig) if isinstance(config, BreakerConfig)]
    failed = case.run["attempts"]["total"] - case.run["attempts"]["by_outcome"].get("success", 0)
    if not breakers or any(breaker["opened"] for breaker in case.run["breakers"]):
        return ""
    config = breakers[0]
    if not failed:
        if not case.run["requests"]["failed"] + case.run["requests"]["late"] or config.slow_call:
            return ""
        return (
            "The breaker never opened: no call failed, they were only slow, and without slow_call that is no failure."
        )
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


def order(case: Case) -> str:
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


def amplified(case: Case) -> str:
    """Retries multiplied the load."""
    peak = case.moments.peak() if case.moments else None
    if not case.policies(RetryConfig) or peak is None or peak.count < LEAST_ATTEMPTS:
        return ""
    if not peak.requests or peak.attempts < AMPLIFIED * peak.requests:
        return ""
    times = fmt.factor(float(f"{peak.attempts / peak.requests:.2g}"))
    called, asked = fmt.rate(float(f"{peak.attempts:.3g}")), fmt.rate(float(f"{peak.requests:.3g}"))
    middle = fmt.instant(round(peak.at + peak.length // 2, -8))
    return (
        f"Retries multiplied the load: around {middle} B was called {called} while users asked for {asked} ({times})."
    )


def saved(case: Case) -> str:
    """Retries turned failures into successes."""
    requests = case.run["requests"]
    saved = requests["succeeded"] - requests["succeeded_first_try"]
    if saved <= 0 or not case.policies(RetryConfig):
        return ""
    share = fmt.share(saved / requests["total"])
    return f"Retrying saved {fmt.plural(saved, 'request')} ({share}) that had failed at the first try."


def hedged(case: Case) -> str:
    """Hedges ran ahead of slow answers."""
    moments = case.moments
    if moments is None or not moments.hedges:
        return ""
    total = case.run["requests"]["total"]
    extra = f"{fmt.plural(moments.hedges, 'request')} ({fmt.share(moments.hedges / total)})"
    return (
        f"Hedging sent a second leg for {extra} that took long; for {fmt.count(moments.hedges_won)} it answered first."
    )


def denied(case: Case) -> str:
    """The retry budget said no."""
    number = case.run["attempts"]["denied_by_budget"]
    if not number:
        return ""
    first = at(case.moments.denied_at) if case.moments else ""
    return f"The retry budget denied {fmt.plural(number, 'retry', 'retries')}{', first' + first if first else ''}."


def fallback(case: Case) -> str:
    """The fallback served."""
    number = case.run["requests"]["fallback"]
    return f"The fallback answered {fmt.plural(number, 'request')} in B's place." if number else ""


def unprotected(case: Case) -> str:
    """Nothing in the stack at all."""
    failed = case.run["requests"]["failed"]
    if case.plan.stack or not failed:
        return ""
    return "No policy stands between users and B: every failure of B is a failure of Service A."


def exhausted_retries(case: Case) -> str:
    """Failures that retrying met and could not turn."""
    retries = case.policies(RetryConfig)
    left = sum(case.outcome(ev.OUTCOME_NAMES[outcome]) for outcome in retries[0].on) if retries else 0
    if not left or case.run["attempts"]["denied_by_budget"]:
        return ""
    attempts = fmt.plural(retries[0].attempts, "attempt")
    return f"{fmt.plural(left, 'request')} failed although up to {attempts} were made for each."
