"""Faults: what goes wrong, and when. One table per kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from resilience_sim.kernel import events
from resilience_sim.settings import codes
from resilience_sim.settings.policy import added
from resilience_sim.settings.service import LOST_ANSWERS, ServiceConfig
from resilience_sim.settings.table import Findings, Item, Loc, Param, Settings, Table, Values
from resilience_sim.settings.traffic import TrafficConfig
from resilience_sim.settings.types import (
    DURATION,
    FACTOR,
    IDENTIFIER,
    LONGER_THAN_ZERO,
    SHARE,
    SOME_RATE,
    SOME_SHARE,
    Choice,
    Count,
)


@dataclass(frozen=True, slots=True)
class FaultConfig:
    """One entry of the timeline, active for ``at <= t < at + duration``. Fields beside the first seven belong to kinds.

    ===================  ===========================================================================
    kind                 fields
    ===================  ===========================================================================
    ``outage``           ``how``: refuse | hang | error | reset
    ``brownout``         ``workers`` share kept, ``slower``, ``failure_rate``
    ``latency``          ``add`` ns
    ``errors``           ``rate`` share, ``outcome`` code (:func:`outcome_of`; LOST: ``answer``, what is heard instead)
    ``rate_limit``       ``limit`` per second, ``retry_after`` ns (0: no hint)
    ``cold_cache``       ``slower``, ``half_life`` ns
    ``crash_replica``    nothing
    ``spike``            ``factor`` on the rate of an open loop
    ===================  ===========================================================================
    """

    kind: str
    id: str
    at: int
    duration: int
    share: float = 1.0
    of: str = "attempts"  # attempts | requests
    replica: int = 0  # 1..replicas; 0: all
    how: str = "error"
    workers: float = 1.0
    slower: float = 1.0
    failure_rate: float = 0.0
    add: int = 0
    rate: float = 1.0
    outcome: int = 2
    limit: float = 0.0
    retry_after: int = 0
    half_life: int = 0
    factor: float = 1.0
    answer: int = added(0)  # 0: none
    written: tuple[str, Mapping[str, Any]] | None = field(default=None, compare=False, repr=False)


COMMON = """\
Every fault has `at` and `for`, an optional `id` (its name in expectations), `share` (`of: attempts`, or `of:
requests`: the same requests on every attempt) and `replica`, where they mean something. Faults may overlap."""


_WHEN = (
    Param("at", DURATION, about="When it begins, from the start of the run.", required=True, synonyms=("start",)),
    Param("for", LONGER_THAN_ZERO, about="How long it lasts.", required=True, first="5s", synonyms=("duration",)),
    Param("id", IDENTIFIER, about="Its name in expectations and results; default: its kind."),
    Param("share", SOME_SHARE, "100%", "How much is hit.", synonyms=("percentage",)),
    Param(
        "of",
        Choice("attempts", "requests"),
        "attempts",
        "What `share` is a share of; `requests` hits the same ones on every attempt.",
    ),
    Param("replica", Count(1, 10_000), about="Only that replica, counted from 1; default: all of them."),
)
_STATUS: dict[int, int] = {503: events.UNAVAILABLE, 429: events.RATE_LIMITED}


def outcome_of(status: int) -> int:
    """What an HTTP status of 400 or more is to the caller."""
    return _STATUS.get(status, events.CLIENT_ERROR if status < 500 else events.ERROR)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault: its table, and the fields of its config. ``kind``: how the core knows it."""

    table: Table
    fields: Callable[[Values], Settings]
    kind: str


def _fault(
    name: str,
    about: str,
    page: str,
    *params: Param,
    fields: Callable[[Values], Settings],
    kind: str = "",
    without: tuple[str, ...] = (),
    lasts: str = "5s",
    replica: str = "",
) -> FaultKind:
    """``without``: common parameters that mean nothing for this kind; ``lasts``, ``replica``: what is proposed."""
    first = {"for": lasts, "replica": replica}
    common = tuple(
        replace(param, first=first.get(param.name, param.first)) for param in _WHEN if param.name not in without
    )
    return FaultKind(Table(name, about, (*common, *params), page=page), fields, kind or name)


FAULTS: dict[str, FaultKind] = {
    kind.table.name: kind
    for kind in (
        _fault(
            "outage",
            "B is gone: refuses, hangs, errs or resets.",
            """\
B is gone. `how` decides what callers see, and each stresses another policy:
    refuse  fails at once, never reaches B                 refused
    hang    reaches B, holds no worker, is never answered  unanswered or timeout
    error   a 500 after the usual service time             error
    reset   breaks off midway through the service time     reset
refuse and hang are decided when the attempt arrives, error and reset when its work starts.""",
            Param(
                "how",
                Choice("refuse", "hang", "error", "reset"),
                "refuse",
                "Refuses at once, never answers, answers 500 after its time, or breaks off midway.",
                first="refuse",
                synonyms=("mode",),
            ),
            fields=lambda v: {"how": v.how},
        ),
        _fault(
            "brownout",
            "B is weakened: fewer workers, slower, more failures.",
            """\
B is weakened: only a share of the `workers` (rounded down, at least one unless 0%), `slower` work, more failures.
`share` picks the attempts that are slower or fail; the workers are missing for all.
Chance of failing = 1 - (1 - B's own) * (1 - failure_rate).
Service time = (latency + slowdown per other request in service) * slower + added latency.""",
            Param("workers", SHARE, "100%", "Share of the workers that is left.", first="25%"),
            Param("slower", FACTOR, "1x", "How many times longer the work takes.", first="2x"),
            Param("failure_rate", SHARE, "0%", "Chance of failing on top of B's own.", first="0%"),
            fields=lambda v: {"workers": v.workers, "slower": v.slower, "failure_rate": v.failure_rate},
        ),
        _fault(
            "latency",
            "B takes longer.",
            "Every service time is longer by `add`.",
            Param(
                "add",
                LONGER_THAN_ZERO,
                about="Added to every service time.",
                required=True,
                first="500ms",
                synonyms=("delay",),
            ),
            fields=lambda v: {"add": v.add},
        ),
        _fault(
            "errors",
            "B answers with an error now and then.",
            """\
A share `rate` of the attempts fails, decided when work starts. `status` 503 is unavailable, 429 rate_limited, any
other 4xx client_error (the request itself is at fault: not tried again and no sign of trouble unless listed), any other
5xx error.""",
            Param("rate", SOME_SHARE, "100%", "Chance of such an answer.", first="50%"),
            Param(
                "status",
                Count(400, 599),
                500,
                "HTTP status: 503 is `unavailable`, 429 `rate_limited`, else 4xx `client_error`, 5xx `error`.",
                first="500",
            ),
            fields=lambda v: {"rate": v.rate, "outcome": outcome_of(v.status)},
        ),
        _fault(
            "lost_responses",
            "B does the work, and its answer gets lost: the caller waits.",
            """\
B does the work, its effect happens, and a share `rate` of the answers never arrives: the caller waits until a timeout.
What is retried after that is executed again: this is where double charges come from. With `answer` somebody in between
(a sidecar whose connection to B broke, a gateway) answers with that error, as soon as B has done the work.""",
            Param("rate", SOME_SHARE, "100%", "Chance that an answer is lost.", first="50%"),
            Param(
                "answer",
                Choice(*LOST_ANSWERS),
                "none",
                "The error that the caller hears at once instead; `none`: it waits.",
            ),
            fields=lambda v: {"rate": v.rate, "outcome": events.LOST, "answer": LOST_ANSWERS[v.answer]},
            kind="errors",
        ),
        _fault(
            "rate_limit",
            "B answers 429 above a rate.",
            """\
B answers 429 above `limit` (a token bucket), without using a worker: outcome rate_limited. `retry_after` is the
hint that comes with it; a retry honours it unless told otherwise.""",
            Param("limit", SOME_RATE, about="What B lets through.", required=True, first="20/s"),
            Param("retry_after", LONGER_THAN_ZERO, about="The hint B gives with its 429.", first="1s"),
            fields=lambda v: {"limit": v.limit.per_second, "retry_after": v.retry_after or 0},
        ),
        _fault(
            "cold_cache",
            "B is slow at first and warms up.",
            """\
B's work takes `slower` times as long at first; after each `half_life` half of the slowness is gone:
    factor = 1 + (slower - 1) * 2^(-t / half_life)""",
            Param("slower", FACTOR, about="How many times slower at the beginning.", required=True, first="4x"),
            Param(
                "half_life",
                LONGER_THAN_ZERO,
                about="After this time half of the slowness is gone.",
                required=True,
                first="5s",
            ),
            fields=lambda v: {"slower": v.slower, "half_life": v.half_life},
            lasts="20s",
        ),
        _fault(
            "crash_replica",
            "A replica is down: its work is lost, the balancer goes on using the others.",
            """\
A replica is down: what it worked on and what waited in its queue is lost (reset). The balancer goes on with the
others. Without `replica` all of them are down, and calls are refused.""",
            fields=lambda v: {},
            without=("share", "of"),
            replica="1",
        ),
        _fault(
            "spike",
            "More traffic (open loop only): the arrival rate is multiplied.",
            "The arrival rate is multiplied by `rate`. Open loop only: users who wait for answers send no spikes.",
            Param("rate", FACTOR, about="What the arrival rate is multiplied by.", required=True, first="3x"),
            fields=lambda v: {"factor": v.rate},
            without=("share", "of", "replica"),
        ),
    )
}


def fault(
    item: Item,
    ident: str,
    loc: Loc,
    service: ServiceConfig,
    traffic: TrafficConfig,
    findings: Findings,
    written: tuple[str, Mapping[str, Any]] | None = None,
) -> FaultConfig:
    """A fault as the core takes it; checks it against the service and the traffic it hits."""
    body, kind = item.body, item.kind
    named = body.table.by_name
    replica: int = (body.replica or 0) if "replica" in named else 0
    if replica > service.replicas:
        have = "is only one replica" if service.replicas == 1 else f"are only {service.replicas} replicas"
        findings.error(
            (*loc, "replica"),
            codes.REFERENCE,
            f"no replica {replica}: there {have}",
            "write `service: {replicas: …}`, or leave `replica` away",
            rests_on=(("service", "replicas"),),
        )
    if kind == "spike" and traffic.loop != "open":
        findings.error(
            (*loc[:-1], "spike"),
            codes.CONFLICT,
            "a spike needs an open loop (`rate` or `phases`)",
            "more `users` are more load in a closed loop",
            key=True,
            rests_on=(("traffic",),),
        )
    if kind == "brownout" and body.share < 1 and body.slower == 1 and not body.failure_rate:
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `share` has no effect on `workers`, they are missing for all")
    if traffic.duration and body.at >= traffic.duration:
        findings.warn(codes.LATE_FAULT, f"the fault `{ident}` begins after the last arrival")
    found = FAULTS[kind]
    return FaultConfig(
        kind=found.kind,
        id=ident,
        at=body.at,
        duration=body["for"],
        share=body.share if "share" in named else 1.0,
        of=body.of if "of" in named else "attempts",
        replica=replica,
        written=written,
        **found.fields(body),
    )
