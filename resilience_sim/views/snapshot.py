"""What ``resim snapshot`` says: which figures of which scenarios changed, by how much, and which setting did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from resilience_sim.experiments.snapshot import ERROR, Changed, Compared
from resilience_sim.kernel import format as fmt
from resilience_sim.measure.statistics import BETTER, WORSE
from resilience_sim.settings.metrics import Metric, metric
from resilience_sim.views.differences import difference_text
from resilience_sim.views.live.look import Look
from resilience_sim.views.summary import look_of, step_rows
from resilience_sim.views.text import Row, emit

CHANGED, CHANCE = "changed", "chance"
MISSING = {"then": "new: the snapshot does not have it", "now": "gone: only the snapshot still has it"}


def verdict_of(change: Changed) -> str:
    """``better``, ``worse``, ``changed`` where neither is meant, or ``chance``."""
    if not change.real:
        return CHANCE
    known = metric(change.metric)
    if known is None or not known.better or change.was is None or change.now is None or change.was == change.now:
        return CHANGED
    return BETTER if (change.now - change.was) * known.better > 0 else WORSE


def snapshot_document(file: str, found: Sequence[Compared], scenarios: int) -> dict[str, Any]:
    """The member ``snapshot`` of the result document."""
    return {
        "file": file,
        "scenarios": scenarios,
        "error_rate": ERROR,
        "differ": [
            {
                "path": one.path,
                "missing": one.missing or None,
                "changed": one.changed,
                **({"runs": one.runs} if one.runs else {}),
                "settings": [{"path": path, "was": was or None, "now": now or None} for path, was, now in one.settings],
                "figures": [
                    {
                        "metric": each.metric,
                        "was": each.was,
                        "now": each.now,
                        "delta": each.difference.delta,
                        "ci95": each.difference.ci95,
                        "p": each.p,
                        "verdict": verdict_of(each),
                    }
                    for each in one.figures
                ],
            }
            for one in found
        ],
    }


def render_snapshot(
    console: Console,
    found: Sequence[Compared],
    scenarios: int,
    steps: Sequence[tuple[str, str]],
    *,
    quiet: bool = False,
) -> None:
    """Print it."""
    emit(console, snapshot_rows(look_of(console), found, scenarios, steps, quiet=quiet))


def snapshot_rows(
    look: Look, found: Sequence[Compared], scenarios: int, steps: Sequence[tuple[str, str]], *, quiet: bool = False
) -> list[Row]:
    """What differs, scenario by scenario, and the answer in one line."""
    rows: list[Row] = []
    for one in found:
        if one.changed or (one.settings and not quiet):
            rows += [*_scenario(one, look), Row()]
    changed = sum(one.changed for one in found)
    words = f"{fmt.count(changed)} changed" if changed else "none changed"
    rows.append(Row(f"{fmt.plural(scenarios, 'scenario')}: {words}", "bad!" if changed else "good!"))
    if rest := len(found) - changed:
        rows[-1].add(f"; {fmt.count(rest)} with other settings or other luck, and no other figures", "faint")
    if found and not quiet:
        text = f"Called changed is what luck alone would show in fewer than {fmt.share(ERROR)} of such checks."
        rows.append(Row(text, "faint", hang=2))
    if steps and not quiet:
        rows += [Row(), *step_rows(steps)]
    return rows


def _scenario(one: Compared, look: Look) -> list[Row]:
    rows = [Row(one.path, "title", hang=2)]
    if one.missing:
        rows[0].add(f"  {MISSING[one.missing]}", "odd")
        return rows
    wide = max((len(path) for path, _, _ in one.settings), default=0)
    for path, was, now in one.settings:
        row = Row(f"  {path}", "calm", hang=4).to(min(wide, 40) + 4)
        rows.append(row.add(f"{was or 'not written'} {look.then} {now or 'not written'}"))
    if not one.settings and any(each.real for each in one.figures):
        rows.append(Row("  no setting differs: it is another version of resim, or of its rules", "odd", hang=4))
    real = [each for each in one.figures if each.real]
    wide = max((len(each.metric) for each in real), default=0)
    rows += [_figure(each, wide, look) for each in real]
    if one.runs:
        rows.append(
            Row(f"  the mean of {fmt.count(one.runs)} seeds on both sides: fewer could not tell", "faint", hang=4)
        )
    others = [each.metric for each in one.figures if not each.real]
    if others:
        rows.append(Row(f"  by chance only: {', '.join(others)}", "faint", hang=4))
    elif not real:
        rows.append(Row("  every figure is the same", "faint"))
    return rows


def _figure(change: Changed, wide: int, look: Look) -> Row:
    known = metric(change.metric)
    assert known is not None
    verdict = verdict_of(change)
    style, mark = {BETTER: ("good", look.good), WORSE: ("bad", look.bad)}.get(verdict, ("odd", look.dot))
    row = Row(f"  {mark} ", style, hang=6).add(known.name, "strong").to(wide + 6)
    row.add(f"{_mean(known, change.was)} {look.then} {_mean(known, change.now)}")
    difference = difference_text(known, change.difference)
    return row.add(f"  {difference}", style) if difference else row


def _mean(known: Metric, value: float | None) -> str:
    return "no data" if value is None else fmt.in_unit(value, known.unit)
