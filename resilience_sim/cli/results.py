"""From a run to its answer: recording, figures, verdicts, outputs, exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from resilience_sim.cli import errors
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.watching import LIVE, OVER, PLAIN, WatchOptions, run_out, watch_live, watch_plain
from resilience_sim.settings.plan import AS_WRITTEN

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.experiments.crew import Crew
    from resilience_sim.measure.expectations import Verdict
    from resilience_sim.measure.result import RunResult
    from resilience_sim.recording.reader import Recording
    from resilience_sim.runs.simulation import Source
    from resilience_sim.scenario.scenario import Scenario
    from resilience_sim.settings.plan import Expectation, Plan
    from resilience_sim.views.chosen import Chosen
    from resilience_sim.views.export.targets import Format, Outputs
    from resilience_sim.views.moments import MomentsFold

MOST_AGAIN = 200_000  # attempts of a run that is made once more to explain it: a few seconds at most
CUT_SHORT = "the run was cut short"
INTERRUPTED = "interrupted; the figures cover what was simulated"


@dataclass(frozen=True)
class Done:
    """One run that ended, or was cut short (``whole`` False)."""

    result: RunResult
    whole: bool
    moments: MomentsFold | None
    violated: Mapping[Expectation, int]


def recording_file(ctx: CommandContext, file: str) -> str:
    """The path of a recording: ``last`` is the last session of the cockpit that was not saved elsewhere."""
    if file != "last" or Path(file).exists():
        return file
    from resilience_sim.play.save_recording import last_session

    return str(last_session(ctx.io.environ))


@contextmanager
def recorded(
    source: Source, scenario: Scenario, path: str | None, variant: str = AS_WRITTEN, force: bool = False
) -> Iterator[Source]:
    """The source to run, recorded at ``path`` if one is given. Only then sqlite3 is imported.

    ``force``: also in place of a file that is no recording.
    """
    if path is None:
        yield source
        return
    from resilience_sim.runs.record import record

    with record(source, scenario, path, variant, force) as wrapped:
        yield wrapped


def carry_out(
    ctx: CommandContext,
    source: Source,
    way: str,
    watch: WatchOptions,
    series: int = 0,
    outputs: Outputs | None = None,
    finished: bool = True,
) -> Done:
    """Run a source to its end while it is watched, measured and exported. ``finished``: that is the end of the run."""
    from resilience_sim.measure.services_fold import figures_of
    from resilience_sim.measure.violations import ViolationFold, overdue

    figures = figures_of(source.plan, source.components, series)
    source.attach(figures)
    violations = ViolationFold(source.plan)
    if violations.needed:
        source.attach(violations)
    moments = None
    if not ctx.json:
        from resilience_sim.views.moments import MomentsFold

        moments = MomentsFold(source.plan, source.components)
        source.attach(moments)
    if outputs is not None:
        outputs.attach(source)
    if way == LIVE:
        whole = watch_live(ctx, [("", source)], watch) == OVER
    elif way == PLAIN:
        whole = watch_plain(ctx, source, watch)
    else:
        whole = run_out(ctx, source)
    notes = tuple(getattr(source, "notes", ()))
    cut = not (whole and finished)
    violated = {**overdue(source.plan, source.plan.expect), **violations.instants()}
    result = replace(figures.result(source.seed, source.digest(), source.now, cut), notes=notes)
    return Done(result, whole, moments, violated)


def figures_of(recording: Recording, series: int) -> RunResult:
    """The figures of a recorded run."""
    from resilience_sim.measure.services_fold import figures_of
    from resilience_sim.runs.replay import Playback
    from resilience_sim.runs.simulate import drain

    playback = Playback(recording)
    figures = figures_of(playback.plan, playback.components, series)
    playback.attach(figures)
    drain(playback)
    return figures.result(recording.meta.seed, playback.digest(), playback.now, not recording.finished)


def as_the_file_says(recording: Recording) -> bool:
    """Whether a recorded run is that of its scenario, without other settings and without acts by hand."""
    from resilience_sim.runs.replay import actions_of

    meta = recording.meta
    return not meta.overrides and meta.variant == AS_WRITTEN and not actions_of(recording)


def judged(
    expectations: Sequence[Expectation],
    results: Mapping[str, Sequence[RunResult]],
    whole: bool,
    running: str = AS_WRITTEN,
    *,
    unchanged: bool,
    violated: Mapping[Expectation, int] | None = None,
    again: Callable[[int], Source] | None = None,
) -> list[Verdict]:
    """The verdicts; those of a run that was cut short are inconclusive. For the arguments see ``evaluate``.

    ``again`` makes the run of a seed once more: to find out when a run that was not watched violated an expectation.
    """
    from resilience_sim.measure.expectations import INCONCLUSIVE, evaluate

    verdicts = evaluate(expectations, results, running, unchanged, violated)
    if whole:
        return verdicts if again is None else _with_instants(expectations, results, running, verdicts, again)
    return [
        replace(verdict, verdict=INCONCLUSIVE, reason=CUT_SHORT, first_broken=None, first_violated=None)
        for verdict in verdicts
    ]


def _with_instants(
    expectations: Sequence[Expectation],
    results: Mapping[str, Sequence[RunResult]],
    running: str,
    verdicts: Sequence[Verdict],
    again: Callable[[int], Source],
) -> list[Verdict]:
    """The verdicts with the instants at which the runs that first broke them did, where there are such instants."""
    from resilience_sim.measure.expectations import FAIL

    judged_ones = [each for each in expectations if results.get(each.scope.variant or running)]
    small = {result.seed for result in results.get(running, ()) if result.document["attempts"]["total"] <= MOST_AGAIN}
    instants: dict[int, Mapping[Expectation, int]] = {}
    found = []
    for expectation, verdict in zip(judged_ones, verdicts, strict=True):
        seed, own = verdict.first_broken, not expectation.scope.variant
        if verdict.verdict == FAIL and own and seed in small and verdict.first_violated is None:
            if seed not in instants:
                instants[seed] = _violations(again(seed))
            at = instants[seed].get(expectation)
            found.append(verdict if at is None else replace(verdict, first_violated=at / 1e9))
        else:
            found.append(verdict)
    return found


def _violations(source: Source) -> Mapping[Expectation, int]:
    """When a run violates its expectations; what needs no run to be known is known without."""
    from resilience_sim.measure.violations import ViolationFold, overdue
    from resilience_sim.runs.simulate import drain

    fold = ViolationFold(source.plan)
    if fold.needed:
        source.attach(fold)
        drain(source)
    return {**overdue(source.plan, source.plan.expect), **fold.instants()}


def explained(plan: Plan, result: RunResult) -> MomentsFold | None:
    """What is to be known of a run that was not watched, to explain it; None where that would take too long."""
    from resilience_sim.runs.simulate import drain
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.views.moments import MomentsFold

    if result.document["attempts"]["total"] > MOST_AGAIN:
        return None
    source = Simulation(plan, result.seed)
    moments = MomentsFold(plan, source.components)
    source.attach(moments)
    drain(source)
    return moments


def exit_code(verdicts: Sequence[Verdict], whole: bool) -> int:
    """Interrupted outranks a failed expectation, which outranks an inconclusive one."""
    if not whole:
        return errors.INTERRUPTED
    found = {verdict.verdict for verdict in verdicts if verdict.decides}
    return errors.NO if "fail" in found else errors.INCONCLUSIVE if "inconclusive" in found else errors.OK


def files_of(scenario: Scenario) -> list[Path]:
    """The file of a scenario and its data files; none for standard input and shipped scenarios."""
    path = Path(scenario.path)
    return [path, *(path.parent / name for name, _ in scenario.files)] if path.is_file() else []


class Wanted(Protocol):
    """What commands that make many runs have in common."""

    @property
    def out(self) -> list[str]: ...
    @property
    def force(self) -> bool: ...
    @property
    def cluster(self) -> str | None: ...


@contextmanager
def experiment(
    ctx: CommandContext,
    options: Wanted,
    scenario: Scenario,
    formats: Sequence[Format],
    used: Iterable[str | Path] = (),
) -> Iterator[tuple[Outputs | None, Crew]]:
    """The outputs of a command that makes many runs, and who makes them; the scenario's warnings are said first.

    ``used``: files that it uses beside those of the scenario.
    """
    from resilience_sim.experiments.cluster import crew_for

    with ExitStack() as stack:
        outputs = open_outputs(ctx, options.out, stack, [*ctx.files, *used], options.force, formats=formats)
        if not ctx.json:
            ctx.warnings(scenario.warnings)
        yield outputs, stack.enter_context(crew_for(options.cluster, say=ctx.note))


def open_outputs(
    ctx: CommandContext,
    specs: Sequence[str],
    stack: ExitStack,
    inputs: Iterable[str | Path | None],
    force: bool,
    save: str | None = None,
    formats: Sequence[Format] | None = None,
) -> Outputs | None:
    """Everything that ``--out`` asks for, opened before anything is simulated; None if nothing is.

    Neither an output nor the recording ``save`` may replace one of ``inputs``, the files that the command uses; other
    files that are no earlier output only with ``force``.
    """
    if not specs and save is None:
        return None
    from resilience_sim.views.export.files import same_file
    from resilience_sim.views.export.targets import FORMATS
    from resilience_sim.views.export.targets import open_outputs as open_targets

    used = [each for each in inputs if each]
    if save is not None and any(same_file(Path(save), each) for each in used):
        raise errors.usage(f"--save {save}: this command itself uses that file", "choose another path")
    if not specs:
        return None
    taken = used if save is None else [*used, save]
    outputs = stack.enter_context(open_targets(list(specs), ctx.io.stdout, taken, force, formats or FORMATS))
    if outputs.uses_stdout and ctx.json:
        raise errors.usage("--json and an --out to standard output exclude each other", "write the output to a file")
    return outputs


def stdout_taken(outputs: Outputs | None) -> bool:
    """Whether an output goes to standard output, so that everything else must not."""
    return outputs is not None and outputs.uses_stdout


def bins(series: int, outputs: Outputs | None, plan: Plan) -> int:
    """``--series``; for a report, which has charts over time, a length that suits the run."""
    if series or outputs is None or not outputs.needs_page:
        return series
    from resilience_sim.views.export.report import bin_of
    from resilience_sim.views.live.facts import horizon

    return bin_of(horizon(plan))


def finish(
    ctx: CommandContext,
    outputs: Outputs | None,
    make_document: Callable[[], dict[str, Any]],
    say: Callable[[Console, bool], None],
    drawn: Mapping[str, Callable[[], Source]] | None = None,
) -> None:
    """Complete the outputs, and give the answer: the result document with ``--json``, else what ``say`` prints. Its
    second argument says whether that is to be the result only.

    A report has in it what ``say`` prints, too, and tells of requests of the first run of ``drawn``,
    which makes each anew, by variant.
    """
    document = make_document() if ctx.json or (outputs is not None and outputs.needs_document) else None
    if outputs is not None:
        page = outputs.needs_page
        outputs.finish(document, _spoken(say) if page else "", _chosen(document, drawn) if page else ())
    if ctx.json and document is not None:
        ctx.document(document)
    else:
        say(ctx.io.console(stderr=stdout_taken(outputs)), ctx.quiet)


def _chosen(document: dict[str, Any] | None, drawn: Mapping[str, Callable[[], Source]] | None) -> Sequence[Chosen]:
    """The requests that a report tells of; none of runs that are too long to be made twice more, or were cut short."""
    from resilience_sim.views.chosen import LONGEST, choose

    if not drawn or document is None or document.get("error"):
        return ()
    made = {each["name"]: each["runs"][0]["attempts"]["total"] for each in document["variants"] if each["runs"]}
    left, own = LONGEST, {}
    for name, make in drawn.items():
        if (left := left - made.get(name, left + 1)) >= 0:
            own[name] = make
    return choose(own) if next(iter(drawn)) in own else ()


def _spoken(say: Callable[[Console, bool], None]) -> str:
    """All that the command would print on a wide terminal, also with ``-q``."""
    import io

    from rich.console import Console

    from resilience_sim.views.export.report import as_html

    console = Console(
        record=True, file=io.StringIO(), width=104, force_terminal=True, color_system="standard", legacy_windows=False
    )
    say(console, False)
    return as_html(console)
