"""Command lines: the options of every command, with values that nobody would type and somebody does."""

from __future__ import annotations

from typing import Annotated, get_args, get_origin, get_type_hints

from scenario.extremes import BITS, RATES, SHARES, TIMES

from resilience_sim.cli.app import COMMANDS, load
from resilience_sim.views.export.csv_tables import NAMES

from .case import Case, Step
from .dice import Dice
from .recordings import bases as recordings
from .scenarios import DATA, SHORT, bases, from_tables

WORDS = ["", "-", "--", "x", "s.yaml", "r.resim", "c.yml", "nothing.yaml", ".", "..", "/", "/dev/null", "a\nb",
         "\x1b[31m", "-1", "0", "1.5", "nan", "inf", "1e9", "max", "10x", "0x", "1e300x", "phase 1", "=", "json=-",
         "retry.attempts=2", "json=out.json", "csv=out", "x=y", "first-look", "retry-storm", "retry", "p99", "RL001",
         "RS001", "exit-codes",
         "s.yaml@1s", "s.yaml:3", "r.resim@1s", "r.resim:3", "full", "live", "plain", "\udcff", "🦆", "x" * 5000,
         *BITS, *TIMES, *RATES, *SHARES]  # fmt: skip
ENDLESS = ("serve",)  # until somebody ends it
NEVER = ("--watch", "--web", "--policy", "--runs")  # wait for somebody; runs foreign code; forks


def options(command: str) -> tuple[list[tuple[str, bool]], int]:
    """The options of a command (flag, whether it takes a value), and how many arguments it has."""
    _, function = load(command)
    hints = get_type_hints(get_type_hints(function)["options"], include_extras=True)
    found, arguments = [("--json", False), ("-q", False), ("-v", False)], 0
    for name, hint in hints.items():
        assert get_origin(hint) is Annotated, name
        kind, info = get_args(hint)[:2]
        # Typer takes the first flag of an Option for its default; an annotation has none.
        flags = [flag for flag in (info.default, *(info.param_decls or ())) if isinstance(flag, str)]
        if any(flag.startswith("-") for flag in flags):
            found += [(flag.partition("/")[0], kind is not bool) for flag in flags]
        else:
            arguments += 1
    return found, arguments


def case(dice: Dice) -> Case:
    command = dice.one([each for each in COMMANDS if each not in ENDLESS])
    known, arguments = options(command)
    argv: list[str] = []
    for _ in range(arguments):
        usual = {"replay": "r.resim", "import": "c.yml", "init": "new", "list": "policies", "explain": "retry",
                 "schema": "x"}.get(command, "s.yaml")  # fmt: skip
        argv.append(usual if dice.chance(0.8) else dice.one(WORDS))
    for flag, valued in dice.some(known, 3):
        if flag in NEVER:
            continue
        argv += [flag, dice.one(WORDS)] if valued else [flag]
    flags = {flag for flag, _ in known}
    argv += [*(SHORT if "--set" in flags else ()), *(["--runs", "1"] if "--runs" in flags else ())]
    if dice.chance(0.1):
        argv.append(dice.one(WORDS))
    if dice.chance(0.05):
        dice.luck.shuffle(argv)
    files = {
        "s.yaml": dice.one([*bases()[:-2], from_tables(dice)]).encode(), "r.resim": dice.one(recordings()),
        "c.yml": b"resilience4j.retry.instances.a.maxAttempts: 3\n", **DATA,
    }  # fmt: skip
    typed = [word for word in argv if "/" not in word and word not in files]
    outputs = ("out", "out.json", *(f"out.{name}.csv" for name in NAMES), "new.yaml", "resim-v1.schema.json",
               *typed, *(f"{word}.yaml" for word in typed if command == "init"))  # fmt: skip
    return Case("cli", files, (Step((command, *argv), outputs, simulates=True),))
