"""The section `stack` of a scenario file: policies as one-key items, outermost first.

Owns the keys of each policy, defaults and descriptions. Refuses to turn them into settings (resolve_stack.py).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from resilience_sim.policies.rules import native_breakers, native_guards, native_retries
from resilience_sim.scenario import codes, leaves
from resilience_sim.scenario.leaves import (
    Duration,
    Flag,
    Identifier,
    LongerThanZero,
    Multiplier,
    Schema,
    SomeRate,
    SomeShare,
    problem,
)  # fmt: skip
from resilience_sim.scenario.like_leaves import knows, like_leaf
from resilience_sim.scenario.models_base import Strict, key
from resilience_sim.scenario.models_budget import BudgetModel
from resilience_sim.scenario.models_items import OneKey
from resilience_sim.scenario.policy_leaves import (
    IgnoredOutcomes,
    Jitter,
    OpenBackoff,
    Outcomes,
    Threshold,
    Window,
)

MOST_CALLS = 1_000_000


WHOSE = "Whose exact rules, defaults and names: ours (`classic`), or a library's; its own names are docs/libraries.md."


class PolicyModel(Strict):
    """What every policy has."""

    id: Identifier | None = key(None, description="Its name in results and `set` paths; default: its kind.")


class Due(PolicyModel):
    """A policy with a key that must be written, unless it is like a library that has a default for it."""

    due: ClassVar[str] = ""
    stand_in: ClassVar[Any] = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if getattr(self, "like", "classic") == "classic" and getattr(self, self.due) is None:
            kind = _snake(type(self).__name__)
            raise problem(
                codes.MISSING, f"`{kind}` needs `{self.due}`", f"for example `{self.due}: {self.stand_in}`",
                stand_in={self.due: self.stand_in},
            )  # fmt: skip
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """Either of the two must be there."""
        made = handler.resolve_ref_schema(handler(core))
        return {**made, "anyOf": [{"required": [cls.due]}, {"required": ["like"]}]}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


@knows(native_retries.PARAMS)
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
    like: Annotated[str, like_leaf(*native_retries.PARAMS)] = key("classic", description=WHOSE)


@knows(native_breakers.PARAMS)
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
    like: Annotated[str, like_leaf(*native_breakers.PARAMS)] = key("classic", description=WHOSE)


@knows(native_guards.TIMEOUTS)
class Timeout(Due):
    """Stops waiting."""

    due = "after"
    stand_in = "1s"
    after: LongerThanZero | None = key(None, description="How long the caller waits. Must be written.")
    cancels_work: Flag = key(False, description="Whether B's work stops too.")
    like: Annotated[str, like_leaf(*native_guards.TIMEOUTS)] = key("classic", description=WHOSE)


@knows(native_guards.BULKHEADS)
class Bulkhead(Due):
    """Limits how many calls are inside at once."""

    due = "max_concurrent"
    stand_in = 10
    max_concurrent: Annotated[int, leaves.count(1, MOST_CALLS)] | None = key(
        None, description="Calls inside at once. Must be written."
    )
    queue: Annotated[int, leaves.count(0, MOST_CALLS)] = key(0, description="Calls that may wait for a place.")
    max_wait: Duration | None = key(None, description="How long they wait; default: as long as their caller does.")
    like: Annotated[str, like_leaf(*native_guards.BULKHEADS)] = key("classic", description=WHOSE)


@knows(native_guards.LIMITERS)
class RateLimiter(Due):
    """Limits how many calls begin."""

    due = "limit"
    stand_in = "50/s"
    limit: SomeRate | None = key(None, description="Calls per time. Must be written.")
    burst: Annotated[int, leaves.count(1, MOST_CALLS)] | None = key(
        None, description="How many may come at once (token bucket); default: one second's worth, at least 1."
    )
    max_wait: Duration = key("0ms", description="How long a call may wait for its turn.")
    kind: Annotated[str, leaves.choice("token_bucket", "fixed_window", "smooth")] = key(
        "token_bucket", description="How permits are given out."
    )
    like: Annotated[str, like_leaf(*native_guards.LIMITERS)] = key("classic", description=WHOSE)


@knows(native_guards.HEDGES)
class Hedge(Due):
    """Sends a second try before the first has answered."""

    due = "delay"
    stand_in = "1s"
    delay: Duration | None = key(
        None, description="How long without an answer until one more is sent. Must be written."
    )
    max_extra: Annotated[int, leaves.count(1, 1_000)] = key(1, description="How many more at most.")
    cancels_loser: Flag = key(True, description="Whether the slower ones are called off.")
    like: Annotated[str, like_leaf(*native_guards.HEDGES)] = key("classic", description=WHOSE)


class Fallback(PolicyModel):
    """Answers in B's place when the inside fails."""

    latency: Duration = key("0ms", description="How long that answer takes.")


@knows(native_guards.THROTTLES)
class Throttle(PolicyModel):
    """Adaptive throttling on the client's side."""

    k: Annotated[float, leaves.factor(1, bare=True)] = key(
        2, description="How many times the accepted calls may be sent; lower is stricter."
    )
    window: LongerThanZero = key("2m", description="How far it looks back.")
    like: Annotated[str, like_leaf(*native_guards.THROTTLES)] = key("classic", description=WHOSE)


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
