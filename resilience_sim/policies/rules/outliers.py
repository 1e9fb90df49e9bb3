"""Envoy's outlier detection: each replica is judged by itself, and a bad one is left out of balancing for a while.

The rules (outlier_detection_impl.cc, 1.28 and later): ejection for errors in a row happens at once when the count
*equals* the threshold; the comparison of success rates, and every return, only on sweeps, so that an ejection lasts
until the first sweep after its time. There is no half-open: a replica comes back fully. Sans-IO.
"""

from __future__ import annotations

from math import sqrt

from mypy_extensions import i64

from resilience_sim.settings.breaker import OutlierConfig


class Host:
    """One replica in the eyes of one client instance; ``since`` -1: not ejected."""

    __slots__ = ("bad", "errors", "gateway", "good", "multiplier", "since", "until")

    errors: i64  # 5xx in a row
    gateway: i64
    good: i64  # in this interval
    bad: i64
    since: i64
    until: i64
    multiplier: i64

    def __init__(self) -> None:
        self.errors = 0
        self.gateway = 0
        self.good = 0
        self.bad = 0
        self.since = -1
        self.until = 0
        self.multiplier = 0


class Ejection:
    """A replica (from 0) went out or came back. ``why``: 0 errors in a row, 1 success rate, 2 failure share, 3 back."""

    __slots__ = ("host", "number", "why")

    host: i64
    number: i64
    why: i64

    def __init__(self, host: i64, why: i64, number: i64) -> None:
        self.host = host
        self.why = why
        self.number = number


BY_ERRORS = 0
BY_SUCCESS_RATE = 1
BY_FAILURES = 2
BACK = 3


class Outliers:
    """All replicas. ``changes`` is what happened since somebody emptied it; ``out`` how many are ejected."""

    __slots__ = ("_config", "changes", "hosts", "next_sweep", "out")

    out: i64
    next_sweep: i64

    def __init__(self, config: OutlierConfig, hosts: i64, now: i64) -> None:
        self._config = config
        self.hosts = [Host() for _ in range(hosts)]
        self.changes: list[Ejection] = []
        self.out = 0
        self.next_sweep = now + config.interval

    def reconfigure(self, config: OutlierConfig) -> None:
        """Other settings from now on; the sweep that is timed comes when it was to come."""
        self._config = config

    def available(self, host: i64) -> bool:
        """Whether calls may go there; when too few are left they go everywhere (panic)."""
        healthy = len(self.hosts) - self.out
        if float(healthy) * 100.0 < self._config.healthy_panic_threshold * float(len(self.hosts)):
            return True
        return self.hosts[host].since < 0

    def on_answer(self, now: i64, number: i64, failed: bool, gateway: bool, unit: float) -> None:
        """An answer of a replica: ``failed`` a 5xx, ``gateway`` one of 502, 503, 504 or made up in its place."""
        host = self.hosts[number]
        config = self._config
        if not failed:
            host.good += 1
            host.errors = 0
            host.gateway = 0
            return
        host.bad += 1
        host.errors += 1
        host.gateway = host.gateway + 1 if gateway else 0
        if gateway and host.gateway == config.consecutive_gateway_failure:
            host.gateway = 0
            if unit < config.enforcing_consecutive_gateway_failure:
                self._eject(now, number, BY_ERRORS, config.consecutive_gateway_failure)
        if host.errors == config.consecutive_5xx:
            host.errors = 0
            if unit < config.enforcing_consecutive_5xx:
                self._eject(now, number, BY_ERRORS, config.consecutive_5xx)

    def _eject(self, now: i64, number: i64, why: i64, detail: i64) -> None:
        config = self._config
        host = self.hosts[number]
        if host.since >= 0:
            return
        share = 100.0 * float(self.out + 1) / float(len(self.hosts))
        if share > config.max_ejection_percent and not (config.always_eject_one_host and self.out == 0):
            return
        longest = max(config.max_ejection_time, config.base_ejection_time)
        if config.base_ejection_time * host.multiplier < longest + config.base_ejection_time:
            host.multiplier += 1
        host.since = now
        host.until = now + min(config.base_ejection_time * host.multiplier, longest)
        self.out += 1
        self.changes.append(Ejection(number, why, detail))

    def sweep(self, now: i64) -> None:
        """The interval is over: returns first, then what needs a comparison."""
        self.next_sweep = now + self._config.interval
        for number, host in enumerate(self.hosts):
            if host.since < 0:
                host.multiplier = max(0, host.multiplier - 1)
            elif now >= host.until:
                self.changes.append(Ejection(number, BACK, (now - host.since) // 1_000_000))
                host.since = -1
                host.errors = 0
                host.gateway = 0
                self.out -= 1
        self._compare(now)
        for host in self.hosts:
            host.good = 0
            host.bad = 0

    def _compare(self, now: i64) -> None:
        config = self._config
        if config.enforcing_success_rate > 0.0:
            known = self._busy(config.success_rate_request_volume)
            if len(known) >= config.success_rate_minimum_hosts and known:
                rates = [self._rate(number) for number in known]
                mean = sum(rates) / len(rates)
                deviation = sqrt(sum((rate - mean) ** 2 for rate in rates) / len(rates))
                least = mean - deviation * float(config.success_rate_stdev_factor) / 1000.0
                for number, rate in zip(known, rates, strict=True):
                    if rate < least:
                        self._eject(now, number, BY_SUCCESS_RATE, int(rate))
        if config.enforcing_failure_percentage > 0.0:
            known = self._busy(config.failure_percentage_request_volume)
            if len(known) >= config.failure_percentage_minimum_hosts:
                for number in known:
                    failures = 100.0 - self._rate(number)
                    if failures >= config.failure_percentage_threshold:
                        self._eject(now, number, BY_FAILURES, int(failures))

    def _busy(self, volume: i64) -> list[int]:
        """Replicas in balancing with enough answers in this interval."""
        return [n for n, host in enumerate(self.hosts) if host.since < 0 and host.good + host.bad >= volume]

    def _rate(self, number: int) -> float:
        host = self.hosts[number]
        return 100.0 * float(host.good) / float(host.good + host.bad) if host.good + host.bad else 100.0
