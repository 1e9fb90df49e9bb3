"""Rules about circuit breakers: whether they open, when, on what, by chance, and whether they ever close."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, exp, expm1, inf, log

from resilience_sim.interop.generic import WITHOUT_LIMIT, BreakerView
from resilience_sim.kernel.events import ERROR as ERROR_OUTCOME
from resilience_sim.kernel.events import REFUSED, RESET, SHED, TIMEOUT, UNAVAILABLE
from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import (
    at_layer,
    hangs,
    may_hang,
    mean_wait,
    most_attempts,
    once,
    outcomes_at,
    outer_retries,
    traffic,
    views,
    worst_time,
)
from resilience_sim.lint.chance import (
    MOST_CALLS,
    binomial_bound,
    binomial_least,
    mean_calls_to_run,
    poisson_least,
    run_within,
    windows_with,
)
from resilience_sim.lint.finding import ERROR, INFO, WARNING, Hit, rule
from resilience_sim.lint.flapping import TRIED_CALLS, openings_seen
from resilience_sim.lint.rules_time import HANG
from resilience_sim.lint.subject import Subject
from resilience_sim.settings.breaker import BreakerConfig, LikeBreakerConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.timeout import TimeoutConfig

SECOND = 1e9
_FAILURES = frozenset((ERROR_OUTCOME, UNAVAILABLE, TIMEOUT, REFUSED, RESET, SHED))


def breakers(subject: Subject) -> Iterator[tuple[int, BreakerView]]:
    """Every breaker of the stack that trips on a threshold."""
    for index, view in enumerate(views(subject.stack)):
        if view is not None:
            yield index, view


def to_open(subject: Subject, index: int, view: BreakerView) -> float:
    """Seconds from the start of a total outage, out of full health, until enough failures are counted; ``inf``: never,
    or by luck only (RL009).

    The calls are those of one client instance; that each also needs its time to fail comes on top.
    """
    rate = at_layer(subject.plan, index, failing=True)
    if not rate:
        return inf
    if view.consecutive:
        return (view.consecutive - 1) / rate
    if view.errors:
        return (view.errors - 1) * max(1 / rate, view.lumping / SECOND)
    if view.window_time:
        window = view.window_time / SECOND
        return view.share * window if enough_calls(subject, index, rate * window, view.min_calls) >= 0.5 else inf
    return (view.failures_from(view.window_calls) - 1) / rate


@rule("RL007", "one request opens the breaker for everybody", WARNING, about=(BreakerConfig,))
def one_request(subject: Subject) -> Iterator[Hit]:
    """With the retry outside, the breaker sees attempts: a request that fails for a reason of its own (bad luck, bad
    data) fails `attempts` times in a row. If that reaches the threshold, one request turns everybody away for the
    recovery time. Shares of a window with a minimum of calls are calmer.
    """
    for index, view in breakers(subject):
        outside = outer_retries(subject.stack, index)
        attempts = most_attempts(subject.stack, 0, index)
        needed = view.consecutive or view.failures_from(view.min_calls) * (
            view.failures_from(view.min_calls) == view.min_calls
        )
        if not outside or not needed or needed > attempts:
            continue
        retry = subject.stack[outside[-1]]
        yield Hit(
            subject.at(index, "failure_threshold"),
            f"`{retry.id}` stands outside: every attempt counts, and a single failing request "
            f"({say.attempts(attempts)}) reaches the "
            f"threshold of {needed}: it closes the door for everybody",
            "put the breaker outside the retry, limit the attempts, or use a share"
            if attempts >= WITHOUT_LIMIT
            else f"put the breaker outside the retry, or raise the threshold well above {attempts}, or use a share",
            {"attempts": attempts, "threshold": needed},
        )


@rule("RL008", "the breaker counts requests, not attempts", INFO, worst=WARNING, about=(BreakerConfig, RetryConfig))
def per_request(subject: Subject) -> Iterator[Hit]:
    """With the retry inside, the breaker learns of a failure only after the last attempt and all waits. It opens later
    by that much, and B gets `attempts` times as many calls until then. That is right if the breaker is to judge
    what users see, and wrong if it is to spare B.
    """
    for index, view in breakers(subject):
        for inner in range(index + 1, len(subject.stack)):
            config = subject.stack[inner]
            if not isinstance(config, RetryConfig) or config.attempts < 2:
                continue
            needed = view.consecutive or view.failures_from(view.min_calls)
            pause = sum(mean_wait(config, n) for n in range(1, min(config.attempts, 1000)))
            waits = f"{say.duration(pause)} of waits" if pause else "all of its attempts"
            if config.attempts >= WITHOUT_LIMIT and not config.max_elapsed:
                yield Hit(
                    subject.at(index, "failure_threshold"),
                    f"`{config.id}` stands inside and never gives up: while B fails no failure reaches this breaker",
                    "limit the attempts, or put the breaker inside the retry",
                    {"attempts": needed * config.attempts, "pause": pause / SECOND},
                    severity=WARNING,
                )
                break
            yield Hit(
                subject.at(index, "failure_threshold"),
                f"`{config.id}` stands inside: {config.attempts} failed attempts are one failure here. It "
                f"takes {say.plural(needed, 'failed request')}, {needed * config.attempts} failed attempts, "
                f"and each request fails only after {waits}",
                "put the breaker inside the retry if it is to count attempts (and see RL007)",
                {"attempts": needed * config.attempts, "pause": pause / SECOND},
            )
            break


@once
def enough_calls(subject: Subject, index: int, calls: float, least: int) -> float:
    """Chance that at least ``least`` calls come to a breaker in a window that has ``calls`` of them on average."""
    plan = subject.plan
    instances = 1 if subject.stack[index].shared else plan.client.instances
    takes_turns = plan.client.spread == "round_robin" or instances == 1
    if plan.traffic.arrivals == "even":
        if takes_turns:
            return float(ceil(calls) >= least)
        return binomial_least(ceil(calls * instances), least, 1 / instances)
    if not takes_turns or instances == 1:
        return poisson_least(calls, least)
    each = max(1, most_attempts(subject.stack, 0, index))  # calls of one request
    needed = instances * (ceil(least / each) - 1) + 1  # arrivals at all of them, if its turn is the first; or some more
    return sum(poisson_least(calls / each * instances, needed + turn) for turn in range(instances)) / instances


@rule("RL009", "a breaker that can never open", WARNING, worst=ERROR, about=(BreakerConfig,))
def never_opens(subject: Subject) -> Iterator[Hit]:
    """A breaker over a time window judges nothing below `min_calls`. If fewer come in a window even when everything
    fails, it never opens, and nobody notices until the outage. The chance is Poisson's: P(N >= min_calls) with the
    mean calls per window; retries outside the breaker are counted in. Of ten instances that take turns each gets every
    tenth arrival, which varies far less: there what counts is whether ten times as many arrive at all of them.

    A fallback inside the breaker hides every failure from it. A timeout outside it calls a hanging call off, and
    that proves nothing to most breakers (gobreaker, failsafe-go, pybreaker and Dapr count it): against a B that
    hangs the timeout belongs inside.
    """
    for index, view in breakers(subject):
        hidden = next(
            (c for c in subject.stack[index + 1 :] if isinstance(c, FallbackConfig) and set(c.on) >= _FAILURES), None
        )
        if hidden is not None:
            yield Hit(
                subject.at(index),
                f"it never opens: `{hidden.id}` inside it answers every failure, and the breaker sees success only",
                "put the fallback outside",
                {"chance": 0.0},
                severity=ERROR,
            )
            continue
        if set(view.ignore) >= _FAILURES:
            yield Hit(
                subject.at(index, "on" if "on" in (subject.stack[index].written or ()) else "ignore"),
                f"it never opens: all {len(_FAILURES)} ways in which B can fail are ignored",
                "ignore only what says nothing about B's health",
                {"chance": 0.0},
                severity=ERROR,
            )
            continue
        outer = next((c for c in subject.stack[:index] if isinstance(c, TimeoutConfig)), None)
        if outer is not None and may_hang(subject.stack[index + 1 :]) and not view.counts_cancelled:
            yield Hit(
                subject.at(index),
                f"when B hangs it never opens: only `{outer.id}` ({say.duration(outer.after)}), which "
                "stands outside, ends "
                "such a call, and a call that was called off proves nothing to the breaker",
                "put a timeout inside the breaker",
                {"chance": 0.0, "timeout": outer.after / SECOND},
                assumes=(HANG,),
            )
        if view.consecutive or not view.window_time:
            continue
        rate = at_layer(subject.plan, index, failing=True)
        calls = rate * view.window_time / SECOND
        chance = enough_calls(subject, index, calls, view.min_calls)
        if chance < 0.5:
            yield Hit(
                subject.at(index, "min_calls"),
                f"it {'can never open' if chance < 1e-3 else 'opens by luck only'}: it looks at nothing "
                f"below {view.min_calls} calls "
                f"in {say.duration(view.window_time)}, and {say.digits(calls)} come even if all fail "
                "(chance of enough in a window: "
                f"{say.share(chance)})",
                f"lower `min_calls` to about {max(1, int(calls / 2))}, or widen the window",
                {"calls": calls, "chance": chance},
                ("traffic",),
                severity=ERROR if chance < 1e-3 else WARNING,
            )


@rule("RL010", "a breaker that opens late", WARNING, about=(BreakerConfig,))
def opens_late(subject: Subject) -> Iterator[Hit]:
    """Out of full health the window is full of successes. A share of 50 % of 100 calls needs 50 failures, at 2 calls a
    second 25 seconds of outage; of 60 seconds it needs half a minute. In a row needs threshold / rate. What is
    named is the best case: calls that hang fail only after their timeout.
    """
    for index, view in breakers(subject):
        seconds = to_open(subject, index, view)
        if not 10 < seconds < inf or seconds >= longest_trouble(subject.plan):
            continue
        rate = at_layer(subject.plan, index, failing=True)
        yield Hit(
            subject.at(index, "failure_threshold" if view.consecutive else "window"),
            "when B goes down out of full health, the breaker opens after "
            f"{say.duration(seconds * SECOND)} at best: at "
            f"{say.rate(rate)} about {say.digits(seconds * rate)} calls fail first",
            "use a smaller window or a lower threshold, as far as RL011 allows",
            {"seconds": seconds, "calls": seconds * rate},
            ("traffic",),
        )


LONG_TROUBLE = 300.0
HARMFUL = ("outage", "brownout", "errors", "latency", "crash_replica")


def longest_trouble(plan: Plan) -> float:
    """Seconds of the longest fault that can make calls fail; five minutes where there is none."""
    lengths = [fault.duration / SECOND for fault in plan.faults if fault.kind in HARMFUL]
    return max(lengths, default=LONG_TROUBLE)


@rule("RL030", "a breaker that is inert at this traffic", WARNING, about=(BreakerConfig,))
def inert(subject: Subject) -> Iterator[Hit]:
    """Thresholds are counts of calls: at little traffic they take long. Half of 100 calls are 25 minutes at 2 calls a
    minute; whatever trouble there was is over by then, and the breaker has only cost its maintenance. The time is
    that of a total outage out of full health, the best case: nothing opens it sooner. It is compared with the longest
    fault of the scenario, or with five minutes where there is none.

    At such traffic failures in a row, or a window of time with a small minimum of calls, open in time; or leave the
    breaker away: a timeout protects as well. (Where a window of time never holds enough calls, see RL009.)
    """
    trouble = longest_trouble(subject.plan)
    known = any(fault.kind in HARMFUL for fault in subject.plan.faults)
    for index, view in breakers(subject):
        seconds = to_open(subject, index, view)
        if not max(10.0, trouble) <= seconds < inf:
            continue
        rate = at_layer(subject.plan, index, failing=True)
        than = "the longest fault here lasts" if known else "few outages last longer than"
        yield Hit(
            subject.at(index, "failure_threshold" if view.consecutive else "window"),
            f"at {say.rate(rate)} it takes {say.duration(seconds * SECOND)} of total outage at best to open; "
            f"{than} {say.duration(trouble * SECOND)}",
            "count fewer failures in a row, or take a window of time and a small `min_calls`",
            {"seconds": seconds, "trouble": trouble},
            ("traffic",),
            () if known else ("no outage lasts longer than 5 minutes",),
        )


@rule("RL031", "a single failure opens the breaker", WARNING, about=(BreakerConfig,))
def single_failure(subject: Subject) -> Iterator[Hit]:
    """With `min_calls: 1` the first call of an empty window is all of it: if it fails, 100 % have failed. A window is
    empty after the start, after every closing, and after a pause. So the breaker opens on one failure of chance, turns
    everybody away for the recovery time, and may do so again with the first call after that. The same holds where the
    share is so small that one failure of `min_calls` reaches it, or where one failure in a row is enough.

    Ask for at least ten calls, and for several failures.
    """
    for index, view in breakers(subject):
        needed = view.consecutive or view.failures_from(view.min_calls)
        if needed > 1:
            continue
        shares = outcomes_at(subject.plan, index + 1)
        counted = 1.0 - sum(share for code, share in shares.items() if code in view.uncounted)
        failing = sum(share for code, share in shares.items() if code and code not in view.ignore)
        p = failing / counted if counted else 0.0
        often = f"; here {say.share(p)} of the calls fail in normal operation" if p else ""
        when = (
            "one failure opens it"
            if view.consecutive or view.errors
            else "it looks at nothing below 1 call: the first call of an empty window opens it if it fails"
            if view.min_calls == 1
            else f"if call number {view.min_calls} of an empty window fails, that 1 failure opens it"
            if view.looks_when_failing
            else f"1 failure among the first {view.min_calls} calls of an empty window opens it"
        )
        yield Hit(
            subject.at(index, "failure_threshold" if view.consecutive else "min_calls"),
            f"{when}, and everybody is turned away for {say.duration(view.recovery)}{often}",
            "ask for at least 10 calls in the window, and for several failures",
            {"failures": needed, "failing": p},
            ("service",) if p else (),
        )


@rule("RL012", "half open for ever", WARNING, worst=ERROR, about=(BreakerConfig,))
def stuck(subject: Subject) -> Iterator[Hit]:
    """A half-open breaker waits for its probes. If B swallows one (a hang, a lost answer) and no timeout ends it, the
    breaker rejects everything until the process restarts: in classic rules, resilience4j (without
    maxWaitDurationInHalfOpenState), Polly and gobreaker alike. A timeout around the attempt, inside or outside the
    breaker, prevents it.
    """
    if not may_hang(subject.stack):
        return
    plan = subject.plan
    hanging = hangs(plan)
    for index, view in breakers(subject):
        if view.half_open_limit or view.lets_all_in:
            continue
        yield Hit(
            subject.at(index, "probes"),
            "half open can last for ever: a probe that B never answers keeps its place "
            f"({view.probes} in all), and everything else "
            f"{'waits for its result' if view.waits else 'is rejected'}, also when B is back",
            "put a timeout inside the breaker",
            {"probes": view.probes},
            assumes=() if hanging else (HANG,),
            severity=ERROR if hanging else WARNING,
        )


SECOND, HOUR = 1e9, 3600.0
INDEPENDENT = "failures are independent of each other"


def openings(view: BreakerView, p: float, rate: float) -> tuple[float, float]:
    """Chance of at least one opening in an hour, and openings per hour.

    The mean calls until it trips (in a row: Feller; of a window: Naus) and the open times make one cycle of a renewal
    process; a probe that fails is an opening, too. A window of time is taken for one of as many calls as it has on
    average.
    """
    calls = rate * HOUR
    again = 1 / max(1e-9, (1 - p) ** max(1, view.successes))  # openings until the probes succeed
    pause = (view.recovery / SECOND + 1 / rate) * again + (view.successes - 1) / rate
    if view.consecutive:
        chance, mean = run_within(calls, view.consecutive, p), mean_calls_to_run(view.consecutive, p)
    else:
        size = max(view.window_size(rate), 1) if view.window_calls or view.window_time else round(calls)
        if size < view.min_calls and not view.errors:
            return 0.0, 0.0
        chance, mean = windows_with(size, view.failures_from(size), p, calls, not view.errors)
        if view.min_calls < size and not view.errors:  # a fresh window may trip before it is full
            first = filling(view, min(size, view.min_calls + MOST_FILLING), p)
            later = mean * (1 - first) if first < 1 else 0.0
            chance, mean = max(chance, first), later + view.min_calls * first
    return chance, HOUR / (mean / rate + pause) * again


MOST_FILLING = 400  # calls above the least: later ones hardly ever trip a window that did not trip before


@lru_cache(maxsize=1024)
def filling(view: BreakerView, size: int, p: float) -> float:
    """The chance that a window trips while it fills: at its least calls, or at one of those that follow."""
    tripped, ways = 0.0, [1.0]  # by the number of failures so far
    for calls in range(1, size + 1):
        ways = [a * (1 - p) + b * p for a, b in zip([*ways, 0.0], [0.0, *ways], strict=True)]
        if calls >= view.min_calls:
            needed = view.failures_from(calls)
            tripped += sum(ways[needed:])
            del ways[needed:]
            if filling_bound(view, calls + 1, p) < 1e-4 * tripped:
                break
    return tripped


def filling_bound(view: BreakerView, calls: int, p: float) -> float:
    """At most the chance that it trips at so many calls, or at later ones: Chernoff's bounds of all of them."""
    share = view.share
    if p >= share:
        return 1.0
    apart = share * log(share / p) + ((1 - share) * log((1 - share) / (1 - p)) if share < 1 else 0.0)
    return min(1.0, exp(-calls * apart) / -expm1(-apart))


def may_open(view: BreakerView, p: float, rate: float, chance: float) -> bool:
    """Whether ``openings`` may find this chance or more: each window's own chance, as often as there are calls.

    That is more than the chance itself, at little cost; a bound of it, at less, settles most breakers.
    """
    calls = rate * HOUR
    if view.consecutive:
        return calls * p**view.consecutive >= chance
    size = view.window_size(rate) if view.window_calls or view.window_time else round(calls)
    if size > MOST_CALLS:
        return True
    size, needed = max(size, 1), view.failures_from(max(size, 1))
    return all(calls * least(size, needed, p) >= chance for least in (binomial_bound, binomial_least)) or (
        not view.errors and filling_bound(view, view.min_calls, p) >= chance
    )


@rule("RL011", "a breaker that flaps on normal error rates", WARNING, about=(BreakerConfig,))
def flaps(subject: Subject) -> Iterator[Hit]:
    """Ordinary failures come in clusters by chance. With 1 % failures and 100 calls a second, five in a row come once
    in three years; with 20 %, every forty seconds. The chance per hour is that of runs (Feller) and of scan
    statistics (Naus): so many failures among so many calls, wherever they begin. Windows of time, which move in slices
    and look before they are full, are tried out: the breaker alone over 40,000 calls. The failure rate is the
    scenario's own: B's failures, and healthy answers above the timeout.

    A share of a large window with a minimum of calls sleeps through chance and wakes for outages.
    """
    for index, view in breakers(subject):
        shares = outcomes_at(subject.plan, index + 1)
        counted = 1.0 - sum(share for code, share in shares.items() if code in view.uncounted)
        failing = sum(share for code, share in shares.items() if code and code not in view.ignore)
        p = failing / counted if failing else 0.0
        rate = at_layer(subject.plan, index) * counted
        tried_out = bool(view.window_time and not view.consecutive and not view.errors)
        least = 0.005 if tried_out else 0.05  # what is tried out may be found to be likelier
        if not p or not rate or not may_open(view, p, rate, 0.9 * least):
            continue
        chance, number = openings(view, p, rate)
        likely = chance >= 0.05 or number * TRIED_CALLS > rate * HOUR / 5  # else it would hardly be seen even once
        if tried_out and chance > least and likely:
            config = subject.stack[index]
            assert isinstance(config, BreakerConfig | LikeBreakerConfig)
            even = subject.plan.traffic.arrivals == "even" and subject.plan.client.instances == 1
            seen = openings_seen(config, p, rate, even)
            if seen is not None:
                chance, number = 1 - exp(-seen[1]), seen[0]
        if chance < 0.05:
            continue
        instances = 1 if subject.stack[index].shared else subject.plan.client.instances
        each = f" in each of {instances} instances" if instances > 1 else ""
        fresh = number < chance  # what makes it likely is an empty window: at the start, and after each opening
        if fresh:
            number = chance / max(1e-9, 1 - chance) / max(1e-9, (1 - p) ** max(1, view.successes))
        what = (
            f"{say.share(view.share)} of the first {view.min_calls} calls or a few more of an empty window"
            if fresh
            else f"{say.plural(view.consecutive, 'failure')}{' in a row' if view.consecutive > 1 else ''}"
            if view.consecutive
            else f"{view.errors} errors within {say.duration(view.window_time)}"
            if view.errors
            else f"{say.share(view.share)} of {say.plural(max(1, view.window_size(rate)), 'call')}"
        )
        yield Hit(
            subject.at(index, "failure_threshold"),
            f"it opens without any outage: {say.share(p)} of the calls fail in normal operation, and "
            f"at {say.rate(rate)} {what} {'comes' if view.consecutive == 1 else 'come'} "
            f"about by chance with a probability of {say.share(chance)} {'at each start' if fresh else 'per hour'}; "
            f"about {say.digits(number)} openings {'in the hour after it' if fresh else 'an hour'}{each}, each "
            f"turning everybody away for {say.duration(view.recovery)}",
            "use a share of a larger window, or a higher threshold",
            {"chance": chance, "per_hour": number, "failures": p},
            ("traffic", "service"),
            (INDEPENDENT,),
        )


SECOND = 1e9
NOBODY_WROTE_THIS = 60_000_000_000  # resilience4j's default for slow calls, there whether one wants it or not


@rule("RL024", "the threads are gone before the breaker opens", WARNING, about=(BreakerConfig,))
def threads_first(subject: Subject) -> Iterator[Hit]:
    """When B hangs, a call fails only after its timeout; until then it holds a thread. The breaker needs its failures
    first. If rate times that time is more than there are threads, A is exhausted before its breaker helps. Shorter
    timeouts, more threads, a bulkhead, or counting slow calls.
    """
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
            opening = f"opens after {say.duration(opens * SECOND)} at best" if opens < inf else "does not open at all"
            yield Hit(
                subject.at(index),
                f"when B hangs, the {client.threads} threads are taken after "
                f"{say.duration(gone * SECOND)}; the breaker {opening} (each call first waits {say.duration(inner)}): "
                f"about {say.digits(held)} threads "
                "would be needed",
                f"shorten the timeout to less than {say.duration(gone * SECOND)}, or count slow calls",
                {"gone": gone, "opens": opens, "needed": held},
                ("traffic",),
                (HANG,),
            )


@rule("RL027", "a slow call that is never seen", WARNING, about=(BreakerConfig,))
def slow_unseen(subject: Subject) -> Iterator[Hit]:
    """`slow_call` is looked at when a call ends. If a timeout inside the breaker ends it before, it is a failure,
    never slow.
    """
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
