"""Every parameter of every table at its extremes: it is refused in words, or the run is one like any other."""

from __future__ import annotations

import pytest

from resilience_sim.kernel.frames import Clock
from resilience_sim.kernel.sim import FOREVER, SimulationError
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.runs.simulate import simulate
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.settings import library_types, types
from resilience_sim.settings.client import CLIENT
from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.service import SERVICE
from resilience_sim.settings.table import Param
from resilience_sim.settings.traffic import TRAFFIC

from .test_every_parameter import BASE, NAMES_ONLY, OURS, THEIRS, WITH, named, stack_text

LONGEST = "26688d"  # the end of virtual time
TIMES = ["0ms", "1ns", "999ns", "1d", LONGEST, "36500d"]
NUMBERS = [
    "0",
    "1",
    "-1",
    "0.5",
    "1e-300",
    "1e300",
    "1e9",
    "999999999",
    "1000000000000000000000",
    ".inf",
    "-.inf",
    ".nan",
    "null",
]
SHARES = ["0%", "100%", "0.0000000001%", "99.9999999999%", "100000%"]
RATES = ["0/s", "1000000000/s", "1/13344d", "0.000001/d", "0.0000000001/36500d", "1/ns", "2/ns", "1/1ns"]
FACTORS = ["0x", "1x", "0.000001x", "1000000x", "1000001x"]


def extremes(kind: types.Type) -> list[str]:
    """Of anything, what is of another kind included."""
    found = [*NUMBERS, *TIMES, *SHARES, *RATES, *FACTORS]
    if isinstance(kind, library_types.Nest) and kind.keys:
        parts = {name: extremes(each) for name, each in kind.keys.items()}
        most = max(len(each) for each in parts.values())
        at = [{name: each[i % len(each)] for name, each in parts.items()} for i in range(most)]
        shown = ["{" + ", ".join(f"{name}: {text}" for name, text in each.items()) + "}" for each in at]
        return [*shown, "{}", "null"]
    return found


def world(text: str) -> str:
    return text.replace("duration: 12s", "requests: 25")


class Fits(Fold):
    """Every number of every event is one that 64 bits hold."""

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        assert 0 <= t <= FOREVER, (t, kind)
        assert abs(a) < 1 << 63, (kind, a)
        assert abs(b) < 1 << 63, (kind, b)


def fits(thing: object, seen: set[int]) -> None:
    """And every number that a layer or what it holds keeps: the compiled core has no others."""
    if id(thing) in seen or isinstance(thing, Clock):
        return
    seen.add(id(thing))
    if isinstance(thing, int):
        assert abs(thing) < 1 << 63
    elif isinstance(thing, list | tuple):
        for each in thing:
            fits(each, seen)
    elif type(thing).__module__.startswith("resilience_sim.policies"):
        for base in type(thing).__mro__:
            for name in getattr(base, "__slots__", ()):
                fits(getattr(thing, name, None), seen)


def runs(text: str) -> bool:
    """Whether it is a scenario; if so it runs, however long virtual time becomes."""
    try:
        plan = load_text(text, "extreme.yaml").plan
    except ScenarioError:
        return False
    simulation = Simulation(plan, 1, [])
    fold = RunFold(plan, simulation.components)
    simulation.attach(fold)
    simulation.attach(Fits())
    try:
        simulation.run(budget=4_000)
    except SimulationError:
        return True
    assert simulation.applier is not None
    for instance in simulation.applier.client.instances():
        fits(instance.stack.layers, set())
    simulation.gauges()
    fold.result(1, simulation.digest(), simulation.now)
    return True


@pytest.mark.parametrize(("kind", "param"), OURS, ids=named)
def test_our_parameters(kind: str, param: Param) -> None:
    if param.name in NAMES_ONLY:
        return
    body = {**BASE[kind], **WITH.get((kind, param.name), {})}
    for text in extremes(param.type):
        runs(world(stack_text(kind, {**body, param.name: text})))


@pytest.mark.parametrize(("kind", "library", "param"), THEIRS, ids=named)
def test_parameters_of_libraries(kind: str, library: str, param: Param) -> None:
    needed = {
        each.name: each.first or str(each.type.example) for each in POLICIES[kind].libraries[library] if each.required
    }
    if (kind, library) == ("rate_limiter", "failsafe-go"):
        needed["Smooth"] = "{executions: 30, period: 1s}"
    for text in extremes(param.type):
        runs(world(stack_text(kind, {"like": library, **needed, param.name: text})))


SECTIONS = {
    "service": (
        "service: {latency: {exponential: 60ms}, workers: 4, queue: 30, failure_rate: 25%, replicas: 2}",
        SERVICE,
    ),
    "traffic": ("traffic: {rate: 40/s, requests: 25}", TRAFFIC),
    "client": ("client: {threads: 200}", CLIENT),
}
OF_SECTIONS = [(section, param) for section, (_, table) in SECTIONS.items() for param in table.params]
OF_FAULTS = [(kind, param) for kind, entry in FAULTS.items() for param in entry.table.params]


@pytest.mark.parametrize(("section", "param"), OF_SECTIONS, ids=named)
def test_parameters_of_sections(section: str, param: Param) -> None:
    for text in extremes(param.type):
        lines = {name: line for name, (line, _) in SECTIONS.items()}
        lines[section] = f"{section}: {{{param.name}: {text}}}"
        if section == "traffic":
            lines[section] = f"traffic: {{rate: 40/s, requests: 25, {param.name}: {text}}}"
            if param.name in ("rate", "requests"):
                lines[section] = (
                    f"traffic: {{{'rate: 40/s' if param.name == 'requests' else 'requests: 25'}, {param.name}: {text}}}"
                )
            elif param.name in ("users", "phases", "trace"):
                lines[section] = f"traffic: {{requests: 25, {param.name}: {text}}}"
        runs("resim: 1\n" + "\n".join(lines.values()) + "\nstack: [timeout: {after: 300ms}]\n")


@pytest.mark.parametrize(("kind", "param"), OF_FAULTS, ids=named)
def test_parameters_of_faults(kind: str, param: Param) -> None:
    for text in extremes(param.type):
        body = {each.name: each.first or str(each.type.example) for each in FAULTS[kind].table.params if each.required}
        body |= {"at": "0ms", param.name: text}
        entry = "{" + ", ".join(f"{name}: {value}" for name, value in body.items()) + "}"
        lines = "\n".join(line for line, _ in SECTIONS.values())
        runs(f"resim: 1\n{lines}\nfaults:\n" + f"  - {kind}: {entry}\n" + "stack: [timeout: {after: 300ms}]\n")


@pytest.mark.parametrize(
    "shape",
    [
        "exponential: T",
        "uniform: [0ms, T]",
        "pareto: {min: T, alpha: 0.1}",
        "lognormal: {median: T, p99: T}",
        "gamma: {mean: T, shape: 0.1}",
        "gamma: {mean: T, shape: 100}",
    ],
)
@pytest.mark.parametrize("time", ["1ns", LONGEST])
@pytest.mark.parametrize(
    "where",
    [
        "service: {latency: {X}, slowdown: {per_concurrent: T}}",
        "service: {network: {X}}",
        "traffic: {users: 3, requests: 20, think: {X}}",
    ],
)
def test_shapes_of_latency(shape: str, time: str, where: str) -> None:
    text = where.replace("X", shape).replace("T", time)
    traffic = "" if "traffic" in text else "traffic: {rate: 40/s, requests: 25}\n"
    runs(f"resim: 1\n{traffic}{text}\n")


# --- named bugs -----------------------------------------------------------------------------------------------------

OFTEN = (
    "traffic: {phases: [{for: 105d, rate: 1/d}, {for: 10s, rate: 100/s}], arrivals: even}\nservice: {latency: 1ms}\n"
)


@pytest.mark.parametrize(
    "limit",
    [
        "stack: [rate_limiter: {limit: 1/s, burst: 1}]",
        "stack: [rate_limiter: {limit: 1/s, kind: smooth}]",
        "faults: [rate_limit: {at: 0s, for: 200d, limit: 1/s}]",
    ],
)
def test_a_limiter_still_limits_after_104_virtual_days(limit: str) -> None:
    """`now` in 1/1024 ns does not fit into 64 bits any more after 2**53 ns: compiled, everything passed."""
    plan = load_text(f"resim: 1\n{OFTEN}{limit}\n", "old.yaml").plan
    document = simulate(plan, 1).document["requests"]
    assert (document["total"], document["succeeded"]) == (1105, 115)


def test_a_limiter_with_a_large_burst_lets_it_in() -> None:
    """Compiled it rejected all: 36 s times 300,000 wrapped."""
    text = "resim: 1\ntraffic: {rate: 1/s, requests: 20}\nstack: [rate_limiter: {limit: 100/h, burst: 300000}]\n"
    assert simulate(load_text(text, "burst.yaml").plan, 1).document["requests"]["succeeded"] == 20


@pytest.mark.parametrize(
    ("policy", "key"),
    [
        ("rate_limiter: {limit: 1/30d, burst: 1000000}", "burst"),
        ("rate_limiter: {limit: 0.0000000001/d}", "limit"),
        ("rate_limiter: {like: resilience4j, limitRefreshPeriod: 0ms}", "limitRefreshPeriod"),
        ("rate_limiter: {like: failsafe-go, Bursty: {executions: 3, period: 0ms}}", "Bursty"),
        ("rate_limiter: {like: failsafe-go, Smooth: {executions: 0, period: 1s}}", "Smooth"),
        ("rate_limiter: {like: failsafe-go, Smooth: {executions: 9, period: 1ns}}", "Smooth"),
        ("rate_limiter: {like: hyx, max_executions: 1, per_time_secs: 0}", "per_time_secs"),
        ("throttle: {like: failsafe-go, FailureRateThreshold: 100%}", "FailureRateThreshold"),
        ("circuit_breaker: {like: hystrix, rollingStatsTimeInMilliseconds: 0}", "rollingStatsTimeInMilliseconds"),
        ("circuit_breaker: {like: hystrix, rollingStatsTimeInMilliseconds: 9999d}", "rollingStatsTimeInMilliseconds"),
        ("circuit_breaker: {like: failsafe-go, FailureThresholdPeriod: {threshold: 3, period: 1ns}}", "like"),
        (
            "circuit_breaker: {like: resilience4j, slidingWindowType: TIME_BASED, slidingWindowSize: 1000000000}",
            "slidingWindowSize",
        ),
        ("circuit_breaker: {like: envoy, interval: 1ns}", "interval"),
        ("retry: {budget: {kind: finagle, ttl: 1ns}}", "ttl"),
        ("retry: {budget: {kind: finagle, percentCanRetry: 0.0000000000001%}}", "percentCanRetry"),
        ("retry: {like: stamina, timeout: 1e300}", "timeout"),
        ("timeout: {like: hyx, timeout_secs: .inf}", "timeout_secs"),
        ("retry: {like: tenacity, stop: {kind: stop_after_delay, value: .inf}}", "stop"),
        ("timeout: {after: 36500d}", "after"),
    ],
)
def test_what_the_arithmetic_does_not_hold_is_refused_with_its_place(policy: str, key: str) -> None:
    """Divisions by zero, floats without end, and windows of a billion cells were internal errors, or wrapped."""
    with pytest.raises(ScenarioError) as raised:
        load_text(f"resim: 1\ntraffic: {{rate: 1/s, requests: 1}}\nstack:\n  - {policy}\n", "x.yaml")
    first = raised.value.diagnostics[0]
    assert first.path.split(".")[-1] == key
    assert first.help


@pytest.mark.parametrize(("kind", "library", "param"), THEIRS, ids=named)
def test_a_key_of_a_library_that_is_left_empty_is_its_default(kind: str, library: str, param: Param) -> None:
    """`maxAttempts:` with nothing behind it was an internal error."""
    head = "resim: 1\ntraffic: {rate: 1/s, requests: 3}\nstack:\n"
    needed = {
        each.name: each.first or str(each.type.example) for each in POLICIES[kind].libraries[library] if each.required
    }
    if (kind, library) == ("rate_limiter", "failsafe-go"):
        needed["Smooth"] = "{executions: 30, period: 1s}"
    body = {"like": library, **needed, param.name: ""}
    text = ", ".join(f"{name}: {value}" for name, value in body.items())
    runs(f"{head}  - {kind}: {{{text}}}\n")


def test_a_series_of_too_many_bins_is_refused() -> None:
    """6 GB in 9 s."""
    plan = load_text("resim: 1\ntraffic: {rate: 1/s, requests: 9}\n", "x.yaml").plan
    with pytest.raises(SimulationError, match="bins"):
        simulate(plan, 1, series=1_000)
