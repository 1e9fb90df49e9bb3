"""Findings as text: full, concise, JSON, GitHub annotations, SARIF 2.1.0."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from resilience_sim import __version__
from resilience_sim.lint.finding import Finding
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.render import render

SCHEMA = "resim.lint/1"
FORMATS = ("full", "concise", "json", "github", "sarif")
MOST_SHOWN = 1_000
_ORDER = ("error", "warning", "info")
_LEVELS = {"info": "notice"}


def report(found: Sequence[Finding], style: str, color: bool = False) -> str:
    """All findings in one of ``FORMATS``."""
    if style == "json":
        return json.dumps(document(found), indent=2, ensure_ascii=False, allow_nan=False)
    if style == "sarif":
        return json.dumps(sarif(found), indent=2, ensure_ascii=False)
    if style == "full":
        shown = _gravest(found)
        text = "\n\n".join(_full(each, color) for each in shown)
        return text + _left_out(found, shown) if len(shown) < len(found) else text
    if style == "github":
        places = _from_here(found)
        said = [_shown(e, e.text, e.remedy, places[e.file], _LEVELS.get(e.severity, e.severity)) for e in found]
    else:
        said = [_shown(each, each.text, each.remedy, each.file, each.severity) for each in found]
    return render(said, style, color)


def _gravest(found: Sequence[Finding]) -> Sequence[Finding]:
    """As many as anybody may read: the gravest, in the order of the file."""
    if len(found) <= MOST_SHOWN:
        return found
    grave = [at for severity in _ORDER for at, each in enumerate(found) if each.severity == severity]
    return [found[at] for at in sorted(grave[:MOST_SHOWN])]


def _left_out(found: Sequence[Finding], shown: Sequence[Finding]) -> str:
    rest = Counter([each.code for each in found])
    rest.subtract([each.code for each in shown])
    codes = ", ".join(f"{many:,} {code}" for code, many in sorted(rest.items()) if many)
    return f"\n\n... and {len(found) - len(shown):,} more ({codes}): --format concise shows all"


def _from_here(found: Sequence[Finding]) -> dict[str, str]:
    """The files as reports on a repository have them: `src/a.py` for `./src/a.py`, and for a whole path to it."""
    places: dict[str, str] = {}
    for file in {each.file for each in found}:
        relative = os.path.relpath(file) if Path(file).is_absolute() else os.path.normpath(file)
        places[file] = file if relative.startswith(os.pardir) else relative.replace(os.sep, "/")
    return places


def _shown(each: Finding, text: str, remedy: str, file: str, severity: str) -> Diagnostic:
    return Diagnostic(
        each.code, text, file, each.line, each.col, each.end_col, each.path, remedy, severity, each.source
    )


def _full(each: Finding, color: bool) -> str:
    lines = [render([_shown(each, each.headline, "", each.file, each.severity)], "full", color)]
    gutter = " " * (len(str(each.line)) + 1)
    lines += [f"{gutter}= assumes: {reason}" for reason in each.assumes]
    if each.remedy:
        lines.append(f"{gutter}= help: {each.remedy}")
    return "\n".join(lines)


def counts(found: Sequence[Finding]) -> dict[str, int]:
    """How many there are of each severity."""
    many = Counter([each.severity for each in found])
    return {severity: many[severity] for severity in _ORDER}


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


SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_SARIF_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif(found: Sequence[Finding]) -> dict[str, Any]:
    """One run of the tool."""
    from resilience_sim.lint.pages import pages

    known = pages()
    used = {code: at for at, code in enumerate(sorted({each.code for each in found if each.code in known}))}
    places = {file: (shown, _uri(shown)) for file, shown in _from_here(found).items()}
    rules = [
        {
            "id": code,
            "name": "".join(word.capitalize() for word in _words(known[code].title)),
            "shortDescription": {"text": known[code].title},
            "fullDescription": {"text": known[code].text},
            "help": {"text": f"{known[code].text}\n\nresim explain {code}"},
            "defaultConfiguration": {"level": _SARIF_LEVELS[known[code].severity]},
        }
        for code in used
    ]
    driver = {"name": "resim", "version": __version__, "semanticVersion": __version__, "rules": rules}
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, used, *places[each.file]) for each in found],
            }
        ],
    }


def _uri(file: str) -> str:
    """A name that is no text keeps its bytes; a colon would make a scheme of what stands before it."""
    return quote(file.replace("\\", "/"), safe="/@!$&'()*+,;=~-._", errors="surrogateescape")


def _result(each: Finding, used: dict[str, int], file: str, uri: str) -> dict[str, Any]:
    text = each.text + (f" Remedy: {each.remedy}." if each.remedy else "")
    place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if each.line:
        place["region"] = {
            "startLine": each.line,
            "startColumn": max(1, each.col),
            "endColumn": max(each.col + 1, each.end_col),
        }
    location: dict[str, Any] = {"physicalLocation": place}
    if each.path:
        location["logicalLocations"] = [{"fullyQualifiedName": each.path}]
    identity = f"{each.code}|{file}|{each.path}|{each.instance}"
    print_ = hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:32]
    result: dict[str, Any] = {
        "ruleId": each.code,
        "level": _SARIF_LEVELS[each.severity],
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"resim/v1": print_},
        "properties": {
            "numbers": {k: v for k, v in each.numbers.items() if abs(v) < 1e300},
            "assumes": list(each.assumes),
        },
    }
    if each.code in used:
        result["ruleIndex"] = used[each.code]
    return result


def _words(title: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in title).split()
