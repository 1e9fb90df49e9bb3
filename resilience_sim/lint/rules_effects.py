"""Rules about what is done twice, or hidden.

Owns RL017, RL018 and RL023.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from resilience_sim.kernel.events import LOST, TIMEOUT
from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import attempt_failures, inner_timeout, network, waits, worst_time
from resilience_sim.lint.chance import longer_than
from resilience_sim.lint.finding import ERROR, Hit, Rule
from resilience_sim.lint.subject import Subject
from resilience_sim.policies.config import FallbackConfig, HedgeConfig, RetryConfig, TimeoutConfig


def _stops_work(subject: Subject, index: int) -> bool:
    """Whether every timeout inside a layer also stops B's work."""
    inside = [c for c in subject.stack[index + 1 :] if isinstance(c, TimeoutConfig)]
    return all(config.cancels_work for config in inside)


def duplicates_per_request(subject: Subject, config: RetryConfig) -> float:
    """Expected effects beyond the first: E[effects] - P(at least one), attempts independent."""
    service, shares = subject.plan.service, attempt_failures(subject.plan)
    limit = min(inner_timeout(subject.stack, i) for i in range(len(subject.stack)))
    late = longer_than(service.latency, limit - network(subject.plan)) if limit < inf else 0.0
    lost = service.failure == LOST
    unseen = late + (1 - late) * service.failure_rate if lost else late * (1 - service.failure_rate)
    nothing = 0.0 if lost else service.failure_rate  # fails without an effect, and is retried
    done = unseen + shares[0]
    retried = unseen + nothing
    tries = min(config.attempts, 100)
    effects = sum(retried**k for k in range(tries)) * done
    return float(max(0.0, effects - (1 - nothing**tries)))


def twice(subject: Subject) -> Iterator[Hit]:
    """RL017: a POST that may be executed again."""
    plan = subject.plan
    if plan.operation.method != "POST" or (plan.operation.idempotency_key and plan.service.deduplicate):
        return
    half = "B does not deduplicate keys" if plan.operation.idempotency_key else "requests carry no idempotency key"
    for index, config in enumerate(subject.stack):
        timed = any(isinstance(inner, TimeoutConfig) for inner in subject.stack[index + 1 :])
        if isinstance(config, HedgeConfig):
            yield Hit(
                subject.at(index),
                f"a hedge sends the same POST again while the first may succeed, and {half}: both are executed",
                "hedge reads only, or add an idempotency key and `service.deduplicate`",
            )
        elif isinstance(config, RetryConfig) and config.attempts > 1 and TIMEOUT in config.on and timed:
            if _stops_work(subject, index):
                continue
            expected = duplicates_per_request(subject, config)
            much = (
                f"about {say.digits(expected * 1000)} of 1,000 requests are executed once too often"
                if expected > 1e-7
                else ("nothing in normal operation, every slow answer when B is in trouble")
            )
            yield Hit(
                subject.at(index, "on"),
                f"a POST is retried after a timeout, when it may have been executed, and {half}: {much}",
                "send an idempotency key and set `service.deduplicate`, or take `timeout` out of `on`",
                {"duplicates_per_request": expected},
                ("service",),
            )


def forgotten_key(subject: Subject) -> Iterator[Hit]:
    """RL018: the key expires before the last attempt."""
    plan = subject.plan
    ttl = plan.service.dedup_ttl
    if plan.operation.method != "POST" or not plan.operation.idempotency_key or not plan.service.deduplicate or not ttl:
        return
    for index, config in enumerate(subject.stack):
        if not isinstance(config, RetryConfig) or config.attempts < 2:
            continue
        each = worst_time(subject.stack, index + 1)
        span = min((config.attempts - 1) * each + waits(config), worst_time(subject.stack))
        if span > ttl:
            yield Hit(
                subject.at(index, "attempts"),
                f"the last attempt may come {say.duration(span)} after the first; B forgets the idempotency key after "
                f"{say.duration(ttl)} and executes it again",
                "remember keys for longer than retries last; 24h is usual",
                {"last_try": span / 1e9, "ttl": ttl / 1e9},
            )


def hidden(subject: Subject) -> Iterator[Hit]:
    """RL023: a fallback inside what should see failures."""
    for index, config in enumerate(subject.stack):
        if not isinstance(config, FallbackConfig):
            continue
        for outer in range(index):
            above = subject.stack[outer]
            if isinstance(above, RetryConfig) and above.attempts > 1:
                yield Hit(
                    subject.at(index),
                    f"the fallback inside `{above.id}` answers every failure: none of the "
                    f"{above.attempts - 1} retries is ever made",
                    "put the fallback outermost",
                    {"attempts": 1.0},
                )
                break


RULES: tuple[Rule, ...] = (
    Rule(
        "RL017",
        "a POST that is executed twice",
        ERROR,
        (
            "After a timeout nobody knows whether the work was done. A second try of a POST may do "
            "it again: a second order, a second "
            "payment. An idempotency key, the same on every attempt of a request, lets B recognise "
            "it, if B looks for it (`deduplicate`). "
            "The expectation is exact for independent attempts: the effects of all attempts, less the first."
        ),
        twice,
    ),
    Rule(
        "RL018",
        "an idempotency key that expires too early",
        ERROR,
        (
            "B remembers keys for a time. If the last attempt of a request can come later than that, "
            ""
            ""
            ""
            "counted with every timeout used up and "
            "the longest waits, B takes it for a new request."
        ),
        forgotten_key,
    ),
    Rule(
        "RL023",
        "a fallback that hides failures",
        ERROR,
        (
            "To the layers outside it a fallback looks like a success. A retry outside never "
            "retries, a breaker outside never opens "
            "(RL009). Put the fallback outermost."
        ),
        hidden,
    ),
)
