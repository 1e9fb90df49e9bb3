"""Circuit breaker: stops calling B while it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.kernel.events import CLIENT_ERROR
from resilience_sim.settings import codes
from resilience_sim.settings.policy import SHARED, PolicyConfig, added
from resilience_sim.settings.retry import WaitConfig
from resilience_sim.settings.table import Findings, Loc, Nested, Param, Table, Values
from resilience_sim.settings.types import (
    DURATION,
    FAILURES,
    LONGER_THAN_ZERO,
    SEEN,
    SOME_SHARE,
    Count,
    Factor,
    Growth,
    Jitter,
    Outcomes,
    Threshold,
    Window,
    unlisted,
)

S = 1_000_000_000

TIME_WINDOW_CALLS = 10  # the default of `min_calls` for a window of time


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerConfig(PolicyConfig):
    """``consecutive`` > 0: trip on failures in a row; else on ``failure_share`` of the window.

    Exactly one of ``window_calls`` and ``window_time`` (ns) is set. ``min_calls``, ``success_threshold`` are resolved
    (never 0). ``slow_call`` 0: slow calls are not looked at. Open-time backoff: ``open_factor`` 1.0 none;
    each re-opening multiplies the open time, up to ``open_max`` (0: no cap); closing resets it. A failure is what
    is among ``on`` and not in ``ignore``; anything else but a success is as if it had not happened.
    """

    kind: ClassVar[str] = "circuit_breaker"
    consecutive: int = 5
    failure_share: float = 0.0
    window_calls: int = 100
    window_time: int = 0
    min_calls: int = 100
    recovery_time: int = 30_000_000_000
    probes: int = 1
    success_threshold: int = 1
    slow_call: int = 0
    slow_share: float = 0.8
    ignore: tuple[int, ...] = ()
    open_factor: float = 1.0
    open_max: int = 0
    like: str = "classic"
    on: tuple[int, ...] = added(FAILURES)
    jitter: str = added("none")  # of the open time: none | full | equal | spread
    spread: float = added(0.0)  # with jitter "spread"

    @property
    def uncounted(self) -> tuple[int, ...]:
        """The outcomes that are as if they had not happened."""
        return (*self.ignore, *unlisted(self.on))


PAGE = """\
Stops calling B while it fails, and finds out carefully whether it is back. For trouble that stays.

CLOSED     every call goes through, results are counted
OPEN       every call is rejected at once: breaker_open
HALF_OPEN  at most `probes` calls at a time go through, the others are rejected

It opens after `failure_threshold` failures in a row (a whole number: any success begins again at zero), or when the
share of failures in the window reaches it (a ratio like 50%), once `min_calls` are in the window. With `slow_call`
also when the share of slow calls reaches `slow_threshold`. The question is asked after every result.

OPEN ends with the first call that comes strictly later than `recovery_time` after opening: that call is a probe. A
failed probe opens again, `success_threshold` successes close it and clear what was counted.

A failure is every outcome but success and client_error (an answer: the request is at fault, not B), or those that `on`
lists; what is not among them, or in `ignore`, is as if it had not happened. The result of a call that was admitted
before the last change of state changes nothing; the event `late_result` says so.

With `jitter` each opening draws its own open time (25%: U(0.75 w, 1.25 w); equal: U(w/2, w); full: U(0, w)): the
breakers of many instances, which opened together, do not probe together.

Each client instance has a breaker of its own; `shared: true` is one for all of them, as with a common storage
(pybreaker's Redis storage, say): it counts all their calls, and the restart of one does not close it.

Outside a retry it sees one result per request, after all tries: it opens later. Inside a retry it sees every
attempt, and its rejections end the retrying (unless `on` lists breaker_open).

These rules are ours. `like: resilience4j` (polly, gobreaker, failsafe-go, pybreaker, hyx, hystrix, finagle, dapr,
envoy, smallrye, opossum, cockatiel, semian) gives it those of a library, with its defaults and names:
docs/libraries.md, resim compare library-breakers."""

BACKOFF = Table(
    "breaker_backoff",
    "How the open time grows each time the breaker re-opens; closing resets it.",
    (
        Param("factor", Factor(1, bare=True), 2, "What the open time is multiplied by."),
        Param("max", LONGER_THAN_ZERO, about="The open time never gets longer."),
    ),
    short=Growth(),
)
PARAMS = (
    Param(
        "failure_threshold",
        Threshold(),
        5,
        "Failures in a row, or a share of the window like `50%`.",
        first="5",
        synonyms=("failures", "fail_max"),
    ),
    Param("window", Window(), 100, "What a share looks at: the last calls (`100`) or a time (`10s`)."),
    Param(
        "min_calls",
        Count(1),
        about="No verdict with fewer calls; default: the window's calls, or 10 for a time window.",
    ),
    Param(
        "recovery_time",
        DURATION,
        "30s",
        "How long it stays open before it probes.",
        first="5s",
        synonyms=("open_for", "reset_timeout", "wait_duration", "break_duration", "sleep_window"),
    ),
    Param("probes", Count(1), 1, "Calls let through at a time when half open.", synonyms=("half_open_calls",)),
    Param("success_threshold", Count(1), about="Successful probes that close it; default: `probes`."),
    Param("slow_call", LONGER_THAN_ZERO, about="Calls that take longer count as slow."),
    Param("slow_threshold", SOME_SHARE, "80%", "Share of slow calls that opens it; needs `slow_call`."),
    Param(
        "on",
        Outcomes(),
        [name for name in SEEN if name != "client_error"],
        "The outcomes that count as failures; `client_error` only if listed.",
        synonyms=("record",),
    ),
    Param("ignore", Outcomes(), [], "Outcomes that do not count at all."),
    Param(
        "backoff",
        Nested(BACKOFF),
        about="Each re-opening multiplies the open time: `2x`, `exponential`, or `{factor: 2x, max: 5m}`.",
    ),
    Param("jitter", Jitter(), "none", "How each open time is randomized: none, full, equal, or a share like `25%`."),
    SHARED,
)


def classic_breaker(values: Values, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    """Our own rules."""
    window = values.window
    min_calls = values.min_calls or window.calls or TIME_WINDOW_CALLS
    if window.calls and min_calls > window.calls:
        findings.error(
            (*loc, "min_calls"),
            codes.CONFLICT,
            f"`min_calls` {min_calls} is more than the window's {window.calls} calls: it would never open",
            f"at most {window.calls}, or a larger `window`",
            rests_on=((*loc, "window"),),
        )
    by_share = values.failure_threshold.calls == 0
    if "slow_threshold" in values.written and values.slow_call is None:
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `slow_threshold` has no effect without `slow_call`")
    if not by_share and values.slow_call is None and {"window", "min_calls"} & set(values.written):
        findings.warn(
            codes.NO_EFFECT, f"`{ident}`: `window` has no effect on failures in a row; write a share like `50%`"
        )
    factor, longest = 1.0, 0
    backoff = values.backoff
    if backoff is not None and backoff.scalar is not None:
        factor = backoff.scalar
    elif backoff is not None:
        factor, longest = backoff.factor, backoff.max or 0
        if longest and longest < values.recovery_time:
            findings.error(
                (*loc, "backoff", "max"),
                codes.CONFLICT,
                "`max` is shorter than `recovery_time`",
                "the open time starts with `recovery_time` and grows",
                rests_on=((*loc, "recovery_time"),),
            )
    return BreakerConfig(
        ident,
        consecutive=values.failure_threshold.calls,
        failure_share=values.failure_threshold.share,
        window_calls=window.calls,
        window_time=window.time,
        min_calls=min_calls,
        recovery_time=values.recovery_time,
        probes=values.probes,
        success_threshold=values.success_threshold or values.probes,
        slow_call=values.slow_call or 0,
        slow_share=values.slow_threshold,
        ignore=values.ignore,
        on=values.on,
        open_factor=factor,
        open_max=longest,
        like=values.like,
        jitter=values.jitter[0],
        spread=values.jitter[1],
    )


# --- under a library's rules --------------------------------------------------------------------------------------

# what a library's condition for tripping, and Polly's generator of open times, may name
COUNTERS = (
    "Requests",
    "TotalSuccesses",
    "TotalFailures",
    "TotalExclusions",
    "ConsecutiveSuccesses",
    "ConsecutiveFailures",
)
OPEN_TIME_ARGUMENTS = ("n", "rate", "count", "half_open_attempts", "failure_rate", "failure_count")

# states beside CLOSED, OPEN and HALF_OPEN (kernel/events.py); only a manual transition leads there
FORCED_OPEN = 3
DISABLED = 4
METRICS_ONLY = 5
ISOLATED = 6


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """How a library's breaker behaves, whatever its settings: one row, a dozen orthogonal rules.

    ==================  ===========================================================================================
    rule                values
    ==================  ===========================================================================================
    ``judged_on``       ``every`` recorded result · ``failure`` only · ``tick`` (every 500 ms, not per call)
    ``leaves_open``     ``after`` (strictly later than the wait) · ``at`` (not earlier)
    ``leaves_on``       ``call`` · ``touch``: any call, result or reading of the state
    ``admits``          half-open: ``total`` places an episode · ``concurrent`` (a result frees its place) · ``all`` ·
                        ``waiting``: one, the others wait for its result and are then asked anew
    ``verdict``         ``sample``: the thresholds on the probes · ``first`` result · ``run`` of successes, the first
                        failure re-opens · ``balance`` of successes and failures
    ``late``            a result admitted in an earlier state: ``current`` state takes it · ``dropped`` · ``admitting``
                        state's handler runs, whatever the state is now
    ``open_counts``     whether results that arrive while OPEN are counted
    ``ignored``         ``success`` · ``released``: not counted, gives its place back · ``nothing`` happens ·
                        ``answers``: nothing, but a probe that ends so closes the breaker
    ``cancelled``       a call its caller gave up: ``failure`` · ``success`` · ``released`` · ``nothing`` · ``reopens``
    ``fresh``           the states that begin with empty counts
    ``probes_apart``    half-open counts its results in a ring of their own
    ``rounding``        of rates, before comparing: ``none`` · ``single`` (32-bit percent) · ``cents`` · ``percent`` ·
                        ``times100`` (percent, not rounded) · ``product`` (failures with threshold times calls)
    ``strict``          the rate must exceed the threshold, reaching it is not enough
    ``manual``          a manual transition to the state it is in: ``again`` (enters anew) · ``changed`` (does nothing)
    ``illegal``         manual transitions that are refused
    ``on``              what is a failure when nobody says. To most a 4xx answer is a value that was returned; where an
                        HTTP client makes an exception of it, a breaker's own ``on`` has to list it
    ``counts``          rates are of ``results`` · of ``calls``, in flight and rejected ones too
    ``probe_counts``    the result of a verdict by the ``first``: ``no`` · ``yes``, beside the others · ``anew``: a
                        success begins the counts anew
    ``extends``         whether a late failure of ``admitting`` rules begins an open time anew
    ``open_from``       the open time runs from the ``opening`` · from the last ``error``, late ones too
    ==================  ===========================================================================================
    """

    library: str
    version: str
    judged_on: str = "every"
    leaves_open: str = "after"
    leaves_on: str = "call"
    admits: str = "total"
    verdict: str = "run"
    late: str = "current"
    open_counts: bool = False
    ignored: str = "success"
    cancelled: str = "nothing"
    fresh: tuple[int, ...] = (0,)
    probes_apart: bool = False
    rounding: str = "none"
    strict: bool = False
    manual: str = "again"
    illegal: tuple[tuple[int, int], ...] = ()
    on: tuple[int, ...] = added(FAILURES)
    counts: str = added("results")
    probe_counts: str = added("no")
    extends: bool = added(True)
    open_from: str = added("opening")


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeBreakerConfig(PolicyConfig):
    """A breaker under a library's rules. What is 0 or "" does not apply.

    ``window``: ``run`` (nothing but failures in a row), ``ring`` of ``window_calls``, ``grid`` (``slices`` on the
    clock's grid), ``anchored`` (slices that begin with their first event), ``single`` (one window, begun anew by the
    first event after its end), ``forever``, ``interval`` (wiped by the first event after its end; results from before
    are void), ``rolling`` (slices counted from the entry into the state), ``calls`` (slices on a grid, of calls made),
    ``pushed`` (slices that only events move on, one at a time), ``errors`` (the last ``out_of`` errors, those within
    ``lumping`` ns of the one before as one; ``window_time`` 0: however old). ``grid`` windows age when read only if
    ``ages_when_read``. ``failures`` (of ``out_of`` results) open, or ``consecutive``, or ``failure_share`` /
    ``slow_share``, or ``trip`` (expression). ``growth`` of the open time: ``constant``, ``exponential``
    (``open_factor``, ``open_max``, cut to milliseconds), ``jittered`` (as exponential, half of it drawn),
    ``expression`` (``open_expression``), or ``waits`` (as a retry's: ``open_wait``).
    """

    kind: ClassVar[str] = "circuit_breaker"
    rules: BreakerRules
    window: str = "run"
    window_calls: int = 0
    window_time: int = 0
    slices: int = 1
    ages_when_read: bool = True
    min_calls: int = 0
    consecutive: int = 0
    failures: int = 0
    out_of: int = 0
    failure_share: float = 0.0
    slow_call: int = 0
    slow_share: float = 0.0
    trip: str = ""
    open_for: int = 30_000_000_000
    growth: str = "constant"
    open_factor: float = 1.0
    open_max: int = 0
    open_expression: str = ""
    automatic: bool = False  # OPEN ends by a timer
    probes: int = 1  # places when half-open
    probe_ring: int = 0  # how many probe results are looked at
    probe_min: int = 0  # no verdict with fewer
    successes: int = 1  # that close: in a row (run), of ``probe_ring`` (balance; 0: the failure settings decide)
    half_open_for: int = 0  # a verdict must fall in this time; 0: none need ever
    half_open_to: int = 1  # the state it falls to otherwise
    initial: int = 0
    ignore: tuple[int, ...] = ()
    on: tuple[int, ...] = added(FAILURES)
    open_wait: tuple[WaitConfig, ...] = added(())  # one, or none
    warm_up: int = added(0)  # ns from the start without a trip
    probe_timeout: int = added(0)  # a call let in half-open is given up after so many ns
    lumping: int = added(0)
    own_error: bool = added(False)  # the call that trips ends as a rejected one does, not as it failed

    @property
    def like(self) -> str:
        """Whose rules."""
        return self.rules.library

    @property
    def uncounted(self) -> tuple[int, ...]:
        """The outcomes that its rule for what is ignored is about."""
        left_alone = self.rules.ignored == "nothing"  # an exception it is not told of passes it by
        return (*self.ignore, *(code for code in unlisted(self.on) if left_alone and code != CLIENT_ERROR))

    @property
    def harmless(self) -> tuple[int, ...]:
        """The outcomes beside success and fallback that count as a success."""
        uncounted = self.uncounted
        return tuple(code for code in unlisted(self.on) if code not in uncounted)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierConfig(PolicyConfig):
    """Envoy ``outlier_detection`` with its own names; enforcing percentages as 0..1 shares, times in ns."""

    kind: ClassVar[str] = "circuit_breaker"
    like: ClassVar[str] = "envoy"
    consecutive_5xx: int = 5
    enforcing_consecutive_5xx: float = 1.0
    consecutive_gateway_failure: int = 5
    enforcing_consecutive_gateway_failure: float = 0.0
    interval: int = 10 * S
    base_ejection_time: int = 30 * S
    max_ejection_time: int = 300 * S
    max_ejection_percent: float = 10.0
    always_eject_one_host: bool = False
    enforcing_success_rate: float = 1.0
    success_rate_minimum_hosts: int = 5
    success_rate_request_volume: int = 100
    success_rate_stdev_factor: int = 1900
    enforcing_failure_percentage: float = 0.0
    failure_percentage_threshold: float = 85.0
    failure_percentage_minimum_hosts: int = 5
    failure_percentage_request_volume: int = 50
    healthy_panic_threshold: float = 50.0
