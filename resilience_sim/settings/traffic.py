"""Traffic: who calls, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

from resilience_sim.settings import codes
from resilience_sim.settings.latency import LATENCY, Files, Latency, latency
from resilience_sim.settings.suggest import one_of
from resilience_sim.settings.table import Findings, ListOf, Nested, Param, Table, Values, pick_one
from resilience_sim.settings.types import ANY_RATE, FILE_NAME, LONGER_THAN_ZERO, SOME_RATE, Choice, Count
from resilience_sim.settings.units import SECOND, UnitError


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of open-loop traffic: the rate moves linearly from ``rate`` to ``to`` (both per second)."""

    duration: int  # ns; 0: without end
    rate: float
    to: float


@dataclass(frozen=True, slots=True)
class TrafficConfig:
    """Who calls and when. ``loop``: ``open`` (phases), ``closed`` (users) or ``trace`` (times).

    ``requests`` 0 and ``duration`` 0: no such limit. ``deadline`` 0: none. ``phased`` tells whether the scenario
    wrote ``phases:`` (then scopes ``phase N`` exist) or a plain ``rate`` (one phase).
    """

    loop: str = "open"
    phases: tuple[Phase, ...] = ()
    phased: bool = False
    arrivals: str = "poisson"  # poisson | even
    users: int = 0
    think: Latency = field(default_factory=Latency)
    trace: tuple[int, ...] = ()
    requests: int = 0
    duration: int = 0
    deadline: int = 0


SOURCES = ("rate", "phases", "users", "trace")
PHASE = Table(
    "phase",
    "A stretch of traffic.",
    (
        Param("for", LONGER_THAN_ZERO, about="How long the phase lasts.", required=True),
        Param("rate", ANY_RATE, about="Arrivals, at its beginning when it ramps.", required=True, synonyms=("rps",)),
        Param("to", ANY_RATE, about="Arrivals at its end: the rate moves there in a straight line."),
    ),
)
TRAFFIC = Table(
    "traffic",
    "Who calls and when: exactly one of `rate`, `phases`, `users`, `trace`.",
    (
        Param("rate", SOME_RATE, about="Open loop: arrivals that do not wait for answers."),
        Param(
            "arrivals",
            Choice("poisson", "even"),
            "poisson",
            "Random gaps, or the same gap each time (then the first arrival is at 0).",
        ),
        Param("phases", ListOf(Nested(PHASE)), about="Stretches of open-loop traffic, one after the other."),
        Param(
            "users",
            Count(1),
            about="Closed loop: the number of users; each thinks, calls and waits for its outcome.",
        ),
        Param("think", LATENCY, about="What a user waits before each call."),
        Param("trace", FILE_NAME, about="CSV or JSON-lines file of arrival times."),
        Param("requests", Count(1, 1_000_000_000), about="Stop after that many arrivals."),
        Param("duration", LONGER_THAN_ZERO, about="Stop arrivals after that time."),
        Param(
            "deadline",
            LONGER_THAN_ZERO,
            about="What the end user is willing to wait; a later success is `late`, not available.",
        ),
    ),
    alternatives={"oneOf": [{"required": [name]} for name in SOURCES]},
)
DEFAULT_END = 60 * SECOND
HERE = ("traffic",)


def traffic(values: Values, findings: Findings, files: Files) -> TrafficConfig:
    """Who calls and when."""
    written = pick_one(values, SOURCES)
    if len(written) != 1:
        _not_one(written, findings)
        return TrafficConfig()
    if values.think is not None and values.users is None:
        findings.error((*HERE, "think"), codes.CONFLICT, "`think` needs `users`", "only a closed loop thinks", key=True)
    if "arrivals" in values.written and written[0] in ("users", "trace"):
        findings.warn(codes.NO_EFFECT, f"`traffic.arrivals` has no effect on `{written[0]}`")
    requests, duration, deadline = values.requests or 0, values.duration or 0, values.deadline or 0
    if values.trace is not None:
        return _trace(values, findings, files)
    if values.users is not None:
        think = latency(values.think, (*HERE, "think"), findings, files) if values.think else Latency()
        duration = duration or _default_end(requests, findings)
        return TrafficConfig("closed", users=values.users, think=think, requests=requests, duration=duration,
                             deadline=deadline)  # fmt: skip
    if values.rate is not None:
        duration = duration or _default_end(requests, findings)
        steady = (Phase(0, values.rate.per_second, values.rate.per_second),)
        return TrafficConfig(
            "open", steady, False, values.arrivals, requests=requests, duration=duration, deadline=deadline
        )
    phases = tuple(
        Phase(each["for"], each.rate.per_second, (each.to or each.rate).per_second) for each in values.phases or ()
    )
    if not any(phase.rate or phase.to for phase in phases):
        findings.error(
            (*HERE, "phases"), codes.CONFLICT, "no phase has any traffic", "write `- {for: 20s, rate: 50/s}`"
        )
    total = sum(phase.duration for phase in phases)
    end = min(duration, total) if duration else total
    return TrafficConfig("open", phases, True, values.arrivals, requests=requests, duration=end, deadline=deadline)


def _not_one(written: list[str], findings: Findings) -> None:
    rests = tuple((*HERE, name) for name in SOURCES)
    if not written:
        findings.error(HERE, codes.MISSING, "nothing says who calls", one_of(SOURCES), key=True, rests_on=rests)
        return
    findings.error(
        (*HERE, written[1]), codes.CONFLICT, f"`{written[0]}` and `{written[1]}` together", "keep one of them", key=True
    )


def _default_end(requests: int, findings: Findings) -> int:
    if requests:
        return 0
    findings.warn(
        codes.NO_END, "nothing says when the traffic ends: it stops after 60s; write `duration` or `requests`"
    )
    return DEFAULT_END


def _trace(values: Values, findings: Findings, files: Files) -> TrafficConfig:
    times: tuple[int, ...] = ()
    try:
        times, ordered = files.times(values.trace)
        if not ordered:
            findings.warn(codes.UNSORTED, f"the times in {values.trace} were not in order; they were sorted")
    except UnitError as error:
        findings.error((*HERE, "trace"), error.code, str(error), error.help)
    return TrafficConfig(
        "trace",
        trace=times,
        requests=values.requests or 0,
        duration=values.duration or 0,
        deadline=values.deadline or 0,
    )
