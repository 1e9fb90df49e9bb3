"""``${name:default}``, as Spring and MicroProfile Config fill it in: nested, with text around it."""

from __future__ import annotations

from collections.abc import Callable

MOST_NESTED = 20


def filled_in(text: str, known: Callable[[str], str | None], defaulted: Callable[[str], None]) -> str | None:
    """The text with every placeholder replaced; None when one of them has no value here.

    ``known`` has the values of names, None for those it has not; ``defaulted`` hears of each default that was taken.
    """
    return _Filler(known, defaulted).text(text, 0)


class _Filler:
    def __init__(self, known: Callable[[str], str | None], defaulted: Callable[[str], None]) -> None:
        self.known = known
        self.defaulted = defaulted

    def text(self, text: str, depth: int) -> str | None:
        out = ""
        while "${" in text:
            before, _, rest = text.partition("${")
            end = _closing(rest)
            if end < 0 or depth > MOST_NESTED:
                return None
            value = self.value(rest[:end], depth)
            if value is None:
                return None
            out, text = out + before + value, rest[end + 1 :]
        return out + text

    def value(self, inner: str, depth: int) -> str | None:
        split = _colon(inner)
        name = self.text(inner if split < 0 else inner[:split], depth + 1)
        value = self.known(name) if name else None
        if value is not None:
            return self.text(value, depth + 1)
        if split < 0:
            return None
        self.defaulted(inner)
        return self.text(inner[split + 1 :], depth + 1)


def _closing(text: str) -> int:
    """Where the brace ends that was opened before the text; -1: nowhere."""
    depth = 0
    for index, letter in enumerate(text):
        if letter == "{":
            depth += 1
        elif letter == "}":
            if not depth:
                return index
            depth -= 1
    return -1


def _colon(text: str) -> int:
    """The colon that parts a name from its default, outside inner placeholders; -1: none."""
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if letter == ":" and not depth:
            return index
    return -1
