"""Instances that other processes look at ahead of their turn: what is found is what is found without them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from interop.test_linear import FILES
from patience import PATIENCE

from resilience_sim.interop import section
from resilience_sim.lint import instances
from resilience_sim.lint.check import lint_files
from resilience_sim.lint.finding import Finding
from resilience_sim.lint.look import Look, Seen
from resilience_sim.lint.subject import Subject
from resilience_sim.runs.workers import FORKS

pytestmark = pytest.mark.skipif(not FORKS, reason="processes are not forked here")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two processes as soon as that can be, however little there is to do; nobody is left behind."""
    monkeypatch.setattr(instances, "hands", lambda: 2)
    monkeypatch.setattr(instances, "PAUSE", 0.0)
    monkeypatch.setattr(instances, "WORTH", 0.0)
    yield
    assert multiprocessing.active_children() == []


def distinct(n: int) -> str:
    """Instances with values of their own, after some that are alike, and something to say of the whole file."""
    alike = "".join(f"      a{i}: {{maxAttempts: 3, bogus: 1}}\n" for i in range(8))
    own = "".join(f"      b{i}: {{maxAttempts: {i + 2}, waitDuration: {7 * i + 1}ms}}\n" for i in range(n))
    return f"resilience4j:\n  bogus: 1\n  retry:\n    instances:\n{alike}{own}"


@pytest.fixture
def file(tmp_path: Path) -> str:
    name = tmp_path / "application.yml"
    name.write_text(distinct(60), encoding="utf-8")
    return str(name)


def found_in(file: str, monkeypatch: pytest.MonkeyPatch, many: int = 2) -> tuple[list[Finding], int]:
    """What is found, and how many subjects this process looked at for it."""
    looked = 0
    all_of = Look.all_of

    def counted(self: Look, subject: Subject) -> Seen:
        nonlocal looked
        looked += 1
        return all_of(self, subject)

    with monkeypatch.context() as patched:
        patched.setattr(Look, "all_of", counted)
        patched.setattr(instances, "hands", lambda: many)
        return list(lint_files([file]).found), looked


@pytest.mark.parametrize("large", [5, 1000])
@pytest.mark.parametrize("name", FILES)
def test_as_without(name: str, large: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every format, with instances that are known to be alike (in large files) and not."""
    monkeypatch.setattr(section, "LARGE", large)
    file_name, text = FILES[name]
    file = tmp_path / file_name
    file.write_text(text(60), encoding="utf-8")
    alone, all_here = found_in(str(file), monkeypatch, 1)
    together, here = found_in(str(file), monkeypatch)
    assert together == alone
    assert here < all_here or here <= 4


@pytest.mark.parametrize("large", [5, 1000])
def test_values_of_their_own(large: int, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section, "LARGE", large)
    alone, all_here = found_in(file, monkeypatch, 1)
    together, here = found_in(file, monkeypatch)
    assert together == alone
    assert all_here >= 60
    assert here < 10


def in_others(do: Callable[[], object], at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it done where another process looks at that instance."""
    here, all_of = os.getpid(), Look.all_of

    def looked(self: Look, subject: Subject) -> Seen:
        if subject.instance == at and os.getpid() != here:
            do()
        return all_of(self, subject)

    monkeypatch.setattr(Look, "all_of", looked)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise ValueError("only there")


@pytest.mark.parametrize("what", [die, fail])
def test_what_is_lost_with_a_process_is_looked_at_here(
    what: Callable[[], object], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, _ = found_in(file, monkeypatch, 1)
    in_others(what, "b40", monkeypatch)
    together, here = found_in(file, monkeypatch)
    assert together == alone
    assert here > 3


PROGRAM = r"""
import os, sys, time
from resilience_sim.cli.main import main
from resilience_sim.lint import instances
from resilience_sim.lint.look import Look

here, all_of = os.getpid(), Look.all_of
def slowly(self, subject):
    if os.getpid() != here:
        os.write(2, f"{os.getpid()}\n".encode())  # at once: there are two of them
        time.sleep(60)
    return all_of(self, subject)
Look.all_of, instances.PAUSE, instances.WORTH, instances.hands = slowly, 0.0, 0.0, lambda: 2
sys.argv = ["resim", "lint", sys.argv[1]]
sys.exit(main())
"""


def test_ctrl_c_ends_all(file: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        others = [int(process.stderr.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    for each in others:
        with pytest.raises(ProcessLookupError):
            os.kill(each, 0)
