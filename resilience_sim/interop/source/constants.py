"""What an expression is worth, where that can be known without running anything."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from resilience_sim.interop.findings import safe_name
from resilience_sim.interop.source.module import Module, Scope

_DEEPEST = 40
_MOST = 1000  # elements of a list
_LARGEST = 1e15
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_DURATIONS = ("days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks")


class NotConstant(Exception):
    """The value is not known here; the text says what stands there instead."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value; ``given``: why it may be another one when the program runs."""

    value: Any
    given: str = ""


def constant(module: Module, node: ast.AST, scope: Scope, depth: int = 0) -> Constant:
    """The value of an expression; NotConstant."""
    if depth > _DEEPEST:
        raise NotConstant("a long expression")

    def inner(each: ast.AST) -> Constant:
        return constant(module, each, scope, depth + 1)

    if isinstance(node, ast.Constant):
        if isinstance(node.value, str | bool | int | float | None):
            return Constant(node.value)
        raise NotConstant("no number")
    if isinstance(node, ast.Name | ast.Attribute):
        return _named(module, node, scope, depth)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        found = inner(node.operand)
        number = _number(found.value)
        return Constant(-number if isinstance(node.op, ast.USub) else number, found.given)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        found = inner(node.operand)
        return Constant(not found.value, found.given)
    if isinstance(node, ast.Subscript):
        return _entry(module, node, scope, depth)
    if isinstance(node, ast.BinOp):
        return _combined(node, inner(node.left), inner(node.right))
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return _either(node, inner)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        if len(node.elts) > _MOST:
            raise NotConstant("a long list")
        each = [inner(element) for element in node.elts]
        return Constant(tuple(one.value for one in each), next((one.given for one in each if one.given), ""))
    if isinstance(node, ast.Call):
        return _called(module, node, scope, inner)
    raise NotConstant(described(node))


def _named(module: Module, node: ast.Name | ast.Attribute, scope: Scope, depth: int) -> Constant:
    found = module.bindings(node, scope)
    if len(found) == 1 and found[0].kind == "value" and found[0].node is not None:
        return constant(module, found[0].node, found[0].scope, depth + 1)
    if len(found) == 1 and found[0].kind == "param":
        if found[0].node is None:
            raise NotConstant(f"the parameter `{safe_name(found[0].dotted)}`")
        inside = constant(module, found[0].node, found[0].scope, depth + 1)
        if inside.value is None:  # most likely: whatever somebody decides elsewhere
            raise NotConstant(f"the parameter `{safe_name(found[0].dotted)}`, None by default")
        return Constant(inside.value, f"the default of the parameter `{safe_name(found[0].dotted)}`")
    if isinstance(node, ast.Attribute) and not found and (default := _of_object(module, node, scope)) is not None:
        inside = constant(module, *default, depth + 1)
        return Constant(inside.value, f"the default of {described(node)}")
    path = module.dotted(node, scope)
    if path.startswith("http.HTTPStatus.") or path.startswith("requests.codes."):
        return Constant(_status(path.rpartition(".")[2]))
    if len(found) > 1:
        raise NotConstant(f"{described(node)}, which is assigned more than once")
    raise NotConstant(described(node))


def _entry(module: Module, node: ast.Subscript, scope: Scope, depth: int) -> Constant:
    """``SETTINGS["attempts"]``, where that is a dict or a list of this file; somebody may change it later."""
    if module.dotted(node.value, scope) == "os.environ":
        raise NotConstant("an environment variable")
    key = constant(module, node.slice, scope, depth + 1)
    whole, home, _ = module.follow(node.value, scope)
    found: tuple[ast.expr, Scope] | None = None
    if isinstance(whole, ast.Tuple | ast.List) and type(key.value) is int:
        listed = [] if any(isinstance(each, ast.Starred) for each in whole.elts) else whole.elts
        found = (listed[key.value], home) if -len(listed) <= key.value < len(listed) else None
    elif isinstance(key.value, str):
        found = entries(module, whole, home)[0].get(key.value)
    if found is None:
        raise NotConstant(f"an entry of {described(node.value)}")
    value = constant(module, *found, depth + 1)
    return Constant(value.value, value.given or key.given or f"as {described(node.value)} is written")


Entries = dict[str, tuple[ast.expr, Scope]]


def entries(
    module: Module, node: ast.AST, scope: Scope, known: dict[int, tuple[Entries, bool]] | None = None
) -> tuple[Entries, bool]:
    """What a dict holds by name, ``{**BASE, "attempts": 3}`` and ``dict(BASE, attempts=3)`` too, and whether that is
    all. ``known``: of dicts that were looked at on the way here.
    """
    node, scope, _ = module.follow(node, scope)
    known = {} if known is None else known
    if id(node) in known or len(known) > _DEEPEST:
        return known.get(id(node), ({}, False))
    pairs = _pairs(module, node, scope)
    if pairs is None:
        return {}, False
    known[id(node)] = {}, False  # a circle ends here
    found: Entries = {}
    all_known = True
    for key, value in pairs:
        if key is None:
            inside, whole = entries(module, value, scope, known)
            found |= inside
            all_known = all_known and whole
        elif isinstance(key, ast.Constant) and isinstance(key.value, str):
            found[key.value] = (value, scope)
        else:
            all_known = False
    known[id(node)] = found, all_known
    return found, all_known


def _pairs(module: Module, node: ast.AST, scope: Scope) -> list[tuple[ast.expr | None, ast.expr]] | None:
    """Keys and values, without a key what is spread; None for what is no dict."""
    if isinstance(node, ast.Dict):
        return list(zip(node.keys, node.values, strict=True))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [(None, node.left), (None, node.right)]
    if isinstance(node, ast.Call) and module.symbol(node.func, scope) == "builtins.dict":
        keywords = [(ast.Constant(each.arg) if each.arg else None, each.value) for each in node.keywords]
        return [*((None, each) for each in node.args), *keywords]
    return None


def _of_object(module: Module, node: ast.Attribute, scope: Scope) -> tuple[ast.AST, Scope] | None:
    """``settings.attempts``, where ``settings`` is made by a class of this file that has a default for it."""
    made, home, _ = module.follow(node.value, scope)
    if not isinstance(made, ast.Call) or any(each.arg in (node.attr, None) for each in made.keywords) or made.args:
        return None
    of = module.bindings(made.func, home)
    inner = module.scopes.get(id(of[0].node)) if len(of) == 1 and of[0].kind == "class" else None
    listed = [*inner.bindings.get(node.attr, []), *inner.attributes.get(node.attr, [])] if inner is not None else []
    if len(listed) != 1 or listed[0].kind != "value" or listed[0].node is None:
        return None
    value = listed[0].node
    if isinstance(value, ast.Call) and described(value.func).lower() == "`field`":  # of dataclasses, of pydantic
        said = [*value.args, *(each.value for each in value.keywords if each.arg == "default")]
        return (said[0], listed[0].scope) if said else None
    return value, listed[0].scope


def _status(name: str) -> int:
    try:
        return int(HTTPStatus[name.upper()])
    except KeyError:
        raise NotConstant("a status") from None


def _combined(node: ast.BinOp, left: Constant, right: Constant) -> Constant:
    given = left.given or right.given
    try:
        if isinstance(node.op, ast.Add) and isinstance(left.value, tuple) and isinstance(right.value, tuple):
            return Constant((*left.value, *right.value)[:_MOST], given)
        if isinstance(left.value, timedelta) or isinstance(right.value, timedelta):
            return Constant(_ARITHMETIC[type(node.op)](left.value, right.value), given)
        a, b = _number(left.value), _number(right.value)
        if isinstance(node.op, ast.Pow):
            if abs(b) > 64 or abs(a) > 1e6:
                raise NotConstant("a large power")
            return Constant(_number(a**b), given)
        return Constant(_number(_ARITHMETIC[type(node.op)](a, b)), given)
    except (KeyError, ArithmeticError, TypeError, ValueError):
        raise NotConstant("an expression") from None


def _number(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise NotConstant("no number")
    return value


def _either(node: ast.BoolOp, inner: Callable[[ast.AST], Constant]) -> Constant:
    """``timeout or 30``: the last one, if nobody gives another."""
    last = inner(node.values[-1])
    try:
        first = inner(node.values[0])
    except NotConstant as reason:
        return Constant(last.value, f"what holds if there is none of {reason}")
    return first if first.value else last


def _called(module: Module, node: ast.Call, scope: Scope, inner: Callable[[ast.AST], Constant]) -> Constant:
    symbol = module.symbol(node.func, scope)
    words = {each.arg: each.value for each in node.keywords if each.arg is not None}
    if symbol == "datetime.timedelta":
        found = {name: inner(value) for name, value in words.items()}
        found |= {name: inner(value) for name, value in zip(_DURATIONS, node.args, strict=False)}
        try:
            whole = timedelta(**{name: _number(each.value) for name, each in found.items()})
        except (TypeError, OverflowError):
            raise NotConstant("a timedelta") from None
        return Constant(whole, next((each.given for each in found.values() if each.given), ""))
    if symbol in ("builtins.int", "builtins.float") and len(node.args) == 1:
        found_one = inner(node.args[0])
        kind = int if symbol.endswith("int") else float
        try:
            return Constant(_number(kind(found_one.value)), found_one.given)
        except (TypeError, ValueError, OverflowError):
            raise NotConstant("no number") from None
    if symbol in ("builtins.frozenset", "builtins.set", "builtins.tuple", "builtins.list"):
        return inner(node.args[0]) if node.args else Constant(())
    if symbol == "builtins.range" and 1 <= len(node.args) <= 3:
        numbers = [_number(inner(each).value) for each in node.args]
        try:
            return Constant(tuple(range(*numbers)[:_MOST]))
        except (TypeError, ValueError):
            raise NotConstant("a range") from None
    environment = module.dotted(node.func, scope) in ("os.getenv", "os.environ.get")
    if environment and (len(node.args) == 2 or "default" in words):
        default = inner(node.args[1] if len(node.args) == 2 else words["default"])
        return Constant(default.value, "the default of an environment variable")
    if environment:
        raise NotConstant("an environment variable")
    if symbol == "builtins.abs" and len(node.args) == 1:
        found_one = inner(node.args[0])
        return Constant(abs(_number(found_one.value)), found_one.given)
    if symbol in ("builtins.max", "builtins.min") and len(node.args) > 1 and not words:
        each = [inner(one) for one in node.args]
        pick = max if symbol.endswith("max") else min
        return Constant(pick(_number(one.value) for one in each), next((one.given for one in each if one.given), ""))
    raise NotConstant(described(node))


_HARMLESS = (ast.Name, ast.Attribute, ast.Call, ast.keyword, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop,
             ast.Tuple, ast.List, ast.Load)  # fmt: skip
_LONGEST = 100


def as_written(module: Module, node: ast.expr, otherwise: str) -> str:
    """The source of an expression of names and numbers; ``otherwise`` for what holds anything else, or is long."""
    text = module.text_of(node)
    if text and text in module.written:
        found = module.written[text]
    else:
        found = module.written[text] = _written(node)
    return otherwise if found is None else found


def _written(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id if len(node.id) <= _LONGEST else None
    for count, each in enumerate(ast.walk(node)):
        number = isinstance(each, ast.Constant) and not isinstance(each.value, str | bytes)
        if count > _LONGEST or not (number or isinstance(each, _HARMLESS)):
            return None
    text = ast.unparse(node)
    return text if len(text) <= _LONGEST else None


def described(node: ast.AST) -> str:
    """An expression in words: a name as it stands there, nothing else of the file."""
    if isinstance(node, ast.Call):
        name = described(node.func)
        return f"a call of {name}" if name.startswith("`") else "a call"
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        return f"`{safe_name('.'.join([node.id, *reversed(parts)]))}`"
    return "an expression"
