"""Rules about the waits between attempts: jitter, caps, patience.

Owns RL014 to RL016 and RL019.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience_sim.interop.breaker_view import breaker_of
from resilience_sim.kernel.events import BREAKER_OPEN
from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import longest_wait, waits
from resilience_sim.lint.finding import WARNING, Hit, Rule
from resilience_sim.lint.subject import Subject
from resilience_sim.lint.traffic import traffic
from resilience_sim.policies.config import RetryConfig

LONG = 30_000_000_000


def _retries(subject: Subject) -> Iterator[tuple[int, RetryConfig]]:
    for index, config in enumerate(subject.stack):
        if isinstance(config, RetryConfig) and config.attempts > 1:
            yield index, config


def no_jitter(subject: Subject) -> Iterator[Hit]:
    """RL014: what failed together comes back together."""
    for index, config in _retries(subject):
        if not config.delay or config.jitter != "none" or config.backoff == "decorrelated":
            continue
        first = longest_wait(config, 1)
        rate = traffic(subject.plan).usual
        yield Hit(
            subject.at(index, "jitter"),
            "no jitter: requests that fail in the same instant come back in the same instant, "
            f"{say.duration(first)} later and "
            f"{config.attempts - 1} times; a second of traffic that fails together is a wave of "
            f"{say.times(rate, 'call')} each time",
            "write `jitter: full`",
            {"again_after": first / 1e9, "waves": config.attempts - 1},
            ("traffic",),
        )


def no_cap(subject: Subject) -> Iterator[Hit]:
    """RL015: waits that grow beyond use."""
    for index, config in _retries(subject):
        if config.max_delay or config.backoff in ("constant", "linear") or not config.delay:
            continue
        last = longest_wait(config, config.attempts - 1)
        limit = subject.plan.traffic.deadline or LONG
        if last > min(limit, LONG):
            yield Hit(
                subject.at(index, "attempts"),
                f"no cap: the wait before the last attempt is up to {say.duration(last)}"
                + (f", longer than the deadline of {say.duration(limit)}" if limit < LONG else ""),
                "write `max_delay: 5s`, say",
                {"last_wait": last / 1e9},
            )


def at_once(subject: Subject) -> Iterator[Hit]:
    """RL016: retries without a wait."""
    for index, config in _retries(subject):
        if config.delay:
            continue
        yield Hit(
            subject.at(index, "delay"),
            f"all {config.attempts} attempts follow each other at once: whatever made the first fail "
            "fast still lasts, and B gets "
            f"{config.attempts} times the calls in the same moment",
            "write `delay: 100ms, backoff: exponential, jitter: full`",
            {"patience": 0.0, "attempts": config.attempts},
            assumes=("failures come fast, as a refused connection does",),
        )


def open_door(subject: Subject) -> Iterator[Hit]:
    """RL019: waiting for a breaker that will not close in time."""
    for index, config in _retries(subject):
        if BREAKER_OPEN not in config.on:
            continue
        for inner in range(index + 1, len(subject.stack)):
            view = breaker_of(subject.stack[inner])
            patience = waits(config)
            if view is None or patience >= view.recovery:
                continue
            yield Hit(
                subject.at(index, "on"),
                f"the rejections of `{subject.stack[inner].id}` are retried for {say.duration(patience)} "
                "at most, and it stays open for "
                f"{say.duration(view.recovery)}: a request that finds it just opened is rejected "
                f"{config.attempts} times and only "
                "waits",
                f"take `breaker_open` out of `on`, or be patient for longer than {say.duration(view.recovery)}",
                {"patience": patience / 1e9, "recovery": view.recovery / 1e9, "attempts": config.attempts},
            )
            break


RULES: tuple[Rule, ...] = (
    Rule(
        "RL014",
        "retries without jitter",
        WARNING,
        (
            "A B that refuses a burst gets the same burst again, after the same wait, as often as "
            "there are retries. Chance spreads it: with "
            "full jitter the wave is as wide as the wait is long."
        ),
        no_jitter,
    ),
    Rule(
        "RL015",
        "waits without a cap",
        WARNING,
        (
            "Exponential waits double: ten attempts from 100 ms wait 25 s before the last, twenty "
            "wait half a day. Without a cap the last "
            "attempts come when nobody waits for them."
        ),
        no_cap,
    ),
    Rule(
        "RL016",
        "retries at once",
        WARNING,
        (
            "A retry bets that the trouble passes before the last attempt. Attempts without waits "
            "are over in milliseconds: any trouble that "
            "lasts longer than that defeats all of them, and B gets the load of all."
        ),
        at_once,
    ),
    Rule(
        "RL019",
        "retries against an open breaker",
        WARNING,
        (
            "resilience4j retries every exception unless told otherwise, CallNotPermittedException "
            "of an open breaker too. The waits of the "
            "retry are mostly far shorter than the recovery time: the caller waits for nothing. It "
            "makes sense only if the retry is more "
            "patient than the breaker (scenario payments-complete does that)."
        ),
        open_door,
    ),
)
