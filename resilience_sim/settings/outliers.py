"""Envoy's outlier detection: its parameters, by their own names, and the config that they make."""

from __future__ import annotations

from resilience_sim.settings.breaker import OutlierConfig
from resilience_sim.settings.library_types import PERCENT, count
from resilience_sim.settings.table import LibraryError, Param, Settings, with_defaults
from resilience_sim.settings.types import DURATION, FLAG, Duration

OUTLIER_PARAMS: tuple[Param, ...] = (
    Param("consecutive_5xx", count(1), 5, same_as="failure_threshold"),
    Param("consecutive_gateway_failure", count(1), 5),
    Param("enforcing_consecutive_5xx", PERCENT, 100.0),
    Param("enforcing_consecutive_gateway_failure", PERCENT, 0.0),
    Param("interval", Duration(1_000_000), "10s"),
    Param("base_ejection_time", DURATION, "30s", same_as="recovery_time"),
    Param("max_ejection_time", DURATION, "5m"),
    Param("max_ejection_percent", PERCENT, 10.0),
    Param("always_eject_one_host", FLAG, False),
    Param("enforcing_success_rate", PERCENT, 100.0),
    Param("success_rate_minimum_hosts", count(), 5),
    Param("success_rate_request_volume", count(), 100),
    Param("success_rate_stdev_factor", count(), 1900),
    Param("enforcing_failure_percentage", PERCENT, 0.0),
    Param("failure_percentage_threshold", PERCENT, 85.0),
    Param("failure_percentage_minimum_hosts", count(), 5),
    Param("failure_percentage_request_volume", count(), 50),
    Param("healthy_panic_threshold", PERCENT, 50.0),
)


def emulate_outliers(given: Settings, ident: str = "") -> OutlierConfig:
    """Envoy's outlier detection."""
    p = with_defaults(OUTLIER_PARAMS, given)
    if not p["interval"] or not p["base_ejection_time"]:
        raise LibraryError("interval" if not p["interval"] else "base_ejection_time", "it must be longer than nothing")
    shares = {name: value / 100 for name, value in p.items() if name.startswith("enforcing")}
    return OutlierConfig(id=ident, **{**p, **shares})
