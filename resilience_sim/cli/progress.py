"""How far a long command has come, on standard error.

Owns the bar: only on a terminal, only after half a second, gone when it is done. Refuses to be data.
"""

from __future__ import annotations

from types import TracebackType

from resilience_sim.cli.context import CommandContext

SILENT_FOR = 0.5  # s
EVERY = 0.1  # s
WIDTH = 24


class Progress:
    """CommandContext :meth:`at` as often as you like; a context manager, which wipes the bar away at its end."""

    def __init__(self, ctx: CommandContext, what: str, total: float) -> None:
        self._io = ctx.io
        self._what = what
        self._total = max(total, 1e-9)
        self._on = ctx.io.stderr_is_terminal and ctx.io.environ.get("TERM", "") not in ("", "dumb")
        self._on = self._on and not ctx.quiet
        self._begun = self._io.clock()
        self._due = self._begun + SILENT_FOR
        self._shown = False

    def at(self, done: float, words: str = "") -> None:
        """So much of the total is done; ``words`` say so in figures."""
        if not self._on:
            return
        now = self._io.clock()
        if now < self._due:
            return
        self._due = now + EVERY
        share = min(1.0, max(0.0, done / self._total))
        full = round(share * WIDTH)
        left = f"  about {self._left(now, share)} left" if share > 0.02 else ""
        bar = "#" * full + "." * (WIDTH - full)
        text = f"{self._what} [{bar}] {words or f'{int(share * 100)}%'}{left}"
        self._io.stderr.write(f"\r\x1b[K{text[: self._io.size()[0] - 1]}")
        self._io.stderr.flush()
        self._shown = True

    def _left(self, now: float, share: float) -> str:
        from resilience_sim.views.format import seconds

        return seconds(max(1.0, round((now - self._begun) * (1 - share) / share)))

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._io.stderr.write("\r\x1b[K")
            self._io.stderr.flush()
