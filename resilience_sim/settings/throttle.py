"""Throttle: adaptive throttling on the client's side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.settings.library_types import FRACTION, LibraryShare, count
from resilience_sim.settings.policy import PolicyConfig, PolicyKind, library_settings, one_to_one, policy_table
from resilience_sim.settings.table import Findings, Loc, Param, Settings, Values
from resilience_sim.settings.types import DURATION, LONGER_THAN_ZERO, Factor


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleConfig(PolicyConfig):
    """Adaptive throttling of the SRE book (chapter "Handling Overload"): ``k``, ``window`` ns."""

    kind: ClassVar[str] = "throttle"
    k: float = 2.0
    window: int = 120_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
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


LIBRARIES: dict[str, tuple[Param, ...]] = {
    "failsafe-go": (
        Param("FailureRateThreshold", LibraryShare(under=True), 0.1),
        Param("ThresholdingPeriod", DURATION, "60s", same_as="window"),
        Param("MinExecutions", count(), 0),
        Param("MaxRejectionRate", FRACTION, 0.9),
    ),
}

PAGE = """\
Turns calls away on the client's side the more B refuses: over the last `window`, with probability
    max(0, (requests - k * accepts) / (requests + 1))
Accepted is what B took on, errors included; refused, shed, unavailable, rate_limited, timeout and reset are not.
With k = 2 B is sent at most about twice what it accepts. The rule of the SRE book (chapter "Handling Overload")."""

TABLE = policy_table(
    "throttle",
    "Adaptive throttling on the client's side.",
    (
        Param(
            "k", Factor(1, bare=True), 2, "How many times the accepted calls may be sent; lower is stricter.", first="2"
        ),
        Param("window", LONGER_THAN_ZERO, "2m", "How far it looks back.", first="30s"),
    ),
    LIBRARIES,
    PAGE,
)


def _classic(values: Values, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    return ThrottleConfig(ident, k=values.k, window=values.window)


def emulate_throttle(library: str, given: Settings, ident: str = "") -> LikeThrottleConfig:
    """failsafe-go's form of adaptive throttling."""
    p = library_settings(LIBRARIES, library, given, "throttle")
    return LikeThrottleConfig(
        ident,
        library=library,
        threshold=p["FailureRateThreshold"],
        window=p["ThresholdingPeriod"],
        min_calls=p["MinExecutions"],
        most=p["MaxRejectionRate"],
    )


def _translate(library: str, values: Values) -> Settings:
    return one_to_one(LIBRARIES, library, values, "window", "k")


KIND = PolicyKind(
    TABLE,
    _classic,
    {ThrottleConfig: "throttle:Throttle", LikeThrottleConfig: "throttle:LibraryThrottle"},
    LIBRARIES,
    (),
    lambda library, given, ident, values: emulate_throttle(library, given, ident),
    _translate,
)
