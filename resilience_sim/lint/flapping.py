"""How often a breaker over a window of time opens by chance: the window itself is asked.

For windows of calls there are formulas (chance.py). A window of time moves in slices, has now more and now fewer calls,
may keep its counts while the breaker is open, and looks before it is full: what formulas say is off by a third. So the
breaker alone is run, with the rules of its library, over calls that fail independently of each other.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random

from resilience_sim.kernel.events import CLOSED, HALF_OPEN, OPEN
from resilience_sim.policies.rules.breaker import BAD, GOOD, RuleBreaker
from resilience_sim.policies.windows import Window
from resilience_sim.settings.breaker import BreakerConfig, LikeBreakerConfig

SECOND = 1e9
TRIED_CALLS = 40_000
ENOUGH = 300  # openings: the figure is then within 6 %
LEAST = 20  # fewer say nothing


@lru_cache(maxsize=1024)
def openings_seen(
    config: BreakerConfig | LikeBreakerConfig, p: float, rate: float, even: bool
) -> tuple[float, float] | None:
    """Openings an hour, and how many of them are first ones (from full health) per hour of health.

    ``rate``: calls a second, of which ``p`` fail. None where too few were seen to say.
    """
    luck = Random(7)
    breaker = _Classic(config) if isinstance(config, BreakerConfig) else _Library(config, luck)
    calls = opened = first = 0
    now = healthy = 0.0
    closed_since: float | None = 0.0
    while calls < TRIED_CALLS and opened < ENOUGH:
        calls += 1
        now += 1 / rate if even else luck.expovariate(rate)
        times = breaker.call(round(now * SECOND), luck.random() < p)
        opened += times
        if times and closed_since is not None:
            first += 1
            healthy += now - closed_since
            closed_since = None
        elif closed_since is None and breaker.state == CLOSED:
            closed_since = now
    if closed_since is not None:
        healthy += now - closed_since
    return (opened / now * 3600, first / healthy * 3600) if opened >= LEAST and healthy else None


class _Library:
    """A breaker under a library's rules; every call has its answer at once."""

    def __init__(self, config: LikeBreakerConfig, luck: Random) -> None:
        self.machine = RuleBreaker(config, 0)
        self.luck = luck

    @property
    def state(self) -> int:
        return int(self.machine.state)

    def call(self, now: int, bad: bool) -> int:
        """One call; how often it opened."""
        machine = self.machine
        while machine.due <= now:
            machine.on_time(machine.due)
        token = machine.admit(now)
        if token >= 0:
            machine.result(now, token, now, BAD if bad else GOOD, 0, self.luck.random())
        opened = sum(change.new == OPEN != change.old for change in machine.changes)
        machine.changes.clear()
        return opened


class _Classic:
    """Our own breaker with a window of time."""

    def __init__(self, config: BreakerConfig) -> None:
        self.config = config
        self.window = Window(0, config.window_time)
        self.state = CLOSED
        self.until = self.open_for = 0
        self.good = 0

    def call(self, now: int, bad: bool) -> int:
        """One call; how often it opened."""
        config, window = self.config, self.window
        if self.state == OPEN:
            if now <= self.until:
                return 0
            self.state, self.good = HALF_OPEN, 0
        if self.state == HALF_OPEN:
            if bad:
                longest = config.open_max or round(self.open_for * config.open_factor)
                return self._open(now, min(round(self.open_for * config.open_factor), longest))
            self.good += 1
            if self.good >= config.success_threshold:
                self.state = CLOSED
            return 0
        window.add(now, int(bad), 0)
        if window.total < config.min_calls or float(window.bad) + 1e-9 < config.failure_share * float(window.total):
            return 0
        return self._open(now, config.recovery_time)

    def _open(self, now: int, pause: int) -> int:
        self.window.clear()
        self.state, self.open_for, self.until = OPEN, pause, now + pause
        return 1
