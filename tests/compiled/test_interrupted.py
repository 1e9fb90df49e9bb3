"""Ctrl-C while the compiled core computes."""

from __future__ import annotations

from .forms import run

# A draw that is not the first since an attempt multiplies long integers (PolicyLayer.fresh).
PROGRAM = """
import os, signal, time
from resilience_sim.runs.endings import install
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text

plan = load_text('''
resim: 1
service: {latency: 1d}
traffic: {rate: 50/s, requests: 20}
stack:
  - hedge: {like: polly, Delay: 1ns, MaxHedgedAttempts: 1000000}
  - throttle: {}
''', "long").plan
install()
own = os.getpid()
if not os.fork():
    time.sleep(0.3)
    os.kill(own, signal.SIGINT)
    os._exit(0)
try:
    simulate(plan, 1)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_in_the_middle_of_arithmetic_does_not_abort_the_process(compiled):
    """It said "fatal: out of memory", and no command could tell what it knew."""
    assert run(compiled, "-c", PROGRAM) == "interrupted\n"
