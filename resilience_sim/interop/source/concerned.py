"""Which functions and classes of a large file have to do with the libraries: the others need not be looked into.

One has if it says the name of a library, a name that is bound to one, or the name of another part that has to do with
them; and so has every part that such a part names. What is left can neither make a stack nor change one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from unicodedata import normalize

from resilience_sim.interop import section

_WORD = re.compile(r"[^\W\d]\w*")
_DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def unconcerned(tree: ast.Module, lines: Sequence[str], libraries: Collection[str]) -> set[int]:
    """Ids of functions and classes at the top that have nothing to do with these libraries; of a small file none."""
    if len(tree.body) <= section.LARGE or any("\r" in line for line in lines):  # which ends lines for Python
        return set()
    words = [_words(each, lines) for each in tree.body]
    bound = [_bound(each, said, libraries) for each, said in zip(tree.body, words, strict=True)]
    of: dict[str, list[int]] = {}  # the parts that bind a name
    for at, names in enumerate(bound):
        for name in names:
            of.setdefault(name, []).append(at)
    if "*" in of:
        return set()
    known, left = set(libraries), set(range(len(words)))
    while fresh := {at for at in left if not words[at].isdisjoint(known)}:
        while fresh:
            left -= fresh
            known.update(*[bound[at] for at in fresh])
            fresh = left & {each for at in fresh for name in of.keys() & words[at] for each in of[name]}
    return {id(tree.body[at]) for at in left if isinstance(tree.body[at], _DEFINED)}


def _words(node: ast.stmt, lines: Sequence[str]) -> set[str]:
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
    text = "\n".join(lines[first - 1 : node.end_lineno])
    return set(_WORD.findall(text if text.isascii() else normalize("NFKC", text)))  # as Python does with names


def _bound(node: ast.stmt, words: set[str], libraries: Collection[str]) -> set[str]:
    """The names of the module that a statement gives a value; of imports only those of the libraries."""
    if isinstance(node, _DEFINED) and "global" not in words:
        return {node.name}
    found: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            found.add(each.id)
        elif isinstance(each, _DEFINED):
            found.add(each.name)
        elif isinstance(each, ast.Global):
            found.update(each.names)
        elif isinstance(each, ast.Import | ast.ImportFrom):
            module = each.module or "" if isinstance(each, ast.ImportFrom) else ""
            for alias in each.names:
                if (module or alias.name).partition(".")[0] in libraries:
                    found.add(alias.asname or alias.name.partition(".")[0])
    return found
