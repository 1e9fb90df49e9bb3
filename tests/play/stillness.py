"""Waiting for a cockpit without letting time pass.

Textual's pilot calls an app idle that has used no CPU for 20 ms: some 50 ms for each key, and on a busy machine longer
or not long enough. An event loop knows better: it is about to sleep when no callback is ready, which it tells its
selector by the time that it may take. Timers that are not due yet, Textual's repainting above all, are not waited for:
the pilot repaints itself.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from unittest.mock import patch


class Watch(selectors.DefaultSelector):
    """Selects, and tells who waits for it when there is nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None):
        if self._waiting and (timeout is None or timeout > 0):
            for each in self._waiting:
                each.set_result(None)
            self._waiting.clear()
            timeout = 0
        return super().select(timeout)

    async def still(self, *_: float) -> None:
        """Until nothing is under way; in place of `wait_for_idle` of Textual's pilot."""
        until = asyncio.get_running_loop().create_future()
        self._waiting.append(until)
        await until


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run it in a loop of its own, in which the pilot waits for stillness."""
    watch = Watch()
    with (
        patch("textual.app.wait_for_idle", watch.still),
        patch("textual.pilot.wait_for_idle", watch.still),
        asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(watch)) as runner,
    ):
        runner.run(main())
