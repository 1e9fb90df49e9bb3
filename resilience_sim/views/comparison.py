"""The table of `resim compare`: what each variant is worth against the baseline, and how sure that is.

Owns which metrics are shown, the marks, and the two layouts (one table where it fits, else a block per variant; no cell
is ever cut). Refuses to compute differences (measure/comparison.py) and to tell where variants part (parting.py).

Better, worse and cannot tell are words, not only colours. A difference without an interval (one seed) proves nothing
and is marked so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from resilience_sim.measure.comparison import VariantDifference
from resilience_sim.measure.expectations import Verdict
from resilience_sim.measure.metrics import METRICS, Metric
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.statistics import BETTER, CANNOT_TELL, WORSE, Difference
from resilience_sim.measure.summary import COLLAPSE, Summary, summaries
from resilience_sim.runs.compare import Parting
from resilience_sim.scenario.plan import Scenario
from resilience_sim.views import format as fmt
from resilience_sim.views.live.look import UNICODE, Look
from resilience_sim.views.next_step import after_comparison
from resilience_sim.views.parting import parting_rows
from resilience_sim.views.summary import look_of, step_rows, verdict_rows
from resilience_sim.views.text import Row, emit

ALWAYS = ("availability", "p50", "p99", "attempts_per_request")
NEVER = ("succeeded", "failed", "p90", "p95", "p99.9")  # another line says it already
WORDS = {BETTER: "better", WORSE: "worse", CANNOT_TELL: "cannot tell"}
STYLES = {BETTER: "good", WORSE: "bad", CANNOT_TELL: "faint"}
FULL_WIDTH = 10_000

Results = Mapping[str, Sequence[RunResult]]


def render_comparison(
    console: Console,
    scenario: Scenario,
    results: Results,
    differences: Sequence[VariantDifference],
    partings: Sequence[Parting] = (),
    verdicts: Sequence[Verdict] = (),
    *,
    interrupted: bool = False,
    saved: str = "",
) -> None:
    """Print the comparison. ``results`` by variant name, the baseline included; ``differences`` against it."""
    width = console.width if console.is_terminal else FULL_WIDTH
    rows = comparison_rows(scenario, results, differences, partings, verdicts, width, look_of(console), interrupted)
    emit(console, rows)


def comparison_rows(
    scenario: Scenario,
    results: Results,
    differences: Sequence[VariantDifference],
    partings: Sequence[Parting] = (),
    verdicts: Sequence[Verdict] = (),
    width: int = FULL_WIDTH,
    look: Look = UNICODE,
    interrupted: bool = False,
) -> list[Row]:
    """The whole comparison, as rows."""
    runs = max((len(found) for found in results.values()), default=0)
    baseline = differences[0].baseline if differences else next(iter(results), "")
    seeds = [result.seed for result in next(iter(results.values()), ())]
    span = f"seed {seeds[0]}" if runs == 1 else f"{runs} runs each, seeds {seeds[0]}-{seeds[-1]}" if seeds else "no run"
    rows = [
        Row(scenario.plan.name, "title").add(f"  {len(results)} variants  {span}  same arrivals, same luck", "faint")
    ]
    if interrupted:
        rows.append(Row("interrupted: everything below is about what was simulated until then", "odd"))
    if not runs:
        return rows
    found = {name: summaries(its) for name, its in results.items()}
    rows += [Row(), *(headline(found, difference, runs, look) for difference in differences)]
    if runs == 1:
        rows.append(Row("  one seed is an anecdote: --runs 20 adds intervals and says better or worse", "odd", hang=2))
    if verdicts:
        rows += [Row(), *verdict_rows(verdicts, look)]
    metrics = shown_metrics(found)
    table = _table(metrics, found, differences, baseline, runs)
    rows.append(Row())
    rows += (
        table
        if all(row.width <= width for row in table)
        else _blocks(metrics, found, differences, baseline, runs, look)
    )
    if partings:
        rows += [Row(), Row("Where they part", "title"), *parting_rows(partings, look)]
    return [*rows, Row(), Row("Next", "title"), *step_rows(after_comparison(scenario, runs))]


def shown_metrics(found: Mapping[str, Mapping[str, Summary]]) -> list[Metric]:
    """The metrics worth a row: those that always are, and those that differ between variants."""
    shown = []
    for known in METRICS:
        its = [summary.get(known.name) for summary in found.values()]
        values = {(summary.mean, summary.low, summary.high) for summary in its if summary is not None}
        if known.name in NEVER or all(value == (None, None, None) for value in values):
            continue
        if known.name in ALWAYS or len(values) > 1:
            shown.append(known)
    names = [known.name for known in shown]
    if "amplification" in names and all(
        summary.get("amplification") == summary.get("attempts_per_request") for summary in found.values()
    ):
        shown.pop(names.index("amplification"))
    return shown


# --- the first lines ----------------------------------------------------------------------------------------------


def headline(found: Mapping[str, Mapping[str, Summary]], difference: VariantDifference, runs: int, look: Look) -> Row:
    """What changing to a variant does to availability, and its price, in one line."""
    its, base = found[difference.variant], found[difference.baseline]
    change = difference.metrics.get("availability")
    row = Row(f"  {difference.variant}", "title", hang=4).add(": ", "faint")
    if change is None or change.delta is None:
        return row.add("no availability to compare", "faint")
    verdict = change.verdict if runs > 1 else ""
    text = f"{fmt.points(change.delta)} availability" if change.delta else "the same availability"
    row.add(text, STYLES.get(verdict, "") if change.delta else "")
    row.add(
        f" ({fmt.share(base['availability'].mean)} to {fmt.share(its['availability'].mean)})" if change.delta else ""
    )
    if verdict == CANNOT_TELL and change.delta:
        row.add(", cannot tell", "faint").add(_more(change, runs), "faint")
    for name, words in (("attempts_per_request", "attempts per request"), ("p99", "p99")):
        before, after = base.get(name), its.get(name)
        if before and after and before.mean is not None and after.mean is not None and before.mean > 0:
            times = after.mean / before.mean
            if not 0.95 < times < 1.05:
                row.add(f", {fmt.factor(float(f'{times:.2g}'))} the {words}")
    for name, noun, nouns in (("duplicates", "duplicate", ""), ("crashes", "crash", "crashes")):
        delta = difference.metrics.get(name)
        if delta is not None and delta.delta:
            style = STYLES.get(delta.verdict, "") if runs > 1 else ""
            row.add(", ").add(f"{'+' if delta.delta > 0 else ''}{fmt.plural(delta.delta, noun, nouns)}", style)
    return row


# --- cells --------------------------------------------------------------------------------------------------------


def value_text(known: Metric, summary: Summary | None, runs: int) -> str:
    """The mean; for the collapse probability how many runs it was."""
    if summary is None or summary.mean is None:
        missing = summary.missing if summary else 0
        return f"{fmt.NOTHING} ({missing} of {runs})" if runs > 1 and 0 < missing < runs else fmt.NOTHING
    if known.name == COLLAPSE:
        text = f"{round(summary.mean * runs)} of {runs}"
        return (
            text if summary.ci95 is None else f"{text} ({fmt.share(summary.ci95[0])} to {fmt.share(summary.ci95[1])})"
        )
    return fmt.in_unit(summary.mean, known.unit)


def difference_text(known: Metric, change: Difference | None) -> str:
    """``+3.7 ± 0.2 points``; empty when there is nothing to say."""
    if change is None or change.delta is None:
        return ""
    if change.delta == 0 and (change.ci95 is None or change.ci95[0] == change.ci95[1]):
        return "same"
    delta = fmt.in_unit(change.delta, known.unit, signed=True)
    if change.ci95 is None:
        return delta
    half = fmt.in_unit((change.ci95[1] - change.ci95[0]) / 2, known.unit, signed=known.unit == "ratio").lstrip("+")
    if known.unit == "ratio":
        return f"{delta.rsplit(' ', 1)[0]} ± {half}"
    return f"{delta} ± {half}"


def verdict_text(known: Metric, change: Difference | None, runs: int) -> tuple[str, str]:
    """Better, worse, or cannot tell and how many more runs would; nothing for facts that have no better direction."""
    if (
        change is None
        or change.delta is None
        or runs < 2
        or not known.better
        or difference_text(known, change) == "same"
    ):
        return "", ""
    return WORDS[change.verdict] + _more(change, runs), STYLES[change.verdict]


def _more(change: Difference, runs: int) -> str:
    """How many more runs would probably tell."""
    if change.verdict != CANNOT_TELL or not change.runs_needed or change.runs_needed <= runs:
        return ""
    return f" ({fmt.plural(change.runs_needed - runs, 'more run')})"


# --- layouts ------------------------------------------------------------------------------------------------------


def _table(
    metrics: Sequence[Metric],
    found: Mapping[str, Mapping[str, Summary]],
    differences: Sequence[VariantDifference],
    baseline: str,
    runs: int,
) -> list[Row]:
    """A row a metric, a column a variant; below each value its difference to the baseline."""
    lines: list[list[tuple[str, str]]] = [
        [("", ""), (baseline, "strong"), *((d.variant, "strong") for d in differences)]
    ]
    for known in metrics:
        first: list[tuple[str, str]] = [
            (known.name, "faint"),
            (value_text(known, found[baseline].get(known.name), runs), ""),
        ]
        second: list[tuple[str, str]] = [("", ""), ("", "")]
        for difference in differences:
            change = difference.metrics.get(known.name)
            verdict, style = verdict_text(known, change, runs)
            text = difference_text(known, change)
            first.append((value_text(known, found[difference.variant].get(known.name), runs), ""))
            second.append((f"{text}  {verdict}".rstrip() if text != "same" else "", style or "faint"))
        lines.append(first)
        if any(text for text, _ in second):
            lines.append(second)
    widths = [max(len(line[i][0]) for line in lines) for i in range(len(lines[0]))]
    return [_joined(line, widths) for line in lines]


def _blocks(
    metrics: Sequence[Metric],
    found: Mapping[str, Mapping[str, Summary]],
    differences: Sequence[VariantDifference],
    baseline: str,
    runs: int,
    look: Look,
) -> list[Row]:
    """A block a variant: metric, baseline, variant, difference, verdict."""
    rows: list[Row] = []
    for number, difference in enumerate(differences):
        lines: list[list[tuple[str, str]]] = [
            [("", ""), (baseline, "faint"), (difference.variant, "strong"), ("", ""), ("", "")]
        ]
        for known in metrics:
            change = difference.metrics.get(known.name)
            text = difference_text(known, change)
            if text == "same" and known.name not in ALWAYS:
                continue
            verdict, style = verdict_text(known, change, runs)
            values = [found[name].get(known.name) for name in (baseline, difference.variant)]
            cells = [(value_text(known, value, runs), "") for value in values]
            lines.append([(known.name, "faint"), *cells, (text, style or "faint"), (verdict, style)])
        widths = [max(len(line[i][0]) for line in lines) for i in range(5)]
        rows += ([Row()] if number else []) + [_joined(line, widths) for line in lines]
    return rows


def _joined(line: Sequence[tuple[str, str]], widths: Sequence[int]) -> Row:
    row = Row("  ", hang=4)
    for index, ((text, style), width) in enumerate(zip(line, widths, strict=True)):
        row.add("   " if index else "").add(text, style).add(" " * (width - len(text)))
    return row.trim()
