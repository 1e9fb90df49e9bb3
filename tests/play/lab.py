"""A cockpit on a clock that the test sets: nothing sleeps, nothing moves by itself."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from resilience_sim.kernel.sink import Fold
from resilience_sim.play.app import Cockpit
from resilience_sim.play.session import Session
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.look import UNICODE, Look

from . import stillness

SECOND = 1_000_000_000
COLUMN = 12.2  # of a screenshot
PICTURES = Path(__file__).with_name("pictures")


class Clock:
    """Wall time, as a test wants it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Events(Fold):
    """Everything that happened."""

    def __init__(self) -> None:
        self.all: list[tuple[int, ...]] = []

    def on_event(self, *event: int) -> None:
        self.all.append(event)


def session(name: str = "retry-storm", seed: int = 1, plan: Plan | None = None) -> Session:
    """A session on a shipped scenario."""
    scenario: Scenario = load(name)
    return Session(scenario, Simulation(plan or scenario.plan, seed, []))


def play(s: Session, to: float, frames_per_second: float = 15.0) -> Session:
    """Let wall time pass until the clock shows ``to`` seconds (or the run is over)."""
    s.paused = False
    end = round(to * SECOND)
    for _ in range(1_000_000):
        if s.clock >= end or s.over:
            return s
        left = (end - s.clock) / SECOND / s.speed
        s.frame(min(1 / frames_per_second, left) if s.speed < 1e9 else 0.1)
    raise AssertionError("time stands still")


def until_still(s: Session) -> Session:
    """Until nothing is being looked for, loaded or forked any more."""
    for _ in range(100_000):
        if not (s.hunting or s.loading or s.forking):
            return s
        s.frame(1 / 15)
    raise AssertionError("it never ends")


class Driver:
    """A running cockpit and its pilot."""

    def __init__(self, app: Cockpit, pilot: Any, clock: Clock) -> None:
        self.app, self.pilot, self.clock = app, pilot, clock
        self.state = app.state

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            await self.pilot.press(key)
        await self.pilot.pause()

    async def pass_time(self, seconds: float) -> None:
        """Frames go by."""
        for _ in range(round(seconds * 15)):
            self.clock.now += 1 / 15
            self.app.tick()
        await self.pilot.pause()

    async def settle(self) -> None:
        """Until nothing is under way."""
        s = self.app.state.session
        for _ in range(10_000):
            if not (s.hunting or s.loading or s.forking or self.app.files.job):
                break
            self.clock.now += 1 / 15
            self.app.tick()
        await self.pilot.pause()

    def text(self) -> str:
        """What the screen shows."""
        self.app.redraw()
        return "\n".join(row.plain() for row in self.app.renderer.screen_rows(*self.app.size))


def drive(
    test: Callable[[Driver], Awaitable[None]],
    s: Session | None = None,
    size: tuple[int, int] = (140, 42),
    look: Look = UNICODE,
    **options: Any,
) -> Cockpit:
    """Run a cockpit for a test."""
    clock = Clock()
    app = Cockpit(s or session(), look, clock=clock, auto=False, **options)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await test(Driver(app, pilot, clock))

    stillness.run(run)
    return app


def same_screen(app: Cockpit, name: str) -> None:
    """Compare the text on the screen with the one kept under that name; RESIM_WRITE_PICTURES=1 keeps a new one."""
    _same(PICTURES / f"{name}.txt", _text(app.export_screenshot()))


def same_picture(app: Cockpit, name: str) -> None:
    """Compare colours too: texts with their places and styles, without what differs from run to run."""
    pieces = r"<text[^>]*>[^<]*</text>|<rect fill[^>]*>|\.terminal-r\d+ \{[^}]*\}"

    def essence(svg: str) -> str:
        return "\n".join(re.findall(pieces, re.sub(r"terminal-\d+", "terminal", svg)))

    _same(PICTURES / f"{name}.svg", app.export_screenshot(title=name), essence)


def _same(path: Path, got: str, essence: Callable[[str], str] = str) -> None:
    if os.environ.get("RESIM_WRITE_PICTURES"):
        path.write_text(got, encoding="utf-8")
    assert essence(path.read_text(encoding="utf-8")) == essence(got)


def _text(svg: str) -> str:
    """The characters of a screenshot, line by line."""
    lines: list[str] = []
    for x, row, text in re.findall(r'<text[^>]* x="([\d.]+)"[^>]*-line-(\d+)\)">([^<]*)</text>', svg):
        lines += [""] * (int(row) + 1 - len(lines))
        lines[int(row)] = lines[int(row)].ljust(round(float(x) / COLUMN)) + html.unescape(text).replace("\xa0", " ")
    return "\n".join(line.rstrip() for line in lines) + "\n"
