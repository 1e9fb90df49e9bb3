"""The entry point: parse the command line, act, exit with a code.

Typer only parses. The action it returns runs outside of it, so that it cannot handle our errors.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from resilience_sim.cli import errors
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.environment import Environment, of_process
from resilience_sim.cli.errors import Problem
from resilience_sim.runs import endings

FLAGS = ("--json", "-q", "--quiet", "-v", "--verbose")  # global flags, skipped when looking for the command


LOOK_FOR_CYCLES = 50_000  # objects made between two collections: what a command makes mostly lives until its end
READERS = ("lint", "import")  # what they make of files is not worth collecting before they end
OUTPUT_FAILS = (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT, errno.EBADF)


def main() -> None:
    """The ``resim`` command. SIGTERM and SIGHUP end it as Ctrl-C does, with exit codes of their own."""
    gc.set_threshold(LOOK_FOR_CYCLES)
    if _first(sys.argv[1:]) in READERS:
        gc.disable()
    endings.install()
    code, lost = run(sys.argv[1:], of_process())
    if lost:
        # What is left in the buffer has nowhere to go; without this, Python complains about it at exit.
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            for stream in (sys.stdout, sys.stderr):
                try:
                    os.dup2(nowhere.fileno(), stream.fileno())
                except (OSError, ValueError):
                    continue
    gc.freeze()  # on its way out the interpreter would look through all objects, more than once
    sys.exit(code)


def run(argv: Sequence[str], environment: Environment) -> tuple[int, bool]:
    """Execute a command line and see to it that what it said is written: the exit code, and whether it is not."""
    code = execute(argv, environment)
    lost = code == errors.PIPE_CLOSED
    try:
        environment.stdout.flush()
    except BrokenPipeError:
        lost, code = True, errors.PIPE_CLOSED
    except OSError as error:
        lost, code = True, _output_failed(environment, error)
    except MemoryError:
        lost, code = True, _no_memory_for_words(environment)
    except KeyboardInterrupt:
        code = errors.INTERRUPTED
    if endings.terminated_by():
        code = 128 + endings.terminated_by()
    return code, lost


def _output_failed(environment: Environment, error: OSError) -> int:
    """Standard output takes no more: in words, on the other stream, even with ``--json``."""
    if not environment.stdout_failed:
        environment.stdout_failed = True
        with suppress(OSError):
            environment.stderr.write(f"error: cannot write to standard output: {error.strerror}\n")
    return errors.NOTHING_DONE


def _no_memory_for_words(environment: Environment) -> int:
    with suppress(OSError):
        environment.stderr.write("error: there is not enough memory for this\n")
    return errors.NOTHING_DONE


def execute(argv: Sequence[str], environment: Environment) -> int:
    """Run one command line in an environment; the exit code."""
    ctx = CommandContext(environment, argv)
    with environment.as_process():
        try:
            return _execute(ctx)
        except BrokenPipeError:
            return errors.PIPE_CLOSED
        except SystemExit as leaving:  # Typer's own, of completion scripts and of help that nobody reads
            if isinstance(leaving.__context__, BrokenPipeError):
                return errors.PIPE_CLOSED
            return leaving.code if isinstance(leaving.code, int) else errors.OK


def _execute(ctx: CommandContext) -> int:
    trouble: BaseException | None = None
    try:
        action = _parse(ctx)
        if action == errors.INTERRUPTED:  # Ctrl-C while parsing
            raise KeyboardInterrupt
        code = action(ctx) if callable(action) else int(action or 0)
        ctx.io.stdout.flush()
        ctx.detail(f"{ctx.elapsed():.2f} s in total, exit code {code}")
        return code
    except BrokenPipeError:
        raise
    except MemoryError:
        pass  # all that led here is let go before anything is said
    except (Exception, KeyboardInterrupt) as error:
        trouble = error
    if trouble is not None:
        if isinstance(trouble, OSError) and trouble.filename is None and trouble.errno in OUTPUT_FAILS:
            return _output_failed(ctx.io, trouble)
        with suppress(MemoryError):
            from resilience_sim.cli import failures

            return failures.answer(ctx, trouble)
        trouble = None
    return _out_of_memory(ctx)


def _out_of_memory(ctx: CommandContext) -> int:
    """In words, or as the document, if memory suffices for that; in one short line else."""
    try:
        from resilience_sim.cli import failures

        remedy = "make the run shorter, its bins (--series) wider or its file smaller, or allow more memory (ulimit -v)"
        return failures.say(ctx, Problem("memory", "there is not enough memory for this", remedy))
    except Exception:  # whatever comes of importing modules halfway
        return _no_memory_for_words(ctx.io)


def _parse(ctx: CommandContext) -> Any:
    """Let Typer read the command line: the action to take, or an exit code if none is left."""
    import typer

    from resilience_sim.cli.app import COMMANDS, build

    argv = _spelled(ctx.argv)
    ctx.command = next((word for word in argv if word in COMMANDS), "")
    first = _first(argv)
    app = build(ctx.io.stdout_is_terminal, first if first in COMMANDS else "")
    usage_error: type[Exception] = typer.BadParameter.__mro__[1]  # Typer exports only this child of it
    try:
        return app.main(args=argv, prog_name="resim", standalone_mode=False, obj=ctx)
    except usage_error as error:
        raise _usage_problem(ctx, error) from None


def _begins(argv: Sequence[str]) -> int:
    """Where the first word behind the global flags stands: the command, if there is one."""
    return next((index for index, word in enumerate(argv) if word not in FLAGS), len(argv))


def _first(argv: Sequence[str]) -> str:
    """That word; "" for none."""
    return next(iter(argv[_begins(argv) :]), "")


def _spelled(argv: Sequence[str]) -> list[str]:
    """``help``, ``help run`` and ``version`` as the options that they are."""
    found = list(argv)
    at = _begins(found)
    if found[at : at + 1] == ["help"]:
        return [*found[:at], *found[at + 1 :], "--help"]
    return [*found[:at], "--version", *found[at + 1 :]] if found[at : at + 1] == ["version"] else found


def _usage_problem(ctx: CommandContext, error: Any) -> Problem:
    """A command line that cannot be parsed, in our words."""
    from resilience_sim.cli.app import COMMANDS
    from resilience_sim.cli.options import COLORS, did_you_mean

    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "resim"
    remedy = f"`{path} --help` lists what is possible"
    possible = getattr(error, "possibilities", None)
    option = getattr(error, "option_name", "")
    if option and path == "resim" and ctx.command:
        remedy = f"options of a command come after it: resim {ctx.command} ... {option}"
        message = f"no such option before the command: `{option}`"
    elif possible and option:
        message, remedy = f"no such option: `{error.option_name}`", f"did you mean `{sorted(possible)[0]}`?"
    elif "No such command" in message:
        word = next((each for each in ctx.argv if each[:1] != "-" and each not in COLORS), "")
        message = f"no such command: `{word}`"
        remedy = _as_command(word) or did_you_mean(word, COMMANDS) or f"commands: {', '.join(COMMANDS)}"
    elif "unexpected extra argument" in message:
        message = f"unexpected: {message.partition(' (')[2].rstrip(')')}"
    message = message.replace(
        "Input should be a valid integer, unable to parse string as an integer", "expected an integer"
    )
    return Problem("usage", message[:1].lower() + message[1:] if message[:2].istitle() else message, remedy)


def _as_command(word: str) -> str:
    """What to type when a scenario or a recording stands where a command belongs; empty for any other word."""
    from shlex import quote

    from resilience_sim.scenario.text import shipped
    from resilience_sim.scenario.text.source import is_file

    if word.endswith(".resim") and is_file(word):
        return f"did you mean `resim replay {quote(word)}`?"
    known = shipped.find(word) is not None or (word.endswith((".yaml", ".yml")) and is_file(word))
    return f"did you mean `resim run {quote(word)}`?" if known else ""
