"""Nothing of a run outlives it, in both forms: many seeds in one process stay flat, whatever was still under way."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .forms import run

# Calls that never end, in every place where one can be stuck: at a service that hangs, in its queue, in a bulkhead's,
# under a retry, in a race of two legs, in the backlog.
STUCK = """\
resim: 1
service: {latency: 100ms, workers: 4, queue: 50}
traffic: {rate: 100/s, requests: 400}
client: {threads: 60, backlog: 1000}
faults: [outage: {at: 1s, for: 1h, how: hang}, lost_responses: {at: 0s, for: 1s, rate: 30%}]
stack:
  - bulkhead: {max_concurrent: 50, queue: 100}
  - retry: {attempts: 3, delay: 1s}
  - hedge: {delay: 10ms}
"""
PROGRAM = """
import gc, resource, sys
from resilience_sim.kernel.frames import Frame
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load

plan = load(sys.argv[1]).plan
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for seed in range(10):
    last = simulate(plan, seed)
before = peak()
for seed in range(100):
    last = simulate(plan, seed)
grown = peak() - before
gc.collect()
left = sum(isinstance(each, Frame) for each in gc.get_objects())
print(last.document["requests"]["by_outcome"]["unanswered"], grown, left)
"""


@pytest.mark.parametrize("form", ["interpreted", "compiled"])
def test_runs_with_calls_that_never_end_leave_nothing_behind(form, request, tmp_path):
    place: str | Path = form if form == "interpreted" else request.getfixturevalue("compiled")
    scenario, program = tmp_path / "stuck.yaml", tmp_path / "program.py"
    scenario.write_text(STUCK)
    program.write_text(PROGRAM)
    unanswered, grown, frames = map(int, run(place, program, scenario).split())
    assert unanswered > 300
    assert grown < 4_000  # KiB, of 100 runs; what one of them leaves unanswered is 180
    assert frames < 10


FORKS = """
import gc, sys
import sys
from pathlib import Path
from resilience_sim.play.session import Session
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load
from resilience_sim.settings.actions import Remove

scenario = load("retry-storm")
session = Session(scenario, Simulation(scenario.plan, 1, []))
session.top_speed()
while session.clock < 25_000_000_000:
    session.frame(1 / 15)

def held():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4

def fork():
    session.seek(20_000_000_000)
    session.act(Remove(session.instant(), "retry"))
    while session.forking:
        session.frame(1 / 15)
    session.to_live()
    session.drop_fork()

for _ in range(2):
    fork()
before = held()
for _ in range(6):
    fork()
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("form", ["interpreted", "compiled"])
def test_forks_give_their_memory_back(form, request, tmp_path):
    """4 MB each stayed for ever with the compiled core, whose objects the collector could not take apart."""
    place: str | Path = form if form == "interpreted" else request.getfixturevalue("compiled")
    program = tmp_path / "program.py"
    program.write_text(FORKS)
    assert int(run(place, program)) < 8_000  # KiB, of 6 forks
