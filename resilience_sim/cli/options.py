"""Options that several commands share, as annotated types.

Owns their names, help texts and completions. Refuses to interpret values (values.py).
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from resilience_sim.cli import complete
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.environment import COLORS


def _remember_json(context: typer.Context, value: bool) -> bool:
    ctx: CommandContext = context.obj
    ctx.json = ctx.json or value
    return value


def _remember_quiet(context: typer.Context, value: bool) -> bool:
    ctx: CommandContext = context.obj
    ctx.quiet = ctx.quiet or value
    return value


def _remember_verbose(context: typer.Context, value: bool) -> bool:
    ctx: CommandContext = context.obj
    ctx.verbose = ctx.verbose or value
    return value


def _remember_color(context: typer.Context, value: str) -> str:
    ctx: CommandContext = context.obj
    if value not in COLORS:
        raise typer.BadParameter(f"{value!r} is not one of auto, always, never")
    if value != "auto":
        ctx.io.color = value
    return value


def _show_version(ctx: typer.Context, value: bool) -> bool:
    if value and not ctx.resilient_parsing:
        from resilience_sim.cli.version import show_version

        show_version(ctx.obj)
        raise typer.Exit(0)
    return value


Json = Annotated[
    bool, typer.Option("--json", callback=_remember_json, help="Print exactly one JSON document, nothing else.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=_remember_quiet, help="No lines, no progress: the result.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", callback=_remember_verbose, help="Also where time went.")]
Color = Annotated[
    str,
    typer.Option(
        "--color",
        callback=_remember_color,
        metavar="WHEN",
        help="auto, always or never.",
        autocompletion=complete.colors,
        rich_help_panel="Everywhere",
    ),
]
Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
]
for _shared in (Json, Quiet, Verbose, Version):
    _option: Any = _shared.__metadata__[0]  # type: ignore[attr-defined]
    _option.rich_help_panel = "Everywhere"

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
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="The luck of the (first) run.")]
Ui = Annotated[
    str, typer.Option("--ui", metavar="MODE", help="auto, plain or live.", autocompletion=complete.user_interfaces)
]
Speed = Annotated[
    str | None,
    typer.Option(
        "--speed",
        metavar="SPEED",
        help="How fast to watch: 10x, or max to skip the show. Default: about 20 seconds.",
        autocompletion=complete.speeds,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a setting, like retry.attempts=5. May be repeated.",
        autocompletion=complete.settings,
    ),
]
Out = Annotated[
    list[str] | None,
    typer.Option(
        "--out",
        metavar="FORMAT=PATH",
        help="Also write json, jsonl, csv, chrome-trace, junit or markdown; - is standard output. May be repeated.",
        autocompletion=complete.outputs,
    ),
]
Policy = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="MODULE:CLASS[@POSITION]",
        help="A policy of your own around the stack, or at a position in it (docs/plugins.md).",
    ),
]
Save = Annotated[str | None, typer.Option("--save", metavar="FILE.resim", help="Record the run, for resim replay.")]
Series = Annotated[
    str | None, typer.Option("--series", metavar="TIME", help="Figures over time in the result, in bins of 1s, say.")
]
