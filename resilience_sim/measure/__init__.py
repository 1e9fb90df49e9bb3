"""Metrics, statistics and expectations: pure folds over events. Never looks at a running simulation."""
