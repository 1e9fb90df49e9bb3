"""Runs that are lost, seen from outside: a worker of a real command is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import PATIENCE

from cli.shell import QUICK, resim
from resilience_sim.runs import batch

RESIM = [sys.executable, "-m", "resilience_sim"]


@pytest.fixture(autouse=True)
def two_cores():
    """Else there are no workers to kill."""
    if batch.cores() < 2:
        pytest.skip("one core, no workers")


@pytest.fixture
def deadly(monkeypatch):
    """Workers of some seeds die, as if killed for want of memory."""
    whole = batch.simulate

    def with_deadly_seeds(seeds: set[int], *argv: str):
        def simulate(plan, seed, **rest):
            if seed in seeds:
                os.kill(os.getpid(), signal.SIGKILL)
            return whole(plan, seed, **rest)

        monkeypatch.setattr(batch, "simulate", simulate)
        return resim(*argv)

    return with_deadly_seeds


def test_a_lost_run_is_named_and_the_others_are_the_answer(here, deadly):
    """It was exit 3, "a fault in resim", and nothing of the finished runs was kept."""
    answer = deadly({4}, "run", "quick.yaml", "--runs", "6")
    assert answer.code == 0, answer.err
    assert "5 runs, seeds 1-3, 5-6" in answer.out
    assert answer.err == (
        "warning[RW007]: seed 4 was lost: its process was killed (signal 9, perhaps for lack of memory)\n"
    )
    assert "lost" not in deadly({40}, "run", "quick.yaml", "--runs", "6").err


def test_a_lost_run_is_in_the_document(here, deadly):
    """One document, with the answer of the others."""
    answer = deadly({4}, "run", "quick.yaml", "--runs", "6", "--json")
    document = answer.document
    assert (answer.code, answer.err, document["error"]) == (0, "", None)
    assert document["seeds"] == [1, 2, 3, 5, 6]
    assert [warning["code"] for warning in document["warnings"]] == ["RW007"]
    assert document["warnings"][0]["message"].startswith("seed 4 was lost: its process was killed")


def test_variants_are_compared_on_the_seeds_that_all_of_them_have(here, deadly):
    """Same luck, else it is no comparison."""
    answer = deadly({2}, "compare", "quick.yaml", "--runs", "4", "--json")
    document = answer.document
    assert answer.code == 0
    assert {len(variant["runs"]) for variant in document["variants"]} == {3}
    assert document["seeds"] == [1, 3, 4]
    assert [warning["message"].split(":")[0] for warning in document["warnings"]] == [
        "seed 2 of alone was lost",
        "seed 2 of as-written was lost",
        "seed 2 of eager was lost",
    ]


@pytest.mark.parametrize("command", ["run", "compare"])
def test_with_nothing_left_there_is_no_answer(here, deadly, command):
    """Exit 2 in words, never 0."""
    answer = deadly({1, 2, 3}, command, "quick.yaml", "--runs", "3")
    assert answer.code == 2
    assert "error: every run was lost; that with seed 1: its process was killed" in answer.err
    assert "Traceback" not in answer.err
    document = deadly({1, 2, 3}, command, "quick.yaml", "--runs", "3", "--json").document
    assert document["error"]["code"] == "lost"


def test_the_first_run_that_is_kept_stands_when_all_others_are_lost(here, deadly):
    """It was made in this process."""
    answer = deadly({2, 3}, "run", "quick.yaml", "--runs", "3", "--save", "r.resim")
    assert answer.code == 0, answer.err
    assert answer.err.count("was lost") == 2
    assert Path("r.resim").exists()


def test_many_lost_runs_are_counted(here, deadly):
    """Nobody reads forty lines."""
    answer = deadly(set(range(2, 42, 3)), "run", "quick.yaml", "--runs", "41")
    assert answer.code == 0
    assert len(answer.err.splitlines()) == 6
    assert "so were 9 more runs, the last with seed 41: its process was killed" in answer.err


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_worker_killed_by_hand(here):
    """As somebody did: `kill -9` of one of the processes."""
    Path("slow.yaml").write_text(QUICK.replace("requests: 200", "requests: 5000").replace("10/s", "1000/s"))
    command = [*RESIM, "run", "slow.yaml", "--runs", "6", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    workers: list[str] = []
    until = time.monotonic() + PATIENCE
    while not workers and time.monotonic() < until:
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(int(workers[0]), signal.SIGKILL)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    document = json.loads(out)
    assert len(document["variants"][0]["runs"]) == 6 - len(document["warnings"])
    assert len(document["warnings"]) <= 1


def test_with_few_files_allowed_the_runs_are_made_all_the_same(here):
    """`ulimit -n 8` was a fault in resim: there is no room for a worker, so this process does it."""
    shell = 'ulimit -n 8; exec "$@"'
    answer = subprocess.run(
        ["sh", "-c", shell, "sh", *RESIM, "run", "quick.yaml", "--runs", "4", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert answer.returncode == 0, answer.stderr
    few = json.loads(answer.stdout)["variants"][0]
    assert few == resim("run", "quick.yaml", "--runs", "4", "--json").document["variants"][0]
