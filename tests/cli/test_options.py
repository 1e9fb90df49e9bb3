"""Options: what every command declares, read from the commands themselves."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_type_hints

import pytest
import typer
from typer.models import ArgumentInfo, OptionInfo

from cli.shell import resim
from resilience_sim.cli import options as opt
from resilience_sim.cli.app import COMMANDS, load
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.environment import Environment
from resilience_sim.cli.errors import Problem
from resilience_sim.cli.options import GlobalOptions

# Values without names to offer
FREE = {
    "--seed",
    "--runs",
    "--save",
    "--series",
    "--policy",
    "--client",
    "--output",
    "--from",
    "--precision",
    "--budget",
    "--cluster",
    "--resume",
    "--write",
    "--port",
    "--host",
}
NEEDED = {"replay": ["r.resim"], "export": ["r.resim", "--to", "json"], "validate": ["quick.yaml"],
          "lint": ["quick.yaml"], "import": ["quick.yaml"]}  # fmt: skip


def declared(options: type[Any]) -> list[tuple[Any, ArgumentInfo | OptionInfo]]:
    """The value type and the declaration of every field."""
    hints = get_type_hints(options, include_extras=True)
    return [get_args(hints[field.name])[:2] for field in fields(options)]


def options_of(command: str) -> type[Any]:
    found: type[Any] = get_type_hints(load(command)[1])["options"]
    return found


def name_of(info: ArgumentInfo | OptionInfo) -> str:
    return str(info.default if isinstance(info, OptionInfo) else info.metavar)


EVERYTHING = [
    pytest.param(
        command, kind, info, id=f"{command} {(info.default if isinstance(info, OptionInfo) else info.metavar)}"
    )
    for command in COMMANDS
    for kind, info in [*declared(options_of(command)), *declared(GlobalOptions)]
]
OPTIONS = [each for each in EVERYTHING if isinstance(each.values[2], OptionInfo)]


def flags(info: OptionInfo) -> list[str]:
    return [info.default, *(info.param_decls or ())]


def test_every_option_has_a_sentence_of_help():
    """A short one."""
    said = {each.id: each.values[2].help for each in EVERYTHING}
    assert {of: text for of, text in said.items() if not text.endswith((".", "...")) or len(text) >= 110} == {}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_lists_every_option(command):
    """On a terminal and piped."""
    for terminal in (False, True):
        shown = resim(command, "--help", terminal=terminal, columns=140, env={"NO_COLOR": "1"}).out
        for _, info in [*declared(options_of(command)), *declared(GlobalOptions)]:
            if info.hidden:
                continue
            words = flags(info) if isinstance(info, OptionInfo) else [info.metavar]
            assert all(word in shown for word in words)


def test_an_option_means_the_same_in_every_command():
    """The same kind of value, and the same word where it may be given more than once."""
    values: dict[str, set[tuple[Any, str | None]]] = {}
    for each in OPTIONS:
        _, kind, info = each.values
        if not info.hidden:
            values.setdefault(info.default, set()).add((kind, info.metavar))
            assert (kind == list[str]) == info.help.endswith("Repeatable."), info.default
    named = {flag: found for flag, found in values.items() if len({str(kind) for kind, _ in found}) > 1}
    # no seed is the scenario's own, or the first of a search; a comparison may have several clients
    assert set(named) <= {"--seed", "--client"}
    assert {flag for flag, found in values.items() if len({metavar for _, metavar in found}) > 1} == set()


def test_everything_that_has_names_is_completed():
    """And nothing else."""
    for each in EVERYTHING:
        command, kind, info = each.values
        if (
            kind is bool
            or (isinstance(info, OptionInfo) and info.default in FREE)
            or (command, info.metavar) in (("init", "NAME"), ("serve", "-- COMMAND"))
        ):
            assert info.autocompletion is None, each.id
        else:
            assert info.autocompletion is not None, each.id
            assert info.autocompletion("no-such-name-at-all") == [], each.id


@pytest.mark.parametrize(("command", "kind", "info"), [each for each in OPTIONS if each.values[1] is str])
def test_a_choice_takes_no_other_names(command, kind, info, recording):
    """It names those that it takes, and offers them to the shell."""
    names = info.autocompletion("") if info.autocompletion else []
    if not names or not all(isinstance(name, str) for name in names):  # not one of a fixed list
        return
    answer = resim(command, *NEEDED.get(command, []), info.default, "neither-nor")
    assert answer.code == 2
    assert f"{info.default}: unknown value `neither-nor`" in answer.err
    assert all(name in answer.err and name in info.help for name in names)


@dataclass(frozen=True)
class EchoOptions:
    words: Annotated[list[str], opt.argument("WORD...", "What to say.")]
    times: Annotated[int, opt.option("--times, -t", "N", "How often.", opt.MAIN)] = 1
    style: Annotated[str, opt.choice("--style", "STYLE", ("plain", "loud"), "How", opt.OUTPUT)] = "plain"


def echo(ctx: CommandContext, options: EchoOptions) -> int:
    """Say it."""
    said = " ".join(options.words * options.times)
    ctx.out(said.upper() if options.style == "loud" else said)
    return 0


def test_a_field_is_an_option():
    """One line declares it: then it is parsed, checked and handed over, and the global options are there too."""
    app = typer.Typer()
    app.command()(opt.typer_callback(echo))
    command = typer.main.get_command(app)
    out = io.StringIO()
    ctx = CommandContext(Environment(io.StringIO(), out, io.StringIO()), ())
    action = command.main(["a", "b", "-t", "2", "--style", "loud", "-q"], "echo", standalone_mode=False, obj=ctx)
    assert action(ctx) == 0
    assert out.getvalue() == "A B A B\n"
    assert ctx.quiet
    with pytest.raises(Problem, match="unknown value `lod`") as raised:
        command.main(["a", "--style", "lod"], "echo", standalone_mode=False, obj=ctx)
    assert raised.value.help == "did you mean `loud`?"
