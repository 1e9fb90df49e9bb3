"""What happened to a request, in words: the one set of sentences that ``explain``, the inspector and comparisons use.

A step's words are a predicate whose subject is the component that emitted the event: "`retry` had no budget for try 2".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.events import Component, Event
from resilience_sim.measure.breakers import why_text
from resilience_sim.measure.story import Attempt, Step, Story, read_story
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig, tries_again
from resilience_sim.settings.service import OperationConfig
from resilience_sim.views.words import late_effect, outcome_name, speaker, state_name

Said = tuple[str, str]  # words, style (views/text.py)

_EFFECTS: dict[int, Said] = {
    ev.APPLIED: ("its effect happened", "note"),
    ev.DUPLICATE: ("its effect happened AGAIN: a duplicate", "bad!"),
    ev.DEDUPLICATED: ("B recognised its idempotency key and answered with the stored result", "good"),
    ev.REPEATED: ("executed again, which changes nothing", ""),
}
_LEFT = {
    ev.ABANDONED: "nobody was waiting for it any more",
    ev.STOPPED: "its caller stopped it",
    ev.REPLICA_LOST: "the replica was lost",
    ev.EXPIRED: "the deadline it was told had passed",
}
_STATE_STYLES = ("good!", "bad!", "odd!")


@dataclass(frozen=True, slots=True)
class Context:
    """What words may mention besides the step itself, as far as it is known."""

    config: PolicyConfig | None = None  # of the layer that emitted the event, as it was then
    deadline: int = 0  # of requests, ns
    service: str = "B"


def step_words(step: Step, context: Context) -> Said:
    """A step in words; "" for what needs none."""
    words = _WORDS.get(step.kind)
    return words(step, context) if words is not None else ("", "")


# --- the client ---------------------------------------------------------------------------------------------------


def _arrive(step: Step, context: Context) -> Said:
    admission = ev.admission_of(step.a)
    if admission == ev.TURNED_AWAY:
        return "turned it away: no thread, no place in the backlog, or down", "bad"
    if admission == ev.BACKLOGGED:
        return "had no thread free: it waits in the backlog", "odd"
    return "took it on", ""


def _start(step: Step, context: Context) -> Said:
    return f"had a thread for it after {fmt.duration(step.b)} in the backlog", ""


def _done(step: Step, context: Context) -> Said:
    outcome = ev.outcome_of(step.a)
    words = f"answered its user: {outcome_name(outcome)} after {fmt.duration(step.b)}"
    return words + lateness(context.deadline, outcome, step.b), "good!" if outcome == ev.SUCCESS else "bad!"


def lateness(deadline: int, outcome: int, latency: int) -> str:
    """What to add to a success that came too late."""
    late = outcome == ev.SUCCESS and 0 < deadline < latency
    return f", later than its deadline of {fmt.duration(deadline)}" if late else ""


def _crash(step: Step, context: Context) -> Said:
    return f"crashed, with {fmt.plural(step.a, 'request')} in flight", "bad!"


# --- attempts -----------------------------------------------------------------------------------------------------


def _sent(step: Step, context: Context) -> Said:
    return f"was sent attempt {step.a}", "calm"


def _received(step: Step, context: Context) -> Said:
    if step.b == ev.STARTED:
        return "had a worker for it at once", ""
    if step.b == ev.QUEUED_AT_B:
        return "had no worker free: it waits in the queue", "odd"
    return ("swallowed it and will never answer", "bad") if step.b == ev.HUNG else ("turned it down at once", "bad")


def _begin(step: Step, context: Context) -> Said:
    return f"began attempt {step.a} after {fmt.duration(step.b)} in the queue", ""


def _end(step: Step, context: Context) -> Said:
    if not ev.abandoned(step.a):
        return "", ""
    return f"finished attempt {ev.attempt_of(step.a)}: {fmt.duration(step.b)} of work for nobody", "odd"


def _left(step: Step, context: Context) -> Said:
    return f"dropped attempt {step.a} from its queue: {_LEFT.get(step.b, 'nobody knows why')}", "odd"


def _result(step: Step, context: Context) -> Said:
    outcome, after = ev.outcome_of(step.a), fmt.duration(step.b)
    if outcome in (ev.TIMEOUT, ev.CANCELLED, ev.CRASHED):
        words = f"had not answered attempt {ev.attempt_of(step.a)} after {after}: {outcome_name(outcome)}"
    else:
        words = f"answered attempt {ev.attempt_of(step.a)} after {after}: {outcome_name(outcome)}"
    return words, "good" if outcome <= ev.FALLBACK else "bad"


def _effect(step: Step, context: Context) -> Said:
    words, style = effect_words(ev.effect_of(step.a), step.b != 0, context.service)
    return f"attempt {ev.attempt_of(step.a)}: {words}" if words else "", style


def effect_words(kind: int, after_failure: bool, service: str = "B") -> Said:
    """What a service's work did to the ledger."""
    words, style = _EFFECTS.get(kind, ("", ""))
    words = words.replace("B recognised", f"{service} recognised")
    return f"{words}, after the request had been reported as failed" if words and after_failure else words, style


def attempt_words(attempt: Attempt, replica: str, service: str = "B", name: str = "") -> str:
    """An attempt in one line: ``attempt 1; at B#1; error after 50ms``. ``name``: instead of its number."""
    facts = [name or f"attempt {attempt.number & ev.TRIES}"]
    if attempt.received >= 0:
        how = {ev.QUEUED_AT_B: "queued at", ev.TURNED_DOWN: "turned down by", ev.HUNG: "swallowed by"}
        facts.append(f"{how.get(attempt.reception, 'at')} {replica}")
    if attempt.left:
        facts.append(f"left {service}'s queue without any work")
    elif attempt.began > attempt.received:
        facts.append(f"waited {fmt.duration(attempt.began - attempt.received)} in {service}'s queue")
    if attempt.outcome >= 0:
        facts.append(f"{outcome_name(attempt.outcome)} after {fmt.duration(attempt.answered - attempt.sent)}")
    if attempt.abandoned:
        worked = fmt.duration(attempt.worked)
        facts.append(f"{service} worked on it until {fmt.instant(attempt.ended)}, {worked} for nobody")
    facts.append(effect_words(attempt.effect, attempt.after_failure, service)[0])
    return "; ".join(fact for fact in facts if fact)


def operation_at(plan: Plan, index: int) -> OperationConfig:
    """What a request does to B, by the number in its ARRIVE."""
    each = plan.operation.each
    return each[index] if index < len(each) else each[0]


def operation_words(plan: Plan, index: int) -> str:
    """``POST with a key``; nothing where all requests only read."""
    return "" if plan.operation.only_reads else operation_at(plan, index).title


# --- retries ------------------------------------------------------------------------------------------------------


def _retry_wait(step: Step, context: Context) -> Said:
    why = f"`{outcome_name(step.outcome)}` is worth another try: " if step.outcome > ev.FALLBACK else ""
    return why + try_words(context.config, step.a, step.b), "odd"


def _denied(step: Step, context: Context) -> Said:
    return f"had no budget for try {step.a}", "bad"


def try_words(config: PolicyConfig | None, number: int, wait: int) -> str:
    """The next try, and why it waits as long: ``try 2 of 3, after a wait of 1s (1s x 2^0)``."""
    most = getattr(config, "attempts", 0)
    of = f" of {most}" if most else ""
    if not wait:
        return f"try {number}{of}, at once"
    formula = f" ({_formula(config, number - 1)})" if config is not None else ""
    return f"try {number}{of}, after a wait of {fmt.duration(wait)}{formula}"


def _formula(config: PolicyConfig, n: int) -> str:
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


def spared(config: PolicyConfig, operation: OperationConfig, outcome: int) -> bool:
    """Whether a retry leaves an outcome alone because of what the request does."""
    if not isinstance(config, RetryConfig | LikeRetryConfig):
        return False
    return outcome in config.on and not tries_again(config, operation, outcome)


def no_more_tries(config: PolicyConfig, tries: int, outcome: int, denied: bool, operation: OperationConfig) -> str:
    """Why a retry layer passed a result on; "" for a success at the first try."""
    said = f"`{outcome_name(outcome)}`"
    most = getattr(config, "attempts", 0)
    if outcome <= ev.FALLBACK:
        return f"{said}: done at try {tries}" if tries > 1 else ""
    if denied:
        return f"{said} would be tried again, but it had no budget for try {tries + 1}"
    if most and tries >= most:
        last = f"{said} again: that was the last of {fmt.plural(most, 'try', 'tries')}"
        return last if tries > 1 else f"{said}: only one try is allowed"
    if spared(config, operation, outcome):
        key = " without an idempotency key" if operation.method == "POST" and not operation.idempotency_key else ""
        return f"{said} would be tried again, but not of a {operation.method}{key}"
    if outcome not in getattr(config, "on", (outcome,)):
        return f"{said} is not among the outcomes that are tried again"
    longest = getattr(config, "max_elapsed", 0)
    if longest:
        return f"{said}: the next try would come later than {fmt.duration(longest)} after the first"
    return f"{said} is not tried again"


# --- other policies -----------------------------------------------------------------------------------------------


def _breaker(step: Step, context: Context) -> Said:
    who = f" (through {step.text})" if step.text else ""
    new = ev.new_state(step.a)
    return f"became {state_name(new)}: {why_text(step.a, step.b)}{who}", _STATE_STYLES[min(new, 2)]


def _rejected(step: Step, context: Context) -> Said:
    if step.b < 0:  # code of the user's own, which does not say more
        why = outcome_name(step.a)
    elif step.a == ev.BREAKER_OPEN:
        if not step.b:
            why = "half open, its probes are under way"
        else:
            since = ""
            if step.cause is not None:
                t, a, b = step.cause
                since = f" since {fmt.instant(t)} ({why_text(a, b)})"
            why = f"OPEN{since}, {fmt.duration(step.b)} before it may probe"
    elif step.a == ev.BULKHEAD_FULL:
        why = f"every place is taken, {fmt.plural(step.b, 'call')} waiting"
    elif step.a == ev.LIMITED:
        why = f"the next permit is {fmt.duration(max(0, step.b))} away"
    elif step.a == ev.THROTTLED:
        why = f"the chance of a rejection was {fmt.share(step.b / 1e6)}"
    else:
        why = outcome_name(step.a)
    return f"rejected it: {why}", "bad"


def _late_result(step: Step, context: Context) -> Said:
    then, now = state_name(ev.state_at_admission(step.b)), state_name(ev.state_at_result(step.b))
    words = f"got a late {outcome_name(step.a)}, let in while {then}, now {now}: {late_effect(context.config)}"
    return words, "faint"


def _probe(step: Step, context: Context) -> Said:
    return f"let it through as a probe ({fmt.plural(step.a, 'probe')} in flight, {step.b} succeeded so far)", "odd"


def _timed_out(step: Step, context: Context) -> Said:
    return f"gave up after {fmt.duration(step.a)}", "bad"


def _queued(step: Step, context: Context) -> Said:
    known = f", {fmt.duration(step.b)} until its turn" if step.b >= 0 else ""
    return f"made it wait ({fmt.plural(step.a, 'call')} waiting{known})", "odd"


def _admitted_late(step: Step, context: Context) -> Said:
    return f"let it in after {fmt.duration(step.b)}", ""


def _hedge(step: Step, context: Context) -> Said:
    return f"had no answer yet and sent leg {step.a}", "note"


def _hedge_won(step: Step, context: Context) -> Said:
    return f"took the answer of leg {step.a} of {step.b}, which came first", "good"


def _fell_back(step: Step, context: Context) -> Said:
    return f"answered in {context.service}'s place, instead of `{outcome_name(step.a)}`", "odd"


_WORDS: dict[int, Callable[[Step, Context], Said]] = {
    ev.ARRIVE: _arrive,
    ev.START: _start,
    ev.DONE: _done,
    ev.SENT: _sent,
    ev.RECEIVED: _received,
    ev.BEGIN: _begin,
    ev.END: _end,
    ev.LEFT_QUEUE: _left,
    ev.RESULT: _result,
    ev.EFFECT: _effect,
    ev.RETRY_WAIT: _retry_wait,
    ev.RETRY_DENIED: _denied,
    ev.BREAKER: _breaker,
    ev.REJECTED: _rejected,
    ev.LATE_RESULT: _late_result,
    ev.PROBE: _probe,
    ev.TIMED_OUT: _timed_out,
    ev.QUEUED: _queued,
    ev.ADMITTED_LATE: _admitted_late,
    ev.HEDGE: _hedge,
    ev.HEDGE_WON: _hedge_won,
    ev.FELL_BACK: _fell_back,
    ev.CRASH: _crash,
}


# --- a request line by line (the inspector) -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One decision or fact: when, who, what; ``style`` as in views/text.py."""

    t: int
    who: str
    words: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class ToldStory:
    """A story with its lines; ``operation``: what the request does to B, if that is to be said."""

    story: Story
    lines: list[Line]
    operation: str = ""


def tell(rid: int, events: Sequence[Event], components: Mapping[int, Component], plan: Plan) -> ToldStory:
    """The story of a request line by line; ``plan`` has the settings that words mention."""
    story = read_story(rid, events)
    several = plan.client.instances > 1
    configs = {policy.id: policy for policy in plan.stack}
    lines = []
    for step in story.steps:
        component = components.get(step.source)
        if step.kind == ev.DONE:
            retry = next((p for p in plan.stack if p.kind == "retry"), None)
            made, outcome = ev.attempts_of(step.a), ev.outcome_of(step.a)
            what = operation_at(plan, story.operation)
            if retry is not None and outcome > ev.FALLBACK:
                all_made = made >= getattr(retry, "attempts", made + 1) > 1
                if all_made or (made and spared(retry, what, outcome)):
                    lines.append(Line(step.t, retry.id, no_more_tries(retry, made, outcome, False, what), "bad"))
        config = configs.get(component.name) if component is not None else None
        words, style = step_words(step, Context(config, plan.traffic.deadline, plan.service.name))
        if words:
            lines.append(Line(step.t, speaker(component, several), words, style))
    return ToldStory(story, lines, operation_words(plan, story.operation))


# --- a request in a sentence (comparisons) ------------------------------------------------------------------------

_IN_A_SENTENCE = (ev.RETRY_DENIED, ev.REJECTED, ev.FELL_BACK, ev.HEDGE)


def sentence(story: Story, components: Sequence[Component]) -> str:
    """What happened step by step: ``attempt 1 error after 50ms, waited 200ms, attempt 2 success after 250ms``."""
    directory = {component.id: component for component in components}
    several = len({component.instance for component in components if component.kind == "client"}) > 1
    parts: list[str] = []
    for step in story.steps:
        if step.kind == ev.SENT:
            attempt = story.attempt(step.a)
            answered = f"{outcome_name(attempt.outcome)} after {fmt.duration(attempt.answered - attempt.sent)}"
            parts.append(f"attempt {step.a} {answered if attempt.outcome >= 0 else 'without an answer'}")
        elif step.kind == ev.RETRY_WAIT and step.b:
            parts.append(f"waited {fmt.duration(step.b)}")
        elif step.kind in _IN_A_SENTENCE or (step.kind == ev.ARRIVE and ev.admission_of(step.a) != ev.ADMITTED):
            words, _ = step_words(step, Context())
            parts.append(f"{speaker(directory.get(step.source), several)} {words}")
        elif step.kind == ev.DONE and not parts:
            parts.append(f"ended after {fmt.duration(step.b)} without an attempt")
    return ", ".join(parts)
