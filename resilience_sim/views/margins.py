"""The answer of ``resim margins``: a bar an axis from today's value to the cliff, the nearest cliff first.

A bar is on a scale of its own kind: factors from 1x to 16x by their logarithm, shares from 0 to 100 %, the range of a
setting that has no value today. What only the luckier seeds reach is shaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from shlex import quote

from rich.console import Console

from resilience_sim.experiments.axes import AXES, OUTAGE, WIDEST, axis_of
from resilience_sim.experiments.margins import Margin, Margins, below
from resilience_sim.experiments.search import COLLAPSED
from resilience_sim.experiments.theory import Cliff, agreeing, cliffs
from resilience_sim.kernel import format as fmt
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.own_code import own_code_of
from resilience_sim.settings.plan import AS_WRITTEN, Expectation, Plan
from resilience_sim.views.live.look import Look
from resilience_sim.views.next_step import Step
from resilience_sim.views.summary import look_of, step_rows
from resilience_sim.views.text import Row, emit

BAR = 20  # columns
MADE_UP = f"{fmt.share(OUTAGE)} of the traffic long, in its middle"
NAMES = {"load": "traffic", "slower": "latency", "failing": "failures", "outage": "faults", "capacity": "workers lost"}


def axis_words(axis: str) -> str:
    """What an axis is called: ``latency``, ``latency of db``, or the path of a setting."""
    name, service = axis_of(axis)
    return NAMES.get(axis, axis) if not service or name not in NAMES else f"{NAMES[name]} of {service}"


def margins_rows(
    look: Look,
    scenario: Scenario,
    scenarios: Mapping[str, Scenario],
    answer: Margins,
    wanted: Sequence[tuple[str, float]] = (),
    *,
    quiet: bool = False,
) -> list[Row]:
    """The margins of some configurations. ``wanted``: by axis, what ``--at-least`` asks."""
    plans = {name: each.plan for name, each in scenarios.items()}
    rows = [_head(scenario, answer, look)] if not quiet else []
    several = len(plans) > 1
    ordered = sorted(answer.found, key=room)
    axes = list(dict.fromkeys(each.axis for each in ordered))
    rows += _rows(answer.found, ordered, axes, plans, several, look)
    if not quiet:
        rows += [Row(f"  {axis:<10}{why}", "faint", hang=12) for axis, why in answer.left_out.items()]
        rows += _sentences(ordered, plans, answer, several)
    if answer.interrupted:
        rows.append(Row("Interrupted: what is listed is complete, the rest is missing.", "odd!"))
    rows += [asked_line(each, least, look) for axis, least in wanted for each in answer.found if each.axis == axis]
    if not quiet and (following := next_steps(scenario, ordered, plans)):
        rows += [Row(), *step_rows(following)]
    return rows


def render_margins(
    console: Console,
    scenario: Scenario,
    scenarios: Mapping[str, Scenario],
    answer: Margins,
    wanted: Sequence[tuple[str, float]] = (),
    *,
    quiet: bool = False,
) -> None:
    """Print them."""
    emit(console, margins_rows(look_of(console), scenario, scenarios, answer, wanted, quiet=quiet))


def room(margin: Margin) -> float:
    """How far it is from today's value to the cliff, from 0 to 1; less than 0 where it is broken today."""
    if margin.p5 is None:
        return 2.0 if margin.broken else 3.0
    if margin.today is None:
        return 1.5
    if margin.unit == "ratio":
        return -1.0 if margin.reaches(margin.today, margin.p5) else abs(margin.p5 - margin.today)
    if not margin.today or not margin.p5:
        return 0.0
    return _scale(margin.p5 / margin.today, margin)


def _scale(times: float, margin: Margin) -> float:
    return log(1 / times if margin.falls else times) / log(WIDEST) if times > 0 else 1.0


def _head(scenario: Scenario, answer: Margins, look: Look) -> Row:
    row = Row(f"{scenario.plan.name}", "title", hang=2)
    row.add(f" {look.dot} how much more it stands {look.dot} {fmt.plural(len(answer.seeds), 'seed')}", "faint")
    return row.add(f" {look.dot} broken: {broken_words(answer.until)}", "faint")


def broken_words(until: Sequence[Expectation]) -> str:
    """What counts as broken: ``not (availability >= 99% before trigger), or collapsed``."""
    parts = ["collapsed" if each.text == COLLAPSED.text else f"not {each.words}" for each in until]
    return f"{', '.join(parts[:-1])} or {parts[-1]}" if len(parts) > 1 else parts[0]


def _rows(
    found: Sequence[Margin],
    ordered: Sequence[Margin],
    axes: Sequence[str],
    plans: Mapping[str, Plan],
    several: bool,
    look: Look,
) -> list[Row]:
    rows: list[Row] = []
    names = {each.axis: axis_words(each.axis) for each in ordered}
    wide = max((len(name) for name in (plans if several else names.values())), default=0)
    for axis in axes:
        of_axis = [each for each in (ordered if not several else found) if each.axis == axis]
        if several:
            rows.append(
                Row(f"{names[axis]}", "strong").add(f"  {_about(axis, plans)}" if axis in AXES else "", "faint")
            )
        for each in of_axis:
            row = Row(f"  {each.variant if several else names[axis]}", "strong", hang=4 + wide).to(4 + wide)
            row.join(bar(each, look)).add("  ")
            rows.append(row.join(_cliff(each, plans.get(each.variant), look)))
    return rows


def bar(margin: Margin, look: Look) -> Row:
    """From today's value to the cliff: full as far as all but 5 % of the seeds hold, shaded to where 5 % still do."""
    full, shade, empty = ("#", "+", ".") if look.ascii_only else ("█", "▒", "·")
    low, high = _place(margin, margin.p5), _place(margin, margin.p95)
    solid, shaded = round(low * BAR), round(high * BAR)
    if not margin.broken:
        return Row(full * BAR, "good")
    style = "bad" if room(margin) < 0.05 else "odd" if room(margin) < 0.15 else "good"
    return Row(full * solid, style).add(shade * (shaded - solid), style).add(empty * (BAR - shaded), "faint")


def _place(margin: Margin, value: float | None) -> float:
    if value is None:
        return 1.0
    if margin.unit == "ratio" and margin.today is not None:
        return min(1.0, max(0.0, margin.today - value if margin.falls else value - margin.today))
    if not margin.today:  # from the end of the range that holds
        return (value - margin.first) / (margin.last - margin.first)
    return min(1.0, max(0.0, _scale(value / margin.today, margin)))


def _cliff(margin: Margin, plan: Plan | None, look: Look) -> Row:
    write = fmt.OF_AXES[margin.unit]
    row, seeds = Row(), len(margin.seeds)
    if margin.p5 is None:
        row.add(f"holds to {write(margin.last)}", "good!").add(", the end of the range", "faint")
        return row.add(f", in {seeds - margin.broken} of {seeds} seeds", "faint") if margin.broken else row
    if len(margin.already) == seeds:
        return row.add(f"broken {_easiest(margin, plan)} already", "bad!")
    begins = margin.p5 == margin.first
    broken = _broken(margin)
    if begins:
        row.add(f"broken {_easiest(margin, plan)} already", "bad!").add(f" in {len(margin.already)} of {seeds} seeds")
    else:
        if broken:
            few = f" in {margin.broken_today} of {seeds} seeds" if margin.broken_today < seeds else ""
            row.add(f"broken {_today(margin, plan)}", "bad!").add(few)
        if not broken or margin.p5 != margin.today:
            row.add(", " if broken else "", "faint").add("held " if broken and not margin.stepped else "", "faint")
            words = f"breaks from {write(margin.p5)}" if margin.stepped else f"to {write(margin.p5)}"
            row.add(words, "bad!" if broken else "strong")
    row.add(f" {look.dot} median {_reached(margin, margin.p50)}")
    rate = _rate(margin, plan)
    if rate:
        row.add(f" = {fmt.rate((margin.p50 or 0.0) * rate)}")
    return row.add(f", 95% by {_reached(margin, margin.p95)}", "faint")


def _broken(margin: Margin) -> bool:
    """Whether today's value is no easier than the 5 % point, and was seen to break."""
    return bool(margin.broken_today) and margin.today is not None and margin.reaches(margin.today, margin.p5)


def _reached(margin: Margin, value: float | None) -> str:
    """A point of the distribution, which may lie beyond the range."""
    write = fmt.OF_AXES[margin.unit]
    if value is None:
        return f"{'less' if margin.falls else 'more'} than {write(margin.last)}"
    return write(value)


def _today(margin: Margin, plan: Plan | None) -> str:
    """Where today's value is: of a scenario without faults it is an outage of ours."""
    return "by the outage" if _made_up(margin.axis, plan) else "today"


def _made_up(axis: str, plan: Plan | None) -> bool:
    return axis == "outage" and plan is not None and not plan.faults


def _easiest(margin: Margin, plan: Plan | None) -> str:
    if margin.first == margin.today:
        return _today(margin, plan)
    return f"at {fmt.OF_AXES[margin.unit](margin.first)}"


def _about(axis: str, plans: Mapping[str, Plan]) -> str:
    """What is turned up, for people."""
    ours = axis == "outage" and all(not each.faults for each in plans.values())
    return f"length of an outage that refuses, {MADE_UP}" if ours else AXES[axis].about


def _rate(margin: Margin, plan: Plan | None) -> float:
    """Today's arrival rate where the axis multiplies it and there is one rate."""
    if margin.axis != "load" or plan is None or plan.traffic.loop != "open" or len(plan.traffic.phases) != 1:
        return 0.0
    phase = plan.traffic.phases[0]
    return phase.rate if phase.rate == phase.to and margin.p50 is not None else 0.0


def _sentences(ordered: Sequence[Margin], plans: Mapping[str, Plan], answer: Margins, several: bool) -> list[Row]:
    rows = [Row()]
    if ordered[0].broken:
        rows.append(Row("Weakest: ", "title", hang=2).add(_said(ordered[0], plans, several)))
    else:
        rows.append(Row("Nothing broke in the range that was searched.", "good!"))
    rows += [Row(words, "odd", hang=2) for words in uncounted(answer)]
    if not several and any(_made_up(each.axis, plans.get(each.variant)) for each in ordered):
        rows.append(Row(f"{NAMES['outage']}: the scenario has none; 1x is an outage that refuses, {MADE_UP}.", hang=2))
    for each, cliff in _theory(ordered, plans, answer.until):
        who = f"{each.variant}, " if several else ""
        words = f"{who}{axis_words(each.axis)}: arithmetic says the same: {cliff.because}"
        rows.append(Row(words + (f" ({fmt.factor(cliff.factor)})." if each.axis == "load" else "."), hang=2))
    odd = [each for each in ordered if each.not_monotone]
    if odd:
        worst = max(odd, key=lambda each: len(each.not_monotone))
        count = len(worst.not_monotone)
        have = "has" if count == 1 else "have"
        where = f"{fmt.plural(count, 'seed')} of {len(worst.seeds)} on {axis_words(worst.axis)}"
        where += f" of {worst.variant}" if several else ""
        words = f"{where} {have} no single cliff: something harder held, or something easier broke."
        rows.append(Row(words, "odd", hang=2))
    return rows


def uncounted(answer: Margins) -> list[str]:
    """Of the expectations, those that could not break anything: why."""
    found = [f"`{each.words}` fails today: it does not count as broken here." for each in answer.failing]
    known = frozenset().union(*(each.known for each in answer.found))
    for number, each in enumerate(answer.until):
        if number not in known and each.text != COLLAPSED.text and answer.found:
            found.append(f"`{each.words}` had no data in any run, and without data nothing is broken.")
    return found


def _said(margin: Margin, plans: Mapping[str, Plan], several: bool) -> str:
    write, plan, seeds = fmt.OF_AXES[margin.unit], plans.get(margin.variant), len(margin.seeds)
    who = f" of {margin.variant}" if several else ""
    what = axis_words(margin.axis) + who
    broke = "the run collapses" if margin.broken_by == "collapse" else f"`{margin.broken_by}` fails"
    if len(margin.already) == seeds:
        return f"{what}; it is broken at the easiest value that was tried, {write(margin.first)} ({broke})."
    if margin.p5 is not None and _broken(margin):
        where = "the outage breaks it" if _made_up(margin.axis, plan) else "today it is broken"
        some = f" in {margin.broken_today} of {seeds} runs" if margin.broken_today < seeds else ""
        held = sum(not margin.reaches(margin.p5, each) or each == margin.p5 for each in margin.critical)
        rest = f", and it held to {write(margin.p5)} in {held} of {seeds} runs"
        nowhere = margin.stepped or margin.p5 in (margin.first, margin.today)
        return f"{what}; {where}{some} ({broke}){'' if nowhere else rest}."
    if margin.p50 is None:
        some = f"{margin.broken} of {seeds} runs {'breaks' if margin.broken == 1 else 'break'}"
        return f"{what}; {some} by {write(margin.last)} ({broke})."
    return f"{what}; half of the runs break by {write(margin.p50)} ({broke})."


def _theory(
    ordered: Sequence[Margin], plans: Mapping[str, Plan], until: tuple[Expectation, ...]
) -> list[tuple[Margin, Cliff]]:
    found = []
    for each in ordered:
        plan = plans.get(each.variant)
        if plan is None or each.p50 is None or each.unit != "x":
            continue
        cliff = agreeing(cliffs(plan, each.axis, until), each.p50)
        if cliff is not None:
            found.append((each, cliff))
    return found


def next_steps(scenario: Scenario, ordered: Sequence[Margin], plans: Mapping[str, Plan]) -> list[Step]:
    """Commands that follow from the answer."""
    if scenario.path == "-":
        return []
    name = quote(scenario.path) + "".join(f" --set {quote(each)}" for each in scenario.overrides)
    steps: list[Step] = []
    code = own_code_of(scenario.plan)
    if code is not None:
        return [(f"resim run {name} --client {quote(code.target)}", "watch your code as written")]
    retries = [policy for policy in scenario.plan.stack if policy.kind == "retry"]
    cliffs_move = retries and not getattr(retries[0], "budget", None) and any(each.broken for each in ordered)
    if len(plans) == 1 and cliffs_move:
        steps.append((f"resim margins {name} --try {retries[0].id}.budget=10%", "does a retry budget move the cliffs?"))
    elif len(plans) == 1 and scenario.variants:
        steps.append((f"resim margins {name} --variant {quote(scenario.variants[0].name)}", "the margins of a variant"))
    steps.append((f"resim compare {name}", "the same luck, other settings"))
    return steps


def margin_document(margin: Margin) -> dict[str, object]:
    """An entry of ``margins`` in the result document."""
    return {
        "axis": margin.axis,
        "variant": margin.variant,
        "unit": margin.unit,
        "today": margin.today,
        "p5": margin.p5,
        "p50": margin.p50,
        "p95": margin.p95,
        "ci95": {name: list(limits) for name, limits in margin.ci95.items()},
        "margin": margin.margin,
        "broken_by": margin.broken_by or None,
        "not_monotone": list(margin.not_monotone),
        "seeds": list(margin.seeds),
        "requests_simulated": margin.requests_simulated,
        "critical": list(margin.critical),
    }


def asked_line(margin: Margin, least: float, look: Look) -> Row:
    """What became of an ``--at-least``."""
    write, seeds = fmt.OF_AXES[margin.unit], len(margin.seeds)
    what = axis_words(margin.axis) + (f" of {margin.variant}" if margin.variant != AS_WRITTEN else "")
    short = below(margin, least)
    row = Row(f"{look.bad if short else look.good} {what} to at least {write(least)}: ", "bad!" if short else "good!")
    if margin.p5 is None and margin.broken:
        return row.add(f"{seeds - margin.broken} of {seeds} seeds hold to {write(margin.last)}")
    if margin.p5 is None:
        return row.add(f"nothing broke up to {write(margin.last)}")
    if margin.p5 == margin.first:
        return row.add(f"broken at {write(margin.first)} already")
    if margin.stepped:
        return row.add(f"breaks from {write(margin.p5)}")
    return row.add(f"{'only ' if short else ''}{write(margin.p5)}")
