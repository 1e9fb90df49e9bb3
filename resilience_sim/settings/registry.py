"""The registry: every kind of policy and of fault there is, and every section of a scenario file."""

from __future__ import annotations

from typing import Any

from resilience_sim.settings import (
    breaker_terms,
    budget,
    bulkhead,
    codes,
    fallback,
    hedge,
    rate_limiter,
    retry_libraries,
    throttle,
    timeout,
)
from resilience_sim.settings.calls import FAILS_AS, Need, Pair
from resilience_sim.settings.client import CLIENT
from resilience_sim.settings.expectations import parse_expectation
from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.plan import AS_WRITTEN
from resilience_sim.settings.policy import PolicyKind
from resilience_sim.settings.service import MIXED, OPERATION, SERVICE
from resilience_sim.settings.suggest import one_of
from resilience_sim.settings.table import (
    Findings,
    ListOf,
    Loc,
    MapOf,
    Nested,
    OneOf,
    OneOrMany,
    Param,
    Table,
    Values,
    pick_one,
)
from resilience_sim.settings.traffic import TRAFFIC
from resilience_sim.settings.tune import NAMES, WORLDS_TYPE, SpecValue
from resilience_sim.settings.types import (
    DURATION,
    FLAG,
    NAME,
    REFERENCE,
    SHARE,
    TEXT,
    Anything,
    Choice,
    Count,
    Schema,
    Type,
    either,
    read_count,
)
from resilience_sim.settings.units import UnitError, shown

POLICIES: dict[str, PolicyKind] = {
    kind.table.name: kind
    for kind in (
        retry_libraries.KIND,
        breaker_terms.KIND,
        timeout.KIND,
        bulkhead.KIND,
        rate_limiter.KIND,
        hedge.KIND,
        fallback.KIND,
        throttle.KIND,
    )
}
POLICY_ITEM = OneOf("policy", {name: kind.table for name, kind in POLICIES.items()}, "fallback")
FAULT_ITEM = OneOf("fault", {name: kind.table for name, kind in FAULTS.items()}, "crash_replica")
BUDGET = budget.TABLE

# --- several services ---------------------------------------------------------------------------------------------

_LINK = (
    Param(
        "stack",
        ListOf(POLICY_ITEM),
        about="Policies of this link, outermost first; they belong to the calling replica.",
    ),
    Param("times", Count(1, 1_000_000), 1, "So many calls, one after the other."),
    Param("chance", SHARE, "100%", "Chance that it is made at all, decided once per request of a user."),
    Param("optional", FLAG, False, "Whether its failure is no failure of the caller."),
    Param(
        "operation",
        OneOrMany(Nested(OPERATION), Nested(MIXED)),
        about="What the call does to the callee; a list mixes several, by `share`.",
    ),
    Param("fails_as", Choice(*FAILS_AS), "error", "What the caller answers when this call fails."),
)


def _one_call(values: Values, loc: Loc, findings: Findings) -> None:
    if values.together is not None:
        message = "`together` within `together`"
        remedy = "put a service in between, which makes the calls of the inner group"
        findings.error((*loc, "together"), codes.CONFLICT, message, remedy, key=True)
    elif values.to is None:
        findings.error(loc, codes.MISSING, "the call does not say whom", "write `to: SERVICE`")


MEMBER = Table(
    "member",
    "One of several calls made at the same time.",
    (
        Param("to", NAME, about="The service that is called.", first="db"),
        *_LINK,
        Param("together", Anything(), about="Not here: groups do not nest."),
    ),
    check=_one_call,
    alternatives={"required": ["to"], "not": {"required": ["together"]}},
)


def _one_or_several(values: Values, loc: Loc, findings: Findings) -> None:
    if values.together is None:
        if values.to is None:
            remedy = "write `to: SERVICE`, or `together:` with a list of calls"
            findings.error(loc, codes.MISSING, "the call does not say whom", remedy)
        elif "need" in values.written:
            remedy = "leave it away"
            findings.error((*loc, "need"), codes.CONFLICT, "`need` goes with `together` only", remedy, key=True)
    elif values.to is not None:
        remedy = "begin each with its own `-`"
        findings.error((*loc, "to"), codes.CONFLICT, "`to` and `together` in one entry", remedy, key=True)
    elif not values.together:
        remedy = "list the calls to be made at the same time"
        findings.error((*loc, "together"), codes.MISSING, "no call at all", remedy, key=True)
    else:
        for name in (param.name for param in _LINK if param.name in values.written):
            remedy = "write it in the calls below `together`"
            findings.error((*loc, name), codes.CONFLICT, f"`{name}` belongs to one call", remedy, key=True)
        there = len(values.together)
        if values.need > there:
            message = f"{values.need} of the calls cannot succeed: there {'is' if there == 1 else 'are'} only {there}"
            findings.error((*loc, "need"), codes.RANGE, message, "write `all`, `any`, or a smaller number")


STEP = Table(
    "call",
    "A call to another service, or several at the same time (`together`).",
    (
        Param("to", NAME, about="The service that is called.", first="db"),
        *_LINK,
        Param("together", ListOf(Nested(MEMBER)), about="Calls made at the same time, instead of `to`."),
        Param("need", Need(), "all", "How many of them must succeed: `all`, `any`, or a number."),
    ),
    check=_one_or_several,
)
NODE = Table(
    "one_service",
    "One of several services.",
    (
        *SERVICE.params,
        Param(
            "waits",
            Choice("holding", "free"),
            "holding",
            "Whether a worker is held until the calls have answered, or only by own work.",
        ),
        Param("calls", ListOf(Nested(STEP)), about="Calls to other services after its own work, one after the other."),
    ),
)

# --- expectations -------------------------------------------------------------------------------------------------

TIME_SCOPES = ("during", "before", "after", "phase", "scope")


class _That(Type):
    """``METRIC OPERATOR VALUE``."""

    name = "expectation"
    example = "p50 >= 0ms"

    def read(self, value: Any) -> Any:
        return parse_expectation(value)

    @property
    def schema(self) -> Schema:
        return {"type": "string", "examples": ["availability >= 99%"]}


class _Phase(Type):
    """The number of a phase, also as ``phase 2``."""

    name = "phase"
    example = 1

    def read(self, value: Any) -> int:
        if isinstance(value, str) and value.startswith("phase "):
            number = value[6:]
            value = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else value
        return read_count(value, 1, 100_000)

    @property
    def schema(self) -> Schema:
        return either({"type": "integer", "minimum": 1}, {"type": "string"})


def _one_time(values: Values, loc: Loc, findings: Findings) -> None:
    written = pick_one(values, TIME_SCOPES)
    if len(written) > 1:
        message = f"`{written[0]}` and `{written[1]}` together"
        findings.error((*loc, written[1]), codes.CONFLICT, message, "keep one", key=True)


EXPECT = Table(
    "expect",
    "What must hold: `availability >= 99%`, or `{that: p99 < 800ms, during: before main}`.",
    (
        Param("that", _That(), about="METRIC OPERATOR VALUE.", required=True, first="p99 < 800ms"),
        Param("during", NAME, about="Id of a fault (or `before ID`, `after ID`, `phase N`)."),
        Param("before", NAME, about="Id of a fault: requests that arrived before it."),
        Param("after", NAME, about="Id of a fault: requests that arrived after it."),
        Param("phase", _Phase(), about="Number of a phase of the traffic, from 1."),
        Param("variant", NAME, about="Name of a variant of `compare`."),
        Param("scope", NAME, about="Any of these in words: `before main`, `phase 2`, `variant eager`."),
        Param("service", NAME, about="Of several services, the one it is about."),
        Param("link", Pair(), about="The calls it is about: `[CALLER, CALLEE]`, Service A being `client`."),
        Param("because", TEXT, about="Why it is expected; printed as such."),
    ),
    short=_That(),
    check=_one_time,
)

# --- changes and variants -----------------------------------------------------------------------------------------

VERBS = ("set", "trip", "reset", "add", "remove", "reorder")
PLACES = ("outside", "inside", "position")


def _one_thing(values: Values, loc: Loc, findings: Findings) -> None:
    verbs = pick_one(values, VERBS)
    places = pick_one(values, PLACES)
    if not verbs:
        findings.error(loc, codes.MISSING, "the change does not say what is changed", one_of(VERBS))
    elif len(verbs) > 1:
        remedy = "begin each with its own `-`; two changes of one instant happen in the order of the file"
        findings.error(
            (*loc, verbs[1]), codes.CONFLICT, f"`{verbs[0]}` and `{verbs[1]}` in one change", remedy, key=True
        )
    elif values.link is not None and verbs != ["add"]:
        remedy = "leave it away: a policy of a link is named CALLER.CALLEE.POLICY"
        findings.error((*loc, "link"), codes.CONFLICT, "`link` goes with `add` only", remedy, key=True)
    elif places and verbs != ["add"]:
        message = f"`{places[0]}` goes with `add` only"
        findings.error((*loc, places[0]), codes.CONFLICT, message, "leave it away", key=True)
    elif len(places) > 1:
        message = f"`{places[0]}` and `{places[1]}` together"
        findings.error((*loc, places[1]), codes.CONFLICT, message, "keep one", key=True)


CHANGE = Table(
    "changes",
    "Something that is changed while it runs: `{at: 30s, set: {retry.attempts: 1}}`.",
    (
        Param(
            "at",
            DURATION,
            about="When, from the start of the run: before everything else of that instant.",
            required=True,
        ),
        Param(
            "set",
            MapOf(Anything()),
            about="PATH: value, like `retry.attempts: 1`, `services.db.workers: 5`; policies keep what still applies.",
        ),
        Param("trip", REFERENCE, about="Id of a circuit breaker: it opens, at every client instance."),
        Param("reset", REFERENCE, about="Id of a circuit breaker: it closes, at every client instance."),
        Param("add", POLICY_ITEM, about="One more policy, written as in `stack`; outermost unless said."),
        Param("outside", REFERENCE, about="With `add`: id of the policy that it is to wrap."),
        Param("inside", REFERENCE, about="With `add`: id of the policy that is to wrap it."),
        Param("position", Count(0, 10_000), about="With `add`: its place, counted from 0, the outermost."),
        Param(
            "link",
            Pair(),
            about="With `add`: the calls that it is for, `[CALLER, CALLEE]`; default: those of Service A.",
        ),
        Param("remove", REFERENCE, about="Id of a policy: new calls no longer meet it."),
        Param("reorder", ListOf(REFERENCE), about="The ids of all policies, outermost first."),
    ),
    check=_one_thing,
)
VARIANT = Table(
    "variant",
    "What is different in this variant. First `stack`, then `without`, then `changes`, then `set`.",
    (
        Param("without", ListOf(REFERENCE), about="Policies to leave away, by id or kind."),
        Param("stack", ListOf(POLICY_ITEM), about="Another stack."),
        Param("changes", ListOf(Nested(CHANGE)), about="Other changes while it runs; `[]`: none."),
        Param("set", MapOf(Anything()), about="PATH: value, like `retry.attempts: 6`."),
    ),
)
COMPARE = Table(
    "compare",
    "Variants for `resim compare`.",
    (
        Param("baseline", NAME, AS_WRITTEN, "What the others are compared with: `as-written` or a variant."),
        Param("variants", MapOf(Nested(VARIANT)), about="Name: what is different."),
    ),
)

# --- the file -----------------------------------------------------------------------------------------------------


class _Version(Type):
    """The version of the format: 1."""

    name = "version"
    example = 1

    def read(self, value: Any) -> int:
        if value == 1 and isinstance(value, int) and not isinstance(value, bool):
            return 1
        newer = isinstance(value, int) and value > 1
        remedy = "this version of resim reads `resim: 1`; update resim" if newer else "write `resim: 1`"
        raise UnitError(codes.VERSION, f"{shown(value)} is no format known here", remedy)

    @property
    def schema(self) -> Schema:
        return {"const": 1}


TUNE = Table(
    "tune",
    "What `resim tune` may change, and what it is to reach. `run` and `compare` ignore it.",
    (
        Param("vary", MapOf(SpecValue()), about="Values by path: `{retry.attempts: 1..6, retry.delay: 10ms..2s:log}`."),
        Param("minimize", NAMES, about="Metrics that are to be low."),
        Param("maximize", NAMES, about="Metrics that are to be high."),
        Param("subject_to", ListOf(Nested(EXPECT)), about="What must hold, written like `expect`."),
        Param("worlds", WORLDS_TYPE, about="Load and faults that the settings have to fit."),
    ),
)
FILE = Table(
    "scenario",
    "A resim scenario: what is simulated, and what must hold.",
    (
        Param("resim", _Version(), about="Version of the format: 1.", required=True),
        Param("name", NAME, about="Name of the scenario; default: that of the file."),
        Param("about", TEXT, about="One line about what it shows.", synonyms=("description",)),
        Param("seed", Count(0, 2**63 - 1), 1, "Random seed of the run."),
        Param("service", Nested(SERVICE), about="Service B."),
        Param("services", MapOf(Nested(NODE)), about="Several services instead, by name; A calls the first."),
        Param("entry", NAME, about="Of several services, the one that A calls; default: the first."),
        Param(
            "operation",
            OneOrMany(Nested(OPERATION), Nested(MIXED)),
            about="What each request does to B; a list mixes several, by `share`.",
        ),
        Param(
            "traffic", Nested(TRAFFIC), about="Who calls and when.", required=True, first="{rate: 1/s, requests: 20}"
        ),
        Param("client", Nested(CLIENT), about="Service A."),
        Param("faults", ListOf(FAULT_ITEM), about="What goes wrong, and when.", synonyms=("timeline",)),
        Param("stack", ListOf(POLICY_ITEM), about="Policies between A and B, outermost first.", synonyms=("policies",)),
        Param("changes", ListOf(Nested(CHANGE)), about="What is changed while it runs, and when."),
        Param("compare", Nested(COMPARE), about="Variants for `resim compare`.", synonyms=("variants",)),
        Param("expect", ListOf(Nested(EXPECT)), about="What must hold.", synonyms=("expectations",)),
        Param("shows", ListOf(Nested(EXPECT)), about="The accident that it shows, written like `expect`."),
        Param("tune", Nested(TUNE), about="What `resim tune` may change, and what it is to reach."),
    ),
)
