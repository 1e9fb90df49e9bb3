"""Results: plain numbers, summaries, frames, events, notebooks."""

from __future__ import annotations

import ast
import inspect
import pickle
import sys
import types
from statistics import mean

import pytest

import resilience_sim as rs
from resilience_sim.api import results as module
from resilience_sim.measure.statistics import t_interval, wilson_interval
from resilience_sim.settings.metrics import METRICS


@pytest.fixture(scope="module")
def results():
    return rs.load("hard-outage").run(seeds=5)


def test_the_typed_attributes_are_the_metrics():
    tree = ast.parse(inspect.getsource(module))
    cls = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Result")
    block = next(node for node in cls.body if isinstance(node, ast.If))
    typed = [node.target.id for node in block.body if isinstance(node, ast.AnnAssign)]  # type: ignore[union-attr]
    assert typed == [each.name for each in METRICS if each.name.isidentifier()]


def test_metrics_are_plain_numbers(results):
    first = results[0]
    assert first.availability == first.metrics["availability"] == first.document["availability"]
    assert first.metrics["p99.9"] >= first.p99 > 0
    assert "p99" in dir(first)
    with pytest.raises(AttributeError, match="did you mean `availability`"):
        _ = first.availibility
    with pytest.raises(KeyError, match="did you mean `availability`"):
        results.values("availibility")


def test_a_summary_is_the_mean_with_its_interval(results):
    values = results.values("availability")
    found = results.summary()["availability"]
    assert (found.mean, found.ci95) == (mean(values), t_interval(values))
    assert (found.low, found.high, found.missing) == (min(values), max(values), 0)
    assert results.collapse_probability.ci95 == wilson_interval(0, 5)
    with pytest.raises(KeyError, match="did you mean `p99`"):
        _ = results.summary()["p999"]


def test_reprs_are_short_and_say_what_counts(results):
    assert repr(results[0]) == "<Result hard-outage: seed 1, availability 56.5%>"
    assert repr(results).startswith("<Results hard-outage: 5 runs, seeds 1 to 5, availability ")
    lines = repr(results.summary()).splitlines()
    assert lines[0] == "hard-outage, 5 runs"
    assert lines[1].split()[0] == "metric"
    assert len({len(line) for line in lines[1:]}) == 1


def test_results_are_a_sequence(results):
    assert len(results) == 5
    assert [each.seed for each in results[1:3]] == [2, 3]
    assert results[-1] in results


def test_a_frame_is_rows_of_plain_data(results):
    rows = results.frame()
    assert [row["seed"] for row in rows] == [1, 2, 3, 4, 5]
    assert list(rows[0]) == ["seed", *(each.name for each in METRICS)]
    assert {row["metric"] for row in results.summary().frame()} == {each.name for each in METRICS}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_of_a_library(results, library, monkeypatch):
    fake = types.ModuleType(library)
    fake.DataFrame = lambda rows: ("frame", rows)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, library, fake)
    assert results.frame(library) == ("frame", results.frame())
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"pip install {library}"):
        results.frame(library)
    with pytest.raises(ValueError, match="pandas, polars"):
        results.frame("excel")


def test_notebooks_get_small_escaped_tables():
    named = rs.load("first-look").with_settings({"traffic.requests": 20})
    evil = rs.loads(named.text.replace("name: first-look", 'name: "<script>"'))
    html = evil.run()._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "color:" not in html.replace("border-bottom: 1px solid", "")  # it takes the page's colours
    assert evil.run(seeds=2)._repr_html_().count("<tr>") > 10


def test_events_are_records_that_can_be_asked_for_later(results):
    first = results[0]
    changes = list(first.events("breaker"))
    listed = [step for each in first.document["breakers"] for step in each["transitions"]]
    assert [(event.t, event.details["from"], event.details["to"]) for event in changes] == [
        (step["t"], step["from"], step["to"]) for step in listed
    ]
    story = list(first.events(rid=0))
    assert story[0].kind == "arrive"
    assert {event.rid for event in story} == {0}
    assert repr(story[0]).startswith("<Event ")
    assert sum(1 for _ in first.events("arrive")) == first.document["requests"]["total"]
    with pytest.raises(ValueError, match="did you mean `breaker`"):
        first.events("braker")


def test_expectations_are_judged(results):
    assert results.passed
    assert {verdict.verdict for verdict in results.verdicts} == {"pass"}
    broken = rs.load("hard-outage").set("circuit_breaker.failure_threshold", 1000).run(seeds=2)
    assert not broken.passed
    with pytest.raises(ValueError, match="every metric"):
        _ = rs.load("hard-outage").run(seeds=2, metrics=["p99"]).passed


def test_results_travel_between_processes(results):
    again = pickle.loads(pickle.dumps(results))
    assert again.frame() == results.frame()
    assert next(again[0].events()).t == next(results[0].events()).t


def test_what_a_scenario_shows_does_not_decide_whether_it_passed() -> None:
    """Repairing the storm is no failure, and as written it passes, too."""
    storm = rs.load("retry-storm")
    results = storm.run(seeds=2)
    assert results.passed
    assert [each.verdict for each in results.verdicts if each.shows] == ["pass", "pass"]
    results = storm.set("retry.budget", "10%").run(seeds=2)
    assert results.passed
    assert [each.verdict for each in results.verdicts if each.shows] == ["fail", "fail"]


def test_services_and_links_are_rows_by_name() -> None:
    services = "services:\n  shop: {calls: [{to: db, times: 2}]}\n  db: {latency: 5ms}\n"
    text = f"resim: 1\ntraffic: {{rate: 20/s, duration: 2s}}\n{services}"
    result = rs.loads(text).run()
    assert [row["name"] for row in result.services] == ["shop", "db"]
    assert result.services["db"]["attempts_received"] == 2 * result.services[0]["attempts_received"]
    assert result.services["db"]["latency_p50"] == pytest.approx(0.005)
    link = result.links["shop", "db"]
    assert (link["from"], link["to"], link["calls"], link["success"]) == ("shop", "db", link["attempts"], link["calls"])
    assert "by_outcome" not in link
    assert result.links.frame()[0]["from"] == "client"
    with pytest.raises(KeyError, match="there are shop, db"):
        result.services["stock"]
    with pytest.raises(ValueError, match="one service"):
        _ = rs.load("first-look").run().services
