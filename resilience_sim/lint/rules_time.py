"""Rules about time: deadlines, timeouts inside timeouts, and calls that nothing ends."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from resilience_sim.interop.generic import WITHOUT_LIMIT
from resilience_sim.kernel.events import RATE_LIMITED
from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import (
    at_layer,
    hangs,
    inner_timeout,
    longest_wait,
    may_hang,
    network,
    traffic,
    views,
    waits,
    worst_time,
)
from resilience_sim.lint.chance import longer_than
from resilience_sim.lint.finding import ERROR, WARNING, Hit, rule
from resilience_sim.lint.subject import Subject
from resilience_sim.scenario.text.tree import Loc
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig
from resilience_sim.settings.timeout import TimeoutConfig

HANG = "B may hang: it takes a call and never answers"


@rule("RL001", "the worst case exceeds the deadline", WARNING, about=(TimeoutConfig,))
def deadline(subject: Subject) -> Iterator[Hit]:
    """The longest a request can take is computed from the inside out: an attempt takes its timeout, a retry all its
    attempts and the longest wait between them (jitter at its maximum), a bulkhead or limiter its longest wait, a
    hedge its delays. If that is more than the user waits, work is done for somebody who has left.

    Put a timeout of the deadline's length outermost, and divide it among the attempts.
    """
    limit = subject.plan.traffic.deadline
    if not limit or not limit < (worst := worst_time(subject.stack)) < inf:
        return
    index = next((i for i, c in enumerate(subject.stack) if isinstance(c, RetryConfig) and c.attempts > 1), 0)
    config = subject.stack[index]
    how = ""
    if isinstance(config, RetryConfig):
        each = worst_time(subject.stack, index + 1)
        many = "attempts without limit" if config.attempts >= WITHOUT_LIMIT else config.attempts
        how = f" ({many} x {say.duration(each)}, and {say.duration(waits(config))} of waits)"
    yield Hit(
        subject.at(index, "attempts" if how else ""),
        f"a request can take {say.duration(worst)}{how}; its user waits {say.duration(limit)}",
        "shorten the timeout of an attempt, make fewer, or put a timeout of the deadline's length outermost",
        {"worst": worst / 1e9, "deadline": limit / 1e9},
        assumes=("no answer asks for a longer Retry-After",) if how else (),
    )


@rule("RL002", "an inner timeout that never fires", ERROR, about=(TimeoutConfig,))
def nested(subject: Subject) -> Iterator[Hit]:
    """A timeout inside another that is not longer never ends anything: the outer one always comes first, and what was
    to be retried or counted on the inner one never is.
    """
    outer: list[tuple[int, TimeoutConfig]] = []
    for index, config in enumerate(subject.stack):
        if not isinstance(config, TimeoutConfig):
            continue
        for above, wider in outer:
            if wider.after <= config.after:
                yield Hit(
                    subject.at(index, "after"),
                    f"`{config.id}` ({say.duration(config.after)}) never fires: `{wider.id}` outside it ends "
                    "everything "
                    f"after {say.duration(wider.after)}",
                    f"make `{config.id}` shorter than {say.duration(wider.after)}, or remove it",
                    {"inner": config.after / 1e9, "outer": wider.after / 1e9, "outer_index": above},
                )
                break
        outer.append((index, config))


@rule("RL003", "attempts that never get their turn", WARNING, about=(TimeoutConfig, RetryConfig))
def room_for_retries(subject: Subject) -> Iterator[Hit]:
    """A timeout around a retry covers all attempts. If one attempt may use up most of it, the others exist on paper:
    when B hangs, the request ends at the outer timeout with fewer attempts than configured. Divide the outer
    timeout by the attempts and give each of them that much, waits included.
    """
    limit = inf
    for index, config in enumerate(subject.stack):
        if isinstance(config, TimeoutConfig):
            limit = min(limit, config.after)
        if not isinstance(config, RetryConfig) or config.attempts < 2 or limit == inf:
            continue
        each = worst_time(subject.stack, index + 1)
        start, possible = 0.0, 1
        while possible < config.attempts:
            start += each + _shortest_wait(config, possible)
            if start >= limit:
                break
            possible += 1
        if possible < min(config.attempts, 1000) and (possible == 1 or config.attempts < WITHOUT_LIMIT):
            fair = 10 if config.attempts >= WITHOUT_LIMIT else config.attempts
            what = "never ends on its own" if each == inf else f"takes {say.duration(each)} when B hangs"
            yield Hit(
                subject.at(index, "attempts"),
                f"of {say.attempts(config.attempts)} only {possible} can start before the timeout of "
                f"{say.duration(limit)} outside "
                f"the retry: an attempt {what}",
                f"put a timeout of at most {say.duration(limit / fair)} inside the retry",
                {"possible": possible, "attempts": config.attempts},
                assumes=(HANG,),
            )


def _shortest_wait(config: RetryConfig, n: int) -> float:
    wait = longest_wait(config, n)
    if config.backoff == "decorrelated":
        return min(float(config.delay), wait)
    if config.jitter == "spread":
        return wait * (1 - config.spread) / (1 + config.spread)
    return wait * {"full": 0.0, "equal": 0.5}.get(config.jitter, 1.0)


@rule("RL004", "nothing ends a call", WARNING, worst=ERROR)
def endless(subject: Subject) -> Iterator[Hit]:
    """Without a timeout a call to a B that hangs never ends. It holds a thread (or a connection, or memory) of Service
    A. At the usual rate the threads are gone after threads / rate seconds, and then A is down too. No retry and no
    breaker helps: they act on outcomes, and there is none. An error when the scenario has such hangs. Nothing is said
    where a timeout stands whose value could not be read.
    """
    if not may_hang(subject.stack) or any("timeout" in path.lower() for path in subject.unread):
        return
    plan = subject.plan
    hanging = hangs(plan)
    client, rate = plan.client, traffic(plan).usual / plan.client.instances
    numbers: dict[str, float] = {}
    harm = "each such call is held until the process ends"
    if client.threads and rate:
        numbers = {"seconds": (client.threads + client.backlog) / rate}
        harm = (
            f"at {say.rate(rate)} the {client.threads} threads and {client.backlog} waiting places of "
            "an instance are gone "
            f"in {say.duration(numbers['seconds'] * 1e9)}"
        )
    where: Loc = subject.at(0) if subject.stack else ("stack",)
    yield Hit(
        where,
        f"no timeout anywhere ends a call that B does not answer; {harm}",
        "put a timeout around each attempt",
        numbers,
        ("traffic",) if numbers else (),
        () if hanging else (HANG,),
        ERROR if hanging else WARNING,
    )


@rule("RL013", "the recovery time is shorter than a timeout inside", WARNING, about=(BreakerConfig,))
def rest(subject: Subject) -> Iterator[Hit]:
    """A breaker opens to give B a rest. Calls that were let in before go on until their timeout. If the breaker
    becomes half open sooner, B never rests, and the results of old calls come while the state is already another
    one (libraries differ in what such a late result does). Where a bulkhead or a rate limiter stands inside, calls
    that wait for it come to B later still; they wait only if the traffic is more than it lets through.
    """
    for index, view in enumerate(views(subject.stack)):
        if view is None or view.recovery >= (longest := worst_time(subject.stack, index + 1)) or longest == inf:
            continue
        inner = worst_time(subject.stack, index + 1, lambda layer: at_layer(subject.plan, layer, failing=True))
        if view.recovery >= inner:
            continue
        held = worst_time(subject.stack, index + 1, lambda _: 0.0)
        may = f"hold B for {say.duration(held)}"
        if inner > held:
            may = f"wait {say.duration(inner - held)} inside for their turn and then {may}"
        yield Hit(
            subject.at(index, "recovery_time"),
            f"the breaker probes again after {say.duration(view.recovery)}, while calls let in before it opened may "
            f"{may}: B gets no rest, and their results come late",
            f"make the recovery time longer than {say.duration(inner)}, or the timeout inside it shorter",
            {"recovery": view.recovery / 1e9, "inner": inner / 1e9},
            ("traffic",) if inner > held else (),
            assumes=(HANG,),
        )


@rule("RL032", "a Retry-After that outlasts the request", WARNING, about=(RetryConfig,))
def hint_too_long(subject: Subject) -> Iterator[Hit]:
    """A retry that obeys a Retry-After waits as long as B asks for with its 429, whatever its own delays and its cap
    say. If a timeout outside the retry ends the request before that, nobody makes the second attempt: the caller waits
    for nothing and gets a timeout in place of the 429. If it is longer than the time limit of the retry, there is no
    second attempt either; and if it is longer than the deadline, the second attempt is made for a user who has left.

    Fail at once in these cases: a limit of the Retry-After that is obeyed (`retry_after_max` of urllib3), or a time
    limit of the retry below the timeout.
    """
    plan = subject.plan
    asked = [fault for fault in plan.faults if fault.kind == "rate_limit" and fault.retry_after]
    if not asked:
        return
    limit = inf
    for index, config in enumerate(subject.stack):
        if isinstance(config, TimeoutConfig):
            limit = min(limit, config.after)
        if not isinstance(config, RetryConfig) or config.attempts < 2 or not config.honor_retry_after:
            continue
        exact = subject.exact[index]
        most = exact.hint_most if isinstance(exact, LikeRetryConfig) and exact.hint_most >= 0 else inf
        again = {*config.on, *(exact.on_hint if isinstance(exact, LikeRetryConfig) else ())}
        if RATE_LIMITED not in again:
            continue
        fault = max(asked, key=lambda each: each.retry_after)
        hint = min(float(fault.retry_after), most)
        back = hint + network(plan)  # a 429 costs B no time
        gives_up = isinstance(exact, RetryConfig) and config.max_elapsed and back > config.max_elapsed
        if gives_up:
            yield _hint(
                subject, index, fault.id, hint, config.max_elapsed,
                f"and `{config.id}` gives up after {say.duration(config.max_elapsed)}: its first 429 is its last "
                "attempt",
            )  # fmt: skip
        elif back >= limit:
            yield _hint(
                subject, index, fault.id, hint, limit,
                f"and the timeout outside `{config.id}` ends the request after {say.duration(limit)}: it waits, and "
                "the second attempt is never made",
            )  # fmt: skip
        elif plan.traffic.deadline and back >= plan.traffic.deadline:
            yield _hint(
                subject, index, fault.id, hint, plan.traffic.deadline,
                f"and users leave after {say.duration(plan.traffic.deadline)}: the second attempt is for nobody",
            )  # fmt: skip


def _hint(subject: Subject, index: int, fault: str, hint: float, limit: float, then: str) -> Hit:
    return Hit(
        subject.at(index, "honor_retry_after"),
        f"B asks with its 429 (`{fault}`) to wait {say.duration(hint)}, {then}",
        "limit the Retry-After that is obeyed, or set `honor_retry_after: false`",
        {"hint": hint / 1e9, "limit": limit / 1e9},
        ("faults",),
    )


@rule("RL028", "a timeout below the usual latency", WARNING, about=(TimeoutConfig,))
def too_tight(subject: Subject) -> Iterator[Hit]:
    """A timeout cuts the tail of healthy answers too: the share that takes longer fails, is retried, and makes load of
    its own. Computed from the distribution of the latency, without any queue.
    """
    plan = subject.plan
    best = (inf, -1)
    for index, config in enumerate(subject.stack):
        if isinstance(config, TimeoutConfig) and inner_timeout(subject.stack, index) == config.after:
            best = min(best, (float(config.after), index))
    limit, index = best
    late = longer_than(plan.service.latency, limit - network(plan)) if index >= 0 else 0.0
    if late >= 0.005 and limit > 1:  # 1 ns stands for a timeout of 0, which the reader of the file has named
        yield Hit(
            subject.at(index, "after"),
            f"{say.share(late)} of the healthy answers take longer than {say.duration(limit)}: they "
            "are thrown away and count "
            "as failures",
            "set it above the 99.9th percentile of the latency",
            {"late": late},
            ("service",),
        )
