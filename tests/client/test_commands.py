"""The command line: ``--client`` of run, compare and margins; recordings of such runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.shell import resim
from lab_of_clients import CODE, own_code_is_found, run
from patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent
TEXT = """\
resim: 1
name: checkout
service: {latency: {exponential: 80ms}, workers: 6, failure_rate: 10%}
traffic: {rate: 30/s, requests: 60}
faults: [{outage: {how: refuse, at: 1s, for: 500ms}}]
stack: [{retry: {attempts: 3, delay: 1s}}, {timeout: {after: 1s}}]
expect: [availability > 50%]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    own_code_is_found()
    (tmp_path / "checkout.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_of_code_has_all_that_a_run_has(monkeypatch):
    answer = resim("run", "checkout.yaml", "--client", "shop_sync:three_times", "--save", "r.resim")
    assert answer.code == 0, answer.err
    assert "100.0% available" in answer.out or "available" in answer.out
    assert "resim compare checkout.yaml --client shop_sync:three_times" in answer.out
    digest = answer.out.split("digest ")[1].split()[0]

    again = resim("replay", "r.resim", "--verify")
    assert (again.code, again.out.split()[-1]) == (0, digest)
    # without the code it still plays
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(CODE)])
    played = resim("replay", "r.resim")
    assert played.code == 0, played.err
    assert f"digest {digest}" in played.out
    lost = resim("replay", "r.resim", "--verify")
    assert lost.code == 2
    assert "there is no module `shop_sync`" in lost.err


def test_several_seeds_and_the_document():
    answer = resim("run", "checkout.yaml", "--client", "awkward:mistake", "--runs", "2", "--json")
    document = json.loads(answer.out)
    assert answer.code == 1  # availability > 50%
    (variant,) = document["variants"]
    assert [run["requests"]["by_outcome"]["success"] for run in variant["runs"]] == [0, 0]
    (warning, *_) = document["warnings"]
    assert warning["code"] == "RW008"
    assert "KeyError: 'price'" in warning["message"]


def test_the_user_prints_to_the_other_stream(folder):
    (folder / "talks.py").write_text("def call():\n    print('hello')\n")
    answer = resim("run", "checkout.yaml", "--client", "talks:call", "--json")
    assert json.loads(answer.out)["error"] is None


def test_code_beside_the_stack_that_describes_it():
    answer = resim("compare", "checkout.yaml", "--client", "shop_sync:three_times", "--runs", "3", "--json")
    assert answer.code == 0, answer.err
    stack, code = json.loads(answer.out)["variants"]
    assert (stack["name"], code["name"]) == ("as-written", "shop_sync:three_times")
    for metric in ("availability", "p99", "attempts_per_request"):
        assert stack["summary"][metric] == code["summary"][metric]


def test_margins_of_code():
    """And the next command is about the code, too."""
    ask = (
        "margins", "checkout.yaml", "--client", "shop_sync:once", "--axis", "load", "--runs", "1", "--precision", "20%",
        "--set", "traffic.requests=10", "--until", "availability > 20%",
    )  # fmt: skip
    answer = resim(*ask, "--out", "json=margins.json")
    assert answer.code == 0, answer.err
    (margin,) = json.loads(Path("margins.json").read_text())["margins"]
    assert len(margin["critical"]) == 1
    assert "resim run checkout.yaml --set traffic.requests=10 --client shop_sync:once" in answer.out
    assert "resim compare" not in answer.out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("run", "checkout.yaml", "--client", "shop_sync"), "`shop_sync` names no callable"),
        (("run", "checkout.yaml", "--client", "nowhere:f"), "there is no module `nowhere`"),
        (("run", "checkout.yaml", "--client", "awkward:stranger"), "the code calls api.example.com"),
        (("run", "checkout.yaml", "--client", "awkward:stranger", "--runs", "2"), "the code calls api.example.com"),
        (("run", "checkout.yaml", "--client", "a:b", "--policy", "c:D"), "exclude each other"),
        (("run", "checkout.yaml", "--client", "a:b", "--beside", "retry.attempts=2"), "resim compare SCENARIO"),
        (
            ("margins", "checkout.yaml", "--client", "shop_sync:once", "--over", "service.workers=1..5"),
            "leave out --over",
        ),
    ],
)
def test_what_cannot_be_is_an_error_of_the_command_line(argv, words):
    answer = resim(*argv)
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err


def test_the_same_events_in_every_process():
    """With sets and dictionaries in another order."""
    code = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from lab_of_clients import run\n"
        "print(*(run(sys.argv[3], target)[0].digest for target in sys.argv[4:]))\n"
    )
    world = "service: {latency: {exponential: 90ms}, workers: 3, failure_rate: 20%}\n"
    world += "traffic: {rate: 20/s, requests: 20}\n"
    targets = ["shop_sync:guarded", "shop_async:by_httpx", "shop_async:by_aiohttp", "waiting:hedges"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "RESIM_PURE": "1", "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(CODE.parent), str(CODE), world, *targets],
        env=env, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [run(world, target)[0].digest for target in targets]
