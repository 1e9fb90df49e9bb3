"""Many seeds over processes: the same results as one after the other, and every way to end badly."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from multiprocessing.process import BaseProcess

import pytest
from lab import plan, retry, timeout
from patience import PATIENCE

from resilience_sim.runs import batch
from resilience_sim.runs.batch import Batch, Lost, RunFailed, run_many
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.service import ServiceConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig

PLAN = plan(
    ServiceConfig(latency=Latency("exponential", 1e8), workers=2, failure_rate=0.3),
    TrafficConfig(phases=(Phase(0, 15.0, 15.0),), requests=60),
    stack=[retry(attempts=3, delay="50ms"), timeout("300ms")],
)
SEEDS = list(range(1, 8))


def test_as_many_processes_as_you_like_change_nothing():
    """Order and content."""
    plans = {"a": PLAN, "b": replace(PLAN, stack=())}
    alone = run_many(plans, SEEDS, workers=1)
    heard = []
    together = run_many(plans, SEEDS, workers=3, on_result=lambda name, result: heard.append((name, result.seed)))
    assert together == alone
    assert [result.seed for result in together.results["b"]] == SEEDS
    assert sorted(heard) == sorted((name, seed) for name in plans for seed in SEEDS)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_run_that_breaks_down_says_which(monkeypatch, workers):
    """Variant and seed, and the others are given up."""
    whole = batch.simulate

    def breaks(the_plan, seed, **rest):
        if seed == 5:
            raise ZeroDivisionError("as arranged")
        return whole(the_plan, seed, **rest)

    monkeypatch.setattr(batch, "simulate", breaks)
    with pytest.raises(RunFailed) as failure:
        run_many({"a": PLAN}, SEEDS, workers=workers)
    assert (failure.value.variant, failure.value.seed) == ("a", 5)
    assert failure.value.cause == "ZeroDivisionError: as arranged"


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "its process was killed (signal 9, perhaps for lack of memory)"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "its process was killed (signal 15)"),
        (lambda: os._exit(3), "its process ended (exit code 3)"),
    ],
)
def test_a_process_that_dies_costs_its_own_seed(monkeypatch, end, cause):
    """It was "a fault in resim", and what the others had found was thrown away."""

    def dies(the_plan, seed, **rest):
        if seed == 5:
            end()
        return whole(the_plan, seed, **rest)

    whole = batch.simulate
    alone = run_many({"a": PLAN}, SEEDS, workers=1)
    monkeypatch.setattr(batch, "simulate", dies)
    found = run_many({"a": PLAN}, SEEDS, workers=3)
    assert not found.interrupted
    assert found.lost == (Lost("a", 5, cause),)
    assert found.results["a"] == [run for run in alone.results["a"] if run.seed != 5]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [1, 3])
def test_a_run_for_which_memory_does_not_suffice_is_lost(monkeypatch, workers):
    """Not a fault in resim; the others stay."""

    def greedy(the_plan, seed, **rest):
        if seed == 5:
            raise MemoryError
        return whole(the_plan, seed, **rest)

    whole = batch.simulate
    monkeypatch.setattr(batch, "simulate", greedy)
    found = run_many({"a": PLAN, "b": PLAN}, SEEDS, workers=workers)
    assert [(lost.variant, lost.seed) for lost in found.lost] == [("a", 5), ("b", 5)]
    assert "memory" in found.lost[0].cause
    assert len(found.results["a"]) == len(SEEDS) - 1


def test_only_seeds_that_every_variant_has_are_compared():
    """A lost run of one is no advantage of another."""
    runs = run_many({"a": PLAN, "b": PLAN}, [1, 2, 3], workers=1).results
    halves = Batch({"a": runs["a"][:2], "b": runs["b"][1:]}, lost=(Lost("a", 3, ""), Lost("b", 1, "")))
    assert [[run.seed for run in its] for its in halves.paired().values()] == [[2], [2]]


def test_ctrl_c_ends_the_workers_at_once_and_keeps_what_is_done(monkeypatch):
    """Though they would work on for ten minutes."""
    whole = batch.simulate

    def slow(the_plan, seed, **rest):
        if seed > 2:
            time.sleep(600)
        return whole(the_plan, seed, **rest)

    monkeypatch.setattr(batch, "simulate", slow)
    done = []

    def heard(name, result):
        done.append(result.seed)
        if len(done) == 2:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    begin = time.monotonic()
    found = run_many({"a": PLAN}, SEEDS, workers=3, on_result=heard)
    assert time.monotonic() - begin < PATIENCE
    assert found.interrupted
    assert sorted(result.seed for result in found.results["a"]) == [1, 2]


def test_ctrl_c_while_a_worker_starts_leaves_none_behind(monkeypatch):
    """It would wait for work for ever, and keep the pipes of the dead command open."""
    start = BaseProcess.start

    def interrupted(process):
        start(process)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(BaseProcess, "start", interrupted)
    idle = threading.Event()
    other = threading.Thread(target=idle.wait)  # takes signals that the main thread masks
    other.start()
    try:
        assert run_many({"a": PLAN}, SEEDS, workers=3).interrupted
    finally:
        idle.set()
        other.join()
    assert multiprocessing.active_children() == []
