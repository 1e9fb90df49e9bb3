"""The cells of a comparison: a value, its difference to the baseline, and how sure that is."""

from __future__ import annotations

from resilience_sim.kernel import format as fmt
from resilience_sim.measure.statistics import BETTER, CANNOT_TELL, WORSE, Difference, Summary
from resilience_sim.settings.metrics import Metric
from resilience_sim.views.live.look import Look

STYLES = {BETTER: "good", WORSE: "bad", CANNOT_TELL: "faint"}


def value_text(known: Metric, summary: Summary | None, runs: int) -> str:
    """The mean over the runs, or how many of them have no data."""
    if summary is None or summary.mean is None:
        missing = summary.missing if summary else 0
        return f"none in {missing}" if 0 < missing < runs else fmt.NOTHING
    return fmt.in_unit(summary.mean, known.unit)


def difference_text(known: Metric, change: Difference | None) -> str:
    """``+3.7 ± 0.2 points``, ``same``; empty when there is nothing to say."""
    if change is None or change.delta is None:
        return ""
    if change.delta == 0 and (change.ci95 is None or change.ci95[0] == change.ci95[1]):
        return "same"
    delta = fmt.in_unit(change.delta, known.unit, signed=True)
    if change.ci95 is None:
        return delta
    if change.ci95[0] == change.ci95[1]:
        return delta  # in every run the same
    return f"{delta.removesuffix(' points')} ± {fmt.half_width(change.delta, change.ci95, known.unit)}"


def ratio_text(times: float) -> str:
    """How many times as much: ``2.1 times``, ``39 times``."""
    return f"{fmt.count(float(f'{times:.2g}'))} times"


def verdict_text(
    known: Metric, change: Difference | None, runs: int, look: Look, brief: bool = False
) -> tuple[str, str]:
    """``✓ better``, ``✗ worse``, ``? 12 more runs``, with its style; nothing for facts without a better direction."""
    if (
        change is None
        or change.delta is None
        or runs < 2
        or not known.better
        or difference_text(known, change) == "same"
    ):
        return "", ""
    style = STYLES[change.verdict]
    if change.verdict != CANNOT_TELL:
        mark = look.good if change.verdict == BETTER else look.bad
        return (mark if brief else f"{mark} {change.verdict}"), style
    more = more_runs(change, runs)
    if brief:
        return f"? {fmt.count(more)}" if more else "?", style
    return f"? {fmt.plural(more, 'more run')}" if more else "? cannot tell", style


def more_runs(change: Difference, runs: int) -> int:
    """How many more runs would probably suffice; 0 when that is not known."""
    return max(0, (change.runs_needed or 0) - runs) if change.verdict == CANNOT_TELL else 0
