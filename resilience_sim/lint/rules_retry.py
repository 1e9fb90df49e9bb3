"""Rules about retries: their waits, and what they do twice or hide."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from resilience_sim.interop.generic import WITHOUT_LIMIT
from resilience_sim.kernel.events import BREAKER_OPEN, CLIENT_ERROR, LOST, OUTCOME_NAMES, TIMEOUT
from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import (
    attempt_failures,
    attempt_limit,
    heard,
    longest_wait,
    network,
    of_jitter_alone,
    traffic,
    tries_failing,
    views,
    waits,
    worst_time,
)
from resilience_sim.lint.chance import longer_than
from resilience_sim.lint.finding import ERROR, WARNING, Hit, rule
from resilience_sim.lint.subject import Subject
from resilience_sim.policies.rules.retry import Draws, Memory, Wait
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig
from resilience_sim.settings.service import OperationConfig
from resilience_sim.settings.timeout import TimeoutConfig

LONG = 30_000_000_000
IMPATIENT = 1_000_000_000
MANY = 12  # attempts that nobody means


def _retries(subject: Subject) -> Iterator[tuple[int, RetryConfig]]:
    for index, config in enumerate(subject.stack):
        if isinstance(config, RetryConfig) and config.attempts > 1:
            yield index, config


@rule("RL029", "dozens of attempts", WARNING, about=(RetryConfig,))
def dozens(subject: Subject) -> Iterator[Hit]:
    """What did not work the first five times seldom works the fortieth: the trouble is not a blip, or the request is at
    fault. Meanwhile every failing request multiplies the load of B by the number of attempts, and its caller waits for
    all of them. Two or three retries catch nearly all that retries can catch; for longer outages a breaker, and a queue
    with a worker of its own, do better.
    """
    for index, config in _retries(subject):
        if not MANY <= config.attempts < WITHOUT_LIMIT:
            continue
        each = worst_time(subject.stack, index + 1)
        whole = min(worst_time(subject.stack, index), worst_time(subject.stack))
        long = f", for up to {say.duration(whole)}" if whole < inf else ""
        load = say.digits(tries_failing(subject.plan, index))
        yield Hit(
            subject.at(index, "attempts"),
            f"up to {config.attempts} attempts of one request{long}: a down B gets {load} times as many",
            "make 3 to 5 attempts, with a budget, and put a breaker around B",
            {"attempts": config.attempts} | ({"each": each / 1e9} if each < inf else {}),
        )


def _first_wait(subject: Subject, index: int, config: RetryConfig) -> float:
    """The first wait that is one, under the rules of the library: urllib3's first retry comes at once."""
    exact = subject.exact[index]
    if isinstance(exact, LikeRetryConfig):
        rule, memory = Wait(exact.wait), Memory()
        return next((wait for n in (1, 2, 3) if (wait := rule.wait(n, memory, Draws())) > 0), 0.0)
    return longest_wait(config, 1)


def _turns(config: RetryConfig) -> str:
    if config.attempts == 2:
        return "once"
    return f"{config.attempts - 1} times" if config.attempts < WITHOUT_LIMIT else "again and again"


@rule("RL014", "retries without jitter", WARNING, about=(RetryConfig,))
def no_jitter(subject: Subject) -> Iterator[Hit]:
    """A B that refuses a burst gets the same burst again, after the same wait, as often as there are retries. Chance
    spreads it: with full jitter the wave is as wide as the wait is long.
    """
    for index, config in _retries(subject):
        if not config.delay or config.jitter != "none" or config.backoff == "decorrelated":
            continue
        first = _first_wait(subject, index, config)
        rate = traffic(subject.plan).usual
        again = (tries_failing(subject.plan, index) - 1) / (config.attempts - 1)  # the share that comes back at all
        yield Hit(
            subject.at(index, "jitter"),
            "no jitter: requests that fail in the same instant come back in the same instant, "
            f"{say.duration(first)} later and "
            f"{_turns(config)}; a second of traffic that fails together is a wave of "
            f"{say.plural(max(1, round(rate * again)), 'call')} each time",
            "write `jitter: full`",
            {"again_after": first / 1e9, "waves": config.attempts - 1},
            ("traffic",),
        )


@rule("RL015", "waits without a cap", WARNING, about=(RetryConfig,))
def no_cap(subject: Subject) -> Iterator[Hit]:
    """Exponential waits double: ten attempts from 100 ms wait 26 s before the last, twenty more than seven hours.
    Without a cap the last attempts come when nobody waits for them.
    """
    for index, config in _retries(subject):
        if config.max_delay or config.backoff in ("constant", "linear") or not config.delay:
            continue
        last = longest_wait(config, config.attempts - 1)
        if config.max_elapsed:
            last = min(last, config.max_elapsed)
        limit = subject.plan.traffic.deadline or LONG
        if last > min(limit, LONG):
            yield Hit(
                subject.at(index, "attempts"),
                (
                    "no cap and no last attempt: the waits grow without end"
                    if config.attempts >= WITHOUT_LIMIT and not config.max_elapsed
                    else f"no cap: the wait before the last attempt is up to {say.duration(last)}"
                )
                + (f", longer than the deadline of {say.duration(limit)}" if limit < LONG else ""),
                "write `max_delay: 5s`, say",
                {"last_wait": last / 1e9},
            )


@rule("RL016", "retries at once", WARNING, about=(RetryConfig,))
def at_once(subject: Subject) -> Iterator[Hit]:
    """A retry bets that the trouble passes before the last attempt. Attempts without waits are over in milliseconds:
    any trouble that lasts longer than that defeats all of them, and B gets the load of all. A delay of nothing with
    jitter around it (the default of MicroProfile's `@Retry`: 0 ms, 200 ms to either side) is little more than that.
    """
    for index, config in _retries(subject):
        if config.delay:
            continue
        longest = of_jitter_alone(subject.exact[index])
        if longest:
            if longest * (config.attempts - 1) <= IMPATIENT:
                yield _of_jitter(subject, index, config, longest)
            continue
        yield Hit(
            subject.at(index, "delay"),
            (
                f"{'both' if config.attempts == 2 else f'all {config.attempts}'} attempts follow each other at once: "
                "whatever made the first fail fast still "
                f"lasts, and B gets {say.digits(tries_failing(subject.plan, index))} times the calls in the same moment"
                if config.attempts < WITHOUT_LIMIT
                else "the attempts follow each other at once, and nothing limits their number: whatever made the first "
                "fail fast still lasts, and B gets as many calls as the caller can make"
            ),
            "write `delay: 100ms, backoff: exponential, jitter: full`",
            {"patience": 0.0, "attempts": config.attempts},
            assumes=("failures come fast, as a refused connection does",),
        )


def _of_jitter(subject: Subject, index: int, config: RetryConfig, longest: float) -> Hit:
    """A delay of nothing with jitter around it: half of such waits are none at all."""
    exact = subject.exact[index]
    patience = longest * (config.attempts - 1)
    around = isinstance(exact, LikeRetryConfig) and exact.wait.jitter == "around"
    return Hit(
        subject.at(index, "delay"),
        f"the waits between {config.attempts} attempts are jitter alone"
        f"{', half of them none at all' if around else ''}, and together {say.duration(patience)} at most: whatever "
        "made the first fail fast and lasts longer makes all of them fail",
        "write `delay: 100ms, backoff: exponential, jitter: full`",
        {"patience": patience / 1e9, "attempts": config.attempts},
        assumes=("failures come fast, as a refused connection does",),
    )


@rule("RL019", "retries against an open breaker", WARNING, about=(RetryConfig, BreakerConfig))
def open_door(subject: Subject) -> Iterator[Hit]:
    """resilience4j retries every exception unless told otherwise, CallNotPermittedException of an open breaker too.
    The waits of the retry are mostly far shorter than the recovery time: the caller waits for nothing. It makes
    sense only if the retry is more patient than the breaker (scenario payments-complete does that).
    """
    for index, config in _retries(subject):
        if BREAKER_OPEN not in config.on:
            continue
        patience = waits(config)
        for inner, view in enumerate(views(subject.stack)):
            if inner <= index or view is None or patience >= view.recovery:
                continue
            yield Hit(
                subject.at(index, "on"),
                f"the rejections of `{subject.stack[inner].id}` are retried for {say.duration(patience)} "
                "at most, and it stays open for "
                f"{say.duration(view.recovery)}: a request that finds it just opened is rejected "
                f"{'again and again' if config.attempts >= WITHOUT_LIMIT else f'{config.attempts} times'} "
                "and only waits",
                f"take `breaker_open` out of `on`, or be patient for longer than {say.duration(view.recovery)}",
                {"patience": patience / 1e9, "recovery": view.recovery / 1e9, "attempts": config.attempts},
            )
            break


def _stops_work(subject: Subject, index: int) -> bool:
    """Whether every timeout inside a layer also stops B's work."""
    inside = [c for c in subject.stack[index + 1 :] if isinstance(c, TimeoutConfig)]
    return all(config.cancels_work for config in inside)


def duplicates_per_request(subject: Subject, config: RetryConfig) -> float:
    """Expected effects beyond the first: E[effects] - P(at least one), attempts independent."""
    service = subject.plan.service
    limit = attempt_limit(subject.stack)
    late = longer_than(service.latency, limit - network(subject.plan)) if limit < inf else 0.0
    late_again = late if TIMEOUT in config.on else 0.0  # tried again after a timeout
    failing = service.failure_rate
    seen = TIMEOUT if heard(service) == LOST else heard(service)
    failing_again = failing if seen in config.on else 0.0
    if service.failure == LOST:
        done, done_again, nothing_again, nothing_left = 1.0, late_again + (1 - late) * failing_again, 0.0, 0.0
    else:
        done, done_again = 1 - failing, late_again * (1 - failing)
        nothing_again = late_again * failing + (1 - late) * failing_again
        nothing_left = failing - nothing_again
    tries = min(config.attempts, 100)
    effects = sum((done_again + nothing_again) ** k for k in range(tries)) * done
    none = sum(nothing_again**k for k in range(tries)) * nothing_left + nothing_again**tries
    return float(max(0.0, effects - (1 - none)))


def hides_effects(subject: Subject, config: RetryConfig) -> tuple[int, str] | None:
    """An outcome that is tried again although the work may be done, and where it comes from."""
    service = subject.plan.service
    if service.failure_rate and service.failure == LOST and service.lost_answer in config.on:
        return service.lost_answer, "service.lost_answer"
    for fault in subject.plan.faults:
        if fault.outcome == LOST and fault.answer in config.on:
            return fault.answer, f"the fault `{fault.id}`"
    return None


@rule("RL017", "a POST that is executed twice", ERROR)
def twice(subject: Subject) -> Iterator[Hit]:
    """After a timeout nobody knows whether the work was done, nor after an error that somebody in between (a sidecar,
    a gateway) makes up because B's answer was lost (`lost_responses: {answer: …}`). A second try of a POST may do it
    again: a second order, a second payment. An idempotency key, the same on every attempt of a request, lets B
    recognise it, if B looks for it (`deduplicate`). The expectation is exact for independent attempts: the effects of
    all attempts, less the first.
    """
    plan = subject.plan
    deduplicates = plan.service.deduplicate
    posts = [each for each in plan.operation.each if each.method == "POST" and each.share]
    posts = [each for each in posts if not (each.idempotency_key and deduplicates)]
    if not posts:
        return
    for index, config in enumerate(subject.stack):
        timed = any(isinstance(inner, TimeoutConfig) for inner in subject.stack[index + 1 :])
        if isinstance(config, HedgeConfig):
            yield Hit(
                subject.at(index),
                f"a hedge sends the same POST again while the first may succeed, and {_half(posts)}: both are executed",
                "hedge reads only, or add an idempotency key and `service.deduplicate`",
            )
        elif isinstance(config, RetryConfig) and config.attempts > 1:
            repeated = [each for each in posts if each.repeatable or not config.only_idempotent]
            after, whence = "a timeout", ""
            hidden = hides_effects(subject, config)
            if hidden is not None:
                after, whence = f"`{OUTCOME_NAMES[hidden[0]]}`", f" ({hidden[1]})"
            elif TIMEOUT not in config.on or not timed or _stops_work(subject, index):
                continue
            if not repeated:
                continue
            expected = duplicates_per_request(subject, config) * sum(each.share for each in repeated)
            much = (
                f"about {say.digits(expected * 1000)} of 1,000 requests are executed once too often"
                if expected > 1e-7
                else "nothing in normal operation, every lost answer of that fault"
                if hidden is not None
                else "nothing in normal operation, every slow answer when B is in trouble"
            )
            yield Hit(
                subject.at(index, "on"),
                f"a POST is retried after {after}{whence}, when it may have been executed, and {_half(repeated)}: "
                f"{much}",
                "send an idempotency key and set `service.deduplicate`, write `only_idempotent: true`, or take "
                f"`{'timeout' if hidden is None else OUTCOME_NAMES[hidden[0]]}` out of `on`",
                {"duplicates_per_request": expected},
                ("service",),
            )


def _half(posts: list[OperationConfig]) -> str:
    """What is missing, so that B does not know a POST that comes again."""
    keyed = [each.idempotency_key for each in posts]
    if all(keyed):
        return "B does not deduplicate keys"
    return f"{'some' if any(keyed) else 'requests'} carry no idempotency key"


@rule("RL018", "an idempotency key that expires too early", ERROR, about=(RetryConfig,))
def forgotten_key(subject: Subject) -> Iterator[Hit]:
    """B remembers keys for a time. If the last attempt of a request can come later than that, counted with every
    timeout used up and the longest waits, B takes it for a new request.
    """
    plan = subject.plan
    ttl = plan.service.dedup_ttl
    keyed = any(each.method == "POST" and each.idempotency_key and each.share for each in plan.operation.each)
    if not keyed or not plan.service.deduplicate or not ttl:
        return
    for index, config in enumerate(subject.stack):
        if not isinstance(config, RetryConfig) or config.attempts < 2:
            continue
        each = worst_time(subject.stack, index + 1)
        span = min((config.attempts - 1) * each + waits(config), worst_time(subject.stack))
        if span > ttl:
            when = "at any time" if span == inf else f"{say.duration(span)} after the first"
            yield Hit(
                subject.at(index, "attempts"),
                f"the last attempt may come {when}; "
                f"B forgets the idempotency key after {say.duration(ttl)} and executes it again",
                "remember keys for longer than retries last; 24h is usual",
                {"last_try": span / 1e9, "ttl": ttl / 1e9},
            )


@rule("RL023", "a fallback that hides failures", ERROR, about=(FallbackConfig,))
def hidden(subject: Subject) -> Iterator[Hit]:
    """To the layers outside it a fallback looks like a success. A retry outside never retries, a breaker outside never
    opens (RL009). Put the fallback outermost.
    """
    plan = subject.plan
    refused = CLIENT_ERROR in attempt_failures(plan) or any(fault.outcome == CLIENT_ERROR for fault in plan.faults)
    never = set() if refused else {CLIENT_ERROR}  # what B does not answer here
    for index, config in enumerate(subject.stack):
        if not isinstance(config, FallbackConfig):
            continue
        for outer in range(index):
            above = subject.stack[outer]
            if isinstance(above, RetryConfig) and above.attempts > 1 and set(above.on) - never <= set(config.on):
                yield Hit(
                    subject.at(index),
                    f"the fallback inside `{above.id}` answers every failure: none of the "
                    f"{above.attempts - 1} retries is ever made",
                    "put the fallback outermost",
                    {"attempts": 1.0},
                )
                break
