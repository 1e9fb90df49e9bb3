"""Where the suite's time goes: ``pytest --costs`` prints the CPU seconds by file and by family of tests.

CPU seconds, those of finished subprocesses included, tell on a busy machine what wall-clock durations cannot. A family
is a parametrised test with all of its cases. What the first user of a shared fixture pays stands beside that user.
"""

from __future__ import annotations

import os
from collections import defaultdict

import pytest


def spent() -> float:
    """CPU seconds of this process and of its children so far."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Costs:
    """Measures where tests run, sums up where their reports arrive: in one process, or with pytest-xdist in several."""

    def __init__(self, shown: int) -> None:
        self.shown = shown
        self.last = spent()
        self.seconds: dict[str, float] = defaultdict(float)
        self.cases: dict[str, int] = defaultdict(int)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self):
        self.last = spent()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self):
        report = yield
        now = spent()
        report.cpu = now - self.last  # sent along by xdist
        self.last = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        family = report.nodeid.partition("[")[0]
        self.seconds[family] += report.cpu
        self.cases[family] += report.when == "setup"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        files: dict[str, float] = defaultdict(float)
        for family, seconds in self.seconds.items():
            files[family.partition("::")[0]] += seconds
        terminalreporter.section(f"{sum(files.values()):.0f} CPU seconds")
        for name in sorted(files, key=files.__getitem__, reverse=True)[: self.shown]:
            terminalreporter.line(f"{files[name]:7.2f} s  {name}")
        terminalreporter.section("by family of tests")
        for name in sorted(self.seconds, key=self.seconds.__getitem__, reverse=True)[: self.shown]:
            terminalreporter.line(f"{self.seconds[name]:7.2f} s  {self.cases[name]:4} x {name}")
