"""The section `stack` of a scenario file: policies as one-key items, outermost first.

Owns the keys of each policy, defaults and descriptions. Refuses to turn them into settings (resolve_stack.py).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from resilience_sim.scenario import leaves
from resilience_sim.scenario.leaves import (
    Duration,
    Flag,
    Identifier,
    LongerThanZero,
    Multiplier,
    SomeRate,
    SomeShare,
)  # fmt: skip
from resilience_sim.scenario.models_base import Strict, key, required
from resilience_sim.scenario.models_budget import BudgetModel
from resilience_sim.scenario.models_items import OneKey
from resilience_sim.scenario.policy_leaves import (
    IgnoredOutcomes,
    Jitter,
    Like,
    OpenBackoff,
    Outcomes,
    Threshold,
    Window,
)

MOST_CALLS = 1_000_000


class PolicyModel(Strict):
    """What every policy has."""

    id: Identifier | None = key(None, description="Its name in results and `set` paths; default: its kind.")


class Retry(PolicyModel):
    """Tries again."""

    attempts: Annotated[int, leaves.count(1, 10_000)] = key(3, description="How many tries, the first one included.")
    delay: Duration = key("0ms", description="Wait before the first retry.")
    backoff: Annotated[str, leaves.choice("constant", "linear", "exponential", "decorrelated")] = key(
        "constant", description="How the wait grows from retry to retry."
    )
    factor: Multiplier = key(2, description="What an exponential wait is multiplied by each time.")
    max_delay: LongerThanZero | None = key(None, description="No wait is longer.")
    jitter: Jitter = key("none", description="How chance spreads the wait: none, full, equal, or a share like `25%`.")
    on: Outcomes = key(
        ["error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed"],
        description="The outcomes that are tried again.",
    )
    honor_retry_after: Flag = key(True, description="Wait as long as B asks for with its 429.")
    max_elapsed: LongerThanZero | None = key(None, description="No retry after this time since the first try.")
    budget: BudgetModel | None = key(None, description="Limits all retries together: a ratio, or a scheme.")


class CircuitBreaker(PolicyModel):
    """Stops calling B while it fails."""

    failure_threshold: Threshold = key(5, description="Failures in a row, or a share of the window like `50%`.")
    window: Window = key(100, description="What a share looks at: the last calls (`100`) or a time (`10s`).")
    min_calls: Annotated[int, leaves.count(1, MOST_CALLS)] | None = key(
        None, description="No verdict with fewer calls; default: the window's calls, or 10 for a time window."
    )
    recovery_time: Duration = key("30s", description="How long it stays open before it probes.")
    probes: Annotated[int, leaves.count(1, MOST_CALLS)] = key(
        1, description="Calls let through at a time when half open."
    )
    success_threshold: Annotated[int, leaves.count(1, MOST_CALLS)] | None = key(
        None, description="Successful probes that close it; default: `probes`."
    )
    slow_call: LongerThanZero | None = key(None, description="Calls that take longer count as slow.")
    slow_threshold: SomeShare = key("80%", description="Share of slow calls that opens it; needs `slow_call`.")
    ignore: IgnoredOutcomes = key([], description="Outcomes that do not count as failures.")
    backoff: OpenBackoff | None = key(
        None, description="Each re-opening multiplies the open time: `2x`, `exponential`, or `{factor: 2x, max: 5m}`."
    )
    like: Like = key("classic", description="Whose exact rules; only `classic` today.")


class Timeout(PolicyModel):
    """Stops waiting."""

    after: LongerThanZero = required(description="How long the caller waits.")
    cancels_work: Flag = key(False, description="Whether B's work stops too.")


class Bulkhead(PolicyModel):
    """Limits how many calls are inside at once."""

    max_concurrent: Annotated[int, leaves.count(1, MOST_CALLS)] = required(description="Calls inside at once.")
    queue: Annotated[int, leaves.count(0, MOST_CALLS)] = key(0, description="Calls that may wait for a place.")
    max_wait: Duration | None = key(None, description="How long they wait; default: as long as their caller does.")


class RateLimiter(PolicyModel):
    """Limits how many calls begin."""

    limit: SomeRate = required(description="Calls per time.")
    burst: Annotated[int, leaves.count(1, MOST_CALLS)] | None = key(
        None, description="How many may come at once (token bucket); default: one second's worth, at least 1."
    )
    max_wait: Duration = key("0ms", description="How long a call may wait for its turn.")
    kind: Annotated[str, leaves.choice("token_bucket", "fixed_window", "smooth")] = key(
        "token_bucket", description="How permits are given out."
    )


class Hedge(PolicyModel):
    """Sends a second try before the first has answered."""

    delay: Duration = required(description="How long without an answer until one more is sent.")
    max_extra: Annotated[int, leaves.count(1, 1_000)] = key(1, description="How many more at most.")
    cancels_loser: Flag = key(True, description="Whether the slower ones are called off.")


class Fallback(PolicyModel):
    """Answers in B's place when the inside fails."""

    latency: Duration = key("0ms", description="How long that answer takes.")


class Throttle(PolicyModel):
    """Adaptive throttling on the client's side."""

    k: Annotated[float, leaves.factor(1, bare=True)] = key(
        2, description="How many times the accepted calls may be sent; lower is stricter."
    )
    window: LongerThanZero = key("2m", description="How far it looks back.")


class PolicyItem(OneKey):
    """One policy."""

    stand_in: ClassVar[Any] = {"fallback": {}}

    retry: Retry | None = key(None, description="Tries again.")
    circuit_breaker: CircuitBreaker | None = key(None, description="Stops calling B while it fails.")
    timeout: Timeout | None = key(None, description="Stops waiting.")
    bulkhead: Bulkhead | None = key(None, description="Limits how many calls are inside at once.")
    rate_limiter: RateLimiter | None = key(None, description="Limits how many calls begin.")
    hedge: Hedge | None = key(None, description="Sends a second try before the first has answered.")
    fallback: Fallback | None = key(None, description="Answers in B's place when the inside fails.")
    throttle: Throttle | None = key(None, description="Adaptive throttling on the client's side.")


POLICY_KINDS: tuple[str, ...] = tuple(PolicyItem.model_fields)
