"""Python values as settings of a scenario: validated as ``--set`` validates them, with the same diagnostics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from numbers import Integral, Real
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from resilience_sim.scenario.scenario import Scenario as Loaded

# What a setting may be: a number, a text as a file has it ("250ms", "10%"), a timedelta, a list or mapping of these;
# None takes the setting away, so that its default applies again.
Value: TypeAlias = "str | float | bool | timedelta | Iterable[Value] | Mapping[str, Value] | None"


def changed(loaded: Loaded, settings: Mapping[str, Value]) -> Loaded:
    """``loaded`` with ``settings``, by path (``retry.attempts``).

    Raises:
        ScenarioError: a path names nothing, or a value is impossible.
    """
    from dataclasses import replace

    from resilience_sim.scenario.diagnostics import ScenarioError

    try:
        return loaded.with_settings([f"{path}={as_text(value)}" for path, value in settings.items()])
    except ScenarioError as error:
        # There is no command line to point at: the place is the setting itself, "retry.attempts=-3".
        found = [
            replace(each, file=each.source, line=0) if each.file == "--set" else each for each in error.diagnostics
        ]
        raise ScenarioError(found) from None


def as_text(value: Value) -> str:
    """The value as it stands after ``--set PATH=``; a text is taken as it is."""
    return value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)


def duration(value: str | timedelta) -> int:
    """Nanoseconds of ``"1s"`` or a timedelta; ValueError when it is no duration above zero."""
    from resilience_sim.settings.units import UnitError
    from resilience_sim.settings.units import duration as parse

    try:
        found = parse(_plain(value))
    except UnitError as error:
        raise ValueError(f"{error}; {error.help}" if error.help else str(error)) from None
    if found <= 0:
        raise ValueError(f'a duration above zero is needed, not {value!r}; write "1s", say')
    return found


def _plain(value: object) -> object:
    """Numbers of other libraries become Python's, durations text."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, timedelta):
        return f"{value // timedelta(microseconds=1)}us"
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Iterable):
        return [_plain(each) for each in value]
    raise TypeError(f'{value!r} cannot be a setting: give a number, a text like "250ms", a list, a mapping or None')
