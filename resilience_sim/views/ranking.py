"""The answer of a comparison: variants ranked by availability, as bars, and which is best, if that can be told.

Where availability cannot tell, the next criterion is asked, and named: CRITERIA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from resilience_sim.kernel import format as fmt
from resilience_sim.measure.expectations import too_few
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.statistics import BETTER, COLLAPSE, WORSE, Difference, Summary, VariantDifference, compare
from resilience_sim.settings.metrics import least_values, metric
from resilience_sim.views.differences import STYLES, difference_text, more_runs, ratio_text, value_text
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row
from resilience_sim.views.words import listed

BARS = (15, 8, 0)  # columns of a full bar: the first with which the rows fit
LONGEST_NAME = 32  # columns; a longer one stands on a line of its own
RANKED_BY, LATENCY, LOAD = "availability", "p99_success", "attempts_per_request"
CRITERIA = (  # asked one after the other of those that availability cannot tell apart: less is better
    ("duplicates", "the fewest duplicates"),
    ("crashes", "the fewest crashes"),
    (LATENCY, "the shortest p99 of successes"),
    (LOAD, "the fewest attempts per request"),
)
PRICE = 1.5  # times as much as the next one from which on it is said what the best variant costs

Results = Mapping[str, Sequence[RunResult]]
Summaries = Mapping[str, Mapping[str, Summary]]
Cell = tuple[str, str]  # text, style


def ranked(found: Summaries) -> list[str]:
    """The variants with an availability, the best first; those that are equal by p99 of successes, then attempts."""
    known = [name for name in found if _mean(found, name, RANKED_BY) is not None]

    def rank(name: str) -> tuple[float, ...]:
        values = (_mean(found, name, by) for by in (LATENCY, LOAD))
        return -(_mean(found, name, RANKED_BY) or 0.0), *(float("inf") if v is None else v for v in values)

    return sorted(known, key=rank)


def _mean(found: Summaries, name: str, of: str) -> float | None:
    summary = found[name].get(of)
    return None if summary is None else summary.mean


def ranking_rows(
    found: Summaries, differences: Sequence[VariantDifference], baseline: str, runs: int, look: Look, width: int
) -> list[Row]:
    """A bar a variant: its availability, what that is against the baseline, and what it costs; below their headings."""
    order = ranked(found)
    if not order:
        return []
    changes = {difference.variant: difference.metrics for difference in differences}
    cells = [_cells(found, name, changes.get(name, {}), name == baseline, runs) for name in order]
    headings = ["available", "difference", "p99 success", "attempts"]
    for of, heading in (("duplicates", "duplicates"), ("crashes", "crashes"), (COLLAPSE, "collapsed")):
        if any(_mean(found, name, of) for name in order):
            headings.append(heading)
            for name, row in zip(order, cells, strict=True):
                row.append(_harm(_mean(found, name, of), of, runs))
    rows: list[Row] = []
    for size in BARS:
        rows = _rows(found, order, headings, cells, size, look)
        if all(row.width <= width for row in rows):
            break
    return rows


def _cells(found: Summaries, name: str, changes: Mapping[str, Difference], is_baseline: bool, runs: int) -> list[Cell]:
    cells = [(fmt.share(_mean(found, name, RANKED_BY)), "strong")]
    cells.append(("baseline", "") if is_baseline else _gain(changes.get(RANKED_BY), runs))
    for of in (LATENCY, LOAD):
        known, change = metric(of), changes.get(of)
        assert known is not None
        style = STYLES.get(change.verdict, "") if change is not None and change.delta and runs > 1 else ""
        cells.append((value_text(known, found[name].get(of), runs), style))
    return cells


def _gain(change: Difference | None, runs: int) -> Cell:
    known = metric(RANKED_BY)
    if change is None or known is None:
        return "", ""
    text = difference_text(known, change)
    style = STYLES.get(change.verdict, "") if runs > 1 and text != "same" else "faint"
    return text.removesuffix(" points").removesuffix(" point"), style


def _harm(mean: float | None, of: str, runs: int) -> Cell:
    if mean is None:
        return fmt.NOTHING, "faint"
    if of != COLLAPSE:
        return fmt.count(mean), "bad" if mean else "good"
    hits = round(mean * runs)
    return (f"{hits} of {runs}" if runs > 1 else "yes" if hits else "no"), "bad" if hits else "good"


def _rows(
    found: Summaries,
    order: Sequence[str],
    headings: Sequence[str],
    cells: Sequence[Sequence[Cell]],
    size: int,
    look: Look,
) -> list[Row]:
    wide = max((cell_len(name) for name in order if cell_len(name) <= LONGEST_NAME), default=0)
    widths = [max(len(row[i][0]) for row in cells) for i in range(len(headings))] if cells else []
    head = Row().to(4 + wide).add(headings[0], "faint").to(4 + wide + max(size + 1 + widths[0], len(headings[0])))
    for heading, width in zip(headings[1:], widths[1:], strict=True):
        head.add(f"  {heading}", "faint").to(head.width + max(0, width - len(heading)))
    rows = [head.trim()]
    for name, its in zip(order, cells, strict=True):
        long = cell_len(name) > LONGEST_NAME
        rows += [Row(f"  {name}", "strong", hang=4)] if long else []
        row = Row("" if long else f"  {name}", "strong", hang=4).to(4 + wide)
        if size:
            row.add(bar(_mean(found, name, RANKED_BY) or 0.0, size, look), its[1][1] or "calm").to(5 + wide + size)
        row.right(its[0][0], its[0][1], row.width + widths[0])
        row.to(4 + wide + max(size + 1 + widths[0], len(headings[0])) if size else 4 + wide + max(widths[0], 9))
        for (text, style), heading, width in zip(its[1:], headings[1:], widths[1:], strict=True):
            row.add("  ").add(text, style).to(row.width + max(width, len(heading)) - len(text))
        rows.append(row.trim())
    return rows


def few_rows(results: Results) -> list[Row]:
    """That a p99 of so few successes is the highest of them, where it is so for some variant."""
    few = []
    for name, runs in results.items():
        figures = [run.metrics for run in runs if run.metrics]
        if figures and too_few(LATENCY, figures):
            few.append(name)
    if not few:
        return []
    whose = "" if len(few) == len(results) else f" of {listed(few)}"
    return [Row(f"p99 success{whose}: of fewer than {least_values(99)} successes it is the highest", "faint", hang=2)]


def bar(share: float, size: int, look: Look) -> str:
    """A share of 1 as a bar of at most ``size`` columns."""
    if look.ascii_only:
        return "#" * round(share * size)
    eighths = round(share * size * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


# --- which is best ------------------------------------------------------------------------------------------------


def winner_row(results: Results, found: Summaries, runs: int) -> Row:
    """Which variant is the best, by how much, against the next one on the same seeds; or that this cannot be told."""
    order = ranked(found)
    if not order:
        return Row("No variant has an availability to compare.", "odd")
    best = order[0]
    against = {name: _difference(results, best, name, RANKED_BY) for name in order[1:]}
    rivals = [name for name, change in against.items() if not _tells(change, runs)]
    row = Row("With this seed " if runs < 2 else "", "odd", hang=2)
    if not rivals and len(order) > 1:
        second = order[1]
        row.add("best by availability: " if runs < 2 else "Best by availability: ", "title").add(best, "good!")
        row.add(", ").add(_points(against[second]), "strong").add(f" over {second}")
        for text in _price(results, found, best, second, runs):
            row.add("; ").add(text, "odd")
        return row
    same = [best, *rivals]
    equal = all(_same(against[name]) for name in rivals)
    if not _mean(found, best, RANKED_BY):
        row.add("no request succeeded in any variant" if runs < 2 else "No request succeeded in any variant", "bad!")
    elif equal:
        row.add("equally available: " if runs < 2 else "Equally available: ", "title").add(listed(same), "strong")
    else:
        row.add("Cannot tell", "odd!").add(" which is the most available: ").add(listed(same), "strong")
        if more := max((more_runs(c, runs) for c in against.values() if c is not None), default=0):
            row.add(f" ({fmt.plural(more, 'more run')} would probably tell)", "faint")
    rest = [name for name in order[1:] if name not in rivals]
    if rest:
        row.add("; ").add(
            f"{listed(rest)} {'is' if len(rest) == 1 else 'are'} less available", "bad" if runs > 1 else ""
        )
    return _tie_broken(row, results, found, same, runs)


def _tie_broken(row: Row, results: Results, found: Summaries, names: Sequence[str], runs: int) -> Row:
    """The row, and what tells the variants apart that availability does not."""
    left = list(names)
    for of, words in CRITERIA:
        least = _least(results, found, left, of, runs)
        if len(least) < len(left):
            row.add("; of these " if left == list(names) and len(names) < len(found) else "; ")
            row.add(f"{listed(least)} {'has' if len(least) == 1 else 'have'} {words}", "good!")
            left = least
    return row


def _price(results: Results, found: Summaries, best: str, second: str, runs: int) -> list[str]:
    """What the most available variant costs against the next one."""
    said = []
    for of, words in ((LATENCY, "its p99 of successes is {}"), (LOAD, "it makes {} attempts")):
        ours, theirs = _mean(found, best, of), _mean(found, second, of)
        if ours and theirs and ours >= PRICE * theirs and _tells(_difference(results, best, second, of), runs):
            known = metric(of)
            assert known is not None
            times = ratio_text(ours / theirs)
            values = f"{fmt.in_unit(ours, known.unit)}, not {fmt.in_unit(theirs, known.unit)}"
            said.append(f"{words.format(f'{times} as long' if of == LATENCY else f'{times} the').strip()} ({values})")
    for of, noun, nouns in (("duplicates", "duplicate", ""), ("crashes", "crash", "crashes")):
        ours, theirs = _mean(found, best, of), _mean(found, second, of)
        if ours and theirs is not None and ours > theirs and _tells(_difference(results, best, second, of), runs):
            said.append(f"it has {fmt.plural(ours, noun, nouns)}, {second} {fmt.count(theirs)}")
    return said


def _difference(results: Results, variant: str, other: str, name: str) -> Difference | None:
    return compare({other: results[other], variant: results[variant]}, other)[0].metrics.get(name)


def _tells(change: Difference | None, runs: int) -> bool:
    if change is None or not change.delta:
        return False
    return change.verdict in (BETTER, WORSE) if runs > 1 else True


def _same(change: Difference | None) -> bool:
    """Whether there is no difference in any run."""
    return change is not None and change.delta == 0 and (change.ci95 is None or change.ci95[0] == change.ci95[1])


def _points(change: Difference | None) -> str:
    known = metric(RANKED_BY)
    return difference_text(known, change).lstrip("+") if known is not None else ""


def _least(results: Results, found: Summaries, names: Sequence[str], of: str, runs: int) -> list[str]:
    """Those of ``names`` that are not told to have more of a metric than the least; all where one has no data.

    All too where one that is told to have more has less than one that is not: the figures do not tell who has least.
    """
    means = {name: mean for name in names if (mean := _mean(found, name, of)) is not None}
    if len(means) < len(names):
        return list(names)
    first = min(names, key=lambda name: means[name])
    least = [
        name
        for name in names
        if name == first or means[name] <= means[first] or not _tells(_difference(results, name, first, of), runs)
    ]
    most = max(means[name] for name in least)
    return list(names) if any(means[name] < most for name in names if name not in least) else least
