"""Clocks: ``time``, ``datetime``. They show virtual time, which begins at :data:`EPOCH`."""

from __future__ import annotations

import ctypes
import datetime
import gc
import time
from datetime import UTC
from typing import Any

from resilience_sim.client.here import here

EPOCH = 1_767_225_600  # 2026-01-01 00:00:00 UTC is t = 0
STARTED = 1000  # s that a monotonic clock shows at t = 0: some take 0 for "never"
SECOND = 1_000_000_000

_real = {
    name: getattr(time, name)
    for name in (
        "sleep", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
        "process_time_ns", "thread_time", "thread_time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime",
    )
}  # fmt: skip
_sleep = time.sleep
_wall = time.time
_wall_ns = time.time_ns


def to_ns(seconds: float) -> int:
    """Whole nanoseconds, to the nearest."""
    return int(seconds * 1e9 + 0.5)


def sleep(seconds: float, /) -> None:
    """Let virtual time pass."""
    strands = here()
    if strands is None:
        _sleep(seconds)
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    strands.park(strands.sim.now + to_ns(seconds), "time.sleep")


def now() -> float:
    """``time.time``."""
    strands = here()
    return _wall() if strands is None else EPOCH + strands.sim.now / 1e9


def now_ns() -> int:
    """``time.time_ns``."""
    strands = here()
    return _wall_ns() if strands is None else EPOCH * SECOND + int(strands.sim.now)


def _monotonic(name: str) -> Any:
    real = _real[name]
    if name.endswith("_ns"):

        def clock() -> float:
            strands = here()
            return real() if strands is None else STARTED * SECOND + int(strands.sim.now)
    else:

        def clock() -> float:
            strands = here()
            return real() if strands is None else STARTED + strands.sim.now / 1e9  # type: ignore[no-any-return]

    clock.__name__ = name
    return clock


def _local(name: str) -> Any:
    real = _real[name]

    def broken_down(seconds: float | None = None, /) -> Any:
        return real(now() if seconds is None else seconds)

    broken_down.__name__ = name
    return broken_down


def _asctime(when: Any = None, /) -> str:
    found: str = _real["asctime"](_real["localtime"](now()) if when is None else when)
    return found


def _strftime(form: str, when: Any = None, /) -> str:
    found: str = _real["strftime"](form, _real["localtime"](now()) if when is None else when)
    return found


_datetime = datetime.datetime
_date = datetime.date
_real_now = vars(_datetime)["now"]
_real_utcnow = vars(_datetime)["utcnow"]
_real_today = vars(_date)["today"]
_T0 = _datetime(2026, 1, 1, tzinfo=UTC)


def _instant() -> datetime.datetime | None:
    strands = here()
    return None if strands is None else _T0 + datetime.timedelta(microseconds=int(strands.sim.now) // 1000)


def _as(cls: Any, when: datetime.datetime, tz: Any) -> Any:
    return cls(when.year, when.month, when.day, when.hour, when.minute, when.second, when.microsecond, tzinfo=tz)


def _now(cls: Any, tz: Any = None) -> Any:
    """``datetime.now``."""
    when = _instant()
    if when is None:
        return _real_now.__get__(None, cls)(tz)
    if tz is None:
        return _as(cls, when.astimezone(), None)
    return tz.fromutc(_as(cls, when, tz))


def _utcnow(cls: Any) -> Any:
    """``datetime.utcnow``."""
    when = _instant()
    return _real_utcnow.__get__(None, cls)() if when is None else _as(cls, when, None)


def _today(cls: Any) -> Any:
    """``date.today``, of datetimes, too."""
    when = _instant()
    if when is None:
        return _real_today.__get__(None, cls)()
    local = when.astimezone()
    return _as(cls, local, None) if issubclass(cls, _datetime) else cls(local.year, local.month, local.day)


class DatetimeMethods:
    """The methods of ``datetime`` that look at the clock.

    The class itself must stay what it is (libraries compare it, and have it by many names), so that its methods are
    replaced in its dictionary, which the language has no word for.
    """

    def __init__(self) -> None:
        self._dictionaries = [gc.get_referents(vars(each))[0] for each in (_datetime, _date)]

    def enter(self) -> None:
        """Show virtual time."""
        self._set(classmethod(_now), classmethod(_utcnow), classmethod(_today))

    def leave(self) -> None:
        """Show the real time."""
        self._set(_real_now, _real_utcnow, _real_today)

    def _set(self, now: Any, utcnow: Any, today: Any) -> None:
        of_datetime, of_date = self._dictionaries
        of_datetime.update(now=now, utcnow=utcnow)
        of_date["today"] = today
        for each in (_date, _datetime):
            ctypes.pythonapi.PyType_Modified(ctypes.py_object(each))  # what is cached of it is out of date


def replacements() -> dict[Any, Any]:
    """What stands in for what."""
    found: dict[Any, Any] = {
        _real["sleep"]: sleep,
        _real["time"]: now,
        _real["time_ns"]: now_ns,
        _real["asctime"]: _asctime,
        _real["strftime"]: _strftime,
    }
    for name in ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
        found[_real[name]] = _monotonic(name)
    for name in ("process_time", "process_time_ns", "thread_time", "thread_time_ns"):
        found[_real[name]] = _monotonic(name)
    for name in ("localtime", "gmtime", "ctime"):
        found[_real[name]] = _local(name)
    return found
