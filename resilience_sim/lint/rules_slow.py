"""Rules about slow calls and the breaker: threads that run out first, and slowness that it never sees.

Owns RL024 and RL027.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import worst_time
from resilience_sim.lint.finding import WARNING, Hit, Rule
from resilience_sim.lint.rules_breaker import breakers, to_open
from resilience_sim.lint.rules_time import HANG
from resilience_sim.lint.subject import Subject
from resilience_sim.lint.traffic import traffic

SECOND = 1e9
NOBODY_WROTE_THIS = 60_000_000_000  # resilience4j's default for slow calls, there whether one wants it or not


def threads_first(subject: Subject) -> Iterator[Hit]:
    """RL024: the threads are gone before the breaker opens."""
    plan = subject.plan
    client = plan.client
    if not client.threads:
        return
    rate = traffic(plan).usual / client.instances
    for index, view in breakers(subject):
        inner = worst_time(subject.stack, index + 1)
        outer = worst_time(subject.stack)
        if inf in (outer, inner) or not rate:
            continue
        opens = to_open(subject, index, view) + inner / SECOND
        held = rate * min(opens, outer / SECOND)
        if held > client.threads:
            gone = client.threads / rate
            yield Hit(
                subject.at(index),
                f"when B hangs, the {client.threads} threads are taken after "
                f"{say.duration(gone * SECOND)}; the breaker opens after "
                f"{say.duration(opens * SECOND)} at best (each call first waits {say.duration(inner)}): "
                f"about {say.digits(held)} threads "
                "would be needed",
                f"shorten the timeout to less than {say.duration(gone * SECOND)}, or count slow calls",
                {"gone": gone, "opens": opens, "needed": held},
                ("traffic",),
                (HANG,),
            )


def slow_unseen(subject: Subject) -> Iterator[Hit]:
    """RL027: a slow call is always a timeout first."""
    for index, view in breakers(subject):
        inner = worst_time(subject.stack, index + 1)
        if view.like == "resilience4j" and view.slow_call == NOBODY_WROTE_THIS:
            continue
        if view.slow_call and view.slow_call >= inner:
            yield Hit(
                subject.at(index, "slow_call"),
                f"no call can be slow: a timeout inside ends it after {say.duration(inner)}, and slow begins above "
                f"{say.duration(view.slow_call)}",
                f"set `slow_call` below {say.duration(inner)}",
                {"slow": view.slow_call / SECOND, "inner": inner / SECOND},
            )


RULES: tuple[Rule, ...] = (
    Rule(
        "RL024",
        "the threads are gone before the breaker opens",
        WARNING,
        (
            "When B hangs, a call fails only after its timeout; until then it holds a thread. The "
            "breaker needs its failures first. If rate "
            "times that time is more than there are threads, A is exhausted before its breaker "
            "helps. Shorter timeouts, more "
            "threads, a bulkhead, or counting slow calls."
        ),
        threads_first,
    ),
    Rule(
        "RL027",
        "a slow call that is never seen",
        WARNING,
        (
            "`slow_call` is looked at when a call ends. If a timeout inside the breaker ends it "
            "before, it is a failure, never slow."
        ),
        slow_unseen,
    ),
)
