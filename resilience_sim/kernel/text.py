"""Text that others wrote, made safe to show; lines folded to a width."""

from __future__ import annotations

import re

_SGR = re.compile(r"\x1b\[[0-9;]*m")
# What steers a terminal, breaks a line or turns the reading direction, but for line feeds, tabs and colours.
_CONTROL = re.compile(
    "\\x1b(?!\\[[0-9;]*m)|[\\x00-\\x08\\x0b-\\x1a\\x1c-\\x1f\\x7f-\\x9f"
    "\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
_HANG = re.compile(r"\s*(= \w+: |-->\s)?")


def printable(text: str, keep: str = "") -> str:
    """``text`` without characters that could steer a terminal or break a line; those in ``keep`` stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else " " if c in "\t\n" else "\ufffd" for c in text)


def shown_safely(text: str) -> str:
    """Whole lines, colours included, without anything else that steers a terminal: the last gate before it."""
    return text if text.isascii() and text.isprintable() else _CONTROL.sub("\ufffd", text)


def escaped(text: str) -> str:
    """JSON as ``ensure_ascii=False`` writes it, with controls that it leaves as they are written as ``\\u009b``."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def folded(text: str, width: int) -> str:
    """Lines longer than ``width`` broken at blanks, indented below what they say; source lines (``7 |``) stay whole."""
    found: list[str] = []
    for line in text.split("\n"):
        plain = _SGR.sub("", line)
        if len(plain) <= width or re.match(r"\s*\d* \|", plain):
            found.append(line)
            continue
        hang = _HANG.match(plain)
        indent = " " * min(len(hang[0]) if hang else 0, width // 2)
        shown, used = "", 0
        for word in re.split(r"(?<=\S) ", line):
            cells = len(_SGR.sub("", word))
            if used and used + 1 + cells > width:
                found.append(shown)
                shown, used = indent + word, len(indent) + cells
            else:
                shown, used = (f"{shown} {word}", used + 1 + cells) if used else (word, cells)
        found.append(shown)
    return "\n".join(found)
