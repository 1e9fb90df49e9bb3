"""What a circuit breaker knew: its state, since when and why, and the results it counted since.

Owns one breaker's knowledge, put together from events. Refuses to decide anything: what tripped it is in its events.
"""

from __future__ import annotations

from collections import deque

from resilience_sim.kernel import events as ev
from resilience_sim.measure.breakers import why_text
from resilience_sim.policies.config import BreakerConfig, PolicyConfig
from resilience_sim.policies.config_outliers import OutlierConfig
from resilience_sim.views import format as fmt
from resilience_sim.views.words import state_name

_MOST = 10_000


class BreakerMemory:
    """One breaker of one client instance."""

    def __init__(self, config: PolicyConfig) -> None:
        self.config = config
        self.state = ev.CLOSED
        self.since = 0
        self.why = ""
        self.opened = 0
        self.results: deque[tuple[int, bool]] = deque(maxlen=_MOST)
        self._ignore = frozenset(getattr(config, "ignore", ()))

    def retune(self, config: PolicyConfig) -> None:
        """It has other settings from now on."""
        self.config = config
        self._ignore = frozenset(getattr(config, "ignore", ()))

    def record(self, t: int, outcome: int) -> None:
        """A result that counts in the state the breaker is in."""
        if outcome not in self._ignore:
            self.results.append((t, outcome > ev.FALLBACK))

    def change(self, t: int, change: int, pair: int) -> None:
        """A change of state: what was counted is gone."""
        self.state = change >> 8 & 0xFF
        self.since, self.why = t, why_text(change, pair)
        self.opened += self.state == ev.OPEN
        self.results.clear()

    def says(self, now: int) -> str:
        """What it knows at this instant, in a sentence."""
        state = state_name(self.state)
        if isinstance(self.config, OutlierConfig):
            return self._ejection()
        if self.state == ev.OPEN:
            for_ = fmt.duration(now - self.since)
            return f"{state} for {for_}, since {fmt.instant(self.since)} ({self.why}); {self._left(now)}"
        if self.state == ev.HALF_OPEN:
            good = sum(not failed for _, failed in self.results)
            probes = (
                fmt.plural(good, "probe has succeeded", "probes have succeeded") if good else "no probe has succeeded"
            )
            return f"{state} for {fmt.duration(now - self.since)}; {probes} so far"
        reason = f" ({self.why})" if self.why else ""
        since = f" since {fmt.instant(self.since)}{reason}" if self.since else ""
        return f"{state}{since}; {self._counted(now)}"

    def _ejection(self) -> str:
        """Outlier detection closes no door: it leaves replicas out of the balancing."""
        if self.state == ev.OPEN:
            return f"leaving replicas out: {self.why}, since {fmt.instant(self.since)}; calls go to the others"
        return f"leaving nobody out ({self.why})" if self.why else "leaving nobody out"

    def _left(self, now: int) -> str:
        pause = getattr(self.config, "recovery_time", 0) or getattr(self.config, "open_for", 0)
        left = self.since + pause - now
        return f"probes after {fmt.duration(left)} more" if left > 0 else "the next call will be a probe"

    def _counted(self, now: int) -> str:
        config = self.config
        consecutive = getattr(config, "consecutive", 0)
        if consecutive:
            row = 0
            for _, failed in reversed(self.results):
                if not failed:
                    break
                row += 1
            return f"{fmt.plural(row, 'failure')} in a row, it opens at {consecutive}"
        share = getattr(config, "failure_share", 0.0)
        calls = [failed for t, failed in self.results if self._in_window(t, now)]
        calls = calls[-self._size() :] if self._size() else calls
        if not calls:
            return "nothing counted yet"
        part = (
            f"{sum(calls)} of the last {fmt.plural(len(calls), 'call')} failed ({fmt.share(sum(calls) / len(calls))})"
        )
        least = getattr(config, "min_calls", 0)
        wait = f", too few to judge below {least}" if len(calls) < least else ""
        return f"{part}, it opens at {fmt.share(share)}{wait}" if share else part

    def _size(self) -> int:
        return 0 if getattr(self.config, "window_time", 0) else int(getattr(self.config, "window_calls", 0))

    def _in_window(self, t: int, now: int) -> bool:
        window = getattr(self.config, "window_time", 0)
        return not window or t > now - window


def is_breaker(config: PolicyConfig) -> bool:
    """Whether a policy is a circuit breaker of any library."""
    return isinstance(config, BreakerConfig) or config.kind == "circuit_breaker"
