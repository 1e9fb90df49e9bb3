"""Every parameter of every table, walked: whoever adds one learns here what it has forgotten.

It reaches the config, changes behaviour, survives writing and reading back, is offered by the cockpit, explained,
checked by editors, completed, and drawn at random.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import strategies
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from resilience_sim.cli.topics.find import find
from resilience_sim.play.forms import fault_fields, policy_fields
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.describe.paths import settable_paths
from resilience_sim.scenario.describe.schema import schema
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.read.pieces import fault_from, policy_from
from resilience_sim.scenario.write import fault_text, policy_text
from resilience_sim.settings.client import CLIENT
from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import FILE, POLICIES
from resilience_sim.settings.service import OPERATION, SERVICE
from resilience_sim.settings.table import Nested, Param, Table
from resilience_sim.settings.traffic import TRAFFIC

SECTIONS = (SERVICE, OPERATION, TRAFFIC, CLIENT)
OURS = [(kind, param) for kind, entry in POLICIES.items() for param in entry.table.own]
THEIRS = [
    (kind, library, param)
    for kind, entry in POLICIES.items()
    for library, params in entry.libraries.items()
    for param in params
]
OF_FAULTS = [(kind, param) for kind, entry in FAULTS.items() for param in entry.table.params]
OF_SECTIONS = [(table, param) for table in SECTIONS for param in table.params]


def named(value: Any) -> str:
    return getattr(value, "name", str(value))


# --- each parameter against a stack, a service and traffic in which it matters ------------------------------------

# A busy world with trouble of every kind: slow and failing, few workers, an outage that hangs and a 429 with a hint.
WORLD = """\
resim: 1
name: walk
service: {latency: {exponential: 60ms}, workers: 4, queue: 30, failure_rate: 25%, replicas: 2}
operation: {method: POST}
traffic: {rate: 40/s, duration: 12s}
client: {threads: 200}
faults:
  - outage: {at: 3s, for: 2s, how: hang, share: 60%}
  - rate_limit: {at: 7s, for: 2s, limit: 20/s, retry_after: 300ms}
stack:
"""
# The rest of a stack in which a policy's parameters show, and what else has to be set for one to matter.
AROUND = {
    "retry": ("", "  - timeout: {after: 400ms}\n"),
    "circuit_breaker": ("  - timeout: {after: 2s}\n", "  - timeout: {after: 300ms}\n"),
    "timeout": ("", ""),
    "bulkhead": ("  - timeout: {after: 2s}\n", "  - timeout: {after: 500ms}\n"),
    "rate_limiter": ("", "  - timeout: {after: 400ms}\n"),
    "hedge": ("", "  - timeout: {after: 900ms}\n"),
    "fallback": ("", "  - timeout: {after: 300ms}\n"),
    "throttle": ("", "  - timeout: {after: 400ms}\n"),
}
BASE: dict[str, dict[str, str]] = {
    "retry": {"attempts": "4", "delay": "40ms"},
    "circuit_breaker": {"failure_threshold": "3", "recovery_time": "300ms"},
    "timeout": {"after": "300ms"},
    "bulkhead": {"max_concurrent": "3", "queue": "4"},
    "rate_limiter": {"limit": "25/s"},
    "hedge": {"delay": "60ms"},
    "fallback": {},
    "throttle": {},
}
WITH: dict[tuple[str, str], dict[str, str]] = {
    ("retry", "factor"): {"backoff": "exponential"},
    ("retry", "max_delay"): {"backoff": "exponential"},
    ("circuit_breaker", "window"): {"failure_threshold": "60%", "min_calls": "5"},
    ("circuit_breaker", "min_calls"): {"failure_threshold": "20%", "window": "50"},
    ("circuit_breaker", "success_threshold"): {"probes": "1"},
    ("circuit_breaker", "slow_threshold"): {"failure_threshold": "1000", "slow_call": "80ms", "window": "10"},
    ("circuit_breaker", "slow_call"): {"failure_threshold": "1000", "window": "10"},
    ("timeout", "passes_on"): {"after": "30ms"},
}
VALUES: dict[tuple[str, str], str] = {
    ("retry", "attempts"): "2",
    ("retry", "delay"): "90ms",
    ("retry", "backoff"): "linear",
    ("retry", "factor"): "3",
    ("retry", "max_delay"): "45ms",
    ("retry", "jitter"): "full",
    ("retry", "on"): "[timeout]",
    ("retry", "honor_retry_after"): "false",
    ("retry", "max_elapsed"): "200ms",
    ("retry", "budget"): "5%",
    ("retry", "only_idempotent"): "true",
    ("circuit_breaker", "failure_threshold"): "6",
    ("circuit_breaker", "window"): "12",
    ("circuit_breaker", "min_calls"): "20",
    ("circuit_breaker", "recovery_time"): "900ms",
    ("circuit_breaker", "probes"): "4",
    ("circuit_breaker", "success_threshold"): "3",
    ("circuit_breaker", "slow_call"): "70ms",
    ("circuit_breaker", "slow_threshold"): "20%",
    ("circuit_breaker", "on"): "[timeout]",
    ("circuit_breaker", "ignore"): "[error]",
    ("circuit_breaker", "jitter"): "full",
    ("circuit_breaker", "shared"): "true",
    ("circuit_breaker", "backoff"): "4x",
    ("timeout", "after"): "90ms",
    ("timeout", "cancels_work"): "true",
    ("timeout", "passes_on"): "true",
    ("bulkhead", "max_concurrent"): "8",
    ("bulkhead", "queue"): "0",
    ("bulkhead", "shared"): "true",
    ("bulkhead", "max_wait"): "20ms",
    ("rate_limiter", "limit"): "10/s",
    ("rate_limiter", "burst"): "3",
    ("rate_limiter", "max_wait"): "80ms",
    ("rate_limiter", "shared"): "true",
    ("rate_limiter", "kind"): "smooth",
    ("hedge", "delay"): "150ms",
    ("hedge", "max_extra"): "2",
    ("hedge", "cancels_loser"): "false",
    ("fallback", "latency"): "10ms",
    ("fallback", "on"): "[error]",
    ("throttle", "k"): "1.1",
    ("throttle", "window"): "1s",
}
NAMES_ONLY = ("id", "like")  # what a policy is called, and whose rules it has: tests of their own
# Not modelled: accepted, so that a library's own configuration can be written down as it is.
NOT_YET_USED = {
    ("circuit_breaker", "resilience4j", "slidingWindowSynchronizationStrategy"),
    ("timeout", "resilience4j", "cancelRunningFuture"),
    ("timeout", "cockatiel", "strategy"),
}


def digest_of(text: str) -> str:
    simulation = Simulation(load_text(text, "walk.yaml").plan, 3)
    simulation.run()
    return simulation.digest()


def stack_text(kind: str, body: dict[str, str], shared: bool = False) -> str:
    outside, inside = AROUND.get(kind, ("", ""))
    inner = ", ".join(f"{name}: {value}" for name, value in body.items())
    world = WORLD.replace("threads: 200", "threads: 200, instances: 3") if shared else WORLD
    return f"{world}{outside}  - {kind}: {{{inner}}}\n{inside}"


def settings_for(kind: str, param: Param) -> dict[str, str]:
    """A body in which the parameter matters: what must be written, and what stands in the tables above."""
    needed = {each.name: each.first for each in POLICIES[kind].table.own if each.required}
    return {**needed, **BASE.get(kind, {}), **WITH.get((kind, param.name), {})}


def values_for(kind: str, param: Param) -> list[str]:
    """The value above, or for a parameter that is not there some at random."""
    if (kind, param.name) in VALUES:
        return [VALUES[kind, param.name]]
    found: list[str] = []

    @settings(max_examples=25, database=None)
    @given(strategies.text_of(param.type))
    def collect(value: str) -> None:
        found.append(value)

    collect()
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(("kind", "param"), OURS, ids=named)
def test_our_parameters_change_what_happens(kind: str, param: Param) -> None:
    """The run with another value is another run, the config another config; written and read back it is the same."""
    if param.name in NAMES_ONLY:
        return
    body = settings_for(kind, param)
    shared = param.name == "shared"
    plain, before = policy_from(kind, body, "it"), digest_of(stack_text(kind, body, shared))
    changed = False
    for value in values_for(kind, param):
        try:
            other = policy_from(kind, {**body, param.name: value}, "it")
        except ScenarioError:
            continue
        again = load_text(f"{WORLD}  - {policy_text(other)}\n", "walk.yaml").plan.stack[0]
        assert again == other
        assert again.written == other.written
        assert param.name in again.written
        changed = changed or (
            other != plain and digest_of(stack_text(kind, {**body, param.name: value}, shared)) != before
        )
    assert changed


@pytest.mark.parametrize(("kind", "library", "param"), THEIRS, ids=named)
def test_parameters_of_libraries_reach_the_config(kind: str, library: str, param: Param) -> None:
    """Some value of each makes another config, unless it is listed as not used."""
    texts = {
        each.name: strategies.TENACITY[each.name] if each.name in strategies.TENACITY else strategies.text_of(each.type)
        for each in POLICIES[kind].libraries[library]
    }
    needed = {each.name for each in POLICIES[kind].libraries[library] if each.required}
    bodies = st.fixed_dictionaries(
        {name: text for name, text in texts.items() if name in needed},
        optional={name: text for name, text in texts.items() if name not in needed},
    )

    def made(body: dict[str, str]) -> PolicyConfig | None:
        try:
            return policy_from(kind, {"like": library, **body}, "it")
        except ScenarioError:
            return None

    class Found(Exception):
        """Ends the search."""

    @settings(max_examples=200, database=None, phases=[Phase.generate])
    @given(bodies, texts[param.name], texts[param.name])
    def look(body: dict[str, str], one: str, two: str) -> None:
        without = {name: each for name, each in body.items() if name != param.name}
        kinds = [made({**without, param.name: one}), made({**without, param.name: two}), made(without)]
        known = [each for each in kinds if each is not None]
        if any(each != known[0] for each in known):
            raise Found

    found = False
    try:
        look()
    except Found:
        found = True
    assert found is ((kind, library, param.name) not in NOT_YET_USED)


@pytest.mark.parametrize(("kind", "param"), OF_FAULTS, ids=named)
def test_parameters_of_faults_reach_the_config_and_survive_writing(kind: str, param: Param) -> None:
    """Another value is another fault; written and read back it is the same."""
    if param.name in ("id", "service", "link"):  # of several services: tests/services
        return
    table = FAULTS[kind].table
    body = {each.name: each.first or str(each.type.example) for each in table.params if each.required}
    values = {"at": "2s", "for": "9s", "share": "40%", "of": "requests", "replica": "3", "how": "reset", "add": "70ms"}
    values |= {"workers": "10%", "failure_rate": "30%", "slower": "3x", "rate": "20%", "status": "429", "limit": "7/s"}
    values |= {"retry_after": "4s", "half_life": "2s", "answer": "unavailable"}
    special = {("spike", "rate"): "5x", ("lost_responses", "how"): "close"}
    value = special.get((kind, param.name), values.get(param.name))
    plain = fault_from(kind, body, 5)
    other = fault_from(kind, {**body, param.name: value}, 5)
    assert other != plain
    text = (
        f"resim: 1\nservice: {{replicas: 5}}\ntraffic: {{rate: 1/s, duration: 30s}}\nfaults: [{{{fault_text(other)}}}]"
    )
    assert load_text(text, "walk.yaml").plan.faults == (other,)


def plan_of(section: str, values: dict[str, str]) -> Plan:
    body = {"traffic": {"rate": "20/s", "duration": "5s"}}
    body.setdefault(section, {}).update(values)
    for name in ("phases", "users", "trace"):
        if name in values:
            body["traffic"].pop("rate")
    if "phases" in values:
        body["traffic"].pop("duration")
    lines = [
        f"{name}: {{{', '.join(f'{key}: {value}' for key, value in each.items())}}}" for name, each in body.items()
    ]
    return load_text("resim: 1\nname: walk\n" + "\n".join(lines), "walk.yaml", files={"t.csv": "1.5\n2.5\n"}).plan


SECTION_VALUES = {
    ("service", "latency"): "{gamma: {mean: 40ms, cv: 0.5}}",
    ("service", "network"): "{p50: 4ms, p99: 9ms}",
    ("service", "slowdown"): "{per_concurrent: 10ms}",
    ("service", "deduplicate"): "{ttl: 1h}",
    ("service", "failure"): "unavailable",
    ("service", "lost_answer"): "reset",
    ("service", "discipline"): "lifo",
    ("service", "balancer"): "random",
    ("operation", "method"): "POST",
    ("operation", "idempotency_key"): "true",
    ("service", "replicas"): "2",
    ("client", "instances"): "2",
    ("traffic", "users"): "3",
    ("traffic", "arrivals"): "even",
    ("traffic", "phases"): "[{for: 2s, rate: 5/s, to: 9/s}]",
    ("traffic", "think"): "2s",
    ("traffic", "trace"): "t.csv",
    ("client", "spread"): "random",
    ("client", "on_exhaustion"): "crash",
}


@pytest.mark.parametrize(("table", "param"), OF_SECTIONS, ids=named)
def test_parameters_of_sections_reach_the_plan(table: Table, param: Param) -> None:
    """Another value is another plan, and ``--set`` says the same as the file."""
    value = SECTION_VALUES.get((table.name, param.name)) or f"{param.type.example}"
    more = {"users": "4", "think": "1s"} if param.name in ("think", "users") else {}
    before, after = plan_of(table.name, more), plan_of(table.name, {**more, param.name: value})
    assert before != after
    assert replace(after, name=before.name) != before


# --- what is derived from the tables knows every parameter --------------------------------------------------------


def nested(table: Table) -> list[Param]:
    found = []
    for param in table.params:
        found.append(param)
        if isinstance(param.type, Nested):
            found += nested(param.type.table)
    return found


@pytest.mark.parametrize("name", [*POLICIES, *FAULTS])
def test_explain_lists_every_parameter(name: str) -> None:
    """With its meaning and its default."""
    kind = "policy" if name in POLICIES else "fault"
    table = (POLICIES if name in POLICIES else FAULTS)[name].table
    topic = next(each for each in find(name) if each.kind == kind)
    assert topic.text.startswith(table.page[:60])
    assert [row[0] for row in topic.settings] == [param.name for param in table.own]
    for (_, default, meaning), param in zip(topic.settings, table.own, strict=True):
        assert meaning == param.about
        assert default == ("required" if param.required else param.default_text)


@pytest.mark.parametrize("name", POLICIES)
def test_the_cockpit_asks_for_every_parameter_of_a_policy(name: str) -> None:
    """Of our rules, and of every library's."""
    own = [param.name for param in POLICIES[name].table.own if param.name not in NAMES_ONLY]
    assert [field.key for field in policy_fields(name)] == own
    for library, params in POLICIES[name].libraries.items():
        keys = [field.key for field in policy_fields(name, like=library)]
        assert keys[: len(params)] == [param.name for param in params]


@pytest.mark.parametrize("name", FAULTS)
def test_the_cockpit_asks_for_every_parameter_of_a_fault(name: str) -> None:
    keys = {field.key for field in fault_fields(name, "shop")}
    assert keys == {param.name for param in FAULTS[name].table.params} - {"at", "id"}


def test_the_schema_knows_every_parameter() -> None:
    """With what it means and its default."""
    document = schema()
    tables = [kind.table for kind in POLICIES.values()] + [kind.table for kind in FAULTS.values()] + list(SECTIONS)
    for table in tables:
        found = document["definitions"][table.name]
        properties = found.get("properties") or next(
            each["properties"] for each in found["anyOf"] if "properties" in each
        )
        assert list(properties) == [param.name for param in table.params]
        for param in table.params:
            assert properties[param.name]["description"] == param.about
            if param.default is not None:
                assert properties[param.name]["default"] == param.default
    assert json.loads(json.dumps(document)) == document
    assert set(document["properties"]) == {param.name for param in FILE.params}


def test_every_parameter_can_be_set() -> None:
    """``--set`` and its completion know all paths."""
    paths = set(settable_paths())
    for name, entry in POLICIES.items():
        assert {f"{name}.{param.name}" for param in entry.table.params} <= paths
    for name, fault in FAULTS.items():
        assert {f"faults.{name}.{param.name}" for param in fault.table.params} <= paths
    for table in SECTIONS:
        assert {f"{table.name}.{param.name}" for param in table.params} <= paths


def test_random_plans_draw_every_parameter() -> None:
    """The strategies have values for every type, and use every parameter of our own."""
    for entry in POLICIES.values():
        drawn: set[str] = set()

        @settings(max_examples=60, database=None)
        @given(strategies.classic(entry))
        def look(body: dict[str, str]) -> None:
            drawn.update(body)  # noqa: B023

        look()
        assert drawn == {param.name for param in entry.table.own} - set(NAMES_ONLY)
    for table in [kind.table for kind in FAULTS.values()]:
        for param in nested(table):
            strategies.text_of(param.type)


@pytest.mark.parametrize("table", [kind.table for kind in (*POLICIES.values(), *FAULTS.values())], ids=named)
def test_every_parameter_has_a_meaning_and_a_readable_default(table: Table) -> None:
    """One line for people; defaults and proposals pass their own check."""
    assert table.about.endswith(".")
    assert table.page
    for param in table.params:
        assert param.about.endswith("."), param.name
        assert param.initial is None or param.default is not None
        if param.first and not param.first.startswith("{"):
            strategies.readable(param)
