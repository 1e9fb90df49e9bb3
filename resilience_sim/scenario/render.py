"""Findings as text: with the source line and a caret, in one line, as JSON, as GitHub annotations.

Colours only when asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict

from resilience_sim.kernel.text import printable
from resilience_sim.scenario.diagnostics import Diagnostic

_RED, _YELLOW, _BLUE, _BOLD, _OFF = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"
WIDEST = 160


def render(findings: Iterable[Diagnostic], style: str = "full", color: bool = False) -> str:
    """All findings in one of ``STYLES``, without a final line break."""
    return STYLES[style](list(findings), color)


def full(found: list[Diagnostic], color: bool = False) -> str:
    """With the source line, a caret and the remedy."""
    return "\n\n".join(_one(each, color) for each in found)


def concise(found: list[Diagnostic], color: bool = False) -> str:
    """``file:line:col: error[RS012]: …``, one line each."""
    return "\n".join(str(each) for each in found)


def as_json(found: list[Diagnostic], color: bool = False) -> str:
    """A JSON list of objects with the fields of a Diagnostic."""
    return json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False)


def github(found: list[Diagnostic], color: bool = False) -> str:
    """Workflow commands that GitHub shows beside the lines."""
    return "\n".join(_annotation(each) for each in found)


STYLES: dict[str, Callable[[list[Diagnostic], bool], str]] = {
    "full": full,
    "concise": concise,
    "json": as_json,
    "github": github,
}


def _one(each: Diagnostic, color: bool) -> str:
    loud, blue, bold, off = ("", "", "", "")
    if color:
        loud, blue, bold, off = (_RED if each.severity == "error" else _YELLOW), _BLUE, _BOLD, _OFF
    head = f"{loud}{each.severity}[{each.code}]{off}{bold}: {printable(each.message)}{off}"
    if not each.line:
        place = f"\n {blue}-->{off} {printable(each.file)}"
        return head + place + (f"\n  {blue}={off} help: {printable(each.help)}" if each.help else "")
    number = str(each.line)
    gutter = " " * len(number)
    path = f"   {each.path}" if each.path else ""
    text, start, end = _cut(printable(each.source), each.col - 1, each.end_col - 1)
    note = f" help: {printable(each.help)}" if each.help else ""
    return "\n".join(
        (
            head,
            f"{gutter}{blue}-->{off} {printable(each.file)}:{each.line}:{each.col}{printable(path)}",
            f"{gutter} {blue}|{off}",
            f"{blue}{number} |{off} {text}",
            f"{gutter} {blue}|{off} {' ' * start}{loud}{'^' * max(1, end - start)}{note}{off}",
        )
    )


def _cut(text: str, start: int, end: int) -> tuple[str, int, int]:
    """A window of a very long line around the place."""
    if len(text) <= WIDEST:
        return text, start, end
    left = max(0, min(start - 40, len(text) - WIDEST))
    shown = text[left : left + WIDEST]
    return shown, start - left, min(end - left, len(shown))


def _annotation(each: Diagnostic) -> str:
    place = f"file={_property(each.file)}"
    if each.line:
        place += f",line={each.line},col={each.col},endColumn={max(each.col, each.end_col - 1)}"
    message = each.message + (f" ({each.help})" if each.help else "")
    return printable(f"::{each.severity} {place},title={_property(each.code)}::{_data(message)}")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
