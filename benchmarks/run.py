"""How fast resim is, beside SimPy and beside C: measures everything and writes RESULTS.md.

    python benchmarks/run.py [--rounds 7] [--requests 1000000] [--quick] [--no-scaling]

Needs SimPy (`pip install -e '.[bench]'`) and a C compiler. First all variants have to give the same statistics, number
by number; then they are timed in interleaved rounds, each measurement in a fresh process, by CPU time, so that a busy
machine hits all alike; ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from report import Measured, write

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RATE, FAIL = 80, 0.1
CALM = 60  # for the scaling table: a breaker for each of a thousand instances must not turn it into another model
FLAGS = ["-O3", "-march=native", "-ffp-contract=off"]
SLOWER = 20  # interpreted variants get that part of the requests

# name: how many requests of the full number, 1 or 1/SLOWER
VARIANTS = {
    "C, timer lanes": 1,
    "C, binary heap": 1,
    "compiled, digest only": 1,
    "compiled": 1,
    "compiled, one Python policy": 1,
    "compiled, recording": 1,
    "compiled, short runs": 1,
    "compiled, availability alone": 1,
    "compiled, p99 alone": 1,
    "interpreted, digest only": SLOWER,
    "interpreted": SLOWER,
    "interpreted, one Python policy": SLOWER,
    "interpreted, recording": SLOWER,
    "SimPy": SLOWER,
}
CASES = {"digest only": "digest", "one Python policy": "plugin", "recording": "recorded", "": "figures"}
CASES |= {"short runs": "short", "availability alone": "availability", "p99 alone": "p99"}
RECORDED = (1_000, 10_000, 100_000, 1_000_000)
SCALING = {
    "requests": ("figures", [10_000, 100_000, 1_000_000, 10_000_000]),
    "policies": ("policies", [1, 2, 3, 4, 5, 6, 7, 8]),
    "instances": ("instances", [1, 10, 100, 1000]),
    "replicas": ("replicas", [1, 2, 5, 10, 100]),
}


class Bench:
    """Runs one variant in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        compiler = shutil.which(os.environ.get("CC", "cc"))
        if compiler is None:
            sys.exit("benchmarks/run.py needs a C compiler")
        for name, extra in (("heap", []), ("lanes", ["-DLANES"])):
            source = HERE / "reference.c"
            subprocess.run([compiler, *FLAGS, *extra, source, "-o", folder / name, "-lm"], check=True)

    def __call__(self, variant: str, requests: int, rate: float = RATE, rng: str = "random") -> dict:
        """One measurement."""
        numbers = [str(requests), "1", str(rate), str(FAIL)]
        if variant.startswith("C, "):
            return self._run([self.folder / variant.rpartition(" ")[2], *numbers, "1"])
        if variant == "SimPy":
            return self._run([sys.executable, HERE / "in_simpy.py", *numbers, rng])
        form, _, case = variant.partition(", ")
        return self.resim([CASES[case], *numbers], form)

    def resim(self, arguments: list[str], form: str = "compiled") -> dict:
        """One measurement of resim; an error when it is not the form that was asked for."""
        answer = self._run([sys.executable, HERE / "in_resim.py", *arguments], pure=form == "interpreted")
        if not answer["core"].startswith(form):
            sys.exit(f"the core is {answer['core']}: install with a C compiler (`pip install -e .`) first")
        return answer

    def _run(self, command: list, pure: bool = False) -> dict:
        env = {key: value for key, value in os.environ.items() if key != "RESIM_PURE"}
        env["PYTHONPATH"] = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)]).strip(os.pathsep)
        if pure:
            env["RESIM_PURE"] = "1"
        answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if answer.returncode:
            sys.exit(f"{command}\n{answer.stdout}{answer.stderr}")
        return json.loads(answer.stdout)


def check(bench: Bench, requests: int) -> list[str]:
    """Every variant gives the same statistics, at a load that goes well and at one that opens the breaker."""
    said = []
    for rate in (RATE, 95):
        expected = None
        for variant in VARIANTS:
            known = bench(variant, requests, rate, "keyed")["statistics"]
            if not known:
                continue
            rounded = {name: round(value, 9) for name, value in known.items()}
            expected = expected or rounded
            if rounded != expected:
                sys.exit(f"{variant} at {rate}/s gives other statistics: {rounded}, not {expected}")
        said.append(f"{rate}/s: " + ", ".join(f"{name} {value:g}" for name, value in expected.items()))
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="three rounds, a tenth of the requests, no scaling table")
    parser.add_argument("--no-scaling", action="store_true")
    parser.add_argument("--results", type=Path, default=HERE / "RESULTS.md")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.requests, asked.no_scaling = 3, asked.requests // 10, True
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        say("same statistics?")
        checked = check(bench, 20_000)
        rounds = []
        for turn in range(asked.rounds):
            say(f"round {turn + 1} of {asked.rounds}")
            rounds.append({})
            for variant, part in VARIANTS.items():
                answer = bench(variant, asked.requests // part)
                rounds[-1][variant] = Measured(
                    asked.requests // part, answer["cpu"], answer["peak"], answer.get("loop")
                )
        scaling = {}
        for what, (case, values) in SCALING.items() if not asked.no_scaling else ():
            say(f"scaling: {what}")
            scaling[what] = []
            for value in values:
                requests = value if what == "requests" else asked.requests
                numbers = [str(requests), "1", str(CALM), str(FAIL)]
                answers = [
                    bench.resim([case, *numbers, *([] if what == "requests" else [str(value)])])
                    for _ in range(1 if requests > 1_000_000 else 3)
                ]
                best = min(answers, key=lambda answer: answer["cpu"])
                scaling[what].append((value, Measured(requests, best["cpu"], best["peak"], None)))
        recording = {}
        for form in ("compiled", "interpreted"):
            say(f"recording, {form}")
            for size in RECORDED:
                turns = max(1, min(31, (2_000_000 if form == "compiled" else 100_000) // size))
                numbers = [str(size), "1", str(RATE), str(FAIL), str(turns)]
                recording[form, size] = bench.resim(["recording", *numbers], form)
        say("two cores against one")
        cores = [bench.resim(["seeds", "20000", "1", str(RATE), str(FAIL), "200"]) for _ in range(5)]
    write(asked.results, asked.requests, checked, rounds, scaling, recording, cores)
    print(asked.results.read_text())


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
