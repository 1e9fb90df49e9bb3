"""Values of options: speeds, times, names out of a list.

Owns how they are spelt on the command line. Units are those of scenario files (scenario/units.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from resilience_sim.cli.exits import Problem, usage

LARGEST_SEED = 2**63 - 1
MOST_RUNS = 1_000_000


def one_of(option: str, value: str, known: Iterable[str]) -> str:
    """``value`` if it is known, else a usage error that names the nearest."""
    names = list(known)
    if value in names:
        return value
    raise usage(f"{option}: `{value}` is not possible", did_you_mean(value, names) or f"one of: {', '.join(names)}")


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """``did you mean `retry`?``, or "" when nothing is near."""
    from resilience_sim.scenario.suggest import did_you_mean as suggest

    return suggest(word, names)


def speed(value: str | None) -> float | None:
    """``10x`` is 10 virtual seconds per second, ``max`` infinity; None when not given."""
    if value is None:
        return None
    if value == "max":
        return inf
    try:
        number = float(value[:-1]) if value.endswith("x") else 0.0
    except ValueError:
        number = 0.0
    if not 0.001 <= number <= 1e6:
        raise usage(f"--speed: `{value}` is not a speed", "write `10x` (0.001x to 1000000x), or `max`")
    return number


def time(option: str, value: str | None, least: int = 0) -> int:
    """A duration like ``30s`` in nanoseconds; 0 when not given."""
    if value is None:
        return 0
    from resilience_sim.scenario.units import UnitError, duration

    try:
        found = duration(value)
    except UnitError as error:
        raise usage(f"{option}: {error}", error.help) from None
    if found < least:
        raise usage(f"{option}: `{value}` is too short", "write `1s`, say")
    return found


def seeds(first: int, runs: int) -> list[int]:
    """The seeds of so many runs, from the first one on."""
    if not 0 <= first <= LARGEST_SEED:
        raise usage(f"--seed: {first} is no seed", "seeds are whole numbers from 0 on")
    if not 1 <= runs <= MOST_RUNS:
        raise usage(f"--runs: {runs} runs are not possible", f"write a whole number from 1 to {MOST_RUNS}")
    return [(first + index) & LARGEST_SEED for index in range(runs)]


def unwritable(option: str, place: str, cause: str, remedy: str) -> Problem:
    """A file that cannot be written; found out before anything is simulated."""
    return Problem("output", f"{option} {place}: {cause}", remedy)
