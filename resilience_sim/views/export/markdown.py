"""Markdown for a pull request, from the result document: verdicts, figures, comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from resilience_sim.kernel.text import printable, shown_safely
from resilience_sim.settings.metrics import metric
from resilience_sim.views.export.figures import in_its_unit, one_line, said, scenario_name, value_of

_MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "as_announced": "📢", "no_longer_so": "❌"}
_WORDS = {"better": "better", "worse": "**worse**", "cannot_tell": "cannot tell"}
# What a reader of a pull request wants to see first; the rest follows when it says anything.
FIRST = (
    "availability", "goodput", "p50_success", "p99_success", "p99", "amplification", "wasted_work", "duplicates",
    "opened", "recovery",
)  # fmt: skip


def write(document: Mapping[str, Any], stream: TextIO) -> None:
    stream.write(shown_safely("\n".join(_page(document)).rstrip("\n") + "\n"))


def _page(document: Mapping[str, Any]) -> list[str]:
    lines = [f"### resim {document.get('command', 'run')}: {_cell(scenario_name(document))}", ""]
    error = document.get("error")
    if error:
        lines += [f"❌ **{_cell(error.get('message', 'failed'))}**", ""]
        lines += [
            f"- `{f.get('file')}:{f.get('line')}` {_cell(f.get('message'))}" for f in error.get("diagnostics", ())
        ]
        return [*lines, ""]
    every = document.get("expectations", ())
    expectations = [each for each in every if "decides" not in each]
    shown = [each for each in every if "decides" in each]
    if expectations:
        held = sum(expectation["verdict"] == "pass" for expectation in expectations)
        lines += [f"{_overall(expectations)} {held} of {len(expectations)} expectations held", ""]
        lines += _table(("", "expectation", "value", "why"), [_verdict(expectation) for expectation in expectations])
    if shown:
        so = sum(each["verdict"] == "as_announced" for each in shown)
        lines += [f"📢 the accident that it shows: {so} of {len(shown)} as announced", ""]
        lines += _table(("", "accident", "value", "why"), [_verdict(each) for each in shown])
    lines += _snapshot(document.get("snapshot"))
    variants = document.get("variants", ())
    if variants:
        lines += _table(("", *(_cell(v["name"]) for v in variants)), _figures(variants), right=True)
    for entry in document.get("comparison", ()):
        lines += [f"**{_cell(entry['variant'])}** against {_cell(entry['baseline'])}:", ""]
        lines += _table(("metric", "difference", "95% interval", ""), _differences(entry)) or ["No difference.", ""]
    lines += [f"> ⚠ {_cell(warning['code'])} {_cell(warning['message'])}\n" for warning in document.get("warnings", ())]
    seeds = document.get("seeds", ())
    digest = (document.get("scenario") or {}).get("digest")
    many = f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}" if seeds else ""
    facts = [fact for fact in (many, f"scenario `{digest}`" if digest else "") if fact]
    return [*lines, f"<sub>{' · '.join(facts)}</sub>" if facts else ""]


def _overall(expectations: Sequence[Mapping[str, Any]]) -> str:
    verdicts = {expectation["verdict"] for expectation in expectations}
    return _MARKS["fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"]


def _verdict(expectation: Mapping[str, Any]) -> tuple[str, ...]:
    why = "" if expectation["verdict"] == "pass" else said(expectation)
    if expectation.get("because"):
        because = f"expected because {expectation['because']}"
        why = f"{why}; {because}" if why else because
    value = value_of(expectation)
    mark = _MARKS.get(expectation["verdict"], "?")
    if expectation["verdict"] == "no_longer_so" and not expectation["decides"]:
        mark = _MARKS["pass"]  # a change that repairs it
    return (mark, f"`{_code(one_line(expectation))}`", _cell(value), _cell(why))


def _figures(variants: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    names = [name for name in FIRST if any(name in variant["summary"] for variant in variants)]
    rows = []
    for name in names:
        means = [variant["summary"].get(name, {}).get("mean") for variant in variants]
        if any(mean is not None for mean in means):
            rows.append((name, *(_cell(in_its_unit(name, mean)) for mean in means)))
    return rows


def _snapshot(found: Mapping[str, Any] | None) -> list[str]:
    """A table for each scenario that changed; what differs only by chance is counted."""
    if found is None:
        return []
    changed = [one for one in found["differ"] if one["changed"]]
    lines = [f"{len(changed) or 'None'} of {found['scenarios']} scenarios changed.", ""]
    for one in changed:
        lines += [f"**{_cell(one['path'])}**" + {"then": " is new", "now": " is gone"}.get(one["missing"], ""), ""]
        lines += [
            f"- {_cell(each['path'])}: {_cell(each['was'] or 'not written')} → {_cell(each['now'] or 'not written')}"
            for each in one["settings"]
        ] + ([""] if one["settings"] else [])
        real = [each for each in one["figures"] if each["verdict"] != "chance"]
        rows = [
            (
                name := each["metric"],
                *(_cell(in_its_unit(name, each[key])) for key in ("was", "now")),
                _cell(in_its_unit(name, each["delta"], True)),
                _WORDS.get(each["verdict"], each["verdict"]),
            )
            for each in real
        ]
        lines += _table(("figure", "was", "is", "difference", ""), rows)
    if rest := len(found["differ"]) - len(changed):
        lines += [f"{rest} more with other settings or other luck, and no other figures.", ""]
    rate = f"{found['error_rate']:.0%}"
    return [*lines, f"<sub>Called changed is what luck alone would show in fewer than {rate} of such checks.</sub>", ""]


def _differences(entry: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Metrics with a direction and a difference, those that can be told first."""
    rows: list[tuple[bool, tuple[str, ...]]] = []
    for name, difference in entry.items():
        known = metric(name)
        if not isinstance(difference, Mapping) or not difference.get("delta") or not known or not known.better:
            continue
        interval = difference.get("ci95")
        between = (
            f"{in_its_unit(name, interval[0], True)} to {in_its_unit(name, interval[1], True)}" if interval else "–"
        )
        verdict = str(difference.get("verdict", "cannot_tell"))
        cells = (
            name,
            _cell(in_its_unit(name, difference["delta"], True)),
            _cell(between),
            _WORDS.get(verdict, verdict),
        )
        rows.append((verdict == "cannot_tell", cells))
    return [cells for _, cells in sorted(rows, key=lambda row: row[0])]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: bool = False) -> list[str]:
    """A table and an empty line, or nothing when there is no row."""
    if not rows:
        return []
    rule = ["---", *(["--:" if right else "---"] * (len(head) - 1))]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)] + [""]


def _cell(value: object) -> str:
    """Text that cannot break out of a table cell or become markup."""
    text = printable(" ".join(str(value).split()))
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, "\\" + mark)
    return text.replace("@", "@\u200b")  # nobody is notified by a scenario's name


def _code(value: str) -> str:
    return " ".join(value.split()).replace("`", "'").replace("|", "\\|")
