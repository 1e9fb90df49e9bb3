"""``resim serve`` as a command: what it says, its exit codes, its recording, its end."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from cli.shell import resim
from patience import PATIENCE

from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.environment import Environment
from resilience_sim.cli.serving import Watched
from resilience_sim.scenario.load import load
from resilience_sim.serve.question import Question
from resilience_sim.serve.server import Server
from resilience_sim.serve.world import Served
from resilience_sim.settings.own_code import SERVED, with_own_code
from resilience_sim.views.live.state import LiveFold

ROOT = Path(__file__).parent.parent.parent
TEXT = """\
resim: 1
name: checkout
service: {latency: 5ms}
operation: {method: POST}
traffic: {rate: 30/s, requests: 60}
faults: [{errors: {at: 0s, for: 1h, rate: SHARE}}]
expect: [availability >= LIMIT]
"""
FEW = """
import os, sys, urllib.error, urllib.request
ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
for _ in range(10):
    try:
        key = {"X-Request-Id": os.environ["NAME"]} if "NAME" in os.environ else {}
        ask(urllib.request.Request(os.environ["RESIM_URL"] + "/pay", b"x", key)).close()
    except urllib.error.HTTPError as error:
        error.close()
sys.exit(int(os.environ.get("CODE", "0")))
"""


def text(limit, share="30%"):
    """The scenario."""
    return TEXT.replace("LIMIT", limit).replace("SHARE", share)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "checkout.yaml").write_text(text("10%"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def serve(*more, command=(sys.executable, "-c", FEW), **env):
    """With a command of ten requests."""
    return resim(
        "serve", "checkout.yaml", "--port", "0", *more, "--", *command, env={"PATH": os.environ["PATH"], **env}
    )


def test_a_command_is_served_measured_and_recorded():
    answer = serve("--save", "r.resim")
    assert answer.code == 0, answer.err
    assert "serving B at http://127.0.0.1:" in answer.err
    assert "✓ availability >= 10%" in answer.out
    assert "of 10 succeeded" in answer.out
    assert "the same scenario, its own traffic and stack simulated" in answer.out
    digest = answer.out.split("digest ")[1].split()[0]

    played = resim("replay", "r.resim")
    assert played.code == 0, played.err
    assert f"digest {digest}" in played.out
    again = resim("replay", "r.resim", "--verify")
    assert again.code == 2
    assert "played, but not be simulated again" in again.err


BY_HAND = """
import json, os, urllib.error, urllib.request
ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
url = os.environ["RESIM_URL"]
for path, said in [("/", None)] * 5 + [("/__resim/fault", {"errors": {"for": "1h", "id": "mine"}})] + [("/", None)] * 5:
    data = None if said is None else json.dumps(said).encode()
    try:
        ask(urllib.request.Request(url + path, data, {"Content-Type": "application/json"})).close()
    except urllib.error.HTTPError as error:
        error.close()
"""


def test_faults_by_hand_are_in_figures_lines_and_recording():
    Path("checkout.yaml").write_text(text("50%").replace("faults: [{errors: {at: 0s, for: 1h, rate: 30%}}]\n", ""))
    answer = serve("--ui", "plain", "--save", "r.resim", command=(sys.executable, "-c", BY_HAND))
    assert answer.code == 0, answer.err
    assert "5 of 10 succeeded" in answer.out
    assert "fault mine" in answer.out  # in the summary
    assert "fault    by hand" in answer.out  # as a line, when it began
    assert "with no fault at all" not in answer.out
    played = resim("replay", "r.resim")
    assert "fault mine" in played.out


def test_what_comes_after_a_success_is_recorded_and_shown_like_anything_else():
    answer = serve("--save", "r.resim", NAME="one")
    assert "1 of 1 succeeded" in answer.out
    assert "10 made" in answer.out
    for command in (
        ["replay", "r.resim"],
        ["replay", "r.resim", "--ui", "plain"],
        ["export", "r.resim", "--to", "jsonl"],
    ):
        shown = resim(*command)
        assert (shown.code, shown.err) == (0, ""), command
    assert shown.out.count('"result"') == 10


@pytest.mark.parametrize(
    ("env", "limit", "code"), [({"CODE": "7"}, "10%", 7), ({}, "100%", 1), ({"CODE": "7"}, "100%", 7)]
)
def test_the_exit_code_is_the_commands_then_that_of_the_expectations(env, limit, code):
    Path("checkout.yaml").write_text(text(limit))
    answer = serve("--json", **env)
    assert answer.code == code
    assert answer.document["command"] == "serve"
    assert answer.document["variants"][0]["runs"][0]["requests"]["total"] == 10


def test_what_cannot_begin_is_said_and_is_2():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        errors = {
            ("--port", port): f"port {port} is in use",
            ("--port", "99999"): "99999 is no port",
            ("--host", "192.0.2.1", "--port", "0"): "is no address of this machine",
            ("--host", "no.such.name.invalid", "--port", "0"): "there is no such address",
            ("--port", "0", "--speed", "max"): "real clients live on a real clock",
            ("--port", "0", "--", "no-such-command"): "cannot start `no-such-command`",
        }
        for more, said in errors.items():
            answer = resim("serve", "checkout.yaml", *more)
            assert (answer.code, said in answer.err) == (2, True), (more, answer.err)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_signals_end_it_and_leave_a_readable_recording(number, code):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "RESIM_PURE": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "resilience_sim", "serve", "checkout.yaml", "--port", "0", "--save", "k.resim"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        text=True,
    )
    try:
        assert process.stderr is not None
        url = process.stderr.readline().split(" at ")[1].split(",")[0]
        kept = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])))  # idle, and not in its way
        with kept:
            for _ in range(20):
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("no_proxy", "127.0.0.1")
                    try:
                        urllib.request.urlopen(f"{url}/pay", data=b"x", timeout=PATIENCE).close()
                    except urllib.error.HTTPError as error:
                        error.close()
            if number == signal.SIGKILL:  # what a quarter of a second ago had happened is safe
                with urllib.request.urlopen(f"{url}/__resim/result") as result:
                    assert b'"total": 20' in result.read()
                import time

                time.sleep(0.6)
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == code, err
    if number == signal.SIGTERM:
        assert "of 20 succeeded" in out
    played = resim("replay", "k.resim")
    assert played.code == (0 if number == signal.SIGTERM else played.code)
    assert "of 20 succeeded" in played.out, played.err


class Screen:
    """A stage; somebody presses q when the second frame is there."""

    keys = True
    stop_asked = False

    def __init__(self):
        self.frames: list[str] = []

    def size(self):
        return 100, 30

    def show(self, sheet):
        self.frames.append("\n".join("".join(text for text, _ in row.spans) for row in sheet.rows))

    def wait(self, seconds):
        return "q" if len(self.frames) > 1 else ""


def test_the_live_view_shows_who_really_comes_and_faults_by_hand():
    plan = with_own_code(load("checkout.yaml").plan, SERVED)
    served = Served(plan, 1)
    fold = LiveFold(plan, 1, served.components, "")
    served.attach(fold)
    server = Server(served, served, "127.0.0.1", 0)
    screen = Screen()

    def begin(url):
        answers = []
        server.run.enter(1, "B", "", False, "POST", "/pay", lambda attempt, outcome, hint: answers.append(outcome))
        body = b'{"outage": {"how": "hang", "for": "1h", "id": "by-hand"}}'
        headers = {"host": "localhost", "content-type": "application/json"}
        assert server.control.answer(Question("POST", "/__resim/fault", headers, body))[0] == 201

    ctx = CommandContext(Environment(io.StringIO(), io.StringIO(), io.StringIO()), ())
    watched = Watched(ctx, server, None)
    watched.run(begin, screen, fold)
    last = screen.frames[-1]
    assert f"checkout at {server.url}" in last
    assert "requests 1" in last
    assert "by-hand" in last
    assert "q stop serving" in last
    assert not watched.interrupted
