"""Margins, sweeps and tuning: what may be varied, how far, for what, and the files of a study."""

from __future__ import annotations

from scenario.extremes import SPECS

from resilience_sim.experiments.axes import AXES
from resilience_sim.settings.metrics import METRICS

from . import services
from .case import Case, Step
from .dice import Dice
from .scenarios import DATA, bases, expectation, from_tables, path, some_setting, stack_of

SIZE = ("--set", "traffic.requests=40")
GOOD = ("1..3", "1..4:2", "10ms..90ms:2", "1ms..1s:log", "5%,20%,none", "1,2", "20/s..60/s:2", "1x..3x:2")
FITTING = {  # what nearly every scenario has, with values that it can take
    "service.workers": ("1..3", "1..4:2", "1,2"),
    "service.failure_rate": ("5%,20%", "0%..50%:2"),
    "traffic.rate": ("20/s..60/s:2", "10/s,90/s"),
    "retry.attempts": ("1..3", "1,2"),
    "timeout.after": ("10ms..90ms:2", "1ms..1s:log:2", "20ms,none"),
}
OUTS = ("json=o.json", "csv=o.csv", "json=-", "markdown=o.md", "csv=s.yaml", "json=study", "x=y", "json=w.yaml")


def spec(dice: Dice, made: str) -> str:
    if dice.chance(0.6):
        where = dice.one([*FITTING])
        return f"{where}={dice.one(FITTING[where])}"
    where = path(dice)
    if dice.chance(0.3):
        where = dice.one([*FITTING, "retry.delay", "stack"])
    elif dice.chance(0.5):
        where = some_setting(dice, stack_of(made)).partition(": ")[0]
    return f"{where}={dice.one(GOOD) if dice.chance(0.8) else dice.one(SPECS)}"


def case(dice: Dice) -> Case:
    made = dice.one([services.text(dice), from_tables(dice), from_tables(dice), *bases()[:-2]])
    if dice.chance(0.1):
        made = dice.mutated(made)
    odd = dice.one(["0", "-1", "nan", "1e400", "9" * 400, "", "x", "1.5", "\x1b[31m"])
    step = dice.one([_margins, _sweep, _tune, _tune])
    argv, makes = step(dice, made, odd)
    if dice.chance(0.2):
        argv += ["--out", dice.one(OUTS)]
    argv += dice.one([["-q"], ["--json"], []])
    made_files = {"o.json", "o.csv", "o.md", "w.yaml", "study", *makes}
    steps = [Step(tuple(argv), tuple(made_files), simulates=True, patience=1.5)]
    if "--resume" in argv and dice.chance(0.7):  # the study again, as it is or damaged
        steps.append(Step(tuple(argv), tuple(made_files), simulates=True, patience=1.5))
    files = {"s.yaml": made.encode("utf-8", "surrogatepass"), **DATA}
    if dice.chance(0.1):
        files["study"] = dice.one(
            [b"", b"{}\n", b"\x00" * 99, b"SQLite format 3\x00" + b"x" * 99, made.encode("utf-8", "replace")]
        )
    return Case("experiment", files, tuple(steps))


def _margins(dice: Dice, made: str, odd: str) -> tuple[list[str], tuple[str, ...]]:
    argv = ["margins", "s.yaml", "--runs", dice.one(["1", "2"]), *SIZE]
    for _ in range(dice.luck.randint(0, 2)):
        argv += dice.one(
            [["--axis", dice.one([*AXES, odd])], ["--over", spec(dice, made)], ["--until", expectation(dice)],
             ["--at-least", dice.one(["load=1.5x", "load", f"load={odd}", "outage=2x"])], ["--try", "retry.attempts=1"],
             ["--precision", dice.one(["10%", "1%", odd])], ["--variant", dice.one(["other", odd])]]
        )  # fmt: skip
    return argv, ()


def _sweep(dice: Dice, made: str, odd: str) -> tuple[list[str], tuple[str, ...]]:
    argv = ["sweep", "s.yaml", "--runs", odd if dice.chance(0.1) else dice.one(["1", "2"]), *SIZE]
    for _ in range(dice.one([0, 1, 1, 1, 1, 2, 2, 3])):
        argv += ["--over", spec(dice, made)]
    for _ in range(dice.luck.randint(0, 1)):
        argv += ["--show", dice.one([*(each.name for each in METRICS), odd])]
    if dice.chance(0.2):
        argv += ["--refine", dice.one(["availability=99%", "p99=200ms", f"availability={odd}", odd])]
    return argv, ()


def _tune(dice: Dice, made: str, odd: str) -> tuple[list[str], tuple[str, ...]]:
    budget = dice.one(["2000 requests", "3000requests", "1s", odd, f"{odd} requests"])
    argv = ["tune", "s.yaml", "--budget", budget, *SIZE]
    for _ in range(dice.luck.randint(0, 2)):
        argv += ["--vary", spec(dice, made)]
    argv += ["--subject-to", expectation(dice)] if dice.chance(0.3) else []
    argv += [dice.one(["--minimize", "--maximize"]), dice.one([*(each.name for each in METRICS), odd])] * dice.chance(
        0.3
    )
    argv += ["--resume", "study"] if dice.chance(0.4) else []
    argv += ["--write", dice.one(["w.yaml", "s.yaml", "study"])] if dice.chance(0.4) else []
    return argv, ("study", "w.yaml")
