"""Machine instructions of the engine's loop, counted by valgrind, here and in another checkout: no clock, no noise.

    python benchmarks/instructions.py CHECKOUT [SCENARIO …]

Both have to be compiled in place. Counts ``Sim.run``, events and all figures included, of one run with seed 1; besides
shipped scenarios ``reference`` (benchmarks/in_resim.py) and ``queue`` (the same without policies and failures).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

HERE = Path(__file__).resolve().parent
SCENARIOS = ("reference", "queue", "no-resilience", "retry-storm", "hard-outage", "transient-blip", "hedged-tail",
             "double-charge", "library-breakers", "slow-dependency", "first-look")  # fmt: skip
REQUESTS = 20_000  # of the two that are no shipped scenarios
LOOP = "CPyDef_sim___Sim___run"


def run(name: str) -> None:
    """One run, in the process that is counted."""
    from in_resim import reference

    from resilience_sim._build_mode import describe
    from resilience_sim.runs.simulate import simulate
    from resilience_sim.scenario.load import load

    if describe() != "compiled":
        sys.exit(f"the core is {describe()}: build it first (RESIM_COMPILE=1 python setup.py build_ext --inplace)")
    if name == "reference":
        plan = reference(REQUESTS, 80.0, 0.1)
    elif name == "queue":
        plan = replace(reference(REQUESTS, 80.0, 0.0), stack=())
    else:
        plan = load(name).plan
    print("digest", simulate(plan, 1).digest)


def counted(checkout: Path, name: str) -> tuple[int, str]:
    """Instructions, and the digest of the run."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout), str(HERE)]), "PYTHONHASHSEED": "0"}
    env.pop("RESIM_PURE", None)
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]
    command = [*tool, f"--toggle-collect={LOOP}", sys.executable, __file__, "--run", name]
    done = subprocess.run(command, env=env, cwd=checkout, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        sys.exit(f"{checkout}, {name}:\n{done.stdout}{done.stderr}")
    return int(found[1]), done.stdout.split()[-1]


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2])
        return
    other, names = Path(sys.argv[1]).resolve(), sys.argv[2:] or SCENARIOS
    ratios = []
    for name in names:
        (there, before), (here, after) = counted(other, name), counted(HERE.parent, name)
        ratios.append(here / there)
        same = "" if before == after else "  (other events)"
        print(f"{name:20} {there:>12,} {here:>12,}  {ratios[-1] - 1:+.2%}{same}", flush=True)
    print(f"{'mean':20} {fmean(ratios) - 1:+.2%}, at most {max(ratios) - 1:+.2%}")


if __name__ == "__main__":
    main()
