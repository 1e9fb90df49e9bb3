"""A sweep of ``retry-storm``, 5,600 runs, by one process, by two, and by two workers of a Dask cluster on this machine.

    python benchmarks/crews.py [ROUNDS]

Wall time of the whole command, all three in turn, ratios within a round: two cores have to be idle. Needs the extra
``cluster``. Ends with 1 when the three do not give the same figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
SWEEP = ("sweep", "retry-storm", "--over", "retry.attempts=1..7", "--over", "traffic.rate=20/s..48/s:8",
         "--runs", "100", "--json")  # fmt: skip
PATIENCE = 60.0  # s that the cluster may take to come


def dask(*words: str) -> subprocess.Popen[bytes]:
    """A scheduler or a worker."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "dask", *words, "--no-dashboard"], env=environ(), **quiet)


def environ() -> dict[str, str]:
    """Ours, with this checkout in front, and without Dask's profiler, as docs/cluster.md starts workers."""
    return {
        **os.environ,
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep),
    }


def took(cores: set[int], *more: str) -> tuple[float, str]:
    """Seconds of the command on these cores, and what it prints, but for the seconds it says itself."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "resilience_sim", *SWEEP, *more],
        env=environ(), stdout=subprocess.PIPE, check=True, preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    answer = json.loads(done.stdout)
    del answer["spent"]["seconds"]
    return seconds, json.dumps(answer)


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("this needs two cores")
    first, both = {cores[0]}, set(cores[:2])
    ratios: dict[str, list[float]] = {"two processes": [], "Dask, two workers": []}
    same = True
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scheduler.json")
        started = [dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))]
        try:
            ends = time.monotonic() + PATIENCE
            while not file.exists() and time.monotonic() < ends:
                time.sleep(0.1)
            if not file.exists():
                sys.exit("no scheduler of Dask comes up: pip install 'resilience-sim[cluster]'")
            address = json.loads(file.read_text())["address"]
            started += [
                dask("worker", address, "--nthreads", "1", "--no-nanny", "--local-directory", folder) for _ in both
            ]
            took(both, "--cluster", address)  # the workers come, and import what they need
            for turn in range(rounds):
                alone, expected = took(first)
                line = [f"round {turn + 1}: one process {alone:.1f} s"]
                for name, more in (("two processes", ()), ("Dask, two workers", ("--cluster", address))):
                    seconds, printed = took(both, *more)
                    ratios[name].append(alone / seconds)
                    same = same and printed == expected
                    line.append(f"{name} {seconds:.1f} s ({alone / seconds:.2f}x)")
                print(", ".join(line), flush=True)
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()
    for name, values in ratios.items():
        print(f"{name}: {median(values):.2f} times one ({min(values):.2f} to {max(values):.2f})")
    print(f"the same figures: {'yes' if same else 'no'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
