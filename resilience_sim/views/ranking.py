"""The answer of a comparison: variants ranked by availability as bars, and which is best, if that can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resilience_sim.kernel import format as fmt
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.statistics import BETTER, COLLAPSE, WORSE, Difference, Summary, VariantDifference, compare
from resilience_sim.settings.metrics import metric
from resilience_sim.views.differences import STYLES, difference_text, more_runs
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row
from resilience_sim.views.words import listed

BAR = 15  # columns of a full bar
RANKED_BY = "availability"
TIE_BREAKERS = (
    ("duplicates", "the fewest duplicates"),
    ("crashes", "the fewest crashes"),
    ("attempts_per_request", "the fewest attempts"),
)

Results = Mapping[str, Sequence[RunResult]]
Summaries = Mapping[str, Mapping[str, Summary]]


def ranked(found: Summaries) -> list[str]:
    """The variants with an availability, the best first; equal ones in their order."""
    means = {name: its[RANKED_BY].mean for name, its in found.items() if RANKED_BY in its}
    known = {name: mean for name, mean in means.items() if mean is not None}
    return sorted(known, key=lambda name: -known[name])


def ranking_rows(
    found: Summaries, differences: Sequence[VariantDifference], baseline: str, runs: int, look: Look
) -> list[Row]:
    """A bar a variant: its availability, what that is against the baseline, attempts per request, collapses."""
    changes = {difference.variant: difference.metrics.get(RANKED_BY) for difference in differences}
    order = ranked(found)
    wide = max(map(len, order), default=0)
    gains = {name: _gain(changes.get(name), name == baseline, runs) for name in order}
    room = max((len(text) for text, _ in gains.values()), default=0)
    rows = []
    for name in order:
        its = found[name]
        mean = its[RANKED_BY].mean or 0.0
        gain, style = gains[name]
        row = Row(f"  {name}", "strong", hang=4).to(4 + wide).add(bar(mean, look), style or "calm").to(5 + wide + BAR)
        row.right(fmt.share(mean), "strong", row.width + 7).add(f"  {gain}", style).to(row.width + 2 + room - len(gain))
        row.add(f"  {_attempts(its)}", "faint")
        for extra, noun, nouns in (("duplicates", "duplicate", ""), ("crashes", "crash", "crashes")):
            if any((known := each.get(extra)) and known.mean for each in found.values()) and extra in its:
                mean = its[extra].mean or 0.0
                row.add(f"  {fmt.plural(mean, noun, nouns)}", "bad" if mean else "good")
        collapsed = round((its[COLLAPSE].mean or 0.0) * runs) if COLLAPSE in its else 0
        if collapsed:
            row.add("  collapsed" + (f" {collapsed} of {runs}" if runs > 1 else ""), "bad")
        rows.append(row.trim())
    return rows


def bar(share: float, look: Look) -> str:
    """A share of 1 as a bar of at most ``BAR`` columns."""
    if look.ascii_only:
        return "#" * round(share * BAR)
    eighths = round(share * BAR * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _gain(change: Difference | None, is_baseline: bool, runs: int) -> tuple[str, str]:
    if is_baseline:
        return "baseline", ""
    known = metric(RANKED_BY)
    if change is None or known is None:
        return "", ""
    text = difference_text(known, change)
    return text.replace(" points", ""), STYLES.get(change.verdict, "") if runs > 1 and text != "same" else "faint"


def _attempts(its: Mapping[str, Summary]) -> str:
    summary = its.get("attempts_per_request")
    return f"{fmt.factor(summary.mean)[:-1]} attempts" if summary is not None and summary.mean is not None else ""


def winner_row(results: Results, found: Summaries, runs: int) -> Row:
    """Which variant is the best, by how much, against the next one on the same seeds; or that this cannot be told."""
    order = ranked(found)
    if not order:
        return Row("No variant has an availability to compare.", "odd")
    best = order[0]
    against = {name: _difference(results, best, name, RANKED_BY) for name in order[1:]}
    row = Row(hang=2)
    if runs < 2:
        row.add("With this seed ", "odd")
    rivals = [name for name, change in against.items() if not _tells(change, runs)]
    if not rivals:
        second = order[1]
        row.add("best: " if runs < 2 else "Best: ", "title").add(best, "good!")
        return row.add(", ").add(_points(against[second]), "strong").add(f" more available than {second}")
    same = [best, *rivals]
    equal = all(change is not None and change.delta == 0 for change in (against[name] for name in rivals))
    row.add("equally available: " if runs < 2 else "Equally available: ", "title") if equal else row.add(
        "Cannot tell", "odd!"
    ).add(" which is the most available: ")
    row.add(listed(same), "strong")
    if not equal and (more := max((more_runs(c, runs) for c in against.values() if c is not None), default=0)):
        row.add(f" ({fmt.plural(more, 'more run')} would probably tell)", "faint")
    rest = [name for name in order[1:] if name not in rivals]
    if rest:
        row.add("; ").add(
            f"{listed(rest)} {'is' if len(rest) == 1 else 'are'} less available", "bad" if runs > 1 else ""
        )
    for name, words in TIE_BREAKERS:
        least = _least(results, found, same, name, runs)
        if least:
            return row.add("; ").add(f"{least} has {words}" if words.startswith("the") else least, "good!")
    return row


def _difference(results: Results, variant: str, other: str, name: str) -> Difference | None:
    return compare({other: results[other], variant: results[variant]}, other)[0].metrics.get(name)


def _tells(change: Difference | None, runs: int) -> bool:
    if change is None or not change.delta:
        return False
    return change.verdict in (BETTER, WORSE) if runs > 1 else True


def _points(change: Difference | None) -> str:
    known = metric(RANKED_BY)
    return difference_text(known, change).lstrip("+") if known is not None else ""


def _least(results: Results, found: Summaries, names: Sequence[str], wanted: str, runs: int) -> str:
    """The variant that has less of a metric than every other one of ``names``; empty when none has, or nobody knows."""
    means = {name: its.mean for name in names if (its := found[name].get(wanted)) and its.mean is not None}
    if len(means) < len(names):
        return ""
    first, second = sorted(means, key=lambda name: means[name])[:2]
    return first if _tells(_difference(results, first, second, wanted), runs) else ""
