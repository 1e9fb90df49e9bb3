"""JUnit and Markdown from result documents."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest

from resilience_sim.views.export import junit, markdown

DOCUMENT = {
    "schema": "resim.result/1",
    "command": "compare",
    "scenario": {"name": "check|out", "path": "checkout.yaml", "digest": "00000000deadbeef"},
    "seeds": [1, 2, 3],
    "variants": [
        {"name": name, "runs": [], "summary": {
            "availability": {"mean": share, "ci95": None, "min": share, "max": share},
            "p99": {"mean": 0.412, "ci95": None, "min": 0.4, "max": 0.5},
            "recovery": {"mean": None, "ci95": None, "min": None, "max": None},
        }}
        for name, share in (("as-written", 0.99999), ("eager", 0.5))
    ],
    "comparison": [
        {"variant": "eager", "baseline": "as-written",
         "p99": {"delta": 0.0, "ci95": [0.0, 0.0], "verdict": "cannot_tell"},
         "availability": {"delta": -0.49999, "ci95": [-0.5, -0.4], "verdict": "worse"}},
    ],
    "expectations": [
        {"that": "availability >= 99%", "scope": "", "value": 0.99999, "limit": 0.99, "verdict": "pass"},
        {"that": "p99 < 400ms", "scope": "during main", "value": 0.412, "limit": 0.4, "verdict": "fail",
         "because": "users <leave> & don't come back"},
        {"that": "recovery < 10s", "scope": "after main", "value": None, "limit": 10.0, "verdict": "inconclusive",
         "reason": "run ended first"},
        {"that": "availability >= 90%", "scope": "during main, variant eager", "value": 0.5, "limit": 0.9,
         "verdict": "fail"},
    ],
    "warnings": [{"code": "RW001", "message": "few events"}],
    "error": None,
}  # fmt: skip

BROKEN = {
    "schema": "resim.result/1", "command": "run", "seeds": [],
    "scenario": {"name": None, "path": "x.yaml", "digest": None},
    "variants": [], "comparison": [], "expectations": [], "warnings": [],
    "error": {"code": "invalid_scenario", "message": "1 error \x00 in x.yaml",
              "diagnostics": [{"file": "x.yaml", "line": 3, "col": 1, "message": "unknown key `attemps`"}]},
}  # fmt: skip


def written(module, document) -> str:
    stream = io.StringIO()
    module.write(document, stream)
    return stream.getvalue()


def test_junit_has_a_case_per_expectation_and_variant():
    root = ElementTree.fromstring(written(junit, DOCUMENT))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "2", "1")
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["check|out.as-written", "check|out.eager"]
    first = suites["check|out.as-written"]
    assert [case.get("name") for case in first.iter("testcase")] == [
        "availability >= 99%",
        "p99 < 400ms during main",
        "recovery < 10s after main",
    ]
    failure = first.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "p99 is 412ms, limit 400ms, during main"
    assert failure.text == "expected because users <leave> & don't come back"
    error = first.find("testcase/error")
    assert error is not None
    assert error.get("message") == "recovery has no data, limit 10s, after main: run ended first"
    properties = {p.get("name"): p.get("value") for p in first.iter("property")}
    assert properties == {"seeds": "1 2 3", "availability": "0.99999", "p99": "0.412"}
    assert not list(first.iterfind("testcase/properties"))


def test_junit_of_a_command_that_failed():
    root = ElementTree.fromstring(written(junit, BROKEN))
    assert root.get("errors") == "1"
    error = root.find("testsuite/testcase/error")
    assert error is not None
    assert error.get("message") == "1 error ? in x.yaml"
    assert error.text == "x.yaml:3:1: unknown key `attemps`"


def test_markdown_says_verdicts_first():
    text = written(markdown, DOCUMENT)
    lines = text.splitlines()
    assert lines[0] == "### resim compare: check\\|out"
    assert lines[2] == "❌ 1 of 4 expectations held"
    assert (
        "| ❌ | `p99 < 400ms during main` | 412ms | p99 is 412ms, limit 400ms, during main; "
        "expected because users \\<leave\\>" in text
    )
    assert "| availability | 99.99% | 50% |" in text
    assert "recovery |" not in text.split("held")[1].split("during main, variant")[1]
    assert "| availability | -50 points | -50 points to -40 points | **worse** |" in text
    assert "3 seeds, 1 to 3" in text
    for line in lines:
        if line.startswith("|"):
            assert line.endswith("|")


def test_markdown_of_a_command_that_failed():
    text = written(markdown, BROKEN)
    assert "❌ **1 error" in text
    assert "`x.yaml:3` unknown key \\`attemps\\`" in text


@pytest.mark.parametrize("module", [junit, markdown])
def test_a_real_document(module):
    document = pytest.importorskip("resilience_sim.views.document")
    simulate = pytest.importorskip("resilience_sim.runs.simulate").simulate
    from recording.lab import make_plan, make_scenario

    plan = make_plan()
    results = {"as-written": [simulate(plan, 1)], "again": [simulate(plan, 2)]}
    found = document.result_document("run", scenario=make_scenario(plan), seeds=[1], variants=results)
    assert "lab" in written(module, found)
