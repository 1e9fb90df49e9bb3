"""The sentences of a story: what happened at a step, and why a layer decided as it did.

Owns the words. Refuses to order them (story_tree.py).
"""

from __future__ import annotations

from resilience_sim.kernel import events as ev
from resilience_sim.measure.breakers import why_text
from resilience_sim.policies.config import PolicyConfig, RetryConfig
from resilience_sim.scenario.plan import Plan
from resilience_sim.views import format as fmt
from resilience_sim.views.story_fold import Step
from resilience_sim.views.words import outcome_name, state_name

_EFFECTS = {
    ev.APPLIED: "its effect happened",
    ev.DUPLICATE: "its effect happened AGAIN: a duplicate",
    ev.DEDUPLICATED: "B recognised its idempotency key and answered with the stored result",
    ev.REPEATED: "executed again, which changes nothing",
}


def not_again(config: PolicyConfig, tries: int, outcome: int, denied: bool) -> str:
    """Why a retry layer let a result pass."""
    said = outcome_name(outcome)
    most = getattr(config, "attempts", 0)
    if outcome <= ev.FALLBACK:
        return f"`{said}`: done at try {tries}" if tries > 1 else ""
    if denied:
        return f"`{said}` would be tried again, but the budget denies it"
    if most and tries >= most:
        return (
            f"`{said}` again: that was the last of {fmt.plural(most, 'try', 'tries')}"
            if tries > 1
            else (f"`{said}`: only one try is allowed")
        )
    if outcome not in getattr(config, "on", (outcome,)):
        return f"`{said}` is not among the outcomes that are tried again"
    if getattr(config, "max_elapsed", 0):
        return f"`{said}`: the next try would come later than {fmt.duration(config.max_elapsed)} after the first"  # type: ignore[attr-defined]
    return f"`{said}` is not tried again"


def waiting(config: PolicyConfig, number: int, wait: int, hint: bool) -> str:
    """Why it waits so long before the next try."""
    most = getattr(config, "attempts", 0)
    of = f" of {most}" if most else ""
    return f"try {number}{of}, after a wait of {fmt.duration(wait)} ({_formula(config, number - 1, hint)})"


def _formula(config: PolicyConfig, n: int, hint: bool) -> str:
    if hint:
        return "as long as B asked for"
    if not isinstance(config, RetryConfig):
        return f"by the rules of {getattr(config, 'like', config.kind)}"
    base = fmt.duration(config.delay)
    shapes = {
        "constant": f"always {base}",
        "linear": f"{base} x {n}",
        "exponential": f"{base} x {fmt.factor(config.factor)[:-1]}^{n - 1}",
        "decorrelated": f"between {base} and three times the wait before",
    }
    text = shapes[config.backoff]
    if config.max_delay:
        text += f", at most {fmt.duration(config.max_delay)}"
    jitter = {"full": "full jitter: anything below", "equal": "equal jitter: half of it and up"}.get(config.jitter, "")
    if config.jitter == "spread":
        jitter = f"jitter of {fmt.share(config.spread)}"
    return f"{text}; {jitter}" if jitter else text


def step_words(plan: Plan, step: Step, name: str) -> str:
    """One step of a layer or of the client, in words; "" for what the tree says itself."""
    kind, a, b = step.kind, step.a, step.b
    if kind == ev.ARRIVE:
        threads = plan.client.threads
        if a == ev.TURNED_AWAY:
            return "turned away: no thread and no waiting place was left"
        if a == ev.BACKLOGGED:
            return f"all {threads} threads were taken: it waits for one"
        return f"got thread {b} of {threads}" if threads else f"was request number {b} under way" if b > 1 else ""
    if kind == ev.START:
        return f"got a thread after {fmt.duration(b)} in the backlog"
    if kind == ev.REJECTED:
        return _rejected(plan, step, name)
    if kind == ev.BREAKER:
        who = f" (through {step.text})" if step.text else ""
        return f"`{name}` became {state_name(a >> 8 & 0xFF)}: {why_text(a, b)}{who}"
    if kind == ev.PROBE:
        return f"`{name}` let it through as a probe ({fmt.plural(a, 'probe')} in flight, {b} succeeded so far)"
    if kind == ev.LATE_RESULT:
        was, now = state_name(b >> 8), state_name(b & 0xFF)
        return f"`{name}` did not count the {outcome_name(a)}: the call was let in when it was {was}, now it is {now}"
    if kind == ev.TIMED_OUT:
        return f"`{name}` gave up after {fmt.duration(a)}"
    if kind == ev.QUEUED:
        known = f", {fmt.duration(b)} until its turn" if b >= 0 else ""
        return f"`{name}` made it wait ({fmt.plural(a, 'call')} waiting{known})"
    if kind == ev.ADMITTED_LATE:
        return f"`{name}` let it in after {fmt.duration(b)}"
    if kind == ev.HEDGE:
        return f"`{name}` had no answer yet and sent leg {a}"
    if kind == ev.HEDGE_WON:
        return f"`{name}`: leg {a} of {b} answered first"
    if kind == ev.FELL_BACK:
        return f"`{name}` served its fallback in place of `{outcome_name(a)}`"
    if kind == ev.RETRY_DENIED:
        return f"`{name}`: the budget denied try {a}"
    if kind == ev.CRASH:
        return f"the client instance crashed, with {fmt.plural(a, 'request')} in flight"
    return ""


def _rejected(plan: Plan, step: Step, name: str) -> str:
    if step.a == ev.BREAKER_OPEN:
        left = f", {fmt.duration(step.b)} before it may probe" if step.b else " (half open, its probes are under way)"
        return f"`{name}` rejected it: OPEN{left}" if step.b else f"`{name}` rejected it{left}"
    if step.a == ev.BULKHEAD_FULL:
        return f"`{name}` rejected it: every place is taken, {fmt.plural(step.b, 'call')} waiting"
    if step.a == ev.LIMITED:
        return f"`{name}` rejected it: the next permit is {fmt.duration(max(0, step.b))} away"
    if step.a == ev.THROTTLED:
        return f"`{name}` rejected it: the chance of a rejection was {fmt.share(step.b / 1e6)}"
    return f"`{name}` rejected it: {outcome_name(step.a)}"


def effect_words(kind: int, orphan: bool) -> str:
    """What B's work did to the ledger."""
    text = _EFFECTS.get(kind, "")
    return f"{text}, after the request had been reported as failed" if text and orphan else text
