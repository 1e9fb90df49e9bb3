"""What an error becomes: words on standard error, the one document with ``--json``, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from resilience_sim.cli import errors
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import Problem

if TYPE_CHECKING:
    from resilience_sim.scenario.diagnostics import Diagnostic


OWN_CODE = "OwnCodeError"  # of the user's own client: by name, for naming the class would load what runs it


def answer(ctx: CommandContext, error: BaseException) -> int:
    """Say what went wrong; the exit code. The checks that import much come last."""
    if isinstance(error, KeyboardInterrupt):
        problem = Problem("interrupted", "interrupted before there was anything to tell")
        return say(ctx, problem, errors.INTERRUPTED)
    if isinstance(error, Problem):
        return say(ctx, error)
    if isinstance(error, MemoryError):
        remedy = "simulate less at once: fewer requests, a coarser `--series`, or bounds on what waits"
        return say(ctx, Problem("memory", "there is not enough memory for this", remedy))
    from resilience_sim.scenario.diagnostics import ScenarioError

    if isinstance(error, ScenarioError):
        return invalid_scenario(ctx, error.diagnostics)
    from resilience_sim.kernel.sim import SimulationError
    from resilience_sim.recording.layout import RecordingError
    from resilience_sim.views.export.files import ExportError

    if isinstance(error, RecordingError):
        return say(ctx, Problem("recording", f"{error.place}: {error.cause}", error.remedy))
    if isinstance(error, ExportError):
        return say(ctx, Problem("output", f"{error.place}: {error.cause}", error.remedy))
    if isinstance(error, SimulationError):
        cause, remedy = getattr(error, "cause", str(error)), getattr(error, "remedy", "")
        return say(ctx, Problem("client" if type(error).__name__ == OWN_CODE else "stuck", cause, remedy))
    from resilience_sim.runs.batch import RunFailed

    if isinstance(error, RunFailed) and error.cause.startswith(f"{SimulationError.__name__}: "):
        return say(ctx, Problem("stuck", str(error)))
    if isinstance(error, RunFailed) and error.cause.startswith(f"{OWN_CODE}: "):
        where = f"{error.variant}, seed {error.seed}" if error.variant else f"seed {error.seed}"
        return say(ctx, Problem("client", f"{where}: {error.cause.removeprefix(f'{OWN_CODE}: ')}"))
    from resilience_sim.experiments.cluster import ClusterError
    from resilience_sim.experiments.crew import WorkFailed
    from resilience_sim.experiments.study import StudyError

    if isinstance(error, ClusterError):
        return say(ctx, Problem("cluster", str(error), error.help))
    if isinstance(error, StudyError):
        return say(ctx, Problem("study", str(error), error.help))
    if isinstance(error, WorkFailed):
        return say(ctx, Problem("work", f"a piece of the work has no answer: {error}", "ask for less, or try again"))
    return internal_error(ctx, error)


def invalid_scenario(ctx: CommandContext, found: Sequence[Diagnostic]) -> int:
    """Every finding of a scenario that cannot be run."""
    if not ctx.json:
        ctx.findings(found)
        return errors.NOTHING_DONE
    from resilience_sim.scenario.load import MOST_LISTED

    many = len(found) if len(found) <= MOST_LISTED else f"more than {MOST_LISTED}"
    message = f"{found[0].file}: {found[0].message}" if len(found) == 1 else f"the scenario has {many} mistakes"
    return say(ctx, Problem("invalid_scenario", message), diagnostics=found)


def internal_error(ctx: CommandContext, error: BaseException) -> int:
    """Something that must never happen, in one line; the traceback is kept in a file."""
    import tempfile
    import traceback

    from resilience_sim import __version__

    text = f"resim {__version__}\npython {sys.version}\narguments {list(ctx.argv)}\n\n"
    text += "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="resim-error-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
            remedy = f"please report it and attach {file.name}"
    except OSError:
        remedy = "please report it with the command line"
    if ctx.verbose:
        ctx.err(text)
    return say(ctx, Problem("internal", f"internal error: {type(error).__name__}: {error}", remedy), errors.INTERNAL)


def say(
    ctx: CommandContext, problem: Problem, code: int = errors.NOTHING_DONE, diagnostics: Sequence[Diagnostic] = ()
) -> int:
    """Print a problem in words or as a document."""
    if not ctx.json:
        ctx.error(problem.message, problem.help)
        return code
    from resilience_sim.views.document import failure, result_document

    message = f"{problem.message}; {problem.help}" if problem.help else problem.message
    error = failure(problem.code, message, diagnostics)
    ctx.document(result_document(ctx.command or "resim", path=ctx.subject, error=error))
    return code
