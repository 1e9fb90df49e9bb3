"""What the core is for, so that the C compiler learns which paths are hot: a build step of setup.py, a fifth of a
run's speed.

    python tools/profile_workload.py FOLDER     (the package's, with a core that counts where it goes)

Every shipped scenario and variant, with all figures, with one metric, with series, and recorded and read back.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    from resilience_sim._build_mode import describe
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.runs.record import record
    from resilience_sim.runs.replay import verify
    from resilience_sim.runs.simulate import drain, simulate
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.scenario.load import load
    from resilience_sim.scenario.text.shipped import names

    if describe() != "compiled":
        sys.exit(f"the core is {describe()}")
    for name in names():
        scenario = load(name)
        for plan in (scenario.plan, *(variant.plan for variant in scenario.variants)):
            simulate(plan, 1, series=1_000_000_000)
            for metric in ("availability", "p99"):
                simulate(plan, 2, metrics=[metric], digest=False)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "run.resim")
            with record(Simulation(scenario.plan, 1), scenario, path) as source:
                drain(source)
            with open_recording(path) as recording:
                if not verify(recording).same:
                    sys.exit(f"{name}: the recording says something else")


if __name__ == "__main__":
    main()
