"""What is measured can be expected, in its unit."""

from __future__ import annotations

import pytest

from resilience_sim.settings.expectations import parse_expectation
from resilience_sim.settings.metrics import METRICS
from resilience_sim.settings.units import UnitError

LIMITS = {"ratio": "12.5%", "seconds": "125ms", "factor": "1.5x", "count": "12", "per_second": "12/s"}
MEANS = {"ratio": 0.125, "seconds": 0.125, "factor": 1.5, "count": 12.0, "per_second": 12.0}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_can_be_expected_in_its_unit(metric):
    assert parse_expectation(f"{metric.name} <= {LIMITS[metric.unit]}").limit == MEANS[metric.unit]
    with pytest.raises(UnitError):
        parse_expectation(f"{metric.name} <= {LIMITS['count' if metric.unit == 'per_second' else 'per_second']}x")
