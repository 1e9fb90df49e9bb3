"""Whole files: shipped scenarios, configurations, the forms of a report, exit codes, the document of all pages."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from cli.shell import resim

from lint.sarif_essentials import check_sarif
from resilience_sim.lint.check import lint, lint_text
from resilience_sim.lint.finding import Finding
from resilience_sim.lint.pages import as_markdown, page, pages
from resilience_sim.lint.report import report, schema_path
from resilience_sim.scenario.text import shipped

ROOT = Path(__file__).parents[2]
FILES = ROOT / "tests" / "interop" / "files"
SCENARIOS = Path(__file__).parent / "scenarios"
VALIDATOR = jsonschema.Draft7Validator(json.loads(schema_path().read_text(encoding="utf-8")))

# What the shipped scenarios show on purpose, or leave out to stay simple: an accident each, mostly.
INTENDED: dict[str, str] = {
    "cascade": "RL037",
    "cold-cache-recovery": "RL006 RL021",
    "deadlines": "RL004",
    "double-charge": "RL014 RL017",
    "first-look": "RL004 RL008 RL011 RL012 RL014",
    "flapping-breaker": "RL004 RL012",
    "hard-outage": "RL004 RL008 RL012 RL014",
    "hedged-tail": "RL004",
    "http-methods": "RL014",
    "idempotency-key": "RL014",
    "live-fix": "RL006 RL021",
    "no-resilience": "RL004",
    "partial-replica": "RL004",
    "payments-complete": "RL001 RL011",
    "payments-over-hops": "RL004 RL039",
    "rate-limited": "RL004 RL014",
    "retry-amplification": "RL033",
    "retry-order": "RL004 RL008 RL011 RL012 RL014",
    "retry-storm": "RL006 RL021",
    "shared-dependency": "RL004 RL006 RL021 RL028 RL036",
    "slow-dependency": "RL004 RL012",
    "tail-at-scale": "RL004",
    "thread-exhaustion": "RL004",
    "thundering-herd": "RL004 RL014",
    "transient-blip": "RL004",
}


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_scenarios_hold_no_surprise(name: str):
    """Every finding is one that the scenario is about, or that it leaves open to stay simple."""
    assert sorted({each.code for each in lint(name)}) == INTENDED.get(name, "").split()


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_configurations_are_linted_directly(path: Path):
    """Findings point into the file that people wrote; what rests on made-up traffic says so and is no error."""
    found = lint(str(path))
    lines = path.read_text(encoding="utf-8").split("\n")
    for each in found:
        assert each.file == str(path)
        assert lines[each.line - 1][each.col - 1 : each.col].strip()
        if any("made up" in reason for reason in each.assumes):
            assert each.severity != "error"


def test_traffic_can_be_told():
    """With ``--set traffic.rate=…`` the assumption is gone, and the finding with the numbers stays."""
    text = (
        '{"H": {"AttemptTimeout": {"Timeout": "00:00:02"}, "CircuitBreaker": {"MinimumThroughput": 500, '
        '"SamplingDuration": "00:00:10"}}}'
    )
    assert not [each for each in lint_text(text, "appsettings.json", ["traffic.rate=100/s"]) if each.code == "RL009"]
    (told,) = [each for each in lint_text(text, "appsettings.json", ["traffic.rate=2/s"]) if each.code == "RL009"]
    assert told.severity == "error"
    assert not told.assumes
    assert told.line == 1
    (guessed,) = [each for each in lint_text(text.replace("500", "5000"), "appsettings.json") if each.code == "RL009"]
    assert guessed.severity == "warning"
    assert guessed.assumes


@pytest.mark.parametrize(
    "path", [*sorted(FILES.iterdir()), *sorted(SCENARIOS.iterdir())[:6]], ids=lambda path: path.name
)
def test_json_and_sarif_are_valid(path: Path):
    """The document follows its shipped schema, SARIF the essentials of its own."""
    answer = resim("lint", str(path), "--json")
    document = json.loads(answer.out)
    VALIDATOR.validate(document)
    assert answer.code == (1 if document["summary"]["error"] else 0)
    check_sarif(json.loads(resim("lint", str(path), "--format", "sarif").out))


def test_exit_codes(tmp_path: Path):
    """1 on errors, 0 otherwise, 2 when something could not be read, whatever else was found."""
    assert resim("lint", "idempotency-key").code == 0
    assert resim("lint", "double-charge").code == 1
    bad = tmp_path / "bad.yaml"
    bad.write_text("resim: 1\nstack: [{retry: {attemps: 3}}]\n", encoding="utf-8")
    answer = resim("lint", "double-charge", str(bad))
    assert answer.code == 2
    assert "RS012" in answer.err
    assert "RL017" in answer.out
    document = json.loads(resim("lint", str(bad), "--json").out)
    VALIDATOR.validate(document)
    assert document["error"]["code"] == "unreadable"


def test_the_forms_of_a_report():
    """Full with line, caret, assumption and help; concise and github one line each."""
    full = resim("lint", str(SCENARIOS / "RL001.yaml")).out
    assert "warning[RL001]: a request can take 3.4s (3 x 1s, and 400ms of waits); its user waits 2s" in full
    assert "RL001.yaml:9:23   stack.0.retry.attempts" in full
    assert "= assumes: no answer asks for a longer Retry-After" in full
    assert "= help: shorten the timeout" in full
    concise = resim("lint", "double-charge", "--format", "concise").out.splitlines()
    assert all(line.startswith("double-charge:") for line in concise)
    github = resim("lint", str(FILES / "application.yml"), "--format", "github").out.splitlines()
    assert all(line.startswith(("::notice file=", "::warning file=")) for line in github)


def test_reports_on_a_repository_name_files_from_where_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the file is named: else nobody knows it again, neither GitHub nor the report of the next run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    file = tmp_path / "src" / "a:b c.pyw"
    file.write_text("import tenacity\n@tenacity.retry\ndef f(): ...\n", encoding="utf-8")
    prints = set()
    for name in (".", "./src", "src", str(file), "src/../src"):
        (line,) = resim("lint", name, "--format", "github").out.splitlines()
        assert line.startswith("::error file=src/a%3Ab c.pyw,line=2,col=2,")
        (run,) = json.loads(resim("lint", name, "--format", "sarif").out)["runs"]
        (result,) = run["results"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "src/a%3Ab%20c.pyw"
        prints.add(json.dumps(result["partialFingerprints"]))
    assert len(prints) == 1


def test_every_code_has_its_page():
    """``resim explain`` knows them all."""
    for code in pages():
        found = page(code.lower())
        assert found is not None
        assert len(found.text) > 30, code
    answer = resim("explain", "RL004")
    assert answer.code == 0
    assert "threads" in answer.out
    assert page("RL999") is None


def test_the_document_is_current():
    """docs/lint.md is made from the rules: ``python -m resilience_sim.lint.pages``."""
    assert (ROOT / "docs" / "lint.md").read_text(encoding="utf-8") == as_markdown()


def test_more_than_anybody_reads_is_counted() -> None:
    """A thousand in full, the gravest; the rest by their codes, and all of them in the other forms."""
    found = [Finding("RL191", "info", "t", f"m{at}", "", "a.yml", at + 1) for at in range(1200)]
    found[1100] = Finding("RL193", "error", "t", "grave", "", "a.yml", 1101)
    text = report(found, "full")
    assert text.endswith("\n\n... and 200 more (200 RL191): --format concise shows all")
    assert text.count("--> a.yml") == 1000
    assert "grave" in text
    assert "more (" not in report(found[:1000], "full")
    assert report(found, "concise").count("\n") == 1199
