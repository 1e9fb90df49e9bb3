"""Scenarios, sources and stages for the tests of the views: nothing by chance, nothing by the wall clock."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from resilience_sim.kernel.events import Component
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.text import Row, Sheet

# Even arrivals, constant latencies, an outage: the same to the nanosecond with any seed.
OUTAGE = """
resim: 1
name: small-outage
service: {latency: 50ms, workers: 4}
traffic: {rate: 2/s, arrivals: even, duration: 20s}
faults:
  - outage: {id: main, at: 4s, for: 6s, how: error}
stack:
  - circuit_breaker: {failure_threshold: 2, recovery_time: 3s}
  - retry: {attempts: 2, delay: 200ms}
compare:
  variants:
    none: {stack: []}
    retry: {without: [circuit_breaker]}
expect:
  - availability >= 99%
  - {that: amplification <= 1.5x, during: main, because: retries must not multiply an outage}
  - {that: recovery < 10s, after: main}
  - duplicates == 0
"""

PAYMENT = """
resim: 1
name: pay
service: {latency: 50ms, failure_rate: 100%, failure: lost_response}
operation: {method: POST, amount: 25.00}
traffic: {rate: 1/s, arrivals: even, requests: 2}
stack:
  - retry: {attempts: 2, delay: 100ms}
  - timeout: {after: 200ms}
"""

BUSY = """
resim: 1
name: busy
service: {latency: {exponential: 50ms}, workers: 5, queue: 20}
traffic: {rate: 60/s, duration: 30s, deadline: 2s}
client: {threads: 40, instances: 2, on_exhaustion: crash, restart_after: 5s}
faults:
  - outage: {id: hang, at: 8s, for: 6s, how: hang}
  - brownout: {id: brown, at: 10s, for: 9s, workers: 50%}
  - spike: {id: rush, at: 12s, for: 4s, rate: 2x}
stack:
  - circuit_breaker: {failure_threshold: 50%, window: 5s, min_calls: 10, recovery_time: 2s}
  - retry: {attempts: 3, delay: 100ms, jitter: full}
  - timeout: {after: 1s}
"""


def scenario(text: str, name: str = "demo.yaml") -> Scenario:
    """A scenario from its YAML."""
    return load_text(text, name)


def state_at(plan: Plan, seconds: float, seed: int = 1, name: str = "", sample: int = 1) -> LiveFold:
    """The live state of a run at an instant."""
    return next(states_at(plan, (seconds,), seed, name, sample))


def states_at(
    plan: Plan, instants: Iterable[float], seed: int = 1, name: str = "", sample: int = 1
) -> Iterator[LiveFold]:
    """The live state of one run at several instants, one after the other."""
    simulation = Simulation(plan, seed)
    fold = LiveFold(plan, seed, simulation.components, name)
    fold.sample = sample
    simulation.attach(fold)
    for seconds in instants:
        fold.over = not simulation.run(round(seconds * 1e9))
        fold.tick(round(seconds * 1e9))
        yield fold


def lines(sheet: Sheet) -> list[str]:
    """What a frame looks like without colours."""
    return [row.plain() for row in sheet.rows]


def text(rows: Sequence[Row]) -> str:
    """Rows as they are printed where nobody looks at a window."""
    return "\n".join(row.trim().plain() for row in rows)


def printed(console: Console) -> str:
    """What a console made by :func:`console` was given."""
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def console(width: int = 80, terminal: bool = False, colour: bool = False) -> Console:
    """A console that writes into a string."""
    return Console(
        file=io.StringIO(), width=width, height=24, force_terminal=terminal, no_color=not colour,
        color_system="standard" if colour else None, legacy_windows=False, _environ={},
    )  # fmt: skip


class HandStage:
    """A stage whose clock only moves when somebody waits; keys are pressed at given instants."""

    def __init__(self, width: int = 80, height: int = 24, keys: Sequence[tuple[float, str]] = ()) -> None:
        self.keys = bool(keys)
        self.stop_asked = False
        self.clock = 100.0
        self.frames: list[list[str]] = []
        self.at: list[float] = []
        self.dimensions = (width, height)
        self.pressed = [(100.0 + when, key) for when, key in keys]
        self.drawing = 0.0  # how long it takes to put a frame on the screen
        self.stop_at = float("inf")

    def now(self) -> float:
        """The hand-driven time."""
        return self.clock

    def size(self) -> tuple[int, int]:
        """As it was set."""
        return self.dimensions

    def show(self, sheet: Sheet) -> None:
        """Keep the frame."""
        self.at.append(self.clock - 100.0)
        self.frames.append(lines(sheet))
        self.clock += self.drawing

    def wait(self, seconds: float) -> str:
        """Time passes, up to the next key."""
        until = self.clock + seconds
        if self.pressed and self.pressed[0][0] <= until:
            when, key = self.pressed.pop(0)
            self.clock = max(self.clock, when)
            return key
        self.clock = until
        self.stop_asked = self.clock >= 100.0 + self.stop_at
        return ""


class ScriptedSource:
    """A source with written-down events, which counts how it is asked."""

    seed = 1

    def __init__(self, plan: Plan, components: tuple[Component, ...], events: Sequence[tuple[int, ...]]) -> None:
        self.plan = plan
        self.components = components
        self.events = list(events)
        self.now = 0
        self.folds: list[Fold] = []
        self.asked: list[int] = []

    def attach(self, fold: Fold) -> None:
        """Let a fold see every event."""
        self.folds.append(fold)

    def run(self, until: int = 1 << 62, budget: int = 1 << 62) -> bool:
        """Yield the events up to an instant."""
        self.asked.append(until)
        while self.events and self.events[0][0] <= until and budget > 0:
            event = self.events.pop(0)
            self.now = event[0]
            budget -= 1
            for fold in self.folds:
                fold.on_event(*event)
        return bool(self.events)

    def digest(self) -> str:
        """Not asked for."""
        return "0" * 16
