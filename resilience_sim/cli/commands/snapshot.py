"""``resim snapshot``: the figures of all scenarios of a folder, as a text file whose diff says what a change does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import NO, OK, Problem, usage

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.experiments.snapshot import Compared, Entry, Snapshot
    from resilience_sim.measure.result import RunResult
    from resilience_sim.scenario.scenario import Scenario
    from resilience_sim.settings.plan import Plan

ABOUT = "Keep the figures of a folder's scenarios, and check what changed."
FILE = "resim.snapshot"
RUNS, FEWEST = 20, 10


@dataclass(frozen=True)
class SnapshotOptions:
    folder: Annotated[str, opt.argument("FOLDER", "Where the scenarios are, and the snapshot.", complete.folders)] = "."
    check: Annotated[bool, opt.switch("--check", "Exit with 1 if anything changed beyond chance.", opt.MAIN)] = False
    update: Annotated[bool, opt.switch("--update", "Write what has changed.", opt.MAIN)] = False
    runs: Annotated[
        int, opt.option("--runs", "N", f"Number of seeds; 0: those of the snapshot, {RUNS} for a new one.", opt.MAIN)
    ] = 0
    out: opt.Out = field(default_factory=list)
    force: opt.Overwrite = False


def snapshot(ctx: CommandContext, options: SnapshotOptions) -> int:
    """Simulate all scenarios of a folder and note their figures in one text file, resim.snapshot, for the repository.

    Once it is there, the scenarios are compared with it, seed by seed: what changed beyond chance, by how much, and
    with which settings. --check is for CI; --update writes the new figures, but not those that differ by chance.
    """
    from resilience_sim.cli import results
    from resilience_sim.experiments.snapshot import BEGINS, compare, text_of, updated
    from resilience_sim.experiments.snapshot_looks import looked_at_again
    from resilience_sim.scenario.text.source import is_folder
    from resilience_sim.views.export.files import opened, written
    from resilience_sim.views.export.targets import OF_SNAPSHOT

    ctx.subject = options.folder
    if options.check and options.update:
        raise usage("--check and --update exclude each other", "check first, then update")
    if options.check and options.runs:
        raise usage("--check takes the seeds of the snapshot", "leave out --runs, or use it with --update")
    folder = Path(options.folder)
    if not is_folder(options.folder):
        raise usage(f"{options.folder} is no folder", "name the folder of the scenarios")
    place = folder / FILE
    noted = _noted(place)
    if noted is None and options.check:
        raise Problem(
            "no_snapshot", f"{place}: there is no snapshot yet", f"write one: resim snapshot {options.folder}"
        )
    scenarios = _scenarios(folder)
    seeds = noted.seeds if noted is not None else tuple(range(1, RUNS + 1))
    if options.runs:
        if options.runs < FEWEST:
            raise usage(f"--runs {options.runs}: too few to tell a change from chance", f"at least {FEWEST}")
        seeds = tuple(opt.parse_seeds(1, options.runs))
    fresh = noted is None or noted.seeds != seeds
    if fresh and noted is not None and not options.update:
        raise usage(f"{place} has {len(noted.seeds)} seeds, not {len(seeds)}", "add --update to write it anew")
    ctx.files = [file for each in scenarios.values() for file in results.files_of(each)]
    with ExitStack() as stack:
        outputs = results.open_outputs(ctx, options.out, stack, [*ctx.files, place], options.force, formats=OF_SNAPSHOT)
        file = None
        if fresh or options.update:
            file = opened(place, options.force, ctx.files, BEGINS)
            stack.callback(file.discard)
        now = _take(ctx, scenarios, seeds)
        found: list[Compared] = []
        if noted is not None and not fresh:
            found = looked_at_again(noted, now, compare(noted, now), scenarios, partial(_runs, ctx))
        if file is not None:
            written(file, place, text_of(now if noted is None or fresh else updated(noted, now, found)))
        changed = any(each.changed for each in found)
        code = NO if options.check and changed else OK

        def document() -> dict[str, Any]:
            return _document(ctx, place, found, now)

        def say(console: Console, quiet: bool) -> None:
            from resilience_sim.kernel.format import plural
            from resilience_sim.views.snapshot import render_snapshot

            steps = (
                [] if file is not None or not found else [(f"resim snapshot {options.folder} --update", "accept it")]
            )
            if not fresh:
                render_snapshot(console, found, len(now.entries), steps, quiet=quiet)
            if file is not None:
                ctx.out(f"wrote {place}: {plural(len(now.entries), 'scenario')}, {len(seeds)} seeds each")

        results.finish(ctx, outputs, document, say)
        return code


def _noted(place: Path) -> Snapshot | None:
    from resilience_sim.experiments.snapshot import SnapshotError, read_text
    from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
    from resilience_sim.scenario.text import source
    from resilience_sim.settings import codes

    if not place.exists() and not place.is_symlink():
        return None
    text = source.read(str(place)).text
    try:
        return read_text(text)
    except SnapshotError as error:
        remedy = "take the file of one side of a merge, then resim snapshot --update; or delete it and write a new one"
        where = Diagnostic(codes.WRONG_TYPE, str(error), str(place), error.line, 1, help=remedy)
        raise ScenarioError([where]) from None


def _scenarios(folder: Path) -> dict[str, Scenario]:
    """The scenarios of a folder and those below it, by path. ScenarioError for all that cannot be loaded."""
    from resilience_sim.interop.folders import expanded
    from resilience_sim.kernel.text import printable
    from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
    from resilience_sim.scenario.load import load_text
    from resilience_sim.scenario.text.source import is_scenario, read

    found: dict[str, Scenario] = {}
    wrong: list[Diagnostic] = []
    for name in expanded(str(folder)):
        if not name.lower().endswith((".yaml", ".yml", ".json")):
            continue
        try:
            text = read(name).text
            if is_scenario(text):
                found[printable(Path(name).relative_to(folder).as_posix())] = load_text(text, name)
        except ScenarioError as error:
            wrong += error.diagnostics
    if wrong:
        raise ScenarioError(wrong)
    if not found:
        raise usage(f"no scenarios in {folder}", "name a folder that has some: a scenario begins with `resim: 1`")
    return found


def _take(ctx: CommandContext, scenarios: Mapping[str, Scenario], seeds: Sequence[int]) -> Snapshot:
    from resilience_sim.experiments.snapshot import Snapshot, entry_of

    runs = _runs(ctx, {path: each.plan for path, each in scenarios.items()}, seeds)
    entries: dict[str, Entry] = {path: entry_of(each, runs[path]) for path, each in scenarios.items()}
    return Snapshot(tuple(seeds), entries)


def _runs(ctx: CommandContext, plans: Mapping[str, Plan], seeds: Sequence[int]) -> Mapping[str, Sequence[RunResult]]:
    from resilience_sim.cli.watching import Progress, nothing_left
    from resilience_sim.experiments.snapshot import FIGURES
    from resilience_sim.runs.batch import run_many

    total = len(plans) * len(seeds)
    finished = 0

    def count(*_: object) -> None:
        nonlocal finished
        finished += 1
        progress.at(finished, f"{finished} of {total} runs")

    with Progress(ctx, "simulating", total) as progress:
        ctx.detail(f"simulating {total} runs")
        batch = run_many(plans, seeds, on_result=count, metrics=FIGURES)
    if batch.interrupted:
        raise KeyboardInterrupt
    if batch.lost:
        raise nothing_left(batch)
    return batch.results


def _document(ctx: CommandContext, place: Path, found: Sequence[Compared], now: Snapshot) -> dict[str, Any]:
    from resilience_sim.views.document import result_document
    from resilience_sim.views.snapshot import snapshot_document

    return result_document(
        ctx.command,
        path=ctx.subject,
        seeds=now.seeds,
        snapshot=snapshot_document(str(place), found, len(now.entries)),
    )
