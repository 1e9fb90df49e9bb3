"""What is said after a run: verdicts first, then numbers, then why, then the next command worth typing.

Owns the order and the wording of the summary of one run or of several seeds. Refuses to measure and to judge
(measure/), to find causes (why.py) and to choose what to do next (next_step.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console

from resilience_sim.measure.expectations import FAIL, PASS, Verdict
from resilience_sim.measure.metrics import METRICS, metric
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.statistics import COLLAPSE, Summary, summaries
from resilience_sim.scenario.plan import Scenario
from resilience_sim.views import format as fmt
from resilience_sim.views.live.look import ASCII, UNICODE, Look, look_for
from resilience_sim.views.moments import MomentsFold
from resilience_sim.views.next_step import next_steps
from resilience_sim.views.numbers import numbers
from resilience_sim.views.text import Row, emit
from resilience_sim.views.why import reasons
from resilience_sim.views.why_case import Case

# In the summary of several runs; always those in ALWAYS, the others where they say something.
ALWAYS = ("availability", "p50", "p99", "attempts_per_request")
NEVER = ("succeeded", "p90", "p95", "p99.9", "threads_peak")


def render_summary(
    console: Console,
    scenario: Scenario,
    results: Sequence[RunResult],
    verdicts: Sequence[Verdict],
    *,
    moments: MomentsFold | None = None,
    interrupted: bool = False,
    saved: str = "",
) -> None:
    """Print the summary of one run, or of several with different seeds.

    ``moments``: the fold that watched the single run, for instants in the explanation. ``interrupted``: the figures
    are about what was simulated until then. ``saved``: the recording that was written.
    """
    emit(console, summary_rows(scenario, results, verdicts, look_of(console), moments, interrupted, saved))


def look_of(console: Console) -> Look:
    """The characters the console can take."""
    return ASCII if look_for(console.encoding, {}).ascii_only else UNICODE


def summary_rows(
    scenario: Scenario,
    results: Sequence[RunResult],
    verdicts: Sequence[Verdict],
    look: Look = UNICODE,
    moments: MomentsFold | None = None,
    interrupted: bool = False,
    saved: str = "",
) -> list[Row]:
    """The whole summary; every row carries its own indentation, and may be longer than a terminal is wide."""
    rows = [_head(scenario, results, interrupted)]
    if interrupted and results:
        if len(results) == 1:
            about = f"the first {fmt.seconds(results[0].document['virtual_seconds'])} of virtual time"
        else:
            about = f"the {len(results)} runs that were finished"
        rows.append(Row(f"interrupted: everything below is about {about}", "odd"))
    if not results:
        return [*rows, Row("nothing was simulated", "odd")]
    if verdicts:
        rows += [Row(), *verdict_rows(verdicts, look)]
    rows.append(Row())
    if len(results) == 1:
        rows += numbers(scenario.plan, results[0].document)
        rows += [Row(), Row("Why", "title")]
        rows += [Row(f"  {text}", hang=2) for text in reasons(Case(scenario.plan, results[0].document, moments))]
    else:
        rows += many_runs(results)
        rows += [Row(), Row("Why", "title").add(f"  of the run with seed {results[0].seed}", "faint")]
        rows += [Row(f"  {text}", hang=2) for text in reasons(Case(scenario.plan, results[0].document))]
    rows += [Row(), Row("Next", "title"), *step_rows(next_steps(scenario, results, saved))]
    return rows


def _head(scenario: Scenario, results: Sequence[RunResult], interrupted: bool) -> Row:
    row = Row(scenario.plan.name, "title")
    if not results:
        return row
    seeds = [result.seed for result in results]
    if len(results) == 1:
        row.add(f"  seed {seeds[0]}", "faint")
        row.add(f"  {fmt.seconds(results[0].document['virtual_seconds'])} virtual", "faint")
        return row.add(f"  digest {results[0].digest}", "faint")
    span = f"{seeds[0]}-{seeds[-1]}" if seeds == list(range(seeds[0], seeds[-1] + 1)) else ", ".join(map(str, seeds))
    return row.add(f"  {len(results)} runs, seeds {span}", "faint")


# --- verdicts -----------------------------------------------------------------------------------------------------


def verdict_rows(verdicts: Sequence[Verdict], look: Look) -> list[Row]:
    """One row an expectation: mark, what was asked, where, what came, and what else is to be said."""
    wide = max(len(verdict.that) for verdict in verdicts)
    scopes = max(len(verdict.scope) for verdict in verdicts)
    values = max(len(_value(verdict)) for verdict in verdicts)
    rows = []
    for verdict in verdicts:
        mark, style = _mark(verdict, look)
        row = (
            Row(f"  {mark} ", style, hang=6).add(verdict.that, "strong" if verdict.verdict != PASS else "").to(6 + wide)
        )
        if scopes:
            row.add(verdict.scope, "faint").to(8 + wide + scopes)
        row.add(_value(verdict), style).to(row.width + values - len(_value(verdict)))
        notes = [verdict.reason, "" if verdict.verdict == PASS else verdict.because, _broken(verdict)]
        said = "; ".join(note for note in notes if note)
        rows.append(row.add(f"  {said}", "faint") if said else row)
    return rows


def _mark(verdict: Verdict, look: Look) -> tuple[str, str]:
    if verdict.verdict == PASS:
        return look.good, "good!"
    return (look.bad, "bad!") if verdict.verdict == FAIL else ("?", "odd!")


def _value(verdict: Verdict) -> str:
    known = metric(verdict.metric)
    unit = known.unit if known else "count"
    text = _telling(verdict.value, verdict.limit, unit)
    if verdict.ci95 is not None and verdict.value is not None and verdict.ci95[0] < verdict.ci95[1]:
        low, high = (fmt.in_unit(bound, unit) for bound in verdict.ci95)
        text += f" ({low} to {high})"
    return text


def _telling(value: float | None, limit: float, unit: str) -> str:
    """The value; with more digits where it would otherwise read like the limit that it misses."""
    text = fmt.in_unit(value, unit)
    if value is None or value == limit or text != fmt.in_unit(limit, unit):
        return text
    scaled, suffix = (value * 100, "%") if unit == "ratio" else (value, {"seconds": "s", "factor": "x"}.get(unit, ""))
    return f"{scaled:.7g}{suffix}"


def _broken(verdict: Verdict) -> str:
    return "" if verdict.first_broken is None or verdict.ci95 is None else f"broken by seed {verdict.first_broken}"


# --- several runs -------------------------------------------------------------------------------------------------


def many_runs(results: Sequence[RunResult]) -> list[Row]:
    """Means with their 95 % intervals, and the range of the runs."""
    table: list[tuple[str, str, str, str]] = [("", "mean", "95% interval", "lowest to highest")]
    found = summaries(results)
    if found.get("amplification") == found.get("attempts_per_request"):
        found.pop("amplification", None)  # every attempt reached B: one line says it
    for known in METRICS:
        summary = found.get(known.name)
        if summary is None or known.name == COLLAPSE or not _telling_metric(known.name, summary):
            continue
        low, high = fmt.in_unit(summary.low, known.unit), fmt.in_unit(summary.high, known.unit)
        span = low if summary.low == summary.high else f"{low} to {high}"
        if summary.missing:
            span += f" (no data in {summary.missing} of {fmt.plural(len(results), 'run')})"
        table.append((known.name, fmt.in_unit(summary.mean, known.unit), interval_text(summary, known.unit), span))
    rows = columns(table)
    collapse = found.get(COLLAPSE)
    if collapse is not None and collapse.mean is not None:
        rows += [Row(), Row("  ").join(collapse_row(collapse, len(results)))]
    return rows


def _telling_metric(name: str, summary: Summary) -> bool:
    if name in ALWAYS:
        return True
    return name not in NEVER and summary.low is not None and not (summary.low == summary.high == 0)


def interval_text(summary: Summary, unit: str) -> str:
    """``68.1% to 68.7%``; empty when there is none or it has no width."""
    if summary.ci95 is None or summary.ci95[0] == summary.ci95[1]:
        return ""
    return f"{fmt.in_unit(summary.ci95[0], unit)} to {fmt.in_unit(summary.ci95[1], unit)}"


def collapse_row(summary: Summary, runs: int) -> Row:
    """How many runs collapsed, and what that says about the next one (Wilson)."""
    mean = summary.mean or 0.0
    hits = round(mean * runs)
    row = Row("collapsed", "").to(23).add(f"{hits} of {runs}", "bad!" if hits else "good")
    if summary.ci95 is not None:
        low, high = fmt.share(summary.ci95[0]), fmt.share(summary.ci95[1])
        row.add(f"  a run collapses with probability {low} to {high} (95%, Wilson)", "faint")
    return row


def columns(table: Iterable[tuple[str, ...]]) -> list[Row]:
    """Rows of cells with the columns aligned: names to the left, figures to the right, the last one free."""
    cells = list(table)
    count = len(cells[0])
    widths = [max(len(line[i]) for line in cells) for i in range(count)]
    rows = []
    for number, line in enumerate(cells):
        row = Row("  ")
        for i, text in enumerate(line):
            style = "faint" if number == 0 or i > 1 else "strong" if i == 1 else ""
            if i == 0:
                row.add(text, style).to(2 + widths[0])
            elif i == count - 1:
                row.add(f"  {text}" if text else "", style)
            else:
                row.add("  ").right(text, style, row.width + widths[i])
        rows.append(row)
    return rows


def step_rows(steps: Sequence[tuple[str, str]]) -> list[Row]:
    """Commands and what they show, aligned as far as they are short."""
    wide = max((len(command) for command, _ in steps if len(command) <= 48), default=0)
    rows = []
    for command, shows in steps:
        rows.append(Row(f"  {command}", "key", hang=6).to(max(4 + wide, len(command) + 4)).add(shows, "faint"))
    return rows
