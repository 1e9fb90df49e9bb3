"""What a retry layer tells its budget, and the one question it asks.

Owns the protocol. The default never says no. The schemes are policies/budgets.py and policies/library_budgets.py.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import FALLBACK


class Budget:
    """Hooks of a retry layer. Most schemes need ``on_call``, ``on_try`` and ``take`` only."""

    __slots__ = ()

    def on_call(self, now: i64) -> None:
        """A call entered the retry layer: its first attempt begins."""

    def on_try(self, now: i64, first: bool, failed: bool) -> None:
        """An attempt (``first``: the call's first) has its outcome."""

    def take(self, now: i64) -> bool:
        """May a retry be made? If so it is paid for."""
        return True

    # --- the same with more detail ---

    def on_end(self, now: i64, attempt: i64, outcome: i64, worth_it: bool, paid: i64) -> None:
        """Attempt number ``attempt`` has its outcome; ``paid`` is what the call's last retry cost."""
        self.on_try(now, attempt == 1, outcome > FALLBACK)

    def allows(self, now: i64, outcome: i64) -> i64:
        """May a retry after this outcome be made? What it cost, or -1."""
        return 0 if self.take(now) else -1

    def on_again(self, now: i64) -> None:
        """A retry that was allowed begins, its wait being over."""

    def on_cancel(self, now: i64, attempt: i64, waiting: bool) -> None:
        """The call was given up during attempt number ``attempt``, or the wait before it."""

    def delay(self, now: i64) -> i64:
        """Nanoseconds that an attempt must wait to be sent (AWS adaptive mode only)."""
        return 0
