"""One HTML file with everything about a result: verdicts, what was said, charts, tables, and the document itself.

The file asks the network for nothing, and says so in its Content-Security-Policy: the only script is the one whose hash
stands there, so that no text of a scenario can become one. Without script there are all charts and all numbers.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TextIO

from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable, shown_safely
from resilience_sim.measure.statistics import BETTER, WORSE, Difference
from resilience_sim.settings.metrics import METRICS, metric
from resilience_sim.views.differences import difference_text
from resilience_sim.views.export.figures import in_its_unit, said, scenario_name, value_of
from resilience_sim.views.export.markdown import FIRST
from resilience_sim.views.export.report_charts import MOST_LINES, Band, Line, Mark, intervals, lanes, over_time
from resilience_sim.views.export.report_stories import stories, strip

if TYPE_CHECKING:
    from resilience_sim.views.chosen import Chosen

BINS = 150  # of a chart over time, at most
MOST_ROWS = 4_000  # of a table
MOST_RUNS = 100  # of all variants, whose figures are embedded
VERDICTS = {
    "pass": ("✓", "good", "holds"),
    "fail": ("✗", "bad", "does not hold"),
    "inconclusive": ("?", "odd", "inconclusive"),
    "as_announced": ("~", "odd", "as announced"),
    "no_longer_so": ("✗", "bad", "no longer so"),
}
STYLES = {BETTER: "good", WORSE: "bad"}
COMPARED = (
    "availability",
    "p50_success",
    "p99_success",
    "attempts_per_request",
    "wasted_work",
    "duplicates",
    "recovery",
)


def write(document: Mapping[str, Any], spoken: str, stream: TextIO, chosen: Sequence[Chosen] = ()) -> None:
    """The page of a result document. ``spoken``: what the command prints, as HTML made by :func:`as_html`.

    ``chosen``: requests of the run that is drawn over time, to be told of.
    """
    stream.write(shown_safely("".join(_page(document, spoken, chosen))))


def _asset(name: str) -> str:
    return files("resilience_sim.views.export").joinpath(name).read_text(encoding="utf-8")


def _page(document: Mapping[str, Any], spoken: str, chosen: Sequence[Chosen]) -> Iterator[str]:
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    title = f"{scenario_name(document)}: resim {document.get('command', '')}"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(title)}</title><style>{_asset('report.css')}</style></head><body><main>"
    yield from _head(document)
    yield from _verdicts(document.get("expectations", ()))
    if spoken:
        yield f'<h2>What it says</h2><pre tabindex="0">{spoken}</pre>'
    variants = document.get("variants", ())
    yield from _timelines(variants, chosen)
    yield from _differences(document.get("comparison", ()))
    yield from _margins(document.get("margins", ()))
    yield from _points(document.get("points", ()))
    yield from _front(document.get("front", ()))
    yield from _figures(variants)
    data = json.dumps(_kept(document), ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    yield '<h2>Data</h2><p><a id="save" download="result.json" href="#data">The result document</a>, '
    schema = _text(document.get("schema"))
    several = any(run.get("links") for each in variants for run in each.get("runs", ())[:1])
    yield f"<code>{schema}</code>, is in this file, with series and transitions of what is drawn only"
    yield ", and with services and links of the first run only" if several else ""
    most, runs = _most_runs(variants), max((len(each.get("runs", ())) for each in variants), default=0)
    yield f", and with the first {most} of {runs} runs of each variant" if runs > most else ""
    yield ".</p>"
    yield f'</main><script type="application/json" id="data">{data}</script><script>{script}</script></body></html>\n'


def _kept(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without what happened when in runs that no chart shows: it would be nearly all of it."""
    found, variants = dict(document), document.get("variants", ())
    most = _most_runs(variants)
    found["variants"] = [
        {**variant, "runs": [_brief(run, number, place) for number, run in enumerate(variant["runs"][:most])]}
        for place, variant in enumerate(variants)
    ]
    return found


def _most_runs(variants: Sequence[object]) -> int:
    """Of each variant: a page stays small enough for a mail, however many seeds there were."""
    return max(1, MOST_RUNS // max(1, len(variants)))


def _brief(run: Mapping[str, Any], number: int, variant: int) -> Mapping[str, Any]:
    found = dict(run)
    if number or variant:  # of the first run alone, which is as large as all others together
        found |= {key: [] for key in ("services", "links") if run.get(key)}
    if number:
        found.pop("series", None)
        found["breakers"] = [{**each, "transitions": []} for each in run.get("breakers", ())]
    return found


def _text(value: object) -> str:
    return escape(printable(" ".join(str(value).split())))


def _head(document: Mapping[str, Any]) -> Iterator[str]:
    scenario, seeds = document.get("scenario") or {}, document.get("seeds", ())
    facts = [f"resim {document.get('command', '')}"]
    if seeds:
        facts.append(f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}")
    if scenario.get("digest"):
        facts.append(f"scenario {scenario['digest']}")
    yield f"<h1>{_text(scenario_name(document))}</h1><p class='facts'>{_text(' · '.join(facts))}</p>"
    if error := document.get("error"):
        yield f"<p class='bad'>{_text(error.get('message'))}</p>"
    for warning in document.get("warnings", ()):
        yield f"<p class='odd'>{_text(warning['code'])} {_text(warning['message'])}</p>"


def _verdicts(expectations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not expectations:
        return
    rows = []
    for each in expectations:
        mark, style, word = VERDICTS.get(each["verdict"], ("", "", each["verdict"]))
        why = said(each) if each["verdict"] not in ("pass", "as_announced") else ""
        why = "; ".join(part for part in (why, str(each.get("because") or "")) if part)
        cells = f"<td>{_text(each['that'])}</td><td>{_text(each.get('scope') or '')}</td>"
        cells += f"<td class='n'>{_text(value_of(each))}</td><td>{_text(why)}</td>"
        rows.append(f"<tr><td class='{style}'>{mark} {_text(word)}</td>{cells}</tr>")
    yield "<h2>Verdicts</h2>" + _table(("", "expectation", "of", "value", "why"), rows)


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    cells = "".join(f"<th scope='col'>{_text(each)}</th>" if each else "<td></td>" for each in head)
    table = f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<div class='wide' tabindex='0'>{table}</div>"


def bin_of(horizon: int) -> int:
    """How long a bin is in ns, for a run of ``horizon`` ns: 1, 2 or 5 times a power of ten."""
    size = 1_000_000
    while horizon > size * BINS:
        size = size * 5 // 2 if str(size)[0] == "2" else size * 2
    return size


def as_html(console: Any) -> str:
    """What a recording console was told, as HTML with its colours."""
    from rich.terminal_theme import TerminalTheme

    colours = [(70, 78, 94), (240, 98, 98), (87, 199, 133), (232, 185, 85), (97, 160, 245), (190, 130, 240),
               (80, 195, 220), (205, 211, 222)]  # fmt: skip
    theme = TerminalTheme((16, 20, 28), (205, 211, 222), colours, [(138, 150, 171), *colours[1:]])
    text: str = console.export_html(theme=theme, code_format="{code}", inline_styles=True)
    return text


# --- over time ----------------------------------------------------------------------------------------------------


def _timelines(variants: Sequence[Mapping[str, Any]], chosen: Sequence[Chosen]) -> Iterator[str]:
    """The first run of each variant, all on one axis of time."""
    runs = [(each["name"], each["runs"][0]) for each in variants if each.get("runs") and each["runs"][0].get("series")]
    if not runs:
        return
    yield "<h2>Over time</h2>"
    seed = runs[0][1]["seed"]
    yield f"<p class='note'>Seed {_text(seed)}. Point at a chart, or use the arrow keys: all are read at once.</p>"
    name = runs[0][0]
    if len(runs) > MOST_LINES:
        yield f"<p class='note'>Drawn are the first {MOST_LINES} of {len(runs)} variants.</p>"
        runs = runs[:MOST_LINES]
    bin = runs[0][1]["series"]["bin"]
    faults = runs[0][1].get("faults", ())
    end = bin * max(len(run["series"]["t"]) for _, run in runs)
    bands = [Band(each["id"], each["from"], min(each["to"], end) if each["to"] is not None else end) for each in faults]
    if chosen:
        yield f"<h3>{_text(f'Requests of {name}' if len(runs) > 1 else 'Requests')}</h3>{strip(chosen, bands, end)}"

    def of(name: str) -> list[Line]:
        return [Line(variant, run["series"][name]) for variant, run in runs]

    shares = [Line(variant, _shares(run["series"])) for variant, run in runs]
    yield _chart("Answered with success", bin, shares, bands, fmt.share, 1.0)
    attempts = of("attempts_at_service")
    if len(runs) == 1:
        attempts = [Line("requests", runs[0][1]["series"]["arrivals"]), Line("attempts at B", attempts[0].values)]
    rates = [Line(each.name, [None if v is None else v / bin for v in each.values]) for each in attempts]
    yield _chart("Load at B" if len(runs) == 1 else "Attempts at B", bin, rates, bands, fmt.rate, None)
    if any(value for line in of("queue") for value in line.values):
        yield _chart("Queue of B", bin, of("queue"), bands, fmt.count, None)
    yield _chart("Latency, p99 with failures", bin, of("p99"), bands, fmt.seconds, None)
    opened = [(f"{variant} {each['id']}" if len(runs) > 1 else each["id"], each["transitions"])
              for variant, run in runs for each in run.get("breakers", ()) if each.get("transitions")][:12]  # fmt: skip
    if opened:
        rows = [(name, list(_stretches(transitions, end))) for name, transitions in opened]
        yield f"<h3>Breakers</h3><figure>{lanes('States of the breakers', rows, end)}"
        yield "<figcaption>Red: open, amber: half-open.</figcaption>"
        lines = [
            f"<tr><td>{_text(name)}</td><td class='n'>{fmt.seconds(each['t'])}</td><td>{_text(each['from'])} → "
            f"{_text(each['to'])}</td><td>{_text(each['why'])}</td></tr>"
            for name, transitions in opened
            for each in transitions
        ][:MOST_ROWS]
        yield _folded("Transitions", _table(("breaker", "at", "state", "why"), lines)) + "</figure>"
    if chosen:
        yield f"<h2>{_text(f'Requests of {name}' if len(runs) > 1 else 'Requests')}</h2>"
        yield "<p class='note'>Each was chosen for what it shows. A bar is an attempt, from when it was sent until its "
        yield "answer; in it, gray: in the queue, blue: at work; amber: at work although nobody waits any more.</p>"
        yield from stories(chosen)


def _shares(series: Mapping[str, Any]) -> list[float | None]:
    return [
        ok / (ok + bad) if ok is not None and ok + bad else None
        for ok, bad in zip(series["succeeded"], series["failed"], strict=True)
    ]


def _stretches(transitions: Sequence[Mapping[str, Any]], end: float) -> Iterator[tuple[float, float, str]]:
    start, state = 0.0, str(transitions[0]["from"])
    for each in transitions:
        yield start, each["t"], _state(state)
        start, state = each["t"], str(each["to"])
    yield start, max(start, end), _state(state)


def _state(name: str) -> str:
    return name if name in ("CLOSED", "OPEN", "HALF_OPEN") else "CLOSED"


def _chart(
    title: str,
    bin: float,
    lines: Sequence[Line],
    bands: Sequence[Band],
    text: Callable[[float | None], str],
    top: float | None,
) -> str:
    keys = "".join(
        f"<span class='key'><svg viewBox='0 0 18 8' aria-hidden='true'><path class='line s{number}' d='M0 4H18'/></svg>"
        f" {_text(line.name)}</span>"
        for number, line in enumerate(lines)
        if len(lines) > 1
    )
    rows = [
        f"<tr><td>{fmt.seconds(index * bin)}</td>"
        + "".join(f"<td>{text(line.values[index] if index < len(line.values) else None)}</td>" for line in lines)
        + "</tr>"
        for index in range(min(MOST_ROWS, max((len(line.values) for line in lines), default=0)))
    ]
    drawn = over_time(title, bin, lines, bands, text, top)
    table = _table(("from", *(line.name for line in lines)), rows)
    return (
        f"<h3>{_text(title)}</h3><figure class='time' tabindex='0'>{drawn}"
        f"<figcaption>{keys}<output></output></figcaption>{_folded('The numbers', table)}</figure>"
    )


def _folded(title: str, inside: str) -> str:
    return f"<details><summary>{_text(title)}</summary><div class='scroll'>{inside}</div></details>"


# --- results ------------------------------------------------------------------------------------------------------


def _differences(comparison: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not comparison:
        return
    yield f"<h2>Against {_text(comparison[0]['baseline'])}</h2>"
    yield "<p class='note'>Mean paired differences, 95% intervals; one that has zero in it tells nothing.</p>"
    for name in COMPARED:
        known = metric(name)
        found = [(each["variant"], each[name]) for each in comparison if each.get(name, {}).get("delta") is not None]
        if known is None or not any(difference["delta"] for _, difference in found):
            continue
        marks = [
            Mark(
                variant,
                each["delta"],
                *_ends(each["ci95"]),
                difference_text(known, Difference(each["delta"], each["ci95"], each["verdict"])),
                STYLES.get(each["verdict"], ""),
            )
            for variant, each in found
        ]
        yield f"<h3>{_text(known.name)}</h3><figure>{intervals(f'{known.name}: differences', marks, True)}"
        yield f"<figcaption>{_text(known.meaning)}</figcaption></figure>"


def _ends(interval: Sequence[float] | None) -> tuple[float | None, float | None]:
    return (interval[0], interval[1]) if interval else (None, None)


def _margins(margins: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not margins:
        return
    yield "<h2>Margins</h2><p class='note'>Where the seeds break: median, and from the 5% to the 95% point.</p>"
    for axis in dict.fromkeys(each["axis"] for each in margins):
        mine = [each for each in margins if each["axis"] == axis]
        write = fmt.OF_AXES.get(mine[0]["unit"], fmt.count)
        marks = [Mark("today", mine[0]["today"], None, None, write(mine[0]["today"]))]
        marks += [
            Mark(
                str(each.get("variant") or "as-written"),
                each["p50"],
                each["p5"],
                each["p95"],
                _reached(each, write),
                "bad",
            )
            for each in mine
        ]
        yield f"<h3>{_text(axis)}</h3><figure>{intervals(f'{axis}: where it breaks', marks, False)}"
        broken = sorted({str(each["broken_by"]) for each in mine if each.get("broken_by")})
        yield f"<figcaption>{_text('broken by ' + ', '.join(broken)) if broken else ''}</figcaption></figure>"


def _reached(margin: Mapping[str, Any], write: Callable[[float | None], str]) -> str:
    if margin["p5"] is None:
        return "not in the range"
    middle = "median not in the range" if margin["p50"] is None else write(margin["p50"])
    return f"{middle}, 5%: {write(margin['p5'])}"


def _points(points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not points:
        return
    yield "<h2>Points</h2>"
    paths = list(points[0]["at"])
    names = [name for name in points[0] if name not in ("at", "runs", "refined")]
    if len(paths) == 2:
        for name in names:
            yield f"<h3>{_text(name)}</h3>{_heat(points, paths, name)}"
        return
    for name in names:
        marks = [
            Mark(
                ", ".join(point["at"].values()),
                point[name]["mean"],
                *_ends(point[name]["ci95"]),
                in_its_unit(name, point[name]["mean"]),
            )
            for point in points[:200]
        ]
        yield f"<h3>{_text(name)} by {_text(', '.join(paths))}</h3><figure>{intervals(name, marks, False)}</figure>"


def _heat(points: Sequence[Mapping[str, Any]], paths: Sequence[str], name: str) -> str:
    down, across = (list(dict.fromkeys(point["at"][path] for point in points)) for path in paths)
    found = {(point["at"][paths[0]], point["at"][paths[1]]): point[name]["mean"] for point in points}
    known = [value for value in found.values() if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    rows = []
    for y in down:
        cells = ""
        for x in across:
            value = found.get((y, x))
            share = 0 if value is None or high == low else round(60 * (value - low) / (high - low))
            cells += (
                f"<td class='heat' style='--share:{share}'>{in_its_unit(name, value) if value is not None else ''}</td>"
            )
        rows.append(f"<tr><th scope='row'>{_text(y)}</th>{cells}</tr>")
    return _table((f"{paths[0]} by {paths[1]}", *across), rows)


OF_ENTRIES = ("set", "feasible", "better", "only_feasible", "not_met", "margins")  # what is no figure


def _front(front: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not front:
        return
    names = list(dict.fromkeys(name for each in front for name in each if name not in OF_ENTRIES))
    yield "<h2>Settings to choose from</h2>"
    rows = []
    for each in front:
        settings = ", ".join(f"{path}={value}" for path, value in each["set"].items()) or "as written"
        word, style = ("surely better", "good") if each["better"] else ("", "")
        word = "surely meets every constraint" if each.get("only_feasible") else word
        figures = [(name, each.get(name, {"mean": None, "delta": None})) for name in names]
        cells = "".join(
            f"<td class='n'>{_text(in_its_unit(name, figure['mean']))}"
            f"<br><span class='note'>{_text(in_its_unit(name, figure['delta'], True))}</span></td>"
            for name, figure in figures
        )
        rows.append(f"<tr><td>{_text(settings)}</td>{cells}<td class='{style}'>{word}</td></tr>")
    yield _table(("settings", *names, ""), rows)
    for name in names:
        marks = [
            Mark(
                ", ".join(each["set"].values()) or "as written",
                each[name]["mean"],
                *_ends(each[name]["ci95"]),
                in_its_unit(name, each[name]["mean"]),
                "good" if each["better"] else "",
            )
            for each in front
        ]
        yield f"<h3>{_text(name)}</h3><figure>{intervals(name, marks, False)}</figure>"


def _figures(variants: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """All figures of all variants, those that are asked for first."""
    if not variants:
        return
    order = [*FIRST, *(known.name for known in METRICS if known.name not in FIRST)]
    rows = []
    for name in order:
        found = [each["summary"].get(name) or {} for each in variants]
        if any(each.get("mean") is not None for each in found):
            cells = "".join(f"<td class='n'>{_text(_mean(name, each))}</td>" for each in found)
            known = metric(name)
            rows.append(
                f"<tr><th scope='row' title='{_text(known.meaning if known else '')}'>{_text(name)}</th>{cells}</tr>"
            )
    yield "<h2>Figures</h2>" + _table(("", *(str(each["name"]) for each in variants)), rows)


def _mean(name: str, summary: Mapping[str, Any]) -> str:
    mean, interval, known = summary.get("mean"), summary.get("ci95"), metric(name)
    if mean is None:
        return "–"
    text = in_its_unit(name, mean)
    if known is None or not interval or interval[0] == interval[1]:
        return text
    return f"{text} ± {fmt.half_width(mean, interval, known.unit).removesuffix(' points')}"
