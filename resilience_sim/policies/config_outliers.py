"""Settings of Envoy's outlier detection, frozen: which replica is left out of balancing, by whose account.

Owns the shape. The rules are policies/rules/outliers.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.policies.config import PolicyConfig

S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class OutlierConfig(PolicyConfig):
    """Envoy ``outlier_detection`` with its own names; enforcing percentages as 0..1 shares, times in ns."""

    kind: ClassVar[str] = "circuit_breaker"
    like: ClassVar[str] = "envoy"
    consecutive_5xx: int = 5
    enforcing_consecutive_5xx: float = 1.0
    consecutive_gateway_failure: int = 5
    enforcing_consecutive_gateway_failure: float = 0.0
    interval: int = 10 * S
    base_ejection_time: int = 30 * S
    max_ejection_time: int = 300 * S
    max_ejection_percent: float = 10.0
    always_eject_one_host: bool = False
    enforcing_success_rate: float = 1.0
    success_rate_minimum_hosts: int = 5
    success_rate_request_volume: int = 100
    success_rate_stdev_factor: int = 1900
    enforcing_failure_percentage: float = 0.0
    failure_percentage_threshold: float = 85.0
    failure_percentage_minimum_hosts: int = 5
    failure_percentage_request_volume: int = 50
    healthy_panic_threshold: float = 50.0
