"""``resim tune``: which settings are surely better."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import INCONCLUSIVE, INTERRUPTED, NO, OK, Problem, usage

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.experiments.race import Tuning
    from resilience_sim.experiments.tune import Tuned
    from resilience_sim.scenario.scenario import Scenario
    from resilience_sim.views.export.files import OutputFile

ABOUT = "Find better settings, certified on fresh seeds."
DEFAULT_BUDGET = "20M requests"
MOST_REQUESTS = 10**15
MULTIPLES = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}


@dataclass(frozen=True)
class TuneOptions:
    scenario: opt.ScenarioName = "retry-storm"
    vary: Annotated[
        list[str],
        opt.option(
            "--vary",
            "PATH=SPEC",
            "What may change: 1..6, 10ms..2s:log, 5%,10%,none; default: the stack's settings. Repeatable.",
            opt.MAIN,
            complete.settings,
        ),
    ] = field(default_factory=list)
    minimize: Annotated[
        list[str],
        opt.option("--minimize", "METRIC", "A metric that is to be low. Repeatable.", opt.MAIN, complete.metrics),
    ] = field(default_factory=list)
    maximize: Annotated[
        list[str],
        opt.option("--maximize", "METRIC", "A metric that is to be high. Repeatable.", opt.MAIN, complete.metrics),
    ] = field(default_factory=list)
    subject_to: Annotated[
        list[str],
        opt.option(
            "--subject-to", "EXPECTATION", "What must hold, e.g. `p99 < 800ms`. Repeatable.", opt.MAIN, complete.metrics
        ),
    ] = field(default_factory=list)
    budget: Annotated[
        str, opt.option("--budget", "BUDGET", "How much to spend: `200M requests`, or a time like 5m.", opt.MAIN)
    ] = DEFAULT_BUDGET
    seed: opt.FirstSeed = None
    settings: opt.Set = field(default_factory=list)
    cluster: opt.Cluster = None
    resume: Annotated[
        str | None,
        opt.option("--resume", "STUDY", "Keep what is measured in this file, and go on with it.", opt.OUTPUT),
    ] = None
    write: Annotated[
        str | None,
        opt.option("--write", "FILE.yaml", "Write the scenario with the first settings of the front.", opt.OUTPUT),
    ] = None
    out: opt.Out = field(default_factory=list)
    force: opt.Overwrite = False


def tune(ctx: CommandContext, options: TuneOptions) -> int:
    """Search for settings that are surely better than those of a scenario, and say by how much.

    Candidates race on the same luck; what is left is certified on seeds that nobody has used. The answer is a front of
    settings with paired differences to today's, or that this cannot be told. What to vary, to reach and to keep also
    stands under ``tune:`` in the scenario. Exit codes: 0 better, 1 nothing meets the constraints, 4 cannot tell.
    """
    from resilience_sim.cli import results
    from resilience_sim.cli.watching import Progress
    from resilience_sim.experiments.purse import TooSmall
    from resilience_sim.experiments.study import Study
    from resilience_sim.experiments.tune import tune as search
    from resilience_sim.scenario.load import load
    from resilience_sim.views.export.files import same_file
    from resilience_sim.views.export.targets import OF_MARGINS

    ctx.subject = options.scenario
    requests, seconds = _budget(options.budget)
    opt.parse_seeds(options.seed or 0, 1)
    scenario = load(options.scenario, options.settings)
    seed = scenario.plan.seed if options.seed is None else options.seed
    tuning = _question(options, scenario, seed, requests, seconds)
    objectives, constraints = tuning.objectives, tuning.constraints
    ctx.files = results.files_of(scenario)
    with ExitStack() as stack:
        kept: list[str | Path] = [*ctx.files, *([options.resume] if options.resume is not None else [])]
        tuned_file = _tuned_file(options, kept, stack)
        own = [each for each in (options.resume, options.write) if each is not None]
        outputs, crew = stack.enter_context(results.experiment(ctx, options, scenario, OF_MARGINS, own))
        started = ctx.io.clock()
        if options.resume is not None and any(same_file(Path(options.resume), each) for each in ctx.files):
            raise usage(f"--resume {options.resume}: this command itself uses that file", "name a file for the study")
        readings = len(objectives) + len(constraints)
        study = stack.enter_context(Study(options.resume, tuning.question(), readings))
        if study.resumed:
            ctx.note(f"{options.resume}: {study.resumed:,} runs are known already")
        with Progress(ctx, "searching", 1.0) as progress:
            ctx.detail("searching")
            try:
                found = search(tuning, crew, study, progress.at)
            except TooSmall as error:
                study.discard()
                raise usage(f"--budget: {error}", error.help) from None
        if found.interrupted and not found.front:
            raise KeyboardInterrupt
        code = {"better": OK, "cannot_tell": INCONCLUSIVE, "none_feasible": NO}[found.verdict]
        code = INTERRUPTED if found.interrupted else code
        wrote = "" if tuned_file is None else _write(tuned_file, str(options.write), scenario, found)
        if tuned_file is not None and not wrote:
            ctx.note(
                f"{options.write} is not written: the front has no other settings that surely meet every constraint"
            )

        def document() -> dict[str, Any]:
            return _document(ctx, scenario, found, ctx.io.clock() - started)

        def say(console: Console, quiet: bool) -> None:
            from resilience_sim.views.tune import render_tune

            render_tune(console, scenario, objectives, found, wrote, quiet=quiet)

        results.finish(ctx, outputs, document, say)
        return code


def _budget(text: str) -> tuple[int, float]:
    """``200M requests`` or ``5m``: requests, seconds; the other one is 0."""
    found = re.match(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kKMG]?)\s*requests?\s*\Z", text)
    if found:
        requests = float(found[1]) * MULTIPLES[found[2]]
        if requests > MOST_REQUESTS:
            raise usage(f"--budget: `{text}` is out of range", "at most `1000000G requests`")
        return max(1, round(requests)), 0.0
    try:
        ns = opt.parse_time("--budget", text, least=1_000_000_000)
    except Problem:
        raise usage(f"--budget: `{text}` is no budget", "write it like `200M requests`, or `5m`") from None
    return 0, ns / 1e9


def _question(options: TuneOptions, scenario: Scenario, seed: int, requests: int, seconds: float) -> Tuning:
    """What is asked; mistakes named after the option, or the section, that they stand in."""
    from resilience_sim.cli.commands.sweep import known_metric
    from resilience_sim.experiments.questions import question
    from resilience_sim.experiments.specs import SpecError, parse_setting
    from resilience_sim.scenario.diagnostics import ScenarioError

    low = [known_metric("--minimize", name) for name in options.minimize]
    high = [known_metric("--maximize", name) for name in options.maximize]
    own = scenario.tune is not None and scenario.tune.vary
    where = "--vary" if options.vary or not own else "tune.vary"
    try:
        vary = [parse_setting(each, "retry.attempts=1..6") for each in options.vary]
        return question(scenario, vary, low, high, options.subject_to, seed, requests, seconds)
    except SpecError as error:
        raise usage(f"{where}: {error}", error.help) from None
    except ScenarioError as error:
        named = {"--set": where, "expectation": "--subject-to"}
        raise ScenarioError(
            [replace(each, file=named.get(each.file, each.file)) for each in error.diagnostics]
        ) from None


def _tuned_file(options: TuneOptions, used: Sequence[str | Path], stack: ExitStack) -> OutputFile | None:
    """The file of ``--write``, before anything is searched; it appears when there is something to write."""
    if options.write is None:
        return None
    from resilience_sim.views.export.files import opened

    file = opened(Path(options.write), options.force, used)
    stack.callback(file.discard)
    return file


def _write(file: OutputFile, path: str, scenario: Scenario, found: Tuned) -> str:
    """The scenario with the first settings of the front that are others than today's; where it went."""
    from resilience_sim.scenario.text.spelling import Unwritable
    from resilience_sim.scenario.write import text_with
    from resilience_sim.views.export.files import written

    first = next((each for each in found.front if each.settings and each.feasible), None)
    if first is None:
        return ""
    try:
        text = text_with(scenario, first.settings)
    except Unwritable as error:
        raise Problem("output", f"--write: {error}", "put the settings in by hand, or use --set") from None
    written(file, Path(path), text)
    return path


def _document(ctx: CommandContext, scenario: Scenario, found: Tuned, seconds: float) -> dict[str, Any]:
    from resilience_sim.views.document import failure, result_document
    from resilience_sim.views.tune import entry_document

    return result_document(
        ctx.command,
        scenario=scenario,
        seeds=found.certified_on,
        warnings=scenario.warnings,
        error=failure("interrupted", "interrupted; nothing is certified") if found.interrupted else None,
        front=[entry_document(each) for each in found.front],
        verdict=found.verdict,
        certified_on=list(found.certified_on),
        search={
            "library": found.search,
            "generations": found.generations,
            "candidates": found.candidates,
            "impossible": found.impossible,
            "refused_by_lint": found.linted,
        },
        spent={"runs": found.runs, "requests": found.requests, "seconds": seconds},
    )
