"""docs/serve.md and its examples do what they say: real clients in three languages against one server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli.shell import resim
from patience import PATIENCE

from resilience_sim.kernel import events as ev
from resilience_sim.serve.control import HELP
from resilience_sim.wire.answers import ON_THE_WIRE

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "serve"
PAGE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")


def clients(folder):
    """The commands of the clients that can run here; what has to be compiled is."""
    found = {}
    if all(shutil.which(each) for each in ("java", "javac")):
        subprocess.run(["javac", "-d", folder, EXAMPLE / "Pay.java"], check=True, timeout=PATIENCE)
        found["java"] = f"java -XX:TieredStopAtLevel=1 -cp {folder} Pay"
    if shutil.which("node"):
        found["node"] = f"node {EXAMPLE / 'pay.mjs'}"
    if not any(os.environ.get(each) for each in ("HTTP_PROXY", "http_proxy")):
        found["python"] = f"{sys.executable} {EXAMPLE / 'pay.py'}"
    return found


def test_nobody_pays_twice_whatever_the_language(tmp_path):
    pytest.importorskip("requests")
    pytest.importorskip("tenacity")
    if not hasattr(os, "fork"):
        pytest.skip("the clients are started by a shell")
    found = clients(tmp_path)
    script = " & ".join(f"{command} > {tmp_path / name} 2>&1" for name, command in found.items()) + " & wait"
    answer = resim(
        "serve", str(EXAMPLE / "payments.yaml"), "--port", "0", "--json", "--", "sh", "-c", script, env={**os.environ}
    )
    said = {name: (tmp_path / name).read_text() for name in found}
    assert all(f"{name} paid " in text for name, text in said.items()), said
    run = answer.document["variants"][0]["runs"][0]
    assert answer.code == 0, (answer.document["expectations"], said)
    assert run["requests"]["total"] == 60 * len(found)
    assert run["effects"]["applied"] == 60 * len(found)
    assert run["effects"]["duplicates"] == 0
    assert run["effects"]["deduplicated"] > 0
    met = {name for name, number in run["attempts"]["by_outcome"].items() if number}
    assert {"success", "unavailable", "timeout", "reset", "rate_limited"} <= met


def test_the_page_names_what_there_is():
    for outcome in ON_THE_WIRE:
        name = {ev.LOST: "lost"}.get(outcome, ev.OUTCOME_NAMES[outcome])
        assert name in PAGE, name
    for answer in ON_THE_WIRE.values():
        assert not answer.status or str(answer.status) in PAGE
    for question in HELP:
        assert question.split()[1].replace("ID", "mine") in PAGE


def test_the_commands_of_the_page_are_ones():
    commands = re.findall(r"^    resim serve (.*?)(?: {2,}#.*| # .*)?$", PAGE, re.MULTILINE)
    assert len(commands) >= 3
    help = resim("serve", "--help").out
    for command in commands:
        options = command.partition(" -- ")[0].split()
        assert all(each in help for each in options if each.startswith("--")), command
