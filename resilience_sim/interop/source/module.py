"""One Python file as scopes, bindings and calls, and the way from a name to what it stands for.

The file is parsed, never imported. The tree is walked without recursion: what is nested deeply is no danger.
"""

from __future__ import annotations

import ast
import builtins
import re
import tokenize
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from resilience_sim.interop.source.concerned import unconcerned
from resilience_sim.interop.source.repeated import Repeated
from resilience_sim.scenario.text.tree import Source, Span

LIBRARIES = frozenset(
    (
        "tenacity", "stamina", "backoff", "urllib3", "requests", "httpx", "httpx_retries", "aiohttp", "aiohttp_retry",
        "pybreaker", "aiobreaker", "circuitbreaker", "botocore", "boto3", "aioboto3", "aiobotocore", "openai",
        "anthropic", "asyncio", "async_timeout", "anyio", "datetime", "os", "http", "functools", "builtins", "socket",
        "concurrent", "json", "pydantic", "hyx",
    )
)  # fmt: skip
_HELPERS = ("asyncio", "async_timeout", "anyio", "datetime", "os", "http", "functools", "builtins", "socket",
            "concurrent", "json", "pydantic")  # fmt: skip
CONCERNED = LIBRARIES - {*_HELPERS}  # those that stacks are made of
_SELF = ("self", "cls")
_TENACITY_S = re.compile(r"(?:retry|stop|wait)(?:_\w+)?\Z|(?:Async)?Retrying\Z")
_FOLLOWED = 12  # from name to name; a longer way is taken for a circle


class CannotParse(Exception):
    """The text is no Python that this interpreter knows: why, and where."""

    def __init__(self, why: str, line: int = 1, col: int = 1) -> None:
        super().__init__(why)
        self.line, self.col = line, col


@dataclass(slots=True)
class Binding:
    """How a name gets its value: ``value`` · ``import`` (``dotted``) · ``def`` · ``class`` · ``param`` (``node`` its
    default) · ``with`` (what is entered) · ``other`` (a loop, a match, an exception).
    """

    kind: str
    node: ast.AST | None
    scope: Scope
    dotted: str = ""


@dataclass(slots=True, eq=False)
class Scope:
    """A module, class or function; ``attributes``: what methods of a class assign to ``self``."""

    kind: str
    node: ast.AST
    parent: Scope | None
    path: str = ""
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    attributes: dict[str, list[Binding]] = field(default_factory=dict)
    calls: list[ast.Call] = field(default_factory=list)
    withs: list[ast.With | ast.AsyncWith] = field(default_factory=list)
    loops: list[ast.For | ast.AsyncFor] = field(default_factory=list)
    returns: list[ast.expr] = field(default_factory=list)
    elsewhere: set[str] = field(default_factory=set)  # declared global or nonlocal

    def bind(self, name: str, binding: Binding) -> None:
        """Another way in which the name gets a value."""
        home = self
        if name in self.elsewhere:
            while home.parent is not None:
                home = home.parent
        home.bindings.setdefault(name, []).append(binding)

    def look_up(self, name: str) -> list[Binding]:
        """All bindings of a name, by Python's rules: classes are seen from their own body only."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            if name in scope.bindings and (first or scope.kind != "class"):
                return scope.bindings[name]
            first, scope = False, scope.parent
        return []

    def owner(self, name: str) -> Scope | None:
        """The class that ``self`` or ``cls`` stands for here."""
        scope: Scope | None = self
        while scope is not None and scope.kind != "class":
            if scope.parent is not None and scope.parent.kind == "class" and scope.kind == "function":
                arguments = scope.node.args  # type: ignore[attr-defined]
                first = [*arguments.posonlyargs, *arguments.args][:1]
                return scope.parent if first and first[0].arg == name else None
            scope = scope.parent
        return None


class Module:
    """A parsed file."""

    def __init__(self, path: str, text: str, without: Repeated | None = None) -> None:
        self.source = Source(path, tuple(text.split("\n")))
        self._ascii = text.isascii()  # so that bytes, which Python counts, are characters
        self._plain = self._ascii and "\r" not in text  # which ends lines for Python
        self._symbols: dict[tuple[int, int], str] = {}  # by the ids of a node and its scope
        self.written: dict[str, str | None] = {}  # by the text of the file, see constants.as_written
        self.without = without  # copies, which are not in the tree
        self.tree = _parse(text)
        self.top = Scope("module", self.tree, None)
        self.functions: list[Scope] = []
        self.names: dict[int, str] = {}  # id of a call -> what it is assigned to
        self.home: dict[int, Scope] = {}  # id of a call -> its scope
        self.calls: list[ast.Call] = []
        self.scopes: dict[int, Scope] = {}  # id of a def or class -> its scope
        self.aside = unconcerned(self.tree, self.source.lines, CONCERNED)
        _Walk(self).run()
        self.calls.sort(key=lambda call: (call.lineno, call.col_offset, -(call.end_lineno or 0)))

    def span(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg) -> Span:
        """Where a node stands, columns in characters."""
        line, end = node.lineno, node.end_lineno or node.lineno
        return Span(self.source, line, self._col(line, node.col_offset), end, self._col(end, node.end_col_offset or 0))

    def shown(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg, text: str) -> Span:
        """Where a node begins, as long as a text that is shown for it."""
        line, col = node.lineno, self._col(node.lineno, node.col_offset)
        return Span(self.source, line, col, line, col + len(text))

    def text_of(self, node: ast.expr) -> str:
        """What stands in the file, if that is on one line and in ASCII; else ""."""
        if not self._ascii or node.end_lineno != node.lineno:
            return ""
        return self.source.line(node.lineno)[node.col_offset : node.end_col_offset]

    def may_say(self, words: re.Pattern[str], node: ast.AST) -> bool:
        """Whether one of these words stands in the lines of a node: cheaper than to look through what is below it."""
        first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", None)
        lines = self.source.lines[first - 1 : last]
        return not self._plain or any(words.search(line) for line in lines)

    def _col(self, line: int, offset: int) -> int:
        if self._ascii:
            return offset + 1
        text = self.source.line(line)
        return offset + 1 if text.isascii() else len(text.encode()[:offset].decode(errors="replace")) + 1

    # --- names ---------------------------------------------------------------------------------------------------

    def dotted(self, node: ast.AST, scope: Scope, followed: int = 0) -> str:
        """``requests.adapters.HTTPAdapter`` for whatever name it was imported under, or given; "" for anything else."""
        tail: list[str] = []
        while isinstance(node, ast.Attribute):
            tail.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        found = scope.look_up(node.id)
        if len(found) == 1 and found[0].kind == "import":
            return ".".join([found[0].dotted, *reversed(tail)])
        said = found[0].node if len(found) == 1 and found[0].kind == "value" else None
        if isinstance(said, ast.Name | ast.Attribute) and followed < _FOLLOWED:  # Retry = urllib3.util.Retry
            path = self.dotted(said, found[0].scope, followed + 1)
            return ".".join([path, *reversed(tail)]) if path and not path.startswith("builtins.") else ""
        imports = {each.dotted for each in found if each.kind == "import"}
        if not found:
            return ".".join([self._starred(node.id) or "builtins", node.id, *reversed(tail)])
        if len(imports) != 1 or any(each.kind not in ("import", "other") for each in found):
            known = sorted(name for name in imports if name.partition(".")[0] in LIBRARIES)
            if not known or any(each.kind == "param" for each in found):
                return ""
            imports = set(known[:1])
        return ".".join([imports.pop(), *reversed(tail)])

    def _starred(self, name: str) -> str:
        """The library that a name comes from by ``from tenacity import *``; "" where that is none, or may be any."""
        stars = {each.dotted.removesuffix(".*") for each in self.top.bindings.get("*", ())}
        known = [each for each in stars if each.partition(".")[0] in LIBRARIES]
        if not known or hasattr(builtins, name):
            return ""
        if "tenacity" in known and _TENACITY_S.match(name):
            return "tenacity"
        return known[0] if len(known) == 1 else ""

    def symbol(self, node: ast.AST, scope: Scope) -> str:
        """Library and last name, ``urllib3.Retry``, wherever it is exported; "" for what is not known."""
        if not isinstance(node, ast.Name | ast.Attribute):
            return ""
        key = id(node), id(scope)
        known = self._symbols.get(key)
        if known is None:
            known = self._symbols[key] = self._symbol(node, scope)
        return known

    def _symbol(self, node: ast.AST, scope: Scope) -> str:
        path = self.dotted(node, scope)
        if not path:
            return ""
        first, _, rest = path.partition(".")
        if first not in LIBRARIES:
            return ""
        last = rest.rpartition(".")[2]
        return "urllib3.Retry" if first == "requests" and last == "Retry" else f"{first}.{last}"

    def follow(self, node: ast.AST, scope: Scope) -> tuple[ast.AST, Scope, Binding | None]:
        """What an expression stands for: names and attributes of ``self`` are replaced by what they are assigned, if
        that is one thing. The binding is the last one that was followed.
        """
        last: Binding | None = None
        for _ in range(_FOLLOWED):
            found = self.bindings(node, scope)
            if len(found) != 1 or found[0].kind not in ("value", "with", "param") or found[0].node is None:
                break
            last = found[0]
            node, scope = found[0].node, last.scope
        return node, scope, last

    def bindings(self, node: ast.AST, scope: Scope) -> list[Binding]:
        """How a name, or an attribute of ``self`` or of a class, gets its value."""
        if isinstance(node, ast.Name):
            return scope.look_up(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = scope.owner(node.value.id)
            if owner is None:
                found = scope.look_up(node.value.id)
                if len(found) == 1 and found[0].kind == "class" and found[0].node is not None:
                    owner = self.scopes.get(id(found[0].node))
            if owner is not None:
                return [*owner.bindings.get(node.attr, []), *owner.attributes.get(node.attr, [])]
        return []


def _parse(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        raise CannotParse("it is no Python that this version reads", error.lineno or 1, error.offset or 1) from None
    except (RecursionError, MemoryError):
        raise CannotParse("it is nested too deeply") from None
    except ValueError:
        raise CannotParse("it is no text") from None
    line = _of_no_encoding(text)
    if line:
        raise CannotParse("it names an encoding that Python does not know", line)
    return tree


def _of_no_encoding(text: str) -> int:
    """The line that names an encoding which is none (PEP 263); 0 for none."""
    head = text.split("\n", 2)[:2]
    try:
        tokenize.detect_encoding(BytesIO("\n".join(head).encode()).readline)
    except SyntaxError:
        return next((number for number, line in enumerate(head, 1) if "coding" in line), 1)
    return 0


class _Walk:
    """Fills a module's scopes, in the order of the text."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.todo: deque[tuple[ast.AST, Scope]] = deque([(module.tree, module.top)])

    def run(self) -> None:
        todo = self.todo
        while todo:
            node, scope = todo.pop()
            visit = _VISITS.get(type(node))
            if visit is not None and visit(self, node, scope):
                continue
            for name in _inner_fields(type(node)):
                below = getattr(node, name, None)
                if isinstance(below, list):
                    todo.extend([(each, scope) for each in below if type(each) not in _ENDS])
                elif type(below) not in _ENDS and isinstance(below, ast.AST):
                    todo.append((below, scope))

    def call(self, node: ast.Call, scope: Scope) -> None:
        scope.calls.append(node)
        self.module.calls.append(node)
        self.module.home[id(node)] = scope

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> bool:
        scope.bind(node.name, Binding("def", node, scope))
        if id(node) in self.module.aside:
            return True
        inner = Scope("function", node, scope, f"{scope.path}.{node.name}".lstrip("."))
        self.module.functions.append(inner)
        self.module.scopes[id(node)] = inner
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        for each, default in zip(positional, [*defaults, *arguments.defaults], strict=True):
            inner.bind(each.arg, Binding("param", default, scope, each.arg))
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            inner.bind(each.arg, Binding("param", default, scope, each.arg))
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                inner.bind(rest.arg, Binding("param", None, scope, rest.arg))
        for outer in (*node.decorator_list, *arguments.defaults, *(each for each in arguments.kw_defaults if each)):
            self.todo.append((outer, scope))
        self._body(node.body, inner)
        return True

    def class_(self, node: ast.ClassDef, scope: Scope) -> bool:
        scope.bind(node.name, Binding("class", node, scope))
        if id(node) in self.module.aside:
            return True
        inner = Scope("class", node, scope, f"{scope.path}.{node.name}".lstrip("."))
        self.module.scopes[id(node)] = inner
        for outer in (*node.decorator_list, *node.bases, *(each.value for each in node.keywords)):
            self.todo.append((outer, scope))
        self._body(node.body, inner)
        return True

    def _body(self, body: list[ast.stmt], inner: Scope) -> None:
        for statement in body:  # what is global must be known before the names are bound
            if isinstance(statement, ast.Global | ast.Nonlocal):
                inner.elsewhere.update(statement.names)
        self.todo.extend((statement, inner) for statement in reversed(body))

    def assign(self, node: ast.Assign, scope: Scope) -> None:
        for target in node.targets:
            self._target(target, node.value, scope)

    def annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self._target(node.target, node.value, scope)

    def changed(self, node: ast.AugAssign, scope: Scope) -> None:
        self._target(node.target, None, scope)

    def walrus(self, node: ast.NamedExpr, scope: Scope) -> None:
        self._target(node.target, node.value, scope)

    def loop(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        scope.loops.append(node)
        self._target(node.target, None, scope)

    def with_(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        scope.withs.append(node)
        for item in node.items:
            if item.optional_vars is not None:
                self._target(item.optional_vars, item.context_expr, scope, "with")

    def import_(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            scope.bind(name, Binding("import", node, scope, alias.name if alias.asname else name))

    def import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            scope.bind(alias.asname or alias.name, Binding("import", node, scope, f"{module}.{alias.name}"))

    def returned(self, node: ast.Return, scope: Scope) -> None:
        if node.value is not None:
            scope.returns.append(node.value)

    def handler(self, node: ast.ExceptHandler, scope: Scope) -> None:
        if node.name:
            scope.bind(node.name, Binding("other", node, scope))

    def _target(self, target: ast.expr, value: ast.expr | None, scope: Scope, kind: str = "value") -> None:
        if isinstance(target, ast.Name):
            scope.bind(target.id, Binding(kind if value is not None else "other", value, scope))
            name = f"{scope.path}.{target.id}" if scope.kind == "class" else target.id
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            owner = scope.owner(target.value.id)
            if owner is None:
                return
            binding = Binding(kind if value is not None else "other", value, scope)
            owner.attributes.setdefault(target.attr, []).append(binding)
            name = f"{owner.path}.{target.attr}"
        elif isinstance(target, ast.Tuple | ast.List):
            inside = value.elts if isinstance(value, ast.Tuple | ast.List) and kind == "value" else []
            if len(inside) == len(target.elts) and not any(isinstance(e, ast.Starred) for e in (*inside, *target.elts)):
                for part, its in zip(target.elts, inside, strict=True):  # A, B = 1, 2
                    self._target(part, its, scope)
                return
            for each in _names(target):
                scope.bind(each, Binding("other", None, scope))
            return
        else:
            return
        if isinstance(value, ast.Await):
            value = value.value
        if isinstance(value, ast.BoolOp) and isinstance(target, ast.Attribute):
            value = value.values[-1]  # self.client = client or httpx.Client()
        while isinstance(value, ast.Call):  # of `f = retry(...)(f)` both
            self.module.names[id(value)] = name
            value = value.func


def _names(target: ast.expr) -> Iterator[str]:
    todo: list[ast.expr] = [target]
    while todo:
        each = todo.pop()
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Tuple | ast.List):
            todo += each.elts
        elif isinstance(each, ast.Starred):
            todo.append(each.value)


_LEAVES = ("ctx", "id", "attr", "op", "ops", "name", "names", "arg", "kind", "type_comment", "module", "level")


_ENDS = frozenset((ast.Name, ast.Constant, type(None), str))  # there is nothing below them, nor to do with them
_INNER: dict[type, tuple[str, ...]] = {}


def _inner_fields(kind: type) -> tuple[str, ...]:
    """The fields that may hold what is visited: no names, operators and contexts."""
    known = _INNER.get(kind)
    if known is None:
        known = _INNER[kind] = tuple(name for name in getattr(kind, "_fields", ()) if name not in _LEAVES)
    return known


_VISITS: dict[type, Callable[[_Walk, Any, Scope], bool | None]] = {
    ast.Call: _Walk.call,
    ast.FunctionDef: _Walk.function,
    ast.AsyncFunctionDef: _Walk.function,
    ast.ClassDef: _Walk.class_,
    ast.Assign: _Walk.assign,
    ast.AnnAssign: _Walk.annotated,
    ast.AugAssign: _Walk.changed,
    ast.NamedExpr: _Walk.walrus,
    ast.For: _Walk.loop,
    ast.AsyncFor: _Walk.loop,
    ast.With: _Walk.with_,
    ast.AsyncWith: _Walk.with_,
    ast.Import: _Walk.import_,
    ast.ImportFrom: _Walk.import_from,
    ast.ExceptHandler: _Walk.handler,
    ast.Return: _Walk.returned,
}
