"""Rate limiter: a limit on how many calls begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.settings import codes
from resilience_sim.settings.library_types import SECONDS, Nest, count
from resilience_sim.settings.policy import (
    SHARED,
    PolicyConfig,
    PolicyKind,
    library_settings,
    one_to_one,
    policy_table,
)
from resilience_sim.settings.table import Findings, LibraryError, Loc, Param, Settings, Values
from resilience_sim.settings.types import DURATION, FLAG, LONGER_THAN_ZERO, SOME_RATE, Choice, Count
from resilience_sim.settings.units import SLOWEST


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimiterConfig(PolicyConfig):
    """``count`` permits every ``per`` ns; ``burst`` resolved (token_bucket only)."""

    kind: ClassVar[str] = "rate_limiter"
    count: float = 1.0
    per: int = 1_000_000_000
    burst: int = 1
    max_wait: int = 0
    scheme: str = "token_bucket"  # token_bucket | fixed_window | smooth


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeLimiterConfig(PolicyConfig):
    """A rate limiter under a library's rules.

    ``scheme``: ``cycles`` (``count`` permits in each ``period`` ns since the start of the run; unused ones expire),
    ``refilling`` (hyx: ``burst`` tokens; one comes back every ``period`` ns, but they are counted only when none is
    left), ``timer`` (Envoy until 1.30: ``count`` come back at once every ``period`` ns, at most ``burst`` are kept).
    ``patience``: how long a call waits for its permit; ``doomed_wait`` tells whether one that would wait longer
    is kept waiting that long before it is refused (resilience4j), or refused at once.
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


def _calls_in_a_time(name: str) -> Nest:
    return Nest(name, executions=count(1), period=LONGER_THAN_ZERO)


LIBRARIES: dict[str, tuple[Param, ...]] = {
    "resilience4j": (
        Param("limitForPeriod", count(1), 50),
        Param("limitRefreshPeriod", LONGER_THAN_ZERO, "500ns"),
        Param("timeoutDuration", DURATION, "5s", same_as="max_wait"),
    ),
    "failsafe-go": (
        Param(
            "Smooth", Nest("Smooth", executions=count(1), period=LONGER_THAN_ZERO), first="{executions: 50, period: 1s}"
        ),
        Param("Bursty", _calls_in_a_time("Bursty")),
        Param("MaxWaitTime", DURATION, "0ms", same_as="max_wait"),
    ),
    "hyx": (
        Param("max_executions", count(1), required=True, first="50"),
        Param("per_time_secs", SECONDS, "1s"),
        Param("bucket_size", count(), 0, same_as="burst"),
    ),
    "envoy": (
        Param("max_tokens", count(1), required=True, first="50", same_as="burst"),
        Param("tokens_per_fill", count(1), 1),
        Param("fill_interval", LONGER_THAN_ZERO, required=True, first="1s"),
        Param("timer_based", FLAG, False),
    ),
}

PAGE = """\
Limits how many calls begin. A call that would have to wait longer than `max_wait` is rejected at once; users see
`rate_limited`, and a retry outside takes it up only if its `on` lists it.

    token_bucket  up to `burst` at once, then evenly at `limit`; starts full
    smooth        evenly, no burst
    fixed_window  a fixed number in each window from t = 0; what is left expires"""

TABLE = policy_table(
    "rate_limiter",
    "Limits how many calls begin.",
    (
        Param("limit", SOME_RATE, about="Calls per time.", required=True, first="50/s"),
        Param(
            "burst",
            Count(1),
            about="How many may come at once (token bucket); default: one second's worth, at least 1.",
            synonyms=("capacity",),
        ),
        Param("max_wait", DURATION, "0ms", "How long a call may wait for its turn."),
        Param("kind", Choice("token_bucket", "fixed_window", "smooth"), "token_bucket", "How permits are given out."),
        SHARED,
    ),
    LIBRARIES,
    PAGE,
)


def _classic(values: Values, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    limit = values.limit
    if values.kind == "fixed_window" and limit.count < 1:
        findings.error(
            (*loc, "limit"),
            codes.RANGE,
            "a fixed window of less than one call lets nothing through",
            "write it as one call in a longer time: `1/2s`",
        )
    if values.kind == "token_bucket" and values.burst and (values.burst - 1) * limit.per > SLOWEST * limit.count:
        findings.error(
            (*loc, "burst"),
            codes.RANGE,
            "the bucket takes more than 36 years to fill",
            "write a smaller `burst` or a higher `limit`",
        )
    if values.burst is not None and values.kind != "token_bucket":
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `burst` has no effect on kind `{values.kind}`")
    return RateLimiterConfig(
        ident,
        count=float(limit.count),
        per=limit.per,
        burst=values.burst or max(1, int(limit.exact)),
        max_wait=values.max_wait,
        scheme=values.kind,
    )


def _each_nanosecond(name: str, executions: int, time: int) -> None:
    """Refuse a rate that is finer than the clock."""
    if time < executions:
        remedy = "write a longer time, or fewer executions"
        raise LibraryError(name, "that is more than one call each nanosecond", remedy)


def emulate_limiter(library: str, given: Settings, ident: str = "") -> PolicyConfig:
    """Cycles, an even flow, or hyx's bucket."""
    p = library_settings(LIBRARIES, library, given, "rate limiter")
    if library == "resilience4j":
        return LikeLimiterConfig(
            ident,
            library=library,
            scheme="cycles",
            count=p["limitForPeriod"],
            period=p["limitRefreshPeriod"],
            patience=p["timeoutDuration"],
            doomed_wait=True,
        )
    if library == "hyx":
        _each_nanosecond("per_time_secs", p["max_executions"], p["per_time_secs"])
        return LikeLimiterConfig(
            ident,
            library=library,
            scheme="refilling",
            count=1,
            period=p["per_time_secs"] // p["max_executions"],
            burst=p["bucket_size"] or p["max_executions"],
        )
    if library == "envoy":
        return _envoy(ident, p)
    chosen = p["Bursty"] or p["Smooth"]
    if chosen is None:
        remedy = "write `Smooth: {executions: 50, period: 1s}`"
        raise LibraryError("like", "failsafe-go needs `Smooth` or `Bursty`", remedy)
    if p["Bursty"]:
        return LikeLimiterConfig(
            ident,
            library=library,
            scheme="cycles",
            count=chosen["executions"],
            period=chosen["period"],
            patience=p["MaxWaitTime"],
        )
    _each_nanosecond("Smooth", chosen["executions"], chosen["period"])
    return RateLimiterConfig(
        ident,
        count=float(chosen["executions"]),
        per=chosen["period"],
        burst=1,
        max_wait=p["MaxWaitTime"],
        scheme="smooth",
    )


SHORTEST_FILL = 50_000_000


def _envoy(ident: str, p: Settings) -> PolicyConfig:
    """The filter local_ratelimit: since 1.31 (AtomicTokenBucket) an even flow, before that refilled by a timer."""
    if p["fill_interval"] < SHORTEST_FILL:
        raise LibraryError("fill_interval", "Envoy refuses an interval below 50 ms", "write `50ms` or more")
    _each_nanosecond("fill_interval", p["tokens_per_fill"], p["fill_interval"])
    if max(p["max_tokens"] - 1, 1) * p["fill_interval"] > SLOWEST * p["tokens_per_fill"]:
        raise LibraryError(
            "fill_interval", "the bucket takes more than 36 years to fill", "fewer `max_tokens`, or a shorter interval"
        )
    if not p["timer_based"]:
        return RateLimiterConfig(
            ident, count=float(p["tokens_per_fill"]), per=p["fill_interval"], burst=p["max_tokens"]
        )
    return LikeLimiterConfig(
        ident,
        library="envoy",
        scheme="timer",
        count=p["tokens_per_fill"],
        period=p["fill_interval"],
        burst=p["max_tokens"],
    )


def _translate(library: str, values: Values) -> Settings:
    found = one_to_one(LIBRARIES, library, values, "burst", "max_wait", "kind")
    limit = values.limit if "limit" in values.written else None
    if limit is None:
        return found
    executions, per = max(1, round(float(limit.count))), limit.per
    if library == "resilience4j":
        return {**found, "limitForPeriod": executions, "limitRefreshPeriod": per}
    if library == "hyx":
        return {**found, "max_executions": executions, "per_time_secs": per}
    if library == "envoy":
        return {"max_tokens": max(1, int(limit.exact)), **found, "tokens_per_fill": executions, "fill_interval": per}
    return {**found, "Smooth": {"executions": executions, "period": per}}


KIND = PolicyKind(
    TABLE,
    _classic,
    {RateLimiterConfig: "rate_limiter:RateLimiter", LikeLimiterConfig: "rate_limiter:LibraryLimiter"},
    LIBRARIES,
    ("shared",),
    lambda library, given, ident, values: emulate_limiter(library, given, ident),
    _translate,
)
