"""Rules about load: how much more than the traffic B can get, and what bounds it.

Owns RL005, RL006, RL022, RL025 and RL026.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from resilience_sim.interop.breaker_view import breaker_of
from resilience_sim.lint import say
from resilience_sim.lint.arithmetic import most_attempts
from resilience_sim.lint.chance import longer_than
from resilience_sim.lint.finding import ERROR, INFO, WARNING, Hit, Rule
from resilience_sim.lint.subject import Subject
from resilience_sim.lint.traffic import at_layer, capacity, traffic
from resilience_sim.policies.config import BudgetConfig, HedgeConfig, PolicyConfig, RateLimiterConfig, RetryConfig

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


def multiplied(subject: Subject) -> Iterator[Hit]:
    """RL005: several layers that each make more calls of one."""
    layers = [i for i in range(len(subject.stack)) if most_attempts(subject.stack, i, i + 1) > 1]
    if len(layers) < 2:
        return
    product, held = most_attempts(subject.stack), _total(subject)
    parts = " x ".join(str(most_attempts(subject.stack, i, i + 1)) for i in layers)
    names = ", ".join(f"`{subject.stack[i].id}`" for i in layers)
    kept = f"; budgets hold it to {say.digits(held)}x in a long outage" if held < product else ""
    yield Hit(
        subject.at(layers[1]),
        f"{names} multiply: one request becomes up to {product} attempts ({parts}){kept}",
        "retry in one layer only, or give each a budget",
        {"attempts": product, "budgeted": held},
        severity=ERROR if held >= 10 else WARNING,
    )


def storm(subject: Subject) -> Iterator[Hit]:
    """RL006: retries alone keep B overloaded once it is."""
    plan = subject.plan
    able, held = capacity(plan), _total(subject)
    rate = traffic(plan).usual
    retries = [i for i, c in enumerate(subject.stack) if isinstance(c, RetryConfig) and c.attempts > 1]
    if able == inf or not retries or any(breaker_of(config) for config in subject.stack):
        return
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


def idle_budget(subject: Subject) -> Iterator[Hit]:
    """RL022: a budget that allows whatever the attempts allow."""
    for index, config in enumerate(subject.stack):
        if not isinstance(config, RetryConfig) or not isinstance(config.budget, BudgetConfig):
            continue
        budget, retries = config.budget, config.attempts - 1
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


def eager_hedge(subject: Subject) -> Iterator[Hit]:
    """RL025: a hedge that is sent for ordinary answers."""
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


def narrow_limiter(subject: Subject) -> Iterator[Hit]:
    """RL026: a rate limit below the traffic."""
    for index, config in enumerate(subject.stack):
        if not isinstance(config, RateLimiterConfig):
            continue
        limit = config.count * SECOND / config.per
        rate, share = at_layer(subject.plan, index), traffic(subject.plan)
        highest = rate * (share.peak / share.usual if share.usual else 1)
        if rate > limit:
            rejected = 1 - limit / rate
            yield Hit(
                subject.at(index, "limit"),
                f"{say.rate(rate)} arrive at a limit of {say.rate(limit)} per client instance: "
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


RULES: tuple[Rule, ...] = (
    Rule(
        "RL005",
        "nested attempts multiply",
        WARNING,
        (
            "A retry around a retry does not add, it multiplies: three times three are nine attempts "
            ""
            ""
            ""
            "for one request, and hedges multiply "
            "too. Over several services it goes on. In an outage that is the load B gets while it is "
            ""
            ""
            ""
            "down.\n\nRetry in one layer, best the one "
            "next to B. A budget bounds the long run (a ratio of 10% makes 1.1x of it) but not the "
            "attempts of one request."
        ),
        multiplied,
    ),
    Rule(
        "RL006",
        "a retry storm that keeps itself alive",
        WARNING,
        (
            "If requests times attempts is more than B can do, an overload has two stable states: "
            "everything works, or everything times "
            "out and is retried. A short cause moves it to the second, and the end of the cause does "
            ""
            ""
            ""
            "not move it back (a metastable "
            "failure). Leave room, bound the retries with a budget, or put a breaker in. Computed "
            "without a queue and from averages."
        ),
        storm,
    ),
    Rule(
        "RL022",
        "a budget that never binds",
        WARNING,
        (
            "A budget of 300% for a retry of three attempts allows more than the attempts can ask "
            "for. A token bucket that gains as much per "
            "call as the retries of that call cost never runs dry; a huge one runs dry when the outage is over."
        ),
        idle_budget,
    ),
    Rule(
        "RL025",
        "a hedge that is sent too early",
        WARNING,
        (
            "A hedge is for the unlucky few. Sent after the median it doubles the load of half the "
            "calls. The extra load is the chance "
            "that an answer takes longer than the delay, leg by leg."
        ),
        eager_hedge,
    ),
    Rule(
        "RL026",
        "a rate limit below the traffic",
        WARNING,
        (
            "What arrives above the limit is turned away, or waits until it cannot. Retries outside "
            "the limiter count as traffic too. The "
            "limit is per client instance: several instances together send several times as much."
        ),
        narrow_limiter,
    ),
)
