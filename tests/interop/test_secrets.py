"""What else is in a configuration file is neither copied nor shown, in whatever way it is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.shell import resim

from interop.shop import NAMES
from resilience_sim.scenario.diagnostics import ScenarioError

FILES = Path(__file__).parent / "files"
SECRET = "hunter2-pa55w0rd"

SNIPPETS = {
    "application.yml": f"""\
# password: {SECRET}
spring: {{datasource: {{url: "jdbc:pg://u:{SECRET}@db/shop", password: {SECRET}}}}}
resilience4j: {{retry: {{instances: {{inventory: {{maxAttempts: 4, waitDuration: {SECRET}, token: {SECRET}}}}}}}}}
""",
    "appsettings.json": f"""{{
  // {SECRET}
  "ConnectionStrings": {{"Db": "Password={SECRET}"}},
  "H": {{"Retry": {{"MaxRetryAttempts": 2, "ApiKey": "{SECRET}"}}, "AttemptTimeout": {{"Timeout": "{SECRET}"}}}}
}}""",
    "config.ini": f"[profile shop]\naws_secret_access_key = {SECRET}\nmax_attempts = {SECRET}\nretry_mode = standard\n",
    "dapr.yaml": f"""\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {{name: x, annotations: {{token: {SECRET}}}}}
spec:
  policies: {{retries: {{r: {{policy: constant, duration: {SECRET}, maxRetries: 2}}}}}}
  targets: {{apps: {{b: {{retry: r}}}}}}
""",
    "broken.yaml": f"resilience4j:\n  password: {SECRET}\n   retry: [{SECRET}\n",
    "broken.json": f'{{"password": "{SECRET}", "methodConfig" ["{SECRET}"]}}',
    "unknown.yaml": f"password: {SECRET}\nkey: [{SECRET}]\n",
    "list.yaml": f"- {SECRET}\n",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_never_shown(name: str, tmp_path: Path):
    """Import and lint, in every form, with the secret in unknown keys, bad values, comments and broken lines."""
    path = tmp_path / name
    path.write_text(SNIPPETS[name], encoding="utf-8")
    said = []
    forms = (["--json"], ["--format", "sarif"], ["--format", "github"], ["--format", "concise"])
    for argv in (["import"], ["lint"], *(["lint", *form] for form in forms)):
        answer = resim(*argv, str(path))
        assert answer.code in (0, 1, 2), answer.err
        said.append(answer.out + answer.err)
    target = tmp_path / "out.yaml"
    answer = resim("import", str(path), "-o", str(target), "--json")
    said.append(answer.out + answer.err + (target.read_text() if target.exists() else ""))
    assert SECRET not in "".join(said)
    assert "hunter2" not in "".join(said)


def test_broken_files_are_placed_without_their_lines(tmp_path: Path):
    """The place is exact all the same."""
    from resilience_sim.interop.documents import read_documents

    with pytest.raises(ScenarioError) as caught:
        read_documents("broken.json", SNIPPETS["broken.json"])
    (finding,) = caught.value.diagnostics
    assert (finding.code, finding.line) == ("RL195", 1)
    assert finding.source == ""


def test_json_of_import(tmp_path: Path):
    """One document: what was written, and what was found."""
    target = tmp_path / "s.yaml"
    answer = resim("import", str(FILES / NAMES["dapr"]), "-o", str(target), "--json")
    document = json.loads(answer.out)
    assert answer.code == 0
    assert document["format"] == "dapr"
    assert document["wrote"] == [str(target)]
    assert {each["code"] for each in document["findings"]} == {"RL160", "RL190"}


def test_import_then_run(tmp_path: Path):
    """From a file to figures in two commands."""
    target = tmp_path / "inventory.yaml"
    assert resim("import", str(FILES / "application.yml"), "-o", str(target)).code == 0
    assert resim("lint", str(target)).code in (0, 1)
    assert resim("run", str(target), "-q").code == 0


def test_export_config(tmp_path: Path):
    """The stack of a shipped scenario in another's words; what gets lost is noted."""
    answer = resim("export", "payments-complete", "--to", "grpc")
    assert answer.code == 0
    assert json.loads(answer.out)["methodConfig"]
    assert "gRPC has none" in answer.err
