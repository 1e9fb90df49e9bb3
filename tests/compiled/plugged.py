"""Run in a process of its own, in one form of the core: what becomes of runs with policies in plain Python."""

from __future__ import annotations

import json
import sys

from resilience_sim._build_mode import describe
from resilience_sim.kernel.sim import SimulationError
from resilience_sim.policies.plugin import ERROR, FALLBACK, Policy, PolicyCall
from resilience_sim.runs.plugins import with_policies
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text

TEXT = """
resim: 1
name: plugged
service: {latency: {exponential: 100ms}, workers: 3, failure_rate: 30%}
traffic: {rate: 20/s, requests: 400}
stack: [{retry: {attempts: 3, delay: 50ms}}, {timeout: {after: 400ms}}]
"""
HOPS = """
resim: 1
name: plugged-hops
services:
  shop: {latency: 20ms, calls: [{to: stock, stack: [{retry: {attempts: 3, delay: 50ms}}, {timeout: {after: 400ms}}]}]}
  stock: {latency: {exponential: 100ms}, workers: 3, failure_rate: 30%}
traffic: {rate: 20/s, requests: 400}
"""
seen: dict[str, int] = {}


class Through(Policy):
    """Nothing of its own."""


class Once(Policy):
    """After a failure the next call is not even tried."""

    failed = False

    def enter(self, parent):
        if self.failed:
            self.failed = False
            self.turn_away(parent, ERROR)
        else:
            self.call(parent)

    def on_result(self, f, outcome):
        self.failed = outcome > FALLBACK
        self.answer(f, outcome)


class Unbegun(Policy):
    """Has no place."""

    def __init__(self, sim, source, inner):
        self.calls = 0


class Again(Policy):
    """Two tries with a wait, everything else in the frame."""

    def enter(self, parent):
        self.call_noting(parent, {"tries": 1})

    def on_result(self, f, outcome):
        assert isinstance(f, PolicyCall)
        if outcome > FALLBACK and f.data["tries"] < 2:
            f.data["tries"] += 1
            self.sim.schedule(self.sim.now + 10_000_000, f)
        else:
            self.answer(f, outcome)


class Impatient(Policy):
    """A timeout in Python, that counts what is cancelled from outside."""

    def enter(self, parent):
        f = PolicyCall(self, parent)
        self.sim.schedule(
            self.sim.now + (150_000_000 if f.req.rid % 2 else 450_000_000), f
        )  # the timeout may come first
        self.again(f)

    def on_result(self, f, outcome):
        f.armed = False
        self.answer(f, outcome)

    def on_timer(self, f):
        self.give_up(f, 5)

    def on_cancel(self, f, why, stop_work):
        seen["cancelled"] = seen.get("cancelled", 0) + 1
        super().on_cancel(f, why, stop_work)


def begin(name: str) -> None:
    """A run with that one."""
    try:
        simulate(with_policies(load_text(TEXT, "-").plan, [f"plugged:{name}"]), 1)
    except SimulationError as error:
        print("cannot begin:", error)


def main() -> None:
    if len(sys.argv) > 1:
        begin(sys.argv[1])
        return
    found = {}
    for asked in (
        ["Through"], ["Once"], ["Again@inner"], ["Impatient@1"], ["Impatient@inner", "Again", "Once@2"],
        ["Again", "Once@shop.stock", "Impatient@shop.stock.inner"],
    ):  # fmt: skip
        plan = load_text(HOPS if "." in asked[-1] else TEXT, "-").plan
        result = simulate(with_policies(plan, [f"plugged:{name}" for name in asked]), 1)
        found[" ".join(asked)] = [result.digest, result.document["requests"], result.document["attempts"]]
    import plugged  # not __main__: the module that the policies were taken from

    print(json.dumps([describe(), found, plugged.seen]))


if __name__ == "__main__":
    main()
