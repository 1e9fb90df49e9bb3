"""Every parameter of every table, one at a time, at values where arithmetic breaks: one small scenario for each.

test_extremes.py runs them on the source, tests/compiled compares both forms of the core, and
``python -m tests.fuzz --target extremes`` goes through all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from resilience_sim.settings import library_types, types, units
from resilience_sim.settings.budget import SCHEMES
from resilience_sim.settings.budget import TABLE as BUDGET
from resilience_sim.settings.client import CLIENT
from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.latency import GAMMA, LATENCY, PARETO, Pair
from resilience_sim.settings.latency import TABLE as SHAPE
from resilience_sim.settings.metrics import METRICS
from resilience_sim.settings.registry import CHANGE, FILE, POLICIES
from resilience_sim.settings.service import OPERATION, SERVICE
from resilience_sim.settings.table import ListOf, Nested, Param, Table
from resilience_sim.settings.traffic import PHASE, TRAFFIC

from . import whole_extremes
from .test_every_parameter import BASE, NAMES_ONLY, OURS, THEIRS, WITH, stack_text

LONGEST = "26688d"  # the end of virtual time
BITS = [f"{(1 << power) + step}" for power in (31, 32, 53, 62, 63, 64) for step in (-1, 0, 1)]
NUMBERS = ["0", "1", "-1", "0.5", "2", "1e-300", "5e-324", "1e300", "1e9", "1000000001", "1000000", "1000001", *BITS,
           "1000000000000000000000", ".inf", "-.inf", ".nan", "null", "", '""', "-0.0", "9" * 400]  # fmt: skip
TIMES = ["0ms", "1ns", "999ns", "1d", LONGEST, "26688d1ns", "36500d", "-1ms", "0.1ns", "4611686018427387904ns"]
SHARES = ["0%", "100%", "0.0000000001%", "0.0000000000000000000000001%", "99.9999999999%", "101%", "100000%", "-1%"]
RATES = ["0/s", "1000000000/s", "1000000001/s", "1/13344d", "1/13345d", "0.000001/d", "0.0000000001/36500d", "1/ns",
         "2/ns", "1/1ns", "1/0s", "9007199254740993/26688d"]  # fmt: skip
FACTORS = ["0x", "1x", "0.000001x", "1000000x", "1000001x", "0.0000000000000000000000001x", "-1x"]
ODD = ["[]", "{}", "[1]", "{a: 1}", "true", "x"]
ANYTHING = [*NUMBERS, *TIMES, *SHARES, *RATES, *FACTORS, *ODD]


@dataclass(frozen=True)
class Extreme:
    """``where``: the parameter; ``value``: what it is set to, as YAML."""

    where: str
    value: str
    text: str
    overrides: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.where}={self.value[:80]}"


def bounds(kind: types.Type) -> list[str]:
    """The limits that a type names, and their neighbours outside."""
    if isinstance(kind, types.Count):
        return [str(each) for each in (kind.low - 1, kind.low, kind.high, kind.high + 1)] + ["unlimited"]
    if isinstance(kind, types.Number):
        return [repr(each) for each in (kind.low, kind.low / 2, kind.high, kind.high * 1.0001)]
    if isinstance(kind, types.Duration):
        return [f"{max(0, kind.low - 1)}ns", f"{kind.low}ns", f"{units.LONGEST}ns", f"{units.LONGEST + 1}ns"]
    if isinstance(kind, library_types.LibraryShare):
        under = kind.whole * library_types.LARGEST_PART
        return [repr(each) for each in (kind.whole, kind.whole * 1.001, under, kind.whole * (1 - 2e-9), kind.least)]
    if isinstance(kind, types.Choice | library_types.LibraryName):
        return [str(word) for word in kind.words]
    if isinstance(kind, Pair):
        return [f"[{low}, {high}]" for low in ("0ms", "1ns", LONGEST) for high in ("0ms", "1ns", LONGEST, "26689d")]
    return []


def extremes(kind: types.Type) -> list[str]:
    """Of anything, what is of another kind included."""
    found = list(dict.fromkeys([*bounds(kind), *ANYTHING]))
    if isinstance(kind, library_types.Nest) and kind.keys:
        usual = {name: str(each.example) for name, each in kind.keys.items()}
        for name, each in kind.keys.items():
            found += [flow({**usual, name: text}) for text in extremes(each)]
        at_once = {name: extremes(each) for name, each in kind.keys.items()}
        most = max(len(each) for each in at_once.values())
        found += [flow({name: each[i % len(each)] for name, each in at_once.items()}) for i in range(most)]
    return found


def flow(body: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {text}" for name, text in body.items()) + "}"


def example(param: Param) -> str:
    return param.first or str(param.type.example)


# --- policies -----------------------------------------------------------------------------------------------------


def short(text: str) -> str:
    return text.replace("duration: 12s", "requests: 25")


def required(kind: str, library: str) -> dict[str, str]:
    needed = {each.name: example(each) for each in POLICIES[kind].libraries[library] if each.required}
    if (kind, library) == ("rate_limiter", "failsafe-go"):
        needed["Smooth"] = "{executions: 30, period: 1s}"
    return needed


def of_policies() -> Iterator[Extreme]:
    for kind, param in OURS:
        if param.name in NAMES_ONLY:
            continue
        body = {**BASE[kind], **WITH.get((kind, param.name), {})}
        for value in extremes(param.type):
            yield Extreme(f"{kind}.{param.name}", value, short(stack_text(kind, {**body, param.name: value})))


def of_libraries() -> Iterator[Extreme]:
    for kind, library, param in THEIRS:
        needed = {"like": library, **required(kind, library)}
        for value in extremes(param.type):
            text = short(stack_text(kind, {**needed, param.name: value}))
            yield Extreme(f"{kind}({library}).{param.name}", value, text)


TREES = {
    "stop": ["{kind: after_attempt, value: X}", "{kind: stop_after_delay, value: X}", "{kind: before_delay, value: X}",
             "{kind: any, of: [{kind: after_attempt, value: 3}, {kind: stop_after_delay, value: X}]}"],
    "wait": ["{kind: fixed, seconds: X}", "{kind: random, min: 0, max: X}", "{kind: random, min: X, max: 1}",
             "{kind: incrementing, start: X, increment: 1, max: 5}", "{kind: incrementing, start: 1, increment: X}",
             "{kind: incrementing, start: 1, increment: 1, max: X}", "{kind: wait_exponential, multiplier: X}",
             "{kind: wait_exponential, exp_base: X}", "{kind: wait_exponential, max: X}",
             "{kind: wait_exponential, min: X}", "{kind: random_exponential, multiplier: X}",
             "{kind: random_exponential, max: X}", "{kind: retry_after, default: X}",
             "{kind: exponential_jitter, initial: X}", "{kind: exponential_jitter, jitter: X}",
             "{kind: exponential_jitter, max: X}", "{kind: exponential_jitter, exp_base: X}",
             "{kind: sum, of: [{kind: fixed, seconds: X}, {kind: fixed, seconds: X}]}"],
}  # fmt: skip


def of_trees() -> Iterator[Extreme]:
    """What tenacity nests, and the formulas of gobreaker and hyx."""
    for name, shapes in TREES.items():
        for shape in shapes:
            for value in (*NUMBERS, *TIMES, *ODD):
                body = {"like": "tenacity", name: shape.replace("X", value)}
                yield Extreme(f"retry(tenacity).{shape}", value, short(stack_text("retry", body)))
    for kind, library, param in THEIRS:
        if isinstance(param.type, library_types.Expression):
            name = param.type.names[0]
            for shape in (f"{name} * X", f"X / {name}", f"{name} ** X", f"X ** {name}", f"X - {name}", f"{name} > X",
                          f"{name} / X"):  # fmt: skip
                for value in ("0", "-1", "1e300", "1e309", "9" * 30, "0.5", str(1 << 62), "inf", "nan"):
                    body = {"like": library, **required(kind, library), param.name: f'"{shape.replace("X", value)}"'}
                    yield Extreme(f"{kind}({library}).{param.name}: {shape}", value, short(stack_text(kind, body)))


def of_budgets() -> Iterator[Extreme]:
    for scheme, (names, _) in SCHEMES.items():
        for name in names:
            for value in extremes(BUDGET.by_name[name].type):
                budget = flow({"kind": scheme, name: value})
                text = short(stack_text("retry", {**BASE["retry"], "budget": budget}))
                yield Extreme(f"retry.budget({scheme}).{name}", value, text)


# --- sections -----------------------------------------------------------------------------------------------------

STACK = "stack: [retry: {attempts: 3, delay: 50ms}, timeout: {after: 300ms}]\n"
LINES: dict[str, dict[str, str]] = {
    "service": {
        "latency": "{exponential: 60ms}",
        "workers": "4",
        "queue": "30",
        "failure_rate": "25%",
        "replicas": "2",
    },
    "operation": {"method": "POST", "idempotency_key": "true", "amount": "5"},
    "traffic": {"rate": "40/s", "requests": "25"},
    "client": {"threads": "20", "backlog": "3"},
}
TABLES = {"service": SERVICE, "operation": OPERATION, "traffic": TRAFFIC, "client": CLIENT}
FAULTY = "faults: [outage: {at: 200ms, for: 200ms}]\n"


def sections(changed: str = "", body: dict[str, str] | None = None) -> str:
    lines = {**LINES, changed: body or {}} if changed else LINES
    return "resim: 1\n" + "".join(f"{name}: {flow(each)}\n" for name, each in lines.items())


def at_section(section: str, name: str, value: str) -> str:
    body = {**LINES[section], name: value}
    if section == "traffic" and name in ("users", "phases", "trace", "think"):
        body.pop("rate")
        if name == "think":
            body["users"] = "3"
    return sections(section, body) + FAULTY + STACK


def of_sections() -> Iterator[Extreme]:
    for section, table in TABLES.items():
        for param in table.params:
            for value in extremes(param.type):
                yield Extreme(f"{section}.{param.name}", value, at_section(section, param.name, value))
    for where, inner, body in (
        (SERVICE, SERVICE.by_name["slowdown"], "{X}"),
        (SERVICE, SERVICE.by_name["deduplicate"], "{X}"),
        (TRAFFIC, TRAFFIC.by_name["phases"], "[{X}, {for: 100ms, rate: 50/s}]"),
    ):
        kind = inner.type
        table = kind.table if isinstance(kind, Nested) else PHASE
        for param in table.params:
            for value in extremes(param.type):
                needed = {each.name: example(each) for each in table.params if each.required} | {param.name: value}
                text = at_section(where.name, inner.name, body.replace("{X}", flow(needed)))
                yield Extreme(f"{where.name}.{inner.name}.{param.name}", value, text)


def shapes() -> Iterator[tuple[str, str, str]]:
    """Latencies with one number at an extreme."""
    for table, name in ((GAMMA, "gamma"), (PARETO, "pareto")):
        usual = {param.name: "40ms" if isinstance(param.type, types.Duration) else "1.5" for param in table.params}
        for param in table.params:
            for value in extremes(param.type):
                yield f"{name}.{param.name}", value, f"{{{name}: {flow({**usual, param.name: value})}}}"
        for time in ("1ns", LONGEST):
            for number in ("1e-300", "0.000001", "0.01", "1", "1000000", "1e9"):
                both = dict(zip((param.name for param in table.params), (time, number), strict=True))
                yield name, f"{time} {number}", f"{{{name}: {flow(both)}}}"
    for param in SHAPE.params:
        if not isinstance(param.type, Nested):
            for value in extremes(param.type):
                usual = {"p50": {"p99": LONGEST}, "p99": {"p50": "1ns"}}.get(param.name, {})
                yield param.name, value, flow({**usual, param.name: value})


def of_latencies() -> Iterator[Extreme]:
    for where, put in (
        ("service.latency", lambda shape: at_section("service", "latency", shape)),
        ("service.network", lambda shape: at_section("service", "network", shape)),
        ("traffic.think", lambda shape: at_section("traffic", "think", shape)),
        (
            "service.latency with a slowdown",
            lambda shape: sections("service", {"latency": shape, "slowdown": f"{{per_concurrent: {LONGEST}}}"}),
        ),
    ):
        for name, value, shape in shapes():
            yield Extreme(f"{where}.{name}", value, put(shape))


# --- faults, changes, expectations, --set -------------------------------------------------------------------------


def of_faults() -> Iterator[Extreme]:
    for kind, entry in FAULTS.items():
        for param in entry.table.params:
            needed = {each.name: example(each) for each in entry.table.params if each.required} | {"at": "0ms"}
            for value in extremes(param.type):
                text = sections() + f"faults:\n  - {kind}: {flow({**needed, param.name: value})}\n" + STACK
                yield Extreme(f"faults.{kind}.{param.name}", value, text)


def of_changes() -> Iterator[Extreme]:
    """The same settings, put there while it runs; and the settings of a change itself."""
    for kind, param in OURS:
        if param.name in NAMES_ONLY:
            continue
        stack = short(stack_text(kind, {**BASE[kind], **WITH.get((kind, param.name), {})}))
        for value in extremes(param.type):
            text = f"{stack}changes:\n  - {{at: 300ms, set: {{{kind}.{param.name}: {value}}}}}\n"
            yield Extreme(f"changes.{kind}.{param.name}", value, text)
    for kind, library, param in THEIRS:
        stack = short(stack_text(kind, {"like": library, **required(kind, library)}))
        for value in extremes(param.type)[::5]:
            text = f"{stack}changes:\n  - {{at: 300ms, set: {{{kind}.{param.name}: {value}}}}}\n"
            yield Extreme(f"changes.{kind}({library}).{param.name}", value, text)
    for param in CHANGE.params:
        for value in extremes(param.type):
            body = {"at": "300ms", "add": "{fallback: {}}", param.name: value}
            if param.name in ("set", "trip", "reset", "remove", "reorder"):
                body.pop("add")
            text = sections() + STACK + f"changes:\n  - {flow(body)}\n"
            yield Extreme(f"changes.{param.name}", value, text)


def of_expectations() -> Iterator[Extreme]:
    for metric in METRICS:
        for value in (*NUMBERS, *TIMES, *SHARES, *RATES, *FACTORS):
            if value:
                text = sections() + FAULTY + STACK + f'expect: ["{metric.name} < {value}"]\n'
                yield Extreme(f"expect.{metric.name}", value, text)
    for name in ("during", "before", "after", "phase", "variant", "scope"):
        for value in ANYTHING:
            text = sections() + FAULTY + STACK + f"expect: [{{that: availability > 1%, {name}: {value}}}]\n"
            yield Extreme(f"expect.{name}", value, text)
    for name in ("seed", "resim", "name", "about"):
        for value in extremes(FILE.by_name[name].type):
            text = sections() + FAULTY + STACK + (f"{name}: {value}\n" if name != "resim" else "")
            yield Extreme(name, value, text.replace("resim: 1", f"resim: {value}") if name == "resim" else text)


def of_overrides() -> Iterator[Extreme]:
    """By ``--set``: the value is YAML, too, but of one line."""
    base = sections() + FAULTY + STACK

    def paths(table: Table, prefix: str) -> Iterator[tuple[str, types.Type]]:
        for param in table.params:
            yield prefix + param.name, param.type
            if isinstance(param.type, Nested) and param.type is not LATENCY:
                yield from paths(param.type.table, f"{prefix}{param.name}.")

    found: list[tuple[str, types.Type]] = []
    for section, table in TABLES.items():
        found += paths(table, f"{section}.")
    found += paths(SHAPE, "service.latency.")
    found += paths(POLICIES["retry"].table, "retry.")
    found += paths(POLICIES["timeout"].table, "stack.1.")
    found += paths(FAULTS["outage"].table, "faults.outage.")
    found += [("seed", FILE.by_name["seed"].type), ("faults.0.at", types.DURATION), ("changes.0.at", types.DURATION)]
    found += [(name, types.Anything()) for name in ("resim", "stack", "faults", "service", "traffic", "compare", "x")]
    for path, kind in found:
        if isinstance(kind, ListOf):
            continue
        for value in extremes(kind)[::2]:
            yield Extreme(f"--set {path}", value, base, (f"{path}={value}",))


# --- whole files --------------------------------------------------------------------------------------------------

ENDS = ("0", "-1", "1", "5", "1e300", "1e-300", "1e400", "nan", "1ns", "0ms", LONGEST, "36500d", "0%", "100%", "101%",
        "0x", "1e9", str(1 << 63), "9" * 400, "", "x", "null", "1/s", "0/s")  # fmt: skip
SPECS = [*(f"{low}..{high}{rest}" for low in ENDS for high in ENDS for rest in ("", ":log", ":3")),
         *(f"1..6:{count}" for count in (*BITS, "0", "-1", "1.5", "log:log", "3:log", "")), ",", "..", "1..2..3",
         "1..1000000000", *ENDS]  # fmt: skip


def of_files() -> Iterator[Extreme]:
    """Every table where it stands in a file: services, calls, links, variants, what is tuned, …"""
    for where, value, text in whole_extremes.cases(extremes):
        yield Extreme(where, value, text)


def of_specs() -> Iterator[Extreme]:
    """What may be tuned, and in which worlds."""
    base = sections() + FAULTY + STACK
    for path in ("retry.attempts", "retry.delay", "service.failure_rate", "traffic.rate"):
        for spec in SPECS:
            text = base + f"tune: {{vary: {{{path}: {spec}}}, worlds: {{load: 0.1x..16x, faults: 0.1x..16x}}}}\n"
            yield Extreme(f"tune.vary.{path}", spec, text)


def every() -> Iterator[Extreme]:
    parts: Iterable[Iterator[Extreme]] = (
        of_policies(), of_libraries(), of_trees(), of_budgets(), of_sections(), of_latencies(), of_faults(),
        of_changes(), of_expectations(), of_overrides(), of_files(), of_specs(),
    )  # fmt: skip
    for part in parts:
        yield from part


def share(one_in: int, part: int = 0) -> Iterator[Extreme]:
    """One in so many, spread over all parameters, the same ones each time; all parts together are all of them."""
    return (each for number, each in enumerate(every()) if (number + number // one_in) % one_in == part)
