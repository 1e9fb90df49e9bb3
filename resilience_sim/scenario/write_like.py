"""Settings under a library's rules back to that library's own names: the inverse of resolve_like.py.

Owns the search: spellings are proposed (write_like_*.py), each is read again by the rules' own tables, and the first
that gives the very same settings is taken, without the parameters it can do without. Refuses what no spelling gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from resilience_sim.policies.config import BudgetConfig, PolicyConfig
from resilience_sim.policies.config_like import LikeBreakerConfig
from resilience_sim.policies.config_like_guards import LikeHedgeConfig, LikeLimiterConfig, LikeThrottleConfig
from resilience_sim.policies.config_like_retry import LikeRetryConfig
from resilience_sim.policies.config_outliers import OutlierConfig
from resilience_sim.policies.rules import native
from resilience_sim.policies.rules.library_retries import RETRIES
from resilience_sim.policies.rules.native import NativeError, Param
from resilience_sim.policies.rules.native import Settings as Native
from resilience_sim.policies.rules.native_breakers import breaker_like, outliers_like
from resilience_sim.policies.rules.native_guards import hedge_like, limiter_like, throttle_like
from resilience_sim.policies.rules.native_retries import retry_like
from resilience_sim.scenario import write_like_breakers, write_like_guards, write_like_retries
from resilience_sim.scenario.like_leaves import Tables
from resilience_sim.scenario.resolve_like import TABLES
from resilience_sim.scenario.spelling import Settings, Unwritable, duration, flow, outcomes, plain
from resilience_sim.scenario.write_policies import budget

Make = Callable[[Native], PolicyConfig]
Proposals = Iterable[Native]


def like_settings(policy: PolicyConfig) -> Settings | None:
    """``like`` and what is not at the library's default; None for a policy under no library's rules.

    Raises:
        Unwritable: no parameters of the library give these settings.
    """
    if isinstance(policy, LikeRetryConfig):
        return _retry(policy)
    if isinstance(policy, LikeBreakerConfig):
        made = _written(
            policy, policy.like, write_like_breakers.proposals(policy),
            lambda given: breaker_like(policy.like, given, policy.id, policy.ignore),
        )  # fmt: skip
        return {**made, **({"ignore": outcomes(policy.ignore)} if policy.ignore else {})}
    if isinstance(policy, OutlierConfig):
        return _written(
            policy, "envoy", write_like_breakers.outliers(policy), lambda given: outliers_like(given, policy.id)
        )
    for shape, make in _GUARDS.items():
        if isinstance(policy, shape):
            library = policy.library

            def again(given: Native, make: Callable[..., PolicyConfig] = make, library: str = library) -> PolicyConfig:
                return make(library, given, policy.id)

            return _written(policy, library, write_like_guards.proposals(policy), again)
    return None


_GUARDS: dict[type[LikeLimiterConfig | LikeHedgeConfig | LikeThrottleConfig], Callable[..., PolicyConfig]] = {
    LikeLimiterConfig: limiter_like,
    LikeHedgeConfig: hedge_like,
    LikeThrottleConfig: throttle_like,
}


def _retry(policy: LikeRetryConfig) -> Settings:
    """With its budget only where that is not the library's own."""
    library = policy.like
    on = () if policy.on == RETRIES[library].on else policy.on
    proposals = list(write_like_retries.proposals(policy))

    def written(own: BudgetConfig | None) -> Settings:
        found = _written(policy, library, proposals, lambda given: retry_like(library, given, policy.id, on, own))
        return {**found, **({"on": outcomes(on)} if on else {}), "budget": budget(own)}

    try:
        return written(None)
    except Unwritable:
        return written(policy.budget)


def _written(policy: PolicyConfig, library: str, proposals: Proposals, make: Make) -> Settings:
    tables: Tables = TABLES[policy.kind]
    for proposal in proposals:
        if _gives(make, proposal, policy):
            given = _shortest(make, proposal, policy)
            params = {param.name: param for param in tables[library]}
            return {"like": library, **{name: _text(params[name], value) for name, value in given.items()}}
    raise Unwritable(f"no parameters of {library} give the settings of {policy.id}")


def _gives(make: Make, given: Native, policy: PolicyConfig) -> bool:
    try:
        return make(given) == policy
    except (NativeError, ArithmeticError, TypeError, ValueError, KeyError):
        return False


def _shortest(make: Make, given: Native, policy: PolicyConfig) -> Native:
    """Without what stands at its default, or means nothing beside the rest."""
    for name in list(given):
        without = {key: value for key, value in given.items() if key != name}
        if _gives(make, without, policy):
            given = without
    return given


def _text(param: Param, value: Any) -> str:
    """As the library takes it; times always with their unit."""
    if param.takes == native.TIME:
        return duration(value)
    if param.takes == native.MAPPING and param.keys:
        takes = dict(param.keys)
        return flow({name: _text(Param(name, takes[name], None), each) for name, each in value.items()})
    return plain(value)
