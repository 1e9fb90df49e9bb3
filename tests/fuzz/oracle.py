"""What must hold whatever is put in: a documented exit code, words, printable text, bounded time and memory, and
nothing half-written.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import resource
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from types import FrameType

import yaml  # noqa: F401  (an import that Ctrl-C interrupts leaves halves behind, and this process goes on)

from resilience_sim.cli import errors
from resilience_sim.cli.environment import Environment
from resilience_sim.cli.main import execute
from resilience_sim.runs.endings import as_in_a_command

from . import calls
from .case import Case, Step

HEARD = 1.5  # s of CPU within which it is heard
WAITED, WAITED_AT_MOST = 4, 10  # s on the wall for each of CPU, where others work: to be interrupted, and to be done
MOST_MEMORY = 1_000_000  # kB that one step may add to the peak of the process
TOOK = re.compile(rb'"seconds": [0-9.]+')  # in documents of experiments
DOCUMENTED = (errors.OK, errors.NO, errors.NOTHING_DONE, errors.INCONCLUSIVE)
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
HALF = re.compile(r"(\.part|\.new|\.tmp|-journal|-wal|-shm)$|^\.")


@dataclass
class Judgement:
    """``problems``: what must not be. ``same``: what the other form of the core must say, too, word by word."""

    problems: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)  # how each step ended, for the statistics


def judge(case: Case, alone: bool = False) -> Judgement:
    """Do what the case says, in this process, in a folder of its own. ``alone``: no other child processes are known."""
    found = Judgement()
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.chdir(folder)
        try:
            for name, content in case.files.items():
                path = Path(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            for step in case.steps:
                goes_on = _step(step, found)
                if alone and _children():
                    found.problems.append(f"{step.argv[0] if step.argv else step.call}: a process stays")
                if not goes_on:
                    break
        finally:
            os.chdir(before)
    return found


def _step(step: Step, found: Judgement) -> bool:
    """Whether to go on."""

    def problem(what: str) -> None:
        found.problems.append(f"{step.argv[0] if step.argv else step.call}: {what}")

    files, peak = _files(), _peak()
    out, err = io.StringIO(), io.StringIO()
    with _patience(step.patience, WAITED if step.simulates else WAITED_AT_MOST) as clock:
        try:
            if step.argv:
                code: int | str = as_in_a_command(execute)(step.argv, Environment(io.StringIO(), out, err))
            else:
                code = as_in_a_command(getattr(calls, step.call))(*step.with_)
        except KeyboardInterrupt:
            code = errors.INTERRUPTED
        except BaseException as error:
            problem(f"raised {_raised(error)}")
            return False
    interrupted = clock.pressed > 0
    said = out.getvalue() + err.getvalue()
    if interrupted:
        late = time.process_time() - clock.pressed
        if late > HEARD:
            problem(f"Ctrl-C was heard after {late:.0f} s of CPU")
        if not step.simulates:
            problem(f"took more than {step.patience:.0f} s of CPU")
        code = "interrupted" if code in (*DOCUMENTED, errors.INTERRUPTED) else code
    elif isinstance(code, int) and code not in DOCUMENTED:
        problem(f"exit code {code}: {_first_line(said)}")
    if "Traceback (most recent" in said or "internal error" in said:
        problem(f"an internal error: {_of_an_error(said)}")
    for stream, text in (("output", out.getvalue()), ("errors", err.getvalue())):
        bad = CONTROLS.search(text)
        if bad:
            problem(f"U+{ord(bad.group()):04X} in the {stream}")
    if "there is not enough memory" in said:
        problem("ran out of memory")
    if code == errors.NOTHING_DONE and not said.strip():
        problem("exit code 2 without a word")
    if "--json" in takewhile(lambda word: word != "--", step.argv) and not interrupted:
        _is_a_document(out.getvalue(), code, problem)
    if _peak() - peak > MOST_MEMORY:
        problem(f"took {(_peak() - peak) // 1000} MB of memory")
    _look_at_files(step, code, files, problem)
    found.ends.append(f"{step.argv[0] if step.argv else step.call} {str(code).split()[0] if str(code) else code}")
    if interrupted:
        return False
    if _by_the_clock(step) and code != errors.NOTHING_DONE:
        return True
    found.same.append(f"{step}\n{code}\n{_comparable(said)}\n{_hash_of_outputs(step)}")
    return True


def _raised(error: BaseException) -> str:
    """The error, and where it comes from: what tells one finding from another."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "resilience_sim" in name:
            place = f"{Path(name).name}:{trace.tb_frame.f_code.co_name}"
        trace = trace.tb_next
    return f"{type(error).__name__} in {place}: {str(error)[:200]}"


def _is_a_document(text: str, code: int | str, problem) -> None:
    try:
        document = json.loads(text)
    except ValueError:
        problem("--json prints no JSON document")
        return
    said = document.get("error")
    if said is not None and code == errors.NO and said.get("code") == "diverged":
        return
    if (said is not None) != (code == errors.NOTHING_DONE):
        problem(f"exit code {code} with error {str(document.get('error'))[:100]}")


def _look_at_files(step: Step, code: int | str, before: dict[str, str], problem) -> None:
    after = _files()
    for name in before:
        if name not in after:
            problem(f"a file is gone: {Path(name).suffix}")
        elif after[name] != before[name] and name not in step.makes:
            problem(f"a file was changed: {Path(name).suffix}")
    for name in after.keys() - before.keys():
        if HALF.search(Path(name).name) and name not in step.makes:
            problem(f"left behind: {Path(name).suffix or 'hidden file'}")
        elif name not in step.makes:
            problem(f"made a file that nobody asked for: {name}")
        elif code == errors.NOTHING_DONE:
            problem(f"exit code 2, but made {Path(name).suffix}")


def _files() -> dict[str, str]:
    return {str(path): _digest(path.read_bytes()) for path in _paths()}


def _paths() -> list[Path]:
    return [path for path in sorted(Path().rglob("*")) if path.is_file()]


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _hash_of_outputs(step: Step) -> str:
    """A study has its measurements in the order in which they were made, by several processes."""
    found = [path for path in _paths() if str(path) in set(step.makes) - {"study"}]
    contents = [(str(path), TOOK.sub(b"", path.read_bytes())) for path in found]
    return " ".join(f"{name} {_digest(content)}" for name, content in contents)


def _by_the_clock(step: Step) -> bool:
    """How far a search comes in some seconds is not the same twice."""
    return "--budget" in step.argv and not re.search("request", step.argv[step.argv.index("--budget") + 1])


def _comparable(said: str) -> str:
    return re.sub(r'[0-9.]+ s in total|"seconds": [0-9.]+|(?m:^detail: .*$)', "", said)


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")[:200]


def _of_an_error(text: str) -> str:
    """The line that tells of it."""
    return next((line.strip() for line in text.splitlines() if "Traceback" in line or "internal" in line), "")[:200]


def _children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class _Clock:
    pressed = 0.0


@contextmanager
def _patience(seconds: float, waited: int) -> Iterator[_Clock]:
    """After a while of CPU time, or ``waited`` times as long on the wall (others may be working), press Ctrl-C.

    As a terminal does it: whoever has a handler of his own for it (while processes are started, say) gets it there.
    """
    clock = _Clock()

    def press(number: int, frame: FrameType | None) -> None:
        stop()
        clock.pressed = time.process_time()
        signal.raise_signal(signal.SIGINT)

    def stop() -> None:
        for timer in (signal.ITIMER_VIRTUAL, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)

    numbers = (signal.SIGVTALRM, signal.SIGALRM)
    before = [signal.signal(number, press) for number in numbers]
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in the background
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * waited)
    try:
        yield clock
    finally:
        stop()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        signal.signal(signal.SIGINT, usual)
