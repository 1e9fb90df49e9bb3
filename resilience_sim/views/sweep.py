"""The answer of ``resim sweep``: a curve of one setting, a heat map of two, a table of more; which setting matters.

Shades and colours help to see the shape; the numbers stand beside them, as long as a line has room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from rich.console import Console

from resilience_sim.experiments.sweep import Effect, Point, Sweep, crossings, effects, spread_of
from resilience_sim.kernel import format as fmt
from resilience_sim.measure.statistics import Summary
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.metrics import Metric, metric
from resilience_sim.views.live.look import Look
from resilience_sim.views.summary import look_of, step_rows
from resilience_sim.views.text import Row, emit

PLOT = 32  # columns of a curve
BAR = 24  # of the tornado
LONGEST = 24  # columns of a value
PIPED = 100  # columns of a heat map where there is no terminal
SHADES, PLAIN_SHADES = " ░▒▓█", " .:+#"


def sweep_rows(
    look: Look,
    width: int,
    scenario: Scenario,
    found: Sweep,
    names: Sequence[str],
    refine: tuple[str, float] | None = None,
    *,
    quiet: bool = False,
) -> list[Row]:
    """A sweep, a block for each metric in ``names``; heat maps fit into ``width`` columns."""
    rows: list[Row] = []
    if not quiet:
        rows.append(_head(scenario, found, look))
    for name in names:
        known = metric(name)
        assert known is not None
        rows += [Row(), *_block(found, known, width, look)] if rows else _block(found, known, width, look)
        if refine is not None and refine[0] == name:
            rows += _crossed(found, known, refine[1]) if len(found.specs) == 1 else _followed(found, known, refine[1])
        if len(found.specs) > 1 and not quiet:
            rows += tornado(effects(found, name), known, look)
    rows += _legend(found)
    if found.interrupted:
        rows.append(Row("Interrupted: the points that are listed are complete, others are missing.", "odd!"))
    if not quiet and scenario.path != "-":
        rows += [Row(), *step_rows(_steps(scenario, found, names))]
    return rows


def render_sweep(
    console: Console,
    scenario: Scenario,
    found: Sweep,
    names: Sequence[str],
    refine: tuple[str, float] | None = None,
    *,
    quiet: bool = False,
) -> None:
    """Print it."""
    width = console.width if console.is_terminal else PIPED
    emit(console, sweep_rows(look_of(console), width, scenario, found, names, refine, quiet=quiet))


def _head(scenario: Scenario, found: Sweep, look: Look) -> Row:
    row = Row(scenario.plan.name, "title", hang=2)
    seeds = fmt.plural(len(found.seeds), "seed")
    row.add(f" {look.dot} {fmt.plural(len(found.points), 'point')} {look.dot} {seeds} each, the same luck", "faint")
    return row.add(f" {look.dot} {fmt.count(found.requests)} requests", "faint")


def _block(found: Sweep, known: Metric, width: int, look: Look) -> list[Row]:
    title = Row(known.name, "strong", hang=2).add(f"  {known.meaning}", "faint")
    if len(found.specs) == 1:
        return [title, *curve(found, known, look)]
    regular = [point for point in found.points if not point.refined]
    if len(found.specs) == 2:
        return [title, *heat_map(found, known, regular, width, look)]
    return [title, *_table(found, known)]


# --- one setting --------------------------------------------------------------------------------------------------


def curve(found: Sweep, known: Metric, look: Look) -> list[Row]:
    """A line for each value: where the mean lies, its 95 % interval around it, and both as numbers."""
    (spec,) = found.specs
    values = [point.at[spec.path] for point in found.points]
    shown = labels(found)
    wide = max(len(shown[value]) for value in values)
    low, high = _scale(found.points, known)
    rows = [Row(f"  {spec.path}", "faint")]
    for point, value in zip(found.points, values, strict=True):
        summary = point.metrics[known.name]
        row = Row("    ").right(shown[value], "faint" if point.refined else "strong", 4 + wide).add("  ")
        row.join(_mark(summary, low, high, look)).add("  ")
        rows.append(row.join(_number(known, summary)))
    if all(point.metrics[known.name].mean is None for point in found.points):
        return rows
    ends = Row().to(6 + wide).add(fmt.in_unit(low, known.unit), "faint")
    return [*rows, ends.right(fmt.in_unit(high, known.unit), "faint", 6 + wide + PLOT) if high > low else ends]


def _mark(summary: Summary, low: float, high: float, look: Look) -> Row:
    if summary.mean is None:
        return Row("no data".ljust(PLOT), "faint")

    def place(value: float) -> int:
        share = (value - low) / (high - low) if high > low else 0.0
        return min(PLOT - 1, max(0, round(share * (PLOT - 1))))

    dot, line = ("o", "-") if look.ascii_only else ("●", "─")
    cells = [" "] * PLOT
    if summary.ci95 is not None:
        for at in range(place(summary.ci95[0]), place(summary.ci95[1]) + 1):
            cells[at] = line
    cells[place(summary.mean)] = dot
    return Row("".join(cells), "calm")


def _number(known: Metric, summary: Summary) -> Row:
    if summary.mean is None:
        return Row(f"no data in {fmt.plural(summary.missing, 'run')}" if summary.missing else "", "faint")
    row = Row(fmt.in_unit(summary.mean, known.unit), "strong")
    if summary.ci95 is not None:
        low, high = (fmt.in_unit(each, known.unit) for each in summary.ci95)
        row.add(f"  ({low} to {high})" if low != high else "", "faint")
    return row


def _scale(points: Sequence[Point], known: Metric) -> tuple[float, float]:
    values = []
    for point in points:
        summary = point.metrics[known.name]
        values += [each for each in (summary.mean, *(summary.ci95 or ())) if each is not None]
    return min(values, default=0.0), max(values, default=0.0)


def _crossed(found: Sweep, known: Metric, value: float) -> list[Row]:
    (spec,) = found.specs
    limit = fmt.in_unit(value, known.unit)
    if spec.range is None:
        return []
    places = crossings(found, known.name, value)
    if not places:
        return [Row(f"  It does not cross {limit} here.", "faint")]
    quantity = spec.range.quantity
    texts = [near[spec.path] if quantity.whole else quantity.tidy(at) for at, near in places]
    where = " and ".join(f"{spec.path} = {text}" for text in texts)
    return [Row(f"  It crosses {limit} at about {where}.", "strong", hang=4)]


def _followed(found: Sweep, known: Metric, value: float) -> list[Row]:
    """Of several settings: what has become of the points that a map has no place for."""
    limit, count = fmt.in_unit(value, known.unit), sum(point.refined for point in found.points)
    if not count:
        return [Row(f"  It does not cross {limit} here.", "faint")]
    more = f"{fmt.plural(count, 'more point')} {'lies' if count == 1 else 'lie'}"
    return [Row(f"  {more} between these, along {limit}: --out csv=PATH has them.", "faint", hang=4)]


# --- two settings -------------------------------------------------------------------------------------------------


def heat_map(found: Sweep, known: Metric, points: Sequence[Point], width: int, look: Look) -> list[Row]:
    """Rows by the first setting, columns by the second; every cell its number where they fit, else its shade."""
    down, across = found.specs
    lines, columns = (list(dict.fromkeys(point.at[spec.path] for point in points)) for spec in (down, across))
    by_place = {(point.at[down.path], point.at[across.path]): point.metrics[known.name] for point in points}
    spread = spread_of(points, known.name)
    shown = labels(found)
    left = 4 + max(len(shown[value]) for value in lines)
    texts = {place: fmt.in_unit(each.mean, known.unit) for place, each in by_place.items()}
    cell = 2 + max([len(text) for text in texts.values()] + [len(shown[value]) for value in columns])
    numbers = left + (cell + 1) * len(columns) <= width
    rows = [Row(f"  {down.path} down, {across.path} across", "faint", hang=4)]
    if numbers:
        head = Row().to(left)
        for value in columns:
            head.right(shown[value], "faint", head.width + cell + 1)
        rows.append(head)
        for value in lines:
            row = Row("  ").right(shown[value], "strong", left)
            for column in columns:
                shade, style = _shade(by_place.get((value, column)), spread, known, look)
                row.add(" ").add(shade, style).right(texts.get((value, column), ""), style, row.width + cell - 1)
            rows.append(row)
    else:
        room = max(1, width - left - 1)
        gap = " " if 2 * len(columns) <= room else ""
        cell = max(1, min(3, room // len(columns) - len(gap)))
        strip = max(1, room // (cell + len(gap)))
        for begin in range(0, len(columns), strip):  # what does not fit beside it stands below
            part = columns[begin : begin + strip]
            first, last = shown[part[0]], shown[part[-1]]
            end = left + (cell + len(gap)) * len(part)
            head = Row().to(left + 1).add(first, "faint")
            rows.append(head.right(last, "faint", end + 1 - len(gap)) if head.width + len(last) < end else head)
            for value in lines:
                row = Row("  ").right(shown[value], "strong", left).add("" if gap else " ")
                for column in part:
                    shade, style = _shade(by_place.get((value, column)), spread, known, look)
                    row.add(gap).add(shade * cell, style)
                rows.append(row)
    if spread is not None:
        low, high = (fmt.in_unit(each, known.unit) for each in spread)
        marks = (PLAIN_SHADES if look.ascii_only else SHADES)[1:]
        rows.append(Row().to(left + 1).add(f"{low} {marks} {high}", "faint"))
    return rows


def _shade(summary: Summary | None, spread: tuple[float, float] | None, known: Metric, look: Look) -> tuple[str, str]:
    if summary is None or summary.mean is None or spread is None:
        return "?", "faint"
    low, high = spread
    share = (summary.mean - low) / (high - low) if high > low else 1.0
    shades = PLAIN_SHADES if look.ascii_only else SHADES
    good = share if known.better >= 0 else 1 - share
    style = "" if not known.better else "bad" if good < 1 / 3 else "odd" if good < 2 / 3 else "good"
    return shades[1 + min(3, int(share * 4))], style


# --- more ---------------------------------------------------------------------------------------------------------


def _table(found: Sweep, known: Metric) -> list[Row]:
    paths = [spec.path for spec in found.specs]
    shown = labels(found)
    widths = [max(len(path), *(len(shown[point.at[path]]) for point in found.points)) for path in paths]
    head, column = Row("  "), 2
    for path, width in zip(paths, widths, strict=True):
        column += width + 2
        head.right(path, "faint", column - 2).to(column)
    rows = [head]
    for point in found.points:
        row, column = Row("  "), 2
        for path, width in zip(paths, widths, strict=True):
            column += width + 2
            row.right(shown[point.at[path]], "strong", column - 2).to(column)
        rows.append(row.join(_number(known, point.metrics[known.name])))
    return rows


def tornado(found: Sequence[Effect], known: Metric, look: Look) -> list[Row]:
    """A bar for each setting: between which means it moves the metric, and its share of the variance."""
    if not found:
        return []
    low, high = min(each.low for each in found), max(each.high for each in found)
    wide = max(len(each.path) for each in found)
    rows = [Row("  what moves it  ", "strong").add("means over the other settings; share of the variance", "faint")]
    full, empty = ("#", ".") if look.ascii_only else ("█", "·")
    for each in found:
        start = round((each.low - low) / (high - low) * BAR) if high > low else 0
        end = max(start + 1, round((each.high - low) / (high - low) * BAR)) if high > low else BAR
        row = Row(f"    {each.path}", "strong", hang=8 + wide).to(6 + wide)
        row.add(empty * start, "faint").add(full * (end - start), "calm").add(empty * (BAR - end), "faint")
        row.add(f"  {fmt.in_unit(each.low, known.unit)} to {fmt.in_unit(each.high, known.unit)}")
        rows.append(row.add(f"  {fmt.share(each.first)} alone, {fmt.share(min(1.0, each.total))} in all", "faint"))
    return rows


def labels(found: Sweep) -> dict[str, str]:
    """What stands for a value: itself, or a number where it is long, a whole stack perhaps."""
    values = dict.fromkeys(value for point in found.points for value in point.at.values())
    long = [value for value in values if len(value) > LONGEST]
    numbers = {value: f"({number})" for number, value in enumerate(long, 1)}
    return {value: numbers.get(value, "none" if value == "null" else value) for value in values}


def _legend(found: Sweep) -> list[Row]:
    """What the numbers stand for."""
    long = [(label, value) for value, label in labels(found).items() if len(value) > LONGEST]
    return [Row(f"  {label} ", "strong", hang=4 + len(label)).add(value, "faint") for label, value in long]


def _steps(scenario: Scenario, found: Sweep, names: Sequence[str]) -> list[tuple[str, str]]:
    name = quote(scenario.path) + "".join(f" --set {quote(each)}" for each in scenario.overrides)
    first = metric(names[0])
    better = first.better if first is not None else 0
    points: Sequence[Point] = found.points
    whom = "these points"
    which, point = _best(points, names[0], better)
    if _is_today(scenario, point):
        points, whom = [each for each in points if not _is_today(scenario, each)], "the other points"
        if not points:
            return [(f"resim margins {name}", "how far today's settings hold")]
        which, point = _best(points, names[0], better)
    settings = ", ".join(f"{path}={value}" for path, value in point.at.items())
    by = "" if which == "first" else f", by {names[0]},"
    what = f"{'this one' if len(points) == 1 else f'the {which} of {whom}{by}'} against today's settings"
    return [
        (f"resim compare {name} --try {quote(settings)}", what),
        (f"resim margins {name}", "how far today's settings hold"),
    ]


def _best(points: Sequence[Point], name: str, better: int) -> tuple[str, Point]:
    """The best point by a metric, and which one it is; the first where none is."""
    means = [(mean * better, point) for point in points if (mean := point.metrics[name].mean) is not None]
    top = max((value for value, _ in means), default=0.0)
    best = [point for value, point in means if value == top]
    which = "first" if len(best) in (0, len(means)) else "best" if len(best) == 1 else "first of the best"
    return which, (best or points)[0]


def _is_today(scenario: Scenario, point: Point) -> bool:
    """Whether the settings of a point are those as written."""
    return scenario.with_settings([f"{path}={value}" for path, value in point.at.items()]).plan == scenario.plan


def points_document(found: Sweep) -> list[dict[str, object]]:
    """``points`` of the result document."""
    return [
        {
            "at": dict(point.at),
            "runs": point.runs,
            **({"refined": True} if point.refined else {}),
            **{
                name: {"mean": each.mean, "ci95": None if each.ci95 is None else list(each.ci95)}
                for name, each in point.metrics.items()
            },
        }
        for point in found.points
    ]


def effects_document(found: Sweep, names: Sequence[str]) -> Mapping[str, list[dict[str, object]]]:
    """``sensitivity`` of the result document."""
    return {
        name: [
            {"path": each.path, "first": each.first, "total": each.total, "low": each.low, "high": each.high}
            for each in effects(found, name)
        ]
        for name in names
    }
