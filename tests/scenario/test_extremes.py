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
from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.registry import FILE, POLICIES
from resilience_sim.settings.table import LibraryError, Nested
from resilience_sim.settings.tenacity import again_of

from . import extremes, whole_extremes
from .extremes import LONGEST, Extreme, required
from .test_every_parameter import THEIRS


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


def runs(text: str, overrides: tuple[str, ...] = ()) -> bool:
    """Whether it is a scenario; if so it runs, however long virtual time becomes."""
    try:
        plan = load_text(text, "extreme.yaml", overrides, files={}).plan
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


PARTS = {
    each.__name__: each
    for each in (
        extremes.of_policies, extremes.of_libraries, extremes.of_trees, extremes.of_budgets, extremes.of_sections,
        extremes.of_latencies, extremes.of_faults, extremes.of_changes, extremes.of_expectations,
        extremes.of_overrides, extremes.of_files, extremes.of_specs,
    )
}  # fmt: skip
ONE_IN = 37  # of tens of thousands; tests/compiled goes on, and `python -m tests.fuzz --target extremes` through all
FEWER = {"of_files": 167, "of_specs": 167}


@pytest.mark.parametrize("part", PARTS)
def test_every_parameter_at_its_extremes(part: str) -> None:
    """A scenario that is accepted runs, and every number in it fits; nothing ends but in words."""
    cases = list(PARTS[part]())
    one_in = FEWER.get(part, ONE_IN)
    accepted = 0
    for case in cases[len(part) % one_in :: one_in]:
        try:
            accepted += runs(case.text, case.overrides)
        except Exception as error:
            raise AssertionError(f"{case.label}\n{case.text}") from error
    assert accepted > len(cases) / one_in / 50


def test_the_extremes_are_of_every_parameter() -> None:
    """Nothing is forgotten, and where a value can be taken at all some extreme is taken."""
    taken: dict[str, int] = {}
    for case in extremes.every():
        assert isinstance(case, Extreme)
        taken.setdefault(case.where, 0)
    for kind, entry in POLICIES.items():
        for param in entry.table.own:
            assert f"{kind}.{param.name}" in taken or param.name in ("id", "like")
        for library, params in entry.libraries.items():
            assert all(f"{kind}({library}).{param.name}" in taken for param in params)


def test_the_extremes_are_of_every_table_that_a_file_can_have() -> None:
    """Whoever adds a table has to say where in a file it stands."""
    walked: dict[str, set[str]] = {}
    for base in whole_extremes.BASES.values():
        for table, _ in whole_extremes.places(base, Nested(FILE)):
            walked.setdefault(table.name, set()).update(param.name for param in table.params)
    elsewhere = {*POLICIES, *FAULTS, *whole_extremes.OF_LATENCIES}
    for name, table in whole_extremes.reachable(Nested(FILE)).items():
        assert name in elsewhere or walked[name] == {param.name for param in table.params}


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
        ("rate_limiter: {like: envoy, max_tokens: 50, fill_interval: 26688d}", "fill_interval"),
        ("rate_limiter: {like: envoy, max_tokens: 1, fill_interval: 26688d}", "fill_interval"),
        ("rate_limiter: {like: envoy, max_tokens: 1000000, fill_interval: 30d}", "fill_interval"),
        ("retry: {like: smallrye, ExponentialBackoff: {factor: , maxDelay: 1s}}", "ExponentialBackoff"),
    ],
)
def test_what_the_arithmetic_does_not_hold_is_refused_with_its_place(policy: str, key: str) -> None:
    """Divisions by zero, floats without end, and windows of a billion cells were internal errors, or wrapped."""
    with pytest.raises(ScenarioError) as raised:
        load_text(f"resim: 1\ntraffic: {{rate: 1/s, requests: 1}}\nstack:\n  - {policy}\n", "x.yaml")
    first = raised.value.diagnostics[0]
    assert first.path.split(".")[-1] == key
    assert first.help


@pytest.mark.parametrize("policy", POLICIES)
def test_a_key_of_a_library_that_is_left_empty_is_its_default(policy: str) -> None:
    """`maxAttempts:` with nothing behind it was an internal error."""
    head = "resim: 1\ntraffic: {rate: 1/s, requests: 3}\nstack:\n"
    for kind, library, param in THEIRS:
        if kind == policy:
            body = {"like": library, **required(kind, library), param.name: ""}
            text = ", ".join(f"{name}: {value}" for name, value in body.items())
            try:
                runs(f"{head}  - {kind}: {{{text}}}\n")
            except Exception as error:
                raise AssertionError(text) from error


@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("stop", "{a: 1}"),
        ("wait", "{kinds: fixed}"),
        ("wait", "{kind: sum, of: 5}"),
        ("stop", "{kind: any, of: [5]}"),
        ("stop", "{kind: all}"),
        ("retry", "{kind: exception_type, types: 5}"),
        ("retry", "{kind: exception_type, types: [[1]]}"),
    ],
)
def test_a_tree_that_is_none_is_refused_with_its_place(name: str, tree: str) -> None:
    """A KeyError and TypeErrors."""
    text = f"resim: 1\ntraffic: {{rate: 1/s, requests: 1}}\nstack:\n  - retry: {{like: tenacity, {name}: {tree}}}\n"
    with pytest.raises(ScenarioError) as raised:
        load_text(text, "x.yaml")
    assert raised.value.diagnostics[0].path == f"stack.0.retry.{name}"
    assert raised.value.diagnostics[0].help


@pytest.mark.parametrize(
    ("name", "tree", "message", "remedy"),
    [
        ("wait", "{kind: fixed, second: 3}", "`fixed` has no `second`", "did you mean `seconds`?"),
        ("wait", "{kind: sum, of: [{kind: exponential, maxx: 3}]}", "`exponential` has no `maxx`", "`max`"),
        ("wait", "{kind: none, seconds: 3}", "`none` has no `seconds`", "leave it away"),
        ("wait", "{kind: fixd, seconds: 3}", "no wait `fixd`", "did you mean `fixed`?"),
        ("wait", "{kind: fixed}", "`fixed` does not say how much", "seconds"),
        ("stop", "{kind: after_attempt, max_delay: 3}", "`after_attempt` has no `max_delay`", "`value`"),
        ("stop", "{kind: after_delay}", "`after_delay` does not say how much", "value"),
    ],
)
def test_a_word_that_a_tree_of_tenacity_does_not_have_is_refused(
    name: str, tree: str, message: str, remedy: str
) -> None:
    """It counted as left away: `second: 3` waited for nothing."""
    text = f"resim: 1\ntraffic: {{rate: 1/s, requests: 1}}\nstack:\n  - retry: {{like: tenacity, {name}: {tree}}}\n"
    with pytest.raises(ScenarioError) as raised:
        load_text(text, "x.yaml")
    first = raised.value.diagnostics[0]
    assert first.path == f"stack.0.retry.{name}"
    assert message in first.message
    assert remedy in first.help


def test_the_predicates_of_tenacity_have_their_words_too() -> None:
    with pytest.raises(LibraryError, match="`exception_type` has no `type`") as raised:
        again_of({"kind": "if_exception_type", "type": ["OSError"]})
    assert "`types`" in raised.value.remedy


def test_a_series_of_too_many_bins_is_refused() -> None:
    """6 GB in 9 s."""
    plan = load_text("resim: 1\ntraffic: {rate: 1/s, requests: 9}\n", "x.yaml").plan
    with pytest.raises(SimulationError, match="bins"):
        simulate(plan, 1, series=1_000)
