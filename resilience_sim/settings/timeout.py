"""Timeout: the caller stops waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.settings.library_types import MILLISECONDS, SECONDS
from resilience_sim.settings.policy import PolicyConfig, PolicyKind, added, library_settings, one_to_one, policy_table
from resilience_sim.settings.table import Findings, Loc, Param, Settings, Values
from resilience_sim.settings.types import DURATION, FLAG, LONGER_THAN_ZERO, Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutConfig(PolicyConfig):
    """The caller stops waiting ``after`` ns; B's work goes on unless ``cancels_work``."""

    kind: ClassVar[str] = "timeout"
    after: int = 0
    cancels_work: bool = False
    passes_on: bool = added(False)


# No library's timeout stops the work at B by itself.
LIBRARIES: dict[str, tuple[Param, ...]] = {
    "resilience4j": (
        Param("timeoutDuration", DURATION, "1s", same_as="after"),
        Param("cancelRunningFuture", FLAG, True),
    ),
    "polly": (Param("Timeout", DURATION, "30s", same_as="after"),),
    "failsafe-go": (Param("Timeout", DURATION, required=True, same_as="after"),),
    "hyx": (Param("timeout_secs", SECONDS, required=True, same_as="after"),),
    "hystrix": (Param("timeoutInMilliseconds", MILLISECONDS, "1s", same_as="after"),),
    "envoy": (Param("timeout", SECONDS, "15s", same_as="after"),),
    "grpc": (Param("timeout", SECONDS, required=True, same_as="after"),),
    "dapr": (Param("timeout", SECONDS, required=True, same_as="after"),),
    "opossum": (Param("timeout", MILLISECONDS, "10s", same_as="after"),),
    "cockatiel": (
        Param("duration", MILLISECONDS, required=True, same_as="after"),
        Param("strategy", Choice("Cooperative", "Aggressive"), "Cooperative"),
    ),
    "aws": (Param("read_timeout", SECONDS, "1m", same_as="after"),),
    "smallrye": (Param("value", MILLISECONDS, "1s", same_as="after"),),
}

PAGE = """\
Stops waiting after `after`. The outcome is `timeout`.

B does not know: it goes on working, and the effect may still happen (orphans, duplicates when the caller tries
again). With `cancels_work: true` B's work ends too.

With `passes_on: true` the caller tells B its deadline, as gRPC does: B begins no work after it (that counts as
expired), makes no call after it, bounds each call by what is left, and passes it on itself.

At load, an attempt that was given up still costs B its time: work for nobody. Timeouts with retries therefore
raise the load exactly when B is slow; see the metric wasted_work."""

TABLE = policy_table(
    "timeout",
    "Stops waiting.",
    (
        Param(
            "after",
            LONGER_THAN_ZERO,
            about="How long the caller waits.",
            required=True,
            first="1s",
            synonyms=("seconds",),
        ),
        Param("cancels_work", FLAG, False, "Whether B's work stops too."),
        Param("passes_on", FLAG, False, "Whether B is told the deadline: it begins nothing after it."),
    ),
    LIBRARIES,
    PAGE,
)


def _classic(values: Values, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    return TimeoutConfig(ident, after=values.after, cancels_work=values.cancels_work, passes_on=values.passes_on)


def emulate_timeout(
    library: str, given: Settings, ident: str = "", cancels_work: bool = False, passes_on: bool = False
) -> TimeoutConfig:
    """A library's timeout differs from ours in its name and default only."""
    settings = library_settings(LIBRARIES, library, given, "timeout")
    after = settings[LIBRARIES[library][0].name]
    return TimeoutConfig(ident, after=after, cancels_work=cancels_work, passes_on=passes_on)


def _translate(library: str, values: Values) -> Settings:
    return one_to_one(LIBRARIES, library, values, "after")


KIND = PolicyKind(
    TABLE,
    _classic,
    {TimeoutConfig: "timeout:Timeout"},
    LIBRARIES,
    ("cancels_work", "passes_on"),
    lambda library, given, ident, values: emulate_timeout(library, given, ident, values.cancels_work, values.passes_on),
    _translate,
)
