"""Run in a process of its own, in one form of the core: ``python digests.py FILE`` prints which form, then digests.

FILE holds pickled (label, plan, seed, share of the run's figures to be compared); without it, all shipped scenarios.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
import tempfile
from pathlib import Path

from resilience_sim._build_mode import describe
from resilience_sim.measure.tables import TablesFold
from resilience_sim.recording.encode import CHUNK
from resilience_sim.recording.layout import RecordingMeta
from resilience_sim.recording.reader import open_recording
from resilience_sim.recording.writer import RecordingWriter
from resilience_sim.runs.simulate import quiet_collector, simulate
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load
from resilience_sim.scenario.text import shipped

SEED = 1
RECORDED = CHUNK  # engine steps of a scenario that are recorded: some chunks, each of which stands for itself


def scenarios():
    """Every shipped scenario with every variant."""
    for name in shipped.names():
        scenario = load(name)
        for variant, plan in [("as-written", scenario.plan), *((v.name, v.plan) for v in scenario.variants)]:
            yield f"{name} {variant}", plan, SEED


def outcome(plan, seed) -> str:
    """The digest of all events and, briefly, all figures. How a run breaks down counts as well."""
    try:
        result = simulate(plan, seed, series=1_000_000_000)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    figures = json.dumps([result.document, result.metrics, result.scoped], default=repr, sort_keys=True)
    return f"{result.digest} {hashlib.blake2b(figures.encode(), digest_size=8).hexdigest()}"


def recorded(plan, seed) -> str:
    """The chain over the first chunks of a recording (the bytes themselves are the same) and a hash of their tables."""
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(plan, seed)
        writer = RecordingWriter(Path(folder, "r.resim"), RecordingMeta(seed, ""), simulation.components)
        simulation.attach(writer.encoder)
        with quiet_collector():
            simulation.run(budget=RECORDED)
        writer.close(True, simulation.digest(), simulation.now)
        with open_recording(Path(folder, "r.resim")) as recording:
            tables = TablesFold(recording.components, plan.traffic.deadline)
            tables.take(recording.iter_events())
            tables.close()
            rows = hashlib.blake2b(repr(tables.drain()).encode(), digest_size=8).hexdigest()
            return f"{recording.state.chain} {rows}"


def main() -> None:
    cases = pickle.loads(Path(sys.argv[1]).read_bytes()) if len(sys.argv) > 1 else scenarios()
    found = {}
    for label, plan, seed in cases:
        found[label] = outcome(plan, seed)
        if label.endswith("as-written"):
            found[f"{label} recorded"] = recorded(plan, seed)
    print(json.dumps([describe(), found]))


if __name__ == "__main__":
    main()
