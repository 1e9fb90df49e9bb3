"""Work on other machines: a real scheduler and real workers, whatever may become of them."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import warnings
from math import isqrt

import pytest
from cli.shell import QUICK, resim
from patience import PATIENCE

import resilience_sim
import resilience_sim as rs
from resilience_sim.experiments import cluster as house
from resilience_sim.experiments import remote
from resilience_sim.experiments.cluster import ClusterError, open_cluster
from resilience_sim.experiments.crew import Alone, WorkFailed
from resilience_sim.experiments.specs import parse_spec
from resilience_sim.experiments.sweep import Grid, sweep
from resilience_sim.runs.batch import run_many
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text

GRID = Grid(
    load_text(QUICK, "quick.yaml"),
    (parse_spec("retry.attempts", "1..6"), parse_spec("service.failure_rate", "10%,50%")),
    ("availability", "p99"),
    tuple(range(1, 17)),
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two workers; idle ones are not free, so they go when this module is done."""
    pytest.importorskip("distributed", reason="Dask is not installed: the extra `cluster`")
    from experiments.clusters import cluster_of

    with cluster_of(tmp_path_factory.mktemp("cluster"), "one", "two") as found:
        yield found


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine is no cluster that does not answer."""
    for name in ("CONNECT", "ARRIVAL", "PROBED"):
        monkeypatch.setattr(house, name, PATIENCE)


@pytest.fixture
def quick(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick.yaml").write_text(QUICK, encoding="utf-8")


# --- the same answers


@pytest.mark.parametrize(
    "command",
    [
        ["compare", "--runs", "9"],
        ["margins", "--axis", "failing", "--over", "retry.attempts=1..4", "--runs", "5", "--precision", "10%"],
        ["sweep", "--over", "retry.attempts=1..6", "--refine", "availability=95%", "--runs", "9"],
        ["tune", "--vary", "retry.attempts=1..6", "--budget", "3k requests", "--set", "traffic.requests=60"],
    ],
    ids=lambda words: words[0],
)
def test_the_same_bytes_as_at_home(cluster, quick, command):
    """Document and text; only the time it took is another."""
    name, *options = command
    words = [name, "quick.yaml", *options]
    home = resim(*words, "--json")
    there = resim(*words, "--json", "--cluster", cluster.address)
    assert (there.code, there.err) == (home.code, ""), there.out
    documents = [each.document for each in (home, there)]
    for document in documents:
        document.get("spent", {}).pop("seconds", None)
    assert json.dumps(documents[0]) == json.dumps(documents[1])


def test_python_takes_a_cluster_too(cluster):
    """Margins and comparisons, equal in every part."""
    scenario = rs.loads(QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        there = scenario.margins("failing", seeds=5, precision=0.1, cluster=cluster.address)
        compared = scenario.compare(seeds=5, cluster=cluster.address)
    assert list(there) == list(scenario.margins("failing", seeds=5, precision=0.1))
    assert [run.digest for run in compared["eager"]] == [run.digest for run in scenario.compare(seeds=5)["eager"]]


# --- workers that come, go, or cannot be used


def test_a_lost_worker_costs_its_blocks_only(cluster):
    """One joins, is given work, hangs, and is killed half-way: others do its blocks, and the answer is the same."""
    from experiments.clusters import stop

    said: list[str] = []
    with open_cluster(cluster.address, said.append) as crew:
        assert (crew.size, said) == (2, [])
        doomed = cluster.worker("doomed", threads=2)
        address = cluster.addresses("one", "two", "doomed")["doomed"]
        while crew.size < 3:
            crew.muster()
        stop(doomed)
        had: list[int] = []

        def kill_half_way(done, of):
            if done >= of // 2 and doomed.poll() is None:
                had.extend(number for block in crew._hands[address].given for number in block.numbers)
                doomed.kill()
                doomed.wait()

        found = sweep(GRID, crew, kill_half_way)
        assert had
        assert len(said) == 1
        assert said[0].startswith(f"worker {address} has 2 threads, of which resim can use one")
        assert address not in crew._hands
        assert crew.size == 2
    assert found == sweep(GRID, Alone())


def test_workers_that_are_not_like_us_are_refused_by_name(cluster):
    """One with another version, one without resim: the others do the work."""
    cluster.worker("older", "import resilience_sim\nresilience_sim.__version__ = '0.0.9'\n")
    cluster.worker("bare", "import sys\nsys.modules['resilience_sim'] = None\n")
    strangers = cluster.processes[-2:]
    try:
        names = cluster.addresses("one", "two", "older", "bare")
        said: list[str] = []
        with open_cluster(cluster.address, said.append) as crew:
            found = sweep(GRID, crew)
            assert crew.size == 2
            assert not any(hand.given for hand in crew._hands.values())
    finally:
        for each in strangers:
            each.kill()
            each.wait()
        cluster.addresses("one", "two")
    assert found == sweep(GRID, Alone())
    older, bare = sorted(said, key=lambda words: names["bare"] in words)
    version = resilience_sim.__version__
    assert older == f"worker {names['older']} is refused: it has resim 0.0.9, here is {version}"
    assert bare.startswith(f"worker {names['bare']} is refused: it has no resim (")
    assert len(said) == 2


def test_no_worker_like_us_is_an_error(cluster, quick, monkeypatch):
    """A probe run that gives another digest here than there, on all workers."""
    monkeypatch.setattr(remote, "PROBE_SEED", 21)
    answer = resim("compare", "quick.yaml", "--cluster", cluster.address)
    assert (answer.code, answer.out) == (2, "")
    assert "no worker can be used" in answer.err
    assert "a probe run gives other events or figures there" in " ".join(answer.err.split())
    for address in cluster.addresses().values():
        assert f"worker {address} is refused" in " ".join(answer.err.split())


def test_work_that_fails_there_says_why_and_where(cluster):
    with open_cluster(cluster.address) as crew:
        with pytest.raises(WorkFailed, match=r"ValueError: isqrt\(\) argument must be nonnegative"):
            crew.map(isqrt, [4, -1, 9])
        with pytest.raises(WorkFailed, match="cannot be sent to another machine"):
            crew.map(lambda task: task, [1])
        assert crew.map(isqrt, [4, 9, 16]) == [2, 3, 4]


# --- Ctrl-C


def test_ctrl_c_keeps_what_is_known_and_cancels_the_rest(cluster):
    plan = load_text(QUICK, "quick.yaml").plan
    with open_cluster(cluster.address) as crew:
        heard = []

        def press(name, result):
            heard.append(result.seed)
            if len(heard) == 3:
                os.kill(os.getpid(), signal.SIGINT)

        batch = run_many({"": plan}, range(1, 200), on_result=press, elsewhere=crew)
        assert batch.interrupted
        assert 3 <= len(batch.results[""]) < 199
        assert [run.seed for run in batch.results[""]] == sorted(heard)
        assert all(run == simulate(plan, run.seed) for run in batch.results[""])
        end = time.monotonic() + PATIENCE
        while any(crew._client.processing().values()):  # what was under way ends by itself, what was waiting is gone
            assert time.monotonic() < end
        assert run_many({"": plan}, [1, 2, 3], elsewhere=crew) == run_many({"": plan}, [1, 2, 3], workers=1)


# --- nobody there


def test_a_scheduler_that_does_not_answer(quick, monkeypatch):
    """A port where nobody listens, and one where somebody listens and says nothing."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(house, "CONNECT", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        for _ in range(2):
            answer = resim("sweep", "quick.yaml", "--over", "retry.attempts=1..2", "--cluster", f"127.0.0.1:{port}")
            assert (answer.code, answer.out) == (2, "")
            assert f"error: 127.0.0.1:{port}: no Dask scheduler answers there (nothing within 0.5 s)" in answer.err
            assert "Traceback" not in answer.err
            silent.listen()
    document = resim("margins", "quick.yaml", "--json", "--cluster", f"tcp://127.0.0.1:{port}").document
    assert document["error"]["code"] == "cluster"


@pytest.mark.parametrize("address", ["8786", "tcp://", "tcp://host", "http://host:80", "host:port", "host:0"])
def test_what_is_no_address(quick, address):
    answer = resim("tune", "quick.yaml", "--cluster", address)
    assert answer.code == 2
    assert f"`{address}` is no address of a scheduler" in answer.err
    assert "tcp://HOST:8786" in answer.err


def test_dask_that_is_not_installed(quick, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    answer = resim("compare", "quick.yaml", "--cluster", "tcp://localhost:8786")
    assert answer.code == 2
    assert "needs Dask" in answer.err
    assert "pip install 'resilience-sim[cluster]'" in answer.err


def test_a_scheduler_whose_workers_have_gone(tmp_path, monkeypatch):
    """While they work: that is said, and after some time it is an error; before anything: an error."""
    pytest.importorskip("distributed")
    from experiments.clusters import cluster_of

    monkeypatch.setattr(house, "MISSED", 0.0)
    monkeypatch.setattr(house, "GONE", 0.5)
    said: list[str] = []
    with cluster_of(tmp_path, "only") as lonely:
        with open_cluster(lonely.address, said.append) as crew:
            with pytest.raises(ClusterError, match="all workers have gone") as caught:
                sweep(GRID, crew, lambda done, of: lonely.processes[-1].kill())
            assert caught.value.help == "start some, and try again"
        assert said == [f"{lonely.address}: all workers have gone; waiting for others for 0.5 s"]
        monkeypatch.setattr(house, "ARRIVAL", 0.2)
        with pytest.raises(ClusterError, match="has no worker that answers") as caught, open_cluster(lonely.address):
            pass
        assert f"dask worker {lonely.address}" in caught.value.help


# --- whose fault it was


def shift(tasks):
    """A shift whose losses are kept."""
    lost: list[tuple[str, str]] = []
    return house._Shift(tasks, lambda task, answer: None, lambda task, cause: lost.append((task, cause)), "", b""), lost


def test_only_the_block_that_was_worked_on_is_to_blame():
    """Its tasks go one by one, the others as before; who loses two workers is given up, and nobody else."""
    it, lost = shift("abcdef")
    first, second = house._Block(it.next_block(3), None), house._Block(it.next_block(2), None)
    it.lost([first, second])
    assert [it.next_block(3) for _ in range(4)] == [(0,), (1,), (2,), (3, 4, 5)]
    it.lost([house._Block((1,), None), house._Block((2,), None)])
    assert [task for task, _ in lost] == ["b"]
    assert "2 workers were lost over it" in lost[0][1]
    assert it.next_block(9) == (2,)
