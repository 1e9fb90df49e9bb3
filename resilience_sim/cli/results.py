"""From what was simulated to what is answered: figures, verdicts, exit code.

Owns the rule for runs that were cut short: their expectations are not judged. Refuses to compute anything itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from resilience_sim.cli import exits
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.watching import LIVE, OVER, PLAIN, WatchOptions, run_out, watch_live, watch_plain

if TYPE_CHECKING:
    from resilience_sim.measure.expectations import Verdict
    from resilience_sim.measure.result import RunResult
    from resilience_sim.runs.simulation import Source
    from resilience_sim.scenario.plan import Expectation, Scenario
    from resilience_sim.views.export.targets import Outputs
    from resilience_sim.views.moments import MomentsFold

CUT_SHORT = "the run was cut short"


class Done:
    """One run that is over, or was cut short (``whole`` False)."""

    def __init__(self, result: RunResult, whole: bool, moments: MomentsFold | None) -> None:
        self.result = result
        self.whole = whole
        self.moments = moments


def carry_out(
    ctx: CommandContext, source: Source, way: str, wish: WatchOptions, series: int = 0, outputs: Outputs | None = None
) -> Done:
    """Run a source to its end while it is watched, measured and exported."""
    from resilience_sim.measure.run_fold import RunFold

    figures = RunFold(source.plan, source.components, series)
    source.attach(figures)
    moments = None
    if not ctx.json:
        from resilience_sim.views.moments import MomentsFold

        moments = MomentsFold(source.plan)
        source.attach(moments)
    if outputs is not None:
        outputs.attach(source)
    if way == LIVE:
        whole = watch_live(ctx, [("", source)], wish) == OVER
    elif way == PLAIN:
        whole = watch_plain(ctx, source, wish)
    else:
        whole = run_out(ctx, source)
    return Done(figures.result(source.seed, source.digest(), source.now), whole, moments)


def judged(
    expectations: Sequence[Expectation],
    results: Mapping[str, Sequence[RunResult]],
    whole: bool,
    running: str = "as-written",
) -> list[Verdict]:
    """Verdicts; of a run that was cut short none counts."""
    from resilience_sim.measure.expectations import INCONCLUSIVE, evaluate

    verdicts = evaluate(expectations, results, running)
    if whole:
        return verdicts
    return [replace(verdict, verdict=INCONCLUSIVE, reason=CUT_SHORT, first_broken=None) for verdict in verdicts]


def exit_code(verdicts: Sequence[Verdict], whole: bool) -> int:
    """Interrupted, else what the verdicts say."""
    return exits.of_verdicts(verdicts) if whole else exits.INTERRUPTED


def files_of(scenario: Scenario) -> list[Path]:
    """The file of a scenario and its data files; none for standard input and shipped scenarios."""
    path = Path(scenario.path)
    return [path, *(path.parent / name for name, _ in scenario.files)] if path.is_file() else []


def open_outputs(
    ctx: CommandContext, specs: Sequence[str] | None, stack: ExitStack, inputs: Iterable[str | Path | None] = ()
) -> Outputs | None:
    """Everything that ``--out`` asks for, opened before anything is simulated; None when nothing is.

    ``inputs``: files that the command uses, which no output may replace.
    """
    if not specs:
        return None
    from resilience_sim.views.export.targets import open_outputs as open_them

    outputs = stack.enter_context(open_them(list(specs), ctx.io.stdout, [each for each in inputs if each]))
    if outputs.uses_stdout and ctx.json:
        raise exits.usage("--json and an --out on standard output cannot both have it", "write the output to a file")
    return outputs
