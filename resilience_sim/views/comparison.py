"""The table of `resim compare`: what each variant is worth against the baseline, and how sure that is.

Where it fits it is one table, else a block per variant; no cell is ever cut. Differences are computed in
measure/statistics.py; divergence.py tells where variants part.

Better, worse and cannot tell are marks and words, not only colours. A difference without an interval (one seed)
proves nothing and is marked so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from resilience_sim.kernel import format as fmt
from resilience_sim.measure.expectations import Verdict
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.statistics import CANNOT_TELL, COLLAPSE, Summary, VariantDifference, compare, summaries
from resilience_sim.runs.compare import VariantDivergence
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.metrics import METRICS, Metric
from resilience_sim.views.differences import STYLES, difference_text, more_runs, ratio_text, value_text, verdict_text
from resilience_sim.views.divergence import divergence_rows
from resilience_sim.views.live.look import UNICODE, Look
from resilience_sim.views.next_step import Step, after_comparison
from resilience_sim.views.ranking import few_rows, ranking_rows, winner_row
from resilience_sim.views.summary import look_of, step_rows, verdict_rows
from resilience_sim.views.text import Row, emit, wrap

ALWAYS = ("availability", "p50_success", "p99_success", "attempts_per_request")
NEVER = (  # another line says it already
    "succeeded", "failed", "goodput", "mean", "p90", "p95", "p99.9", "max", "p90_success", "p95_success",
    "p99.9_success", COLLAPSE,
)  # fmt: skip
RATIOS = {  # how they are said: less, somewhat more, twice as much or more
    "attempts_per_request": (
        "{} fewer attempts per request", "{} more attempts per request", "{} the attempts per request",
    ),
    "p99_success": ("p99 of successes {} shorter", "p99 of successes {} longer", "p99 of successes {} as long"),
}  # fmt: skip
FAILURES_TOO = ("p50", "p99")  # rows only where they say something else than those of the successes
LABELS = {
    "attempts_per_request": "attempts/request",
    "p50": "p50, failures too",
    "p99": "p99, failures too",
    "mean_success": "mean of successes",
    "p50_success": "p50 of successes",
    "p99_success": "p99 of successes",
    "max_success": "max of successes",
    "denied_by_budget": "denied by budget",
    "wasted_work": "wasted work",
    "open_time": "time open",
    "threads_peak": "threads at most",
}
FULL_WIDTH = 10_000
LONG = 20  # rows after which the ranking is printed a second time, below the rest

Results = Mapping[str, Sequence[RunResult]]


def render_comparison(
    console: Console,
    scenario: Scenario,
    results: Results,
    differences: Sequence[VariantDifference],
    divergences: Sequence[VariantDivergence] = (),
    verdicts: Sequence[Verdict] = (),
    *,
    interrupted: bool = False,
    quiet: bool = False,
    why: Mapping[str, Sequence[str]] | None = None,
    steps: Sequence[Step] | None = None,
    arrivals: bool = True,
) -> None:
    """Print the comparison. ``results`` by variant name, the baseline included; ``differences`` against it.

    ``quiet``: only the answer and the verdicts. ``why``: the reasons to tell of some variants. ``steps``: what to type
    next, instead of the usual. ``arrivals``: whether they are the same in all.
    """
    width = console.width if console.is_terminal else FULL_WIDTH
    look = look_of(console)
    rows = comparison_rows(
        scenario, results, differences, divergences, verdicts, width, look, interrupted, quiet, why, steps, arrivals
    )
    emit(console, rows)


def comparison_rows(
    scenario: Scenario,
    results: Results,
    differences: Sequence[VariantDifference],
    divergences: Sequence[VariantDivergence] = (),
    verdicts: Sequence[Verdict] = (),
    width: int = FULL_WIDTH,
    look: Look = UNICODE,
    interrupted: bool = False,
    quiet: bool = False,
    why: Mapping[str, Sequence[str]] | None = None,
    steps: Sequence[Step] | None = None,
    arrivals: bool = True,
) -> list[Row]:
    runs = max((len(found) for found in results.values()), default=0)
    baseline = differences[0].baseline if differences else next(iter(results), "")
    seeds = [result.seed for result in next(iter(results.values()), ())]
    span = f"seed {seeds[0]}" if runs == 1 else f"{runs} runs each, seeds {fmt.ranges(seeds)}" if seeds else "no run"
    same = "same arrivals, same luck" if arrivals else "same luck"
    rows = [Row(scenario.plan.name, "title").add(f"  {len(results)} variants  {span}  {same}", "faint")]
    if interrupted:
        rows.append(Row("interrupted: everything below is about what was simulated until then", "odd"))
    if not runs:
        return rows
    found = {name: summaries(its) for name, its in results.items()}
    steps = after_comparison(scenario, runs) if steps is None else steps
    answer = ranking_rows(found, differences, baseline, runs, look, width)
    winner = winner_row(results, found, runs)
    rows += [Row(), *answer, winner, *few_rows(results)]
    if runs == 1:
        more = next((f": {command}" for command, _ in steps if command.startswith("resim compare ")), "")
        more += " adds intervals and says better or worse" if more else ""
        rows.append(Row(f"one seed is an anecdote{more}", "odd", hang=2))
    if verdicts:
        rows += [Row(), *verdict_rows(verdicts, look)]
    if quiet:
        return rows
    for name, texts in (why or {}).items():
        rows += [Row(), Row("Why", "title").add(f"  {name}", "faint"), *(Row(f"  {text}", hang=2) for text in texts)]
    rows += [Row(), *(headline(found, difference, runs, look) for difference in differences)]
    metrics = shown_metrics(found)
    table = _table(metrics, found, differences, baseline, runs, look)
    rows.append(Row())
    narrow = any(row.width > width for row in table)
    rows += _blocks(metrics, found, differences, runs, look) if narrow else table
    rows += _legend(runs, look) + _collapses(found, runs)
    if divergences:
        with_seed = f"  with seed {seeds[0]}" if runs > 1 else ""
        rows += [Row(), Row("Where they part", "title").add(with_seed, "faint"), *divergence_rows(divergences, look)]
    rows += [Row(), Row("Next", "title"), *step_rows(steps)]
    far = sum(len(wrap(row, width)) for row in rows) > LONG if width < FULL_WIDTH else len(rows) > LONG
    return [*rows, Row(), *(answer if far else []), winner]


def render_change(console: Console, name: str, before: Sequence[RunResult], now: Sequence[RunResult]) -> None:
    """Print how the figures of a variant differ from those of the last time, on the same seeds."""
    results = {"last time": before, "now": now}
    differences = compare(results, "last time")
    found = {each: summaries(its) for each, its in results.items()}
    look = look_of(console)
    rows = _blocks(shown_metrics(found), found, differences, len(now), look)
    emit(console, [Row(), Row("Since the last result", "title").add(f"  {name}", "faint"), *rows])


def shown_metrics(found: Mapping[str, Mapping[str, Summary]]) -> list[Metric]:
    """The metrics worth a row: those that always are, and those that differ between variants."""
    shown = []
    for known in METRICS:
        its = [summary.get(known.name) for summary in found.values()]
        values = {(summary.mean, summary.low, summary.high) for summary in its if summary is not None}
        if known.name in NEVER or all(value == (None, None, None) for value in values):
            continue  # no data anywhere
        if known.name in ALWAYS or len(values) > 1:
            shown.append(known)
    names = [known.name for known in shown]
    if "amplification" in names and all(
        summary.get("amplification") == summary.get("attempts_per_request") for summary in found.values()
    ):
        shown.pop(names.index("amplification"))
    for name in FAILURES_TOO:
        if name in names and all(its.get(name) == its.get(f"{name}_success") for its in found.values()):
            shown = [known for known in shown if known.name != name]
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
    before, after = (fmt.share(each["availability"].mean) for each in (base, its))
    row.add(f" ({before} to {after})" if before != after else "")
    if verdict == CANNOT_TELL and change.delta:
        row.add(" cannot tell", "odd").add(
            f" ({fmt.plural(more, 'more run')})" if (more := more_runs(change, runs)) else "", "faint"
        )
    for name, words in RATIOS.items():
        old, new = base.get(name), its.get(name)
        if old and new and old.mean is not None and new.mean is not None and old.mean > 0:
            times = new.mean / old.mean
            if not 0.95 < times < 1.05:
                row.add(f", {_ratio(times, *words)}")
    for name, noun, nouns in (("duplicates", "duplicate", ""), ("crashes", "crash", "crashes")):
        delta = difference.metrics.get(name)
        if delta is not None and delta.delta:
            style = STYLES.get(delta.verdict, "") if runs > 1 else ""
            row.add(", ").add(f"{'+' if delta.delta > 0 else ''}{fmt.plural(delta.delta, noun, nouns)}", style)
    return row


def _ratio(times: float, fewer: str, more: str, most: str) -> str:
    """``59% fewer attempts per request``, ``28% more …``, ``2.1 times the …``: nothing that reads like a level."""
    if times < 1:
        return fewer.format(fmt.share(1 - times if times < 0.1 else float(f"{1 - times:.2g}")))
    return more.format(fmt.share(float(f"{times - 1:.2g}"))) if times < 2 else most.format(ratio_text(times))


# --- cells --------------------------------------------------------------------------------------------------------


def _legend(runs: int, look: Look) -> list[Row]:
    if runs < 2:
        return []
    text = f"± 95% interval of the paired difference   {look.good} better   {look.bad} worse   "
    return [Row(f"  {text}? cannot tell (after that many more runs, probably)", "faint", hang=2)]


def _collapses(found: Mapping[str, Mapping[str, Summary]], runs: int) -> list[Row]:
    """How many runs of each variant collapsed, and what that says about the next one."""
    known = {name: its[COLLAPSE] for name, its in found.items() if COLLAPSE in its and its[COLLAPSE].mean is not None}
    if runs < 2 or not any(summary.mean for summary in known.values()):
        return []
    rows = [
        Row(),
        Row("Collapsed", "title").add("  share of runs that had collapsed by their end (95%, Wilson)", "faint"),
    ]
    wide = max(map(len, known))
    next_to = 5 + wide + max(10, len(f"{runs} of {runs}") + 3)
    for name, summary in known.items():
        hits = round((summary.mean or 0.0) * runs)
        row = Row(f"  {name}").to(5 + wide).add(f"{hits} of {runs}", "bad" if hits else "good").to(next_to)
        low, high = summary.ci95 or (0.0, 1.0)
        rows.append(row.add(f"probability {fmt.share(low)} to {fmt.share(high)}", "faint"))
    return rows


# --- layouts ------------------------------------------------------------------------------------------------------

Cell = tuple[str, str]  # text, style


def _table(
    metrics: Sequence[Metric],
    found: Mapping[str, Mapping[str, Summary]],
    differences: Sequence[VariantDifference],
    baseline: str,
    runs: int,
    look: Look,
) -> list[Row]:
    """A row a metric, a column a variant; below each value its difference to the baseline."""
    lines: list[list[Cell]] = [[("", ""), (baseline, "strong"), *((d.variant, "strong") for d in differences)]]
    for known in metrics:
        first: list[Cell] = [(_label(known), "faint"), (value_text(known, found[baseline].get(known.name), runs), "")]
        second: list[Cell] = [("", ""), ("", "")]
        for difference in differences:
            change = difference.metrics.get(known.name)
            verdict, style = verdict_text(known, change, runs, look, brief=True)
            text = difference_text(known, change)
            first.append((value_text(known, found[difference.variant].get(known.name), runs), style if verdict else ""))
            second.append((f"{text} {verdict}".strip() if text != "same" else "", style or "faint"))
        lines.append(first)
        if any(text for text, _ in second):
            lines.append(second)
    return _aligned(lines)


def _blocks(
    metrics: Sequence[Metric],
    found: Mapping[str, Mapping[str, Summary]],
    differences: Sequence[VariantDifference],
    runs: int,
    look: Look,
) -> list[Row]:
    """A block a variant: metric, baseline, variant, difference, verdict."""
    rows: list[Row] = []
    for number, difference in enumerate(differences):
        lines: list[list[Cell]] = []
        for known in metrics:
            change = difference.metrics.get(known.name)
            text = difference_text(known, change)
            if text == "same" and known.name not in ALWAYS:
                continue
            verdict, style = verdict_text(known, change, runs, look)
            values = [found[name].get(known.name) for name in (difference.baseline, difference.variant)]
            if all(value is None or value.mean is None for value in values):
                continue
            before, after = (value_text(known, value, runs) for value in values)
            lines.append([(_label(known), "faint"), (before, "faint"), (after, style), (text, style), (verdict, style)])
        rows += [Row()] if number else []
        rows.append(Row(f"  {difference.variant}", "strong").add(f" against {difference.baseline}", "faint"))
        rows += _aligned(lines)
    return rows


def _label(known: Metric) -> str:
    return LABELS.get(known.name, known.name)


def _aligned(lines: Sequence[Sequence[Cell]]) -> list[Row]:
    """Cells in columns; nothing is cut."""
    if not lines:
        return []
    widths = [max(len(line[i][0]) for line in lines) for i in range(len(lines[0]))]
    rows = []
    for line in lines:
        row = Row("  ", hang=4)
        for (text, style), width in zip(line, widths, strict=True):
            row.add(text, style).add(" " * (width - len(text) + 2))
        rows.append(row.trim())
    return rows
