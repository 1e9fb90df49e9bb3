"""Scenario files: made from the tables, or shipped ones as slips and malice leave them."""

from __future__ import annotations

from functools import cache

from scenario.extremes import ANYTHING
from scenario.lab import FULL, SOURCE

from resilience_sim.cli.commands.export import LIBRARIES
from resilience_sim.scenario.describe.paths import settable_paths
from resilience_sim.scenario.describe.templates import TEMPLATES, render
from resilience_sim.scenario.text import shipped
from resilience_sim.scenario.text.source import read
from resilience_sim.settings.client import CLIENT
from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.metrics import METRICS
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.service import OPERATION, SERVICE
from resilience_sim.settings.traffic import PHASE
from resilience_sim.settings.types import Count

from .case import Case, Step
from .dice import Dice

SHORT = ("--set", "traffic.requests=80")
DATA = {"t.csv": b"0.1\n0.2\n0.2\n1.5\n9\n", "l.csv": b"1\n2.5\n80\n"}


@cache
def bases() -> tuple[str, ...]:
    """Real files."""
    texts = [read(name).text for name in shipped.names()]
    return (*texts, *(render("x", each) for each in TEMPLATES), FULL, SOURCE)


def policy(dice: Dice) -> str:
    kind = dice.one(POLICIES)
    entry = POLICIES[kind]
    if entry.libraries and dice.chance(0.6):
        library = dice.one(entry.libraries)
        params = entry.libraries[library] + tuple(entry.table.by_name[name] for name in entry.shared)
        body = dice.body(params)
        like = f"like: {library}"
        body = "{" + like + (", " if body != "{}" else "") + body[1:]
    else:
        body = dice.body(entry.table.own)
    return f"{kind}: {body}"


def fault(dice: Dice) -> str:
    kind = dice.one(FAULTS)
    return f"{kind}: {dice.body(FAULTS[kind].table.params)}"


def traffic(dice: Dice) -> str:
    end = f"requests: {dice.luck.randint(1, 60)}"
    if dice.chance(0.01):
        end = f"requests: {dice.one(ANYTHING)}"
    deadline = f", deadline: {dice.one(['1ns', '50ms', '1s', '26688d'])}" if dice.chance(0.3) else ""
    kind = dice.luck.randrange(5)
    if kind == 0:
        phases = ", ".join(dice.body(PHASE.params) for _ in range(dice.luck.randint(1, 3)))
        return f"{{phases: [{phases}], {end}{deadline}}}"
    if kind == 1:
        think = f", think: {latency(dice)}" if dice.chance(0.8) else ""
        return f"{{users: {dice.luck.randint(1, 9)}{think}, {end}{deadline}}}"
    if kind == 2:
        return f"{{trace: t.csv{deadline}}}"
    rate = dice.one(["1/s", "50/s", "1000/s", "1/ns", "3/9000d", "600/min"])
    return f"{{rate: {rate}, {end}, arrivals: {dice.one(['even', 'poisson'])}{deadline}}}"


def latency(dice: Dice) -> str:
    if dice.chance(0.1):
        return "{empirical: l.csv}"
    return dice.one(
        [
            "20ms", "0ms", "{exponential: 80ms}", "{uniform: [1ms, 90ms]}", "{p50: 9ms, p99: 200ms}",
            "{gamma: {mean: 50ms, cv: 2}}", "{pareto: {min: 10ms, alpha: 1.1}}", "{exponential: 26688d}",
            "{pareto: {min: 1d, alpha: 0.01}}", "{p50: 1ns, p99: 26688d}",
        ]
    )  # fmt: skip


def path(dice: Dice) -> str:
    found = dice.one(_paths())
    if dice.chance(0.1):
        parts = found.split(".")
        dice.luck.shuffle(parts)
        found = ".".join(parts)
    return found


@cache
def _paths() -> tuple[str, ...]:
    return (*settable_paths(), "stack.0", "stack.0.retry.attempts", "faults.0.at", "changes.0.at", "compare.variants",
            "expect.0", "stack.99", "stack.-1", "retry#2.attempts", "x", "", ".", "stack")  # fmt: skip


def some_setting(dice: Dice, stack: list[str]) -> str:
    """A path of one of these policies, and a value that it takes, mostly."""
    if not stack or dice.chance(0.1):
        return f"{path(dice)}: {dice.one(ANYTHING) or 'null'}"
    written = dice.one(stack)
    kind = written.partition(":")[0]
    entry = POLICIES[kind]
    library = written.partition("like: ")[2].partition("}")[0].partition(",")[0]
    param = dice.one(
        entry.libraries.get(library) or [each for each in entry.table.own if each.name not in ("id", "like")]
    )
    return f"{kind}.{param.name}: {dice.param(param) or 'null'}"


def change(dice: Dice, stack: list[str]) -> str:
    at = dice.one(["0ms", "10ms", "300ms", "1s", "26688d"])
    kinds = [each.partition(":")[0] for each in stack]
    what = [f"add: {{{policy(dice)}}}", f"add: {{{policy(dice)}}}, position: 0"]
    if kinds:
        what += [f"set: {{{some_setting(dice, stack)}}}"] * 6 + [f"remove: {dice.one(kinds)}"]
        what += [f"add: {{{policy(dice)}}}, {dice.one(['inside', 'outside'])}: {dice.one(kinds)}"]
        what += [f"reorder: [{', '.join(dice.luck.sample(kinds, len(kinds)))}]"]
    if "circuit_breaker" in kinds or dice.chance(0.03):
        what += ["trip: circuit_breaker", "reset: circuit_breaker"]
    return f"{{at: {at}, {dice.one(what)}}}"


LIMITS = {"ratio": "50%", "per_second": "5/s", "factor": "2x", "count": "3", "seconds": "200ms"}


def expectation(dice: Dice) -> str:
    metric = dice.one(METRICS)
    limit = LIMITS.get(metric.unit, "1") if dice.chance(0.95) else dice.one(ANYTHING) or "0"
    return f"{metric.name} {dice.one(['<', '>=', '!='])} {limit}"


def from_tables(dice: Dice) -> str:
    """A scenario of everything there is, valid more often than not."""
    source = traffic(dice)
    lines = ["resim: 1", f"traffic: {source}"]
    if dice.chance(0.9):
        body = dice.body(SERVICE.params, ("latency", "network", "slowdown", "deduplicate", "replicas"))
        body = body[:-1] + (", " if body != "{}" else "") + f"latency: {latency(dice)}"
        body += f", network: {latency(dice)}" if dice.chance(0.3) else ""
        body += f", slowdown: {{per_concurrent: {dice.one(['1ns', '5ms', '26688d'])}}}" if dice.chance(0.1) else ""
        lines.append(f"service: {body}, replicas: {dice.luck.choice((1, 4, 4, 5))}}}")
    if dice.chance(0.3):
        lines.append(f"operation: {dice.body(OPERATION.params)}")
    if dice.chance(0.4):
        body = dice.body(CLIENT.params, ("instances",))[:-1]
        lines.append(f"client: {body}{', ' if len(body) > 1 else ''}instances: {dice.luck.randint(1, 4)}}}")
    if dice.chance(0.6):
        faults = [fault(dice) for _ in range(dice.luck.randint(1, 3))]
        if "rate" not in source:
            faults = [each for each in faults if not each.startswith("spike")]
        lines += ["faults:", *(f"  - {each}" for each in faults)] if faults else []
    stack = [policy(dice) for _ in range(dice.luck.randint(0, 4))]
    if stack:
        lines += ["stack:", *(f"  - {each}" for each in stack)]
    if dice.chance(0.3):
        lines += ["changes:", *(f"  - {change(dice, stack)}" for _ in range(dice.luck.randint(1, 3)))]
    if dice.chance(0.3):
        lines.append(f'expect: ["{expectation(dice)}"]')
    if dice.chance(0.15):
        lines.append(f"compare: {{variants: {{other: {{set: {{{some_setting(dice, stack)}}}}}}}}}")
    if dice.chance(0.1):
        lines.append(f"seed: {dice.value(Count(0, 2**63 - 1))}")
    return "\n".join(lines) + "\n"


def text(dice: Dice) -> tuple[str, bool]:
    """A scenario, and whether it may be long."""
    kind = dice.luck.randrange(10)
    if kind < 6:
        return from_tables(dice), False
    if kind < 7:
        return dice.mutated(from_tables(dice)), True
    return dice.mutated(dice.one(bases())), True


OUTS = ("json", "jsonl", "csv-requests", "csv-attempts", "csv-transitions", "chrome-trace", "junit", "markdown")


def case(dice: Dice) -> Case:
    return case_of(dice, "scenario", *text(dice))


def case_of(dice: Dice, target: str, made: str, long: bool) -> Case:
    """What is done to a scenario; ``long``: its traffic has to be cut short."""
    short = SHORT if long or dice.chance(0.2) else ()
    run = Step(("run", "s.yaml", "-q", "--json", *short), simulates=True)
    steps = [Step(("validate", "s.yaml", *short)), run]
    more = [
        Step(("lint", "s.yaml", *dice.one([(), ("--format", "sarif"), ("--json",), ("--format", "github")]))),
        Step(call="written", with_=("s.yaml", *short[1:])),
        Step(("validate", "s.yaml", "--json")),
        Step(("run", "s.yaml", "-q", *short), simulates=True),
        Step(("run", "s.yaml", "--json", "--series", dice.one(["1s", "9ms", "1ns", "26688d"]), *short), simulates=True),
        Step(("run", "s.yaml", "-q", "--out", f"{dice.one(OUTS)}=-", *short), simulates=True),
        Step(("run", "s.yaml", "--ui", "plain", "--speed", "max", *short), simulates=True),
        Step(("explain", f"s.yaml@{dice.one(['0ms', '300ms', '2s', '26688d', '-1s'])}"), simulates=True),
        Step(("explain", f"s.yaml:{dice.one([0, 1, 5, 10**12, 10**30])}"), simulates=True),
        Step(("export", "s.yaml", "--to", dice.one(LIBRARIES))),
        Step(("compare", "s.yaml", "--runs", "1", "-q", *short), simulates=True),
    ]  # fmt: skip
    steps += dice.some(more, 2)
    if dice.chance(0.15):
        save = ("run", "s.yaml", "-q", "--save", "r.resim", *short)
        steps += [Step(save, ("r.resim",), True), Step(("replay", "r.resim", "--verify"), simulates=True)]
    return Case(target, {"s.yaml": made.encode("utf-8", "surrogatepass"), **DATA}, tuple(steps))


# --- settings on the command line, and the line of the cockpit ------------------------------------------------------


def stack_of(made: str) -> list[str]:
    """The policies of a scenario, as it writes them."""
    lines = made.partition("\nstack:")[2].splitlines()
    return [line.strip()[2:] for line in lines if line.strip()[2:].partition(":")[0] in POLICIES]


def setting(dice: Dice, made: str) -> str:
    """``PATH=VALUE``, or what somebody types instead."""
    where, value = path(dice), dice.one(ANYTHING)
    if dice.chance(0.6):
        where, _, value = some_setting(dice, stack_of(made)).partition(": ")
    elif dice.chance(0.4):
        value = dice.one([policy(dice), f"{{{policy(dice)}}}", f"[{{{policy(dice)}}}]", fault(dice), latency(dice)])
    typed = f"{where}={value}"
    return dice.mutated(typed).replace("\n", " ") if dice.chance(0.1) else typed


def settings_case(dice: Dice) -> Case:
    made = dice.one([*bases()[:-2], from_tables(dice), from_tables(dice), from_tables(dice)])
    given = [setting(dice, made) for _ in range(dice.luck.choice((1, 1, 1, 2, 3)))]
    options = tuple(word for each in given for word in ("--set", each))
    steps = [Step(("run", "s.yaml", "-q", "--json", *SHORT, *options), simulates=True)]
    steps += dice.some(
        [
            Step(("lint", "s.yaml", *options)),
            Step(call="written", with_=("s.yaml", *SHORT[1:], *given)),
            Step(("compare", "s.yaml", "--try", given[0], "--runs", "1", "-q", *SHORT), simulates=True),
            Step(("run", "s.yaml", "--beside", given[0], "-q", *SHORT), simulates=True),
            Step(("validate", "s.yaml", *options)),
        ],
        1,
    )
    return Case("set", {"s.yaml": made.encode(), **DATA}, tuple(steps))


def line_case(dice: Dice) -> Case:
    """What is typed after ``:``."""
    made = dice.one([*bases()[:-2], from_tables(dice), from_tables(dice), from_tables(dice)])
    typed = setting(dice, made)
    if dice.chance(0.25):
        typed = "until " + dice.one(["queue", "p99", "failed", "t", "availability", "breaker", "retry", "x", ""])
        typed += dice.one([" > ", " < ", ">=", " == ", " is ", " "]) + dice.one([*ANYTHING, "open", "closed"])
    elif dice.chance(0.1):
        typed = f"faults.{dice.one(['main', '0', 'outage', ''])}={dice.one(['null', '', '~', '{}', '1'])}"
    at = dice.one([0, 1, 10**8, 10**9, 5 * 10**9, (1 << 61) - 1, (1 << 62) - 1])
    steps = [Step(("validate", "s.yaml")), Step(call="line", with_=("s.yaml", typed, at), simulates=True)]
    at = dice.luck.randrange(2 * 10**9) if dice.chance(0.6) else at
    steps[1] = Step(call="line", with_=("s.yaml", typed, at), simulates=True)
    return Case("line", {"s.yaml": made.encode(), **DATA}, tuple(steps))


def cockpit_case(dice: Dice) -> Case:
    """A session on a drawn scenario."""
    made = from_tables(dice) if dice.chance(0.8) else dice.mutated(dice.one(bases()))
    step = Step(call="cockpit", with_=("s.yaml", 40, dice.luck.randrange(10**9)), simulates=True)
    return Case("cockpit", {"s.yaml": made.encode("utf-8", "surrogatepass"), **DATA}, (step,))
