"""Command line options: how a command declares them, those that several commands share, and their values.

A command is a function of a context and a dataclass. The fields of the dataclass are its options and arguments, each
declared in one line; the function's docstring is its help. :func:`typer_callback` makes the signature that Typer reads.
"""

from __future__ import annotations

import inspect
import re
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


def argument(metavar: str, help: str, completion: complete.Completion | None = None) -> Any:
    """A positional argument."""
    return typer.Argument(metavar=metavar, help=help, autocompletion=completion)


def option(
    flag: str,
    metavar: str,
    help: str,
    panel: str | None,
    completion: complete.Completion | None = None,
    hidden: bool = False,
) -> Any:
    """An option with a value, listed in a panel of the help. ``hidden``: an old name, which still works."""
    return typer.Option(
        *flag.split(", "),
        metavar=metavar,
        help=help,
        rich_help_panel=panel,
        autocompletion=completion,
        hidden=hidden,
    )


def switch(
    flag: str, help: str, panel: str | None, callback: Callable[..., bool] | None = None, eager: bool = False
) -> Any:
    """An option without a value."""
    return typer.Option(*flag.split(", "), help=help, rich_help_panel=panel, callback=callback, is_eager=eager)


def choice(
    flag: str,
    metavar: str,
    names: tuple[str, ...],
    help: str,
    panel: str | None,
    callback: Callable[[CommandContext, str], None] | None = None,
) -> Any:
    """An option that takes one of several names: its help lists them, its completion offers them, others are errors."""

    def check(context: typer.Context, value: str) -> str:
        if not context.resilient_parsing:
            one_of(flag, value, names)
            if callback is not None:
                callback(context.obj, value)
        return value

    return typer.Option(
        flag,
        metavar=metavar,
        help=f"{help}: {words(names)}.",
        rich_help_panel=panel,
        autocompletion=complete.words(*names),
        callback=check,
    )


def words(names: Iterable[str]) -> str:
    """``auto, plain or live``."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


# Panels of the help; None is Typer's own, which also has --help
MAIN, WATCHING, OUTPUT, GLOBAL = None, "Watching", "Output", "Global options"
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


def _set_color(ctx: CommandContext, value: str) -> None:
    if value != "auto":
        ctx.io.color = value


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

    json: Annotated[bool, switch("--json", "Print one JSON document and nothing else.", GLOBAL, _set_json)] = False
    quiet: Annotated[bool, switch("--quiet, -q", "Print only the result.", GLOBAL, _set_quiet)] = False
    verbose: Annotated[bool, switch("--verbose, -v", "Show timings and other details.", GLOBAL, _set_verbose)] = False
    color: Annotated[str, choice("--color", "WHEN", COLORS, "Use color", GLOBAL, _set_color)] = "auto"
    version: Annotated[bool, switch("--version", "Show the version.", GLOBAL, _show_version, eager=True)] = False


# Options and arguments of several commands

ScenarioName = Annotated[
    str, argument("SCENARIO", "A path, the name of a shipped scenario, or - for standard input.", complete.scenarios)
]
RecordingFile = Annotated[
    str,
    argument("FILE", "A recording (.resim), or `last`: the last unsaved session of `resim play`.", complete.recordings),
]
Seed = Annotated[int | None, option("--seed", "N", "Random seed.", MAIN)]
FirstSeed = Annotated[int | None, option("--seed", "N", "Random seed (of the first run with --runs).", MAIN)]
Runs = Annotated[int, option("--runs", "N", "Number of seeds to run, in parallel.", MAIN)]
Set = Annotated[
    list[str],
    option("--set", "PATH=VALUE", "Change a setting, e.g. retry.attempts=5. Repeatable.", MAIN, complete.settings),
]
Try = Annotated[
    list[str],
    option(
        "--try",
        "PATH=VALUE",
        "Also compare the scenario with this setting; several in one variant: `A=1, B=2`. Repeatable.",
        MAIN,
        complete.settings,
    ),
]
Policies = Annotated[
    list[str],
    option(
        "--policy",
        "MODULE:CLASS[@POSITION]",
        "Add your own policy around the stack, or at a position in it; see docs/plugins.md. Repeatable.",
        MAIN,
    ),
]
CLIENT_HELP = "Your own code instead of the stack: a function that calls http://b.resim/; see docs/your-code.md."
Client = Annotated[str | None, option("--client", "MODULE:CALLABLE", CLIENT_HELP, MAIN)]
Clients = Annotated[
    list[str],
    option("--client", "MODULE:CALLABLE", "Also compare your own code; see docs/your-code.md. Repeatable.", MAIN),
]
Cluster = Annotated[
    str | None,
    option("--cluster", "ADDRESS", "Run on a Dask cluster, e.g. tcp://HOST:8786; see docs/cluster.md.", MAIN),
]
Ui = Annotated[
    str, choice("--ui", "MODE", USER_INTERFACES, "How to watch (auto: live on a terminal, else not at all)", WATCHING)
]
Speed = Annotated[
    str | None,
    option(
        "--speed",
        "SPEED",
        "Playback speed (e.g. 10x); max disables pacing. Default: finish in about 20 s.",
        WATCHING,
        complete.words("max", "1x", "2x", "5x", "10x", "50x"),
    ),
]
Watch = Annotated[
    bool,
    switch("--watch", "Run again whenever the file is saved, and show what changed since the last result.", WATCHING),
]
Out = Annotated[
    list[str],
    option(
        "--out",
        "FORMAT=PATH",
        "Also write the run: json=PATH, just x.json ... (resim list formats); - is standard output. Repeatable.",
        OUTPUT,
        complete.outputs,
    ),
]
Save = Annotated[str | None, option("--save", "FILE.resim", "Record the run, for resim replay.", OUTPUT)]
Series = Annotated[
    str | None, option("--series", "TIME", "Add time series to the result, with this bin width (e.g. 1s).", OUTPUT)
]
Overwrite = Annotated[
    bool, switch("--force", "Let outputs replace any file, not only an earlier output of the same format.", OUTPUT)
]
Output = Annotated[str, option("--output, -o", "PATH", "Where to write it; - is standard output.", OUTPUT)]
Force = Annotated[bool, switch("--force", "Replace existing files.", MAIN)]


# Values of options. Units are those of scenario files.


def one_of(option: str, value: str, known: Iterable[str]) -> str:
    """``value`` if it is known, else a usage error that suggests the nearest name."""
    names = list(known)
    if value in names:
        return value
    raise usage(f"{option}: unknown value `{value}`", did_you_mean(value, names) or f"expected {words(names)}")


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """``did you mean `retry`?``, or "" if no name is near."""
    from resilience_sim.settings.suggest import did_you_mean as suggest

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


def parse_try(option: str, value: str) -> list[str]:
    """``retry.attempts=5, retry.budget=10%`` as single settings; a comma within a value separates nothing."""
    found = re.split(r",\s*(?=[\w.@#-]+=)", value.strip())
    if not all("=" in setting for setting in found):
        raise usage(f"{option}: `{value}` has no `=`", f"write it like `{option} retry.attempts=5`")
    return found


def parse_time(option: str, value: str | None, least: int = 0) -> int:
    """A duration like ``30s`` in nanoseconds; 0 if not given."""
    if value is None:
        return 0
    from resilience_sim.settings.units import UnitError, duration

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
