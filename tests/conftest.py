"""Shared surroundings of the tests: the helpers beside this file can be imported; Hypothesis repeats itself exactly.

The source is what is tested, whether or not it has been compiled: some tests look inside, and edited code counts at
once. That the compiled core does the same is proven by tests/compiled; ``RESIM_PURE=0`` runs everything on it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("RESIM_PURE", "1")

sys.path.insert(0, str(Path(__file__).parent))

# Started with ``&`` by a script, or under nohup, the tests inherit ignored signals and would hand them down to every
# command they start: none of them could be interrupted.
for name in ("SIGINT", "SIGHUP", "SIGTERM"):
    if signal.getsignal(number := getattr(signal, name, signal.SIGINT)) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

settings.register_profile(
    "resim",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("resim")


def pytest_configure(config: pytest.Config) -> None:
    """One marker of our own."""
    config.addinivalue_line("markers", "white_box: replaces parts of the core, which only its source lets happen")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot be done to compiled code."""
    from resilience_sim._build_mode import describe

    if describe() == "compiled":
        for item in items:
            if item.get_closest_marker("white_box"):
                item.add_marker(pytest.mark.skip(reason="nothing inside the compiled core can be replaced"))
