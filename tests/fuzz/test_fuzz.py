"""Ten seconds of fuzzing, the same ones each time; what was found before; and that the fuzzer would see it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

from resilience_sim.cli import complete
from resilience_sim.cli.app import COMMANDS, load
from resilience_sim.views.export.csv_tables import NAMES

from . import command_lines, oracle, recordings
from .campaign import TARGETS, Report, cases, look
from .case import Case, Step, read
from .forms import Forms
from .shrink import signature, smaller

CORPUS = sorted(Path(__file__).with_name("corpus").glob("*.json"))
EACH = 3


@pytest.fixture(scope="session")
def forms(request: pytest.FixtureRequest) -> Iterator[Forms]:
    """Both forms where the core can be compiled, else the one there is."""
    try:
        compiled = request.getfixturevalue("compiled")
    except pytest.skip.Exception:
        compiled = None
    made = Forms(compiled)
    yield made
    made.close()


@pytest.mark.parametrize("target", TARGETS)
def test_a_little_of_everything(target: str, forms: Forms) -> None:
    """`python -m tests.fuzz` does more of it."""
    report = Report()
    cases(TARGETS[target], EACH, 1, lambda case: look(forms, case, report, None, print))
    assert sum(report.tried.values()) >= EACH
    assert not report.found, report.text()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(path: Path, forms: Forms) -> None:
    problems, _ = forms.judge(read(path))
    assert problems == []


# --- would it be seen? ----------------------------------------------------------------------------------------------

FILES = {"s.yaml": b"resim: 1\ntraffic: {rate: 9/s, requests: 9}\n"}
RUN = Case("scenario", FILES, (Step(("run", "s.yaml", "-q"), simulates=True, patience=0.3),))


def judged(monkeypatch: pytest.MonkeyPatch, command) -> list[str]:
    """What is said of a program that does this instead of what it should."""
    monkeypatch.setattr(oracle, "HEARD", 0.2)
    monkeypatch.setattr(oracle, "execute", command)
    return oracle.judge(RUN).problems


def says(text: str = "", code: int = 0):
    def command(argv, environment) -> int:
        environment.stdout.write(text)
        return code

    return command


def test_a_run_as_it_should_be() -> None:
    found = oracle.judge(Case("scenario", FILES, (Step(("run", "s.yaml", "-q"), simulates=True),)))
    assert found.problems == []
    assert found.ends == ["run 0"]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (says("fine\n", 3), "exit code 3"),
        (says("fine\n", 7), "exit code 7"),
        (says("error: internal error: ValueError\n", 2), "an internal error"),
        (says("Traceback (most recent call last):\n", 1), "an internal error"),
        (says("\x1b]0;PWN\x07"), "U+001B in the output"),
        (says("a\u202eb"), "U+202E in the output"),
        (says("", 2), "without a word"),
        (says("error: there is not enough memory for this", 2), "ran out of memory"),
    ],
)
def test_what_must_not_be_said_is_seen(monkeypatch: pytest.MonkeyPatch, command, problem: str) -> None:
    assert any(problem in each for each in judged(monkeypatch, command))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (".hidden.part", "left behind"),
        ("r.resim-journal", "left behind"),
        ("unasked.txt", "nobody asked for"),
        ("s.yaml", "was changed"),
    ],
)
def test_files_that_must_not_be_are_seen(monkeypatch: pytest.MonkeyPatch, name: str, problem: str) -> None:
    def command(argv, environment) -> int:
        Path(name).write_text("x")
        return 0

    assert any(problem in each for each in judged(monkeypatch, command))


def test_errors_and_endless_loops_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(argv, environment) -> int:
        raise KeyError("x")

    def deaf(argv, environment) -> int:
        end = time.process_time() + 0.9
        while time.process_time() < end:
            try:
                while time.process_time() < end:
                    sum(range(10_000))  # what asks for the time alone takes the system's, which nobody limits
            except KeyboardInterrupt:
                continue
        return 0

    assert any("raised KeyError" in each for each in judged(monkeypatch, broken))
    assert any("Ctrl-C was heard after" in each for each in judged(monkeypatch, deaf))


LONG = {
    "s.yaml": b"resim: 1\ntraffic: {rate: 1000/s, requests: 10000000}\nservice: {latency: 5ms}\n"
    b"stack: [retry: {attempts: 2}, timeout: {after: 1s}]\ncompare: {variants: {a: {without: [retry]}}}\n"
}


def test_an_interrupted_run_is_no_finding_and_a_slow_check_is_one() -> None:
    slow = oracle.judge(Case("scenario", LONG, (Step(("run", "s.yaml", "-q"), patience=0.3),)))
    assert any("took more than" in each for each in slow.problems)


@pytest.mark.parametrize(
    "command",
    [
        "run s.yaml -q", "run s.yaml --json", "run s.yaml --series 1s --json", "run s.yaml -q --save r.resim",
        "run s.yaml -q --out csv=out", "run s.yaml --out markdown=-", "run s.yaml --beside a -q",
        "compare s.yaml --runs 1", "explain s.yaml@9h", "explain s.yaml:9000000", "run s.yaml --ui plain --speed max",
        "sweep s.yaml --over retry.attempts=1..5 --runs 1", "margins s.yaml --runs 1",
    ],
)  # fmt: skip
def test_what_takes_long_hears_ctrl_c(command: str, forms: Forms) -> None:
    """Within a second or so of CPU, in both forms, and leaves nothing half-written."""
    made = ("r.resim", *(f"out/{name}.csv" for name in NAMES))
    steps = (Step(tuple(command.split()), made, simulates=True, patience=0.25),)
    problems, ends = forms.judge(Case("scenario", LONG, steps))
    assert problems == []
    assert ends == [f"{command.split()[0]} interrupted"]


def test_a_case_is_kept_whole_and_made_small() -> None:
    case = Case("x", {"a": b"\xff\0", "b.yaml": b"one\ntwo\nthree\nfour\n", "c": "\x1b\u202e".encode()}, RUN.steps * 3)
    assert Case.from_json(case.to_json()) == case
    small = smaller(case, lambda other: b"three" in other.files.get("b.yaml", b""))
    assert small.files == {"b.yaml": b"three\n"} or small.files == {"b.yaml": b"three"}
    assert len(small.steps) == 1
    assert signature("run: KeyError 'a1' at 0x7f") == signature("run: KeyError 'b' at 0x12")


def test_command_lines_are_of_the_options_that_there_are() -> None:
    """They were of none: Typer keeps the first flag elsewhere."""
    found = {command: command_lines.options(command) for command in COMMANDS}
    assert {("--save", True), ("--json", False), ("--force", False), ("--set", True)} <= set(found["run"][0])
    assert {("-o", True), ("--output", True)} <= set(found["import"][0])
    assert found["run"][1] == found["lint"][1] == 1
    assert found["explain"][1] == 1


def test_every_command_that_takes_a_recording_is_given_hostile_ones() -> None:
    """Derived from what the shell completes."""
    taking = {"explain"}  # RUN@43.2s
    for command in COMMANDS:
        _, function = load(command)
        for hint in get_type_hints(get_type_hints(function)["options"], include_extras=True).values():
            if get_origin(hint) is Annotated:
                completion = getattr(get_args(hint)[1], "autocompletion", None)
                if completion in (complete.recordings, complete.scenarios_and_recordings):
                    taking.add(command)
    from random import Random

    from .dice import Dice

    steps = recordings._steps(Dice(Random(1), lambda strategy: None))
    tried = {step.argv[0] for step in steps if step.argv} | {"play" for step in steps if step.call == "session"}
    assert taking <= tried
