"""The figures of many scenarios as a small text for the repository, and which of them changed beyond chance.

The text has, for each scenario, its settings and the mean of each figure, and at the end what every seed gave. Because
a run is a function of settings and seed, figures that nobody touched are the same to the last digit; where they are
not, the seeds are compared in pairs.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.measure.result import NO_READING, Reading, RunResult
from resilience_sim.measure.statistics import Difference, deviation, mean, paired_difference, summarize, two_sided_t
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.metrics import metric

FIGURES = (
    "availability", "goodput", "failed", "p50_success", "p99_success", "p99", "attempts_per_request", "amplification",
    "wasted_work", "utilization", "rejected", "denied_by_budget", "opened", "open_time", "duplicates", "crashes",
    "recovery", "collapse_probability",
)  # fmt: skip
ERROR = 0.05  # chance that a check calls anything changed although only luck differs, all its looks together
FIRST = 0.02  # that of the first look; snapshot_looks.py has the others
BEGINS = r"resim snapshot \d+, seeds \d+ to \d+\n"
NOT_SETTINGS = frozenset(("resim", "name", "about", "compare", "expect", "shows", "tune"))
DIGITS = 6  # of the value of one seed

_HEAD = re.compile(r"resim snapshot (\d+), seeds (\d+) to (\d+)")
_NONE = "-"
_ZERO = "  0 in every run: "
_SOURCE = "settings "

Values = tuple[float | None, ...]


class SnapshotError(ValueError):
    """A text that is no snapshot: ``line`` from 1, and why."""

    def __init__(self, line: int, cause: str) -> None:
        super().__init__(cause)
        self.line = line


@dataclass(frozen=True)
class Entry:
    """One scenario: its settings by path, as far as they are written, and each figure by seed.

    ``source``: the settings as a scenario in JSON, to simulate them again; "" where they are not known.
    """

    settings: Mapping[str, str]
    figures: Mapping[str, Values]
    source: str = ""


@dataclass(frozen=True)
class Snapshot:
    """``entries`` by the path of the scenario below the folder."""

    seeds: tuple[int, ...]
    entries: Mapping[str, Entry]


@dataclass(frozen=True)
class Changed:
    """A figure that differs. ``p``: how often chance alone would show as much; ``real``: less often than allowed."""

    metric: str
    was: float | None
    now: float | None
    difference: Difference
    p: float
    real: bool = False


@dataclass(frozen=True)
class Compared:
    """One scenario against what was noted. ``missing``: ``now``, ``then``, or nothing when it stands on both sides.

    ``runs``: with how many seeds both sides were simulated; 0: with those of the snapshot.
    """

    path: str
    missing: str = ""
    settings: tuple[tuple[str, str, str], ...] = ()  # path, before, after; "" where it is not written
    figures: tuple[Changed, ...] = ()
    runs: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything is other than it was, beyond chance."""
        return bool(self.missing) or any(each.real for each in self.figures)


# --- taking one ---------------------------------------------------------------------------------------------------


def entry_of(scenario: Scenario, runs: Sequence[RunResult]) -> Entry:
    """What is noted of a scenario and its runs."""
    tree = scenario.source.tree() if scenario.source is not None else {}
    kept = {key: value for key, value in tree.items() if key not in NOT_SETTINGS}
    found = dict(_flat(kept))
    for name, text in scenario.files:
        found[f"file {name}"] = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    figures = {
        name: tuple(_rounded(run.metrics.get(name, NO_READING).value) for run in runs)
        for name in FIGURES
    }  # fmt: skip
    source = json.dumps(_in_order({"resim": 1, **kept}), default=str) if tree else ""
    return Entry({printable(path): printable(value) for path, value in sorted(found.items())}, figures, source)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _in_order(value: object, name: str = "") -> object:
    """With sorted keys, but the first service, which is the one that users ask."""
    if isinstance(value, Mapping):
        keys = sorted(value, key=str)
        if name == "services":
            keys.sort(key=lambda key: key != next(iter(value)))
        return {key: _in_order(value[key], key) for key in keys}
    return [_in_order(each) for each in value] if isinstance(value, list) else value


def _flat(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every setting with its path. Items of a list are called by what they are: ``stack.retry.attempts``."""
    from resilience_sim.scenario.text.spelling import plain

    if isinstance(value, Mapping) and value:
        if path == "services":
            yield path, f"users ask {next(iter(value))}"
        for key in sorted(value, key=str):
            yield from _flat(value[key], f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        names: Counter[str] = Counter()
        order = []
        for each in value:
            name, inside = _named(each)
            names[name] += 1
            own = name if names[name] == 1 else f"{name}#{names[name]}"
            order.append(own)
            yield from _flat(inside, f"{path}.{own}")
        if path.endswith("stack") and len(order) > 1:  # what wraps what decides; the order of faults does not
            yield path, " > ".join(order)
    else:
        yield path, plain(value)


def _named(item: Mapping[str, object]) -> tuple[str, object]:
    """What an item of a list is called, and what is inside: a policy or a fault by its kind, a call by its callee."""
    if "to" in item:
        return str(item["to"]), {key: value for key, value in item.items() if key != "to"}
    if len(item) == 1:
        ((name, inside),) = item.items()
        return str(name), {} if inside is None else inside
    return "item", item


# --- as text ------------------------------------------------------------------------------------------------------


def text_of(snapshot: Snapshot) -> str:
    """The file: what people read first, what ``--check`` reads last."""
    seeds = snapshot.seeds
    lines = [
        f"resim snapshot 1, seeds {seeds[0]} to {seeds[-1]}",
        "# Settings and figures of each scenario, the mean ± half of its 95% interval. `resim snapshot --update`",
        "# writes it, `resim snapshot --check` simulates again and says what has changed beyond chance.",
    ]
    for path, entry in snapshot.entries.items():
        lines += ["", f"[{path}]"]
        lines += [f"  {name}: {value}" for name, value in entry.settings.items()]
        zero = [name for name, values in entry.figures.items() if set(values) == {0.0}]
        lines += [
            f"  {name} = {_shown(name, values)}"
            for name, values in entry.figures.items()
            if name not in zero and set(values) != {None}
        ]
        if zero:
            lines.append(f"{_ZERO}{', '.join(zero)}")
    lines += [
        "",
        "# What each seed gave, in their order; one value: the same in all. Before it the settings once more,",
    ]
    lines += ["# so that --check can simulate them with more seeds where these cannot tell."]
    for path, entry in snapshot.entries.items():
        lines += ["", f"[{path}]", *([f"{_SOURCE}{entry.source}"] if entry.source else [])]
        lines += [f"{name} {' '.join(_numbers(values))}" for name, values in entry.figures.items()]
    return "\n".join(lines) + "\n"


def _shown(name: str, values: Values) -> str:
    known = metric(name)
    assert known is not None
    summary = summarize(name, [Reading(value) for value in values])
    if summary.mean is None:
        some = [value for value in values if value is not None]
        return f"{fmt.in_unit(mean(some), known.unit)} in {len(some)} of {len(values)} runs, no data in the others"
    text = fmt.in_unit(summary.mean, known.unit)
    if summary.ci95 is None or summary.ci95[0] == summary.ci95[1]:
        return text
    return f"{text} ± {fmt.half_width(summary.mean, summary.ci95, known.unit).removesuffix(' points')}"


def _numbers(values: Values) -> list[str]:
    texts = [_NONE if value is None else f"{value:.{DIGITS}g}" for value in values]
    return texts[:1] if len(set(texts)) == 1 else texts


def read_text(text: str) -> Snapshot:
    """A snapshot from its file.

    Raises:
        SnapshotError: it is none, or somebody's merge has damaged it.
    """
    lines = text.splitlines()
    head = _HEAD.fullmatch(lines[0]) if lines else None
    if head is None:
        raise SnapshotError(1, "this is no snapshot")
    if head[1] != "1":
        raise SnapshotError(1, f"this is a snapshot of format {head[1]}, which a newer resim has written")
    first, last = int(head[2]), int(head[3])
    if not 0 <= first <= last < first + 1_000_000:
        raise SnapshotError(1, "these are no seeds")
    seeds = tuple(range(first, last + 1))
    settings: dict[str, dict[str, str]] = {}
    figures: dict[str, dict[str, Values]] = {}
    written: dict[str, str] = {}
    path = ""
    for number, line in enumerate(lines[1:], 2):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            path = line[1:-1]
            settings.setdefault(path, {})
            continue
        if not path:
            raise SnapshotError(number, "a line of no scenario")
        if line.startswith(_SOURCE):
            written[path] = line.removeprefix(_SOURCE)
            continue
        if not line.startswith("  "):
            name, _, values = line.partition(" ")
            figures.setdefault(path, {})[name] = _values(name, values.split(), len(seeds), number)
            continue
        name, equals, _ = line[2:].partition(" = ")
        if (equals and name in FIGURES) or line.startswith(_ZERO):
            continue
        name, colon, value = line[2:].partition(": ")
        if not colon:
            raise SnapshotError(number, "neither a setting nor a figure")
        settings[path][name] = value
    for path in settings:
        if path not in figures:
            raise SnapshotError(len(lines), f"what each seed gave is missing for {path}")
    return Snapshot(seeds, {path: Entry(settings[path], figures[path], written.get(path, "")) for path in settings})


def _values(name: str, texts: Sequence[str], count: int, line: int) -> Values:
    known = metric(name)
    highest = 1.0 if known is not None and known.unit == "ratio" else sys.float_info.max
    try:
        values = tuple(None if each == _NONE else float(each) for each in texts)
    except ValueError:
        raise SnapshotError(line, "not a list of numbers") from None
    if not all(value is None or 0 <= value <= highest for value in values):
        raise SnapshotError(line, f"no run gives such figures of {name}")
    if len(values) == 1:
        values *= count
    if len(values) != count:
        raise SnapshotError(line, f"{len(values)} values for {count} seeds")
    return values


# --- comparing ----------------------------------------------------------------------------------------------------


def compare(then: Snapshot, now: Snapshot, error: float = FIRST) -> list[Compared]:
    """Every scenario that differs at all, beyond chance or not. Both have the same seeds.

    A figure is tested by the paired t test of its differences, all figures together by Holm's procedure (Scandinavian
    Journal of Statistics 6, 1979): the chance that anything is called changed while only luck differs is ``error`` at
    most. A figure that differs by the same amount in every run is changed without a test.
    """
    found: list[Compared] = []
    for path in dict.fromkeys((*then.entries, *now.entries)):
        old, new = then.entries.get(path), now.entries.get(path)
        if old is None or new is None:
            found.append(Compared(path, missing="then" if old is None else "now"))
            continue
        settings = tuple(
            (name, old.settings.get(name, ""), new.settings.get(name, ""))
            for name in sorted({*old.settings, *new.settings})
            if old.settings.get(name) != new.settings.get(name)
        )
        figures = tuple(
            _changed(name, values, new.figures[name])
            for name, values in old.figures.items()
            if name in new.figures and values != new.figures[name]
        )
        if settings or figures:
            found.append(Compared(path, settings=settings, figures=figures))
    return _beyond_chance(found, error)


def _changed(name: str, old: Values, new: Values) -> Changed:
    known = metric(name)
    pairs = [(a, b) for a, b in zip(old, new, strict=True) if a is not None and b is not None]
    seen = [float(b is not None) - float(a is not None) for a, b in zip(old, new, strict=True)]
    difference = paired_difference([b for _, b in pairs], [a for a, _ in pairs], known.better if known else 0)
    p = _p([b - a for a, b in pairs])
    if len(pairs) < len(old):  # whether there is a figure at all may have changed instead: two tests, by Bonferroni
        p = min(1.0, 2 * min(p, _p(seen)))
    return Changed(name, _mean(old), _mean(new), difference, p)


def _mean(values: Values) -> float | None:
    some = [value for value in values if value is not None]
    return mean(some) if some else None


def _p(differences: Sequence[float]) -> float:
    """How often chance alone would give a mean difference as far from zero."""
    if not any(differences):
        return 1.0
    if len(differences) < 2:
        return 1.0
    spread = deviation(differences)
    if spread == 0:
        return 0.0
    t = abs(mean(differences)) / spread * sqrt(len(differences))
    return max(0.0, 1 - two_sided_t(t, len(differences) - 1))


def _beyond_chance(found: Sequence[Compared], error: float) -> list[Compared]:
    tested = sorted({each.p for one in found for each in one.figures})
    many = sum(len(one.figures) for one in found)
    done, limit = 0, -1.0
    for p in tested:
        if p > error / (many - done):
            break
        limit = p
        done += sum(each.p == p for one in found for each in one.figures)
    return [replace(one, figures=tuple(replace(each, real=each.p <= limit) for each in one.figures)) for one in found]


def updated(then: Snapshot, now: Snapshot, found: Iterable[Compared]) -> Snapshot:
    """What to write: figures that differ by chance only stay as they were, so that a diff shows what changed."""
    entries = dict(now.entries)
    for one in found:
        chance = {each.metric: then.entries[one.path].figures[each.metric] for each in one.figures if not each.real}
        if chance:
            entry = entries[one.path]
            entries[one.path] = replace(entry, figures={**entry.figures, **chance})
    return Snapshot(now.seeds, entries)
