"""A circuit breaker in common terms, whatever library's settings it has: for the linter and the writers.

Owns the common terms. Refuses the exact behaviour (policies/).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil

from resilience_sim.policies.config import BreakerConfig, PolicyConfig
from resilience_sim.policies.config_like import LikeBreakerConfig

_TRIP = re.compile(r"\s*consecutive_?failures\s*(>=|>)\s*([0-9]{1,9})\s*\Z", re.IGNORECASE)


def failures_needed(share: float, calls: int) -> int:
    """How many of ``calls`` must fail to reach the share."""
    return max(1, ceil(share * calls - 1e-9))


@dataclass(frozen=True, slots=True)
class BreakerView:
    """``consecutive`` 0: by share. ``half_open_limit`` 0: half-open may last for ever. Times in ns."""

    consecutive: int
    share: float
    window_calls: int
    window_time: int
    min_calls: int
    recovery: int
    probes: int
    successes: int
    slow_call: int
    slow_share: float
    ignore: tuple[int, ...]
    half_open_limit: int
    lets_all_in: bool
    like: str
    open_factor: float = 1.0
    open_max: int = 0
    counts_cancelled: bool = False

    def window_size(self, rate: float) -> int:
        """Calls in a full window, at this many calls a second."""
        return self.window_calls or round(rate * self.window_time / 1e9)

    def failures_from(self, calls: int) -> int:
        """Failures needed among so many calls."""
        return failures_needed(self.share, calls)


def breaker_of(config: PolicyConfig) -> BreakerView | None:
    """The view of a breaker; None for other policies, and for trip conditions that are no threshold."""
    if isinstance(config, BreakerConfig):
        return BreakerView(
            config.consecutive,
            config.failure_share,
            config.window_calls if not config.window_time else 0,
            config.window_time,
            config.min_calls,
            config.recovery_time,
            config.probes,
            config.success_threshold,
            config.slow_call,
            config.slow_share,
            config.ignore,
            0,
            False,
            "classic",
            config.open_factor,
            config.open_max,
        )
    if not isinstance(config, LikeBreakerConfig):
        return None
    consecutive = config.consecutive or (config.failures if config.failures == config.out_of else 0)
    trip = _TRIP.match(config.trip)
    if trip:
        consecutive = max(1, int(trip.group(2)) + (trip.group(1) == ">"))
    if not consecutive and not config.failure_share:
        return None
    return BreakerView(
        consecutive,
        config.failure_share,
        config.window_calls if not config.window_time else 0,
        config.window_time,
        max(1, config.min_calls),
        config.open_for,
        config.probes,
        config.successes,
        config.slow_call,
        config.slow_share,
        config.ignore,
        config.half_open_for,
        config.rules.admits == "all",
        config.like,
        config.open_factor,
        config.open_max,
        config.rules.cancelled in ("failure", "reopens"),
    )
