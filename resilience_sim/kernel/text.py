"""Text that others wrote, made safe to show."""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """``text`` without characters that could steer a terminal or break a line; those in ``keep`` stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else " " if c in "\t\n" else "\ufffd" for c in text)
