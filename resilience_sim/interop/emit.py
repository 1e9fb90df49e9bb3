"""A converted stack as the text of a scenario: commented, valid, and ready to run.

The library's own rules (``like:``) are written where the loader accepts them, generic keys with a remark elsewhere.
Only known keys and harmless values of the file get here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias

from resilience_sim.interop.layers import Converted, Layer, Setting
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.read.alone import leaf_of, policy_with, setting_of
from resilience_sim.scenario.read.pieces import policy_of
from resilience_sim.scenario.read.stack import default_ids
from resilience_sim.scenario.text.parse import parse, scalar
from resilience_sim.scenario.text.tree import Node, Scalar, Source, Span, plain
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.units import UnitError

RATE, LATENCY, DURATION, FAULT = "50/s", "{p50: 40ms, p99: 250ms}", "90s", "{id: main, at: 30s, for: 20s, how: error}"
ASSUMED = ("traffic", "service", "faults")


Rows: TypeAlias = "tuple[tuple[str, str | None, bool], ...]"  # key, value, whether it stands in the file
_PLAIN = re.compile(r"[A-Za-z0-9_.%/\-]+\Z")


def _value(text: str) -> Node:
    """A setting as scenario files have it."""
    source = Source("import", (text,))
    span = Span(source, 1, 1, 1, len(text) + 1)
    if _PLAIN.match(text):
        return Scalar(span, scalar(text))
    return parse(text, source, []) or Scalar(span, None)


@lru_cache(maxsize=4096)
def _read(kind: str, library: str, key: str, text: str) -> tuple[Any, tuple[Any, ...]] | None:
    """A setting as YAML has it, and what it means: a tuple of that, () for one that is left out; None where the loader
    does not take it.
    """
    known = leaf_of(kind, library, key) if _PLAIN.match(text) else None
    value = None if known is None else scalar(text)
    if known is not None and value is not None:
        try:
            return value, (known.read(value),)
        except UnitError:
            return None
    node = _value(text)
    meant = setting_of(kind, library, key, node) if key in POLICIES[kind].table.by_name else None
    return None if meant is None else (plain(node), meant)


def _made(kind: str, settings: Wanted, ident: str) -> PolicyConfig | tuple[str, ...]:
    """The policy, or the keys of it that the loader does not take."""
    library = settings["like"][0] if "like" in settings else ""
    known: dict[str, Any] = {}
    written: dict[str, Any] = {}
    for key, (text, _, _) in settings.items():
        read = _read(kind, library, key, text)
        if read is None:
            break
        written[key] = read[0]
        if read[1]:
            known[key] = read[1][0]
    else:
        made = policy_with(kind, known, written, ident)
        if made is not None:
            return made
    try:
        made = policy_of(kind, {key: _value(text) for key, (text, _, _) in settings.items()})
    except ScenarioError as error:
        paths = [each.path.split(".") for each in error.diagnostics]
        return tuple(dict.fromkeys(path[3] if len(path) > 3 else "" for path in paths))
    return replace(made, id=ident)


def policies(stack: Converted) -> tuple[PolicyConfig, ...] | None:
    """What loading the scenario's text would make of its stack, without the text; None: it would be refused.

    Layers with the same settings are one policy, whichever stack they are in.
    """
    layers = stack.layers
    idents = default_ids([(layer.kind, layer.id or None) for layer in layers])
    if len(set(idents)) < len(idents):
        return None
    found = []
    for layer, ident in zip(layers, idents, strict=True):
        made = _settled(layer.kind, ident, *_settings(layer))[1]
        if isinstance(made, tuple):
            return None
        found.append(made)
    return tuple(found)


def settle(layer: Layer) -> dict[str, Setting]:
    """The settings to write: under the library's own rules where they can be simulated, generic ones elsewhere."""
    like = Setting(layer.like, "the rules of this library exactly")
    there: tuple[Mapping[str, Setting | None], ...] = (layer.settings, layer.exact, {"like": like})
    found = {key: there[of].get(key) for key, of in _settled(layer.kind, layer.id or layer.kind, *_settings(layer))[0]}
    return {key: each for key, each in found.items() if each is not None}


def _settings(layer: Layer) -> tuple[str, Rows, Rows]:
    """All that it depends on which settings are written, and so the policy that comes of them."""
    rows = tuple([(key, each.value, each.at is not None) for key, each in layer.settings.items()])
    if not layer.exact:
        return layer.like, rows, ()
    exact = [
        (key, each.value, each.at is not None) if each else (key, None, False) for key, each in layer.exact.items()
    ]
    return layer.like, rows, tuple(exact)


_SETTINGS, _EXACT, _LIKE = 0, 1, 2  # whose a setting is
Wanted: TypeAlias = "dict[str, tuple[str, bool, int]]"  # by key the value, whether it stands in the file, and whose


@lru_cache(maxsize=4096)
def _settled(
    kind: str, ident: str, like: str, rows: Rows, exact: Rows
) -> tuple[list[tuple[str, int]], PolicyConfig | tuple[str, ...]]:
    """The settings to write, each with whose it is, and the policy that comes of them.

    Under the library's rules, what no parameter changes is left out: settings that stand nowhere in the file.
    """
    generic: Wanted = {key: (value, stands, _SETTINGS) for key, value, stands in rows if value is not None}
    wanted = generic.copy()
    for key, value, stands in exact:
        if value is None:
            wanted.pop(key, None)
        else:
            wanted[key] = (value, stands, _EXACT)
    if like:
        named = {**wanted, "like": (like, False, _LIKE)}
        while isinstance(made := _made(kind, named, ident), tuple):
            fixed = [key for key in made if key in named and key != "like" and not named[key][1]]
            if len(fixed) < len(made):
                break
            named = {key: each for key, each in named.items() if key not in fixed}
        else:
            return _whose(named), made
    if exact and not isinstance(made := _made(kind, wanted, ident), tuple):
        return _whose(wanted), made
    return _whose(generic), _made(kind, generic, ident)


def _whose(settings: Wanted) -> list[tuple[str, int]]:
    return [(key, each[2]) for key, each in settings.items()]


def scenario_text(stack: Converted, path: str, assumed: tuple[str, ...] = ()) -> str:
    """The scenario; ``path`` is named in its first line."""
    lines = [f"# Made by resim import from {plain_text(path)}: {plain_text(stack.title)}."]
    lines += as_comment(
        "The stack is what the file says, outermost first. Keys without a remark on the right are defaults "
        "of the library. What the file cannot say (Service B, the traffic, what goes wrong) is assumed "
        "below: put your own numbers there."
    )
    for remark in stack.remarks:
        lines += as_comment(f"- {remark}", "#   ")
    for remark in assumed:
        lines += as_comment(f"- assumed: {remark}", "#   ")
    lines += ["resim: 1", f'name: "{scenario_name(stack)}"', f'about: "{about(stack)}"', ""]
    replicas = f", replicas: {stack.replicas}" if stack.replicas > 1 else ""
    lines += [f"service: {{latency: {LATENCY}{replicas}}}  # ASSUMED"]
    if stack.method != "GET":
        lines.append(f"operation: {{method: {stack.method}}}")
    lines += [f"traffic: {{rate: {RATE}, duration: {DURATION}}}  # ASSUMED", "faults:  # ASSUMED"]
    lines += [f"  - outage: {FAULT}", ""]
    return "\n".join(lines + stack_lines(stack.layers)) + "\n"


def scenario_name(stack: Converted) -> str:
    """What the scenario is called."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stack.instance or stack.format).strip("-") or stack.format


def about(stack: Converted) -> str:
    """What the scenario says it is."""
    return f"imported: {plain_text(stack.title)}"


def stack_lines(layers: list[Layer]) -> list[str]:
    """The section ``stack`` with a comment above each policy."""
    if not layers:
        return ["stack: []"]
    lines = ["stack:"]
    for layer in layers:
        place = f" (line {layer.at.span.line})" if layer.at else ""
        lines += as_comment(f"{layer.title}{place}", "  # ")
        settings = settle(layer)
        for remark in [*layer.remarks, *([] if "like" in settings else layer.generic_remarks)]:
            lines += as_comment(f"- {remark}", "  #   ")
        lines += _policy(layer, settings)
    return lines


def _policy(layer: Layer, settings: dict[str, Setting]) -> list[str]:
    remarks = []
    if layer.like and "like" not in settings:
        remarks = [f"      # like: {layer.like}  (not simulated yet; generic rules until then)"]
    if not settings and not layer.id:
        return [f"  - {layer.kind}", *remarks]
    rows = [("id", Setting(layer.id))] if layer.id else []
    rows += list(settings.items())
    width = max([len(text) for key, setting in rows if len(text := f"{key}: {setting.value}") <= 40], default=0)
    lines = [f"  - {layer.kind}:", *remarks]
    for key, setting in rows:
        text = f"{key}: {setting.value}"
        lines.append(f"      {text:<{width}}  # {plain_text(setting.origin)}" if setting.origin else f"      {text}")
    return lines


def as_comment(text: str, indent: str = "# ") -> list[str]:
    """Comment lines of a readable length."""
    return textwrap.wrap(
        plain_text(text), 112, initial_indent=indent, subsequent_indent=indent + "  " * (text[:1] == "-")
    )


def plain_text(text: str) -> str:
    """One line that can end no comment and no quoted text."""
    return re.sub(r"[^\x20-\x7e\u00a0-\u024f\u2026]", "?", text).replace('"', "'").replace("\\", "/")
