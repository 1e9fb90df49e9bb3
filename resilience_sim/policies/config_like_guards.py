"""Settings of rate limiters, hedges and throttles that follow a known library's rules, frozen.

Owns the shapes, as policies/config_like.py does for breakers. Timeouts and bulkheads differ between libraries in
defaults and names only: their settings are those of policies/config.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.policies.config import PolicyConfig


@dataclass(frozen=True, slots=True)
class LikeLimiterConfig(PolicyConfig):
    """A rate limiter. ``scheme``: ``cycles`` (``count`` permits in each ``period`` ns since the start of the run;
    unused ones expire), ``refilling`` (hyx: ``burst`` tokens; one comes back every ``period`` ns, but they are
    counted only when none is left).

    ``patience``: how long a call waits for its permit; ``doomed_wait`` tells whether one that would wait longer is kept
    waiting that long before it is refused (resilience4j), or refused at once.
    """

    kind: ClassVar[str] = "rate_limiter"
    library: str = ""
    scheme: str = "cycles"
    count: int = 1
    period: int = 1_000_000_000
    burst: int = 1
    patience: int = 0
    doomed_wait: bool = False

    @property
    def like(self) -> str:
        """Whose rules."""
        return self.library


@dataclass(frozen=True, slots=True)
class LikeHedgeConfig(PolicyConfig):
    """A hedge.

    ``wins``: the first ``good`` answer, or the first ``any`` one (resilience4j, failsafe-go). ``fails_forward``: a
    failed leg launches the next one at once. ``when_all_fail`` the answer is that of the ``first`` leg or the
    ``last`` to end. ``fatal``: outcomes that end the race (gRPC). ``delay`` 0: all legs at once; -1: only after a
    failure.
    """

    kind: ClassVar[str] = "hedge"
    library: str = ""
    delay: int = 0
    max_extra: int = 1
    cancels_loser: bool = True
    wins: str = "good"
    fails_forward: bool = False
    when_all_fail: str = "last"
    fatal: tuple[int, ...] = ()

    @property
    def like(self) -> str:
        """Whose rules."""
        return self.library


@dataclass(frozen=True, slots=True)
class LikeThrottleConfig(PolicyConfig):
    """failsafe-go's AdaptiveThrottler: the failure rate of completed calls above ``threshold`` turns calls away.

    The probability is (failures - threshold·calls) / calls in its form max(0, (calls - accepted/(1-threshold)) /
    (calls + 1)), never more than ``most``; nothing below ``min_calls``.
    """

    kind: ClassVar[str] = "throttle"
    library: str = ""
    threshold: float = 0.1
    window: int = 60_000_000_000
    min_calls: int = 0
    most: float = 0.9

    @property
    def like(self) -> str:
        """Whose rules."""
        return self.library
