"""The answer of ``resim tune``: whether anything is surely better, and the front of what is worth choosing from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from shlex import quote

from rich.console import Console

from resilience_sim.experiments.race import Objective
from resilience_sim.experiments.tune import Certified, Entry, Held, Tuned
from resilience_sim.kernel import format as fmt
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.metrics import metric
from resilience_sim.settings.plan import AS_WRITTEN
from resilience_sim.views.live.look import Look
from resilience_sim.views.margins import NAMES
from resilience_sim.views.summary import look_of, step_rows
from resilience_sim.views.text import Row, emit

SAID = {
    "better": ("Surely better settings were found", "good!"),
    "cannot_tell": ("Nothing is surely better than the settings as written", "odd!"),
    "none_feasible": ("No settings were found that surely meet every constraint", "bad!"),
}


def tune_rows(
    look: Look,
    scenario: Scenario,
    objectives: Sequence[Objective],
    found: Tuned,
    wrote: str = "",
    *,
    quiet: bool = False,
) -> list[Row]:
    """The front. ``wrote``: the file that its first settings were written to."""
    rows: list[Row] = []
    if not quiet:
        row = Row(scenario.plan.name, "title", hang=2)
        counts = ((found.candidates, "candidate"), (found.runs, "run"), (found.requests, "request"))
        for number, noun in counts:
            row.add(f" {look.dot} {fmt.plural(number, noun)}", "faint")
        if found.certified_on:
            row.add(f" {look.dot} certified on {len(found.certified_on)} fresh seeds", "faint")
        rows.append(row)
    words, style = SAID[found.verdict]
    better = [entry for entry in found.front if entry.better]
    if better and all(entry.only_feasible for entry in better):
        words = "Settings were found that surely meet every constraint, which those as written do not"
    if found.interrupted:
        words, style = "Interrupted: the best so far, as the search has seen it; not certified", "odd!"
    elif not found.certified_on:
        words = "The budget was used up before anything could be certified"
        words += "; the best, as the search has seen it" if found.front else ""
    if found.verdict == "cannot_tell" and any(_trades(entry, objectives) for entry in found.front):
        words += ": what they gain in one thing they lose in another"
    rows.append(Row(f"{words}.", style, hang=2))
    shown = [*found.front]
    if found.today is not None and found.verdict == "better" and all(each.settings for each in shown):
        shown.append(found.today)
    for number, entry in enumerate(shown, 1):
        rows += _entry(number, entry, objectives, found)
    if not quiet:
        rows += _notes(found)
        if wrote:
            rows.append(Row(f"wrote {wrote}", "calm"))
        if scenario.path != "-" and found.front:
            rows += [Row(), *step_rows(_steps(scenario, found, wrote))]
    return rows


def render_tune(
    console: Console,
    scenario: Scenario,
    objectives: Sequence[Objective],
    found: Tuned,
    wrote: str = "",
    *,
    quiet: bool = False,
) -> None:
    """Print it."""
    emit(console, tune_rows(look_of(console), scenario, objectives, found, wrote, quiet=quiet))


def _trades(entry: Entry, objectives: Sequence[Objective]) -> bool:
    """Whether an entry is surely better than as written in one thing, and surely worse in another."""
    signs = set()
    for each in objectives:
        certified = entry.metrics.get(each.metric)
        ends = certified.delta_ci95 if certified is not None else None
        if ends is not None and (ends[0] > 0 or ends[1] < 0):
            signs.add(each.better if ends[0] > 0 else -each.better)
    return signs == {1, -1}


def _entry(number: int, entry: Entry, objectives: Sequence[Objective], found: Tuned) -> list[Row]:
    on_front = any(entry is each for each in found.front)
    row = Row(f"  {number}  " if on_front else "  -  ", "strong", hang=7)
    row.add(settings_text(entry), "strong" if entry.settings else "faint")
    if entry.better:
        row.add("  surely meets every constraint" if entry.only_feasible else "  surely better", "good")
    if entry.broken:
        row.add(f"  not surely met: {'; '.join(entry.broken)}", "bad")
    rows = [row]
    names = [each.metric for each in objectives] + [name for name in entry.metrics if name not in {
        each.metric for each in objectives}]  # fmt: skip
    wide = max(map(len, names), default=0)
    for name in names:
        certified = entry.metrics.get(name)
        if certified is not None:
            rows.append(_figure(name, certified, wide, bool(entry.settings)))
    if entry.margins:
        rows.append(_holds(entry.margins))
    return rows


def _holds(margins: Mapping[str, Held]) -> Row:
    """``holds  traffic to 1.8x, latency to 2.1x  (all of 20 seeds)``."""
    row = Row("       holds  ", "faint", hang=14)
    counts = {held.seeds for held in margins.values()}
    for place, (axis, held) in enumerate(margins.items()):
        row.add(", " if place else "")
        far = "more than 16x" if held.p5 is None else fmt.factor(held.p5)
        row.add(f"{NAMES[axis]} {f'not even at {far}' if held.nowhere else f'to {far}'}")
        row.add(f" ({held.seeds} seeds)" if len(counts) > 1 else "", "faint")
    return row.add(f"  (weakest of {counts.pop()} seeds)" if len(counts) == 1 else "  (weakest of them)", "faint")


def _figure(name: str, certified: Certified, wide: int, differs: bool) -> Row:
    known = metric(name)
    unit = known.unit if known else ""
    row = Row(f"       {name}", "faint", hang=9 + wide).to(9 + wide).add(fmt.in_unit(certified.mean, unit), "strong")
    if certified.ci95 is not None:
        low, high = (fmt.in_unit(each, unit) for each in certified.ci95)
        row.add(f" ({low} to {high})" if low != high else "", "faint")
    if differs and certified.delta is not None and certified.delta_ci95 is not None:
        below, above = certified.delta_ci95
        better = known.better if known else 0
        style = "faint"
        if better and (below > 0 or above < 0):
            style = "good" if certified.delta * better > 0 else "bad"
        row.add(f"  {fmt.in_unit(certified.delta, unit, signed=True)}", style)
        ends = [fmt.in_unit(each, unit, signed=True) for each in (below, above)]
        row.add(f" ({ends[0]} to {ends[1]})" if ends[0] != ends[1] else "", "faint")
    if certified.worst is not None:
        row.add(f"  worst tenth {fmt.in_unit(certified.worst, unit)}", "faint")
    return row


def settings_text(entry: Entry) -> str:
    """``retry.attempts=2, retry.budget=10%``."""
    if not entry.settings:
        return AS_WRITTEN
    return ", ".join(f"{path}={_value(path, value)}" for path, value in entry.settings.items())


def _value(path: str, value: str) -> str:
    """A value for people: a whole stack as the names of its policies, outermost first."""
    if path == "stack":
        return " > ".join(re.findall(r"\{(\w+)(?=:)", re.sub(r"(?<=\w): \{[^{}]*\}", ":", value))) or value
    return "none" if value == "null" else value


def _notes(found: Tuned) -> list[Row]:
    """What cost nothing, and what there was no budget for."""
    parts = []
    if found.impossible:
        parts.append(f"{fmt.plural(found.impossible, 'combination')} of values cannot be")
    if found.linted:
        parts.append(
            f"{fmt.plural(found.linted, 'candidate')} {'was' if found.linted == 1 else 'were'} refused by lint"
        )
    rows = []
    if parts:
        text = " and ".join(parts)
        rows.append(Row(f"{text[0].upper()}{text[1:]}; they cost no run.", "faint", hang=2))
    silent = [each.silent for each in found.front]
    for name in silent[0] if silent else ():
        if all(name in each for each in silent):
            rows.append(Row(f"`{name}` had no data in any run, with any of these settings.", "odd", hang=2))
    if found.margins_missing:
        rows.append(Row("The budget was not enough to measure how far all of these hold.", "faint", hang=2))
    return rows


def _steps(scenario: Scenario, found: Tuned, wrote: str) -> list[tuple[str, str]]:
    name = quote(scenario.path) + "".join(f" --set {quote(each)}" for each in scenario.overrides)
    number, first = next(((n, each) for n, each in enumerate(found.front, 1) if each.settings), (0, None))
    if wrote:
        return [
            (f"resim run {quote(wrote)}", "what it looks like now"),
            (f"resim margins {quote(wrote)}", "and how far it holds"),
        ]
    if first is None:
        return [(f"resim sweep {name} --help", "see how a figure changes with one setting")]
    settings = ", ".join(f"{path}={value}" for path, value in first.settings.items())
    which = "the first" if number == 1 else f"number {number}"
    return [
        (f"resim compare {name} --try {quote(settings)}", f"{which} of these against today's, watched"),
        (f"resim margins {name} --try {quote(settings)}", "all their margins"),
    ]


def entry_document(entry: Entry) -> dict[str, object]:
    """An entry of ``front`` in the result document."""
    return {
        "set": dict(entry.settings),
        "feasible": entry.feasible,
        "better": entry.better,
        **({"only_feasible": True} if entry.better and entry.only_feasible else {}),
        **({"not_met": list(entry.broken)} if entry.broken else {}),
        **{
            name: {
                "mean": each.mean,
                "ci95": None if each.ci95 is None else list(each.ci95),
                "delta": each.delta,
                "delta_ci95": None if each.delta_ci95 is None else list(each.delta_ci95),
                **({"worst": each.worst} if each.worst is not None else {}),
            }
            for name, each in entry.metrics.items()
        },
        "margins": {axis: {"p5": held.p5, "p50": held.p50} for axis, held in entry.margins.items()},
    }
