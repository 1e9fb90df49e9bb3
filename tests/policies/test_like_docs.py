"""docs/libraries.md is made from the rows: it is current when it says what they say.

python tests/policies/test_like_docs.py --write
"""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from resilience_sim.kernel.events import OUTCOME_NAMES
from resilience_sim.settings.breaker import BreakerRules
from resilience_sim.settings.breaker_libraries import ROWS, emulate_breaker
from resilience_sim.settings.library_types import LibraryShare, Nest
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.retry_libraries import ROWS as RETRY_ROWS
from resilience_sim.settings.table import Param
from resilience_sim.settings.types import Duration, Flag
from resilience_sim.settings.urllib3 import Errors, Methods, Statuses

FILE = Path(__file__).resolve().parents[2] / "docs" / "libraries.md"
COMMAND = "python tests/policies/test_like_docs.py --write"
TITLES = {
    "judged_on": "the trip is looked at on", "leaves_open": "OPEN may be left", "leaves_on": "OPEN is left by",
    "admits": "half-open admits", "verdict": "the verdict falls by", "late": "a late result belongs to",
    "open_counts": "results while OPEN count", "ignored": "an ignored outcome", "cancelled": "a cancelled call",
    "fresh": "counts start fresh in", "probes_apart": "probes are counted apart", "rounding": "rates are rounded",
    "strict": "the rate must exceed the threshold", "counts": "rates are of",
    "probe_counts": "a single probe's result is counted", "open_from": "the open time runs from",
}  # fmt: skip
WORDS: dict[str, dict[Any, str]] = {
    "judged_on": {"every": "every result", "failure": "failures only", "tick": "a tick every 500 ms"},
    "leaves_open": {"after": "strictly after its time", "at": "at its time"},
    "leaves_on": {"call": "the next call", "touch": "any call, result or reading of the state"},
    "admits": {
        "total": "a number of calls per episode",
        "concurrent": "a number of calls at a time",
        "all": "every call",
        "waiting": "one call; the others wait for its result",
    },
    "verdict": {"sample": "thresholds on several probes", "first": "the first result",
                "run": "successes in a row; first failure re-opens", "balance": "successes against failures"},
    "late": {"current": "the state it arrives in", "dropped": "none: it is dropped",
             "admitting": "the state it was admitted in, which acts"},
    "ignored": {"success": "counts as success", "released": "gives its place back", "nothing": "does nothing",
                "answers": "does nothing, but as a probe closes"},
    "cancelled": {"failure": "is a failure", "success": "is a success", "released": "gives its place back",
                  "nothing": "does nothing", "reopens": "re-opens when it was a probe"},
    "rounding": {"none": "not", "single": "to 32-bit percent", "cents": "to two decimals",
                 "percent": "down to percent", "times100": "not", "product": "not"},
    "counts": {"results": "results", "calls": "calls, in flight and rejected ones too"},
    "probe_counts": {"no": "no", "yes": "yes", "anew": "yes; a success begins anew"},
    "open_from": {"opening": "the opening", "error": "the last error"},
}  # fmt: skip
STATES = ("CLOSED", "OPEN", "HALF_OPEN", "FORCED_OPEN", "DISABLED", "METRICS_ONLY")
KINDS = {name: kind.libraries for name, kind in POLICIES.items() if kind.libraries}


def word(rule: str, value: Any, row: BreakerRules | None = None) -> str:
    if rule == "late" and row is not None and not row.extends:
        return WORDS[rule][value] + ", but leaves an open breaker alone"
    if rule == "leaves_on" and row is not None and emulate_breaker(row.library, {}).automatic:
        return "a timer"
    if rule == "fresh" and not value:
        return "no state"
    if rule == "fresh":
        return ", ".join(STATES[state] for state in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return WORDS[rule][value]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def default(param: Param) -> str:
    value = param.initial
    if param.required:
        return "must be written"
    if isinstance(param.type, Nest) or value is None:
        keys = getattr(param.type, "keys", {})
        return "{" + ", ".join(keys) + "}" if keys else "as in the library"
    if isinstance(param.type, Duration):
        units = {"h": 3600 * 10**9, "min": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
        for unit, size in units.items():
            if value >= size and value % size == 0:
                return f"{value // size} {unit}"
        return "0"
    if isinstance(param.type, Flag):
        return "true" if value else "false"
    if isinstance(param.type, LibraryShare):
        return f"{value:g}{' %' if param.type.whole == 100 else ''}"
    if isinstance(param.type, Errors | Methods | Statuses):
        return param.default_text if param.default else "none"
    return f"`{value}`" if isinstance(value, str) and value else f"{value}" or "none"


def names(table_: dict[str, tuple[Param, ...]]) -> str:
    rows = []
    for library, params in table_.items():
        for i, param in enumerate(params):
            ours = f"`{param.same_as}`" if param.same_as else ""
            rows.append([library if i == 0 else "", f"`{param.name}`", default(param), ours])
    return table(["`like:`", "its name", "its default", "ours"], rows)


def text() -> str:
    rules = [each.name for each in fields(ROWS[0]) if each.name in TITLES]
    parts = [
        "# Libraries\n\nMade from the tables in `resilience_sim/settings/` by\n`" + COMMAND + "`; do not edit.\n",
        "`like: NAME` on a policy gives it that library's defaults and rules. Its parameters are accepted under their\n"
        "own names, beside ours; a key that is the library's own name means what it means there (`attempts: 3` of hyx\n"
        "is four calls). What a library does not have is an error.\n",
        "## Circuit breakers: the rules\n",
        table(["rule", *(row.library for row in ROWS)],
              [[TITLES[rule], *(word(rule, getattr(row, rule), row) for row in ROWS)] for rule in rules]) + "\n",
        "Envoy's outlier detection is no such breaker: it ejects single replicas from balancing and has no half-open.\n"
        "Versions: " + "; ".join(f"{row.library} {row.version}" for row in ROWS) + ".\n",
        "## Retries: the rules\n",
        table(["library", "version", "attempts count the first try", "a Retry-After", "tried again by default"],
              [[row.library, row.version, "yes" if row.counts_first else "no", row.hint,
                ", ".join(dict.fromkeys(OUTCOME_NAMES[code] for code in row.on))]
               for row in RETRY_ROWS]) + "\n",
        "urllib3 also tries again what its `status_forcelist` lists (500: error, 503: unavailable and shed, 429:\n"
        "rate_limited), and a 429 or 503 with a Retry-After. Its first retry never waits.\n",
    ]  # fmt: skip
    parts += [f"## `{kind}`: names and defaults\n\n{names(table_)}\n" for kind, table_ in KINDS.items()]
    return "\n".join(parts)


def test_the_page_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), f"write it again with: {COMMAND}"


def test_every_rule_of_every_row_has_words() -> None:
    for row in ROWS:
        for rule in TITLES:
            assert word(rule, getattr(row, rule))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(COMMAND)
    FILE.write_text(text(), encoding="utf-8")
