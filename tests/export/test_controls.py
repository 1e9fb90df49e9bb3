"""Names that steer terminals or spreadsheets, through every export and `explain`."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from cli.shell import resim

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SCENARIO = """\
resim: 1
name: "ev\\u001b]0;PWN\\u0007\\u009b31m\\u202e"
service: {latency: 10ms, failure_rate: 50%}
traffic: {rate: 10/s, requests: 40}
faults: [outage: {id: "f\\u001b[31m\\u202e", at: 0s, for: 1s}]
stack: [circuit_breaker: {id: "@SUM(1+1)\\u009b[2J", failure_threshold: 2}]
"""


def command(*argv: str) -> str:
    answer = resim(*argv)
    return answer.out + answer.err


@pytest.mark.parametrize("kind", ["markdown", "json", "jsonl", "csv", "junit", "chrome-trace"])
def test_no_export_carries_a_control(kind: str, tmp_path: Path) -> None:
    (tmp_path / "esc.yaml").write_text(SCENARIO, encoding="utf-8")
    command("run", str(tmp_path / "esc.yaml"), "-q", "--out", f"{kind}={tmp_path / 'out'}")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".yaml"]
    assert written
    for path in written:
        assert not CONTROL.search(path.read_text(encoding="utf-8")), path


def test_no_cell_of_csv_is_a_formula(tmp_path: Path) -> None:
    (tmp_path / "esc.yaml").write_text(SCENARIO, encoding="utf-8")
    command("run", str(tmp_path / "esc.yaml"), "-q", "--out", f"csv={tmp_path / 'out'}")
    with (tmp_path / "out" / "transitions.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert any(cell.startswith("'@SUM") for cell in cells)
    assert not any(cell[:1] in "=+-@" for cell in cells if cell)


@pytest.mark.parametrize("where", [":5", "@500ms"])
def test_explain_and_validate_steer_no_terminal(where: str, tmp_path: Path) -> None:
    """The window title became PWN."""
    path = tmp_path / "e\x1b]0;PWN\x07.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    for argv in (["explain", f"{path}{where}"], ["validate", str(path)]):
        assert not CONTROL.search(command(*argv))
