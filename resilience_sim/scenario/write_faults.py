"""The settings of faults back to the keys of a scenario file.

Owns which keys are written. Refuses the spelling of values (spelling.py).
"""

from __future__ import annotations

from collections.abc import Callable

from resilience_sim.kernel import events
from resilience_sim.scenario.spelling import Settings, duration, factor, rate, share
from resilience_sim.world.config import FaultConfig


def fault_settings(fault: FaultConfig) -> tuple[str, Settings]:
    """The kind of a fault as files spell it, and its settings but ``at`` and ``id``."""
    kind = "lost_responses" if fault.kind == "errors" and fault.outcome == events.LOST else fault.kind
    found = {"for": duration(fault.duration), **_FAULTS[kind](fault)}
    if fault.share < 1:
        found["share"] = share(fault.share)
    if fault.of != "attempts":
        found["of"] = fault.of
    if fault.replica:
        found["replica"] = str(fault.replica)
    return kind, found


_STATUS = {events.UNAVAILABLE: "503", events.RATE_LIMITED: "429"}
_FAULTS: dict[str, Callable[[FaultConfig], Settings]] = {
    "outage": lambda f: {"how": f.how},
    "brownout": lambda f: {
        "workers": share(f.workers),
        "slower": factor(f.slower),
        "failure_rate": share(f.failure_rate),
    },
    "latency": lambda f: {"add": duration(f.add)},
    "errors": lambda f: {"rate": share(f.rate), "status": _STATUS.get(f.outcome, "500")},
    "lost_responses": lambda f: {"rate": share(f.rate)},
    "rate_limit": lambda f: {
        "limit": rate(f.limit),
        **({"retry_after": duration(f.retry_after)} if f.retry_after else {}),
    },
    "cold_cache": lambda f: {"slower": factor(f.slower), "half_life": duration(f.half_life)},
    "crash_replica": lambda f: {},
    "spike": lambda f: {"rate": factor(f.factor)},
}
