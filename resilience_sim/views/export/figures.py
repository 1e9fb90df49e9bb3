"""Sentences and cells that junit.py and markdown.py share: an expectation in words, a metric in its unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from resilience_sim.kernel import format as fmt
from resilience_sim.settings.metrics import metric
from resilience_sim.settings.plan import AS_WRITTEN

ANSWERS = {"as_announced": "as announced", "no_longer_so": "no longer so"}  # of what a scenario shows
_METRIC = re.compile(r"\s*([a-z_][a-z_0-9.]*)")
_VARIANT = re.compile(r"(?:^|, )variant (.+)$")


def scenario_name(document: Mapping[str, Any]) -> str:
    """The scenario's name, else its path, else ``resim``."""
    scenario = document.get("scenario") or {}
    return str(scenario.get("name") or scenario.get("path") or "resim")


def in_its_unit(name: str, value: float | None, signed: bool = False) -> str:
    """A value of a metric for people: ``97.3%``, ``412ms``."""
    known = metric(name)
    return fmt.in_unit(value, known.unit if known else "count", signed)


def metric_of(expectation: Mapping[str, Any]) -> str:
    """The metric an expectation is about; "" when it cannot be told."""
    found = _METRIC.match(str(expectation["that"]))
    return found[1] if found else ""


def expectations_by_variant(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Expectations grouped by the variant that their scope names (``as-written`` when none), in order."""
    groups: dict[str, list[Any]] = {}
    names = [entry["name"] for entry in document.get("variants", ())]
    running = AS_WRITTEN if AS_WRITTEN in names or not names else names[0]
    for expectation in document.get("expectations", ()):
        found = _VARIANT.search(str(expectation.get("scope") or ""))
        groups.setdefault(found[1] if found else running, []).append(expectation)
    return groups


def one_line(expectation: Mapping[str, Any]) -> str:
    """``p99 < 800ms before main``."""
    return f"{expectation['that']} {expectation.get('scope') or ''}".strip()


def value_of(expectation: Mapping[str, Any]) -> str:
    """The left side of an expectation as it came out."""
    return in_its_unit(metric_of(expectation), expectation.get("value"))


def said(expectation: Mapping[str, Any]) -> str:
    """What became of it, with both sides: ``p99 is 912ms, limit 800ms, during main``."""
    name = metric_of(expectation)
    limit = in_its_unit(name, expectation.get("limit"))
    if expectation.get("value") is None:
        text = f"{name} has no data, limit {limit}"
    else:
        text = f"{name} is {value_of(expectation)}, limit {limit}"
    if expectation.get("scope"):
        text += f", {expectation['scope']}"
    if expectation["verdict"] in ANSWERS:
        text = f"{ANSWERS[expectation['verdict']]}: {text}"
    if expectation.get("reason"):
        text += f": {expectation['reason']}"
    if expectation.get("first_violated") is not None:
        text += f", first violated at {fmt.instant(round(expectation['first_violated'] * 1e9))}"
    return text
