"""The entry point: parse, do the work, answer with an exit code.

Owns what becomes of every error: in words on standard error, as the one document with ``--json``, and as an exit code.
Typer only parses; the work it returns is done outside of it, so that no other handler has a say.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from resilience_sim.cli import exits
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.environment import COLORS, Environment, of_process
from resilience_sim.cli.exits import Problem

FLAGS = ("--json", "-q", "--quiet", "-v", "--verbose")  # what may stand before a command without a say in which it is


def main() -> None:
    """The ``resim`` command."""
    environment = of_process()
    code = execute(sys.argv[1:], environment)
    try:
        environment.stdout.flush()
    except OSError:
        code = exits.PIPE_CLOSED
    if code == exits.PIPE_CLOSED:
        # What is left in the buffer has nowhere to go; without this, Python complains about it at the very end.
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            for stream in (sys.stdout, sys.stderr):
                try:
                    os.dup2(nowhere.fileno(), stream.fileno())
                except (OSError, ValueError):
                    continue
    sys.exit(code)


def execute(argv: Sequence[str], environment: Environment) -> int:
    """Run one command line in its surroundings; the exit code."""
    ctx = CommandContext(environment, argv)
    with environment.as_process():
        try:
            work = _parse(ctx)
            if work == exits.INTERRUPTED:  # Ctrl-C while parsing
                raise KeyboardInterrupt
            code = work(ctx) if callable(work) else int(work or 0)
            environment.stdout.flush()
            ctx.detail(f"{ctx.took():.2f} s in all, exit code {code}")
            return code
        except BrokenPipeError:
            return exits.PIPE_CLOSED
        except SystemExit as leaving:  # Typer's own, of completion scripts and of help that nobody reads
            if isinstance(leaving.__context__, BrokenPipeError):
                return exits.PIPE_CLOSED
            return leaving.code if isinstance(leaving.code, int) else exits.OK
        except KeyboardInterrupt:
            return _answer(ctx, _failure("interrupted", "interrupted before anything was simulated"), 130)
        except Exception as error:
            try:
                return _explain(ctx, error)
            except BrokenPipeError:
                return exits.PIPE_CLOSED


def _parse(ctx: CommandContext) -> Any:
    """Let Typer read the command line: the work to do, or an exit code when there is none left."""
    import typer

    from resilience_sim.cli.app import COMMANDS, build

    first = next((word for word in ctx.argv if word not in FLAGS), "")
    app = build(ctx.io.stdout_is_terminal, first if first in COMMANDS else "")
    usage_error: type[Exception] = typer.BadParameter.__mro__[1]  # Typer exports only this child of it
    try:
        return app.main(args=list(ctx.argv), prog_name="resim", standalone_mode=False, obj=ctx)
    except usage_error as error:
        raise _usage_problem(ctx, error) from None


def _usage_problem(ctx: CommandContext, error: Any) -> Problem:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "resim"
    possible = getattr(error, "possibilities", None) or ()
    if possible and hasattr(error, "option_name"):
        message = f"no such option: `{error.option_name}`"
        remedy = f"did you mean `{sorted(possible)[0]}`?"
    elif "No such command" in message:
        from resilience_sim.cli.app import COMMANDS
        from resilience_sim.cli.values import did_you_mean

        word = next((each for each in ctx.argv if each[:1] != "-" and each not in COLORS), "")
        message = f"no such command: `{word}`"
        remedy = did_you_mean(word, COMMANDS) or f"commands: {', '.join(COMMANDS)}"
    else:
        remedy = f"`{path} --help` shows what is possible"
    message = message.replace(
        "Input should be a valid integer, unable to parse string as an integer", "a whole number is due here"
    )
    return Problem("usage", message[:1].lower() + message[1:] if message[:2].istitle() else message, remedy)


def _explain(ctx: CommandContext, error: Exception) -> int:
    """An error in words or as a document, and its exit code."""
    from resilience_sim.kernel.sim import SimulationError
    from resilience_sim.recording.layout import RecordingError
    from resilience_sim.scenario.diagnostics import ScenarioError

    if isinstance(error, Problem):
        return _answer(ctx, _failure(error.code, error.message, error.help), error.exit)
    if isinstance(error, ScenarioError):
        return _invalid(ctx, error)
    if isinstance(error, RecordingError):
        failure = _failure("recording", f"{error.place}: {error.cause}", error.remedy)
        return _answer(ctx, failure, exits.NOTHING_DONE)
    if isinstance(error, SimulationError):
        return _answer(ctx, _failure("stuck", str(error)), exits.NOTHING_DONE)
    if type(error).__name__ == "ExportError":  # not imported for its name's sake: it costs the exports
        failure = _failure("output", f"{error.place}: {error.cause}", error.remedy)  # type: ignore[attr-defined]
        return _answer(ctx, failure, exits.NOTHING_DONE)
    if type(error).__name__ == "RunFailed" and str(error.cause).startswith("SimulationError: "):  # type: ignore[attr-defined]
        return _answer(ctx, _failure("stuck", str(error)), exits.NOTHING_DONE)
    return _fault(ctx, error)


def _invalid(ctx: CommandContext, error: Any) -> int:
    """A scenario that cannot be run: every finding."""
    found = error.diagnostics
    if ctx.json:
        from resilience_sim.views.document import failure

        message = (
            f"{found[0].file}: {found[0].message}" if len(found) == 1 else f"the scenario has {len(found)} mistakes"
        )
        return _answer(ctx, failure("invalid_scenario", message, found), exits.NOTHING_DONE)
    ctx.findings(found)
    return exits.NOTHING_DONE


def _fault(ctx: CommandContext, error: Exception) -> int:
    """Something that must not happen: say so shortly, keep the traceback in a file."""
    import tempfile
    import traceback

    from resilience_sim import __version__

    text = f"resim {__version__}\npython {sys.version}\narguments {list(ctx.argv)}\n\n"
    text += "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="resim-fault-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
            remedy = f"please report it with {file.name}"
    except OSError:
        remedy = "please report it with the command line"
    if ctx.verbose:
        ctx.err(text)
    message = f"a fault in resim: {type(error).__name__}: {error}"
    return _answer(ctx, _failure("internal", message, remedy), exits.FAULT)


def _failure(code: str, message: str, help: str = "") -> dict[str, Any]:
    return {"code": code, "message": message, "help": help}


def _answer(ctx: CommandContext, failure: dict[str, Any], code: int) -> int:
    """Say what went wrong, in the way that was asked for."""
    help_text = failure.pop("help", "")
    if not ctx.json:
        ctx.error(failure["message"], help_text)
        return code
    from resilience_sim.views.document import result_document

    message = f"{failure['message']}; {help_text}" if help_text else failure["message"]
    error = {"code": failure["code"], "message": message, "diagnostics": failure.get("diagnostics", [])}
    ctx.document(result_document(ctx.command or _command_of(ctx), path=ctx.subject, error=error))
    return code


def _command_of(ctx: CommandContext) -> str:
    """The command that was meant, as far as an unparsed command line shows it."""
    from resilience_sim.cli.app import COMMANDS

    return next((word for word in ctx.argv if word in COMMANDS), "resim")
