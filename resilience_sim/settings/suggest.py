"""The nearest name to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable


def distance(left: str, right: str, limit: int = 99) -> int:
    """Edits (insert, delete, replace, swap neighbours) from one word to the other; ``limit + 1`` when more."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def nearest(word: str, candidates: Iterable[str], most: int = 1) -> list[str]:
    """The candidates that ``word`` may be a slip of, closest first; none when nothing is close."""
    wanted = _plain(word)[:80]
    found: list[tuple[int, str]] = []
    for candidate in dict.fromkeys(candidates):
        known = _plain(candidate)
        limit = max(1, min(len(wanted), len(known)) // 3 + (len(known) > 4))
        far = distance(wanted, known, limit)
        if far > limit and len(wanted) >= 3 and (known.startswith(wanted) or wanted in known.split("_")):
            far = limit
        if far <= limit:
            found.append((far, candidate))
    found.sort(key=lambda pair: (pair[0], pair[1]))
    return [name for _, name in found[:most]]


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A ready sentence, or "" when nothing is near."""
    near = nearest(word, filter(None, candidates))
    return f"did you mean `{near[0]}`?" if near else ""


def one_of(names: Iterable[str], most: int = 14) -> str:
    """``one of: a, b, c``; shortened when there are many."""
    listed = list(names)
    shown = ", ".join(f"`{name}`" for name in listed[:most])
    return f"one of: {shown}" + (", …" if len(listed) > most else "")


def _plain(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")
