"""The result document ``resim.result/1``, which ``--json`` prints: its keys, their order, the rounding of its numbers.

Its JSON Schema is schemas/resim.result.1.json; its figures come from measure/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from math import isfinite
from typing import Any, Final

from resilience_sim.kernel.text import escaped
from resilience_sim.measure.expectations import Verdict, few_values
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.statistics import VariantDifference, summaries
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.metrics import METRICS
from resilience_sim.settings.plan import Warned

SCHEMA: Final = "resim.result/1"
SIGNIFICANT_DIGITS: Final = 12
SHOWN: Final = {"pass": "as_announced", "fail": "no_longer_so"}  # of what a scenario shows


def result_document(
    command: str,
    *,
    scenario: Scenario | None = None,
    path: str | None = None,
    seeds: Sequence[int] = (),
    variants: Mapping[str, Sequence[RunResult]] | None = None,
    comparison: Sequence[VariantDifference] = (),
    expectations: Sequence[Verdict] = (),
    warnings: Sequence[Warned] = (),
    error: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The whole document, ready for :func:`dumps`: numbers rounded, nothing that JSON cannot say.

    ``scenario`` None: nothing was loaded; ``path`` then says what was asked for, if anything. ``variants``: runs by
    name, in the order to be shown. ``error``: see :func:`failure`. ``more``: members of a command's own, like
    ``margins``; they stand before ``warnings``. A warning about percentiles of too few values is added by itself; it is
    about the baseline.
    """
    baseline = comparison[0].baseline if comparison else next(iter(variants or {}), "")
    warnings = [*warnings, *few_values((variants or {}).get(baseline, ()))]
    document = {
        "schema": SCHEMA,
        "command": command,
        "scenario": {
            "name": scenario.plan.name if scenario else None,
            "path": scenario.path if scenario else path,
            "digest": scenario.digest if scenario else None,
        },
        "seeds": list(seeds),
        "variants": [_variant(name, runs) for name, runs in (variants or {}).items()],
        "comparison": [_comparison(entry) for entry in comparison],
        "expectations": [_expectation(verdict) for verdict in expectations],
        **more,
        "warnings": [{"code": warning.code, "message": warning.message} for warning in warnings],
        "error": error,
    }
    clean: dict[str, Any] = plain(document)
    return clean


def failure(code: str, message: str, diagnostics: Sequence[Diagnostic] = ()) -> dict[str, Any]:
    """The ``error`` of a document: a stable ``code`` (``invalid_scenario``), a sentence, and every finding."""
    return {
        "code": code,
        "message": message,
        "diagnostics": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "message": finding.message,
                "file": finding.file,
                "line": finding.line,
                "col": finding.col,
                "path": finding.path,
                "help": finding.help,
            }
            for finding in diagnostics
        ],
    }


def dumps(document: Mapping[str, Any]) -> str:
    """JSON text, indented, without a final newline. The same document gives the same text. ValueError for NaN."""
    return escaped(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 7) of the document."""
    text = files("resilience_sim.views").joinpath("schemas", "resim.result.1.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    loaded["definitions"]["metricName"]["anyOf"][0]["enum"] = [metric.name for metric in METRICS]
    return loaded


def plain(value: Any) -> Any:
    """The same data as JSON can say it: floats with 12 significant digits, NaN and infinities as null.

    >>> plain({"x": (0.1 + 0.2, float("inf"))})
    {'x': [0.3, None]}
    """
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _variant(name: str, runs: Sequence[RunResult]) -> dict[str, Any]:
    return {
        "name": name,
        "runs": [run.document for run in runs],
        "summary": {
            metric: {
                "mean": _float(summary.mean),
                "ci95": _interval(summary.ci95),
                "min": _float(summary.low),
                "max": _float(summary.high),
            }
            for metric, summary in summaries(runs).items()
        },
    }


def _comparison(entry: VariantDifference) -> dict[str, Any]:
    return {
        "variant": entry.variant,
        "baseline": entry.baseline,
        **{
            metric: {
                "delta": _float(difference.delta),
                "ci95": _interval(difference.ci95),
                "verdict": difference.verdict,
            }
            for metric, difference in entry.metrics.items()
        },
    }


def _expectation(verdict: Verdict) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "that": verdict.that,
        "scope": verdict.scope,
        "value": _float(verdict.value),
        "limit": _float(verdict.limit),
        "verdict": SHOWN.get(verdict.verdict, verdict.verdict) if verdict.shows else verdict.verdict,
    }
    if verdict.shows:
        entry["decides"] = verdict.decides
    if verdict.reason:
        entry["reason"] = verdict.reason
    if verdict.because:
        entry["because"] = verdict.because
    if verdict.first_broken is not None:
        entry["first_broken"] = verdict.first_broken
    if verdict.first_violated is not None:
        entry["first_violated"] = verdict.first_violated
    return entry


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _interval(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [float(interval[0]), float(interval[1])]
