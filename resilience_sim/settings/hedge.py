"""Hedge: a second try before the first has answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.kernel.events import ERROR, RATE_LIMITED
from resilience_sim.settings.library_types import count
from resilience_sim.settings.policy import PolicyConfig, PolicyKind, library_settings, one_to_one, policy_table
from resilience_sim.settings.table import Findings, Loc, Param, Settings, Values
from resilience_sim.settings.types import DURATION, FLAG, Count

GRPC_FATAL = (ERROR, RATE_LIMITED)  # a status that is not listed as non-fatal cancels all other legs
GRPC_MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeConfig(PolicyConfig):
    """After each ``delay`` ns without an answer one more leg starts, up to ``max_extra``."""

    kind: ClassVar[str] = "hedge"
    delay: int = 0
    max_extra: int = 1
    cancels_loser: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeHedgeConfig(PolicyConfig):
    """A hedge under a library's rules.

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


LIBRARIES: dict[str, tuple[Param, ...]] = {
    "resilience4j": (Param("hedgeDuration", DURATION, required=True, same_as="delay"),),
    "polly": (
        Param("Delay", DURATION, "2s", same_as="delay"),
        Param("MaxHedgedAttempts", count(1), 1, same_as="max_extra"),
    ),
    "failsafe-go": (
        Param("Delay", DURATION, required=True, same_as="delay"),
        Param("MaxHedges", count(1), 1, same_as="max_extra"),
    ),
    "grpc": (Param("hedgingDelay", DURATION, "0ms", same_as="delay"), Param("maxAttempts", count(2), 2)),
    "envoy": (
        Param("per_try_timeout", DURATION, required=True, same_as="delay"),
        Param("num_retries", count(1), 1, same_as="max_extra"),
    ),
}

PAGE = """\
When no answer has come after `delay`, asks a second time (up to `max_extra` times) and takes the first success (or
client_error: every copy would be answered so). When all fail, the last failure is the outcome. It is no retry: a quick
failure starts nothing.

With a delay at the p95 of B, one call in twenty is sent twice, and a request is slower than t only if both are.
Needs operations that may happen twice."""

TABLE = policy_table(
    "hedge",
    "Sends a second try before the first has answered.",
    (
        Param(
            "delay", DURATION, about="How long without an answer until one more is sent.", required=True, first="200ms"
        ),
        Param("max_extra", Count(1, 1_000), 1, "How many more at most."),
        Param("cancels_loser", FLAG, True, "Whether the slower ones are called off."),
    ),
    LIBRARIES,
    PAGE,
)


def _classic(values: Values, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    return HedgeConfig(ident, delay=values.delay, max_extra=values.max_extra, cancels_loser=values.cancels_loser)


def emulate_hedge(library: str, given: Settings, ident: str = "") -> LikeHedgeConfig:
    """A race by the library's rules."""
    p = library_settings(LIBRARIES, library, given, "hedge")
    delay = p[LIBRARIES[library][0].name]
    if library == "resilience4j":
        return LikeHedgeConfig(ident, library=library, delay=delay, max_extra=1, cancels_loser=False, wins="any")
    if library == "failsafe-go":
        return LikeHedgeConfig(ident, library=library, delay=delay, max_extra=p["MaxHedges"], wins="any")
    if library == "polly":
        extra = p["MaxHedgedAttempts"]
        return LikeHedgeConfig(
            ident, library=library, delay=delay, max_extra=extra, fails_forward=True, when_all_fail="first"
        )
    if library == "grpc":
        extra = min(p["maxAttempts"], GRPC_MAX_ATTEMPTS) - 1
        return LikeHedgeConfig(
            ident, library=library, delay=delay, max_extra=extra, fails_forward=True, fatal=GRPC_FATAL
        )
    return LikeHedgeConfig(ident, library=library, delay=delay, max_extra=p["num_retries"], fails_forward=True)


def _translate(library: str, values: Values) -> Settings:
    return one_to_one(LIBRARIES, library, values, "delay", "max_extra", "cancels_loser")


KIND = PolicyKind(
    TABLE,
    _classic,
    {HedgeConfig: "hedge:Hedge", LikeHedgeConfig: "hedge:Hedge"},
    LIBRARIES,
    (),
    lambda library, given, ident, values: emulate_hedge(library, given, ident),
    _translate,
)
