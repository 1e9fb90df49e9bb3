"""Settings of breakers that follow a known library's rules, frozen; the rows themselves are rules/library_*.py.

Owns the shapes: what a rule may be, and what a policy under such rules is set to. Refuses the behaviour (rules/) and
the libraries' own names for it (rules/native*.py). Times are integer nanoseconds, shares 0..1 floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.policies.config import PolicyConfig

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
    ``admits``          half-open: ``total`` places an episode · ``concurrent`` (a result frees its place) · ``all``
    ``verdict``         ``sample``: the thresholds on the probes · ``first`` result · ``run`` of successes, the first
                        failure re-opens · ``balance`` of successes and failures
    ``late``            a result admitted in an earlier state: ``current`` state takes it · ``dropped`` · ``admitting``
                        state's handler runs, whatever the state is now
    ``open_counts``     whether results that arrive while OPEN are counted
    ``ignored``         ``success`` · ``released``: not counted, gives its place back · ``nothing`` happens
    ``cancelled``       a call its caller gave up: ``failure`` · ``success`` · ``released`` · ``nothing`` · ``reopens``
    ``fresh``           the states that begin with empty counts
    ``probes_apart``    half-open counts its results in a ring of their own
    ``rounding``        of rates, before comparing: ``none`` · ``single`` (32-bit percent) · ``cents`` · ``percent``
    ``strict``          the rate must exceed the threshold, reaching it is not enough
    ``manual``          a manual transition to the state it is in: ``again`` (enters anew) · ``changed`` (does nothing)
    ``illegal``         manual transitions that are refused
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


@dataclass(frozen=True, slots=True)
class LikeBreakerConfig(PolicyConfig):
    """A breaker under a library's rules. What is 0 or "" does not apply.

    ``window``: ``run`` (nothing but failures in a row), ``ring`` of ``window_calls``, ``grid`` (``slices`` on the
    clock's grid), ``anchored`` (slices that begin with their first event), ``single`` (one window, begun anew by the
    first event after its end), ``forever``, ``interval`` (wiped by the first event after its end; results from before
    are void), ``rolling`` (slices counted from the entry into the state). ``grid`` windows age when read only if
    ``ages_when_read``. ``failures`` (``out_of`` so many results) open, or ``consecutive``, or ``failure_share`` /
    ``slow_share``, or ``trip`` (expression). ``growth`` of the open time: ``constant``, ``exponential``
    (``open_factor``, ``open_max``, cut to milliseconds), ``jittered`` (as exponential, half of it drawn), or
    ``expression`` (``open_expression``).
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

    @property
    def like(self) -> str:
        """Whose rules."""
        return self.rules.library
