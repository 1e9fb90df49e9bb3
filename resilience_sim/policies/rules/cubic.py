"""The client-side send rate of the AWS SDKs' adaptive retry mode: a token bucket whose rate follows CUBIC.

Arithmetic only (botocore, retries/throttling.py, adaptive.py, bucket.py at 0e6e240): nothing happens until the
first throttling response; then the rate is cut to 0.7 of what it was and grows back along a cubic, at most to twice
the measured rate. Sans-IO; seconds as floats, as in the source.
"""

from __future__ import annotations

from math import floor
from typing import Final

from mypy_extensions import i64

SCALE_CONSTANT: Final = 0.4
BETA: Final = 0.7
LEAST_RATE: Final = 0.5
SMOOTHING: Final = 0.8
MEASURED_EVERY: Final = 0.5  # seconds


class CubicRate:
    """The bucket, the rate and the clock that measures what is really sent."""

    __slots__ = (
        "_capacity", "_count", "_enabled", "_last_fill", "_last_max", "_last_throttle", "_measured", "_measured_at",
        "_rate", "_tokens", "_window",
    )  # fmt: skip

    _count: i64

    def __init__(self) -> None:
        self._enabled = False
        self._rate = LEAST_RATE
        self._capacity = 1.0
        self._tokens = 0.0
        self._last_fill = 0.0
        self._last_max = 0.0
        self._last_throttle = 0.0
        self._window = 0.0
        self._measured = 0.0
        self._measured_at = 0.0
        self._count = 0

    def delay(self, now: i64) -> i64:
        """Take a token, ahead of time if need be: how long until it is there."""
        if not self._enabled:
            return 0
        self._fill(float(now) / 1e9)
        self._tokens -= 1.0
        return 0 if self._tokens >= 0.0 else int(-self._tokens / self._rate * 1e9 + 0.5)

    def on_response(self, now: i64, throttled: bool) -> None:
        """Measure, then cut or grow the rate."""
        at = float(now) / 1e9
        self._measure(at)
        if throttled:
            rate = min(self._measured, self._rate) if self._enabled else self._measured
            self._last_max = rate
            self._last_throttle = at
            self._window = (self._last_max * (1.0 - BETA) / SCALE_CONSTANT) ** (1.0 / 3.0)
            wanted = rate * BETA
            self._enabled = True
        else:
            self._window = (self._last_max * (1.0 - BETA) / SCALE_CONSTANT) ** (1.0 / 3.0)
            wanted = SCALE_CONSTANT * (at - self._last_throttle - self._window) ** 3 + self._last_max
        if self._enabled:
            self._fill(at)
            self._rate = max(min(wanted, 2.0 * self._measured), LEAST_RATE)
            self._capacity = max(self._rate, 1.0)
            self._tokens = min(self._tokens, self._capacity)

    def _fill(self, at: float) -> None:
        self._tokens = min(self._capacity, self._tokens + (at - self._last_fill) * self._rate)
        self._last_fill = at

    def _measure(self, at: float) -> None:
        """Requests a second, over half seconds, smoothed."""
        bucket = floor(at / MEASURED_EVERY) * MEASURED_EVERY
        self._count += 1
        if bucket > self._measured_at:
            fresh = float(self._count) / (bucket - self._measured_at)
            self._measured = fresh * SMOOTHING + self._measured * (1.0 - SMOOTHING)
            self._count = 0
            self._measured_at = bucket
