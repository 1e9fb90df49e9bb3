"""urllib3's ``Retry``: a limit for all attempts and one for each kind of trouble, and no wait before the first retry.

Sources: urllib3 2.8.0, util/retry.py (get_backoff_time, is_retry, increment, is_exhausted) and connectionpool.py
(urlopen). 1.26 and earlier 2.x differ in what they can be told (``backoff_jitter`` and ``backoff_max`` since 2.0,
``retry_after_max`` since 2.6.3), not in what they do. Timeouts and resets are its *read* errors, a refused connection
is its *connect* error.
"""

from __future__ import annotations

from typing import Any

from resilience_sim.kernel.events import ERROR, RATE_LIMITED, REFUSED, RESET, SHED, TIMEOUT, UNAVAILABLE
from resilience_sim.settings import codes
from resilience_sim.settings.library_types import SECONDS, count
from resilience_sim.settings.retry import RetryRules, StopConfig, WaitConfig
from resilience_sim.settings.suggest import one_of
from resilience_sim.settings.table import Param, Settings
from resilience_sim.settings.types import FLAG, Schema, Type, either, read_count
from resilience_sim.settings.units import UnitError, shown

NO_LIMIT = -1
CONNECT = (REFUSED,)
READ = (TIMEOUT, RESET)
STATUS = (ERROR, UNAVAILABLE, RATE_LIMITED, SHED)
WITH_RETRY_AFTER = (UNAVAILABLE, RATE_LIMITED, SHED)  # RETRY_AFTER_STATUS_CODES, as far as B answers with them
OUTCOMES_OF_STATUS: dict[int, tuple[int, ...]] = {429: (RATE_LIMITED,), 500: (ERROR,), 503: (UNAVAILABLE, SHED)}

RULES = RetryRules("urllib3", "2.8.0", hint="replaces", counts_first=False, on=(*CONNECT, *READ))


class Errors(Type):
    """How many errors are endured: a number, ``false`` for none, or ``unlimited`` for Python's ``None``."""

    name = "count"
    example = 3

    def read(self, value: Any) -> int:
        if value is False:
            return 0
        if isinstance(value, str) and value.lower() in {"unlimited", "none"}:
            return NO_LIMIT
        return read_count(value, 0, 1_000_000_000, "unlimited")

    @property
    def schema(self) -> Schema:
        return either(count().schema, {"enum": [False, "unlimited"]})


class Statuses(Type):
    """A list of HTTP status codes."""

    name = "status codes"
    example = (503,)

    def read(self, value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple):
            raise UnitError(codes.WRONG_TYPE, f"expected a list of status codes, not {shown(value)}", "write `[503]`")
        return tuple(dict.fromkeys(read_count(each, 100, 599) for each in value))

    @property
    def schema(self) -> Schema:
        return {"type": "array", "items": {"type": "integer", "minimum": 100, "maximum": 599}}


class Methods(Type):
    """A list of HTTP methods, or ``any`` for Python's ``None``; read as () then."""

    name = "methods"
    example = ("GET",)
    words = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")

    def read(self, value: Any) -> tuple[str, ...]:
        if value is False or (isinstance(value, str) and value.lower() in {"any", "none"}):
            return ()
        if not isinstance(value, list | tuple):
            raise UnitError(codes.WRONG_TYPE, f"expected methods, not {shown(value)}", "write `[GET]`, or any")
        found: dict[str, None] = {}
        for each in value:
            name = str(each).upper()
            if name not in self.words:
                raise UnitError(codes.CHOICE, f"{shown(each)} is no HTTP method", one_of(self.words))
            found[name] = None
        return tuple(found)

    @property
    def schema(self) -> Schema:
        return either({"type": "array", "items": {"type": "string"}}, {"enum": [False, "any"]})


ERRORS = Errors()
IDEMPOTENT = ("DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE")

PARAMS: tuple[Param, ...] = (
    Param("total", ERRORS, 10, same_as="attempts"),
    Param("connect", ERRORS, "unlimited"),
    Param("read", ERRORS, "unlimited"),
    Param("status", ERRORS, "unlimited"),
    Param("status_forcelist", Statuses(), ()),
    Param("allowed_methods", Methods(), list(IDEMPOTENT)),
    Param("backoff_factor", SECONDS, 0),
    Param("backoff_max", SECONDS, "2m", same_as="max_delay"),
    Param("backoff_jitter", SECONDS, 0),
    Param("respect_retry_after_header", FLAG, True, same_as="honor_retry_after"),
    Param("retry_after_max", SECONDS, "6h"),
)


def urllib3(p: Settings) -> Settings:
    """What the parameters mean together."""
    stops, heeds = _stops(p), p["respect_retry_after_header"]
    forced = {outcome for status in p["status_forcelist"] for outcome in OUTCOMES_OF_STATUS.get(status, ())}
    listed = tuple(outcome for outcome in STATUS if outcome in forced)
    return {
        "wait": _wait(p),
        "stop": StopConfig("any", of=tuple(stops)) if stops else StopConfig(),
        "on": (*CONNECT, *READ, *listed),
        # is_retry: `self.total and …`, so never without a total
        "on_hint": tuple(each for each in WITH_RETRY_AFTER if each not in listed) if heeds and p["total"] > 0 else (),
        "methods": p["allowed_methods"],
        "on_any_method": CONNECT if p["allowed_methods"] else (),
        "heeds_hint": heeds,
        "hint_most": p["retry_after_max"],
    }


def _wait(p: Settings) -> WaitConfig:
    """Nothing before the first retry, then factor * 2^(n-1): twice the factor before the second."""
    factor, jitter = float(p["backoff_factor"]), float(p["backoff_jitter"])
    grows = WaitConfig("exponential", factor, jitter="added" if jitter else "none", extra=jitter,
                       most=float(p["backoff_max"]))  # fmt: skip
    return WaitConfig("chain", of=(WaitConfig(), grows))


def _stops(p: Settings) -> list[StopConfig]:
    found = [] if p["total"] == NO_LIMIT else [StopConfig("attempts", p["total"] + 1)]
    for name, outcomes in (("connect", CONNECT), ("read", READ), ("status", STATUS)):
        if p[name] != NO_LIMIT:
            found.append(StopConfig("ends", p[name], outcomes=outcomes))
    return found
