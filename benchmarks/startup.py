"""How long commands take to start, against a bare Typer hello.

    python benchmarks/startup.py [ROUNDS]

Runs are interleaved and the median counts, so that a busy machine hits all alike. ``tty`` rows write to a
pseudo-terminal, where Typer and resim draw their help with Rich. Exit code 1 when `resim --help` takes twice a hello.
"""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HELLO = "import typer\napp = typer.Typer()\n@app.command()\ndef hello(name: str = 'x'):\n    print(name)\napp()\n"
RESIM = ["-m", "resilience_sim"]


def once(command: list[str], terminal: bool) -> float:
    """Seconds of wall time of a whole process."""
    if not terminal:
        begun = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begun
    ours, theirs = pty.openpty()
    reader = threading.Thread(target=_swallow, args=(ours,), daemon=True)
    reader.start()
    begun = time.perf_counter()
    subprocess.run(command, stdout=theirs, check=True, env={**os.environ, "TERM": "xterm-256color"})
    taken = time.perf_counter() - begun
    os.close(theirs)
    reader.join(5)
    os.close(ours)
    return taken


def _swallow(descriptor: int) -> None:
    try:
        while os.read(descriptor, 65536):
            pass
    except OSError:
        pass


def measure(rounds: int) -> dict[str, float]:
    """Median seconds by row."""
    with tempfile.TemporaryDirectory() as folder:
        hello = Path(folder, "hello.py")
        hello.write_text(HELLO)
        rows: dict[str, tuple[list[str], bool]] = {
            "python": (["-c", "pass"], False),
            "hello --help": ([str(hello), "--help"], False),
            "resim --help": ([*RESIM, "--help"], False),
            "hello --help, tty": ([str(hello), "--help"], True),
            "resim --help, tty": ([*RESIM, "--help"], True),
            "hello": ([str(hello)], False),
            "resim list": ([*RESIM, "list"], False),
            "resim validate first-look": ([*RESIM, "validate", "first-look"], False),
            "resim run --speed max --json": ([*RESIM, "run", "first-look", "--speed", "max", "--json"], False),
            "resim run -q": ([*RESIM, "run", "first-look", "-q"], False),
        }
        taken: dict[str, list[float]] = {name: [] for name in rows}
        for number in range(rounds + 1):
            for name, (command, terminal) in rows.items():
                seconds = once([sys.executable, *command], terminal)
                if number:  # the first round fills caches
                    taken[name].append(seconds)
    return {name: statistics.median(each) for name, each in taken.items()}


def main() -> int:
    """Print the table; the exit code says whether the promise holds."""
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
    for name, seconds in found.items():
        print(f"{name:<30} {seconds * 1000:6.0f} ms")
    ratios = {
        "piped": found["resim --help"] / found["hello --help"],
        "tty": found["resim --help, tty"] / found["hello --help, tty"],
    }
    for name, ratio in ratios.items():
        print(f"resim --help / hello --help, {name}: {ratio:.2f}")
    return int(max(ratios.values()) >= 2)


if __name__ == "__main__":
    sys.exit(main())
