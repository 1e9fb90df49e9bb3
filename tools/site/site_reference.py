"""The pages of the reference that are made from the program's own tables: settings, metrics, codes, commands, API.

They are made whenever the site is built, and never committed: what ``resim explain`` and ``--help`` say is said here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import resilience_sim
from resilience_sim.cli.app import COMMANDS, build
from resilience_sim.cli.topics.concepts import CONCEPTS
from resilience_sim.cli.topics.find import FAULT, POLICY, Topic, find
from resilience_sim.cli.topics.outcomes import OUTCOMES
from resilience_sim.settings.codes import EXPLANATIONS
from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.metrics import METRICS
from resilience_sim.settings.registry import FILE, POLICIES
from resilience_sim.settings.table import ListOf, MapOf, Nested, OneOf, OneOrMany, Table

MADE = "<!-- Made by tools/site/site_reference.py; not a file of the repository. -->\n\n"


def pages() -> dict[str, str]:
    """Every page by its path in the site."""
    found = {
        "reference/settings-of-policies.md": _topics("Settings of policies", POLICY_INTRO, POLICIES),
        "reference/settings-of-faults.md": _topics("Faults", FAULT_INTRO, FAULTS),
        "reference/scenario-file.md": _file(),
        "reference/metrics.md": _topics("Metrics", METRIC_INTRO, [metric.name for metric in METRICS]),
        "reference/outcomes.md": _topics("Outcomes", "How a call can end.", OUTCOMES),
        "reference/concepts.md": _topics("Words and rules", CONCEPT_INTRO, ["exit-codes", *CONCEPTS]),
        "reference/codes.md": _topics("Error codes", CODE_INTRO, EXPLANATIONS),
        "reference/python-api.md": _api(),
    }
    group: Any = build(rich=False)
    for name, command in group.commands.items():
        found[f"commands/{name}.md"] = _command(name, command)
    found["commands/index.md"] = _commands(group)
    return {path: MADE + text for path, text in found.items()}


POLICY_INTRO = (
    "What `resim explain POLICY` prints. The rules are in [Policies](../policies.md), those of libraries in"
    " [Libraries](../libraries.md)."
)
FAULT_INTRO = "What can go wrong, and when it is decided. `resim explain FAULT` prints the same."
CONCEPT_INTRO = "What else `resim explain` knows."
METRIC_INTRO = "What expectations ask for (`availability >= 99%`), and what results and sweeps are about."
CODE_INTRO = "What the checks of a scenario file say. What `resim lint` finds has [a page of its own](../lint.md)."


# --- topics of `resim explain` ------------------------------------------------------------------------------------


def _topics(title: str, intro: str, names: Iterable[str]) -> str:
    parts = [f"# {title}\n\n{intro}\n"]
    for name in names:
        topic = next(each for each in find(name) if each.name.lower() == name.lower())
        parts.append(_topic(topic))
    return "\n".join(parts)


def _topic(topic: Topic) -> str:
    parts = [f"## {topic.name}\n"]
    if topic.kind not in (POLICY, FAULT):  # whose texts begin with the summary
        parts.append(prose(topic.summary) + "\n")
    parts += [block + "\n" for block in blocks(topic.text)]
    if topic.settings:
        rows = [
            (f"`{name}`", f"`{default}`" if default else "", prose(about)) for name, default, about in topic.settings
        ]
        parts.append(table(("setting", "default", "meaning"), rows))
    return "\n".join(parts)


def blocks(text: str) -> Iterator[str]:
    """Paragraphs as Markdown; lines that are indented or aligned stay as they are."""
    kept: list[str] = []
    fixed = False
    for line in [*text.splitlines(), ""]:
        aligned = line.startswith(" ") or "  " in line
        if kept and (not line or aligned != fixed):
            yield _fence(kept) if fixed else prose(" ".join(kept))
            kept = []
        if line:
            kept.append(line)
            fixed = aligned
    if kept:
        yield _fence(kept) if fixed else prose(" ".join(kept))


def _fence(lines: list[str]) -> str:
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    return "```text\n" + "\n".join(line[margin:] for line in lines) + "\n```"


def prose(text: str) -> str:
    """Plain text as Markdown: nothing outside backticks is markup, but a page that is named becomes a link."""
    text = re.sub(r"(?<!`)https?://[^\s;,]+", r"`\g<0>`", text)
    parts = re.split(r"(`[^`]*`)", text)
    escaped = [part if part.startswith("`") else re.sub(r"([\\*_<>^~|\[\]#])", r"\\\1", part) for part in parts]
    return re.sub(r"\bdocs/([\w-]+\.md)", r"[\1](../\1)", "".join(escaped))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# --- the scenario file --------------------------------------------------------------------------------------------


def _file() -> str:
    """Each section of the file, and below it the mappings that stand in it."""
    parts = [
        "# The scenario file\n",
        "Every key, its default and its meaning. `resim schema` prints all of it as JSON Schema, and `resim init`",
        "gives you a file that tells your editor of it. What goes into `stack` is in [Settings of",
        "policies](settings-of-policies.md), what goes into `faults` in [Faults](settings-of-faults.md).\n",
        _params(FILE),
    ]
    done = {id(FILE)}
    for param in FILE.params:
        for path, nested in _tables(param.type, param.name):
            if id(nested) not in done:
                done.add(id(nested))
                parts += [f"## {path}\n", prose(nested.about) + "\n", _params(nested)]
    return "\n".join(parts)


def _tables(kind: Any, path: str) -> Iterator[tuple[str, Table]]:
    if isinstance(kind, Nested):
        yield path, kind.table
        for param in kind.table.params:
            yield from _tables(param.type, f"{path}.{param.name}")
    elif isinstance(kind, OneOrMany):
        yield from _tables(kind.one, path)
        yield from _tables(kind.item, f"{path}[]")
    elif isinstance(kind, ListOf | MapOf) and not isinstance(kind.item, OneOf):
        yield from _tables(kind.item, path)


def _params(nested: Table) -> str:
    rows = []
    for param in nested.own:
        default = "required" if param.required else f"`{param.default_text}`" if param.default_text else ""
        rows.append((f"`{param.name}`", param.type.name, default, prose(param.about)))
    return table(("key", "takes", "default", "meaning"), rows)


# --- the command line ---------------------------------------------------------------------------------------------


def _commands(group: Any) -> str:
    parts = ["# Commands\n", "What `resim --help` prints, and `resim COMMAND --help`.\n"]
    panels: dict[str, list[str]] = {}
    for name, panel in COMMANDS.items():
        panels.setdefault(panel, []).append(name)
    for panel, names in panels.items():
        parts.append(f"## {panel}\n")
        rows = [(f"[`resim {name}`]({name}.md)", prose(group.commands[name].short_help)) for name in names]
        parts.append(table(("command", ""), rows))
    return "\n".join(parts)


def _command(name: str, command: Any) -> str:
    shown = [param for param in command.params if not getattr(param, "hidden", False)]
    arguments = [param for param in shown if param.param_type_name == "argument"]
    options = [param for param in shown if param.param_type_name == "option"]
    usage = " ".join(["resim", name, "[OPTIONS]", *(_argument(param) for param in arguments)])
    parts = [f"# resim {name}\n", f"```text\n{usage}\n```\n"]
    parts += [block + "\n" for block in blocks(re.sub(r"(?m)^ +", "", command.help.split("\f")[0]).strip())]
    if arguments:
        parts.append(
            table(("argument", "meaning"), [(f"`{p.metavar or p.name}`", prose(p.help or "")) for p in arguments])
        )
    panels: dict[str, list[Any]] = {}
    for param in options:
        panels.setdefault(param.rich_help_panel or "Options", []).append(param)
    for panel, members in panels.items():
        parts.append(f"## {panel}\n")
        parts.append(table(("option", "default", "meaning"), [_option(param) for param in members]))
    return "\n".join(parts)


def _argument(param: Any) -> str:
    text = str(param.metavar or param.name.upper()).strip("{}")
    return text if param.required else f"[{text}]"


def _option(param: Any) -> tuple[str, str, str]:
    names = ", ".join([*param.opts, *param.secondary_opts])
    value = "" if param.is_flag else f" {param.metavar or ''}"
    default = param.default
    plain = (
        isinstance(default, bool) or default is None or callable(default) or default in ("", [], ()) or param.is_flag
    )
    return f"`{names}{value}`".replace(" `", "`"), "" if plain else f"`{default}`", prose(param.help or "")


# --- the Python API -----------------------------------------------------------------------------------------------


def _api() -> str:
    """A directive for each public name; mkdocstrings reads the docstrings."""
    parts = ["# Python API: every name\n", "A tour with examples is in [From Python](../python.md).\n"]
    names = sorted(name for name in resilience_sim.__all__ if not name.startswith("_"))
    parts += [f"::: resilience_sim.{name}\n" for name in sorted(names, key=lambda name: (not name.islower(), name))]
    return "\n".join(parts)
