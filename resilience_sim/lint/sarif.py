"""Findings as SARIF 2.1.0, for code scanning.

Owns that document. Lines and columns count from 1 in code points, as SARIF has it with ``unicodeCodePoints``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from resilience_sim import __version__
from resilience_sim.lint.finding import Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif(found: Sequence[Finding]) -> dict[str, Any]:
    """One run of the tool."""
    from resilience_sim.lint.pages import pages

    known = pages()
    used = sorted({each.code for each in found if each.code in known})
    rules = [
        {
            "id": code,
            "name": "".join(word.capitalize() for word in _words(known[code].title)),
            "shortDescription": {"text": known[code].title},
            "fullDescription": {"text": known[code].text},
            "help": {"text": f"{known[code].text}\n\nresim explain {code}"},
            "defaultConfiguration": {"level": _LEVELS[known[code].severity]},
        }
        for code in used
    ]
    driver = {"name": "resim", "version": __version__, "semanticVersion": __version__, "rules": rules}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, used) for each in found],
            }
        ],
    }


def _result(each: Finding, used: list[str]) -> dict[str, Any]:
    from resilience_sim.lint.report import told

    text = told(each) + (f" Remedy: {each.remedy}." if each.remedy else "")
    place: dict[str, Any] = {
        "artifactLocation": {"uri": quote(each.file.replace("\\", "/"), safe="/:@!$&'()*+,;=~-._")}
    }
    if each.line:
        place["region"] = {
            "startLine": each.line,
            "startColumn": max(1, each.col),
            "endColumn": max(each.col + 1, each.end_col),
        }
    location: dict[str, Any] = {"physicalLocation": place}
    if each.path:
        location["logicalLocations"] = [{"fullyQualifiedName": each.path}]
    print_ = hashlib.sha256(f"{each.code}|{each.file}|{each.path}|{each.instance}".encode()).hexdigest()[:32]
    result: dict[str, Any] = {
        "ruleId": each.code,
        "level": _LEVELS[each.severity],
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"resim/v1": print_},
        "properties": {
            "numbers": {k: v for k, v in each.numbers.items() if abs(v) < 1e300},
            "assumes": list(each.assumes),
        },
    }
    if each.code in used:
        result["ruleIndex"] = used.index(each.code)
    return result


def _words(title: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in title).split()
