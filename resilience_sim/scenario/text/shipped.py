"""The scenarios that come with resim. Cheap: YAML is not imported."""

from __future__ import annotations

import re
from pathlib import Path

_ABOUT = re.compile(r"^about:[ \t]*(.*)$", re.MULTILINE)
_PACKAGE = Path(__file__).resolve().parent.parent.parent


def folder() -> Path | None:
    """Where they are: package data when installed, the top-level folder in a checkout."""
    for place in (_PACKAGE / "shipped", _PACKAGE.parent / "scenarios"):
        if place.is_dir() and any(place.glob("*.yaml")):
            return place
    return None


def names() -> list[str]:
    """Their names, in order of the alphabet."""
    place = folder()
    return sorted(path.stem for path in place.glob("*.yaml")) if place else []


def find(name: str) -> Path | None:
    """The file of a shipped scenario; None when there is none of that name."""
    place = folder()
    if place is None or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", name):
        return None
    path = place / f"{name}.yaml"
    return path if path.is_file() else None


def about(name: str) -> str:
    """Its ``about`` line; "" when it has none."""
    path = find(name)
    return about_text(path.read_text(encoding="utf-8")) if path else ""


def about_text(text: str) -> str:
    """The ``about`` of a scenario text, plain, quoted or folded over lines."""
    found = _ABOUT.search(text)
    if not found:
        return ""
    first = found.group(1).strip()
    if first[:1] in (">", "|"):
        first = ""
    elif first[:1] in ("'", '"') and first.endswith(first[0]) and len(first) > 1:
        return first[1:-1].replace("''", "'") if first[0] == "'" else first[1:-1].replace('\\"', '"')
    parts = [re.split(r"\s#", first)[0].strip()] if first else []
    for line in text[found.end() :].splitlines()[1:]:
        if not line[:1].isspace() or not line.strip() or line.strip().startswith("#"):
            break
        parts.append(line.strip())
    return " ".join(parts)
