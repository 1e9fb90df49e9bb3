"""JUnit XML from the expectations of a result document: what continuous integration shows as test results.

One test suite per variant, with its figures as properties of the suite (not of test cases: pytest's default dialect
forbids those); one test case per expectation. An inconclusive expectation is an *error*: skipped cases count as fine in
most readers, and no data is never a pass. Skipped is only what a scenario shows and a changed one no longer does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TextIO
from xml.etree.ElementTree import Element, SubElement, tostring

from resilience_sim.kernel.text import shown_safely
from resilience_sim.views.export.figures import expectations_by_variant, one_line, said, scenario_name

_RESULT = {
    "pass": "pass", "fail": "fail", "inconclusive": "inconclusive", "as_announced": "pass", "no_longer_so": "fail",
}  # fmt: skip
_FORBIDDEN = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def write(document: Mapping[str, Any], stream: TextIO) -> None:
    """The whole XML document; also when the command failed (then one case in error says so)."""
    root = Element("testsuites", name="resim")
    name = scenario_name(document)
    variants = {entry["name"]: entry for entry in document.get("variants", ())}
    groups = expectations_by_variant(document)
    for variant in {**variants, **groups}:
        _suite(root, name, variant, variants.get(variant, {}), groups.get(variant, []), document.get("seeds", ()))
    error = document.get("error")
    if error:
        suite = SubElement(root, "testsuite", name=name, tests="1", failures="0", errors="1", skipped="0")
        case = SubElement(suite, "testcase", classname=name, name=str(document.get("command", "run")), time="0")
        problem = SubElement(
            case, "error", type=_text(error.get("code", "error")), message=_text(error.get("message", ""))
        )
        problem.text = _text("\n".join(_found(finding) for finding in error.get("diagnostics", ())))
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    stream.write('<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n")


def _suite(
    root: Element, name: str, variant: str, entry: Mapping[str, Any], expectations: list[Any], seeds: Any
) -> None:
    verdicts = [_RESULT[expectation["verdict"]] for expectation in expectations]
    for number, expectation in enumerate(expectations):
        if verdicts[number] == "fail" and not expectation.get("decides", True):
            verdicts[number] = "skipped"
    suite = SubElement(root, "testsuite", name=_text(f"{name}.{variant}"), tests=str(len(verdicts)))
    suite.set("failures", str(verdicts.count("fail")))
    suite.set("errors", str(verdicts.count("inconclusive")))
    suite.set("skipped", str(verdicts.count("skipped")))
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", name="seeds", value=_text(" ".join(str(seed) for seed in seeds)))
    for metric, summary in entry.get("summary", {}).items():
        if summary.get("mean") is not None:
            SubElement(properties, "property", name=_text(metric), value=repr(summary["mean"]))
    for expectation, verdict in zip(expectations, verdicts, strict=True):
        title = one_line(expectation)
        case = SubElement(suite, "testcase", classname=_text(f"{name}.{variant}"), name=_text(title), time="0")
        if verdict == "skipped":
            SubElement(case, "skipped", message=_text(said(expectation)))
        elif verdict != "pass":
            tag = "failure" if verdict == "fail" else "error"
            problem = SubElement(case, tag, type=f"expectation.{verdict}", message=_text(said(expectation)))
            because = expectation.get("because")
            problem.text = _text(f"expected because {because}" if because else "")


def _found(finding: Mapping[str, Any]) -> str:
    place = ":".join(str(finding[key]) for key in ("file", "line", "col") if finding.get(key) is not None)
    return f"{place}: {finding.get('message', '')}"


def _text(value: object) -> str:
    """Without characters that XML cannot hold or that steer what shows it."""
    return shown_safely(_FORBIDDEN.sub("?", str(value)))
