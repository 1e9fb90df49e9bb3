"""Commands killed at random instants: which processes and files stay, and what of the recording can be read.

    python tests/fuzz/kills.py --each 100 --seed 1

starts ``run --save``, ``compare --runs`` and ``play --save`` (in a terminal of its own) over and over, sends each one
SIGKILL, SIGTERM or SIGHUP at some instant between its first and its last breath, and checks:

* no process of it is left;
* the recording, where there is one, can be read and was made by that run; after SIGKILL at most the last second is
  missing, after the others nothing, and the exports are whole;
* nothing else is left: no ``.part``, ``.new`` or journal, but after SIGKILL, where the next run cleans up.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SCENARIO = """\
resim: 1
name: long
service: {latency: {exponential: 20ms}, workers: 10, failure_rate: 10%}
traffic: {rate: 300/s, duration: 100h}
stack: [{retry: {attempts: 3}}, {timeout: {after: 300ms}}]
compare: {variants: {alone: {without: [retry]}}}
"""
SHORT = SCENARIO.replace("100h", "1s")
RESIM = [sys.executable, "-m", "resilience_sim"]
ROOT = Path(__file__).parents[2]
COMMANDS = {
    "run": ["run", "s.yaml", "--save", "r.resim", "--out", "csv=tables", "--out", "sqlite=t.db"],
    "compare": ["compare", "s.yaml", "--runs", "4", "-q"],
    "play": ["play", "s.yaml", "--save", "r.resim", "--speed", "max"],
}
SIGNALS = ("KILL", "TERM", "HUP")
PATIENCE = 120.0  # s until something that must happen is said not to
LOST = 1.0  # s of a recording that SIGKILL may cost, on a busy machine too
SETTLED = 10.0  # s in which processes and locks of the killed have to be gone


@dataclass
class Trial:
    """One command, killed; ``faults`` are what should not have been."""

    command: str
    signal: str
    after: float
    stage: str = "starting"
    code: int | None = None
    events: int = -1
    missing: float = 0.0
    left: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.command} -{self.signal} after {self.after:.2f} s ({self.stage}): {'; '.join(self.faults)}"


def trial(
    command: str, name: str, luck: random.Random, verify: bool = True, stage: str = "", patient: bool = False
) -> Trial:
    """Start a command in a new folder, kill it, look. ``stage``: when; else luck decides. ``patient``: with a machine
    that is busy, where commits come late; and quick, as all that was simulated is simulated again.
    """
    stage = stage or luck.choice(("starting", "at work"))
    with tempfile.TemporaryDirectory(prefix="resim-kill-") as folder:
        here = Path(folder)
        (here / "s.yaml").write_text(SCENARIO)
        (here / "short.yaml").write_text(SHORT)
        number = getattr(signal, f"SIG{name}")
        with started(COMMANDS[command], here, terminal=command == "play") as process:
            # Half of them while the program starts, the others once it is at work.
            begun = time.monotonic()
            if stage == "at work":
                while process.poll() is None and not at_work(process, here) and time.monotonic() - begun < PATIENCE:
                    time.sleep(0.01)
                time.sleep(luck.uniform(0.0, 0.8 if patient else 2.5))
            else:
                time.sleep(luck.uniform(0.0, 1.5))
            found = Trial(command, name, time.monotonic() - begun, stage)
            changed = None if patient else age(here / "r.resim")
            killed = time.time()
            process.send_signal(number)
            try:
                found.code = process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                found.faults.append("it did not end")
                process.kill()
                process.wait()
            if (
                name != "KILL"
                and stage == "at work"
                and command != "compare"
                and (age(here / "r.resim") or 0.0) > (time.time() - killed + 0.1)
            ):
                found.faults.append("the recording was not completed")
            judge(found, process.pid, here, changed, verify)
        return found


def judge(found: Trial, session: int, here: Path, changed: float | None, verify: bool) -> None:
    """What is left, and what can be read."""
    from resilience_sim.views.export.csv_tables import NAMES

    number = getattr(signal, f"SIG{found.signal}")
    if found.code not in (-number, 128 + number):
        found.faults.append(f"exit code {found.code}")
    if left := still_alive(session):
        found.faults.append(f"processes left: {left}")
    expected = {"s.yaml", "short.yaml", "r.resim"}
    made = {*(f"{name}.csv" for name in NAMES), "t.db"}
    if found.signal != "KILL":  # they end like Ctrl-C: with the outputs, whole
        expected |= made
    found.left = sorted({path.name for path in here.rglob("*") if path.is_file()} - expected)
    if found.left and found.signal != "KILL":
        found.faults.append(f"files left: {found.left}")
    if (here / "r.resim").exists():
        look_into(found, here / "r.resim", changed, verify)
    if found.signal == "KILL":
        again = subprocess.run(
            [*RESIM, "run", "short.yaml", "--save", "r.resim", "--out", "csv=tables", "--out", "sqlite=t.db", "-q"],
            cwd=here,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if again.returncode != 0:
            found.faults.append(f"the next run ends with {again.returncode}: {again.stderr.strip()}")
        dirt = sorted({path.name for path in here.rglob("*") if path.is_file()} - expected - made)
        if dirt:
            found.faults.append(f"not cleaned at the next run: {dirt}")


def look_into(found: Trial, path: Path, changed: float | None, verify: bool) -> None:
    """Whether the recording can be read, is of this run, and misses no more than it may."""
    from resilience_sim.recording.layout import RecordingError
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.runs.replay import verify as compare_with_a_new_run

    try:
        with open_recording(path) as recording:
            found.events = sum(1 for _ in recording.iter_events())
            if verify and not compare_with_a_new_run(recording).same:
                found.faults.append("the recording is of another run")
    except RecordingError as error:
        found.faults.append(f"the recording cannot be read: {error}")
    if found.signal == "KILL" and found.stage == "at work" and changed is not None and found.events > 0:
        found.missing = changed  # committed so long before the kill
        if changed > LOST:
            found.faults.append(f"the last {changed:.1f} s are lost")


def at_work(process: subprocess.Popen[bytes], here: Path) -> bool:
    """Whether it simulates: the recording is there, or the workers are."""
    return (here / "r.resim").exists() or len(children(process.pid)) > 1


def age(path: Path) -> float | None:
    """Seconds since the file was written to."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return None


@contextmanager
def started(argv: Sequence[str], here: Path, terminal: bool) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a session of its own, with a terminal if it needs one (whose screen nobody looks at)."""
    if not terminal:
        process = subprocess.Popen(
            [*RESIM, *argv],
            cwd=here,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            clear_away(process.pid)
        return
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    # The interpreter takes the terminal before the program begins; a preexec_fn is not safe beside threads.
    take = "import fcntl, runpy, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    take += "runpy.run_module('resilience_sim', run_name='__main__', alter_sys=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", take, *argv],
        cwd=here,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    if not os.read(ours, 65536):
                        return
                except OSError:  # nobody has the other end any more
                    return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield process
    finally:
        clear_away(process.pid)
        done.set()
        reader.join()
        os.close(ours)


def environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": path}


def still_alive(session: int) -> list[int]:
    """The processes of a session that do not end within reason."""
    until = time.monotonic() + SETTLED
    while (found := members(session)) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def members(session: int) -> list[int]:
    """The processes of a session, without those that are dead and not yet waited for."""
    return [pid for pid, _, state, its in processes() if its == session and state != "Z"]


def children(parent: int) -> list[int]:
    return [pid for pid, its, state, _ in processes() if its == parent and state != "Z"]


def processes() -> Iterator[tuple[int, int, str, int]]:
    """Pid, parent, state and session of every process of this machine."""
    for name in os.listdir("/proc"):  # noqa: PTH208 (names are enough)
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue
            state, parent, _, session = stat.rpartition(")")[2].split()[:4]
            yield int(name), int(parent), state, int(session)


def clear_away(session: int) -> None:
    """Whatever a fault has left running."""
    for pid in members(session):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=10, help="kills of each command with each signal (default 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--signals", default=",".join(SIGNALS))
    parser.add_argument("--verify", type=float, default=0.1, help="share of recordings run again (default 0.1)")
    options = parser.parse_args()
    for name in SIGNALS[1:]:  # a shell, or nohup, may have them ignored, which children inherit
        signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)
    luck = random.Random(options.seed)
    failed = 0
    for command in options.commands.split(","):
        for name in options.signals.split(","):
            found = []
            for _ in range(options.each):
                found.append(trial(command, name, luck, verify=luck.random() < options.verify))
                if found[-1].faults:
                    print(f"  {found[-1]}", flush=True)
            stages = Counter(each.stage for each in found)
            kept = [each for each in found if each.events >= 0]
            missing = max((each.missing for each in found), default=0.0)
            faults = sum(bool(each.faults) for each in found)
            dirty = sum(bool(each.left) for each in found)
            failed += faults
            print(
                f"{command} -{name}: {len(found)} kills ({stages['starting']} starting, {stages['at work']} at work), "
                f"{len(kept)} recordings read ({sum(each.events for each in kept):,} events), "
                f"at most {missing:.2f} s lost, {dirty} with files to clean, {faults} faults",
                flush=True,
            )
    print(f"{failed} faults", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
