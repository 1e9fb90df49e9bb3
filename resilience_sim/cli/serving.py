"""What is seen of a server while it serves: the live view of its real traffic, lines, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from resilience_sim.cli.context import CommandContext
from resilience_sim.runs.endings import Interrupts

if TYPE_CHECKING:
    from resilience_sim.serve.command import Command
    from resilience_sim.serve.server import Server
    from resilience_sim.views.live.driver import Stage
    from resilience_sim.views.live.state import LiveFold

FPS = 5.0  # of the live view: what it takes to draw, nobody is served
SAMPLED = 1.0  # s


class Watched:
    """A server that runs until a signal, a key or its command's end; ``interrupted``: by a signal."""

    def __init__(self, ctx: CommandContext, server: Server, start: Callable[[str], Command] | None) -> None:
        """``start``: makes the command, told the address; None: there is none."""
        self._ctx = ctx
        self._server = server
        self._start = start
        self.command: Command | None = None
        self.interrupted = False
        self.each_tick: Callable[[], None] = lambda: None

    def run(self, said: Callable[[str], None], stage: Stage | None = None, fold: LiveFold | None = None) -> None:
        """Serve; ``said`` is told the address when clients may come."""
        with (
            Interrupts() as interrupts,
            asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner,
        ):
            runner.run(self._serve(interrupts, said, stage, fold))

    async def _serve(
        self, interrupts: Interrupts, said: Callable[[str], None], stage: Stage | None, fold: LiveFold | None
    ) -> None:
        server = self._server
        viewer = View(self._ctx, server, stage, fold) if stage is not None and fold is not None else None
        drawing: asyncio.Task[None] | None = None

        def asked() -> bool:
            self.each_tick()
            if drawing is not None and drawing.done():
                drawing.result()  # what went wrong with it
            self.interrupted = bool(interrupts.asked) or (stage is not None and stage.stop_asked)
            over = self.command is not None and self.command.over
            return self.interrupted or over or (viewer is not None and viewer.quit)

        server.asked = asked
        server.open()
        try:
            said(server.url)
            if self._start is not None:
                self.command = self._start(server.url)
            drawing = asyncio.create_task(viewer.show()) if viewer is not None else None
            await server.until_asked()
            if drawing is not None:
                drawing.cancel()
        finally:
            if self.command is not None:
                self.command.end()
            await server.close()


class View:
    """The live view of a server."""

    def __init__(self, ctx: CommandContext, server: Server, stage: Stage, fold: LiveFold) -> None:
        from resilience_sim.views.live.look import look_for

        self._server = server
        self._stage = stage
        self._fold = fold
        self._look = look_for(ctx.io.encoding, ctx.io.environ)
        self.quit = False

    async def show(self) -> None:
        """Draw until it is over, or somebody presses q."""
        from resilience_sim.views.live.driver import ROWS_PER_SECOND
        from resilience_sim.views.live.frame import PlaybackStatus, frame

        server, fold, stage = self._server, self._fold, self._stage
        title = f"{fold.plan.name} at {server.url}"
        sampled, seen = server.loop.time(), 0
        while not self.quit:
            fold.plan = server.run.plan_in_force  # with the faults by hand
            fold.components |= {each.id: each for each in server.run.components[len(fold.components) :]}
            fold.tick(server.now())
            now = server.loop.time()
            if now - sampled >= SAMPLED:
                rate = (fold.arrived - seen) / (now - sampled)
                sampled, seen = now, fold.arrived
                fold.sample = max(1, round(rate / ROWS_PER_SECOND))
            width, height = stage.size()
            stage.show(frame(fold, width, height, PlaybackStatus(server.speed, served=True), self._look, title))
            self.quit = any(key in "qQ\x1b\x04" for key in stage.wait(0.0))
            await asyncio.sleep(1.0 / FPS)
