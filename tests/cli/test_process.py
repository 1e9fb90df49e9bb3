"""The real process: pipes that break, signals, start-up, completion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from patience import PATIENCE

from cli.shell import VALIDATOR, resim
from resilience_sim.cli.environment import of_process
from resilience_sim.cli.main import run
from resilience_sim.views.export.csv_tables import NAMES

RESIM = [sys.executable, "-m", "resilience_sim"]
LONG = """\
resim: 1
name: long
service: {latency: {exponential: 20ms}, workers: 10, failure_rate: 10%}
traffic: {rate: 300/s, duration: 100h}
stack: [{retry: {attempts: 3}}]
expect: [availability > 10%]
"""


@pytest.fixture
def long(here):
    """A scenario that no test waits for."""
    (here / "long.yaml").write_text(LONG)
    return "long.yaml"


def test_broken_pipe_is_quiet(long):
    """``resim run x | head -1``: ends at once, says nothing."""
    process = subprocess.Popen([*RESIM, "run", long, "--ui", "plain"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE) == 141
    assert process.stderr
    assert process.stderr.read() == b""


@pytest.mark.parametrize("to", ["jsonl", "csv", "chrome-trace"])
def test_broken_pipe_of_an_export_is_quiet(recording, to):
    """A named bug: ``resim export x --to chrome-trace | head`` ended with an error about a broken pipe, code 2."""
    process = subprocess.Popen(
        [*RESIM, "export", str(recording), "--to", to], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.read(1)
    process.stdout.close()
    assert process.wait(PATIENCE) in (0, 141)  # 0: it was all written before the pipe was closed
    assert process.stderr
    assert process.stderr.read() == b""


@pytest.mark.parametrize("argv", [["list"], ["explain", "retry"], ["run", "--json"], ["--help"], ["schema"]])
def test_nobody_reads(argv, here):
    """Standard output is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    answer = subprocess.run([*RESIM, *argv], stdout=write, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    os.close(write)
    assert answer.returncode == 141
    assert answer.stderr == b""


@pytest.mark.parametrize("options", [["--save", "r.resim"], ["--json", "--save", "r.resim"], ["-q"], ["--runs", "4"]])
def test_interrupt(long, options, here):
    """Ctrl-C: exit code 130, a summary or a document of what was simulated, the recording kept."""
    process = subprocess.Popen(
        [*RESIM, "run", long, "-v", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here
    )
    assert process.stderr
    while "simulating" not in (line := process.stderr.readline()):
        assert line, "it ended before it began"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    if "--json" in options:
        document = json.loads(out)
        VALIDATOR.validate(document)
        assert document["error"]["code"] == "interrupted"
        assert document["variants"][0]["runs"][0]["requests"]["total"] > 0
    else:
        assert "interrupted" in out + err or "nothing was simulated" in out
    if options == ["--save", "r.resim"]:
        kept = resim("replay", "r.resim", "--verify")
        assert kept.code == 0, kept.err
        assert kept.out.startswith("identical: ")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_terminated_it_ends_like_ctrl_c_with_what_is_known(long, number, here):
    """Summary, exports and recording, whole as far as they go; no ``.part`` or ``.new``, and no journal."""
    before = [path.name for path in here.rglob("*")]
    outputs = ["--save", "r.resim", "--out", "csv=o", "--out", "sqlite=t.db"]
    process = subprocess.Popen(
        [*RESIM, "run", long, "-v", *outputs], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here
    )
    assert process.stderr
    while "simulating" not in (line := process.stderr.readline()):
        assert line, "it ended before it began"
    process.send_signal(getattr(signal, number))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + getattr(signal, number), err
    assert "Traceback" not in err
    assert "interrupted: everything below is about the first" in out
    tables = {*(f"{name}.csv" for name in NAMES), "t.db"}
    assert {path.name for path in here.rglob("*") if path.is_file()} == {*before, "r.resim", *tables}
    assert resim("replay", "r.resim", "--verify").code == 0


MODULES = """
import sys
from resilience_sim.cli.main import execute
from resilience_sim.cli.environment import of_process
code = execute(sys.argv[1:], of_process())
print(code, *sorted(sys.modules), file=sys.stderr)
"""


def modules(*argv: str) -> set[str]:
    """Everything that a command imported."""
    answer = subprocess.run(
        [sys.executable, "-c", MODULES, *argv], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    code, *names = answer.stderr.split()
    assert code == "0"
    return set(names)


HEAVY = {"rich", "sqlite3", "multiprocessing", "textual", "asyncio", "xml", "jsonschema"}


def roots(names: set[str]) -> set[str]:
    """Top-level packages."""
    return {name.partition(".")[0] for name in names}


def test_a_run_loads_nothing_it_does_not_use():
    """--speed max --json: no terminal, no recording, no processes, no exports."""
    loaded = modules("run", "first-look", "--speed", "max", "--json")
    assert not HEAVY & roots(loaded)
    for room in ("views.summary", "views.live.driver", "views.plain", "views.export", "recording.writer", "runs.batch"):
        assert f"resilience_sim.{room}" not in loaded
    assert "resilience_sim.cli.commands.compare" not in loaded


def test_help_loads_neither_pydantic_nor_yaml():
    """Nor any room below."""
    loaded = modules("--help")
    assert not {"pydantic", "yaml", "rich", "sqlite3", "multiprocessing"} & roots(loaded)
    assert not {name for name in loaded if name.startswith(("resilience_sim.kernel", "resilience_sim.views"))}


def test_list_loads_no_yaml():
    """The names of shipped scenarios are cheap."""
    assert not {"yaml", "rich", "sqlite3", "multiprocessing"} & roots(modules("list"))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("resim r", {"run", "replay"}),
        ("resim run first", {"first-look"}),
        ("resim run quick.yaml --set retry.att", {"retry.attempts="}),
        ("resim run --out chr", {"chrome-trace="}),
        ("resim compare quick.yaml --variant e", {"eager"}),
        ("resim explain circ", {"circuit_breaker"}),
        ("resim export --to ma", {"markdown"}),
        ("resim replay r", {"r.resim"}),
        ("resim init x --template retry-s", {"retry-storm"}),
        ("resim run --ui ", {"auto", "plain", "live"}),
        ("resim list f", {"faults", "formats"}),
        ("resim validate q", {"quick.yaml"}),
        ("resim play --tour f", {"first-look"}),
        ("resim play --theme ", {"dark", "light"}),
        ("resim play r", {"r.resim", "retry-storm"}),
        ("resim lint --format s", {"sarif"}),
        ("resim export --to re", {"resilience4j"}),
        ("resim import app.yml --instance ", {"backendA", "backendB"}),
    ],
)
def test_completion(words, found, recording, monkeypatch, capsys):
    """What bash would offer."""
    instances = "{backendA: {maxAttempts: 3}, backendB: {maxAttempts: 4}}"
    (recording.parent / "app.yml").write_text(f"resilience4j:\n  retry:\n    instances: {instances}\n")
    for name, value in asked_by_bash(words).items():
        monkeypatch.setenv(name, value)
    run([], of_process())
    out, err = capsys.readouterr()
    assert found <= set(out.split())
    assert err == ""


def test_completion_in_a_process_of_its_own(here):
    """As the shell starts it, with nothing beside it on either stream."""
    code = "from resilience_sim.cli.main import main; main()"
    env = {**os.environ, **asked_by_bash("resim validate q")}
    answer = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (answer.stdout.split(), answer.stderr) == (["quick.yaml"], "")


def asked_by_bash(words: str) -> dict[str, str]:
    return {
        "_RESIM_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device here")  # noqa: PTH110
@pytest.mark.parametrize("argv", [["run", "quick.yaml"], ["run", "quick.yaml", "--json"], ["list"], ["--help"]])
def test_a_standard_output_that_is_full_is_said_in_words(here, argv):
    """With --json it was a traceback and exit 1, which means "the answer is no"; without an internal error."""
    with open("/dev/full", "w") as full:  # noqa: PTH123
        process = subprocess.run(
            [*RESIM, *argv], check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE
        )
    assert process.returncode == 2
    assert "cannot write to standard output" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_no_worker_outlives_its_parent(long, number):
    """They stayed for ever, each holding the others' lines open."""
    process = subprocess.Popen([*RESIM, "run", long, "--runs", "50", "-q"], stdout=subprocess.DEVNULL)
    workers: list[str] = []
    until = time.monotonic() + PATIENCE
    while len(workers) < 2 and time.monotonic() < until:
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:  # noqa: PTH123
            workers = file.read().split()
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)
    process.wait(PATIENCE)
    while any(alive(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(workers) == 2
    assert not any(alive(pid) for pid in workers)


def alive(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no fifos here")
@pytest.mark.parametrize("command", ["run", "validate", "import", "lint"])
def test_a_fifo_is_refused(here, command):
    """It was waited for, for ever."""
    os.mkfifo("pipe.yaml")
    done = subprocess.run([*RESIM, command, "pipe.yaml"], check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert "no file but a pipe" in done.stdout + done.stderr
