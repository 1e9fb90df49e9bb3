"""semian's classic circuit breaker (Ruby): so many errors within a time open it, and its time runs from the last one.

Source: semian 0.28.2 (8835b3d), lib/semian/circuit_breaker.rb, simple_sliding_window.rb, configuration_validator.rb. It
has no defaults: these values are those of its README. The adaptive breaker is another one.
"""

from __future__ import annotations

from resilience_sim.settings.breaker import BreakerRules
from resilience_sim.settings.library_types import SECONDS, LibraryNumber, count
from resilience_sim.settings.retry import WaitConfig
from resilience_sim.settings.table import LibraryError, Param, Settings
from resilience_sim.settings.types import FLAG

# an exception that is not listed is neither a failure nor a success; a Timeout::Error raised into the block is listed
RULES = BreakerRules(
    "semian", "0.28.2", judged_on="failure", leaves_open="after", admits="all", verdict="run", late="current",
    open_counts=True, ignored="nothing", cancelled="nothing", fresh=(0,), manual="changed", open_from="error",
)  # fmt: skip

PARAMS: tuple[Param, ...] = (
    Param("error_threshold", count(1), 3, same_as="failure_threshold"),
    Param("error_timeout", SECONDS, "10s", same_as="recovery_time"),
    Param("error_threshold_timeout", SECONDS, same_as="window"),
    Param("error_threshold_timeout_enabled", FLAG, True),
    Param("success_threshold", count(1), 2, same_as="success_threshold"),
    Param("half_open_resource_timeout", SECONDS),
    Param("lumping_interval", SECONDS, "0s"),
    Param("exponential_backoff_error_timeout", FLAG, False),
    Param("exponential_backoff_initial_timeout", SECONDS, "1s"),
    Param("exponential_backoff_multiplier", LibraryNumber(1), 2.0),
)


def semian(p: Settings) -> Settings:
    """What the parameters mean together; refused as its validator refuses it."""
    errors, lump, longest = p["error_threshold"], p["lumping_interval"], p["error_timeout"]
    if not longest:
        raise LibraryError("error_timeout", "it must be longer than nothing")
    keep = p["error_threshold_timeout"] or longest
    if not p["error_threshold_timeout_enabled"] and p["error_threshold_timeout"]:
        raise LibraryError(
            "error_threshold_timeout", "`error_threshold_timeout_enabled` is false", "leave one of them away"
        )
    if lump * (errors - 1) > keep:
        raise LibraryError(
            "lumping_interval", "the circuit can never open: that many errors never fall into the window",
            "lumping_interval * (error_threshold - 1) is at most error_threshold_timeout",
        )  # fmt: skip
    wait = WaitConfig(base=float(longest))
    if p["exponential_backoff_error_timeout"]:
        first = p["exponential_backoff_initial_timeout"]
        if not 0 < first < longest:
            raise LibraryError("exponential_backoff_initial_timeout", "it must be shorter than `error_timeout`")
        wait = WaitConfig("exponential", float(first), factor=p["exponential_backoff_multiplier"], most=float(longest))
    return {
        "window": "errors",
        "window_time": keep if p["error_threshold_timeout_enabled"] else 0,
        "failures": errors,
        "out_of": errors,
        "lumping": lump,
        "open_for": longest,
        "growth": "waits",
        "open_wait": (wait,),
        "successes": p["success_threshold"],
        "probe_timeout": p["half_open_resource_timeout"] or 0,
    }
