"""Faults: what goes wrong, and when. One table per kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from resilience_sim.kernel import events
from resilience_sim.settings import codes
from resilience_sim.settings.calls import Pair
from resilience_sim.settings.policy import added
from resilience_sim.settings.service import LOST_ANSWERS, ServiceConfig
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.table import Findings, Item, Loc, Param, Settings, Table, Values
from resilience_sim.settings.traffic import TrafficConfig
from resilience_sim.settings.types import (
    DURATION,
    FACTOR,
    IDENTIFIER,
    LONGER_THAN_ZERO,
    NAME,
    SHARE,
    SOME_RATE,
    SOME_SHARE,
    Choice,
    Count,
)
from resilience_sim.settings.units import shown


@dataclass(frozen=True, slots=True)
class FaultConfig:
    """One entry of the timeline, active for ``at <= t < at + duration``. Fields beside the first seven belong to kinds.

    ===================  ===========================================================================
    kind                 fields
    ===================  ===========================================================================
    ``outage``           ``how``: refuse | hang | error | reset
    ``brownout``         ``workers`` share kept, ``slower``, ``failure_rate``
    ``latency``          ``add`` ns
    ``errors``           ``rate`` share, ``outcome`` code (:func:`outcome_of`; LOST: ``answer``, what is heard instead,
                         and ``how`` a server shows it: cut | close)
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
    service: str = added("")  # where there are several: the one it strikes
    link: tuple[str, ...] = added(())  # or the two that it comes between: caller, callee
    written: tuple[str, Mapping[str, Any]] | None = field(default=None, compare=False, repr=False)

    @property
    def place(self) -> str:
        """Where it strikes: ``db``, ``shop>stock``; "" where there is one service."""
        return ">".join(self.link) or self.service


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
    Param("service", NAME, about="Of several services, the one it strikes."),
)
_BETWEEN = Param("link", Pair(), about="What comes between two: `[CALLER, CALLEE]`, Service A being `client`.")
ON_LINKS = ("outage", "latency", "errors", "lost_responses")
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
    if name in ON_LINKS:
        common += (_BETWEEN,)
    return FaultKind(Table(name, about, (*common, *params), page=page), fields, kind or name)


def _lost(v: Values) -> Settings:
    if v.how == "silence":
        return {"rate": v.rate, "outcome": events.LOST, "answer": LOST_ANSWERS[v.answer]}
    return {"rate": v.rate, "outcome": events.LOST, "answer": events.RESET, "how": v.how}


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
(a sidecar whose connection to B broke, a gateway) answers with that error, as soon as B has done the work. With `how:
cut` or `close` the connection ends instead, within the answer or before it: the caller has a reset at once.""",
            Param("rate", SOME_SHARE, "100%", "Chance that an answer is lost.", first="50%"),
            Param(
                "answer",
                Choice(*LOST_ANSWERS),
                "none",
                "The error that the caller hears at once instead; `none`: it waits.",
            ),
            Param(
                "how",
                Choice("silence", "cut", "close"),
                "silence",
                "What the caller sees: nothing, half of an answer, or the end of the connection (`reset` both).",
            ),
            fields=_lost,
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
            without=("share", "of", "replica", "service"),
        ),
    )
}


def _place(
    item: Item, loc: Loc, services: Mapping[str, ServiceConfig], links: Collection[str], findings: Findings
) -> tuple[str, tuple[str, ...]]:
    """Which service it strikes, or which link."""
    body, named = item.body, item.body.table.by_name
    service = body.service if "service" in named else None
    link = body.link if "link" in named else None
    if "" in services:
        for name in [name for name, said in (("service", service), ("link", link)) if said is not None]:
            message = f"`{name}` needs several services, and there is one"
            findings.error((*loc, name), codes.CONFLICT, message, "leave it away, or write `services:`", key=True)
        return "", ()
    if service is not None and link is not None:
        findings.error((*loc, "link"), codes.CONFLICT, "`service` and `link` together", "keep one", key=True)
    elif service is not None and service not in services:
        remedy = did_you_mean(service, services) or one_of(services)
        findings.error((*loc, "service"), codes.REFERENCE, f"no service {shown(service)}", remedy)
    elif link is not None and ">".join(link) not in links:
        pairs = [f"[{each.replace('>', ', ')}]" for each in links]
        message = f"{shown(link[0])} does not call {shown(link[1])}"
        findings.error((*loc, "link"), codes.REFERENCE, message, one_of(pairs))
    elif service is None and link is None and "service" in named:
        remedy = "write `service: NAME`" + (", or `link: [CALLER, CALLEE]`" if "link" in named else "")
        message = "with several services a fault says where it strikes"
        findings.error(loc, codes.MISSING, message, remedy, key=True)
    return service or "", link or ()


def fault(
    item: Item,
    ident: str,
    loc: Loc,
    services: Mapping[str, ServiceConfig],
    links: Collection[str],
    traffic: TrafficConfig,
    findings: Findings,
    written: tuple[str, Mapping[str, Any]] | None = None,
) -> FaultConfig:
    """A fault as the core takes it; checks it against the service and the traffic it hits.

    ``services``: one, called "", or several by name; then ``links`` are the names of what is between them.
    """
    body, kind = item.body, item.kind
    named = body.table.by_name
    where, between = _place(item, loc, services, links, findings)
    service = services.get(where, ServiceConfig(replicas=10_000))
    replica: int = (body.replica or 0) if "replica" in named else 0
    if replica and between:
        message = "`replica` and `link` together: a link is the way to all of them"
        findings.error((*loc, "replica"), codes.CONFLICT, message, "keep one", key=True)
    if replica > service.replicas:
        have = "is only one replica" if service.replicas == 1 else f"are only {service.replicas} replicas"
        findings.error(
            (*loc, "replica"),
            codes.REFERENCE,
            f"no replica {replica}: there {have}",
            f"write `{where or 'service'}: {{replicas: …}}`, or leave `replica` away",
            rests_on=(("services", where, "replicas") if where else ("service", "replicas"),),
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
    if kind == "lost_responses" and body.how != "silence" and body.answer != "none":
        message = f"with `answer` somebody answers, with `how: {body.how}` nobody does"
        findings.error((*loc, "how"), codes.CONFLICT, message, "keep one of them", key=True)
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
        service=where,
        link=between,
        written=written,
        **found.fields(body),
    )
