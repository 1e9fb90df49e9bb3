"""Cases by the thousand: Hypothesis draws, the forms judge, what is new is made small and kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from . import command_lines, configs, experiments, recordings, scenarios, services
from .case import Case
from .dice import Dice
from .forms import Forms
from .shrink import signature, smaller

Maker = Callable[[Dice], Case]
TARGETS: dict[str, Maker] = {
    "scenario": scenarios.case,
    "services": services.case,
    "set": scenarios.settings_case,
    "line": scenarios.line_case,
    "import": configs.case,
    "export": configs.written_case,
    "recording": recordings.case,
    "experiment": experiments.case,
    "cli": command_lines.case,
    "cockpit": scenarios.cockpit_case,
}


@dataclass
class Report:
    """What was tried and how it ended; findings by signature, with how often and the first case."""

    tried: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[str, Case]] = field(default_factory=dict)

    def text(self) -> str:
        lines = [f"tried {sum(self.tried.values()):,} cases: " + ", ".join(f"{k} {n:,}" for k, n in self.tried.items())]
        by_command: dict[str, list[str]] = {}
        for end, number in sorted(self.ends.items()):
            command, _, how = end.partition(" ")
            by_command.setdefault(command, []).append(f"{how}: {number:,}")
        lines += [f"  {command:<9} {', '.join(how)}" for command, how in by_command.items()]
        lines.append(f"findings: {sum(self.found.values()):,} of {len(self.found)} kinds")
        lines += [f"  {number:>5} x {self.first[name][0][:400]}" for name, number in self.found.most_common()]
        return "\n".join(lines)


def cases(maker: Maker, number: int, chance: int, each: Callable[[Case], None]) -> None:
    """``number`` cases of one target; ``chance`` decides which."""

    @seed(chance)
    @settings(
        max_examples=number, database=None, deadline=None, phases=[Phase.generate], derandomize=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data(), st.integers(0, 1 << 64))
    def one(data: st.DataObject, luck: int) -> None:
        each(maker(Dice(Random(f"{chance} {luck}"), data.draw)))

    one()


def run(
    forms: Forms, targets: list[str], chance: int, minutes: float, folder: Path | None,
    said: Callable[[str], None] = print,
) -> Report:  # fmt: skip
    """Until the time is over, in turns."""
    report, end, batch = Report(), time.monotonic() + minutes * 60, 0
    while time.monotonic() < end:
        for target in targets:

            def each(case: Case) -> None:
                if time.monotonic() < end:
                    look(forms, case, report, folder, said)

            cases(TARGETS[target], 25, chance + batch, each)
        batch += 1
        if batch % 20 == 0:
            said(report.text())
    return report


def look(forms: Forms, case: Case, report: Report, folder: Path | None, said: Callable[[str], None]) -> None:
    """Judge one; keep it if it is wrong in a way that is new."""
    problems, ends = forms.judge(case)
    report.tried[case.target] += 1
    report.ends.update(ends)
    fresh = ""
    for problem in problems:
        name = signature(f"{case.target} {problem.partition(': ')[2]}")
        report.found[name] += 1
        if name not in report.first:
            report.first[name] = problem, case
            fresh = fresh or name
    if not fresh or folder is None:
        return
    problem = report.first[fresh][0]
    said(f"found: {problem[:300]}")

    def broken(other: Case) -> bool:
        return any(signature(f"{other.target} {each.partition(': ')[2]}") == fresh for each in forms.judge(other)[0])

    small = replace(smaller(case, broken), found=(problem,))
    report.first[fresh] = problem, small
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{case.target}-{len(report.first):03d}.json"
    path.write_text(small.to_json(), encoding="utf-8")
    said(f"  kept: {path}")
