"""Data files that a scenario names: measured latencies, arrival times.

They are found beside the scenario, as CSV or JSON lines, and kept as text: a recording carries them. What is wrong in
one is reported by its place and never quoted: a scenario of somebody else's may name any file that its reader can read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from resilience_sim.scenario.text.source import refuse_special
from resilience_sim.settings import codes, units
from resilience_sim.settings.suggest import did_you_mean
from resilience_sim.settings.units import UnitError, shown

LARGEST = 64 * 1024 * 1024
MOST_ROWS = 5_000_000
_SUFFIXES = {"_ns": 1, "_us": 1_000, "_ms": 1_000_000, "_s": units.SECOND}
_TIME_KEYS = ("t", "time", "arrival")
_COLUMNS = ("t", "time", "arrival", "timestamp", "latency", "duration", "elapsed", "response_time", "value")


_CHUNK = 4096
_DECIMAL = frozenset("0123456789.")
_LONGEST_LINE = 30
_EXACT = 1e15
_DIGITS = 9  # that many seconds are within the clock's reach


class DataFiles:
    """The data files of one scenario, each read once.

    ``base``: the folder that names are relative to. ``given``: contents by name; then nothing is read from disk.
    """

    def __init__(self, base: Path, given: Mapping[str, str] | None = None) -> None:
        self.base = base
        self.given = given
        self.texts: dict[str, str] = {}
        self._values: dict[str, tuple[int, ...]] = {}

    def durations(self, name: str) -> tuple[int, ...]:
        """The values, sorted."""
        return tuple(sorted(self._all(name)))

    def times(self, name: str) -> tuple[tuple[int, ...], bool]:
        """The values in order, and whether they came in order."""
        values = self._all(name)
        ordered = all(a <= b for a, b in pairwise(values))
        return (values if ordered else tuple(sorted(values))), ordered

    def _all(self, name: str) -> tuple[int, ...]:
        if name not in self._values:
            text = self.texts[name] = self._read(name)
            lines = text.splitlines()
            if len(lines) > MOST_ROWS:
                raise UnitError(codes.DATA_FILE, f"{name} has more than {MOST_ROWS:,} lines", "take a sample")
            as_json = name.lower().endswith((".jsonl", ".ndjson", ".json"))
            values = _json_lines(name, lines) if as_json else _csv(name, lines)
            if not values:
                raise UnitError(codes.DATA_FILE, f"{name} has no values", "one value a line")
            self._values[name] = tuple(values)
        return self._values[name]

    def _read(self, name: str) -> str:
        if self.given is not None:
            if name not in self.given:
                raise UnitError(
                    codes.DATA_FILE, f"the data file {shown(name)} was not kept", "run from the scenario file"
                )
            return self.given[name]
        path = self.base / name
        try:
            if path.is_dir():
                raise UnitError(codes.DATA_FILE, f"{shown(name)} is a folder", "name a file in it")
            refuse_special(path)
            with path.open("rb") as file:
                raw = file.read(LARGEST + 1)
        except FileNotFoundError:
            raise UnitError(codes.DATA_FILE, f"no file {shown(name)} in {self.base}", _beside(path)) from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not a usable name"
            raise UnitError(
                codes.DATA_FILE, f"cannot read {shown(name)}: {why}", "check the file's name and rights"
            ) from None
        if len(raw) > LARGEST:
            raise UnitError(codes.DATA_FILE, f"{shown(name)} is larger than 64 MiB", "take a sample")
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UnitError(codes.DATA_FILE, f"{shown(name)} is not UTF-8 text", "save it as UTF-8") from None


def _beside(path: Path) -> str:
    try:
        names = [each.name for each in path.parent.iterdir()][:500]
    except OSError:
        names = []
    return did_you_mean(path.name, names) or "data files are looked for beside the scenario"


def _csv(name: str, lines: list[str]) -> list[int]:
    """One column, or a column that the header names."""
    values: list[int] = []
    column, unit, header_seen = 0, units.SECOND, False
    for start in range(0, len(lines), _CHUNK):
        chunk = lines[start : start + _CHUNK]
        plain = _all_plain(chunk, unit) if header_seen and not column else None
        if plain is not None:
            values += plain
            continue
        for number, line in enumerate(chunk, start + 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            if header_seen and not column:
                ns = _simple(text, unit)
                if ns >= 0:
                    values.append(ns)
                    continue
            written = line.replace(";", ",").split(",")
            cells = [cell.strip().strip('"').strip() for cell in written]
            if not header_seen:
                header_seen = True
                if _is_header(cells):
                    column, unit = _column(name, number, cells)
                    continue
                if len(cells) > 1 and any(cells[1:]):
                    raise _bad(name, number, "several columns without a header", "name the column in the first line")
            cell = cells[column] if column < len(cells) else ""
            before = sum(len(each) + 1 for each in written[:column])
            values.append(_value(name, number, cell, unit, min(before, len(line)) + 1))
    return values


def _is_header(cells: list[str]) -> bool:
    return any(cell and not cell[0].isdigit() and cell[0] not in "+-." for cell in cells)


def _column(name: str, number: int, cells: list[str]) -> tuple[int, int]:
    plain = [cell.lower() for cell in cells]
    stems: list[tuple[str, int]] = []
    for cell in plain:
        suffix = next((end for end in _SUFFIXES if cell.endswith(end)), "")
        stems.append((cell.removesuffix(suffix) if suffix else cell, _SUFFIXES.get(suffix, units.SECOND)))
    if len(cells) == 1:
        return 0, stems[0][1]
    found = [index for index, (stem, _) in enumerate(stems) if stem in _COLUMNS]
    if not found:
        raise _bad(name, number, "no column is called `time`, `arrival` or `latency`", "rename one, or keep one column")
    return found[0], stems[found[0]][1]


def _json_lines(name: str, lines: list[str]) -> list[int]:
    values: list[int] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            col = error.colno if isinstance(error, json.JSONDecodeError) else 1
            raise _bad(name, number, "not JSON", "each line is a number, a text or an object with `t`", col) from None
        unit = units.SECOND
        if isinstance(found, dict):
            wanted = {key + end: size for key in _TIME_KEYS for end, size in {"": units.SECOND, **_SUFFIXES}.items()}
            key = next((each for each in wanted if each in found), None)
            if key is None:
                raise _bad(name, number, "the object has no `t`, `time` or `arrival`", "give it one")
            found, unit = found[key], wanted[key]
        values.append(_value(name, number, found, unit))
    return values


def _all_plain(lines: list[str], unit: int) -> list[int] | None:
    """What :func:`_value` says of lines that are all plain decimals, in a tenth of the time again; None of others.

    Below 10^15 ns a float is off by less than 0.18, so one within a quarter of a whole number of nanoseconds is nearer
    to it in truth, too, than to any other.
    """
    if not set("".join(lines)) <= _DECIMAL or max(map(len, lines)) > _LONGEST_LINE:
        return None
    try:
        found = [float(line) * unit for line in lines]
    except ValueError:  # nothing at all, or several points
        return None
    whole = [round(ns) for ns in found]
    exact = max(found) < _EXACT and all(-0.25 < ns - near < 0.25 for ns, near in zip(found, whole, strict=True))
    return whole if exact else None


def _simple(text: str, unit: int) -> int:
    """What :func:`_value` says of plain decimals, which nearly all values are, in a tenth of its time; -1 of others."""
    whole, point, rest = text.partition(".")
    if not (whole.isdecimal() and whole.isascii() and len(whole) <= _DIGITS):
        return -1
    if not point:
        return int(whole) * unit
    if not (rest.isdecimal() and rest.isascii()):
        return -1
    part, inexact = divmod(int(rest) * unit, 10 ** len(rest)) if len(rest) <= _DIGITS else (0, 1)
    return -1 if inexact else int(whole) * unit + part


def _value(name: str, number: int, value: object, unit: int, col: int = 1) -> int:
    """Nanoseconds. ``col``: where it stands in its line, from 1."""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > 60:
            raise ValueError
        if isinstance(value, str) and not (value[:1].isdigit() or value[:1] in "+-."):
            raise ValueError
        if isinstance(value, str) and value[-1:].isalpha():
            return units.duration(value)
        if not (value.isascii() if isinstance(value, str) else math.isfinite(value)):
            raise ValueError
        ns = round(Fraction(str(value)) * unit) if abs(float(value)) <= 1e19 else -1
    except UnitError as error:
        wrong = "out of range" if error.code == codes.RANGE else "not a time"
    except (ValueError, ZeroDivisionError, OverflowError):
        wrong = "not a time"
    else:
        if 0 <= ns <= units.LONGEST:
            return ns
        wrong = "out of range"
    raise _bad(name, number, wrong, "write `250ms`, or seconds as a plain number", col) from None


def _bad(name: str, number: int, message: str, remedy: str, col: int = 1) -> UnitError:
    return UnitError(codes.DATA_FILE, f"{name}:{number}:{col}: {message}", remedy)
