"""How fast resim is with several services, beside SimPy: measures everything and writes SERVICES.md.

    python benchmarks/services.py [--rounds 5] [--requests 200000]

Needs SimPy (`pip install -e '.[bench]'`) and the compiled core. First both have to give the same statistics, number by
number; then they are timed in interleaved rounds, each measurement in a fresh process, by CPU time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from report import machine, spread

HERE = Path(__file__).resolve().parent
SLOWER = 20  # SimPy gets that part of the requests
SIZES = (1, 3, 10, 30, 100)
HOPS, TIMES = 1_000_000, 40  # what is aimed at


def measure(script: str, *arguments: object, pure: bool = False) -> dict:
    """One measurement in a process of its own."""
    env = {key: value for key, value in os.environ.items() if key != "RESIM_PURE"}
    env["PYTHONPATH"] = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(HERE.parent)]).strip(os.pathsep)
    if pure:
        env["RESIM_PURE"] = "1"
    command = [sys.executable, HERE / script, *map(str, arguments)]
    answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(f"{command}\n{answer.stdout}{answer.stderr}")
    found = json.loads(answer.stdout)
    if not pure and found.get("core", "compiled") != "compiled":
        sys.exit(f"the core is {found['core']}: install with a C compiler (`pip install -e .`) first")
    return found


def speed(found: dict) -> float:
    """Hops per second of CPU."""
    return found["hops"] / found["cpu"]


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--results", type=Path, default=HERE / "SERVICES.md")
    asked = parser.parse_args()
    say("same statistics?")
    ours = measure("services_resim.py", 3, 20_000, 1)["statistics"]
    theirs = measure("services_simpy.py", 20_000, 1, "keyed", pure=True)["statistics"]
    for name, value in ours.items():
        if round(value, 9) != round(theirs[name], 9):
            sys.exit(f"{name} is {value} in resim and {theirs[name]} in SimPy")
    rounds = []
    for turn in range(asked.rounds):
        say(f"round {turn + 1} of {asked.rounds}")
        resim = measure("services_resim.py", 3, asked.requests, 1)
        rounds.append((resim, measure("services_simpy.py", asked.requests // SLOWER, 1, "random")))
    say("memory")
    peaks = [measure("services_resim.py", 3, asked.requests * times, 1)["peak"] for times in (1, 4)]
    table = []
    for size in SIZES:
        say(f"{size} services")
        requests = max(2_000, 3 * asked.requests // 5 // size)
        best = min((measure("services_resim.py", size, requests, 1) for _ in range(3)), key=lambda each: each["cpu"])
        table.append(f"| {size} | {speed(best):,.0f} | {requests / best['cpu']:,.0f} | {best['peak']:.0f} |")
    ratios = [speed(resim) / speed(simpy) for resim, simpy in rounds]
    hops = [speed(resim) for resim, _ in rounds]
    rows = [
        (f"{HOPS:,} hops a second, compiled, all figures", spread(hops, ",.0f"), statistics.median(hops) >= HOPS),
        (f"{TIMES} times SimPy", spread(ratios, ".1f"), statistics.median(ratios) >= TIMES),
        (
            "memory does not grow with the run: peak MiB at 1 and 4 times the requests",
            f"{peaks[0]:.0f}, {peaks[1]:.0f}",
            peaks[1] < 1.25 * peaks[0],
        ),
    ]
    lines = [
        "# How fast resim is with several services",
        "",
        "Written by `python benchmarks/services.py`. The model: client, shop, stock, db, 200 requests a second; on",
        "every link a circuit breaker around a retry around a timeout; db fails 5 % of the time. A hop is an attempt",
        "at a service. In SimPy it is `services_simpy.py`, with a twentieth of the requests.",
        f"{asked.requests:,} requests; {asked.rounds} interleaved rounds, a fresh process for each measurement, CPU",
        "time. Medians, in brackets from least to most; ratios are taken within a round.",
        "",
        *machine(),
        "",
        "Before that, both gave these statistics, number by number:",
        "",
        "* " + ", ".join(f"{name} {value:g}" for name, value in ours.items()),
        "",
        "| aim | measured | |",
        "|---|---|---|",
        *(f"| {what} | {how} | {'reached' if good else '**not reached**'} |" for what, how, good in rows),
        "",
        "A chain of so many services, each with those policies around the next one (a request is as many hops):",
        "",
        "| services | hops/s | requests/s | peak MiB |",
        "|---|---|---|---|",
        *table,
    ]
    asked.results.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(asked.results.read_text())


if __name__ == "__main__":
    main()
