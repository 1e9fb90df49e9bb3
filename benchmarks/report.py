"""The results page of the benchmark, written by the program."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass
class Measured:
    """One measurement."""

    requests: int
    cpu: float  # seconds, everything that gives the statistics
    peak: float  # MiB
    loop: float | None  # seconds without the statistics, where that is told apart

    @property
    def speed(self) -> float:
        """Requests per second of CPU."""
        return self.requests / self.cpu


Round = dict[str, Measured]
AIMS = [
    ("compiled against SimPy, nothing recorded, all metrics on", "compiled", "SimPy", 60.0),
    ("compiled against C with a heap, both with their statistics", "compiled", "C, binary heap", 0.5),
    ("compiled with one plain-Python policy, against SimPy", "compiled, one Python policy", "SimPy", 20.0),
    ("interpreted against SimPy, all metrics on", "interpreted", "SimPy", 3.0),
    ("interpreted against SimPy, digest only", "interpreted, digest only", "SimPy", 3.0),
    ("compiled and recording every event, against SimPy recording nothing", "compiled, recording", "SimPy", 25.0),
    ("compiled and recording, against compiled without", "compiled, recording", "compiled", 0.5),
    ("compiled against C with timer lanes, both with their statistics", "compiled", "C, timer lanes", 0.6),
    ("a batch of runs of 20,000 requests against one long run", "compiled, short runs", "compiled", 0.9),
    (
        "short runs with availability alone against all metrics",
        "compiled, availability alone",
        "compiled, short runs",
        1.3,
    ),
    ("short runs with p99 alone against all metrics", "compiled, p99 alone", "compiled, short runs", 1.3),
]


def spread(values: list[float], digits: str = ".2f") -> str:
    """Median, and from least to most."""
    return f"{statistics.median(values):{digits}} ({min(values):{digits}} to {max(values):{digits}})"


def machine() -> list[str]:
    """What this was measured on."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            name = line.partition(": ")[2]
            break
    compiler = subprocess.run([os.environ.get("CC", "cc"), "--version"], capture_output=True, text=True, check=False)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        f"* {name}, {len(os.sched_getaffinity(0))} cores for us, load averages at the end {load}",
        f"* {platform.platform()}, {platform.python_implementation()} {platform.python_version()} "
        f"({platform.python_compiler()}), SimPy {version('simpy')}, {compiler.stdout.splitlines()[0]}",
    ]


def write(
    path: Path,
    requests: int,
    checked: list[str],
    rounds: list[Round],
    scaling: dict[str, list[tuple[int, Measured]]],
    recording: dict[tuple[str, int], dict],
    cores: list[dict],
) -> None:
    """The page."""
    lines = [
        "# How fast resim is",
        "",
        "Written by `python benchmarks/run.py`. The model: open loop, 80 requests a second, a circuit breaker around a",
        "retry around a timeout, 10 workers with exponential service, 10 % failures; by hand in `reference.c`, in",
        f"SimPy in `in_simpy.py`. {requests:,} requests, a twentieth of that in SimPy and interpreted;",
        f"{len(rounds)} interleaved rounds, a fresh process for each measurement, CPU time. Medians, in brackets from",
        "least to most; ratios are taken within a round. In C the statistics are outcomes, mean and two percentiles,",
        "in resim all metrics of the result document, and the digest over every event.",
        "",
        *machine(),
        "",
        "Before that, all variants gave these statistics, number by number:",
        "",
        *(f"* {text}" for text in checked),
        "",
        "## Aims",
        "",
        "| ratio | at least | measured | |",
        "|---|---|---|---|",
    ]
    for title, ours, theirs, least in AIMS:
        values = [each[ours].speed / each[theirs].speed for each in rounds]
        reached = "reached" if statistics.median(values) >= least else "**not reached**"
        lines.append(f"| {title} | {least:g} | {spread(values)} | {reached} |")
    loops = [each["compiled, digest only"].speed * each["C, binary heap"].loop / requests for each in rounds]
    lines.append(f"| compiled, digest only, against C's loop alone | 0.5 | {spread(loops)} | |")
    for what, value, least in (("instances", 1000, 0.8),):
        known = dict(scaling.get(what, ()))
        if value in known:
            ratio = known[value].speed / known[1].speed
            reached = "reached" if ratio >= least else "**not reached**"
            lines.append(
                f"| {value:,} client instances against 1, same total load | {least:g} | {ratio:.2f} | {reached} |"
            )
    walls = [each["cpu"] / each["wall"] for each in cores]
    reached = "reached" if statistics.median(walls) >= 1.8 else "**not reached** (needs an idle machine)"
    lines.append(f"| two cores against one, 200 seeds, wall time | 1.8 | {spread(walls)} | {reached} |")
    lines += [
        "",
        "## Speed",
        "",
        "| variant | requests/s | times SimPy | of C with a heap | peak MiB |",
        "|---|---|---|---|---|",
    ]
    for variant in sorted(rounds[0], key=lambda name: statistics.median(each[name].speed for each in rounds)):
        speeds = [each[variant].speed for each in rounds]
        simpy = [each[variant].speed / each["SimPy"].speed for each in rounds]
        heap = [each[variant].speed / each["C, binary heap"].speed for each in rounds]
        peak = max(each[variant].peak for each in rounds)
        lines.append(
            f"| {variant} | {spread(speeds, ',.0f')} | {spread(simpy, '.1f')} | {statistics.median(heap):.3f} "
            f"| {peak:.0f} |"
        )
    lines += ["", "## Recording every event", "", "By the clock on the wall, the disk included; 2 is twice as long."]
    lines += ["", "| | requests | ms without | times as long with |", "|---|---|---|---|"]
    for (form, size), found in recording.items():
        lines.append(f"| {form} | {size:,} | {found['wall'] * 1e3:,.1f} | {found['ratio']:.2f} |")
    if scaling:
        lines += ["", "The tables below are at 60 requests a second."]
    for what, found in scaling.items():
        lines += ["", f"## By {what}", "", f"| {what} | requests/s | peak MiB |", "|---|---|---|"]
        lines += [f"| {value:,} | {one.speed:,.0f} | {one.peak:.0f} |" for value, one in found]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
