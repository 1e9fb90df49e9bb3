"""From files to findings.

Owns the order of the steps: recognise, load, run every rule, sort. Refuses to print.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from resilience_sim.lint.changes import brought, changed_subjects
from resilience_sim.lint.finding import Finding, Hit, Rule
from resilience_sim.lint.subject import Subject, of_config, of_scenario
from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError

_SCENARIO = re.compile(r"^[\"']?resim[\"']?[ \t]*:", re.MULTILINE)
ASSUMED = {
    "traffic": "the traffic is what the import made up",
    "service": "B's latency and failures are what the import made up",
    "faults": "the faults are what the import made up",
}


def lint(source: str, settings: Sequence[str] = ()) -> list[Finding]:
    """Everything there is to find in one file. ScenarioError when it cannot be read as anything."""
    from resilience_sim.scenario import source as sources

    read = sources.read(source)
    return lint_text(read.text, read.path, settings)


def lint_text(text: str, path: str, settings: Sequence[str] = ()) -> list[Finding]:
    """The same for a text."""
    found: dict[Finding, None] = {}
    for subject in subjects(text, path, settings):
        first = findings(subject)
        found.update(dict.fromkeys(first))
        known = {each.code for each in first}
        for changed, item in changed_subjects(subject):
            found.update(dict.fromkeys(brought(findings(changed), subject, item, known)))
    return sorted(found, key=lambda each: (each.line, each.col, each.code, each.instance))


def subjects(text: str, path: str, settings: Sequence[str]) -> list[Subject]:
    """What there is to lint in a text: a scenario, or every instance of a configuration."""
    if _SCENARIO.search(text):
        return [of_scenario(path, text, settings)]
    found = of_config(path, text, settings)
    if found is None:
        raise ScenarioError(
            [
                Diagnostic(
                    "RS001",
                    "neither a scenario nor a configuration that resim knows",
                    path,
                    help="a scenario begins with `resim: 1`; `resim import --help` lists the formats",
                )
            ]
        )
    return found


def findings(subject: Subject) -> list[Finding]:
    """All rules on one subject, after what its import had to say."""
    from resilience_sim.interop.traps import TRAPS
    from resilience_sim.lint.registry import RULES

    found = []
    for each in subject.found:
        title = TRAPS[each.code].title if each.code in TRAPS else ""
        found.append(
            Finding(
                each.code,
                each.severity,
                title,
                each.message,
                each.help,
                each.file,
                each.line,
                each.col,
                each.end_col,
                each.path,
                each.source,
            )
        )
    for rule in RULES:
        found += [_finding(subject, rule, hit) for hit in rule.check(subject)]
    return found


def _finding(subject: Subject, rule: Rule, hit: Hit) -> Finding:
    place = subject.place(hit.at)
    made_up = [ASSUMED[part] for part in hit.needs if part in subject.assumed]
    severity = hit.severity or rule.severity
    if made_up and severity == "error":
        severity = "warning"
    return Finding(
        rule.code,
        severity,
        rule.title,
        hit.message,
        hit.remedy,
        place.file,
        place.line,
        place.col,
        place.end_col,
        place.path,
        place.source,
        (*hit.assumes, *made_up),
        dict(hit.numbers),
        subject.instance,
    )


def worst(found: Iterable[Finding]) -> str:
    """The gravest severity; "" when there is none."""
    seen = {each.severity for each in found}
    return next((severity for severity in ("error", "warning", "info") if severity in seen), "")
