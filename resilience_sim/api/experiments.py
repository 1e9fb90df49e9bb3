"""Experiments of many runs: the margins of a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, overload

from resilience_sim.api.tables import Row, frame, html_table, text_table
from resilience_sim.experiments.margins import Margin
from resilience_sim.experiments.margins import Margins as Found
from resilience_sim.kernel import format as fmt

_WRITERS = {"x": fmt.factor, "ratio": fmt.share, "s": fmt.seconds, "/s": fmt.rate, "count": fmt.count}
_HEAD = ("axis", "today", "p5", "p50", "p95", "margin", "broken by")


class Margins(Sequence[Margin]):
    """How far a scenario holds, axis by axis: ``margins["load"].p5`` is what all but 5 % of the seeds hold to."""

    def __init__(self, found: Found) -> None:
        self._found = found

    @property
    def until(self) -> tuple[str, ...]:
        """What counted as broken: the expectations, ``collapse`` among them."""
        return tuple(each.text for each in self._found.until)

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
            write = _WRITERS[each.unit]
            points = [write(value) if value is not None else "-" for value in (each.today, each.p5, each.p50, each.p95)]
            lines.append([each.axis, *points, write(each.margin) if each.margin is not None else "-", each.broken_by])
        return lines

    def __repr__(self) -> str:
        return text_table(_HEAD, self._cells())

    def _repr_html_(self) -> str:
        return html_table("Margins", _HEAD, self._cells())
