"""The Typer application: which commands there are.

Owns their names and order, and the flags that may stand before a command. A command's module is imported only when the
command is called or all of them are listed.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer

from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.options import Color, Json, Quiet, Verbose, Version

COMMANDS: tuple[str, ...] = (
    "run", "compare", "replay", "play", "list", "explain", "init", "validate", "lint", "import", "schema", "export",
)  # fmt: skip
TAKEN = ("list", "import")  # Python means something else by these words: their modules end in an underscore

ABOUT = "A wind tunnel for retries, circuit breakers and the rest of your resilience settings."
EPILOG = "Begin with resim run, then see resim list and resim explain."


def top(
    context: typer.Context,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    color: Color = "auto",
    version: Version = False,
) -> Any:
    """Everything before the command."""
    if context.invoked_subcommand is not None:
        return None

    def work(ctx: CommandContext) -> int:
        if ctx.json:
            from resilience_sim.cli.exits import usage

            raise usage("no command was given", f"commands: {', '.join(COMMANDS)}")
        ctx.out(context.get_help().rstrip("\n"))
        return 0

    return work


def build(rich: bool, only: str = "") -> Any:
    """The command line, ready to parse. ``rich``: help with boxes and colours. ``only``: one command is enough."""
    app = typer.Typer(
        name="resim",
        help=ABOUT,
        epilog=EPILOG,
        invoke_without_command=True,
        no_args_is_help=False,
        rich_markup_mode="rich" if rich else None,
        context_settings={"help_option_names": ["--help", "-h"]},
        pretty_exceptions_enable=False,
    )
    app.callback()(top)
    for name in (only,) if only else COMMANDS:
        called = f"{name}_" if name in TAKEN else name
        module = import_module(f"resilience_sim.cli.commands.{called}")
        app.command(name, short_help=module.ABOUT)(getattr(module, called))
    return typer.main.get_command(app)
