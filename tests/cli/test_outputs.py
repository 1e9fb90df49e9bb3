"""Every option that writes a file, tried at places where it must not; the options are those of all commands."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from cli.shell import resim
from resilience_sim.cli import options as opt
from resilience_sim.cli.app import COMMANDS, load


@dataclass(frozen=True)
class Writing:
    """A command line with an output at PLACE, and what it reads."""

    line: str
    reads: str = ""
    terminal: bool = False

    def run(self, place: str, *more: str):
        command, *words = [word.replace("PLACE", place) for word in self.line.split()]
        return resim(
            command,
            *more,
            *words,
            terminal=self.terminal,
            env={"NO_COLOR": "1"},
        )


def options_with_paths() -> Iterator[tuple[str, str, Any]]:
    """Command, name and declaration of each."""
    for command in COMMANDS:
        _, function = load(command)
        options = get_type_hints(function)["options"]
        hints = get_type_hints(options, include_extras=True)
        for each in fields(options):
            info = hints[each.name].__metadata__[0]
            declared = [each for each in (info.default, *(info.param_decls or ())) if str(each).startswith("--")]
            metavar = info.metavar or ""
            if declared and re.search(
                r"(^|=)(PATH|FILE[.\w]*|STUDY)$", metavar
            ):  # not `PATH=VALUE`, the path of a setting
                yield command, declared[0], info


TUNE = (
    "tune quick.yaml -q --budget 1000requests --set traffic.requests=10 --vary retry.attempts=6 --maximize availability"
)
# Where `COMMAND quick.yaml --out json=PLACE` (or `--save PLACE`) is not what has to be said.
WRITING = {
    ("compare", "--out"): Writing("compare quick.yaml -q --runs 1 --out junit=PLACE", "quick.yaml"),
    ("compare", "--save"): Writing("compare quick.yaml -q --runs 1 --save PLACE", "quick.yaml"),
    ("sweep", "--out"): Writing("sweep quick.yaml -q --over retry.attempts=2..3 --out json=PLACE", "quick.yaml"),
    ("margins", "--out"): Writing(
        "margins quick.yaml -q --axis load --runs 2 --precision 20% --out json=PLACE", "quick.yaml"
    ),
    ("replay", "--out"): Writing("replay r.resim -q --out jsonl=PLACE", "r.resim"),
    ("serve", "--out"): Writing("serve quick.yaml -q --port 0 --out json=PLACE -- true", "quick.yaml"),
    ("serve", "--save"): Writing("serve quick.yaml -q --port 0 --save PLACE -- true", "quick.yaml"),
    ("play", "--save"): Writing("play quick.yaml --save PLACE", "quick.yaml", terminal=True),
    ("import", "--output"): Writing("import app.yml -q --output PLACE", "app.yml"),
    ("export", "--output"): Writing("export r.resim -q --to csv-requests --output PLACE", "r.resim"),
    ("snapshot", "--out"): Writing("snapshot . -q --runs 10 --out json=PLACE", "quick.yaml"),
    ("run", "--record"): Writing("run quick.yaml -q --record svg=PLACE", "quick.yaml"),
    ("report", "--output"): Writing("report r.resim -q --output PLACE", "r.resim"),
    ("schema", "--output"): Writing("schema --output PLACE"),
    ("tune", "--write"): Writing(f"{TUNE} --write PLACE", "quick.yaml"),
    ("tune", "--out"): Writing(f"{TUNE} --out json=PLACE", "quick.yaml"),
}
READING = {("replay", "--stack"), ("replay", "--with")}
GOING_ON = {("tune", "--resume")}  # with what is there, which is never replaced
for _command, _flag, _ in options_with_paths():
    if _flag in ("--out", "--save") and (_command, _flag) not in WRITING:
        _place = "json=PLACE" if _flag == "--out" else "PLACE"
        WRITING[_command, _flag] = Writing(f"{_command} quick.yaml -q {_flag} {_place}", "quick.yaml")
OTHERS = {  # the same options in other words, and the argument that names a new file
    "run --out sqlite": Writing("run quick.yaml -q --out sqlite=PLACE", "quick.yaml"),
    "export to a library": Writing("export quick.yaml -q --to resilience4j --output PLACE", "quick.yaml"),
    "init": Writing("init PLACE.yaml"),
}
ALL = {" ".join(key): each for key, each in WRITING.items()} | OTHERS


def test_every_option_that_takes_a_path_is_known_here():
    """A new one is either tried below or only reads."""
    found = {(command, flag) for command, flag, _ in options_with_paths()}
    assert found == set(WRITING) | ((READING | GOING_ON) & found)
    for command, flag, info in options_with_paths():
        assert ((command, flag) in {*WRITING, *GOING_ON}) == (info.rich_help_panel == opt.OUTPUT)


@pytest.fixture
def world(recording: Path) -> Path:
    """A folder with inputs of all kinds and things of somebody's."""
    here = recording.parent
    (here / "app.yml").write_text("resilience4j: {retry: {instances: {a: {maxAttempts: 3}}}}\n")
    (here / "theirs").write_text("a diary\n")
    (here / "theirs.yaml").write_text("a diary\n")
    (here / "folder").mkdir()
    (here / "folder.yaml").mkdir()
    for suffix in ("", ".yaml"):
        (here / f"link{suffix}").symlink_to(f"theirs{suffix}")
        if hasattr(os, "mkfifo"):
            os.mkfifo(here / f"pipe{suffix}")
    return here


def contents(here: Path) -> dict[str, object]:
    return {
        path.name: path.read_bytes() if path.is_file() and not path.is_fifo() else path.is_symlink()
        for path in here.rglob("*")
    }


PLACES: dict[str, str] = {
    "theirs": "--force replaces the file",
    "link": "--force replaces the file",
    "folder": "",
    "pipe": "",
    "nowhere/x": "folder",
    "x" * 300: "",
    "x\0y": "",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ALL)
def test_what_must_not_be_replaced_is_not(world, name, place):
    """In words, exit 2, and everything is as it was: no half a file either."""
    if place == "pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("no fifos here")
    before = contents(world)
    answer = ALL[name].run(place)
    assert answer.code == 2, answer
    assert answer.err.startswith("error:"), answer
    assert "internal error" not in answer.err
    assert PLACES[place] in answer.err
    assert contents(world) == before


@pytest.mark.parametrize("link", ["itself", "symbolic", "hard"])
@pytest.mark.parametrize("name", [name for name, each in ALL.items() if each.reads])
def test_an_input_is_never_replaced(world, name, link):
    """Not under another name, not with --force."""
    writing = ALL[name]
    place = writing.reads
    if link == "symbolic":
        place = "other"
        Path(place).symlink_to(writing.reads)
    elif link == "hard":
        place = "other"
        os.link(writing.reads, place)
    before = contents(world)
    for more in ([], ["--force"]):
        answer = writing.run(place, *more)
        assert answer.code == 2, answer
        assert "error: " in answer.err
        assert "--force" not in answer.err or not more
        assert contents(world) == before


@pytest.mark.parametrize("name", [name for name in ALL if name != "play --save"])
def test_with_force_a_link_is_followed_and_stays_one(world, name):
    """The file of somebody's is replaced, as asked; nothing is left beside it."""
    before = contents(world)
    answer = ALL[name].run("link", "--force")
    assert answer.code in (0, 1, 4), answer  # 4: nothing is surely better, which is written all the same
    theirs, link = ("theirs.yaml", "link.yaml") if name == "init" else ("theirs", "link")
    assert Path(link).is_symlink()
    after = contents(world)
    changed = {each for each in after if after[each] != before.get(each)}
    assert changed - {"resim-v1.schema.json", "resim.snapshot"} == {theirs, link} or name == "compare --save"
    assert not [each for each in after if each.startswith(".")]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in the file system")
@pytest.mark.parametrize("name", ["run --out", "run --save", "import --output"])
def test_a_socket_is_refused(world, name):
    server = socket.socket(socket.AF_UNIX)
    try:
        server.bind("socket")
        answer = ALL[name].run("socket", "--force")
    finally:
        server.close()
    assert answer.code == 2
    assert "neither a file nor" in answer.err or "not a file" in answer.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no fifos here")
def test_a_pipe_that_somebody_reads_gets_the_output(world):
    """As the shell makes one of `>(cat)`."""
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        answer = resim("run", "quick.yaml", "-q", "--out", "markdown=pipe")
        assert answer.code == 0, answer
        assert os.read(reader, 100).startswith(b"### resim run: quick")
    finally:
        os.close(reader)


def test_the_schema_of_another_version_is_replaced_and_no_file_of_somebodys(here):
    """`init` writes it beside the scenario."""
    schema = Path("resim-v1.schema.json")
    schema.write_text("my notes\n")
    answer = resim("init", "one")
    assert answer.code == 2
    assert "resim-v1.schema.json" in answer.err
    assert schema.read_text() == "my notes\n"
    schema.unlink()
    assert resim("init", "two").code == 0
    text = schema.read_text()
    schema.write_text(text.replace('"type"', '"typ"', 1))
    assert resim("init", "three").code == 0
    assert schema.read_text() == text


@pytest.mark.parametrize("place", [*PLACES, "quick.yaml", "r.resim", "circle"])
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "--force"])
def test_a_study_is_never_begun_in_place_of_something(world, place, force):
    """Not of an input, a recording, a folder or a pipe, and `--force` is about other files."""
    if place == "pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("no fifos here")
    Path("circle").symlink_to("circle")
    before = contents(world)
    answer = resim(*TUNE.split(), "--resume", place, *force)
    assert answer.code == 2, answer
    assert answer.err.startswith("error:"), answer
    assert "internal error" not in answer.err
    assert "--force" not in answer.err
    assert contents(world) == before


@pytest.mark.parametrize(
    "options",
    [
        ["--resume", "one", "--out", "json=one"],
        ["--resume", "one", "--write", "one", "--force"],
        ["--write", "one", "--out", "json=one", "--force"],
    ],
    ids=" ".join,
)
def test_two_outputs_of_a_search_have_two_files(world, options):
    before = contents(world)
    answer = resim(*TUNE.split(), *options)
    assert answer.code == 2
    assert "one: this command itself uses that file" in answer.err
    assert contents(world) == before


def test_a_study_is_kept_behind_a_link(world):
    Path("s").symlink_to("real.study")
    for _ in range(2):
        answer = resim(*TUNE.split(), "--resume", "s")
        assert answer.code in (0, 1, 4), answer
    assert "are known already" not in answer.err  # -q
    assert Path("s").is_symlink()
    assert Path("real.study").read_bytes().startswith(b"SQLite format 3")
