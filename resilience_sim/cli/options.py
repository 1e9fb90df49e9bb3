"""Command line options: how a command declares them, those that several commands share, and their values.

A command is a function of a context and a dataclass. The fields of the dataclass are its options and arguments, each
declared in one line; the function's docstring is its help. :func:`typer_callback` makes the signature that Typer reads.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from math import inf
from typing import Annotated, Any, get_type_hints

import typer

from resilience_sim.cli import complete
from resilience_sim.cli.context import Action, CommandContext
from resilience_sim.cli.errors import usage

LARGEST_SEED = 2**63 - 1
MOST_RUNS = 1_000_000


def typer_callback(function: Callable[[CommandContext, Any], int]) -> Callable[..., Action]:
    """``function(ctx, options)`` as Typer wants it: one parameter for every option, the global ones last."""
    options: type[Any] = get_type_hints(function)["options"]
    own = parameters(options)

    def callback(**values: Any) -> Action:
        chosen = options(**{parameter.name: values[parameter.name] for parameter in own})
        return lambda ctx: function(ctx, chosen)

    return with_parameters(callback, [*own, *parameters(GlobalOptions)], function.__doc__)


def parameters(options: type[Any]) -> list[inspect.Parameter]:
    """A parameter for every field of a dataclass of options."""
    hints = get_type_hints(options, include_extras=True)
    found = []
    for each in fields(options):
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        found.append(
            inspect.Parameter(
                each.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if default is MISSING else default,
                annotation=hints[each.name],
            )
        )
    return found


def with_parameters(
    callback: Callable[..., Any], parameters: list[inspect.Parameter], doc: str | None
) -> Callable[..., Any]:
    """``callback``, which takes ``**values``, with parameters that Typer can see."""
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    callback.__doc__ = doc
    return callback


def words(names: Iterable[str]) -> str:
    """``auto, plain or live``."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def choice(flag: str, metavar: str, names: tuple[str, ...], help: str = "", panel: str | None = None) -> Any:
    """An option that takes one of several names: its help lists them, its completion offers them, others are errors."""
    listed = words(names)

    def check(context: typer.Context, value: str) -> str:
        return value if context.resilient_parsing else one_of(flag, value, names)

    return typer.Option(
        flag,
        metavar=metavar,
        help=f"{help}: {listed}." if help else f"{listed[0].upper()}{listed[1:]}.",
        autocompletion=complete.words(*names),
        callback=check,
        rich_help_panel=panel,
    )


# Panels of the help, in the order in which commands declare options
SCENARIO, WATCHING, OUTPUT, GLOBAL = "Scenario", "Watching", "Output", "Global options"
COLORS = ("auto", "always", "never")
USER_INTERFACES = ("auto", "plain", "live")


def _set_json(context: typer.Context, value: bool) -> bool:
    context.obj.json = context.obj.json or value
    return value


def _set_quiet(context: typer.Context, value: bool) -> bool:
    context.obj.quiet = context.obj.quiet or value
    return value


def _set_verbose(context: typer.Context, value: bool) -> bool:
    context.obj.verbose = context.obj.verbose or value
    return value


def _set_color(context: typer.Context, value: str) -> str:
    if not context.resilient_parsing:
        one_of("--color", value, COLORS)
    if value != "auto":
        context.obj.io.color = value
    return value


def _show_version(context: typer.Context, value: bool) -> bool:
    if value and not context.resilient_parsing:
        show_version(context.obj)
        raise typer.Exit(0)
    return value


def show_version(ctx: CommandContext) -> None:
    """Print the version; with ``-v`` also what it runs on."""
    import platform
    import sys

    from resilience_sim import __version__
    from resilience_sim._build_mode import describe

    python = f"{platform.python_implementation()} {platform.python_version()}"
    facts = {"python": python, "platform": platform.platform(), "core": describe(), "executable": sys.executable}
    if ctx.json:
        ctx.command = "version"
        ctx.reply(version=__version__, **facts)
        return
    ctx.out(f"resim {__version__}")
    if ctx.verbose or any(word in ("-v", "--verbose") for word in ctx.argv):
        for name, value in facts.items():
            ctx.out(f"  {name:<10}  {value}")


@dataclass(frozen=True)
class GlobalOptions:
    """Options of every command, also allowed before the command. Their callbacks tell the context."""

    json: Annotated[
        bool,
        typer.Option(
            "--json", callback=_set_json, help="Print one JSON document and nothing else.", rich_help_panel=GLOBAL
        ),
    ] = False
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            callback=_set_quiet,
            help="Print only the result.",
            rich_help_panel=GLOBAL,
        ),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", callback=_set_verbose, help="Show timings and other details.", rich_help_panel=GLOBAL
        ),
    ] = False
    color: Annotated[
        str,
        typer.Option(
            "--color",
            metavar="WHEN",
            callback=_set_color,
            help=f"Use color: {words(COLORS)}.",
            autocompletion=complete.words(*COLORS),
            rich_help_panel=GLOBAL,
        ),
    ] = "auto"
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version and exit.",
            rich_help_panel=GLOBAL,
        ),
    ] = False


# Options and arguments of several commands

ScenarioName = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="A path, the name of a shipped scenario, or - for standard input.",
        autocompletion=complete.scenarios,
    ),
]
RecordingFile = Annotated[
    str, typer.Argument(metavar="FILE", help="A recording (.resim).", autocompletion=complete.recordings)
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Random seed.", rich_help_panel=SCENARIO)]
FirstSeed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Random seed (of the first run with --runs).", rich_help_panel=SCENARIO),
]
Runs = Annotated[
    int,
    typer.Option("--runs", metavar="N", help="Number of seeds to run, in parallel.", rich_help_panel=SCENARIO),
]
Set = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a setting, e.g. retry.attempts=5. Repeatable.",
        autocompletion=complete.settings,
        rich_help_panel=SCENARIO,
    ),
]
Ui = Annotated[str, choice("--ui", "MODE", USER_INTERFACES, "How to watch", WATCHING)]
Speed = Annotated[
    str | None,
    typer.Option(
        "--speed",
        metavar="SPEED",
        help="Playback speed (e.g. 10x); max disables pacing. Default: finish in about 20 s.",
        autocompletion=complete.words("max", "1x", "2x", "5x", "10x", "50x"),
        rich_help_panel=WATCHING,
    ),
]
Out = Annotated[
    list[str],
    typer.Option(
        "--out",
        metavar="FORMAT=PATH",
        help="Also write json, jsonl, csv, chrome-trace, junit or markdown; - is standard output. Repeatable.",
        autocompletion=complete.outputs,
        rich_help_panel=OUTPUT,
    ),
]
Save = Annotated[
    str | None,
    typer.Option("--save", metavar="FILE.resim", help="Record the run, for resim replay.", rich_help_panel=OUTPUT),
]
Series = Annotated[
    str | None,
    typer.Option(
        "--series",
        metavar="TIME",
        help="Add time series to the result, with this bin width (e.g. 1s).",
        rich_help_panel=OUTPUT,
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="PATH", help="Where to write it; - is standard output.", rich_help_panel=OUTPUT
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace existing files.", rich_help_panel=OUTPUT)]


# Values of options. Units are those of scenario files.


def one_of(option: str, value: str, known: Iterable[str]) -> str:
    """``value`` if it is known, else a usage error that suggests the nearest name."""
    names = list(known)
    if value in names:
        return value
    raise usage(f"{option}: unknown value `{value}`", did_you_mean(value, names) or f"expected {words(names)}")


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """``did you mean `retry`?``, or "" if no name is near."""
    from resilience_sim.scenario.suggest import did_you_mean as suggest

    return suggest(word, names)


def parse_speed(value: str | None) -> float | None:
    """``10x`` is 10 virtual seconds per second, ``max`` infinity."""
    if value is None:
        return None
    if value == "max":
        return inf
    try:
        number = float(value[:-1]) if value.endswith("x") else 0.0
    except ValueError:
        number = 0.0
    if not 0.001 <= number <= 1e6:
        raise usage(f"--speed: `{value}` is not a speed", "expected e.g. `10x` (0.001x to 1000000x), or `max`")
    return number


def parse_time(option: str, value: str | None, least: int = 0) -> int:
    """A duration like ``30s`` in nanoseconds; 0 if not given."""
    if value is None:
        return 0
    from resilience_sim.scenario.units import UnitError, duration

    try:
        found = duration(value)
    except UnitError as error:
        raise usage(f"{option}: {error}", error.help) from None
    if found < least:
        raise usage(f"{option}: `{value}` is too short", "expected a duration above zero, e.g. `1s`")
    return found


def parse_seeds(first: int, runs: int) -> list[int]:
    """The seeds of ``runs`` runs, starting with ``first``."""
    if not 0 <= first <= LARGEST_SEED:
        raise usage(f"--seed: {first} is out of range", f"expected an integer from 0 to {LARGEST_SEED}")
    if not 1 <= runs <= MOST_RUNS:
        raise usage(f"--runs: {runs} is out of range", f"expected an integer from 1 to {MOST_RUNS}")
    return [(first + index) & LARGEST_SEED for index in range(runs)]
