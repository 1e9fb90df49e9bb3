"""Experiments of many runs: margins, sweeps, and the search for better settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar, overload

from resilience_sim.api.tables import Row, frame, html_table, text_table
from resilience_sim.experiments.margins import Margin
from resilience_sim.experiments.margins import Margins as Found
from resilience_sim.experiments.purse import TooSmall
from resilience_sim.experiments.specs import SpecError
from resilience_sim.experiments.sweep import Effect, Point, effects
from resilience_sim.experiments.sweep import Sweep as Swept
from resilience_sim.experiments.tune import Entry, Tuned
from resilience_sim.kernel import format as fmt
from resilience_sim.settings.metrics import metric

T = TypeVar("T")


def names_of(given: str | Iterable[str]) -> list[str]:
    """One name, or several."""
    return [given] if isinstance(given, str) else list(given)


@contextmanager
def with_remedies() -> Iterator[None]:
    """What cannot be asked is a ValueError that says what can be."""
    try:
        yield
    except (SpecError, TooSmall) as error:
        raise ValueError(f"{error} ({error.help})") from None


_HEAD = ("axis", "today", "p5", "p50", "p95", "margin", "broken by")


class Margins(Sequence[Margin]):
    """How far a scenario holds, axis by axis: ``margins["load"].p5`` is what all but 5 % of the seeds hold to."""

    def __init__(self, found: Found) -> None:
        self._found = found

    @property
    def until(self) -> tuple[str, ...]:
        """What counted as broken: the expectations, ``collapse`` among them."""
        return tuple(each.words for each in self._found.until)

    @property
    def left_out(self) -> dict[str, str]:
        """Why an axis has no answer."""
        return dict(self._found.left_out)

    @overload
    def __getitem__(self, axis: int | str) -> Margin: ...
    @overload
    def __getitem__(self, axis: slice) -> Sequence[Margin]: ...
    def __getitem__(self, axis: int | str | slice) -> Margin | Sequence[Margin]:
        if not isinstance(axis, str):
            return self._found.found[axis]
        for each in self._found.found:
            if each.axis == axis:
                return each
        raise KeyError(f"no axis `{axis}`: {', '.join(each.axis for each in self._found.found)}")

    def __iter__(self) -> Iterator[Margin]:
        return iter(self._found.found)

    def __len__(self) -> int:
        return len(self._found.found)

    @overload
    def frame(self, library: None = None) -> list[Row]: ...
    @overload
    def frame(self, library: Literal["pandas", "polars"]) -> Any: ...
    def frame(self, library: str | None = None) -> Any:
        """A row for each axis and seed: its critical value, None where nothing broke in the range."""
        rows: list[Row] = [
            {"axis": each.axis, "unit": each.unit, "seed": seed, "critical": value}
            for each in self
            for seed, value in zip(each.seeds, each.critical, strict=True)
        ]
        return frame(rows, library)

    def _cells(self) -> list[list[str]]:
        lines = []
        for each in self:
            write = fmt.OF_AXES[each.unit]
            points = [write(value) if value is not None else "-" for value in (each.today, each.p5, each.p50, each.p95)]
            lines.append([each.axis, *points, write(each.margin) if each.margin is not None else "-", each.broken_by])
        return lines

    def __repr__(self) -> str:
        return text_table(_HEAD, self._cells())

    def _repr_html_(self) -> str:
        return html_table("Margins", _HEAD, self._cells())


class _Found(Sequence[T]):
    """What an experiment has found, in its order."""

    def __init__(self, items: Sequence[T]) -> None:
        self._items = items

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        return self._items[place]

    def __len__(self) -> int:
        return len(self._items)


class Sweep(_Found[Point]):
    """Figures over settings: ``point.at`` has the values as ``--set`` takes them, ``point.metrics`` their summaries."""

    def __init__(self, found: Swept, metrics: Sequence[str]) -> None:
        super().__init__(found.points)
        self._found = found
        self.metrics = tuple(metrics)

    def effects(self, metric: str) -> list[Effect]:
        """How much of the metric's variance each setting explains: Sobol's indices, the strongest first."""
        return effects(self._found, metric)

    @overload
    def frame(self, library: None = None) -> list[Row]: ...
    @overload
    def frame(self, library: Literal["pandas", "polars"]) -> Any: ...
    def frame(self, library: str | None = None) -> Any:
        """A row for each point: the settings, then mean and interval of each metric."""
        rows: list[Row] = []
        for point in self:
            row: Row = dict(point.at)
            for name in self.metrics:
                summary = point.metrics[name]
                low, high = summary.ci95 or (None, None)
                row |= {name: summary.mean, f"{name}_low": low, f"{name}_high": high}
            rows.append(row)
        return frame(rows, library)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        head = [*(self[0].at if len(self) else ()), *self.metrics]
        lines = []
        for point in self:
            units = [known.unit if (known := metric(name)) else "" for name in self.metrics]
            means = [point.metrics[name].mean for name in self.metrics]
            lines.append([*point.at.values(), *(fmt.in_unit(m, u) for m, u in zip(means, units, strict=True))])
        return head, lines

    def __repr__(self) -> str:
        return text_table(*self._table())

    def _repr_html_(self) -> str:
        return html_table("Sweep", *self._table())


class Tuning(_Found[Entry]):
    """The front of a search: ``entry.settings`` (empty: as written), ``entry.metrics``, ``entry.margins``.

    ``verdict`` is ``better``, ``cannot_tell`` or ``none_feasible``; ``entry.better`` says of which it is sure.
    """

    def __init__(self, found: Tuned, metrics: Sequence[str]) -> None:
        super().__init__(found.front)
        self.found = found
        self.metrics = tuple(metrics)

    @property
    def verdict(self) -> str:
        return self.found.verdict

    @property
    def certified_on(self) -> tuple[int, ...]:
        """The seeds of the certification, which nothing else has used."""
        return self.found.certified_on

    @overload
    def frame(self, library: None = None) -> list[Row]: ...
    @overload
    def frame(self, library: Literal["pandas", "polars"]) -> Any: ...
    def frame(self, library: str | None = None) -> Any:
        """A row for each entry: its settings, then mean and difference to the settings as written of each metric."""
        rows: list[Row] = []
        paths = list(dict.fromkeys(path for entry in self for path in entry.settings))
        for entry in self:
            row: Row = {path: entry.settings.get(path) for path in paths}
            for name in self.metrics:
                row |= {name: entry.metrics[name].mean, f"{name}_delta": entry.metrics[name].delta}
            rows.append(row)
        return frame(rows, library)

    def __repr__(self) -> str:
        lines = []
        for entry in self:
            settings = ", ".join(f"{path}={value}" for path, value in entry.settings.items()) or "as written"
            cells = [settings, "no" if not entry.better else "meets the constraints" if entry.only_feasible else "yes"]
            for name in self.metrics:
                known = metric(name)
                cells.append(fmt.in_unit(entry.metrics[name].mean, known.unit if known else ""))
            lines.append(cells)
        return f"{self.verdict}\n" + text_table(["settings", "surely better", *self.metrics], lines)
