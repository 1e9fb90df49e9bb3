"""``--watch``: run a command again whenever its scenario is saved, with what changed since the last result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resilience_sim.cli import errors
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import Problem, usage

if TYPE_CHECKING:
    from resilience_sim.measure.result import RunResult

EVERY = 0.2  # s between two looks at the files


def run_when_saved(ctx: CommandContext, scenario: str, once: Callable[[], int]) -> int:
    """Run ``once`` now and whenever the file of the scenario, or one that it reads, is saved, until Ctrl-C.

    The exit code is that of the last run.
    """
    from resilience_sim.cli import failures
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.text.source import file_named, is_file

    path = Path(file_named(scenario))
    if not is_file(path):
        raise usage("--watch needs a scenario file", f"write one: resim init my-scenario --template {scenario}")
    if ctx.json:
        raise usage("--watch and --json exclude each other", "leave out --watch for one document")
    before: Mapping[str, Sequence[RunResult]] = {}
    while True:
        ctx.results, ctx.files = {}, [path]
        saved = _stamps([path])
        try:
            code = once()
        except (Problem, ScenarioError) as error:
            code = failures.answer(ctx, error)
        if ctx.results:
            _since(ctx, before)
            before = ctx.results
        if code == errors.INTERRUPTED:
            return code
        files = list(dict.fromkeys([path, *ctx.files]))
        saved = {**_stamps(files), **saved}  # saved during the run counts, too
        ctx.note(f"watching {path}: runs again when it is saved, Ctrl-C ends")
        try:
            while _stamps(files) == saved:
                ctx.io.stdout.flush()
                ctx.io.pause(EVERY)
        except KeyboardInterrupt:
            return code
        ctx.out(f"\n{path} was saved\n")


def _stamps(files: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """When each file was saved and how large it is; a missing one (an editor may be replacing it) is left out."""
    found = {}
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        found[file] = (stat.st_mtime_ns, stat.st_size)
    return found


def _since(ctx: CommandContext, before: Mapping[str, Sequence[RunResult]]) -> None:
    """Print what changed since the last result."""
    from resilience_sim.views.comparison import render_change

    for name, results in ctx.results.items():
        if name in before:
            render_change(ctx.io.console(), name, before[name], results)
