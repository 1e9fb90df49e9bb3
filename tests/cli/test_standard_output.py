"""A standard output that takes nothing, under every command: the device is full, nobody reads, memory is gone."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from typing import Any

import pytest
from patience import PATIENCE

from cli.shell import Typed
from resilience_sim.cli.app import COMMANDS
from resilience_sim.cli.environment import Environment
from resilience_sim.cli.main import run

# Command lines that have something to say, where it is not `COMMAND quick.yaml`.
LINES = {
    "compare": ["compare", "quick.yaml", "--runs", "2"],
    "margins": ["margins", "quick.yaml", "--axis", "load", "--runs", "1", "--precision", "20%",
                "--set", "traffic.requests=20"],
    "sweep": ["sweep", "quick.yaml", "--over", "retry.attempts=2..3", "--runs", "2"],
    "replay": ["replay", "r.resim"],
    "play": ["play", "--tour", "list"],
    "list": ["list"],
    "explain": ["explain", "retry"],
    "init": ["init", "new"],
    "lint": ["lint", "quick.yaml", "--format", "sarif"],
    "schema": ["schema"],
    "import": ["import", "app.yml"],
    "tune": ["tune", "quick.yaml", "--vary", "retry.attempts=2", "--budget", "1000 requests",
             "--set", "traffic.requests=10"],
    "export": ["export", "r.resim", "--to", "jsonl"],
    "report": ["report", "r.resim", "-o", "x.html", "--force"],
    "snapshot": ["snapshot", ".", "--runs", "10"],
    "serve": ["serve", "quick.yaml", "--port", "0", "--", sys.executable, "-c", ""],
}  # fmt: skip
WITHOUT_JSON = {"play", "import", "export"}  # the cockpit has no document; those two need -o for it
APP = "resilience4j: {retry: {instances: {a: {maxAttempts: 3}}}}\n"


class Failing(io.RawIOBase):
    """A device that takes no byte."""

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def isatty(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        if self.error is not None:
            raise self.error
        return len(data)


def without_output(error: BaseException, *argv: str) -> tuple[int, str]:
    device = Failing(error)
    stdout = io.TextIOWrapper(io.BufferedWriter(device), encoding="utf-8")
    err = io.StringIO()
    code, _ = run(argv, Environment(Typed(""), stdout, err, {"TERM": "xterm"}, False, False, columns=80, rows=24))
    device.error = None  # else Python complains when it closes the stream
    return code, err.getvalue()


def lines() -> list[list[str]]:
    found = []
    for command in COMMANDS:
        line = LINES.get(command, [command, "quick.yaml"])
        found.append(line)
        if command not in WITHOUT_JSON:
            found.append([line[0], "--json", *line[1:]])
    return [*found, ["--help"], ["run", "--help"], ["--version"], ["--version", "--json"], ["run", "nowhere", "--json"]]


@pytest.fixture
def everything(recording):
    (recording.parent / "app.yml").write_text(APP)
    return recording.parent


@pytest.mark.parametrize("argv", lines(), ids=" ".join)
def test_a_standard_output_that_takes_nothing(everything, argv):
    """In words and with the documented code, never as "the answer is no" or as a fault in resim."""
    code, err = without_output(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), *argv)
    assert code == 2
    assert "error: cannot write to standard output: No space left on device" in err
    assert "internal error" not in err
    (everything / "new.yaml").unlink(missing_ok=True)
    code, err = without_output(BrokenPipeError(errno.EPIPE, "Broken pipe"), *argv)
    assert code == 141
    assert "error" not in err
    (everything / "new.yaml").unlink(missing_ok=True)
    code, err = without_output(MemoryError(), *argv)
    assert code == 2
    assert "error: there is not enough memory for this" in err


# A process that may have only so much more memory than it has when it begins.
SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from resilience_sim.cli.main import main
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (most, most))
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize(
    ("argv", "most"),
    [(["run"], 1), (["run", "--json"], 20), (["run"], 48), (["compare", "--json"], 48), (["lint"], 20)],
)
def test_without_memory_it_ends_in_words(here, argv, most):
    """It was a traceback and exit 1: "the answer is no". Little memory fails early, more of it in the simulation."""
    (here / "trace.csv").write_text("0.001\n" * 1_000_000)
    (here / "big.yaml").write_text("resim: 1\nname: big\nservice: {latency: 50ms}\ntraffic: {trace: trace.csv}\n")
    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, str(most << 20), argv[0], "big.yaml", *argv[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert "not enough memory" in done.stdout + done.stderr, done.stderr
