"""What cannot be virtual is refused by name and place, and mistakes are shown as the user's own."""

from __future__ import annotations

import sys
import threading
import time
from types import ModuleType

import pytest
from lab_of_clients import plan, run

from resilience_sim.client import guest, loop, strands
from resilience_sim.client.errors import OwnCodeError
from resilience_sim.runs.simulate import simulate

TWO = "service: {latency: 100ms}\ntraffic: {rate: 1000/s, arrivals: even, requests: 2}\n"
HERE = "tests/client/code/awkward.py:"


def refused(target: str, world: str = TWO) -> str:
    """What ends the run."""
    with pytest.raises(OwnCodeError) as raised:
        run(world, target)
    assert threading.current_thread() is threading.main_thread()
    assert type(time.sleep).__name__ == "builtin_function_or_method"
    return str(raised.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("stranger", ["the code calls api.example.com", "services are http://b.resim/", "in stranger"]),
        ("misspelt", ["c.resim is no service of the scenario", "http://b.resim/", "in misspelt"]),
        ("encrypted", ["https://b.resim is not simulated", "http://b.resim/", "in encrypted"]),
        ("by_address", ["the code calls 10.0.0.1", "in by_address"]),
        ("starts_a_process", ["subprocess.Popen", "starts a process", "resim serve", "in starts_a_process"]),
        ("forks", ["os.fork", "in forks"]),
        ("starts_another", ["multiprocessing.Process", "do the work in line", "in starts_another"]),
        ("sets_an_alarm", ["signal.setitimer", "use time.sleep", "in sets_an_alarm"]),
        ("swallows", ["api.example.com", "in stranger"]),
        ("listens", ["listens on a socket", "in listens"]),
    ],
)
def test_what_cannot_be_virtual_is_refused_by_name(call, words):
    said = refused(f"awkward:{call}")
    assert [word for word in words if word not in said] == [], said
    assert HERE in said


def test_libraries_in_c_are_refused_where_they_are_used(monkeypatch, tmp_path):
    made = ModuleType("uvloop")
    exec("def run(main): pass\nclass Loop: pass", vars(made))
    monkeypatch.setitem(sys.modules, "uvloop", made)
    (tmp_path / "uses_uvloop.py").write_text(
        "import uvloop\ndef looks():\n    return isinstance(3, uvloop.Loop)\ndef runs():\n    uvloop.run(None)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    result, _ = run(TWO, "uses_uvloop:looks")
    assert result.document["availability"] == 1
    assert "uvloop.run, which has a clock in C" in refused("uses_uvloop:runs")


def test_who_waits_for_each_other_is_named():
    said = refused("awkward:embraces")
    assert "nothing will ever happen: at 1.001s (seed 1) 2 requests wait for each other" in said
    assert "#0 waits for a lock" in said
    assert "#1 waits for a lock" in said
    assert said.count("with theirs:") == 2
    assert "#0 waits for a lock" in refused("awkward:waits_for_nobody")


def test_a_service_that_never_answers_is_no_deadlock():
    world = TWO + "faults: [{outage: {how: hang, at: 0s, for: 1s}}]\n"
    result, _ = run(world, "awkward:hangs")
    assert result.document["requests"]["by_outcome"]["unanswered"] == 2


def test_code_that_never_waits_is_named(monkeypatch):
    monkeypatch.setattr(guest, "MOST_CPU", 0.1)
    monkeypatch.setattr(guest, "LOOK_EVERY", 0.05)
    said = refused("awkward:busy")
    assert "without waiting" in said
    assert "in busy" in said


@pytest.mark.parametrize("call", ["spins", "rounds"])
def test_code_for_which_time_stands_still_is_named(call, monkeypatch):
    monkeypatch.setattr(strands, "MOST_SPINS", 50)
    monkeypatch.setattr(loop, "MOST_TURNS", 50)
    said = refused(f"awkward:{call}")
    assert "time stands still at 0.000s" in said


def test_a_mistake_of_the_code_is_shown_as_the_users():
    result, requests = run(TWO.replace("requests: 2", "requests: 5"), "awkward:mistake")
    assert {outcome for outcome, _ in requests.outcomes.values()} == {"error"}
    assert len(result.notes) == 4  # three of them, and how many more
    assert result.notes[0].startswith("#0 at 0.100s (seed 1) raised KeyError: 'price'")
    assert HERE in result.notes[0]
    assert 'return {}["price"]' in result.notes[0]
    assert "resilience_sim" not in result.notes[0]
    assert result.notes[-1].startswith("so did 2 more calls")


def test_a_failure_with_a_failed_attempt_is_no_mistake():
    result, _ = run(TWO.replace("100ms", "100ms, failure_rate: 100%"), "awkward:mistake")
    assert result.notes == ()


def test_the_request_is_handed_in():
    result, requests = run(TWO, "awkward:mistake_of_some")
    assert [requests.outcomes[rid][0] for rid in (0, 1)] == ["success", "error"]
    assert "raised ValueError: an odd number" in result.notes[0]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("awkward", "names no callable"),
        ("awkward:", "names no callable"),
        ("no_such_module:call", "there is no module `no_such_module`"),
        ("awkward:mistakes", "did you mean `mistake`"),
        ("awkward:number", "is no callable but int"),
        ("awkward:needs", "needs `order`, `customer`"),
        (
            "slow_to_import:call",
            "waits while it is imported (tests/client/code/slow_to_import.py:5",
        ),
        ("broken:call", "importing broken:call: KeyError: 'first'"),
    ],
)
def test_a_target_that_cannot_be_says_why(target, words):
    with pytest.raises(OwnCodeError) as raised:
        simulate(plan(TWO, target), 1)
    assert words in str(raised.value)
