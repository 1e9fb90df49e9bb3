"""What can be expected is what is measured."""

from __future__ import annotations

from resilience_sim.measure import metrics
from resilience_sim.settings import expectations

UNITS = {
    "ratio": expectations.RATIOS,
    "seconds": expectations.TIMES,
    "factor": expectations.FACTORS,
    "count": expectations.COUNTS,
    "per_second": expectations.RATES,
}


def test_every_measured_metric_can_be_expected_in_its_unit():
    """The table of the scenario room and the table of the measure room name the same metrics with the same units."""
    assert set(expectations.METRICS) == {metric.name for metric in metrics.METRICS}
    for metric in metrics.METRICS:
        if metrics.percentile_of(metric.name) is None:
            assert metric.name in UNITS[metric.unit], metric.name
    assert expectations.parse_expectation("failed == 0").limit == 0
