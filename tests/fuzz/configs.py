"""Configuration files of libraries: the samples of each format as slips and malice leave them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import yaml
from interop.test_fuzz import EXTREMES, VALUES, mutated

from resilience_sim.interop.registry import FORMATS

from .case import Case, Step
from .dice import Dice
from .scenarios import from_tables

FOLDER = Path(__file__).resolve().parents[1] / "interop"
NAMES = ("application.yml", "application.properties", "appsettings.json", "resiliency.yaml", "config", "envoy.yaml",
         "x", "x.json", "x.yaml", "x.toml", "service_config.json", "istio.yaml", "application-prod.yml")  # fmt: skip


@cache
def samples() -> tuple[tuple[str, bytes], ...]:
    """Name and content: the samples and, where there are such, the cases of the converters."""
    found = [(path.name, path.read_bytes()) for path in sorted((FOLDER / "files").rglob("*")) if path.is_file()]
    for path in sorted((FOLDER / "cases").rglob("*")):
        if path.is_file() and path.suffix in (".yml", ".yaml", ".json", ".properties") and path.stat().st_size < 20_000:
            found.append((path.name, path.read_bytes()))
    return tuple(found)


def _restructured(dice: Dice, text: str) -> str:
    """Values exchanged in the tree, written again as JSON, which is YAML."""
    try:
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
    spots: list[tuple[object, object]] = []

    def walk(node: object) -> None:
        pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, each in list(pairs):
            spots.append((node, key))
            walk(each)

    for each in documents:
        walk(each)
    if not spots:
        return text
    for _ in range(dice.luck.randint(1, 3)):
        holder, key = dice.one(spots)
        other, at = dice.one(spots)
        try:
            if dice.chance(0.3):
                holder[key] = json.loads(json.dumps(other[at], default=str))  # type: ignore[index]
            elif dice.chance(0.2):
                del holder[key]  # type: ignore[attr-defined]
            elif isinstance(holder, dict) and dice.chance(0.2):
                holder[str(at)] = holder.pop(key)
            else:
                holder[key] = dice.one(  # type: ignore[index]
                    [None, True, 0, -1, 1, 1.5, 1e300, float("inf"), 2**31, 2**63, 10**30, "", "x", "0s", "1ns", "-1s",
                     "36500d", [], {}, [1], [[]], {"a": 1}, "\x1b]0;x\x07", "x" * 3000, dice.one(VALUES)]
                )  # fmt: skip
        except (KeyError, IndexError, TypeError, ValueError):
            continue
    return "\n---\n".join(json.dumps(each, ensure_ascii=False, default=str) for each in documents)


def _damaged(dice: Dice, content: bytes) -> bytes:
    kind = dice.luck.randrange(10)
    if kind == 0:
        return dice.flipped(content)
    text = content.decode("utf-8", "replace")
    if kind <= 3:
        return mutated(text, dice.luck).encode()
    if kind <= 6:
        return _restructured(dice, text).encode("utf-8", "surrogatepass")
    if kind == 7:
        value = dice.one(EXTREMES)
        lines = text.split("\n")
        at = dice.luck.randrange(len(lines))
        head, mark, _ = lines[at].partition("=" if "=" in lines[at] else ":")
        lines[at] = f"{head}{mark} {value}" if mark else lines[at]
        return "\n".join(lines).encode()
    if kind == 8:
        other = dice.one(samples())[1].decode("utf-8", "replace")
        return (text + dice.one(["\n", "\n---\n", ""]) + other).encode()
    return dice.mutated(text).encode("utf-8", "surrogatepass")


def case(dice: Dice) -> Case:
    name, content = dice.one(samples())
    content = _damaged(dice, content)
    if dice.chance(0.15):
        name = dice.one(NAMES)
    instance: tuple[str, ...] = ()
    if dice.chance(0.6):
        words = [word for word in content.decode("utf-8", "replace").replace(":", " ").split() if word.isidentifier()]
        instance = ("--instance", dice.one([*words[:60], "x"]))
    steps = [
        Step(("lint", name)),
        Step(("import", name, "-o", "out.yaml", *instance), ("out.yaml",)),
        Step(call="imported", with_=("out.yaml",), simulates=True),
    ]
    more = [
        Step(("import", name, *instance)),
        Step(("import", name, "--json", *instance)),
        Step(("lint", name, "--format", dice.one(["json", "sarif", "github", "concise", "full"]))),
        Step(("lint", name, "--set", "traffic.rate=80/s")),
        Step(("lint", ".")),
        Step(("import", ".", "-o", "all.yaml", *instance), ("all.yaml",)),
        Step(("import", name, "--profile", dice.one(["prod", "", "\x1b", "default"]), *instance)),
        Step(("import", name, "--route", dice.one(["1", "0", "99", "/", "x", ""]), *instance)),
        Step(("lint", name, "-q")),
    ]
    return Case("import", {name: content}, (*steps, *dice.some(more, 2)))


def written_case(dice: Dice) -> Case:
    """The stack of a scenario as configuration, and back."""
    to = dice.one([name for name, known in FORMATS.items() if known.file_name])
    suffix = {"resilience4j": "application.yml", "dotnet": "appsettings.json", "aws": "config"}.get(to, "out.yaml")
    steps = (
        Step(("export", "s.yaml", "--to", to, "-o", suffix), (suffix,)),
        Step(("lint", suffix)),
        Step(("import", suffix, "-o", "back.yaml"), ("back.yaml",)),
        Step(call="imported", with_=("back.yaml",), simulates=True),
    )
    return Case("export", {"s.yaml": from_tables(dice).encode(), "t.csv": b"1\n2\n", "l.csv": b"5\n"}, steps)
