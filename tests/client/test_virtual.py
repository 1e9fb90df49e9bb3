"""What code may wait for is virtual, exactly, and nothing is left over."""

from __future__ import annotations

import datetime
import logging
import os
import queue
import random
import select
import socket
import sys
import threading
import time
from types import ModuleType

import pytest
from lab_of_clients import plan, run

from resilience_sim.kernel import events as ev
from resilience_sim.runs.simulate import simulate

SECOND = 1_000_000_000
ONE = "service: {latency: 100ms}\ntraffic: {rate: 1/s, arrivals: even, requests: 1}\n"
THREE = "service: {latency: 100ms}\ntraffic: {rate: 1000/s, arrivals: even, requests: 3}\n"


def latencies(requests) -> list[float]:
    """Of the requests that succeeded, in seconds."""
    return [
        event[5] / SECOND for event in requests.seen if event[1] == ev.DONE and ev.outcome_of(event[4]) == ev.SUCCESS
    ]


@pytest.mark.parametrize(
    ("call", "seconds"),
    [
        ("an_hour", [3600]),
        ("by_name", [2]),
        ("by_default", [3]),
        ("by_class", [5]),
        ("clocks", [1.5]),
        ("threads", [3]),
        ("executor", [4]),
        ("attempts_in_threads", [0.1]),
        ("gathers", [4]),
        ("blocks_the_loop", [1]),
        ("runs_a_loop", [1]),
    ],
)
def test_waiting_takes_virtual_time_exactly(call, seconds):
    result, requests = run(ONE, f"waiting:{call}")
    assert result.notes == ()
    assert latencies(requests) == seconds


@pytest.mark.parametrize(
    ("call", "seconds"),
    [
        ("one_at_a_time", [1.0, 1.999, 2.998]),  # they come a millisecond apart
        ("with_a_limit", [2.0]),  # the others give up
        ("of_its_own", [1.0, 1.0, 1.0]),
        ("blocks_the_loop", [1.0, 1.999, 2.998]),  # as it does in reality
        ("counts", [1.0, 2.0, 3.0]),
    ],
)
def test_requests_share_what_the_module_has(call, seconds):
    _, requests = run(THREE, f"waiting:{call}")
    assert latencies(requests) == seconds


def test_nothing_is_carried_over_from_run_to_run():
    first, second = (run(THREE, "waiting:counts") for _ in range(2))
    assert first[0].digest == second[0].digest
    two = plan(THREE + "client: {instances: 3}\n", "waiting:counts")
    assert simulate(two, 1).document["latency"]["max"] == 1.0  # nor from instance to instance


def test_chance_is_a_matter_of_the_seed():
    digests = [run(ONE, "waiting:luck", seed)[0].digest for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_what_waits_outside_a_request_keeps_no_run_going():
    result, _ = run(ONE, "waiting:beside_a_ticker")
    assert result.document["virtual_seconds"] == 0.0


def test_a_call_that_is_given_up_ends_its_attempt():
    _, requests = run(ONE.replace("100ms", "1s"), "waiting:gives_up")
    assert requests.attempts == {0: [(0, "timeout")]}
    assert requests.outcomes == {0: ("timeout", SECOND // 4)}


def test_a_loser_that_is_cancelled_is_no_failure():
    world = "service: {latency: {uniform: [90ms, 400ms]}}\ntraffic: {rate: 5/s, requests: 30}\n"
    result, requests = run(world, "waiting:hedges")
    outcomes = {outcome for made in requests.attempts.values() for _, outcome in made}
    assert outcomes == {"success", "cancelled"}
    assert result.document["availability"] == 1


def everything() -> dict[str, object]:
    """What a run replaces."""
    found: dict[str, object] = {}
    for module in (time, socket, threading, select, queue, os, random):
        found |= {f"{module.__name__}.{name}": value for name, value in vars(module).items() if callable(value)}
    found |= {f"Thread.{name}": value for name, value in vars(threading.Thread).items()}
    found |= {f"datetime.{name}": value for name, value in vars(datetime.datetime).items()}
    found["random"] = random.getstate()
    found["environ"] = dict(os.environ)
    found["streams"] = (sys.stdout, logging.lastResort, list(sys.meta_path))
    return found


def test_everything_is_as_it_was_before():
    os.environ["HTTP_PROXY"] = "http://proxy.example:3128"  # nor is it asked for
    try:
        before, modules = everything(), set(sys.modules)
        run(THREE, "shop_sync:by_httpx")
        run(THREE, "waiting:luck")
        assert everything() == before
        assert "waiting" not in sys.modules.keys() - modules
    finally:
        del os.environ["HTTP_PROXY"]


def library() -> ModuleType:
    """A library that was imported long before, and has its own names for the clock."""
    made = ModuleType("library_of_waits")
    made.__file__ = "/usr/lib/python3/site-packages/library_of_waits.py"
    text = (
        "from time import sleep as pause\nimport time\n"
        "def by_default(seconds, wait=time.sleep): wait(seconds)\n"
        "def made(wait):\n    def inner(seconds): wait(seconds)\n    return inner\n"
        "by_closure = made(time.sleep)\n"
        "class Policy:\n    def __init__(self): self.wait = time.sleep\n"
        "    def __call__(self, seconds): self.wait(seconds)\n"
        "by_object = Policy()\n"
    )
    exec(text, vars(made))
    return made


def test_a_library_that_has_the_clock_by_other_names_is_virtual_too(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "library_of_waits", library())
    (tmp_path / "uses_library.py").write_text(
        "import library_of_waits as lib\n"
        "def call():\n    lib.pause(1000)\n    lib.by_default(1000)\n"
        "    lib.by_closure(1000)\n    lib.by_object(1000)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    _, requests = run(ONE, "uses_library:call")
    assert latencies(requests) == [4000]
    before = time.process_time()
    sys.modules["library_of_waits"].pause(0)
    assert sys.modules["library_of_waits"].pause is time.sleep
    assert time.process_time() - before < 1
