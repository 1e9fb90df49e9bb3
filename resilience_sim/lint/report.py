"""Findings as text: full, concise, JSON, GitHub annotations.

Owns the layout, in the manner of scenario/render.py. SARIF is sarif.py. Refuses to print.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resilience_sim.lint.finding import Finding
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.render import render

SCHEMA = "resim.lint/1"
FORMATS = ("full", "concise", "json", "github", "sarif")
_LEVELS = {"info": "notice"}


def report(found: Sequence[Finding], style: str, color: bool = False) -> str:
    """All findings in one of ``FORMATS``."""
    if style == "json":
        return json.dumps(document(found), indent=2, ensure_ascii=False, allow_nan=False)
    if style == "sarif":
        from resilience_sim.lint.sarif import sarif

        return json.dumps(sarif(found), indent=2, ensure_ascii=False)
    if style == "full":
        return "\n\n".join(_full(each, color) for each in found)
    return render([_diagnostic(each, style) for each in found], style, color)


def _diagnostic(each: Finding, style: str) -> Diagnostic:
    severity = _LEVELS.get(each.severity, each.severity) if style == "github" else each.severity
    return Diagnostic(
        each.code,
        told(each),
        each.file,
        each.line,
        each.col,
        each.end_col,
        each.path,
        each.remedy,
        severity,
        each.source,
    )


def told(each: Finding) -> str:
    """The message, with what it rests on and whose it is."""
    text = f"[{each.instance}] {each.message}" if each.instance else each.message
    return f"{text} (assuming: {'; '.join(each.assumes)})" if each.assumes else text


def _full(each: Finding, color: bool) -> str:
    text = f"[{each.instance}] {each.message}" if each.instance else each.message
    shown = Diagnostic(
        each.code, text, each.file, each.line, each.col, each.end_col, each.path, "", each.severity, each.source
    )
    lines = [render([shown], "full", color)]
    gutter = " " * (len(str(each.line)) + 1)
    lines += [f"{gutter}= assumes: {reason}" for reason in each.assumes]
    if each.remedy:
        lines.append(f"{gutter}= help: {each.remedy}")
    return "\n".join(lines)


def counts(found: Sequence[Finding]) -> dict[str, int]:
    """How many there are of each severity."""
    return {severity: sum(each.severity == severity for each in found) for severity in ("error", "warning", "info")}


def document(found: Sequence[Finding], error: dict[str, Any] | None = None) -> dict[str, Any]:
    """The ``resim.lint/1`` document; its schema is shipped (``schema_path``)."""
    return {
        "schema": SCHEMA,
        "command": "lint",
        "summary": counts(found),
        "findings": [_entry(each) for each in found],
        "warnings": [],
        "error": error,
    }


def _entry(each: Finding) -> dict[str, Any]:
    return {
        "code": each.code,
        "severity": each.severity,
        "title": each.title,
        "message": each.message,
        "remedy": each.remedy,
        "file": each.file,
        "line": each.line,
        "col": each.col,
        "end_col": each.end_col,
        "path": each.path,
        "instance": each.instance,
        "assumes": list(each.assumes),
        "numbers": {name: value for name, value in each.numbers.items() if abs(value) < 1e300},
    }


def schema_path() -> Path:
    """The JSON Schema (draft 7) of the document, part of the package."""
    return Path(__file__).with_name("resim-lint-v1.schema.json")
