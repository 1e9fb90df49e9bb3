"""tenacity's ``stop``, ``wait`` and ``retry`` arguments as the nested mappings of ``like: tenacity``.

Signatures: tenacity 9.2.1, stop.py, wait.py, retry.py. ``|`` and ``&`` join stops, ``+`` adds waits.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, NamedTuple

from resilience_sim.interop.layers import Layer, Setting
from resilience_sim.interop.section import Value
from resilience_sim.interop.source.constants import NotConstant, described
from resilience_sim.interop.source.failures import ANY, FROM_B, in_order, outcomes_of
from resilience_sim.interop.source.module import Binding, Scope
from resilience_sim.interop.source.reader import Args, Argument, Reader, ns

RETRYING = ("sleep", "stop", "wait", "retry", "before", "after", "before_sleep", "reraise", "retry_error_cls",
            "retry_error_callback", "name", "enabled")  # fmt: skip
_STOPS = {
    "stop_after_attempt": ("after_attempt", "max_attempt_number"),
    "stop_after_delay": ("after_delay", "max_delay"),
    "stop_before_delay": ("before_delay", "max_delay"),
}
_GROWING = ("multiplier", "max", "exp_base", "min")
_WAITS: dict[str, tuple[str, tuple[str, ...]]] = {
    "wait_fixed": ("fixed", ("wait",)),
    "wait_random": ("random", ("min", "max")),
    "wait_incrementing": ("incrementing", ("start", "increment", "max")),
    "wait_exponential": ("exponential", _GROWING),
    "wait_random_exponential": ("random_exponential", _GROWING),
    "wait_full_jitter": ("random_exponential", _GROWING),
    "wait_exponential_jitter": ("exponential_jitter", ("initial", "max", "exp_base", "jitter", "min", "multiplier")),
}
_SPREAD = ("random", "random_exponential", "exponential_jitter")
LONGEST = 9e9  # seconds
_NOT_TYPES = ("retry_if_not_exception_type", "retry_unless_exception_type")
_CALM_STOP = {"kind": "after_attempt", "value": 3}
_CALM_WAIT = {"kind": "exponential_jitter"}
_DEEPEST = 12
_MOST_PARTS = 100
_HOW = {"stop_any": "any", "stop_all": "all", "wait_combine": "sum", "wait_chain": "chain", "retry_any": "any",
        "retry_all": "all"}  # fmt: skip
Tree = dict[str, Any]


class Policy(NamedTuple):
    """The layer, and whether it ever ends and ever waits. ``idle``: why no failure of a call makes it try again.
    ``judges``: it looks at what the call returns.
    """

    layer: Layer
    endless: bool
    waits: bool
    idle: str = ""
    judges: bool = False


def retrying(args: Args, title: str) -> Policy:
    """The layer of one ``retry(...)`` or ``Retrying(...)``."""
    reader = args.reader
    layer = Layer("retry", title, reader.head(args.call, "retry", title), id="tenacity", like="tenacity")
    stop = _stop(reader, args.given["stop"]) if "stop" in args else None
    wait = _wait(reader, args.given["wait"]) if "wait" in args else {"kind": "none"}
    unseen_stop, unseen_wait = (name not in args and args.more for name in ("stop", "wait"))
    stop = dict(_CALM_STOP) if unseen_stop else stop or {"kind": "never"}
    wait = dict(_CALM_WAIT) if unseen_wait else wait
    attempts = least_attempts(stop)
    layer.put("attempts", attempts or 10_000, _source(args, "stop"), "default: no end")
    layer.put("delay", ns(first_wait(wait)), _source(args, "wait"), "default: none")
    layer.put("jitter", "full" if _jittered(wait) else "none", _source(args, "wait"))
    layer.exact = {"attempts": None, "delay": None, "jitter": None}
    layer.exact["stop"] = Setting(flow(stop), _shown(args, "stop"), _at(args, "stop"))
    layer.exact["wait"] = Setting(flow(wait), _shown(args, "wait"), _at(args, "wait"))
    on = _again(reader, args.given["retry"]) if "retry" in args else None
    idle = idle_for(on)
    if not args.flag("enabled", True).value:
        idle = "`enabled` is false"
    if on is not None:
        layer.put("on", on, _source(args, "retry"))
    if "retry_error_callback" in args:
        layer.remarks.append("its retry_error_callback, which answers when the attempts are used up, is not simulated")
    return Policy(layer, stop == {"kind": "never"}, wait != {"kind": "none"} and wait.get("seconds") != 0, idle,
                  "retry" in args and _judges(reader, args.given["retry"]))  # fmt: skip


def _judges(reader: Reader, argument: Argument, depth: int = 0) -> bool:
    """Whether a result may be retried: not if all there is are errors."""
    node, scope, _ = reader.follow(argument.node, argument.scope)
    _, parts = _combined(reader, node, scope, ("retry_any", "retry_all")) if depth < _DEEPEST else ("", [])
    if parts:
        return any(_judges(reader, each, depth + 1) for each in parts)
    return "exception" not in _name(reader, node, scope)


def idle_for(on: Collection[str] | None) -> str:
    """Why a retry of these outcomes never tries again; "" where it does."""
    return "no failure of a call makes it try again" if on is not None and not on else ""


def _source(args: Args, name: str) -> Value[object] | None:
    return Value(name, args.at(name, args.shown(name))) if name in args else None


def _shown(args: Args, name: str) -> str:
    return args.shown(name) if name in args else "default"


def _at(args: Args, name: str) -> Any:
    return args.at(name, args.shown(name)) if name in args else None


def flow(tree: Tree) -> str:
    """A nested mapping as YAML on one line."""
    parts = []
    for key, value in tree.items():
        if isinstance(value, list):
            shown = "[" + ", ".join(flow(each) for each in value) + "]"
        elif isinstance(value, float):
            shown = f"{value:.9g}"
        else:
            shown = str(value)
        parts.append(f"{key}: {shown}")
    return "{" + ", ".join(parts) + "}"


# --- stop -------------------------------------------------------------------------------------------------------------


def _stop(reader: Reader, argument: Argument, depth: int = 0) -> Tree | None:
    """The tree of a stop; None for one that never comes."""
    node, scope, _ = reader.follow(argument.node, argument.scope)
    name = _name(reader, node, scope)
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if name in ("stop_never", "_stop_never"):
        return None
    kind, parts = _combined(reader, node, scope, ("stop_any", "stop_all")) if depth < _DEEPEST else ("", [])
    if parts:
        inside = [_stop(reader, part, depth + 1) for part in parts]
        real = [each for each in inside if each is not None]
        if kind == "all" and len(real) < len(inside):
            return None
        return real[0] if len(real) == 1 else {"kind": kind, "of": real} if real else None
    if name in _STOPS and isinstance(node, ast.Call):
        kind, parameter = _STOPS[name]
        got = reader.args(node, scope, (parameter,)).number(parameter, 0, 3 if kind == "after_attempt" else 30)
        value = max(0.0, min(float(got.value or 0), LONGEST))
        return {"kind": kind, "value": max(1, ceil(value)) if kind == "after_attempt" else value}
    reader.note(f"`stop` is {described(node)}: taken as 3 attempts", argument.place.lineno)
    return dict(_CALM_STOP)


_JOINED: tuple[tuple[type[ast.operator], str], ...] = (
    (ast.BitOr, "any"), (ast.BitAnd, "all"), (ast.Add, "sum"),
)  # fmt: skip


def _combined(reader: Reader, node: ast.AST, scope: Scope, names: tuple[str, ...]) -> tuple[str, list[Argument]]:
    """What an expression puts together, and how: by an operator, a call of one of ``names``, or ``sum([…])``."""
    if isinstance(node, ast.BinOp):
        for operator, kind in _JOINED:
            if (kind == "sum") == ("wait_combine" in names) and (found := _parts(node, operator)):
                return kind, [Argument(each, each, scope) for each in found]
    elif isinstance(node, ast.Call):
        name = _name(reader, node, scope)
        if name in names:
            return _HOW[name], _elements(reader, node.args, scope)
        if "wait_combine" in names and node.args and reader.module.symbol(node.func, scope) == "builtins.sum":
            return "sum", _elements(reader, [ast.Starred(node.args[0])], scope)
    return "", []


def least_attempts(stop: Tree) -> int:
    """The number of attempts that a stop allows; 0 for no limit."""
    if stop["kind"] == "after_attempt":
        return max(1, int(stop["value"]))
    inside = [least_attempts(each) for each in stop.get("of", ())]
    limits = [each for each in inside if each]
    if stop["kind"] == "any":
        return min(limits, default=0)
    return max(limits) if stop["kind"] == "all" and limits and len(limits) == len(inside) else 0


# --- wait -------------------------------------------------------------------------------------------------------------


def _wait(reader: Reader, argument: Argument, depth: int = 0) -> Tree:
    node, scope, _ = reader.follow(argument.node, argument.scope)
    name = _name(reader, node, scope)
    if name == "wait_none" or (isinstance(node, ast.Constant) and node.value is None):
        return {"kind": "none"}
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return {"kind": "fixed", "seconds": float(node.value)}
    kind, parts = _combined(reader, node, scope, ("wait_combine", "wait_chain")) if depth < _DEEPEST else ("", [])
    if parts:
        return {"kind": kind, "of": [_wait(reader, each, depth + 1) for each in parts]}
    if name in _WAITS and isinstance(node, ast.Call):
        kind, names = _WAITS[name]
        return _one_wait(reader.args(node, scope, names), kind, names)
    reader.note(f"`wait` is {described(node)}: taken as wait_exponential_jitter()", argument.place.lineno)
    return dict(_CALM_WAIT)


def _elements(reader: Reader, nodes: Sequence[ast.AST], scope: Scope, depth: int = 0) -> list[Argument]:
    """The parts of ``wait_chain(*[wait_fixed(1) for _ in range(3)], *(2 * SLOW), wait_fixed(9))``."""
    found: list[Argument] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            listed = _listed_in(reader, node.value, scope, depth + 1) if depth < _DEEPEST else None
            if listed is None:
                where = getattr(node.value, "lineno", 1)
                reader.note(f"{described(node.value)} is a list that is not known here: taken as empty", where)
            found += listed or []
        elif isinstance(node, ast.expr):
            found.append(Argument(node, node, scope))
    return found[:_MOST_PARTS]


def _listed_in(reader: Reader, node: ast.AST, scope: Scope, depth: int) -> list[Argument] | None:
    """The elements of a list, however it is put together; None for what is not known."""
    node, scope, _ = reader.follow(node, scope)
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.List | ast.Tuple):
        return _elements(reader, node.elts, scope, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [_listed_in(reader, side, scope, depth + 1) for side in (node.left, node.right)]
        return None if None in sides else [each for side in sides for each in side or ()]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for side, number in ((node.left, node.right), (node.right, node.left)):
            turns = _constant(reader, number, scope)
            listed = _listed_in(reader, side, scope, depth + 1) if type(turns) is int else None
            if listed is not None:
                return [*listed * max(0, min(turns, _MOST_PARTS))]
    if isinstance(node, ast.ListComp | ast.GeneratorExp) and len(node.generators) == 1:
        of = node.generators[0]
        values = _constant(reader, of.iter, scope)
        if isinstance(values, tuple) and not of.ifs and isinstance(of.target, ast.Name):
            return [Argument(node.elt, node.elt, _where(scope, of.target.id, value)) for value in values[:_MOST_PARTS]]
    return None


def _where(scope: Scope, name: str, value: Any) -> Scope:
    """A scope in which a name has this value."""
    bound = Binding("value", ast.Constant(value), scope)
    return replace(scope, bindings={**scope.bindings, name: [bound]})


def _constant(reader: Reader, node: ast.expr, scope: Scope) -> Any:
    try:
        return reader.constant(Argument(node, node, scope)).value
    except NotConstant:
        return None


def _one_wait(args: Args, kind: str, names: tuple[str, ...]) -> Tree:
    tree: Tree = {"kind": kind}
    for name in names:
        if name not in args:
            continue
        got = args.number(name, None, {"max": 30.0, "exp_base": 2.0, "min": 0.0}.get(name, 1.0))
        if got.value is not None and not (name == "max" and got.value > LONGEST):
            tree["seconds" if name == "wait" else name] = float(max(-LONGEST, min(got.value, LONGEST)))
    if kind == "exponential_jitter" and "multiplier" in tree and "initial" in tree:
        tree["initial"] *= tree.pop("multiplier")
    return tree


def first_wait(wait: Tree) -> float:
    """Seconds before the first retry, at most."""
    kind = wait["kind"]
    if kind in ("sum", "chain"):
        inside = [first_wait(each) for each in wait["of"]]
        return sum(inside) if kind == "sum" else (inside or [0.0])[0]
    if kind == "none":
        return 0.0
    names = {"fixed": ("seconds", 0.0), "random": ("max", 1.0), "incrementing": ("start", 0.0)}
    name, default = names.get(kind, ("multiplier", 1.0))
    return max(0.0, float(wait.get(name, wait.get("initial", default)) or 0.0))


def _jittered(wait: Tree) -> bool:
    return wait["kind"] in _SPREAD or any(_jittered(each) for each in wait.get("of", ()))


# --- retry ------------------------------------------------------------------------------------------------------------


def _again(reader: Reader, argument: Argument, depth: int = 0) -> list[str] | None:
    """The outcomes that are tried again; None for any."""
    node, scope, _ = reader.follow(argument.node, argument.scope)
    name = _name(reader, node, scope)
    how, parts = _combined(reader, node, scope, ("retry_any", "retry_all")) if depth < _DEEPEST else ("", [])
    if parts:
        found = [_again(reader, each, depth + 1) for each in parts]
        known = [each for each in found if each is not None]
        if how == "all" and known:
            return in_order(set(known[0]).intersection(*known[1:]))
        return in_order(each for one in known for each in one) if len(known) == len(found) else None
    if name == "retry_never":
        return []
    if name == "retry_always":
        reader.note("a success is retried as well, which is not simulated", argument.place.lineno)
        return None
    if name == "retry_if_exception_type" and isinstance(node, ast.Call):
        args = reader.args(node, scope, ("exception_types",))
        return _listed(args.outcomes("exception_types"))
    if name in _NOT_TYPES and isinstance(node, ast.Call) and (given := [*node.args, *(k.value for k in node.keywords)]):
        excluded = outcomes_of(reader.module, given[0], scope)
        kept = [each for each in FROM_B if each not in (excluded or ())]
        return kept if excluded and ANY[0] not in excluded and kept else None
    if name in ("retry_if_result", "retry_if_not_result"):
        reader.note("results that are retried are not simulated, failures are", argument.place.lineno)
        return None
    what = described(node.args[0]) if isinstance(node, ast.Call) and node.args else described(node)
    reader.note(f"which errors are retried depends on {what}: taken as any failure", argument.place.lineno)
    return None


def _listed(outcomes: tuple[str, ...] | None) -> list[str] | None:
    return None if outcomes is None else list(outcomes)


def _parts(node: ast.expr, kind: type[ast.operator]) -> list[ast.expr]:
    """The operands of a chain of one operator, from the left; none for another operator."""
    found: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, kind) and len(found) < _MOST_PARTS:
        found.append(node.right)
        node = node.left
    return [node, *reversed(found)] if found else []


def _name(reader: Reader, node: ast.AST, scope: Scope) -> str:
    """The name in tenacity that an expression is, or a call of; "" for others."""
    symbol = reader.module.symbol(node.func if isinstance(node, ast.Call) else node, scope)
    return symbol.partition(".")[2] if symbol.startswith("tenacity.") else ""
