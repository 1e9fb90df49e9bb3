"""Which call made an object, and which calls are made on it: ``session`` is ``requests.Session()`` of line 12."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import replace

from resilience_sim.interop.source.module import Binding, Module, Scope

Made = tuple[ast.Call, Scope]
_COPIES = ("with_options", "copy")
_BASES = ("circuitbreaker.CircuitBreaker",)
_CONSTANTS = ("FAILURE_THRESHOLD", "RECOVERY_TIMEOUT", "EXPECTED_EXCEPTION")
STAMINA_CALLERS = ("stamina.RetryingCaller", "stamina.AsyncRetryingCaller")
_DEEPEST = 6
_SAME = ("with_options", "copy", "enter_async_context", "enter_context", "__aenter__", "__enter__")


def with_keywords(call: ast.Call, more: ast.Call) -> ast.Call:
    """A call with the arguments of another one over its own, where that stands."""
    given = {each.arg for each in more.keywords}
    kept = [each for each in call.keywords if each.arg not in given]
    return ast.copy_location(ast.Call(call.func, call.args, [*kept, *more.keywords]), more)


class Objects:
    """Objects that calls of ``known`` make."""

    def __init__(self, module: Module, known: Collection[str]) -> None:
        self.module, self.known = module, known
        self._memo: dict[tuple[int, str], Made | None] = {}
        self._bound: dict[tuple[int, int], Scope] = {}
        self.derived: dict[int, Made] = {}  # by the calls that made them out of others
        self.absorbed: set[int] = set()  # objects that only such calls were made on
        self.uses: dict[int, list[Made]] = {}
        for call in module.calls:
            if isinstance(call.func, ast.Attribute):
                scope = module.home[id(call)]
                made = self.behind(call.func, scope)
                if made is not None and made[0] is not call:
                    self.uses.setdefault(id(made[0]), []).append((call, scope))

    def behind(self, node: ast.AST, scope: Scope) -> Made | None:
        """The object that a chain like ``self.client.chat.completions.create`` begins with."""
        chain: list[ast.AST] = []
        while isinstance(node, ast.Attribute | ast.Call | ast.Await | ast.Subscript):
            chain.append(node)
            node = node.func if isinstance(node, ast.Call) else node.value
        if not isinstance(node, ast.Name):
            return None
        for each in [node, *reversed(chain)][:3]:
            if isinstance(each, ast.Name | ast.Attribute | ast.Call):
                found = self.made(each, scope)
                if found is not None:
                    return found
        return None

    def made(self, node: ast.AST, scope: Scope, depth: int = 0) -> Made | None:
        """The call that makes what an expression stands for, where there is one."""
        if depth > _DEEPEST:
            return None
        if isinstance(node, ast.Await):
            node = node.value
        if isinstance(node, ast.BoolOp):
            return self._first(list(node.values), scope, depth)
        if isinstance(node, ast.Call):
            return self._called(node, scope, depth)
        if not isinstance(node, ast.Name | ast.Attribute):
            return None
        name = node.id if isinstance(node, ast.Name) else f".{node.attr}"
        if isinstance(node, ast.Attribute):
            if not isinstance(node.value, ast.Name):
                return None
            name = f"{node.value.id}{name}"
        key = (id(scope), name)
        if key not in self._memo:
            self._memo[key] = None  # a circle ends here
            self._memo[key] = self._named(node, scope, depth)
        return self._memo[key]

    def _named(self, node: ast.Name | ast.Attribute, scope: Scope, depth: int) -> Made | None:
        hits: dict[int, Made] = {}
        for each in self.module.bindings(node, scope)[:20]:
            found: Made | None = None
            if each.kind in ("value", "with", "param") and each.node is not None:
                found = self.made(each.node, each.scope, depth + 1)
            elif each.kind == "def" and each.node is not None and isinstance(node, ast.Attribute):  # a property
                inner = self.module.scopes[id(each.node)]
                found = self._first(inner.returns, inner, depth)
            if found is not None:
                hits[id(found[0])] = found
        return next(iter(hits.values())) if len(hits) == 1 else None

    def _called(self, node: ast.Call, scope: Scope, depth: int) -> Made | None:
        if self.module.symbol(node.func, scope) in self.known:
            return node, scope
        if isinstance(node.func, ast.Attribute) and node.func.attr == "on" and len(node.args) == 1:
            caller = self.made(node.func.value, scope, depth + 1)
            if caller is not None and self.module.symbol(caller[0].func, caller[1]) in STAMINA_CALLERS:
                return self.bound_to(caller, node.args[0], node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _SAME:
            inside = node.args[0] if node.args and node.func.attr.startswith("enter") else node.func.value
            made = self.made(inside, scope, depth + 1)
            return self._derived(node, made) if made is not None and self.is_another(node) else made
        found = self.module.bindings(node.func, scope)
        if len(found) == 1 and isinstance(found[0].node, ast.ClassDef):
            return self._of_class(node, found[0].node, found[0].scope)
        if len(found) == 1 and isinstance(found[0].node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = self.module.scopes[id(found[0].node)]
            if not inner.returns:
                return None
            return self._first(inner.returns, self._called_with(node, scope, inner, found[0].node), depth)
        return None

    def _called_with(
        self, call: ast.Call, scope: Scope, inner: Scope, function: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> Scope:
        """The inside of a function as one call of it sees it: parameters are what they are given."""
        if not (call.args or call.keywords) or not isinstance(call.func, ast.Name):
            return inner
        known = self._bound.get((id(call), id(scope)))
        if known is None:
            names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
            given = dict(zip(names, call.args, strict=False))
            given |= {each.arg: each.value for each in call.keywords if each.arg is not None}
            values = {name: [Binding("value", node, scope)] for name, node in given.items() if name in inner.bindings}
            plain = not any(isinstance(each, ast.Starred) for each in call.args)
            known = replace(inner, bindings={**inner.bindings, **values}) if plain else inner
            self._bound[id(call), id(scope)] = known
        return known

    def is_another(self, call: ast.Call) -> bool:
        """Whether a call makes an object of its own out of another one: ``patient = client.with_options(…)``."""
        copies = isinstance(call.func, ast.Attribute) and call.func.attr in _COPIES
        return copies and bool(call.keywords) and id(call) in self.module.names

    def is_of_a_class(self, call: ast.Call) -> bool:
        """Whether it makes an object of a class of this file, and the object has a name."""
        if id(call) not in self.module.names or not isinstance(call.func, ast.Name):
            return False
        return any(each.kind == "class" for each in self.module.home[id(call)].look_up(call.func.id))

    def bound_to(self, caller: Made, errors: ast.expr, call: ast.Call) -> Made:
        """``caller.on(errors)`` of stamina."""
        bound = ast.copy_location(ast.Call(call.func, [], [ast.keyword("on", errors)]), call)
        self.absorbed.add(id(caller[0]))
        return self._derived(call, caller, ast.fix_missing_locations(bound))

    def _derived(self, call: ast.Call, made: Made, more: ast.Call | None = None) -> Made:
        """The call that would have made it at once."""
        if id(call) not in self.derived:
            whole = with_keywords(made[0], more or call)
            if id(call) in self.module.names:
                self.module.names[id(whole)] = self.module.names[id(call)]
            self.derived[id(call)] = whole, made[1]
            if isinstance(call.func, ast.Attribute) and call.func.value is made[0]:
                self.absorbed.add(id(made[0]))
        return self.derived[id(call)]

    def _of_class(self, call: ast.Call, of: ast.ClassDef, scope: Scope) -> Made | None:
        """``class Patient(CircuitBreaker): FAILURE_THRESHOLD = 9``: constants of the class are the defaults."""
        base = next((each for each in of.bases if self.module.symbol(each, scope) in _BASES), None)
        if base is None or "__init__" in self.module.scopes[id(of)].bindings:
            return None
        if id(call) not in self.derived:
            defaults = []
            for line in of.body:
                target = line.targets[0] if isinstance(line, ast.Assign) and len(line.targets) == 1 else None
                if isinstance(line, ast.Assign) and isinstance(target, ast.Name) and target.id in _CONSTANTS:
                    keyword = ast.keyword(target.id.lower(), line.value)
                    defaults.append(ast.copy_location(keyword, line))
            whole = with_keywords(ast.Call(base, call.args, defaults), call)
            self.module.names[id(whole)] = self.module.names.get(id(call), of.name)
            self.derived[id(call)] = whole, scope
        return self.derived[id(call)]

    def _first(self, nodes: list[ast.expr], scope: Scope, depth: int) -> Made | None:
        for each in nodes[:5]:
            found = self.made(each, scope, depth + 1)
            if found is not None:
                return found
        return None
