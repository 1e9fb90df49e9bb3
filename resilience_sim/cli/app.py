"""The Typer application: which commands there are, in which order, and the options allowed before them.

A command's module is imported only if it is called, or if all commands are listed.
"""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from typing import Any

import typer

from resilience_sim.cli.context import Action, CommandContext
from resilience_sim.cli.errors import OK, usage
from resilience_sim.cli.options import GlobalOptions, parameters, typer_callback, with_parameters

COMMANDS: dict[str, str] = {  # with the panel of the help that lists them
    "run": "Simulate",
    "compare": "Simulate",
    "replay": "Simulate",
    "play": "Simulate",
    "serve": "Simulate",
    "margins": "Find settings",
    "sweep": "Find settings",
    "tune": "Find settings",
    "list": "Learn",
    "explain": "Learn",
    "init": "Write and check scenarios",
    "validate": "Write and check scenarios",
    "lint": "Write and check scenarios",
    "schema": "Write and check scenarios",
    "snapshot": "Write and check scenarios",
    "import": "Exchange with other tools",
    "export": "Exchange with other tools",
    "report": "Exchange with other tools",
}
RESERVED = ("list", "import")  # in Python: their modules and functions end in an underscore

ABOUT = "A wind tunnel for retries, circuit breakers and the rest of your resilience settings."
EPILOG = "Start with `resim run`, then `resim play --tour first-look`; `resim list` shows what else there is."


def load(command: str) -> tuple[Any, Any]:
    """The module of a command, and its function."""
    name = f"{command}_" if command in RESERVED else command
    module = import_module(f"resilience_sim.cli.commands.{name}")
    return module, getattr(module, name)


def build(rich: bool, only: str = "") -> Any:
    """The parser of the command line. ``rich``: help with boxes and colors. ``only``: build just this command."""
    return _built(rich, tuple((command, *load(command)) for command in ((only,) if only else COMMANDS)))


@cache
def _built(rich: bool, commands: tuple[tuple[str, Any, Any], ...]) -> Any:
    """The parser of these commands (name, module, function), which says the same however often it is asked."""
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
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    app.callback()(with_parameters(_no_command, [context, *parameters(GlobalOptions)], None))
    for command, module, function in commands:
        app.command(command, short_help=module.ABOUT, rich_help_panel=COMMANDS[command])(typer_callback(function))
    return typer.main.get_command(app)


def _no_command(context: typer.Context, **options: Any) -> Action | None:
    """Show the help, if no command is given."""
    if context.invoked_subcommand is not None:
        return None

    def action(ctx: CommandContext) -> int:
        if ctx.json:
            raise usage("no command given", f"commands: {', '.join(COMMANDS)}")
        ctx.out(context.get_help().rstrip("\n"))
        return OK

    return action
