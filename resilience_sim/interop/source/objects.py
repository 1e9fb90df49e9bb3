"""Which call made an object, and which calls are made on it: ``session`` is ``requests.Session()`` of line 12."""

from __future__ import annotations

import ast
from collections.abc import Collection

from resilience_sim.interop.source.module import Module, Scope

Made = tuple[ast.Call, Scope]
_DEEPEST = 6
_SAME = ("with_options", "copy", "enter_async_context", "enter_context", "__aenter__", "__enter__")


class Objects:
    """Objects that calls of ``known`` make."""

    def __init__(self, module: Module, known: Collection[str]) -> None:
        self.module, self.known = module, known
        self._memo: dict[tuple[int, str], Made | None] = {}
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
        if isinstance(node.func, ast.Attribute) and node.func.attr in _SAME:
            inside = node.args[0] if node.args and node.func.attr.startswith("enter") else node.func.value
            return self.made(inside, scope, depth + 1)
        found = self.module.bindings(node.func, scope)
        if len(found) == 1 and found[0].kind == "def" and found[0].node is not None:
            inner = self.module.scopes[id(found[0].node)]
            return self._first(inner.returns, inner, depth)
        return None

    def _first(self, nodes: list[ast.expr], scope: Scope, depth: int) -> Made | None:
        for each in nodes[:5]:
            found = self.made(each, scope, depth + 1)
            if found is not None:
                return found
        return None
