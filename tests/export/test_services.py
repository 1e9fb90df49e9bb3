"""Exports of several services: tables, Chrome traces with a process each, and spans for OpenTelemetry."""

from __future__ import annotations

import io
import json
import sqlite3
from collections import Counter
from typing import Any

import pytest
from services.graph import Ran, plan_of

from resilience_sim.kernel import events as ev
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.plan import Plan
from resilience_sim.views.export.otlp import BEGINNING
from resilience_sim.views.export.targets import open_outputs

from .lab import write

SERVICES = """
shop: {latency: 5ms, workers: 8, queue: 4, calls: [{to: stock, stack: [STACK]}, {to: prices, chance: 50%}]}
stock: {latency: 5ms, workers: 3, replicas: 2, calls: [{to: db, stack: [{timeout: {after: 60ms, passes_on: true}}]}]}
prices: {latency: 10ms, failure_rate: 5%, calls: [{to: db, operation: {method: POST}}]}
db: {latency: {exponential: 15ms}, workers: 2, queue: 4}
"""
STACK = (
    "{retry: {attempts: 2, delay: 5ms}}, {circuit_breaker: {failure_threshold: 50%, window: 10, recovery_time: 300ms}}"
)
REST = """
faults: [{latency: {id: slow, service: db, at: 1s, for: 1s, add: 100ms}}]
stack: [{retry: {attempts: 2}}, {timeout: {after: 200ms}}]
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(SERVICES.replace("STACK", STACK), REST, "{rate: 60/s, duration: 3s}")


@pytest.fixture(scope="module")
def ran(plan: Plan) -> Ran:
    return Ran(plan)


@pytest.fixture(scope="module")
def database(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    path = tmp_path_factory.mktemp("services") / "x.db"
    with open_outputs([f"sqlite={path}"], io.StringIO()) as outputs:
        source = Simulation(plan, 1)
        outputs.attach(source)
        source.run()
        outputs.finish()
    return sqlite3.connect(path)


@pytest.fixture(scope="module")
def trace(plan: Plan) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(write("chrome-trace", Simulation(plan, 1)))["traceEvents"]
    return found


@pytest.fixture(scope="module")
def otlp(plan: Plan) -> str:
    return write("otlp", Simulation(plan, 1))


def spans_of(text: str) -> list[dict[str, Any]]:
    """All spans, each with the name of its service and its attributes by key."""
    found = []
    for line in text.splitlines():
        for each in json.loads(line)["resourceSpans"]:
            (service,) = [a for a in each["resource"]["attributes"] if a["key"] == "service.name"]
            for span in each["scopeSpans"][0]["spans"]:
                about = {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}
                found.append({**span, "service": service["value"]["stringValue"], "about": about})
    return found


# --- tables -------------------------------------------------------------------------------------------------------


def test_the_tables_add_up_to_the_figures(ran: Ran, database: sqlite3.Connection) -> None:
    for service in ran.document["services"]:
        row = database.execute(
            "SELECT sum(received), max(busy), max(queue), sum(expired) FROM services WHERE service = ?",
            (service["name"],),
        ).fetchone()
        assert row == tuple(service[key] for key in ("attempts_received", "busy_peak", "queue_peak", "expired"))
    for link in ran.document["links"]:
        calls, attempts, failed = database.execute(
            "SELECT sum(calls), sum(attempts), sum(failed) FROM links WHERE caller = ? AND callee = ?",
            (link["from"], link["to"]),
        ).fetchone()
        good = sum(link["by_outcome"].get(name, 0) for name in ("success", "fallback"))
        assert (calls, attempts, failed) == (link["calls"], link["attempts"], link["calls"] - good)
        made = database.execute(
            "SELECT count(*) FROM attempts WHERE caller = ? AND service = ?", (link["from"], link["to"])
        ).fetchone()[0]
        assert made == link["attempts"]
    rejected = database.execute("SELECT sum(rejected) FROM links WHERE callee = 'stock'").fetchone()[0]
    assert rejected == sum(each["rejected"] for each in ran.document["breakers"]) > 0


def test_every_attempt_knows_the_attempt_that_made_its_call(database: sqlite3.Connection) -> None:
    orphans = database.execute(
        "SELECT count(*) FROM attempts a WHERE call > 0 AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.rid = a.rid "
        "AND b.call = a.by_call AND b.attempt = a.by_attempt AND b.service = a.caller)"
    ).fetchone()[0]
    assert orphans == 0
    users = database.execute("SELECT DISTINCT caller, by_call, by_attempt FROM attempts WHERE call = 0").fetchall()
    assert users == [("client", None, None)]
    doubles = database.execute("SELECT 1 FROM attempts GROUP BY rid, call, attempt HAVING count(*) > 1").fetchall()
    assert doubles == []


def test_rows_of_users_are_those_of_the_outer_events(ran: Ran, database: sqlite3.Connection) -> None:
    outcomes = dict(database.execute("SELECT outcome, count(*) FROM requests GROUP BY outcome").fetchall())
    assert outcomes == {name: n for name, n in ran.document["requests"]["by_outcome"].items() if n}
    received = database.execute("SELECT sum(attempts_at_service) FROM samples").fetchone()[0]
    assert received == ran.document["service"]["attempts_received"]
    opened = database.execute("SELECT count(*) FROM transitions WHERE to_state = 'OPEN'").fetchone()[0]
    assert opened == sum(each["opened"] for each in ran.document["breakers"]) > 0


# --- Chrome's trace -----------------------------------------------------------------------------------------------


def test_each_service_is_a_process_with_its_work_and_the_calls_it_makes(ran: Ran, trace: list[dict[str, Any]]) -> None:
    names = {e["pid"]: e["args"]["name"] for e in trace if e["ph"] == "M" and e["name"] == "process_name"}
    assert list(names.values()) == ["Service A", "shop", "Faults", "stock", "prices", "db"]
    begun = Counter((e["cat"], names[e["pid"]]) for e in trace if e["ph"] == "b")
    made: Counter[str] = Counter()
    for link in ran.document["links"]:
        made["Service A" if link["from"] == "client" else link["from"]] += link["attempts"]
    assert {name: count for (cat, name), count in begun.items() if cat == "attempt"} == made
    works = sum(e[1] == ev.BEGIN or (e[1] == ev.RECEIVED and e[5] == ev.STARTED) for e in ran.events)
    assert sum(count for (cat, _), count in begun.items() if cat == "work") == works
    ends = Counter((e["cat"], e["id"], e["pid"]) for e in trace if e["ph"] == "e")
    starts = Counter((e["cat"], e["id"], e["pid"]) for e in trace if e["ph"] == "b")
    assert starts == ends
    assert max(starts.values()) == 1
    tracks = {(names[e["pid"]], e["args"]["name"]) for e in trace if e["ph"] == "M" and e["name"] == "thread_name"}
    assert tracks == {("Faults", "slow"), ("shop", "breaker shop.stock.circuit_breaker")}
    counters = {(names[e["pid"]], e["name"]) for e in trace if e["ph"] == "C"}
    assert ("db", "queue at db") in counters


# --- OpenTelemetry ------------------------------------------------------------------------------------------------


def test_spans_are_a_tree_of_each_request(ran: Ran, otlp: str) -> None:
    spans = spans_of(otlp)
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == len(spans)
    roots = [span for span in spans if "parentSpanId" not in span]
    assert len(roots) == ran.document["requests"]["total"] == len({span["traceId"] for span in spans})
    for span in spans:
        assert (len(span["traceId"]), len(span["spanId"])) == (32, 16)
        assert BEGINNING <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        if "parentSpanId" in span:
            parent = by_id[span["parentSpanId"]]
            assert parent["traceId"] == span["traceId"]
            assert int(parent["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
            if span["kind"] == 2:
                assert (parent["kind"], parent["about"]["server.address"]) == (3, span["service"])
            else:
                assert parent["service"] == span["service"]
    kinds = Counter((span["service"], span["kind"]) for span in spans)
    for service in ran.document["services"]:
        assert kinds[service["name"], 2] == service["attempts_received"]
    for name in ("client", "shop", "stock", "prices"):
        made = sum(link["attempts"] for link in ran.document["links"] if link["from"] == name)
        assert kinds["A" if name == "client" else name, 3] == made
    calls = sum(link["calls"] for link in ran.document["links"] if link["from"] != "client")
    assert sum(span["kind"] == 1 for span in spans) == calls


def test_spans_say_how_it_ended_in_the_words_of_the_conventions(ran: Ran, otlp: str) -> None:
    spans = spans_of(otlp)
    for span in spans:
        failed = "status" in span
        assert failed == ("error.type" in span["about"])
        if span["kind"] != 2 or "parentSpanId" not in span:
            assert failed == (span["about"]["resim.outcome"] not in ("success", "fallback"))
        if failed:
            assert span["status"] == {"code": 2, "message": span["about"]["error.type"]}
    again = [span for span in spans if "http.request.resend_count" in span["about"]]
    assert {span["kind"] for span in again} == {3}
    assert all(
        int(span["about"]["resim.attempt"]) == int(span["about"]["http.request.resend_count"]) + 1 for span in again
    )
    shed = [span for span in spans if span["about"].get("error.type") == "shed" and span["kind"] == 2]
    assert shed
    assert {(span["about"]["http.response.status_code"], span["about"]["resim.reception"]) for span in shed} == {
        ("503", "turned_down")
    }
    said = Counter(event["name"] for span in spans for event in span.get("events", ()))
    emitted = Counter(ev.KIND_NAMES[e[1]] for e in ran.events)
    assert said["retry_wait"] > 0
    assert said["rejected"] > 0
    assert all(count <= emitted[name] for name, count in said.items())


def test_the_same_run_gives_the_same_bytes_and_another_seed_other_ids(plan: Plan, otlp: str) -> None:
    assert write("otlp", Simulation(plan, 1)) == otlp
    ids = {span["traceId"] for span in spans_of(otlp)}
    assert not ids & {span["traceId"] for span in spans_of(write("otlp", Simulation(plan, 2)))}


def test_one_service_has_spans_too_and_a_run_that_is_cut_short() -> None:
    from resilience_sim.scenario.load import load_text

    text = (
        "resim: 1\nservice: {latency: 50ms}\ntraffic: {rate: 10/s, arrivals: even, requests: 3}\n"
        "faults: [{outage: {at: 0s, for: 150ms, how: hang}}]\n"
        "stack: [{retry: {attempts: 2, delay: 10ms}}, {timeout: {after: 100ms}}]\n"
    )
    plan = load_text(text, "one.yaml").plan
    spans = spans_of(write("otlp", Simulation(plan, 1)))
    assert Counter((span["service"], span["kind"]) for span in spans) == {("A", 2): 3, ("A", 3): 5, ("B", 2): 5}
    hung = [span for span in spans if span["about"].get("resim.reception") == "hung"]
    assert len(hung) == 3
    assert all(span["about"]["resim.unfinished"] for span in hung)
    assert all(int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"]) + 100_000_000 for span in hung)
    first = next(span for span in spans if span["kind"] == 2 and span["about"].get("resim.request") == "0")
    assert [event["name"] for event in first["events"]] == ["timed_out", "retry_wait", "timed_out"]
