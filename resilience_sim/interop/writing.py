"""A stack written in a library's own format: what all writers share.

The policies of a stack by role, the notes about what a format cannot say, small helpers. The text itself is written by
``write`` of the format's module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import import_module

from resilience_sim.interop.generic import BreakerView, as_generic, breaker_of
from resilience_sim.kernel.events import OUTCOME_NAMES
from resilience_sim.settings.breaker import OutlierConfig
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.rate_limiter import RateLimiterConfig
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.timeout import TimeoutConfig

# The role in a written file of each kind of policy that some format has; every other kind is noted as lost.
ROLES: dict[str, str] = {
    "retry": "retry",
    "hedge": "hedge",
    "timeout": "attempt",
    "rate_limiter": "limiter",
    "circuit_breaker": "breaker",
    "bulkhead": "bulkhead",
}


@dataclass(slots=True)
class Parts:
    """The policies of a stack by their role; ``order`` has the roles, outermost first."""

    name: str
    stack: tuple[PolicyConfig, ...]
    retry: RetryConfig | None = None
    hedge: HedgeConfig | None = None
    breaker: BreakerView | None = None
    outlier: OutlierConfig | None = None
    limiter: RateLimiterConfig | None = None
    bulkhead: BulkheadConfig | None = None
    total: TimeoutConfig | None = None
    attempt: TimeoutConfig | None = None
    notes: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def lost(self, what: str, why: str = "this format has no such policy") -> None:
        """Something that the format cannot say."""
        self.notes.append(f"{what}: {why}")


def slug(name: str) -> str:
    """A name that is one word in every format."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return (
        plain
        if plain[:1].isalpha() and plain not in ("true", "false", "null", "yes", "no", "on", "off")
        else f"b-{plain}"
    )


def parts_of(plan: Plan) -> Parts:
    """Sort a stack. A timeout outside every retry and hedge is the total one; without these, the first of several."""
    stack = as_generic(plan.stack)
    found = Parts(slug(plan.name), stack)
    repeats = [i for i, config in enumerate(stack) if isinstance(config, RetryConfig | HedgeConfig)]
    if not repeats:
        times = [index for index, config in enumerate(stack) if isinstance(config, TimeoutConfig)]
        repeats = times[1:]
    for index, config in enumerate(stack):
        role = ROLES.get(config.kind, "")
        view = as_breaker(config) if isinstance(config, OutlierConfig) else breaker_of(config)
        if isinstance(config, TimeoutConfig) and repeats and index < repeats[0]:
            role = "total"
        if not role:
            found.lost(f"`{config.id}`", f"no {config.kind.replace('_', ' ')} in this format; it belongs into code")
        elif role == "breaker" and view is None:
            found.lost(f"`{config.id}`", "its trip condition is no threshold")
        elif role in found.order:
            found.lost(f"`{config.id}`", f"one {config.kind.replace('_', ' ')} of this kind is all the format has")
        else:
            found.order.append(role)
            match config:
                case RetryConfig():
                    found.retry = config
                case HedgeConfig():
                    found.hedge = config
                case RateLimiterConfig():
                    found.limiter = config
                case BulkheadConfig():
                    found.bulkhead = config
                case TimeoutConfig() if role == "total":
                    found.total = config
                case TimeoutConfig():
                    found.attempt = config
                case _:
                    found.breaker = view
                    found.outlier = config if isinstance(config, OutlierConfig) else None
    return found


def as_breaker(config: OutlierConfig) -> BreakerView:
    """Outlier ejection as other formats can say it."""
    return BreakerView(
        consecutive=config.consecutive_5xx,
        share=0.0,
        window_calls=100,
        window_time=0,
        min_calls=100,
        recovery=config.base_ejection_time,
        probes=1000,
        successes=1,
        slow_call=0,
        slow_share=1.0,
        ignore=(),
        half_open_limit=0,
        lets_all_in=True,
        like="envoy",
        open_factor=2.0,
        open_max=config.max_ejection_time,
    )


def outcomes(config: RetryConfig) -> set[str]:
    """The names of what is tried again."""
    return {OUTCOME_NAMES[code] for code in config.on}


@dataclass(frozen=True, slots=True)
class Written:
    """A file's text, and what it cannot say."""

    text: str
    notes: tuple[str, ...]


def write(plan: Plan, to: str) -> Written:
    """The stack of a plan in one of the formats."""
    parts = parts_of(plan)
    text: str = import_module(f"resilience_sim.interop.{to}").write(parts)
    return Written(text, tuple(dict.fromkeys(parts.notes)))


def number(value: float) -> str:
    """Without needless digits."""
    return f"{value:.9g}"


def whole(parts: Parts, ns: int, unit: int, what: str) -> int:
    """A duration cut to the unit of a format, with a note when something is cut."""
    if ns % unit:
        parts.lost(what, "rounded up to the format's finest unit")
    return -(-ns // unit)


def no_consecutive(parts: Parts, view: BreakerView) -> tuple[float, int, int]:
    """(share, window calls, minimum) of a breaker for formats that know only shares of a window."""
    if view.consecutive:
        parts.lost("failures in a row", f"written as {view.consecutive} of {view.consecutive} calls, which comes near")
        return 1.0, view.consecutive, view.consecutive
    return view.share, view.window_calls, view.min_calls
