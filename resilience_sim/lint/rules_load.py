"""Rules about load and room: how much more than the traffic B can get, and whether places and queues hold it."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from resilience_sim.interop.generic import WITHOUT_LIMIT
from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import (
    at_layer,
    attempt_limit,
    capacity,
    least_capacity,
    mean_time,
    most_attempts,
    most_tries,
    traffic,
    views,
)
from resilience_sim.lint.chance import engset, erlang_b, evenness, longer_than, loss_of_turns, mean_until
from resilience_sim.lint.finding import ERROR, INFO, WARNING, Hit, rule
from resilience_sim.lint.subject import Subject
from resilience_sim.settings.budget import BudgetConfig
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.rate_limiter import RateLimiterConfig
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig
from resilience_sim.settings.timeout import TimeoutConfig

SECOND = 1e9


def bounded(config: PolicyConfig) -> float:
    """Attempts per call of one layer in a long outage, its budget considered."""
    if isinstance(config, HedgeConfig):
        return 1.0 + config.max_extra
    if not isinstance(config, RetryConfig):
        return 1.0
    budget = config.budget
    if budget is None or not hasattr(budget, "scheme"):
        return float(config.attempts)
    if budget.scheme in ("ratio", "finagle", "envoy"):
        return min(float(config.attempts), 1 + budget.ratio)
    if budget.scheme == "token_bucket":
        return min(float(config.attempts), 1 + (budget.deposit / budget.cost if budget.deposit_on == "call" else 0.0))
    return 1.0


def _total(subject: Subject) -> float:
    total = 1.0
    for config in subject.stack:
        total *= bounded(config)
    return total


@rule("RL005", "nested attempts multiply", WARNING, worst=ERROR)
def multiplied(subject: Subject) -> Iterator[Hit]:
    """A retry around a retry does not add, it multiplies: three times three are nine attempts for one request, and
    hedges multiply too. Over several services it goes on. In an outage that is the load B gets while it is down.

    Retry in one layer, best the one next to B. A budget bounds the long run (a ratio of 10% makes 1.1x of it) but
    not the attempts of one request.
    """
    tries = most_tries(subject.stack)
    layers = [i for i, most in enumerate(tries) if most > 1]
    if len(layers) < 2:
        return
    product, held = most_attempts(subject.stack), _total(subject)
    each = [tries[i] for i in layers]
    parts = " x ".join("no limit" if number >= WITHOUT_LIMIT else str(number) for number in each)
    total = say.attempts(WITHOUT_LIMIT) if max(each) >= WITHOUT_LIMIT else f"up to {product} attempts"
    names = ", ".join(f"`{subject.stack[i].id}`" for i in layers)
    kept = f"; budgets hold it to {say.digits(held)}x in a long outage" if held < product else ""
    yield Hit(
        subject.at(layers[0] if subject.kind == "python" else layers[1]),  # in source many share a client
        f"{names} multiply: one request becomes {total} ({parts}){kept}",
        "retry in one layer only, or give each a budget",
        {"attempts": product, "budgeted": held},
        severity=ERROR if held >= 10 else WARNING,
    )


@rule("RL006", "a retry storm that keeps itself alive", WARNING, about=(RetryConfig,))
def storm(subject: Subject) -> Iterator[Hit]:
    """If requests times attempts is more than B can do, an overload has two stable states: everything works, or
    everything times out and is retried. A short cause moves it to the second, and the end of the cause does not
    move it back (a metastable failure). Leave room, bound the retries with a budget, or put a breaker in. Computed
    without a queue and from averages.
    """
    plan = subject.plan
    able = capacity(plan)
    retries = [i for i, c in enumerate(subject.stack) if isinstance(c, RetryConfig) and c.attempts > 1]
    if able == inf or not retries or any(views(subject.stack)):
        return
    rate, held = traffic(plan).usual, _total(subject)
    if rate <= able < rate * held:
        yield Hit(
            subject.at(retries[0], "attempts"),
            f"B can do {say.rate(able)}; {say.rate(rate)} of requests are {say.rate(rate * held)} of "
            "attempts once they fail: "
            "an overload that has begun keeps itself alive when its cause is gone",
            "write `budget: 10%` (1.1 attempts per request in the long run), or put a breaker inside the retry",
            {"capacity": able, "demand": rate * held},
            ("traffic", "service"),
        )


@rule("RL022", "a budget that never binds", WARNING, about=(RetryConfig,))
def idle_budget(subject: Subject) -> Iterator[Hit]:
    """A budget of 300% for a retry of three attempts allows more than the attempts can ask for. A token bucket that
    gains as much per call as the retries of that call cost never runs dry; a huge one runs dry when the outage is
    over.
    """
    for index, config in enumerate(subject.stack):
        if not isinstance(config, RetryConfig) or not isinstance(config.budget, BudgetConfig):
            continue
        budget, retries = config.budget, config.attempts - 1
        if not retries and isinstance(subject.exact[index], LikeRetryConfig):
            continue  # the quota of a library, which nobody wrote
        if not retries:
            yield Hit(
                subject.at(index, "budget"),
                "a budget for no retries: `attempts` is 1",
                "remove it",
                {"allowed": 0.0},
                severity=INFO,
            )
            continue
        allowed, late = _allowance(budget, retries, at_layer(subject.plan, index))
        if allowed >= retries:
            yield Hit(
                subject.at(index, "budget"),
                f"the budget never says no: it allows {say.digits(allowed)} retries per call, and "
                f"{config.attempts} attempts make "
                f"{retries} at most",
                f"write less than {retries * 100}%; 10% is usual",
                {"allowed": allowed, "retries": retries},
            )
        elif late > 60:
            yield Hit(
                subject.at(index, "budget"),
                f"when everything fails, the budget says no only after {say.duration(late * SECOND)}: a "
                "full bucket pays for "
                f"{say.digits(budget.capacity / budget.cost)} retries",
                "make the capacity smaller",
                {"seconds": late},
                ("traffic",),
            )


def _allowance(budget: BudgetConfig, retries: int, rate: float) -> tuple[float, float]:
    """Retries per call that are always paid for, and how long a full bucket lasts in a total outage (s)."""
    if budget.scheme == "ratio":
        return budget.ratio, 0.0
    if budget.scheme == "failure_rate":
        return (float(retries) if budget.ratio >= 1 and budget.counts == "first_tries" else 0.0), 0.0
    if budget.scheme != "token_bucket":
        return 0.0, 0.0
    income = budget.deposit if budget.deposit_on == "call" else 0.0
    spent = rate * (retries * budget.cost - income)
    return income / budget.cost, budget.capacity / spent if spent > 0 else 0.0


@rule("RL025", "a hedge that is sent too early", WARNING, about=(HedgeConfig,))
def eager_hedge(subject: Subject) -> Iterator[Hit]:
    """A hedge is for the unlucky few. Sent after the median it doubles the load of half the calls. The extra load is
    the chance that an answer takes longer than the delay, leg by leg.
    """
    for index, config in enumerate(subject.stack):
        if not isinstance(config, HedgeConfig):
            continue
        extra, still = 0.0, 1.0
        for leg in range(1, min(config.max_extra, 100) + 1):
            still *= longer_than(subject.plan.service.latency, leg * config.delay)
            extra += still
        if extra >= 0.2:
            yield Hit(
                subject.at(index, "delay"),
                f"{say.share(longer_than(subject.plan.service.latency, config.delay))} of the healthy "
                "answers take longer than "
                f"{say.duration(config.delay)}: hedging adds {say.share(extra)} to B's load, always",
                "hedge after the 95th percentile: 5% more load",
                {"extra": extra},
                ("service",),
            )


def _of_users(plan: Plan, index: int, limit: float, rate: float) -> float:
    """Calls per second at a limiter of one instance, in a closed loop: who is turned away is back sooner."""
    think = mean_until(plan.traffic.think) / SECOND
    if plan.traffic.loop != "closed" or not think:
        return rate
    served = limit * mean_time(plan, index + 1) / SECOND
    return max(rate, (plan.traffic.users / plan.client.instances - served) / think)


@rule("RL026", "a rate limit below the traffic", WARNING, worst=ERROR, about=(RateLimiterConfig,))
def narrow_limiter(subject: Subject) -> Iterator[Hit]:
    """What arrives above the limit is turned away, or waits until it cannot. Retries outside the limiter count as
    traffic too. The limit is per client instance, unless it is `shared`: several instances together send several times
    as much. A limit of all that B can do turns nobody away whom B could serve, and is not reported.
    """
    for index, config in enumerate(subject.stack):
        if not isinstance(config, RateLimiterConfig):
            continue
        limit = config.count * SECOND / config.per
        if limit >= capacity(subject.plan) / (1 if config.shared else subject.plan.client.instances):
            continue
        rate, share = at_layer(subject.plan, index), traffic(subject.plan)
        if rate > limit:
            rate = _of_users(subject.plan, index, limit, rate)
        highest = rate * (share.peak / share.usual if share.usual else 1)
        if rate > limit:
            rejected = 1 - limit / rate
            yield Hit(
                subject.at(index, "limit"),
                f"{say.rate(rate)} arrive at a limit of {say.rate(limit)} "
                f"{'for all client instances' if config.shared else 'per client instance'}: "
                f"{say.share(rejected)} are "
                "turned away in normal operation",
                f"raise it above {say.rate(highest)}",
                {"rejected": rejected},
                ("traffic",),
                severity=ERROR,
            )
        elif highest > limit:
            yield Hit(
                subject.at(index, "limit"),
                f"at its peak {say.rate(highest)} arrive at a limit of {say.rate(limit)}: "
                f"{say.share(1 - limit / highest)} are "
                "turned away then",
                f"raise it above {say.rate(highest)}, if that is not meant",
                {"rejected": 1 - limit / highest},
                ("traffic",),
            )


SECOND = 1e9


@rule("RL020", "fewer places than Little's law needs", WARNING, worst=ERROR)
def too_few_places(subject: Subject) -> Iterator[Hit]:
    """Calls at once = arrivals per second x seconds each takes (J. Little, 1961). A bulkhead or thread pool of exactly
    that size turns many away: arrivals are random, and with 20 at once on average, 20 places lose 16 % (Erlang's
    loss formula, any distribution of latency). Instances that take turns get more even arrivals and lose less
    (Hayward's approximation), and so do few users who wait for their answers (Engset). The suggestion loses 1 in
    1,000. With a queue only a load above the places is reported, and places for all that B can do at once are enough
    where the traffic is more than B can do.
    """
    for index, config in enumerate(subject.stack):
        if isinstance(config, BulkheadConfig):
            rate, held = at_layer(subject.plan, index), mean_time(subject.plan, index + 1) / SECOND
            waiting = config.queue if config.max_wait else 0
            longest = waiting * held * SECOND / config.max_concurrent
            longest = longest if config.max_wait < 0 else min(longest, config.max_wait)
            patience = min(
                (each.after for each in subject.stack[:index] if isinstance(each, TimeoutConfig)), default=inf
            )
            lost = (
                "are turned away"
                if longest < patience
                else "and more wait until a timeout outside ends them, or are turned away,"
            )
            at = subject.at(index, "max_concurrent")
            yield from _judge(subject, at, config.max_concurrent, waiting, rate, held, lost)
    client = subject.plan.client
    if client.threads and subject.plan.traffic.loop != "closed":
        rate = traffic(subject.plan).usual / client.instances
        held = mean_time(subject.plan) / SECOND
        yield from _judge(subject, ("client", "threads"), client.threads, client.backlog, rate, held)


def _lost(plan: Plan, places: int, load: float, held: float) -> float:
    """Share of calls that find no place, as the arrivals at one instance are; each holds a place for ``held`` s."""
    found, instances = plan.traffic, plan.client.instances
    if found.loop == "closed" and instances == 1:
        away = (mean_until(found.think) + mean_time(plan)) / SECOND - held
        return engset(places, found.users, held / away if away > 0 else inf)
    if found.loop == "closed" and found.users <= places:
        return 0.0
    if plan.client.spread != "round_robin" or instances == 1 or found.loop == "closed":
        return erlang_b(places, load)
    limit = attempt_limit(plan.stack)
    return loss_of_turns(places, load, instances, evenness(plan.service.latency, limit))


def _judge(
    subject: Subject,
    at: tuple[str | int, ...],
    places: int,
    waiting: int,
    rate: float,
    held: float,
    lost: str = "are turned away",
) -> Iterator[Hit]:
    plan = subject.plan
    load = rate * held
    if held == inf or not load:
        return
    blocked = _lost(plan, places, load, held) if not waiting else max(0.0, 1 - places / load)
    if load <= places and (waiting or blocked < 0.01):
        return
    instances = plan.client.instances
    able = capacity(plan) / instances
    if rate > able and places >= able * held:
        return
    assumes = []
    if plan.traffic.arrivals == "even" and plan.traffic.loop == "open":
        assumes.append("arrivals are random (Poisson)")
    yield Hit(
        at,
        f"{say.rate(rate)} of calls that take {say.duration(held * SECOND)} on average are "
        f"{say.digits(load)} at once (Little's law)"
        f"{' in each instance' if instances > 1 else ''}; "
        f"{places} {'place holds' if places == 1 else 'places hold'} them badly: "
        f"{say.share(blocked)} {lost} with B in full health",
        f"allow at least {_places_for(plan, load, held)} (1 in 1,000 turned away)",
        {"load": load, "rejected": blocked},
        ("traffic", "service"),
        tuple(assumes),
        ERROR if load > places else WARNING,
    )


def _places_for(plan: Plan, load: float, held: float) -> int:
    places = max(1, int(load))
    while _lost(plan, places, load, held) > 1e-3 and places < 1_000_000:
        places += max(1, places // 50)
    return places


@rule("RL021", "a queue longer than anybody waits", WARNING)
def queue_for_nobody(subject: Subject) -> Iterator[Hit]:
    """In an overload the queue fills, and a served call has waited queue x work / workers. If that is longer than
    the timeout or the deadline, every answer comes too late: B is busy and useful to nobody. A short queue (refuse
    early), or dropping the abandoned, keeps it useful. Reported only where the traffic, with its retries, can
    overload B.
    """
    plan = subject.plan
    service = plan.service
    deadline = plan.traffic.deadline or inf
    patience = min(deadline, attempt_limit(subject.stack))
    able = least_capacity(plan)
    overload = able < inf and traffic(plan).peak * _total(subject) > able
    if patience < inf and service.discipline != "drop_abandoned" and overload:
        work = mean_until(service.latency)
        wait = service.queue * work / service.workers if service.queue >= 0 else inf
        if wait > patience:
            fits = max(1, int(patience * service.workers / work))
            size = "has no limit" if service.queue < 0 else f"of {service.queue} is {say.duration(wait)} long"
            yield Hit(
                ("service", "queue"),
                f"B's queue {size}, and callers leave after {say.duration(patience)}: in an overload B "
                "works for nobody",
                f"limit it to about {fits} places ({say.duration(patience)} of work), or write "
                "`discipline: drop_abandoned`",
                {"wait": wait / SECOND if wait < inf else -1.0, "patience": patience / SECOND, "fits": fits},
                ("service", "traffic"),
            )
    for index, bulkhead in enumerate(subject.stack):
        if not isinstance(bulkhead, BulkheadConfig) or not bulkhead.queue:
            continue
        held = mean_time(plan, index + 1)
        wait = bulkhead.queue * held / bulkhead.max_concurrent
        wait = min(wait, bulkhead.max_wait) if bulkhead.max_wait >= 0 else wait
        if deadline < wait < inf:
            yield Hit(
                subject.at(index, "queue"),
                f"the last of {bulkhead.queue} waiting calls gets its turn after {say.duration(wait)}, "
                "and users leave after "
                f"{say.duration(deadline)}",
                f"let at most {max(0, int(deadline * bulkhead.max_concurrent / held))} wait, or set `max_wait`",
                {"wait": wait / SECOND, "patience": deadline / SECOND},
                ("service",),
            )
