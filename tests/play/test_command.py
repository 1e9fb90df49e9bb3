"""``resim play`` as a command: what it says when it cannot begin, and a real pseudo-terminal started and quit."""

from __future__ import annotations

import fcntl
import importlib.util
import io
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pyte
import pytest
from patience import PATIENCE

from resilience_sim.cli.environment import Environment
from resilience_sim.cli.main import execute
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.replay import verify


def call(*argv: str, terminal: bool = True) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    environment = Environment(io.StringIO(), out, err, {"TERM": "xterm"}, terminal, terminal, 100, 30)
    return execute(["play", *argv], environment), out.getvalue(), err.getvalue()


def test_a_missing_extra_names_the_command_that_installs_it(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = call()
    assert code == 2
    assert "pip install 'resilience-sim[play]'" in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--tour", "first-lok"], "did you mean `first-look`"),
        (["--tour", "order", "nowhere-at-all"], "nowhere-at-all"),
        (["nowhere.resim"], "no such file"),
        (["--theme", "drak"], "dark"),
        (["--speed", "fast"], "--speed"),
        (["--json"], "resim run --json"),
    ],
)
def test_mistakes_are_said_before_the_screen_is_taken(argv: list[str], words: str) -> None:
    code, out, err = call(*argv)
    assert code == 2
    assert words in out + err


def test_it_needs_a_terminal() -> None:
    code, _, err = call(terminal=False)
    assert code == 2
    assert "needs a terminal" in err


def test_the_tours_are_listed() -> None:
    code, out, _ = call("--tour", "list", terminal=False)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if not line.startswith(" ")][:3] == [
        "first-look", "why-resilience", "retries",
    ]  # fmt: skip


class Terminal:
    """A child on a pseudo-terminal, its screen kept by pyte."""

    def __init__(self, *argv: str, cwd: Path, columns: int = 132, rows: int = 44) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.environ.update(TERM="xterm-256color", COLUMNS=str(columns), LINES=str(rows), XDG_STATE_HOME=str(cwd))
            os.chdir(cwd)
            os.execv(sys.executable, [sys.executable, "-m", "resilience_sim", *argv])

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, words: str, seconds: float = PATIENCE) -> str:
        """Until the screen shows them."""
        end = time.monotonic() + seconds
        while words not in "\n".join(self.screen.display):
            assert time.monotonic() < end, "\n".join(self.screen.display)
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    break
                self.raw += data
                self.stream.feed(data)
        return "\n".join(self.screen.display)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.fd, keys.encode())

    def end(self) -> int:
        """Its exit code, once it is over; what it still said is kept."""
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.raw += data
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_a_real_terminal_from_start_to_summary(tmp_path) -> None:
    """Started, an outage by key, quit: the screen is given back, the summary printed, the run kept and repeatable."""
    with Terminal("play", "retry-storm", "--save", "p.resim", "--speed", "5x", cwd=tmp_path) as t:
        t.wait("topology")
        t.type("o")
        t.wait("you outage")
        t.type("q")
        code = t.end()
    assert code == 0
    assert b"\x1b[?1049l" in t.raw
    after = t.raw.rpartition(b"\x1b[?1049l")[2]
    assert b"Why" in after
    assert b"interrupted: everything below" in after
    with open_recording(tmp_path / "p.resim") as recording:
        assert [action.kind for action in recording.actions] == ["inject"]
        assert verify(recording).same


def test_a_fork_that_was_taken_is_what_save_keeps(tmp_path) -> None:
    """In a real terminal: the run is played, forked by key, the fork kept, and the recording is that of the fork."""
    size = {"columns": 80, "rows": 24}
    with Terminal("play", "retry-storm", "--save", "p.resim", "--speed", "5x", cwd=tmp_path, **size) as t:
        t.wait("topology")
        t.type("yo")
        t.wait("as it is")
        t.type(" ")
        t.wait("ON")
        t.type("K")
        t.wait("the fork is the run")
        t.type("q")
        code = t.end()
    assert code == 0
    assert b"resim replay p.resim --verify" in t.raw
    with open_recording(tmp_path / "p.resim") as recording:
        assert [action.kind for action in recording.actions] == ["inject"]
        assert verify(recording).same


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_terminated_it_ends_like_quitting(tmp_path, number) -> None:
    """It hung every other time: an exception out of a handler left the threads of the screen waiting."""
    with Terminal("play", "retry-storm", "--save", "p.resim", "--speed", "5x", cwd=tmp_path) as t:
        t.wait("topology")
        t.wait("#1")  # a request: terminated before that, there is nothing to sum up
        os.kill(t.pid, number)
        code = t.end()
    assert code == 128 + number
    assert b"interrupted: everything below" in t.raw.rpartition(b"\x1b[?1049l")[2]
    with open_recording(tmp_path / "p.resim") as recording:
        assert not recording.finished
        assert verify(recording).same
    assert [path.name for path in tmp_path.iterdir()] == ["p.resim"]


def test_what_was_done_is_kept_when_quitting(tmp_path) -> None:
    """Not saved by the user, it can still be replayed: once something else is done in the cockpit it is replaced."""
    with Terminal("play", "retry-storm", "--speed", "5x", cwd=tmp_path) as t:
        t.wait("topology")
        t.type("o")
        t.wait("you outage")
        t.type("q")
        code = t.end()
    assert code == 0
    assert b"resim replay last" in t.raw
    out, err = io.StringIO(), io.StringIO()
    around = Environment(io.StringIO(), out, err, {"XDG_STATE_HOME": str(tmp_path)}, False, False, 100, 30)
    assert execute(["replay", "last", "--verify"], around) == 0, err.getvalue()
    with open_recording(tmp_path / "resim" / "last.resim") as recording:
        assert [action.kind for action in recording.actions] == ["inject"]


def test_nothing_is_kept_where_nothing_was_done(tmp_path) -> None:
    with Terminal("play", "first-look", cwd=tmp_path) as t:
        t.wait("topology")
        t.type("q")
        assert t.end() == 0
    assert b"replay last" not in t.raw
    assert not (tmp_path / "resim").exists()
